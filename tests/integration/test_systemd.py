"""The units under systemd as process 1: docs/install.md from its second step on, as it stands."""

import collections
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from harness.appliance import wait_until
from harness.booted import Booted, why_not
from harness.installed import CONFIG, CREDENTIALS, PIN
from harness.people import REQUESTER

SERVICE = "privyseald.service"
SOCKETS = ["privyseald-clients.socket", "privyseald-management.socket"]
OPERATOR, WRITER = "games", "mail"  # any users of the system that have no part in this
KEY = "oidc.id-token"


@pytest.fixture(scope="module")
def machine():
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with Booted() as made:
        made.boot()
        yield made


def show(machine, *names, unit=SERVICE):
    done = machine.inside("systemctl", "show", unit, *(f"--property={name}" for name in names))
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def main_pid(machine):
    return int(show(machine, "MainPID")["MainPID"])


def processes(machine):
    """[(name of a role's user, pid)] below the service's control group."""
    group = machine.group / show(machine, "ControlGroup")["ControlGroup"].lstrip("/")
    names = {machine.uid(f"privyseal-{role}"): role
             for role in ("keeper", "clients", "management", "token-a")}
    return [(names.get(os.stat(f"/proc/{pid}").st_uid, "other"), int(pid))
            for pid in (group / "cgroup.procs").read_text().split()]


def roles(machine):
    """{name of a role's user: how many processes run as it}."""
    return collections.Counter(role for role, _ in processes(machine))


def signs(machine):
    done = machine.privyseal("jws", "sign", "--with", KEY, user=WRITER, groups=["privyseal"],
                             input="Dear all")
    return re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", done.stdout.strip()) is not None


@pytest.fixture(scope="module")
def service(machine):
    """Configured, with sealed PINs, enabled and started."""
    machine.configure_softhsm()
    machine.inside("install", "-d", "-m", "0700", "/etc/credstore.encrypted")
    for name in CREDENTIALS:
        machine.inside("systemd-creds", "encrypt", f"--name={name}", "-",
                       f"/etc/credstore.encrypted/{name}", input=PIN)
    machine.inside("systemctl", "daemon-reload")
    done = machine.inside("systemctl", "enable", "--now", *SOCKETS, SERVICE, check=False)
    assert done.returncode == 0, done.stderr + machine.journal(SERVICE)
    return machine


def test_users_and_directories_are_made_when_the_machine_starts(machine):
    for role in ("keeper", "clients", "management", "token-a"):
        assert machine.uid(f"privyseal-{role}") != 0
    for place in ("/run/privyseal", "/var/lib/privyseal", "/etc/privyseal"):
        assert machine.seen(place).is_dir()


def test_the_service_says_itself_that_it_is_ready(service):
    assert show(service, "ActiveState", "SubState", "Type", "NRestarts") == {
        "ActiveState": "active", "SubState": "running", "Type": "notify", "NRestarts": "0"}
    for unit in SOCKETS:
        assert service.is_active(unit)


def test_its_processes_are_the_roles_and_one_supervisor(service):
    found = roles(service)
    assert found.pop("other") == 1
    assert set(found) == {"keeper", "clients", "management", "token-a"}
    main = main_pid(service)
    assert service.inside("stat", "-c", "%u", f"/proc/{main}").stdout.strip() == "0"


def test_the_thread_of_the_log_runs_in_real_time(service):
    """The unit leaves the supervisor what it takes."""
    keeper = dict(processes(service))["keeper"]
    policies = {(thread / "comm").read_text().strip(): os.sched_getscheduler(int(thread.name))
                for thread in pathlib.Path(f"/proc/{keeper}/task").iterdir()}
    assert policies.pop("log") == os.SCHED_FIFO, policies
    assert set(policies.values()) == {os.SCHED_BATCH}, policies


def test_the_sealed_pin_opens_the_token_and_a_signature_is_made(service):
    service.wait_blank()
    service.found(OPERATOR, KEY, WRITER)
    assert signs(service)


def test_the_pin_is_nowhere_but_with_the_service(service):
    for name in CREDENTIALS:
        assert PIN.encode() not in service.seen(f"/etc/credstore.encrypted/{name}").read_bytes()
    shown = service.inside("systemctl", "show", SERVICE).stdout
    assert PIN not in shown + service.journal(SERVICE)
    done = service.inside(*service.as_user(OPERATOR, []), "ls", f"/run/credentials/{SERVICE}",
                          check=False)
    assert done.returncode != 0


def test_a_reload_keeps_the_processes(service):
    before = main_pid(service)
    service.inside("systemctl", "reload", SERVICE)
    assert signs(service)
    assert main_pid(service) == before and show(service, "NRestarts")["NRestarts"] == "0"


def test_a_copy_of_the_log_is_fetched_and_verified_by_its_unit(service):
    """By the socket here: the unit's credential is there, and not asked for."""
    by, copier = ("--requester", REQUESTER), service.uid("privyseal-log-copy")
    service.change("client", "register", "copy", "--uids", copier, "--listener",
                   "management", *by, user=OPERATOR)
    service.change("grant", "add", "--client", "copy", "--keys", "*", "--operations", "log.read", *by,
                   user=OPERATOR)
    rows = json.loads(service.inside(service.path("bin/privyseal"), "log", "verify",
                                     "/var/lib/privyseal/data/log", "--json").stdout)["rows"]
    key = next(row["text"] for row in rows if row["check"] == "key").rsplit(" ", 1)[1]
    service.seen("/etc/default/privyseal-log-copy").write_text(
        f"PRIVYSEAL_MANAGEMENT_SOCKET=/run/privyseal/management.sock\nPRIVYSEAL_LOG_KEY={key}\n")
    service.inside("systemd-creds", "encrypt", "--name=privyseal-log-copy-key", "-",
                   "/etc/credstore.encrypted/privyseal-log-copy-key", input="nothing")
    drop_in = service.seen("/run/systemd/system/privyseal-log-copy.service.d")
    drop_in.mkdir()
    (drop_in / "test.conf").write_text("[Service]\nSupplementaryGroups=privyseal-operators\n")
    service.inside("systemctl", "daemon-reload")
    done = service.inside("systemctl", "start", "privyseal-log-copy.service", check=False)
    assert done.returncode == 0, service.journal("privyseal-log-copy.service")
    found = service.seen("/var/lib/privyseal-log-copy/events/checkpoint")
    assert found.exists() and found.stat().st_uid == copier


def restarts(machine):
    return int(show(machine, "NRestarts")["NRestarts"])


def stop_at(machine, number):
    """Sends a signal to the supervisor, as nobody of the machine would."""
    pid = main_pid(machine)
    assert pid > 0, "it is being started again; 0 would be the group of who asks"
    machine.inside("kill", f"-{int(number)}", str(pid))


def test_a_supervisor_that_dies_is_started_again(service):
    before, count = main_pid(service), restarts(service)
    stop_at(service, signal.SIGKILL)
    wait_until(lambda: restarts(service) > count and service.is_active(SERVICE), 30,
               "the service to be back")
    service.wait_operational(OPERATOR)
    assert main_pid(service) != before and signs(service)


def test_a_supervisor_that_hangs_is_missed_by_the_watchdog(service):
    assert show(service, "WatchdogUSec")["WatchdogUSec"] == "30s"
    drop_in = service.seen(f"/run/systemd/system/{SERVICE}.d")
    drop_in.mkdir()
    # Half a minute is what the unit waits; two seconds show the same.
    (drop_in / "test.conf").write_text("[Service]\nWatchdogSec=2s\n")
    service.inside("systemctl", "daemon-reload")
    service.inside("systemctl", "restart", SERVICE)
    service.wait_operational(OPERATOR)
    count = restarts(service)
    stop_at(service, signal.SIGSTOP)
    wait_until(lambda: restarts(service) > count and service.is_active(SERVICE), 60,
               "the service to be back")
    # No slow moment of the machine is missed in what follows.
    (drop_in / "test.conf").unlink()
    service.inside("systemctl", "daemon-reload")
    service.inside("systemctl", "restart", SERVICE)
    service.wait_operational(OPERATOR)
    assert signs(service)


def test_a_client_starts_the_service_through_its_socket(service):
    service.inside("systemctl", "stop", SERVICE)
    assert not service.is_active(SERVICE)
    assert show(service, "Result")["Result"] == "success"
    assert service.seen("/run/privyseal/clients.sock").is_socket()
    service.wait_operational(OPERATOR)
    assert service.is_active(SERVICE) and signs(service)


def test_a_credential_that_is_not_there_is_none(service):
    """The second one is for a blank token alone."""
    path = service.seen(CONFIG)
    service.configure(re.sub(r"^so_pin_credential = .*\n", "", path.read_text(), flags=re.M))
    service.seen(f"/etc/credstore.encrypted/{CREDENTIALS[1]}").unlink()
    service.inside("systemctl", "restart", SERVICE)
    service.wait_operational(OPERATOR)
    assert signs(service)


def stop_all(machine):
    machine.inside("systemctl", "stop", *SOCKETS, SERVICE)
    found = show(machine, "ActiveState", "Result")
    assert (found["ActiveState"], found["Result"]) == ("inactive", "success")
    group = machine.group / "system.slice" / SERVICE / "cgroup.procs"
    assert not group.exists() or group.read_text() == ""


def test_without_its_socket_units_it_opens_them_itself(service):
    stop_all(service)
    service.inside("systemctl", "start", SERVICE)
    service.wait_operational(OPERATOR)
    assert signs(service)
    assert not any(service.is_active(unit) for unit in SOCKETS)


def test_a_stop_leaves_nobody_and_the_log_verifies(service):
    stop_all(service)
    service.inside(service.path("bin/privyseal"), "log", "verify", "/var/lib/privyseal/data/log")


def test_systemd_finds_nothing_else_wrong(service):
    done = subprocess.run(service.command("systemctl", "--failed", "--plain", "--no-legend"),
                          capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
