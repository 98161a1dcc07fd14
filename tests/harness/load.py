"""Many clients that sign without pause and remember every signature that they received."""

import base64
import http.client
import json
import threading
import time

from .http_unix import Client

# Of each client, after an answer without a signature: dozens of them leave a processor to what comes back.
REFUSED_STEP_S = 0.1
CONNECTION_LOST = (ConnectionError, http.client.HTTPException, BrokenPipeError)


class Stalls:
    """When the machine let nobody run, as it is seen by who sleeps for a moment again and again;
    used as a context manager."""

    STEP_S = 0.02

    def __init__(self):
        self.longest_s = 0.0
        self.seen = []  # (when it ended, how long it was), of more than a step each
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.stopping.set()
        self.thread.join()

    def _watch(self):
        while not self.stopping.is_set():
            began = time.monotonic()
            self.stopping.wait(self.STEP_S)
            now = time.monotonic()
            late_s = now - began - self.STEP_S
            self.longest_s = max(self.longest_s, late_s)
            if late_s > self.STEP_S:
                self.seen.append((now, late_s))

    def between(self, begin, end):
        """What fell between two moments (time.monotonic()); no more than the longest of the run."""
        between = sum(max(0.0, min(ended, end) - max(ended - late_s, begin))
                      for ended, late_s in list(self.seen))
        return min(between, self.longest_s)


class SigningLoad:
    """Used as a context manager; `received` and the times are complete after it."""

    def __init__(self, path, key, connections=64, timeout=30.0):
        self.path = path
        self.key = key
        self.timeout = timeout
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.received = []  # JWS texts
        self.statuses = {}  # status or name of exception: count
        self.ends = []  # (when it ended, when it had begun, status or name), in order
        self.longest_wait_s = 0.0  # for any answer
        self.longest_without_s = 0.0  # a client without a signature, however often it asked
        self.stalls = Stalls()  # a part of any time here
        self.threads = [threading.Thread(target=self._run, args=(number,), daemon=True)
                        for number in range(connections)]

    @property
    def longest_stall_s(self):
        return self.stalls.longest_s

    def __enter__(self):
        self.stalls.__enter__()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self.stopping.set()
        for thread in self.threads:
            thread.join(self.timeout + 30)
        self.stalls.__exit__()
        assert not any(thread.is_alive() for thread in self.threads), "a client hangs"

    def _note(self, what, began, last_good, jws=None):
        """Returns since when the client has been without a signature."""
        with self.lock:
            now = time.monotonic()
            self.statuses[what] = self.statuses.get(what, 0) + 1
            self.ends.append((now, began, what))
            self.longest_wait_s = max(self.longest_wait_s, now - began)
            self.longest_without_s = max(self.longest_without_s, now - last_good)
            if jws is None:
                return last_good
            self.received.append(jws)
            return now

    def _run(self, number):
        client = Client(self.path, self.timeout)
        count = 0
        last_good = time.monotonic()
        while not self.stopping.is_set():
            count += 1
            text = base64.urlsafe_b64encode(f"{number}/{count}".encode()).rstrip(b"=").decode()
            began = time.monotonic()
            jws = None
            try:
                answer = client.post("/v1/jws/sign", {"key": self.key, "payload": text})
                what, jws = self._read(answer)
            except TimeoutError:
                what = "timeout"
            except (*CONNECTION_LOST, OSError) as error:
                what = type(error).__name__
            last_good = self._note(what, began, last_good, jws)
            if jws is None:
                self.stopping.wait(REFUSED_STEP_S)
        client.close()

    @staticmethod
    def _read(answer):
        """A clean answer is a signature or a problem document; anything else has a name."""
        try:
            body = json.loads(answer.body)
            if answer.status == 200:
                return 200, body["jws"]
            return (answer.status if body["code"] else "no code"), None
        except (ValueError, KeyError, TypeError):
            return f"malformed {answer.status}", None

    def back_since(self, moment, count):
        """When service was back after `moment` (time.monotonic()): the end of the first of at least
        `count` requests that all began after it and were all answered well, with no other end
        among them. None while it is not."""
        first = None
        good = 0
        for ended, began, what in reversed(self.ends):
            if ended <= moment or what != 200:
                break
            if began > moment:
                good += 1
                first = ended
        return first if good >= count else None
