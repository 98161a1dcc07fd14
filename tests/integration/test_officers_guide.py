"""Every command of docs/officers.md, in its order, typed on a terminal."""

import concurrent.futures
import json
import os
import re
import shutil

import pytest

from harness import documents, terminal
from harness.appliance import PATIENCE_S, wait_until
from harness.bare import BareAppliance
from harness.rooms import answers_of
from harness.places import BUILD, PRIVYSEAL, TOP

OFFICER = BUILD / "appliance" / "officer" / "privyseal-officer"
PASSPHRASE = "a passphrase for tests"
HOUR = "## A first genesis in an hour"


def commands_of(text):
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


GUIDE = (TOP / "docs" / "officers.md").read_text()
BEFORE, _, REST = GUIDE.partition(HOUR)
GENESIS, AFTER = re.split(r"^(?=## )", REST, maxsplit=1, flags=re.M)


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
    commands = commands_of(BEFORE) + commands_of(AFTER)
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
    text = GUIDE
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


# The first genesis

PEOPLE = ["alice", "bob", "carol", "dora", "edith", "frank"]
TYPED = {"people": "all of us", "serial": "HSM-1", "bag": "B-1", "initialise": "",
         "origin": "keys.example.org", "client": "", "uids": str(os.getuid())}


class Hour:
    """The room of a first genesis: the operator's directory, to which people bring what they signed."""

    def __init__(self, bare, directory):
        self.bare = bare
        self.directory = directory
        programs = directory / "programs"
        programs.mkdir()
        for program in (OFFICER, PRIVYSEAL):
            (programs / program.name).symlink_to(program)
        self.environment = dict(os.environ, PATH=f"{programs}:/usr/bin:/bin",
                                PRIVYSEAL_CEREMONIES=str(TOP / "docs" / "ceremonies"),
                                PRIVYSEAL_MANAGEMENT_SOCKET=str(bare.directory
                                                                / "management.sock"))
        for name in PEOPLE:
            documents.make_key(directory / name)
        self.running = None

    def type(self, command):
        words = command.split()
        if words[:3] == ["privyseal", "ceremony", "run"] and "--dry-run" not in words:
            self.finish()
            self.begin(words[3], command)
            return 0, ""
        if self.running is None:
            return self.run(command, [("Type Yes to", "Yes")] if "--key" in words else [])
        if "--key" not in words:
            if words[:2] == ["privyseal-officer", "words"] or words[0] == "privyseal":
                self.finish()
            else:
                wait_until((self.directory / words[2]).exists, 60, words[2])
            return self.run(command, [])
        document = self.directory / words[2]
        wait_until(document.exists, 60, document.name)
        shown = self.run(command, [("Type Yes to", "Yes")])
        self.others(document, words[1])
        return shown

    def others(self, document, said):
        """What the guide says of one person, the others do as well."""
        signers = PEOPLE[1:] if said == "approve" else ["bob", "carol"]
        for name in signers:
            path = document.with_name(f"{document.name}.{name}.part")
            path.write_bytes(documents.sign(self.directory / name, document.read_bytes()))
            path.rename(path.with_suffix(".sig"))

    def begin(self, script, command):
        steps = json.loads((TOP / "docs" / "ceremonies" / f"{script}.json").read_text())["steps"]
        settings = set(re.findall(r"--set '?(\w+)=", command))
        answered = [pair for step in steps if step.get("ask") not in settings
                    for pair in answers_of(step, TYPED)]
        self.running = concurrent.futures.ThreadPoolExecutor(1).submit(
            self.run, command, answered, 100)
        self.script = script

    def finish(self):
        """The ceremony that was begun is done; whoever has not signed yet does now."""
        if self.running is None:
            return
        if self.script == "admit-client":
            for step in (10, 12):
                document = self.directory / f"admit-client.{step}.json"
                wait_until(document.exists, 60, document.name)
                path = document.with_name(document.name + ".request.part")
                path.write_bytes(documents.sign(self.directory / "alice", document.read_bytes(),
                                                "request"))
                path.rename(path.with_suffix(".sig"))
                self.others(document, "request")
        code, shown = self.running.result(2 * PATIENCE_S)
        self.running = None
        assert code == 0 and "The ceremony is complete." in shown, shown

    def run(self, command, typed, limit_s=60):
        return terminal.run(["/bin/sh", "-c", command], typed, limit_s, self.environment,
                            self.directory)


@pytest.fixture(scope="module")
def hour(settings, tmp_path_factory):
    with BareAppliance(settings) as bare:
        yield Hour(bare, tmp_path_factory.mktemp("hour"))


def test_each_command_of_the_first_genesis_does_what_it_says(hour):
    shown = {}
    for command in commands_of(GENESIS):
        code, shown[command] = hour.type(command)
        assert code == 0, (command, shown[command])
    hour.finish()
    assert "uninitialised" in shown["privyseal system"]
    assert "grant.add" in shown["privyseal operation list"]
    assert "oidc.*" in shown["privyseal grant list"]
    keys = json.loads(hour.bare.management().get("/v1/keys/oidc.id-token").body)
    assert keys["state"] == "active"
