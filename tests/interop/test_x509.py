"""Certificates and revocation lists that are made here, judged by pkilint, cryptography and openssl."""

import base64
import ctypes
import json
import re
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness.appliance import Appliance, wait_until
from harness.dev_room import DevRoom
from harness.http_unix import b64u, unb64u
from harness.places import BUILD
from harness.room import refused

CA = {"type": "ec-p384", "usage": "certify", "formats": ["x509"], "algorithms": ["ES384"]}
DAY_S = 86400
PROFILES = {
    "clients": {"kind": "tls-client", "subject": {"common_name": "c-*", "organization": "Example"},
                "sans": ["dns:*.example.org"], "crl_url": "http://pki.example.org/ca"},
    "servers": {"kind": "tls-server", "sans": ["dns:*.example.org", "ip:*"]},
    "leaves": {"kind": "signing", "subject": {"common_name": "*"}},
    "wallet": {"kind": "wallet-binding", "subject": {"common_name": "*"}, "proof": False}}


@pytest.fixture(scope="module", name="room")
def an_issuer_and_its_profiles():
    with Appliance() as appliance:
        room = DevRoom(appliance)
        room.post("/v1/keys", {**CA, "name": "ca"})
        room.change("POST", "/v1/keys/ca/certificate/root",
                  {"subject": {"common_name": "Root"}, "validity_s": 3650 * DAY_S})
        for name, profile in PROFILES.items():
            answer = room.change("PUT", f"/v1/x509/profiles/{name}",
                                 {"issuer": "ca", "longest_s": 30 * DAY_S, **profile})
            assert answer.status == 201, answer
        room.post("/v1/grants", {"client": "operator", "keys": "ca", "operations": [
            f"x509.issue:{name}" for name in PROFILES]})
        yield room


@pytest.fixture(scope="module", name="clients")
def the_clients_listener(room):
    return room.appliance.client()


def csr(names=(), key=None, subject=()):
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(
        [x509.NameAttribute(oid, value) for oid, value in subject]))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(
            [x509.DNSName(name) for name in names]), False)
    return b64u(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))


def issue(clients, status=200, **body):
    answer = clients.post("/v1/x509/issue", body)
    assert answer.status == status, answer
    return answer.json()


def loaded(made):
    return [x509.load_der_x509_certificate(unb64u(text))
            for text in [made["certificate"], *made["chain"]]]


def value(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind).value


COMMON = [(NameOID.COMMON_NAME, "c-1")]


def test_a_client_gets_what_its_profile_says(clients):
    made = issue(clients, profile="clients", csr=csr(["a.example.org"], subject=COMMON))
    leaf, root = loaded(made)
    root.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes,
                             ec.ECDSA(leaf.signature_hash_algorithm))
    assert leaf.issuer == root.subject and format(leaf.serial_number, "x") == made["serial"]
    assert {entry.rfc4514_string() for entry in leaf.subject} == {"CN=c-1", "O=Example"}
    assert value(leaf, x509.SubjectAlternativeName).get_values_for_type(x509.DNSName) == [
        "a.example.org"]
    assert list(value(leaf, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not value(leaf, x509.BasicConstraints).ca
    point = value(leaf, x509.CRLDistributionPoints)[0]
    assert point.full_name[0].value == "http://pki.example.org/ca"
    assert (value(leaf, x509.AuthorityKeyIdentifier).key_identifier ==
            value(root, x509.SubjectKeyIdentifier).digest)
    assert leaf.not_valid_after <= root.not_valid_after


def test_a_wallet_s_key_needs_no_proof(clients):
    jwk = clients.get("/v1/keys/test.es256/public").json()
    made = issue(clients, profile="wallet", public_jwk=jwk, subject={"common_name": "psut-1"},
                 validity_s=DAY_S)
    leaf = loaded(made)[0]
    assert leaf.subject.rfc4514_string() == "CN=psut-1"
    assert leaf.public_key().public_numbers().x == int.from_bytes(unb64u(jwk["x"]), "big")


def test_subject_and_names_beside_a_request_stand_in_place_of_its_own(clients):
    made = issue(clients, profile="servers", csr=csr(["x.example.com"]),
                 sans=["dns:b.example.org", "ip:192.0.2.1"], subject={})
    names = value(loaded(made)[0], x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == ["b.example.org"]


def test_what_a_profile_does_not_allow_is_refused(clients):
    good = {"profile": "clients", "csr": csr(["a.example.org"], subject=COMMON)}
    jwk = clients.get("/v1/keys/test.es256/public").json()
    weak = csr(key=rsa.generate_private_key(65537, 1024), subject=COMMON)
    for status, change in (
            (422, {"csr": csr(["a.example.com"], subject=COMMON)}),
            (422, {"csr": csr(subject=[(NameOID.COMMON_NAME, "d-1")])}),
            (422, {"subject": {"common_name": "c-1", "organization": "Other"}}),
            (422, {"sans": ["dns:*.example.org"]}), (422, {"sans": ["ip:192.0.2.1"]}),
            (422, {"validity_s": 30 * DAY_S + 1}), (400, {"csr": weak}), (400, {"csr": "MAA"}),
            (400, {"sans": ["dns:A.example.org"]}), (400, {"subject": {"common_name": "c-\x00"}}),
            (400, {"subject": {"title": "x"}}), (403, {"profile": "others"})):
        issue(clients, status, **{**good, **change})
    issue(clients, 422, profile="clients", public_jwk=jwk, subject={"common_name": "c-1"})
    issue(clients, 422, profile="servers", csr=csr())
    issue(clients, 422, profile="wallet", public_jwk=jwk, subject={})


def test_a_request_that_another_key_signed_is_refused(clients):
    octets = bytearray(unb64u(csr(["a.example.org"], subject=COMMON)))
    octets[-1] ^= 1
    assert issue(clients, 422, profile="clients", csr=b64u(bytes(octets)))["code"] == "refused"


# What `openssl req` calls keys that it makes, and what they sign with: the hash of their curve.
THEIR_KEYS = {"rsa-2048": ["rsa:2048"], "ec-p256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
              "ec-p384": ["ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-sha384"],
              "ec-p521": ["ec", "-pkeyopt", "ec_paramgen_curve:P-521", "-sha512"],
              "ed25519": ["ed25519"]}


@pytest.mark.parametrize("kind", THEIR_KEYS)
def test_a_request_of_openssl_is_taken(clients, tmp_path, kind):
    subprocess.run(["openssl", "req", "-new", "-nodes", "-newkey", *THEIR_KEYS[kind], "-keyout",
                    tmp_path / "key", "-subj", "/O=Example/CN=c-1", "-addext",
                    "subjectAltName=DNS:a.example.org", "-outform", "DER", "-out",
                    tmp_path / "csr"], check=True, capture_output=True)
    made = issue(clients, profile="clients", csr=b64u((tmp_path / "csr").read_bytes()))
    leaf = loaded(made)[0]
    key = serialization.load_pem_private_key((tmp_path / "key").read_bytes(), None)
    spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert leaf.public_key().public_bytes(*spki) == key.public_key().public_bytes(*spki)
    assert value(leaf, x509.SubjectAlternativeName).get_values_for_type(x509.DNSName) == [
        "a.example.org"]


def test_a_request_with_the_hash_of_another_curve_is_told_which(clients):
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(
        ec.generate_private_key(ec.SECP384R1()), hashes.SHA256())
    told = issue(clients, 400, profile="clients", csr=b64u(request.public_bytes(
        serialization.Encoding.DER)))
    assert "SHA-384 for P-384" in told["detail"]


# The keys that get a certificate of each kind by an operation: name, what makes the key.
OWN = {"ca.sub": CA, "test.es256": None, "test.eddsa": None, "oidc.decrypt": None,
       "test.agree-p256": None,
       "documents": {"type": "rsa-2048", "usage": "certify", "formats": ["cms"],
                     "algorithms": ["PS256"]}}
ROOTS = {"rsa-2048": "PS256", "ec-p521": "ES512", "ed25519": "EdDSA"}
DAYS = {"ca.sub": 3000}


@pytest.fixture(scope="module", name="own")
def certificates_of_our_keys(room):
    """Chains, as DER."""
    for key, made in OWN.items():
        if made is not None:
            room.post("/v1/keys", {**made, "name": key})
        body = {"issuer": "ca", "subject": {"common_name": key, "country": "MA"},
                "validity_s": DAYS.get(key, 300) * DAY_S}
        assert room.change("POST", f"/v1/keys/{key}/certificate/issue", body).status == 200
    for kind, algorithm in ROOTS.items():
        room.post("/v1/keys", {**CA, "name": kind, "type": kind, "algorithms": [algorithm]})
        assert room.change("POST", f"/v1/keys/{kind}/certificate/root", {
            "subject": {"common_name": kind}, "validity_s": 9000 * DAY_S}).status == 200
    return {key: [base64.b64decode(text) for text in re.findall(
        r"-----BEGIN CERTIFICATE-----(.*?)-----END", room.send(
            "GET", f"/v1/keys/{key}/certificate").body.decode(), re.S)]
        for key in [*OWN, *ROOTS, "ca"]}


@pytest.fixture(scope="module", name="issued")
def certificates_of_each_profile(clients):
    jwk = clients.get("/v1/keys/test.es256/public").json()
    keys = [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)]
    made = [issue(clients, profile="servers", csr=csr(["a.example.org"], key)) for key in keys]
    made.append(issue(clients, profile="clients", csr=csr(["a.example.org"], subject=COMMON)))
    made.append(issue(clients, profile="wallet", public_jwk=jwk, subject={"common_name": "p"}))
    return [unb64u(each["certificate"]) for each in made]


# pkilint tells by which method a key id was made; that is no fault.
TOLD = re.compile(r"INFO pkix\.subject_key_identifier_\w+_identified")


def faults(linter, kind, octets):
    found = linter({"kind": kind, "octets": base64.b64encode(octets).decode()})["findings"]
    return [each for each in found if not TOLD.match(each)]


@pytest.fixture(scope="module", name="linter")
def pkilint_and_cryptography(ask_python):
    return ask_python("x509_check.py")


def test_every_certificate_is_clean(own, issued, linter):
    for octets in [*issued, *(chain[0] for chain in own.values())]:
        assert faults(linter, "certificate", octets) == []


def test_every_certificate_is_its_issuer_s_to_cryptography(own, issued, linter):
    def wrong(octets, issuer):
        return linter({"octets": base64.b64encode(octets).decode(),
                       "issuer": base64.b64encode(issuer).decode()})["wrong"]
    for octets in [*issued, *(own[key][0] for key in OWN)]:
        assert wrong(octets, own["ca"][0]) == ""
        assert wrong(octets, own["ec-p521"][0]) != ""
    for root in ROOTS:
        assert wrong(own[root][0], own[root][0]) == ""


def test_a_server_s_path_verifies_with_cryptography(own, issued, linter):
    chain = [base64.b64encode(octets).decode() for octets in (issued[0], own["ca"][0])]
    assert linter({"chain": chain, "host": "a.example.org"})["wrong"] == ""
    assert linter({"chain": chain, "host": "b.example.org"})["wrong"] != ""


def openssl_verify(tmp_path, root, leaf, *arguments):
    for name, octets in (("root", root), ("leaf", leaf)):
        (tmp_path / name).write_text(ssl_pem(octets))
    return subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", tmp_path / "root",
                           *arguments, tmp_path / "leaf"], capture_output=True, text=True,
                          check=False)


def ssl_pem(octets):
    return (b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(octets) +
            b"-----END CERTIFICATE-----\n").decode()


def test_openssl_verifies_what_is_issued(own, issued, tmp_path):
    for leaf in [*issued, *(own[key][0] for key in OWN)]:
        assert openssl_verify(tmp_path, own["ca"][0], leaf).returncode == 0
    assert openssl_verify(tmp_path, own["ed25519"][0], issued[0]).returncode != 0
    for key in ROOTS:
        assert openssl_verify(tmp_path, own[key][0], own[key][0]).returncode == 0


def pem_of(octets):
    return x509.load_der_x509_certificate(octets).public_bytes(
        serialization.Encoding.PEM).decode()


def crl(room, key="ca"):
    def fetched():
        answer = room.appliance.client().get(f"/v1/x509/crl/{key}")
        assert answer.status in (200, 503), answer
        return answer.status == 200 and answer
    return x509.load_der_x509_crl(wait_until(fetched, 20, "a revocation list").body)


def test_what_is_revoked_stands_in_the_list_of_its_issuer(room, clients, linter, tmp_path):
    made = issue(clients, profile="servers", csr=csr(["gone.example.org"]))
    leaf, root = loaded(made)
    before = crl(room)
    assert before.is_signature_valid(root.public_key()) and before.issuer == root.subject
    assert before.get_revoked_certificate_by_serial_number(leaf.serial_number) is None
    target, body = "/v1/x509/issuers/ca/revocations", {"serial": made["serial"],
                                                       "reason_code": "key-compromise"}
    room.post(target, body)
    assert room.change("POST", target, body).status == 200

    def listed():
        after = crl(room)
        found = after.get_revoked_certificate_by_serial_number(leaf.serial_number)
        return found is not None and (after, found)
    after, entry = wait_until(listed, 20, "the serial in the list")
    assert after.is_signature_valid(root.public_key())
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason == x509.ReasonFlags.key_compromise
    numbers = [value(each, x509.CRLNumber).crl_number for each in (before, after)]
    assert numbers[0] < numbers[1] and after.next_update > after.last_update
    octets = after.public_bytes(serialization.Encoding.DER)
    assert faults(linter, "crl", octets) == []
    (tmp_path / "crl").write_bytes(after.public_bytes(serialization.Encoding.PEM))
    told = openssl_verify(tmp_path, unb64u(made["chain"][0]), unb64u(made["certificate"]),
                          "-crl_check", "-CRLfile", tmp_path / "crl")
    assert told.returncode != 0 and "revoked" in told.stderr
    refused(room.change("POST", "/v1/x509/issuers/test.es256/revocations", body), 422, "issues")
    assert room.appliance.client().get("/v1/x509/crl/test.es256").status == 404


def test_a_ca_that_is_not_used_any_more_can_revoke(room, clients):
    room.post("/v1/keys", {**CA, "name": "late"})
    root = {"subject": {"common_name": "Late"}, "validity_s": 3650 * DAY_S}
    assert room.change("POST", "/v1/keys/late/certificate/root", root).status == 200
    assert room.change("PUT", "/v1/x509/profiles/late", {
        "kind": "tls-client", "issuer": "late", "longest_s": DAY_S,
        "subject": {"common_name": "*"}}).status == 201
    room.post("/v1/grants", {"client": "operator", "keys": "late",
                             "operations": ["x509.issue:late"]})
    made = issue(clients, profile="late", csr=csr(subject=COMMON))
    before = crl(room, "late")
    for step, serves in (("suspend", False), ("resume", True), ("deactivate", False)):
        assert room.change("POST", f"/v1/keys/late/{step}", {}).status == 201
        assert crl(room, "late").extensions and (
            clients.post("/v1/x509/issue", {"profile": "late", "csr": csr(subject=COMMON)}).status
            == 200) == serves
    room.post("/v1/x509/issuers/late/revocations", {"serial": made["serial"]})

    def listed():
        after = crl(room, "late")
        return after.get_revoked_certificate_by_serial_number(int(made["serial"], 16)) and after
    after = wait_until(listed, 20, "the serial in the list of a deactivated CA")
    assert after.is_signature_valid(loaded(made)[1].public_key())
    assert value(after, x509.CRLNumber).crl_number > value(before, x509.CRLNumber).crl_number


def test_nothing_that_is_issued_outlives_its_issuer(room, clients):
    """Who asks for no time gets what the issuer has left, and who asks for more gets nothing."""
    room.post("/v1/keys", {**CA, "name": "brief"})
    assert room.change("POST", "/v1/keys/brief/certificate/root", {
        "subject": {"common_name": "Brief"}, "validity_s": 20 * DAY_S}).status == 200
    assert room.change("PUT", "/v1/x509/profiles/brief", {
        "kind": "tls-client", "issuer": "brief", "longest_s": 30 * DAY_S,
        "subject": {"common_name": "*"}}).status == 201
    room.post("/v1/grants", {"client": "operator", "keys": "brief",
                             "operations": ["x509.issue:brief"]})
    request = csr(subject=COMMON)
    leaf, root = loaded(issue(clients, profile="brief", csr=request))
    assert leaf.not_valid_after == root.not_valid_after
    assert leaf.not_valid_before >= root.not_valid_before
    brief = loaded(issue(clients, profile="brief", csr=request, validity_s=19 * DAY_S))[0]
    assert brief.not_valid_after < root.not_valid_after
    told = issue(clients, 409, profile="brief", csr=request, validity_s=25 * DAY_S)
    assert "renew the issuer" in told["detail"]


def test_the_successor_of_a_ca_waits_for_its_certificate(room):
    room.post("/v1/keys", {**CA, "name": "next"})
    root = {"subject": {"common_name": "Next"}, "validity_s": 3650 * DAY_S}
    assert room.change("POST", "/v1/keys/next/certificate/root", root).status == 200
    made = room.change("POST", "/v1/keys/next/rotate", {})
    assert made.status == 201, made
    states = [version["state"] for version in made.json()["versions"]]
    assert states == ["active", "pre-activation"], made
    refused(room.change("POST", "/v1/keys/next/activate", {}), 409, "no certificate")
    assert room.change("POST", "/v1/keys/next/certificate/root", root).status == 200
    made = room.change("POST", "/v1/keys/next/activate", {})
    assert made.status in (201, 409), made  # it is due, and may be activated by itself just now
    wait_until(lambda: [version["state"] for version in room.send("GET", "/v1/keys/next").json()[
        "versions"]] == ["deactivated", "active"], 60, "its activation")


def test_what_we_have_revoked_is_not_installed(room, clients):
    room.post("/v1/keys", {"name": "taken", "type": "ec-p256", "usage": "sign", "formats": ["jws"],
                           "algorithms": ["ES256"]})
    asked = room.change("POST", "/v1/x509/csr", {"key": "taken",
                                                 "subject": {"common_name": "taken"}})
    request = b64u(x509.load_pem_x509_csr(asked.json()["result"]["csr"].encode()).public_bytes(
        serialization.Encoding.DER))
    made = issue(clients, profile="leaves", csr=request)
    chain = "".join(pem_of(unb64u(each)) for each in (made["certificate"], *made["chain"]))
    room.post("/v1/x509/issuers/ca/revocations", {"serial": made["serial"]})
    refused(room.change("PUT", "/v1/keys/taken/certificate", {"chain": chain}), 422, "revoked")
    made = issue(clients, profile="leaves", csr=request)
    chain = "".join(pem_of(unb64u(each)) for each in (made["certificate"], *made["chain"]))
    assert room.change("PUT", "/v1/keys/taken/certificate", {"chain": chain}).status == 200


def test_every_serial_stands_in_the_log(room, clients):
    made = issue(clients, profile="servers", csr=csr(["log.example.org"]))
    records = (room.appliance.directory / "data/log/use").glob("*/entries")
    assert any(made["serial"].encode() in path.read_bytes() for path in records)


# --- The client library ---

class Issued(ctypes.Structure):
    """struct privyseal_issued, with more room than the answer takes."""

    _fields_ = [("pem", ctypes.c_char_p), ("serial", ctypes.c_char_p),
                ("not_before", ctypes.c_char_p), ("not_after", ctypes.c_char_p),
                ("answer", ctypes.c_uint64 * 64)]


class Wanted(ctypes.Structure):
    """struct privyseal_x509."""

    _fields_ = [("profile", ctypes.c_char_p), ("csr", ctypes.c_char_p), ("csr_len", ctypes.c_size_t),
                ("public_jwk", ctypes.c_char_p), ("subject", ctypes.c_char_p),
                ("sans", ctypes.c_char_p), ("validity_s", ctypes.c_uint32)]


class Answer(ctypes.Structure):
    """struct privyseal_answer as far as it is looked at, with room for the rest."""

    _fields_ = [("status", ctypes.c_int), ("body", ctypes.c_char_p), ("rest", ctypes.c_uint64 * 64)]


@pytest.fixture(scope="module", name="library")
def the_client_library(room):
    library = ctypes.CDLL(str(BUILD / "api/client/libprivyseal.so"))
    client = ctypes.c_void_p()
    options = (ctypes.c_char_p * 8)(room.appliance.environment["PRIVYSEAL_SOCKET"].encode())
    assert library.privyseal_open(options, ctypes.byref(client)) == 0

    def issue_by_library(**members):
        made = Issued()
        code = library.privyseal_issue_certificate(client, ctypes.byref(Wanted(**members)),
                                                   ctypes.byref(made))
        found = (made.pem, made.serial, made.not_before, made.not_after)
        library.privyseal_issued_clear(ctypes.byref(made))
        assert made.pem is None
        return code, found

    def get_certificate(name):
        answer = Answer()
        code = library.privyseal_get_certificate(client, name, ctypes.byref(answer))
        body = answer.body
        library.privyseal_answer_clear(ctypes.byref(answer))
        return code, body

    yield issue_by_library, get_certificate
    library.privyseal_close(client)


def test_issued_by_the_client_library(room, library):
    issue_by_library, _ = library
    octets = unb64u(csr(subject=[(NameOID.COMMON_NAME, "c-lib"),
                                 (NameOID.ORGANIZATION_NAME, "Example")]))
    code, (pem, serial, not_before, not_after) = issue_by_library(
        profile=b"clients", csr=octets, csr_len=len(octets), sans=b'["dns:lib.example.org"]',
        validity_s=3600)
    leaf = x509.load_pem_x509_certificate(pem)
    assert code == 0 and pem.endswith(room.send("GET", "/v1/keys/ca/certificate").body)
    assert int(serial, 16) == leaf.serial_number
    for text, moment in ((not_before, leaf.not_valid_before), (not_after, leaf.not_valid_after)):
        assert text.decode() == moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert leaf.extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == ["lib.example.org"]
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "x": b64u(numbers.x.to_bytes(32, "big")),
           "y": b64u(numbers.y.to_bytes(32, "big"))}
    code, (pem, *_) = issue_by_library(profile=b"wallet", public_jwk=json.dumps(jwk).encode(),
                                       subject=b'{"common_name":"holder"}')
    assert code == 0
    assert x509.load_pem_x509_certificate(pem).public_key().public_numbers() == numbers


def test_what_the_client_library_refuses_and_is_refused(library):
    issue_by_library, get_certificate = library
    refused_by_it, usage = 1, 5
    octets = unb64u(csr(subject=[(NameOID.COMMON_NAME, "not a client")]))
    assert issue_by_library(profile=b"clients", csr=octets, csr_len=len(octets)) == (
        refused_by_it, (None,) * 4)
    for members in ({"profile": b"clients"}, {"csr": octets, "csr_len": len(octets)},
                    {"profile": b"clients", "csr": octets, "csr_len": 1, "public_jwk": b"{}"}):
        assert issue_by_library(**members)[0] == usage
    code, pem = get_certificate(b"ca")
    assert code == 0 and x509.load_pem_x509_certificate(pem).subject.rfc4514_string() == "CN=Root"
    assert get_certificate(b"no.such")[0] == refused_by_it
    assert get_certificate(b"../health")[0] == usage


# --- The end of a profile ---

def test_a_profile_that_is_gone_issues_nothing(room, clients):
    assert room.change("DELETE", "/v1/x509/profiles/wallet").status == 200
    jwk = clients.get("/v1/keys/test.es256/public").json()
    issue(clients, 404, profile="wallet", public_jwk=jwk, subject={"common_name": "a"})
