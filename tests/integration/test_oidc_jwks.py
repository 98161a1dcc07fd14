"""privyseal-oidc: the appliance's public keys, told to relying parties and kept while it is away."""

import json
import ssl
import subprocess

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from harness.appliance import PATIENCE_S, wait_until
from harness.bare import free_port
from harness.callers import over_tls
from harness.certificates import Files
from harness.external_ca import pem
from harness.http_unix import b64u, unb64u
from harness.oidc import BASE, PROGRAM, Oidc, envelope

PATHS = [f"{BASE}/oauth/.well-known/jwks.json", "/.well-known/jwks.json"]


@pytest.fixture(scope="module")
def oidc(appliance):
    with Oidc(appliance.environment["PRIVYSEAL_SOCKET"]) as running:
        yield running


def verify(jwk, jws):
    head, payload, signature = jws.split(".")
    numbers = ec.EllipticCurvePublicNumbers(*(int.from_bytes(unb64u(jwk[c]), "big") for c in "xy"),
                                            ec.SECP256R1())
    raw = unb64u(signature)
    der = utils.encode_dss_signature(*(int.from_bytes(half, "big") for half in (raw[:32], raw[32:])))
    numbers.public_key().verify(der, f"{head}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("path", PATHS)
def test_a_signature_of_the_appliance_verifies_with_what_is_published(appliance, oidc, path):
    signer = appliance.client()
    answer = signer.post("/v1/jws/sign", {"key": "oidc.access-token", "payload": b64u(b"{}")})
    assert answer.status == 200, answer
    signed = answer.json()
    signer.close()
    client = oidc.public()
    answer = client.get(path)
    assert answer.status == 200, answer
    assert answer.headers["access-control-allow-origin"] == "*"
    keys = {jwk["kid"]: jwk for jwk in answer.json()["keys"]}
    verify(keys[signed["kid"]], signed["jws"])
    head, payload, signature = signed["jws"].split(".")
    with pytest.raises(InvalidSignature):
        verify(keys[signed["kid"]], f"{head}.{payload}A.{signature}")
    client.close()


def test_it_is_cacheable_and_answers_to_its_entity_tag(oidc):
    client = oidc.public()
    answer = client.get(PATHS[0])
    assert answer.headers["cache-control"] == "max-age=60"
    again = client.get(PATHS[0], headers={"If-None-Match": f'"other", {answer.headers["etag"]}'})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["access-control-allow-origin"] == "*"
    assert client.get(PATHS[0], headers={"If-None-Match": '"other"'}).status == 200
    head = client.request("HEAD", PATHS[0])
    assert (head.status, head.body) == (200, b"") and head.headers["etag"] == answer.headers["etag"]
    for method in ("POST", "PATCH", "DELETE"):
        assert client.request(method, PATHS[0]).status == 405
    assert client.get("/health/live").json() == {"status": "live"}
    client.close()


def test_without_the_appliance_it_says_so_and_carries_on_when_it_is_there(appliance, tmp_path):
    link = tmp_path / "clients.sock"
    with Oidc(link) as oidc:
        client = oidc.public()
        answer = client.get(PATHS[0])
        assert answer.status == 503 and answer.headers["retry-after"] == "1"
        assert answer.headers["content-type"] == "application/problem+json"
        link.symlink_to(appliance.environment["PRIVYSEAL_SOCKET"])
        assert client.get(PATHS[0]).status == 200
        client.close()


def test_what_was_told_is_told_while_the_appliance_is_away(appliance):
    """The last one with this appliance, which it stops."""
    socket = appliance.environment["PRIVYSEAL_SOCKET"]
    with Oidc(socket, more={"oidc": ["jwks_fresh_s = 0"]}) as oidc:
        client = oidc.public()
        first = client.get(PATHS[0])
        assert first.status == 200
        appliance.stop()
        assert client.get(PATHS[0]).body == first.body
        assert "appliance_away" in oidc.log()
        client.close()


@pytest.fixture()
def over_network(tmp_path):
    files = Files(tmp_path)
    ports = free_port(), free_port()
    tls = [f"certificate = {tmp_path}/server.pem", f"key = {tmp_path}/server.key"]
    more = {"public": [f"tls_port = {ports[0]}", *tls],
            "management": [f"tls_port = {ports[1]}", *tls, f"client_ca = {tmp_path}/ca.pem"],
            "administrators": [f"pins = {files.pin('caller')}"]}
    with Oidc("/nowhere/clients.sock", more=more) as oidc:
        yield oidc, files, ports


def status_of(answer):
    return answer.status, [error["errorCode"] for error in json.loads(answer.body)["errors"]]


def test_over_tls_a_pinned_certificate_manages_and_no_other(over_network):
    _, files, (public, management) = over_network
    ca = files.directory / "ca.pem"
    body = json.dumps(envelope({})).encode()
    path = f"{BASE}/client-mgmt/client/nobody"

    def ask(*certificate):
        peer = over_tls(management, ca, *certificate)
        answer = peer.request("PATCH", path, body)
        peer.close()
        return status_of(answer)

    def pair(who):
        return files.directory / f"{who}.pem", files.directory / f"{who}.key"

    assert ask(*pair("caller")) == (200, ["invalid_client_id"])
    assert ask(*pair("stranger")) == (403, ["FORBIDDEN"])
    assert ask() == (401, ["UNAUTHORIZED"])
    peer = over_tls(public, ca, *pair("caller"))
    assert peer.request("PATCH", path, body).status == 404
    peer.close()


def certificate_of(port, ca):
    context = ssl.create_default_context(cafile=str(ca))
    context.check_hostname = False
    return ssl.get_server_certificate(("127.0.0.1", port))


def test_new_certificates_are_taken_over_by_a_signal(over_network):
    oidc, files, (public, management) = over_network
    ca = files.directory / "ca.pem"
    before = certificate_of(public, ca)
    (files.directory / "server.key").unlink()
    after = pem(files.write("server"))
    oidc.process.send_signal(1)
    for port in (public, management):
        wait_until(lambda p=port: certificate_of(p, ca).split() == after.split(), PATIENCE_S,
                   "the new certificate")
    assert before != after
    (files.directory / "server.key").write_text("no key")
    oidc.process.send_signal(1)
    wait_until(lambda: "tls_refused" in oidc.log(), PATIENCE_S, "a refusal")
    assert certificate_of(public, ca).split() == after.split()


@pytest.mark.parametrize("section,line,words", [
    ("oidc", "claim = name", "there is no such key"),
    ("appliance", "url = https://keys.example", "needs either socket or url"),
    ("public", "client_ca = /etc/ca.pem", "has no client_ca"),
    ("public", "tls_port = 8443", "set certificate and key too"),
    ("management", "tls_port = 8443", "set pins in [administrators]"),
    ("administrators", "pins = short", "it takes 43 to 43"),
    ("administrators", "pins = " + "!" * 43, "is no SHA-256 in base64url"),
])
def test_mistakes_of_the_configuration_are_named(section, line, words):
    oidc = Oidc("/nowhere/clients.sock", more={section: [line]})
    done = subprocess.run([PROGRAM, "--config", oidc.config, "--check-config"], check=False,
                          capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1 and words in done.stderr, done.stderr
    oidc.__exit__()


def test_a_management_socket_for_nobody_is_a_mistake():
    oidc = Oidc("/nowhere/clients.sock", uids="")
    done = subprocess.run([PROGRAM, "--config", oidc.config, "--check-config"], check=False,
                          capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1 and "set uids in [administrators]" in done.stderr, done.stderr
    oidc.__exit__()
