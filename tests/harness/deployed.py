"""A machine of its own on which ansible/ is played, by itself and onto itself; nothing of ours is installed."""

import hashlib
import json
import pathlib
import re
import shutil
import subprocess

from .appliance import PATIENCE_S
from .booted import Booted
from .installed import PIN, SOFTHSM
from .places import BUILD, TOP

PLACE = pathlib.Path("/root/deploy")
SOFTHSM_CONF = "/etc/privyseal-softhsm2.conf"
MIRROR = "/srv/mirror"
PLAY_LIMIT_S = 600
# How often Ansible looks whether a task has ended: a thousand times a second, while others need the processor.
POLL = "[defaults]\ninternal_poll_interval = 0.01\n"
# What Ansible gives to Python, a module with all that it imports, Python reads octet by octet and compiles anew for
# each task. Here it is read as a whole, and what the machine's own Ansible has of it is there already.
INTERPRETER = PLACE / "python3"
READS_AT_ONCE = """#!/usr/bin/python3
import sys
import ansible.module_utils.basic
exec(compile(sys.stdin.buffer.read(), "task", "exec"))
"""


# ansible-playbook for one playbook after the other: what it packs for a module is packed once for all of them.
PLAYER = """#!/usr/bin/python3
import json, os, signal, sys
from ansible.cli.playbook import PlaybookCLI

def play(words):
    signal.alarm(@LIMIT@)
    said = os.open("@SAID@", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream, fd in enumerate((os.open(os.devnull, os.O_RDONLY), said, said)):
        os.dup2(fd, stream)
    try:
        PlaybookCLI.cli_executor(words)
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(end.code or 0)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        play(json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
SAID = PLACE / "said"


class Played:
    """How a run of ansible-playbook ended."""

    def __init__(self, code, text):
        self.code, self.text = code, text
        recap = re.findall(r"ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", self.text)
        self.changed = sum(int(row[1]) for row in recap) if recap else None

    def good(self):
        assert self.code == 0, self.text
        return self


class Deployed(Booted):
    def __enter__(self):
        self.scratch.chmod(0o755)
        self.destination.mkdir()
        release = self.scratch / "release.tar.gz"
        subprocess.run([TOP / "scripts" / "make-release", BUILD, release], check=True,
                       capture_output=True)
        self.boot()
        place = self.seen(PLACE)
        shutil.copytree(TOP / "ansible", place / "ansible")
        config = place / "ansible" / "ansible.cfg"
        config.write_text(config.read_text().replace("[defaults]\n", POLL, 1))
        (place / INTERPRETER.name).write_text(READS_AT_ONCE)
        (place / INTERPRETER.name).chmod(0o755)
        (place / "player").write_text(PLAYER.replace("@LIMIT@", str(PLAY_LIMIT_S)).replace("@SAID@", str(SAID)))
        self.player = subprocess.Popen(
            self.command("env", "HOME=/root", "LC_ALL=C.UTF-8", "ANSIBLE_NOCOLOR=1",
                         f"ANSIBLE_CONFIG={PLACE}/ansible/ansible.cfg", "/usr/bin/python3", PLACE / "player"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.releases = {}
        self.add_release("first", release.read_bytes())
        return self

    def __exit__(self, *exception):
        super().__exit__(*exception)
        self.player.communicate(timeout=PATIENCE_S)  # it has ended with the machine

    def add_release(self, name, octets):
        (self.seen(PLACE) / f"{name}.tar.gz").write_bytes(octets)
        self.releases[name] = hashlib.sha256(octets).hexdigest()

    def other_release(self, name, lacks, has):
        """The first release without one of its files and with another in its place."""
        place, prefix = self.scratch / name, self.prefix.lstrip("/")
        place.mkdir()
        first = self.seen(PLACE) / "first.tar.gz"
        subprocess.run(["tar", "-xzf", first, "-C", place], check=True)
        (place / prefix / lacks).rename(place / prefix / has)
        manifest = place / "MANIFEST"
        manifest.write_text(manifest.read_text().replace(f"  {prefix}/{lacks}\n",
                                                         f"  {prefix}/{has}\n"))
        subprocess.run(["tar", "-I", "gzip -1", "-cf", place / "all.tar.gz", "-C", place, "MANIFEST", "usr"], check=True)
        self.add_release(name, (place / "all.tar.gz").read_bytes())

    def configuration(self, **appliance):
        """For a token of SoftHSM; what the role does not know by itself."""
        token = {"module": "/usr/lib/softhsm/libsofthsm2.so",
                 "profile": str(self.path("share/privyseal/firmware-profiles/softhsm2.json")),
                 "pin_credential": "privyseal-token-a", "uri": SOFTHSM["uri"],
                 "so_pin_credential": SOFTHSM["so_pin_credential"], "store": SOFTHSM["store"],
                 "environment": [f"SOFTHSM2_CONF={SOFTHSM_CONF}"], "readable": [SOFTHSM_CONF]}
        return {"appliance": {"origin": SOFTHSM["origin"], **appliance}, "token a": token,
                "backup": {"directory": "/var/lib/privyseal/backups", "mirror": f"{MIRROR}/log"}}

    def prepare(self):
        """What people do on the host: its other disk, the module's settings, and the sealed PINs."""
        self.inside("mkdir", "-p", MIRROR)
        self.inside("mount", "-t", "tmpfs", "none", MIRROR)
        self.seen(SOFTHSM_CONF).write_text(
            f"directories.tokendir = {SOFTHSM['store']}\nobjectstore.backend = file\n")
        self.inside("install", "-d", "-m", "0700", "/etc/credstore.encrypted")
        for name in ("privyseal-token-a", "privyseal-token-a-so"):
            self.inside("systemd-creds", "encrypt", f"--name={name}", "-",
                        f"/etc/credstore.encrypted/{name}", input=PIN)

    def play(self, playbook, *words, release="first", **variables):
        """Runs a playbook on the machine, with these variables."""
        values = {"privyseal_release_file": str(PLACE / f"{release}.tar.gz"),
                  "privyseal_release_sha256": self.releases[release],
                  "privyseal_release_prefix": self.prefix, **variables}
        hosts = {"ansible_connection": "local", "ansible_become": False,
                 "ansible_python_interpreter": str(INTERPRETER)}
        groups = ("appliances", "witnesses", "log_copies", "officers")
        inventory = {group: {"hosts": {"this": hosts}} for group in groups}
        for name, content in (("inventory.json", inventory), ("variables.json", values)):
            (self.seen(PLACE) / name).write_text(json.dumps(content))
        self.player.stdin.write(json.dumps([
            "ansible-playbook", f"--inventory={PLACE}/inventory.json",
            f"--extra-vars=@{PLACE}/variables.json", *words, str(PLACE / "ansible" / playbook)]) + "\n")
        self.player.stdin.flush()
        code = int(self.player.stdout.readline())
        return Played(code, self.seen(SAID).read_text())
