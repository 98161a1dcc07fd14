"""What a hostile or broken client sends: refused with 4xx or closed, others unharmed, memory flat."""

import base64
import contextlib
import json
import random
import re
import resource
import selectors
import socket
import time

import pytest

from harness.appliance import PATIENCE_S, wait_until
from harness.callers import over_tls
from harness.http_unix import Client, b64u
from harness.load import SigningLoad

KEY = "certify.vc-jwt"
BODY = json.dumps({"key": KEY, "payload": b64u(b"x")})


def raw(appliance, octets, limit_s=60.0, end=False, silence_s=0.05):
    """Sends octets as they are; yields what came back until the other side closed or was silent."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(limit_s)
        sock.connect(appliance.environment["PRIVYSEAL_SOCKET"])
        try:
            sock.sendall(octets)
            if end:
                sock.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        got = b""
        try:
            while chunk := sock.recv(65536):
                got += chunk
                if b"\r\n\r\n" in got and answer_is_whole(got):
                    sock.settimeout(silence_s)
        except (TimeoutError, ConnectionResetError):
            pass
        return got


def answer_is_whole(got):
    head, _, body = got.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return len(body) >= int(line.split(b":")[1])
    return True


def statuses(got):
    return [int(part.split(b" ")[0]) for part in got.split(b"HTTP/1.1 ")[1:]]


def post(target=b"/v1/jws/sign", headers=b"", body=BODY.encode(), length=None):
    length = str(len(body) if length is None else length).encode()
    return (b"POST " + target + b" HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Content-Length: " + length + b"\r\n" + headers + b"\r\n" + body)


def memory_kib(appliance, role):
    text = open(f"/proc/{appliance.pids(role)[0]}/status", encoding="ascii").read()
    return int(text.split("VmRSS:")[1].split()[0])


def test_a_good_raw_request_is_answered(appliance):
    assert statuses(raw(appliance, post())) == [200]


HIDDEN = b"GET /v1/jwks HTTP/1.1\r\nHost: a\r\n\r\n"


# Shapes in which two parsers could disagree where a request ends (library-traps: libmicrohttpd).
SMUGGLING = {
    "length and chunked": post(headers=b"Transfer-Encoding: chunked\r\n",
                               body=b"0\r\n\r\n" + HIDDEN, length=5),
    "two lengths": post(headers=b"Content-Length: 3\r\n"),
    "two lengths alike": post(headers=b"Content-Length: " + str(len(BODY)).encode() + b"\r\n"),
    "two hosts": post(headers=b"Host: b\r\n"),
    "negative length": post(length=-1, body=HIDDEN),
    "length with plus": post(headers=b"", body=BODY.encode(), length="+5"),
    "unknown coding": b"POST /v1/jws/sign HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    "no host": b"GET /v1/jwks HTTP/1.1\r\n\r\n",
    "chunked": b"POST /v1/jws/sign HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
               b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + HIDDEN,
}


@pytest.mark.parametrize("shape", SMUGGLING)
def test_smuggling_shapes_are_refused_and_nothing_hidden_is_served(appliance, shape):
    # Each ends the connection: what is hidden would be answered before that, however late.
    got = raw(appliance, SMUGGLING[shape], silence_s=PATIENCE_S)
    found = statuses(got)
    assert 200 not in found, got[:500]
    # A malformed Content-Length makes libmicrohttpd write its own 400 twice before it closes.
    assert len(found) <= 1 or found == [400, 400], got[:500]
    assert all(400 <= status < 500 for status in found)


PATHS = [b"//v1/jwks", b"/v1//jwks", b"/v1/./jwks", b"/v1/../v1/jwks", b"/v1/jwks%2fall",
         b"/v1/jwks%2Fall", b"/v1/jwks%00", b"/v1/%2e%2e/jwks", b"/v1/jwks\xc3\xa9",
         b"/v1/keys/a%ff", b"/v1/keys/%c0%af", b"http://a/v1/jwks", b"*", b"v1/jwks",
         b"/v1/keys/" + b"a" * 5000, b"/v1/jwks?a=b", b"/v1/keys?limit=0", b"/v1/keys?limit=1001",
         b"/v1/keys?limit=1&limit=2", b"/v1/keys?after=%2f", b"/v1/jwks#x"]


@pytest.mark.parametrize("path", PATHS)
def test_paths_that_are_not_canonical_are_refused(appliance, path):
    got = raw(appliance, b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    found = statuses(got)
    assert all(400 <= status < 500 for status in found), got[:300]
    assert b"HTTP/1.1 200" not in got


BODIES = {
    "not json": b"nonsense",
    "empty": b"",
    "array": b"[]",
    "trailing": BODY.encode() + b" x",
    "two": BODY.encode() * 2,
    "duplicate": b'{"key":"a","key":"certify.vc-jwt","payload":"eA"}',
    "duplicate escaped": b'{"key":"certify.vc-jwt","\\u006bey":"a","payload":"eA"}',
    "other case": b'{"KEY":"certify.vc-jwt","payload":"eA"}',
    "unknown": b'{"key":"certify.vc-jwt","payload":"eA","more":1}',
    "overlong": b'{"key":"certify.vc-jwt\xc0\x80","payload":"eA"}',
    "bad utf-8": b'{"key":"\xff","payload":"eA"}',
    "surrogate": b'{"key":"\\ud800","payload":"eA"}',
    "nul": b'{"key":"certify.vc-jwt\\u0000","payload":"eA"}',
    "raw nul": b'{"key":"certify.vc-jwt","payload":"eA"}\0',
    "huge number": b'{"key":"certify.vc-jwt","payload":"eA","b64":1e999}',
    "leading zero": b'{"key":"certify.vc-jwt","payload":"eA","b64":01}',
    "null": b'{"key":null,"payload":"eA"}',
    "number": b'{"key":5,"payload":"eA"}',
    "deep": b'{"key":' + b"[" * 10000 + b"]" * 10000 + b"}",
    "deep header": b'{"key":"certify.vc-jwt","payload":"eA","header":' + b'{"a":' * 40 + b"1"
                   + b"}" * 41,
    "padding": b'{"key":"certify.vc-jwt","payload":"eA=="}',
    "trailing bits": b'{"key":"certify.vc-jwt","payload":"eB"}',
    "alg none": b'{"key":"certify.vc-jwt","payload":"eA","header":{"alg":"none"}}',
    "kid set": b'{"key":"certify.vc-jwt","payload":"eA","header":{"kid":"x"}}',
    "crit set": b'{"key":"certify.vc-jwt","payload":"eA","header":{"crit":["x"]}}',
    "bom": b"\xef\xbb\xbf" + BODY.encode(),
}


@pytest.mark.parametrize("what", BODIES)
def test_a_malformed_body_is_one_problem_document(appliance, what):
    got = raw(appliance, post(body=BODIES[what]))
    found = statuses(got)
    assert len(found) == 1 and found[0] in (400, 413, 422), got[:500]
    problem = json.loads(got.split(b"\r\n\r\n", 1)[1])
    assert problem["status"] == found[0]
    assert problem["code"] and problem["title"] and problem["detail"] and problem["instance"]
    assert b"application/problem+json" in got


def test_other_media_types_are_415(appliance):
    got = raw(appliance, post().replace(b"application/json", b"text/plain"))
    assert statuses(got) == [415]
    chunks = f"{len(BODY):x}\r\n{BODY}\r\n0\r\n\r\n".encode()
    for media, status in ((b"application/json", 200), (b"text/plain", 415)):
        got = raw(appliance, b"POST /v1/jws/sign HTTP/1.1\r\nHost: a\r\nContent-Type: " + media +
                  b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        assert statuses(got)[0] == status, got[:300]


@pytest.mark.parametrize("encoding, status", [(b"gzip", 415), (b"br, identity", 415), (b"", 415), (b"identity", 200)])
def test_a_body_that_is_encoded_is_415(appliance, encoding, status):
    got = raw(appliance, post().replace(b"Host: a\r\n", b"Host: a\r\nContent-Encoding: " + encoding + b"\r\n"))
    assert statuses(got) == [status], got[:300]
    assert (b"Content-Encoding" in got) == (status == 415)


def test_two_mebibytes_are_413(appliance):
    got = raw(appliance, post(body=b'{"key":"' + b"a" * (2 << 20) + b'"}'))
    assert 413 in statuses(got), got[:300]


def test_other_methods_are_405_and_say_which(appliance):
    got = raw(appliance, b"DELETE /v1/jws/sign HTTP/1.1\r\nHost: a\r\n\r\n")
    assert statuses(got) == [405]
    assert b"\r\nallow:" in got.lower()


class Exchanges:
    """Many requests at a time over connections of their own, each ended by the appliance.

    Each is sent with its end: whoever has nothing more to say gets an answer or, where part of the
    request is missing, is ended by a deadline.
    """

    AT_ONCE = 256  # half of what one caller may have

    def __init__(self, path, limit_s):
        self.path = path
        self.limit_s = limit_s
        self.selector = selectors.DefaultSelector()
        self.open = 0

    def begin(self, octets):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(self.limit_s)
        sock.connect(self.path)
        try:
            sock.sendall(octets)
            sock.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        sock.setblocking(False)
        self.selector.register(sock, selectors.EVENT_READ, [octets, b"", time.monotonic()])
        self.open += 1

    def read(self, sock, state):
        """True when the appliance has ended the connection."""
        try:
            chunk = sock.recv(65536)
        except ConnectionResetError:
            chunk = b""
        state[1] += chunk
        return not chunk

    def ended(self, wait_s):
        for key, _ in self.selector.select(wait_s):
            if self.read(key.fileobj, key.data):
                self.selector.unregister(key.fileobj)
                key.fileobj.close()
                self.open -= 1
                yield key.data[:2]
        now = time.monotonic()
        for key in self.selector.get_map().values():
            assert now - key.data[2] < self.limit_s, f"never ended: {bytes(key.data[0])}"

    def run(self, requests):
        """Yields (octets, what came back) in no order."""
        for octets in requests:
            self.begin(octets)
            while self.open >= self.AT_ONCE:
                yield from self.ended(1.0)
            yield from self.ended(0)
        while self.open:
            yield from self.ended(1.0)


def mutations(good, count):
    for _ in range(count):
        octets = bytearray(random.choice(good))
        for _ in range(random.choice((1, 1, 2, 5))):
            at = random.randrange(len(octets))
            what = random.random()
            if what < 0.6:
                octets[at] = random.randrange(256)
            elif what < 0.8:
                del octets[at]
            else:
                octets.insert(at, random.randrange(256))
        yield octets


def live(appliance):
    return {role: pids for role, pids in appliance.roles().items() if pids}


def test_ten_thousand_mutations_are_4xx_or_a_good_answer(appliance):
    """Random octets of valid requests changed; a 5xx, a hang or a dead process would show here."""
    random.seed(20260101)
    good = [post(), post(b"/v1/jwt/sign", body=b'{"key":"certify.vc-jwt","claims":{"a":1}}'),
            b"GET /v1/keys/certify.vc-jwt HTTP/1.1\r\nHost: a\r\n\r\n",
            post(b"/v1/jws/verify", body=b'{"jws":"a.b.c","key":"certify.vc-jwt"}')]
    pids = live(appliance)
    before = memory_kib(appliance, "api clients")
    seen = {}
    # The deadlines of head and body are 5 s and 10 s.
    exchanges = Exchanges(appliance.environment["PRIVYSEAL_SOCKET"], PATIENCE_S)
    for octets, got in exchanges.run(mutations(good, 10000)):
        for status in statuses(got) or ["closed"]:
            seen[status] = seen.get(status, 0) + 1
            # 505 is libmicrohttpd's, for a version of HTTP that does not exist.
            assert status in ("closed", 505) or status < 500, (status, bytes(octets))
    assert live(appliance) == pids, "a process died"
    assert seen.get(200, 0) > 100 and seen.get(400, 0) > 100, seen
    assert memory_kib(appliance, "api clients") < before + 32 * 1024
    print(seen)


def test_a_body_sent_octet_by_octet_is_ended_by_a_deadline(appliance):
    began = time.monotonic()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(1.0)
        sock.connect(appliance.environment["PRIVYSEAL_SOCKET"])
        sock.sendall(post()[:-len(BODY)])
        got = None
        for at in range(120):
            try:
                sock.sendall(BODY.encode()[at % len(BODY):][:1])
                got = sock.recv(4096)
                break
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                got = b""
                break
    assert got is not None, "it was let go on for ever"
    assert got == b"" or statuses(got)[0] in (400, 408)
    assert time.monotonic() - began < 60


def somebody_else(appliance):
    """The client `oidc`, over TLS."""
    text = (appliance.directory / "privyseald.conf").read_text()
    clients = appliance.directory / "clients/oidc"
    return over_tls(int(re.search(r"^tls_port = (\d+)$", text, re.M).group(1)),
                    appliance.directory / "ca/cert.pem", clients / "cert.pem",
                    clients / "key.pem")


def connected(appliance):
    """A connection; while the listener's queue is full it is tried again."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(PATIENCE_S)

    def is_taken():
        try:
            sock.connect(appliance.environment["PRIVYSEAL_SOCKET"])
        except BlockingIOError:
            return False
        return True

    wait_until(is_taken, PATIENCE_S, "the connection to be taken")
    return sock


def test_a_thousand_idle_connections_harm_nobody(appliance):
    other = json.dumps({"key": "oidc.userinfo", "payload": "YQ"}).encode()
    before = memory_kib(appliance, "api clients")
    idle = []
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    try:
        for _ in range(1000):
            idle.append(connected(appliance))
        answer = somebody_else(appliance).request("POST", "/v1/jws/sign", other,
                                                  {"Content-Type": "application/json"})
        assert answer.status == 200, answer
        # Idle ones are closed to make room, or over-many are refused; a newcomer is served soon.
        def served():
            try:
                return Client(appliance.environment["PRIVYSEAL_SOCKET"], 5).post(
                    "/v1/jws/sign", BODY).status == 200
            except OSError:
                return False
        wait_until(served, 30, "a newcomer to be served")
        assert memory_kib(appliance, "api clients") < before + 32 * 1024
    finally:
        for sock in idle:
            sock.close()


def hang_up(appliance, rounds, at_once=8, latest_s=0.0004):
    """Connections that send a request and end within the time that the api needs to pass it on."""
    for _ in range(rounds):
        socks = [connected(appliance) for _ in range(at_once)]
        for sock in socks:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # too many
                sock.send(post())
        until = time.perf_counter() + random.uniform(0, latest_s)
        while time.perf_counter() < until:
            pass
        for sock in socks:
            sock.close()


def test_clients_that_hang_up_while_they_are_worked_for_harm_nobody(appliance):
    """Nobody else gets their answers, nor misses the own, and no process ends of it."""
    roles = appliance.roles()
    with SigningLoad(appliance.environment["PRIVYSEAL_SOCKET"], KEY, connections=6) as load:
        hang_up(appliance, 1500)
        wait_until(lambda: len(load.received) > 100, 60, "signatures for others")
    assert appliance.roles() == roles
    payloads = [base64.urlsafe_b64decode(jws.split(".")[1] + "==") for jws in load.received]
    assert len(set(payloads)) == len(payloads) and b"x" not in payloads
    assert statuses(raw(appliance, post())) == [200]


def test_nothing_but_the_deadline_ends_a_silent_connection(appliance):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(90)
        sock.connect(appliance.environment["PRIVYSEAL_SOCKET"])
        sock.sendall(b"GET /v1/jwks HTTP/1.1\r\nHos")
        got = sock.recv(4096)
    assert got == b"" or statuses(got)[0] in (400, 408)
