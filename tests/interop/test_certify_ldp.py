"""Credentials of the format ldp_vc verify in Digital Bazaar's library, by the issuer's DID document."""

import copy
import json

import pytest

from harness.certify import (CREDENTIALS, ED25519_2020, PERSON, STAND_INS, Authority, Certify, Wallet,
                             body_1_0, body_draft_ldp, ldp_configuration, write_contexts)

KEY = "interop.certify-ldp"
CASES = {"v1-2020": ("Ed25519Signature2020", 1), "v2-2020": ("Ed25519Signature2020", 2),
         "v2-2022": ("eddsa-rdfc-2022", 2)}


@pytest.fixture(scope="module", name="library")
def digital_bazaar(ask_node):
    return ask_node("data_integrity.mjs")


@pytest.fixture(scope="module", name="certify")
def running(appliance, library, tmp_path_factory):
    """With the W3C's contexts as that library has them."""
    place = tmp_path_factory.mktemp("certify")
    authority = Authority(place / "jwks.json")
    made = appliance.change("POST", "/v1/keys", {
        "name": KEY, "type": "ed25519", "usage": "sign", "formats": ["data-integrity"],
        "algorithms": ["EdDSA"], "residence": "token"})
    assert made.status in (200, 201), made
    iris = [*CREDENTIALS.values(), ED25519_2020]
    texts = dict(zip(iris, library({"do": "contexts", "iris": iris})["texts"]))
    path = write_contexts(place / "contexts", {**texts, PERSON: STAND_INS[PERSON]})
    with Certify(appliance.environment["PRIVYSEAL_SOCKET"], authority,
                 {"certify": [f"contexts = {path}", "jwks_fresh_s = 0"]}) as certify:
        certify.authority = authority
        for name, (suite, model) in CASES.items():
            answer = certify.configure(ldp_configuration(name, suite, model, key=KEY, scope=name))
            assert answer.status == 201, answer
        yield certify


def did_document(certify):
    client = certify.public()
    document = client.get("/.well-known/did.json").json()
    client.close()
    return document


def question(credential, did):
    return {"do": "verify-credential", "credential": credential, "did": did,
            "contexts": {PERSON: json.loads(STAND_INS[PERSON])}}


def issued(certify, name, shape):
    wallet = Wallet()
    proof = wallet.proof(certify.nonce())
    suite, model = CASES[name]
    template = ldp_configuration(name, suite, model)["vcTemplate"]
    body = body_1_0(proof, name) if shape == "1.0" else body_draft_ldp(proof, template)
    answer = certify.ask(certify.authority.token(scope=name), body)
    assert answer.status == 200, answer
    body = answer.json()
    credential = body["credential"] if shape == "draft" else body["credentials"][0]["credential"]
    assert credential["credentialSubject"]["id"] == wallet.did_jwk()
    return credential


@pytest.mark.parametrize("shape", ["1.0", "draft"])
@pytest.mark.parametrize("name", CASES)
def test_a_credential_verifies_there_and_a_changed_one_does_not(certify, library, name, shape):
    credential = issued(certify, name, shape)
    did = did_document(certify)
    theirs = library(question(credential, did))
    assert theirs.get("verified"), theirs
    for member, value in (("fullName", "Eve"), ("id", Wallet().did_jwk()), ("email", None)):
        changed = copy.deepcopy(credential)
        changed["credentialSubject"][member] = value
        assert library(question(changed, did)).get("verified") is not True
    changed = copy.deepcopy(credential)
    changed["proof"]["created"] = "2026-01-01T00:00:00Z"
    assert library(question(changed, did)).get("verified") is not True


def test_what_an_older_version_of_the_key_signed_still_verifies(appliance, certify, library):
    before = issued(certify, "v2-2022", "1.0")
    assert appliance.change("POST", f"/v1/keys/{KEY}/rotate", {}).status == 201
    done = appliance.change("POST", f"/v1/keys/{KEY}/activate", {"version": 2})
    assert done.status in (200, 201), done
    after = issued(certify, "v2-2022", "1.0")
    did = did_document(certify)
    assert before["proof"]["verificationMethod"] != after["proof"]["verificationMethod"]
    for credential in (before, after):
        theirs = library(question(credential, did))
        assert theirs.get("verified"), theirs
