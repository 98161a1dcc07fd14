#!/usr/bin/python3
"""Writes openapi.yaml as JSON into a C array: openapi_to_c.py IN.yaml OUT.c"""

import json
import pathlib
import sys

import yaml


def main():
    document = yaml.safe_load(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    # Members of the outermost object that only hold what others refer to.
    document = {name: value for name, value in document.items() if not name.startswith("x-")}
    octets = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    rows = (octets[at:at + 16] for at in range(0, len(octets), 16))
    lines = ("    " + " ".join(f"0x{octet:02x}," for octet in row) for row in rows)
    pathlib.Path(sys.argv[2]).write_text(
        '#include "api/openapi.h"\n\n'
        "const uint8_t openapi_json[] = {\n" + "\n".join(lines) + "\n};\n"
        "const size_t openapi_json_len = sizeof openapi_json;\n", encoding="utf-8")


if __name__ == "__main__":
    main()
