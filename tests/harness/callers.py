"""Requests as octets over Unix sockets and TLS, by callers of every kind."""

import contextlib
import http.client
import os
import re
import socket
import ssl
import threading

from .appliance import PATIENCE_S

STRANGER = 60999  # a user that no client is registered with

_as_user = threading.Lock()


@contextlib.contextmanager
def user(uid):
    """The kernel notes the effective uid of whoever connects (SO_PEERCRED)."""
    with _as_user:
        os.seteuid(uid)
        try:
            yield
        finally:
            os.seteuid(0)


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def media(self):
        return self.headers.get("content-type", "").split(";")[0]

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Closed(Exception):
    """The other side closed without an answer."""


STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) [ -~]*\r\n")
HEADER = re.compile(rb"([!-9;-~]+):[ \t]*([ -~]*?)[ \t]*\r\n")


def read_head(file):
    """Status and headers of an answer. http.client reads them as those of an e-mail, which takes ten times as long."""
    line = file.readline()
    if not line:
        raise http.client.RemoteDisconnected("closed without an answer")
    status = STATUS.fullmatch(line)
    if status is None:
        raise http.client.BadStatusLine(repr(line))
    headers = {}
    while (line := file.readline()) != b"\r\n":
        header = HEADER.fullmatch(line)
        if header is None:
            raise http.client.HTTPException(f"no header: {line!r}")
        headers[header[1].decode().lower()] = header[2].decode()
    return int(status[1]), headers


class Peer:
    """One keep-alive connection of a caller; opened anew when it was closed."""

    def __init__(self, connect):
        self.connect = connect
        self.sock = None

    def send(self, method, target, body=None, headers=None):
        lines = [f"{method} {target} HTTP/1.1", "Host: a"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        octets = ("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b"")
        if self.sock is None:
            self.sock = self.connect()
        # Who refuses a body may close before all of it is sent; the answer is there all the same.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.sock.sendall(octets)

    def receive(self, method):
        try:
            return self._receive(method)
        except (http.client.HTTPException, OSError) as error:
            self.close()
            raise Closed(repr(error)) from error

    def _receive(self, method):
        with self.sock.makefile("rb") as file:
            status, headers = read_head(file)
            length = 0 if method == "HEAD" or status in (204, 304) else int(headers["content-length"])
            body = file.read(length)
        if len(body) < length:
            raise http.client.IncompleteRead(body, length - len(body))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, headers, body)

    def request(self, method, target, body=None, headers=None):
        """An idle connection may be closed under our hands; a fresh one has to be answered."""
        fresh = self.sock is None
        try:
            self.send(method, target, body, headers)
            return self.receive(method)
        except Closed:
            if fresh:
                raise
        self.send(method, target, body, headers)
        return self.receive(method)

    def close(self):
        if self.sock is not None:
            self.sock.close()
            self.sock = None


def over_unix(path, uid=None):
    def connect():
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(PATIENCE_S)
        if uid is None:
            sock.connect(str(path))
        else:
            with user(uid):
                sock.connect(str(path))
        return sock

    return Peer(connect)


def over_tls(port, authority, certificate=None, key=None):
    context = ssl.create_default_context(cafile=str(authority))
    context.check_hostname = False
    if certificate is not None:
        context.load_cert_chain(str(certificate), str(key))

    def connect():
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return context.wrap_socket(plain)

    return Peer(connect)
