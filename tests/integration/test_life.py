"""A whole life: genesis, two tokens, backups, loss, restore on another box, and the end."""

import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

from jwcrypto import jwk, jws
import pytest

from harness import documents
from harness.appliance import wait_until
from harness.bare import BareAppliance, copy_of_log
from harness.holders import Holders
from harness.http_unix import Client
from harness.leaves import read_events, whole_leaves
from harness.people import Gate, People
from harness.places import BUILD, PRIVYSEAL
from harness.witness import Witness, log_key

OFFICER = BUILD / "appliance" / "officer" / "privyseal-officer"
# When the keeper is killed after a restore was approved, in milliseconds from the request.
DELAY_MS = int(os.environ.get("PRIVYSEAL_RESTORE_DELAY", "40"))
PAYLOAD = base64.urlsafe_b64encode(b"paid").decode().rstrip("=")


def command(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          check=False, timeout=120)


class Box:
    """An appliance and its people."""

    def __init__(self, bare, people):
        self.bare = bare
        self.people = people

    def send(self, method, path, body=None, headers=None):
        client = self.bare.management(120)
        try:
            return client.request(method, path, body, headers)
        finally:
            client.close()

    def change(self, method, path, body=None):
        """Approved by people and executed; the operation's id."""
        gate = Gate(self.send, self.people)
        asked = self.send(method, path, {"requester": "officer-1", **(body or {})})
        assert asked.status == 202, (method, path, asked)
        answer = gate.finish(asked.json())
        if answer.status == 202:  # it goes on
            wait_until(lambda: self.state_of(asked.json()["id"]) != "executing", 60, "its end")
            assert self.state_of(asked.json()["id"]) == "done", (method, path)
        else:
            assert answer.status in (200, 201), (method, path, answer)
        return asked.json()["id"]

    def state_of(self, operation):
        return self.send("GET", f"/v1/operations/{operation}").json().get("state")

    def do(self, kind, subject="", params=None):
        if kind == "token.accept":
            self.bare.wait_seen(subject)
        return self.change("POST", "/v1/operations",
                           {"type": kind, "subject": subject, "params": params or {}})

    def make(self, name, **members):
        usual = {"type": "ec-p256", "usage": "sign", "formats": ["jws"], "algorithms": ["ES256"]}
        self.change("POST", "/v1/keys", {"name": name, **(members if "usage" in members else
                                                          {**usual, **members})})

    def bring(self, path, entry, key):
        """A change of people by which somebody comes, who shows to have the key; the operation's id."""
        gate = Gate(self.send, self.people)
        asked = self.send("POST", path, {"requester": "officer-1", **entry}).json()
        octets = documents.canonical(asked["document"])
        asked["state"] = gate.step(asked, "request", "officer-1", octets)
        said = {"person": entry["person"], "signature": self.people.sign(key, octets, "statement")}
        assert self.send("POST", f"/v1/operations/{asked['id']}/statements", said).status == 200
        answer = gate.finish(asked)
        assert answer.status in (200, 201), answer
        return asked["id"]

    def ask(self, path, body):
        client = Client(str(self.bare.directory / "clients.sock"), 60)
        try:
            return client.request("POST", path, body)
        finally:
            client.close()

    def sign(self, key):
        return self.ask("/v1/jws/sign", {"key": key, "payload": PAYLOAD})

    def use(self, key, verb, **members):
        answer = self.ask(f"/v1/keys/{key}/{verb}", members)
        assert answer.status == 200, (key, verb, answer)
        return answer.json()

    def system(self):
        return self.send("GET", "/v1/system").json()

    def reasons(self):
        try:
            return {item["code"]: item["detail"] for item in self.system().get("reasons", [])}
        except (OSError, ValueError):
            return {}

    def is_well(self):
        return '"operational"' in self.bare.ready()

    def backups(self):
        """Their names; None while one is being made."""
        answer = self.send("GET", "/v1/backups").json()
        return {item["file"] for item in answer["items"]} if answer["state"] == "idle" else None

    def backup(self):
        """One more; the path of its file."""
        wait_until(lambda: self.backups() is not None, 60, "no backup under way")
        before = self.backups() or set()

        def made():
            found = self.backups()
            if found is None:
                return None
            if found - before:
                return max(found - before)
            assert self.send("POST", "/v1/backups").status == 202  # or it had the last one's name
            return None

        return self.bare.directory / "backups" / wait_until(made, 60, "a backup")

    def nightly_backup(self):
        """One that nobody asks for, as those of before were carried away and another is due; the path of its file."""
        wait_until(lambda: self.backups() is not None, 60, "no backup under way")
        carried = self.backups()
        for name in carried:
            (self.bare.directory / "backups" / name).rename(self.bare.directory / f"carried-{name}")

        def made():
            found = self.backups()
            return found and max(found)

        name = wait_until(made, 60, "the backup that is due")
        kept = [leaf for leaf in read_events(self.bare.directory / "data" / "log")
                if leaf["kind"] == "backup-kept" and leaf["data"]["file"] == name]
        assert name not in carried and len(kept) == 1 and "caller" not in kept[0], kept
        return self.bare.directory / "backups" / name

    def log(self):
        """Its directory, once all that there is now is signed for."""
        size = self.system()["logs"]["events"]["size"]

        def is_signed():
            note = self.send("GET", "/v1/log/events/checkpoint")
            return note.status == 200 and int(note.body.split(b"\n")[1]) >= size

        wait_until(is_signed, 60, "a checkpoint")
        return self.bare.directory / "data" / "log"


class NextBox(BareAppliance):
    """A new machine, to which the second token of another one was brought."""

    def __init__(self, model, first, backup, genesis, more=()):
        super().__init__(model, witness=first.witness)
        self.first = first
        self.words = [backup, "--genesis", genesis, "--json", *more]

    def launch(self):
        """Takes over the section of token b, and with it the token's store."""
        settings = self.directory / "privyseald.conf"
        if "[token b]" not in settings.read_text():
            section = re.search(r"^\[token b\]\n(?:[^\[].*\n)*",
                                (self.first.directory / "privyseald.conf").read_text(), re.M)
            text = re.sub(r"^\[token a\]\n(?:[^\[].*\n)*", "", settings.read_text(), flags=re.M)
            settings.write_text(text + section.group())
            self.add_console()
            words = [PRIVYSEAL, "backup", "restore", *self.words, "--config", settings]
            self.dry = command(*words, "--dry-run")
            assert not (self.directory / "data" / "restore").exists()
            self.said = command(*words)
            assert self.said.returncode == 0, self.said
        super().launch()

    def is_up(self):
        return '"locked"' in self.ready()


def kill_keeper(bare, delay_ms=0):
    before = bare.keepers()
    time.sleep(delay_ms / 1000)  # any moment will do: it is killed wherever it is
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: bare.keepers() and not set(before) & set(bare.keepers()), 60,
               "another keeper")


def has_keys(box):
    return "not made yet" not in box.reasons().get("restored", "not made yet")


def go_on(box):
    """People approve that the restored appliance goes on; it is killed meanwhile, and asked anew."""
    wait_until(lambda: "restored" in box.reasons(), 60, "the restored appliance")
    box.change("POST", "/v1/configuration/approve")
    wait_until(lambda: has_keys(box), 60, "its new keys")
    kill_keeper(box.bare)
    wait_until(lambda: has_keys(box), 60, "the keys that it has made before")
    gate = Gate(box.send, box.people)
    answer = box.send("POST", "/v1/restore", {"requester": "officer-1"})
    assert answer.status == 202, answer
    document = answer.json()["document"]["params"]
    gate.approve(answer.json())

    def execute():
        with contextlib.suppress(OSError, http.client.HTTPException):  # it is killed meanwhile
            box.send("POST", f"/v1/operations/{answer.json()['id']}/execute", {})

    executing = threading.Thread(target=execute)
    executing.start()
    kill_keeper(box.bare, DELAY_MS)
    executing.join()
    wait_until(lambda: box.is_well() or has_keys(box), 60, "it to be back")

    def goes_on():
        """What was not begun before the death is executed, what was not done is asked for anew."""
        shown = box.send("GET", f"/v1/operations/{answer.json()['id']}").json()
        if shown.get("state") == "approved":
            execute()
        elif shown.get("state") == "failed":
            gate.change("POST", "/v1/restore")
        return box.is_well()

    wait_until(goes_on, 60, "the restored appliance to work")
    return document


def transcript(box, operations, path, genesis):
    """Of the operations; verified by the officers' program from the genesis alone."""
    made = command(PRIVYSEAL, "ceremony", "transcript", "--log", box.log(), "--out", path,
                   *(word for one in operations for word in ("--operation", one)))
    assert made.returncode == 0, made
    found = command(OFFICER, "verify", path, "--genesis", genesis)
    assert found.returncode == 0, found
    return found.stdout


def newcomer(people, person, key):
    """The entry of an officer whose key is made here."""
    documents.make_key(people.directory / key)
    return {"person": person, "role": "officer", "valid_until": documents.moment(24 * 365),
            "keys": [documents.public_line(people.directory / key)]}


WRAPPED = {"ec-p256": "ES256", "ec-p384": "ES384", "ec-p521": "ES512", "ec-secp256k1": "ES256K",
           "rsa-2048": "PS256"}


def public_keys(box):
    """Of the keys that are kept and sign."""
    return {kind: box.send("GET", f"/v1/keys/kept.{kind}/public").json() for kind in WRAPPED}


def assert_same_keys_sign(box, public, but):
    """As before the loss, judged by software that is not ours."""
    assert public_keys(box) == public
    for kind, algorithm in WRAPPED.items():
        if kind != but:
            token = jws.JWS()
            token.allowed_algs = [algorithm]
            token.deserialize(box.sign(f"kept.{kind}").json()["jws"])
            token.verify(jwk.JWK(**public[kind]))
            assert token.payload == b"paid"


def equip(box):
    """Two tokens, a root CA, the wrapping key in both, keys of all kinds, and who may sign."""
    box.do("token.accept", "b")
    box.make("ca", type="ec-p256", usage="certify", formats=["x509"], algorithms=["ES256"],
             **{"class": "A"})
    box.do("certificate.root", "ca", {"subject": {"common_name": "Root"}, "validity_s": 86400})
    box.do("wrapping.create")
    box.do("wrapping.prepare", "b")
    carried = box.do("wrapping.carry")
    for kind, algorithm in WRAPPED.items():
        box.make(f"kept.{kind}", type=kind, algorithms=[algorithm], residence="wrapped",
                 recovery="wrapped")
    box.make("kept.replicated", residence="wrapped", recovery="replicated")
    for name, kind, usage in (("aes", "aes-256", "encrypt"), ("mac", "hmac-sha256", "mac")):
        box.make(f"kept.{name}", type=kind, usage=usage, residence="wrapped", recovery="wrapped")
    box.make("lost.ed25519", type="ed25519", algorithms=["EdDSA"])
    box.make("lost.rsa", type="rsa-3072", algorithms=["RS256"])
    box.make("lost.rsa-4096", type="rsa-4096", algorithms=["PS512"])
    box.make("lost.aes", type="aes-256", usage="encrypt")
    box.make("lost.mac", type="hmac-sha256", usage="mac")
    box.change("POST", "/v1/grants", {"client": "operator", "keys": "*",
                                      "operations": ["jws.sign"], "formats": ["jws"]})
    box.change("POST", "/v1/grants", {"client": "operator", "keys": "kept.*",
                                      "operations": ["mac", "encrypt", "decrypt"]})
    box.change("POST", "/v1/clients", {"name": "front", "uids": [7001], "listener": "clients"})
    return carried


@pytest.fixture(scope="module")
def lives(settings, tmp_path_factory):
    """A first life up to its loss: its people, backup, genesis, and what came after the backup."""
    people = People(tmp_path_factory.mktemp("life") / "people").make()
    witness = Witness(people.directory / "witness", "w.example/1")
    with BareAppliance(settings, tokens=["b"], attended=["b"], witness=witness.key) as bare:
        bare.found(people, policy=documents.policy(cooling_off_s="0"))
        box = Box(bare, people)
        witness.watch(log_key(box.log()))
        box.bring("/v1/officers", newcomer(people, "officer-5", "officer-5"), "officer-5")
        carried = equip(box)
        for kind in WRAPPED:
            assert box.sign(f"kept.{kind}").status == 200, kind
        public = public_keys(box)
        sealed = box.use("kept.aes", "encrypt", plaintext=PAYLOAD)["ciphertext"]
        mac = box.use("kept.mac", "mac", message=PAYLOAD)["mac"]
        backup = box.nightly_backup()
        said = json.loads(command(PRIVYSEAL, "backup", "verify", backup, "--json").stdout)
        removed = [box.do("officer.remove", "officer-5"), box.do("client.remove", "front"),
                   box.do("key.suspend", "kept.ec-p521")]
        box.make("late", residence="wrapped", recovery="wrapped")
        box.log()
        witness.see(bare)
        seen = shutil.copy(witness.seen(), bare.directory / "seen.txt")
        mirror = copy_of_log(box.log(), bare.directory / "mirror")
        shown = transcript(box, [carried, *removed], bare.directory / "before.json", said["genesis"])
        assert "officer.remove" in shown
        bare.stop()
        shutil.rmtree(bare.directory / "tokens")  # the first token is no more
        yield {"bare": bare, "people": people, "backup": backup, "genesis": said["genesis"],
               "mirror": mirror, "sealed": sealed, "mac": mac, "public": public, "witness": witness,
               "seen": ["--checkpoint", seen, "--witness", witness.key]}


def lose_the_process(box):
    """Of the only token that opens a wrapped key, while one is used: its own token is not here."""
    def sent():
        metrics = box.send("GET", "/metrics").body.decode()
        return re.findall(r'^privyseal_queue_seconds_count{token="b"} (\d+)$', metrics, re.M)

    keepers, before, answers = box.bare.keepers(), sent(), []
    for pid in box.bare.children("token", "b/0"):
        os.kill(pid, signal.SIGSTOP)
    signing = threading.Thread(target=lambda: answers.append(box.sign("kept.ec-p256").status))
    signing.start()
    wait_until(lambda: sent() != before, 60, "the request to be at the process")
    box.bare.kill_token("b")
    signing.join()
    assert answers[0] in (200, 503), answers
    wait_until(lambda: box.sign("kept.ec-p256").status == 200, 60, "the token again")
    assert box.bare.keepers() == keepers


def replace_holder(box, directory):
    """An officer who holds a share is replaced, with a new PIN. What was restored is judged anew at each start."""
    bare, people = box.bare, box.people
    holders = Holders(directory, {**os.environ, "PRIVYSEAL_MANAGEMENT_SOCKET": str(
        bare.directory / "management.sock")}, "b")

    def splitting(*names):
        return json.loads(holders.splitting(*names).read_text())

    box.do("pin.split", "b", splitting("officer-2", "officer-3", "officer-4"))
    old = [holders.share(f"officer-{number}") for number in (2, 3, 4)]
    done = [box.bring("/v1/officers/officer-4/replace", newcomer(people, "officer-4", "officer-4.new"),
                      "officer-4.new"),
            box.do("pin.change", "b", splitting("officer-2", "officer-3"))]
    wait_until(box.is_well, 60, "the token with its new PIN")
    bare.stop()
    bare.add_token("c")
    bare.launch()
    wait_until(lambda: "configuration" in box.reasons(), 60, "the appliance with a third token")
    box.change("POST", "/v1/configuration/approve")
    wait_until(lambda: ("b", "user") in holders.asked_for(), 60, "the appliance to wait for shares")
    for share in old:
        refused = holders.send(share)
        assert refused.returncode == 3 and "another splitting" in refused.stderr, refused
    for name in ("officer-2", "officer-3"):
        sent = holders.send(holders.share(name))
        assert sent.returncode == 0, sent
    wait_until(box.is_well, 60, "the restored appliance again")
    return done


def let_go(box, token):
    """A token that holds nothing, once an inventory has said so; the operation's id."""
    def is_empty():
        return next(item for item in box.send("GET", "/v1/inventory").json()["items"]
                    if item["token"] == token)["state"] == "done"

    wait_until(is_empty, 60, "an inventory of it")
    gone = box.do("token.decommission", token)
    refused = box.send("POST", f"/v1/tokens/{token}/decommission", {"requester": "officer-1"})
    assert refused.status == 404, refused  # it is none of ours any more
    return [gone]


def assert_held_against_the_witness(box, witness, put_back, directory):
    """What the life ends with is all that was seen; a copy of before, and one that is cut off, are not."""
    box.log()
    witness.see(box.bare)
    words = ["--checkpoint", witness.seen(), "--witness", witness.key]

    def failures(log, *more):
        found = json.loads(command(PRIVYSEAL, "log", "verify", log, "--json", *more).stdout)
        return [(row["check"], row["file"], row["text"]) for row in found["rows"] if row["verdict"] == "FAIL"]

    assert failures(box.log(), *words) == []
    assert failures(put_back) == []  # it is whole: nothing in it knows of what came after
    found = failures(put_back, *words)
    assert [row[:2] for row in found] == [("leaves", "events/entries")], found
    assert str(witness.leaves()) in found[0][2], found
    # The files of now, with the checkpoints of then.
    cut = copy_of_log(box.log(), directory / "cut")
    for name in ("checkpoint", next((put_back / "events").glob("witnessed.*")).name):
        shutil.copy(put_back / "events" / name, cut / "events" / name)
    size = int((cut / "events" / "checkpoint").read_text().split("\n")[1])
    octets = (cut / "events" / "entries").read_bytes()
    ends = [end for _leaf, end in whole_leaves(octets)]
    (cut / "events" / "entries").write_bytes(octets[:ends[size - 1]])
    found = ("leaves", "events/entries", f"the leaves end here, and there were {witness.leaves()}")
    assert found in failures(cut, *words) and found not in failures(cut)


def test_a_life_goes_on_with_the_second_token(lives, settings, tmp_path):
    with NextBox(settings, lives["bare"], lives["backup"], lives["genesis"],
                 ["--events", lives["mirror"], *lives["seen"]]) as bare:
        dry, said = json.loads(bare.dry.stdout), json.loads(bare.said.stdout)
        gone = ["ca", "late", "lost.aes", "lost.ed25519", "lost.mac", "lost.rsa",
                "lost.rsa-4096"]
        assert dry["dry_run"] and dry["lost"] == said["lost"] == gone
        assert said["mirrored"] and said["replayed"] > 0
        assert said["missing"] == 0 and said["witnessed"]["cosigned"] == 1, said
        box = Box(bare, lives["people"])
        document = go_on(box)
        assert document["lost"] == gone and document["gone"] == ["a"] and document["mirrored"]
        for kind in WRAPPED:
            expected = 409 if kind == "ec-p521" else 200  # it was suspended after the backup
            assert box.sign(f"kept.{kind}").status == expected, kind
        assert_same_keys_sign(box, lives["public"], but="ec-p521")
        assert box.use("kept.aes", "decrypt", ciphertext=lives["sealed"])["plaintext"] == PAYLOAD
        assert box.use("kept.mac", "mac/verify", message=PAYLOAD, mac=lives["mac"])["valid"]
        assert box.sign("kept.replicated").status == 200
        assert box.sign("lost.ed25519").status == 503
        lose_the_process(box)
        people = [item["person"] for item in box.send("GET", "/v1/officers").json()["items"]]
        assert "officer-5" not in people
        assert box.send("GET", "/v1/clients/front").status == 404
        witness = lives["witness"]
        witness.watch(log_key(box.log()), "--instead-of", log_key(lives["mirror"]))
        witness.see(bare)
        put_back = copy_of_log(box.log(), tmp_path / "put back")
        ends = replace_holder(box, tmp_path / "holders")
        ends += [box.do("token.accept", "c"), *let_go(box, "c"), box.do("key.compromise", "kept.rsa-2048"), box.do("key.deactivate", "kept.ec-p384"),
                box.do("key.destroy", "kept.ec-p384")]
        assert [box.sign(f"kept.{kind}").status for kind in ("rsa-2048", "ec-p384")] == [409, 409]
        shown = transcript(box, ends, tmp_path / "after.json", lives["genesis"])
        for kind in ("appliance.restore", "officer.replace", "pin.change", "key.compromise", "key.destroy",
                     "token.decommission"):
            assert kind in shown, shown
        backup = box.backup()
        verified = command(PRIVYSEAL, "backup", "verify", backup, "--genesis", lives["genesis"])
        assert verified.returncode == 0, verified
        verified = command(PRIVYSEAL, "log", "verify", box.log())
        assert verified.returncode == 0 and "restored from a backup" in verified.stdout, verified
        assert_held_against_the_witness(box, witness, put_back, tmp_path)


def test_without_a_mirror_it_is_said_loudly(lives, settings):
    with NextBox(settings, lives["bare"], lives["backup"], lives["genesis"], lives["seen"]) as bare:
        said = json.loads(bare.said.stdout)
        assert not said["mirrored"] and "late" not in said["lost"]
        assert said["missing"] > 0 and said["witnessed"]["leaves"] == said["leaves"] + said["missing"]
        box = Box(bare, lives["people"])
        wait_until(lambda: "WITHOUT a mirror" in box.reasons().get("restored", ""), 60, "a warning")
        assert box.sign("kept.ec-p256").status != 200
        people = [item["person"] for item in box.send("GET", "/v1/officers").json()["items"]]
        assert "officer-5" in people  # which is why it is said
        words = command(PRIVYSEAL, "backup", "restore", lives["backup"], "--genesis",
                        lives["genesis"], "--config", bare.directory / "privyseald.conf")
        assert words.returncode != 0 and "has an appliance in it" in words.stderr, words


def test_what_is_not_the_backup_of_this_genesis_is_not_restored(lives, settings, tmp_path):
    config = lives["bare"].directory / "privyseald.conf"
    words = [PRIVYSEAL, "backup", "restore", lives["backup"], "--config", config, "--dry-run"]
    assert command(*words, "--genesis", "00" * 32).returncode == 1
    assert "--genesis" in command(*words).stderr
    broken = tmp_path / "mirror"
    shutil.copytree(lives["mirror"], broken)
    entries = broken / "events" / "entries"
    octets = bytearray(entries.read_bytes())
    at = octets.rindex(b"officer-5")
    octets[at] ^= 1
    entries.write_bytes(octets)
    refused = command(*words, "--genesis", lives["genesis"], "--events", broken)
    assert refused.returncode == 1 and "nothing was restored" in refused.stderr, refused
    # One that ends before the backup knows nothing of what came after it.
    behind = tmp_path / "behind" / "events"
    behind.mkdir(parents=True)
    lines = (lives["mirror"] / "events" / "checkpoint").read_text().split("\n")
    (behind / "checkpoint").write_text("\n".join([lines[0], "1", *lines[2:]]))
    refused = command(*words, "--genesis", lives["genesis"], "--events", behind.parent)
    assert refused.returncode == 1 and "ends before the backup" in refused.stderr, refused


@pytest.fixture(scope="module")
def parted(settings, tmp_path_factory):
    """An appliance whose second token had the first version of the wrapping key alone, when the first one was lost."""
    people = People(tmp_path_factory.mktemp("parted") / "people").make()
    with BareAppliance(settings, tokens=["b"]) as bare:
        bare.found(people, policy=documents.policy(cooling_off_s="0"))
        box = Box(bare, people)
        for kind, subject in (("token.accept", "b"), ("wrapping.create", ""), ("wrapping.prepare", "b"),
                              ("wrapping.carry", "")):
            box.do(kind, subject)
        for name in ("older", "both"):
            box.make(name, residence="wrapped", recovery="wrapped")
        box.do("wrapping.create")
        box.make("newer", residence="wrapped", recovery="wrapped")
        box.do("key.rotate", "both")
        box.do("key.activate", "both")
        box.change("POST", "/v1/grants", {"client": "operator", "keys": "*", "operations": ["jws.sign"],
                                          "formats": ["jws"]})
        for name in ("older", "both", "newer"):
            assert box.sign(name).status == 200, name
        assert box.system()["recovery"]["unrecoverable"]["count"] == 0
        backup = box.backup()
        said = command(PRIVYSEAL, "backup", "verify", backup, "--json")
        assert said.returncode == 0, said
        bare.stop()
        shutil.rmtree(bare.directory / "tokens")
        yield {"bare": bare, "people": people, "backup": backup,
               "genesis": json.loads(said.stdout)["genesis"]}


def approve_restored(box):
    wait_until(lambda: "restored" in box.reasons(), 60, "the restored appliance")
    box.change("POST", "/v1/configuration/approve")
    wait_until(lambda: has_keys(box), 60, "its new keys")
    box.change("POST", "/v1/restore")
    wait_until(box.is_well, 60, "the restored appliance to work")


def unrecoverable(box):
    found = box.system()["recovery"]["unrecoverable"]
    assert found["unknown"] == 0 and found["count"] == len(found["keys"]), found
    return found["keys"]


def test_what_the_second_token_has_no_version_for_is_lost_and_the_rest_goes_on(parted, settings):
    with NextBox(settings, parted["bare"], parted["backup"], parted["genesis"]) as bare:
        wraps = ["privyseal.record-mac", "privyseal.wrapping", "privyseal.wrapping-secrets"]
        assert json.loads(bare.said.stdout)["lost"] == ["both", "newer", *wraps]
        box = Box(bare, parted["people"])
        approve_restored(box)
        assert unrecoverable(box) == ["both", "newer", *wraps]
        assert box.sign("older").status == 200
        for name in ("both", "newer"):
            refused = box.sign(name)
            assert refused.status == 503 and "opens it" in refused.json()["detail"], refused
        # The way on of docs/backup.md: another version, all under it that opens, and the lost one gone.
        box.do("wrapping.create")
        box.make("next", residence="wrapped", recovery="wrapped")
        box.do("wrapping.rewrap")
        box.do("key.rotate", "both")
        box.do("key.activate", "both")
        assert [box.sign(name).status for name in ("older", "both", "newer", "next")] == [200, 200, 503, 200]
        box.do("key.deactivate", "newer")
        box.do("key.destroy", "newer")
        box.do("key.destroy", "both", {"version": 2})
        box.do("wrapping.destroy", "", {"version": 2})
        assert unrecoverable(box) == []
        assert [box.sign(name).status for name in ("older", "both", "next")] == [200, 200, 200]
        verified = command(PRIVYSEAL, "log", "verify", box.log())
        assert verified.returncode == 0, verified
