#!/usr/bin/python3
"""Writes the vectors of docs/log-format.md, from that text alone and without our C code.

Run from this directory; the result is byte for byte the same each time. Ed25519 is deterministic,
and the test key is that of RFC 8032 section 7.1, test 1.
"""

import base64
import hashlib
import json
import pathlib
import re
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = pathlib.Path(__file__).resolve().parent
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
KEY = Ed25519PrivateKey.from_private_bytes(SEED)
PUBLIC = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
APPLIANCE = "vectors.privyseal.example"


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def leaf_hash(leaf):
    return sha(b"\0", leaf)


def root(hashes):
    """RFC 6962 section 2.1, word for word."""
    if not hashes:
        return sha()
    if len(hashes) == 1:
        return hashes[0]
    k = 1 << ((len(hashes) - 1).bit_length() - 1)
    return sha(b"\1", root(hashes[:k]), root(hashes[k:]))


def path(m, hashes):
    """RFC 6962 section 2.1.1."""
    n = len(hashes)
    if n == 1:
        return []
    k = 1 << ((n - 1).bit_length() - 1)
    if m < k:
        return path(m, hashes[:k]) + [root(hashes[k:])]
    return path(m - k, hashes[k:]) + [root(hashes[:k])]


def proof(m, hashes, whole=True):
    """RFC 6962 section 2.1.2; m is at least 1."""
    n = len(hashes)
    if m == n:
        return [] if whole else [root(hashes)]
    k = 1 << ((n - 1).bit_length() - 1)
    if m <= k:
        return proof(m, hashes[:k], whole) + [root(hashes[k:])]
    return proof(m - k, hashes[k:], False) + [root(hashes[:k])]


def b64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def canonical(value):
    """RFC 8785 for what leaves hold: ASCII names, integers, text without lone surrogates."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def key_id(origin):
    return sha(origin.encode(), b"\n\x01", PUBLIC)[:4]


def verifier(origin):
    return f"{origin}+{key_id(origin).hex()}+{base64.b64encode(bytes([1]) + PUBLIC).decode()}"


def checkpoint(origin, hashes):
    text = f"{origin}\n{len(hashes)}\n{base64.b64encode(root(hashes)).decode()}\n"
    signature = base64.b64encode(key_id(origin) + KEY.sign(text.encode())).decode()
    return f"{text}\n\u2014 {origin} {signature}\n"


def use_leaf(number, **members):
    leaf = {"alg": "ES256", "caller": "oidc", "format": "jws", "hash": b64url(sha(b"%d" % number)),
            "key": "oidc.id-token", "op": "sign", "request": f"req-{number}",
            "time": "2026-11-20T10:%02d:%02d.%06dZ" % (number // 60 % 60, number % 60, number),
            "v": 1, "version": 1}
    leaf.update(members)
    return {name: value for name, value in leaf.items() if value is not None}


def event_leaf(kind, second, **members):
    leaf = {"kind": kind, "time": "2026-11-20T11:00:%02d.000000Z" % second, "v": 1}
    leaf.update(members)
    return leaf


def write(name, value):
    (HERE / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def write_tree(directory, leaves, origin, covered):
    """The files of section 4; the checkpoint covers the first `covered` leaves."""
    directory.mkdir(parents=True, exist_ok=True)
    record, offsets, level = b"", b"", [leaf_hash(leaf) for leaf in leaves]
    for number, leaf in enumerate(leaves):
        if number % 256 == 0:
            offsets += struct.pack(">Q", len(record))
        record += struct.pack(">H", len(leaf)) + leaf
    note = checkpoint(origin, level[:covered])
    whole = root(level)
    (directory / "entries").write_bytes(record)
    (directory / "offsets").write_bytes(offsets)
    (directory / "checkpoint").write_text(note)
    for number in range(5):
        (directory / f"hashes.{number}").write_bytes(b"".join(level))
        level = [root(level[i:i + 256]) for i in range(0, len(level) - 255, 256)]
    return whole


def write_leaves():
    use = [use_leaf(0), use_leaf(1, alg="EdDSA", caller="certify", format="data-integrity",
                                 key="vc.issuer", version=4294967295),
           use_leaf(2, alg=None, format=None, op="decrypt"),
           use_leaf(3, format="x509", key="ca", serial="4f" + "0a" * 15)]
    events = [event_leaf("genesis", 0, data={"log_key": verifier(APPLIANCE + "/events")}),
              event_leaf("state", 1, data={"state": "operational"}), event_leaf("stop", 2),
              event_leaf("result", 3, caller="operator", request="req-9", data={
                  "labels": {"unit": "Registre d\u2019identit\u00e9", "tab and quote": "\t\"\\\u20ac\x1f"},
                  "count": 1000000000000000})]
    rows = [{"log": log, "members": leaf, "octets": canonical(leaf).decode(),
             "hash": leaf_hash(canonical(leaf)).hex()}
            for log, leaves in (("use", use), ("events", events)) for leaf in leaves]
    write("leaves.json", rows)


def write_trees():
    """Trees whose leaf number i is the decimal text of i."""
    leaves = [leaf_hash(b"%d" % i) for i in range(1030)]
    sizes = [0, 1, 2, 3, 4, 5, 7, 8, 255, 256, 257, 511, 512, 1029]
    inclusion = [(0, 1), (0, 2), (1, 2), (2, 3), (4, 7), (255, 256), (0, 257), (256, 257),
                 (300, 1029), (1028, 1029)]
    consistency = [(1, 1), (1, 2), (2, 3), (3, 7), (4, 7), (6, 7), (256, 257), (255, 512),
                   (257, 1029), (1028, 1029)]
    write("trees.json", {
        "roots": [{"size": n, "root": root(leaves[:n]).hex()} for n in sizes],
        "inclusion": [{"leaf": m, "size": n, "proof": [h.hex() for h in path(m, leaves[:n])]}
                      for m, n in inclusion],
        "consistency": [{"old": m, "size": n, "proof": [h.hex() for h in proof(m, leaves[:n])]}
                        for m, n in consistency]})


def write_checkpoints():
    leaves = [leaf_hash(b"%d" % i) for i in range(257)]
    origins = [APPLIANCE + "/events", APPLIANCE + "/use/2026-11-0001"]
    write("checkpoints.json", {
        "seed": SEED.hex(), "public_key": PUBLIC.hex(),
        "rows": [{"origin": origin, "verifier": verifier(origin), "size": n,
                  "root": root(leaves[:n]).hex(), "note": checkpoint(origin, leaves[:n])}
                 for origin in origins for n in (0, 1, 257)]})


def write_sample():
    """A whole log: one complete shard, one begun, the last leaves not yet checkpointed."""
    top = HERE / "sample"
    first = [canonical(use_leaf(i)) for i in range(260)]
    second = [canonical(use_leaf(i, caller="certify")) for i in range(260, 265)]
    whole = write_tree(top / "use/2026-11-0001", first, APPLIANCE + "/use/2026-11-0001", 258)
    write_tree(top / "use/2026-11-0002", second, APPLIANCE + "/use/2026-11-0002", 3)
    events = [event_leaf("genesis", 0, data={"log_key": verifier(APPLIANCE + "/events"),
                                             "practice": True}),
              event_leaf("start", 1), event_leaf("shard", 2, data={
                  "first": 0, "log": "use", "name": "2026-11-0001", "root": b64url(whole),
                  "size": 260}), event_leaf("stop", 3)]
    write_tree(top / "events", [canonical(leaf) for leaf in events], APPLIANCE + "/events", 3)


def put_record(leaves):
    return b"".join(struct.pack(">H", len(leaf)) + leaf for leaf in leaves)


def pieces(octets):
    """Runs of at least 16 zeros as a count, everything else in hex."""
    for run in re.findall(rb"\0{16,}|(?:(?!\0{16})[\0-\xff])+", octets, re.S):
        yield len(run) if not any(run) else run.hex()


def write_tails():
    """What may be found behind the leaves of the sample's trees, and what is damage."""
    present, complete, room = "use/2026-11-0002", "use/2026-11-0001", bytes(4096)
    length = (HERE / "sample" / present / "entries").stat().st_size
    leaves = [canonical(use_leaf(i, caller="certify")) for i in range(265, 275)]
    torn = bytearray(put_record(leaves))
    hole = -length % 512 + 512
    torn[hole:hole + 512] = bytes(512)
    whole = 0
    while whole + 2 + len(leaves[0]) <= hole:
        whole += 2 + len(leaves[0])
    first = put_record(leaves[:1])
    rows = [
        ("zeros", present, room, None, 0),
        ("one octet of zero", present, b"\0", None, 0),
        ("zeros in events", "events", bytes(65536), None, 0),
        ("a leaf that is whole, and zeros", present, first + room, None, 1),
        ("a leaf that ends in zeros", present, first[:99] + room, None, 0),
        ("a leaf that begins with zeros", present, bytes(99) + first[99:] + room, None, 0),
        ("half a length", present, b"\1" + room, None, 0),
        ("leaves with a hole of a sector", present, bytes(torn) + room, None,
         whole // (2 + len(leaves[0]))),
        ("a leaf that is not there but has a hash", present, room, leaf_hash(leaves[0]), None),
        ("a leaf with a hole that has a hash", present, bytes(99) + first[99:] + room,
         leaf_hash(leaves[0]), None),
        ("zeros behind a complete shard", complete, room, None, None),
        ("an octet behind a complete shard", complete, b"x", None, None),
        ("zeros and an octet behind a complete shard", complete, room + b"x", None, None)]
    write("tails.json", [
        {"name": name, "tree": tree, "behind": list(pieces(behind)),
         **({"hash": hashed.hex()} if hashed else {}),
         **({"damage": True} if more is None else {"leaves": more})}
        for name, tree, behind, hashed, more in rows])


write_leaves()
write_trees()
write_checkpoints()
write_sample()
write_tails()
