#!/usr/bin/python3
"""Verifies JWTs against a JWK set with PyJWT and python3-cryptography: software that is not ours.

usage: verify-tokens.py JWKS-FILE TOKEN-FILE...
"""

import json
import sys

import jwt


def main():
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    with open(sys.argv[1], encoding="utf-8") as file:
        keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(json.load(file)).keys}
    for name in sys.argv[2:]:
        with open(name, encoding="ascii") as file:
            token = file.read().strip()
        header = jwt.get_unverified_header(token)
        key = keys[header["kid"]]
        # What is pinned here is the algorithm; audience and issuer are the relying party's matter.
        claims = jwt.decode(token, key.key, algorithms=[header["alg"]],
                            options={"verify_aud": False})
        print(f"   {name.rsplit('/', 1)[-1]}: {header['alg']} signature by key "
              f"{header['kid'][:12]}... is good; issuer {claims['iss']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
