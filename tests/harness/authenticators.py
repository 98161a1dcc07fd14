"""A plugin in a host that is nothing else (tests/authenticator/driver.c), and what plugins talk to."""

import email
import email.policy
import http.server
import ipaddress
import json
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .appliance import PATIENCE_S
from .bare import free_port
from .external_ca import ExternalCa, name, pem
from .places import BUILD, TOP

PLUGINS = BUILD / "frontends" / "plugins"
DRIVER = BUILD / "tests" / "authenticator" / "authenticator_driver"
REGISTRY = PLUGINS / "registry" / "privyseal-registry"
SAMPLES = TOP / "frontends" / "plugins" / "registry" / "sample-people.csv"
OK, REFUSED, AWAY, FAILED = range(4)


class Plugin:
    """One plugin, loaded by the driver from a directory that nobody else can write."""

    def __init__(self, kind, lines):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="privyseal-plugin-"))
        self.object = self.directory / f"authenticator-{kind}.so"
        shutil.copyfile(PLUGINS / kind / self.object.name, self.object)
        self.object.chmod(0o600)
        self.config = self.directory / f"{kind}.conf"
        self.config.write_text(lines.replace("OWN", str(self.directory)))
        self.log = self.directory / "stderr"
        self.process = None
        self.answers = {}
        self.asked = 0
        self.described = {}

    def start(self, *words):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([DRIVER, self.object, self.config, *words], text=True,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=log)
        line = self.process.stdout.readline()
        if line:
            self.described = json.loads(line)
        return self

    def ask(self, call, **members):
        """The number of the question, for `answer`."""
        self.asked += 1
        question = {"id": self.asked, "call": call, "relying_party": "rp", "client": "client",
                    "transaction": "t-1", "source": "192.0.2.1", **members}
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return self.asked

    def answer(self, number):
        while number not in self.answers:
            answer = json.loads(self.process.stdout.readline())
            self.answers[answer["id"]] = answer
        return self.answers.pop(number)

    def call(self, call, **members):
        return self.answer(self.ask(call, **members))

    def stop(self):
        self.process.stdin.close()
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        self.process = None
        return code

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        if self.process is not None:
            code = self.stop()
            if not any(exception):
                assert code == 0, self.log.read_text()[-4000:]
        self.remove()

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def challenge(factor, value, form="alpha-numeric"):
    return {"factor": factor, "format": form, "value": value}


class Certified:
    """A server's certificate for 127.0.0.1, and who issued it, as files."""

    def __init__(self, directory, address="127.0.0.1"):
        ca = ExternalCa()
        key = ec.generate_private_key(ec.SECP256R1())
        sans = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        certificate = ca.issue(name("server"), key.public_key(), sans=sans)
        self.ca = directory / "ca.pem"
        self.ca.write_text(pem(ca.root))
        self.chain = directory / "server.pem"
        self.chain.write_text(pem(certificate, ca.certificate))
        self.key = directory / "server.key"
        self.key.write_bytes(key.private_bytes(serialization.Encoding.PEM,
                                               serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))

    def context(self):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.chain, self.key)
        return made


class IdentitySystem:
    """Paths and bodies of MOSIP's mock identity system, over TLS. What it answers is set by tests."""

    def __init__(self, certified):
        self.seen = []
        self.answers = {}  # path's first part after the base: (status, octets), or a function
        self.release = threading.Event()
        system = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, body):
                path = self.path.removeprefix("/v1/mock-identity-system/")
                system.seen.append((self.command, path, body))
                kind = next(kind for kind in system.answers if path.startswith(kind))
                status, octets = system.answers[kind]
                if status is None:
                    system.release.wait()
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(octets)))
                self.end_headers()
                self.wfile.write(octets)

            def do_GET(self):
                self.answer(None)

            def do_POST(self):
                length = int(self.headers["Content-Length"])
                assert self.headers["Content-Type"] == "application/json"
                self.answer(json.loads(self.rfile.read(length)))

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.socket = certified.context().wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def set(self, kind, body, status=200):
        self.answers[kind] = (status, json.dumps(body).encode() if not isinstance(body, bytes) else body)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()


class Relay:
    """A mail relay with STARTTLS that knows one user."""

    def __init__(self, certified, user="login", password="relay-password"):
        self.messages = []
        self.user = user
        self.refuses = False
        relay = self

        class Handler:
            async def handle_RCPT(self, server, session, envelope, address, options):
                if relay.refuses:
                    return "450 4.2.0 not now"
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, server, session, envelope):
                text = email.message_from_bytes(envelope.content, policy=email.policy.default)
                relay.messages.append((envelope.mail_from, envelope.rcpt_tos, text))
                return "250 OK"

        def authenticate(server, session, envelope, mechanism, data):
            good = (data.login, data.password) == (user.encode(), password.encode())
            return AuthResult(success=good)

        def controller(port):
            return Controller(Handler(), hostname="127.0.0.1", port=port,
                              tls_context=certified.context(), require_starttls=True,
                              authenticator=authenticate, auth_required=True,
                              ready_timeout=PATIENCE_S)

        self.make = controller
        self.controller = None
        self.port = 0

    def __enter__(self):
        while self.controller is None:
            self.port = free_port()
            made = self.make(self.port)
            try:
                made.start()
                self.controller = made
            except OSError:  # somebody was quicker
                continue
        return self

    def __exit__(self, *exception):
        self.controller.stop()
