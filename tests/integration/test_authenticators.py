"""Both plugins in a host of their own: what is asked, what is answered, and who they talk to."""

import base64
import json
import re
import stat
import subprocess

import pytest

from harness.appliance import PATIENCE_S, wait_until
from harness.authenticators import (AWAY, FAILED, OK, REFUSED, REGISTRY, SAMPLES, Certified,
                                    IdentitySystem, Plugin, Relay, challenge)

ONE = "1000000001"


def registry(plugin, *words, code=0):
    done = subprocess.run([REGISTRY, "--database", plugin.directory / "registry.db", *words],
                          capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


@pytest.fixture(scope="module")
def people():
    """The registry with the sample people; passwords go into files."""
    made = Plugin("registry", "[registry]\ndatabase = OWN/registry.db\nwrong_per_source = 4\n"
                              "[otp]\ndirectory = OWN/otp\nper_source = 20\n")
    (made.directory / "otp").mkdir(mode=0o700)
    assert registry(made, "import", SAMPLES) == "5\n"
    with made:
        yield made


def sent(plugin, individual):
    path = plugin.directory / "otp" / f"{individual}.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return json.loads(path.read_text())


def log_in(plugin, transaction, factor, value, individual=ONE, **members):
    return plugin.call("authenticate", transaction=transaction, individual=individual,
                       challenges=[challenge(factor, value)], **members)


def test_the_registry_says_what_it_can_do(people):
    assert people.described["name"] == "registry"
    assert people.described["factors"] == "OTP PIN PWD KBI"
    assert people.described["otp_channels"] == "email phone"
    assert [field["id"] for field in json.loads(people.described["kbi_form"])["schema"]] == [
        "policyNumber", "fullName", "dob"]
    assert people.described["writable"] == f"{people.directory}\n{people.directory}/otp"


def test_a_password_logs_in_once_and_claims_are_told_once(people):
    answer = people.call("send_otp", transaction="otp-1", individual=ONE, channels=["email", "phone"])
    assert (answer["result"], answer["masked_email"], answer["masked_mobile"]) == (
        OK, "o***@e***", "*******001")
    item = sent(people, ONE)
    assert (item["channel"], item["address"], item["expires_in"]) == ("phone", "+15550100001", 180)
    assert re.fullmatch(r"\d{6}", item["otp"])
    assert log_in(people, "otp-2", "OTP", item["otp"])["result"] == REFUSED
    answer = log_in(people, "otp-1", "OTP", item["otp"], metadata=1)
    assert answer["result"] == OK
    assert len(answer["subject"]) == 43 and len(answer["kyc_token"]) == 43
    assert json.loads(answer["claims_metadata"])["email"] == []
    again = log_in(people, "otp-1", "OTP", item["otp"])
    assert (again["result"], again["code"]) == (REFUSED, "auth_failed")
    asked = {"transaction": "otp-1", "individual": ONE, "kyc_token": answer["kyc_token"],
             "claims": ["name", "address", "phone_number_verified", "picture"], "locales": ["ar"]}
    told = people.call("exchange", **asked)
    assert told["result"] == OK
    assert json.loads(told["claims"]) == {
        "name": "Sample One", "name#ar": "مثال واحد", "phone_number_verified": True,
        "address": {"formatted": "1 First Street, Example"}}
    told = people.call("exchange", **asked)
    assert (told["result"], told["code"]) == (REFUSED, "data_exchange_failed")


def test_a_password_has_three_tries(people):
    who = "1000000003"
    people.call("send_otp", transaction="tries", individual=who, channels=["phone"])
    right = sent(people, who)["otp"]
    for number in range(4):
        shown = right if number == 3 else f"{(int(right) + 1 + number) % 1000000:06d}"
        answer = log_in(people, "tries", "OTP", shown, who, source="192.0.2.55")
        assert (answer["result"], answer["code"]) == (REFUSED, "auth_failed")


def test_a_subject_is_the_same_at_one_relying_party_alone(people):
    subjects = [log_in(people, f"sub-{i}", "PIN", "222222", "1000000002", relying_party=party)["subject"]
                for i, party in enumerate(["here", "here", "there"])]
    assert subjects[0] == subjects[1] != subjects[2]
    listed = [json.loads(line) for line in registry(people, "subjects", "here").splitlines()]
    assert {row["id"]: row["subject"] for row in listed}["1000000002"] == subjects[0]
    assert len({row["subject"] for row in listed}) == len(listed)


def test_pin_password_and_both(people):
    who = "1000000003"
    assert log_in(people, "pin", "PIN", "333333", who)["result"] == OK
    assert log_in(people, "pwd", "PWD", "sample-password-3", who)["result"] == OK
    for pin, word, result in (("333333", "sample-password-3", OK), ("333333", "wrong", REFUSED),
                              ("333334", "sample-password-3", REFUSED)):
        answer = people.call("authenticate", transaction="both", individual=who, source="192.0.2.3",
                             challenges=[challenge("PIN", pin), challenge("PWD", word)])
        assert answer["result"] == result
    assert log_in(people, "none", "PWD", "", "1000000004", source="192.0.2.4")["result"] == REFUSED
    assert log_in(people, "bio", "BIO", "e30", who, source="192.0.2.4")["result"] == REFUSED
    answer = people.call("authenticate", transaction="empty", individual=who, source="192.0.2.4")
    assert answer["result"] == REFUSED


def knowledge(**members):
    octets = json.dumps(members).encode()
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def test_what_a_person_knows(people):
    right = {"policyNumber": "POL-000002", "fullName": "उदाहरण दो", "dob": "1984-02-29"}
    form = "base64url-encoded-json"
    for number, (change, result) in enumerate([({}, OK), ({"dob": "1984-02-28"}, REFUSED),
                                               ({"fullName": "Sample Three"}, REFUSED)]):
        answer = people.call("authenticate", transaction=f"kbi-{number}", individual="POL-000002",
                             source=f"192.0.2.{number}",
                             challenges=[challenge("KBI", knowledge(**{**right, **change}), form)])
        assert answer["result"] == result
    answer = log_in(people, "kbi", "KBI", "not base64url!", "POL-000002", source="192.0.2.9")
    assert answer["result"] == REFUSED


def test_it_is_not_told_who_is_in_the_registry(people):
    first = people.call("send_otp", individual="nobody-1", channels=["email", "phone"])
    again = people.call("send_otp", individual="nobody-1", channels=["email", "phone"])
    assert first["result"] == OK
    assert re.fullmatch(r"[a-z]\*{3}@[a-z]\*{3}", first["masked_email"])
    assert re.fullmatch(r"\*{7}\d{3}", first["masked_mobile"])
    assert first["masked_email"] == again["masked_email"]
    wrong = log_in(people, "nobody", "PIN", "111111", "nobody-1")
    there = log_in(people, "nobody", "PIN", "999999", "1000000004", source="192.0.2.77")
    assert (wrong["result"], wrong["code"]) == (there["result"], there["code"]) == (
        REFUSED, "auth_failed")
    for who in ("nobody-2", "1000000005"):
        codes = [log_in(people, f"limit-{i}", "PIN", "000000", who, source="192.0.2.88")["code"]
                 for i in range(5)]
        assert codes == ["auth_failed"] * 4 + ["individual_id_blocked"]


def test_who_guesses_locks_out_nobody_but_themselves(people):
    who = "1000000002"
    for i in range(4):
        assert log_in(people, f"guess-{i}", "PIN", "000000", who, source="198.51.100.1")["result"] == REFUSED
    answer = log_in(people, "guess", "PIN", "222222", who, source="198.51.100.1")
    assert (answer["result"], answer["code"]) == (REFUSED, "individual_id_blocked")
    assert log_in(people, "guess", "PIN", "222222", who, source="198.51.100.2")["result"] == OK


def test_many_at_once_use_one_token_once(people):
    answer = log_in(people, "race", "PIN", "111111")
    asked = [people.ask("exchange", transaction="race", individual=ONE, claims=["name"],
                        kyc_token=answer["kyc_token"]) for _ in range(50)]
    results = sorted(people.answer(number)["result"] for number in asked)
    assert results == [OK] + [REFUSED] * 49


def test_people_are_kept_by_the_tool(people, tmp_path):
    pin = tmp_path / "pin"
    pin.write_text("987654\n")
    pin.chmod(0o600)
    registry(people, "add", "kept", "--pin-file", pin, "name=Kept", "email=kept@example.org")
    assert log_in(people, "kept", "PIN", "987654", "kept")["result"] == OK
    listed = [json.loads(line) for line in registry(people, "list").splitlines()]
    assert [row["id"] for row in listed] == [ONE, "1000000002", "1000000003", "1000000004",
                                             "1000000005", "kept"]
    assert listed[5] == {"id": "kept", "policy": "", "pin": True, "password": False,
                         "claims": {"name": "Kept", "email": "kept@example.org"}}
    registry(people, "remove", "kept")
    assert log_in(people, "kept", "PIN", "987654", "kept")["result"] == REFUSED
    assert "no such person" in registry(people, "remove", "kept", code=4)
    pin.chmod(0o644)
    registry(people, "add", "kept", "--pin-file", pin, code=3)
    assert "no column here" in registry(people, "add", "kept", "pin=123456", code=2)
    table = tmp_path / "people.csv"
    table.write_text("id,email\nfirst,a@example.org\nsecond,nobody\n")
    assert "line 3: not a value of email" in registry(people, "import", table, code=2)
    assert len(registry(people, "list").splitlines()) == 5


def not_mailed(plugin):
    return plugin.log.read_text().count("otp_not_mailed")


def test_passwords_by_mail(tmp_path):
    certified = Certified(tmp_path)
    secret = tmp_path / "password"
    secret.write_text("relay-password")
    secret.chmod(0o600)
    with Relay(certified) as relay:
        lines = ("[registry]\ndatabase = OWN/registry.db\n[smtp]\nfrom = login@example.org\n"
                 f"subject = Your password\nurl = smtp://127.0.0.1:{relay.port}\nuser = login\n"
                 f"password = {secret}\n")
        made = Plugin("registry", lines + f"ca = {certified.ca}\n")
        registry(made, "import", SAMPLES)
        with made:
            assert made.described["otp_channels"] == "email"
            answer = made.call("send_otp", individual=ONE, channels=["email", "phone"])
            assert (answer["result"], answer["masked_mobile"]) == (OK, ""), answer
            wait_until(lambda: relay.messages, PATIENCE_S, "a mail")
            (sender, receivers, text), = relay.messages
            assert (sender, receivers) == ("login@example.org", ["one@example.org"])
            assert (text["Subject"], text["To"]) == ("Your password", "one@example.org")
            otp, = re.findall(r"^(\d{6})\s*$", text.get_content(), re.M)
            assert made.call("authenticate", individual=ONE,
                             challenges=[challenge("OTP", otp)])["result"] == OK
            relay.refuses = True
            for who in (ONE, "1000000005", "nobody-1"):
                answer = made.call("send_otp", individual=who, channels=["email"])
                assert answer["result"] == OK and re.fullmatch(r"[a-z]\*{3}@[a-z]\*{3}", answer["masked_email"])
            wait_until(lambda: "does not take this mail" in made.log.read_text(), PATIENCE_S, "a refusal")
            relay.refuses = False
        # Without the CA nothing is sent. A round is tried again when its pause was slept through.
        made = Plugin("registry", lines + "[otp]\nper_source = 20\n")
        registry(made, "import", SAMPLES)
        with made:
            answers = [{}]
            for number in range(1, 5):
                who = {"individual": ONE, "channels": ["email"], "transaction": f"away-{number}"}
                before = not_mailed(made)
                wait_until(lambda: made.call("send_otp", **who)["result"] == OK, PATIENCE_S,
                           "the pause of the last round to end")
                wait_until(lambda: not_mailed(made) > before, PATIENCE_S, "a relay that is away")
                # Told of everybody for some seconds, and of nobody first.
                answers = [made.call("send_otp", **{**who, "individual": one})
                           for one in (ONE, "nobody-1", "1000000005")]
                if [answer["result"] for answer in answers] == [AWAY] * 3:
                    break
            assert all("the mail relay" in answer["detail"] for answer in answers), answers
        assert len(relay.messages) == 1


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    certified = Certified(tmp_path_factory.mktemp("identity"))
    with IdentitySystem(certified) as running:
        running.certified = certified
        yield running


def configured(identity, more=""):
    return (f"[identity]\nurl = https://127.0.0.1:{identity.port}/v1/mock-identity-system\n"
            f"ca = {identity.certified.ca}\n{more}")


@pytest.fixture(scope="module")
def plugin(identity):
    with Plugin("http", configured(identity)) as made:
        yield made


def test_a_login_at_an_identity_system(identity, plugin):
    identity.set("send-otp", {"response": {"transactionId": "t-1", "maskedEmail": "a@b",
                                           "maskedMobile": "XX1"}, "errors": []})
    identity.set("v2/kyc-auth", {"response": {"authStatus": True, "kycToken": "token",
                                              "partnerSpecificUserToken": "psut",
                                              "claimMetadata": {"name": []}}, "errors": None})
    identity.set("v3/kyc-exchange", {"response": {"kyc": "aa.bb.cc"}, "errors": []})
    identity.set("keys.json", {"keys": [{"kty": "RSA"}]})
    identity.seen.clear()
    answer = plugin.call("send_otp", individual="7", channels=["email"])
    assert (answer["result"], answer["masked_email"], answer["masked_mobile"]) == (OK, "a@b", "XX1")
    answer = plugin.call("authenticate", individual="7", metadata=1, relying_party="r/p",
                         challenges=[challenge("OTP", "111111")])
    assert (answer["result"], answer["kyc_token"], answer["subject"]) == (OK, "token", "psut")
    assert json.loads(answer["claims_metadata"]) == {"name": []}
    answer = plugin.call("exchange", individual="7", kyc_token="token", claims=["name"],
                         locales=["en"], claim_details='{"name":[]}')
    assert (answer["result"], answer["claims"]) == (OK, "aa.bb.cc")
    answer = plugin.call("certificates")
    assert json.loads(answer["certificates"]) == {"keys": [{"kty": "RSA"}]}
    (_, otp_path, otp), (_, auth_path, auth), (_, kyc_path, kyc), keys = identity.seen
    assert (otp_path, otp) == ("send-otp/rp/client", {
        "transactionId": "t-1", "individualId": "7", "otpChannels": ["email"]})
    assert (auth_path, auth) == ("v2/kyc-auth/r%2Fp/client", {
        "transactionId": "t-1", "individualId": "7", "otp": "111111", "claimMetadataRequired": True})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", kyc.pop("requestDateTime"))
    assert (kyc_path, kyc) == ("v3/kyc-exchange/rp/client", {
        "transactionId": "t-1", "individualId": "7", "kycToken": "token", "acceptedClaims": ["name"],
        "claimLocales": ["eng"], "acceptedClaimDetail": {"name": []}, "respType": "JWS"})
    assert keys == ("GET", "keys.json", None)


@pytest.mark.parametrize("status, body, result, code", [
    (200, b'{"response":null,"errors":[{"errorCode":"mock-ida-001"}]}', REFUSED, "mock-ida-001"),
    (200, b'{"response":null,"errors":[{"errorCode":"<script>"}]}', REFUSED, "auth_failed"),
    (200, b'{"response":{"authStatus":true,"kycToken":"","partnerSpecificUserToken":"s"}}', FAILED, ""),
    (200, b"<html>", FAILED, ""),
    (200, b"", FAILED, ""),
    (200, b'{"response":' + b" " * 3_000_000 + b"null}", AWAY, ""),
    (302, b"{}", FAILED, ""),
    (404, b"{}", FAILED, ""),
    (503, b"{}", AWAY, ""),
])
def test_other_answers(identity, plugin, status, body, result, code):
    identity.set("v2/kyc-auth", body, status)
    answer = plugin.call("authenticate", individual="7", challenges=[challenge("PIN", "1")])
    assert (answer["result"], answer["code"]) == (result, code), answer


def test_a_factor_that_it_does_not_have_is_not_asked_for(identity, plugin):
    identity.seen.clear()
    answer = plugin.call("authenticate", individual="7", challenges=[challenge("IDT", "1")])
    assert (answer["result"], answer["code"]) == (REFUSED, "auth_failed")
    assert identity.seen == []


def test_one_that_does_not_answer_holds_up_nobody_else(identity, plugin):
    identity.answers["v2/kyc-auth"] = (None, b"")
    identity.set("keys.json", {"keys": []})
    slow = [plugin.ask("authenticate", individual="7", timeout_ms=3000,
                       challenges=[challenge("PIN", "1")]) for _ in range(10)]
    assert plugin.call("certificates")["result"] == OK
    assert {plugin.answer(number)["result"] for number in slow} == {AWAY}


def test_what_waits_at_the_end_is_given_up(identity):
    identity.answers["v2/kyc-auth"] = (None, b"")
    made = Plugin("http", configured(identity))
    made.start("at-once")
    identity.seen.clear()
    made.ask("authenticate", individual="7", challenges=[challenge("PIN", "1")])
    wait_until(lambda: identity.seen, PATIENCE_S, "a request")
    made.process.stdin.close()
    answer = made.answer(1)
    assert (answer["result"], answer["detail"]) == (AWAY, "the program ends")
    assert made.stop() == 0
    made.remove()


@pytest.mark.parametrize("lines", ["", "other"])
def test_an_identity_system_that_nobody_vouches_for_is_not_told_anything(identity, tmp_path, lines):
    """Neither one of an unknown CA nor one under another name."""
    identity.set("keys.json", {"keys": []})
    config = configured(identity)
    if lines:
        config = config.replace("127.0.0.1", "localhost")
    else:
        config = config.replace(str(identity.certified.ca), str(Certified(tmp_path).ca))
    identity.seen.clear()
    with Plugin("http", config) as made:
        assert made.call("certificates")["result"] == AWAY
    assert "keys.json" not in [path for _, path, _ in identity.seen]


def test_nobody_there_is_away(identity):
    config = configured(identity).replace(f":{identity.port}/", ":1/")
    with Plugin("http", config) as made:
        assert made.call("certificates")["result"] == AWAY


def test_both_do_in_the_sandbox_what_they_do_without(identity, tmp_path):
    """Files that they opened before, threads, networks: what a companion's sandbox leaves them."""
    identity.set("keys.json", {"keys": []})
    made = Plugin("http", configured(identity))
    made.start("confined")
    assert made.call("certificates")["result"] == OK
    assert made.stop() == 0
    made.remove()
    certified = Certified(tmp_path)
    secret = tmp_path / "password"
    secret.write_text("relay-password")
    secret.chmod(0o600)
    with Relay(certified) as relay:
        made = Plugin("registry", "[registry]\ndatabase = OWN/registry.db\n[otp]\ndirectory = OWN/otp\n"
                                  f"[smtp]\nfrom = login@example.org\nuser = login\npassword = {secret}\n"
                                  f"url = smtp://127.0.0.1:{relay.port}\nca = {certified.ca}\n")
        (made.directory / "otp").mkdir(mode=0o700)
        registry(made, "import", SAMPLES)
        made.start("confined")
        answer = made.call("send_otp", individual=ONE, channels=["email", "phone"])
        assert answer["result"] == OK, answer
        wait_until(lambda: relay.messages, PATIENCE_S, "a mail")
        assert len(relay.messages) == 1
        assert log_in(made, "t-1", "OTP", sent(made, ONE)["otp"])["result"] == OK
        assert log_in(made, "t-2", "PIN", "111111")["result"] == OK
        assert made.stop() == 0
        made.remove()


@pytest.mark.parametrize("kind, lines, why", [
    ("http", "[identity]\nurl = http://id.example\n", "begins with https://"),
    ("http", "[identity]\nurl = https://id.example\nca = /nowhere.pem\n", "cannot open /nowhere.pem"),
    ("registry", "[registry]\n", "needs a line 'database"),
    ("registry", "[registry]\ndatabase = /nowhere/registry.db\n", "/nowhere/registry.db"),
])
def test_a_configuration_with_a_mistake_is_refused(kind, lines, why):
    made = Plugin(kind, lines)
    made.start()
    assert made.stop() == 1
    assert why in made.log.read_text()
    made.remove()
