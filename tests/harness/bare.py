"""An appliance before its genesis: privyseald with a copied configuration, no data and no token."""

import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from . import documents
from .appliance import PATIENCE_S, wait_until
from .http_unix import Client
from .people import Gate
from .places import PRIVYSEALD


MODULE = "/usr/lib/softhsm/libsofthsm2.so"


given_ports = set()


def free_port():
    """Below the ports that the kernel gives to whoever connects, so that it stays free; never twice
    the same."""
    while True:
        port = random.randrange(20000, 32000)
        if port in given_ports:
            continue
        given_ports.add(port)
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def state_of_files(directory):
    found = {}
    for path in directory.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # another has taken its name
            about = path.stat()
            found[path] = about.st_ino, about.st_size, about.st_mtime_ns
    return found


def copy_of_log(log, target):
    """Of one that may be in use, with nothing written while it was read: file by file it could have
    a checkpoint without the leaves that it covers."""
    def is_copied():
        before = state_of_files(log)
        shutil.rmtree(target, ignore_errors=True)
        try:
            shutil.copytree(log, target)
        except shutil.Error:  # of a file that has gone
            return False
        return state_of_files(log) == before

    wait_until(is_copied, 30, "a copy of the log")
    return target


class BareAppliance:
    """Takes settings, PINs and certificates of one that `privyseal dev` has made."""

    def __init__(self, model, tokens=(), attended=(), witness=None):
        self.model = pathlib.Path(model)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="privyseal-bare-"))
        self.directory.chmod(0o755)
        self.tokens = tokens  # names of more tokens, each with a store of its own
        self.attended = attended  # those of them whose PIN officers release once it is split
        self.console = self.directory / "console.sock"
        self.witness = witness  # its verifier key: it is on no network
        self.process = None

    def __enter__(self):
        try:
            self.make()
            self.launch()
            wait_until(self.is_up, 30, "a bare appliance")
        except BaseException:
            self.__exit__()
            raise
        return self

    def make(self):
        for name in ("tls", "ca", "pins", "clients"):
            shutil.copytree(self.model / name, self.directory / name)
        for name in ("data", "tokens"):
            (self.directory / name).mkdir(mode=0o700)
        for name in ("privyseald.conf", "softhsm2.conf"):
            text = (self.model / name).read_text().replace(str(self.model), str(self.directory))
            text = re.sub(r"^tls_port = .*$", lambda _: f"tls_port = {free_port()}", text,
                          flags=re.M)
            (self.directory / name).write_text(text)
            (self.directory / name).chmod(0o600 if name == "privyseald.conf" else 0o644)
        for name in self.tokens:
            self.add_token(name)
        if self.attended:
            self.add_console()
        if self.witness is not None:
            self.add_line("log", f"witness = {self.witness}")

    def add_token(self, name):
        """Initialises one and writes its section; its module is a copy that a test may change."""
        module = shutil.copy(MODULE, self.directory / f"module-{name}.so")
        store, conf = self.directory / f"tokens-{name}", self.directory / f"softhsm2-{name}.conf"
        store.mkdir(mode=0o700)
        conf.write_text(f"directories.tokendir = {store}\nobjectstore.backend = file\n")
        conf.chmod(0o644)
        pins = {role: (self.directory / "pins" / role).read_text().strip()
                for role in ("user", "so")}
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", f"privyseal-{name}",
                        "--so-pin", pins["so"], "--pin", pins["user"]], check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, "SOFTHSM2_CONF": str(conf)})
        settings = self.directory / "privyseald.conf"
        text = settings.read_text()
        profile = re.search("^profile = .*$", text, re.M).group()
        settings.write_text(
            f"{text}[token {name}]\nmodule = {module}\nenvironment = SOFTHSM2_CONF={conf}\n"
            f"environment = LIAR_MODULE={MODULE}\nenvironment = LIAR_DIRECTORY={store}\n"
            f"{profile}\nuri = pkcs11:token=privyseal-{name}\n"
            f"pin_file = {self.directory}/pins/user\nso_pin_file = {self.directory}/pins/so\nprocesses = 1\nstore = {store}\nreadable = {conf}\n"
            f"attended = {'yes' if name in self.attended else 'no'}\n")

    def add_console(self):
        self.add_line("appliance", f"console = {self.console}")

    def add_line(self, section, line):
        settings = self.directory / "privyseald.conf"
        text = settings.read_text()
        if f"[{section}]\n" not in text:
            text += f"[{section}]\n"
        settings.write_text(text.replace(f"[{section}]\n", f"[{section}]\n{line}\n", 1))

    def launch(self):
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(PRIVYSEALD), "--config", str(self.directory / "privyseald.conf")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def is_up(self):
        ready = self.ready()
        return '"uninitialised"' in ready and '"blank"' in ready

    def ready(self):
        """The body of /health/ready as text; empty while nobody answers."""
        client = Client(str(self.directory / "clients.sock"), 20)
        try:
            return client.get("/health/ready").body.decode()
        except OSError:
            return ""
        finally:
            client.close()

    def management(self, timeout=PATIENCE_S):
        return Client(str(self.directory / "management.sock"), timeout)

    def found(self, people, **members):
        """Genesis, signed by everybody."""
        client = self.management()
        body = {"token": "a", "initialise": True, "client": "operator",
                "roster": people.roster(), "policy": documents.policy(), **members}
        answer = client.post("/v1/genesis", body)
        assert answer.status == 202, answer

        def send(method, target, body, headers):
            return client.request(method, target, body=body, headers=headers)

        answer = Gate(send, people).finish(answer.json())
        assert answer.status == 201, answer
        wait_until(lambda: '"operational"' in self.ready(), 30, "the appliance to work")

    def wait_seen(self, token):
        """Until its process has told which token it is: before that it is not accepted."""
        def is_told():
            tokens = self.management().get("/v1/system").json().get("tokens", [])
            return any(item["token"] == token and item.get("serial") for item in tokens)

        wait_until(is_told, 60, f"the token {token} to be seen")

    def children(self, *words):
        """Process ids of a role, by the words of its command line."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        wanted, found = {word.encode() for word in words}, []
        for pid in children.read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                line = set(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"))
                found += [int(pid)] if wanted <= line else []
        return found

    def keepers(self):
        """Process ids of its keeper: one, while nobody starts it anew."""
        return self.children("keeper")

    def kill_token(self, name):
        for pid in self.children("token", f"{name}/0"):
            os.kill(pid, signal.SIGKILL)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __exit__(self, *exception):
        if self.process is not None:
            self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
