"""The token fails under load: no restart, no wrong signature released, back by itself."""

import os
import pathlib
import re
import signal
import subprocess
import time

import jwt
import pytest

from harness.appliance import PRIVYSEAL, Appliance, wait_until
from harness.fake_token import FakeControl, fake_appliance
from harness.leaves import leaf_hash_of_jws, read_events, read_use
from harness.load import SigningLoad

KEY = "certify.vc-jwt"
BACK_WITHIN_S = 2.0


@pytest.fixture(scope="module")
def fake():
    with fake_appliance() as running:
        yield running


@pytest.fixture()
def control(fake):
    made = FakeControl(fake)
    made("reset")
    yield made
    made("reset")
    wait_until(lambda: sign(fake) == 200, 15, "the token to be well again")


def sign(appliance, key=KEY):
    return appliance.client().post("/v1/jws/sign", {"key": key, "payload": "eA"}).status


def check_all(appliance, load):
    """Everything received verifies and is recorded; nobody waited too long or got an odd answer."""
    keys = jwt.PyJWKSet.from_dict(appliance.client().get("/v1/jwks").json())
    by_id = {key.key_id: key.key for key in keys.keys}
    recorded = {leaf["hash"] for leaf in read_use(appliance.directory / "data/log")}
    for token in load.received:
        header = jwt.get_unverified_header(token)
        jwt.PyJWS().decode(token, by_id[header["kid"]], [header["alg"]])
        assert leaf_hash_of_jws(token) in recorded
    assert load.longest_wait_s < 5.0
    assert set(load.statuses) <= {200, 503}, load.statuses


OTHERS = ("supervisor", "keeper", "api clients", "api management")


def under_load(appliance, start, stop, replaced=False, key=KEY, connections=16):
    """Runs a fault under load: service returns within 2 s of `stop`, and stays."""
    roles = appliance.roles()
    with SigningLoad(appliance.environment["PRIVYSEAL_SOCKET"], key, connections) as load:
        wait_until(lambda: len(load.received) > 100, 30, "the load to begin")
        start()
        stop()
        ended = time.monotonic()
        back = wait_until(lambda: load.back_since(ended, 10 * connections), 15,
                          "service to return and stay")
    took = back - ended
    print(f"back after {took:.2f} s, longest wait {load.longest_wait_s:.2f} s, {load.statuses}")
    check_all(appliance, load)
    after = appliance.roles()
    for role in OTHERS:
        assert after[role] == roles[role], f"{role} was restarted"
    if not replaced:
        for role in roles:
            assert not role.startswith("token") or after[role] == roles[role], \
                f"{role} was restarted"
    assert took < BACK_WITHIN_S


def sees_refusals(appliance):
    """Waits until the fault has reached a client."""
    wait_until(lambda: sign(appliance) == 503, 10, "the fault to be felt")


def stays_away(appliance, seconds):
    """For so long no signature is made."""
    sees_refusals(appliance)
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        assert sign(appliance) == 503


def log_verifies(appliance):
    done = subprocess.run([str(PRIVYSEAL), "log", "verify", str(appliance.directory / "data/log")],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.fixture(scope="module")
def softhsm():
    with Appliance() as running:
        yield running


def store_of(appliance):
    config = (appliance.directory / "softhsm2.conf").read_text()
    return next(line.split("=")[1].strip() for line in config.splitlines()
                if line.startswith("directories.tokendir"))


@pytest.mark.parametrize("seconds", [0, 6])
def test_softhsms_store_moved_away_and_back(softhsm, seconds):
    store = store_of(softhsm)
    away = store + ".away"

    def start():
        os.rename(store, away)
        stays_away(softhsm, seconds)

    under_load(softhsm, start, lambda: os.rename(away, store))
    log_verifies(softhsm)


def test_softhsms_token_survives_a_login_that_was_cut_off(softhsm):
    """SoftHSM empties the token's file before it writes it: what a kill in between leaves."""
    files = list(pathlib.Path(store_of(softhsm)).glob("*/token.object"))
    assert len(files) == 1

    def start():
        victims = softhsm.pids("token")
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        os.truncate(files[0], 0)

    under_load(softhsm, start, lambda: None, replaced=True)


def felt(control, function, action):
    """Takes the action and waits until the token processes have answered it with that call."""
    control("zero")
    action()
    control("wait", function, 1, "for", 10000)


def test_every_session_lost(fake, control):
    under_load(fake, lambda: felt(control, "C_OpenSession", lambda: control("lose-sessions", 0)),
               lambda: None)


def test_logged_out(fake, control):
    under_load(fake, lambda: felt(control, "C_Login", lambda: control("log-out", 0)), lambda: None)


def test_the_device_removed_for_ten_seconds(fake, control):
    def start():
        control("vanish", 0)
        stays_away(fake, 10)

    under_load(fake, start, lambda: control("return", 0))


@pytest.mark.parametrize("function", ["C_Sign", "C_Login", "any"])
def test_device_removed_as_an_answer(fake, control, function):
    def start():
        control("on", function, "do", "rv", "CKR_DEVICE_REMOVED")
        if function == "C_Login":
            control("lose-sessions", 0)
        stays_away(fake, 3)

    under_load(fake, start, lambda: control("reset"))


def all_replaced(appliance, before):
    now = appliance.pids("token")
    return len(now) == len(before) and now != before


def test_a_hanging_call_is_ended_by_replacing_the_process(fake, control):
    tokens = fake.pids("token")

    def start():
        control("on", "C_Sign", "do", "hang", "times", 1)
        wait_until(lambda: all_replaced(fake, tokens), 10, "the hanging process to be replaced")

    under_load(fake, start, lambda: None, replaced=True)


def test_a_token_that_hangs_altogether(fake, control):
    tokens = fake.pids("token")

    def start():
        control("on", "C_Sign", "do", "hang")
        sees_refusals(fake)
        wait_until(lambda: all_replaced(fake, tokens), 10, "the hanging processes to be replaced")

    under_load(fake, start, lambda: control("reset"), replaced=True)


@pytest.mark.parametrize("action", ["crash", "crash-half", "crash-after"])
def test_a_crash_in_the_middle_of_signing(fake, control, action):
    tokens = fake.pids("token")

    def start():
        control("on", "C_Sign", "do", action, "times", 3)
        wait_until(lambda: all_replaced(fake, tokens), 10, "the crashed process to be replaced")

    under_load(fake, start, lambda: None, replaced=True)


@pytest.fixture(scope="module")
def verified_key(fake):
    """A P-256 key of which every signature is verified before it is released."""
    answer = fake.management().post("/v1/keys", {"name": "test.verified", "type": "ec-p256",
                                                 "usage": "sign", "formats": ["jws"],
                                                 "algorithms": ["ES256"], "verify": "always"})
    assert answer.status in (200, 201), answer
    return "test.verified"


@pytest.mark.parametrize("action", ["wrong-signature", "zeros"])
@pytest.mark.parametrize("key", ["test.verified", "certify.vc-eddsa", "oidc.id-token"])
def test_wrong_signatures_under_load(fake, control, verified_key, key, action):
    def noticed():
        text = fake.management().get("/metrics").body.decode()
        return int(re.search(r"^privyseal_wrong_signatures_total (\d+)$", text, re.M)[1])

    before = noticed()

    def start():
        control("on", "C_Sign", "do", action, "times", 5)
        # What a process had answered after its first wrong signature is lost with the process.
        wait_until(lambda: noticed() > before, 10, "the wrong signatures to be noticed")

    under_load(fake, start, lambda: control("reset"), replaced=True, key=key)
    assert any(leaf["kind"] == "alarm" and leaf["data"]["alarm"] == "wrong-signature"
               for leaf in read_events(fake.directory / "data/log"))


@pytest.mark.parametrize("length", [0, 1, 63, 65, 2 ** 40])
def test_absurd_lengths(fake, control, length):
    def start():
        felt(control, "C_Sign", lambda: control("on", "C_Sign", "do", "length", length,
                                                "times", 20))

    under_load(fake, start, lambda: control("reset"), replaced=True)


def test_a_changed_serial_is_another_token(fake, control):
    serial = next(line.split("serial ")[1].split()[0] for line in control("show").splitlines()
                  if line.startswith("token 0"))

    def start():
        logins = control.count("C_Login")
        control("serial", 0, "ANOTHER1")
        control("lose-sessions", 0)
        stays_away(fake, 3)
        assert control.count("C_Login") == logins, "a PIN went to another token"

    under_load(fake, start, lambda: control("serial", 0, serial))


def token_states(appliance):
    """Of each token process; none while the keeper does not answer."""
    answer = appliance.management().get("/v1/system")
    tokens = answer.json().get("tokens", []) if answer.status == 200 else []
    return [process["state"] for token in tokens for process in token["processes"]]


def all_wait_for_a_pin(appliance):
    """Both have found their token and were asked to log in, or not, as it may be."""
    states = token_states(appliance)
    return len(states) == 2 and set(states) <= {"wrong-pin", "needs-login"}


def test_a_wrong_pin_is_tried_once(fake, control):
    """Not once per process, nor again by whoever is restarted, nor by the next start."""
    pin_file = pathlib.Path(next(
        line.split("=", 1)[1].strip() for line in
        (fake.directory / "privyseald.conf").read_text().splitlines()
        if line.startswith("pin_file =")))
    good = pin_file.read_text()
    fake.stop()
    pin_file.write_text("00000000")
    control("zero")
    fake.launch(alone=True)
    wait_until(lambda: control.count("C_Login") >= 1, 20, "the wrong PIN to be tried")
    wait_until(lambda: "wrong-pin" in token_states(fake), 20, "the PIN to be refused")
    for role in ("token", "keeper", "token"):
        # The next round of calls shows that the newcomer has looked at its token.
        looks = control.count("C_OpenSession")
        for victim in fake.pids(role):
            os.kill(victim, signal.SIGKILL)
        if role == "token":
            wait_until(lambda n=looks: control.count("C_OpenSession") >= n + 2, 20,
                       "new token processes")
        wait_until(lambda: all_wait_for_a_pin(fake), 20, f"a new {role} to answer")
        assert sign(fake) == 503
        assert control.count("C_Login") == 1
    fake.stop()
    looks = control.count("C_OpenSession")
    fake.launch(alone=True)
    wait_until(lambda: control.count("C_OpenSession") >= looks + 2, 20, "the next start")
    wait_until(lambda: all_wait_for_a_pin(fake), 20, "its token processes")
    assert sign(fake) == 503
    fake.stop()
    assert control.count("C_Login") == 1
    pin_file.write_text(good)
    fake.start()
    assert sign(fake) == 200


def test_signing_looks_nothing_up_and_logs_nobody_in(fake, control):
    assert sign(fake) == 200
    control("zero")
    for _ in range(50):
        assert sign(fake) == 200
    assert control.count("C_Sign") >= 50
    for function in ("C_FindObjectsInit", "C_OpenSession", "C_Login"):
        assert control.count(function) == 0, function


def test_both_logs_verify_after_all_of_it(fake):
    log_verifies(fake)
