"""`privyseal dev`: an appliance with people from its genesis on, and `approve-all` as they."""

import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import time

import pytest

from harness import documents
from harness.appliance import Appliance, wait_until
from harness.bare import BareAppliance
from harness.leaves import read_events
from harness.people import AUDITORS, OFFICERS, People
from harness.places import PRIVYSEAL

DONE, FAILED, USAGE, REFUSED = range(4)
KEYS = 23
USER = 1  # of the system, who has no part in this
KEY = {"name": "oidc.made", "type": "ec-p256", "usage": "sign", "formats": ["jws"],
       "algorithms": ["ES256"], "requester": "officer-1"}


@pytest.fixture(scope="module")
def appliance():
    with Appliance(is_new=True) as running:
        yield running


def call(*words, **environment):
    return subprocess.run([str(PRIVYSEAL), *map(str, words)], env=dict(os.environ, **environment),
                          text=True, capture_output=True, check=False, timeout=120)


def approve_all(appliance, *more):
    return call("dev", "approve-all", appliance.directory, *more)


def ask(appliance, path, body=None):
    """An operation that then waits; its id."""
    answer = appliance.management().post(path, {"requester": "officer-1", **(body or {})})
    assert answer.status == 202, answer
    return answer.json()["id"]


def leaves(directory):
    return list(read_events(directory / "data/log"))


def waiting(appliance):
    items = appliance.management().get("/v1/operations?limit=1000").json()["items"]
    return [item["id"] for item in items if item["state"] in ("draft", "open", "approved")]


def test_all_that_is_there_was_approved_by_people(appliance):
    first, *others = leaves(appliance.directory)
    assert {one["person"] for one in first["data"]["signatures"]} == set(OFFICERS + AUDITORS)
    signed = {}
    for leaf in others:
        if leaf["kind"] == "signature":
            signed.setdefault(leaf["data"]["operation"], []).append(leaf["data"]["kind"])
        if leaf["kind"] == "intent":
            kinds = signed[leaf["data"]["operation"]]
            assert kinds[:3] == ["request", "approve", "approve"], leaf
    assert len(signed) > 3 and not waiting(appliance)
    times = [leaf["time"] for leaf in (first, *others) if leaf["kind"] in ("draft", "signature")]
    assert times == sorted(times)
    assert len(appliance.management().get("/v1/keys?limit=1000").json()["items"]) >= KEYS


def test_the_keys_of_its_people_are_private(appliance):
    people = appliance.directory / "officers"
    assert stat.S_IMODE(people.stat().st_mode) == 0o700
    assert {path.name for path in people.iterdir()} == {
        name + suffix for name in OFFICERS + AUDITORS for suffix in ("", ".pub")}
    for name in OFFICERS + AUDITORS:
        assert stat.S_IMODE((people / name).stat().st_mode) == 0o600


HOLDERS = ["tls", "clients/oidc", "clients/certify", "clients/operator"]


def test_its_tls_is_of_its_own_ca(appliance):
    """No key of a CA lies in a file, and the log has each certificate that there is."""
    assert [path.name for path in (appliance.directory / "ca").iterdir()] == ["cert.pem"]
    listed = call("keys", "certificate", "tls.ca", **appliance.environment).stdout
    assert listed == (appliance.directory / "ca/cert.pem").read_text()
    for holder in HOLDERS:
        subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile",
                        appliance.directory / "ca/cert.pem",
                        appliance.directory / holder / "cert.pem"], check=True, capture_output=True)
    profiles = appliance.management().get("/v1/x509/profiles").json()["items"]
    assert {item["name"]: item["issuer"] for item in profiles} == {
        "tls-client": "tls.ca", "tls-server": "tls.ca"}


def test_a_certificate_that_is_spoilt_is_issued_anew_at_the_next_start(appliance):
    files = {holder: appliance.directory / holder / "cert.pem" for holder in HOLDERS}
    before = {holder: path.read_text() for holder, path in files.items()}
    appliance.stop()
    files["clients/oidc"].write_text(before["clients/certify"])
    files["tls"].write_text("nonsense")
    appliance.start()
    after = {holder: path.read_text() for holder, path in files.items()}
    assert [holder for holder in HOLDERS if after[holder] != before[holder]] == [
        "tls", "clients/oidc"]
    done = call("whoami", "--url", appliance.environment["PRIVYSEAL_URL"],
                "--ca", appliance.environment["PRIVYSEAL_CA"],
                "--cert", files["clients/oidc"], "--key", files["clients/oidc"].parent / "key.pem")
    assert done.returncode == DONE and "oidc" in done.stdout, done


def test_approve_all_signs_what_each_class_needs_and_executes_it(appliance):
    made = ask(appliance, "/v1/keys", KEY)
    draft = ask(appliance, "/v1/keys/oidc.userinfo/suspend")
    ended = ask(appliance, "/v1/keys/oidc.access-token/deactivate")
    done = approve_all(appliance)
    assert done.returncode == DONE, done
    assert done.stdout.splitlines() == [
        f"{made} key.create: done (signed: officer-1, officer-2, officer-3)",
        f"{draft} key.suspend: done (signed: officer-1, officer-2)",
        f"{ended} key.deactivate: done (signed: officer-1, officer-2, officer-3)"]
    destroyed = ask(appliance, "/v1/keys/oidc.access-token/destroy")
    done = call("dev", "approve-all", **appliance.environment)  # DIR/env names the directory
    assert done.returncode == DONE, done
    assert done.stdout == (f"{destroyed} key.destroy: done (signed: officer-1, officer-2, "
                           "officer-3, auditor-1)\n")
    assert approve_all(appliance).stdout == ""


def test_approve_all_says_what_it_could_not_do(appliance):
    first = ask(appliance, "/v1/keys", {**KEY, "name": "oidc.twice"})
    second = ask(appliance, "/v1/keys", {**KEY, "name": "oidc.twice", "validity_s": 86400})
    own = appliance.directory / "officers" / "officer-4"
    alone = ask(appliance, "/v1/keys", {**KEY, "name": "oidc.alone", "requester": "officer-4"})
    own.rename(own.with_name("away"))
    try:
        done = approve_all(appliance)
    finally:
        own.with_name("away").rename(own)
    assert done.returncode == REFUSED, done
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{first} key.create: done")
    assert re.match(f"{second} key.create: .*exists", lines[1]), lines
    assert re.match(f"{alone} key.create: officer-4 has no key in ", lines[2]), lines
    assert waiting(appliance) == [second, alone]
    done = approve_all(appliance)
    assert done.returncode == REFUSED and f"{alone} key.create: done" in done.stdout, done


def test_approve_all_watches_until_a_signal(appliance):
    process = subprocess.Popen([PRIVYSEAL, "dev", "approve-all", appliance.directory, "--watch"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert "exists" in process.stdout.readline()  # left by the test before; said once
        for name in ("oidc.watched-1", "oidc.watched-2"):
            operation = ask(appliance, "/v1/keys", {**KEY, "name": name})
            assert process.stdout.readline().startswith(f"{operation} key.create: done")
    finally:
        process.send_signal(signal.SIGTERM)
        rest, _nothing = process.communicate(timeout=30)
    assert process.returncode == DONE and rest == ""


def test_a_second_start_beside_the_first_changes_nothing(appliance):
    def files():
        return {path: path.stat().st_ino for path in appliance.directory.iterdir()}
    before = files()
    done = call("dev", appliance.directory)
    assert done.returncode == FAILED and "stop it first" in done.stderr, done
    assert files() == before


@pytest.mark.parametrize("words, code, said", [
    (["/no/such/directory"], FAILED, "/no/such/directory"),
    (["/"], FAILED, "is not the directory of `privyseal dev`"),
    (["/tmp", "/tmp"], USAGE, "Name the directory of one appliance"),
    ([], USAGE, "Name the directory of one appliance"),
    (["/tmp", "--nonsense"], USAGE, "an option that there is not"),
])
def test_a_mistake_says_what_to_do(words, code, said):
    done = call("dev", "approve-all", *words)
    assert done.returncode == code and said in done.stderr, done


def test_approve_all_refuses_what_is_not_marked_practice(appliance):
    """Neither by its configuration nor, when that was changed since its genesis, by its log."""
    with BareAppliance(appliance.directory) as bare:
        people = People(bare.directory / "officers").make()
        config = bare.directory / "privyseald.conf"
        practice = config.read_text().replace("[management]", "[management]\nsocket_mode = 0666")
        config.write_text(practice.replace("practice = yes", "practice = no"))
        bare.stop()
        bare.launch()
        wait_until(bare.is_up, 30, "an appliance that is not for practice")
        bare.found(people, uids=[USER])
        for path in (bare.directory, config, people.directory, *people.directory.iterdir()):
            os.chown(path, USER, USER)

        def approve():
            return subprocess.run(
                ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", PRIVYSEAL,
                 "dev", "approve-all", bare.directory], text=True, capture_output=True,
                check=False, timeout=60)

        done = approve()
        assert done.returncode == REFUSED and "not configured as a practice" in done.stderr, done
        config.write_text(practice)
        done = approve()
        assert done.returncode == REFUSED and "not marked practice" in done.stderr, done


def test_approve_all_states_for_new_people_whose_keys_are_there(appliance):
    entry = {"person": "officer-5", "role": "officer", "valid_until": documents.moment(24 * 365),
             "keys": [documents.make_key(appliance.directory / "officers" / "officer-5")]}
    enrolled = ask(appliance, "/v1/officers", entry)
    done = approve_all(appliance)
    assert f"{enrolled} officer.enrol: done" in done.stdout, done
    assert "officer-5" in done.stdout
    made = ask(appliance, "/v1/keys", {**KEY, "name": "oidc.by-5", "requester": "officer-5"})
    assert f"{made} key.create: done (signed: officer-5" in approve_all(appliance).stdout


def test_another_configuration_is_approved_at_the_next_start_and_a_lock_stays(appliance):
    appliance.stop()
    appliance.arguments = ["--set", "log.clock_step_s=50"]
    appliance.start()
    assert appliance.management().get("/v1/system").json()["state"] == "operational"
    assert "people approve it" in appliance.log()
    locked = ask(appliance, "/v1/lock")
    assert f"{locked} appliance.lock: done" in approve_all(appliance).stdout
    appliance.stop()
    appliance.start()
    assert appliance.management().get("/v1/system").json()["state"] == "locked"
    unlocked = ask(appliance, "/v1/unlock")
    assert f"{unlocked} appliance.unlock: done" in approve_all(appliance).stdout
    wait_until(lambda: appliance.client().get("/health/ready").status == 200, 20,
               "the appliance to work again")


# When a start is killed

def started_by(pid):
    """The processes of its session, and their children: each role has a session of its own."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            found[int(entry.name)] = int(fields[1]), int(fields[3])
    own = {one for one, (_parent, session) in found.items() if session == pid}
    return own | {one for one, (parent, _session) in found.items() if parent in own}


def kill_at(appliance, moment):
    """Starts it and kills it with SIGKILL when the moment has come; False: it was ready before. What
    it has started, a moment ago perhaps, stops in order: until then its directory is taken."""
    ready = appliance.launch()
    wait_until(lambda: moment() or not ready.empty(), 60, "the moment")
    process = appliance.process
    process.kill()
    code = process.wait()
    assert code == -signal.SIGKILL, appliance.log()[-4000:]
    appliance.process = None
    left = set()

    def is_over():
        left.update(started_by(process.pid))
        return not any(os.path.exists(f"/proc/{pid}") for pid in left)

    wait_until(is_over, 30, "its processes to end")
    return "ready" not in ready.queue


def kill_in_time(appliance, moment):
    """The same, from the beginning again where this test had no processor at that moment."""
    for _ in range(5):
        if kill_at(appliance, moment):
            return
        shutil.rmtree(appliance.directory)
        appliance.directory.mkdir()
        appliance.directory.chmod(0o755)
    pytest.fail("it was ready before")


def test_a_start_that_is_killed_is_completed_by_the_next(tmp_path_factory):
    with_keys = re.compile(r"  key (\d+) of")

    def keys_made(appliance):
        numbers = with_keys.findall(appliance.log())
        return int(numbers[-1]) if numbers else 0

    appliance = Appliance(is_new=True)
    token = appliance.directory / "tokens"
    events = appliance.directory / "data/log/events/entries"

    def kinds():
        return [leaf["kind"] for leaf in leaves(appliance.directory)] if events.exists() else []

    moments = [
        lambda: (appliance.directory / "officers/officer-1").exists(),
        lambda: token.exists() and any(token.iterdir()),  # the token is being initialised
        lambda: "draft" in kinds(),
        lambda: keys_made(appliance) >= 4,
        # Between two leaves of a key, or where the test is too slow to see any.
        lambda: keys_made(appliance) > 8 and (kinds()[-1:] == ["signature"]
                                              or keys_made(appliance) > 12),
    ]
    try:
        for moment in moments:
            kill_in_time(appliance, moment)
        began = time.monotonic()
        appliance.start()
        print(f"completed in {time.monotonic() - began:.1f} s")
        assert len(appliance.management().get("/v1/keys?limit=1000").json()["items"]) >= KEYS
        assert not waiting(appliance)
        names = [leaf["data"]["document"]["params"]["name"] for leaf in leaves(appliance.directory)
                 if leaf["kind"] == "intent" and
                 leaf["data"]["document"]["type"] == "key.create"]
        assert len(names) == len(set(names)), json.dumps(names)
    finally:
        appliance.remove()
