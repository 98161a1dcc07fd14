"""Every script of docs/ceremonies, run unchanged: the room types, people sign with stock tools."""

import base64
import datetime
import hashlib
import json
import os
import re
import subprocess

import pytest

from harness import documents, terminal
from harness.appliance import PATIENCE_S, wait_until
from harness.bare import BareAppliance
from harness.external_ca import ExternalCa, pem
from harness.leaves import read_events
from harness.officers import OFFICER, call, words_of
from harness.places import LIAR, PRIVYSEAL
from harness.rooms import (A, ALL, Attendance, B, C, REQUESTER, SCRIPTS, Room, complete, entry,
                           genesis, genesis_hash, typed)


@pytest.fixture(scope="module")
def room(settings, tmp_path_factory):
    with BareAppliance(settings, tokens=["b"]) as bare:
        made = Room(bare, tmp_path_factory.mktemp("room"))
        made.shown = genesis(made, "genesis")
        yield made


def test_genesis(room):
    assert "Both typed: HSM-4711" in room.shown and "The ceremony is complete." in room.shown
    lines = room.transcript("genesis")
    assert [line["what"] for line in lines[:2]] == ["begun", "said"]
    assert sum(line["what"] == "signed" for line in lines) == len(ALL)
    assert lines[-1]["what"] == "ended"


def test_rehearsal(settings, tmp_path):
    with BareAppliance(settings) as bare:
        shown = genesis(Room(bare, tmp_path), "rehearsal")
        assert "REHEARSAL" in shown


def versions(room, key):
    """{version: state} as the appliance has it."""
    found = room.bare.management().get(f"/v1/keys/{key}").json()
    return {version["version"]: version["state"] for version in found["versions"]}


KEY = {"type": "ec-p256", "formats": "jws", "algorithms": "ES256", "validity_s": "0",
       "period_s": "0", "publish_ahead_s": "86400", "retain_s": "86400"}


def test_the_life_of_a_key(room):
    made = complete(room, "make-signing-key", B, key="oidc.a", **KEY)
    path = next(room.directory.glob("make-signing-key.*.json"))
    document = json.loads(path.read_bytes())
    assert re.fullmatch("Make a signing key, SHA-256 [0-9a-f]{64}", document["ceremony"])
    assert document["step"] == path.suffixes[-2][1:] and "Its first half in words" in made.stdout
    complete(room, "suspend-key", C, key="oidc.a", version="0")
    complete(room, "resume-key", B, key="oidc.a", version="0")
    complete(room, "rotate-key", B, key="oidc.a")
    assert versions(room, "oidc.a") == {1: "active", 2: "pre-activation"}
    complete(room, "withdraw-successor", C, key="oidc.a", version="2")
    complete(room, "rotate-key", B, name="rotate-again", key="oidc.a")
    complete(room, "activate-key", B, key="oidc.a", version="3")
    assert versions(room, "oidc.a")[1] == "deactivated" and versions(room, "oidc.a")[3] == "active"
    complete(room, "compromise-key", A, key="oidc.a", version="1")
    complete(room, "deactivate-key", B, key="oidc.a", version="0")
    code, shown = room.play("destroy-key", {"key": "oidc.a", "again": "oidc.a", "reason": "a test",
                                            "requester": REQUESTER}, signers=A)
    assert code == 0 and "Both typed: oidc.a" in shown, shown
    assert set(versions(room, "oidc.a").values()) <= {"destroyed", "withdrawn"}


def test_many_keys_are_approved_together(room):
    names = [f"vc.{number}" for number in range(12)]
    batch = room.directory / "batch.json"
    batch.write_text(json.dumps({"keys": [{"name": name} for name in names], "type": "ec-p256",
                                 "usage": "sign", "formats": ["jws"], "algorithms": ["ES256"]}))
    complete(room, "make-signing-keys", B, batch=batch)
    for name in names:
        assert versions(room, name) == {1: "active"}


SUBJECT = {"common_name": "Ministry", "organization": "Ministry", "country": "XA"}


def test_a_root_ca_issues_and_has_a_profile(room):
    complete(room, "make-root-ca", A, key="ca.root", type="ec-p256", algorithm="ES256",
             validity_s=630720000, **SUBJECT)
    complete(room, "make-signing-key", B, name="make-inside", key="cert.a", **KEY)
    complete(room, "issue-certificate", A, key="cert.a", issuer="ca.root", validity_s=86400,
             **SUBJECT)
    complete(room, "make-certificate-profile", A, profile="clients", kind="tls-client",
             issuer="ca.root", common_name="*", sans="", longest_s=3600)
    complete(room, "revoke-certificate", B, issuer="ca.root", serial="1234abcd",
             reason_code="superseded")
    complete(room, "remove-certificate-profile", B, profile="clients")
    assert room.bare.management().get("/v1/x509/profiles").json()["items"] == []


def test_a_certificate_of_another_ca_is_requested_and_installed(room):
    outside = ExternalCa()
    complete(room, "make-signing-key", B, name="make-outside", key="cert.b", **KEY)
    complete(room, "request-certificate", B, key="cert.b", sans="dns:b.example", **SUBJECT)
    management = room.bare.management()
    operations = management.get("/v1/operations?limit=1000").json()["items"]
    asked = next(item["id"] for item in operations if item["type"] == "certificate.csr")
    printed = subprocess.run([PRIVYSEAL, "certificate", "request", asked], env=room.environment,
                             check=True, capture_output=True, text=True).stdout
    leaf = outside.answer(printed)
    given = room.directory / "certificate"
    given.write_text(json.dumps({"chain": pem(leaf, outside.certificate),
                                 "root": pem(outside.root)}))
    complete(room, "install-certificate", B, key="cert.b", certificate=given)
    assert management.get("/v1/keys/cert.b").json()["certificate"]["kind"] == "external"


def test_a_client_and_its_grants(room):
    typed = {"client": "issuer", "pins": "", "uids": "1234", "listener": "", "keys": "vc.*",
             "operations": "jws.sign,keys.read", "requester": REQUESTER, "reason": "a test"}
    code, shown = room.play("admit-client", typed, signers=B)
    assert code == 0 and "issuer may do jws.sign, keys.read with vc.*" in shown, shown
    grants = room.bare.management().get("/v1/grants?limit=1000").json()["items"]
    assert [grant["keys"] for grant in grants if grant["client"] == "issuer"] == ["vc.*"]


def operations(room):
    return room.bare.management().get("/v1/operations?limit=1000").json()["items"]


def last(room, kind):
    """The newest operation of this type; the appliance may begin others by itself."""
    return [item for item in operations(room) if item["type"] == kind][-1]


def signed(room, name):
    """How many signatures its transcript has, once there is one."""
    if not (room.directory / f"{name}.transcript").exists():
        return 0
    return sum(line["what"] == "signed" for line in room.transcript(name))


def standing(room):
    """{person: standing} as the appliance has it."""
    people = room.bare.management().get("/v1/officers").json()["items"]
    return {person["person"]: person["standing"] for person in people}


def test_people_come_and_go(room):
    stale = room.start("lock-appliance", name="stale", requester=REQUESTER, reason="a test")
    wait_until(lambda: list(room.directory.glob("stale.*.json")), 30, "its document")
    complete(room, "enrol-officer", ["grace statement", *A], entry=entry(room, "grace", "grace"))
    assert standing(room)["grace"] == "valid"
    assert stale.wait(PATIENCE_S) == 3
    assert room.transcript("stale")[-1]["text"].startswith("The roster has changed")
    complete(room, "suspend-officer", B, person="grace")
    assert standing(room)["grace"] == "suspended"
    complete(room, "resume-officer", A, person="grace")
    assert standing(room)["grace"] == "valid"
    complete(room, "replace-officer", ["grace-2 statement", *A], person="grace",
             entry=entry(room, "grace", "grace-2"))
    complete(room, "remove-officer", A, person="grace")
    assert sorted(standing(room)) == sorted(ALL)


def test_without_a_statement_of_the_new_key_nobody_is_enrolled(room):
    settings = {"requester": REQUESTER, "reason": "a test", "entry": entry(room, "henry", "henry")}
    with Attendance(room, "silent", A):
        process = room.start("enrol-officer", name="silent", **settings)
        wait_until(lambda: signed(room, "silent") == 4, 30, "the signatures to be taken")
    waiting = room.bare.management().get(
        f"/v1/operations/{last(room, 'officer.enrol')['id']}").json()
    assert waiting["state"] == "open" and "henry" in waiting["detail"], waiting
    process.kill()
    process.wait()
    assert "henry" not in standing(room)
    resumed = room.run("enrol-officer", "--resume", signers=["henry statement"], name="silent")
    assert resumed.returncode == 0 and standing(room)["henry"] == "valid", resumed
    complete(room, "remove-officer", A, name="remove-henry", person="henry")


def test_a_policy_is_changed(room):
    present, changed = room.directory / "present.policy", room.directory / "changed.policy"
    present.write_bytes(room.bare.management().get("/v1/policy/document").body)
    subprocess.run([str(OFFICER), "policy", "--present", str(present), "--rule", "C=2+0",
                    "--cooling-off-s", "2", "--practice", "--out", str(changed)], check=True)
    complete(room, "change-policy", A, policy=changed)
    assert room.bare.management().get("/v1/policy").json()["epoch"] == 2
    present.write_bytes(room.bare.management().get("/v1/policy/document").body)
    changed.unlink()
    subprocess.run([str(OFFICER), "policy", "--present", str(present), "--rule", "C=1+0",
                    "--cooling-off-s", "0", "--practice", "--out", str(changed)], check=True)
    done = complete(room, "change-policy", A, name="change-back", policy=changed)
    # Said once, or by a machine so slow that it was over by then, not at all.
    assert done.stdout.count("The cooling-off after the last approval is not over") <= 1, done
    times = [datetime.datetime.fromisoformat(leaf["time"].rstrip("Z"))
             for leaf in read_events(room.bare.directory / "data" / "log")
             if leaf.get("data", {}).get("operation") == last(room, "policy.change")["id"]
             and leaf["kind"] in ("signature", "intent")]
    assert (times[-1] - times[-2]).total_seconds() > 1  # of whole seconds each


def token(room, name):
    """Its part of `system`."""
    tokens = room.bare.management().get("/v1/system").json()["tokens"]
    return next(token for token in tokens if token["token"] == name)


def exchange_module(room, name, octets):
    """Under a running process of it, which is killed then: its successor is found to be unapproved."""
    module = room.bare.directory / f"module-{name}.so"
    changed = module.with_suffix(".new")
    changed.write_bytes(octets)
    changed.chmod(0o755)
    changed.rename(module)
    room.bare.kill_token(name)
    wanted = hashlib.sha256(octets).hexdigest()
    wait_until(lambda: token(room, name).get("module_sha256") == wanted, 30, "the new process")
    wait_until(lambda: token(room, name)["processes"][0].get("reason") == "unapproved-module", 30,
               "the changed module to be noticed")


def test_a_token_is_taken_in_changed_and_let_go(room):
    wait_until(lambda: token(room, "b")["state"] == "needs-login", 60, "the token to be seen")
    assert not token(room, "b")["accepted"]
    assert state(room) == "operational"
    serial = token(room, "b")["serial"]
    typed(room, "accept-token", A, token="b", serial=serial, bag="B 0817")
    wait_until(lambda: token(room, "b")["state"] == "ready", 30, "the token to log in")
    module = (room.bare.directory / "module-b.so").read_bytes()
    exchange_module(room, "b", LIAR.read_bytes())
    store = room.bare.directory / "tokens-b"
    assert (store / "loaded").exists() and not (store / "pin").exists()
    exchange_module(room, "b", module + b"\0")
    hashes = {"hash": "12345678", "profile_hash": "90abcdef"}
    typed(room, "approve-token", A, token="b", **hashes)
    wait_until(lambda: token(room, "b")["state"] == "ready", 30, "the token to log in")
    typed(room, "decommission-token", A, token="b", serial=serial, end="shredded")
    wait_until(lambda: token(room, "b")["state"] == "needs-login", 30, "the token to be left")
    assert not token(room, "b")["accepted"] and state(room) == "operational"
    refused = room.bare.management().post("/v1/tokens/a/decommission", {"requester": REQUESTER})
    assert refused.status == 422 and "lives there" in refused.json()["detail"], refused


def test_what_shall_not_be_is_cancelled(room):
    waiting = room.start("lock-appliance", name="cancelled", requester=REQUESTER, reason="a test")
    document = wait_until(lambda: list(room.directory.glob("cancelled.*.json")), 30, "it")[0]
    room.sign(document, REQUESTER, "request")
    wait_until(lambda: signed(room, "cancelled") == 1, 30, "the request to be taken")
    complete(room, "cancel-operation", C, operation=last(room, "appliance.lock")["id"])
    assert waiting.wait(PATIENCE_S) == 3 and state(room) == "operational"
    assert "cancelled" in room.transcript("cancelled")[-1]["text"]


def test_an_exception_is_on_record(room):
    complete(room, "exception", C, expected="the bag B 0815", happened="the bag B 0816",
             decision="go on: the seal is whole", deciders="officer-1,auditor-1")
    assert last(room, "exception")["state"] == "done"


def state(room):
    return room.bare.management().get("/v1/system").json()["state"]


def test_the_appliance_is_locked_and_unlocked(room):
    complete(room, "lock-appliance", C)
    assert state(room) == "locked"
    complete(room, "unlock-appliance", B)
    wait_until(lambda: state(room) == "operational", 30, "the appliance to work again")


def test_a_changed_configuration_is_approved(room):
    """What a token may read, and how many backups are kept."""
    def kept():
        return room.bare.management().get("/v1/backups").json()["keep"]

    configuration, before = room.bare.directory / "privyseald.conf", kept()
    text = configuration.read_text().replace("[token a]\n", "[token a]\nreadable = /usr/share\n", 1)
    configuration.write_text(text.replace("[backup]\n", f"[backup]\nkeep = {before + 1}\n", 1))
    room.bare.stop()
    room.bare.launch()
    wait_until(lambda: '"locked"' in room.bare.ready() and
               room.bare.management().get("/v1/system").json().get("state") == "locked", 30,
               "the appliance to be locked")
    present = room.bare.management().get("/v1/system").json()["configuration"]["present"]
    code, shown = room.play("approve-configuration", {"configuration": present, "reason": "a test",
                                                      "requester": REQUESTER}, signers=A)
    assert code == 0, shown
    wait_until(lambda: state(room) == "operational", 30, "the appliance to work again")
    assert kept() == before + 1


# What goes wrong in a room

def test_who_refuses_ends_it_and_it_is_asked_for_anew(room):
    settings = {"requester": REQUESTER, "reason": "a test", "key": "oidc.refused", **KEY}
    done = room.run("make-signing-key", signers=["officer-2 reject", "officer-3 reject"],
                    name="refused", **settings)
    assert done.returncode == 3 and "rejected" in done.stderr and "--resume" in done.stderr, done
    again = room.run("make-signing-key", name="refused", **settings)
    assert again.returncode == 1 and "--resume takes that ceremony up again" in again.stderr, again
    documents_before = set(room.directory.glob("refused.*.json"))
    resumed = room.run("make-signing-key", "--resume", name="refused", signers=B)
    assert resumed.returncode == 0, resumed
    assert len(set(room.directory.glob("refused.*.json")) - documents_before) == 1
    what = [line["what"] for line in room.transcript("refused")]
    assert what.count("made") == 2 and what.count("failed") == 1 and what[-1] == "ended"


def test_a_killed_ceremony_goes_on_and_does_nothing_twice(room):
    settings = {"requester": REQUESTER, "reason": "a test", "key": "oidc.killed", **KEY}
    def made_now():
        return len([item for item in operations(room) if item["type"] == "key.create"])

    before = made_now()
    process = room.start("make-signing-key", name="killed", **settings)
    document = wait_until(lambda: list(room.directory.glob("killed.*.json")), 30, "a document")[0]
    room.sign(document, REQUESTER, "request")
    wait_until(lambda: signed(room, "killed") == 1, 30, "a signature to be taken")
    process.kill()
    process.wait()
    made = document.read_bytes()
    document.write_bytes(made.replace(b"oidc.killed", b"oidc.others"))
    exchanged = room.run("make-signing-key", "--resume", name="killed")
    assert exchanged.returncode == 3 and "sign nothing" in exchanged.stderr, exchanged
    document.write_bytes(made)
    resumed = room.run("make-signing-key", "--resume", name="killed", signers=B)
    assert resumed.returncode == 0, resumed
    what = [line["what"] for line in room.transcript("killed")]
    assert what.count("made") == 1 and what.count("signed") == 3 and what[-1] == "ended", what
    assert made_now() == before + 1
    done = room.run("make-signing-key", "--resume", name="killed")
    assert done.returncode == 0 and made_now() == before + 1


def test_a_signature_that_does_not_count_is_named(room):
    (room.directory / "named.6.json.nonsense.sig").write_text("no signature")
    documents.make_key(room.directory / "people" / "mallory")
    done = complete(room, "suspend-key", ["mallory", *C], name="named", key="oidc.refused",
                    version="0")
    assert "named.6.json.nonsense.sig: not taken: " in done.stdout, done.stdout
    refused, = [line for line in room.transcript("named") if line["what"] == "not-taken"]
    assert refused["file"] == "named.6.json.approve.mallory.sig"
    assert "nobody has in the roster" in refused["text"]


@pytest.mark.parametrize("words, code, said", [
    (["no-such-script"], 4, "`privyseal ceremony list` shows"),
    (["suspend-key", "--set", "colour=red"], 2, "the script asks for no colour"),
    (["suspend-key", "--set", "key"], 2, "--set takes NAME=VALUE"),
    (["suspend-key", "--set", "key=A B"], 2, "type a name"),
    (["suspend-key", "--set", "key=oidc.a"], 3, "give it with --set"),
    (["destroy-key", "--set", "key=oidc.a", "--set", "again=oidc.a"], 2, "it cannot be set"),
    (["suspend-key", "--resume"], 4, "cannot open the transcript"),
])
def test_a_mistake_says_what_to_do(room, tmp_path, words, code, said):
    done = subprocess.run([str(PRIVYSEAL), "ceremony", "run", *words, "--transcript",
                           tmp_path / "x.transcript"], env=room.environment, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)
    assert done.returncode == code and said in done.stderr, done
    assert code != 2 or not (tmp_path / "x.transcript").exists()


def test_two_people_who_do_not_agree_type_anew(room, tmp_path):
    asked = [("Enter when it was read", ""), ("Which key?", "oidc.a"),
             ("types the first person: ", "oidc.a"), ("types the second person: ", "oidc.b"),
             ("types the first person: ", "oidc.c"), ("types the second person: ", "oidc.c"),
             ("Who asks for it", "\x04")]
    code, shown = terminal.run([PRIVYSEAL, "ceremony", "run", "destroy-key", "--transcript",
                                tmp_path / "x.transcript"], asked, 60, room.environment)
    assert code == 3 and "the two are not the same" in shown, shown
    assert "Both typed: oidc.c" in shown and "oidc.b" not in shown, shown


def test_each_script_is_listed_checked_and_printed():
    def call(*words):
        return subprocess.run([str(PRIVYSEAL), "ceremony", *map(str, words)], text=True,
                              capture_output=True, check=False, timeout=60)

    scripts = sorted(SCRIPTS.glob("*.json"))
    assert len(scripts) > 10
    assert call("check", *scripts).returncode == 0
    listed = json.loads(call("list", SCRIPTS, "--json").stdout)
    assert [row["name"] for row in listed] == [script.stem for script in scripts]
    readme = (SCRIPTS / "README.md").read_text()
    for script in scripts:
        parsed = json.loads(script.read_text())
        shown = call("run", script, "--dry-run").stdout
        assert parsed["title"] in shown and shown.count("\n[") == len(parsed["steps"])
        assert f"[{script.stem}]({script.name})" in readme
        assert parsed["title"] in call("list", SCRIPTS).stdout


def verify(transcript, genesis):
    done = subprocess.run([str(OFFICER), "verify", str(transcript), "--genesis", genesis],
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_every_transcript_verifies_from_the_genesis_alone(room):
    bundles = sorted(room.directory.glob("*.bundle"))
    assert len(bundles) > 25
    for bundle in bundles:
        code, shown = verify(bundle, genesis_hash(room))
        assert code == 0 and "FAIL" not in shown, shown
        assert "PASS  room" in shown and "PASS  checkpoint" in shown, shown
    assert "PASS  approvals" in shown
    code, shown = verify(bundles[0], hashlib.sha256(b"another").hexdigest())
    assert code == 1 and "this is another genesis" in shown


def rewritten(source, change):
    """The transcript with something changed in it, by somebody who can write digests too."""
    content = json.loads(source.read_text())
    change(content)
    content["statements"] = []
    content["digests"] = {name: hashlib.sha256(documents.canonical(content[name])).hexdigest()
                          for name in ("checkpoint", "leaves", "room")}
    target = source.with_suffix(".rewritten")
    target.write_bytes(documents.canonical(content))
    return target


def without(kind, person):
    """Leaves out the operation that changed this person."""
    def change(content):
        drafts = [leaf["leaf"]["data"] for leaf in content["leaves"]
                  if leaf["leaf"]["kind"] == "draft"]
        gone = [data["operation"] for data in drafts
                if data["document"]["type"] == kind and person in json.dumps(data)]
        assert gone
        content["leaves"] = [leaf for leaf in content["leaves"]
                             if leaf["leaf"].get("data", {}).get("operation") not in gone]
    return change


def test_who_rewrites_a_transcript_is_found(room):
    bundle, genesis = room.directory / "change-policy.bundle", genesis_hash(room)
    assert verify(bundle, genesis)[0] == 0
    code, shown = verify(rewritten(bundle, without("officer.enrol", "grace")), genesis)
    assert code == 1 and "under another roster than these leaves lead to" in shown, shown

    def without_a_draft(content):
        kinds = [leaf["leaf"]["kind"] for leaf in content["leaves"]]
        del content["leaves"][kinds.index("draft")]

    code, shown = verify(rewritten(bundle, without_a_draft), genesis)
    assert code == 1 and "FAIL" in shown, shown


def test_who_leaves_out_how_a_key_was_made_has_it_counted_as_one_of_class_a(room):
    bundle, genesis = room.directory / "resume-key.bundle", genesis_hash(room)
    assert verify(bundle, genesis)[0] == 0
    code, shown = verify(rewritten(bundle, without("key.create", "oidc.a")), genesis)
    assert code == 1 and "the leaves do not say of which class its key is" in shown, shown
    assert "FAIL  approvals" in shown and "it was executed and was not approved" in shown, shown


def test_people_sign_the_end(room):
    bundle, genesis = room.directory / "make-root-ca.bundle", genesis_hash(room)
    for name, words in (("officer-2", []), ("auditor-1", ["--disagree"])):
        first = words_of(bundle)[:4]
        signed_by = bundle.with_suffix(f".{name}")
        done = call("agree", bundle, "--name", name, "--key", room.people.directory / name,
                    "--out", signed_by, "--genesis", genesis, "--yes", " ".join(first), *words)
        assert done.returncode == 0, done
        bundle = signed_by
    code, shown = verify(bundle, genesis)
    assert code == 0 and "officer-2 agrees" in shown and "auditor-1 DOES NOT AGREE" in shown
    assert call("agree", bundle, "--name", "officer-3", "--key",
                room.people.directory / "officer-4", "--out", bundle.with_suffix(".wrong"),
                "--yes", " ".join(words_of(bundle)[:4])).returncode == 3
    assert not bundle.with_suffix(".wrong").exists()
    checked = subprocess.run([PRIVYSEAL, "log", "verify", str(bundle), "--genesis", genesis,
                              "--json"], capture_output=True, text=True, check=True)
    assert json.loads(checked.stdout)["good"] is True
    for options in ((bundle, "--log-key", "a"), (bundle.parent, "--genesis", genesis)):
        assert subprocess.run([PRIVYSEAL, "log", "verify", *map(str, options)],
                              capture_output=True, check=False).returncode == 2


def audit(room, *words):
    done = subprocess.run([PRIVYSEAL, "audit", *words, "--json"], capture_output=True, text=True,
                          env=room.environment, check=True)
    return json.loads(done.stdout)


def refuse_another_root(room, copy):
    """Of as many leaves; a log that has grown since is another matter, and is tried again."""
    present = copy / "events/checkpoint"

    def fetch():
        return subprocess.run([PRIVYSEAL, "log", "fetch", str(copy)], env=room.environment,
                              check=False, capture_output=True, text=True)

    def is_refused():
        assert fetch().returncode == 0
        good = present.read_text()
        origin, size, _root, *rest = good.split("\n")
        other = "\n".join([origin, size, base64.b64encode(bytes(32)).decode(), *rest])
        present.write_text(other)
        done = fetch()
        if done.returncode == 0:
            return False
        assert "tell the auditors" in done.stderr and present.read_text() == other, done
        present.write_text(good)
        return True
    wait_until(is_refused, 60, "a moment in which the log does not grow")


def test_an_auditor_sees_what_was_done_and_who_could_then(room):
    copy = room.directory / "copy"
    for _ in range(2):  # the second time it is taken up
        subprocess.run([PRIVYSEAL, "log", "fetch", str(copy)], env=room.environment, check=True,
                       capture_output=True)
    present = copy / "events/checkpoint"
    good = present.read_text()
    lines = good.split("\n")
    ahead = "\n".join([lines[0], str(int(lines[1]) + 1000000), *lines[2:]])
    present.write_text(ahead)
    refused = subprocess.run([PRIVYSEAL, "log", "fetch", str(copy)], env=room.environment,
                             check=False, capture_output=True, text=True)
    assert refused.returncode != 0 and "tell the auditors" in refused.stderr, refused
    assert present.read_text() == ahead and (copy / "checkpoint.refused").exists()
    present.write_text(good)
    refuse_another_root(room, copy)
    report = audit(room, "report", str(copy))
    assert report["verified"] is True
    enrolled = next(item for item in report["operations"]
                    if item["type"] == "officer.enrol" and item["outcome"] == "done")
    assert set(enrolled["approved_by"]) == set(A) and enrolled["requester"] == REQUESTER
    assert all(item["approved"] for item in report["operations"] if item["outcome"] == "done")
    assert audit(room, "report", str(copy), "--to", enrolled["time"])["operations"]
    before = audit(room, "state", str(copy), "--at", report["operations"][1]["time"])
    assert len(before["roster"]["people"]) == 6 and before["clients"][0]["name"] == "operator"
    check_states(room, copy, report)
    people = audit(room, "state", str(copy))["roster"]["people"]
    assert [entry["person"] for entry in people] == sorted(standing(room))
    told = audit(room, "report", "--to", report["to"])  # by the appliance itself
    assert told["verified"] is False and told["log_key"] == "appliance"
    assert all(told[name] == report[name] for name in ("genesis", "keys", "exceptions", "roster"))
    assert told["operations"] == report["operations"] and told["grants"] == report["grants"]
    check_leaves(copy, enrolled)
    check_pages(room, copy, report)


def check_states(room, copy, report):
    """Policy and grants as they were then, and not as they are now."""
    def state_after(operation):
        moment = datetime.datetime.fromisoformat(operation["time"].rstrip("Z")) + datetime.timedelta(seconds=1)
        return audit(room, "state", str(copy), "--at", f"{moment.isoformat(timespec='seconds')}Z")

    def done(kind):
        return [item for item in report["operations"] if item["type"] == kind and item["outcome"] == "done"]

    changes = done("policy.change")
    assert [int(state_after(item)["policy"]["epoch"]) for item in [*done("genesis"), *changes]] == [1, 2, 3]
    assert [state_after(item)["policy"]["classes"]["C"]["officers"] for item in changes] == ["2", "1"]
    told = [{grant["client"] for grant in state_after(item)["grants"]} for item in (*done("genesis"), changes[0])]
    assert "issuer" not in told[0] and "issuer" in told[1], told


def check_leaves(copy, operation):
    """What the report says of it stands in the leaves that it names."""
    assert operation["leaves"] == sorted(operation["leaves"])
    assert operation["leaves"][-1] == operation["leaf"]
    for leaf in (operation["leaves"][0], operation["leaf"]):
        proof = subprocess.run([PRIVYSEAL, "log", "prove", str(copy), "events", str(leaf)],
                               capture_output=True, text=True, check=True).stdout
        extra = next(line for line in proof.splitlines() if line.startswith("extra "))
        assert operation["id"].encode() in base64.b64decode(extra.removeprefix("extra "))


def check_pages(room, copy, report):
    """The same copy and options give the same octets; another genesis is none of ours."""
    words = [PRIVYSEAL, "audit", "report", str(copy), "--to", report["to"], "--out"]
    made = {}
    for name in ("a.json", "a.html", "a.pdf", "b.json", "b.html", "b.pdf"):
        path = room.directory / f"audit-{name}"
        subprocess.run([*words, str(path), "--genesis", report["genesis"]], check=True,
                       capture_output=True)
        made[name] = path.read_bytes()
    assert all(made[f"a.{kind}"] == made[f"b.{kind}"] for kind in ("json", "html", "pdf"))
    assert json.loads(made["a.json"])["log_key"] == "from-genesis"
    page = made["a.html"].decode()
    assert "Verified, leaf by leaf" in page and "officer.enrol" in page and "<script" not in page
    other = subprocess.run([*words, str(room.directory / "other.html"), "--genesis", "ab" * 32],
                           capture_output=True, text=True, check=False)
    assert other.returncode == 1 and "not the genesis" in other.stderr, other
    assert "NOT VERIFIED" in (room.directory / "other.html").read_text()
