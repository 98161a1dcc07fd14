"""A companion (frontends/) as a program of its own, beside an appliance or beside none."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from .appliance import PATIENCE_S, wait_until
from .http_unix import Client
from .places import BUILD


class Companion:
    """`socket`: the appliance's; it need not be there, and with None `more` says how it is reached.
    `own`, `more`: lines of the configuration."""

    log_level = "debug"

    def __init__(self, name, socket, own, more=None, uids=None):
        self.name = name
        self.program = BUILD / "frontends" / name / f"privyseal-{name}"
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"privyseal-{name}-"))
        self.process = None
        self.public_socket = self.directory / "public.sock"
        self.management_socket = self.directory / "management.sock"
        (self.directory / "data").mkdir(mode=0o700)
        self.config = self.directory / f"{name}.conf"
        lines = {
            name: [f"data = {self.directory}/data", f"log_level = {self.log_level}"],
            "appliance": [*([] if socket is None else [f"socket = {socket}"]), "timeout_ms = 5000"],
            "public": [f"socket = {self.public_socket}"],
            "management": [f"socket = {self.management_socket}"],
            "administrators": [f"uids = {os.getuid() if uids is None else uids}"],
        }
        for section, added in [*own.items(), *(more or {}).items()]:
            lines.setdefault(section, []).extend(added)
        self.config.write_text("".join(f"[{section}]\n" + "".join(f"{line}\n" for line in of)
                                       for section, of in lines.items()))

    def start(self):
        before = len(self.log())
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen([self.program, "--config", self.config], stderr=log,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_until(lambda: self.process.poll() is not None or '"ready"' in self.log()[before:],
                   PATIENCE_S, f"privyseal-{self.name}")
        assert self.process.poll() is None, self.log()
        return self

    def stop(self):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(PATIENCE_S)
        self.process = None
        return code

    def check_config(self):
        return subprocess.run([self.program, "--config", self.config, "--check-config"],
                              check=False, capture_output=True, text=True, timeout=PATIENCE_S)

    def log(self):
        path = self.directory / "log"
        return path.read_text() if path.exists() else ""

    def public(self):
        return Client(str(self.public_socket))

    def management(self):
        return Client(str(self.management_socket))

    def end_turn(self):
        """What it did with the requests before is over when it has answered another connection."""
        client = self.management()
        try:
            assert client.get("/health/live").status == 200
        finally:
            client.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        if self.process is not None:
            code = self.stop()
            if not any(exception):
                assert code == 0, self.log()[-4000:]
        if not os.environ.get("PRIVYSEAL_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)
