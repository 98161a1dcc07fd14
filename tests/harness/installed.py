"""An installation as an operator makes it, in a mount namespace of its own.

`meson install` goes into a scratch directory. What the machine has in /etc, /var and the prefix is
covered by layers that take every change, so that users, directories and configuration are made in
their real places and nothing of it is there afterwards.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from . import documents
from .appliance import COMMAND_STEP_S, PATIENCE_S, wait_until
from .people import REQUESTER, Gate, People
from .places import BUILD, TOP

CONFIG = "/etc/privyseal/privyseald.conf"
# What the example leaves open, for a token of SoftHSM.
SOFTHSM = {
    "origin": "keys.example/a", "uri": "pkcs11:token=privyseal-a",
    "so_pin_credential": "privyseal-token-a-so",
    "environment": "SOFTHSM2_CONF=/etc/privyseal/softhsm2.conf",
    "readable": "/etc/privyseal/softhsm2.conf", "store": "/var/lib/privyseal/token-a",
}
CREDENTIALS = ("privyseal-token-a", "privyseal-token-a-so")
PIN = "2718281828"
MESON = ["/usr/bin/python3", "/usr/bin/meson"]
LAYERED = ["/etc", "/var"]


def build_options():
    text = subprocess.run([*MESON, "introspect", "--buildoptions", str(BUILD)], check=True,
                          capture_output=True, text=True).stdout
    return {option["name"]: option["value"] for option in json.loads(text)}


def fill(text, key, value):
    """The example's line of this key, with a value."""
    text, count = re.subn(rf"^#?{key} = .*$", f"{key} = {value}", text, flags=re.M)
    assert count == 1, key
    return text


def can_layer():
    """Whether this machine lets us cover its directories."""
    probe = ("mount -t tmpfs none /mnt && mkdir /mnt/up /mnt/work && mount -t overlay overlay "
             "-o lowerdir=/etc,upperdir=/mnt/up,workdir=/mnt/work /etc")
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "--mount", "sh", "-c", probe], check=False, capture_output=True).returncode == 0


class Taken:
    """What the command line printed of a step that was taken."""

    status = 200

    def __init__(self, text):
        self.text = text

    def json(self):
        return json.loads(self.text)


class Installed:
    def __init__(self):
        self.people = None
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="privyseal-installed-"))
        self.destination = self.scratch / "destination"
        options = build_options()
        self.prefix, self.libdir = options["prefix"], options["libdir"]
        self.holder = None
        self.service = None

    def __enter__(self):
        self.scratch.chmod(0o755)
        subprocess.run([*MESON, "install", "-C", str(BUILD), "--no-rebuild", "--quiet"],
                       check=True, capture_output=True,
                       env=dict(os.environ, DESTDIR=str(self.destination)))
        return self

    def __exit__(self, *exception):
        self.stop_service()
        if self.holder is not None:
            self.holder.stdin.close()
            self.holder.wait(PATIENCE_S)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def files(self):
        return sorted(str(path.relative_to(self.destination)) for path in
                      self.destination.rglob("*") if not path.is_dir())

    def path(self, name):
        """A file of the installation by its place in the prefix."""
        return pathlib.Path(self.prefix) / name

    def enter(self):
        """Makes the namespace. It lasts as long as its first process reads from us."""
        layers = self.scratch / "layers"
        layers.mkdir()
        lines = ["set -e", f"mount -t tmpfs none {layers}"]
        for place in [*LAYERED, self.prefix]:
            up, work = layers / ("up" + place.replace("/", "-")), layers / ("w" +
                                                                           place.replace("/", "-"))
            lower = f"{self.destination}{place}:{place}" if place == self.prefix else place
            lines += [f"mkdir {up} {work}", f"chmod 755 {up}", f"mount -t overlay overlay -o "
                      f"lowerdir={lower},upperdir={up},workdir={work} {place}"]
        lines += ["mount -t tmpfs -o mode=755 none /run", "echo ready", "read -r line || :"]
        self.holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", "\n".join(lines)],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n"

    def inside(self, *command, **options):
        """Runs a command in the namespace."""
        options = {"check": True, "capture_output": True, "text": True, "timeout": PATIENCE_S, **options}
        return subprocess.run(self.command(*command), **options)

    def command(self, *command):
        return ["nsenter", "--target", str(self.holder.pid), "--mount", *map(str, command)]

    def seen(self, path):
        """The namespace's file, as one that we can open."""
        return pathlib.Path(f"/proc/{self.holder.pid}/root{path}")

    def uid(self, user):
        line = next(line for line in self.seen("/etc/passwd").read_text().splitlines()
                    if line.startswith(f"{user}:"))
        return int(line.split(":")[2])

    def gid(self, group):
        line = next(line for line in self.seen("/etc/group").read_text().splitlines()
                    if line.startswith(f"{group}:"))
        return int(line.split(":")[2])

    def example(self):
        return self.seen(self.path("share/doc/privyseal/privyseald.conf")).read_text()

    def configure(self, text):
        self.seen(CONFIG).write_text(text)
        self.seen(CONFIG).chmod(0o600)

    def configure_softhsm(self):
        """The example filled in for a SoftHSM token."""
        text = self.example()
        for key, value in SOFTHSM.items():
            text = fill(text, key, value)
        self.configure(text)
        self.seen("/etc/privyseal/softhsm2.conf").write_text(
            f"directories.tokendir = {SOFTHSM['store']}\nobjectstore.backend = file\n")

    def as_user(self, user, groups):
        """The words before a command that make it this user's, in these groups alone."""
        ids = ",".join(str(self.gid(group)) for group in groups)
        return ["setpriv", f"--reuid={self.uid(user)}", f"--regid={self.gid(user)}",
                f"--groups={ids}" if groups else "--clear-groups"]

    def privyseal(self, *words, user, groups=("privyseal", "privyseal-operators"), **more):
        """The installed command line, called by a user who is in these groups."""
        return self.inside(*self.as_user(user, groups), "env",
                           "PRIVYSEAL_SOCKET=/run/privyseal/clients.sock",
                           "PRIVYSEAL_MANAGEMENT_SOCKET=/run/privyseal/management.sock",
                           self.path("bin/privyseal"), *words, **more)

    def system(self, user):
        return json.loads(self.privyseal("system", "--json", user=user).stdout)

    def wait_system(self, user, is_it, what):
        """Until the appliance says this of itself; who starts may not answer yet."""
        def look():
            with contextlib.suppress(subprocess.CalledProcessError, LookupError):
                return is_it(self.system(user))
            self.check_service()
            return False

        wait_until(look, 20, what, COMMAND_STEP_S)

    def check_service(self):
        """Nobody waits for one that has ended for good."""
        assert self.service is None or self.service.poll() is None, self.log()

    def wait_blank(self):
        self.wait_system("root", lambda system: system["tokens"][0]["state"] == "blank",
                         "the token to be seen")

    def wait_operational(self, operator):
        self.wait_system(operator, lambda system: system["state"] == "operational",
                         "the appliance to be operational")

    def put(self, name, octets):
        """A file that everybody in the namespace can read; its place there."""
        directory = self.seen(self.scratch)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(octets)
        return self.scratch / name

    def step(self, user, target, body):
        """A step of an operation, by the command line, as people take it."""
        number, verb = target.removeprefix("/v1/operations/").split("/")
        words = ["execute", number]
        if verb != "execute":
            words = ["approve" if verb == "approvals" else verb, number, "--person",
                     body["person"], "--signature",
                     self.put("signature", body["signature"].encode())]
        return Taken(self.privyseal("operation", *words, "--json", user=user).stdout)

    def change(self, *words, user):
        """Asks for a change, has people approve it, and has it done."""
        def send(_method, target, body, _headers):
            return self.step(user, target, body)

        made = json.loads(self.privyseal(*words, "--json", user=user).stdout)
        Gate(send, self.people).finish(made)

    def found(self, operator, key, writer):
        """Genesis on a blank token with people; these users are the first client and one that may
        sign with the first key."""
        self.people = People(self.scratch / "officers").make()
        roster = self.put("roster.json", documents.canonical(self.people.roster()))
        policy = self.put("policy.json", documents.canonical(documents.policy()))
        self.change("genesis", "--initialise", "--client", "operator", "--uids",
                    self.uid(operator), "--roster", roster, "--policy", policy, user="root")
        self.wait_operational(operator)
        by = ("--requester", REQUESTER)
        self.change("keys", "create", key, "--type", "ec-p256", "--usage", "sign", "--formats",
                    "jws", "--algorithms", "ES256", *by, user=operator)
        self.change("client", "register", "writer", "--uids", self.uid(writer), *by, user=operator)
        self.change("grant", "add", "--client", "writer", "--keys", key, "--operations",
                    "jws.sign,jws.verify,keys.read", *by, user=operator)

    def unit(self, name):
        return (self.destination / str(self.path(f"lib/systemd/system/{name}"))[1:]).read_text()

    def service_values(self, key):
        """All words of a setting of the service's unit."""
        return [word for line in re.findall(rf"^{key}=(.*)$", self.unit("privyseald.service"), re.M)
                for word in line.split()]

    def start_service(self, credentials):
        """ExecStart under the unit's capabilities, without systemd."""
        kept = ",".join("+" + name.removeprefix("CAP_").lower()
                        for name in self.service_values("CapabilityBoundingSet"))
        with open(self.scratch / "log", "ab") as log:
            self.service = subprocess.Popen(
                self.command("setpriv", f"--bounding-set=-all,{kept}", "--inh-caps=-all",
                             "--no-new-privs", "env", f"CREDENTIALS_DIRECTORY={credentials}",
                             *self.service_values("ExecStart")),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: '"event":"ready"' in self.log() or self.service.poll() is not None, 60,
                   "the service to be ready")
        assert self.service.poll() is None, self.log()

    def log(self):
        return (self.scratch / "log").read_text()

    def stop_service(self):
        if self.service is None:
            return None
        self.service.terminate()
        code = self.service.wait(PATIENCE_S)
        self.service = None
        return code


def source_of_sandbox():
    return (TOP / "lib" / "sandbox" / "seccomp.c").read_text()
