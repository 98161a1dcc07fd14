"""Credentials of privyseal-certify verify in a library for SD-JWT VC that we did not write."""

import base64
import json

import pytest
from cryptography import x509
from jwcrypto import jwk as jwcrypto_jwk

from harness.certify import (ISSUER, Authority, Certify, Wallet, body_1_0, body_draft,
                             configuration, decoded)
from harness.external_ca import ExternalCa, pem

KEY = "certify.certified"


@pytest.fixture(scope="module", name="leaf")
def certified_key(appliance):
    outside = ExternalCa()
    made = appliance.change("POST", "/v1/keys", {
        "name": KEY, "type": "ec-p256", "usage": "sign", "formats": ["jws"],
        "algorithms": ["ES256"]})
    assert made.status in (200, 201), made
    request = appliance.change("POST", "/v1/x509/csr", {
        "key": KEY, "subject": {"common_name": "Issuer of credentials"}})
    leaf = outside.answer(request.json()["result"]["csr"])
    chain = pem(leaf, outside.certificate, outside.root)
    done = appliance.change("PUT", f"/v1/keys/{KEY}/certificate", {"chain": chain})
    assert done.status in (200, 201), done
    return leaf


@pytest.fixture(scope="module", name="certify")
def running(appliance, leaf, tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("authority") / "jwks.json")
    with Certify(appliance.environment["PRIVYSEAL_SOCKET"], authority) as certify:
        certify.authority = authority
        answer = certify.configure(configuration(key=KEY, certificateChain=None))
        assert answer.status == 201, (answer, leaf)
        yield certify


@pytest.mark.parametrize("shape", [body_1_0, body_draft])
def test_a_credential_verifies_by_the_certificate_it_carries(certify, leaf, ask_node, shape):
    wallet = Wallet()
    answer = certify.ask(certify.authority.token(), shape(wallet.proof(certify.nonce())))
    assert answer.status == 200, answer
    body = answer.json()
    text = body["credential"] if "credential" in body else body["credentials"][0]["credential"]
    chain = [x509.load_der_x509_certificate(base64.b64decode(one))
             for one in decoded(text.split(".")[0])["x5c"]]
    # The issuer's own certificate first, and no trust anchor.
    assert chain[0] == leaf and all(one.issuer != one.subject for one in chain)
    key = json.loads(jwcrypto_jwk.JWK.from_pem(pem(chain[0]).encode()).export_public())
    theirs = ask_node("sd_jwt.mjs")({"do": "verify-vc", "jwk": key, "sd_jwt": text})
    assert theirs["good"], theirs
    payload = theirs["payload"]
    assert payload["vct"] == f"{ISSUER}/Identity" and payload["cnf"] == {"jwk": wallet.jwk}
    assert payload["given_name"] == "Ann é" and payload["marks"] == ["Ann é", "b"]
    changed = text.replace("~", "~" + "WyJhIiwiZ2l2ZW5fbmFtZSIsIkV2ZSJd" + "~", 1)
    theirs = ask_node("sd_jwt.mjs")({"do": "verify-vc", "jwk": key, "sd_jwt": changed})
    assert not theirs["good"] or theirs["payload"]["given_name"] == "Ann é"
