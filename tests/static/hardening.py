#!/usr/bin/python3
"""Reads the built programs' ELF headers for what the build promises."""

import pathlib
import platform
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / "build"
PROGRAMS = ["appliance/privyseald", "appliance/privyseal",
            "appliance/officer/privyseal-officer", "frontends/oidc/privyseal-oidc",
            "frontends/plugins/registry/privyseal-registry",
            "frontends/plugins/registry/authenticator-registry.so",
            "frontends/plugins/http/authenticator-http.so"]


def readelf(option, path):
    return subprocess.run(["readelf", "-W", option, str(path)], check=True, capture_output=True,
                          text=True).stdout


def check(path):
    header, program, dynamic = (readelf(option, path) for option in ("-h", "-l", "-d"))
    # What is linked statically has no dynamic symbols.
    symbols = readelf("--dyn-syms" if "NEEDED" in dynamic else "--syms", path)
    stack = [line for line in program.splitlines() if "GNU_STACK" in line]
    promises = {
        "position-independent": "DYN (" in header,
        "relro": "GNU_RELRO" in program,
        "bind now": "BIND_NOW" in dynamic or "NOW" in dynamic,
        "stack not executable": bool(stack) and "RWE" not in stack[0],
        "stack protector": "__stack_chk_fail" in symbols,
        "fortified calls": re.search(r"_chk(@|$)", symbols, re.M) is not None,
        "no run path": "RPATH" not in dynamic and "RUNPATH" not in dynamic,
    }
    return [f"{path.name}: not {name}" for name, kept in promises.items() if not kept]


def check_control_flow():
    """Of our objects: the linker drops the note where the C library's own start files lack it."""
    for path in BUILD.glob("**/*.a"):
        text = readelf("-n", path)
        members = text.count("File:")
        if "tests" not in path.parts and ("IBT, SHSTK" not in text
                                          or text.count("IBT, SHSTK") < members):
            yield f"{path.name}: not control-flow protection"


def main():
    found = [*check_control_flow()] if platform.machine() == "x86_64" else []
    for name in PROGRAMS:
        path = BUILD / name
        found += check(path) if path.exists() else [f"{name} is not built"]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
