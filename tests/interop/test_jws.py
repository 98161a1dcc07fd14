"""Every JWS algorithm and shape that is made here verifies in two libraries, and theirs here."""

import functools
import json
import warnings

import pytest
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jws as jwcrypto_jws

from harness.client_library import OK, REFUSED, USAGE, ClientLibrary
from harness.http_unix import b64u, unb64u

warnings.filterwarnings("ignore", category=DeprecationWarning)

# algorithm: (key type, algorithms of the key)
ALGORITHMS = {
    "RS256": "rsa-2048",
    "RS384": "rsa-2048",
    "RS512": "rsa-2048",
    "PS256": "rsa-2048",
    "PS384": "rsa-2048",
    "PS512": "rsa-2048",
    "ES256": "ec-p256",
    "ES384": "ec-p384",
    "ES512": "ec-p521",
    "ES256K": "ec-secp256k1",
    "EdDSA": "ed25519",
}
# key type: family and curve of a key that somebody else has
THEIR_KEYS = {"rsa-2048": ("RSA", None), "ec-p256": ("EC", "P-256"), "ec-p384": ("EC", "P-384"),
              "ec-p521": ("EC", "P-521"), "ec-secp256k1": ("EC", "secp256k1"),
              "ed25519": ("OKP", "Ed25519")}
PAYLOAD = '{"sub":"é \u2028","n":1.50}'.encode()


@pytest.fixture(scope="module")
def keys(appliance):
    """One key per algorithm, made through the API like any operator would."""
    names = {}
    for algorithm, key_type in ALGORITHMS.items():
        name = f"interop.{algorithm.lower()}"
        answer = appliance.change("POST", "/v1/keys", {
            "name": name, "type": key_type, "usage": "sign", "formats": ["jws"],
            "algorithms": [algorithm], "residence": "token"})
        assert answer.status in (200, 201), answer
        names[algorithm] = name
    return names


def public_keys(client, name):
    answer = client.get(f"/v1/keys/{name}/public")
    assert answer.status == 200, answer
    return {"keys": [answer.json()]}


def with_payload(jws, payload):
    """A detached JWS as flattened JSON with its payload put back, as RFC 7515 appendix F says."""
    header, _nothing, signature = jws.split(".")
    encoded = json.loads(unb64u(header)).get("b64", True)
    return {"protected": header, "signature": signature,
            "payload": b64u(payload) if encoded else payload.decode()}


def verify_with_jwcrypto(jws, keys, algorithm, payload=None):
    if payload is not None:
        jws = with_payload(jws, payload)
    token = jwcrypto_jws.JWS()
    token.allowed_algs = [algorithm]
    token.deserialize(jws if isinstance(jws, str) else json.dumps(jws))
    token.verify(jwcrypto_jwk.JWK(**keys["keys"][0]))
    return token.payload


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_compact(client, keys, jose, algorithm):
    answer = client.post("/v1/jws/sign", {"key": keys[algorithm], "payload": b64u(PAYLOAD)})
    assert answer.status == 200, answer
    jws = answer.json()["jws"]
    jwks = public_keys(client, keys[algorithm])
    theirs = jose({"do": "verify", "jws": jws, "jwks": jwks, "algorithms": [algorithm]})
    assert theirs["good"], theirs
    assert unb64u(theirs["payload"]) == PAYLOAD
    assert theirs["header"]["kid"] == jwks["keys"][0]["kid"]
    assert verify_with_jwcrypto(jws, jwks, algorithm) == PAYLOAD


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_flattened_json(client, keys, jose, algorithm):
    answer = client.post("/v1/jws/sign", {"key": keys[algorithm], "payload": b64u(PAYLOAD),
                                          "serialization": "json", "header": {"cty": "json"}})
    assert answer.status == 200, answer
    jws = answer.json()["jws"]
    jwks = public_keys(client, keys[algorithm])
    assert jose({"do": "verify", "jws": jws, "jwks": jwks, "algorithms": [algorithm]})["good"]
    assert verify_with_jwcrypto(jws, jwks, algorithm) == PAYLOAD


UNENCODED = b"$ 02 \xe2\x82\xac"  # what a compact one cannot carry


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_payload_that_is_not_encoded(client, keys, jose, algorithm):
    """RFC 7797 in the forms that have the payload in them; test_detached has the third."""
    jwks = public_keys(client, keys[algorithm])
    for serialization, payload in (("json", UNENCODED), ("compact", b"a-b_c~1")):
        answer = client.post("/v1/jws/sign", {"key": keys[algorithm], "payload": b64u(payload),
                                              "serialization": serialization, "b64": False})
        assert answer.status == 200, answer
        jws = answer.json()["jws"]
        if serialization == "compact":
            assert jws.split(".")[1] == payload.decode()
            jws = dict(zip(("protected", "payload", "signature"), jws.split(".")))
        assert jws["payload"] == payload.decode()
        theirs = jose({"do": "verify", "jws": jws, "jwks": jwks, "algorithms": [algorithm]})
        assert theirs["good"] and unb64u(theirs["payload"]) == payload, theirs
        verify_with_jwcrypto(jws, jwks, algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("encoded", [True, False])
def test_detached(client, keys, jose, algorithm, encoded):
    payload = b"$.02" if not encoded else PAYLOAD
    answer = client.post("/v1/jws/sign", {"key": keys[algorithm], "payload": b64u(payload),
                                          "serialization": "detached", "b64": encoded})
    assert answer.status == 200, answer
    jws = answer.json()["jws"]
    assert ".." in jws
    jwks = public_keys(client, keys[algorithm])
    theirs = jose({"do": "verify", "jws": jws, "jwks": jwks, "payload": b64u(payload),
                   "algorithms": [algorithm]})
    assert theirs["good"], theirs
    verify_with_jwcrypto(jws, jwks, algorithm, payload=payload)


@functools.cache
def their_key(key_type):
    family, curve = THEIR_KEYS[key_type]
    return jwcrypto_jwk.JWK.generate(kty=family, kid="theirs", **(
        {"size": 2048} if curve is None else {"crv": curve}))


def signed_by_jwcrypto(algorithm):
    """A JWS and the public key."""
    key, token = their_key(ALGORITHMS[algorithm]), jwcrypto_jws.JWS(PAYLOAD)
    token.allowed_algs = [algorithm]
    token.add_signature(key, protected=json.dumps({"alg": algorithm, "kid": "theirs"}))
    return token.serialize(compact=True), json.loads(key.export_public())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_theirs_verifies_here(client, jose, algorithm):
    made = jose({"do": "sign", "alg": algorithm, "payload": b64u(PAYLOAD)})
    assert made["good"], made
    for jws, jwk in ((made["jws"], made["jwk"]), signed_by_jwcrypto(algorithm)):
        answer = client.post("/v1/jws/verify", {"jws": jws, "jwks": {"keys": [jwk]}})
        assert answer.status == 200, answer
        assert answer.json()["valid"] is True
        assert unb64u(answer.json()["payload"]) == PAYLOAD
        broken = jws[:-6] + ("AAAAAA" if jws[-6:] != "AAAAAA" else "BBBBBB")
        answer = client.post("/v1/jws/verify", {"jws": broken, "jwks": {"keys": [jwk]}})
        assert answer.status in (200, 400, 422), answer
        assert answer.status != 200 or answer.json()["valid"] is False


def test_the_jwk_set_is_taken_by_both(client, keys, jose):
    """All of it: each finds the key of each signature among the others by its `kid`."""
    answer = client.get("/v1/jwks")
    assert answer.status == 200, answer
    assert "max-age" in answer.headers["cache-control"]
    taken = jwcrypto_jwk.JWKSet.from_json(answer.body.decode())
    assert len(list(taken)) == len(answer.json()["keys"]) >= len(keys)
    for algorithm, name in keys.items():
        jws = client.post("/v1/jws/sign", {"key": name, "payload": b64u(PAYLOAD)}).json()["jws"]
        theirs = jose({"do": "verify", "jws": jws, "jwks": answer.json(), "algorithms": [algorithm]})
        assert theirs["good"] and unb64u(theirs["payload"]) == PAYLOAD, theirs
        token = jwcrypto_jws.JWS()
        token.allowed_algs = [algorithm]
        token.deserialize(jws)
        token.verify(taken.get_key(json.loads(unb64u(jws.split(".")[0]))["kid"]))
    again = client.get("/v1/jwks", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status == 304


def test_by_the_client_library(appliance, client, keys, jose):
    """Each member of the request arrives; what is made is what the route makes."""
    name = keys["PS384"]
    jwks = public_keys(client, name)
    with ClientLibrary(appliance) as library:
        for form, members in enumerate(({"include": '["jwk"]'}, {"header": '{"cty":"json"}'},
                                        {"unencoded": 1})):
            code, made = library.sign("jws", key=name, payload=UNENCODED, serialization=form,
                                      algorithm="PS384", **members)
            assert code == OK, library.last_error()
            jws = made["signed_text"].decode()
            theirs = jose({"do": "verify", "jws": json.loads(jws) if form == 1 else jws,
                           "jwks": jwks, "algorithms": ["PS384"],
                           **({"payload": b64u(UNENCODED)} if form == 2 else {})})
            assert theirs["good"] and unb64u(theirs["payload"]) == UNENCODED, theirs
            assert ("jwk" in theirs["header"], theirs["header"].get("cty"),
                    theirs["header"].get("b64")) == [
                        (True, None, None), (False, "json", None), (False, None, False)][form]
            assert (made["kid"].decode(), made["version"]) == (jwks["keys"][0]["kid"], 1)
        code, made = library.sign("jws", key="no.such", payload=b"")
        assert (code, made["answer"]["problem"]["code"]) == (REFUSED, b"not-found")
        assert library.sign("jws", payload=b"")[0] == USAGE
        assert library.sign("jws", key=name, payload=b"", serialization=3)[0] == USAGE
