"""`privyseal-officer verify`: whose signatures are good, and whether they are enough."""

import re

import pytest

from harness import documents
from harness.officers import (A, B, C, DONE, FAILED, ROLES, USAGE, call, room, signatures,  # noqa: F401
                              table)


@pytest.mark.parametrize("operation, signers, code, said", [
    (C, ["alice"], DONE, "quorum is met: 1 officer, 0 auditors"),
    (C, ["erin"], FAILED, "one officer"),
    (C, [], None, None),
    (B, ["bob", "carol"], DONE, "quorum is met: 2 officers"),
    (B, ["bob"], FAILED, "one officer more, not the requester .alice."),
    (B, ["bob", "bob"], FAILED, "one officer more"),
    (B, ["bob", "alice"], FAILED, "NOTE .*alice .officer. signed to approve; .*requester"),
    (B, ["bob", "erin"], FAILED, "one officer more"),
    (B, ["bob", "carol reject"], FAILED, "one officer more"),
    (B, ["bob", "carol reject", "dave"], DONE, "counted"),
    (B, ["bob", "carol request"], FAILED, "neither an approval nor a refusal"),
    (B, ["bob", "carol", "alice request"], DONE, "named as requester, signed the request"),
    (A, ["bob", "carol", "erin"], DONE, "quorum is met: 2 officers, 1 auditor"),
    (A, ["bob", "carol", "dave"], FAILED, "one auditor more"),
    (A, ["bob", "erin", "frank"], FAILED, "one officer more"),
])
def test_quorum_is_that_of_the_class(room, table, operation, signers, code, said):
    path = table(operation)
    done = call("verify", path, *signatures(room, path, *signers), "--roster", room / "roster.json",
                "--policy", room / "policy.json")
    if code is None:
        assert done.returncode == USAGE
        return
    assert done.returncode == code and re.search(said, done.stdout), done
    assert bool(re.search("^FAIL", done.stdout, re.M)) is (code == FAILED)


def test_a_signature_that_is_not_good_fails_the_whole(room, table):
    path = table(B)
    bob, carol, dave = signatures(room, path, "bob", "carol", "dave")
    outsider = path.with_name("outsider")
    documents.make_key(outsider)
    carol_text, other = carol.read_bytes(), table(B, "other.json")
    lines = carol_text.splitlines(keepends=True)
    changed = lines[2][:10] + (b"A" if lines[2][10:11] != b"A" else b"B") + lines[2][11:]
    broken = {"changed": b"".join([*lines[:2], changed, *lines[3:]]),
              "more": carol_text + b"x\n",
              "cut": carol_text[:-40],
              "of another document": documents.sign(room / "carol", other.read_bytes()),
              "of nobody": documents.sign(outsider, path.read_bytes()),
              "for files": documents.sign(room / "carol", path.read_bytes(), "file")}
    for form, text in broken.items():
        carol.write_bytes(text)
        done = call("verify", path, bob, carol, dave, "--roster", room / "roster.json")
        failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
        assert done.returncode == FAILED and len(failed) == 1, (form, done)
        assert carol.name in failed[0], (form, done)


def test_roster_policy_and_time_are_those_of_the_document(room, table):
    path = table(C)
    made = signatures(room, path, "alice")
    roster, policy = room / "roster.json", path.with_name("policy.json")

    def failures(*words):
        done = call("verify", path, *made, *words)
        return done.returncode, re.findall("^FAIL +(.*)$", done.stdout, re.M)

    assert failures("--roster", roster) == (DONE, [])
    policy.write_bytes(documents.canonical(documents.policy(epoch="2")))
    assert failures("--roster", roster, "--policy", policy) == (
        FAILED, ["the document was made under this policy"])
    fewer = path.with_name("fewer.json")
    fewer.write_bytes(documents.canonical(documents.roster(
        documents.person("alice", "officer", documents.public_line(room / "alice")))))
    assert failures("--roster", fewer) == (FAILED, ["the document was made under this roster"])
    late = documents.moment(25)
    assert failures("--roster", roster, "--at", late) == (FAILED, [f"the document holds at {late}"])
    assert failures("--roster", roster, "--at", documents.moment(24 * 400))[0] == FAILED
    for words, said in (((), "--roster FILE"), (("--roster", path), "operation.json"),
                        (("--roster", roster, "--at", "soon"), "--at takes a time"),
                        (("--roster", roster, "--policy", roster), "roster.json")):
        done = call("verify", path, *made, *words)
        assert done.returncode == FAILED and said in done.stderr and not done.stdout, done


def test_who_is_enrolled_states_that_the_key_is_theirs(room, table):
    new = documents.make_key(table(C).with_name("grace"))
    path = table(documents.enrol(documents.person("grace", "officer", new)))
    made = signatures(room, path, "bob", "carol", "erin")
    done = call("verify", path, *made, "--roster", room / "roster.json")
    assert done.returncode == FAILED and re.search("FAIL +new keys: .*grace", done.stdout), done
    statement = path.with_name("grace.sig")
    statement.write_bytes(documents.sign(path.with_name("grace"), path.read_bytes(), "statement"))
    done = call("verify", path, *made, statement, "--roster", room / "roster.json")
    assert done.returncode == DONE and "each new key has signed" in done.stdout, done
    statement.write_bytes(documents.sign(path.with_name("grace"), path.read_bytes(), "approve"))
    done = call("verify", path, *made, statement, "--roster", room / "roster.json")
    assert done.returncode == FAILED and re.search("FAIL .*grace.sig", done.stdout), done


def test_at_genesis_everybody_approves(room, table):
    people = [documents.person(name, role, documents.public_line(room / name))
              for name, role in ROLES.items()]
    path = table(documents.genesis(documents.roster(*people)))
    shown = call("show", path)
    assert shown.returncode == DONE and all(name in shown.stdout for name in ROLES), shown
    made = signatures(room, path, *ROLES)
    done = call("verify", path, *made)
    assert done.returncode == DONE and "quorum is met: 4 officers, 2 auditors" in done.stdout, done
    done = call("verify", path, *made[:-1])
    assert done.returncode == FAILED and re.search("^FAIL +quorum .*frank", done.stdout, re.M), done


def test_the_recovery_people_can_replace_an_officer(room, table):
    path = table(C)
    lines = {name: documents.make_key(path.with_name(name)) for name in ("r1", "r2", "r3", "new")}
    people = [documents.person(name, "recovery", lines[name]) for name in ("r1", "r2", "r3")]
    people += [documents.person(name, role, documents.public_line(room / name))
               for name, role in ROLES.items()]
    roster = path.with_name("roster.json")
    roster.write_bytes(documents.canonical(documents.roster(*people)))
    entry = documents.person("grace", "officer", lines["new"])
    path = table(("officer.replace", {"entry": entry, "person": "alice", "quorum": "recovery"}),
                 roster=documents.sha256(roster.read_bytes()))

    def judge(*signers):
        made = []
        for name, kind in (signer.split() for signer in signers):
            key = room / name if name in ROLES else path.with_name(name)
            made.append(path.with_name(f"{name}.{kind}.sig"))
            made[-1].write_bytes(documents.sign(key, path.read_bytes(), kind))
        return call("verify", path, *made, "--roster", roster)

    enough = ["r1 approve", "r2 approve", "new statement"]
    done = judge(*enough)
    assert done.returncode == DONE and "2 of the recovery people approved" in done.stdout, done
    for signers, said in ((enough[1:], "recovery: "), (enough[:2], "new keys: "),
                          ([*enough, "bob reject"], "recovery: "),
                          (["bob approve", "carol approve", "erin approve", enough[2]],
                           "recovery: ")):
        done = judge(*signers)
        assert done.returncode == FAILED and re.search(f"^FAIL +{said}", done.stdout, re.M), done


def test_more_signatures_than_people_are_refused(room, table):
    path = table(C)
    made = signatures(room, path, "alice")
    assert call("verify", path, *(130 * made), "--roster", room / "roster.json").returncode == USAGE
    done = call("verify", path, *(30 * made), "--roster", room / "roster.json")
    assert done.returncode == DONE and "quorum is met: 1 officer, 0 auditors" in done.stdout
