"""HTTP over a Unix socket with the standard library, as a client that we did not write would."""

import base64
import http.client
import json
import socket


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=120.0):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    """Status, headers and body of one answer."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:500]!r}>"


class Client:
    """One keep-alive connection; opened again when the other side has closed it."""

    def __init__(self, path, timeout=120.0):
        self.path = path
        self.timeout = timeout
        self.connection = None

    def request(self, method, target, body=None, headers=None) -> Answer:
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        if self.connection is None:
            self.connection = UnixConnection(self.path, self.timeout)
        try:
            self.connection.request(method, target, body=body, headers=headers)
            answer = Answer(self.connection.getresponse())
        except Exception:
            self.close()
            raise
        if answer.headers.get("connection") == "close":
            self.close()
        return answer

    def get(self, target, **kwargs):
        return self.request("GET", target, **kwargs)

    def post(self, target, body, **kwargs):
        return self.request("POST", target, body=body, **kwargs)

    def put(self, target, body, **kwargs):
        return self.request("PUT", target, body=body, **kwargs)

    def delete(self, target, **kwargs):
        return self.request("DELETE", target, **kwargs)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def b64u(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64u(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
