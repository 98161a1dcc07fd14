"""Every command of docs/officers.md, in its order, typed on a terminal."""

import os
import re
import shutil

import pytest

from harness import documents, terminal
from harness.appliance import BUILD, TOP

OFFICER = BUILD / "appliance" / "officer" / "privyseal-officer"
PASSPHRASE = "a passphrase for tests"
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", (TOP / "docs" / "officers.md").read_text(), re.M | re.S)


def answers(command):
    """What the program will ask, and what is typed then."""
    words = command.split()
    asked = [("Type Yes to", "Yes")] if "--key" in words else []
    if "-t" in words:
        asked += [("Enter PIN", documents.PIN)] if "ed25519-sk" in words else []
        return [*asked, ("Enter passphrase", PASSPHRASE), ("same passphrase", PASSPHRASE)]
    if "--key" in words or "sign" in words:
        asked.append(("Enter passphrase", PASSPHRASE))
    return asked + ([("Enter PIN", documents.PIN)] if "--key id_alice" in command else [])


class Desk:
    """The directory of a person who follows the guide."""

    def __init__(self, directory):
        self.directory = directory
        programs = directory / "programs"
        programs.mkdir()
        keygen = documents.with_authenticator(programs / "ssh-keygen")
        shutil.copy(OFFICER, directory)
        # The one that the guide has in its directory, and an authenticator for what it starts.
        (programs / "privyseal-officer").write_text(
            '#!/bin/sh\ncase "$*" in *--key*) set -- "$@" '
            f'--ssh-keygen {keygen};; esac\nexec {directory}/privyseal-officer "$@"\n')
        (programs / "privyseal-officer").chmod(0o755)
        self.environment = dict(os.environ, PATH=f"{programs}:/usr/bin:/bin",
                                DAY=documents.moment())
        for name in ("carol", "dave", "erin"):
            documents.make_key(directory / name)

    def write(self, name, octets):
        (self.directory / name).write_bytes(octets)

    def receive(self):
        """What others bring once the keys are made."""
        line = {name: documents.public_line(self.directory / name)
                for name in ("id_alice", "id_bob", "carol", "dave", "erin")}
        alice = documents.person("alice", "officer", line["id_alice"])
        roster = documents.canonical(documents.roster(
            alice, documents.person("bob", "officer", line["id_bob"]),
            documents.person("carol", "officer", line["carol"]),
            documents.person("dave", "officer", line["dave"]),
            documents.person("erin", "auditor", line["erin"])))
        members = {"roster": documents.sha256(roster), "requester": "dave"}
        self.write("roster.json", roster)
        self.write("policy.json", documents.canonical(documents.policy()))
        for name, operation in {"operation.json": documents.register_client("oidc"),
                                "previous.json": documents.register_client("certify"),
                                "suspend.json": documents.suspend_key(),
                                "enrol-alice.json": documents.enrol(alice)}.items():
            self.write(name, documents.document(operation, **members))

    def collect(self):
        """The signatures that were carried together."""
        (self.directory / "signatures").mkdir(exist_ok=True)
        for name in ("operation.json.approve.id_alice.sig", "operation.json.sig"):
            if (self.directory / name).exists():
                shutil.copy(self.directory / name, self.directory / "signatures" / name)

    def type(self, command):
        if "enrol-alice.json" in command and not (self.directory / "enrol-alice.json").exists():
            self.receive()
        self.collect()
        return terminal.run(["/bin/sh", "-c", command], answers(command), cwd=self.directory,
                            env=self.environment)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return Desk(tmp_path_factory.mktemp("desk"))


SHOWS = {
    "privyseal-officer keys": "in a hardware key",
    "show operation.json --last": 'was "certify"; is "oidc"',
    "approve operation.json": "Written: operation.json.approve.id_alice.sig",
    "python3 -m json.tool": '"type": "client.register"',
    "reject operation.json": "Written: operation.json.reject.id_alice.reason",
    "request suspend.json": "Requested with",
    "statement enrol-alice.json": "Stated with",
    "verify operation.json": "quorum is met: 2 officers",
}


def test_each_command_of_the_guide_does_what_it_says(desk):
    commands = [line for block in BLOCKS for line in block.splitlines()]
    assert len(commands) > 15
    seen = set()
    for command in commands:
        code, shown = desk.type(command)
        assert code == 0, (command, shown)
        for begin, said in SHOWS.items():
            if begin in command:
                seen.add(begin)
                assert said in shown, (command, shown)
    assert seen == set(SHOWS)


def test_the_guide_s_classes_are_those_of_the_default_policy():
    text = (TOP / "docs" / "officers.md").read_text()
    for name, rule in documents.policy()["classes"].items():
        row = re.search(rf"^\| {name} \| (.*?) \|", text, re.M)
        if row is None:
            assert name == "U"  # unlocking has a guide of its own
            continue
        officers, auditors = int(rule["officers"]), int(rule["auditors"])
        said = f"{officers} officer{'s' if officers > 1 else ''}"
        said += f" and {auditors} auditor" if auditors else ""
        said += (", none of them the requester" if rule["requester"] == "excluded"
                 else ", who may be the requester")
        assert row.group(1) == said
