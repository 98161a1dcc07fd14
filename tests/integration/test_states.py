"""What the appliance may do in which state: locked by officers, locked for its configuration."""

import base64
import concurrent.futures
import hashlib
import json
import os
import re
import signal
import subprocess
import threading

import pytest

from harness import documents
from harness.appliance import wait_until
from harness.bare import BareAppliance
from harness.callers import over_unix
from harness.http_unix import Client
from harness.leaves import read_events, read_use
from harness.people import AUDITORS, OFFICERS, Gate, People
from harness.places import PRIVYSEALD

KEY = {"name": "oidc.states", "type": "ec-p256", "usage": "sign", "formats": ["jws"],
       "algorithms": ["ES256"], "residence": "token"}


class Hall:
    """A bare appliance, and its people."""

    def __init__(self, bare):
        self.bare = bare
        self.people = People(bare.directory / "officers").make()
        self.gate = Gate(self.send, self.people)

    def send(self, method, target, body=None, headers=None):
        client = self.bare.management()
        try:
            return client.request(method, target, body, headers or {})
        finally:
            client.close()

    def post(self, target, body=None):
        return self.send("POST", target, body or {})

    def get(self, target):
        return self.send("GET", target)

    def system(self):
        return self.get("/v1/system").json()

    def change(self, target, body=None):
        return self.gate.change("POST", target, {"reason": "a test", **(body or {})})

    def ask(self, target, body=None, requester=OFFICERS[0]):
        answer = self.post(target, {"requester": requester, "reason": "a test", **(body or {})})
        assert answer.status == 202, answer
        operation = answer.json()
        self.sign(operation, "request", requester)
        return operation

    def sign(self, operation, verb, person):
        kind = {"request": "request", "approvals": "approve", "rejections": "reject"}[verb]
        octets = documents.canonical(operation["document"])
        return self.post(f"/v1/operations/{operation['id']}/{verb}",
                         {"person": person, "signature": self.people.sign(person, octets, kind)})

    def execute(self, operation):
        return self.post(f"/v1/operations/{operation['id']}/execute")

    def wait_for(self, state):
        """Both api processes have been told."""
        wait_until(lambda: f'"state":"{state}"' in self.bare.ready()
                   and self.system().get("state") == state, 30, state)

    def begin(self):
        answer = self.post("/v1/genesis", {"token": "a", "initialise": True, "client": "operator",
                                           "roster": self.people.roster(),
                                           "policy": documents.policy()})
        assert answer.status == 202, answer
        operation = answer.json()
        for name in OFFICERS + AUDITORS:
            assert self.sign(operation, "approvals", name).status == 200
        answer = self.execute(operation)
        assert answer.status == 201, answer
        self.wait_for("operational")
        assert self.change("/v1/keys", KEY).status == 201
        assert self.change("/v1/grants", {"client": "operator", "keys": "*",
                                          "operations": ["jws.sign"]}).status == 201

    def sign_jws(self):
        client = Client(str(self.bare.directory / "clients.sock"), 60)
        try:
            return client.post("/v1/jws/sign", {
                "key": KEY["name"], "payload": base64.urlsafe_b64encode(b"x").decode().rstrip("=")})
        finally:
            client.close()

    def log(self):
        return list(read_events(self.bare.directory / "data" / "log"))

    def restart(self):
        self.bare.stop()
        self.bare.launch()

    def kill_keeper(self):
        before = self.bare.keepers()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.bare.keepers() and not set(before) & set(self.bare.keepers())
                   and self.bare.ready(), 30, "another keeper")


def refused(answer, status, *words):
    assert answer.status == status, answer
    detail = json.dumps(answer.json())
    for word in words:
        assert word in detail, detail


@pytest.fixture(scope="module", name="hall")
def hall_after_genesis(settings):
    with BareAppliance(settings) as bare:
        hall = Hall(bare)
        hall.begin()
        yield hall


def lock(hall):
    """One officer, who asks and approves."""
    operation = hall.ask("/v1/lock", requester="officer-2")
    assert hall.sign(operation, "approvals", "officer-2").json()["state"] == "approved"
    answer = hall.execute(operation)
    assert answer.status == 201 and answer.json()["locked"] is True, answer
    return operation


def tokens_wait(hall):
    return {token["state"] for token in hall.system()["tokens"]} == {"needs-login"}


def is_locked(hall, *codes):
    system = hall.system()
    assert system["state"] == "locked" and system["unlock"] == "unattended", system
    assert [reason["code"] for reason in system["reasons"]] == list(codes), system
    refused(hall.sign_jws(), 409, '"state": "locked"')
    assert hall.bare.ready().count('"ready":false') == 1


def test_one_officer_locks_and_nothing_is_signed_until_two_unlock(hall):
    assert hall.sign_jws().status == 200
    lock(hall)
    hall.wait_for("locked")
    is_locked(hall, "officers")
    wait_until(lambda: tokens_wait(hall), 10, "the tokens to be logged out")
    # Whoever needs a token is told so; whoever needs none is served.
    refused(hall.post("/v1/keys", {**KEY, "name": "oidc.locked", "requester": "officer-1"}), 409,
            '"state": "locked"')
    refused(hall.post("/v1/operations", {"type": "key.create", "requester": "officer-1",
                                         "params": {**KEY, "name": "oidc.locked"}}), 409,
            '"state": "locked"')
    suspend = hall.ask(f"/v1/keys/{KEY['name']}/suspend")
    assert hall.sign(suspend, "approvals", "officer-3").json()["state"] == "approved"
    assert hall.execute(suspend).status == 201
    assert hall.change(f"/v1/keys/{KEY['name']}/resume").status == 201
    # A second lock changes nothing; one person does not unlock.
    assert hall.post("/v1/lock", {"requester": "officer-1"}).status == 200
    unlock = hall.ask("/v1/unlock", requester="officer-1")
    assert hall.sign(unlock, "approvals", "officer-1").json()["state"] == "open"
    refused(hall.execute(unlock), 409, "one officer more")
    is_locked(hall, "officers")
    assert hall.sign(unlock, "approvals", "officer-4").json()["state"] == "approved"
    answer = hall.execute(unlock)
    assert answer.status == 201 and answer.json()["locked"] is False, answer
    hall.wait_for("operational")
    assert hall.sign_jws().status == 200
    lines = (hall.bare.directory / "log").read_text()
    assert '"pins_forgotten"' in lines and '"locked"' in lines and '"unlocked"' in lines


def test_no_restart_unlocks(hall):
    """Neither of the keeper alone, whose token processes go on, nor of the whole appliance."""
    lock(hall)
    hall.kill_keeper()
    hall.wait_for("locked")
    is_locked(hall, "officers")
    wait_until(lambda: tokens_wait(hall), 10, "the tokens to be logged out")
    hall.restart()
    hall.wait_for("locked")
    is_locked(hall, "officers")
    wait_until(lambda: tokens_wait(hall), 10, "the tokens to be there")
    answer = hall.change("/v1/unlock")
    assert answer.status == 201, answer
    hall.wait_for("operational")
    assert hall.sign_jws().status == 200


def check_config(hall):
    done = subprocess.run([str(PRIVYSEALD), "--config", str(hall.bare.directory / "privyseald.conf"),
                           "--check-config"], capture_output=True, text=True, check=True)
    return re.search(r"^security section: ([0-9a-f]{64})$", done.stdout, re.M).group(1)


def configure(hall, old, new):
    path = hall.bare.directory / "privyseald.conf"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_another_security_section_is_locked_until_people_approve_it(hall):
    approved = hall.system()["configuration"]
    assert approved["approved"] == approved["present"] == check_config(hall)
    first = next(iter(hall.log()))["data"]["document"]["params"]
    assert first["configuration"] == approved["approved"]
    # What is no matter of security is changed at will.
    configure(hall, "[appliance]\n", "[appliance]\nqueue_max = 4095\n")
    assert check_config(hall) == approved["approved"]
    configure(hall, "[token a]\n", "[token a]\nreadable = /usr/share\n")
    hall.restart()
    hall.wait_for("locked")
    is_locked(hall, "configuration")
    present = hall.system()["configuration"]
    assert present == {"approved": approved["approved"], "present": check_config(hall)}
    assert present["present"] != present["approved"]
    line = next(line for line in (hall.bare.directory / "log").read_text().splitlines()[::-1]
                if '"event":"locked"' in line.replace(" ", ""))
    assert present["approved"] in line and present["present"] in line
    # To unlock it is not enough, and nobody approves another one than the appliance has.
    assert hall.change("/v1/unlock").status == 200
    refused(hall.post("/v1/configuration/approve", {"requester": "officer-1",
                                                     "configuration": approved["approved"]}), 409)
    old = hall.ask("/v1/configuration/approve")
    for name in ("officer-2", "officer-3"):
        assert hall.sign(old, "approvals", name).json()["state"] == "open"
    refused(hall.execute(old), 409, "one auditor more")
    is_locked(hall, "configuration")
    # What was approved for one configuration does not hold for the next.
    assert hall.sign(old, "approvals", "auditor-1").json()["state"] == "approved"
    configure(hall, "readable = /usr/share\n", "readable = /usr/lib\n")
    hall.restart()
    hall.wait_for("locked")
    refused(hall.execute(old), 409, "has changed since")
    assert hall.change("/v1/configuration/approve").status == 201
    hall.wait_for("operational")
    assert hall.sign_jws().status == 200
    assert hall.system()["configuration"]["approved"] == check_config(hall)
    # Put back it is another one again.
    configure(hall, "readable = /usr/lib\n", "")
    hall.restart()
    hall.wait_for("locked")
    configure(hall, "[token a]\n", "[token a]\nreadable = /usr/lib\n")
    hall.restart()
    hall.wait_for("operational")
    assert hall.sign_jws().status == 200


def test_an_exception_is_recorded_and_nothing_else(hall):
    told = {"expected": "the bag A123 is sealed", "happened": "it had a tear",
            "decision": "the card in it is not used", "deciders": ["alice", "Björn"]}
    refused(hall.post("/v1/exceptions", {"requester": "officer-1", "expected": "x"}), 400)
    refused(hall.post("/v1/exceptions", {**told, "deciders": [], "requester": "officer-1"}), 400)
    operation = hall.ask("/v1/exceptions", told, "officer-3")
    assert hall.sign(operation, "approvals", "officer-3").json()["state"] == "approved"
    assert hall.execute(operation).status == 201
    leaves = [leaf for leaf in hall.log()
              if leaf.get("data", {}).get("operation") == operation["id"]]
    assert [leaf["kind"] for leaf in leaves] == ["draft", "signature", "signature", "intent",
                                                 "result"]
    assert leaves[3]["data"]["document"]["params"] == told
    assert leaves[4]["data"]["effects"] == []


def test_a_signature_that_races_with_a_lock_is_in_the_log_before_it_or_not_given(hall):
    for _ in range(3):
        operation = hall.ask("/v1/lock", requester="officer-2")
        assert hall.sign(operation, "approvals", "officer-2").json()["state"] == "approved"
        is_over = threading.Event()
        given = []

        def sign_on():
            while not is_over.is_set():
                answer = hall.sign_jws()
                given.append((answer.status, is_over.is_set()))

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            signers = [pool.submit(sign_on) for _ in range(4)]
            wait_until(lambda: len(given) > 50, 30, "signatures")
            assert hall.execute(operation).status == 201
            assert hall.sign_jws().status == 409
            is_over.set()
            for signer in signers:
                signer.result()
        assert {status for status, _ in given} <= {200, 409}
        leaves = [leaf for leaf in hall.log() if leaf.get("data", {}).get("operation")
                  == operation["id"]]
        assert leaves[-1]["kind"] == "result"
        uses = list(read_use(hall.bare.directory / "data" / "log"))
        assert uses and max(leaf["time"] for leaf in uses) <= leaves[-1]["time"]
        assert hall.change("/v1/unlock").status == 201
        hall.wait_for("operational")


# Ending what waits

def kinds(hall, operation):
    return [leaf["kind"] for leaf in hall.log()
            if leaf.get("data", {}).get("operation") == operation["id"]]


def make(hall, name, requester="officer-1"):
    return hall.ask("/v1/keys", {**KEY, "name": name}, requester)


def cancel(hall, operation, requester):
    answer = hall.post(f"/v1/operations/{operation['id']}/cancel",
                       {"requester": requester, "reason": "a test"})
    assert answer.status == 202, answer
    cancelling = answer.json()
    assert cancelling["document"]["params"] == {"operation": operation["id"],
                                                "document": operation["hash"]}
    hall.sign(cancelling, "request", requester)
    return cancelling


def test_an_officer_ends_an_operation_that_waits_by_one_of_its_own(hall):
    operation = make(hall, "oidc.cancelled")
    assert hall.sign(operation, "approvals", "officer-3").status == 200
    cancelling = cancel(hall, operation, "officer-4")
    refused(hall.execute(cancelling), 409)
    assert hall.sign(cancelling, "approvals", "officer-4").json()["state"] == "approved"
    answer = hall.execute(cancelling)
    assert answer.status == 201 and answer.json()["cancelled"] == operation["id"], answer
    shown = hall.get(f"/v1/operations/{operation['id']}").json()
    assert shown["state"] == "cancelled" and cancelling["id"] in shown["detail"]
    assert hall.sign(operation, "approvals", "officer-2").status == 409
    refused(hall.execute(operation), 409)
    ended = next(leaf for leaf in hall.log() if leaf["kind"] == "ended"
                 and leaf["data"]["operation"] == operation["id"])
    assert ended["data"] == {"by": cancelling["id"], "operation": operation["id"],
                             "outcome": "cancelled"}
    # The second time there is nothing to end.
    refused(hall.post(f"/v1/operations/{operation['id']}/cancel", {"requester": "officer-1"}), 409)
    refused(hall.post("/v1/operations", {"type": "operation.cancel", "subject": operation["id"],
                                         "requester": "officer-1"}), 404)


def test_who_asked_for_it_may_cancel_and_a_stranger_may_not(hall):
    operation = make(hall, "oidc.asked", "auditor-1")
    strange = cancel(hall, operation, "auditor-2")
    assert hall.sign(strange, "approvals", "auditor-2").json()["state"] == "open"
    refused(hall.execute(strange), 409, "one officer more")
    refused(hall.post(f"/v1/operations/{operation['id']}/cancel"), 422, "requester")
    refused(hall.post(f"/v1/operations/{operation['id']}/cancel", {"requester": "mallory"}), 422)
    own = cancel(hall, operation, "auditor-1")
    assert hall.sign(own, "approvals", "auditor-1").json()["state"] == "approved"
    assert hall.execute(own).status == 201
    # What the stranger waits for is gone, and with it what the stranger asked for.
    refused(hall.sign(strange, "approvals", "officer-2"), 409, "has ended")
    refused(hall.execute(strange), 409)
    shown = hall.get(f"/v1/operations/{strange['id']}").json()
    assert shown["state"] == "expired" and "waits no more" in shown["detail"], shown
    assert kinds(hall, operation)[-1] == kinds(hall, strange)[-1] == "ended"


def test_nobody_cancels_what_is_about_themselves(hall):
    operation = hall.ask("/v1/officers/officer-4/suspend", {}, "officer-1")
    path = f"/v1/operations/{operation['id']}/cancel"
    refused(hall.post(path, {"requester": "officer-4"}), 422, "another officer")
    others = cancel(hall, operation, "officer-3")
    hall.sign(others, "approvals", "officer-3")
    assert hall.execute(others).status == 201
    assert kinds(hall, operation)[-1] == "ended"


def test_a_draft_is_taken_back_by_the_client_that_made_it_alone(hall):
    if os.geteuid() != 0:
        pytest.skip("only root calls as another user")
    assert hall.change("/v1/clients", {"name": "desk", "uids": [61234]}).status == 201
    assert hall.change("/v1/grants", {"client": "desk", "keys": "*", "operations":
                                      ["operations.step", "operations.read"]}).status == 201
    body = {**KEY, "name": "oidc.draft", "requester": "officer-1", "reason": "a test"}
    draft = hall.post("/v1/keys", body).json()
    desk = over_unix(hall.bare.directory / "management.sock", 61234)
    answer = desk.request("POST", f"/v1/operations/{draft['id']}/cancel", b'{}',
                          {"Content-Type": "application/json"})
    assert answer.status == 422 and b"requester" in answer.body, answer
    assert hall.get(f"/v1/operations/{draft['id']}").json()["state"] == "draft"
    assert hall.post(f"/v1/operations/{draft['id']}/cancel").status == 200
    assert hall.get(f"/v1/operations/{draft['id']}").json()["state"] == "cancelled"


def test_it_is_executed_or_cancelled_and_never_both(hall):
    for number in range(6):
        operation = make(hall, f"oidc.both-{number}")
        for name in ("officer-2", "officer-3"):
            hall.sign(operation, "approvals", name)
        cancelling = cancel(hall, operation, "officer-4")
        hall.sign(cancelling, "approvals", "officer-4")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            first, second = ((operation, cancelling) if number % 2 else (cancelling, operation))
            answers = {one["id"]: pool.submit(hall.execute, one) for one in (first, second)}
            done = answers[operation["id"]].result().status == 201
            ended = answers[cancelling["id"]].result().status == 201
        assert done != ended, answers
        assert ("intent" in kinds(hall, operation)) == done
        assert ("ended" in kinds(hall, operation)) == ended
        # One that came too late ends with what it was to cancel.
        wait_until(lambda: kinds(hall, cancelling)[-1] in ("result", "ended"), 10, "its end")


def test_an_operation_shows_who_signed_and_who_is_missing(hall):
    operation = make(hall, "oidc.shown")
    path = f"/v1/operations/{operation['id']}"
    shown = hall.get(path).json()
    assert shown["state"] == "open" and "two officers" in shown["missing"], shown
    assert "condition" not in shown
    for name in ("officer-1", "officer-2", "officer-4"):
        hall.sign(operation, "approvals", name)
    hall.sign(operation, "rejections", "officer-4")
    keys = {entry["person"]: entry for entry in hall.people.roster()["people"]}
    shown = hall.get(path).json()
    assert [(one["person"], one["kind"], one["verdict"]) for one in shown["signatures"]] == [
        ("officer-1", "request", "asks for it"),
        ("officer-1", "approve", "by the requester, who does not count"),
        ("officer-2", "approve", "counted"),
        ("officer-4", "approve", "by someone who refused as well"),
        ("officer-4", "reject", "counted as a refusal")], shown
    for one in shown["signatures"]:
        blob = base64.b64decode(keys[one["person"]]["keys"][0].split()[1])
        digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        assert one["fingerprint"] == f"SHA256:{digest}" and one["time"].endswith("Z")
    assert "one officer more" in shown["missing"]
    listed = hall.get("/v1/operations?state=open&limit=1000").json()["items"]
    assert {item["state"] for item in listed} == {"open"}
    assert operation["id"] in {item["id"] for item in listed}
    hall.restart()
    hall.wait_for("operational")
    assert hall.get(path).json()["signatures"] == shown["signatures"]
    assert hall.sign(operation, "approvals", "officer-3").json()["state"] == "approved"
    assert hall.execute(operation).status == 201
    shown = hall.get(path).json()
    assert shown["state"] == "done" and "missing" not in shown
    assert [one["verdict"] for one in shown["signatures"]].count("counted") == 2
    assert operation["id"] not in {
        item["id"] for item in hall.get("/v1/operations?state=open&limit=1000").json()["items"]}
    assert hall.get("/v1/operations?state=No%20such").status == 400


def test_when_all_places_are_taken_one_can_still_lock_suspend_and_cancel(hall):
    answers = [hall.post("/v1/keys", {**KEY, "name": f"oidc.full-{number}", "reason": "a test",
                                      "requester": "officer-1"}) for number in range(66)]
    assert {answer.status for answer in answers} == {202, 503}
    made = [answer.json() for answer in answers if answer.status == 202]
    assert hall.change(f"/v1/keys/{KEY['name']}/suspend").status == 201
    locking = hall.ask("/v1/lock")
    cancelling = hall.post("/v1/operations", {"type": "operation.cancel", "subject": made[0]["id"],
                                              "requester": "officer-1"})
    assert cancelling.status == 202, cancelling
    for operation in (cancelling.json(), *made):
        assert hall.post(f"/v1/operations/{operation['id']}/cancel").status == 200
    ending = cancel(hall, locking, "officer-2")
    hall.sign(ending, "approvals", "officer-2")
    assert hall.execute(ending).status == 201
    assert hall.change(f"/v1/keys/{KEY['name']}/resume").status == 201


# Last, since officer-4 does not come back for a day

def test_an_operation_of_another_roster_is_stale_and_can_still_be_cancelled(hall):
    operation = make(hall, "oidc.stale")
    for name in ("officer-2", "officer-3"):
        hall.sign(operation, "approvals", name)
    def warnings():
        return [item["code"] for item in hall.system()["warnings"]]

    assert "people" not in warnings()
    assert hall.change("/v1/officers/officer-4/suspend").status == 200
    # With three officers the loss of one more is too much: that is an alarm.
    assert "people" in warnings()
    wait_until(lambda: any(leaf["kind"] == "alarm" and leaf["data"]["alarm"] == "people"
                           for leaf in hall.log()), 10, "an alarm")
    shown = hall.get(f"/v1/operations/{operation['id']}").json()
    assert shown["condition"]["code"] == "roster-other", shown
    refused(hall.execute(operation), 422)
    cancelling = cancel(hall, operation, "officer-1")
    hall.restart()
    hall.wait_for("operational")
    assert hall.sign(cancelling, "approvals", "officer-1").json()["state"] == "approved"
    assert hall.execute(cancelling).status == 201
    assert hall.get(f"/v1/operations/{operation['id']}").json()["state"] == "cancelled"
