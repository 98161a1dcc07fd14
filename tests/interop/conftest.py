"""Clients that we did not write: jose (npm) and jwcrypto (Python)."""

import json
import pathlib
import subprocess

import pytest

NODE = pathlib.Path(__file__).resolve().parent / "node"


@pytest.fixture(scope="session")
def node_modules():
    if not (NODE / "node_modules" / "jose").exists():
        subprocess.run(["npm", "ci", "--silent"], cwd=NODE, check=True, timeout=300)
    return NODE


@pytest.fixture(scope="session")
def jose(node_modules):
    """Asks the npm library; one process for all questions."""
    process = subprocess.Popen(["node", "jws.mjs"], cwd=node_modules, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)

    def ask(row):
        process.stdin.write(json.dumps(row) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield ask
    process.stdin.close()
    process.wait(20)
