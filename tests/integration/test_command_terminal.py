"""What `privyseal` shows and leaves behind when whoever answers it means no good."""

import contextlib
import json
import os
import socket
import stat
import subprocess
import threading

import pytest

from harness import terminal
from harness.places import PRIVYSEAL

# Moves the cursor, names the window, turns the direction of text; the one octet that some terminals
# take for the beginning of a sequence; and a colour.
EVIL = "good\x1b]0;owned\x07\x1b[2J\x1b[1;1H\u202edoog\u009b31m\r"
SHOWN = "good\\u{1b}]0;owned\\u{7}\\u{1b}[2J\\u{1b}[1;1H\\u{202e}doog\\u{9b}31m\\u{d}"
HIDDEN = "\x1b\x07\u202e\u009b\r"


class Stranger:
    """Answers each request on a Unix socket with the same octets, and counts them."""

    def __init__(self, path):
        self.path, self.answer, self.asked = str(path), b"", 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer, contextlib.suppress(OSError):
                read = b""
                while b"\r\n\r\n" not in read:
                    read += peer.recv(65536)
                head, body = read.split(b"\r\n\r\n", 1)
                fields = [line.split(b":") for line in head.lower().split(b"\r\n")[1:]]
                left = sum(int(text) for name, text in fields if name == b"content-length")
                while len(body) < left:
                    body += peer.recv(65536)
                self.asked += 1
                peer.sendall(self.answer)

    def says(self, status, body, kind="application/json"):
        octets = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        self.answer = (f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nConnection: close\r\n"
                       f"Content-Length: {len(octets)}\r\n\r\n").encode() + octets
        self.asked = 0


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    made = Stranger(tmp_path_factory.mktemp("stranger") / "socket")
    yield made
    made.listener.close()


def call(stranger, *words, **options):
    return subprocess.run([str(PRIVYSEAL), *map(str, words), "--socket", stranger.path],
                          env={"PATH": os.environ["PATH"]}, capture_output=True, check=False,
                          timeout=60, **options)


def on_terminal(stranger, *words):
    return terminal.run([PRIVYSEAL, *words, "--socket", stranger.path])[1]


def assert_harmless(text):
    text = text if isinstance(text, str) else text.decode()
    assert not [c for c in HIDDEN if c in text], text
    assert "\\u{1b}" in text, text


def problem(status, **members):
    return dict({"type": "about:blank", "title": "title", "status": status, "code": "malformed",
                 "detail": "detail"}, **members)


@pytest.mark.parametrize("member", ["detail", "title", "code", "state"])
def test_a_refusal_does_nothing_to_the_terminal(stranger, member):
    texts = {"detail": ""} if member == "title" else {}
    stranger.says(400, problem(400, **dict(texts, **{member: EVIL})))
    done = call(stranger, "keys", "list")
    assert done.returncode != 0 and SHOWN.encode() in done.stderr, done
    assert_harmless(done.stderr)


@pytest.mark.parametrize("body", [
    {"items": [{"name": EVIL}]}, {EVIL: "a"}, {"a": {EVIL: {"b": EVIL}}}, {"a": [{EVIL: 1}]},
    ("no JSON at all " + EVIL).encode()], ids=["table", "name", "nested", "element", "text"])
def test_an_answer_does_nothing_to_the_terminal(stranger, body):
    stranger.says(200, body)
    assert_harmless(on_terminal(stranger, "keys", "list"))
    assert_harmless(on_terminal(stranger, "system"))


@pytest.mark.parametrize("words", [
    ["keys", "list", "--json"], ["keys", "public", "a"], ["keys", "proof", "a"],
    ["operation", "document", "a"], ["officer", "roster"]], ids=lambda words: "-".join(words[:2]))
def test_what_is_given_as_it_came_is_so_to_a_file_alone(stranger, words):
    octets = json.dumps({"a": EVIL}, ensure_ascii=False).encode() + EVIL.encode()
    stranger.says(200, octets)
    assert octets.strip() in call(stranger, *words).stdout
    assert_harmless(on_terminal(stranger, *words))


def test_what_may_take_long_is_named_on_a_terminal_alone(stranger):
    stranger.says(201, {"id": "a", "state": "done"})
    shown = on_terminal(stranger, "keys", "rotate", "a")
    assert shown.startswith("keys rotate ...\n"), shown
    assert b"..." not in call(stranger, "keys", "rotate", "a").stderr


def test_who_says_to_wait_for_ever_is_not_asked_again_at_once(stranger):
    for seconds in (4294968, 4294967296, 10 ** 15):
        stranger.says(503, problem(503, code="unavailable", retry_after_s=seconds))
        assert call(stranger, "keys", "list").returncode != 0
        assert stranger.asked == 1, seconds


@pytest.mark.parametrize("words", [["--force"], []], ids=["anew", "new"])
def test_a_signed_document_is_no_more_open_than_the_user_wants(stranger, tmp_path, words):
    document, signed = tmp_path / "a.pdf", tmp_path / "b.pdf"
    document.write_bytes(b"%PDF-1.7\n")
    stranger.says(200, b"%PDF-1.7\nsigned", kind="application/pdf")
    for mask in (0o077, 0o027, 0o022):
        signed.unlink(missing_ok=True)
        done = call(stranger, "pdf", "sign", document, signed, "--with", "a", *words, umask=mask)
        assert done.returncode == 0, done
        assert stat.S_IMODE(signed.stat().st_mode) == 0o644 & ~mask
