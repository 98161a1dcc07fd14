#!/usr/bin/python3
"""A buffer that is cleared at the end of its scope is initialised before anything can return, and a
message when it is declared.

The production build zeroes automatic variables, which hides the mistake. Clearing a buffer of
undefined octets frees a wild pointer everywhere else; a message of which one member is undefined
asks for something else than its sender meant.
"""

import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]


def check(name):
    text = (TOP / name).read_text()
    for declared in re.finditer(r"PS_BUF_AUTO (\w+);", text):
        rest = text[declared.end():]
        # Whatever gets its address first is taken to initialise it.
        first_use = re.search(rf"\w+\([^;]*&{declared.group(1)}\b", rest)
        leaves = re.search(r"\b(return|PS_TRY|goto)\b", rest)
        if first_use is None or (leaves is not None and leaves.start() <= first_use.start()):
            line = text.count("\n", 0, declared.start()) + 1
            yield f"{name}:{line}: {declared.group(1)} needs = {{0}} or = {{.max = ...}}"
    # Of functions alone: a member stands in braces that begin with struct or union.
    for body in re.finditer(r"^\{\n.*?^\}$", text, re.M | re.S):
        inside = re.sub(r"\b(?:struct|union)(?: \w+)? \{.*?\n *\}", lambda found: "\n" *
                        found.group().count("\n"), body.group(), flags=re.S)
        for declared in re.finditer(r"^ +struct msg_\w+ (\w+);", inside, re.M):
            line = text.count("\n", 0, body.start()) + inside.count("\n", 0, declared.start()) + 1
            yield f"{name}:{line}: {declared.group(1)} needs = {{0}} or its members"


def main():
    names = subprocess.run(["git", "ls-files", "*.c", "*.h"], cwd=TOP, check=True,
                           capture_output=True, text=True).stdout.split()
    found = [line for name in names for line in check(name)]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
