"""The scripts by which an appliance moves to another machine, run unchanged: a drill, the end here, the beginning there."""

import base64
import json
import re
import shutil
import subprocess

import pytest

from harness import documents
from harness.appliance import wait_until
from harness.bare import BareAppliance
from harness.http_unix import Client
from harness.leaves import read_events
from harness.people import Gate
from harness.places import PRIVYSEAL
from harness.rooms import A, B, C, Room, genesis_hash, typed

KEY = {"type": "ec-p256", "usage": "sign", "formats": ["jws"], "algorithms": ["ES256"]}
PAYLOAD = base64.urlsafe_b64encode(b"paid").decode().rstrip("=")


class Mirrored(BareAppliance):
    """With a second token, and a mirror of its log."""

    def launch(self):
        (self.directory / "mirror").mkdir()
        settings = self.directory / "privyseald.conf"
        settings.write_text(settings.read_text().replace(
            "[backup]\n", f"[backup]\nmirror = {self.directory}/mirror\n", 1))
        super().launch()


class Next(BareAppliance):
    """Another machine, to which the second token, the last backup and the mirror were carried."""

    def __init__(self, model, first, backup, genesis):
        super().__init__(model)
        self.first = first
        self.words = [backup, "--genesis", genesis, "--events", first.directory / "mirror", "--json"]

    def launch(self):
        settings = self.directory / "privyseald.conf"
        section = re.search(r"^\[token b\]\n(?:[^\[].*\n)*",
                            (self.first.directory / "privyseald.conf").read_text(), re.M)
        settings.write_text(re.sub(r"^\[token a\]\n(?:[^\[].*\n)*", "", settings.read_text(),
                                   flags=re.M) + section.group())
        self.said = run(PRIVYSEAL, "backup", "restore", *self.words, "--config", settings)
        super().launch()

    def is_up(self):
        return '"locked"' in self.ready()


def run(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          check=True, timeout=120).stdout


def send(room, method, path, body=None, headers=None):
    client = room.bare.management()
    try:
        return client.request(method, path, body, headers)
    finally:
        client.close()


def change(room, path, body):
    asked = send(room, "POST", path, {"requester": "officer-1", **body})
    assert asked.status == 202, (path, asked)
    gate = Gate(lambda *words: send(room, *words), room.people)
    answer = gate.finish(asked.json())
    assert answer.status in (200, 201), (path, answer)


def operation(room, kind, subject=""):
    change(room, "/v1/operations", {"type": kind, "subject": subject, "params": {}})


def sign(room, key):
    client = Client(str(room.bare.directory / "clients.sock"), 60)
    try:
        return client.request("POST", "/v1/jws/sign", {"key": key, "payload": PAYLOAD}).status
    finally:
        client.close()


def make_of_family(room, name):
    client = Client(str(room.bare.directory / "clients.sock"), 60)
    try:
        return client.request("POST", "/v1/families/wallet./keys", {"name": name}).status
    finally:
        client.close()


def system(room):
    return send(room, "GET", "/v1/system").json()


def inventory(room):
    """A new one, of all tokens."""
    assert send(room, "POST", "/v1/inventory").status == 202

    def ended():
        items = send(room, "GET", "/v1/inventory").json()["items"]
        return items if all(item["state"] == "done" for item in items) else None

    return wait_until(ended, 60, "an inventory")


def reasons(room):
    try:
        return {item["code"]: item["detail"] for item in system(room).get("reasons", [])}
    except (OSError, ValueError):
        return {}


@pytest.fixture(scope="module")
def room(settings, tmp_path_factory):
    with Mirrored(settings, tokens=["b"]) as bare:
        made = Room(bare, tmp_path_factory.mktemp("here"))
        bare.found(made.people, policy=documents.policy(cooling_off_s="0"))
        wait_until(lambda: system(made)["tokens"][1].get("serial"), 60, "the token to be seen")
        for kind, subject in (("token.accept", "b"), ("wrapping.create", ""),
                              ("wrapping.prepare", "b"), ("wrapping.carry", "")):
            operation(made, kind, subject)
        change(made, "/v1/keys", {"name": "kept", "residence": "wrapped", "recovery": "wrapped", **KEY})
        change(made, "/v1/keys", {"name": "left", **KEY})
        change(made, "/v1/operations", {"type": "family.create", "subject": "wallet.", "params": {
            "client": "operator", "maximum": 2, "template": KEY}})
        assert make_of_family(made, "wallet.one") == 201
        change(made, "/v1/grants", {"client": "operator", "keys": "*", "operations": ["jws.sign"],
                                    "formats": ["jws"]})
        yield made


@pytest.fixture(scope="module")
def backup(room):
    """One that holds the key that is kept, and was restored by way of trial."""
    before = {item["file"] for item in send(room, "GET", "/v1/backups").json()["items"]}
    assert send(room, "POST", "/v1/backups").status == 202

    def newest():
        answer = send(room, "GET", "/v1/backups").json()
        files = [item["file"] for item in answer["items"] if item["file"] not in before]
        return answer["state"] == "idle" and files and files[-1]

    return room.bare.directory / "backups" / wait_until(newest, 60, "a backup")


def test_a_drill_opens_the_newest_backup_in_the_second_token(room, backup):
    assert send(room, "POST", "/v1/backups/drill").status == 202

    def drilled():
        answer = send(room, "GET", "/v1/backups/drill").json()
        return answer["state"] == "idle" and answer.get("last")

    last = wait_until(drilled, 60, "the drill")
    assert last["good"] and last["other_token"] and last["token"] == "b", last
    assert last["file"] == backup.name and last["rows"] == last["tried"] == 2, last
    leaves = [leaf for leaf in read_events(room.bare.directory / "data" / "log") if leaf["kind"] == "drill"]
    assert leaves[-1]["data"] == last and leaves[-1]["caller"] == "operator"


def test_what_one_token_alone_holds_is_named(room):
    recovery = system(room)["recovery"]
    assert recovery["one_token"] == {"count": 1, "keys": ["left"]}
    asked = subprocess.run([PRIVYSEAL, "backup", "list"], env=room.environment, check=True,
                           capture_output=True, text=True, timeout=120).stdout
    assert re.search(r"^ *keys +left$", asked, re.M), asked
    assert recovery["unrecoverable"] == {"count": 0, "keys": [], "unknown": 0}


def test_a_drill_by_hand_is_recorded(room, backup):
    typed(room, "hold-drill", C, machine="M 1", file=backup.name, expected="all but left",
          happened="verified", decision="nothing", deciders="officer-1", bag="B 2")


def test_an_appliance_moves_to_another_machine(room, backup, settings, tmp_path):
    typed(room, "move-appliance", C, left="1: left", file=backup.name, carriers="officer-1, officer-2")
    wait_until(lambda: system(room)["mirror"]["behind"] == 0, 60, "the mirror")
    people, genesis = room.people, genesis_hash(room)
    room.bare.stop()
    shutil.rmtree(room.bare.directory / "tokens")  # it stays behind
    with Next(settings, room.bare, backup, genesis) as bare:
        said = json.loads(bare.said)
        assert said["mirrored"] and said["replayed"] > 0 and said["lost"] == ["left"], said
        there = Room(bare, tmp_path)
        there.people = people
        wait_until(lambda: "restored" in reasons(there), 60, "the restored appliance")
        present = system(there)["configuration"]["present"]
        typed(there, "approve-configuration", A, configuration=present)
        typed(there, "unlock-appliance", B)  # it was locked over here
        wait_until(lambda: "not made yet" not in reasons(there).get("restored", "not made yet"), 60,
                   "its new keys")
        typed(there, "restore-appliance", A, machine="M 2", genesis=genesis[:16], lost="1",
              end="officer-1, today")
        wait_until(lambda: sign(there, "kept") == 200, 60, "the key to sign there")
        assert system(there)["recovery"]["unrecoverable"] == {"count": 1, "keys": ["left"], "unknown": 0}
        assert sign(there, "left") != 200
        # What was carried there was not made there, whichever token is the key's now.
        assert [(item["token"], item["found"]) for item in inventory(there)] == [("b", 0)]
        # What was made there counts here, and the token that made it is gone.
        assert [make_of_family(there, f"wallet.{name}") for name in ("one", "two", "three")] == [200, 201, 422]
        assert sign(there, "wallet.one") == sign(there, "wallet.two") == 200
