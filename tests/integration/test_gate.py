"""The gate: where there is a roster, what people have not signed is not done."""

import concurrent.futures
import os
import re
import sqlite3
import subprocess
import time

import pytest

from harness import documents, terminal
from harness.appliance import wait_until
from harness.bare import BareAppliance
from harness.leaves import read_events
from harness.places import PRIVYSEAL
from harness.room import AUDITORS, OFFICERS, Room, refused

KEY = {"name": "oidc.gate", "type": "ec-p256", "usage": "sign", "formats": ["jws"],
       "algorithms": ["ES256"], "residence": "token"}


@pytest.fixture(scope="module", name="room")
def room_after_genesis(settings, tmp_path_factory):
    with BareAppliance(settings) as bare:
        room = Room(bare, tmp_path_factory.mktemp("people"))
        room.begin()
        yield room


def test_a_key_is_made_when_two_officers_who_did_not_ask_approve(room):
    operation = room.make("/v1/keys", KEY)
    assert operation["state"] == "draft" and operation["document"]["practice"] is True
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


def test_what_another_operation_did_is_not_said_to_be_done(room):
    body = {**KEY, "name": "oidc.by-another"}
    first, second = room.ask("/v1/keys", body), room.ask("/v1/keys", body)
    for operation in (first, second):
        for person in ("bob", "carol"):
            assert room.step(operation, "approvals", person).status == 200
    assert room.execute(first).status == 201
    refused(room.execute(second), 409, "not by this operation")
    shown = room.bare.management().get(f"/v1/operations/{second['id']}").json()
    assert shown["state"] == "approved"


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


def test_a_draft_is_cancelled_and_an_open_operation_by_people(room):
    draft = room.make("/v1/keys", {**KEY, "name": "oidc.cancelled"})
    answer = room.post(f"/v1/operations/{draft['id']}/cancel")
    assert answer.status == 200 and answer.json()["state"] == "cancelled", answer
    management = room.bare.management()
    refused(management.get("/v1/operations?state=canceled"), 400, "cancelled")
    listed = management.get("/v1/operations?state=cancelled").json()["items"]
    assert draft["id"] in [item["id"] for item in listed]
    refused(room.step(draft, "request", "alice"), 409)
    operation = room.ask("/v1/keys", {**KEY, "name": "oidc.asked"})
    refused(room.post(f"/v1/operations/{operation['id']}/cancel"), 422, "requester")


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
                "--formats", "jws", "--algorithms", "ES256", "--requester", "alice",
                "--reason", "\u202e\x9b1A", "--out", tmp_path / "kept.json")
    assert made.returncode == 0, made
    said, number = re.match(r"(Operation ([0-9a-f]{32}) \(key.create\) is draft: .*\(alice\)\n)"
                            r"Next: alice signs with privyseal-officer request /.*/kept.json, others",
                            made.stdout).groups()
    assert "two officers more" in said
    shown = call("operation", "show", number).stdout
    assert "\\u{202e}\\u{9b}" in shown and not {"\u202e", "\x9b"} & set(shown), shown
    document = tmp_path / "document.json"
    assert call("operation", "document", number, "--out", document).returncode == 0
    assert call("operation", "document", number, "--out", document).returncode == 1
    assert call("operation", "document", number).stdout.encode() == document.read_bytes()
    assert (tmp_path / "kept.json").read_bytes() == document.read_bytes()
    for person, verb, kind in (("alice", "request", "request"), ("bob", "approve", "approve"),
                               ("carol", "approve", "approve")):
        path = tmp_path / f"{person}.sig"
        path.write_bytes(documents.sign(room.directory / person, document.read_bytes(), kind))
        done = call("operation", verb, number, "--person", person, "--signature", path)
        assert done.returncode == 0, done
    assert f"is approved: quorum is met: two officers\nNext: privyseal operation execute {number}" \
        in done.stdout, done
    missing = call("operation", "approve", number, "--person", "dora", "--signature", "/no/file")
    assert missing.returncode == 2 and "/no/file" in missing.stderr
    done = call("operation", "execute", number)
    assert done.returncode == 0, done
    assert call("keys", "show", "oidc.by-hand", "--socket",
                room.bare.directory / "management.sock").returncode == 0


# What people cheat with

def test_an_approval_counts_for_its_own_operation_alone(room):
    body = {**KEY, "name": "oidc.replayed"}
    first = room.ask("/v1/keys", body)
    second = room.ask("/v1/keys", body)
    armored = documents.sign(room.directory / "bob", room.document(first)).decode()
    taken = {"person": "bob", "signature": armored}
    assert room.post(f"/v1/operations/{first['id']}/approvals", taken).status == 200
    refused(room.post(f"/v1/operations/{second['id']}/approvals", taken), 422)
    refused(room.post(f"/v1/operations/{first['id']}/rejections", taken), 422)


def test_one_signature_sent_many_times_at_once_is_in_the_log_once(room):
    operation = room.ask("/v1/keys", {**KEY, "name": "oidc.flood"})
    armored = documents.sign(room.directory / "bob", room.document(operation)).decode()
    path = f"/v1/operations/{operation['id']}/approvals"

    def send(_):
        return room.post(path, {"person": "bob", "signature": armored}).status

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(send, range(160)))
    assert statuses.count(200) == 1 and set(statuses) <= {200, 409, 429, 503}, statuses
    leaves = [leaf for leaf in read_events(room.bare.directory / "data" / "log")
              if leaf["kind"] == "signature" and leaf["data"]["operation"] == operation["id"]]
    assert [leaf["data"]["kind"] for leaf in leaves] == ["request", "approve"]
    assert room.step(operation, "approvals", "carol").json()["state"] == "approved"
    room.restart()
    assert room.execute(operation).status == 201


def test_a_key_is_destroyed_by_two_officers_and_an_auditor(room):
    name = "oidc.restart"
    operation = room.ask(f"/v1/keys/{name}/deactivate", {})
    for who in ("bob", "carol"):
        assert room.step(operation, "approvals", who).status == 200
    assert room.execute(operation).status == 201
    operation = room.ask(f"/v1/keys/{name}/destroy", {})
    for who in ("bob", "carol", "dora"):
        assert room.step(operation, "approvals", who).json()["state"] == "open"
    refused(room.execute(operation), 409, "auditor")
    assert room.step(operation, "approvals", "edith").json()["state"] == "approved"
    assert room.execute(operation).status == 201


def test_a_dry_run_waits_for_nobody_and_a_draft_is_made_once_per_key(room):
    def drafts():
        """Of this key. The appliance writes other leaves whenever it has to."""
        return [leaf for leaf in read_events(room.bare.directory / "data" / "log")
                if leaf["kind"] == "draft"
                and leaf["data"]["document"]["params"].get("name") == "oidc.once"]

    body = {**KEY, "name": "oidc.once", "requester": "alice", "reason": "a test"}
    # Nor does it use up the key of the request that it tries.
    headers = {"Idempotency-Key": "gate-1"}
    for _ in range(2):
        answer = room.bare.management().post("/v1/keys?dry_run=true", body, headers=headers)
        assert answer.status == 200 and answer.json()["type"] == "key.create", answer
    assert not drafts()
    answers = [room.bare.management().post("/v1/keys", body, headers=headers) for _ in range(2)]
    assert [answer.status for answer in answers] == [202, 202]
    assert answers[0].body == answers[1].body and len(drafts()) == 1
    # What is only tried is not answered with what was done.
    answer = room.bare.management().post("/v1/keys?dry_run=true", body, headers=headers)
    assert answer.status == 200, answer
    other = room.bare.management().post("/v1/keys", {**body, "name": "oidc.other-once"},
                                         headers=headers)
    refused(other, 409, "Idempotency-Key")


# Crashes

def test_what_was_approved_is_there_when_the_keeper_was_killed(room):
    operation = room.ask("/v1/keys", {**KEY, "name": "oidc.killed"})
    for name in ("bob", "carol"):
        assert room.step(operation, "approvals", name).status == 200
        room.kill_keeper()
    answer = room.execute(operation)
    assert answer.status == 201, answer
    room.kill_keeper()
    refused(room.execute(operation), 409)


def settled(room, operation):
    """Executed now, or known to have been."""
    answer = room.execute(operation)
    assert answer.status in (201, 409, 503), answer
    state = room.bare.management().get(f"/v1/operations/{operation['id']}").json()["state"]
    return answer.status == 201 or (answer.json().get("state") == state and
                                    state in ("done", "failed"))


def test_killed_at_its_execution_it_is_executed_at_most_once(room):
    for number in range(4):
        name = f"oidc.at-{number}"
        operation = room.ask("/v1/keys", {**KEY, "name": name})
        for person in ("bob", "carol"):
            assert room.step(operation, "approvals", person).status == 200
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            executed = pool.submit(room.execute, operation)
            time.sleep(0.004 * number)
            room.kill_keeper()
            assert executed.result().status in (201, 409, 503)
        # What the first attempt reserved in the token is given back before a second one can begin.
        wait_until(lambda: settled(room, operation), 30, "the operation to be settled")
        leaves = [leaf["kind"] for leaf in read_events(room.bare.directory / "data" / "log")
                  if leaf.get("data", {}).get("operation") == operation["id"]]
        assert leaves.count("intent") == 1 and leaves[:4] == ["draft", *3 * ["signature"]], leaves
        state = room.bare.management().get(f"/v1/operations/{operation['id']}").json()["state"]
        assert state in ("done", "failed", "executing")


def test_nothing_is_executed_after_a_refusal_that_is_in_the_log(room):
    """A refusal that comes together with the execution is either before its intent or not taken."""
    for number in range(10):
        operation = room.ask("/v1/keys", {**KEY, "name": f"oidc.race-{number}"})
        for person in ("bob", "carol"):
            assert room.step(operation, "approvals", person).status == 200
        refusal = documents.sign(room.directory / "bob", room.document(operation), "reject")
        body = {"person": "bob", "signature": refusal.decode()}
        path = f"/v1/operations/{operation['id']}/rejections"
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            rejected = pool.submit(room.post, path, body)
            executed = pool.submit(room.execute, operation)
            assert executed.result().status in (201, 409)
            assert rejected.result().status in (200, 409)
        kinds = [leaf["data"].get("kind", leaf["kind"])
                 for leaf in read_events(room.bare.directory / "data" / "log")
                 if leaf.get("data", {}).get("operation") == operation["id"]]
        assert not {"reject", "intent"} <= set(kinds), kinds


# Limits; last, since what waits then is in the way of others

def test_48_operations_of_a_client_wait_and_no_more_even_when_all_are_asked_for_at_once(room):
    def ask(number):
        return room.post("/v1/keys", {**KEY, "name": f"oidc.full-{number}", "requester": "alice",
                                      "reason": "a test"})

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(100)))
    made = [answer.json() for answer in answers if answer.status == 202]
    assert 0 < len(made) <= 48 and {answer.status for answer in answers} == {202, 503}
    refused(ask(100), 503, "wait already")
    drafts = [leaf for leaf in read_events(room.bare.directory / "data" / "log")
              if leaf["kind"] == "draft"
              and leaf["data"]["document"]["params"].get("name", "").startswith("oidc.full-")]
    assert len(drafts) == len(made)
    room.restart()
    refused(ask(101), 503, "wait already")
    assert room.post(f"/v1/operations/{made[0]['id']}/cancel").status == 200
    assert ask(102).status == 202


# Another appliance

@pytest.fixture(name="blank")
def room_before_genesis(settings, tmp_path):
    with BareAppliance(settings) as bare:
        yield Room(bare, tmp_path)


def test_of_two_geneses_that_wait_one_is_done(blank):
    """Whoever prepared another one, with people of their own, cannot do it afterwards."""
    other = blank.post("/v1/genesis", {"token": "a", "initialise": True, "client": "mallory",
                                       "roster": blank.roster(), "policy": documents.policy()})
    assert other.status == 202, other
    for name in OFFICERS + AUDITORS:
        assert blank.step(other.json(), "approvals", name).status == 200
    blank.begin()
    answer = blank.execute(other.json())
    refused(answer, 409)
    # The one that cannot be any more is ended soon after, perhaps before it is asked for here.
    assert answer.json().get("state") == "cancelled" or "has had its genesis" in answer.json()["detail"]
    wait_until(lambda: blank.bare.management().get(
        f"/v1/operations/{other.json()['id']}").json().get("state") == "cancelled", 10,
        "the other genesis to be cancelled")
    operation = blank.ask("/v1/keys", KEY)
    for name in ("bob", "carol"):
        assert blank.step(operation, "approvals", name).status == 200
    assert blank.execute(operation).status == 201


def test_a_genesis_needs_people_and_a_policy(blank):
    body = {"token": "a", "initialise": True, "client": "operator", "roster": blank.roster(),
            "policy": documents.policy()}
    for member in ("roster", "policy"):
        answer = blank.post("/v1/genesis", {name: value for name, value in body.items()
                                            if name != member})
        refused(answer, 400, member)
    refused(blank.post("/v1/genesis", {**body, "roster": documents.roster()}), 400, "people")


def test_a_genesis_of_more_people_than_its_leaf_holds_is_refused_before_anybody_signs(blank):
    people = [documents.person(f"person-{number}", "officer",
                               documents.make_key(blank.directory / f"person-{number}"))
              for number in range(60)]
    auditors = [documents.person(name, "auditor", documents.public_line(blank.directory / name))
                for name in AUDITORS]
    answer = blank.post("/v1/genesis", {"token": "a", "initialise": True, "client": "operator",
                                        "roster": documents.roster(*people, *auditors),
                                        "policy": documents.policy()})
    refused(answer, 422, "fewer")


def test_nothing_is_executed_while_the_catalog_is_another_than_the_log_says(blank):
    blank.begin()
    operation = blank.ask("/v1/keys", KEY)
    for name in ("bob", "carol"):
        assert blank.step(operation, "approvals", name).status == 200
    with sqlite3.connect(blank.bare.directory / "data" / "catalog.sqlite", 60) as catalog:
        changed = catalog.execute("update row set revision = revision + 1 where kind = 'policy'")
        assert changed.rowcount == 1
    assert blank.execute(operation).status == 503
    kinds = [leaf["kind"] for leaf in read_events(blank.bare.directory / "data" / "log")]
    assert "intent" not in kinds


def make_hardware_key(room, name, kind, *options):
    keygen = documents.with_authenticator(room.directory / "ssh-keygen")
    for path in (room.directory / name, room.directory / f"{name}.pub"):
        path.unlink()
    code, shown = terminal.run(
        [keygen, "-t", kind, "-N", "", "-f", room.directory / name, *options],
        [("Enter PIN", documents.PIN)] if options else [])
    assert code == 0, shown
    return keygen


def approve_with_hardware(room, operation, name, keygen, asks_for_pin):
    path = room.directory / f"{operation['id']}.json"
    path.write_bytes(room.document(operation))
    code, shown = terminal.run(
        [keygen, "-Y", "sign", "-n", documents.NAMESPACE.format("approve"), "-f",
         room.directory / name, path], [("Enter PIN", documents.PIN)] if asks_for_pin else [])
    assert code == 0, shown
    signature = path.with_name(path.name + ".sig")
    armored = signature.read_text()
    signature.unlink()
    return room.post(f"/v1/operations/{operation['id']}/approvals",
                     {"person": name, "signature": armored})


def test_hardware_keys_count_when_they_ask_for_the_pin_that_policy_wants(blank):
    keygen = make_hardware_key(blank, "bob", "ed25519-sk", "-O", "verify-required")
    make_hardware_key(blank, "carol", "ecdsa-sk")
    answer = blank.post("/v1/genesis", {"token": "a", "initialise": True, "client": "operator",
                                        "roster": blank.roster(), "policy": documents.policy()})
    assert answer.status == 202, answer
    operation = answer.json()
    answer = approve_with_hardware(blank, operation, "bob", keygen, True)
    assert answer.status == 200, answer
    refused(approve_with_hardware(blank, operation, "carol", keygen, False), 422, "PIN")
