"""What the running roles may do, seen from outside: users, capabilities, files, memory."""

import contextlib
import os
import pathlib
import re
import resource
import socket

import pytest

from harness.appliance import PATIENCE_S, wait_until

NO_CAPABILITIES = "0" * 16
CAP_SYS_NICE = 23
ROOT = os.geteuid() == 0


def status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(re.findall(r"^(\w+):\t(.*)$", text, re.M))


def role_pids(appliance):
    return [(role, pid) for role, pids in appliance.roles().items() if role != "supervisor"
            for pid in pids]


def test_no_role_has_rights_or_can_get_any(appliance):
    for role, pid in role_pids(appliance):
        found = status(pid)
        assert found["NoNewPrivs"] == "1", role
        assert found["Seccomp"] == "2", role
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert found[name] == NO_CAPABILITIES, (role, name)
        if ROOT:
            assert found["CapBnd"] == NO_CAPABILITIES, role
            assert found["Groups"].strip() == "", role


@pytest.mark.skipif(not ROOT, reason="only root gives roles users of their own")
def test_each_kind_of_role_has_a_user_of_its_own(appliance):
    users = {}
    for role, pid in role_pids(appliance):
        uids = set(status(pid)["Uid"].split())
        assert len(uids) == 1 and "0" not in uids, role
        users.setdefault(role.split("/")[0], set()).update(uids)
    assert all(len(uids) == 1 for uids in users.values()), users
    assert len({next(iter(uids)) for uids in users.values()}) == len(users) >= 4


def test_the_processes_of_a_token_share_the_processors(appliance):
    """What a process may use is known of its main thread; where it has one session, there is no other."""
    allowed = os.sched_getaffinity(appliance.roles()["supervisor"][0])
    roles = appliance.roles()
    tokens = [os.sched_getaffinity(pid) for role, (pid, *_) in sorted(roles.items())
              if role.startswith("token")]
    if len(tokens) == 1:
        assert tokens == [allowed]
    else:
        assert len(tokens) == len(allowed)
        assert set().union(*tokens) == allowed
        assert all(len(own) == 1 for own in tokens)
    assert os.sched_getaffinity(roles["keeper"][0]) == allowed


def may_run_in_real_time():
    capabilities = int(status(os.getpid())["CapEff"], 16)
    return bool(capabilities >> CAP_SYS_NICE & 1) or resource.getrlimit(resource.RLIMIT_RTPRIO)[1] != 0


def policies_of(pid):
    """{name of a thread: its policy}"""
    policies = {}
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            name = (thread / "comm").read_text().strip()
            policies[name] = os.sched_getscheduler(int(thread.name))
    return policies


def test_only_the_thread_of_the_log_interrupts_others(appliance):
    """Where nothing dear was asked for just before."""
    log = os.SCHED_FIFO if may_run_in_real_time() else os.SCHED_OTHER
    for role, pid in role_pids(appliance):
        if role == "keeper":
            wait_until(lambda: os.sched_getscheduler(pid) == os.SCHED_BATCH, PATIENCE_S, role)
        policies = policies_of(pid)
        assert policies.pop("log", None) == (log if role == "keeper" else None), role
        assert set(policies.values()) == {os.SCHED_BATCH}, (role, policies)


def test_the_keeper_interrupts_others_while_they_compute_for_long(appliance):
    """RSA takes a token process ten times as long as ES256."""
    (keeper,) = appliance.roles()["keeper"]
    client = appliance.client()

    def is_so_after_signing(key, wanted):
        answer = client.post("/v1/jws/sign", {"key": key, "payload": "e30"})
        assert answer.status == 200, answer
        return os.sched_getscheduler(keeper) == wanted

    for key, wanted in (("oidc.id-token", os.SCHED_OTHER), ("certify.vc-jwt", os.SCHED_BATCH)):
        wait_until(lambda: is_so_after_signing(key, wanted), PATIENCE_S, key)


@pytest.mark.skipif(not ROOT, reason="only root reads the limits of other processes")
def test_no_role_takes_real_time_for_itself_or_keeps_a_processor_by_it(appliance):
    for role, pid in role_pids(appliance):
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"^Max realtime priority +0 +0 ", limits, re.M), (role, limits)
        assert re.search(r"^Max realtime timeout +1000000 +1000000 +us", limits, re.M), (role, limits)


def test_nobody_but_root_reads_a_role_or_traces_it(appliance):
    """The files of a process that is not dumpable belong to root."""
    supervisor = appliance.roles()["supervisor"]
    for pid in [pid for _, pid in role_pids(appliance)] + supervisor:
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0
        limits = pathlib.Path(f"/proc/{pid}/limits")
        if ROOT:
            line = next(line for line in limits.read_text().splitlines() if "core file" in line)
            assert line.split()[4:6] == ["0", "0"]


@pytest.mark.skipif(not ROOT, reason="only root sees the descriptors of other processes")
def test_an_api_process_has_no_file_open_but_its_log(appliance):
    for role, pid in role_pids(appliance):
        if not role.startswith("api"):
            continue
        for entry in os.listdir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(f"/proc/{pid}/fd/{entry}")
            except FileNotFoundError:  # a connection that has just ended
                continue
            if int(entry) in (1, 2):
                continue
            assert re.match(r"(socket|pipe|anon_inode):|/dev/null$", target), (role, entry, target)


@pytest.mark.skipif(not ROOT, reason="ownership is that of one user without root")
def test_data_and_store_are_closed_to_all_but_their_role(appliance):
    roles = appliance.roles()
    keeper = int(status(roles["keeper"][0])["Uid"].split()[0])
    token = int(status(appliance.pids("token")[0])["Uid"].split()[0])
    for directory, uid in (("data", keeper), ("tokens", token)):
        top = appliance.directory / directory
        assert (top.stat().st_mode & 0o7777, top.stat().st_uid) == (0o700, uid)
        for path in top.rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # written anew at this moment
                found = path.lstat()
                assert found.st_uid == uid, path
                assert found.st_mode & 0o077 == 0, path


def test_system_says_how_the_roles_are_kept_apart(appliance, management):
    sandbox = management.get("/v1/system").json()["sandbox"]
    assert sandbox["users"] == ("separate" if ROOT else "same")
    assert sandbox["seccomp"] is True
    assert (sandbox["missing"] == []) == (ROOT and sandbox["landlock"] > 0)


def test_a_connection_waits_while_its_api_process_is_made_anew(appliance):
    """The listening socket is the supervisor's: a client that connects meanwhile is served."""
    victim = appliance.pids("api clients")[0]
    os.kill(victim, 9)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_S)
        client.connect(appliance.environment["PRIVYSEAL_SOCKET"])
        client.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    wait_until(lambda: victim not in appliance.pids("api clients"), 5, "the old process to go")
