"""Certificates of keys: requests for other CAs, what these give, and our own CA."""

import base64
import hashlib
import json
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness.appliance import Appliance, wait_until
from harness.dev_room import DevRoom
from harness.external_ca import ExternalCa, name, pem
from harness.http_unix import b64u, unb64u
from harness.room import refused

YEAR_S = 365 * 86400
SUBJECT = {"common_name": "Login", "organization": "Ministry", "country": "XA"}
SIGN = {"usage": "sign", "formats": ["jws"]}
CA = {"type": "ec-p256", "usage": "certify", "formats": ["x509"], "algorithms": ["ES256"]}


@pytest.fixture(scope="module", name="room")
def appliance_with_people():
    with Appliance() as appliance:
        yield DevRoom(appliance)


@pytest.fixture(scope="module", name="outside")
def a_ca_that_is_not_ours():
    return ExternalCa()


def csr(room, key, **more):
    made = room.post("/v1/x509/csr", {"key": key, "subject": SUBJECT, **more})
    shown = room.send("GET", f"/v1/operations/{made['operation']}").json()
    assert shown["result"] == made["result"] and shown["state"] == "done"
    return made["result"]["csr"]


def install(room, key, chain, **more):
    return room.change("PUT", f"/v1/keys/{key}/certificate", {"chain": chain, **more})


def shown(room, key):
    return room.send("GET", f"/v1/keys/{key}").json()


def loaded(room, key, version=None):
    query = "" if version is None else f"?version={version}"
    answer = room.send("GET", f"/v1/keys/{key}/certificate{query}")
    assert answer.status == 200, answer
    end = b"-----END CERTIFICATE-----\n"
    return [x509.load_pem_x509_certificate(text + end) for text in answer.body.split(end)[:-1]]


def is_issued_by(certificate, issuer):
    issuer.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes,
                               ec.ECDSA(certificate.signature_hash_algorithm))
    return certificate.issuer == issuer.subject


TYPES = [("ec-p256", ["ES256"]), ("ec-p384", ["ES384"]), ("ec-p521", ["ES512"]),
         ("ec-secp256k1", ["ES256K"]), ("rsa-2048", ["RS256"]), ("ed25519", ["EdDSA"])]


@pytest.mark.parametrize("kind, algorithms", TYPES)
def test_a_request_is_signed_by_its_key_and_says_what_was_approved(room, kind, algorithms):
    key = f"csr.{kind}"
    room.post("/v1/keys", {**SIGN, "name": key, "type": kind, "algorithms": algorithms})
    text = csr(room, key, sans=["dns:login.example", "uri:https://login.example/"]).encode()
    told = subprocess.run(["openssl", "req", "-verify", "-noout"], input=text, check=True,
                          capture_output=True).stderr
    assert b"verify OK" in told
    request = x509.load_pem_x509_csr(text)
    assert request.is_signature_valid
    assert request.subject.rfc4514_string() in ("C=XA,O=Ministry,CN=Login",
                                                "CN=Login,O=Ministry,C=XA")
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["login.example"]
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["https://login.example/"]


def test_what_people_approve_of_a_request_is_what_it_says(room):
    room.post("/v1/keys", {**SIGN, "name": "csr.approved", "type": "ec-p256"})
    operation = room.ask("/v1/x509/csr", {"key": "csr.approved", "subject": SUBJECT})
    assert operation["document"]["params"] == {
        "key": "csr.approved", "sans": [], "subject": SUBJECT, "version": "1"}
    refused(room.execute(operation), 409, "officer")
    refused(room.change("POST", "/v1/x509/csr", {"key": "no.such", "subject": SUBJECT}), 404)
    refused(room.change("POST", "/v1/x509/csr", {
        "key": "csr.approved", "subject": {"common_name": "a\u0000b"}}), 400)
    refused(room.change("POST", "/v1/x509/csr", {
        "key": "csr.approved", "subject": SUBJECT, "version": 9}), 404)
    room.post("/v1/keys", {"name": "csr.mac", "type": "hmac-sha256", "usage": "mac"})
    refused(room.change("POST", "/v1/x509/csr", {"key": "csr.mac", "subject": SUBJECT}), 422)


def test_a_certificate_from_outside_is_installed_and_served(room, outside):
    room.post("/v1/keys", {**SIGN, "name": "login", "type": "ec-p256"})
    assert room.send("GET", "/v1/keys/login/certificate").status == 404
    leaf = outside.answer(csr(room, "login"))
    operation = room.ask("/v1/keys/login/certificate", {
        "chain": pem(leaf, outside.certificate, outside.root)}, "PUT")
    params = operation["document"]["params"]
    assert params["root"]["subject"] == "CN=Ministry Root"
    assert [item["sha256"] for item in params["chain"]] == [
        leaf.fingerprint(leaf.signature_hash_algorithm).hex(),
        outside.certificate.fingerprint(leaf.signature_hash_algorithm).hex()]
    assert params["chain"][0]["serial"] == f"{leaf.serial_number:x}".rjust(
        len(params["chain"][0]["serial"]), "0")
    for officer in ("officer-2", "officer-3"):
        room.step(operation, "approvals", officer)
    answer = room.execute(operation)
    assert answer.status == 200, answer
    assert answer.json()["certificate"]["kind"] == "external"
    assert loaded(room, "login") == [leaf, outside.certificate]
    der = room.send("GET", "/v1/keys/login/certificate", headers={"Accept": "application/pkix-cert"})
    assert x509.load_der_x509_certificate(der.body) == leaf
    again = install(room, "login", pem(leaf, outside.certificate), root=pem(outside.root))
    assert again.status == 200 and again.json()["certificate"]["kind"] == "external"
    items = room.send("GET", f"/v1/expiring?within_s={2 * YEAR_S}").json()["items"]
    assert [item["version"] for item in items
            if (item["kind"], item["name"]) == ("certificate", "login")] == [1]
    assert items == sorted(items, key=lambda item: item["expires"])
    metrics = room.send("GET", "/metrics").body.decode()
    assert 'privyseal_certificate_expires_seconds{key="login"}' in metrics


def test_what_is_not_a_good_chain_for_the_key_changes_nothing(room, outside):
    room.post("/v1/keys", {**SIGN, "name": "picky", "type": "ec-p256"})
    request = csr(room, "picky")
    good = outside.answer(request)
    strange = ExternalCa("Somebody Else")
    other = outside.issue(name("Other"), ec.generate_private_key(ec.SECP256R1()).public_key())
    below, by_it = outside.below("One Too Many")
    by_root = {"issuer": outside.root.subject, "signer": outside.root_key}
    narrow, by_narrow = outside.below("Narrow", constraints=x509.NameConstraints(
        [x509.DNSName("inside.example")], None), **by_root)
    ended, by_ended = outside.below("Expired", begin=-30, days=-1, **by_root)
    inside, elsewhere = (outside.answer(request, sans=x509.SubjectAlternativeName(
        [x509.DNSName(host)]), **by_narrow) for host in ("a.inside.example", "a.example"))
    chains = [
        ("path length", [outside.answer(request, **by_it), below, outside.certificate,
                         outside.root]),
        ("subtree", [elsewhere, narrow, outside.root]),
        ("expired", [outside.answer(request, **by_ended), ended, outside.root]),
        ("another key", [other, outside.certificate, outside.root]),
        ("another key", [outside.certificate, good, outside.root]),
        ("issue", [good, strange.certificate, strange.root]),
        ("issue", [good, outside.root]),
        ("expired", [outside.answer(request, begin=-30, days=-1), outside.certificate, outside.root]),
        ("not yet valid", [outside.answer(request, begin=1), outside.certificate, outside.root]),
        ("usage", [outside.answer(request, usage={"key_encipherment": True}), outside.certificate,
                   outside.root]),
        ("CA", [outside.answer(request, ca=True), outside.certificate, outside.root]),
    ]
    for word, chain in chains:
        answer = install(room, "picky", pem(*chain))
        assert answer.status == 422 and word in answer.json()["detail"], (word, answer)
    answer = install(room, "picky", pem(good, outside.certificate), root=pem(strange.root))
    assert answer.status == 422, answer
    refused(install(room, "picky", pem(good, outside.root, outside.certificate),
                    root=pem(outside.root)), 422, "order")
    refused(install(room, "picky", pem(good, outside.certificate)), 400, "root")
    refused(install(room, "picky", "nonsense"), 400, "PEM")
    refused(install(room, "picky", ""), 400)
    assert "certificate" not in shown(room, "picky")
    assert install(room, "picky", pem(inside, narrow, outside.root)).status == 200
    assert install(room, "picky", pem(good, outside.certificate, outside.root)).status == 200
    assert install(room, "picky", pem(other, outside.certificate, outside.root)).status == 422
    assert loaded(room, "picky")[0] == good


def test_nothing_that_signed_itself_is_installed(room, outside):
    """Nor is anything in the place of what another CA would have given: there is no fall-back."""
    made = room.post("/v1/keys", {**SIGN, "name": "alone", "type": "ec-p256",
                                  "rotation": {"certificate": "external", "on_expiry": "stop"}})
    assert made["state"] == "pre-activation"
    key = ec.generate_private_key(ec.SECP256R1())
    themselves = [outside.issue(name("Alone"), key.public_key(), ca=is_ca, issuer=name("Alone"),
                                signer=key) for is_ca in (False, True)]
    for certificate in themselves:
        refused(install(room, "alone", pem(certificate)), 422, "signed itself")
        refused(install(room, "alone", pem(certificate), root=pem(certificate)), 422)
        refused(install(room, "alone", pem(certificate), root=pem(outside.root)), 422)
    # A leaf whose issuer says that it is the leaf: names alone make no issuer.
    leaf = outside.answer(csr(room, "alone"), issuer=name("Login"))
    refused(install(room, "alone", pem(leaf), root=pem(outside.root)), 422)
    refused(room.change("POST", "/v1/keys/alone/activate"), 409, "certificate")
    assert "certificate" not in shown(room, "alone")
    assert room.send("GET", "/v1/keys/alone/certificate").status == 404


def test_what_was_good_when_it_was_asked_for_is_looked_at_again(room, outside):
    """The key was destroyed meanwhile: nothing is left that the certificate is for."""
    room.post("/v1/keys", {**SIGN, "name": "gone", "type": "ec-p256"})
    leaf = outside.answer(csr(room, "gone"))
    operation = room.ask("/v1/keys/gone/certificate", {
        "chain": pem(leaf, outside.certificate, outside.root)}, "PUT")
    for officer in ("officer-2", "officer-3"):
        room.step(operation, "approvals", officer)
    room.post("/v1/keys/gone/deactivate")
    refused(room.execute(operation), 409)
    assert room.send("GET", "/v1/keys/gone/certificate").status == 404


def test_an_older_approval_does_not_bring_an_older_certificate_back(room, outside):
    room.post("/v1/keys", {**SIGN, "name": "back", "type": "ec-p256"})
    request = csr(room, "back")
    first, second, third = (outside.answer(request) for _ in range(3))

    def ask(leaf):
        operation = room.ask("/v1/keys/back/certificate", {
            "chain": pem(leaf, outside.certificate, outside.root)}, "PUT")
        for officer in ("officer-2", "officer-3"):
            room.step(operation, "approvals", officer)
        return operation

    older = ask(first)
    assert "replaces" not in older["document"]["params"]
    assert install(room, "back", pem(second, outside.certificate, outside.root)).status == 200
    refused(room.execute(older), 409, "another certificate")
    later = ask(third)
    assert later["document"]["params"]["replaces"] == second.fingerprint(
        second.signature_hash_algorithm).hex()
    assert loaded(room, "back")[0] == second
    assert room.execute(later).status == 200
    assert loaded(room, "back")[0] == third


@pytest.fixture(scope="module", name="ca")
def a_ca_of_ours(room):
    """A root and an issuing CA under it."""
    for key in ("ca.root", "ca.issuing"):
        room.post("/v1/keys", {**CA, "name": key})
    operation = room.ask("/v1/keys/ca.root/certificate/root", {
        "subject": {"common_name": "Our Root"}, "validity_s": 20 * YEAR_S})
    room.needs_an_auditor(operation)
    assert room.execute(operation).status == 200
    operation = room.ask("/v1/keys/ca.issuing/certificate/issue", {
        "issuer": "ca.root", "subject": {"common_name": "Our Issuing"}, "validity_s": 10 * YEAR_S})
    assert operation["document"]["params"]["kind"] == "intermediate"
    room.needs_an_auditor(operation)
    assert room.execute(operation).status == 200
    made = loaded(room, "ca.root") + loaded(room, "ca.issuing")
    assert made[1].serial_number == int(operation["document"]["params"]["serial"], 16)
    return made


def issue(room, key, **more):
    return room.change("POST", f"/v1/keys/{key}/certificate/issue", {
        "issuer": "ca.issuing", "subject": SUBJECT, "validity_s": YEAR_S, **more})


def test_our_root_and_what_it_issues_are_verified_by_others(room, ca):
    root, issuing = ca
    assert is_issued_by(root, root) and is_issued_by(issuing, root)
    constraints = issuing.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical and constraints.value.ca and constraints.value.path_length == 0
    for kind, algorithms in TYPES:
        key = f"csr.{kind}"
        assert issue(room, key, sans=["dns:login.example"]).status == 200
        leaf, *rest = loaded(room, key)
        assert rest == [issuing]
        assert is_issued_by(leaf, issuing)
        assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert shown(room, key)["certificate"]["kind"] == "internal"


def test_a_key_that_decrypts_gets_one_without_having_signed(room, ca):
    room.post("/v1/keys", {"name": "box", "type": "rsa-2048", "usage": "decrypt"})
    refused(room.change("POST", "/v1/x509/csr", {"key": "box", "subject": SUBJECT}), 422, "issue")
    assert issue(room, "box").status == 200
    usage = loaded(room, "box")[0].extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_encipherment and not usage.digital_signature


def test_a_jwe_names_a_version_by_its_certificate(room, ca):
    """As MOSIP's keymanager does; also of a version that was rotated away."""
    clients = room.appliance.client()
    room.post("/v1/grants", {"client": "operator", "keys": "box",
                             "operations": ["jwe.encrypt", "jwe.decrypt"]})
    octets = loaded(room, "box")[0].public_bytes(serialization.Encoding.DER)
    made = clients.post("/v1/jwe/encrypt", {"certificate": base64.b64encode(octets).decode(),
                                            "plaintext": "eA"}).json()["jwe"]
    header = json.loads(unb64u(made.split(".")[0]))
    assert header["kid"] == b64u(hashlib.sha256(octets).digest())
    assert room.change("POST", "/v1/keys/box/rotate", {}).status == 201
    states = {version["version"]: version["state"] for version in shown(room, "box")["versions"]}
    assert states == {1: "deactivated", 2: "active"}
    opened = clients.post("/v1/jwe/decrypt", {"key": "box", "jwe": made})
    assert (opened.status, opened.json().get("plaintext")) == (200, "eA"), opened
    # Without the name it is tried with the active version, which cannot open it.
    newest = clients.post("/v1/jwe/decrypt", {"key": "box", "jwe": made, "version": 2})
    assert newest.status == 422, newest


def test_what_an_issuer_cannot_carry_is_not_issued(room, ca):
    refused(issue(room, "box", issuer="login"), 422, "issuer")
    refused(issue(room, "box", issuer="no.such"), 422, "issuer")
    refused(issue(room, "ca.issuing"), 422)
    refused(issue(room, "box", validity_s=12 * YEAR_S), 422)
    refused(issue(room, "box", validity_s=0), 400)
    refused(issue(room, "box", validity_s=300), 422, "five minutes")
    refused(issue(room, "box", path_len=1), 422)
    refused(issue(room, "box", subject={}), 422)
    room.post("/v1/keys", {**CA, "name": "ca.below"})
    refused(issue(room, "ca.below"), 422, "path length")
    refused(room.change("POST", "/v1/keys/login/certificate/root", {
        "subject": SUBJECT, "validity_s": YEAR_S}), 422)


def test_a_key_that_needs_certificates_is_used_with_one_only(room, outside):
    made = room.post("/v1/keys", {**SIGN, "name": "strict", "type": "ec-p256",
                                  "rotation": {"certificate": "external", "on_expiry": "stop"}})
    assert made["state"] == "pre-activation" and made["rotation"]["certificate"] == "external"
    refused(room.change("POST", "/v1/keys/strict/activate"), 409, "certificate")
    client = room.appliance.client()
    sign = {"key": "strict", "payload": base64.urlsafe_b64encode(b"x").decode().rstrip("=")}
    room.change("POST", "/v1/grants", {"client": "operator", "keys": "strict",
                                       "operations": ["jws.sign"]})
    assert client.post("/v1/jws/sign", sign).status == 409
    leaf = outside.answer(csr(room, "strict"))
    assert install(room, "strict", pem(leaf, outside.certificate, outside.root)).status == 200
    made = room.change("POST", "/v1/keys/strict/activate")
    assert made.status in (201, 409), made  # it is due, and may be activated by itself just now
    wait_until(lambda: client.post("/v1/jws/sign", sign).status == 200, 60, "its activation")
    successor = room.post("/v1/keys/strict/rotate")["versions"][1]
    assert successor["state"] == "pre-activation"
    refused(room.change("POST", "/v1/keys/strict/activate", {"version": 2}), 409, "certificate")
    assert client.post("/v1/jws/sign", sign).json()["version"] == 1
    second = outside.answer(csr(room, "strict"))
    assert second.public_key() != leaf.public_key()
    assert install(room, "strict", pem(second, outside.certificate, outside.root)).status == 200
    room.post("/v1/keys/strict/activate", {"version": 2})
    assert client.post("/v1/jws/sign", sign).json()["version"] == 2
    assert loaded(room, "strict", 1)[0] == leaf and loaded(room, "strict")[0] == second


def test_a_key_whose_certificates_we_issue_takes_none_from_elsewhere(room, outside, ca):
    room.post("/v1/keys", {**SIGN, "name": "inside", "type": "ec-p256",
                           "rotation": {"certificate": "internal", "issuer": "ca.issuing"}})
    leaf = outside.answer(csr(room, "inside"))
    refused(install(room, "inside", pem(leaf, outside.certificate, outside.root)), 422, "ca.issuing")


def test_an_issuer_makes_what_names_it_class_a(room, ca):
    for target, body, method in (
            ("/v1/keys/login/certificate/issue",
             {"issuer": "ca.issuing", "subject": SUBJECT, "validity_s": YEAR_S}, "POST"),
            ("/v1/keys", {**SIGN, "name": "renewed", "type": "ec-p256",
                          "rotation": {"certificate": "internal", "issuer": "ca.issuing"}}, "POST"),
            ("/v1/x509/profiles/any", {"kind": "tls-client", "issuer": "ca.issuing",
                                       "longest_s": 60, "subject": {"common_name": "*"}}, "PUT"),
            ("/v1/grants", {"client": "oidc", "keys": "oidc.*",
                            "operations": ["keys.read", "x509.issue:any"]}, "POST")):
        room.needs_an_auditor(room.ask(target, body, method))


def test_profiles_are_put_shown_and_removed(room, ca):
    profile = {"kind": "tls-client", "issuer": "ca.issuing", "longest_s": 86400,
               "subject": {"common_name": "*"}}
    made = room.change("PUT", "/v1/x509/profiles/clients", profile)
    assert made.status == 201 and made.json()["issuer"] == "ca.issuing"
    assert room.change("PUT", "/v1/x509/profiles/clients", profile).status == 200
    assert room.change("PUT", "/v1/x509/profiles/clients",
                       {**profile, "longest_s": 3600}).json()["longest_s"] == 3600
    refused(room.change("PUT", "/v1/x509/profiles/ca", {**profile, "kind": "root"}), 400, "kind")
    refused(room.change("PUT", "/v1/x509/profiles/no", {**profile, "issuer": "login"}), 422)
    shown = [item for item in room.send("GET", "/v1/x509/profiles").json()["items"]
             if item["issuer"] != "tls.ca"]  # those of its own TLS
    assert [item["name"] for item in shown] == ["clients"]
    assert room.change("DELETE", "/v1/x509/profiles/clients").status == 200
    assert room.change("DELETE", "/v1/x509/profiles/clients").status == 404
