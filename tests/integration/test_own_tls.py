"""docs/tls.md: the appliance as CA of its own TLS; every block of it, as it stands."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from harness import terminal
from harness.appliance import Appliance, wait_until
from harness.bare import free_port
from harness.callers import STRANGER, Peer
from harness.dev_room import DevRoom
from harness.people import AUDITORS, OFFICERS, REQUESTER, People
from harness.places import PRIVYSEAL, TOP
from harness.rooms import answers_of

BLOCKS = dict(re.findall(r"^```sh (\w+)\n(.*?)^```$", (TOP / "docs" / "tls.md").read_text(),
                         re.M | re.S))
CEREMONIES = TOP / "docs" / "ceremonies"
HOST = "keys.example.org"


class Page:
    """An appliance without TLS, which becomes the CA of its own listeners."""

    def __init__(self, appliance):
        self.appliance = appliance
        self.room = DevRoom(appliance)
        self.directory = appliance.directory / "own"
        self.shared = self.directory / "shared"
        self.client = self.directory / "client"
        self.port = None  # taken when the listener is named: none is free for long
        for path in (self.directory, self.shared, self.client):
            path.mkdir(mode=0o755)
        os.chown(self.shared, STRANGER, -1)
        self.environment = {
            **appliance.environment, "PATH": f"{PRIVYSEAL.parent}:/usr/bin:/bin",
            "PRIVYSEAL_CEREMONIES": str(CEREMONIES), "REQUESTER": REQUESTER,
            "ISSUER_UID": str(STRANGER), "HOSTS": f"dns:{HOST}", "SHARED": str(self.shared),
            "CLIENT": str(self.client), "TLS_KEY": str(self.directory / "listener.key"),
            "TLS_CERTIFICATE": str(self.shared / "listener.pem"),
            "CLIENT_CA": str(self.directory / "clients.pem"), "LC_ALL": "C.UTF-8"}

    def attend(self, stop):
        """People who sign each document of the ceremonies as soon as it is there."""
        people = People(self.appliance.directory / "officers")
        signers = [("request", REQUESTER)] + [("approve", person) for person in
                                              (*OFFICERS[1:3], AUDITORS[0])]
        done = set()
        while not stop.wait(0.05):
            for document in sorted(set(self.directory.glob("tls-*.json")) - done):
                done.add(document)
                octets = document.read_bytes()
                for kind, person in signers:
                    made = self.directory / f"{document.name}.{kind}.{person}.part"
                    made.write_text(people.sign(person, octets, kind))
                    made.rename(made.with_suffix(".sig"))

    def hold_ceremonies(self):
        names = re.findall(r"ceremony run (\S+)", BLOCKS["ceremonies"])
        typed = [pair for name in names
                 for step in json.loads((CEREMONIES / f"{name}.json").read_text())["steps"]
                 if "ask" not in step for pair in answers_of(step, {})]
        stop = threading.Event()
        thread = threading.Thread(target=self.attend, args=(stop,))
        thread.start()
        try:
            return terminal.run(["env", "-C", self.directory, "sh", "-ec", BLOCKS["ceremonies"]],
                                typed, 90, self.environment)
        finally:
            stop.set()
            thread.join()

    def name_listener(self):
        """In the configuration, as the page says."""
        path = self.appliance.directory / "privyseald.conf"
        self.port = free_port()
        lines = {"tls_port": self.port, "certificate": self.environment["TLS_CERTIFICATE"],
                 "key": self.environment["TLS_KEY"], "client_ca": self.environment["CLIENT_CA"]}
        path.write_text(path.read_text().replace("[clients]\n", "[clients]\n" + "".join(
            f"{name} = {value}\n" for name, value in lines.items())))

    def log(self):
        return (self.appliance.directory / "privyseald.log").read_text()

    def run(self, block, uid=0):
        done = subprocess.run(["sh", "-ec", BLOCKS[block]], cwd="/", env=self.environment, user=uid,
                              text=True, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done
        return done.stdout.strip()

    def reload(self):
        os.kill(self.appliance.pids("supervisor")[0], signal.SIGHUP)

    def connect(self):
        """As the client, which knows the appliance by the root alone, and by its name."""
        context = ssl.create_default_context(cafile=str(self.shared / "root.pem"))
        context.load_cert_chain(str(self.shared / "esignet.pem"), str(self.client / "key.pem"))
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.port), 20),
                                   server_hostname=HOST)

    def served(self):
        """The serial number of what the listener shows; None: nothing, or nothing of our CA."""
        try:
            with self.connect() as sock:
                assert sock.version() == "TLSv1.3"
                return x509.load_der_x509_certificate(sock.getpeercert(True)).serial_number
        except OSError:  # among them those of ssl; it may be opened at this moment
            return None

    def whoami(self):
        peer = Peer(self.connect)
        answer = peer.request("GET", "/v1/whoami")
        peer.close()
        return answer.status, json.loads(answer.body).get("client")


def certificate(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def spki(holder):
    return holder.public_key().public_bytes(serialization.Encoding.DER,
                                            serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module", name="page")
def page_of_an_appliance():
    with Appliance(arguments=["--no-tls"]) as running:
        yield Page(running)


def test_the_page_from_the_ceremonies_to_a_client_that_is_let_in(page):
    code, shown = page.hold_ceremonies()
    assert code == 0 and shown.count("The ceremony is complete.") == 4, shown
    page.run("listener")
    pin = page.run("client")
    assert (page.client / "key.pem").stat().st_mode & 0o777 == 0o600
    page.run("certificates", STRANGER)
    digest = certificate(page.shared / "root.pem").fingerprint(hashes.SHA256())
    assert page.run("root").split()[0] == digest.hex()
    page.name_listener()
    page.reload()
    wait_until(lambda: page.served() == certificate(page.shared / "listener.pem").serial_number,
               20, "the listener to show its new certificate")
    assert page.whoami() == (401, None)
    page.room.post("/v1/clients", {"name": "esignet", "pins": [pin], "listener": "clients"})
    assert page.whoami() == (200, "esignet")


def test_renewed_it_is_another_certificate_of_the_same_key(page):
    before = certificate(page.shared / "listener.pem")
    page.run("certificates", STRANGER)
    after = certificate(page.shared / "listener.pem")
    assert spki(after) == spki(before) and after.serial_number != before.serial_number
    page.reload()
    wait_until(lambda: page.served() == after.serial_number, 20, "the renewed certificate")
    assert page.whoami() == (200, "esignet")


def test_both_ends_of_tls_are_listed_with_when_they_end(page):
    assert page.whoami() == (200, "esignet")
    shown = {("listener", "clients"): "listener.pem", ("client", "esignet"): "esignet.pem"}
    ends = {pair: certificate(page.shared / name).not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ")
            for pair, name in shown.items()}

    def listed():
        items = page.room.send("GET", f"/v1/expiring?within_s={91 * 24 * 3600}").json()["items"]
        return {(item["kind"], item["name"]): item["expires"] for item in items
                if item["kind"] in ("listener", "client")}

    wait_until(lambda: listed() == ends, 60, "what the listener shows now, and the client")


def test_what_is_not_of_the_key_is_not_taken_over(page):
    served = page.served()
    good = (page.shared / "listener.pem").read_bytes()
    (page.shared / "listener.pem").write_bytes((page.shared / "esignet.pem").read_bytes())
    page.reload()
    wait_until(lambda: "reload_refused" in page.log(), 20, "the refusal")
    (page.shared / "listener.pem").write_bytes(good)
    assert page.served() == served and page.whoami() == (200, "esignet")


def test_a_refusal_leaves_the_last_certificate_in_its_place(page):
    before = (page.shared / "listener.pem").read_bytes()
    done = subprocess.run([PRIVYSEAL, "x509", "issue", "tls-server", "--csr",
                           page.shared / "esignet.csr", "--out", page.shared / "listener.pem"],
                          env=page.environment, user=STRANGER, capture_output=True, check=False,
                          timeout=60)
    assert done.returncode == 3, done
    assert (page.shared / "listener.pem").read_bytes() == before


def ask(*words):
    return subprocess.run([PRIVYSEAL, "x509", "request", *words], text=True, capture_output=True,
                          check=False, timeout=60)


def test_a_request_says_what_was_asked_for(tmp_path):
    done = ask("--key-file", tmp_path / "key.pem", "--common-name", "a", "--sans",
               "dns:a.example,ip:192.0.2.1")
    request = x509.load_pem_x509_csr(done.stdout.encode())
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert request.is_signature_valid and request.subject.rfc4514_string() == "CN=a"
    assert names.get_values_for_type(x509.DNSName) == ["a.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1"]
    key = (tmp_path / "key.pem").read_bytes()
    again = x509.load_pem_x509_csr(ask("--key-file", tmp_path / "key.pem", "--common-name",
                                       "a").stdout.encode())
    assert spki(again) == spki(request) and (tmp_path / "key.pem").read_bytes() == key


def test_what_cannot_be_requested_leaves_no_key(tmp_path):
    key = tmp_path / "key.pem"
    for words in (["--common-name", "a", "--sans", "dns:A_b"], ["--common-name", "a" * 65],
                  ["--common-name", "a", "--sans", ",".join(f"dns:a{n}.example" for n in range(65))],
                  []):
        done = ask("--key-file", key, *words)
        assert done.returncode == 2 and done.stderr and not key.exists(), done


def test_a_key_that_others_may_read_or_of_another_kind_is_not_used(tmp_path):
    key = tmp_path / "key.pem"
    ask("--key-file", key, "--common-name", "a")
    key.chmod(0o640)
    done = ask("--key-file", key, "--common-name", "a")
    assert done.returncode == 1 and "chmod 0600" in done.stderr, done
    key.chmod(0o600)
    for words, said in (("ecparam -name secp384r1 -genkey -noout", "not on P-256"),
                        ("rand -hex 32", "no private key")):
        key.write_bytes(subprocess.run(["openssl", *words.split()], check=True,
                                       capture_output=True).stdout)
        done = ask("--key-file", key, "--common-name", "a")
        assert done.returncode == 2 and said in done.stderr, done
