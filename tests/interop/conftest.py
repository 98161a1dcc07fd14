"""Clients that we did not write, from npm and PyPI, in the versions that stand here."""

import json
import subprocess

import pytest

from harness import fetched


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


@pytest.fixture(scope="session")
def node_modules():
    return fetched.node_modules()


@pytest.fixture(scope="session")
def python_tools():
    return fetched.python_tools()


@pytest.fixture(scope="session")
def go_says():
    """Go's packages for transparency logs, which answer questions."""
    program = fetched.go_program()
    if program is None:
        pytest.skip("Go 1.25 or later is not here")
    asker = Asker([program], fetched.GO)
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
    yield from askers_of([python_tools], fetched.PYTHON)


@pytest.fixture(scope="session")
def jose(ask_node):
    return ask_node("jws.mjs")
