"""SSH signatures against OpenSSH: what is accepted here, `ssh-keygen -Y verify` accepts too."""

import base64
import hashlib
import os
import random
import struct
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from harness.places import BUILD

TOOL = BUILD / "tests" / "interop" / "sshsig_tool"
NAMESPACE = "approve.ceremony.privyseal.v1"
MESSAGE = b'{"nonce":"00112233445566778899aabbccddeeff","type":"key.make","v":"1"}'
PLAIN = {"ed25519": ["ed25519"], "ecdsa-p256": ["ecdsa", "-b", "256"],
         "ecdsa-p384": ["ecdsa", "-b", "384"]}
SK_TYPES = ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"]
PRESENCE, VERIFICATION = 1, 4


def run(*command, stdin=b""):
    return subprocess.run([str(word) for word in command], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60, check=False)


def ask(*command):
    done = run(TOOL, *command)
    assert done.returncode == 0, done.stdout
    return done.stdout.decode().rstrip("\n")


def ours(directory, message=MESSAGE, policy=(), application="ssh:", namespace=NAMESPACE):
    """What lib/formats says of DIRECTORY/message.sig by DIRECTORY/key.pub."""
    (directory / "message").write_bytes(message)
    return ask("verify", directory / "key.pub", directory / "message.sig", directory / "message",
               namespace, application, *policy)


def theirs(directory, message=MESSAGE, namespace=NAMESPACE):
    """What ssh-keygen -Y verify says; the key has to be the one in key.pub there too."""
    key = " ".join((directory / "key.pub").read_text().split()[:2])
    (directory / "allowed").write_text(
        f'officer namespaces="{namespace}",valid-before="20400101" {key}\n')
    return run("ssh-keygen", "-Y", "verify", "-O", "print-pubkey", "-O", "verify-time=20300101",
               "-f", directory / "allowed", "-I", "officer", "-n", namespace,
               "-s", directory / "message.sig", stdin=message)


def both_accept(directory, **how):
    answer = ours(directory, **how)
    assert answer.startswith("ok "), answer
    how = {name: how[name] for name in ("message", "namespace") if name in how}
    verdict = theirs(directory, **how)
    assert verdict.returncode == 0, verdict.stdout
    # Theirs names the same key: its fingerprint, and its line.
    _ok, fingerprint, line = ask("key", directory / "key.pub").split(" ", 2)
    assert fingerprint in verdict.stdout.decode()
    assert line in verdict.stdout.decode()
    return answer


def both_refuse(directory, **how):
    answer = ours(directory, **how)
    assert not answer.startswith("ok"), answer
    how = {name: how[name] for name in ("message", "namespace") if name in how}
    assert theirs(directory, **how).returncode != 0
    return answer


def make_key(directory, kind):
    done = run("ssh-keygen", "-q", "-N", "", "-C", "officer@example", "-f", directory / "key",
               "-t", *kind)
    assert done.returncode == 0, done.stdout


def sign(directory, message=MESSAGE, namespace=NAMESPACE, options=()):
    done = run("ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", directory / "key", *options,
               stdin=message)
    assert done.returncode == 0, done.stdout
    (directory / "message.sig").write_bytes(done.stdout)


def string(octets):
    return struct.pack(">I", len(octets)) + octets


def mpint(number):
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big"))


def armored(blob):
    text = base64.b64encode(blob).decode()
    lines = [text[at:at + 70] for at in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


class Authenticator:
    """A hardware key in software: what it signs, OpenSSH's PROTOCOL.u2f says."""

    def __init__(self, kind, application="ssh:"):
        self.kind = kind.encode()
        self.application = application.encode()
        if "ed25519" in kind:
            self.private = ed25519.Ed25519PrivateKey.generate()
            point = self.private.public_key().public_bytes(
                serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            self.blob = string(self.kind) + string(point)
        else:
            self.private = ec.generate_private_key(ec.SECP256R1())
            point = self.private.public_key().public_bytes(
                serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
            self.blob = string(self.kind) + string(b"nistp256") + string(point)
        self.blob += string(self.application)

    def write_key(self, directory):
        line = self.kind + b" " + base64.b64encode(self.blob) + b" officer@example\n"
        (directory / "key.pub").write_bytes(line)

    def sign_raw(self, data):
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(data)
        first, second = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return mpint(first) + mpint(second)

    def sign(self, directory, flags, message=MESSAGE, counter=1):
        head = string(NAMESPACE.encode()) + string(b"") + string(b"sha512")
        data = b"SSHSIG" + head + string(hashlib.sha512(message).digest())
        tail = struct.pack(">BI", flags, counter)
        raw = self.sign_raw(hashlib.sha256(self.application).digest() + tail +
                            hashlib.sha256(data).digest())
        inner = string(self.kind) + string(raw) + tail
        blob = b"SSHSIG" + struct.pack(">I", 1) + string(self.blob) + head + string(inner)
        (directory / "message.sig").write_text(armored(blob))


@pytest.mark.parametrize("kind", PLAIN)
def test_signatures_of_ssh_keygen_verify(tmp_path, kind):
    make_key(tmp_path, PLAIN[kind])
    for length in (0, 1, 48 * 1024):
        message = os.urandom(length)
        sign(tmp_path, message)
        assert both_accept(tmp_path, message=message) == "ok plain flags 0 counter 0"
        both_refuse(tmp_path, message=message + b"x")
    sign(tmp_path)
    answer = both_refuse(tmp_path, namespace="reject.ceremony.privyseal.v1")
    assert answer.startswith("denied: "), answer
    line = " ".join((tmp_path / "key.pub").read_text().split()[:2])
    assert ask("peek", tmp_path / "message.sig") == f"ok {NAMESPACE} {line}"


@pytest.mark.parametrize("kind", SK_TYPES)
@pytest.mark.parametrize("application", ["ssh:", "ssh:privyseal"])
def test_signatures_of_hardware_keys_verify(tmp_path, kind, application):
    authenticator = Authenticator(kind, application)
    authenticator.write_key(tmp_path)
    for flags in (0, PRESENCE, VERIFICATION, PRESENCE | VERIFICATION):
        authenticator.sign(tmp_path, flags, counter=1000 + flags)
        assert (both_accept(tmp_path, application=application) ==
                f"ok sk flags {flags} counter {1000 + flags}")
        for wanted, name, words in ((PRESENCE, "presence", "nobody touched"),
                                    (VERIFICATION, "verification", "PIN")):
            answer = ours(tmp_path, application=application, policy=[name])
            if flags & wanted:
                assert answer.startswith("ok "), answer
            else:
                assert answer.startswith("denied: ") and words in answer, answer
        answer = ours(tmp_path, application="ssh:another")
        assert answer.startswith("denied: ") and "another application" in answer, answer
        assert both_refuse(tmp_path, message=MESSAGE + b"x",
                           application=application).startswith("denied: ")


def test_another_key_is_refused(tmp_path):
    make_key(tmp_path, PLAIN["ed25519"])
    sign(tmp_path)
    (tmp_path / "key").unlink()
    make_key(tmp_path, PLAIN["ed25519"])
    assert "by another key" in both_refuse(tmp_path)


def prepare(directory, kind):
    if kind in PLAIN:
        make_key(directory, PLAIN[kind])
        sign(directory)
    else:
        authenticator = Authenticator(kind)
        authenticator.write_key(directory)
        authenticator.sign(directory, PRESENCE | VERIFICATION)


@pytest.mark.parametrize("kind", [*PLAIN, *SK_TYPES])
def test_a_changed_bit_is_refused_by_both(tmp_path, kind):
    prepare(tmp_path, kind)
    both_accept(tmp_path)
    text = (tmp_path / "message.sig").read_text()
    blob = base64.b64decode("".join(text.splitlines()[1:-1]))
    assert armored(blob) == text
    for at in range(0, len(blob), 3):
        changed = bytearray(blob)
        changed[at] ^= 1 << at % 8
        (tmp_path / "message.sig").write_text(armored(bytes(changed)))
        both_refuse(tmp_path)


@pytest.mark.parametrize("kind", [*PLAIN, *SK_TYPES])
def test_what_is_accepted_here_ssh_keygen_accepts(tmp_path, kind):
    """Texts changed at random: most are refused; whatever is not has to please both."""
    prepare(tmp_path, kind)
    text = (tmp_path / "message.sig").read_bytes()
    dice = random.Random(kind)
    accepted = 0
    for _ in range(120):
        at = dice.randrange(len(text))
        cut = dice.choice([0, 0, 1, 1, 2])
        put = bytes(dice.choice(b"\n\n\n \r=A-") for _ in range(dice.choice([0, 1, 1])))
        (tmp_path / "message.sig").write_bytes(text[:at] + put + text[at + cut:])
        if ours(tmp_path).startswith("ok "):
            accepted += 1
            assert theirs(tmp_path).returncode == 0
    assert accepted > 0


@pytest.mark.parametrize("kind, words", [
    (["rsa", "-b", "3072"], "RSA keys are not accepted"),
    (["ecdsa", "-b", "521"], "P-521 are not accepted"),
    (["dsa"], "DSA keys are not accepted"),
])
def test_other_kinds_of_keys_are_refused_with_advice(tmp_path, kind, words):
    make_key(tmp_path, kind)
    answer = ask("key", tmp_path / "key.pub")
    assert answer.startswith("input: ") and words in answer, answer
    sign(tmp_path)
    answer = ask("peek", tmp_path / "message.sig")
    assert answer.startswith("input: ") and words in answer, answer


def test_certificates_are_refused(tmp_path):
    make_key(tmp_path, PLAIN["ed25519"])
    done = run("ssh-keygen", "-q", "-s", tmp_path / "key", "-I", "id", "-n", "officer",
               tmp_path / "key.pub")
    assert done.returncode == 0, done.stdout
    answer = ask("key", tmp_path / "key-cert.pub")
    assert answer.startswith("input: ") and "certificates are not accepted" in answer, answer
    # Given the certificate's file, ssh-keygen puts the certificate into the signature.
    done = run("ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", tmp_path / "key-cert.pub",
               stdin=MESSAGE)
    assert done.returncode == 0, done.stdout
    (tmp_path / "message.sig").write_bytes(done.stdout)
    answer = ask("peek", tmp_path / "message.sig")
    assert answer.startswith("input: ") and "certificates are not accepted" in answer, answer
    assert "by another key" in ours(tmp_path)


def test_sha256_is_refused(tmp_path):
    make_key(tmp_path, PLAIN["ed25519"])
    sign(tmp_path, options=["-O", "hashalg=sha256"])
    assert theirs(tmp_path).returncode == 0
    answer = ours(tmp_path)
    assert answer.startswith("input: ") and "another hash than sha512" in answer, answer


def test_the_newline_of_an_editor_is_named(tmp_path):
    make_key(tmp_path, PLAIN["ecdsa-p384"])
    sign(tmp_path, MESSAGE + b"\n")
    assert "an editor has added a newline" in both_refuse(tmp_path)
    sign(tmp_path, MESSAGE)
    assert "newline at the end of the file was lost" in both_refuse(tmp_path,
                                                                    message=MESSAGE + b"\n")


@pytest.mark.parametrize("kind", [*PLAIN, *SK_TYPES])
def test_fingerprints_are_those_of_ssh_keygen(tmp_path, kind):
    prepare(tmp_path, kind)
    fingerprint = run("ssh-keygen", "-l", "-f", tmp_path / "key.pub").stdout.decode().split()[1]
    line = " ".join((tmp_path / "key.pub").read_text().split()[:2])
    assert ask("key", tmp_path / "key.pub") == f"ok {fingerprint} {line}"
    # What is written here they read.
    (tmp_path / "again.pub").write_text(line + "\n")
    assert fingerprint in run("ssh-keygen", "-l", "-f", tmp_path / "again.pub").stdout.decode()
