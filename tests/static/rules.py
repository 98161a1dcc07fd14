#!/usr/bin/python3
"""Tables of rules name at least one test for every rule, and only tests that there are."""

import functools
import itertools
import pathlib
import re
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
TABLES = [TESTS / "gate-rules.md", TESTS / "companion-rules.md"]
# A C test is defined, and is in its program's list; a Python one is defined.
C_TEST = (r"^static void {0}\(void \*\*state\)(?s:.*)"
          r"(?:\b(?:cmocka_unit_test\w*|TEST)\(|\.test_func = ){0}\b")
PYTHON_TEST = r"^def {0}\("


@functools.cache
def text_of(path):
    return path.read_text() if path.is_file() else ""


def exists(name, test):
    form = PYTHON_TEST if name.endswith(".py") else C_TEST
    return re.search(form.format(re.escape(test)), text_of(TESTS / name), re.M) is not None


def rows(table):
    for line in table.read_text().splitlines():
        if line.startswith("| ") and not line.startswith(("| ---", "| rule |")):
            yield line.strip("| ").split(" | ")


def main():
    found = [f"{table.name}: no rules" for table in TABLES if not list(rows(table))]
    for rule, *rest in itertools.chain.from_iterable(map(rows, TABLES)):
        tests = re.findall(r"`([a-z]+/\w+\.\w+): (\w+)`", " ".join(rest))
        if len(rest) != 1 or not tests or rest[0].count("`") != 2 * len(tests):
            found.append(f"{rule}: no list of tests")
        found += [f"{rule}: there is no {test} in {name}" for name, test in tests
                  if not exists(name, test)]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
