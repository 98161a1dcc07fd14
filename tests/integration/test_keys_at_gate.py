"""What the gate asks of keys: their classes, names that are the appliance's own, successors."""

import pytest

from harness.appliance import Appliance
from harness.people import AUDITORS, OFFICERS, REQUESTER
from harness.dev_room import DevRoom
from harness.room import refused

KEY = {"type": "ec-p256", "usage": "sign", "formats": ["jws"], "algorithms": ["ES256"]}
CA = {"type": "ec-p256", "usage": "certify", "formats": ["x509"], "algorithms": ["ES256"]}
VERBS = ("rotate", "activate", "suspend", "resume", "deactivate", "compromise", "withdraw",
         "destroy")


@pytest.fixture(scope="module", name="room")
def appliance_with_people():
    with Appliance() as appliance:
        yield DevRoom(appliance)


def test_a_key_of_class_a_is_of_class_a_whatever_is_done_to_it(room):
    operation = room.ask("/v1/keys", {**CA, "name": "ca.root"})
    assert operation["document"]["params"]["class"] == "A"
    room.needs_an_auditor(operation)
    assert room.execute(operation).json()["class"] == "A"
    # Of class B and of class C when it were another key.
    for verb in ("rotate", "suspend", "resume"):
        operation = room.ask(f"/v1/keys/ca.root/{verb}")
        assert operation["document"]["params"]["class"] == "A"
        room.needs_an_auditor(operation)
        assert room.execute(operation).status == 201
    for pattern in ("ca.root", "ca.*", "*"):
        operation = room.ask("/v1/grants", {"client": "operator", "keys": pattern,
                                            "operations": ["cms.sign"]})
        assert operation["document"]["params"]["class"] == "A"
    room.needs_an_auditor(operation)
    room.post("/v1/grants", {"client": "operator", "keys": "web*", "operations": ["jws.sign"]})


def test_a_key_that_becomes_of_class_a_meanwhile_raises_what_waits(room):
    grant = room.ask("/v1/grants", {"client": "operator", "keys": "later.*",
                                    "operations": ["cms.sign"]})
    assert "class" not in grant["document"]["params"]
    for officer in OFFICERS[1:3]:
        state = room.step(grant, "approvals", officer)
    assert state == "approved"
    room.post("/v1/keys", {**KEY, "name": "later.important", "class": "A"})
    refused(room.execute(grant), 409, "auditor")
    assert room.step(grant, "approvals", AUDITORS[1]) == "approved"
    assert room.execute(grant).status == 201


def test_a_class_is_one_that_there_is_and_fits_the_usage(room):
    refused(room.change("POST", "/v1/keys", {**KEY, "name": "web", "class": "C"}), 422, "class")
    refused(room.change("POST", "/v1/keys", {**CA, "name": "ca", "class": "B"}), 422, "class")
    made = room.post("/v1/keys", {**KEY, "name": "web"})
    assert made["class"] == "B"


@pytest.mark.parametrize("name", ["privyseal.log", "privyseal.identity", "privyseal.wrapping"])
def test_the_appliances_own_names_are_nobodys(room, name):
    """The administrator, whose grants cover every key, sees none of them."""
    room.change("POST", "/v1/grants", {"client": "operator", "keys": "*",
                                       "operations": ["raw.sign", "jws.sign"]})
    assert room.send("GET", f"/v1/keys/{name}").status == 404
    for verb in VERBS:
        refused(room.change("POST", f"/v1/keys/{name}/{verb}"), 404)
        refused(room.change("POST", "/v1/operations", {"type": f"key.{verb}", "subject": name,
                                                       "params": {}}), 404)
    refused(room.change("POST", "/v1/keys", {**KEY, "name": name}), 403)
    refused(room.change("POST", "/v1/operations", {
        "type": "key.create", "params": {**KEY, "name": name}}), 403)
    for pattern in (name, "privyseal.*"):
        refused(room.change("POST", "/v1/grants", {
            "client": "operator", "keys": pattern, "operations": ["raw.sign"]}), 422, "own keys")
    assert name not in str(room.send("GET", "/v1/keys?limit=1000").json())
    assert name not in str(room.send("GET", "/v1/jwks").json())


def published(room):
    return [key["kid"] for key in room.send("GET", "/v1/jwks").json()["keys"]]


def test_a_successor_is_withdrawn_by_one_officer(room):
    room.post("/v1/keys", {**KEY, "name": "oidc.withdrawn"})
    successor = room.post("/v1/keys/oidc.withdrawn/rotate")["versions"][1]
    assert successor["state"] == "pre-activation" and successor["kid"] in published(room)
    operation = room.ask("/v1/keys/oidc.withdrawn/withdraw")
    assert operation["document"]["params"]["version"] == "2"
    assert room.step(operation, "approvals", REQUESTER) == "approved"
    answer = room.execute(operation)
    assert answer.status == 201, answer
    assert answer.json()["versions"][1]["state"] == "withdrawn"
    assert successor["kid"] not in published(room)
    refused(room.change("POST", "/v1/keys/oidc.withdrawn/activate", {"version": 2}), 409)
    refused(room.change("POST", "/v1/keys/oidc.withdrawn/withdraw"), 409, "successor")
    assert room.post("/v1/keys/oidc.withdrawn/rotate")["versions"][2]["version"] == 3
    room.post("/v1/keys/oidc.withdrawn/activate", {"version": 3})
    refused(room.change("POST", "/v1/keys/oidc.withdrawn/withdraw", {"version": 3}), 409)
