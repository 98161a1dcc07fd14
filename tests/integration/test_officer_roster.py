"""`privyseal-officer` makes rosters, entries and policies that the appliance reads."""

import json
import subprocess

import pytest

from harness import documents
from harness.officers import DONE, FAILED, REFUSED, ROLES, USAGE, call

PEOPLE = [f"--{role}={name}={name}.pub" for name, role in ROLES.items()]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    directory = tmp_path_factory.mktemp("desk")
    for name in [*ROLES, "spare"]:
        documents.make_key(directory / name)
    return directory


def made(desk, *words):
    done = call(*words, cwd=desk)
    assert done.returncode == DONE, done
    assert documents.canonical(json.loads(done.stdout)).decode() == done.stdout
    return json.loads(done.stdout)


def test_a_roster_has_everybody_with_their_keys(desk):
    roster = made(desk, "roster", *PEOPLE, "--officer", "alice=spare.pub",
                  "--from", "2026-01-01T00:00:00Z", "--until", "2030-01-01T00:00:00Z")
    assert {entry["person"]: entry["role"] for entry in roster["people"]} == ROLES
    alice = roster["people"][0]
    assert alice["keys"] == [documents.public_line(desk / name) for name in ("alice", "spare")]
    assert (alice["valid_from"], alice["valid_until"]) == ("2026-01-01T00:00:00Z",
                                                           "2030-01-01T00:00:00Z")


def test_the_default_policy_is_the_one_of_the_appliance(desk):
    assert made(desk, "policy") == documents.policy()
    (desk / "present.json").write_bytes(documents.canonical(documents.policy()))
    changed = made(desk, "policy", "--present", "present.json", "--rule", "A=3+1",
                   "--cooling-off-s", "7200", "--recovery-threshold", "3")
    assert changed["epoch"] == "2" and changed["cooling_off_s"] == "7200"
    assert changed["recovery"]["threshold"] == "3"
    assert changed["classes"]["A"] == {"officers": "3", "auditors": "1", "requester": "excluded"}


def test_an_entry_is_what_an_enrolment_takes(desk):
    entry = made(desk, "entry", "grace", "--role", "auditor", "--key", "spare.pub")
    assert (entry["person"], entry["role"]) == ("grace", "auditor")
    assert entry["keys"] == [documents.public_line(desk / "spare")]
    assert "unproven" not in entry


def test_a_key_of_a_genesis_has_no_proof_of_hardware(desk):
    keygen = documents.with_authenticator(desk / "ssh-keygen")
    subprocess.run([str(keygen), "-q", "-t", "ed25519-sk", "-N", "", "-f", str(desk / "hardware")],
                   check=True, stdin=subprocess.DEVNULL)
    roster = made(desk, "roster", *PEOPLE, "--officer", "alice=hardware.pub")
    for entry in roster["people"]:
        assert len(entry["unproven"]) == len(entry["keys"])
    fingerprint = call("keys", "hardware.pub", cwd=desk).stdout.split()[1]
    assert roster["people"][0]["unproven"][1] == fingerprint


def test_a_file_is_made_once(desk):
    assert call("policy", "--out", "policy.json", cwd=desk).returncode == DONE
    assert json.loads((desk / "policy.json").read_text()) == documents.policy()
    again = call("policy", "--out", "policy.json", cwd=desk)
    assert again.returncode == FAILED and "policy.json" in again.stderr


@pytest.mark.parametrize("words, code, said", [
    (["roster"], REFUSED, "too few people"),
    (["roster", *PEOPLE[1:]], REFUSED, "at least four officers and two auditors"),
    (["roster", *PEOPLE, "--until", "2026-01-01T00:00:00Z"], FAILED, "valid_until"),
    (["roster", "--until", "tomorrow"], FAILED, "--until takes a time"),
    (["roster", "--officer", "alice"], FAILED, "NAME=FILE"),
    (["roster", "--officer", "Alice=alice.pub"], FAILED, "NAME=FILE"),
    (["roster", "--officer", "alice=alice.pub", "--auditor", "alice=spare.pub"], FAILED,
     "two roles"),
    (["roster", *PEOPLE, "--officer", "grace=alice.pub"], FAILED, "key"),
    (["roster", *PEOPLE, *["--officer=alice=spare.pub"] * 8], FAILED, "more than 8 keys"),
    (["roster", "--officer", "alice=/no/such"], 4, "/no/such"),
    (["roster", "--officer", "alice=present.json"], FAILED, "present.json"),
    (["entry", "alice", "--key", "alice.pub"], FAILED, "--role takes"),
    (["entry", "alice", "--role", "officer"], FAILED, "with which key"),
    (["entry", "A", "--role", "officer", "--key", "alice.pub"], FAILED, "person"),
    (["entry"], USAGE, "usage"),
    (["policy", "--rule", "A=0+0"], REFUSED, "class A"),
    (["policy", "--rule", "D=2+0"], FAILED, "--rule takes"),
    (["policy", "--rule", "A"], FAILED, "--rule takes"),
    (["policy", "--rule", "A=x+1"], FAILED, "takes a number"),
    (["policy", "--rule", "A=123456789+1"], FAILED, "--rule takes"),
    (["policy", "--cooling-off-s", "-1"], FAILED, "takes a number"),
    (["policy", "--cooling-off-s", "0"], REFUSED, "cooling_off_s"),
    (["policy", "--present", "alice.pub"], FAILED, "alice.pub"),
])
def test_a_mistake_says_what_to_do(desk, words, code, said):
    done = call(*words, cwd=desk)
    assert done.returncode == code and done.stdout == "" and said in done.stderr, done


def test_on_an_appliance_for_practice_nothing_waits(desk):
    policy = made(desk, "policy", "--practice", "--cooling-off-s", "0", "--recovery-delay-s", "0")
    assert policy["cooling_off_s"] == "0" and policy["recovery"]["delay_s"] == "0"
