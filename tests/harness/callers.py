"""Requests as octets over Unix sockets and TLS, by callers of every kind."""

import contextlib
import http.client
import os
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
        response = http.client.HTTPResponse(self.sock, method=method)
        response.begin()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        if headers.get("connection") == "close" or response.will_close:
            self.close()
        return Answer(response.status, headers, body)

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
