#!/usr/bin/python3
"""Writes a file's octets as a C array, YAML as JSON: file_to_c.py IN OUT.c HEADER NAME

HEADER is where NAME and NAME_len are declared.
"""

import json
import pathlib
import sys

import yaml


def octets_of(path):
    octets = path.read_bytes()
    if path.suffix != ".yaml":
        return octets
    document = yaml.safe_load(octets.decode("utf-8"))
    # Members of the outermost object that only hold what others refer to.
    document = {name: value for name, value in document.items() if not name.startswith("x-")}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def main():
    path, out, header, name = sys.argv[1:]
    octets = octets_of(pathlib.Path(path))
    rows = (octets[at:at + 16] for at in range(0, len(octets), 16))
    lines = ("    " + " ".join(f"0x{octet:02x}," for octet in row) for row in rows)
    pathlib.Path(out).write_text(
        f'#include "{header}"\n\nconst uint8_t {name}[] = {{\n' + "\n".join(lines) + "\n};\n"
        f"const size_t {name}_len = sizeof {name};\n", encoding="utf-8")


if __name__ == "__main__":
    main()
