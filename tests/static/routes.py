#!/usr/bin/python3
"""Each route of the API can be asked from the command line, or says here what asks it instead."""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
APPLIANCE = [TOP / "appliance" / name for name in ("ceremony", "cli", "restore")]
# Routes whose path is put together in pieces, or that another command stands for: id and where.
OTHERWISE = {
    "health-live": "appliance/cli/own.def", "jwks": "api/client/client.c",
    "jwks-set": "api/client/client.c", "log-checkpoint": "appliance/cli/log_fetch.c",
    "log-tile": "appliance/cli/log_fetch.c", "log-entries": "appliance/cli/log_fetch.c",
    "log-proof": "appliance/cli/log_proof.c", "log-consistency": "appliance/cli/log_feed.c",
}


def routes():
    """(id, path), one of a shard with its tree's."""
    text = re.sub(r"/\*.*?\*/", "", (TOP / "api/routes.def").read_text(), flags=re.S)
    for kind, inner in re.findall(r"^([A-Z]+)\((.*?)\)$", text, re.S | re.M):
        literals = re.findall(r'"([^"]*)"', inner)
        if kind == "STEP":
            yield f"operation-{literals[0]}", f"/v1/operations/{{id}}/{literals[0]}"
        elif "/{shard}/" not in inner:
            yield literals[0], next(text for text in literals if text.startswith("/"))


def asked():
    """Paths in the programs' sources, their variables as {}; joined as the compiler joins them."""
    for source in (path for place in APPLIANCE for path in place.iterdir()
                   if path.suffix in (".c", ".def")):
        text = source.read_text()
        for route in re.findall(r'APPLIANCE_STEP\("[^"]*", "([^"]*)"', text):
            yield f"/v1/{route}"
        for path, step in (("keys", "KEY"), ("tokens", "TOKEN"), ("operations", "OPERATION")):
            for word in re.findall(rf'{step}_(?:STEP|SIGNED)\("([^"]*)"(?:, "([a-z]*)")?', text):
                yield f"/v1/{path}/{{}}/{word[0]}"
                yield f"/v1/{path}/{{}}/{word[1]}"
        for literal in re.findall(r'"(/[a-z][^"]*)"', text):
            yield re.sub(r"%[a-z]*", "{}", literal.split("?")[0])


def bodiless():
    """(method, path) of routes that refuse any body."""
    text = re.sub(r"/\*.*?\*/", "", (TOP / "api/routes.def").read_text(), flags=re.S)
    for inner in re.findall(r"^ROUTE\((.*?)\)$", text, re.S | re.M):
        fields = [field.strip() for field in inner.split(",")]
        if fields[2] != "GET" and fields[6] == "0":
            yield fields[2], fields[3].strip('"')


def with_a_body():
    """(method, path, command) of the rows that send one, be it an empty object."""
    for source in sorted((TOP / "appliance/cli").iterdir()):
        for row in re.findall(r"\{\.words = .*?(?=\{\.words|\Z)", source.read_text(), re.S):
            said = dict(re.findall(r'\.(words|method|media|path) = "([^"]*)"', row))
            if said.get("media") != "":
                yield said.get("method"), said.get("path"), said["words"]


def main():
    known = set(asked())
    refused = set(bodiless())
    found = [f"`{words}` sends a body where none is taken: .media = \"\"" for method, path, words in with_a_body()
             if (method, path) in refused]
    assert refused
    ids = dict(routes())
    for name, path in ids.items():
        is_known = re.sub(r"\{[^}]*\}", "{}", path) in known
        if not is_known and name not in OTHERWISE:
            found.append(f"{name}: no command asks {path}: add a row to a table of appliance/cli")
        if is_known and name in OTHERWISE:
            found.append(f"{name}: there is a command that asks {path}; {__file__} need not say so")
    found += [f"{name}: there is no such route" for name in OTHERWISE if name not in ids]
    found += [f"{name}: there is no {place}" for name, place in OTHERWISE.items()
              if not (TOP / place).exists()]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
