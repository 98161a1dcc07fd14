"""Changes of who decides: people and policy, through the gate, on one appliance in this order."""

import datetime
import hashlib

import pytest

from harness import documents
from harness.appliance import wait_until
from harness.bare import BareAppliance
from harness.contract import Contract
from harness.leaves import read_events
from harness.room import USUAL, Room, refused

KEY = {"type": "ec-p256", "usage": "sign", "formats": ["jws"], "algorithms": ["ES256"],
       "residence": "token"}
RECOVERY = ["rita", "rolf", "rosa"]
QUORUM = ["bob", "carol", "edith"]
DAY_S = 86400


def policy(epoch, **changes):
    recovery = {"delay_s": str(3 * DAY_S), "threshold": "2"}
    return documents.policy(**{"cooling_off_s": "0", "epoch": str(epoch), "recovery": recovery,
                               **changes})


class CheckedRoom(Room):
    """Every answer is held against the contract."""

    contract = Contract()

    def request(self, method, path, body=None, headers=None):
        answer = super().request(method, path, body, headers)
        self.contract.check(method, path, answer)
        return answer


@pytest.fixture(scope="module", name="room")
def room_with_recovery(settings, tmp_path_factory):
    roles = {**USUAL, "emil": "officer", **dict.fromkeys(RECOVERY, "recovery")}
    with BareAppliance(settings) as bare:
        room = CheckedRoom(bare, tmp_path_factory.mktemp("people"), roles)
        room.begin(policy(1))
        yield room


def entry(room, name, role="officer", keys=None, **changes):
    """What is asked for of a person, who gets a key unless there is one."""
    for key in keys or [name]:
        if not (room.directory / key).exists():
            documents.make_key(room.directory / key)
    lines = [documents.public_line(room.directory / key) for key in keys or [name]]
    return {"person": name, "role": role, "keys": lines,
            "valid_until": documents.moment(24 * 365), **changes}


def approve(room, operation, *names):
    """By each of them; the last answer's body."""
    for name in names:
        answer = room.step(operation, "approvals", name)
        assert answer.status == 200, answer
    return answer.json()


def finish(room, operation, *names, status=200):
    assert approve(room, operation, *(names or QUORUM))["state"] == "approved"
    answer = room.execute(operation)
    assert answer.status == status, answer
    return answer.json()


def enrol(room, name, **changes):
    operation = room.ask("/v1/officers", entry(room, name, **changes))
    assert room.step(operation, "statements", name).status == 200
    return finish(room, operation, status=201)


def replace(room, who, by, **changes):
    return room.ask(f"/v1/officers/{who}/replace", entry(room, by, **changes))


def recover(room, who, by):
    return room.ask(f"/v1/officers/{who}/replace", {**entry(room, by), "quorum": "recovery"},
                    "rita")


def change_policy(room, **changes):
    epoch = room.get("/v1/policy").json()["epoch"] + 1
    return room.ask("/v1/policy", {"policy": policy(epoch, **changes)}, method="PUT")


def ask_for_key(room, name, requester="alice"):
    return room.ask("/v1/keys", {**KEY, "name": name}, requester)


def asked_in_vain(room, method, path, body, status, *words):
    answer = room.request(method, path, {**body, "requester": "alice"})
    refused(answer, status, *words)


def detail_of(room, operation):
    return room.get(f"/v1/operations/{operation['id']}").json()["detail"]


def lifetime_s(operation):
    begin, end = (datetime.datetime.fromisoformat(operation["document"][name].rstrip("Z"))
                  for name in ("not_before", "not_after"))
    return (end - begin).total_seconds()


def executed_late(room, operation, delay_s, *words):
    """Refused with these words until its time has come; the log tells that it was not before. The
    machine may be so slow that it has come when it is first asked for."""
    answer = room.execute(operation)
    if answer.status != 200:
        refused(answer, 422, *words)
        wait_until(lambda: room.execute(operation).status == 200, 10, "its time to come")
    leaves = [leaf for leaf in read_events(room.bare.directory / "data" / "log")
              if leaf.get("data", {}).get("operation") == operation["id"]]
    approved, began = (max(datetime.datetime.fromisoformat(leaf["time"].rstrip("Z"))
                           for leaf in leaves if leaf["kind"] == kind)
                       for kind in ("signature", "intent"))
    assert (began - approved).total_seconds() > delay_s - 1  # both times are of whole seconds


def test_who_comes_shows_to_have_the_key(room):
    operation = room.ask("/v1/officers", entry(room, "hugo", keys=["hugo", "hugo.second"]))
    assert "hugo" in approve(room, operation, *QUORUM)["missing"]
    refused(room.execute(operation), 409, '"hugo" has not shown to have the key SHA256:')
    refused(room.step(operation, "statements", "hugo", key="mallory"), 422)
    refused(room.step(operation, "statements", "hugo", key="bob"), 422)
    refused(room.step(operation, "statements", "hugo", kind="approve"), 422)
    refused(room.step(operation, "statements", "bob"), 422, "already")
    refused(room.step(operation, "approvals", "hugo"), 422)
    assert room.execute(operation).status == 409
    assert room.step(operation, "statements", "hugo").json()["state"] == "open"
    refused(room.step(operation, "statements", "hugo"), 409)
    answer = room.step(operation, "statements", "hugo", key="hugo.second")
    assert answer.json()["state"] == "approved", answer
    room.restart()
    answer = room.execute(operation)
    assert answer.status == 201 and answer.headers["location"] == "/v1/officers/hugo", answer
    shown = room.get("/v1/officers/hugo").json()
    assert shown["standing"] == "valid" and shown["keys"][0]["unproven"] is True
    roster = room.get("/v1/roster").body
    assert hashlib.sha256(roster).hexdigest() == room.get("/v1/policy").json()["roster"]
    assert b'"hugo"' in roster


def test_no_statement_is_taken_where_nobody_comes(room):
    operation = ask_for_key(room, "oidc.statement")
    refused(room.step(operation, "statements", "bob"), 422, "nobody comes")


def test_a_person_with_two_keys_counts_once(room):
    operation = replace(room, "hugo", "hugo", keys=["hugo", "hugo.second", "hugo.third"])
    refused(room.step(operation, "statements", "hugo"), 422, "already")
    assert approve(room, operation, *QUORUM)["state"] == "open"
    answer = room.step(operation, "statements", "hugo", key="hugo.third")
    assert answer.json()["state"] == "approved", answer
    assert room.execute(operation).status == 200
    operation = ask_for_key(room, "oidc.two-keys")
    assert room.step(operation, "approvals", "hugo").json()["state"] == "open"
    refused(room.step(operation, "approvals", "hugo", key="hugo.second"), 409)
    assert approve(room, operation, "bob")["state"] == "approved"


def test_the_quorum_is_that_of_class_a(room):
    operation = room.ask("/v1/officers/emil", {}, method="DELETE")
    assert approve(room, operation, "bob", "carol", "dora", "rita")["state"] == "open"
    refused(room.execute(operation), 409, "one auditor more")
    operation = room.ask("/v1/officers/emil", {}, method="DELETE")
    assert approve(room, operation, "alice", "bob", "edith", "frank")["state"] == "open"
    refused(room.execute(operation), 409, "one officer more", "alice")


@pytest.mark.parametrize("changes, status, words", [
    ({"name": "bob", "keys": ["mallory"]}, 409, ["bob"]),
    ({"name": "ivan", "keys": ["bob"]}, 422, ["key"]),
    ({"name": "ivan", "role": "boss"}, 400, ["role"]),
    ({"name": "ivan", "valid_until": "2020-01-01T00:00:00Z"}, 400, ["valid_until"]),
    ({"name": "ivan", "valid_from": "2020-01-01T00:00:00Z",
      "valid_until": "2021-01-01T00:00:00Z"}, 422, ["valid_until"]),
    ({"name": "ivan", "suspended": True}, 400, ["suspended"]),
    ({"name": "ivan", "unproven": ["SHA256:" + 43 * "A"]}, 400, ["unproven"]),
])
def test_an_entry_that_is_none_is_refused_at_once(room, changes, status, words):
    asked_in_vain(room, "POST", "/v1/officers", entry(room, **changes), status, *words)


def test_nobody_unknown_is_changed(room):
    for method, what in (("POST", "/suspend"), ("POST", "/resume"), ("DELETE", "")):
        asked_in_vain(room, method, f"/v1/officers/nobody{what}", {}, 404)
    asked_in_vain(room, "POST", "/v1/officers/nobody/replace", entry(room, "ivan"), 404)
    asked_in_vain(room, "POST", "/v1/officers/bob/resume", {}, 409, "not suspended")


def test_a_roster_that_could_lock_itself_out_is_refused(room):
    for name in ("hugo", "emil"):
        finish(room, room.ask(f"/v1/officers/{name}", {}, method="DELETE"))
    asked_in_vain(room, "DELETE", "/v1/officers/dora", {}, 422, "four officers")
    asked_in_vain(room, "DELETE", "/v1/officers/edith", {}, 422, "two auditors")
    finish(room, replace(room, "alice", "alice", valid_until=documents.moment(24 * 10)))
    asked_in_vain(room, "POST", "/v1/officers/bob/replace",
                  entry(room, "bob", valid_until=documents.moment(24 * 10)), 422, "30 days")
    finish(room, replace(room, "alice", "alice"))
    asked_in_vain(room, "DELETE", "/v1/officers/rosa", {}, 422, "recovery")


def test_whose_time_ends_soon_is_told(room):
    items = room.get(f"/v1/expiring?within_s={400 * DAY_S}").json()["items"]
    assert {"kind": "person", "name": "alice"} in [
        {key: item[key] for key in ("kind", "name")} for item in items]


def test_a_policy_that_could_lock_itself_out_is_refused(room):
    def change(epoch, **changes):
        return {"policy": policy(epoch, **changes)}

    classes = policy(2)["classes"]
    three = {**classes, "A": {"auditors": "1", "officers": "4", "requester": "excluded"}}
    alone = {**classes, "A": {"auditors": "0", "officers": "1", "requester": "excluded"}}
    asked_in_vain(room, "PUT", "/v1/policy", change(2, classes=three), 422, "officers")
    asked_in_vain(room, "PUT", "/v1/policy", change(2, classes=alone), 422, "class A")
    asked_in_vain(room, "PUT", "/v1/policy", change(1), 422, "epoch")
    asked_in_vain(room, "PUT", "/v1/policy", change(3), 422, "epoch")
    asked_in_vain(room, "PUT", "/v1/policy", {"policy": {}}, 400)


def test_a_suspension_takes_effect_at_once_and_ends_in_class_a(room):
    waiting = ask_for_key(room, "oidc.suspended", "bob")
    approve(room, waiting, "dora", "carol")
    finish(room, room.ask("/v1/officers/dora/suspend", {}), "bob", "carol")
    assert room.get("/v1/officers/dora").json()["standing"] == "suspended"
    assert "roster has changed" in detail_of(room, waiting)
    refused(room.execute(waiting), 409, "roster has changed")
    refused(room.step(waiting, "approvals", "alice"), 422, "roster has changed")
    operation = ask_for_key(room, "oidc.suspended", "bob")
    refused(room.step(operation, "approvals", "dora"), 422, "suspended")
    asked_in_vain(room, "POST", "/v1/officers/dora/suspend", {}, 409, "already")
    asked_in_vain(room, "POST", "/v1/officers/carol/suspend", {}, 422, "too few")
    operation = room.ask("/v1/officers/dora/resume", {})
    assert approve(room, operation, "bob", "carol")["state"] == "open"
    finish(room, operation, "edith")
    assert room.step(waiting, "rejections", "alice").status == 200


def approved_in_time(room, name, span_s):
    """What somebody has approved who is valid for so long; None when the machine took longer."""
    until = (datetime.datetime.now(datetime.timezone.utc)
             + datetime.timedelta(seconds=span_s)).replace(microsecond=0)
    try:
        enrol(room, name, valid_until=until.strftime("%Y-%m-%dT%H:%M:%SZ"))
        operation = ask_for_key(room, "oidc.late")
        assert approve(room, operation, name, "bob")["state"] == "approved"
    except AssertionError:
        if datetime.datetime.now(datetime.timezone.utc) < until:
            raise
        return None
    return operation


def test_who_is_not_yet_or_no_longer_valid_does_not_count(room):
    enrol(room, "jana", valid_from=documents.moment(1))
    operation = ask_for_key(room, "oidc.early")
    refused(room.step(operation, "approvals", "jana"), 422, "not yet valid")
    span_s = 4
    while (operation := approved_in_time(room, "kurt", span_s)) is None:
        if room.get("/v1/officers/kurt").status == 200:
            finish(room, room.ask("/v1/officers/kurt", {}, method="DELETE"))
        span_s *= 2
    wait_until(lambda: room.get("/v1/officers/kurt").json()["standing"] == "no longer valid", 10,
               "somebody's time to end")
    refused(room.execute(operation), 409, "one officer more")
    refused(room.step(operation, "rejections", "kurt"), 422, "no longer valid")
    for name in ("jana", "kurt"):
        finish(room, room.ask(f"/v1/officers/{name}", {}, method="DELETE"))


def test_a_policy_makes_what_waits_stale(room):
    waiting = ask_for_key(room, "oidc.epoch")
    approve(room, waiting, "bob", "carol")
    done = finish(room, change_policy(room, cooling_off_s="3"))
    assert done["epoch"] == 2 and done["policy"]["cooling_off_s"] == "3"
    assert room.get("/v1/policy/document").body == documents.canonical(
        policy(2, cooling_off_s="3"))
    assert "epoch" in detail_of(room, waiting)
    refused(room.execute(waiting), 422, "epoch")


def test_changes_of_class_a_wait_out_the_cooling_off(room):
    operation = change_policy(room)
    assert "it may be executed from" in approve(room, operation, *QUORUM)["missing"]
    executed_late(room, operation, 3, "cooling-off", "it may be executed from")
    assert room.get("/v1/policy").json()["epoch"] == 3


# Recovery

def test_an_officer_vetoes_a_recovery_for_good(room):
    operation = recover(room, "dora", "lena")
    assert lifetime_s(operation) == 5 * DAY_S
    assert approve(room, operation, "bob", "edith", "rita")["state"] == "open"
    refused(room.execute(operation), 409, "one recovery person more")
    assert approve(room, operation, "rolf")["state"] == "open"
    refused(room.execute(operation), 409, '"lena" has not shown')
    answer = room.step(operation, "statements", "lena").json()
    assert answer["state"] == "approved" and "may veto" in answer["missing"], answer
    before = detail_of(room, operation)
    refused(room.execute(operation), 422, "veto", "it may be executed from")
    assert room.step(operation, "rejections", "edith").json()["state"] == "approved"
    room.restart()
    assert detail_of(room, operation) == before
    assert room.step(operation, "rejections", "carol").json()["state"] == "rejected"
    refused(room.execute(operation), 409)
    assert room.get("/v1/officers/lena").status == 404


def test_recovery_replaces_officers_and_nothing_else(room):
    path = "/v1/officers/{}/replace"
    recovery = {"quorum": "recovery"}
    asked_in_vain(room, "POST", path.format("edith"),
                  {**entry(room, "lena", "auditor"), **recovery}, 422, "officers only")
    asked_in_vain(room, "POST", path.format("dora"),
                  {**entry(room, "lena", "auditor"), **recovery}, 422, "officers only")
    asked_in_vain(room, "POST", path.format("dora"), {**entry(room, "lena"), "quorum": "me"}, 400)
    answer = room.post("/v1/keys", {**KEY, "name": "oidc.rita", "requester": "rita"})
    refused(answer, 422, "rita")
    answer = room.post(path.format("dora"), {**entry(room, "lena"), "requester": "rita"})
    refused(answer, 422, "rita")


def test_the_recovery_people_replace_an_officer_after_the_delay(room):
    finish(room, change_policy(room, recovery={"delay_s": "2", "threshold": "2"}))
    operation = recover(room, "dora", "lena")
    assert room.step(operation, "statements", "lena").status == 200
    assert approve(room, operation, "rita", "rosa")["state"] == "approved"
    executed_late(room, operation, 2, "veto")
    assert room.get("/v1/officers/dora").status == 404
    assert room.get("/v1/officers/lena").json()["standing"] == "valid"


def test_a_document_holds_longer_than_its_cooling_off_and_a_suspension_does_not_wait(room):
    finish(room, change_policy(room, cooling_off_s=str(2 * DAY_S)))
    operation = room.ask("/v1/officers", entry(room, "mona"))
    assert lifetime_s(operation) == 3 * DAY_S
    document = operation["document"]
    assert int(document["max_log_size"]) - int(document["log"]["size"]) == 300000
    assert room.step(operation, "statements", "mona").status == 200
    approve(room, operation, *QUORUM)
    refused(room.execute(operation), 422, "cooling-off")
    finish(room, room.ask("/v1/officers/lena/suspend", {}), "bob", "carol")


def test_a_dry_run_and_another_revision_change_nothing(room):
    body = {**entry(room, "nora"), "requester": "alice"}
    answer = room.post("/v1/officers?dry_run=true", body)
    assert answer.status == 200 and answer.json()["type"] == "officer.enrol", answer
    answer = room.request("DELETE", "/v1/officers/lena", {"requester": "alice"},
                          {"If-Match": '"99"'})
    assert answer.status == 412, answer
    listed = room.get("/v1/officers").json()["items"]
    assert [person["person"] for person in listed] == sorted(
        [*set(room.roles) - {"dora", "emil"}, "lena"])
