#!/usr/bin/python3
"""A row of lib/base/algorithm.c has its vectors, profile entry, OpenAPI enum and interop row."""

import json
import pathlib
import re
import sys

import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]


def rows(text, table):
    body = re.search(rf"{table}\[[A-Z_]+\] = \{{(.*?)\n\}};", text, re.S).group(1)
    return re.findall(r'= \{"([^"]+)"', body)


def vector_algorithms():
    found = set()
    for path in (TOP / "tests" / "vectors" / "jose").glob("*.json"):
        found |= set(re.findall(r'"alg": ?"([A-Za-z0-9]+)"', path.read_text()))
    return found


def main():
    source = (TOP / "lib" / "base" / "algorithm.c").read_text()
    contract = yaml.safe_load((TOP / "api" / "openapi.yaml").read_text())
    schemas = contract["components"]["schemas"]
    profile = (TOP / "firmware-profiles" / "softhsm2.json").read_text()
    interop = (TOP / "tests" / "interop" / "test_jws.py").read_text()
    vectors = vector_algorithms()
    found = []
    for name in rows(source, "algs"):
        if name not in schemas["Algorithm"]["enum"]:
            found.append(f"{name} is not in the enum Algorithm of api/openapi.yaml")
        if f'"{name}"' not in profile:
            found.append(f"{name} is not in firmware-profiles/softhsm2.json")
        if name not in vectors:
            found.append(f"{name} has no vector under tests/vectors/jose")
        if f'"{name}"' not in interop:
            found.append(f"{name} has no row in tests/interop/test_jws.py")
    for name in rows(source, "key_types"):
        if name not in schemas["KeyType"]["enum"]:
            found.append(f"{name} is not in the enum KeyType of api/openapi.yaml")
    json.loads(profile)
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
