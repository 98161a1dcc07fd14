#!/usr/bin/python3
"""Whether the time of a refused decryption tells why it was refused.

    tests/bench/oracle.py [--tries 20000] [--route aes|rsa|jwe|ecdh]

Starts an appliance of its own and sends ciphertexts that cannot be decrypted for different reasons,
in random order over one connection. Each reason's times are held against those of all others by
the two-sample Kolmogorov-Smirnov test. Ends with 1 when one of them differs more than chance
explains (1 in 1,000 for the whole run), or when an answer is not the one that all must be.

Nothing else should run on the machine: noise hides differences, and does not make any.
"""

import argparse
import bisect
import json
import math
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import padding  # noqa: E402

from harness.appliance import Appliance  # noqa: E402
from harness.dev_room import DevRoom  # noqa: E402
from harness.http_unix import b64u, unb64u  # noqa: E402

CHANCE = 0.001
VARIANTS = 50  # of each reason, so that none is known by one ciphertext
# An AES ciphertext of 64 octets: 0 form, 1-4 version, 5-16 nonce, 17-80 text, 81-96 tag.
AES, OTHER_AES, RSA, OTHER_RSA = "test.aes", "oracle.aes", "oidc.decrypt", "oracle.rsa"
EC, OTHER_EC = "test.agree-p256", "oracle.ec"


def smirnov(first, second):
    """The probability of so large a distance between samples of one distribution."""
    first, second = sorted(first), sorted(second)
    distance = max(abs(bisect.bisect_right(first, at) / len(first)
                       - bisect.bisect_right(second, at) / len(second))
                   for at in first + second)
    root = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    scaled = (root + 0.12 + 0.11 / root) * distance
    total = 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, total))


class Sealer:
    """Makes what cannot be decrypted."""

    def __init__(self, room, client):
        self.room, self.client = room, client
        for name, kind, usage in ((OTHER_AES, "aes-256", "encrypt"),
                                  (OTHER_RSA, "rsa-2048", "decrypt"),
                                  (OTHER_EC, "ec-p256", "decrypt")):
            room.post("/v1/keys", {"name": name, "type": kind, "usage": usage})

    def ask(self, target, body):
        answer = self.client.post(target, body)
        assert answer.status == 200, answer
        return answer.json()

    def aes(self, key):
        body = {"plaintext": b64u(random.randbytes(64))}
        return unb64u(self.ask(f"/v1/keys/{key}/encrypt", body)["ciphertext"])

    def rsa(self, key, octets=32):
        answer = self.room.client.get(f"/v1/keys/{key}/public",
                                      headers={"Accept": "application/x-pem-file"})
        sha = hashes.SHA256()
        return serialization.load_pem_public_key(answer.body).encrypt(
            random.randbytes(octets), padding.OAEP(padding.MGF1(sha), sha, None))

    def kid(self, key):
        return self.room.client.get(f"/v1/keys/{key}/public").json()["kid"].encode()

    def jwe(self, key, algorithm="RSA-OAEP-256"):
        body = {"key": key, "algorithm": algorithm, "encryption": "A256GCM",
                "plaintext": b64u(random.randbytes(64))}
        return self.ask("/v1/jwe/encrypt", body)["jwe"]


def changed(octets, at):
    return octets[:at] + bytes([octets[at] ^ 0x10]) + octets[at + 1:]


def aes_reasons(sealer):
    return {
        "wrong tag": lambda: changed(sealer.aes(AES), 96),
        "wrong text": lambda: changed(sealer.aes(AES), 30),
        "wrong nonce": lambda: changed(sealer.aes(AES), 10),
        "wrong key": lambda: sealer.aes(OTHER_AES),
        "wrong form": lambda: changed(sealer.aes(AES), 0),
        "no version": lambda: changed(sealer.aes(AES), 1),
        "truncated": lambda: sealer.aes(AES)[:-1],
    }


def rsa_reasons(sealer):
    return {
        "malformed padding": lambda: bytes([0]) + random.randbytes(255),
        "changed": lambda: changed(sealer.rsa(RSA), 200),
        "wrong key": lambda: bytes([0]) + sealer.rsa(OTHER_RSA)[1:],
        "over the modulus": lambda: b"\xff" * 8 + random.randbytes(248),
        "truncated": lambda: sealer.rsa(RSA)[:-1],
    }


def jwe_part(jwe, number, change):
    parts = jwe.split(".")
    parts[number] = b64u(change(unb64u(parts[number])))
    return ".".join(parts)


def jwe_reasons(sealer):
    def made(number, change):
        return lambda: jwe_part(sealer.jwe(RSA), number, change)
    return {
        "malformed padding": made(1, lambda octets: bytes([0]) + random.randbytes(255)),
        "truncated key": made(1, lambda octets: octets[:-1]),
        "wrong key": made(1, lambda octets: bytes([0]) + sealer.rsa(OTHER_RSA)[1:]),
        "wrong content key": made(1, lambda octets: sealer.rsa(RSA)),
        "key of another length": made(1, lambda octets: sealer.rsa(RSA, 16)),
        "wrong tag": made(4, lambda octets: changed(octets, 15)),
        "truncated tag": made(4, lambda octets: octets[:-1]),
        "wrong text": made(3, lambda octets: changed(octets, 5)),
    }


def of_another_header(jwe, other):
    """With the header of the other: agreed on by another ephemeral key."""
    return ".".join([other.split(".", 1)[0], jwe.split(".", 1)[1]])


def ecdh_reasons(sealer):
    def sealed(key=EC):
        return sealer.jwe(key, "ECDH-ES+A256KW")

    def made(number, change):
        return lambda: jwe_part(sealed(), number, change)
    return {
        "wrong key": lambda: jwe_part(sealed(OTHER_EC), 0, lambda header: header.replace(
            sealer.kid(OTHER_EC), sealer.kid(EC))),
        "another agreement": lambda: of_another_header(sealed(), sealed()),
        "malformed wrapping": made(1, lambda octets: changed(octets, 7)),
        "truncated wrapping": made(1, lambda octets: octets[:-1]),
        "wrong tag": made(4, lambda octets: changed(octets, 15)),
        "truncated tag": made(4, lambda octets: octets[:-1]),
        "wrong text": made(3, lambda octets: changed(octets, 5)),
    }


def wrap_aes(octets):
    return f"/v1/keys/{AES}/decrypt", {"ciphertext": b64u(octets)}


def wrap_rsa(octets):
    return f"/v1/keys/{RSA}/decrypt", {"ciphertext": b64u(octets)}


def wrap_jwe(jwe):
    return "/v1/jwe/decrypt", {"key": RSA, "jwe": jwe}


def wrap_ecdh(jwe):
    return "/v1/jwe/decrypt", {"key": EC, "jwe": jwe}


ROUTES = {"aes": (aes_reasons, wrap_aes), "rsa": (rsa_reasons, wrap_rsa),
          "jwe": (jwe_reasons, wrap_jwe), "ecdh": (ecdh_reasons, wrap_ecdh)}


def requests_of(route, sealer):
    """Ciphertexts of each reason, as they are sent."""
    reasons, wrap = ROUTES[route]
    requests = {}
    for reason, make in reasons(sealer).items():
        wrapped = [wrap(make()) for _ in range(VARIANTS)]
        requests[reason] = [(target, json.dumps(body)) for target, body in wrapped]
    return requests


def measure(client, requests, tries):
    """Times in nanoseconds by reason; and the different answers there were."""
    times = {reason: [] for reason in requests}
    answers = set()
    order = [reason for reason in requests for _ in range(tries // len(requests))]
    random.shuffle(order)
    for reason in order:
        target, body = random.choice(requests[reason])
        began = time.perf_counter_ns()
        answer = client.request("POST", target, body, {"Content-Type": "application/json"})
        times[reason].append(time.perf_counter_ns() - began)
        told = answer.json()
        answers.add((answer.status, told["code"], told["title"], told.get("detail")))
    return times, answers


def judge(route, times, answers):
    bound = CHANCE / len(times) / len(ROUTES)
    good = len(answers) == 1
    for reason, own in times.items():
        others = [value for other, values in times.items() if other != reason for value in values]
        chance = smirnov(own, others)
        good = good and chance >= bound
        print(f"{route} {reason:24} {len(own):6} median {sorted(own)[len(own) // 2] / 1000:8.1f} us"
              f"   p {chance:.4f}{'' if chance >= bound else '   TELLS'}")
    if len(answers) != 1:
        print(f"{route}: different answers: {sorted(answers)}")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--tries", type=int, default=20000, help="of each route")
    parser.add_argument("--route", choices=ROUTES, action="append")
    options = parser.parse_args()
    good = True
    with Appliance() as appliance:
        room, client = DevRoom(appliance), appliance.client()
        sealer = Sealer(room, client)
        for route in options.route or ROUTES:
            requests = requests_of(route, sealer)
            measure(client, requests, 500)
            good = judge(route, *measure(client, requests, options.tries)) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
