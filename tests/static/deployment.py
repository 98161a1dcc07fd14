#!/usr/bin/python3
"""The roles of ansible/ are sound, ask for no secret, copy no file of ours, and know which libraries programs need."""

import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / "build"
PLACE = TOP / "ansible"
ROLES = PLACE / "roles"
# What asks for a secret, decrypts one, or hides what a task got.
SECRETS = re.compile(r"vars_prompt|ansible\.builtin\.pause|!vault|lookup\('(?:password|env|pipe)|no_log")
# A variable whose name says that its value is one.
NAMES = re.compile(r"^\s*-?\s*(\w*(?:pass(?:word|phrase|wd)|secret|share|private_key)\w*|\w*_pin|pin_\w+|pin):",
                   re.M)
# Commands that make or open one: people give them on the host.
MAKING = {"encrypt", "genesis", "new", "openssl", "p11tool", "pkcs11-tool", "softhsm2-util", "systemd-creds"}
ALLOWED = {"pin_credential", "so_pin_credential"}  # names of credentials
FROM_LIBC = {"libc.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libm.so.6"}


def texts():
    return {path: path.read_text() for path in sorted(PLACE.rglob("*"))
            if path.is_file() and path.suffix in {".yml", ".j2", ".cfg"}}


def run(home, *command):
    """ansible's tools keep what they make in their home; nothing of it is for the tree."""
    env = dict(os.environ, HOME=home, LC_ALL="C.UTF-8", ANSIBLE_NOCOLOR="1", NO_COLOR="1",
               ANSIBLE_CONFIG=str(PLACE / "ansible.cfg"), XDG_CACHE_HOME=home)
    done = subprocess.run(command, cwd=PLACE, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        yield f"{command[0]}: {done.stdout[-4000:]}{done.stderr[-4000:]}"


def check_tools():
    playbooks = sorted(path.name for path in PLACE.glob("*.yml"))
    with tempfile.TemporaryDirectory() as home:
        yield from run(home, "ansible-playbook", "--inventory=inventory.example", "--syntax-check",
                       *playbooks)
        yield from run(home, "ansible-lint", "--offline", "--nocolor", "--parseable",
                       f"--project-dir={PLACE}", *playbooks, *map(str, sorted(ROLES.iterdir())),
                       *map(str, sorted(PLACE.glob("inventory.example/*/*.yml"))))


def check_secrets():
    for path, text in texts().items():
        for found in SECRETS.finditer(text):
            yield f"{path.relative_to(TOP)}: {found[0]}: no secret goes through ansible"
        for name in NAMES.findall(text):
            if name not in ALLOWED:
                yield f"{path.relative_to(TOP)}: the name {name} is that of a secret"


def tasks_of(content):
    """All tasks, of blocks too."""
    for task in content:
        yield task
        yield from tasks_of(task.get("block", []))


def check_commands():
    for path in sorted(ROLES.glob("*/tasks/*.yml")):
        for task in tasks_of(yaml.safe_load(path.read_text())):
            command = task.get("ansible.builtin.command", "")
            words = set(re.findall(r"[\w-]+", str(command)))
            if "ansible.builtin.shell" in task or words & MAKING:
                yield f"{path.relative_to(TOP)}: {task['name']}: that is for people to do"


def check_copies():
    """Units and the example come with the release: here are no files, and no template of a unit."""
    for path in sorted(ROLES.rglob("*")):
        if path.is_file() and (path.parent.name == "files" or "ExecStart" in path.read_text()):
            yield f"{path.relative_to(TOP)}: what the release has is not copied"


def packages_of(libraries):
    """Of each shared library, the Debian packages that have it: all are looked for at once."""
    said = subprocess.run(["dpkg-query", "--search", *(f"*/{library}" for library in sorted(libraries))],
                          capture_output=True, text=True, check=False).stdout
    having = collections.defaultdict(set)
    for line in said.splitlines():
        if "/lib/" in line:
            having[line.rpartition("/")[2]].add(line.split(":")[0])
    return having


def check_packages():
    known = yaml.safe_load((ROLES / "privyseal_release/vars/main.yml").read_text())
    command_line = set(known["privyseal_release_command_line"])
    lists = {"privyseal": command_line,
             "privyseald": command_line | set(known["privyseal_release_daemon"])}
    needed = {}
    for program in lists:
        said = subprocess.run(["readelf", "-d", str(BUILD / "appliance" / program)], check=True,
                              capture_output=True, text=True).stdout
        needed[program] = set(re.findall(r"\(NEEDED\).*\[(.*)\]", said)) - FROM_LIBC
    having = packages_of(set().union(*needed.values()))
    for program, packages in lists.items():
        for library in needed[program]:
            if not having[library] & packages:
                yield f"{program} needs {library}, which is in none of the packages of ansible/"


def main():
    found = [*check_secrets(), *check_commands(), *check_copies(), *check_packages(), *check_tools()]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
