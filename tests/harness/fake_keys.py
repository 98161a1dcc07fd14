"""Reads private keys out of the scripted module's files (tests/fake_p11/README.md)."""

from .fake_token import FakeControl

CKA_CLASS, CKA_VALUE, CKA_PRIVATE_EXPONENT, CKA_PRIME_1 = 0x0, 0x11, 0x123, 0x124
CKO_PRIVATE_KEY = 3


def read_object(path):
    lines = path.read_text().splitlines()[1:]
    return {int(line.split()[0], 16): bytes.fromhex(line.split()[1]) if " " in line else b""
            for line in lines if line}


def private_keys(appliance):
    """EC scalars, Ed25519 seeds, RSA exponents and primes of every private key of the token."""
    secrets = []
    for path in sorted(FakeControl(appliance).directory.glob("objects-*/*.obj")):
        attributes = read_object(path)
        if int.from_bytes(attributes[CKA_CLASS], "little") != CKO_PRIVATE_KEY:
            continue
        secrets += [attributes[kind] for kind in (CKA_VALUE, CKA_PRIVATE_EXPONENT, CKA_PRIME_1)
                    if len(attributes.get(kind, b"")) >= 32]
    return secrets
