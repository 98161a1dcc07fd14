"""Many clients that sign without pause and remember every signature that they received."""

import base64
import http.client
import json
import threading
import time

from .http_unix import Client

CONNECTION_LOST = (ConnectionError, http.client.HTTPException, BrokenPipeError)


class SigningLoad:
    """Used as a context manager; `received` and `waits` are complete after it."""

    def __init__(self, path, key, connections=64, timeout=10.0):
        self.path = path
        self.key = key
        self.timeout = timeout
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.received = []  # JWS texts
        self.statuses = {}  # status or name of exception: count
        self.longest_wait_s = 0.0
        self.last_good = 0.0
        self.threads = [threading.Thread(target=self._run, args=(number,), daemon=True)
                        for number in range(connections)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in self.threads), "a client hangs"

    def _note(self, what, began, jws=None):
        now = time.monotonic()
        with self.lock:
            self.statuses[what] = self.statuses.get(what, 0) + 1
            self.longest_wait_s = max(self.longest_wait_s, now - began)
            if jws is not None:
                self.received.append(jws)
                self.last_good = now

    def _run(self, number):
        client = Client(self.path, self.timeout)
        count = 0
        while not self.stopping.is_set():
            count += 1
            text = base64.urlsafe_b64encode(f"{number}/{count}".encode()).rstrip(b"=").decode()
            began = time.monotonic()
            try:
                answer = client.post("/v1/jws/sign", {"key": self.key, "payload": text})
            except TimeoutError:
                self._note("timeout", began)
                continue
            except (*CONNECTION_LOST, OSError) as error:
                self._note(type(error).__name__, began)
                self.stopping.wait(0.02)
                continue
            if answer.status == 200:
                self._note(200, began, answer.json()["jws"])
            else:
                self._note(answer.status, began)
                assert json.loads(answer.body)["code"]
                self.stopping.wait(0.02)
        client.close()

    def good_since(self, moment):
        """True when a signature was received after that moment (time.monotonic())."""
        return self.last_good > moment
