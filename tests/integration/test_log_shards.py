"""Shards of the log of uses: archived, pruned by people, and still proven from the archive."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess

import pytest

from harness.appliance import Appliance, wait_until
from harness.dev_room import DevRoom
from harness.http_unix import b64u
from harness.leaves import read_tree
from harness.people import People, REQUESTER
from harness.places import PRIVYSEAL
from harness.room import refused
from .test_ceremonies import A, SCRIPTS, Room, complete

KEY = "certify.vc-jwt"
LEAVES = 16  # in a shard


@pytest.fixture(scope="module", name="room")
def appliance_with_small_shards():
    with Appliance(arguments=["--set", f"log.shard_leaves={LEAVES}"], is_new=True) as appliance:
        made = DevRoom(appliance)
        made.log = appliance.directory / "data/log"
        made.environment = dict(os.environ, **appliance.environment)
        appliance.client().post("/v1/jws/sign", {
            "key": KEY, "items": [{"payload": b64u(b"a")}] * (2 * LEAVES + 1)})
        made.shards = complete_shards(made, 2)[:2]
        made.key = next(row["text"] for row in verify(made.log)["rows"]
                        if row["check"] == "key").rsplit(" ", 1)[1]
        yield made


def shards_of(room):
    return sorted(path.name for path in (room.log / "use").iterdir())


def complete_shards(room, count):
    """Those that are, once there are so many whose own checkpoint covers all of them."""
    def are_there():
        *shards, _present = shards_of(room)
        notes = [room.client.get(f"/v1/log/use/{shard}/checkpoint") for shard in shards]
        signed = [shard for shard, note in zip(shards, notes)
                  if note.status == 200 and note.body.split(b"\n")[1] == b"%d" % LEAVES]
        return signed if len(signed) >= count else None
    return wait_until(are_there, 60, f"{count} complete shards")


def command(room, *words, code=0, text=None):
    done = subprocess.run([str(PRIVYSEAL), "log", *map(str, words)], capture_output=True,
                          text=True, check=False, timeout=60, input=text,
                          env=room.environment if room else None)
    assert done.returncode == code, done
    return done.stdout + done.stderr


def verify(log, *words, code=0):
    return json.loads(command(None, "verify", log, "--json", *words, code=code))


@pytest.fixture(scope="module", name="archives")
def archives_of_both(room, tmp_path_factory):
    directory = tmp_path_factory.mktemp("archives")
    for shard in room.shards:
        # Its leaf in `events` has to be under a checkpoint.
        def is_made(shard=shard):
            done = subprocess.run([str(PRIVYSEAL), "log", "archive", str(room.log), shard,
                                   str(directory), "--log-key", room.key], text=True,
                                  capture_output=True, check=False, timeout=60)
            if done.returncode != 0:
                subprocess.run(["rm", "-rf", str(directory / shard)], check=True)
            return done.returncode == 0 and done.stdout
        said = wait_until(is_made, 60, "an archive")
        manifest = (directory / shard / "manifest").read_bytes()
        assert hashlib.sha256(manifest).hexdigest() in said
    return directory


def test_an_archive_verifies_and_proves_by_itself(room, archives):
    for shard in room.shards:
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "manifest"],
                       cwd=archives / shard, check=True)
        assert verify(archives / shard, "--log-key", room.key)["good"]
    again = command(room, "archive", room.log, room.shards[0], archives, code=1)
    assert "exists" in again
    *_, present = shards_of(room)
    assert "only a complete shard" in command(room, "archive", room.log, present, archives,
                                              code=3)


def test_an_archive_that_was_touched_is_not_asked_for(room, archives, tmp_path):
    shard = room.shards[0]
    subprocess.run(["cp", "-r", str(archives / shard), str(tmp_path)], check=True)
    files = [line.split("  ", 1)[1] for line in
             (tmp_path / shard / "manifest").read_text().splitlines()]
    assert f"use/{shard}/tile/entries/000.p/{LEAVES}" in files
    for name in files:
        path = tmp_path / shard / name
        before = path.read_bytes()
        path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        said = command(room, "prune", shard, "--archive", tmp_path, "--place", "x", code=1)
        assert f"{name} is not what it was" in said
        path.write_bytes(before)


def test_only_what_the_archive_has_can_be_pruned(room, archives):
    params = json.loads(command(room, "prune", *room.shards, "--archive", archives, "--place",
                                "shelf 7", "--params"))
    def ask(**changes):
        shard = {**params["shards"][0], **changes}
        return room.send("POST", "/v1/operations", {"type": "log.prune", "requester": REQUESTER,
                                                    "params": {"place": "x", "shards": [shard]}})
    refused(ask(root=params["shards"][1]["root"][:-1] + "A"), 422, "another root")
    refused(ask(name="2001-01-0001"), 404, "no shard")
    *_, present = shards_of(room)
    refused(ask(name=present), 422, "only a complete shard")
    refused(ask(archive="00"), 400)
    answer = room.send("POST", "/v1/operations", {"type": "log.prune", "requester": REQUESTER,
                                                  "params": {"place": "x", "shards": []}})
    refused(answer, 400)


def alarms_about(room, name):
    return {leaf["data"]["about"] for leaf in read_tree(room.log / "events")
            if leaf["kind"] == "alarm" and leaf["data"]["alarm"] == name}


@contextlib.contextmanager
def kept_by_the_disk(path):
    """A file that cannot be removed; False where the file system has no such attribute."""
    program = shutil.which("chattr") or "false"
    try:
        yield subprocess.run([program, "+i", str(path)], check=False, capture_output=True).returncode == 0
    finally:
        subprocess.run([program, "-i", str(path)], check=False, capture_output=True)


@pytest.fixture(scope="module", name="pruned")
def shards_pruned_in_a_ceremony(room, archives, tmp_path_factory):
    people = Room.__new__(Room)
    people.bare, people.directory = room.appliance, tmp_path_factory.mktemp("ceremony")
    people.people = People(room.appliance.directory / "officers")
    people.environment = {**room.environment, "PRIVYSEAL_CEREMONIES": str(SCRIPTS)}
    first, second = room.shards
    prune = people.directory / "prune.json"
    prune.write_text(command(room, "prune", first, "--archive", archives, "--log-key", room.key,
                             "--place", "Room 2, shelf 7", "--params"))
    complete(people, "prune-shards", A, prune=prune)
    asked = json.loads(command(room, "prune", second, "--archive", archives, "--place", "cellar",
                               "--requester", REQUESTER, "--json"))
    # What could not be removed at once is as soon as it can be.
    with kept_by_the_disk(room.log / "use" / second / "offsets") as is_kept:
        # Another shard is looked at, so that this one is opened anew: to read, as nobody writes there.
        assert room.send("GET", f"/v1/log/use/{first}/checkpoint").status == 200
        assert room.gate.finish(asked).status == 201
        if is_kept:
            wait_until(lambda: alarms_about(room, "prune") == {second}, 60, "the alarm")
    for shard in room.shards:
        directory = room.log / "use" / shard
        wait_until(lambda directory=directory: os.listdir(directory) == ["checkpoint"], 60,
                   "the leaves to go")
    return archives


def rows_of(said, shard):
    return [(row["verdict"], row["text"]) for row in said["rows"] if row["tree"] == f"use/{shard}"]


def test_a_log_with_pruned_shards_verifies(room, pruned):
    said = verify(room.log, "--log-key", room.key)
    assert said["good"] and said["pruned_shards"] == 2
    (verdict, text), = rows_of(said, room.shards[0])
    manifest = hashlib.sha256((pruned / room.shards[0] / "manifest").read_bytes()).hexdigest()
    assert verdict == "NOTE" and manifest in text and "Room 2, shelf 7" in text
    whole = verify(room.log, "--log-key", room.key, "--archive", pruned)
    assert whole["good"] and whole["pruned_shards"] == 0
    assert whole["leaves"] >= said["leaves"] + 2 * LEAVES
    assert any(verdict == "PASS" and "approved" in text
               for verdict, text in rows_of(whole, room.shards[0]))


def test_a_pruned_shard_still_proves_from_the_archive(room, pruned):
    shard = room.shards[1]
    proof = command(None, "prove", pruned / shard, f"use/{shard}", LEAVES - 1)
    assert '"op":"sign"' in command(None, "verify-proof", "--log-key", room.key, text=proof)
    refused(room.client.get(f"/v1/log/use/{shard}/tlog-proof/0"), 404, "archive")
    refused(room.client.get(f"/v1/log/use/{shard}/tile/0/000.p/{LEAVES}"), 404, "archive")
    assert room.client.get(f"/v1/log/use/{shard}/checkpoint").status == 200


def test_damage_in_what_is_left_or_archived_is_found(room, pruned, tmp_path):
    first, second = room.shards
    subprocess.run(["cp", "-r", str(pruned), str(tmp_path / "archives")], check=True)
    bundle = tmp_path / "archives" / first / f"use/{first}/tile/entries/000.p/{LEAVES}"
    octets = bytearray(bundle.read_bytes())
    octets[len(octets) // 2] ^= 4
    bundle.write_bytes(octets)
    said = verify(room.log, "--archive", tmp_path / "archives", code=1)
    failures = {row["file"] for row in said["rows"] if row["verdict"] == "FAIL"}
    assert f"use/{first}/tile/entries/000.p/{LEAVES}" in failures or (
        f"use/{first}/tile/0/000.p/{LEAVES}" in failures), said
    subprocess.run(["cp", "-r", str(room.log), str(tmp_path / "log")], check=True)
    (tmp_path / "log/use" / first / "checkpoint").write_bytes(
        (room.log / "use" / second / "checkpoint").read_bytes())
    assert not verify(tmp_path / "log", code=1)["good"]


def test_it_starts_again_with_what_is_left(room, pruned):
    room.kill_keeper()
    assert room.appliance.client().post("/v1/jws/sign", {"key": KEY,
                                                         "payload": b64u(b"b")}).status == 200
    assert verify(room.log, "--archive", pruned)["good"]
    again = command(room, "prune", room.shards[0], "--archive", pruned, "--place", "x",
                    "--requester", REQUESTER, code=1)
    assert "pruned already" in again


def test_leaves_that_nobody_allowed_to_be_removed_are_missed(room, pruned):
    appliance = room.appliance
    appliance.client().post("/v1/jws/sign", {"key": KEY,
                                             "items": [{"payload": b64u(b"c")}] * LEAVES})
    *_, third = complete_shards(room, 3)
    for path in (room.log / "use" / third).iterdir():
        if path.name != "checkpoint":
            path.unlink()
    assert ("FAIL", "its leaves were removed, and no operation in events allowed that") in (
        rows_of(verify(room.log, code=1), third))
    before = set(appliance.pids("keeper"))
    for pid in before:
        os.kill(pid, 9)
    def is_told():
        client = appliance.client(5)
        try:
            return "log-damaged" in client.get("/health/ready").body.decode()
        except OSError:
            return False
        finally:
            client.close()
    wait_until(is_told, 60, "the damage to be told")
