"""Verifies and makes COSE_Sign1 with `pycose` from PyPI. One JSON object per line on standard input,
one result per line on standard output.

  {"do": "verify", "cose": b64u, "cose_key": b64u, "payload": b64u of a detached one, "aad": b64u}
                                    "claims": true: of a CWT, octets in hexadecimal
  {"do": "sign", "alg": "ES256", "payload": b64u, "tagged": true, "detached": false, "aad": b64u}
  {"do": "mso", "doctype": "..."}                 a MobileSecurityObject as an mdoc's issuer signs it
  {"do": "mdoc", "cose": b64u, "issuer": PEM}     its IssuerAuth, read and verified by `pymdoccbor`

pycose knows no ES256K: there `cbor2` and `cryptography` do it, with Sig_structure as RFC 9052 has it.
"""

import base64
import json
import sys

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (decode_dss_signature,
                                                             encode_dss_signature)
from cryptography.x509 import load_pem_x509_certificate
from pycose import algorithms, headers
from pycose.keys import CoseKey, EC2Key, OKPKey, RSAKey, curves
from pycose.messages import Sign1Message
from pymdoccbor.mso.verifier import MsoVerifier

ALGORITHMS = {
    "RS256": algorithms.RsaPkcs1Sha256, "RS384": algorithms.RsaPkcs1Sha384,
    "RS512": algorithms.RsaPkcs1Sha512, "PS256": algorithms.Ps256, "PS384": algorithms.Ps384,
    "PS512": algorithms.Ps512, "ES256": algorithms.Es256, "ES384": algorithms.Es384,
    "ES512": algorithms.Es512, "EdDSA": algorithms.EdDSA,
}
CURVES = {"ES256": (ec.SECP256R1, curves.P256, 32), "ES384": (ec.SECP384R1, curves.P384, 48),
          "ES512": (ec.SECP521R1, curves.P521, 66)}
ES256K = -47
RSA = rsa.generate_private_key(65537, 2048)


def unb64u(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64u(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def number(value):
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def to_sign(protected, aad, payload):
    return cbor2.dumps(["Signature1", protected, aad, payload])


def as_json(value):
    if isinstance(value, dict):
        return {str(name): as_json(one) for name, one in value.items()}
    return value.hex() if isinstance(value, bytes) else value


def claims_of(row, payload):
    return {"claims": as_json(cbor2.loads(payload))} if row.get("claims") else {}


def verify_es256k(row, message):
    protected, _unprotected, payload, signature = message
    key = cbor2.loads(unb64u(row["cose_key"]))
    assert cbor2.loads(protected)[1] == ES256K and key[1] == 2 and key[-1] == 8
    public = ec.EllipticCurvePublicNumbers(int.from_bytes(key[-2], "big"),
                                           int.from_bytes(key[-3], "big"),
                                           ec.SECP256K1()).public_key()
    payload = unb64u(row["payload"]) if payload is None else payload
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"),
                               int.from_bytes(signature[32:], "big"))
    public.verify(der, to_sign(protected, unb64u(row.get("aad", "")), payload),
                  ec.ECDSA(hashes.SHA256()))
    return {"payload": b64u(payload), **claims_of(row, payload)}


def sign_es256k(row):
    key = ec.generate_private_key(ec.SECP256K1())
    public, protected = key.public_key().public_numbers(), cbor2.dumps({1: ES256K})
    payload = unb64u(row["payload"])
    r, s = decode_dss_signature(key.sign(to_sign(protected, unb64u(row.get("aad", "")), payload),
                                         ec.ECDSA(hashes.SHA256())))
    message = [protected, {}, None if row.get("detached") else payload,
               r.to_bytes(32, "big") + s.to_bytes(32, "big")]
    message = cbor2.CBORTag(18, message) if row.get("tagged", True) else message
    return {"cose": b64u(cbor2.dumps(message)), "cose_key": b64u(cbor2.dumps({
        1: 2, -1: 8, -2: public.x.to_bytes(32, "big"), -3: public.y.to_bytes(32, "big")}))}


def parts(octets):
    """The array of four, whatever tags stand before it: pycose reads tagged messages alone."""
    item = cbor2.loads(octets)
    while isinstance(item, cbor2.CBORTag):
        item = item.value
    return [item[0], dict(item[1]), *item[2:]]


def verify(row):
    item = parts(unb64u(row["cose"]))
    if cbor2.loads(item[0])[1] == ES256K:
        return verify_es256k(row, item)
    message = Sign1Message.from_cose_obj(item, True)
    message.key = CoseKey.decode(unb64u(row["cose_key"]))
    message.external_aad = unb64u(row.get("aad", ""))
    payload = unb64u(row["payload"]) if message.payload is None else message.payload
    assert message.verify_signature(detached_payload=payload if message.payload is None else None)
    chain = message.uhdr.get(headers.X5chain, message.phdr.get(headers.X5chain, []))
    return {"payload": b64u(payload), **claims_of(row, payload),
            "chain": [b64u(one) for one in ([chain] if isinstance(chain, bytes) else chain)]}


def make_key(algorithm):
    """A private key of pycose, and its public half as COSE_Key."""
    if algorithm in CURVES:
        curve, named, size = CURVES[algorithm]
        private = ec.generate_private_key(curve()).private_numbers()
        point = {"x": private.public_numbers.x.to_bytes(size, "big"),
                 "y": private.public_numbers.y.to_bytes(size, "big")}
        return EC2Key(crv=named, d=private.private_value.to_bytes(size, "big"),
                      **point), EC2Key(crv=named, **point)
    if algorithm == "EdDSA":
        private = ed25519.Ed25519PrivateKey.generate()
        x = private.public_key().public_bytes_raw()
        return (OKPKey(crv=curves.Ed25519, x=x, d=private.private_bytes_raw()),
                OKPKey(crv=curves.Ed25519, x=x))
    private = RSA.private_numbers()
    public = {"n": number(private.public_numbers.n), "e": number(private.public_numbers.e)}
    return RSAKey(**public, d=number(private.d), p=number(private.p), q=number(private.q),
                  dp=number(private.dmp1), dq=number(private.dmq1),
                  qinv=number(private.iqmp)), RSAKey(**public)


def sign(row):
    if row["alg"] == "ES256K":
        return sign_es256k(row)
    private, public = make_key(row["alg"])
    message = Sign1Message(phdr={headers.Algorithm: ALGORITHMS[row["alg"]]},
                           uhdr={headers.KID: b"theirs"}, payload=unb64u(row["payload"]),
                           external_aad=unb64u(row.get("aad", "")), key=private)
    item = parts(message.encode())
    item[2] = None if row.get("detached") else item[2]
    tagged = cbor2.CBORTag(18, item) if row.get("tagged", True) else item
    return {"cose": b64u(cbor2.dumps(tagged)), "cose_key": b64u(public.encode())}


def mso(row):
    """ISO 18013-5 section 9.1.2.4: the payload is tag 24 around the octets of the object."""
    at = {name: cbor2.CBORTag(0, f"20{year}-01-01T00:00:00Z")
          for name, year in (("signed", 26), ("validFrom", 26), ("validUntil", 30))}
    octets = cbor2.dumps({"version": "1.0", "digestAlgorithm": "SHA-256", "docType": row["doctype"],
                          "valueDigests": {"org.iso.18013.5.1": {0: bytes(32)}},
                          "deviceKeyInfo": {"deviceKey": {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}},
                          "validityInfo": at})
    return {"payload": b64u(cbor2.dumps(cbor2.CBORTag(24, octets)))}


def mdoc(row):
    item = cbor2.loads(unb64u(row["cose"]))
    assert not isinstance(item, cbor2.CBORTag)
    verifier = MsoVerifier(item)
    issuer = load_pem_x509_certificate(row["issuer"].encode())
    assert verifier.verify_signature([issuer]) and verifier.verified_root == issuer
    return {"doctype": verifier.payload_as_dict["docType"]}


DOES = {"sign": sign, "verify": verify, "mso": mso, "mdoc": mdoc}
for line in sys.stdin:
    try:
        asked = json.loads(line)
        print(json.dumps({"good": True, **DOES[asked["do"]](asked)}), flush=True)
    except Exception as error:  # whatever a library throws is an answer
        print(json.dumps({"good": False, "error": repr(error)}), flush=True)
