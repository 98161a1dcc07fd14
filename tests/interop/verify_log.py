#!/usr/bin/python3
"""Verifies a log from docs/log-format.md alone; shares nothing with the programs it checks.

verify_log.py DIRECTORY [VERIFIER-KEY]   exit 0: verified, 1: not, and where.
"""

import base64
import hashlib
import json
import pathlib
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NAME = r"[a-z0-9][a-z0-9._-]{0,127}"
HASH = r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"
REQUEST = r"[A-Za-z0-9._-]{1,64}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
# Of each member what it is, and whether it may be absent.
SCHEMAS = {
    "use": {"alg": (r"[A-Za-z0-9-]{1,32}", True), "caller": (NAME, False), "hash": (HASH, False),
            "format": (r"[a-z0-9-]{1,32}", True), "key": (NAME, False), "v": (1, False),
            "op": (r"[a-z][a-z0-9.-]{0,31}", False), "request": (REQUEST, False),
            "serial": (r"(?!00)([0-9a-f]{2}){1,20}", True), "time": (TIME, False),
            "version": (int, False)},
    "events": {"caller": (NAME, True), "data": (dict, True), "request": (REQUEST, True),
               "kind": (r"[a-z][a-z0-9-]{0,31}", False), "time": (TIME, False), "v": (1, False)},
    "shard": {"first": (int, False), "log": ("use", False), "root": (HASH, False),
              "name": (r"\d{4}-(0[1-9]|1[0-2])-\d{4}", False), "size": (int, False)}}


def need(condition, *what):
    if not condition:
        raise ValueError(" ".join(str(part) for part in what))


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def unbase64(text):
    octets = base64.b64decode(text, validate=True)
    need(base64.b64encode(octets) == text, "base64 in another form")
    return octets


def fits(value, rule):
    if isinstance(rule, str):
        return isinstance(value, str) and re.fullmatch(rule, value, re.A) is not None
    return type(value) is rule if rule is dict else type(value) is int and (
        0 <= value <= 10**15 if rule is int else value == rule)


def check(value, schema, where):
    need(set(value) <= set(SCHEMAS[schema]), where, "unknown member")
    for name, (rule, optional) in SCHEMAS[schema].items():
        need(optional if name not in value else fits(value[name], rule), where, name)


def plain(value, depth=1):
    """Only what the canonical form of a leaf may have."""
    if isinstance(value, (dict, list)):
        inner = value.values() if isinstance(value, dict) else value
        return depth <= 16 and all(plain(v, depth + 1) for v in inner) and (
            isinstance(value, list) or all(name.isascii() for name in value))
    return isinstance(value, (str, bool)) or type(value) is int and abs(value) <= 2**53


def parse_leaf(log, octets, where):
    leaf = json.loads(octets)
    again = json.dumps(leaf, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    need(isinstance(leaf, dict) and again == octets and plain(leaf), where, "not canonical")
    check(leaf, log, where)
    need(1 <= leaf.get("version", 1) < 2**32, where, "version")
    return leaf


def add(stack, node):
    """The stack holds the roots of the full subtrees, (size, root), from the left."""
    size = 1
    while stack and stack[-1][0] == size:
        node, size = sha(b"\1", stack.pop()[1], node), size * 2
    stack.append((size, node))


def fold(stack):
    node = stack[-1][1] if stack else sha()
    for _size, left in reversed(stack[:-1]):
        node = sha(b"\1", left, node)
    return node


def tile_root(nodes):
    while len(nodes) > 1:
        nodes = [sha(b"\1", *nodes[i:i + 2]) for i in range(0, len(nodes), 2)]
    return nodes[0]


def open_checkpoint(note, origin, public, where):
    """Returns (size, root) when the key signed the note for this origin."""
    text, _, signatures = note[:-1].rpartition(b"\n\n")
    lines, dash = text.split(b"\n"), "\u2014 ".encode()
    need(len(note) <= 16384 and note.endswith(b"\n") and len(lines) == 3 and
         lines[0] == origin.encode() and re.fullmatch(rb"0|[1-9]\d{0,17}", lines[1]), where)
    for line in signatures.split(b"\n"):
        need(line.startswith(dash), where, "not a signature line")
        signed = unbase64(line.rpartition(b" ")[2])
        if line.startswith(dash + origin.encode() + b" ") and signed[:4] == key_id(origin, public):
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(signed[4:], text + b"\n")
            except InvalidSignature:
                need(False, where, "the signature does not verify")
            return int(lines[1]), unbase64(lines[2])
    return need(False, where, "not signed by the key")


def key_id(origin, public):
    return sha(origin.encode(), b"\n\x01", public)[:4]


class Tree:
    def __init__(self, top, name):
        self.path, self.name, self.log = top / name, name, name.split("/")[0]
        self.exported, self.behind = not (self.path / "entries").exists(), b""

    def file(self, name):
        return (self.path / name).read_bytes() if (self.path / name).exists() else b""

    def tiles(self, kind, count):
        """Of an export: a level's hashes, or the record, put together from its tiles."""
        whole = []
        for first in range(0, count, 256):
            width, groups = min(count - first, 256), f"{first // 256:,}".split(",")
            groups = ["x" + group.zfill(3) for group in groups[:-1]] + [groups[-1].zfill(3)]
            path = "/".join(groups) + (f".p/{width}" if width < 256 else "")
            whole.append(self.file(f"tile/{kind}/{path}"))
            need(whole[-1] and (kind == "entries" or len(whole[-1]) == 32 * width), self.name, path)
        return b"".join(whole)

    def leaves(self, size):
        """Yields (offset, octets) up to what is no leaf; then self.behind is all that follows."""
        record, at = self.tiles("entries", size) if self.exported else self.file("entries"), 0
        while len(record) - at >= 2:
            length = int.from_bytes(record[at:at + 2], "big")
            leaf = record[at + 2:at + 2 + length]
            if not 0 < length <= 49152 or len(leaf) < length or 0 in leaf:
                break
            yield at, leaf
            at += 2 + length
        self.behind = record[at:]

    def verify(self, origin, public, closed=None, newest=True):
        where, note, roots, covered = self.name, self.file("checkpoint"), [], 0
        if note:
            roots.append(open_checkpoint(note, origin, public, f"{where}/checkpoint:"))
            covered = roots[0][0]
        need(note or closed or newest and self.log == "use", where, "no checkpoint")
        roots += [closed] if closed else []
        demanded, newest = max([size for size, _root in roots] + [0]), newest and not self.exported
        stack, levels, offsets, found = [], [[], [], [], [], []], [], []
        for at, octets in self.leaves(demanded):
            found.append(parse_leaf(self.log, octets, f"{where} leaf {len(found)}, octet {at}:"))
            offsets += [at.to_bytes(8, "big")] if len(found) % 256 == 1 else []
            levels[0].append(sha(b"\0", octets))
            add(stack, levels[0][-1])
            need(all(fold(stack) == root for size, root in roots if size == len(found)), where,
                 "another root over", len(found), "leaves")
        need(len(found) >= demanded and (newest or not self.behind), where, "leaf", len(found))
        need(not closed or len(found) == closed[0], where, "more leaves than its size")
        for below, level in zip(levels, levels[1:]):
            level += [tile_root(below[i:i + 256]) for i in range(0, len(below) - 255, 256)]
        cells = [(f"hashes.{n}", 32, n, row) for n, row in enumerate(levels)]
        certain = covered // 65536 * 65536 if newest else 2**63
        for name, width, level, row in cells + [("offsets", 8, 1, offsets)] * (not self.exported):
            stored = self.tiles(level, len(row)) if self.exported else self.file(name)
            for i, cell in enumerate(row):
                have = stored[i * width:(i + 1) * width]
                absent = (len(have) < width or not any(have)) and (i + 1 << 8 * level) > certain
                need(have == cell or absent, f"{where}/{name}", "number", i)
            rest = stored[len(row) * width:]
            need(not any(rest) and (newest or not rest), f"{where}/{name}", "surplus")
        covered = max(covered, closed[0] if closed else 0)
        tail = ", and an unfinished tail" if any(self.behind) else ""
        return found, f"{where}: {len(found)} leaves, {covered} signed for{tail}"


def verify(top, key=None):
    """Returns what to say of a log that verifies; raises ValueError for one that does not."""
    top = pathlib.Path(top)
    events, names = Tree(top, "events"), sorted(p.name for p in (top / "use").glob("????-??-????"))
    size = int((events.file("checkpoint").split(b"\n") + [b""])[1] or 0)
    genesis = [json.loads(leaf) for _at, leaf in events.leaves(size) if b'"kind":"genesis"' in leaf]
    need(len(genesis) == 1, "events:", len(genesis), "genesis leaves")
    own = genesis[0]["data"]["log_key"]
    need(key in (None, own), "events: the genesis leaf names another key")
    origin, ident, typed = own.split("+", 2)
    public = unbase64(typed.encode())[1:]
    need(origin.endswith("/events") and key_id(origin, public).hex() == ident, "the verifier key")
    leaves, said = events.verify(origin, public)
    said, closed, first = [f"the key is {'the one given' if key else own}", said], {}, 0
    for data in (leaf["data"] for leaf in leaves if leaf["kind"] == "shard"):
        check(data, "shard", "shard:")
        need(data["first"] == first and data["size"] > 0 and data["name"] > max(closed, default=""),
             "shard", data["name"], "does not follow on those before")
        closed[data["name"]] = (data["size"], base64.urlsafe_b64decode(data["root"] + "="))
        first += data["size"]
    for name in names:
        need(name in closed or name in names[-2:], "shard", name, "is not in events")
        newest = name not in closed and name == names[-1]
        said.append(Tree(top, f"use/{name}").verify(f"{origin[:-7]}/use/{name}", public,
                                                    closed.get(name), newest)[1])
    return said


if __name__ == "__main__":
    try:
        print("\n".join("PASS " + line for line in verify(sys.argv[1], (sys.argv + [None])[2])))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as damage:
        sys.exit(f"FAIL {damage}")
