"""The scripted PKCS#11 module from the outside: an appliance on it, and its control program."""

import pathlib
import subprocess

from .appliance import PATIENCE_S, Appliance
from .places import FAKE_CTL, FAKE_MODULE, TOP


def fake_appliance(processes=2, sessions=1):
    """An appliance whose token is the scripted module."""
    return Appliance(token=["--module", str(FAKE_MODULE), "--profile",
                            str(TOP / "firmware-profiles" / "fake.json")],
                     arguments=["--processes", str(processes), "--sessions", str(sessions)])


class FakeControl:
    """Runs `fake_p11_ctl` on the directory of an appliance's token."""

    def __init__(self, appliance):
        text = (appliance.directory / "privyseald.conf").read_text()
        line = next(line for line in text.splitlines() if "FAKE_P11_DIR=" in line)
        self.directory = pathlib.Path(line.split("FAKE_P11_DIR=", 1)[1].split()[0])

    def __call__(self, *words):
        done = subprocess.run([str(FAKE_CTL), str(self.directory), *map(str, words)], check=True,
                              capture_output=True, text=True, timeout=PATIENCE_S)
        return done.stdout.strip()

    def count(self, function):
        return int(self("count", function))
