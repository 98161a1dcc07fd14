#!/usr/bin/python3
"""Compares docs/operations.md with lib/ceremony/operation/types.def: a line for each type.

Each type also has a document among the test vectors, and a rule of the rows that it may change. `--write` writes the lines anew.
"""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
TABLE = TOP / "lib" / "ceremony" / "operation" / "types.def"
TEXT = TOP / "docs" / "operations.md"
VECTORS = TOP / "tests" / "vectors" / "operations"
ROWS = TOP / "lib" / "ceremony" / "replay" / "rows.c"
HEAD = ["| type | class | about | what is done | who approves it, besides |",
        "| --- | --- | --- | --- | --- |"]
STRING = r'"(?:[^"\\]|\\.)*"'
ROW = re.compile(rf'^TYPE\(({STRING}), (\w+), (\w+), (?:{STRING}|NULL),\s*((?:{STRING}\s*)+),'
                 rf'\s*((?:{STRING}\s*)+|NULL)\)$', re.M)


def join(literals):
    return "".join(text[1:-1] for text in re.findall(STRING, literals))


def types():
    text = TABLE.read_text()
    rows = [(join(name), letter, about.lower(), join(sentence), join(approvals))
            for name, letter, about, sentence, approvals in ROW.findall(text)]
    if len(rows) != len(re.findall(r"^TYPE\(", text, re.M)):
        sys.exit(f"{TABLE}: a TYPE that is not understood")
    return rows


def lines():
    return HEAD + [f"| `{name}` | {'–' if letter == 'NONE' else letter} | {about} | {sentence} | "
                   f"{approvals} |" for name, letter, about, sentence, approvals in types()]


def check():
    names = [row[0] for row in types()]
    if names != sorted(names):
        yield f"{TABLE.name}: the types are not sorted by name"
    rows = ROWS.read_text()
    for name in names:
        if not (VECTORS / f"{name}.json").exists():
            yield f"no document of type {name} in {VECTORS}"
        if f'{{"{name}", ' not in rows:
            yield f"{ROWS.name} does not say which rows a {name} may change"
    found = [line for line in TEXT.read_text().splitlines() if line.startswith("| `") and
             line.count("|") == 6]
    for line in lines()[2:]:
        if line not in found:
            yield f"{TEXT.name} lacks: {line}"
    for line in found:
        if line not in lines():
            yield f"{TEXT.name} has what {TABLE.name} has not: {line}"


def main():
    if sys.argv[1:] == ["--write"]:
        text = TEXT.read_text().split(HEAD[0])[0]
        TEXT.write_text(text + "\n".join(lines()) + "\n")
    found = list(check())
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
