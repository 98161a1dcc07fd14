"""Reads private keys out of the scripted module's files (tests/fake_p11/README.md)."""

from .fake_token import FakeControl

CKA_CLASS, CKA_VALUE = 0x0, 0x11
CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2 = 0x123, 0x124, 0x125
CKO_PRIVATE_KEY = 3


def read_object(path):
    lines = path.read_text().splitlines()[1:]
    rows = [line.partition(" ") for line in lines if line]
    return {int(kind, 16): bytes.fromhex(value) for kind, _space, value in rows}


def private_keys(appliance):
    """EC scalars, Ed25519 seeds, RSA exponents and primes of every private key of the token."""
    secrets = []
    for path in sorted(FakeControl(appliance).directory.glob("objects-*/*.obj")):
        attributes = read_object(path)
        if int.from_bytes(attributes[CKA_CLASS], "little") != CKO_PRIVATE_KEY:
            continue
        secrets += [attributes[kind] for kind in
                    (CKA_VALUE, CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2)
                    if len(attributes.get(kind, b"")) >= 32]
    return secrets
