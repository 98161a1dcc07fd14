"""privyseal-oidc: relying parties are managed as eSignet's callers do it, and by nobody else."""

import base64
import json
import os
import sqlite3
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from harness.callers import STRANGER, over_unix
from harness.oidc import BASE, Oidc, envelope

ROOT = os.geteuid() == 0


def b64u(number, length):
    return base64.urlsafe_b64encode(number.to_bytes(length, "big")).rstrip(b"=").decode()


# A key belongs to one client: the second and the third are registered, and the first is refused or encrypted to.
RSA = [rsa.generate_private_key(65537, 2048).public_key().public_numbers() for _ in range(3)]


def rsa_jwk(number=0, **more):
    return {"kty": "RSA", "n": b64u(RSA[number].n, 256), "e": "AQAB", **more}


def ec_jwk(curve=None, name="P-256", length=32, **more):
    numbers = ec.generate_private_key(curve or ec.SECP256R1()).public_key().public_numbers()
    return {"kty": "EC", "crv": name, "x": b64u(numbers.x, length), "y": b64u(numbers.y, length),
            **more}


def new_client(name, **changes):
    return {"clientId": name, "clientName": "Health portal", "publicKey": ec_jwk(),
            "relyingPartyId": "rp-1", "userClaims": ["name", "email"],
            "authContextRefs": ["mosip:idp:acr:generated-code"],
            "logoUri": "https://rp.example/logo.png", "redirectUris": ["https://rp.example/cb"],
            "grantTypes": ["authorization_code"], "clientAuthMethods": ["private_key_jwt"],
            **changes}


def update(**changes):
    body = new_client("-", **{"status": "ACTIVE", **changes})
    for name in ("clientId", "publicKey", "relyingPartyId"):
        del body[name]
    return body


def codes(answer):
    assert answer.status == 200
    body = answer.json()
    assert set(body) == {"responseTime", "response", "errors"}
    assert (body["response"] is None) == bool(body["errors"])
    return [error["errorCode"] for error in body["errors"]]


@pytest.fixture(scope="module")
def oidc():
    with Oidc("/nowhere/clients.sock") as running:
        yield running


@pytest.mark.parametrize("shape", ["oidc-client", "oauth-client", "client"])
def test_a_client_is_created_and_updated_in_each_shape(oidc, shape):
    name = f"shape-{shape}"
    answer = oidc.manage("POST", shape, new_client(name))
    assert codes(answer) == []
    assert answer.json()["response"] == {"clientId": name, "status": "ACTIVE"}
    answer = oidc.manage("PUT", f"{shape}/{name}", update(status="INACTIVE"))
    assert answer.json()["response"] == {"clientId": name, "status": "INACTIVE"}


def test_a_patch_changes_what_it_names_and_survives_a_restart(oidc):
    assert codes(oidc.manage("POST", "client", new_client("patched"))) == []
    assert codes(oidc.manage("PATCH", "client/patched", {
        "encPublicKey": rsa_jwk(use="enc", alg="RSA-OAEP-256"),
        "additionalConfig": {"userinfo_response_type": "JWE", "require_pkce": True}})) == []
    oidc.stop()
    oidc.start()
    answer = oidc.manage("PATCH", "client/patched", {"status": "INACTIVE"})
    assert answer.json()["response"] == {"clientId": "patched", "status": "INACTIVE"}


def test_of_patches_at_once_each_is_kept(oidc):
    assert codes(oidc.manage("POST", "client", new_client("many"))) == []
    changes = {"clientName": ("name", "Another portal"), "logoUri": ("logo_uri", "https://rp.example/2.png"),
               "redirectUris": ("redirect_uris", ["https://rp.example/cb2"]),
               "userClaims": ("claims", ["birthdate"])}
    answers = []

    def patch(member, value):
        answers.append(codes(oidc.manage("PATCH", "client/many", {member: value})))

    threads = [threading.Thread(target=patch, args=(member, value))
               for member, (_column, value) in changes.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[]] * len(changes)
    database = sqlite3.connect(oidc.directory / "data" / "oidc.db")
    columns = ", ".join(column for column, _value in changes.values())
    row = database.execute(f"SELECT {columns} FROM client WHERE id = 'many'").fetchone()
    database.close()
    assert row == tuple(value if isinstance(value, str) else json.dumps(value)
                        for _column, value in changes.values())


@pytest.mark.parametrize("key", [rsa_jwk(1, alg="PS256", use="sig"), rsa_jwk(2, alg="RS256"),
                                 ec_jwk(alg="ES256", kid="mine")])
def test_keys_that_can_verify_an_assertion_are_taken(oidc, key):
    name = f"key-{key['kty']}-{key.get('alg', '')}"
    assert codes(oidc.manage("POST", "client", new_client(name, publicKey=key))) == []


BAD = [
    ("clientId", "with space", "invalid_client_id"),
    ("clientId", "a/b", "invalid_client_id"),
    ("clientId", "x" * 101, "invalid_client_id"),
    ("clientId", 7, "invalid_client_id"),
    ("clientName", "", "invalid_client_name"),
    ("clientName", "n" * 257, "invalid_client_name"),
    ("clientNameLangMap", {"en": "two letters"}, "invalid_language_code"),
    ("clientNameLangMap", {"eng": ""}, "invalid_client_name_value"),
    ("clientNameLangMap", {"eng": "n" * 51}, "invalid_client_name_length"),
    ("publicKey", {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, "invalid_public_key"),
    ("publicKey", rsa_jwk(alg=""), "invalid_public_key"),
    ("publicKey", rsa_jwk(use=""), "invalid_public_key"),
    ("publicKey", rsa_jwk(use="enc"), "invalid_public_key"),
    ("publicKey", rsa_jwk(alg="none"), "invalid_public_key"),
    ("publicKey", ec_jwk(ec.SECP384R1(), "P-384", 48), "invalid_public_key"),
    ("publicKey", ec_jwk(d="AQAB"), "invalid_public_key"),
    ("relyingPartyId", "", "invalid_rp_id"),
    ("userClaims", ["no-such-claim"], "invalid_claim"),
    ("userClaims", ["name email"], "invalid_claim"),
    ("authContextRefs", [], "invalid_acr"),
    ("authContextRefs", ["mosip:idp:acr:telepathy"], "invalid_acr"),
    ("logoUri", "javascript:alert(1)", "invalid_uri"),
    ("redirectUris", [], "invalid_redirect_uri"),
    ("redirectUris", ["https://rp.example/*"], "invalid_redirect_uri"),
    ("redirectUris", ["http://localhost:5000/**"], "invalid_redirect_uri"),
    ("redirectUris", ["http://rp.example/cb"], "invalid_redirect_uri"),
    ("redirectUris", ["https://rp.example/cb#part"], "invalid_redirect_uri"),
    ("redirectUris", ["https://user@rp.example/cb"], "invalid_redirect_uri"),
    ("redirectUris", ["javascript:alert(1)"], "invalid_redirect_uri"),
    ("redirectUris", [f"https://rp.example/{i}" for i in range(6)], "invalid_redirect_uri"),
    ("grantTypes", ["implicit"], "unsupported_grant_type"),
    ("clientAuthMethods", ["client_secret_basic"], "invalid_client_auth"),
    ("additionalConfig", {"unknown": True}, "invalid_additional_config"),
    ("additionalConfig", {"consent_expire_in_mins": 9}, "invalid_additional_config"),
    ("additionalConfig", {"purpose": {"type": "sell"}}, "invalid_additional_config"),
    ("additionalConfig", {"purpose": {"type": "login", "title": {"eng": "x"}}},
     "invalid_additional_config"),
]


@pytest.mark.parametrize("member,value,code", BAD)
def test_each_member_has_its_mistake(oidc, member, value, code):
    answer = oidc.manage("POST", "client", new_client("never", **{member: value}))
    assert codes(answer) == [code]
    assert answer.json()["errors"][0]["errorMessage"] == f"request.{member}: {code}"
    assert codes(oidc.manage("PATCH", "client/never", {})) == ["invalid_client_id"]


def test_a_request_names_all_its_mistakes_and_missing_members(oidc):
    assert sorted(codes(oidc.manage("POST", "client", {}))) == sorted([
        "invalid_client_id", "invalid_client_name", "invalid_public_key", "invalid_rp_id",
        "invalid_claim", "invalid_acr", "invalid_uri", "invalid_redirect_uri",
        "unsupported_grant_type", "invalid_client_auth"])
    assert codes(oidc.manage("PUT", "client/no-such-client", update())) == ["invalid_client_id"]


@pytest.mark.parametrize("uri", ["https://rp.example:8443/cb?x=1", "http://localhost:5000/cb",
                                 "http://127.0.0.1/cb", "http://[::1]:1/cb", "io.rp.app:/cb"])
def test_redirect_uris_that_are_taken(oidc, uri):
    name = "uri-" + "".join(c for c in uri if c.isalnum())
    assert codes(oidc.manage("POST", "client", new_client(name, redirectUris=[uri]))) == []


def test_ids_and_keys_belong_to_one_client_each(oidc):
    key = ec_jwk()
    assert codes(oidc.manage("POST", "client", new_client("first", publicKey=key))) == []
    assert codes(oidc.manage("POST", "client", new_client("first"))) == ["duplicate_client_id"]
    assert codes(oidc.manage("POST", "client", new_client("second", publicKey=key))) == [
        "duplicate_public_key"]


def test_of_many_that_create_one_client_at_once_exactly_one_does(oidc):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(
        codes(oidc.manage("POST", "client", new_client("contested"))))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [[]] + 7 * [["duplicate_client_id"]]


@pytest.mark.parametrize("offset_s", [-125, 125])
def test_a_request_of_another_time_is_refused(oidc, offset_s):
    for number in range(5):
        began = time.monotonic()
        answer = oidc.manage("POST", "client", new_client(f"late-{number}"), offset_s)
        if time.monotonic() - began < 4:  # two minutes are borne, and it has not become less
            break
    assert codes(answer) == ["invalid_request"]


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"{}", b'{"request":{}}', b'{"requestTime":"2026-01-01T00:00:00.000Z"}',
    b'{"requestTime":5,"request":{}}', b'{"requestTime":"now","request":{},"request":{}}',
    b"\xff\xfe", b"[" * 5000])
def test_what_is_no_envelope_is_refused_in_one(oidc, body):
    client = oidc.management()
    answer = client.request("POST", f"{BASE}/client-mgmt/client", body=body,
                            headers={"Content-Type": "application/json"})
    assert codes(answer) == ["invalid_request"]
    client.close()


def test_paths_methods_and_sizes_are_refused_as_problems(oidc):
    client = oidc.management()
    for method, path, status in [("GET", "/no-such", 404), ("GET", f"{BASE}/client-mgmt/client", 405),
                                 ("DELETE", f"{BASE}/client-mgmt/client/first", 405),
                                 ("PUT", f"{BASE}/client-mgmt/client/a/b", 404)]:
        answer = client.request(method, path)
        assert answer.status == status
        assert answer.headers["content-type"] == "application/problem+json"
    answer = client.request("POST", f"{BASE}/client-mgmt/client", body=b"x" * 70000)
    assert answer.status == 413
    client.close()


def test_management_is_not_on_the_public_listener(oidc):
    client = oidc.public()
    for method, path in [("POST", "client"), ("PUT", "client/first"), ("PATCH", "client/first")]:
        answer = client.request(method, f"{BASE}/client-mgmt/{path}", body=envelope(update()))
        assert answer.status == 404
    client.close()


@pytest.mark.skipif(not ROOT, reason="only root can be another user")
def test_another_user_is_refused_before_anything_is_read(oidc):
    os.chmod(oidc.directory, 0o755)
    os.chmod(oidc.management_socket, 0o666)
    peer = over_unix(str(oidc.management_socket), STRANGER)
    for path in (f"{BASE}/client-mgmt/client", "/no-such"):
        answer = peer.request("POST", path, json.dumps(envelope(new_client("theirs"))).encode())
        assert answer.status == 403
        assert json.loads(answer.body)["errors"] == [{"errorCode": "FORBIDDEN", "errorMessage": "FORBIDDEN"}]
    peer.close()
    assert codes(oidc.manage("PATCH", "client/theirs", {})) == ["invalid_client_id"]
