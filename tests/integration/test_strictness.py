"""What a request may not be, of a whole appliance: where the api itself draws a line, it is drawn exactly there."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from harness.http_unix import b64u, unb64u

KEY = "test.es256"
PARAMETERS_MAX = 48 << 10


def refused(answer, status, code, *words):
    assert answer.status == status, answer
    body = answer.json()
    assert body["code"] == code, answer
    for word in words:
        assert word in body.get("detail", ""), answer


@pytest.mark.parametrize("target", [
    "/v1/whoami/x", "/v1/keys/test.es256/x", "/v1/keys/test.es256/public/x", "/v1/jwks/a/b",
    "/health/live/x", "/v1/log/events/checkpoint/x/y"])
def test_a_path_ends_where_its_route_does(client, target):
    refused(client.get(target), 404, "not-found")


def test_a_body_is_as_deep_as_it_may_be_and_no_deeper(client):
    def send(depth):
        nested = '{"a":' * depth + "1" + "}" * depth
        body = f'{{"key":"{KEY}","payload":"eA","header":{{"x":{nested}}}}}'
        return client.post("/v1/jws/sign", body)

    assert send(14).status == 200
    refused(send(15), 400, "malformed", "deep")


# Of one route for each limit; those of documents to be signed are in test_signed_documents.py.
LIMITS = [("client", "/v1/access/check", 16 << 10), ("client", "/v1/x509/issue", 64 << 10),
          ("client", "/v1/whoami/certificate", 64 << 10),
          ("management", "/v1/unlock/shares", 16 << 10),
          ("management", "/v1/log/events/cosignatures", 16 << 10),
          ("management", "/v1/operations", 64 << 10),
          ("management", "/v1/operations/0f1e/approvals", 64 << 10),
          ("management", "/v1/keys/no.such.key/suspend", 64 << 10)]


@pytest.mark.parametrize("listener, target, most", LIMITS)
def test_a_body_is_as_long_as_its_route_takes_it_and_no_longer(request, listener, target, most):
    media = "text/plain" if target.endswith("cosignatures") else "application/json"
    peer = request.getfixturevalue(listener)
    answer = peer.post(target, "{}".ljust(most), headers={"Content-Type": media})
    assert answer.status in (400, 404), answer
    refused(peer.post(target, "{}".ljust(most + 1), headers={"Content-Type": media}),
            413, "too-large")


def suspend(management, etag):
    return management.post("/v1/keys/no.such.key/suspend?dry_run=true", {},
                           headers={"If-Match": f'"{etag}"'})


def test_an_entity_tag_has_128_octets_at_most(management):
    refused(suspend(management, "a" * 128), 404, "not-found")
    refused(suspend(management, "a" * 129), 400, "malformed", "If-Match")


def test_parameters_have_48_kib_at_most(management):
    def params(size):
        empty = {"name": "k", "labels": {"a": ""}}
        return {"name": "k", "labels": {"a": "x" * (size - len(json.dumps(empty)))}}

    answer = management.post("/v1/operations", {"type": "key.create",
                                                "params": params(PARAMETERS_MAX)})
    assert answer.status != 413, answer
    refused(management.post("/v1/operations", {"type": "key.create",
                                               "params": params(PARAMETERS_MAX + 1)}),
            413, "too-large", "params")
    # White space counts: what is sent on is what was sent.
    step = '{"person":"officer-1"'
    refused(management.post("/v1/operations/0f1e/approvals", step.ljust(PARAMETERS_MAX - 1) + "}"),
            404, "not-found")
    refused(management.post("/v1/operations/0f1e/approvals", step.ljust(PARAMETERS_MAX) + "}"),
            413, "too-large", "octets")


def test_a_step_has_no_condition(management):
    """What would be passed over is refused."""
    answer = management.post("/v1/operations/0f1e/execute", {}, headers={"If-Match": '"1"'})
    refused(answer, 400, "malformed", "If-Match")


def test_numbers_do_not_run_over(client):
    for number in (2 ** 64 + 1, 10 ** 30 + 1):
        refused(client.get(f"/v1/keys?limit={number}"), 400, "malformed", "limit")


def test_names_in_a_query_are_names(management):
    for target in ("/v1/operations?state=Open,x", "/v1/audit/report?key=UPPER",
                   "/v1/audit/report?caller=a%2Fb", "/v1/keys?after=" + "a" * 129):
        refused(management.get(target), 400, "malformed", "query parameter")
    assert management.get("/v1/keys?after=" + "a" * 128).status == 200


def test_a_cosigned_checkpoint_is_one(management):
    for note in ("", "no note", "origin\n1\n"):
        answer = management.request("POST", "/v1/log/events/cosignatures", note,
                                    {"Content-Type": "text/plain"})
        refused(answer, 400, "malformed")


def test_der_is_for_ecdsa_alone(client):
    body = {"message": "eA", "signature": "AAAA", "encoding": "der"}
    refused(client.post("/v1/keys/test.raw-ed25519/verify", body), 400, "malformed", "der")
    answer = client.post("/v1/keys/test.raw-p256/verify", body)
    assert answer.json() == {"valid": False, "reason": "signature"}, answer


def test_a_key_of_another_algorithm_verifies_nothing(client):
    """What a JWK says it is for binds, though the same key could do it."""
    made = client.post("/v1/jws/sign", {"key": "test.rsa", "payload": "eA",
                                        "algorithm": "PS256"}).json()["jws"]
    answer = client.get("/v1/keys/test.rsa/public")
    jwk = {name: value for name, value in answer.json().items() if name not in ("alg", "kid")}
    for alg, valid in (("PS256", True), (None, True), ("RS256", False), ("HS256", False)):
        named = jwk if alg is None else {**jwk, "alg": alg}
        answer = client.post("/v1/jws/verify", {"jws": made, "jwks": {"keys": [named]}})
        assert answer.status == 200 and answer.json()["valid"] is valid, (alg, answer)
        assert valid or answer.json()["reason"] == "no-key"


def cose_key(jwk, alg):
    """RFC 8230 section 4: {1: 3, 3: alg, -1: n, -2: e}; alg: its octets in CBOR."""
    n, e = unb64u(jwk["n"]), unb64u(jwk["e"])
    return b64u(b"\xa4\x01\x03\x03" + alg + b"\x20\x59" + len(n).to_bytes(2, "big") + n +
                b"\x21" + bytes([0x40 + len(e)]) + e)


def test_a_cose_key_of_another_algorithm_verifies_nothing(client):
    made = client.post("/v1/cose/sign1", {"key": "test.rsa", "payload": "eA",
                                          "algorithm": "PS256"}).json()["cose"]
    jwk = client.get("/v1/keys/test.rsa/public").json()
    for alg, valid in ((b"\x38\x24", True), (b"\x38\x25", False)):  # PS256, PS384
        answer = client.post("/v1/cose/verify1", {"cose": made, "cose_key": cose_key(jwk, alg)})
        assert answer.status == 200 and answer.json()["valid"] is valid, answer
        assert valid or answer.json()["reason"] == "no-key"


def test_a_recipient_has_a_kid_of_256_octets_at_most(client):
    jwk = client.get("/v1/keys/oidc.decrypt/public").json()
    for length, status in ((256, 200), (257, 400)):
        answer = client.post("/v1/jwe/encrypt", {"jwk": {**jwk, "kid": "k" * length},
                                                 "plaintext": "eA"})
        assert answer.status == status, answer


def test_headers_of_cose_have_16_kib_at_most(client):
    def sign(size):
        return client.post("/v1/cose/sign1", {"key": KEY, "payload": "eA",
                                              "unprotected": {"x": "a" * size}})

    assert sign((16 << 10) - 16).status == 200
    refused(sign(16 << 10), 400, "malformed", "unprotected")


JWK = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


@pytest.mark.parametrize("body, word", [
    ({}, "csr"), ({"csr": "AAAA", "public_jwk": JWK}, "csr"),
    ({"public_jwk": JWK, "validity_s": 0}, "validity_s"),
    ({"public_jwk": JWK, "subject": {"CN": "a" * (8 << 10)}}, "subject"),
    ({"public_jwk": JWK, "sans": ["dns:" + "a" * (48 << 10)]}, "sans")])
def test_a_certificate_is_asked_for_in_one_way(client, body, word):
    refused(client.post("/v1/x509/issue", {"profile": "tls-client", **body}), 400, "malformed",
            word)


def sealed(wrapped=b"", **changes):
    """Like a share of a PIN, to a point that is nobody's."""
    point = ec.generate_private_key(ec.SECP521R1()).public_key().public_numbers()
    epk = {"kty": "EC", "crv": "P-521", "x": b64u(point.x.to_bytes(66, "big")),
           "y": b64u(point.y.to_bytes(66, "big"))}
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "epk": epk, **changes}
    parts = [json.dumps(header).encode(), wrapped, bytes(12), bytes(64), bytes(16)]
    return {"share": ".".join(map(b64u, parts))}


def test_a_share_is_sealed_in_one_way(management):
    for changes in ({"alg": "ECDH-ES+A256KW", "wrapped": bytes(40)}, {"enc": "A128GCM"},
                    {"alg": "ECDH-ES+A256KW"}, {"wrapped": bytes(40)}):
        refused(management.post("/v1/unlock/shares", sealed(**changes)), 400, "malformed",
                "ECDH-ES and A256GCM")
    # What has no place in the message to the keeper.
    refused(management.post("/v1/unlock/shares", sealed(cty="x" * 800)), 413, "too-large")
    assert management.post("/v1/unlock/shares", sealed()).status not in (400, 413)


def test_a_jwe_is_written_without_escapes(client):
    jwe = client.post("/v1/jwe/encrypt", {"key": "oidc.decrypt", "plaintext": b64u(b"x")})
    assert jwe.status == 200, jwe
    text = jwe.json()["jwe"]
    assert client.post("/v1/jwe/decrypt", {"key": "oidc.decrypt", "jwe": text}).status == 200
    escaped = f'{{"key":"oidc.decrypt","jwe":"\\u{ord(text[0]):04x}{text[1:]}"}}'
    refused(client.post("/v1/jwe/decrypt", escaped), 400, "malformed", "jwe")
