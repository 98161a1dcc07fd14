"""Reads the log's record as docs/log-format.md describes it, and the log form of signatures."""

import hashlib
import json
import pathlib

from .http_unix import b64u, unb64u

# Orders of the groups (SEC 2), for R || min(S, n - S).
ORDERS = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": int("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
                 "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16),
    "ES512": int("01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA"
                 "51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409", 16),
    "ES256K": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
}


def read_tree(directory):
    """The leaves up to the first that is not all there: an appliance may be writing it now."""
    octets = (pathlib.Path(directory) / "entries").read_bytes()
    at = 0
    while at + 2 <= len(octets):
        length = int.from_bytes(octets[at:at + 2], "big")
        leaf = octets[at + 2:at + 2 + length]
        if length == 0 or len(leaf) < length or 0 in leaf:
            return
        yield json.loads(leaf)
        at += 2 + length


def read_use(log_directory):
    for shard in sorted((pathlib.Path(log_directory) / "use").iterdir()):
        yield from read_tree(shard)


def read_events(log_directory):
    yield from read_tree(pathlib.Path(log_directory) / "events")


def leaf_hash_of_signature(algorithm, signature):
    """What the leaf of this signature carries in `hash`."""
    order = ORDERS.get(algorithm)
    if order is not None:
        half = len(signature) // 2
        s = int.from_bytes(signature[half:], "big")
        signature = signature[:half] + min(s, order - s).to_bytes(half, "big")
    return b64u(hashlib.sha256(signature).digest())


def leaf_hash_of_jws(jws):
    header, _payload, signature = jws.split(".")
    return leaf_hash_of_signature(json.loads(unb64u(header))["alg"], unb64u(signature))
