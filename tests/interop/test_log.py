"""The log, by a verifier written from docs/log-format.md alone."""

import json
import pathlib
import shutil
import subprocess

import pytest
from .verify_log import verify

from harness.appliance import Appliance
from harness.http_unix import b64u
from harness.places import PRIVYSEAL

SAMPLE = pathlib.Path(__file__).resolve().parents[1] / "vectors" / "log" / "sample"
KEY = ("vectors.privyseal.example/events+82b37117+"
       "AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea")


@pytest.fixture()
def log(tmp_path):
    return pathlib.Path(shutil.copytree(SAMPLE, tmp_path / "log"))


def flip(path, at):
    octets = bytearray(path.read_bytes())
    octets[at] ^= 1 << at % 8
    path.write_bytes(octets)


def damaged(log, key=KEY):
    try:
        verify(log, key)
    except (ValueError, KeyError, TypeError):
        return True
    return False


def our_verdict(log):
    command = [str(PRIVYSEAL), "log", "verify", str(log), "--log-key", KEY]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode


def test_the_sample_verifies(log):
    assert verify(log, KEY)
    assert verify(log)
    assert our_verdict(log) == 0


def test_another_key_does_not(log):
    assert damaged(log, KEY.replace("vectors", "vector"))


@pytest.mark.parametrize("name", sorted(str(p.relative_to(SAMPLE)) for p in SAMPLE.rglob("*")
                                        if p.is_file() and p.stat().st_size))
def test_any_flipped_bit_is_damage(log, name):
    path = log / name
    size = path.stat().st_size
    for at in range(0, size, max(1, size // 40)):
        flip(path, at)
        assert damaged(log), f"octet {at}"
        flip(path, at)
    assert verify(log, KEY)


def test_both_verifiers_agree_about_cut_files(log):
    for path in sorted(p for p in log.rglob("*") if p.is_file()):
        whole = path.read_bytes()
        for less in (1, 8, 32, 64, len(whole)):
            path.write_bytes(whole[:max(0, len(whole) - less)])
            assert damaged(log) == (our_verdict(log) != 0), f"{path} without {less} octets"
        path.write_bytes(whole)


@pytest.mark.parametrize("tail", json.loads((SAMPLE.parent / "tails.json").read_text()),
                         ids=lambda tail: tail["name"])
def test_both_verifiers_agree_about_what_stands_behind_the_leaves(log, tail):
    with open(log / tail["tree"] / "entries", "ab") as record:
        for piece in tail["behind"]:
            record.write(bytes(piece) if isinstance(piece, int) else bytes.fromhex(piece))
    with open(log / tail["tree"] / "hashes.0", "ab") as hashes:
        hashes.write(bytes.fromhex(tail.get("hash", "")))
    assert damaged(log) == (our_verdict(log) != 0) == tail.get("damage", False)
    if not tail.get("damage"):
        count = {"events": 4, "use/2026-11-0002": 5}[tail["tree"]] + tail["leaves"]
        assert any(line.startswith(f"{tail['tree']}: {count} leaves") for line in verify(log, KEY))


def test_an_export_verifies(log, tmp_path):
    exported = tmp_path / "exported"
    subprocess.run([str(PRIVYSEAL), "log", "export", str(log), str(exported)], check=True,
                   timeout=60)
    assert verify(exported, KEY)
    for path in sorted(p for p in exported.rglob("*") if p.is_file()):
        flip(path, path.stat().st_size // 2)
        assert damaged(exported) and our_verdict(exported) != 0, path
        flip(path, path.stat().st_size // 2)


def test_an_appliance_s_own_log_verifies():
    with Appliance() as running:
        client = running.client()
        for number in range(300):
            answer = client.post("/v1/jws/sign", {"key": "certify.vc-jwt",
                                                  "payload": b64u(b"%d" % number)})
            assert answer.status == 200, answer
        client.close()
        # Stopped, since this verifier reads a file at a time and not a log that grows.
        running.stop()
        said = verify(running.directory / "data/log")
    assert any(line.startswith("use/") and int(line.split()[1]) >= 300 for line in said), said
