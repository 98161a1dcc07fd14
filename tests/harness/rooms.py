"""The room of a ceremony: people with their keys, scripts that run unchanged, and what is typed."""

import hashlib
import json
import os
import subprocess
import threading

from . import documents, terminal
from .appliance import PATIENCE_S, wait_until
from .officers import OFFICER
from .people import AUDITORS, OFFICERS, People
from .places import PRIVYSEAL, TOP

SCRIPTS = TOP / "docs" / "ceremonies"
# Who approves: the requester is officer-1.
A = ["officer-2", "officer-3", "auditor-1"]
B = ["officer-2", "officer-3"]
C = ["officer-1"]
ALL = OFFICERS + AUDITORS
REQUESTER, *_ = OFFICERS


class Room:
    """People with their keys around one appliance, and a directory for what they carry."""

    def __init__(self, bare, directory):
        self.bare = bare
        self.directory = directory
        self.people = People(directory / "people").make()
        self.environment = dict(os.environ, PRIVYSEAL_CEREMONIES=str(SCRIPTS),
                                PRIVYSEAL_MANAGEMENT_SOCKET=str(bare.directory
                                                                / "management.sock"))

    def sign(self, document, person, kind="approve"):
        """As `ssh-keygen -Y sign` does; the file appears whole, as one that was moved there."""
        made = document.with_name(f"{document.name}.{kind}.{person}.part")
        made.write_bytes(documents.sign(self.people.directory / person, document.read_bytes(),
                                        kind))
        made.rename(made.with_suffix(".sig"))

    def attend(self, base, signers, stop):
        """Signs each document of a ceremony as soon as it is there; `signers` by step or for all."""
        done = set()
        while not stop.wait(0.05):
            for document in sorted(self.directory.glob(f"{base}.*.json")):
                if document not in done:
                    done.add(document)
                    if json.loads(document.read_bytes())["type"] != "genesis":
                        self.sign(document, REQUESTER, "request")
                    for signer in signers:
                        name, _, kind = signer.partition(" ")
                        self.sign(document, name, kind or "approve")

    def command(self, script, *words, name=None, **settings):
        """A run without a terminal: everything is said by --set."""
        words = [PRIVYSEAL, "ceremony", "run", script, "--transcript",
                 self.directory / f"{name or script}.transcript", *words]
        for key, value in settings.items():
            words += ["--set", f"{key}={value}"]
        return [str(word) for word in words]

    def run(self, script, *words, signers=(), name=None, **settings):
        with Attendance(self, name or script, signers):
            return subprocess.run(self.command(script, *words, name=name, **settings), text=True,
                                  env=self.environment, stdin=subprocess.DEVNULL,
                                  capture_output=True, check=False, timeout=PATIENCE_S)

    def start(self, script, *words, name=None, **settings):
        return subprocess.Popen(self.command(script, *words, name=name, **settings),
                                env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def play(self, script, typed, *words, signers=(), name=None, limit_s=60):
        """A run on a terminal, where everything is typed; `typed` by variable."""
        base = name or script
        steps = json.loads((SCRIPTS / f"{script}.json").read_text())["steps"]
        answers = [pair for step in steps for pair in answers_of(step, typed)]
        with Attendance(self, base, signers):
            return terminal.run([PRIVYSEAL, "ceremony", "run", script, "--transcript",
                                 self.directory / f"{base}.transcript", *words],
                                answers, limit_s, self.environment)

    def transcript(self, name):
        text = (self.directory / f"{name}.transcript").read_text()
        return [json.loads(line) for line in text.splitlines(True) if line.endswith("\n")]


class Attendance:
    """People who sit there and sign while a ceremony runs."""

    def __init__(self, room, base, signers):
        self.stop = threading.Event()
        self.thread = threading.Thread(target=room.attend, args=(base, signers, self.stop))

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *exception):
        self.stop.set()
        self.thread.join()


def genesis(room, script):
    """The whole script on a terminal; everybody signs; what was shown."""
    files = {"roster": room.people.roster(), "policy": documents.policy(cooling_off_s="0")}
    for name, content in files.items():
        (room.directory / f"{name}.json").write_bytes(documents.canonical(content))
    typed = {"people": "all six", "serial": "HSM-4711", "bag": "B 0815", "token": "a",
             "initialise": "yes", "origin": f"{script}.example.org", "client": "operator",
             "uids": str(os.getuid()), "roster": str(room.directory / "roster.json"),
             "policy": str(room.directory / "policy.json")}
    code, shown = room.play(script, typed, signers=ALL)
    assert code == 0, shown
    wait_until(lambda: '"operational"' in room.bare.ready(), 30, "the appliance to work")
    return shown


def complete(room, script, signers, name=None, **settings):
    done = room.run(script, signers=signers, name=name, requester=REQUESTER, reason="a test",
                    **settings)
    assert done.returncode == 0, done
    assert "The ceremony is complete." in done.stdout
    return done


def typed(room, script, signers, **settings):
    """The same on a terminal, where two people type what is asked for twice."""
    code, shown = room.play(script, {"requester": REQUESTER, "reason": "a test", **settings},
                            signers=signers)
    assert code == 0 and "The ceremony is complete." in shown, shown


def entry(room, person, key, role="officer"):
    """The file that `privyseal-officer entry` writes of a person whose key is made here."""
    documents.make_key(room.people.directory / key)
    path = room.directory / f"{key}.entry"
    subprocess.run([str(OFFICER), "entry", person, "--role", role, "--key",
                    str(room.people.directory / f"{key}.pub"), "--out", str(path)], check=True)
    return path


def genesis_hash(room):
    """SHA-256 of the first leaf, as it stands in the appliance's own file."""
    entries = (room.bare.directory / "data" / "log" / "events" / "entries").read_bytes()
    return hashlib.sha256(entries[2:2 + int.from_bytes(entries[:2], "big")]).hexdigest()


def answers_of(step, typed):
    """What the program shows for a step, and what is typed then."""
    if "say" in step:
        return [("Enter when it was read", "")]
    if "stop" in step:
        return [("the word stop stops here", "")]
    if "ask" not in step:
        return []
    value = typed[step["ask"]]
    if step.get("twice"):
        return [("types the first person: ", value), ("types the second person: ", value)]
    return [(step["text"].split("{")[0], value)]
