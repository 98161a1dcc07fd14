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


def whole_leaves(octets):
    """(leaf, where it ends) up to the first that is not all there: an appliance may be writing it
    now."""
    at = 0
    while at + 2 <= len(octets):
        end = at + 2 + int.from_bytes(octets[at:at + 2], "big")
        leaf = octets[at + 2:end]
        if end == at + 2 or end > len(octets) or 0 in leaf:
            return
        yield leaf, end
        at = end


def read_tree(directory):
    for leaf, _end in whole_leaves((pathlib.Path(directory) / "entries").read_bytes()):
        yield json.loads(leaf)


def read_use(log_directory):
    for shard in sorted((pathlib.Path(log_directory) / "use").iterdir()):
        yield from read_tree(shard)


# The appliance's own uses of keys: what it signs by its schedule, such as a list of revoked
# certificates, without a request.
OWN = b'"caller":"privyseal.'


class UseCounter:
    """How many leaves of requests the record of uses has. A count reads on where the last one
    ended, in each shard."""

    def __init__(self, log_directory):
        self.directory = pathlib.Path(log_directory) / "use"
        self.seen = {}  # shard: (octets, leaves)

    def count(self):
        for shard in self.directory.iterdir():
            at, leaves = self.seen.get(shard.name, (0, 0))
            with open(shard / "entries", "rb") as file:
                file.seek(at)
                octets = file.read()
            end = 0
            for leaf, end in whole_leaves(octets):
                leaves += OWN not in leaf
            self.seen[shard.name] = (at + end, leaves)
        return sum(leaves for _at, leaves in self.seen.values())


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
