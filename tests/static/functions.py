#!/usr/bin/python3
"""No function over 60 lines, no C file over 600, no header over 150 (house style)."""

import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]


def sources():
    listed = subprocess.run(["git", "ls-files", "*.c", "*.h"], cwd=TOP, check=True,
                            capture_output=True, text=True).stdout.split()
    return [name for name in listed if not name.startswith("tests/vectors/")]


def check(name):
    lines = (TOP / name).read_text().splitlines()
    is_test = name.startswith("tests/")
    limit = 150 if name.endswith(".h") else 600
    # The message tables of the processes are one list each; splitting them would hide it.
    if len(lines) > limit and not is_test and not name.startswith("lib/ipc/messages_"):
        yield f"{name}: {len(lines)} lines, at most {limit}"
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            if number - start - 1 > 60:
                yield f"{name}:{start}: a function of {number - start - 1} lines, at most 60"
            start = None


def main():
    found = [problem for name in sources() for problem in check(name)]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
