"""One line through every process: HTTP to HSM and back, recorded and verifiable."""

import json
import subprocess

import jwt

from harness.http_unix import b64u, unb64u
from harness.places import PRIVYSEAL

ID_TOKEN_CLAIMS = {
    "iss": "https://esignet.example/v1/esignet",
    "sub": "6HXyy5eYDkkTtIdWkqcHQzHkr7vIVZrCBPLBkRPzHk4",
    "aud": "relying-party-1",
    "nonce": "973eieljzng",
    "acr": "mosip:idp:acr:generated-code",
    "auth_time": 1760000000,
    "at_hash": "MTIzNDU2Nzg5MDEyMzQ1Ng",
}


def keys_of(client):
    answer = client.get("/v1/jwks")
    assert answer.status == 200, answer
    return jwt.PyJWKSet.from_dict(answer.json())


def test_an_id_token_verifies_in_software_that_is_not_ours(client):
    answer = client.post("/v1/jwt/sign", {"key": "oidc.id-token", "claims": ID_TOKEN_CLAIMS,
                                          "ttl_s": 300})
    assert answer.status == 200, answer
    token = answer.json()["jws"]
    keys = keys_of(client)
    key = next(key for key in keys.keys if key.key_id == answer.json()["kid"])
    claims = jwt.decode(token, key.key, algorithms=["RS256", "PS256"], audience="relying-party-1")
    assert claims["nonce"] == "973eieljzng"
    assert claims["exp"] - claims["iat"] == 300


def test_the_payload_is_signed_as_it_was_sent(client):
    payload = b'{"b" : 1.0e0,\n "a":"\\u00e9 kept"}'
    answer = client.post("/v1/jws/sign", {"key": "certify.vc-jwt", "payload": b64u(payload),
                                          "header": {"typ": "vc+jwt"}})
    assert answer.status == 200, answer
    header, middle, _signature = answer.json()["jws"].split(".")
    assert unb64u(middle) == payload
    assert json.loads(unb64u(header))["typ"] == "vc+jwt"


def test_the_log_verifies_offline(appliance, client):
    answer = client.post("/v1/jws/sign", {"key": "certify.vc-jwt", "payload": b64u(b"one leaf")})
    assert answer.status == 200, answer
    done = subprocess.run([str(PRIVYSEAL), "log", "verify", str(appliance.directory / "data/log")],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout
