#!/usr/bin/python3
"""Writes the stylesheet as a C array: style_to_c.py STYLE.css OUT.c"""

import pathlib
import sys


def main():
    octets = pathlib.Path(sys.argv[1]).read_bytes()
    rows = (octets[at:at + 16] for at in range(0, len(octets), 16))
    lines = ("    " + " ".join(f"0x{octet:02x}," for octet in row) for row in rows)
    pathlib.Path(sys.argv[2]).write_text(
        '#include "frontends/oidc/pages/files.h"\n\n'
        "const uint8_t files_style[] = {\n" + "\n".join(lines) + "\n};\n"
        "const size_t files_style_len = sizeof files_style;\n", encoding="utf-8")


if __name__ == "__main__":
    main()
