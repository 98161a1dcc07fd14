"""Every COSE algorithm and shape that is made here verifies in two libraries, and theirs here."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from harness.client_library import OK, REFUSED, USAGE, ClientLibrary
from harness.dev_room import DevRoom
from harness.external_ca import ExternalCa, pem
from harness.http_unix import b64u, unb64u

from .test_jws import ALGORITHMS

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


CLAIMS = {"iss": "https://a.example", "169": {"4": "A. Name"}}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_cwt(client, auth0, pycose, algorithm):
    answer = client.post("/v1/cwt/sign", {"key": key_of(algorithm), "algorithm": algorithm,
                                          "ttl_s": 60, "claims": CLAIMS})
    assert answer.status == 200, answer
    jwk, cose_key = public_keys(client, key_of(algorithm))
    cwt = answer.json()["cwt"]
    theirs = [pycose({"do": "verify", "cose": cwt, "cose_key": cose_key, "claims": True}),
              auth0({"do": "verify", "cose": cwt, "jwk": {**jwk, "alg": algorithm}, "claims": True})]
    for each in theirs:
        assert each["good"], each
        claims = each["claims"]
        assert claims["1"] == CLAIMS["iss"] and claims["169"] == CLAIMS["169"]
        assert claims["4"] == claims["6"] + 60 and len(claims["7"]) == 32
    assert theirs[0]["claims"] == theirs[1]["claims"]


@pytest.mark.parametrize("library", ["pycose", "auth0"])
def test_their_cwt_verifies_here(client, request, library):
    """RFC 8392 section 6: the tag of a CWT stands before that of COSE_Sign1."""
    claims = bytes.fromhex("a20169") + b"a.example" + bytes.fromhex("041a6cf4fd80")
    made = request.getfixturevalue(library)({"do": "sign", "alg": "ES256", "payload": b64u(claims)})
    cwt = bytes.fromhex("d83d") + unb64u(made["cose"])
    assert cwt[2] == 0xd2
    question = {"cose": b64u(cwt), "cose_key": made["cose_key"]}
    assert_valid_and_broken_not(client, question, claims)
    for wrong in (cwt[:2] + cwt[3:], cwt[:2] + cwt, bytes.fromhex("d83e") + cwt[2:]):
        answer = client.post("/v1/cose/verify1", {**question, "cose": b64u(wrong)})
        assert answer.status == 400, answer


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


def assert_valid_and_broken_not(client, question, payload=PAYLOAD):
    answer = client.post("/v1/cose/verify1", question)
    assert answer.status == 200 and answer.json()["valid"] is True, answer
    assert unb64u(answer.json()["payload"]) == payload
    octets = bytearray(unb64u(question["cose"]))
    octets[-1] ^= 1
    answer = client.post("/v1/cose/verify1", {**question, "cose": b64u(bytes(octets))})
    assert answer.status == 200 and answer.json()["valid"] is False, answer


# --- By the client library ---

def test_by_the_client_library(appliance, client, auth0, pycose):
    """Each member of the request arrives; what is made is what the route makes."""
    name = KEYS["rsa-2048"]
    jwk, cose_key = public_keys(client, name)
    with ClientLibrary(appliance) as library:
        code, made = library.sign("cose", key=name, payload=PAYLOAD, algorithm="PS384", untagged=1,
                                  detached=1, external_aad=AAD, headers={
                                      "in_protected": '{"3":"a/b"}', "in_unprotected": '{"100":7}',
                                      "include_protected": '["kid"]', "kid_prefix": "did:a#"})
        assert code == OK, library.last_error()
        cose = made["signed_text"].decode()
        assert (made["kid"].decode(), made["version"]) == (jwk["kid"], 1)
        both_verify(({**jwk, "alg": "PS384"}, cose_key), auth0, pycose, cose, PAYLOAD, AAD)
        octets = unb64u(cose)
        for part in (b"\x84", b"\x03\x63a/b", b"did:a#" + made["kid"], b"\x18\x64\x07"):
            assert part in octets
        assert octets[0] == 0x84 and PAYLOAD not in octets
        code, made = library.sign("cose", key=name, payload=b"", headers={"include": '["kid"]'})
        assert code == OK and unb64u(made["signed_text"].decode())[0] == 0xd2, made
        code, made = library.sign("cwt", key=name, algorithm="RS512", tag="none", ttl_s=60,
                                  claims='{"iss":"https://a.example"}',
                                  headers={"include": '["kid"]'})
        assert code == OK, library.last_error()
        theirs = pycose({"do": "verify", "cose": made["signed_text"].decode(), "cose_key": cose_key,
                         "claims": True})
        claims = theirs["claims"]
        assert claims["1"] == CLAIMS["iss"] and claims["4"] == claims["6"] + 60, theirs
        assert unb64u(made["signed_text"].decode())[0] == 0x84
        assert library.sign("cose", payload=b"")[0] == library.sign("cwt", key=name)[0] == USAGE
        code, made = library.sign("cwt", key="certify.vc-eddsa", claims="{}")
        assert (code, made["answer"]["problem"]["code"]) == (REFUSED, b"key-mismatch")


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
