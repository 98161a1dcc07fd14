"""privyseal-certify: who may ask for which credential, and what there is to be seen of it."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from harness.appliance import PATIENCE_S, wait_until
from harness.callers import STRANGER, over_unix
from harness.certify import (BASE, ISSUER, PLUGINS, SERVER, Authority, Certify, Holder, Wallet, body_1_0,
                             body_draft, configuration, decoded, plugin_in)
from harness.http_unix import b64u, unb64u
from harness.oidc import Oidc
from harness.places import BUILD

ROOT = os.geteuid() == 0
METADATA = ["/.well-known/openid-credential-issuer",
            f"/.well-known/openid-credential-issuer{BASE}",
            f"{BASE}/.well-known/openid-credential-issuer",
            f"{BASE}/issuance/.well-known/openid-credential-issuer"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority") / "jwks.json")


@pytest.fixture(scope="module")
def certify(appliance, authority):
    with Certify(appliance.environment["PRIVYSEAL_SOCKET"], authority) as running:
        answer = running.configure(configuration())
        assert (answer.status, answer.json()) == (201, {"id": "Identity", "status": "active"})
        yield running


def get(certify, path):
    client = certify.public()
    answer = client.get(path)
    client.close()
    return answer


def refused(answer, status, error):
    body = answer.json()
    assert (answer.status, body["error"]) == (status, error), answer
    assert answer.headers["cache-control"] == "no-store"
    return body


# What a verifier does, by hand.

def check_sd_jwt(text, jwk):
    """The payload with its disclosures put in, of an SD-JWT whose signature verifies."""
    from jwcrypto import jwk as keys, jws as signatures  # pylint: disable=import-outside-toplevel
    token, *disclosures, end = text.split("~")
    assert end == ""
    verified = signatures.JWS()
    verified.deserialize(token)
    verified.verify(keys.JWK(**jwk))
    known = {b64u(hashlib.sha256(one.encode()).digest()): decoded(one) for one in disclosures}
    payload = put_in(json.loads(verified.payload), known)
    assert not known
    return json.loads(unb64u(token.split(".")[0])), payload


def put_in(value, known):
    if isinstance(value, dict):
        made = {name: put_in(one, known) for name, one in value.items()
                if name not in ("_sd", "_sd_alg")}
        for digest in value.get("_sd", []):
            _, name, hidden = known.pop(digest)
            made[name] = put_in(hidden, known)
        return made
    if isinstance(value, list):
        return [put_in(known.pop(one["..."])[1] if isinstance(one, dict) and "..." in one else one,
                       known) for one in value]
    return value


@pytest.fixture(scope="module", name="issuer_jwk")
def key_of_issuer(certify):
    def find(kid):
        keys = get(certify, "/.well-known/jwks.json").json()["keys"]
        return next(key for key in keys if key["kid"] == kid)
    return find


def credential_of(answer):
    assert answer.status == 200, answer
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    return body["credential"] if "credential" in body else body["credentials"][0]["credential"]


def test_metadata_is_the_same_at_each_of_its_places(certify):
    first = get(certify, METADATA[0])
    assert first.status == 200 and first.headers["access-control-allow-origin"] == "*"
    assert all(get(certify, path).body == first.body for path in METADATA[1:])
    document = first.json()
    assert document["credential_issuer"] == ISSUER
    assert document["authorization_servers"] == [SERVER]
    assert document["credential_endpoint"] == f"{ISSUER}{BASE}/issuance/credential"
    assert document["nonce_endpoint"] == f"{ISSUER}{BASE}/nonce"
    one = document["credential_configurations_supported"]["Identity"]
    assert one["format"] == "dc+sd-jwt" and "claims" not in one
    assert one["credential_metadata"]["claims"][0]["path"] == ["given_name"]
    assert one["proof_types_supported"]["jwt"]["proof_signing_alg_values_supported"]
    assert one["display"][0]["background_image"]


def test_metadata_of_draft_13_has_nothing_of_1_0(certify):
    document = get(certify, f"{METADATA[0]}?version=vd13").json()
    one = document["credential_configurations_supported"]["Identity"]
    assert one["format"] == "vc+sd-jwt" and set(one["claims"]) == {"given_name"}
    assert "credential_metadata" not in one and "nonce_endpoint" not in document
    answer = get(certify, f"{METADATA[0]}?version=vd12")
    assert answer.status == 400
    assert answer.json()["errors"][0]["errorCode"] == "UNSUPPORTED_METADATA_VERSION"


@pytest.mark.parametrize("path", ["/.well-known/did.json", f"{BASE}/.well-known/did.json",
                                  f"{BASE}/issuance/.well-known/did.json"])
def test_the_did_document_has_every_key_and_names_its_methods(certify, path):
    document = get(certify, path).json()
    assert document["id"] == "did:web:issuer.example"
    methods = {one["id"]: one for one in document["verificationMethod"]}
    assert document["assertionMethod"] == list(methods)
    assert all(one["controller"] == document["id"] for one in methods.values())
    for key in get(certify, f"{BASE}/.well-known/jwks.json").json()["keys"]:
        if key.get("use") == "enc":
            continue
        method = methods[f"{document['id']}#{key['kid']}"]
        if key["kty"] == "OKP":
            assert method["type"] == "Ed25519VerificationKey2020"
            assert f"{document['id']}#{method['publicKeyMultibase']}" in methods
        else:
            assert all(key[name] == value for name, value in method["publicKeyJwk"].items())


@pytest.mark.parametrize("alg", ["ES256", "PS256", "RS256"])
@pytest.mark.parametrize("shape", ["1.0", "draft"])
def test_a_credential_is_issued_and_verifies(certify, authority, issuer_jwk, alg, shape):
    wallet = Wallet()
    proof = wallet.proof(certify.nonce(), iss="wallet")
    answer = certify.ask(authority.token(alg),
                         body_1_0(proof) if shape == "1.0" else body_draft(proof))
    text = credential_of(answer)
    header = decoded(text.split(".")[0])
    header, payload = check_sd_jwt(text, issuer_jwk(header["kid"]))
    assert header["typ"] == ("dc+sd-jwt" if shape == "1.0" else "vc+sd-jwt")
    assert header["alg"] == "ES256"
    assert payload["cnf"] == {"jwk": wallet.jwk}
    assert payload["vct"] == f"{ISSUER}/Identity" and payload["iss"] == ISSUER
    assert payload["exp"] > time.time() + 86400
    assert payload["sub"] == wallet.did_jwk() and payload["id"].startswith("urn:uuid:")
    assert payload["given_name"] == "Ann é" and payload["greeting"] == "Hello Ann é!"
    assert payload["address"] == {"city": 'Rabat, "old" town'}
    assert payload["marks"] == ["Ann é", "b"] and payload["email"] == "ann@mail.example"
    told = decoded(text.split("~")[0].split(".")[1])
    assert "given_name" not in told and "city" not in told["address"]


@pytest.mark.parametrize("alg,form", [("EdDSA", "jwk"), ("EdDSA", "did:key"), ("EdDSA", "did:jwk"),
                                      ("ES256", "did:key"), ("ES256", "did:jwk"),
                                      ("PS256", "jwk"), ("RS256", "did:jwk")])
def test_a_proof_may_name_its_key_in_each_way(certify, authority, issuer_jwk, alg, form):
    wallet = Wallet(alg)
    did = {"jwk": wallet.did_jwk, "did:jwk": wallet.did_jwk, "did:key": wallet.did_key}[form]()
    kid = {"did:jwk": f"{did}#0", "did:key": f"{did}#{did[8:]}"}.get(form)
    header = None if kid is None else {"jwk": None, "kid": kid}
    answer = certify.ask(authority.token(), body_1_0(wallet.proof(certify.nonce(), header)))
    text = credential_of(answer)
    _, payload = check_sd_jwt(text, issuer_jwk(decoded(text.split(".")[0])["kid"]))
    assert payload["cnf"] == {"jwk": wallet.jwk} and payload["sub"] == did


def test_data_cannot_become_structure(certify, authority, issuer_jwk):
    answer = certify.ask(authority.token(sub="person-2"),
                         body_1_0(Wallet().proof(certify.nonce())))
    text = credential_of(answer)
    _, payload = check_sd_jwt(text, issuer_jwk(decoded(text.split(".")[0])["kid"]))
    assert payload["given_name"] == 'Eve", "admin": "yes' and "admin" not in payload
    assert "email" not in payload


def test_nobody_of_that_subject_gets_nothing(certify, authority):
    answer = certify.ask(authority.token(sub="stranger"),
                         body_1_0(Wallet().proof(certify.nonce())))
    refused(answer, 400, "credential_request_denied")


def test_a_nonce_is_good_for_one_credential(certify, authority):
    token, proof = authority.token(), Wallet().proof(certify.nonce())
    credential_of(certify.ask(token, body_1_0(proof)))
    refused(certify.ask(token, body_1_0(proof)), 400, "invalid_nonce")
    body = refused(certify.ask(token, body_draft(proof)), 400, "invalid_proof")
    assert body["c_nonce_expires_in"] == 300
    credential_of(certify.ask(token, body_draft(Wallet().proof(body["c_nonce"]))))


def test_the_nonce_of_a_token_is_good_once_as_long_as_it_says(certify, authority):
    token = authority.token(c_nonce="of-the-token", c_nonce_expires_in=300)
    proof = Wallet().proof("of-the-token")
    credential_of(certify.ask(token, body_draft(proof)))
    refused(certify.ask(token, body_draft(proof)), 400, "invalid_proof")
    old = authority.token(c_nonce="ended", c_nonce_expires_in=60, iat=int(time.time()) - 61)
    refused(certify.ask(old, body_draft(Wallet().proof("ended"))), 400, "invalid_proof")
    refused(certify.ask(authority.token(), body_1_0(Wallet().proof("of-the-token"))), 400,
            "invalid_nonce")


def test_the_nonce_of_a_token_from_before_a_start_is_not_taken(appliance, authority):
    with Certify(appliance.environment["PRIVYSEAL_SOCKET"], authority) as own:
        assert own.configure(configuration()).status == 201
        began = int(time.time())
        token = authority.token(c_nonce="of-the-token", c_nonce_expires_in=300, iat=began)
        proof = Wallet().proof("of-the-token")
        credential_of(own.ask(token, body_draft(proof)))
        wait_until(lambda: int(time.time()) > began, PATIENCE_S, "another second")
        own.stop()
        own.start()
        body = refused(own.ask(token, body_draft(proof)), 400, "invalid_proof")
        credential_of(own.ask(token, body_draft(Wallet().proof(body["c_nonce"]))))


def test_of_many_with_one_proof_exactly_one_gets_a_credential(certify, authority):
    token, proof = authority.token(), Wallet().proof(certify.nonce())
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(
        certify.ask(token, body_1_0(proof)).status)) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + 23 * [400]


def test_nonces_are_not_stored_and_each_is_another(certify):
    client = certify.public()
    answers = [client.post(f"{BASE}/nonce", "") for _ in range(3)]
    client.close()
    assert all(answer.headers["cache-control"] == "no-store" for answer in answers)
    assert len({answer.json()["c_nonce"] for answer in answers}) == 3


def bad_proofs():
    wallet = Wallet()
    private = {**wallet.jwk, "d": b64u(wallet.key.private_numbers().private_value.to_bytes(32, "big"))}
    now = int(time.time())
    return [
        ("typ", lambda n: wallet.proof(n, {"typ": "JWT"})),
        ("no typ", lambda n: wallet.proof(n, {"typ": None})),
        ("alg none", lambda n: wallet.proof(n, {"alg": "none"})),
        ("private", lambda n: wallet.proof(n, {"jwk": private})),
        ("both", lambda n: wallet.proof(n, {"kid": wallet.did_jwk()})),
        ("neither", lambda n: wallet.proof(n, {"jwk": None})),
        ("x5c", lambda n: wallet.proof(n, {"x5c": ["AAAA"]})),
        ("did:web", lambda n: wallet.proof(n, {"jwk": None, "kid": "did:web:a.example"})),
        ("no point", lambda n: wallet.proof(n, {"jwk": None, "kid": "did:key:zDnaeTiq"})),
        ("fragment", lambda n: wallet.proof(n, {"jwk": None, "kid": f"{wallet.did_jwk()}#1"})),
        ("aud", lambda n: wallet.proof(n, aud=f"{ISSUER}/")),
        ("no aud", lambda n: wallet.proof(n, aud=None)),
        ("iat old", lambda n: wallet.proof(n, iat=now - 400)),
        ("iat early", lambda n: wallet.proof(n, iat=now + 3600)),
        ("no iat", lambda n: wallet.proof(n, iat=None)),
        ("iat text", lambda n: wallet.proof(n, iat=str(now))),
        ("exp", lambda n: wallet.proof(n, exp=now - 1)),
        ("iss", lambda n: wallet.proof(n, iss="another")),
        ("stolen", lambda n: wallet.proof(n, {"jwk": Wallet().jwk})),
        ("no jwt", lambda n: "a.b"),
        ("no nonce", lambda n: wallet.proof(None)),
    ]


@pytest.mark.parametrize("number", range(len(bad_proofs())))
def test_a_proof_that_proves_nothing_is_refused(certify, authority, number):
    name, make = bad_proofs()[number]
    nonce = certify.nonce()
    refused(certify.ask(authority.token(), body_1_0(make(nonce))), 400, "invalid_proof")
    body = refused(certify.ask(authority.token(), body_draft(make(nonce))), 400, "invalid_proof")
    assert ("c_nonce" in body) == (name == "no nonce")
    # What was refused did not use the nonce up.
    credential_of(certify.ask(authority.token(), body_1_0(Wallet().proof(nonce))))


BAD_TOKENS = {
    "issuer": {"iss": "https://other.example"}, "audience": {"aud": ISSUER}, "no aud": {"aud": ""},
    "ended": {"exp": 1}, "no exp": {"exp": None}, "future": {"iat": 99999999999},
    "no iat": {"iat": None}, "not begun": {"nbf": 99999999999}, "no sub": {"sub": None},
    "no client": {"client_id": None}, "bound": {"cnf": {"jkt": "x"}}, "kid": {"kid": "unknown"},
    "stranger": {"key": ec.generate_private_key(ec.SECP256R1())}, "none": {"alg": "none"},
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_a_token_that_is_not_for_us_is_refused(certify, authority, name):
    changes = dict(BAD_TOKENS[name])
    if name == "kid":
        changes["key"] = authority.keys["es"]
    answer = certify.ask(authority.token(**changes), body_1_0(Wallet().proof(certify.nonce())))
    refused(answer, 401, "invalid_token")
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


def bound(authority, holder):
    return authority.token(cnf={"jkt": holder.jkt})


def dpop_nonce(certify, token, holder):
    answer = certify.ask(token, {}, holder.proof(token, None))
    refused(answer, 401, "use_dpop_nonce")
    assert answer.headers["www-authenticate"].startswith('DPoP error="use_dpop_nonce"')
    return answer.headers["dpop-nonce"]


def test_a_bound_token_is_shown_with_a_proof_of_its_key(certify, authority):
    holder = Holder()
    token = bound(authority, holder)
    nonce = dpop_nonce(certify, token, holder)
    proof = holder.proof(token, nonce)
    credential_of(certify.ask(token, body_1_0(Wallet().proof(certify.nonce())), proof))
    refused(certify.ask(token, body_1_0(Wallet().proof(certify.nonce())), proof), 401,
            "invalid_dpop_proof")
    # A nonce is good for more than one proof.
    credential_of(certify.ask(token, body_draft(Wallet().proof(certify.nonce())),
                              holder.proof(token, nonce)))


def test_a_proof_of_something_else_shows_nothing(certify, authority):
    holder, other = Holder(), Holder()
    token, now = bound(authority, holder), int(time.time())
    nonce = dpop_nonce(certify, token, holder)
    body = body_1_0(Wallet().proof(certify.nonce()))
    for proof in (other.proof(token, nonce), holder.proof("another", nonce),
                  holder.proof(token, nonce, htm="GET"), holder.proof(token, nonce, htu=ISSUER),
                  holder.proof(token, nonce, iat=now - 3600), holder.proof(token, nonce, iat=now + 3600),
                  holder.proof(token, nonce, jti=None), holder.proof(token, nonce, ath=None), "", "x.y.z"):
        answer = certify.ask(token, body, proof)
        refused(answer, 401, "invalid_dpop_proof")
        assert answer.headers["www-authenticate"].startswith('DPoP error="invalid_dpop_proof"')
    refused(certify.ask(token, body, holder.proof(token, "x")), 401, "use_dpop_nonce")
    refused(certify.ask(token, body), 401, "invalid_token")
    plain = authority.token()
    refused(certify.ask(plain, body, holder.proof(plain, nonce)), 401, "invalid_token")
    for binding in ({"jkt": holder.jkt, "x5t#S256": "x"}, {"x5t#S256": holder.jkt}, {}, "x"):
        token = authority.token(cnf=binding)
        refused(certify.ask(token, body, holder.proof(token, nonce)), 401, "invalid_token")
    # Nothing of it used the wallet's own nonce up.
    credential_of(certify.ask(plain, body))


def test_a_proof_of_before_a_restart_is_not_shown_again(appliance, authority):
    holder = Holder()
    token = bound(authority, holder)
    with Certify(appliance.environment["PRIVYSEAL_SOCKET"], authority) as certify:
        assert certify.configure(configuration()).status == 201
        proof = holder.proof(token, dpop_nonce(certify, token, holder))
        credential_of(certify.ask(token, body_1_0(Wallet().proof(certify.nonce())), proof))
        assert certify.stop() == 0
        certify.start()
        refused(certify.ask(token, body_1_0(Wallet().proof(certify.nonce())), proof), 401,
                "use_dpop_nonce")


def test_the_token_comes_first_and_its_scheme_in_any_case(certify, authority):
    answer = certify.ask(None, {})
    refused(answer, 401, "invalid_token")
    assert answer.headers["www-authenticate"] == "Bearer"
    client = certify.public()
    for value, status in [("Basic YTpi", 401), ("Bearer", 401), ("Bearer x", 401),
                          (f"bEARER {authority.token()}", 400)]:
        answer = client.post(f"{BASE}/issuance/credential", {}, headers={"Authorization": value})
        assert answer.status == status, (value, answer)
    client.close()


def test_each_shape_has_its_mistakes(certify, authority):
    proof = Wallet().proof(certify.nonce())
    rows = [
        (body_1_0(proof, "Nothing"), "unknown_credential_configuration"),
        ({**body_1_0(proof), "format": "dc+sd-jwt"}, "invalid_credential_request"),
        ({"credential_identifier": "x", "proofs": {"jwt": [proof]}},
         "unknown_credential_identifier"),
        ({**body_1_0(proof), "credential_response_encryption": {}},
         "invalid_encryption_parameters"),
        ({"credential_configuration_id": "Identity"}, "invalid_proof"),
        ({"credential_configuration_id": "Identity", "proofs": {"jwt": []}}, "invalid_proof"),
        ({"credential_configuration_id": "Identity", "proofs": {"jwt": [proof, proof]}},
         "invalid_proof"),
        ({"credential_configuration_id": "Identity", "proofs": {"di_vp": [{}]}}, "invalid_proof"),
        ({"proofs": {"jwt": [proof]}}, "invalid_credential_request"),
        ({}, "invalid_vc_format"),
        ({"format": "vc+sd-jwt", "vct": "x"}, "invalid_proof"),
        ({"format": "vc+sd-jwt", "proof": {"jwt": proof}}, "unsupported_proof_type"),
        ({"format": "vc+sd-jwt", "proof": {"proof_type": "cwt", "cwt": "x"}},
         "unsupported_proof_type"),
        ({"format": "mso_mdoc", "proof": {"proof_type": "jwt", "jwt": proof}},
         "unsupported_credential_format"),
        ({"format": "vc+sd-jwt", "proof": {"proof_type": "jwt", "jwt": proof}},
         "invalid_credential_request"),
        (body_draft(proof, "https://other.example"), "invalid_credential_request"),
        ([], "invalid_credential_request"), ("{", "invalid_credential_request"),
    ]
    for body, error in rows:
        refused(certify.ask(authority.token(), body), 400, error)
    refused(certify.ask(authority.token(scope="openid"), body_draft(proof)), 400, "invalid_scope")
    answer = certify.ask(authority.token(scope="openid"), body_1_0(proof))
    refused(answer, 403, "insufficient_scope")
    assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'


def test_configurations_are_made_changed_and_removed_and_survive_a_restart(certify):
    made = configuration("Second", sdJwtVct="second")
    assert certify.configure(made).status == 201
    assert certify.configure(made).json()["errors"][0]["errorCode"] == "config_exists"
    other = configuration("Third", sdJwtVct="second")
    assert certify.configure(other).status == 409
    made["metaDataDisplay"][0]["name"] = "Changed"
    del made["credentialConfigKeyId"]
    assert certify.configure(made, "PUT", "/Second").status == 200
    certify.stop()
    certify.start()
    answer = certify.configure(None, "GET", "/Second")
    assert answer.json()["metaDataDisplay"][0]["name"] == "Changed"
    listed = certify.configure(None, "GET").json()["configurations"]
    assert [one["id"] for one in listed] == ["Identity", "Second"]
    assert certify.configure(None, "DELETE", "/Second").status == 204
    for method in ("GET", "DELETE"):
        assert certify.configure(None, method, "/Second").status == 404
    assert certify.configure(made, "PUT", "/Second").status == 404
    assert "Second" not in get(certify, METADATA[0]).json()["credential_configurations_supported"]


BAD = [
    ("credentialConfigKeyId", "a b"), ("credentialConfigKeyId", "../x"), ("scope", "two words"),
    ("credentialFormat", "mso_mdoc"), ("key", "No Key"), ("dataProvider", "nobody"),
    ("sdJwtVct", None), ("vcTemplate", []), ("vcTemplate", {"a": "${"}),
    ("vcTemplate", {"a": "${}"}), ("vcTemplate", {"a": "x $!{b}"}), ("vcTemplate", {"iss": "x"}),
    ("vcTemplate", {"_sd": []}), ("metaDataDisplay", []), ("metaDataDisplay", [{"name": "x"}]),
    ("credentialSubjectDefinition", {}), ("credentialSubjectDefinition", {"a": {}}),
    ("displayOrder", [1]), ("sdClaim", [1]), ("sdClaim", [""]), ("validitySeconds", 1),
    ("validitySeconds", -1), ("unknownMember", 1),
]


@pytest.mark.parametrize("member,value", BAD)
def test_a_configuration_says_what_is_wrong_with_it(certify, member, value):
    answer = certify.configure({**configuration("Bad", sdJwtVct="bad"), member: value}
                               if value is not None
                               else configuration("Bad", **{member: None}))
    error = answer.json()["errors"][0]
    assert (answer.status, error["errorCode"]) == (400, "invalid_configuration"), answer
    assert member in error["errorMessage"] or "template" in error["errorMessage"]


def test_management_is_not_on_the_public_listener(certify):
    client = certify.public()
    for method in ("GET", "POST", "PUT", "DELETE"):
        for path in ("", "/Identity"):
            answer = client.request(method, f"{BASE}/credential-configurations{path}")
            assert answer.status == 404
    client.close()


@pytest.mark.skipif(not ROOT, reason="only root can be another user")
def test_another_user_manages_nothing(certify):
    os.chmod(certify.directory, 0o755)
    os.chmod(certify.management_socket, 0o666)
    peer = over_unix(str(certify.management_socket), STRANGER)
    for path in (f"{BASE}/credential-configurations", "/no-such"):
        answer = peer.request("GET", path)
        assert answer.status == 403
        assert json.loads(answer.body)["errors"][0]["errorCode"] == "FORBIDDEN"
    peer.close()


def test_new_keys_of_the_authorization_server_are_found(certify, authority):
    authority.keys["new"] = ec.generate_private_key(ec.SECP256R1())
    authority.publish()
    token = authority.token(kid="new")
    wait_until(lambda: certify.ask(token, {}).status == 400, PATIENCE_S, "the new key")


def test_without_the_appliance_it_says_so_and_carries_on_when_it_is_there(appliance, authority,
                                                                          tmp_path):
    link = tmp_path / "clients.sock"
    with Certify(link, authority) as certify:
        assert certify.configure(configuration()).status == 201
        assert get(certify, METADATA[0]).status == 200
        for path in ("/.well-known/did.json", "/.well-known/jwks.json"):
            assert get(certify, path).status == 503
        token, proof = authority.token(), Wallet().proof(certify.nonce())
        answer = certify.ask(token, body_1_0(proof))
        refused(answer, 503, "temporarily_unavailable")
        assert answer.headers["retry-after"] == "1"
        link.symlink_to(appliance.environment["PRIVYSEAL_SOCKET"])
        # Nothing was issued, so that the same proof is still good.
        credential_of(certify.ask(token, body_1_0(proof)))


def test_tokens_that_the_appliance_signed_are_verified_by_what_its_front_end_publishes(appliance):
    signer = appliance.client()
    with Oidc(appliance.environment["PRIVYSEAL_SOCKET"]) as oidc:
        more = {"tokens": ["jwks_url = http://localhost/.well-known/jwks.json",
                           f"jwks_socket = {oidc.public_socket}"]}
        with Certify(appliance.environment["PRIVYSEAL_SOCKET"], None, more) as certify:
            assert certify.configure(configuration()).status == 201
            answer = signer.post("/v1/jwt/sign", {
                "key": "oidc.access-token", "typ": "at+jwt", "ttl_s": 300,
                "claims": {"iss": SERVER, "aud": [f"{ISSUER}{BASE}/issuance/credential"],
                           "sub": "person-1", "client_id": "wallet", "scope": "identity"}})
            token = answer.json()["jws"]
            credential_of(certify.ask(token, body_1_0(Wallet().proof(certify.nonce()))))
    signer.close()


def test_data_may_come_from_a_database(appliance, authority, tmp_path):
    import sqlite3  # pylint: disable=import-outside-toplevel
    path = tmp_path / "people.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE person (id TEXT PRIMARY KEY, name TEXT, age INTEGER)")
        database.execute("INSERT INTO person VALUES ('person-1', 'Ann', 41)")
    provider = (f"[provider people]\nplugin = {plugin_in(tmp_path, 'data-sql.so')}\noption = database={path}\n"
                "option = query=SELECT json_object('name', name, 'age', age) FROM person"
                f" WHERE id = ?1\nwritable = {tmp_path}\n")
    with Certify(appliance.environment["PRIVYSEAL_SOCKET"], authority,
                 providers=provider) as certify:
        assert certify.configure(configuration(vcTemplate={"name": "${name}", "age": "${age}"},
                                               sdClaim=None)).status == 201
        answer = certify.ask(authority.token(), body_1_0(Wallet().proof(certify.nonce())))
        claims = decoded(credential_of(answer).split("~")[0].split(".")[1])
        assert claims["age"] == 41 and claims["name"] == "Ann"
        answer = certify.ask(authority.token(sub="nobody"),
                             body_1_0(Wallet().proof(certify.nonce())))
        refused(answer, 400, "credential_request_denied")


@pytest.mark.parametrize("what,words", [
    ("writable by others", "others than its owner can write"), ("missing", "there is no"),
    ("in anybody's directory", "others than its owner can write"), ("by a link", "symbolic links"),
    ("no object", "cannot load"), ("no plugin", "no data provider"), ("options", "needs the options")])
def test_a_plugin_that_is_none_or_anybodys_keeps_the_program_from_starting(authority, tmp_path, what,
                                                                           words):
    place = tmp_path / "place"
    place.mkdir()
    plugin = place / "plugin.so"
    source = {"no plugin": next(pathlib.Path("/usr/lib/x86_64-linux-gnu").glob("libz.so*"))}.get(
        what, PLUGINS / "data-csv.so")
    if what == "no object":
        plugin.write_text("no object")
    elif what != "missing":
        shutil.copy(source, plugin)
    if what != "missing":
        plugin.chmod(0o666 if what == "writable by others" else 0o644)
    place.chmod(0o777 if what == "in anybody's directory" else 0o755)
    if what == "by a link":
        (tmp_path / "link").symlink_to(place)
        plugin = tmp_path / "link" / plugin.name
    certify = Certify("/nowhere", authority, providers=f"[provider people]\nplugin = {plugin}\n")
    with pytest.raises(AssertionError):
        certify.start()
    assert certify.process.wait(PATIENCE_S) == 1
    assert "cannot_open" in certify.log() and words in certify.log()
    certify.process = None
    certify.__exit__()


@pytest.mark.parametrize("section,line,words", [
    ("certify", "issuer = https://Issuer.example", "in lower case"),
    ("certify", "issuer = http://issuer.example", "is https://HOST"),
    ("certify", "issuer = https://issuer.example/other", "perhaps with /v1/certify"),
    ("certify", "claims = x", "there is no such key"),
    ("tokens", "jwks_url = https://login.example/jwks", "either jwks_file or jwks_url"),
    ("provider Bad", "plugin = /x", "a provider's section is [provider NAME]"),
    ("provider people", "plugin = /x", "there is such a provider already"),
])
def test_mistakes_of_the_configuration_are_named(authority, section, line, words):
    certify = Certify("/nowhere", authority, more={section: [line]})
    if line.startswith("issuer"):
        text = certify.config.read_text()
        certify.config.write_text(text.replace(f"issuer = {ISSUER}\n", "", 1))
    done = certify.check_config()
    assert done.returncode == 1 and words in done.stderr, done
    certify.__exit__()


def test_the_example_of_a_configuration_is_one():
    example = BUILD / "frontends" / "certify" / "systemd" / "privyseal-certify.conf"
    assert "@" not in example.read_text()
    done = subprocess.run([BUILD / "frontends" / "certify" / "privyseal-certify", "--config", example,
                           "--check-config"], check=False, capture_output=True, text=True,
                          timeout=PATIENCE_S)
    assert (done.returncode, done.stderr) == (0, "")
