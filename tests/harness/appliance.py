"""Starts a whole appliance the way a developer does, `privyseal dev DIR`, and looks into it."""

import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from . import model
from .http_unix import Client
from .leaves import read_use
from .people import Gate, People
from .places import PRIVYSEAL, PRIVYSEALD

START_LIMIT_S = 120
# A limit is for what never comes, and tells nothing about a machine that does much else.
PATIENCE_S = 120
# Between two looks that start several programs each: what is looked at needs a processor too.
COMMAND_STEP_S = 0.2


def wait_until(condition, limit_s, what, step_s=0.02):
    """Polls until the condition is true and returns its value; a deadline, never a fixed wait. It
    is `limit_s`, or PATIENCE_S where that is longer."""
    limit_s = max(limit_s, PATIENCE_S)
    deadline = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {limit_s} s")
        time.sleep(step_s)


def children_of(pid):
    try:
        return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # it has ended
        return []


def words_of(pid):
    """The command line of a privyseald; nothing of another program, or of one that has ended."""
    try:
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []
    return [word for word in words if word] if words[0].endswith(b"privyseald") else []


# What decides how one is set up. Other arguments are settings, which a copy takes when it starts.
SET_UP = {"--attended", "--module", "--no-tls"}


class Appliance:
    """`is_new`: its set-up is the matter of a test, so that it is no copy of one that is set up.
    `uid`: whose it is, where root runs the tests; None: of whoever runs them.
    `token`: the arguments that name another one than SoftHSM's.
    """

    def __init__(self, directory=None, arguments=(), is_new=False, uid=None, token=()):
        self.owned = directory is None
        self.uid = uid
        self.is_new = is_new or not model.is_kept() or not SET_UP.isdisjoint(arguments)
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="privyseal-"))
        # The roles run under users of their own and need to pass through.
        self.directory.chmod(0o755)
        if uid is not None:
            os.chown(self.directory, uid, uid)
        self.token = list(token)
        self.arguments = [*token, *arguments]
        self.process = None
        self.lines = []
        self.environment = {}

    def launch(self, alone=False):
        """Starts it without waiting; returns the queue on which "ready" or "ended" comes.

        `alone`: as production does, without `privyseal dev`, which stops what does not come up.
        """
        stderr = open(self.directory / "dev.log", "ab")
        command = ([PRIVYSEALD, "--config", self.directory / "privyseald.conf"] if alone
                   else [PRIVYSEAL, "dev", self.directory, *self.arguments])
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=stderr, start_new_session=True, **self.as_its_user())
        stderr.close()
        ready = queue.Queue()
        threading.Thread(target=self._read, args=(self.process.stdout, ready), daemon=True).start()
        return ready

    def as_its_user(self):
        """Arguments of subprocess."""
        return {} if self.uid is None else {"user": self.uid, "group": self.uid, "extra_groups": []}

    def start(self):
        is_copy = not self.is_new and not any(self.directory.iterdir())
        if is_copy:
            model.copy(model_directory(self.token), self.directory)
        signed = self.own_uses() if is_copy else 0
        ready = self.launch()
        try:
            word = ready.get(timeout=START_LIMIT_S)
        except queue.Empty:
            word = "nothing"
        if word != "ready":
            self.stop()
            raise RuntimeError(f"privyseal dev did not come up ({word}):\n{self.log()[-4000:]}")
        self.environment = self.read_environment()
        if is_copy:
            # Each start signs a list of revoked certificates: not while tests count uses of keys.
            wait_until(lambda: self.own_uses() > signed, 60, "what it signs by itself")
        return self

    def own_uses(self):
        """Of keys, by the appliance itself."""
        return sum(leaf["caller"].startswith("privyseal.")
                   for leaf in read_use(self.directory / "data" / "log"))

    def _read(self, stream, ready):
        for raw in stream:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            self.lines.append(line)
            if line == "ready":
                ready.put("ready")
        ready.put("ended")

    def read_environment(self):
        pairs = re.findall(r"^(?:export )?([A-Z_]+)=(.*)$", (self.directory / "env").read_text(),
                           re.M)
        return {name: value.strip("'\"") for name, value in pairs}

    def log(self):
        return (self.directory / "dev.log").read_text(errors="replace")

    def client(self, timeout=PATIENCE_S) -> Client:
        return Client(self.environment["PRIVYSEAL_SOCKET"], timeout)

    def management(self, timeout=PATIENCE_S) -> Client:
        return Client(self.environment["PRIVYSEAL_MANAGEMENT_SOCKET"], timeout)

    def gate(self, send=None):
        """For changes: asked for over the management socket, approved by the people of DIR."""
        if send is None:
            client = self.management()

            def send(method, target, body, headers):
                return client.request(method, target, body=body, headers=headers)

        return Gate(send, People(self.directory / "officers"))

    def change(self, method, target, body=None, headers=None):
        """One change with all approvals that it needs; the answer at its end."""
        return self.gate().change(method, target, body, headers)

    def roles(self):
        """{role: [pid]} of the running processes, read from their command lines."""
        of_dev = {pid: words_of(pid) for pid in (self.process.pid, *children_of(self.process.pid))}
        supervisor = next((pid for pid, words in of_dev.items() if b"--config" in words), None)
        if supervisor is None:
            return {}
        found = {"supervisor": [supervisor]}
        for pid in sorted(children_of(supervisor)):
            words = words_of(pid)
            if words:
                found.setdefault(b" ".join(words[1:]).decode(), []).append(pid)
        return found

    def pids(self, prefix):
        return [pid for role, pids in self.roles().items() if role.startswith(prefix)
                for pid in pids]

    def stop(self):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        code = self.process.returncode
        self.process = None
        return code

    def remove(self):
        self.stop()
        if self.owned and not os.environ.get("PRIVYSEAL_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        self.remove()


def model_directory(token=()):
    """Of the model with this token, which does not run."""
    def make(directory):
        directory.mkdir()
        made = Appliance(directory, is_new=True, token=token)
        made.start()
        assert made.stop() == 0, made.log()

    return model.obtain(make, pathlib.Path(token[1]).stem if token else "softhsm")
