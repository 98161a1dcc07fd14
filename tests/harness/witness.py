"""A witness on no network: what it cosigns is carried to it and back as files."""

import os
import subprocess

from .appliance import PATIENCE_S
from .leaves import read_events
from .places import PRIVYSEAL


def log_key(log):
    """The verifier key of `events` now, by the newest row of the appliance in that log."""
    effects = [effect for leaf in read_events(log) for effect in leaf["data"].get("effects", ())]
    return [effect["row"]["log_verifier"] for effect in effects if effect["kind"] == "appliance"][-1]


class Witness:
    def __init__(self, directory, name):
        self.directory = directory
        self.key = self.run("witness", "new", directory, name).strip()

    @staticmethod
    def run(*words, text=None, environment=None):
        done = subprocess.run([str(PRIVYSEAL), *map(str, words)], input=text, text=True, capture_output=True,
                              check=False, timeout=PATIENCE_S, env={**os.environ, **(environment or {})})
        assert done.returncode == 0, (words, done)
        return done.stdout

    def watch(self, key, *more):
        self.run("witness", "watch", self.directory, key, *more)

    def seen(self):
        """The file of what it saw last; None before that. It watches one log, and of that `events` alone."""
        files = list((self.directory / "seen").iterdir())
        assert len(files) <= 1, files
        return files[0] if files else None

    def leaves(self):
        return int(self.seen().read_text().split("\n")[1]) if self.seen() else 0

    def see(self, bare):
        """It cosigns what that appliance has signed for, and the appliance keeps that."""
        environment = {"PRIVYSEAL_MANAGEMENT_SOCKET": str(bare.directory / "management.sock")}
        asked = self.run("log", "witness-request", "events", "--old", self.leaves(), environment=environment)
        note = self.run("witness", "sign", self.directory, text=asked)
        self.run("log", "witness-add", text=note, environment=environment)
