"""People for privyseal-oidc: the registry plugin with its sample people, and its one-time passwords."""

import json
import pathlib
import shutil
import subprocess
import tempfile

from .appliance import PATIENCE_S, wait_until
from .places import BUILD, private_copy

TOP = pathlib.Path(__file__).resolve().parents[2]
SAMPLES = TOP / "frontends" / "plugins" / "registry" / "sample-people.csv"

PLUGIN = BUILD / "frontends" / "plugins" / "registry" / "authenticator-registry.so"
TOOL = BUILD / "frontends" / "plugins" / "registry" / "privyseal-registry"


def people_table(path, count):
    """A table of so many people who have nothing but a name and an address; their ids."""
    ids = [str(2000000000 + number) for number in range(count)]
    rows = "".join(f"{one},Person {one},p{one}@example.org\n" for one in ids)
    path.write_text(f"id,name,email\n{rows}")
    return ids


class People:
    """`directory`: one of their own, for the database and the passwords that are sent."""

    def __init__(self, table=SAMPLES, directory=None):
        self.directory = directory or pathlib.Path(tempfile.mkdtemp(prefix="privyseal-people-"))
        self.otps = self.directory / "otp"
        self.otps.mkdir(mode=0o700)
        self.plugin = private_copy(PLUGIN, self.directory)
        database = self.directory / "registry.db"
        subprocess.run([TOOL, "--database", database, "import", table], check=True,
                       capture_output=True, timeout=PATIENCE_S)
        self.config = self.directory / "registry.conf"
        self.config.write_text(f"[registry]\ndatabase = {database}\n"
                               "wrong_per_source = 1000\nwrong_per_person = 10000\n"
                               f"[otp]\ndirectory = {self.otps}\n")

    def settings(self):
        return {"authenticator": [f"plugin = {self.plugin}", f"config = {self.config}"]}

    def otp(self, person):
        """The password that was sent last; it is taken away, so that the next one is a new one."""
        path = self.otps / f"{person}.json"
        wait_until(path.exists, PATIENCE_S, f"a password for {person}")
        sent = json.loads(path.read_text())["otp"]
        path.unlink()
        return sent

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)
