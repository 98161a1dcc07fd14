#!/usr/bin/python3
"""Each fuzz target is built and has a corpus that is replayed; each set of messages has a target, with
a seed of each of its messages."""

import pathlib
import re
import sys

FUZZ = pathlib.Path(__file__).resolve().parents[1] / "fuzz"
IPC = FUZZ.parents[1] / "lib" / "ipc"


def rows():
    table = (FUZZ / "meson.build").read_text().split("fuzz_targets = {")[1].split("}")[0]
    return set(re.findall(r"^  '(\w+)': \[", table, re.M))


def messages(name):
    """{type: message} of a set, from PROTOCOL.md, which a unit test holds to the tables."""
    parts = re.split(r"^## ", (IPC / "PROTOCOL.md").read_text(), flags=re.M)
    own = "".join(part for part in parts if re.match(rf"(Set|In the sets) [^\n]*\b{name}\b", part))
    return {int(number, 16): message for message, number in
            re.findall(r"^### `(\w+)`: 0x([0-9a-f]{4}),", own, re.M)}


def missing_seeds(name):
    """Whose frame begins none of the corpus."""
    seen = {int.from_bytes(path.read_bytes()[6:8], "big")
            for path in (FUZZ / "corpus" / f"ipc_{name}").glob("*")}
    return [f"corpus/ipc_{name} has no frame of {message}"
            for number, message in messages(name).items() if number not in seen]


def main():
    targets = {path.stem[len("fuzz_"):] for path in FUZZ.glob("fuzz_*.c")}
    sets = set(re.findall(r"^extern const struct ipc_set (\w+)_set;$", "".join(
        path.read_text() for path in IPC.glob("messages_*.h")), re.M))
    found = [f"fuzz_{name}.c has no row in meson.build" for name in sorted(targets - rows())]
    found += [f"{name} of meson.build has no fuzz_{name}.c" for name in sorted(rows() - targets)]
    found += [f"corpus/{name} is empty" for name in sorted(targets)
              if not any((FUZZ / "corpus" / name).glob("*"))]
    found += [f"corpus/{path.name} is of no target" for path in sorted((FUZZ / "corpus").iterdir())
              if path.name not in targets]
    found += [f"the set {name} has no fuzz_ipc_{name}.c" for name in sorted(sets)
              if f"ipc_{name}" not in targets]
    found += [line for name in sorted(sets) for line in missing_seeds(name)]
    if not all(map(messages, sets)):
        found.append("PROTOCOL.md has a set without messages")
    if not sets:
        found.append("no sets of messages were found in lib/ipc")
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
