"""Officers who hold shares of a token's PINs, and what they do with them by stock tools."""

import json
import subprocess

from jwcrypto import jwe, jwk

from .appliance import wait_until
from .places import PRIVYSEAL


def so_flag(so):
    return ["--so"] if so else []


class Holders:
    """Officers with keys for shares, in files of OpenSSL's, as a smart card would hold them."""

    def __init__(self, directory, environment, token):
        self.environment = environment  # that the command needs to reach the appliance
        self.token = token
        self.directory = directory
        self.directory.mkdir()

    def key(self, name):
        path = self.directory / f"{name}.key"
        if not path.exists():
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                            "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout",
                            path, "-out", path.with_suffix(".pem")], check=True, capture_output=True)
        return path

    def run(self, *words):
        return subprocess.run([PRIVYSEAL, *map(str, words)], env=self.environment, text=True,
                              capture_output=True, check=True, timeout=60).stdout

    def splitting(self, *names, so=False):
        """The file that scripts ask for."""
        path = self.directory / f"{'-'.join(names)}{'.so' if so else ''}.json"
        words = [word for name in names
                 for word in ("--holder", f"{name}={self.key(name).with_suffix('.pem')}")]
        self.run("pin", "splitting", "--threshold", 2, *words, "--out", path, *so_flag(so))
        return path

    def share(self, name, so=False):
        """Fetched, and opened by the officer."""
        path = self.directory / f"{name}.cms"
        path.unlink(missing_ok=True)
        self.run("pin", "share", self.token, name, "--out", path, *so_flag(so))
        return subprocess.run(["openssl", "cms", "-decrypt", "-inform", "PEM", "-in", path, "-inkey",
                               self.key(name)], check=True, capture_output=True).stdout

    def asked_for(self):
        """Of which PINs of which tokens shares are asked for."""
        return [(item["token"], item["pin"]) for item in json.loads(self.run("shares", "show", "--json"))["tokens"]]

    def release_so(self, *names):
        """While an operation waits for people, as the scripts say."""
        wait_until(lambda: (self.token, "so") in self.asked_for(), 60, "an operation of the security officer's")
        for name in names:
            sent = self.send(self.share(name, so=True))
            assert sent.returncode == 0, sent
        wait_until(lambda: (self.token, "so") not in self.asked_for(), 60, "the SO PIN")

    def send(self, share):
        """Sealed to the key for its PIN, or to another one where nobody asks for it; how the command ended."""
        items = json.loads(self.run("shares", "show", "--json"))["tokens"]
        pin = {1: "user", 2: "so"}[share[8]]
        items.sort(key=lambda item: (item["token"], item["pin"]) != (self.token, pin))
        key = jwk.JWK(**items[0]["key"])
        token = jwe.JWE(share, protected={"alg": "ECDH-ES", "enc": "A256GCM"})
        token.add_recipient(key)
        path = self.directory / "sealed"
        path.write_text(token.serialize(compact=True))
        return subprocess.run([PRIVYSEAL, "shares", "send", "--share", path], text=True, check=False,
                              env=self.environment, capture_output=True, timeout=60)
