"""The scripts of PINs and of the key that wraps, run unchanged; what officers do between is done with stock tools."""

import ctypes
import html.parser
import json
import os
import re
import shutil
import subprocess

from jwcrypto import jwe, jwk
import pytest

from harness import documents, memory, shares
from harness.appliance import PATIENCE_S, wait_until
from harness.bare import BareAppliance
from harness.contract import Contract
from harness.holders import Holders
from harness.http_unix import Client, unb64u
from harness.leaves import read_events
from harness.officers import call
from harness.people import Gate
from harness.places import BUILD, PRIVYSEAL
from harness.rooms import A, B, C, Room, complete, entry, genesis_hash, typed

TOKEN = "b"  # attended
HOLDERS = ["officer-2", "officer-3", "officer-4"]


@pytest.fixture(scope="module")
def room(settings, tmp_path_factory):
    with BareAppliance(settings, tokens=[TOKEN], attended=[TOKEN]) as bare:
        made = Room(bare, tmp_path_factory.mktemp("custody"))
        bare.found(made.people, policy=documents.policy(cooling_off_s="0"))
        serial = wait_until(lambda: system(made)["tokens"][1].get("serial"), 60, "the token to be seen")
        typed(made, "accept-token", A, token=TOKEN, serial=serial, bag="B 1")
        wait_until(lambda: is_ready(made), 60, "the token to log in")
        yield made


@pytest.fixture(scope="module")
def holders(room):
    return Holders(room.directory / "holders", room.environment, TOKEN)


def system(room):
    return room.bare.management().get("/v1/system").json()


def codes(room):
    return [item["code"] for item in system(room)["warnings"]]


def is_ready(room):
    return system(room)["tokens"][1]["state"] == "ready"


def waits(room):
    try:
        return room.bare.management().get("/v1/unlock").json()["tokens"] != []
    except (KeyError, OSError, ValueError):
        return False


def warnings(room):
    return [item["detail"] for item in system(room)["warnings"] if item["code"] == "shares"]


def test_a_pin_is_split_and_then_changed_to_one_that_nobody_has_seen(room, holders):
    complete(room, "split-pin", A, token=TOKEN, splitting=holders.splitting(*HOLDERS))
    first = holders.share("officer-2")
    pin = (room.bare.directory / "pins" / "user").read_bytes().strip()
    assert len(first) > len(pin) and pin not in first
    complete(room, "change-pin", A, token=TOKEN, splitting=holders.splitting(*HOLDERS))
    wait_until(lambda: is_ready(room), 60, "the token with its new PIN")
    assert holders.share("officer-2") != first and warnings(room) == []


def test_who_leaves_has_a_worthless_share_and_the_others_release_the_pin(room, holders):
    gone = [holders.share(name) for name in HOLDERS]
    complete(room, "replace-holder", ["officer-4.new statement", *A], person="officer-4", token=TOKEN,
             entry=entry(room, "officer-4", "officer-4.new"),
             splitting=holders.splitting("officer-2", "officer-3"))
    wait_until(lambda: is_ready(room), 60, "the token with its new PIN")
    assert warnings(room) == []
    room.bare.stop()
    room.bare.launch()
    wait_until(lambda: waits(room), 60, "the appliance to wait for shares")
    for share in gone:
        refused = holders.send(share)
        assert refused.returncode == 3 and "another splitting" in refused.stderr, refused
    for name in ("officer-2", "officer-3"):
        sent = holders.send(holders.share(name))
        assert sent.returncode == 0, sent
    wait_until(lambda: is_ready(room), 60, "the token to log in")
    done = room.run("release-pin", token=TOKEN, state="operational", officers="officer-2,officer-3")
    assert done.returncode == 0 and "The state is operational." in done.stdout, done


def test_who_leaves_without_a_successor_has_a_worthless_share_too(room, holders):
    complete(room, "enrol-officer", ["officer-5 statement", *A], name="enrol-officer-5",
             entry=entry(room, "officer-5", "officer-5"))
    complete(room, "split-pin", A, name="split-with-5", token=TOKEN,
             splitting=holders.splitting("officer-2", "officer-3", "officer-5"))
    old = together(holders, "officer-2", "officer-5")
    complete(room, "remove-holder", A, person="officer-5", token=TOKEN,
             splitting=holders.splitting("officer-2", "officer-3"))
    wait_until(lambda: is_ready(room), 60, "the token with its new PIN")
    assert warnings(room) == [] and together(holders, "officer-2", "officer-3") != old


def together(holders, *names):
    """The PIN that these officers could make of their shares."""
    return shares.combine([shares.read(holders.share(name)) for name in names])


def complete_with_so(room, holders, script, name, **settings):
    """The holders of the SO PIN give their shares as soon as it is asked for; then the others sign."""
    running = room.start(script, name=name, requester="officer-1", reason="a test", token=TOKEN, **settings)

    def written():
        return [path for path in room.directory.glob(f"{name}.*.json") if path.stat().st_size]

    wait_until(written, 60, "its document")
    document, = written()
    room.sign(document, "officer-1", "request")
    holders.release_so("officer-2", "officer-3")
    for person in A:
        room.sign(document, person)
    assert running.wait(PATIENCE_S) == 0, room.transcript(name)[-1]


def test_the_so_pin_is_made_by_the_token_too(room, holders):
    splitting = holders.splitting("officer-2", "officer-3", so=True)
    complete(room, "change-so-pin", A, token=TOKEN, splitting=splitting)
    wait_until(lambda: is_ready(room), 60, "the token again")
    complete_with_so(room, holders, "change-so-pin", "change-so-pin-again", splitting=splitting)
    wait_until(lambda: is_ready(room), 60, "the token again")
    opened = [shares.read(holders.share(name, so=True)) for name in ("officer-2", "officer-3")]
    pin = shares.combine(opened)
    assert re.fullmatch(b"[a-z2-7]{32}", pin)
    secrets = [pin, *(octets for share in opened for octets in (share.value, share.blind))]
    assert memory.found_on_disk(room.bare.directory, secrets, ("tokens", f"tokens-{TOKEN}")) == []
    assert memory.found_on_disk(room.directory, secrets) == []
    apis = room.bare.children("api", "clients") + room.bare.children("api", "management")
    assert len(apis) == 2
    for pid in apis:
        assert memory.found_beside(pid, secrets) == memory.held(memory.memory_of(pid), secrets) == []


def test_a_lost_pin_is_given_anew_by_the_security_officer(room, holders):
    room.bare.stop()
    room.bare.launch()
    wait_until(lambda: waits(room), 60, "the appliance to wait for shares")
    complete_with_so(room, holders, "reset-pin", "reset-pin", splitting=holders.splitting("officer-3", "officer-4"))
    wait_until(lambda: is_ready(room), 60, "the token with its new PIN")
    wait_until(lambda: holders.asked_for() == [], 60, "nothing to be asked for")
    assert warnings(room) == []
    assert [call["call"] for call in calls_of(room, "pin.reset")][-3:] == ["C_Login as SO", "C_InitPIN", "C_Logout"]


def seal(room, name, kind, algorithm):
    """A key that decrypts and lives outside the token, and what a library of somebody else encrypts to it."""
    gate = Gate(room.bare.management().request, room.people)
    for path, body in (("/v1/keys", {"name": name, "type": kind, "usage": "decrypt", "residence": "wrapped"}),
                       ("/v1/grants", {"client": "operator", "keys": name, "operations": ["jwe.decrypt"]})):
        made = gate.change("POST", path, body)
        assert made.status == 201, made
    token = jwe.JWE(b"sealed before", protected={"alg": algorithm, "enc": "A256GCM"})
    token.add_recipient(jwk.JWK(**room.bare.management().get(f"/v1/keys/{name}/public").json()))
    return token.serialize(compact=True)


def opened(room, sealed):
    client = Client(str(room.bare.directory / "clients.sock"), 60)
    answers = [client.post("/v1/jwe/decrypt", {"key": key, "jwe": token}) for key, token in sealed.items()]
    return [unb64u(answer.json()["plaintext"]) if answer.status == 200 else answer for answer in answers]


def test_the_key_that_wraps_is_made_and_rotated_with_the_keys_under_it(room):
    complete(room, "make-wrapping-key", A, token="a")
    assert "unrecoverable" in codes(room)
    sealed = {f"wrapped.{kind}": seal(room, f"wrapped.{kind}", kind, algorithm)
              for kind, algorithm in (("ec-p256", "ECDH-ES"), ("rsa-2048", "RSA-OAEP-256"))}
    assert opened(room, sealed) == [b"sealed before", b"sealed before"]
    typed(room, "rotate-wrapping-key", A, token="a", old="1")
    assert "rewrap" not in codes(room)
    assert opened(room, sealed) == [b"sealed before", b"sealed before"]
    calls = [item["call"] for item in calls_of(room, "wrapping.rewrap")]
    assert "C_Login as SO" in calls and "C_WrapKey" in calls


class Wallet:
    """The client of a family, whose answers are held against the contract."""

    def __init__(self, room):
        self.socket = str(room.bare.directory / "clients.sock")
        self.client = Client(self.socket, 60)
        self.contract = Contract()

    def __call__(self, expected, method, target, body=None):
        answer = self.client.request(method, target, body=body)
        self.contract.check(method, target, answer)
        assert answer.status == expected, answer
        return answer.json()

    def make(self, expected, name):
        return self(expected, "POST", "/v1/families/wallet./keys", {"name": name})

    def type(self, *words):
        done = subprocess.run([PRIVYSEAL, *words], env={**os.environ, "PRIVYSEAL_SOCKET": self.socket}, check=False,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done
        return done.stdout


class NewKey(ctypes.Structure):
    """struct privyseal_new_key."""

    _fields_ = [("family", ctypes.c_char_p), ("name", ctypes.c_char_p)]


class MadeKey(ctypes.Structure):
    """struct privyseal_made_key, with room for its answer."""

    _fields_ = [("kid", ctypes.c_char_p), ("public_jwk", ctypes.c_char_p), ("is_new", ctypes.c_int),
                ("answer", ctypes.c_uint64 * 64)]


def make_by_library(socket, *names):
    """What privyseal_make_key says of each: result, identifier, public key, whether it is new."""
    library = ctypes.CDLL(str(BUILD / "api/client/libprivyseal.so"))
    client, made = ctypes.c_void_p(), MadeKey()
    options = (ctypes.c_char_p * 8)(socket.encode())
    assert library.privyseal_open(options, ctypes.byref(client)) == 0
    for name in names:
        asked = NewKey(b"wallet.", name)
        result = library.privyseal_make_key(client, ctypes.byref(asked), ctypes.byref(made))
        yield result, made.kid, made.public_jwk, made.is_new
        library.privyseal_made_key_clear(ctypes.byref(made))
    library.privyseal_close(client)


def test_a_client_makes_keys_of_a_family_by_itself(room):
    template, wallet = room.directory / "template", Wallet(room)
    template.write_text(json.dumps({"type": "ec-p256", "usage": "sign", "formats": ["jws"]}))
    complete(room, "make-family", B, prefix="wallet.", client="operator", maximum="3", template=template)
    made = wallet.make(201, "wallet.one")
    assert made["residence"] == "wrapped" and wallet.make(200, "wallet.one")["versions"] == made["versions"]
    assert "wallet.two" in wallet.type("family", "make-key", "wallet.", "--name", "wallet.two")
    first, again, refused, usage = make_by_library(
        wallet.socket, b"wallet.lib", b"wallet.lib", b"wallet.three", b"a/b")
    public = json.loads(first[2])
    assert first[0] == 0 and first[1].decode() == public["kid"] and public["crv"] == "P-256" and first[3] == 1
    assert again[0] == 0 and again[1] == first[1] and again[3] == 0
    assert [refused[0], usage[0]] == [1, 5] and refused[1] is None
    wallet.make(422, "wallet.three")
    assert wallet.type("family", "list").split("\n")[1].split() == ["wallet.", "operator", "3", "3", "no"]
    shown = json.loads(wallet.type("family", "show", "wallet.", "--json"))
    assert shown == wallet(200, "GET", "/v1/families/wallet.") and [shown] == wallet(200, "GET", "/v1/families")["items"]
    assert shown["template"]["algorithms"] == ["ES256"]
    complete(room, "suspend-family", C, family="wallet.")
    assert wallet.make(409, "wallet.three")["state"] == "suspended"
    complete(room, "resume-family", B, family="wallet.")
    wallet.make(422, "wallet.three")
    complete(room, "revoke-family", B, family="wallet.")
    wallet.make(404, "wallet.three")
    assert room.bare.management().get("/v1/keys/wallet.two").status == 200


def test_the_key_that_wraps_is_carried_to_a_second_token(room):
    def on_paper(shown):
        return re.findall("fingerprint +([0-9a-f]{16})", shown)[-1]

    typed(room, "carry-wrapping-key", A, token=TOKEN, fingerprint=on_paper)
    assert "unrecoverable" not in codes(room)


def calls_of(room, kind):
    """What the last operation of this type called, as its parts and its result have it: (function, answer, token)."""
    leaves = [leaf["data"] for leaf in read_events(room.bare.directory / "data" / "log")
              if leaf["kind"] in ("intent", "part", "result")]
    operation = [data["operation"] for data in leaves if data.get("document", {}).get("type") == kind][-1]
    return [call for data in leaves if data["operation"] == operation for call in data.get("calls", [])]


def test_a_transcript_says_what_was_called_in_the_tokens(room):
    calls = calls_of(room, "wrapping.carry")
    told = [(call["call"], call["rv"], call["token"]) for call in calls]
    assert ("C_Login as SO", "CKR_OK", "a") in told and ("C_CreateObject as SO", "CKR_OK", "a") in told
    wrapped = {call["id"] for call in calls if call["call"] == "C_WrapKey" and call["token"] == "a"}
    unwrapped = {call["id"] for call in calls if call["call"] == "C_UnwrapKey" and call["token"] == TOKEN}
    # The three, and the secret one of the two keys with which they were tried.
    assert len(unwrapped) == 4 and unwrapped < wrapped
    made, = (call for call in calls_of(room, "wrapping.prepare") if call["call"] == "C_GenerateKeyPair")
    assert made["class"] == "private" and made["token"] == TOKEN and len(made["id"]) == 32
    assert "C_SetPIN as SO" in [call["call"] for call in calls_of(room, "pin.change")]
    for kind in ("pin.change", "pin.reset"):
        first, = [call for call in calls_of(room, kind) if call["call"] == "C_GenerateRandom"]
        assert first["token"] == TOKEN and first["rv"] == "CKR_OK", first
    page = room.directory / "carry.html"
    done = call("page", room.directory / "carry-wrapping-key.bundle", "--genesis", genesis_hash(room),
                "--out", page)
    assert done.returncode == 0 and "C_UnwrapKey" in page.read_text(), done


class Tags(html.parser.HTMLParser):
    """What a page has beside text."""

    def __init__(self):
        super().__init__()
        self.names, self.attributes = set(), set()

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_its_pages_are_the_same_wherever_they_are_made(room, tmp_path):
    """By another hand, on another day, in another place; and each is whole in its one file."""
    made = []
    for place, zone, language in (("here", "UTC", "C"), ("there", "Asia/Kolkata", "C.UTF-8")):
        directory = tmp_path / place
        directory.mkdir()
        shutil.copy(room.directory / "carry-wrapping-key.bundle", directory / f"{place}.json")
        for kind in ("html", "pdf"):
            done = call("page", f"{place}.json", "--genesis", genesis_hash(room), "--out", f"page.{kind}", cwd=directory,
                        env={"PATH": "/usr/bin", "TZ": zone, "LC_ALL": language, "HOME": str(directory)})
            assert done.returncode == 0, done
        made.append([(directory / f"page.{kind}").read_bytes() for kind in ("html", "pdf")])
    assert made[0] == made[1]
    page, tags = made[0][0].decode(), Tags()
    tags.feed(page)
    assert tags.names.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "base", "form"}), tags.names
    assert not [name for name in tags.attributes if name.startswith("on") or name in ("src", "href")], tags.attributes
    assert "url(" not in page and "@import" not in page
    text = subprocess.run(["pdftotext", tmp_path / "here" / "page.pdf", "-"], check=True, capture_output=True).stdout
    for said in ("Carry the key that wraps to a second token", "C_UnwrapKey", "EN 319 411-1"):
        assert said in page and said.encode() in text, said


def test_each_transcript_verifies(room):
    bundles = sorted(room.directory.glob("*.bundle"))
    assert len(bundles) == 17, bundles
    for bundle in bundles:
        done = call("verify", bundle, "--genesis", genesis_hash(room))
        assert done.returncode == 0 and "FAIL" not in done.stdout, done
