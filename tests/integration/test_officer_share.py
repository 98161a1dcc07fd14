"""What an officer does with a share of a PIN: keys on paper, CMS by stock OpenSSL, a one-time key."""

import json
import os
from pathlib import Path
import re
import subprocess

from jwcrypto import jwe, jwk
import pytest

from harness.officers import DONE, FAILED, REFUSED, USAGE, call

PASSPHRASE = "four words for this"
SHARE = (b"PSSHARE\x01\x01\x03\x05\x02" + bytes(16) + b"\x04main\x09officer-2\x0a0123456789")


def say(*words, passphrases=(PASSPHRASE,), **more):
    """With passphrases from a pipe."""
    there, here = os.pipe()
    os.write(here, "".join(f"{line}\n" for line in passphrases).encode())
    os.close(here)
    try:
        return call(*words, "--passphrase-fd", there, pass_fds=(there,), **more)
    finally:
        os.close(there)


def encrypt(certificate, content, *options):
    return subprocess.run(["openssl", "cms", "-encrypt", "-aes-256-gcm", "-binary", "-outform", "PEM",
                           "-recip", str(certificate), *options], input=content, check=True,
                          capture_output=True).stdout


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("share") / "key"
    done = say("share", "key", "officer-2", "--out", path)
    assert done.returncode == DONE, done
    return path


@pytest.fixture
def sealed(key, tmp_path):
    path = tmp_path / "share.cms"
    path.write_bytes(encrypt(f"{key}.pem", SHARE, "-keyopt", "ecdh_kdf_md:sha256"))
    return path


def test_a_share_that_openssl_sealed_is_opened_and_described(key, sealed):
    done = say("share", "open", sealed, "--key", key)
    assert done.returncode == DONE, done
    assert "Share 2 of 5 of the user PIN of the token main, for officer-2." in done.stdout
    assert "0123456789" not in done.stdout


def test_another_passphrase_opens_nothing(key, sealed):
    done = say("share", "open", sealed, "--key", key, passphrases=["four words for that"])
    assert done.returncode == REFUSED and "passphrase is not the right one" in done.stderr


def test_the_print_is_the_key_whether_it_is_typed_or_scanned(key, sealed, tmp_path):
    """The text of a QR code is what a scanner gives: the same octets in one line."""
    printed = call("share", "print", key).stdout
    lines = re.findall(r"^\d\d .*", printed, re.M)
    assert len(lines) >= 5 and "█" in printed
    typed = tmp_path / "typed"
    typed.write_text("\n".join(line.lower() for line in lines))
    scanned = tmp_path / "scanned"
    scanned.write_text("PRIVYSEAL1:" + "".join("".join(line.split()[1:-1]) for line in lines))
    for path in (typed, scanned):
        assert say("share", "open", sealed, "--key", path).returncode == DONE
    typed.write_text("\n".join(lines).replace(lines[2][3], "7" if lines[2][3] != "7" else "6"))
    done = say("share", "open", sealed, "--key", typed)
    assert done.returncode == FAILED and re.search(r"line 0\d is not as it was printed", done.stderr)


def test_a_share_can_be_kept_under_a_passphrase_of_its_own(tmp_path):
    kept = tmp_path / "kept"
    opened = tmp_path / "opened"
    opened.write_bytes(SHARE)  # as a smart card gives it
    done = say("share", "open", opened, "--keep", kept)
    assert done.returncode == DONE and "0123456789" not in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    assert "for officer-2" in say("share", "open", kept).stdout


def test_it_is_sealed_only_to_the_key_whose_words_the_console_shows(key, sealed, tmp_path):
    once = jwk.JWK.generate(kty="EC", crv="P-256")
    other = jwk.JWK.generate(kty="EC", crv="P-256")
    unlock, out = tmp_path / "unlock.json", tmp_path / "out"
    unlock.write_text(json.dumps({"key": json.loads(once.export_public())}))
    for of in (other, once):
        words = eight_words(of)
        done = say("share", "seal", sealed, "--key", key, "--to", unlock, "--words", words, "--out", out)
        if of is other:
            assert done.returncode == REFUSED and not out.exists(), done
    assert done.returncode == DONE, done
    token = jwe.JWE()
    token.deserialize(out.read_text(), once)
    assert token.payload == SHARE
    assert token.jose_header["alg"] == "ECDH-ES" and token.jose_header["enc"] == "A256GCM"


def eight_words(key):
    """From the octets of the RFC 7638 thumbprint, by the list that the program has."""
    octets = jwk.base64url_decode(key.thumbprint())[:8]
    source = (Path(__file__).parents[2] / "lib/ceremony/words/pgp_words.def").read_text()
    rows = [re.findall(r'"(\w+)"', line) for line in source.splitlines() if line.count('"') == 4]
    return " ".join(rows[octet][place % 2] for place, octet in enumerate(octets))


def test_what_is_missing_is_said(key, sealed):
    assert call("share", "key", "officer-2").returncode == USAGE
    assert call("share", "seal", sealed).returncode == USAGE
    assert "--key FILE" in call("share", "open", sealed).stderr
    done = call("share", "open", sealed, "--key", key, "--passphrase-fd", "x")
    assert done.returncode == FAILED and "open descriptor" in done.stderr
