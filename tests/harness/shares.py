"""Shares of a PIN as lib/ceremony/custody/share.h has them, put together by an arithmetic that is not the appliance's."""

import collections

HEAD = b"PSSHARE\x02"  # version 2: the value, and 16 random octets behind it
SET = 16
BLIND = 16

Share = collections.namedtuple("Share", "number value blind")


def read(octets):
    """A share as its officer has it when it is opened."""
    assert octets.startswith(HEAD), octets[:8]
    number, at = octets[11], 12 + SET
    for _ in ("token", "officer"):
        at += 1 + octets[at]
    value = octets[at + 1:at + 1 + octets[at]]
    blind = octets[at + 1 + len(value):]
    assert len(value) >= 8 and len(blind) == BLIND, octets
    return Share(number, value, blind)


def times(a, b):
    """In GF(2^8) with the polynomial 0x11d."""
    product = 0
    while b:
        product ^= a * (b & 1)
        a = a << 1 ^ (0x11d if a & 0x80 else 0)
        b >>= 1
    return product


def inverse(a):
    power = 1
    for _ in range(254):
        power = times(power, a)
    return power


def combine(shares):
    """Shamir's: the value at 0 of the polynomial that goes through the shares."""
    weights = []
    for share in shares:
        weight = 1
        for other in shares:
            if other is not share:
                weight = times(weight, times(other.number, inverse(other.number ^ share.number)))
        weights.append(weight)
    columns = zip(*(share.value for share in shares), strict=True)
    pin = bytearray()
    for column in columns:
        octet = 0
        for weight, part in zip(weights, column, strict=True):
            octet ^= times(weight, part)
        pin.append(octet)
    return bytes(pin)
