"""ansible/ brings an appliance, a witness and the officers' program onto a machine, and changes nothing twice."""

import re

import pytest

from harness.appliance import COMMAND_STEP_S, wait_until
from harness.booted import why_not
from harness.deployed import MIRROR, Deployed
from harness.installed import CONFIG

SERVICE = "privyseald.service"
PAGE, OTHER_PAGE = "share/man/man3/privyseal.3", "share/man/man3/privyseal-other.3"
DAEMON = "sbin/privyseald"


@pytest.fixture(scope="module")
def machine():
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with Deployed() as made:
        yield made


def main_pid(machine):
    return machine.inside("systemctl", "show", SERVICE, "--value", "--property=MainPID").stdout.strip()


def security_section(machine):
    done = machine.inside(machine.path(DAEMON), "--config", CONFIG, "--check-config")
    return re.fullmatch(r"OK\nsecurity section: ([0-9a-f]{64})\n", done.stdout)[1]


def appliance(machine, *words, config=None, **variables):
    return machine.play("appliance.yml", *words,
                        privyseal_appliance_config=config or machine.configuration(),
                        privyseal_appliance_packages=["softhsm2"],
                        privyseal_appliance_operators=["games"],
                        privyseal_appliance_mirror_disk=MIRROR, **variables)


@pytest.fixture(scope="module")
def service(machine):
    """Deployed and started, after officers sealed the PINs."""
    machine.prepare()
    done = appliance(machine, privyseal_appliance_start=True).good()
    assert done.changed > 0
    return machine


def test_a_check_of_a_bare_machine_changes_nothing_on_it(machine):
    done = appliance(machine, "--check").good()
    assert "the release would be unpacked" in done.text
    assert not machine.seen(machine.path(DAEMON)).exists()
    assert not machine.seen("/etc/privyseal").exists()


def test_another_archive_than_the_named_one_is_refused(machine):
    done = appliance(machine, privyseal_release_sha256="0" * 64)
    assert done.code != 0 and "not what privyseal_release_sha256 says" in done.text
    assert not machine.seen(machine.path(DAEMON)).exists()


def test_the_appliance_runs(service):
    assert service.is_active(SERVICE) and security_section(service)
    for unit in (SERVICE, "privyseald-clients.socket", "privyseald-management.socket"):
        assert service.inside("systemctl", "is-enabled", unit).stdout.strip() == "enabled"
    assert service.seen(CONFIG).stat().st_mode & 0o777 == 0o600
    service.wait_blank()
    assert "privyseal-operators" in service.inside("id", "--name", "--groups", "games").stdout
    keeper = service.uid("privyseal-keeper")
    assert service.seen(f"{MIRROR}/log").stat().st_uid == keeper


def test_the_configuration_has_what_the_example_has(service):
    """What the role knows by itself is what the units and the example stand for."""
    def lines(text):
        return set(re.findall(r"^(\w+ = .*)$", text, re.M))

    wanted = lines(service.example()) - {"uids = 0"}  # the value of who says nothing
    assert wanted and wanted <= lines(service.seen(CONFIG).read_text())


def test_the_second_run_changes_nothing(service):
    before = main_pid(service)
    done = appliance(service, privyseal_appliance_start=True).good()
    assert done.changed == 0, done.text
    assert main_pid(service) == before


def test_an_upgrade_and_another_configuration_wait_for_a_restart_that_names_it(service):
    before, was = main_pid(service), security_section(service)
    service.other_release("second", PAGE, OTHER_PAGE)
    config = service.configuration()
    config["log"] = {"clock_step_s": 61}
    done = appliance(service, config=config, release="second").good()
    now, text = security_section(service), re.sub(r"\s+", " ", done.text)
    assert now != was and f"The security section was {was} and is {now}" in text
    assert f"privyseal_appliance_restart={now}" in text
    assert main_pid(service) == before
    assert not service.seen(service.path(PAGE)).exists()
    assert service.seen(service.path(OTHER_PAGE)).exists()
    done = appliance(service, config=config, release="second", privyseal_appliance_restart=now).good()
    assert done.changed == 1 and main_pid(service) != before and service.is_active(SERVICE)


def test_the_way_back_is_the_same_and_puts_right_what_was_changed(service):
    """A restart with another security section than the one that was named does not take place."""
    before, was = main_pid(service), security_section(service)
    service.seen(service.path("bin/privyseal")).write_text("something else\n")
    done = appliance(service, privyseal_appliance_restart=was)
    now = security_section(service)
    assert done.code != 0 and now != was and f"the security section is {now}" in done.text
    assert main_pid(service) == before
    assert service.seen(service.path(PAGE)).exists()
    assert not service.seen(service.path(OTHER_PAGE)).exists()
    assert service.inside(service.path("bin/privyseal"), "--version").stdout.startswith("privyseal ")


def test_a_configuration_that_the_appliance_refuses_is_not_put_in_place(service):
    kept = service.seen(CONFIG).read_text()
    done = appliance(service, config=service.configuration(nonsense=1))
    assert done.code != 0 and "nonsense" in done.text
    assert service.seen(CONFIG).read_text() == kept and service.is_active(SERVICE)


def witness(machine):
    return machine.play("witness.yml", privyseal_witness_listen="127.0.0.1:7380",
                        privyseal_release_directory="/var/lib/privyseal-witness-releases").good()


def test_a_witness_runs_once_it_has_a_key(machine):
    assert "privyseal witness new" in witness(machine).text
    assert not machine.is_active("privyseal-witness.service")
    made = machine.inside("runuser", "-u", "privyseal-witness", "--", machine.path("bin/privyseal"),
                          "witness", "new", "/var/lib/privyseal-witness", "witness.example")
    assert made.stdout.startswith("witness.example+")
    assert witness(machine).changed == 1

    def answer():
        return machine.inside("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}",
                              "--data", "nothing", "http://127.0.0.1:7380/add-checkpoint",
                              check=False).stdout

    wait_until(lambda: answer() == "400", 20, "the witness to answer", COMMAND_STEP_S)


def test_a_copy_of_the_log_is_fetched_once_its_key_is_sealed(machine):
    key = "privyseal-log-copy-key"
    machine.inside("install", "-d", "-m", "0700", "/etc/credstore.encrypted")
    machine.inside("systemd-creds", "encrypt", f"--name={key}", "-",
                   f"/etc/credstore.encrypted/{key}", input="a key")
    machine.play("log-copy.yml", privyseal_log_copy_url="https://keys.example.org:8444",
                 privyseal_log_copy_ca="/etc/privyseal/log-copy/ca.pem",
                 privyseal_log_copy_certificate="/etc/privyseal/log-copy/cert.pem",
                 privyseal_log_copy_log_key="keys.example.org/events+01234567+AQ",
                 privyseal_release_directory="/var/lib/privyseal-log-copy-releases").good()
    assert machine.is_active("privyseal-log-copy.timer")
    timer = machine.inside("systemctl", "is-enabled", "privyseal-log-copy.timer")
    assert timer.stdout.strip() == "enabled"
    said = machine.seen("/etc/default/privyseal-log-copy").read_text()
    assert "PRIVYSEAL_MANAGEMENT_URL=https://keys.example.org:8444\n" in said
    assert "PRIVYSEAL_LOG_KEY=keys.example.org/events+01234567+AQ\n" in said
    assert machine.uid("privyseal-log-copy") != 0


def test_officers_have_their_program(machine):
    done = machine.play("officer.yml",
                        privyseal_release_directory="/var/lib/privyseal-officer-releases").good()
    assert "privyseal-officer 0" in done.text
