"""An appliance before its genesis: privyseald with a copied configuration, no data and no token."""

import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from .appliance import PRIVYSEALD, wait_until
from .http_unix import Client


def free_port():
    """Below the ports that the kernel gives to whoever connects, so that it stays free."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class BareAppliance:
    """Takes settings, PINs and certificates of one that `privyseal dev` has made."""

    def __init__(self, model):
        self.model = pathlib.Path(model)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="privyseal-bare-"))
        self.directory.chmod(0o755)
        self.process = None

    def __enter__(self):
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
        self.launch()
        wait_until(self.is_up, 30, "a bare appliance")
        return self

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
        client = Client(str(self.directory / "clients.sock"), 5)
        try:
            return client.get("/health/ready").body.decode()
        except OSError:
            return ""
        finally:
            client.close()

    def management(self, timeout=60):
        return Client(str(self.directory / "management.sock"), timeout)

    def keepers(self):
        """Process ids of its keeper: one, while nobody starts it anew."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()
                if b"keeper" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __exit__(self, *exception):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
