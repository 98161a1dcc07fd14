"""The token fails under load: no restart, no wrong signature released, back by itself."""

import os
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
    """Everything received verifies and is recorded; nobody waited too long; nothing restarted."""
    keys = jwt.PyJWKSet.from_dict(appliance.client().get("/v1/jwks").json())
    by_id = {key.key_id: key.key for key in keys.keys}
    recorded = {leaf["hash"] for leaf in read_use(appliance.directory / "data/log")}
    for token in load.received:
        header = jwt.get_unverified_header(token)
        jwt.PyJWS().decode(token, by_id[header["kid"]], [header["alg"]])
        assert leaf_hash_of_jws(token) in recorded
    assert load.longest_wait_s < 5.0
    assert "timeout" not in load.statuses
    assert set(load.statuses) <= {200, 503}, load.statuses


def under_load(appliance, start, stop, replaced=False, connections=16):
    """Runs a fault under load and returns how long service took to return after `stop`."""
    keeper = appliance.pids("keeper")
    tokens = appliance.pids("token")
    with SigningLoad(appliance.environment["PRIVYSEAL_SOCKET"], KEY, connections) as load:
        wait_until(lambda: len(load.received) > 100, 30, "the load to begin")
        start()
        stop()
        ended = time.monotonic()
        wait_until(lambda: load.good_since(ended), 10, "service to return")
        took = load.last_good - ended
        # and stays
        more = len(load.received) + 100
        wait_until(lambda: len(load.received) > more, 10, "service to stay")
    check_all(appliance, load)
    assert appliance.pids("keeper") == keeper, "the keeper was restarted"
    if not replaced:
        assert appliance.pids("token") == tokens, "a token process was restarted"
    print(f"back after {took:.2f} s, {load.statuses}")
    assert took < BACK_WITHIN_S


def sees_refusals(appliance):
    """Waits until the fault has reached a client."""
    wait_until(lambda: sign(appliance) == 503, 10, "the fault to be felt")


def test_softhsms_store_moved_away_and_back():
    with Appliance() as appliance:
        config = (appliance.directory / "softhsm2.conf").read_text()
        store = next(line.split("=")[1].strip() for line in config.splitlines()
                     if line.startswith("directories.tokendir"))
        away = store + ".away"

        def start():
            os.rename(store, away)
            sees_refusals(appliance)

        under_load(appliance, start, lambda: os.rename(away, store))


def test_every_session_lost(fake, control):
    under_load(fake, lambda: control("lose-sessions", 0), lambda: None)


def test_logged_out(fake, control):
    under_load(fake, lambda: control("log-out", 0), lambda: None)


def test_the_device_removed_for_ten_seconds(fake, control):
    def start():
        control("vanish", 0)
        sees_refusals(fake)
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > 10, 12, "ten seconds to pass")

    under_load(fake, start, lambda: control("return", 0))


def test_device_removed_as_an_answer(fake, control):
    def start():
        control("on", "C_Sign", "do", "rv", "CKR_DEVICE_REMOVED", "for", 3000)
        sees_refusals(fake)

    under_load(fake, start, lambda: control("reset"))


def test_a_hanging_call_is_ended_by_replacing_the_process(fake, control):
    tokens = fake.pids("token")

    def start():
        control("on", "C_Sign", "do", "hang", "times", 1)
        wait_until(lambda: fake.pids("token") != tokens and len(fake.pids("token")) == len(tokens),
                   10, "the hanging process to be replaced")

    under_load(fake, start, lambda: control("reset"), replaced=True)


@pytest.mark.parametrize("action", ["crash", "crash-half", "crash-after"])
def test_a_crash_in_the_middle_of_signing(fake, control, action):
    tokens = fake.pids("token")

    def start():
        control("on", "C_Sign", "do", action, "times", 1)
        wait_until(lambda: fake.pids("token") != tokens and len(fake.pids("token")) == len(tokens),
                   10, "the crashed process to be replaced")

    under_load(fake, start, lambda: None, replaced=True)


@pytest.mark.parametrize("key", ["certify.vc-eddsa", "oidc.id-token"])
def test_a_wrong_signature_is_never_released(fake, control, key):
    keys = {row.key_id: row.key for row in
            jwt.PyJWKSet.from_dict(fake.client().get("/v1/jwks").json()).keys}
    control("on", "C_Sign", "do", "wrong-signature", "times", 6)
    seen = []
    for _ in range(40):
        answer = fake.client().post("/v1/jws/sign", {"key": key, "payload": "eA"})
        seen.append(answer.status)
        assert answer.status in (200, 503)
        if answer.status == 200:
            header = jwt.get_unverified_header(answer.json()["jws"])
            jwt.PyJWS().decode(answer.json()["jws"], keys[header["kid"]], [header["alg"]])
    control("reset")
    wait_until(lambda: sign(fake, key) == 200, 10, "good signatures again")
    alarms = [leaf for leaf in read_events(fake.directory / "data/log") if leaf["kind"] == "alarm"]
    assert alarms, "a wrong signature left no alarm"
    print(seen)


@pytest.mark.parametrize("length", [0, 1, 63, 65, 2 ** 40])
def test_absurd_lengths(fake, control, length):
    control("on", "C_Sign", "do", "length", length, "times", 4)
    for _ in range(12):
        answer = fake.client().post("/v1/jws/sign", {"key": KEY, "payload": "eA"})
        assert answer.status in (200, 503)
    control("reset")
    wait_until(lambda: sign(fake) == 200, BACK_WITHIN_S, "service after absurd lengths")


def test_a_changed_serial_is_another_token(fake, control):
    serial = next(word for line in control("show").splitlines() if line.startswith("token 0")
                  for word in [line.split("serial ")[1].split()[0]])
    logins = control.count("C_Login")
    control("serial", 0, "ANOTHER1")
    control("lose-sessions", 0)
    wait_until(lambda: sign(fake) == 503, 10, "the other token to be refused")
    assert control.count("C_Login") == logins, "a PIN went to another token"
    control("serial", 0, serial)
    began = time.monotonic()
    wait_until(lambda: sign(fake) == 200, 10, "the token to be taken back")
    assert time.monotonic() - began < BACK_WITHIN_S + 0.5


def test_a_wrong_pin_is_tried_once():
    with fake_appliance(processes=1) as appliance:
        control = FakeControl(appliance)
        pin_file = next(line.split("=", 1)[1].strip() for line in
                        (appliance.directory / "privyseald.conf").read_text().splitlines()
                        if line.startswith("pin_file"))
        good = open(pin_file, encoding="ascii").read()
        appliance.stop()
        with open(pin_file, "w", encoding="ascii") as file:
            file.write("00000000")
        control("zero")
        with pytest.raises(RuntimeError):
            appliance.start()
        assert control.count("C_Login") == 1
        with open(pin_file, "w", encoding="ascii") as file:
            file.write(good)
        appliance.start()
        assert sign(appliance) == 200


def test_signing_looks_nothing_up_and_logs_nobody_in(fake, control):
    assert sign(fake) == 200
    control("zero")
    for _ in range(50):
        assert sign(fake) == 200
    assert control.count("C_Sign") >= 50
    for function in ("C_FindObjectsInit", "C_OpenSession", "C_Login"):
        assert control.count(function) == 0, function


def test_both_logs_verify_after_all_of_it(fake):
    done = subprocess.run([str(PRIVYSEAL), "log", "verify", str(fake.directory / "data/log")],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
