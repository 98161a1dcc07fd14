"""Attended unlock: a PIN in shares, officers who release it, and who cannot."""

import base64
import concurrent.futures
import contextlib
import json
import os
from pathlib import Path
import re
import resource
import signal
import socket
import subprocess
import time

from jwcrypto import jwe, jwk
import pytest

from harness import memory, shares, terminal
from harness.appliance import PATIENCE_S, Appliance, wait_until
from harness.dev_room import DevRoom
from harness.leaves import read_events
from harness.officers import DONE, REFUSED, call
from harness.people import AUDITORS, OFFICERS
from harness.places import PRIVYSEAL, TOP
from harness.room import refused

PASSPHRASE = "practice passphrase"  # as `privyseal dev --attended` makes the keys
THRESHOLD = 3
# Even: the keeper is killed; odd: all of it.
DELAYS = [int(text) for text in os.environ.get("PRIVYSEAL_DELAYS", "81").split()]


class Unlock:
    """An attended appliance, its officers' sealing keys, and its console."""

    def __init__(self, appliance, directory):
        self.room = DevRoom(appliance)
        self.appliance = appliance
        self.directory = directory
        self.console = appliance.directory / "console.sock"
        self.made = 0
        self.is_alone = False  # without `privyseal dev` beside it

    def passphrase(self, *words):
        there, here = os.pipe()
        os.write(here, f"{PASSPHRASE}\n".encode())
        os.close(here)
        try:
            return call(*words, "--passphrase-fd", there, pass_fds=(there,))
        finally:
            os.close(there)

    def key(self, officer):
        return self.appliance.directory / "officers" / f"{officer}.share"

    def certificate(self, officer):
        return (self.appliance.directory / "officers" / f"{officer}.share.pem").read_text()

    def sealed(self, officer):
        """From the appliance, as anybody may have it."""
        holders = self.room.send("GET", "/v1/pins").json()["items"][0]["holders"]
        octets = next(holder["sealed"] for holder in holders if holder["officer"] == officer)
        path = self.directory / f"{officer}.cms"
        path.write_bytes(base64.urlsafe_b64decode(octets + "=="))
        return path

    def page(self):
        with socket.socket(socket.AF_UNIX) as reader:
            reader.settimeout(PATIENCE_S)
            reader.connect(str(self.console))
            text = b""
            while b"\n\n" not in text:
                octets = reader.recv(65536)
                if not octets:
                    raise ConnectionError("the console closed before its page was told")
                text += octets
        return text.decode()

    def words(self):
        lines = self.page().splitlines()
        return lines[lines.index("Words of the key for shares:") + 1].strip()

    def state(self):
        return self.room.send("GET", "/v1/unlock").json()

    def share(self, officer, words=None, path=None):
        """Sealed to the present key."""
        self.made += 1
        unlock, out = self.directory / "unlock.json", self.directory / f"{self.made}.jwe"
        unlock.write_text(json.dumps(self.state()))
        done = self.passphrase("share", "seal", path or self.sealed(officer), "--key",
                               self.key(officer), "--to", unlock, "--words", words or self.words(),
                               "--out", out)
        assert done.returncode == DONE, done
        return out.read_text()

    def opened(self, officer):
        """The officer's share, by opening it as a keeper would."""
        once = jwk.JWK.generate(kty="EC", crv="P-256")
        unlock, out = self.directory / "own.json", self.directory / f"{officer}.own"
        unlock.write_text(once.export_public())
        out.unlink(missing_ok=True)
        octets = jwk.base64url_decode(once.thumbprint())[:8]
        source = (Path(__file__).parents[2] / "lib/ceremony/words/pgp_words.def").read_text()
        rows = [re.findall(r'"(\w+)"', line) for line in source.splitlines() if line.count('"') == 4]
        words = " ".join(rows[octet][place % 2] for place, octet in enumerate(octets))
        done = self.passphrase("share", "seal", self.sealed(officer), "--key", self.key(officer),
                               "--to", unlock, "--words", words, "--out", out)
        assert done.returncode == DONE, done
        token = jwe.JWE()
        token.deserialize(out.read_text(), once)
        return shares.read(token.payload)

    def send(self, text):
        return self.room.send("POST", "/v1/unlock/shares", {"share": text})

    def unlock(self, officers=OFFICERS[:THRESHOLD]):
        for officer in officers:
            answer = self.send(self.share(officer))
            assert answer.status == 200, answer
        self.wait("operational")

    def is_in(self, state):
        return self.room.send("GET", "/v1/system").json().get("state") == state

    def wait(self, state):
        def look():
            try:
                return self.is_in(state)
            except (OSError, ValueError):
                return False
        wait_until(look, 60, state)

    def is_over(self):
        """A keeper ends when it hears that its supervisor has; it may be busy meanwhile."""
        with socket.socket(socket.AF_UNIX) as reader:
            return reader.connect_ex(str(self.console)) != 0

    def execute_apart(self, operation):
        """On a connection of its own, which may break."""
        return self.appliance.management(timeout=60).request(
            "POST", f"/v1/operations/{operation['id']}/execute", body={})

    def settle(self):
        """Until it works again and no splitting is left over: with shares, of whichever unlocks."""
        def look():
            try:
                if self.is_in("operational"):
                    return all(not item["next"]
                               for item in self.room.send("GET", "/v1/pins").json()["items"])
                if self.state()["tokens"]:
                    self.try_shares()
            except (OSError, ValueError, KeyError):
                pass
            return False
        wait_until(look, 40, "a settled PIN", 0.3)

    def try_shares(self):
        """The next one's before the present one's: what a ceremony would do."""
        items = self.room.send("GET", "/v1/pins").json()["items"]
        for item in sorted(items, key=lambda item: not item["next"]):
            for holder in [entry for entry in item["holders"] if entry["officer"] in OFFICERS[2:4]]:
                path = self.directory / f"{holder['officer']}.{item['set']}"
                path.write_bytes(base64.urlsafe_b64decode(holder["sealed"] + "=="))
                answer = self.send(self.share(holder["officer"], path=path))
                if answer.status in (422, 503):  # sealed to a keeper's key that has ended meanwhile
                    return
                assert answer.status in (200, 409), answer
            for _ in range(20):
                if self.is_in("operational"):
                    return
                time.sleep(0.2)

    def restart(self):
        """The supervisor is killed, and with it everything, as by a reboot."""
        if self.is_alone:
            os.kill(self.appliance.process.pid, signal.SIGKILL)
        self.appliance.stop()
        self.is_alone = True
        wait_until(self.is_over, 60, "the end of the last keeper")
        self.appliance.launch(alone=True)
        wait_until(self.console.exists, 30, "the console")
        self.wait("locked")


@pytest.fixture(scope="module")
def unlock(tmp_path_factory):
    directory = tmp_path_factory.mktemp("unlock")
    appliance = Appliance(arguments=["--no-tls", "--processes", "1", "--attended"])
    try:
        yield Unlock(appliance.start(), directory)
    finally:
        appliance.stop()
        appliance.remove()


def test_it_goes_on_until_it_is_restarted_and_waits_then(unlock):
    assert unlock.room.send("GET", "/v1/system").json()["unlock"] == "attended"
    assert unlock.is_in("operational") and "No token waits" in unlock.page()
    assert unlock.state() == {"mode": "attended", "tokens": []}
    refused(unlock.send("a.b.c.d.e"), 400)
    unlock.restart()
    reasons = unlock.room.send("GET", "/v1/system").json()["reasons"]
    assert [reason["code"] for reason in reasons] == ["shares"]
    assert "Token a: 0 of 3 shares have come." in unlock.page()


def test_fewer_shares_than_the_threshold_unlock_nothing(unlock):
    for officer in OFFICERS[:THRESHOLD - 1]:
        share = unlock.share(officer)
        assert unlock.send(share).json()["tokens"][0]["arrived"][-1] == officer
        assert unlock.send(share).status == 200  # the same again counts once
    assert unlock.is_in("locked")
    assert unlock.state()["tokens"][0]["arrived"] == list(OFFICERS[:THRESHOLD - 1])
    assert "2 of 3 shares have come, officer-1, officer-2." in unlock.page()


def test_a_bad_share_is_named_and_costs_no_try(unlock):
    key = jwk.JWK(**unlock.state()["tokens"][0]["key"])

    def seal(octets):
        token = jwe.JWE(octets, protected={"alg": "ECDH-ES", "enc": "A256GCM"})
        token.add_recipient(key)
        return token.serialize(compact=True)

    good = (b"PSSHARE\x01\x01\x03\x04\x04" + bytes.fromhex(unlock.state()["tokens"][0]["set"])
            + b"\x01a\x09officer-4\x08\0\0\0\0\0\0\0\0")
    refused(unlock.send(seal(good)), 422, "officer-4 is not the one that was given")
    refused(unlock.send(seal(good.replace(b"officer-4", b"officer-1"))), 422, "officer-1")
    refused(unlock.send(seal(good[:-1])), 422, "cut off")
    other = jwk.JWK.generate(kty="EC", crv="P-256")
    key, mine = other, key
    refused(unlock.send(seal(good)), 422, "not sealed to the present key")
    key = mine
    assert unlock.is_in("locked")
    assert "wrong" not in unlock.appliance.log()


def test_enough_shares_unlock_it_and_a_killed_keeper_comes_back_alone(unlock):
    unlock.unlock([OFFICERS[3]])
    leaf = [leaf for leaf in read_events(unlock.appliance.directory / "data" / "log")
            if leaf["kind"] == "unlock"][-1]
    assert leaf["data"]["officers"] == [OFFICERS[0], OFFICERS[1], OFFICERS[3]]
    unlock.room.kill_keeper()
    unlock.wait("operational")
    assert unlock.state()["tokens"] == []


def test_a_recorded_share_opens_for_nobody_after_its_unlock(unlock):
    """An api process that kept all that passed through it has what is of use to nobody."""
    unlock.restart()
    recorded = [unlock.share(officer) for officer in OFFICERS[:THRESHOLD]]
    unlock.restart()
    for share in recorded:
        refused(unlock.send(share), 422, "present key")
    assert unlock.is_in("locked")
    unlock.unlock()


def test_other_words_than_the_consoles_seal_nothing(unlock):
    unlock.restart()
    words = unlock.words().split()
    unlock_file = unlock.directory / "unlock.json"
    unlock_file.write_text(json.dumps(unlock.state()))
    words[7] = words[5]
    done = call("share", "seal", unlock.directory / "officer-1.cms", "--key", unlock.key("officer-1"),
                "--to", unlock_file, "--words", " ".join(words), "--out", unlock.directory / "none")
    assert done.returncode == REFUSED and "stands between" in done.stderr
    assert not (unlock.directory / "none").exists()
    unlock.unlock()


def test_the_commands_do_the_same(unlock, tmp_path):
    environment = {**os.environ, **unlock.appliance.environment,
                   "PRIVYSEAL_CONSOLE": str(unlock.console)}

    def run(*words):
        return subprocess.run([PRIVYSEAL, *map(str, words)], env=environment, text=True, check=False,
                              capture_output=True, timeout=60)

    listed = run("pin", "list")
    assert listed.returncode == DONE and "a/user" in listed.stdout, listed
    assert run("pin", "share", "a", "officer-1", "--out", tmp_path / "cms").returncode == DONE
    assert "for officer-1" in unlock.passphrase("share", "open", tmp_path / "cms", "--key",
                                                unlock.key("officer-1")).stdout
    assert run("pin", "share", "a", "nobody").returncode == 4
    assert "No token waits" in run("console", "--once").stdout
    assert json.loads(run("shares", "show", "--json").stdout)["mode"] == "attended"
    (tmp_path / "share").write_text("a.b.c.d.e")
    assert run("shares", "send", "--share", tmp_path / "share").returncode not in (DONE, 5)


def test_the_guide_can_be_typed_as_it_stands(unlock, tmp_path):
    """docs/guides/attended-unlock.md, from the second start on; the first two blocks are what was done here already."""
    text = (TOP / "docs/guides/attended-unlock.md").read_text()
    _build, begin, look, give, sign = re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)
    assert begin == "privyseal dev DIR --attended --no-tls\n"
    environment, fetch = look.splitlines(True)[0], give.splitlines(True)[0]
    path = f"{PRIVYSEAL.parent}:{PRIVYSEAL.parent}/officer:{os.environ['PATH']}"

    def typed(block, *answers):
        block = block.replace("DIR", str(unlock.appliance.directory))
        return terminal.run(["/bin/bash", "-euo", "pipefail", "-c", block], answers, cwd=tmp_path,
                            env={**os.environ, "PATH": path})

    def give_share(officer, words):
        block = give.replace("officer-1", officer)
        return typed(environment + (block if officer == "officer-1" else block.replace(fetch, "")),
                     ("console shows: ", words), ("Passphrase of ", PASSPHRASE))

    unlock.restart()
    code, shown = typed(look)
    assert code == 0 and "locked" in shown, shown
    lines = shown.splitlines()
    words = lines[lines.index("Words of the key for shares:") + 1].strip()
    code, shown = give_share("officer-1", " ".join(reversed(words.split())))
    assert code != 0 and "nothing was sealed" in shown, shown
    (tmp_path / "officer-1.cms").unlink()
    for officer in OFFICERS[:THRESHOLD]:
        code, shown = give_share(officer, words)
        assert code == 0 and f"for {officer}." in shown, shown
    unlock.wait("operational")
    code, shown = typed(environment + sign)
    assert code == 0 and shown.count(".") == 2, shown


def parts(opened):
    """Of shares: what each of them is kept secret for."""
    return [octets for share in opened for octets in (share.value, share.blind)]


def assert_nowhere(unlock, secrets, but):
    """On no disk, in no arguments and environments, and in no memory of an api process."""
    assert memory.found_on_disk(unlock.appliance.directory, secrets, but) == []
    assert memory.found_on_disk(unlock.directory, secrets) == []  # what officers carried
    for role, pids in unlock.appliance.roles().items():
        for pid in pids:
            assert memory.found_beside(pid, secrets) == [], role
            if role.startswith("api"):
                pieces = memory.memory_of(pid)
                assert memory.held(pieces, [b"/v1/unlock/shares"]), role  # it is read, then
                assert memory.held(pieces, secrets) == [], role


def test_the_pin_is_nowhere_but_in_the_token_the_keeper_and_the_supervisor(unlock):
    """Scanned: files but the token's own and the first PIN's, arguments, environments, and the api's memory."""
    pins = unlock.appliance.directory / "pins"
    pin = (pins / "user").read_bytes().strip()
    assert memory.found_on_disk(pins, [pin]) == [pins / "user"]  # the search finds it
    opened = [unlock.opened(officer) for officer in OFFICERS[:THRESHOLD]]
    assert shares.combine(opened) == pin
    unlock.restart()
    unlock.unlock()
    assert_nowhere(unlock, [pin, *parts(opened)], ("tokens", "pins"))
    for role in ("keeper", "supervisor"):
        # The search finds it where it is, if the kernel has no pages that nobody may read.
        for pid in unlock.appliance.roles()[role]:
            hidden = "secretmem" in Path(f"/proc/{pid}/maps").read_text()
            pieces = memory.memory_of(pid)
            assert hidden or memory.held(pieces, [pin]), role
            # What was put together is not kept; nor are the shares once it is.
            assert memory.held(pieces, parts(opened)) == [], role


def cores_of(directory):
    """Files that a kernel wrote of processes that worked there; what it gives to a program it does not give
    of processes that are not dumpable either (core(5))."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    place = Path(pattern).parent if pattern.startswith("/") else Path(directory)
    stem = re.match(r"[^%]*", Path(pattern).name).group()
    return set() if pattern.startswith("|") else {path for path in place.iterdir()
                                                  if path.name.startswith(stem or "core")}


def abort(pid):
    """The cores that it leaves, with the limit taken away that keeps it from that, where we may do so."""
    directory = os.readlink(f"/proc/{pid}/cwd")
    before = cores_of(directory)
    with contextlib.suppress(PermissionError):  # in a container, of one that is another user's
        resource.prlimit(pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    os.kill(pid, signal.SIGABRT)
    wait_until(lambda: has_ended(pid), 60, "its end")
    return cores_of(directory) - before


def has_ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


def test_no_process_leaves_a_core(unlock, tmp_path):
    with subprocess.Popen(["sleep", "600"], cwd=tmp_path) as other:
        left = abort(other.pid)
    assert left or Path("/proc/sys/kernel/core_pattern").read_text().startswith("|")
    for path in left:  # of a process like any other: the search finds it
        path.unlink()
    for role, pids in unlock.appliance.roles().items():
        if role != "supervisor":
            assert not abort(pids[0]), role
            unlock.wait("operational")
    assert not abort(unlock.appliance.roles()["supervisor"][0])
    unlock.restart()
    unlock.unlock()


def test_a_changed_pin_makes_the_old_one_and_its_shares_worthless(unlock):
    """The token makes it; nobody has seen it, and three other officers than before release it."""
    room, directory = unlock.room, unlock.appliance.directory
    before = {officer: unlock.sealed(officer).read_bytes() for officer in OFFICERS}
    processes = set(unlock.appliance.pids("token"))
    answer = room.change("POST", "/v1/operations", {
        "type": "pin.change", "subject": "a", "params": {"threshold": 2, "holders": [
            {"officer": officer, "certificate": unlock.certificate(officer)}
            for officer in OFFICERS[1:]]}})
    assert answer.status == 201, answer
    unlock.wait("operational")
    # Those of before would take the old PIN still.
    wait_until(lambda: processes.isdisjoint(unlock.appliance.pids("token")), 60, "other processes")
    listed = room.send("GET", "/v1/pins").json()["items"]
    assert [(item["name"], item["set"]) for item in listed] == [("a/user", answer.json()["set"])]
    room.kill_keeper()
    unlock.wait("operational")
    assert not takes_pin(directory, (directory / "pins" / "user").read_text().strip())
    opened = [unlock.opened(officer) for officer in OFFICERS[1:3]]
    pin = shares.combine(opened)
    assert takes_pin(directory, pin.decode())
    unlock.restart()
    old = unlock.directory / "old.cms"
    old.write_bytes(before[OFFICERS[1]])
    refused(unlock.send(unlock.share(OFFICERS[1], path=old)), 422, "another splitting")
    unlock.unlock(OFFICERS[2:4])
    assert_nowhere(unlock, [pin, *parts(opened)], ("tokens",))
    warnings = room.send("GET", "/v1/system").json()["warnings"]
    assert "shares" not in [item["code"] for item in warnings], warnings


@pytest.mark.parametrize("delay_ms", DELAYS)
def test_a_crash_while_the_pin_is_changed_locks_nobody_out(unlock, delay_ms):
    """Killed at some moment of the execution: one of the two splittings unlocks, and the other is gone."""
    room = unlock.room
    operation = room.ask("/v1/operations", {
        "type": "pin.change", "subject": "a", "params": {"threshold": 2, "holders": [
            {"officer": officer, "certificate": unlock.certificate(officer)}
            for officer in OFFICERS[1:]]}})
    for person in (*OFFICERS[1:3], AUDITORS[0]):
        room.step(operation, "approvals", person)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        done = pool.submit(unlock.execute_apart, operation)
        time.sleep(delay_ms / 1000)
        if delay_ms % 2:
            unlock.restart()
        else:
            for keeper in unlock.appliance.pids("keeper"):
                os.kill(keeper, signal.SIGKILL)
        done.exception(60)
    unlock.settle()
    wait_until(lambda: room.shown(operation).get("state") in ("done", "failed", "approved"), 60, "an end")
    state = room.shown(operation)["state"]
    unlock.settle()
    listed = room.send("GET", "/v1/pins").json()["items"]
    assert [item["name"] for item in listed] == ["a/user"]
    assert (listed[0]["set"] == operation["hash"][:32]) == (state == "done"), (operation, listed)
    if state == "approved":
        assert room.execute(operation).status == 201
        unlock.wait("operational")
    unlock.restart()
    unlock.unlock(OFFICERS[2:4])


def takes_pin(directory, pin):
    """Whether the token does, of whoever has its module."""
    done = subprocess.run(["pkcs11-tool", "--module", "/usr/lib/softhsm/libsofthsm2.so", "--login",
                           "--pin", "env:TOKEN_PIN", "--list-objects", "--token-label", "privyseal-a"],
                          env={**os.environ, "SOFTHSM2_CONF": str(directory / "softhsm2.conf"),
                               "TOKEN_PIN": pin}, check=False, capture_output=True, text=True)
    assert done.returncode == 0 or "CKR_PIN_INCORRECT" in done.stderr, done
    return done.returncode == 0


def test_who_holds_a_share_and_leaves_is_an_alarm(unlock):
    room = unlock.room
    assert room.change("POST", f"/v1/officers/{OFFICERS[3]}/suspend").status in (200, 201)
    warnings = room.send("GET", "/v1/system").json()["warnings"]
    assert any(item["code"] == "shares" and OFFICERS[3] in item["detail"] for item in warnings)
    wait_until(lambda: any(leaf.get("data", {}).get("alarm") == "holder-left" for leaf in
                           read_events(unlock.appliance.directory / "data" / "log")), 30, "an alarm")
    refused(room.change("POST", "/v1/operations", {
        "type": "pin.split", "subject": "a", "params": {"threshold": 2, "holders": [
            {"officer": officer, "certificate": unlock.certificate(officer)}
            for officer in OFFICERS[2:]]}}), 400, OFFICERS[3])
