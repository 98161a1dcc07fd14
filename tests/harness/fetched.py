"""Software that we did not write, from npm, PyPI and Go's modules, in the versions that stand in tests/interop.

Started as a program it fetches all of it: ./test does so while it compiles, since whoever fetches mostly waits.
"""

import fcntl
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys

INTEROP = pathlib.Path(__file__).resolve().parents[1] / "interop"
NODE = INTEROP / "node"
PYTHON = INTEROP / "python"
GO = INTEROP / "go"


def once_for(pinned, into, install):
    """Runs `install` when what is in `into` was not made from the file `pinned` as it is now."""
    mark = into / ".made-from"
    now = hashlib.sha256(pinned.read_bytes()).hexdigest()
    with open(pinned, encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be installing them
        if not mark.exists() or mark.read_text() != now:
            install()
            mark.write_text(now)


def node_modules():
    """The directory whose scripts find them."""
    once_for(NODE / "package-lock.json", NODE / "node_modules",
             lambda: subprocess.run(["npm", "ci", "--silent"], cwd=NODE, check=True, timeout=300))
    return NODE


def python_tools():
    """The interpreter that has what requirements.txt pins; scripts in python/ run with it."""
    place = PYTHON / "venv"

    def install():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--clear", place], check=True, timeout=120)
        # By the system's own pip; what is imported is compiled then, a tenth of it.
        subprocess.run([sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install", "--quiet",
                        "--no-deps", "--no-compile", "--disable-pip-version-check", "-r",
                        PYTHON / "requirements.txt"], check=True, timeout=300)

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


def go_program():
    """What answers with Go's packages for transparency logs (go/main.go); None: there is no Go for it."""
    if not has_go(1, 25):
        return None
    # Without inlining: what it is made of, Go's own library too, is compiled once for a few seconds of use.
    once_for(GO / "main.go", GO / "bin", lambda: subprocess.run(
        ["go", "build", "-trimpath", "-gcflags=all=-l", "-o", "bin/interop", "."], cwd=GO, check=True,
        timeout=600))
    return GO / "bin" / "interop"


def main():
    """What cannot be fetched now is asked for again, and said, by the test that needs it."""
    for fetch in (node_modules, python_tools, go_program):
        try:
            fetch()
        except (OSError, subprocess.SubprocessError) as error:
            print(error, file=sys.stderr)


if __name__ == "__main__":
    main()
