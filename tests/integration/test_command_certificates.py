"""`privyseal certificate ...` and `privyseal profile ...`, each verb as people type it."""

import base64
import json
import os
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness.appliance import Appliance, wait_until
from harness.dev_room import DevRoom
from harness.external_ca import ExternalCa, pem
from harness.people import REQUESTER
from harness.places import PRIVYSEAL

DONE, FAILED, USAGE, REFUSED, NOT_FOUND = range(5)
DAY_S = 86400
END = b"-----END CERTIFICATE-----\n"
SIGN = {"type": "ec-p256", "usage": "sign", "formats": ["jws"], "algorithms": ["ES256"]}
CA = {"type": "ec-p256", "usage": "certify", "formats": ["x509"], "algorithms": ["ES256"]}


class Desk:
    """Where commands are typed; their operations are signed by the appliance's people."""

    def __init__(self, appliance):
        self.environment = {**os.environ, **appliance.environment}
        self.room = DevRoom(appliance)
        for name, kind in (("cli.ca", CA), ("cli.leaf", SIGN), ("cli.outside", SIGN)):
            self.room.post("/v1/keys", {"name": name, **kind})

    def call(self, *words):
        return subprocess.run([str(PRIVYSEAL), *map(str, words)], text=True, capture_output=True,
                              env=self.environment, check=False, timeout=60)

    def ask(self, *words):
        """The operation that a command has made."""
        done = self.call(*words, "--requester", REQUESTER, "--json")
        assert done.returncode == DONE, done
        return json.loads(done.stdout)

    def change(self, *words):
        operation = self.ask(*words)
        answer = self.room.gate.finish(operation)
        assert answer.status in (200, 201), answer
        return operation["id"]

    def certificates(self, key):
        done = self.call("keys", "certificate", key)
        texts = done.stdout.encode().split(END)[:-1]
        return done.returncode, [x509.load_pem_x509_certificate(text + END) for text in texts]


@pytest.fixture(scope="module", name="desk")
def desk_of_an_appliance():
    with Appliance() as appliance:
        yield Desk(appliance)


def extension(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind).value


def common_name(certificate):
    return certificate.subject.rfc4514_string()


def test_a_root_and_what_it_issues(desk):
    desk.change("certificate", "root", "cli.ca", "--common-name", "CLI CA", "--organization",
                "Example", "--country", "XA", "--validity-s", 30 * DAY_S, "--path-len", 0)
    _, (root,) = desk.certificates("cli.ca")
    assert extension(root, x509.BasicConstraints).path_length == 0
    assert sorted(common_name(root).split(",")) == ["C=XA", "CN=CLI CA", "O=Example"]
    desk.change("certificate", "issue", "cli.leaf", "--issuer", "cli.ca", "--common-name", "leaf",
                "--unit", "Tests", "--sans", "dns:leaf.example,uri:https://leaf.example/",
                "--validity-s", DAY_S)
    _, (leaf, *_above) = desk.certificates("cli.leaf")
    root.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes,
                             ec.ECDSA(leaf.signature_hash_algorithm))
    names = extension(leaf, x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == ["leaf.example"]
    assert sorted(common_name(leaf).split(",")) == ["CN=leaf", "OU=Tests"]


def test_a_request_goes_out_and_its_answer_is_installed(desk, tmp_path):
    outside = ExternalCa()
    document, chain, root = (tmp_path / name for name in ("document.json", "chain", "root"))
    operation = desk.change("certificate", "csr", "--with", "cli.outside", "--common-name", "Outside",
                            "--sans", "dns:outside.example", "--out", document)
    assert json.loads(document.read_text())["type"] == "certificate.csr"
    request = desk.call("certificate", "request", operation)
    assert request.returncode == DONE, request
    leaf = outside.answer(request.stdout)
    chain.write_text(pem(leaf, outside.certificate))
    root.write_text(pem(outside.root))
    assert desk.certificates("cli.outside")[0] == NOT_FOUND
    installed = desk.change("certificate", "install", "cli.outside", "--chain", chain,
                            "--root", root, "--version", 1)
    assert desk.certificates("cli.outside") == (DONE, [leaf, outside.certificate])
    proof = []

    def is_proven():
        proof[:] = [desk.call("certificate", "proof", "cli.outside")]
        return proof[0].returncode == DONE
    wait_until(is_proven, 60, "a checkpoint over the certificate")
    title, extra, *_rest = proof[0].stdout.splitlines()
    assert title == "c2sp.org/tlog-proof@v1" and extra.startswith("extra ")
    leaf = json.loads(base64.b64decode(extra.removeprefix("extra ")))
    assert (leaf["kind"], leaf["data"]["operation"]) == ("result", installed)


def test_profiles_are_put_listed_and_removed(desk):
    desk.change("profile", "put", "cli.clients", "--kind", "tls-client", "--issuer", "cli.ca",
                "--longest-s", DAY_S, "--subject", '{"common_name": "*"}', "--sans",
                "dns:*.example.org", "--purposes", "client-auth", "--proof", "true", "--crl-url",
                "http://pki.example.org/ca")

    def listed():
        done = desk.call("profile", "list", "--json")
        return {item["name"]: item for item in json.loads(done.stdout)["items"]}
    profile = listed()["cli.clients"]
    assert (profile["kind"], profile["issuer"], profile["longest_s"]) == (
        "tls-client", "cli.ca", DAY_S)
    assert profile["purposes"] == ["client-auth"] and profile["sans"] == ["dns:*.example.org"]
    shown = desk.call("profile", "list").stdout
    assert "NAME" in shown and "cli.clients" in shown
    desk.change("profile", "remove", "cli.clients")
    assert "cli.clients" not in listed()


def test_a_request_as_java_s_keytool_writes_it_is_taken(desk, tmp_path):
    """RFC 7468 section 7: NEW CERTIFICATE REQUEST."""
    desk.change("profile", "put", "cli.java", "--kind", "tls-client", "--issuer", "cli.ca",
                "--longest-s", DAY_S, "--subject", '{"common_name": "*"}')
    desk.change("grant", "add", "--client", "operator", "--keys", "cli.ca", "--operations",
                "x509.issue:cli.java")
    key, path = ec.generate_private_key(ec.SECP256R1()), tmp_path / "request.pem"
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(
        [x509.NameAttribute(x509.NameOID.COMMON_NAME, "java")])).sign(key, hashes.SHA256())
    path.write_text(request.public_bytes(serialization.Encoding.PEM).decode().replace(
        "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"))
    done = desk.call("x509", "issue", "cli.java", "--csr", path)
    assert done.returncode == DONE, done
    assert common_name(x509.load_pem_x509_certificate(done.stdout.encode())) == "CN=java"


@pytest.mark.parametrize("words, code, said", [
    (["csr"], USAGE, 'member "key": missing'),
    (["csr", "--with", "no.such", "--common-name", "a"], NOT_FOUND, "no such key"),
    (["csr", "--with", "cli.leaf", "--common-name", "a", "--sans", "dns:A_b"], USAGE, "dns"),
    (["request"], USAGE, "certificate request ID"),
    (["request", "0" * 32], NOT_FOUND, "no such operation"),
    (["install", "cli.leaf"], USAGE, "chain"),
    (["install", "cli.leaf", "--chain", "/no/such/file"], USAGE, "cannot read /no/such/file"),
    (["issue", "cli.leaf", "--issuer", "cli.outside", "--common-name", "a", "--validity-s", 60],
     REFUSED, "`issuer`: no key of usage certify"),
    (["issue", "cli.leaf", "--issuer", "cli.ca", "--common-name", "a", "--validity-s", 40 * DAY_S],
     REFUSED, "valid so long"),
    (["root", "cli.leaf", "--common-name", "a", "--validity-s", 60], REFUSED,
     "a key of this usage has none of this kind"),
    (["proof", "no.such"], NOT_FOUND, "no certificate"),
])
def test_a_mistake_about_certificates_says_what_is_wrong(desk, words, code, said):
    done = desk.call("certificate", *words, *(["--requester", REQUESTER] if "proof" not in words
                                              and "request" not in words else []))
    assert (done.returncode, done.stdout) == (code, "") and said in done.stderr, done


@pytest.mark.parametrize("words, code, said", [
    (["put", "cli.x", "--kind", "nonsense", "--issuer", "cli.ca", "--longest-s", 60], USAGE, "kind"),
    (["put", "cli.x", "--kind", "tls-client", "--issuer", "cli.leaf", "--longest-s", 60, "--subject",
      '{"common_name": "*"}'], REFUSED, "`issuer`: no key of usage certify"),
    (["put", "cli.x", "--kind", "wallet-binding", "--issuer", "cli.ca", "--longest-s", 60,
      "--subject", '{"common_name": "*"}', "--purposes", "client-auth"], USAGE,
     "not for wallet-binding"),
    (["put", "cli.x", "--subject", "no JSON"], USAGE, "JSON: no value"),
    (["remove", "no.such"], NOT_FOUND, "no such profile"),
])
def test_a_mistake_about_profiles_says_what_is_wrong(desk, words, code, said):
    done = desk.call("profile", *words, "--requester", REQUESTER)
    assert (done.returncode, done.stdout) == (code, "") and said in done.stderr, done


def test_a_reason_that_there_is_not_is_answered_with_those_there_are(desk):
    done = desk.call("x509", "revoke", "cli.ca", "--serial", "4f01", "--reason-code",
                     "keyCompromise", "--requester", REQUESTER)
    assert done.returncode == USAGE and "key-compromise" in done.stderr, done


def test_a_dry_run_changes_nothing(desk):
    before = desk.certificates("cli.leaf")
    done = desk.call("certificate", "issue", "cli.leaf", "--issuer", "cli.ca", "--common-name",
                     "another", "--validity-s", DAY_S, "--requester", REQUESTER, "--dry-run",
                     "--json")
    assert done.returncode == DONE and "another" in done.stdout, done
    assert before[1] and desk.certificates("cli.leaf") == before
