#!/usr/bin/python3
"""Each answer that PKCS #11 has (CKR_) is a row of pkcs11/token/recovery.def, in each of its columns."""

import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
# What vendors add to is no answer itself; all of theirs are the table's first row.
NO_ANSWER = {"CKR_VENDOR_DEFINED"}


def known():
    """As the compiler sees them, of p11-kit's header and of what it lacks."""
    flags = subprocess.run(["pkg-config", "--cflags", "p11-kit-1"], check=True,
                           capture_output=True, text=True).stdout.split()
    defined = subprocess.run(["cc", "-E", "-dM", *flags, TOP / "pkcs11/module/cryptoki_extra.h"],
                             check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"^#define (CKR_\w+) ", defined, re.M)) - NO_ANSWER


def rows():
    text = re.sub(r"/\*.*?\*/", "", (TOP / "pkcs11/token/recovery.def").read_text(), flags=re.S)
    return {name: cells.split(",") for name, cells in re.findall(r"^RV\((\w+),(.*)\)$", text, re.M)}


def main():
    table, answers = rows(), known()
    columns = len(table["UNLISTED"])
    found = [f"{name} is no row of recovery.def" for name in sorted(answers - set(table))]
    found += [f"{name} has {len(cells)} classes, and there are {columns} kinds of calls"
              for name, cells in table.items() if len(cells) != columns]
    if len(answers) < 90:
        found.append(f"only {len(answers)} answers are in the headers: they were not read")
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
