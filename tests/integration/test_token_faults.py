"""The token fails under load: no restart, no wrong signature released, back by itself."""

import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import jwt
import pytest

from harness.appliance import Appliance, wait_until
from harness.fake_token import FakeControl, fake_appliance
from harness.leaves import leaf_hash_of_jws, read_events, read_use
from harness.load import SigningLoad
from harness.places import PRIVYSEAL

KEY = "certify.vc-jwt"
BACK_WITHIN_S = 2.0


@pytest.fixture(scope="module")
def fake():
    with fake_appliance() as running:
        yield running


@pytest.fixture()
def control(fake):
    if getattr(fake, "is_unwell", False):
        pytest.fail("the token has not been well since an earlier test")
    made = FakeControl(fake)
    made("reset")
    yield made
    made("reset")
    fake.is_unwell = True
    wait_until(lambda: all_ready(fake) and sign(fake) == 200, 15, "the token to be well again")
    fake.is_unwell = False


def sign(appliance, key=KEY):
    return appliance.client().post("/v1/jws/sign", {"key": key, "payload": "eA"}).status


def token_states(appliance):
    """Of each token process; none while the keeper does not answer."""
    answer = appliance.management().get("/v1/system")
    tokens = answer.json().get("tokens", []) if answer.status == 200 else []
    return [process["state"] for token in tokens for process in token["processes"]]


def all_ready(appliance):
    states = token_states(appliance)
    return len(states) == 2 and set(states) == {"ready"}


def check_all(appliance, load):
    """Everything received verifies and is recorded; nobody waited too long or got an odd answer."""
    keys = jwt.PyJWKSet.from_dict(appliance.client().get("/v1/jwks").json())
    by_id = {key.key_id: key.key for key in keys.keys}
    recorded = {leaf["hash"] for leaf in read_use(appliance.directory / "data/log")}
    for token in load.received:
        header = jwt.get_unverified_header(token)
        jwt.PyJWS().decode(token, by_id[header["kid"]], [header["alg"]])
        assert leaf_hash_of_jws(token) in recorded
    assert load.longest_wait_s < 5.0 + load.longest_stall_s
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
    took = back - ended - load.stalls.between(ended, back)
    print(f"back after {took:.2f} s without stalls, longest wait {load.longest_wait_s:.2f} s, longest stall "
          f"{load.longest_stall_s:.2f} s, {load.statuses}")
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
    """For so long no signature is made, of those asked for at the pace of wait_until()."""
    sees_refusals(appliance)
    began, statuses = time.monotonic(), set()

    def is_over():
        statuses.add(sign(appliance))
        return time.monotonic() - began >= seconds

    wait_until(is_over, seconds, "the time to be over")
    assert statuses == {503}


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
    control("wait", function, 1, "for", 60000)


def test_every_session_lost(fake, control):
    under_load(fake, lambda: felt(control, "C_OpenSession", lambda: control("lose-sessions", 0)),
               lambda: None)


def test_logged_out(fake, control):
    under_load(fake, lambda: felt(control, "C_Login", lambda: control("log-out", 0)), lambda: None)


def why_the_log_waits(appliance):
    lines = (appliance.directory / "privyseald.log").read_text().splitlines()
    return [json.loads(line)["why"] for line in lines if '"checkpoint_waits"' in line]


def test_the_device_removed_for_ten_seconds(fake, control):
    """One line says why the log gets no checkpoint."""
    def start():
        before = len(why_the_log_waits(fake))
        control("vanish", 0)
        stays_away(fake, 10)
        why = wait_until(lambda: why_the_log_waits(fake)[before:], 10, "a line that says why")
        assert len(why) == 1 and why[0].endswith("is away")

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


def test_a_session_that_hangs_is_found_while_the_other_goes_on_signing():
    answered, hanging = [], []
    with fake_appliance(processes=1, sessions=2) as several, \
            concurrent.futures.ThreadPoolExecutor(1) as pool:
        control, before = FakeControl(several), several.pids("token")
        felt(control, "C_Sign", lambda: (control("on", "C_Sign", "do", "hang", "times", 1),
                                         hanging.append(pool.submit(sign, several))))

        def is_replaced():
            answered.append(sign(several))
            return not set(before) & set(several.pids("token"))

        wait_until(is_replaced, 30, "the hanging process to be replaced")
        assert hanging[0].result() in (200, 503) and 200 in answered
        wait_until(lambda: sign(several) == 200, 15, "a signature")


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
    answer = fake.change("POST", "/v1/keys", {"name": "test.verified", "type": "ec-p256",
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
    wait_until(lambda: any(leaf["kind"] == "alarm" and leaf["data"]["alarm"] == "wrong-signature"
                           for leaf in read_events(fake.directory / "data/log")), 60, "its alarm")


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
        refused = fake.change("POST", "/v1/tokens/a/approve")
        assert refused.status == 422 and "another token" in refused.json()["detail"], refused
        assert control.count("C_Login") == logins, "a PIN went to another token"

    under_load(fake, start, lambda: control("serial", 0, serial))


def reasons(appliance):
    tokens = appliance.management().get("/v1/system").json().get("tokens", [])
    return {process.get("reason") for token in tokens for process in token["processes"]}


def change_firmware(control, version):
    control("set", 0, "firmware", version)
    control("lose-sessions", 0)


@pytest.fixture()
def firmware_is_put_back(fake, control):
    """And approved, however the test ends: no later one would see a signature."""
    yield
    logins = control.count("C_Login")
    change_firmware(control, "1.0")

    def is_well():
        if "unapproved-firmware" in reasons(fake):
            fake.change("POST", "/v1/tokens/a/approve")
        return control.count("C_Login") >= logins + 2 and all_ready(fake) and sign(fake) == 200

    wait_until(is_well, 60, "the token as it was")


@pytest.mark.usefixtures("firmware_is_put_back")
def test_another_firmware_waits_for_people(fake, control):
    """Same serial number, same module: whatever was put into the device gets no PIN until it was approved."""
    logins = control.count("C_Login")
    for version in ("7.7", "1.0"):
        change_firmware(control, version)
        wait_until(lambda: reasons(fake) == {"unapproved-firmware"}, 60, "the change to be noticed")
        assert sign(fake) == 503 and control.count("C_Login") == logins, "it got a PIN"
        assert fake.change("POST", "/v1/tokens/a/approve").status == 201
        wait_until(lambda: all_ready(fake) and sign(fake) == 200, 60, "the token that was approved")
        logins = control.count("C_Login")


def all_wait_for_a_pin(appliance):
    """Both have found their token and were asked to log in, or not, as it may be."""
    states = token_states(appliance)
    return len(states) == 2 and set(states) <= {"wrong-pin", "needs-login"}


def try_wrong_pin(fake, control):
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


def test_a_wrong_pin_is_tried_once(fake, control):
    """Not once per process, nor again by whoever is restarted, nor by the next start."""
    pin_file = pathlib.Path(next(
        line.split("=", 1)[1].strip() for line in
        (fake.directory / "privyseald.conf").read_text().splitlines()
        if line.startswith("pin_file =")))
    good = pin_file.read_text()
    fake.stop()
    pin_file.write_text("00000000")
    try:
        try_wrong_pin(fake, control)
    finally:
        fake.stop()
        pin_file.write_text(good)
        fake.start()
    assert sign(fake) == 200


def test_signing_looks_nothing_up_and_logs_nobody_in(fake, control):
    """The appliance itself looks at its token at times, as for an inventory: not all the time."""
    def counted(signatures):
        control("zero")
        for _ in range(signatures):
            assert sign(fake) == 200
        assert control.count("C_Sign") >= signatures
        return {function: control.count(function)
                for function in ("C_FindObjectsInit", "C_OpenSession", "C_Login")}

    wait_until(lambda: not any(counted(50).values()), 60, "signatures and nothing else")
    # A clean round is no chance: signatures that look something up do so in each round.
    assert all(count < 200 for count in counted(200).values())


def test_both_logs_verify_after_all_of_it(fake):
    log_verifies(fake)


def decrypt(appliance, key, ciphertext):
    return appliance.client().post(f"/v1/keys/{key}/decrypt", {"ciphertext": ciphertext}).status


def test_a_token_that_opens_nothing_any_more_is_noticed(fake, control):
    """It answers as it does to what cannot be decrypted, and is well otherwise."""
    def alarms():
        return [leaf["data"]["about"] for leaf in read_events(fake.directory / "data/log")
                if leaf["kind"] == "alarm" and leaf["data"]["alarm"] == "wrong-answer"]

    sealed = fake.client().post("/v1/keys/test.aes/encrypt", {"plaintext": "eA"}).json()
    keeper, tokens = set(fake.pids("keeper")), set(fake.pids("token"))
    # Nonsense alone replaces nobody.
    wrong = sealed["ciphertext"][:-8] + "AAAAAAAA"
    assert [decrypt(fake, "test.aes", wrong) for _ in range(30)] == [422] * 30
    assert decrypt(fake, "test.aes", sealed["ciphertext"]) == 200
    assert set(fake.pids("token")) == tokens and not alarms()
    control("on", "C_Decrypt", "do", "rv", "CKR_GENERAL_ERROR")
    assert decrypt(fake, "oidc.decrypt", "A" * 342) == 422
    wait_until(lambda: set(fake.pids("token")) - tokens, 10, "a new token process")
    wait_until(alarms, 60, "the alarm's leaf")
    assert alarms() == ["oidc.decrypt"]
    control("clear")
    wait_until(lambda: decrypt(fake, "test.aes", sealed["ciphertext"]) == 200, 15, "a plaintext")
    assert set(fake.pids("keeper")) == keeper


def test_a_key_that_does_not_open_what_it_encrypts_replaces_its_process(fake, control):
    before = set(fake.pids("token"))
    control("on", "C_Encrypt", "do", "wrong-signature", "times", 1)
    answer = fake.client().post("/v1/keys/test.aes/encrypt", {"plaintext": "eA"})
    wait_until(lambda: set(fake.pids("token")) - before, 10, "a new token process")
    control("clear")
    assert answer.status == 200 and decrypt(fake, "test.aes", answer.json()["ciphertext"]) == 200


OTHER_USES = [("/v1/keys/oidc.decrypt/decrypt", {"ciphertext": "A" * 342}),
              ("/v1/keys/test.aes/encrypt", {"plaintext": "eA"}),
              ("/v1/keys/test.hmac/mac", {"message": "eA"})]


def test_a_token_that_hangs_in_other_uses_is_answered_for_and_replaced(fake, control):
    def ask(use):
        return fake.client().post(*use).status

    tokens = fake.pids("token")
    for function in ("C_Decrypt", "C_Encrypt", "C_Sign"):
        control("on", function, "do", "hang")
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        assert list(pool.map(ask, OTHER_USES)) == [503] * 3
    assert time.monotonic() - began < 60  # the hang itself has no end
    wait_until(lambda: all_replaced(fake, tokens), 20, "the hanging processes to be replaced")
    control("reset")
    wait_until(lambda: [ask(use) for use in OTHER_USES] == [422, 200, 200], 30, "it to go on")


def test_a_token_that_does_not_agree_is_not_the_senders_fault(fake, control):
    """The point in a JWE was found to be on the curve before the token got it."""
    client = fake.client()
    jwe = client.post("/v1/jwe/encrypt", {"key": "test.agree-p256", "plaintext": "eA"}).json()["jwe"]
    control("on", "C_DeriveKey", "do", "rv", "CKR_GENERAL_ERROR", "times", 1)
    answer = client.post("/v1/jwe/decrypt", {"key": "test.agree-p256", "jwe": jwe})
    assert (answer.status, answer.json().get("plaintext")) == (200, "eA"), answer


def test_a_message_that_a_token_does_not_take_is_no_ciphertext(fake, control):
    client = fake.client()
    for function, mechanism, target, member in (
            ("C_Encrypt", "CKM_AES_GCM", "aes/encrypt", "plaintext"),
            ("C_Sign", "CKM_SHA256_HMAC", "hmac/mac", "message")):  # not of a checkpoint
        # The first use of each process looks whether it is the key that was made.
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            used = pool.map(lambda _, path=f"/v1/keys/test.{target}", what=member:
                            fake.client().post(path, {what: "eA"}).status, range(64))
            assert set(used) == {200}
        control("on", function, "mechanism", mechanism, "do", "rv", "CKR_DATA_LEN_RANGE", "times", 1)
        answer = client.post(f"/v1/keys/test.{target}", {member: "eA"})
        assert answer.json()["detail"] == "the token does not take this message", answer
