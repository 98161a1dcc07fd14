"""`privyseal log fetch` writes into nothing but a copy of this log."""

import os
import subprocess

import pytest

from harness.fake_token import fake_appliance
from harness.places import PRIVYSEAL


@pytest.fixture(scope="module")
def other():
    """On the scripted module: two copies of one model would be the same appliance."""
    with fake_appliance() as running:
        yield running


def fetch(appliance, directory):
    return subprocess.run([str(PRIVYSEAL), "log", "fetch", str(directory)], text=True,
                          env=dict(os.environ, **appliance.environment), capture_output=True,
                          check=False, timeout=60)


def files(directory):
    return {path.relative_to(directory): path.read_bytes()
            for path in directory.rglob("*") if path.is_file()}


def test_a_copy_of_another_appliances_log_is_left_alone(appliance, other, tmp_path):
    copy = tmp_path / "copy"
    for _ in range(2):  # the second time it is taken up
        done = fetch(other, copy)
        assert done.returncode == 0, done
    before = files(copy)
    done = fetch(appliance, copy)
    assert done.returncode != 0 and "of another appliance" in done.stderr, done
    assert files(copy) == before


def test_one_of_another_origin_is_left_alone(appliance, tmp_path):
    copy = tmp_path / "copy"
    assert fetch(appliance, copy).returncode == 0
    present = copy / "events/checkpoint"
    present.write_text("elsewhere.example/events\n" + present.read_text().split("\n", 1)[1])
    before = files(copy)
    done = fetch(appliance, copy)
    assert done.returncode != 0 and "elsewhere.example/events" in done.stderr, done
    assert files(copy) == before


@pytest.mark.parametrize("place", ["data/log", "data/log/events"])
def test_the_log_itself_is_no_place_for_a_copy(appliance, place):
    root = appliance.directory / place
    done = fetch(appliance, root)
    assert done.returncode != 0 and "an appliance's own log" in done.stderr, done
    assert not list((appliance.directory / "data/log").rglob("tile"))


def test_where_no_uses_are_verifying_says_so(appliance, tmp_path):
    """`events` names a shard when it is complete: of the first one nothing else would tell."""
    copy = tmp_path / "copy"
    assert fetch(appliance, copy).returncode == 0
    done = subprocess.run([str(PRIVYSEAL), "log", "verify", str(copy)], text=True,
                          capture_output=True, check=False, timeout=60)
    assert done.returncode == 0
    assert any(line.split()[:3] == ["NOTE", "shards", "use"] for line in done.stdout.splitlines())
