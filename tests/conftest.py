"""Shared by the Python suites: the harness is importable; one appliance, and people, serve a module."""

import os
import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
# Where ./test keeps the files of a run. Programs are not told: those in a machine of their own have no such place.
tempfile.tempdir = os.environ.get("PRIVYSEAL_FILES")

from harness import model  # noqa: E402
from harness.appliance import Appliance, model_directory  # noqa: E402
from harness.forks import pytest_addoption, pytest_runtestloop  # noqa: E402,F401
from harness.persons import People  # noqa: E402


@pytest.fixture(scope="module")
def appliance():
    with Appliance() as running:
        yield running


@pytest.fixture(scope="module")
def people():
    made = People()
    yield made
    made.close()


@pytest.fixture(scope="session")
def settings():
    """A directory whose settings, PINs and certificates a BareAppliance takes."""
    if model.is_kept():
        yield model_directory()
    else:
        with Appliance() as running:
            yield running.directory


@pytest.fixture()
def client(appliance):
    made = appliance.client()
    yield made
    made.close()


@pytest.fixture()
def management(appliance):
    made = appliance.management()
    yield made
    made.close()
