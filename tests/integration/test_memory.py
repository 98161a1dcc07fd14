"""Api and keeper hold no private key: their memory is searched for the octets of a real one.

The scripted module keeps its keys readable (tests/fake_p11/README.md), so the octets are known; that
they are found in the token process shows that the search works. Needs root, since the processes are
not dumpable.
"""

import contextlib
import json
import os
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from harness.callers import over_tls, over_unix
from harness.certify import Authority, Certify, Wallet, body_1_0, configuration
from harness.fake_keys import private_keys
from harness.fake_token import fake_appliance
from harness.http_unix import b64u
from harness.memory import held, memory_of
from harness.oidc import BASE, Oidc
from harness.persons import People
from harness.relying_party import CALLBACK, Browser, RelyingParty


# What each process certainly holds: that it is found shows that its memory was read.
KNOWN = {"api clients": b"/v1/jws/sign", "api management": b"/v1/genesis",
         "keeper": b"certify.vc-jwt", "supervisor": b"privyseald.conf"}


pytestmark = pytest.mark.skipif(os.geteuid() != 0,
                                reason="only root reads other processes' memory")


@pytest.fixture(scope="module", name="appliance")
def appliance_with_one_token_process():
    """Which works with several threads."""
    with fake_appliance(processes=1, sessions=2) as running:
        yield running


def test_only_the_token_process_holds_a_private_key(appliance):
    secrets = private_keys(appliance)
    assert len(secrets) >= 20
    for key in ("certify.vc-jwt", "certify.vc-eddsa", "oidc.id-token"):
        for _ in range(20):
            answer = appliance.client().post("/v1/jws/sign", {"key": key, "payload": "eA"})
            assert answer.status == 200
    pin = (appliance.directory / "pins" / "user").read_bytes().strip()
    assert len(pin) >= 8
    token = memory_of(appliance.pids("token")[0])
    assert len(held(token, secrets)) >= 3, "the search does not find what is there"
    for role, known in KNOWN.items():
        pieces = memory_of(appliance.pids(role)[0])
        assert any(known in piece for piece in pieces), f"{role} could not be read"
        assert not held(pieces, secrets), role
        # Nor has who faces the clients anything to log in with.
        assert not role.startswith("api") or not any(pin in piece for piece in pieces), role


def jwe_with(key, content_key, plaintext):
    """To the appliance's key, with a content key that we know."""
    head = b64u(b'{"alg":"RSA-OAEP-256","enc":"A256GCM"}')
    sha, nonce = hashes.SHA256(), os.urandom(12)
    wrapped = key.encrypt(content_key, padding.OAEP(padding.MGF1(sha), sha, None))
    sealed = AESGCM(content_key).encrypt(nonce, plaintext, head.encode())
    return ".".join((head, b64u(wrapped), b64u(nonce), b64u(sealed[:-16]), b64u(sealed[-16:])))


def test_secrets_of_one_message_are_gone_when_it_is_answered(appliance):
    client = appliance.client()
    public = client.get("/v1/keys/oidc.decrypt/public",
                        headers={"Accept": "application/x-pem-file"}).body
    content_keys = [os.urandom(32) for _ in range(20)]
    texts = [os.urandom(48) for _ in range(20)]
    for content_key, text in zip(content_keys, texts):
        jwe = jwe_with(serialization.load_pem_public_key(public), content_key, text)
        answer = client.post("/v1/jwe/decrypt", {"key": "oidc.decrypt", "jwe": jwe})
        assert answer.status == 200 and answer.json()["plaintext"] == b64u(text)
    for role in ("api clients", "api management", "keeper", "supervisor"):
        pieces = memory_of(appliance.pids(role)[0])
        assert any(KNOWN[role] in piece for piece in pieces), f"{role} could not be read"
        assert not held(pieces, content_keys), f"{role} holds a content key"
    assert not held(memory_of(appliance.pids("keeper")[0]), texts), "the keeper holds a plaintext"


def test_a_message_is_gone_when_it_is_answered(appliance):
    """Short ones, which fit where digests are kept, and a long one."""
    client = appliance.client()
    messages = [os.urandom(size) for size in (24, 60, 5000)]
    for message in messages:
        for verb, member in (("aes/encrypt", "plaintext"), ("hmac/mac", "message")):
            answer = client.post(f"/v1/keys/test.{verb}", {member: b64u(message)})
            assert answer.status == 200, answer
    client.close()
    for role in ("token", "keeper"):
        pieces = memory_of(appliance.pids(role)[0])
        assert not held(pieces, [message[:24] for message in messages]), role
    # Neither the body of a request nor what was read of it.
    pieces = memory_of(appliance.pids("api clients")[0])
    assert not held(pieces, [message[:24] for message in messages])


def peer_of(appliance, way):
    environment = appliance.environment
    if way == "unix":
        return over_unix(environment["PRIVYSEAL_SOCKET"])
    return over_tls(urlsplit(environment["PRIVYSEAL_URL"]).port, environment["PRIVYSEAL_CA"],
                    environment["PRIVYSEAL_CERT"], environment["PRIVYSEAL_KEY"])


def ask(peer, target, body):
    answer = peer.request("POST", target, json.dumps(body).encode(),
                          {"Content-Type": "application/json"})
    assert answer.status == 200, answer
    return json.loads(answer.body)


def decrypt_each(appliance, peer, sizes):
    """By an AES key; what is encrypted comes another way."""
    texts = [os.urandom(size) for size in sizes]
    with contextlib.closing(peer_of(appliance, "unix")) as other:
        sealed = [ask(other, "/v1/keys/test.aes/encrypt", {"plaintext": b64u(text)})["ciphertext"]
                  for text in texts]
    for text, ciphertext in zip(texts, sealed):
        opened = ask(peer, "/v1/keys/test.aes/decrypt", {"ciphertext": ciphertext})
        assert opened["plaintext"] == b64u(text)
    return texts


def decrypt_together(peer, key, count):
    """JWEs in one request, whose answers are put together in a buffer that grows."""
    texts = [os.urandom(48) for _ in range(count)]
    items = [{"jwe": jwe_with(key, os.urandom(32), text)} for text in texts]
    opened = ask(peer, "/v1/jwe/decrypt", {"key": "oidc.decrypt", "items": items})["items"]
    assert [item["plaintext"] for item in opened] == [b64u(text) for text in texts]
    return texts


@pytest.mark.parametrize("way", ["unix", "tls"])
def test_what_was_decrypted_is_gone_when_it_is_answered(appliance, way):
    """Short and long, one by one and many in a request: no process of ours has it, whoever asked how."""
    public = appliance.client().get("/v1/keys/oidc.decrypt/public",
                                    headers={"Accept": "application/x-pem-file"}).body
    with contextlib.closing(peer_of(appliance, way)) as peer:
        texts = decrypt_each(appliance, peer, (32, 5000, 200_000))
        texts += decrypt_together(peer, serialization.load_pem_public_key(public), 20)
        marks = {text[:32] for text in texts} | {text[-32:] for text in texts if len(text) > 100}
        for role in ("token", "keeper", "api clients", "api management"):
            pieces = memory_of(appliance.pids(role)[0])
            assert role not in KNOWN or any(KNOWN[role] in piece for piece in pieces)
            assert not held(pieces, marks), role


def stand_in(pieces, texts):
    """Which of these stand there as they are; one that does shows that the memory was read."""
    return [name for name, text in texts.items() if any(text.encode() in piece for piece in pieces)]


def told_about(oidc, people, person):
    """A login with two one-time passwords, of which the first is not used, up to what userinfo tells; and that first one."""
    party, browser = RelyingParty(oidc, "portal"), Browser(oidc)
    claims = {"userinfo": {"name": {"essential": True}, "email": None}}
    browser.open(browser.begin(party.request(claims=claims, prompt="consent")))
    sent = []
    for _ in range(2):
        assert browser.send_otp(person).json()["errors"] == []
        sent.append(people.otp(person))
    assert browser.authenticate(person, "OTP", sent[1]).json()["errors"] == []
    code = browser.consent(["name", "email"]).json()["response"]["code"]
    browser.close()
    answer = party.post(f"{BASE}/oauth/v2/token", {
        "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK,
        "client_id": party.name, **party.authenticated()})
    with contextlib.closing(oidc.public()) as client:
        told = client.get(f"{BASE}/oidc/userinfo",
                          headers={"Authorization": f"Bearer {answer.json()['access_token']}"})
    assert told.status == 200, told
    return sent[0]


def test_what_a_registry_says_of_a_person_is_gone_when_it_is_told(appliance):
    """Neither as it said it, nor in a record, nor in a message to the person. SQLite keeps pages of the registry."""
    people = People()
    try:
        with Oidc(appliance.environment["PRIVYSEAL_SOCKET"], more=people.settings()) as oidc:
            otp = told_about(oidc, people, "1000000001")
            oidc.end_turn()
            assert stand_in(memory_of(oidc.process.pid), {
                "row": "one@example.org", "answer": '{"name":"Sample One","email":"one@example.org"',
                "message": f'"address":"one@example.org","otp":"{otp}"'}) == ["row"]
    finally:
        people.close()


def test_what_a_credential_is_made_of_is_gone_when_it_is_issued(appliance, tmp_path):
    """The filled template, and what is disclosed before it is encoded."""
    authority = Authority(tmp_path / "jwks.json")
    with Certify(appliance.environment["PRIVYSEAL_SOCKET"], authority) as certify:
        assert certify.configure(configuration()).status == 201
        answer = certify.ask(authority.token(), body_1_0(Wallet().proof(certify.nonce())))
        assert answer.status == 200, answer
        certify.end_turn()
        assert stand_in(memory_of(certify.process.pid), {
            "table": "ann@mail.example", "template": '"given_name":"Ann é","greeting":"Hello',
            "disclosure": '","given_name","Ann é"]'}) == ["table"]
