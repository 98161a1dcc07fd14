"""Every object of a token is held against the catalog: what somebody else put there, took away or
put in its place is found, told and written down. And what there is, is backed up."""

import hashlib
import json
import os
from pathlib import Path
import re
import sqlite3
import subprocess

from cryptography.hazmat.primitives import serialization
import pytest

from harness import terminal
from harness.appliance import PATIENCE_S, Appliance, wait_until
from harness.dev_room import DevRoom
from harness.external_ca import ExternalCa
from harness.http_unix import unb64u
from harness.leaves import read_events
from harness.places import PRIVYSEAL, PRIVYSEALD, TOP

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
KEY = {"type": "ec-p256", "usage": "sign", "formats": ["jws"], "algorithms": ["ES256"]}
MADE_ANEW = ("--keypairgen", "--key-type", "EC:prime256v1")


@pytest.fixture(scope="module", name="profile")
def profile_that_may_change(tmp_path_factory):
    directory = tmp_path_factory.mktemp("profile")
    directory.chmod(0o755)
    copy = directory / "softhsm2.json"
    copy.write_bytes((TOP / "firmware-profiles" / "softhsm2.json").read_bytes())
    return copy


@pytest.fixture(scope="module", name="room")
def appliance_with_people(profile):
    with Appliance(arguments=["--set", "backup.keep=2", "--profile", str(profile)]) as appliance:
        yield DevRoom(appliance)


def pkcs11_tool(room, *arguments):
    """As whoever has the module, the PIN and the rights of the token process."""
    directory = room.appliance.directory
    owner = next((directory / "tokens").iterdir()).stat()
    pin = (directory / "pins/user").read_text().strip()
    done = subprocess.run(
        ["pkcs11-tool", "--module", MODULE, "--token-label", "privyseal-a", "--login", "--pin",
         "env:TOKEN_PIN", *arguments], check=True, capture_output=True, text=True,
        user=owner.st_uid, group=owner.st_gid,
        env={**os.environ, "SOFTHSM2_CONF": str(directory / "softhsm2.conf"), "TOKEN_PIN": pin})
    return done.stdout


def object_id(room, name):
    text = pkcs11_tool(room, "--list-objects", "--type", "privkey")
    after = text[text.index(f"label:      {name}\n"):]
    return after.split("ID:")[1].split()[0]


def put_certificate(room, key, label):
    """Of whatever key, under the id of one of ours."""
    ca = ExternalCa()
    path = room.appliance.directory / "planted.der"
    path.write_bytes(ca.root.public_bytes(serialization.Encoding.DER))
    path.chmod(0o644)
    pkcs11_tool(room, "--write-object", str(path), "--type", "cert", "--id", key, "--label", label)


def destroy(room, key):
    for kind in ("privkey", "pubkey"):
        pkcs11_tool(room, "--delete-object", "--type", kind, "--id", key)


def inventory(room):
    """A new one, of the only token."""
    begun = room.send("POST", "/v1/inventory")
    assert begun.status == 202 and begun.headers["location"] == "/v1/inventory"

    def ended():
        item, = room.send("GET", "/v1/inventory").json()["items"]
        return item if item["state"] == "done" else None

    return wait_until(ended, 60, "an inventory")


def findings(item):
    """A test looks at those of its own names: others leave theirs in the token."""
    return sorted((finding["kind"], finding.get("key") or finding["label"])
                  for finding in item["findings"])


@pytest.fixture(scope="module", name="untouched", autouse=True)
def inventory_before_all_others(room):
    room.post("/v1/keys", {**KEY, "name": "inventory.kept"})
    return inventory(room)


def test_a_token_as_the_appliance_left_it_has_nothing_to_find(untouched):
    assert (untouched["found"], untouched["findings"]) == (0, [])
    # Each key is a pair or a secret key; two data objects are the anchor.
    assert untouched["keys"] < untouched["objects"] <= 2 * untouched["keys"] + 2


def test_the_log_says_what_was_started(room, profile):
    """Program, configuration, module and profile, by their SHA-256: behind the genesis, and again
    by each start. Another profile of the same id is approved by the developer's people."""
    def sha256(path):
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()

    def events():
        return list(read_events(room.appliance.directory / "data/log"))

    def started():
        return [leaf["data"]["hashes"] for leaf in events() if leaf["kind"] == "start"]

    settings = room.appliance.directory / "privyseald.conf"
    lines = dict(re.findall(r"^(module|profile) = (.*)$", settings.read_text(), re.M))
    before = len(started())
    first = sha256(profile)
    room.client.close()
    room.appliance.stop()
    with open(profile, "a", encoding="ascii") as file:
        file.write("\n")
    room.appliance.start()
    hashes = wait_until(lambda: started()[before:], 60, "the start's leaf")[-1]
    assert [leaf["kind"] for leaf in events()[:2]] == ["genesis", "start"]
    # A developer's configuration is written anew by each start.
    same = {"configuration": hashes["configuration"], "profiles": {"a": first}}
    assert {**started()[0], "configuration": hashes["configuration"]} == {**hashes, **same}
    rows = [effect["row"] for leaf in events() for effect in leaf.get("data", {}).get("effects", [])
            if effect["kind"] == "token"]
    assert [unb64u(row["profile_hash"]).hex() for row in rows] == [first, sha256(profile)]
    assert {unb64u(row["module_hash"]).hex() for row in rows} == {hashes["modules"]["a"]}
    token, = room.appliance.management().get("/v1/system").json()["tokens"]
    assert token["profile_sha256"] == sha256(profile)
    assert hashes["modules"] == {"a": sha256(lines["module"])}
    assert hashes["profiles"] == {"a": sha256(lines["profile"])}
    assert hashes["configuration"] == sha256(settings)
    assert hashes["program"] == sha256(PRIVYSEALD)


def test_it_says_for_how_long_the_disk_will_do(room):
    """As both logs grow now, until nothing is left but the reserve."""
    def grown():
        answer = room.appliance.client().post("/v1/jws/sign", {"key": "oidc.id-token", "payload": "YQ"})
        assert answer.status == 200, answer
        shown = room.send("GET", "/v1/system").json()["disk"]
        text = room.send("GET", "/metrics").body.decode()
        told = re.findall(r"^privyseal_log_seconds_to_full (\d+)$", text, re.M)
        return shown if "seconds_to_full" in shown and told and int(told[0]) > 0 else None

    disk = wait_until(grown, 60, "a forecast")
    # In a minute they have written one leaf at least, and no more than there is.
    files = [path for path in (room.appliance.directory / "data/log").rglob("*") if path.is_file()]
    most, least = sum(path.stat().st_size for path in files), 200
    left = disk["octets_free"] - disk["octets_reserved"]
    assert left // most * 60 <= disk["seconds_to_full"] <= left // least * 60, (disk, most)


def test_what_others_did_in_the_token_is_found_and_told(room):
    before = findings(inventory(room))
    names = ("missing", "half", "drifted", "doubled", "classed", "undead")
    ids = {}
    for name in names:
        room.post("/v1/keys", {**KEY, "name": f"inventory.{name}"})
        ids[name] = object_id(room, f"inventory.{name}")
    room.post("/v1/keys/inventory.undead/deactivate")
    room.post("/v1/keys/inventory.undead/destroy")
    for name in ("missing", "drifted"):
        destroy(room, ids[name])
    pkcs11_tool(room, "--delete-object", "--type", "privkey", "--id", ids["half"])
    for name in ("drifted", "doubled", "undead"):
        pkcs11_tool(room, *MADE_ANEW, "--id", ids[name], "--label", f"inventory.{name}")
    pkcs11_tool(room, *MADE_ANEW, "--id", "77", "--label", "of somebody else")
    pkcs11_tool(room, "--keygen", "--key-type", "AES:32", "--id", ids["classed"], "--label", "inventory.classed")
    pkcs11_tool(room, "--write-object", str(TOP / "LICENSE"), "--type", "data", "--label", "data of somebody")
    put_certificate(room, object_id(room, "inventory.kept"), "beside ours")
    item = inventory(room)
    assert findings(item) == sorted(before + [
        ("drifted", "inventory.classed"), ("drifted", "inventory.doubled"), ("drifted", "inventory.drifted"),
        ("missing", "inventory.half"),
        ("missing", "inventory.missing"), ("undead", "inventory.undead"),
        ("undead", "inventory.undead"), ("unknown", "beside ours"), ("unknown", "data of somebody"),
        ("unknown", "of somebody else"), ("unknown", "of somebody else")])
    assert item["found"] == len(before) + 11
    attributes = {found["key"]: found["attribute"] for found in item["findings"] if found["kind"] == "drifted"}
    assert attributes["inventory.doubled"] == "id" and attributes["inventory.classed"] == "CKA_CLASS"
    events = list(read_events(room.appliance.directory / "data/log"))
    leaf = [leaf["data"] for leaf in events if leaf["kind"] == "inventory"][-1]
    assert leaf["findings"] == item["findings"] and leaf["token"] == "a"
    alarms = [leaf["data"] for leaf in events if leaf["kind"] == "alarm"]
    assert {alarm["about"] for alarm in alarms if alarm["alarm"] == "inventory"} == {"a"}


def alarms_of(room, name):
    return [leaf["data"] for leaf in read_events(room.appliance.directory / "data/log")
            if leaf["kind"] == "alarm" and leaf["data"]["alarm"] == name]


def write_to_the_catalog(room, statement, *values):
    """As somebody who has the file; the next keeper finds it so."""
    with sqlite3.connect(room.appliance.directory / "data" / "catalog.sqlite", timeout=60) as rows:
        rows.execute(statement, values)
    room.kill_keeper()


def test_rows_that_somebody_planted_keep_no_token_from_its_inventory(room):
    """What was reserved for a key, and a record of it that nobody can read: the object is left alone, and named."""
    planted = "78" * 16
    pkcs11_tool(room, *MADE_ANEW, "--id", planted, "--label", "planted")
    write_to_the_catalog(room, "insert into row (kind, name, revision, event, body) values "
                               "('reserved', ?, 1, 0, '{\"token\":\"a\"}'), ('wrapped', ?, 1, 0, '{}')",
                         planted, planted)
    pkcs11_tool(room, *MADE_ANEW, "--id", "7a", "--label", "of a stranger")
    found = findings(inventory(room))
    assert found.count(("unclear", "planted")) == 2 and ("unknown", "of a stranger") in found
    assert object_id(room, "planted") == planted
    write_to_the_catalog(room, "delete from row where name = ?", planted)
    found = findings(inventory(room))
    assert ("unclear", "planted") not in found and found.count(("unknown", "planted")) == 2


def test_a_row_that_somebody_planted_destroys_nothing_of_others(room):
    """An id that the appliance never chose: what has it in the token stays, and somebody wrote that row."""
    neighbour = "79" * 16
    before = len(alarms_of(room, "reserved-id"))
    pkcs11_tool(room, *MADE_ANEW, "--id", neighbour, "--label", "of a neighbour")
    write_to_the_catalog(room, "insert into row (kind, name, revision, event, body) values "
                               "('reserved', ?, 1, 0, '{\"token\":\"a\"}')", neighbour)
    assert findings(inventory(room)).count(("unknown", "of a neighbour")) == 2
    assert object_id(room, "of a neighbour") == neighbour
    wait_until(lambda: len(alarms_of(room, "reserved-id")) > before, 30, "the alarm")
    with sqlite3.connect(room.appliance.directory / "data" / "catalog.sqlite", timeout=60) as rows:
        assert rows.execute("select * from row where kind = 'reserved' and name = ?", (neighbour,)).fetchall() == []


def test_only_who_manages_tokens_asks_for_one(room):
    assert room.appliance.client().get("/v1/inventory").status == 404  # of the other listener
    assert room.send("PUT", "/v1/inventory").status == 405


# --- Backups ---


def command(*words):
    return subprocess.run([str(PRIVYSEAL), *[str(word) for word in words]], capture_output=True,
                          text=True, check=False)


def backups(room):
    return [item["file"] for item in room.send("GET", "/v1/backups").json()["items"]]


def back_up(room):
    """One more; the path of its file."""
    before = backups(room)

    def made():
        answer = room.send("GET", "/v1/backups").json()
        assert "failure" not in answer, answer
        if answer["state"] != "idle":
            return None
        newest = answer["items"][-1]["file"]
        if newest not in before:
            return newest
        assert room.send("POST", "/v1/backups").status == 202  # it had the name of the last one
        return None

    name = wait_until(made, 60, "a backup")
    return room.appliance.directory / "backups" / name


def test_a_backup_has_the_log_and_the_wrapped_keys_and_verifies_offline(room):
    room.post("/v1/operations", {"type": "wrapping.create", "params": {}})
    room.post("/v1/keys", {**KEY, "name": "inventory.wrapped", "residence": "wrapped",
                           "recovery": "wrapped"})
    path = back_up(room)
    said = json.loads(command("backup", "verify", path, "--json").stdout)
    assert said["good"] and said["rows"] == 1
    assert said["octets"] == path.stat().st_size

    def kept_leaves():
        return [leaf["data"] for leaf in read_events(room.appliance.directory / "data/log")
                if leaf["kind"] == "backup-kept" and leaf["data"]["file"] == path.name]

    kept, = wait_until(kept_leaves, 60, "its leaf")
    assert kept == {"file": path.name, "leaves": said["leaves"], "octets": said["octets"],
                    "rows": 1}
    assert command("backup", "verify", path, "--genesis", said["genesis"]).returncode == 0
    assert command("backup", "verify", path, "--genesis", "00" * 32).returncode == 1
    octets = bytearray(path.read_bytes())
    octets[octets.index(b'"kind":"wrapped"') - 20] ^= 1  # in its MAC or its blob
    changed = room.appliance.directory / "changed"
    changed.write_bytes(octets)
    refused = command("backup", "verify", changed)
    assert refused.returncode == 1 and "at octet" in refused.stderr, refused


def test_rows_that_somebody_planted_keep_nothing_from_being_restored(room):
    """They are in the backup like the others; the drill finds fault with them, and a restore passes them over."""
    planted = [("no id", "{}"), ("7b" * 16, "no body"), ("7c" * 15, "{}")]
    catalog = room.appliance.directory / "data" / "catalog.sqlite"
    with sqlite3.connect(catalog, timeout=60) as rows:
        rows.executemany("insert into row (kind, name, revision, event, body) values ('wrapped', ?, 1, 0, ?)", planted)
    path = back_up(room)
    said = json.loads(command("backup", "verify", path, "--json").stdout)
    found = json.loads(command("backup", "restore", path, "--genesis", said["genesis"], "--config",
                               room.appliance.directory / "privyseald.conf", "--dry-run", "--json").stdout)
    assert found["good"] and found["rows"] - found["passed_over"] == 1 and found["passed_over"] == len(planted), found
    assert "inventory.wrapped" not in found["lost"]
    with sqlite3.connect(catalog, timeout=60) as rows:
        rows.executemany("delete from row where kind = 'wrapped' and name = ? and body = ?", planted)


def wait(room, what):
    return subprocess.run([str(PRIVYSEAL), "backup", what, "--wait", "--json"], capture_output=True, text=True,
                          check=False, timeout=PATIENCE_S, env={**os.environ, **room.appliance.environment})


def test_how_far_it_is_can_be_waited_for(room):
    """On standard error, a line each time that it is something else; the answer at the end is that of `backup list`."""
    before = backups(room)
    made = wait(room, "create")
    shown = json.loads(made.stdout)
    assert made.returncode == 0 and shown["state"] == "idle" and shown["items"][-1]["file"] not in before, made
    said = r"(backup create: (due|rows|naming|signing|leaves(, \d+ of \d+)?|checking)\n)+"
    assert re.fullmatch(said, made.stderr), made
    held = wait(room, "drill")
    last = json.loads(held.stdout)["last"]
    assert held.returncode == 0 and last["good"] and last["file"] == shown["items"][-1]["file"], held
    assert re.fullmatch(r"(backup drill: (due|reading|trying)\n)+", held.stderr), held


def test_who_waits_is_told_that_it_was_in_vain(room):
    directory = room.appliance.directory / "backups"
    newest = directory / backups(room)[-1]
    good = newest.read_bytes()
    newest.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    held = wait(room, "drill")
    assert held.returncode == 1 and "the drill was not good: " in held.stderr, held
    newest.write_bytes(good)
    rights = directory.stat().st_mode
    directory.chmod(0o500)
    made = wait(room, "create")
    directory.chmod(rights)
    assert made.returncode == 1 and "no backup was made: " in made.stderr, made
    made = wait(room, "create")
    assert made.returncode == 0 and "failure" not in json.loads(made.stdout), made


def test_on_a_terminal_reading_a_backup_shows_how_far_it_is(room):
    path = back_up(room)
    for what, begin in (("verify", "PASS"), ("prove", "c2sp.org/tlog-proof")):
        code, shown = terminal.run([PRIVYSEAL, "backup", what, path])
        percents = [int(number) for number in re.findall(r"reading the backup: (\d+) %", shown)]
        assert code == 0 and percents[0] == 0 and percents[-1] == 100 and percents == sorted(percents), shown
        assert shown[shown.index("100 %") + len("100 %"):].lstrip().startswith(begin), shown
    assert command("backup", "verify", path).stderr == ""


def test_the_oldest_goes_only_after_a_newer_one_is_good(room):
    while len(backups(room)) < 2:
        back_up(room)
    oldest = backups(room)[0]
    back_up(room)
    assert len(backups(room)) == 2 and oldest not in backups(room)

    def removed():
        return [leaf["data"]["file"] for leaf in read_events(room.appliance.directory / "data/log")
                if leaf["kind"] == "backup-removed"]

    wait_until(lambda: removed()[-1:] == [oldest], 30, "its leaf")
