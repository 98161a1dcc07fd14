"""The gate: where there is a roster, what people have not signed is not done."""

import json
import os
import re
import subprocess

import pytest

from harness import documents
from harness.appliance import PRIVYSEAL, Appliance, wait_until
from harness.bare import BareAppliance
from harness.leaves import read_events

OFFICERS = ["alice", "bob", "carol", "dora"]
AUDITORS = ["edith", "frank"]
KEY = {"name": "oidc.gate", "type": "ec-p256", "usage": "sign", "formats": ["jws"],
       "algorithms": ["ES256"], "residence": "token"}


class Room:
    """People with their keys, at an appliance before its genesis."""

    def __init__(self, bare, directory):
        self.bare = bare
        self.directory = directory
        for name in OFFICERS + AUDITORS:
            documents.make_key(directory / name)
        documents.make_key(directory / "mallory")

    def roster(self):
        people = [documents.person(name, role, documents.public_line(self.directory / name))
                  for role, names in (("officer", OFFICERS), ("auditor", AUDITORS))
                  for name in names]
        return documents.roster(*people)

    def post(self, path, body=None):
        return self.bare.management().post(path, body if body is not None else {})

    def document(self, operation):
        """The exact octets, as the 202 carried them: RFC 8785 again."""
        return documents.canonical(operation["document"])

    def step(self, operation, verb, person, kind=None, octets=None, key=None):
        kind = kind or {"approvals": "approve", "rejections": "reject", "request": "request"}[verb]
        signature = documents.sign(self.directory / (key or person),
                                   octets or self.document(operation), kind).decode()
        return self.post(f"/v1/operations/{operation['id']}/{verb}",
                         {"person": person, "signature": signature})

    def execute(self, operation):
        return self.post(f"/v1/operations/{operation['id']}/execute")

    def make(self, path, body, requester="alice"):
        answer = self.post(path, {**body, "requester": requester, "reason": "a test"})
        assert answer.status == 202, answer
        return answer.json()

    def ask(self, path, body, requester="alice"):
        operation = self.make(path, body, requester)
        answer = self.step(operation, "request", requester)
        assert answer.status == 200, answer
        return operation

    def restart(self):
        self.bare.stop()
        self.bare.launch()
        wait_until(lambda: '"operational"' in self.bare.ready(), 30, "the appliance to be back")


def refused(answer, status, *words):
    assert answer.status == status, answer
    detail = answer.json().get("detail", "")
    for word in words:
        assert word in detail, detail


@pytest.fixture(scope="module")
def model():
    appliance = Appliance()
    appliance.start()
    yield appliance
    appliance.remove()


@pytest.fixture(scope="module", name="room")
def room_after_genesis(model, tmp_path_factory):
    with BareAppliance(model.directory) as bare:
        room = Room(bare, tmp_path_factory.mktemp("people"))
        begin(room)
        yield room


def begin(room):
    """Genesis: everybody signs; whoever is missing is named."""
    answer = room.post("/v1/genesis", {"token": "a", "initialise": True, "client": "operator",
                                       "roster": room.roster(), "policy": documents.policy()})
    assert answer.status == 202, answer
    operation = answer.json()
    assert operation["state"] == "open" and operation["document"]["type"] == "genesis"
    refused(room.execute(operation), 409, "alice")
    for name in (OFFICERS + AUDITORS)[:-1]:
        answer = room.step(operation, "approvals", name)
        assert answer.status == 200, answer
    refused(room.execute(operation), 409, "frank")
    refused(room.step(operation, "approvals", "frank", key="mallory"), 422)
    assert room.step(operation, "approvals", "frank").json()["state"] == "approved"
    answer = room.execute(operation)
    assert answer.status == 201, answer
    wait_until(lambda: '"operational"' in room.bare.ready(), 30, "the appliance to work")


def test_a_key_is_made_when_two_officers_who_did_not_ask_approve(room):
    operation = room.make("/v1/keys", KEY)
    assert operation["state"] == "draft"
    refused(room.step(operation, "approvals", "bob"), 409, "requester")
    refused(room.execute(operation), 409)
    refused(room.step(operation, "request", "bob"), 422, "alice")
    assert room.step(operation, "request", "alice").json()["state"] == "open"
    assert room.step(operation, "approvals", "alice").json()["state"] == "open"
    assert room.step(operation, "approvals", "bob").json()["state"] == "open"
    refused(room.step(operation, "approvals", "bob"), 409, "bob")
    assert room.step(operation, "approvals", "edith").json()["state"] == "open"
    refused(room.execute(operation), 409, "one officer more")
    assert room.step(operation, "approvals", "carol").json()["state"] == "approved"
    answer = room.execute(operation)
    assert answer.status == 201, answer
    assert answer.json()["name"] == KEY["name"]
    shown = room.bare.management().get(f"/v1/operations/{operation['id']}").json()
    assert shown["state"] == "done"
    refused(room.execute(operation), 409)


def test_nobody_is_asked_in_vain(room):
    body = {**KEY, "name": "oidc.vain"}
    refused(room.post("/v1/keys", body), 422, "requester")
    refused(room.post("/v1/keys", {**body, "requester": "mallory"}), 422, "mallory")
    refused(room.post("/v1/keys", {**body, "type": "rsa-2048", "requester": "alice"}), 422)


def test_what_was_signed_is_what_counts(room):
    operation = room.ask("/v1/keys", {**KEY, "name": "oidc.octets"})
    changed = room.document(operation).replace(b"oidc.octets", b"oidc.0ctets")
    refused(room.step(operation, "approvals", "bob", octets=changed), 422)
    newline = room.document(operation) + b"\n"
    refused(room.step(operation, "approvals", "bob", octets=newline), 422, "newline")
    for kind in ("request", "reject", "statement"):
        refused(room.step(operation, "approvals", "bob", kind=kind), 422)
    refused(room.step(operation, "approvals", "bob", key="carol"), 422)
    refused(room.step(operation, "approvals", "nobody", key="bob"), 422, "nobody")
    other = room.ask("/v1/keys", {**KEY, "name": "oidc.other"})
    refused(room.step(operation, "approvals", "bob", octets=room.document(other)), 422)
    answer = room.post(f"/v1/operations/{operation['id']}/approvals",
                       {"person": "bob", "signature": "no signature"})
    assert answer.status == 400, answer
    assert room.execute(operation).status == 409


def test_what_waits_is_there_after_a_restart(room):
    operation = room.ask("/v1/keys", {**KEY, "name": "oidc.restart"})
    draft = room.make("/v1/keys", {**KEY, "name": "oidc.draft"})
    assert room.step(operation, "approvals", "bob").status == 200
    room.restart()
    refused(room.execute(operation), 409, "one officer more")
    refused(room.step(operation, "approvals", "bob"), 409)
    assert room.step(operation, "approvals", "carol").json()["state"] == "approved"
    assert room.execute(operation).status == 201
    assert room.step(draft, "request", "alice").json()["state"] == "open"
    room.restart()
    refused(room.execute(operation), 409)


def test_rejections_end_it(room):
    operation = room.ask("/v1/keys", {**KEY, "name": "oidc.rejected"})
    assert room.step(operation, "rejections", "bob").json()["state"] == "open"
    answer = room.step(operation, "rejections", "carol")
    assert answer.json()["state"] == "rejected", answer
    assert room.step(operation, "approvals", "dora").status == 409
    shown = room.bare.management().get(f"/v1/operations/{operation['id']}").json()
    assert shown["state"] == "rejected"


def test_a_draft_is_cancelled_an_open_operation_is_not(room):
    draft = room.make("/v1/keys", {**KEY, "name": "oidc.cancelled"})
    assert room.post(f"/v1/operations/{draft['id']}/cancel").status == 200
    refused(room.step(draft, "request", "alice"), 409)
    operation = room.ask("/v1/keys", {**KEY, "name": "oidc.asked"})
    refused(room.post(f"/v1/operations/{operation['id']}/cancel"), 409)


def test_one_officer_suspends_and_two_resume(room):
    operation = room.ask(f"/v1/keys/{KEY['name']}/suspend", {}, "bob")
    assert room.step(operation, "approvals", "bob").json()["state"] == "approved"
    assert room.execute(operation).status == 201
    again = room.ask(f"/v1/keys/{KEY['name']}/resume", {}, "bob")
    assert room.step(again, "approvals", "bob").json()["state"] == "open"
    for name in ("alice", "carol"):
        assert room.step(again, "approvals", name).status == 200
    assert room.execute(again).status == 201


def test_what_changed_meanwhile_is_noticed(room):
    first = room.ask("/v1/keys", {**KEY, "name": "oidc.twice"})
    second = room.ask("/v1/keys", {**KEY, "name": "oidc.twice", "algorithms": ["ES256"],
                                   "validity_s": 86400})
    for operation in (first, second):
        for name in ("bob", "carol"):
            assert room.step(operation, "approvals", name).status == 200
    assert room.execute(first).status == 201
    refused(room.execute(second), 409, "exists")


def test_the_first_leaf_carries_what_people_signed(room):
    first = next(iter(read_events(room.bare.directory / "data" / "log")))
    people = sorted(signature["person"] for signature in first["data"]["signatures"])
    assert people == sorted(OFFICERS + AUDITORS)
    roster = first["data"]["document"]["params"]["roster"]
    assert [entry["person"] for entry in roster["people"]] == people


def test_a_change_by_the_command_line(room, tmp_path):
    """As a client's administrator and an officer would, with nothing but the two programs."""
    environment = dict(os.environ, PRIVYSEAL_MANAGEMENT_SOCKET=str(
        room.bare.directory / "management.sock"))

    def call(*words):
        return subprocess.run([str(PRIVYSEAL), *map(str, words)], env=environment, text=True,
                              capture_output=True, check=False, timeout=60)

    made = call("keys", "create", "oidc.by-hand", "--type", "ec-p256", "--usage", "sign",
                "--formats", "jws", "--algorithms", "ES256", "--requester", "alice", "--json")
    assert made.returncode == 0, made
    number = json.loads(made.stdout)["id"]
    document = tmp_path / "document.json"
    assert call("operation", "document", number, "--out", document).returncode == 0
    assert call("operation", "document", number, "--out", document).returncode == 1
    assert call("operation", "document", number).stdout.encode() == document.read_bytes()
    for person, verb, kind in (("alice", "request", "request"), ("bob", "approve", "approve"),
                               ("carol", "approve", "approve")):
        path = tmp_path / f"{person}.sig"
        path.write_bytes(documents.sign(room.directory / person, document.read_bytes(), kind))
        done = call("operation", verb, number, "--person", person, "--signature", path)
        assert done.returncode == 0, done
    assert re.search(r"^state +approved$", done.stdout, re.M), done
    missing = call("operation", "approve", number, "--person", "dora", "--signature", "/no/file")
    assert missing.returncode == 2 and "/no/file" in missing.stderr
    done = call("operation", "execute", number)
    assert done.returncode == 0, done
    assert call("keys", "show", "oidc.by-hand", "--socket",
                room.bare.directory / "management.sock").returncode == 0
