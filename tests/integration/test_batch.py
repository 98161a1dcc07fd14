"""Many keys in one operation: one approval of each person, recorded in parts, whatever dies."""

import collections
import concurrent.futures
import time

import pytest

from harness.appliance import Appliance, wait_until
from harness.dev_room import DevRoom
from harness.fake_token import FakeControl, fake_appliance
from harness.room import refused

SHARED = {"type": "ed25519", "usage": "sign", "formats": ["jws"], "algorithms": ["EdDSA"]}
WAITED_FOR_S = 10  # keystore/operations/keys/key_batch.c


@pytest.fixture(scope="module", name="room")
def appliance_with_people():
    with Appliance() as appliance:
        yield DevRoom(appliance)


def names(prefix, count):
    return [f"{prefix}.{number:03d}" for number in range(count)]


def batch(wanted, **changes):
    return {**SHARED, "keys": [{"name": name} for name in wanted], **changes}


def made_by(leaves):
    """Names of the keys whose rows the parts and the result carry, as often as they do."""
    return sorted(effect["name"] for leaf in leaves for effect in leaf["data"].get("effects", [])
                  if effect["kind"] == "key")


def ask(room, wanted):
    return room.approved("/v1/keys/batch", batch(wanted))


def execute(room, operation):
    """Its answer: that it goes on is one only after it has been waited for."""
    began = time.monotonic()
    answer = room.execute(operation)
    assert answer.status != 202 or time.monotonic() - began >= WAITED_FOR_S, answer
    return answer


def is_done(room, operation):
    return room.shown(operation).get("state") == "done"


def has_failed(room, operation):
    return room.shown(operation)["state"] == "failed"


def check_all_are_there(room, operation, wanted):
    leaves = room.leaves(operation)
    kinds = [leaf["kind"] for leaf in leaves]
    assert kinds.count("intent") == 1 and kinds[-1] == "result"
    assert leaves[-1]["data"]["outcome"] == "done"
    assert made_by(leaves) == wanted  # each once
    kids = set()
    for name in wanted:
        versions = room.send("GET", f"/v1/keys/{name}").json()["versions"]
        assert [version["state"] for version in versions] == ["active"]
        kids.add(versions[0]["kid"])
        answer = room.appliance.client().post("/v1/jws/sign", {"key": name, "payload": "YQ"})
        assert answer.status == 200 and answer.json()["kid"] == versions[0]["kid"], answer
    assert len(kids) == len(wanted)


def test_a_hundred_keys_take_one_approval_of_each(room):
    wanted = names("hundred", 100)
    operation = ask(room, wanted)
    answer = execute(room, operation)
    assert answer.status in (201, 202), answer
    wait_until(lambda: is_done(room, operation), 120, "a hundred keys")
    kinds = collections.Counter(leaf["kind"] for leaf in room.leaves(operation))
    assert kinds["signature"] == 3 and kinds["part"] >= 4, kinds
    check_all_are_there(room, operation, wanted)
    if answer.status == 201:
        assert [key["name"] for key in answer.json()["keys"]] == wanted


def test_what_a_batch_may_not_be(room):
    room.post("/v1/keys", {**SHARED, "name": "batch.taken"})
    for body, status, words in (
            (batch([]), 422, ["128"]),
            (batch(names("many", 129)), 422, ["128"]),
            (batch(["batch.a", "batch.b", "batch.a"]), 400, ["batch.a", "twice"]),
            (batch(["batch.a", "batch.taken"]), 409, ["batch.taken", "exists"]),
            (batch(["batch.a", "Batch"]), 400, ["name"]),
            (batch(["batch.a", "privyseal.a"]), 403, []),
            (batch(["batch.a"], type="rsa-2048"), 422, ["algorithms"]),
            ({**SHARED, "name": "batch.a"}, 400, ["name"])):
        refused(room.change("POST", "/v1/keys/batch", body), status, *words)
    refused(room.change("POST", "/v1/keys", batch(["batch.a"])), 400, "keys")
    assert room.send("GET", "/v1/keys/batch.a").status == 404


def test_128_are_not_too_many_for_a_document(room):
    operation = room.ask("/v1/keys/batch", batch([f"{n:03d}" + 125 * "x" for n in range(128)]))
    assert len(operation["document"]["params"]["keys"]) == 128


def test_a_batch_of_class_a_takes_an_auditor(room):
    operation = room.ask("/v1/keys/batch", batch(names("ca", 2), formats=["x509"], usage="certify"))
    assert operation["document"]["params"]["class"] == "A"
    room.needs_an_auditor(operation)
    assert room.execute(operation).status == 201


def test_a_name_that_was_taken_meanwhile_makes_nothing(room):
    wanted = names("meanwhile", 3)
    operation = ask(room, wanted)
    room.post("/v1/keys", {**SHARED, "name": wanted[2]})
    refused(room.execute(operation), 409, wanted[2])
    assert room.send("GET", f"/v1/keys/{wanted[0]}").status == 404


def made_of(shown):
    """How many are made, as who asks is told."""
    made, of, _rest = shown.get("detail", "").partition(" of ")
    return int(made) if of else 0


def kill_when(room, operation, made):
    """SIGKILL for the keeper when so many are made. False: by then it is done."""
    shown = wait_until(lambda: (lambda shown: shown if shown.get("state") == "done"
                                or made_of(shown) >= made else None)(room.shown(operation)),
                       60, f"{made} of the keys", step_s=0.002)
    if shown["state"] != "done":
        room.kill_keeper()


@pytest.mark.parametrize("moments", [[0], [5, 33]])
def test_killed_at_any_moment_all_of_them_are_made_once(room, moments):
    wanted = names("killed-" + "-".join(map(str, moments)), 40)
    operation = ask(room, wanted)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        executed = pool.submit(room.appliance.management(60).post,
                               f"/v1/operations/{operation['id']}/execute", {})
        wait_until(lambda: room.shown(operation)["state"] != "approved", 30, "its execution",
                   step_s=0.001)
        for made in moments:
            kill_when(room, operation, made)
            # Whoever wants one of its names meanwhile does not get it.
            assert room.change("POST", "/v1/keys", {**SHARED, "name": wanted[39]}).status \
                in (200, 409)
        wait_until(lambda: is_done(room, operation), 120, "the rest of the keys")
        assert executed.result().status in (201, 202, 503)
    check_all_are_there(room, operation, wanted)


# A token that has no room for all of them; last, since it is another appliance

def test_what_is_recorded_stays_when_the_token_refuses_the_rest():
    with fake_appliance() as appliance:
        room = DevRoom(appliance)
        control = FakeControl(appliance)
        wanted = names("refused", 40)
        operation = ask(room, wanted)
        control("on", "C_GenerateKeyPair", "do", "rv", "CKR_TEMPLATE_INCONSISTENT", "after", 25)
        answer = execute(room, operation)
        assert answer.status in (202, 422, 503)
        if answer.status == 202:  # the token refuses until it has failed
            wait_until(lambda: has_failed(room, operation), 60, "the batch to end")
        control("reset")
        wait_until(lambda: has_failed(room, operation), 30, "the batch to end")
        leaves = room.leaves(operation)
        kinds = [leaf["kind"] for leaf in leaves]
        assert kinds[-1] == "result" and leaves[-1]["data"]["outcome"] == "not-done"
        made = made_by(leaves)
        assert 16 <= len(made) < 40 and "part" in kinds
        assert f"{len(made)} of 40" in room.shown(operation)["detail"]
        for name in wanted:
            expected = 200 if name in made else 404
            assert appliance.management().get(f"/v1/keys/{name}").status == expected
            answer = appliance.client().post("/v1/jws/sign", {"key": name, "payload": "YQ"})
            assert answer.status == expected, answer
        # The rest of the names is free again.
        rest = [name for name in wanted if name not in made]
        operation = ask(room, rest)
        assert execute(room, operation).status in (201, 202)
        wait_until(lambda: is_done(room, operation), 60, "the rest of the keys")
