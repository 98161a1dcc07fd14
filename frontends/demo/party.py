#!/usr/bin/python3
"""
A relying party or a wallet that was registered, and a person with a browser, for who tries them.

usage: party.py key FILE [--for-encryption]
       party.py login --ca FILE --issuer URL --client ID --key FILE --person ID --otps DIR [options]
       party.py credential ... --certify URL --configuration ID --scope SCOPE [options]

`key` makes a private key, unless it is there, and prints the public one as a JWK. `login` and `credential` log
the person in with a one-time password, which they find in DIR, and print what the party has then. docs/guides/companions.md
goes the whole way.
"""

import argparse
import json
import os
import pathlib
import sys

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from person import Person  # noqa: E402
from relying_party import Client, Key, Wallet, b64u, decoded  # noqa: E402
from web import Web  # noqa: E402

CALLBACK = "https://party.example/back"
WAYS = ("mosip:idp:acr:generated-code", "mosip:idp:acr:static-code")


def read_key(path):
    return serialization.load_pem_private_key(path.read_bytes(), None)


def make_key(path, for_encryption):
    private = (rsa.generate_private_key(65537, 2048) if for_encryption
               else ec.generate_private_key(ec.SECP256R1()))
    text = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption())
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)


def public_jwk(private):
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return {**Key(private).jwk(), "use": "sig", "alg": "ES256"}
    numbers = private.public_key().public_numbers()
    return {"kty": "RSA", "n": b64u(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
            "e": "AQAB", "use": "enc", "alg": "RSA-OAEP-256"}


def show(value):
    print(json.dumps(value, indent=1, ensure_ascii=False))


def key(arguments):
    if not arguments.file.exists():
        make_key(arguments.file, arguments.for_encryption)
    show(public_jwk(read_key(arguments.file)))


def terms(arguments):
    return {"key": Key(read_key(arguments.key)), "pushes": arguments.par,
            "bound": Key() if arguments.dpop else None,
            "opener": arguments.decrypt and read_key(arguments.decrypt)}


def logged_in(arguments, client, **asked):
    """What the browser comes back to the client with."""
    person = Person(client.web, arguments.person, arguments.otps)
    claims = [f"claim.{name}" for name in arguments.claims]
    return person.log_in(client.begin(acr_values=" ".join(WAYS), **asked), permits=claims)


def login(arguments):
    client = Client(Web(arguments.ca), arguments.issuer, arguments.client, CALLBACK,
                    **terms(arguments))
    wanted = {"userinfo": {name: None for name in arguments.claims}}
    had = client.person(logged_in(arguments, client, scope="openid", prompt="consent",
                                  claims=json.dumps(wanted)))
    show({"id_token": had["claims"], "userinfo": had["told"],
          "userinfo_came_as": "JWE" if had["userinfo"].count(".") == 4 else "JWS"})


def credential(arguments):
    wallet = Wallet(Web(arguments.ca), arguments.issuer, arguments.client, CALLBACK,
                    arguments.certify, **terms(arguments))
    had = wallet.credential(logged_in(arguments, wallet, scope=arguments.scope),
                            arguments.configuration)
    made = had["credential"]
    show({"header": decoded(made)[0] if isinstance(made, str) else None, "claims": had["claims"]})


def command_line():
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="key | login | credential")
    made = commands.add_parser("key", help="make a key, and print the public one as a JWK")
    made.add_argument("file", type=pathlib.Path)
    made.add_argument("--for-encryption", action="store_true", help="RSA, to open userinfo with")
    made.set_defaults(do=key)
    for name, do, told in (("login", login, "log a person in"),
                           ("credential", credential, "get a credential")):
        one = commands.add_parser(name, help=told)
        one.set_defaults(do=do)
        one.add_argument("--ca", required=True, help="who issued the companions' certificates")
        one.add_argument("--issuer", required=True, help="of ID tokens: https://.../v1/esignet")
        one.add_argument("--client", required=True, help="clientId")
        one.add_argument("--key", required=True, type=pathlib.Path, help="its private key")
        one.add_argument("--person", required=True, help="number of a person of the register")
        one.add_argument("--otps", required=True, type=pathlib.Path,
                         help="directory in which their one-time passwords appear")
        one.add_argument("--claims", default=[], type=lambda text: text.split(","),
                         help="that are asked for and agreed to, between commas")
        one.add_argument("--par", action="store_true", help="push the request (RFC 9126)")
        one.add_argument("--dpop", action="store_true", help="tokens that are bound (RFC 9449)")
        one.add_argument("--decrypt", type=pathlib.Path, help="key that userinfo is encrypted to")
        if do is credential:
            one.add_argument("--certify", required=True, help="identifier of the issuer")
            one.add_argument("--configuration", required=True, help="of the credential")
            one.add_argument("--scope", required=True, help="of the configuration")
    return parser


def main():
    arguments = command_line().parse_args()
    try:
        arguments.do(arguments)
    except (OSError, RuntimeError, ValueError, jwt.PyJWTError) as error:
        print(f"party.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
