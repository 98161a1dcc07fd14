"""Without root it works as well, all roles as one user, and says what that leaves open."""

import json
import os
import pwd
import signal
import subprocess

import pytest

from harness.appliance import PATIENCE_S, Appliance, wait_until
from harness.callers import Closed, over_unix
from harness.places import PRIVYSEAL
from .test_sandbox import NO_CAPABILITIES, status

BODY = json.dumps({"key": "oidc.id-token", "payload": "eA"}).encode()
SAME = "all processes have the same user id (start as root to separate them)"


class Alone:
    """An appliance of somebody who is not root, and what that user does with it."""

    def __init__(self):
        # Any user of the system that has no part in this; ssh-keygen wants one that has a name.
        self.other = pwd.getpwnam("games").pw_uid if os.geteuid() == 0 else None
        self.uid = os.geteuid() if self.other is None else self.other
        self.appliance = Appliance(uid=self.other, is_new=True)

    def run(self, *command):
        return subprocess.run([str(word) for word in command], env={**os.environ, **self.appliance.environment},
                              capture_output=True, text=True, timeout=PATIENCE_S, check=False,
                              **self.appliance.as_its_user())

    def privyseal(self, *words):
        done = self.run(PRIVYSEAL, *words)
        assert done.returncode == 0, done
        return done.stdout

    def sign(self):
        """The status of the answer; None when the api process ended under the request."""
        peer = over_unix(self.appliance.environment["PRIVYSEAL_SOCKET"], self.other)
        try:
            return peer.request("POST", "/v1/jws/sign", BODY,
                                {"Content-Type": "application/json"}).status
        except Closed:
            return None
        finally:
            peer.close()

    def pids(self):
        return [pid for pids in self.appliance.roles().values() for pid in pids]


@pytest.fixture(scope="module")
def alone():
    made = Alone()
    with made.appliance:
        yield made


def test_it_signs_and_its_log_verifies(alone):
    assert alone.sign() == 200
    assert alone.privyseal("log", "verify", alone.appliance.directory / "data/log")


def test_it_says_what_is_missing(alone):
    sandbox = json.loads(alone.privyseal("system", "--json"))["sandbox"]
    assert sandbox["users"] == "same" and SAME in sandbox["missing"]
    assert SAME in alone.privyseal("system")
    logged = (alone.appliance.directory / "privyseald.log").read_text()
    lines = [line for line in logged.splitlines() if "sandbox_incomplete" in line]
    assert lines and all(SAME in line for line in lines), logged[-2000:]


def test_its_processes_are_confined_all_the_same(alone):
    roles = {role: pids for role, pids in alone.appliance.roles().items() if role != "supervisor"}
    assert len(roles) >= 4
    for role, pids in roles.items():
        for pid in pids:
            found = status(pid)
            assert set(found["Uid"].split()) == {str(alone.uid)}, role
            assert found["NoNewPrivs"] == "1" and found["Seccomp"] == "2", role
            assert found["CapEff"] == found["CapPrm"] == NO_CAPABILITIES, role


def test_its_own_user_does_not_read_its_memory(alone):
    for pid in alone.pids():
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0
        assert alone.run("head", "-c", "1", f"/proc/{pid}/environ").returncode != 0


def test_a_process_that_dies_comes_back(alone):
    for role in ("keeper", "api clients", "token"):
        before = alone.appliance.pids(role)
        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda r=role, b=before: len(alone.appliance.pids(r)) == len(b) and
                   b[0] not in alone.appliance.pids(r), 10, f"a new {role}")
        wait_until(lambda: alone.sign() == 200, 15, f"a signature after {role} died")
