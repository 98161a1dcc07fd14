"""Keys that make no signatures: MACs, encryption and decryption, each use in the log, and one answer
to whatever cannot be decrypted."""

import ctypes
import hashlib
import json
import os
import signal
import sqlite3
import sys

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from harness.appliance import Appliance, wait_until
from harness.dev_room import DevRoom
from harness.http_unix import b64u, unb64u
from harness.leaves import UseCounter, read_events, read_use
from harness.places import BUILD, TOP
from harness.room import refused

sys.path.insert(0, str(TOP / "tests" / "bench"))

import oracle  # noqa: E402

AES, HMAC, RSA, EC = "test.aes", "test.hmac", "oidc.decrypt", "test.agree-p256"
HEAD, NONCE, TAG = 5, 12, 16


@pytest.fixture(scope="module", name="room")
def appliance_with_people():
    with Appliance() as appliance:
        yield DevRoom(appliance)


@pytest.fixture(scope="module", name="client")
def client_of_the_room(room):
    made = room.appliance.client()
    yield made
    made.close()


def use(client, key, verb, **members):
    sent = {name: b64u(value) if isinstance(value, bytes) else value
            for name, value in members.items()}
    return client.post(f"/v1/keys/{key}/{verb}", sent)


def used(client, key, verb, **members):
    answer = use(client, key, verb, **members)
    assert answer.status == 200, answer
    return answer.json()


def last_use(room, operation):
    leaves = [leaf for leaf in read_use(room.appliance.directory / "data" / "log")
              if leaf["op"] == operation]
    return leaves[-1]


def digest(octets):
    return b64u(hashlib.sha256(octets).digest())


def encrypt_to(room, key, plaintext, algorithm=hashes.SHA256()):
    """As somebody does who has the public key only."""
    pem = room.client.get(f"/v1/keys/{key}/public",
                          headers={"Accept": "application/x-pem-file"}).body
    public = serialization.load_pem_public_key(pem)
    mask = padding.MGF1(algorithm)
    return public.encrypt(plaintext, padding.OAEP(mgf=mask, algorithm=algorithm, label=None))


def test_a_mac_is_made_and_compared(room, client):
    made = used(client, HMAC, "mac", message=b"pay 100")
    mac = unb64u(made["mac"])
    assert len(mac) == 32 and made["version"] == 1
    assert last_use(room, "mac")["hash"] == digest(mac)
    assert used(client, HMAC, "mac", message=b"pay 100") == made
    assert used(client, HMAC, "mac/verify", message=b"pay 100", mac=mac)["valid"] is True
    for message, other in ((b"pay 900", mac), (b"pay 100", bytes(32)), (b"pay 100", mac[:31]),
                           (b"pay 100", b"")):
        assert used(client, HMAC, "mac/verify", message=message, mac=other)["valid"] is False
        leaf = last_use(room, "mac-verify")
        assert leaf["hash"] == digest(other) and leaf["key"] == HMAC
        assert "alg" not in leaf and "format" not in leaf


def test_what_was_encrypted_is_decrypted(room, client):
    for size in (0, 1, 4096, 524288):
        plaintext = bytes(size)
        made = used(client, AES, "encrypt", plaintext=plaintext, aad=b"row 7")
        sealed = unb64u(made["ciphertext"])
        assert sealed[:HEAD] == bytes([1, 0, 0, 0, made["version"]])
        assert len(sealed) == HEAD + NONCE + size + TAG
        assert last_use(room, "encrypt")["hash"] == digest(sealed)
        opened = used(client, AES, "decrypt", ciphertext=sealed, aad=b"row 7")
        assert unb64u(opened["plaintext"]) == plaintext
        assert last_use(room, "decrypt")["hash"] == digest(sealed)
    again = unb64u(used(client, AES, "encrypt", plaintext=b"")["ciphertext"])
    assert again[HEAD:HEAD + NONCE] != sealed[HEAD:HEAD + NONCE]
    assert use(client, AES, "encrypt", plaintext=bytes(524289)).status == 400


def test_what_others_encrypt_to_a_public_key_is_decrypted(room, client):
    for plaintext in (b"", b"a key of 32 octets, for example!", bytes(190)):
        sealed = encrypt_to(room, RSA, plaintext)
        opened = used(client, RSA, "decrypt", ciphertext=sealed)
        assert unb64u(opened["plaintext"]) == plaintext
        assert last_use(room, "decrypt")["hash"] == digest(sealed)


def flipped(octets, at):
    return octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1:]


def test_whatever_cannot_be_decrypted_has_one_answer(room, client):
    room.post("/v1/keys", {"name": "test.rsa-other", "type": "rsa-2048", "usage": "decrypt"})
    sealed = unb64u(used(client, AES, "encrypt", plaintext=b"secret", aad=b"a")["ciphertext"])
    oaep = encrypt_to(room, RSA, b"secret")
    uses = UseCounter(room.appliance.directory / "data" / "log")
    before = uses.count()
    answers = [use(client, AES, "decrypt", ciphertext=wrong, aad=aad) for wrong, aad in (
        [(flipped(sealed, at), b"a") for at in range(len(sealed))]
        + [(sealed[:size], b"a") for size in range(len(sealed))]
        + [(sealed, b""), (sealed + b"\0", b"a"), (b"", b"")])]
    answers += [use(client, RSA, "decrypt", ciphertext=wrong) for wrong in (
        flipped(oaep, 0), flipped(oaep, 200), oaep[:-1], oaep + b"\0", b"", bytes(256),
        b"\xff" * 256, encrypt_to(room, "test.rsa-other", b"secret"),
        encrypt_to(room, RSA, b"secret", hashes.SHA1()))]
    seen = {(answer.status, *(answer.json()[name] for name in ("code", "title", "detail")))
            for answer in answers}
    assert len(seen) == 1, seen
    assert seen.pop()[:2] == (422, "refused")
    assert uses.count() == before
    # None of it was the token's fault.
    assert used(client, AES, "decrypt", ciphertext=sealed, aad=b"a")["plaintext"] == b64u(b"secret")
    assert used(client, RSA, "decrypt", ciphertext=oaep)["plaintext"] == b64u(b"secret")


@pytest.fixture(scope="module", name="sealer")
def maker_of_what_cannot_be_decrypted(room, client):
    return oracle.Sealer(room, client)


@pytest.mark.parametrize("route", oracle.ROUTES)
def test_who_measures_refused_decryptions_sees_one_answer(client, sealer, monkeypatch, route):
    """As many as show that all reasons are made and sent: what their times are is no matter of a test."""
    monkeypatch.setattr(oracle, "VARIANTS", 2)
    requests = oracle.requests_of(route, sealer)
    times, answers = oracle.measure(client, requests, 4 * len(requests))
    assert {len(each) for each in times.values()} == {4}
    assert [answer[:2] for answer in answers] == [(422, "refused")], answers


def test_the_two_sample_test_of_the_measurement_tells_what_differs(capsys):
    evens, odds = range(0, 2000, 2), range(1, 2000, 2)
    assert oracle.smirnov(evens, odds) > 0.999
    # The 5 % point of Kolmogorov's distribution is 1.358: here it is the root of 5,000, times 0.0192.
    assert abs(oracle.smirnov(range(10000), range(192, 10192)) - 0.05) < 0.002
    one = {(422, "refused", "", "")}
    assert oracle.judge("aes", {"a": evens, "b": odds, "c": evens}, one)
    assert not oracle.judge("aes", {"a": evens, "b": range(200, 2200, 2), "c": evens}, one)
    assert not oracle.judge("aes", {"a": evens, "b": odds}, one | {(422, "malformed", "", "")})
    assert "TELLS" in capsys.readouterr().out


def test_a_batch_answers_item_by_item(client):
    items = [{"plaintext": b64u(bytes([number]))} for number in range(20)]
    sealed = client.post(f"/v1/keys/{AES}/encrypt", {"items": items}).json()["items"]
    sealed[7]["ciphertext"] = b64u(bytes(40))
    opened = client.post(f"/v1/keys/{AES}/decrypt", {
        "items": [{"ciphertext": item["ciphertext"]} for item in sealed]}).json()["items"]
    for number, item in enumerate(opened):
        if number == 7:
            assert item["problem"]["code"] == "refused" and item["problem"]["item"] == 7
        else:
            assert unb64u(item["plaintext"]) == bytes([number])


class Octets(ctypes.Structure):
    """struct privyseal_octets; its answer is the library's, with room to spare."""

    _fields_ = [("octets", ctypes.c_void_p), ("len", ctypes.c_size_t),
                ("version", ctypes.c_uint32), ("answer", ctypes.c_uint8 * 512)]


class Crypt(ctypes.Structure):
    _fields_ = [("key", ctypes.c_char_p), ("octets", ctypes.c_char_p), ("len", ctypes.c_size_t),
                ("aad", ctypes.c_char_p), ("aad_len", ctypes.c_size_t),
                ("version", ctypes.c_uint32)]


class Mac(ctypes.Structure):
    _fields_ = [("key", ctypes.c_char_p), ("message", ctypes.c_char_p),
                ("message_len", ctypes.c_size_t), ("mac", ctypes.c_char_p),
                ("mac_len", ctypes.c_size_t), ("version", ctypes.c_uint32)]


def test_the_client_library_does_the_same(room):
    library = ctypes.CDLL(str(BUILD / "api/client/libprivyseal.so"))
    options = (ctypes.c_char_p * 8)(room.appliance.environment["PRIVYSEAL_SOCKET"].encode())
    client, made, opened = ctypes.c_void_p(), Octets(), Octets()
    assert library.privyseal_open(options, ctypes.byref(client)) == 0

    def call(name, *arguments):
        return getattr(library, name)(client, *arguments)

    def octets(result):
        return ctypes.string_at(result.octets, result.len)

    text = Crypt(AES.encode(), b"text", 4, b"aad", 3, 0)
    assert call("privyseal_encrypt", ctypes.byref(text), ctypes.byref(made)) == 0
    sealed = octets(made)
    for aad, result in ((b"aad", 0), (b"bad", 1)):
        back = Crypt(AES.encode(), sealed, len(sealed), aad, 3, 0)
        assert call("privyseal_decrypt", ctypes.byref(back), ctypes.byref(opened)) == result
        assert result != 0 or octets(opened) == b"text"
        library.privyseal_octets_clear(ctypes.byref(opened))
    library.privyseal_octets_clear(ctypes.byref(made))
    assert call("privyseal_make_mac", HMAC.encode(), b"text", ctypes.c_size_t(4),
                ctypes.byref(made)) == 0
    valid = ctypes.c_int(7)
    for mac, verdict in ((octets(made), 1), (b"x" * 32, 0)):
        asked = Mac(HMAC.encode(), b"text", 4, mac, 32, 0)
        assert call("privyseal_verify_mac", ctypes.byref(asked), ctypes.byref(valid)) == 0
        assert valid.value == verdict
    for key in (b"test.none", b"no name"):
        valid.value = 1
        asked = Mac(key, b"text", 4, octets(made), 32, 0)
        assert call("privyseal_verify_mac", ctypes.byref(asked), ctypes.byref(valid)) != 0
        assert valid.value == 0  # who looks at it alone is not told that it is valid
    library.privyseal_octets_clear(ctypes.byref(made))
    library.privyseal_close(client)


def test_a_key_does_what_it_is_for_and_nothing_else(client):
    for key, verb, members in (
            (AES, "mac", {"message": b"m"}), (HMAC, "encrypt", {"plaintext": b"p"}),
            (HMAC, "decrypt", {"ciphertext": bytes(256)}), (RSA, "encrypt", {"plaintext": b"p"}),
            (EC, "decrypt", {"ciphertext": bytes(64)}), ("test.rsa", "decrypt",
                                                         {"ciphertext": bytes(256)}),
            ("test.es256", "mac", {"message": b"m"})):
        answer = use(client, key, verb, **members)
        assert (answer.status, answer.json()["code"]) == (422, "key-mismatch"), (key, verb, answer)
    answer = client.post("/v1/jws/sign", {"key": AES, "payload": "YQ"})
    assert answer.json()["code"] == "key-mismatch"
    refused(use(client, RSA, "decrypt", ciphertext=bytes(256), aad=b"a"), 422, "aad")
    refused(use(client, AES, "decrypt", ciphertext=bytes(40), version=1), 422, "version")
    assert use(client, "test.none", "mac", message=b"m").status == 404


def test_a_version_that_was_rotated_away_decrypts_and_verifies_only(room, client):
    sealed = used(client, AES, "encrypt", plaintext=b"old")["ciphertext"]
    mac = used(client, HMAC, "mac", message=b"old")
    for key in (AES, HMAC):
        assert room.change("POST", f"/v1/keys/{key}/rotate").status == 201
    assert used(client, AES, "encrypt", plaintext=b"new")["version"] == 2
    assert unb64u(used(client, AES, "decrypt", ciphertext=unb64u(sealed))["plaintext"]) == b"old"
    both = [used(client, HMAC, "mac/verify", message=b"old", mac=unb64u(mac["mac"]),
                 version=version)["valid"] for version in (1, 2)]
    assert both == [True, False] and mac["version"] == 1
    assert room.change("POST", f"/v1/keys/{AES}/suspend").status == 201
    answer = use(client, AES, "decrypt", ciphertext=unb64u(sealed))
    assert (answer.status, answer.json()["code"]) == (409, "wrong-state")
    assert room.change("POST", f"/v1/keys/{AES}/resume").status == 201
    assert room.change("POST", f"/v1/keys/{AES}/deactivate").status == 201
    assert use(client, AES, "encrypt", plaintext=b"new").status == 409
    assert unb64u(used(client, AES, "decrypt", ciphertext=unb64u(sealed))["plaintext"]) == b"old"


def reserved(room, key):
    """Blocks of 65,536 encryptions: version and where the count of each may go to."""
    return [(leaf["data"]["version"], leaf["data"]["reserved"])
            for leaf in read_events(room.appliance.directory / "data" / "log")
            if leaf["kind"] == "encryptions" and leaf["data"]["key"] == key]


def test_encryptions_are_counted_in_the_log_and_never_twice(room, client):
    room.post("/v1/keys", {"name": "test.counted", "type": "aes-256", "usage": "encrypt"})
    room.post("/v1/grants", {"client": "operator", "keys": "test.counted",
                             "operations": ["encrypt"]})
    assert reserved(room, "test.counted") == []
    for _ in range(3):
        used(client, "test.counted", "encrypt", plaintext=b"p")
    assert reserved(room, "test.counted") == [(1, 65536)]
    room.kill_keeper()
    wait_until(lambda: use(client, "test.counted", "encrypt", plaintext=b"p").status == 200, 30,
               "encryption after the keeper died")
    assert reserved(room, "test.counted") == [(1, 65536), (1, 131072)]


# --- The attacks on PKCS#11 that test_pkcs11_attacks.c makes on a token, through what we offer ---

OWN = ["privyseal.wrapping", "privyseal.wrapping-secrets", "privyseal.record-mac", "privyseal.log"]
SIGNING = {"type": "ec-p256", "usage": "sign", "formats": ["jws"]}


@pytest.fixture(scope="module", name="wrapped")
def a_wrapped_key_and_its_record(room, client):
    room.post("/v1/operations", {"type": "wrapping.create", "params": {}})
    for name in ("attack.victim", "attack.other"):
        room.post("/v1/keys", {**SIGNING, "name": name, "residence": "wrapped"})
    for name, kind, usage, members in (("secret", "aes-256", "encrypt", {"residence": "wrapped"}),
                                       ("aes", "aes-256", "encrypt", {}),
                                       ("mac", "hmac-sha256", "mac", {}),
                                       ("rsa", "rsa-2048", "decrypt", {})):
        room.post("/v1/keys", {"name": f"attack.{name}", "type": kind, "usage": usage, **members})
    name = client.get("/v1/whoami").json()["client"]
    room.post("/v1/grants", {"client": name, "keys": "attack.*", "operations": [
        "decrypt", "encrypt", "mac", "jws.sign"], "formats": ["jws"]})
    with catalog_of(room) as rows:
        return {body["key"]: body for body in map(json.loads, (text for text, in rows.execute(
            "select body from row where kind = 'wrapped'")))}


def catalog_of(room):
    return sqlite3.connect(room.appliance.directory / "data" / "catalog.sqlite", timeout=60)


@pytest.mark.parametrize("members", [
    {"usage": "wrap"}, {"usage": "unwrap"}, {"usage": "derive"}, {"usage": ["encrypt", "wrap"]},
    {"usage": "encrypt,wrap"}, {"usage": "wrap", "residence": "wrapped"},
    {"type": "hmac-sha256"}, {"usage": "mac"}, {"usage": "sign", "formats": ["raw"]},
    {"extractable": True}, {"sensitive": False}, {"copyable": True}, {"modifiable": True},
    {"trusted": True}, {"template": {"extractable": True}}, {"attributes": [[3, False]]},
    {"portable": True}, {"value": b64u(bytes(32))}, {"jwk": {"kty": "oct", "k": b64u(bytes(32))}},
    {"wrapped": b64u(bytes(40))}, {"name": "privyseal.wrapping"},
    {"name": "privyseal.wrapping", "usage": "wrap"}, {"residence": "session"},
    {"recovery": "wrapped"}, {"recovery": "replicated"}, {"recovery": "vendor"}],
    ids=lambda members: " ".join(f"{name}={value}" for name, value in members.items())[:40])
def test_no_key_is_made_with_two_roles_with_attributes_or_of_octets(room, wrapped, members):
    """Trojan wrapping key, role confusion, attribute downgrade: none of it can be asked for."""
    assert wrapped
    good = {"name": "attack.trojan", "type": "aes-256", "usage": "encrypt"}
    asked = room.send("POST", "/v1/keys", {"requester": "officer-1", **good, **members})
    assert asked.status in (400, 403, 422), asked


@pytest.mark.parametrize("kind", ["key.import", "key.unwrap", "key.export", "key.copy", "key.modify",
                                  "wrapping.import", "wrapping.unwrap"])
def test_no_operation_takes_a_key_in_or_gives_it_out(room, kind):
    asked = room.send("POST", "/v1/operations", {
        "requester": "officer-1", "type": kind, "subject": RSA, "params": {"value": b64u(bytes(32))}})
    assert asked.status in (400, 404, 422), asked


def test_a_key_does_what_it_is_for_and_nothing_else(room, client, wrapped):
    sealed = unb64u(used(client, "attack.aes", "encrypt", plaintext=bytes(32))["ciphertext"])
    allowed = {"attack.aes": ["encrypt", "decrypt"], "attack.secret": ["encrypt", "decrypt"],
               "attack.mac": ["mac", "mac/verify"], "attack.rsa": ["decrypt"]}
    for key in (*allowed, EC, "oidc.id-token", "attack.victim", *OWN):
        for verb, members in (("encrypt", {"plaintext": bytes(32)}), ("decrypt", {"ciphertext": sealed}),
                              ("mac", {"message": b"m"}),
                              ("mac/verify", {"message": b"m", "mac": bytes(32)})):
            if verb not in allowed.get(key, []):
                assert use(client, key, verb, **members).status in (403, 404, 409, 422), (key, verb)
        if key not in ("oidc.id-token", "attack.victim"):
            for path in ("jws", "raw", "cose"):
                answer = client.post(f"/v1/{path}/sign", {"key": key, "payload": b64u(b"p")})
                assert 400 <= answer.status < 500, (key, path, answer)
    for key in OWN:
        for verb in ("rotate", "activate", "suspend", "deactivate", "destroy"):
            asked = room.send("POST", f"/v1/keys/{key}/{verb}", {"requester": "officer-1"})
            assert asked.status in (403, 404), (key, verb, asked)


def test_what_a_token_wrapped_no_key_of_ours_decrypts(client, wrapped):
    """Wrap, then decrypt: each blob through each key that decrypts, in every form that it takes."""
    for record in wrapped.values():
        blob = unb64u(record["blob"])
        for head in (b"", bytes([1, 0, 0, 0, 1]), bytes([1, 0, 0, 0, 1]) + bytes(12)):
            for tail in (b"", bytes(16)):
                for key in ("attack.aes", "attack.rsa", "attack.secret"):
                    answer = use(client, key, "decrypt", ciphertext=head + blob + tail)
                    refused(answer, 422)


def test_no_octets_of_somebodys_choice_are_unwrapped(room, client, wrapped):
    """Encrypt, then unwrap: what our keys encrypt and authenticate is no record, whoever writes it there."""
    victim, other = wrapped["attack.victim"], wrapped["attack.other"]
    sealed = unb64u(used(client, "attack.aes", "encrypt", plaintext=bytes(67))["ciphertext"])
    mac = used(client, "attack.mac", "mac", message=sealed)["mac"]
    damaged = [leaf for leaf in read_events(room.appliance.directory / "data/log")
               if leaf.get("data", {}).get("alarm") == "record-damaged"]
    forged = [{"blob": b64u(sealed[5 + 12:]), "mac": mac}, {"blob": b64u(sealed[5:])},
              {"blob": other["blob"]}, {"blob": other["blob"], "mac": other["mac"]},
              {"blob": wrapped["attack.secret"]["blob"]}, {"mac": mac}, {"wrapping": 2}]
    for changes in forged:
        write_record(room, "attack.victim", {**victim, **changes})
        assert close_and_sign(room, client) != 200, changes
    write_record(room, "attack.victim", victim)
    wait_until(lambda: close_and_sign(room, client) == 200, 60, "a signature")
    wait_until(lambda: len([leaf for leaf in read_events(room.appliance.directory / "data/log")
                            if leaf.get("data", {}).get("alarm") == "record-damaged"])
               > len(damaged), 60, "the alarm")


def write_record(room, key, record):
    with catalog_of(room) as rows:
        changed = rows.execute("update row set body = ? where kind = 'wrapped' and "
                               "json_extract(body, '$.key') = ?",
                               (json.dumps(record, sort_keys=True, separators=(",", ":")), key))
        assert changed.rowcount == 1


def close_and_sign(room, client):
    """No process has the key open any more: each reads its record anew."""
    before = room.appliance.pids("token")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not set(before) & set(room.appliance.pids("token"))
               and client.post("/v1/jws/sign", {"key": "oidc.id-token", "payload": "YQ"}).status == 200,
               60, "the token again")
    return client.post("/v1/jws/sign", {"key": "attack.victim", "payload": "YQ"}).status
