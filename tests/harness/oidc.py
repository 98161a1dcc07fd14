"""privyseal-oidc as a program of its own, beside an appliance or beside none."""

import datetime
import os
import pathlib
import shutil
import subprocess
import tempfile

from .appliance import PATIENCE_S, wait_until
from .http_unix import Client
from .places import BUILD

PROGRAM = BUILD / "frontends" / "oidc" / "privyseal-oidc"
BASE = "/v1/esignet"
URL = "https://idp.example"
ISSUER = URL + BASE


def now(offset_s=0):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset_s)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def envelope(request, offset_s=0):
    return {"requestTime": now(offset_s), "request": request}


class Oidc:
    """`socket`: the appliance's; it need not be there. `more`: lines of the configuration."""

    def __init__(self, socket, more=None, uids=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="privyseal-oidc-"))
        self.process = None
        self.public_socket = self.directory / "public.sock"
        self.management_socket = self.directory / "management.sock"
        (self.directory / "data").mkdir(mode=0o700)
        self.config = self.directory / "oidc.conf"
        lines = {
            "oidc": [f"data = {self.directory}/data", f"url = {URL}", "log_level = debug"],
            "appliance": [f"socket = {socket}", "timeout_ms = 5000"],
            "public": [f"socket = {self.public_socket}"],
            "management": [f"socket = {self.management_socket}"],
            "administrators": [f"uids = {os.getuid() if uids is None else uids}"],
        }
        for section, added in (more or {}).items():
            lines[section] += added
        self.config.write_text("".join(f"[{section}]\n" + "".join(f"{line}\n" for line in of)
                                       for section, of in lines.items()))

    def start(self):
        before = len(self.log())
        with open(self.directory / "oidc.log", "ab") as log:
            self.process = subprocess.Popen([PROGRAM, "--config", self.config], stderr=log,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_until(lambda: self.process.poll() is not None or '"ready"' in self.log()[before:],
                   PATIENCE_S, "privyseal-oidc")
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

    def log(self):
        path = self.directory / "oidc.log"
        return path.read_text() if path.exists() else ""

    def public(self):
        return Client(str(self.public_socket))

    def management(self):
        return Client(str(self.management_socket))

    def manage(self, method, path, request, offset_s=0):
        client = self.management()
        try:
            return client.request(method, f"{BASE}/client-mgmt/{path}",
                                  body=envelope(request, offset_s))
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
