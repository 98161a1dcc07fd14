"""Any process may die at any moment: nothing that was answered is unrecorded, and work goes on."""

import collections
import os
import signal
import subprocess
import time

import jwt
import pytest

from harness.appliance import wait_until
from harness.http_unix import unb64u
from harness.leaves import leaf_hash_of_jws, read_use
from harness.load import SigningLoad
from harness.places import PRIVYSEAL

KEY = "certify.vc-jwt"
ROUNDS = int(os.environ.get("PRIVYSEAL_KILL_ROUNDS", "20"))


def by_header(received):
    """Tens of thousands have the same one."""
    found = collections.defaultdict(list)
    for token in received:
        found[token.partition(".")[0]].append(token)
    return found


def verify_all(appliance, received):
    keys = jwt.PyJWKSet.from_dict(appliance.client().get("/v1/jwks").json())
    by_id = {key.key_id: key.key for key in keys.keys}
    algorithm = jwt.PyJWS().get_algorithm_by_name("ES256")
    for header, tokens in by_header(received).items():
        said = jwt.get_unverified_header(tokens[0])
        assert said["alg"] == "ES256" and "crit" not in said, said
        for signed, _dot, signature in (token.rpartition(".") for token in tokens):
            assert algorithm.verify(signed.encode(), by_id[said["kid"]], unb64u(signature)), header


def log_verifies(appliance):
    done = subprocess.run([str(PRIVYSEAL), "log", "verify", str(appliance.directory / "data/log")],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


ROLES = ("api clients", "api management", "keeper", "token")

# A client whose api process dies loses its connection; whoever else dies, it gets a clean answer.
CLEAN = {200, 503}
LOST = {"RemoteDisconnected", "ConnectionResetError", "BrokenPipeError", "IncompleteRead"}


def all_ready(appliance):
    """Who is killed while it starts is restarted later and later; here nobody is."""
    answer = appliance.management().get("/v1/system")
    states = [process["state"] for token in answer.json().get("tokens", [])
              for process in token["processes"]] if answer.status == 200 else []
    return len(states) == 2 and set(states) == {"ready"}


@pytest.mark.parametrize("role, allowed", [("api clients", CLEAN | LOST), ("keeper", CLEAN),
                                           ("token", CLEAN)])
def test_a_role_killed_under_load(appliance, role, allowed):
    socket = appliance.environment["PRIVYSEAL_SOCKET"]
    slowest = 0.0
    with SigningLoad(socket, KEY, connections=64) as load:
        wait_until(lambda: len(load.received) > 200, 30, "the load to begin")
        for number in range(ROUNDS):
            wait_until(lambda: all_ready(appliance), 10, "all token processes to be ready")
            victims = appliance.pids(role)
            count = len(victims)
            # Every second time all of them, so that nobody of the role is left to do the work.
            victims = victims if number % 2 else victims[:1]
            for victim in victims:
                os.kill(victim, signal.SIGKILL)
            killed = time.monotonic()
            wait_until(lambda v=victims, n=count: not set(v) & set(appliance.pids(role)) and
                       len(appliance.pids(role)) == n, 5, f"a new {role}")
            back = wait_until(lambda k=killed: load.back_since(k, 64), 10,
                              f"service after {role} died")
            slowest = max(slowest, back - killed - load.stalls.between(killed, back))
    print(f"{role}: {load.statuses}, longest wait {load.longest_wait_s:.2f} s, "
          f"longest without {load.longest_without_s:.2f} s, slowest return {slowest:.2f} s without stalls, "
          f"longest stall {load.longest_stall_s:.2f} s")
    assert load.longest_wait_s < 5.0 + load.longest_stall_s
    assert load.longest_without_s < 5.0 + load.longest_stall_s
    assert set(load.statuses) <= allowed, load.statuses
    assert slowest < 2.0
    recorded = {leaf["hash"] for leaf in read_use(appliance.directory / "data/log")}
    missing = [jws for jws in load.received if leaf_hash_of_jws(jws) not in recorded]
    assert not missing, f"{len(missing)} signatures without a leaf"
    verify_all(appliance, load.received)
    log_verifies(appliance)


def test_the_supervisors_death_takes_all_roles_down(appliance):
    roles = appliance.roles()
    supervisor = roles["supervisor"][0]
    pids = [pid for role in ROLES for pid in appliance.pids(role)]
    assert len(pids) >= 5
    with SigningLoad(appliance.environment["PRIVYSEAL_SOCKET"], KEY, connections=64) as load:
        wait_until(lambda: len(load.received) > 200, 30, "the load to begin")
        os.kill(supervisor, signal.SIGKILL)
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 5,
                   "the roles to end with their supervisor")
    assert load.longest_wait_s < 5.0 + load.longest_stall_s
    appliance.stop()
    log_verifies(appliance)
    recorded = {leaf["hash"] for leaf in read_use(appliance.directory / "data/log")}
    assert all(leaf_hash_of_jws(jws) in recorded for jws in load.received)
    # and the same directory is taken up again
    appliance.start()
    verify_all(appliance, load.received)
    answer = appliance.client().post("/v1/jws/sign", {"key": KEY, "payload": "YQ"})
    assert answer.status == 200


def test_sigterm_finishes_what_is_in_flight(appliance):
    supervisor = appliance.roles()["supervisor"][0]
    with SigningLoad(appliance.environment["PRIVYSEAL_SOCKET"], KEY, connections=16) as load:
        wait_until(lambda: len(load.received) > 100, 30, "the load to begin")
        os.kill(supervisor, signal.SIGTERM)
        wait_until(lambda: not os.path.exists(f"/proc/{supervisor}"), 15, "the end")
    assert "timeout" not in load.statuses
    assert load.longest_wait_s < 5.0 + load.longest_stall_s
    recorded = {leaf["hash"] for leaf in read_use(appliance.directory / "data/log")}
    assert all(leaf_hash_of_jws(jws) in recorded for jws in load.received)
    appliance.stop()
    log_verifies(appliance)
