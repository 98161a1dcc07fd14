"""A client's own next certificate: a statement signed with its old and its new key, and no other."""

import datetime
import hashlib
import json
import re
import shutil
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import documents
from harness.appliance import Appliance, wait_until
from harness.callers import over_tls
from harness.dev_room import DevRoom
from harness.http_unix import b64u, unb64u
from harness.leaves import read_events
from harness.places import TOP

SCRIPT = re.search(r"```sh\n(.*?)```", (TOP / "docs" / "clients.md").read_text(), re.S).group(1)
NEW_KEY = {"ec-p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
           "ec-p384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
           "ec-p521": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
           "ed25519": ["-algorithm", "ED25519"],
           "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]}


def openssl(*words, octets=None):
    return subprocess.run(["openssl", *map(str, words)], input=octets, check=True,
                          capture_output=True).stdout


def spki(key):
    return openssl("pkey", "-in", key, "-pubout", "-outform", "DER")


def pin(key):
    return b64u(hashlib.sha256(spki(key)).digest())


def digest_of(key):
    return "-sha384" if b"(384 bit)" in openssl("pkey", "-in", key, "-noout", "-text") \
        else "-sha256"


def sign(key, octets, *options):
    if b"ED25519" in openssl("pkey", "-in", key, "-noout", "-text"):
        (key.parent / "octets").write_bytes(octets)
        return openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", key.parent / "octets")
    return openssl("dgst", digest_of(key), *options, "-sign", key, octets=octets)


def certify(room, key, subject, **wanted):
    """By the appliance's CA of clients, as the operator would."""
    path = key.with_suffix(".cert")
    request = openssl("req", "-new", digest_of(key), "-key", key, "-outform", "DER",
                      "-subj", subject)
    answer = room.appliance.client().post("/v1/x509/issue", {"csr": b64u(request), **wanted})
    assert answer.status == 200, answer
    path.write_text(ssl.DER_cert_to_PEM_cert(unb64u(answer.json()["certificate"])))
    return path


class Known:
    """A client of the appliance with a certificate of its own."""

    def __init__(self, room, directory, name, kind="ec-p256"):
        self.room = room
        self.directory = directory
        self.name = name
        self.key = self.make_key("old.pem", kind)
        room.post("/v1/clients", {"name": name, "pins": [pin(self.key)], "listener": "clients"})
        self.certificate = self.certify(self.key)

    def make_key(self, name, kind):
        path = self.directory / f"{self.name}-{name}"
        openssl("genpkey", *NEW_KEY[kind], "-out", path)
        return path

    def certify(self, key):
        return certify(self.room, key, f"/CN={self.name}", profile="tls-client")

    def peer(self, key=None):
        directory = self.room.appliance.directory
        key = key or self.key
        return over_tls(self.port(), directory / "ca" / "cert.pem", key.with_suffix(".cert"), key)

    def port(self):
        return int(self.url().rsplit(":", 1)[1])

    def url(self):
        return self.room.appliance.environment["PRIVYSEAL_URL"]

    def ask(self, target, body=None, key=None):
        octets = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        answer = self.peer(key).request("POST", target, octets, headers)
        return answer.status, json.loads(answer.body)

    def nonce(self, key=None):
        status, body = self.ask("/v1/whoami/nonce", key=key)
        assert status == 200, body
        return body

    def whoami(self, key):
        answer = self.peer(key).request("GET", "/v1/whoami")
        return answer.status, json.loads(answer.body).get("client")

    def pins(self):
        return self.room.send("GET", f"/v1/clients/{self.name}").json()["pins"]

    def statement(self, new, **changes):
        members = {**self.nonce(), "new_key": b64u(spki(new)), "type": "client.certificate",
                   "v": "1", **changes}
        return documents.canonical(members)

    def hand_in(self, octets, new, **changes):
        body = {"statement": b64u(octets), "old_key": b64u(spki(self.key)),
                "old_signature": b64u(sign(self.key, octets)),
                "new_signature": b64u(sign(new, octets)), **changes}
        return self.ask("/v1/whoami/certificate", body)


@pytest.fixture(scope="module", name="room")
def appliance_with_people():
    with Appliance() as appliance:
        yield DevRoom(appliance)


@pytest.fixture(scope="module", name="client")
def known_client(room, tmp_path_factory):
    return Known(room, tmp_path_factory.mktemp("client"), "renewing")


@pytest.mark.parametrize("kind", ["ec-p384", "ed25519", "rsa"])
def test_as_the_guide_says_with_openssl_and_curl(room, tmp_path, kind):
    """Afterwards it is known by both keys, and what it may do is what it could."""
    client = Known(room, tmp_path, f"guide-{kind}", "rsa" if kind == "ed25519" else "ec-p256")
    room.post("/v1/grants", {"client": client.name, "keys": "oidc.*", "operations": ["jws.sign"]})
    new = client.make_key("new.pem", kind)
    for source, name in ((client.key, "old.pem"), (client.certificate, "old-cert.pem"),
                         (new, "new.pem")):
        shutil.copy(source, tmp_path / name)
    shutil.copy(room.appliance.directory / "ca" / "cert.pem", tmp_path / "ca.pem")
    done = subprocess.run(["sh", "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True,
                          env={"PATH": "/usr/bin:/bin", "URL": client.url()}, check=False)
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["pins"] == [pin(client.key), pin(new)]
    client.certify(new)
    assert client.whoami(client.key) == (200, client.name)
    assert client.whoami(new) == (200, client.name)
    body = json.dumps({"key": "oidc.id-token", "payload": "YQ"}).encode()
    answer = client.peer(new).request("POST", "/v1/jws/sign", body,
                                      {"Content-Type": "application/json"})
    assert answer.status == 200, answer


def test_the_log_has_all_that_proves_it(room, client):
    before = len(list(read_events(room.appliance.directory / "data" / "log")))
    new = client.make_key("logged.pem", "ec-p256")
    octets = client.statement(new)
    status, answer = client.hand_in(octets, new)
    assert status == 201, answer
    leaves = list(read_events(room.appliance.directory / "data" / "log"))[before:]
    intent, = (leaf["data"] for leaf in leaves if leaf["kind"] == "intent"
               and leaf["data"]["document"]["type"] == "client.certificate")
    assert intent["document"]["params"]["statement"] == b64u(octets)
    assert [leaf["kind"] for leaf in leaves if leaf["data"].get("operation") == intent["operation"]
            ] == ["intent", "result"]
    wait_until(lambda: any(leaf["data"].get("alarm") == "client-certificate"
                           for leaf in read_events(room.appliance.directory / "data" / "log")
                           if leaf["kind"] == "alarm"), 60, "its alarm")
    # The next one drops the key that does not sign it.
    third = client.make_key("third.pem", "ec-p256")
    octets = client.statement(third)
    status, answer = client.hand_in(octets, third)
    assert status == 201 and answer["pins"] == [pin(client.key), pin(third)]
    client.certify(new)
    assert client.whoami(new)[0] == 401


def refused(answer, status, *words):
    assert answer[0] == status, answer
    for word in words:
        assert word in answer[1].get("detail", ""), answer


def test_one_signature_is_none(client):
    new = client.make_key("one.pem", "ec-p256")
    other = client.make_key("other.pem", "ec-p256")
    before = client.pins()
    octets = client.statement(new)
    refused(client.hand_in(octets, new, new_signature=b64u(sign(client.key, octets))), 422, "new key")
    refused(client.hand_in(octets, new, old_signature=b64u(sign(new, octets))), 422, "old key")
    refused(client.hand_in(octets, new, new_signature=b64u(sign(other, octets))), 422, "new key")
    refused(client.hand_in(octets, new, new_signature=""), 400, "new_signature")
    changed = octets.replace(b'"v":"1"', b'"v":"1" ')
    refused(client.hand_in(octets, new, statement=b64u(changed)), 400)
    # A key that both signatures are of, and that the client is not known by.
    refused(client.hand_in(octets, new, old_key=b64u(spki(other)),
                           old_signature=b64u(sign(other, octets))), 422, "another key")
    octets = client.statement(new, old_key=pin(other))
    refused(client.hand_in(octets, new, old_key=b64u(spki(other)),
                           old_signature=b64u(sign(other, octets))), 422, "not known")
    assert client.pins() == before


def test_a_nonce_is_one_that_was_given_to_this_client_and_good_once(room, client, tmp_path):
    new = client.make_key("nonce.pem", "ec-p256")
    stranger = Known(room, tmp_path, "stranger")
    for nonce in ("0" * 32, stranger.nonce()["nonce"]):
        octets = client.statement(new, nonce=nonce)
        refused(client.hand_in(octets, new), 422, "nonce")
    octets = client.statement(new)
    assert client.hand_in(octets, new)[0] == 201
    again = client.make_key("again.pem", "ec-p256")
    used = json.loads(octets)["nonce"]
    octets = client.statement(again, nonce=used)
    refused(client.hand_in(octets, again), 422, "nonce")
    # A fifth takes the place of the first.
    first = client.statement(again)
    for _ in range(4):
        client.nonce()
    refused(client.hand_in(first, again), 422, "nonce")


def test_a_statement_is_of_this_client_this_appliance_and_this_moment(room, client, tmp_path):
    new = client.make_key("members.pem", "ec-p256")
    stranger = Known(room, tmp_path, "another")
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=1)
    for changes, status, words in (
            ({"client": "another"}, 422, "another client"),
            ({"appliance": 64 * "0"}, 422, "another appliance"),
            ({"not_after": past.strftime("%Y-%m-%dT%H:%M:%SZ")}, 422, "expired"),
            ({"type": "client.suspend"}, 400, "type"), ({"v": "2"}, 400, "version"),
            ({"more": "x"}, 400, "more"), ({"nonce": "00"}, 400, "nonce"),
            ({"new_key": "YQ"}, 400, "new_key"),
            ({"new_key": b64u(spki(client.key))}, 422, "old one")):
        refused(client.hand_in(client.statement(new, **changes), new), status, words)
    # It ends with its second, not after it.
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    refused(client.hand_in(client.statement(new, not_after=now), new), 422, "expired")
    # What another client is known by is not to be had, even by who holds its key.
    refused(client.hand_in(client.statement(stranger.key), stranger.key), 409, "another client")
    # Who hands in another's statement, signed as it should be, is not that client.
    octets = client.statement(new)
    body = {"statement": b64u(octets), "old_key": b64u(spki(client.key)),
            "old_signature": b64u(sign(client.key, octets)),
            "new_signature": b64u(sign(new, octets))}
    refused(stranger.ask("/v1/whoami/certificate", body), 422, "another client")
    assert room.send("POST", "/v1/whoami/certificate", body).status == 422


def test_a_key_that_it_is_known_by_already_is_no_next_one(room, tmp_path):
    client = Known(room, tmp_path, "known-already")
    new = client.make_key("new.pem", "ec-p256")
    assert client.hand_in(client.statement(new), new)[0] == 201
    refused(client.hand_in(client.statement(new), new), 409, "already")
    assert client.pins() == [pin(client.key), pin(new)]


def test_signatures_that_openssl_makes_otherwise(room, tmp_path):
    client = Known(room, tmp_path, "otherwise", "rsa")
    new = client.make_key("new.pem", "rsa")
    octets = client.statement(new)
    pss = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest")
    status, answer = client.hand_in(octets, new, new_signature=b64u(sign(new, octets, *pss)))
    assert status == 201, answer
    curve = client.make_key("p521.pem", "ec-p521")
    octets = client.statement(curve)
    refused(client.hand_in(octets, curve), 422)


def test_a_suspended_client_adds_nothing(room, tmp_path):
    client = Known(room, tmp_path, "suspended")
    new = client.make_key("new.pem", "ec-p256")
    octets = client.statement(new)
    room.post("/v1/clients/suspended/suspend")
    assert client.hand_in(octets, new)[0] == 401
    assert client.ask("/v1/whoami/nonce")[0] == 401


def test_two_clients_that_add_one_key_at_once_are_not_both_known_by_it(room, tmp_path):
    clients = [Known(room, tmp_path, name) for name in ("twin-a", "twin-b")]
    key = clients[0].make_key("new.pem", "ec-p256")
    statements = [client.statement(key) for client in clients]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda client, octets: client.hand_in(octets, key)[0],
                                clients, statements))
    assert sorted(answers) == [201, 409]
    assert sum(pin(key) in client.pins() for client in clients) == 1
    assert room.send("GET", "/v1/system").json()["state"] == "operational"


def test_a_client_is_known_by_who_issued_and_by_the_name_in_it(room, tmp_path):
    """Whatever its key is; another name of the same authority, or none, is nobody."""
    ca = room.appliance.directory / "ca" / "cert.pem"
    public = openssl("x509", "-in", ca, "-noout", "-pubkey")
    issuer = b64u(hashlib.sha256(openssl("pkey", "-pubin", "-outform", "DER",
                                         octets=public)).digest())
    done = room.change("PUT", "/v1/x509/profiles/named-clients", {
        "kind": "tls-client", "issuer": "tls.ca", "longest_s": 86400,
        "subject": {"common_name": "*"}, "sans": ["dns:*.example"]})
    assert done.status == 201, done
    room.post("/v1/grants", {"client": "operator", "keys": "tls.ca",
                             "operations": ["x509.issue:named-clients"]})
    known = Known(room, tmp_path, "by-pin")
    room.post("/v1/clients", {"name": "by-rule", "issuer": issuer, "san": "box.example",
                              "listener": "clients"})
    room.post("/v1/clients", {"name": "elsewhere", "issuer": b64u(bytes(32)),
                              "san": "other.example", "listener": "clients"})
    for number, (sans, whose) in enumerate(((["dns:box.example"], (200, "by-rule")),
                                            (["dns:other.example"], (401, None)),
                                            (["dns:box.example"], (200, "by-rule")))):
        key = known.make_key(f"{number}.pem", "ec-p256")
        certify(room, key, "/CN=box", profile="named-clients", sans=sans)
        assert known.whoami(key) == whose, sans
    key = known.make_key("unnamed.pem", "ec-p256")
    known.certify(key)
    assert known.whoami(key)[0] == 401
