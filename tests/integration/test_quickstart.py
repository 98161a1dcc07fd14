"""The first command that anybody runs."""

import subprocess

import pytest

from harness.places import BUILD, TOP


@pytest.mark.skipif(BUILD != TOP / "build", reason="it builds and runs what is in build/")
def test_it_signs_and_verifies_and_stops():
    done = subprocess.run([TOP / "quickstart"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout
    for words in ("key.create: done", "id-token.jwt", "credential.jwt",
                  "bound to its own key", "The log verifies", "What happened"):
        assert words in done.stdout, done.stdout
