"""What `meson install` makes: files in their places, units, users, and an appliance run by them."""

import contextlib
import functools
import json
import os
import re
import shutil
import stat
import subprocess

import pytest

from harness.installed import (CONFIG, CREDENTIALS, PIN, SOFTHSM, Installed, can_layer, fill,
                               source_of_sandbox)
from harness.places import TOP

CREDENTIALS_DIRECTORY = "/run/credentials/privyseald.service"
OPERATOR, WRITER = "games", "mail"  # any users of the system that have no part in this
KEY = "oidc.id-token"
FILES = [
    "bin/privyseal", "bin/privyseal-officer", "include/privyseal.h",
    "include/privyseal_auth_call.h", "include/privyseal_authenticator.h",
    "include/privyseal_data_provider.h", "include/privyseal_jwe.h",
    "include/privyseal_family.h",
    "include/privyseal_key_use.h",
    "include/privyseal_sign.h",
    "include/privyseal_x509.h",
    "lib/systemd/system/privyseal-certify.service",
    "lib/systemd/system/privyseal-log-copy.service", "lib/systemd/system/privyseal-log-copy.timer",
    "lib/systemd/system/privyseal-log-feed.service",
    "lib/systemd/system/privyseal-oidc.service",
    "lib/systemd/system/privyseal-witness.service",
    "lib/systemd/system/privyseald-clients.socket",
    "lib/systemd/system/privyseald-management.socket", "lib/systemd/system/privyseald.service",
    "lib/sysusers.d/privyseal-log-copy.conf", "lib/sysusers.d/privyseal-witness.conf",
    "lib/sysusers.d/privyseal.conf", "lib/tmpfiles.d/privyseal-witness.conf",
    "lib/tmpfiles.d/privyseal.conf", "sbin/privyseal-certify", "sbin/privyseal-oidc",
    "sbin/privyseal-registry",
    "sbin/privyseald",
    "share/bash-completion/completions/privyseal",
    "share/bash-completion/completions/privyseal-officer", "share/doc/privyseal/privyseal-authenticator-http.conf",
    "share/doc/privyseal/privyseal-certify.conf", "share/doc/privyseal/privyseal-oidc.conf", "share/doc/privyseal/privyseal-registry.conf",
    "share/doc/privyseal/privyseald.conf", "share/doc/privyseal/sample-people.csv",
    "share/fish/vendor_completions.d/privyseal-officer.fish",
    "share/fish/vendor_completions.d/privyseal.fish",
    "share/man/man1/privyseal-officer.1", "share/man/man1/privyseal.1",
    "share/man/man3/privyseal.3", "share/man/man5/privyseald.conf.5",
    "share/man/man8/privyseal-authenticator-http.8", "share/man/man8/privyseal-certify.8",
    "share/man/man8/privyseal-oidc.8",
    "share/man/man8/privyseal-registry.8", "share/man/man8/privyseald.8",
    *(f"share/privyseal/ceremonies/{script.name}"
      for script in sorted((TOP / "docs" / "ceremonies").glob("*.json"))),
    "share/privyseal/firmware-profiles/softhsm2.json",
    "share/zsh/site-functions/_privyseal", "share/zsh/site-functions/_privyseal-officer",
]
LIBRARY = ["privyseal/authenticator-http.so", "privyseal/authenticator-registry.so", "libprivyseal.so", "libprivyseal.so.0", "libprivyseal.so.0.1.0",
           "pkgconfig/privyseal.pc", "privyseal/data-csv.so", "privyseal/data-sql.so"]
NO_TOOL = "systemd's tools are not installed"


@pytest.fixture(scope="module")
def installed():
    with Installed() as made:
        yield made


@pytest.fixture(scope="module")
def machine(installed):
    """The namespace with users and directories as systemd's own tools make them."""
    if not can_layer():
        pytest.skip("only root with overlay mounts tries an installation in its real places")
    if shutil.which("systemd-sysusers") is None or shutil.which("systemd-tmpfiles") is None:
        pytest.skip(NO_TOOL)
    installed.enter()
    installed.inside("systemd-sysusers", installed.path("lib/sysusers.d/privyseal.conf"))
    installed.inside("systemd-tmpfiles", "--create", installed.path("lib/tmpfiles.d/privyseal.conf"))
    return installed


def test_everything_is_in_its_place(installed):
    prefix = installed.prefix.lstrip("/")
    library = [f"{installed.libdir}/{name}" for name in LIBRARY]
    assert installed.files() == sorted(f"{prefix}/{name}" for name in [*FILES, *library])
    for name in ("bin/privyseal", "bin/privyseal-officer", "sbin/privyseald"):
        assert os.access(installed.destination / prefix / name, os.X_OK)


def test_completions_are_scripts_of_their_shells(installed):
    top = installed.destination / installed.prefix.lstrip("/")
    subprocess.run(["bash", "-n", top / "share/bash-completion/completions/privyseal"], check=True)
    assert (top / "share/zsh/site-functions/_privyseal").read_text().startswith("#compdef privyseal")


def test_systemd_accepts_the_units(machine):
    if shutil.which("systemd-analyze") is None:
        pytest.skip(NO_TOOL)
    units = [machine.path(name) for name in FILES if "systemd/system" in name]
    done = machine.inside("systemd-analyze", "verify", "--man=no", *units, check=False)
    assert "privyseal" not in done.stdout + done.stderr, done.stderr
    assert done.returncode == 0, done.stderr


def group_of(name):
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True,
                          capture_output=True, text=True).stdout
    return [line.strip() for line in text.splitlines()[1:]
            if line.strip() and not line.strip().startswith("#")]


@functools.lru_cache(maxsize=None)
def calls_in(name):
    if not name.startswith("@"):
        return {name}
    return set().union(*(calls_in(member) for member in group_of(name)))


def test_the_units_filter_leaves_what_the_roles_allow_themselves(installed):
    """The narrower of the two filters decides: a call that only the roles know would not be one."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip(NO_TOOL)
    left = set().union(*map(calls_in, installed.service_values("SystemCallFilter")))
    used = set(re.findall(r'^    \{"(\w+)", \w+', source_of_sandbox(), re.M))
    assert len(used) > 100
    assert not sorted(used - left)


def test_users_groups_and_directories_are_made(machine):
    uids = {machine.uid(f"privyseal-{role}")
            for role in ("keeper", "clients", "management", "token-a")}
    assert len(uids) == 4 and 0 not in uids
    assert machine.gid("privyseal") != machine.gid("privyseal-operators")
    for place in ("/run/privyseal", "/var/lib/privyseal", "/etc/privyseal"):
        found = machine.seen(place).stat()
        assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (0, 0o755)


def check_config(machine):
    done = machine.inside(machine.path("sbin/privyseald"), "--config", CONFIG, "--check-config",
                          check=False)
    return done.returncode, done.stdout, done.stderr.splitlines()


def test_the_example_says_what_is_to_be_filled_in(machine):
    text = machine.example()
    machine.configure(text)
    code, _, lines = check_config(machine)
    assert code == 1
    assert [re.search(r"(\[.*?\]) needs a line '(\w+)", line).groups() for line in lines] == [
        ("[appliance]", "origin"), ("[token a]", "uri")]
    for key in ("origin", "uri"):
        text = fill(text, key, SOFTHSM[key])
    machine.configure(text)
    code, said, lines = check_config(machine)
    assert code == 0 and re.fullmatch(r"OK\nsecurity section: [0-9a-f]{64}\n", said), lines
    assert all("only the service can see" in line for line in lines) and len(lines) == 1


@pytest.fixture(scope="module")
def service(machine):
    """The example filled in for a SoftHSM token, and the service started from it."""
    machine.configure_softhsm()
    pins = machine.seen(CREDENTIALS_DIRECTORY)
    pins.mkdir(parents=True, mode=0o500)
    for name in CREDENTIALS:
        (pins / name).write_text(PIN)
        (pins / name).chmod(0o400)
    machine.start_service(CREDENTIALS_DIRECTORY)
    return machine


def status(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(re.findall(r"^(\w+):\t(.*)$", file.read(), re.M))


def roles(service):
    """{role: pid} as the supervisor's log has them."""
    whole, _, _begun = service.log().rpartition("\n")
    lines = [json.loads(line) for line in whole.splitlines()]
    return {line["role"]: line["pid"] for line in lines if line.get("event") == "role_started"}


def test_each_role_runs_as_its_named_user(service):
    running = roles(service)
    wanted = {"keeper": "keeper", "api clients": "clients", "api management": "management",
              **{role: "token-a" for role in running if role.startswith("token a/")}}
    assert set(wanted) == set(running) and len(running) >= 4
    for role, user in wanted.items():
        found = status(running[role])
        assert set(found["Uid"].split()) == {str(service.uid(f"privyseal-{user}"))}, role
        assert set(found["Gid"].split()) == {str(service.gid(f"privyseal-{user}"))}, role
        assert found["Groups"].strip() == "" and int(found["CapBnd"], 16) == 0, role


def test_directories_and_sockets_are_their_owners(service):
    for place, user in (("/var/lib/privyseal/data", "keeper"),
                        ("/var/lib/privyseal/token-a", "token-a")):
        for path in [service.seen(place), *service.seen(place).rglob("*")]:
            with contextlib.suppress(FileNotFoundError):  # written anew at this moment
                found = path.stat()
                assert found.st_uid == service.uid(f"privyseal-{user}"), path
                assert stat.S_IMODE(found.st_mode) & 0o077 == 0, path
    for name, group in (("clients", "privyseal"), ("management", "privyseal-operators")):
        found = service.seen(f"/run/privyseal/{name}.sock").stat()
        assert (found.st_uid, found.st_gid) == (0, service.gid(group))
        assert stat.S_IMODE(found.st_mode) == 0o660


def privyseal(service, *words, user=OPERATOR, **more):
    return service.privyseal(*words, user=user, **more)


def test_the_administrator_sees_the_state_before_genesis(service):
    service.wait_blank()
    assert service.system("root")["state"] == "uninitialised"
    who = json.loads(privyseal(service, "whoami", "--json", user="root").stdout)
    assert who["administrator"] is True and who["grants"] == []


def test_an_operator_makes_keys_and_a_program_signs(service):
    service.found(OPERATOR, KEY, WRITER)
    made = privyseal(service, "jws", "sign", "--with", KEY, user=WRITER,
                     groups=("privyseal",), input="Dear all")
    verified = privyseal(service, "jws", "verify", "--with", KEY, user=WRITER,
                         groups=("privyseal",), input=made.stdout)
    assert re.search(r"^valid +yes$", verified.stdout, re.M)
    service.inside(service.path("bin/privyseal"), "log", "verify", "/var/lib/privyseal/data/log")


def test_a_program_is_built_against_the_library_and_signs(service):
    source = (TOP / "api/client/example.c").read_text().replace('"api/client/privyseal_sign.h"',
                                                               "<privyseal_sign.h>")
    libdir, program = service.path(service.libdir), service.scratch / "example"
    flags = service.inside("env", f"PKG_CONFIG_PATH={libdir}/pkgconfig", "pkg-config", "--cflags",
                           "--libs", "privyseal").stdout.split()
    service.inside("cc", "-x", "c", "-", "-o", program, *flags, input=source)
    done = service.inside(*service.as_user(WRITER, ["privyseal"]), "env",
                          f"LD_LIBRARY_PATH={libdir}",
                          "PRIVYSEAL_SOCKET=/run/privyseal/clients.sock", program)
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", done.stdout)


def test_who_is_in_no_group_is_told_why_the_socket_stays_closed(service):
    done = privyseal(service, "whoami", user=WRITER, groups=(), check=False)
    assert done.returncode == 5 and "Permission denied" in done.stderr


def test_it_stops_in_order_and_starts_again_on_what_is_there(service):
    assert service.stop_service() == 0
    assert not service.seen("/run/privyseal/clients.sock").exists()
    (service.scratch / "log").write_text("")
    service.start_service(CREDENTIALS_DIRECTORY)
    service.wait_operational(OPERATOR)
