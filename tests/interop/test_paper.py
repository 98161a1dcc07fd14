"""The QR code of a printed key for shares is read by a decoder that we did not write, and opens what the file opens."""

import os
import re
import subprocess

import pytest

from harness.officers import DONE, FAILED, REFUSED, call

PASSPHRASE = b"four words for this\n"
SHARE = (b"PSSHARE\x01\x01\x03\x05\x02" + bytes(16) + b"\x04main\x09officer-2\x0a0123456789")
INK = {" ": "00", "▀": "10", "▄": "01", "█": "11"}  # the upper and the lower half of a character


def say(*words):
    there, here = os.pipe()
    os.write(here, PASSPHRASE)
    os.close(here)
    try:
        return call(*words, "--passphrase-fd", there, pass_fds=(there,))
    finally:
        os.close(there)


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("paper") / "key"
    assert say("share", "key", "officer-2", "--out", path).returncode == DONE
    return path


def modules_of(printed):
    """Rows of the picture, as ink on paper, with a margin around it."""
    lines = [line for line in printed.splitlines() if re.search("[▀▄█]", line)]
    width = max(map(len, lines))
    rows = [[INK[char][half] for char in line.ljust(width)] for line in lines for half in (0, 1)]
    empty = "0" * (width + 8)
    return [empty] * 4 + ["0000" + "".join(row) + "0000" for row in rows] + [empty] * 4


def test_the_printed_code_is_read_and_opens_a_share(key, ask_node, tmp_path):
    printed = call("share", "print", key).stdout
    read = ask_node("qr.mjs")({"modules": modules_of(printed)})["text"]
    lines = re.findall(r"^\d\d .*", printed, re.M)
    assert read == "PRIVYSEAL1:" + "".join("".join(line.split()[1:-1]) for line in lines)
    scanned, sealed = tmp_path / "scanned", tmp_path / "sealed"
    scanned.write_text(read)
    sealed.write_bytes(subprocess.run(
        ["openssl", "cms", "-encrypt", "-aes-256-gcm", "-binary", "-outform", "PEM", "-recip",
         f"{key}.pem", "-keyopt", "ecdh_kdf_md:sha256"], input=SHARE, check=True,
        capture_output=True).stdout)
    opened = say("share", "open", sealed, "--key", scanned)
    assert opened.returncode == DONE and "for officer-2" in opened.stdout, opened
    scanned.write_text(read[:20] + ("A" if read[20] != "A" else "B") + read[21:])
    refused = say("share", "open", sealed, "--key", scanned)
    assert refused.returncode in (FAILED, REFUSED) and "officer-2" not in refused.stdout, refused
