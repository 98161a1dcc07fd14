"""Every COSE algorithm and shape that is made here verifies in two libraries, and theirs here."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from harness.dev_room import DevRoom
from harness.external_ca import ExternalCa, pem
from harness.http_unix import b64u, unb64u

from test_jws import ALGORITHMS

PAYLOAD = bytes(range(256)) + b"\xff\xfe octets, no text"
AAD = b"\x00external"


# The keys that a practice appliance has for each type.
KEYS = {"rsa-2048": "test.rsa", "ec-p256": "test.es256", "ec-p384": "test.es384",
        "ec-p521": "test.es512", "ec-secp256k1": "test.es256k", "ed25519": "test.eddsa"}


@pytest.fixture(scope="module")
def auth0(ask_node):
    return ask_node("cose.mjs")


@pytest.fixture(scope="module")
def pycose(ask_python):
    return ask_python("cose.py")


def key_of(algorithm):
    return KEYS[ALGORITHMS[algorithm]]


def public_keys(client, name):
    """As a JWK and as COSE_Key."""
    jwk = client.get(f"/v1/keys/{name}/public")
    cose_key = client.get(f"/v1/keys/{name}/public", headers={"Accept": "application/cose-key"})
    assert jwk.status == cose_key.status == 200, (jwk, cose_key)
    return jwk.json(), b64u(cose_key.body)


def both_verify(public, auth0, pycose, cose, detached=None, aad=None):
    jwk, cose_key = public
    extra = {"payload": b64u(detached)} if detached is not None else {}
    extra |= {"aad": b64u(aad)} if aad is not None else {}
    for theirs in (auth0({"do": "verify", "cose": cose, "jwk": jwk, **extra}),
                   pycose({"do": "verify", "cose": cose, "cose_key": cose_key, **extra})):
        assert theirs["good"], theirs
        assert unb64u(theirs["payload"]) == PAYLOAD


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("shape", [
    {}, {"tagged": False}, {"detached": True, "tagged": False, "external_aad": b64u(AAD)}])
def test_made_here(client, auth0, pycose, algorithm, shape):
    answer = client.post("/v1/cose/sign1", {"key": key_of(algorithm), "payload": b64u(PAYLOAD),
                                            "algorithm": algorithm, "include_protected": ["kid"],
                                            **shape})
    assert answer.status == 200, answer
    is_detached = "detached" in shape
    jwk, cose_key = public_keys(client, key_of(algorithm))
    both_verify(({**jwk, "alg": algorithm}, cose_key), auth0, pycose, answer.json()["cose"],
                detached=PAYLOAD if is_detached else None, aad=AAD if is_detached else None)


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256"])
def test_a_cwt(client, pycose, algorithm):
    answer = client.post("/v1/cwt/sign", {
        "key": key_of(algorithm), "algorithm": algorithm, "ttl_s": 60,
        "claims": {"iss": "https://a.example", "169": {"4": "A. Name"}}})
    assert answer.status == 200, answer
    _jwk, cose_key = public_keys(client, key_of(algorithm))
    theirs = pycose({"do": "verify", "cose": answer.json()["cwt"], "cose_key": cose_key,
                     "claims": True})
    assert theirs["good"], theirs
    claims = theirs["claims"]
    assert claims["1"] == "https://a.example" and claims["169"] == {"4": "A. Name"}
    assert claims["4"] == claims["6"] + 60 and len(claims["7"]) == 32


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("shape", [
    {"tagged": True}, {"tagged": False, "detached": True, "aad": b64u(AAD)}])
def test_pycose_verifies_here(client, pycose, algorithm, shape):
    made = pycose({"do": "sign", "alg": algorithm, "payload": b64u(PAYLOAD), **shape})
    assert made["good"], made
    question = {"cose": made["cose"], "cose_key": made["cose_key"]}
    if "detached" in shape:
        question |= {"payload": b64u(PAYLOAD), "external_aad": shape["aad"]}
    assert_valid_and_broken_not(client, question)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_auth0_verifies_here(client, auth0, algorithm):
    made = auth0({"do": "sign", "alg": algorithm, "payload": b64u(PAYLOAD)})
    assert made["good"], made
    assert_valid_and_broken_not(client, {"cose": made["cose"], "jwks": {"keys": [made["jwk"]]}})
    if made.get("cose_key"):
        assert_valid_and_broken_not(client, {"cose": made["cose"], "cose_key": made["cose_key"]})


def assert_valid_and_broken_not(client, question):
    answer = client.post("/v1/cose/verify1", question)
    assert answer.status == 200 and answer.json()["valid"] is True, answer
    assert unb64u(answer.json()["payload"]) == PAYLOAD
    octets = bytearray(unb64u(question["cose"]))
    octets[-1] ^= 1
    answer = client.post("/v1/cose/verify1", {**question, "cose": b64u(bytes(octets))})
    assert answer.status == 200 and answer.json()["valid"] is False, answer


# --- Certificates ---

CHAIN_KEY = "certify.mdoc"


@pytest.fixture(scope="module")
def outside(appliance):
    """A CA that is not ours, which gave the key of an mdoc issuer its certificate."""
    room, ca = DevRoom(appliance), ExternalCa()
    made = room.post("/v1/x509/csr", {"key": CHAIN_KEY, "subject": {"common_name": "Signer"}})
    ca.leaf = ca.answer(made["result"]["csr"])
    answer = room.change("PUT", f"/v1/keys/{CHAIN_KEY}/certificate", {
        "chain": pem(ca.leaf, ca.certificate, ca.root)})
    assert answer.status in (200, 201), answer
    return ca


@pytest.mark.parametrize("bucket", ["include", "include_protected"])
def test_a_chain(client, outside, auth0, pycose, bucket):
    """The signer's certificate and its issuer's; the root is the verifier's own to have."""
    answer = client.post("/v1/cose/sign1", {"key": CHAIN_KEY, "payload": b64u(PAYLOAD),
                                            bucket: ["x5chain", "x5t", "kid"]})
    assert answer.status == 200, answer
    jwk, cose_key = public_keys(client, CHAIN_KEY)
    chain = [b64u(one.public_bytes(Encoding.DER)) for one in (outside.leaf, outside.certificate)]
    cose = answer.json()["cose"]
    for theirs in (auth0({"do": "verify", "cose": cose, "jwk": jwk}),
                   pycose({"do": "verify", "cose": cose, "cose_key": cose_key})):
        assert theirs["good"] and theirs["chain"] == chain, theirs
    by_roots = auth0({"do": "verify-x509", "cose": cose, "roots": [pem(outside.root)]})
    assert by_roots["good"], by_roots
    stranger = auth0({"do": "verify-x509", "cose": cose, "roots": [pem(ExternalCa().root)]})
    assert not stranger["good"]
    # Here it is no word for the key: who trusts the certificate says so.
    question = {"cose": cose, "certificates": [
        base64.b64encode(outside.leaf.public_bytes(Encoding.DER)).decode()]}
    assert client.post("/v1/cose/verify1", question).json()["valid"] is True
    question["certificates"] = [
        base64.b64encode(ExternalCa().certificate.public_bytes(Encoding.DER)).decode()]
    assert client.post("/v1/cose/verify1", question).json()["valid"] is False


def test_a_thumbprint_is_the_hash_of_the_leaf(client, outside):
    answer = client.post("/v1/cose/sign1", {"key": CHAIN_KEY, "payload": "",
                                            "include_protected": ["x5t"]})
    assert answer.status == 200, answer
    digest = hashlib.sha256(outside.leaf.public_bytes(Encoding.DER)).digest()
    # 34: [-16, bytes], RFC 9360 section 2
    assert b"\x18\x22\x82\x2f\x58\x20" + digest in unb64u(answer.json()["cose"])


def test_the_issuer_auth_of_an_mdoc(client, outside, pycose):
    made = pycose({"do": "mso", "doctype": "org.iso.18013.5.1.mDL"})
    answer = client.post("/v1/cose/sign1", {"key": CHAIN_KEY, "payload": made["payload"],
                                            "tagged": False, "include": ["x5chain"]})
    assert answer.status == 200, answer
    theirs = pycose({"do": "mdoc", "cose": answer.json()["cose"],
                     "issuer": pem(outside.certificate)})
    assert theirs["good"] and theirs["doctype"] == "org.iso.18013.5.1.mDL", theirs
    theirs = pycose({"do": "mdoc", "cose": answer.json()["cose"],
                     "issuer": pem(ExternalCa().certificate)})
    assert not theirs["good"]
