"""Any process may die at any moment: nothing that was answered is unrecorded, and work goes on."""

import os
import signal
import subprocess
import time

import jwt
import pytest

from harness.appliance import PRIVYSEAL, Appliance, wait_until
from harness.leaves import leaf_hash_of_jws, read_use
from harness.load import SigningLoad

KEY = "certify.vc-jwt"
ROUNDS = int(os.environ.get("PRIVYSEAL_KILL_ROUNDS", "20"))


def verify_all(appliance, received):
    keys = jwt.PyJWKSet.from_dict(appliance.client().get("/v1/jwks").json())
    by_id = {key.key_id: key.key for key in keys.keys}
    for token in received:
        jwt.PyJWS().decode(token, by_id[jwt.get_unverified_header(token)["kid"]], ["ES256"])


def log_verifies(appliance):
    done = subprocess.run([str(PRIVYSEAL), "log", "verify", str(appliance.directory / "data/log")],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("role", ["api clients", "keeper", "token"])
def test_a_role_killed_under_load(appliance, role):
    socket = appliance.environment["PRIVYSEAL_SOCKET"]
    slowest = 0.0
    with SigningLoad(socket, KEY, connections=64) as load:
        wait_until(lambda: len(load.received) > 200, 30, "the load to begin")
        for _ in range(ROUNDS):
            victim = appliance.pids(role)[0]
            os.kill(victim, signal.SIGKILL)
            killed = time.monotonic()
            wait_until(lambda: victim not in appliance.pids(role) and appliance.pids(role), 5,
                       f"a new {role}")
            wait_until(lambda k=killed: load.good_since(k + 0.05), 5, f"service after {role} died")
            slowest = max(slowest, load.last_good - killed)
    print(f"{role}: {load.statuses}, longest wait {load.longest_wait_s:.2f} s, "
          f"slowest return {slowest:.2f} s")
    assert load.longest_wait_s < 5.0
    assert "timeout" not in load.statuses
    assert slowest < 2.0
    recorded = {leaf["hash"] for leaf in read_use(appliance.directory / "data/log")}
    missing = [jws for jws in load.received if leaf_hash_of_jws(jws) not in recorded]
    assert not missing, f"{len(missing)} signatures without a leaf"
    verify_all(appliance, load.received)
    log_verifies(appliance)


def test_the_supervisors_death_takes_all_roles_down():
    with Appliance() as appliance:
        roles = appliance.roles()
        supervisor = roles.pop("supervisor")[0]
        pids = [pid for found in roles.values() for pid in found]
        assert len(pids) >= 4
        os.kill(supervisor, signal.SIGKILL)
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 5,
                   "the roles to end with their supervisor")
        appliance.stop()
        log_verifies(appliance)
        # and the same directory is taken up again
        appliance.start()
        answer = appliance.client().post("/v1/jws/sign", {"key": KEY, "payload": "YQ"})
        assert answer.status == 200


def test_sigterm_finishes_what_is_in_flight(tmp_path):
    with Appliance() as appliance:
        supervisor = appliance.roles()["supervisor"][0]
        with SigningLoad(appliance.environment["PRIVYSEAL_SOCKET"], KEY, connections=16) as load:
            wait_until(lambda: len(load.received) > 100, 30, "the load to begin")
            os.kill(supervisor, signal.SIGTERM)
            wait_until(lambda: not os.path.exists(f"/proc/{supervisor}"), 15, "the end")
        assert "timeout" not in load.statuses
        recorded = {leaf["hash"] for leaf in read_use(appliance.directory / "data/log")}
        assert all(leaf_hash_of_jws(jws) in recorded for jws in load.received)
        appliance.stop()
        log_verifies(appliance)
