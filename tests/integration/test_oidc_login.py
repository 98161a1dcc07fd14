"""privyseal-oidc: a person shows who they are, agrees to what is told, and a code goes to who asked."""

import os
import re
import threading

import pytest

from harness.oidc import Oidc
from harness.relying_party import CALLBACK, Browser, RelyingParty, details_hash

ROOT = os.geteuid() == 0
pytestmark = pytest.mark.skipif(not ROOT, reason="plugins are root's")
ONE, TWO, THREE, FOUR = (f"100000000{number}" for number in (1, 2, 3, 4))
CODE_ACR, PIN_ACR = "mosip:idp:acr:generated-code", "mosip:idp:acr:static-code"
PROXY = "X-Real-IP"


@pytest.fixture(scope="module")
def oidc(people):
    more = {**people.settings(), "oidc": [f"proxies = {os.getuid()}", "tries_per_address = 5"]}
    with Oidc("/nowhere/clients.sock", more=more) as running:
        yield running


@pytest.fixture(scope="module")
def party(oidc):
    return RelyingParty(oidc, "portal")


@pytest.fixture()
def begin(oidc):
    """begin(party, **request) gives a browser in a login of its own."""
    browsers = []

    def new(of, **request):
        browsers.append(Browser(oidc))
        return browsers[-1].open(browsers[-1].begin(of.request(**request)))

    yield new
    for browser in browsers:
        browser.close()


def codes(answer):
    assert answer.status == 200, answer
    return [error["errorCode"] for error in answer.json()["errors"]]


def response(answer):
    assert codes(answer) == [], answer
    return answer.json()["response"]


def test_a_login_by_a_one_time_password_ends_with_a_code(people, party, begin):
    browser = begin(party, state="s-1", nonce="n-1")
    sent = response(browser.send_otp(ONE))
    assert sent["transactionId"] == browser.details["transactionId"]
    assert sent["maskedEmail"] and "one@" not in sent["maskedEmail"]
    told = response(browser.authenticate(ONE, "OTP", people.otp(ONE)))
    assert told == {"transactionId": browser.details["transactionId"], "consentAction": "CAPTURE"}
    claims = response(browser.claim_details())
    assert claims["consentAction"] == "CAPTURE" and claims["profileUpdateRequired"] is False
    assert sorted(one["claim"] for one in claims["claimStatus"]) == ["birthdate", "email", "name"]
    assert codes(browser.claim_details()) == ["no_attempts_left"]
    got = response(browser.consent(["name"]))
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", got.pop("code"))
    assert got == {"redirectUri": CALLBACK, "state": "s-1", "nonce": "n-1"}
    assert codes(browser.consent(["name"])) == ["invalid_transaction"]


@pytest.mark.parametrize("asked,factors", [
    ({"acr_values": PIN_ACR}, ["PIN"]),
    ({"acr_values": f"{PIN_ACR} {CODE_ACR}"}, ["PIN", "OTP"]),
    ({"acr_values": "mosip:idp:acr:biometrics"}, ["OTP", "PIN"]),
    ({"claims": {"id_token": {"acr": {"values": [PIN_ACR]}}}, "acr_values": CODE_ACR}, ["PIN"]),
    ({"claims": {"id_token": {"acr": {"value": PIN_ACR}}}, "acr_values": CODE_ACR}, ["PIN"]),
])
def test_factors_are_those_of_the_acrs_that_are_asked_for(party, begin, asked, factors):
    told = begin(party, **asked).details
    assert told["authFactors"] == [[{"type": factor, "count": 0, "subTypes": None}]
                                   for factor in factors]


def test_a_pin_does_where_it_is_registered(oidc, party, begin):
    browser = begin(party, acr_values=PIN_ACR)
    assert [way[0]["type"] for way in browser.details["authFactors"]] == ["PIN"]
    assert codes(browser.authenticate(TWO, "PWD", "sample-password-2")) == ["auth_factor_mismatch"]
    assert response(browser.authenticate(TWO, "PIN", "222222"))["consentAction"] == "CAPTURE"


def test_consent_is_asked_for_once_until_something_else_is_wanted(oidc, begin):
    again = RelyingParty(oidc, "again")

    def ask(**request):
        browser = begin(again, **request)
        return browser, response(browser.authenticate(TWO, "PIN", "222222"))["consentAction"]

    browser, action = ask()
    assert action == "CAPTURE"
    response(browser.consent(["name"]))
    browser, action = ask()
    assert action == "NOCAPTURE"
    assert response(browser.consent())["code"]
    assert ask(prompt="consent")[1] == "CAPTURE"
    assert ask(scope="openid profile Manage-VID")[1] == "CAPTURE"
    assert ask(scope="openid")[1] == "NOCAPTURE"


@pytest.mark.parametrize("change", [{"redirectUris": ["https://moved.example/back"]},
                                    {"status": "INACTIVE"}], ids=["moved", "inactive"])
def test_who_was_changed_since_they_asked_gets_no_code(oidc, begin, change):
    name = "changed-" + next(iter(change)).lower()
    changing = RelyingParty(oidc, name)
    browsers = [begin(changing, acr_values=PIN_ACR, prompt="consent") for _ in range(2)]
    for browser in browsers:
        response(browser.authenticate(TWO, "PIN", "222222"))
    assert codes(oidc.manage("PATCH", f"client/{name}", change)) == []
    assert codes(browsers[0].consent(["name"])) == ["invalid_transaction"]
    before = {"redirectUris": [CALLBACK], "status": "ACTIVE"}
    assert codes(oidc.manage("PATCH", f"client/{name}", before)) == []
    assert codes(browsers[0].consent(["name"])) == ["invalid_transaction"]
    assert response(browsers[1].consent(["name"]))["code"]


@pytest.mark.parametrize("claims,scopes,code", [
    ([], [], "invalid_accepted_claim"), (["name", "phone_number"], [], "invalid_accepted_claim"),
    (["birthdate"], [], "invalid_accepted_claim"), ([7], [], "invalid_accepted_claim"),
    (["name"], ["Manage-Credentials"], "invalid_permitted_scope")])
def test_consent_has_what_is_essential_and_nothing_that_was_not_asked_for(party, begin, claims,
                                                                         scopes, code):
    browser = begin(party, scope="openid Manage-VID", prompt="consent",
                    claims={"userinfo": {"name": {"essential": True}, "email": None}})
    response(browser.authenticate(THREE, "PIN", "333333"))
    assert codes(browser.consent(claims, scopes)) == [code]
    response(browser.consent(["email", "name"], ["Manage-VID"]))


def test_steps_are_for_who_was_told_of_the_login_and_in_their_order(party, begin):
    browser, other = begin(party), begin(party)
    good = browser.in_login()
    for headers, code in [({"oauth-details-key": "x" * 43}, "invalid_transaction"),
                          ({"oauth-details-key": ""}, "invalid_transaction"),
                          ({"oauth-details-hash": details_hash({})}, "invalid_request"),
                          ({"oauth-details-hash": ""}, "invalid_request")]:
        assert codes(browser.authenticate(ONE, "PIN", "111111", {**good, **headers})) == [code]
    mixed = {**good, "oauth-details-key": other.in_login()["oauth-details-key"],
             "oauth-details-hash": other.in_login()["oauth-details-hash"]}
    assert codes(browser.authenticate(ONE, "PIN", "111111", mixed)) == ["invalid_transaction_id"]
    without = {name: value for name, value in good.items() if name != "X-XSRF-TOKEN"}
    assert browser.authenticate(ONE, "PIN", "111111", without).status == 403
    assert codes(browser.consent(["name"])) == codes(browser.claim_details()) == ["invalid_transaction"]
    response(browser.authenticate(ONE, "PIN", "111111"))
    assert codes(browser.authenticate(ONE, "PIN", "111111")) == ["invalid_transaction"]
    assert codes(browser.send_otp(ONE)) == ["invalid_transaction"]


@pytest.mark.parametrize("members,code", [
    ({"individualId": ""}, "invalid_identifier"), ({"individualId": "x" * 257}, "invalid_identifier"),
    ({"individualId": 5}, "invalid_identifier"), ({"individualId": "a\n"}, "invalid_identifier"),
    ({"challengeList": []}, "invalid_no_of_challenges"),
    ({"challengeList": None}, "invalid_no_of_challenges"),
    ({"challengeList": [{}] * 6}, "invalid_no_of_challenges"),
    ({"challengeList": [5]}, "invalid_auth_factor_type"),
    ({"challengeList": [{"authFactorType": "X", "challenge": "1", "format": "number"}]},
     "invalid_auth_factor_type"),
    ({"challengeList": 2 * [{"authFactorType": "PIN", "challenge": "111111", "format": "number"}]},
     "invalid_auth_factor_type"),
    ({"challengeList": [{"authFactorType": "PIN", "challenge": "111111", "format": "text"}]},
     "invalid_challenge_format"),
    ({"challengeList": [{"authFactorType": "PIN", "challenge": "11111", "format": "number"}]},
     "invalid_challenge"),
])
def test_each_mistake_of_a_challenge_has_its_code(party, begin, members, code):
    browser = begin(party)
    asked = {"individualId": ONE, "challengeList": [
        {"authFactorType": "PIN", "challenge": "111111", "format": "number"}], **members}
    assert codes(browser.step("v3/authenticate", **asked)) == [code]


def test_channels_are_those_that_there_are(party, begin):
    browser = begin(party)
    for channels in ([], ["pigeon"], ["email", 5]):
        assert codes(browser.send_otp(ONE, channels)) == ["invalid_otp_channel"]


def from_address(browser, address):
    return {**browser.in_login(), PROXY: address}


def test_tries_end_in_a_login_and_from_an_address_but_lock_nobody_else_out(party, begin):
    browser = begin(party)
    wrong = [codes(browser.authenticate(FOUR, "PIN", "000000", from_address(browser, "192.0.2.1")))
             for _ in range(4)]
    assert wrong == 3 * [["auth_failed"]] + [["no_attempts_left"]]
    for _ in range(5):
        browser = begin(party)
        last = codes(browser.authenticate(FOUR, "PIN", "000000", from_address(browser, "192.0.2.1")))
    assert last == ["individual_id_blocked"]
    assert codes(browser.authenticate(FOUR, "PIN", "444444", from_address(browser, "192.0.2.1"))) == [
        "individual_id_blocked"]
    victim = begin(party)
    response(victim.authenticate(FOUR, "PIN", "444444", from_address(victim, "198.51.100.7")))
    other = begin(party)
    response(other.authenticate(ONE, "PIN", "111111", from_address(other, "192.0.2.1")))


def test_one_network_is_one_address_however_it_is_written(party, begin):
    written = ["2001:db8:0:7::1", "2001:DB8::7:0:0:0:2", "2001:db8:0:7:ffff::3", "2001:db8:0:7::4",
               "2001:0db8:0000:0007:0000:0000:0000:0005", "2001:db8:0:7::6"]
    answers = []
    for address in written:
        browser = begin(party)
        answers += codes(browser.authenticate(TWO, "PIN", "000000", from_address(browser, address)))
    assert answers == 5 * ["auth_failed"] + ["individual_id_blocked"]
    for address in ("2001:db8:0:8::1", "192.0.2.201"):
        browser = begin(party)
        response(browser.authenticate(TWO, "PIN", "222222", from_address(browser, address)))


def test_who_tries_one_secret_with_everybody_is_stopped_where_they_are(people):
    more = {**people.settings(), "oidc": [f"proxies = {os.getuid()}", "tries_from_address = 4"]}
    with Oidc("/nowhere/clients.sock", more=more) as own:
        party, browser = RelyingParty(own, "sprayed"), Browser(own)

        def attempt(individual, pin, address):
            browser.open(browser.begin(party.request()))
            return codes(browser.authenticate(individual, "PIN", pin, from_address(browser, address)))

        assert attempt(ONE, "111111", "192.0.2.1") == []
        answers = [attempt(f"7{number}", "123456", "192.0.2.1") for number in range(5)]
        assert answers == 4 * [["auth_failed"]] + [["individual_id_blocked"]]
        assert attempt(ONE, "111111", "::ffff:192.0.2.1") == ["individual_id_blocked"]
        assert attempt(ONE, "111111", "192.0.2.2") == []
        browser.close()


def test_tries_at_once_are_counted_each(party, begin):
    browser, answers = begin(party), []
    headers = from_address(browser, "192.0.2.99")
    others = [begin(party) for _ in range(8)]

    def attempt(one):
        one.details = browser.details
        answers.append(codes(one.authenticate(THREE, "PIN", "000000",
                                              {**headers, **one.headers()}))[0])

    threads = [threading.Thread(target=attempt, args=(one,)) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == 3 * ["auth_failed"] + 5 * ["no_attempts_left"]


def test_of_many_who_take_the_code_of_one_login_one_gets_it(party, begin):
    browser, answers = begin(party, prompt="consent"), []
    response(browser.authenticate(ONE, "PIN", "111111"))
    others = [begin(party) for _ in range(8)]

    def take(one):
        one.details = browser.details
        answers.append(codes(one.consent(["name"])))

    threads = [threading.Thread(target=take, args=(one,)) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [[]] + 7 * [["invalid_transaction"]]


def test_who_is_not_in_the_register_fails_like_a_wrong_password(party, begin):
    browser = begin(party)
    assert codes(browser.authenticate("9999999999", "PIN", "111111")) == ["auth_failed"]
    assert codes(browser.authenticate(ONE, "PIN", "000000")) == ["auth_failed"]


def test_nothing_of_a_person_can_be_read_on_the_disk_or_in_the_log(oidc, party, begin):
    browser = begin(party, prompt="consent")
    response(browser.authenticate(TWO, "PIN", "222222"))
    code = response(browser.consent(["name"]))["code"]
    stored = b"".join(path.read_bytes() for path in (oidc.directory / "data").glob("*.db*"))
    for text in (TWO, "222222", code):
        assert text.encode() not in stored
    for text in (TWO, code):  # a time may look like a PIN
        assert text not in oidc.log()


def test_without_a_plugin_nobody_logs_in(people):
    del people
    with Oidc("/nowhere/clients.sock") as bare:
        browser = Browser(bare)
        browser.open(browser.begin(RelyingParty(bare, "portal").request()))
        assert browser.details["authFactors"] == []
        answer = browser.authenticate(ONE, "PIN", "111111")
        assert answer.status == 503 and answer.headers["retry-after"] == "1"
        browser.close()
