"""Clients that we did not write, from npm and PyPI, in the versions that stand here."""

import fcntl
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
NODE = HERE / "node"
PYTHON = HERE / "python"
GO = HERE / "go"


class Asker:
    """One process that answers each line of JSON with one."""

    def __init__(self, command, directory):
        self.process = subprocess.Popen(command, cwd=directory, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def __call__(self, row):
        self.process.stdin.write(json.dumps(row) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)


def once_for(pinned, into, install):
    """Runs `install` when what is in `into` was not made from the file `pinned` as it is now."""
    mark = into / ".made-from"
    now = hashlib.sha256(pinned.read_bytes()).hexdigest()
    with open(pinned, encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be installing them
        if not mark.exists() or mark.read_text() != now:
            install()
            mark.write_text(now)


@pytest.fixture(scope="session")
def node_modules():
    once_for(NODE / "package-lock.json", NODE / "node_modules",
             lambda: subprocess.run(["npm", "ci", "--silent"], cwd=NODE, check=True, timeout=300))
    return NODE


@pytest.fixture(scope="session")
def python_tools():
    """The interpreter that has what requirements.txt pins; scripts in python/ run with it."""
    place = PYTHON / "venv"

    def install():
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True, timeout=120)
        subprocess.run([place / "bin" / "pip", "install", "--quiet", "--no-deps",
                        "--disable-pip-version-check", "-r", PYTHON / "requirements.txt"],
                       check=True, timeout=300)

    once_for(PYTHON / "requirements.txt", place, install)
    return place / "bin" / "python"


def has_go(major, minor):
    """Debian 12's own Go is older than what the packages need; it has to come from elsewhere."""
    if shutil.which("go") is None:
        return False
    said = subprocess.run(["go", "env", "GOVERSION"], cwd=GO.parent, capture_output=True, text=True,
                          check=False).stdout
    found = re.match(r"go(\d+)\.(\d+)", said)
    return found is not None and (int(found[1]), int(found[2])) >= (major, minor)


@pytest.fixture(scope="session")
def go_says():
    """Go's packages for transparency logs, which answer questions (go/main.go)."""
    if not has_go(1, 25):
        pytest.skip("Go 1.25 or later is not here")
    once_for(GO / "main.go", GO / "bin", lambda: subprocess.run(
        ["go", "build", "-trimpath", "-o", "bin/interop", "."], cwd=GO, check=True, timeout=600))
    asker = Asker([GO / "bin" / "interop"], GO)
    yield lambda do, **question: asker({"do": do, **question})
    asker.close()


def askers_of(command, directory):
    """A function that gives the Asker of a script; all end with the tests."""
    askers = {}

    def start(script):
        if script not in askers:
            askers[script] = Asker([*command, script], directory)
        return askers[script]

    yield start
    for asker in askers.values():
        asker.close()


@pytest.fixture(scope="session")
def ask_node(node_modules):
    """ask_node("jws.mjs") starts node/jws.mjs."""
    yield from askers_of(["node"], node_modules)


@pytest.fixture(scope="session")
def ask_python(python_tools):
    """ask_python("cose.py") starts python/cose.py."""
    yield from askers_of([python_tools], PYTHON)


@pytest.fixture(scope="session")
def jose(ask_node):
    return ask_node("jws.mjs")
