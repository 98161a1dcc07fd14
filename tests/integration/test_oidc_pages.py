"""privyseal-oidc's pages: a person logs in and agrees with forms alone, and nothing else gets in."""

import concurrent.futures
import json
import os
import pathlib
import re

import jwt
import pytest

from harness.appliance import PATIENCE_S, wait_until
from harness.oidc import ISSUER, Oidc
from harness.pages import Page, Visitor, told
from harness.relying_party import CALLBACK, Browser, RelyingParty, details_hash

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="plugins are root's")
TOP = pathlib.Path(__file__).resolve().parents[2]
TEXTS = {path.stem: json.loads(path.read_text())
         for path in (TOP / "frontends" / "oidc" / "pages" / "texts").glob("*.json")}
EN = TEXTS["en"]
ONE, TWO, THREE, FOUR = (f"100000000{number}" for number in (1, 2, 3, 4))
CODE_ACR, PIN_ACR = "mosip:idp:acr:generated-code", "mosip:idp:acr:static-code"
TRIES = ["tries_per_address = 1000", "tries_per_person = 1000"]
LOGO = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\"></svg>"


@pytest.fixture(scope="module")
def oidc(appliance, people):
    logo = people.directory / "logo.svg"
    logo.write_text(LOGO)
    more = {**people.settings(), "oidc": TRIES + ["jwks_fresh_s = 0", "code_s = 600"],
            "pages": ["name_en = Ministry of Samples", "name_ar = وزارة العينات", f"logo = {logo}"]}
    with Oidc(appliance.environment["PRIVYSEAL_SOCKET"], more=more) as running:
        yield running


@pytest.fixture(scope="module")
def party(oidc):
    return RelyingParty(oidc, "pages", clientNameLangMap={"fra": "Portail <santé>", "ara": "بوابة"})


@pytest.fixture()
def visitor(oidc):
    visitors = []

    def new(language="en"):
        visitors.append(Visitor(oidc, language))
        return visitors[-1]

    yield new
    for one in visitors:
        one.close()


@pytest.fixture()
def enter(visitor):
    def new(of, language="en", **request):
        person = visitor(language)
        page = person.enter(of.request(**{"prompt": "consent", **request}))
        assert page.status == 200, page.answer
        return person

    return new


def with_pin(person, who=TWO, pin="222222"):
    return person.press("answer", individual=who, pin=pin)


def back(page):
    """What the relying party is told by a page that leads back."""
    assert page.status == 200, page.answer
    address = page.onward()
    assert address.startswith(CALLBACK + "?")
    found = told(address)
    assert found.pop("iss") == ISSUER
    return found


def test_a_login_by_a_one_time_password_ends_at_the_relying_party(people, party, enter):
    person = enter(party, state="s&1", acr_values=CODE_ACR)
    assert "Health portal" in person.page.text and person.page.names() == ["individual"]
    page = person.press("otp", individual=ONE)
    assert ONE in page.text and "one@" not in page.text and page.names() == ["otp"]
    page = person.press("answer", otp=people.otp(ONE))
    assert EN["consent_title"] in page.text
    assert sorted(page.names()) == ["claim.birthdate", "claim.email", "claim.name"]
    found = back(person.press("agree", **{"claim.name": "1"}))
    assert found.pop("state") == "s&1"
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", found.pop("code")) and found == {}


def test_a_code_is_sent_again_and_another_person_may_be_named(people, party, enter):
    person = enter(party, acr_values=CODE_ACR)
    person.press("otp", individual=ONE)
    people.otp(ONE)
    assert person.press("again").names() == ["otp"]
    people.otp(ONE)
    assert person.press("forget").names() == ["individual"]
    person.press("otp", individual=TWO)
    assert TWO in person.page.text and ONE not in person.page.text
    assert EN["consent_title"] in person.press("answer", otp=people.otp(TWO)).text


def test_another_way_is_one_button_away(party, enter):
    person = enter(party, acr_values=f"{CODE_ACR} {PIN_ACR}")
    assert person.page.names() == ["individual"]
    assert person.press("PIN", name="way").names() == ["individual", "pin"]
    assert EN["consent_title"] in with_pin(person).text


def test_what_a_person_knows_is_asked_for_as_the_plugin_has_it(oidc, enter):
    acr = "mosip:idp:acr:knowledge"
    known = RelyingParty(oidc, "known", authContextRefs=[acr])
    person = enter(known, language="fr")
    assert person.page.names() == ["individual", "kbi.policyNumber", "kbi.fullName", "kbi.dob"]
    assert "Nom complet" in person.page.text
    assert EN["date_hint"] not in person.page.text and TEXTS["fr"]["date_hint"] in person.page.text
    page = person.press("answer", individual=ONE, **{
        "kbi.policyNumber": "POL-000001", "kbi.fullName": "Sample One", "kbi.dob": "١٩٨٠-٠١-٠١ "})
    assert TEXTS["fr"]["consent_title"] in page.text


def test_consent_tells_what_is_essential_and_asks_for_the_rest(oidc, party, enter):
    person = enter(party, scope="openid Manage-VID", acr_values=PIN_ACR, claims=(
        json.dumps({"userinfo": {"name": {"essential": True}, "email": None}})))
    page = with_pin(person, THREE, "333333")
    assert page.names() == ["claim.email", "scope.Manage-VID"]
    assert all("checked" not in box for box in page.all("input", type="checkbox"))
    assert EN["claim_name"] in page.text and EN["scope_vid"] in page.text
    assert back(person.press("agree"))["code"]


def test_who_has_agreed_before_is_not_asked_again(oidc, enter):
    again = RelyingParty(oidc, "pages-again")
    person = enter(again, acr_values=PIN_ACR, prompt=None)
    with_pin(person)
    assert back(person.press("agree", **{"claim.name": "1"}))["code"]
    person = enter(again, acr_values=PIN_ACR, prompt=None)
    assert back(with_pin(person))["code"]


def test_a_pushed_request_leads_to_a_login_once(oidc, visitor):
    pushing = RelyingParty(oidc, "pages-par", additional={
        "require_pushed_authorization_requests": True, "userinfo_response_type": "JWS"})
    uri = pushing.push(state="p", ui_locales="ar").json()["request_uri"]
    asked = {"client_id": pushing.name, "request_uri": uri}
    person = visitor()
    page = person.enter(asked)
    assert page.status == 200 and page.one("html") == {"lang": "ar", "dir": "rtl"}
    page = person.enter(asked)
    assert page.status == 400 and "invalid_request_uri" in page.text
    uri = pushing.push().json()["request_uri"]
    RelyingParty(oidc, "pages-par-other", redirectUris=["https://other.example/cb"])
    page = person.enter({"client_id": "pages-par-other", "request_uri": uri})
    assert page.status == 400 and "refresh" not in str(page.elements)
    answer = person.go("/authorize", pushing.request(state="q"))
    assert told(answer.headers["location"])["error"] == "invalid_request"


@pytest.mark.parametrize("when", ["login", "sent", "consent"])
def test_who_cancels_is_led_back_and_the_login_is_gone(people, party, enter, when):
    person = enter(party, state="c", acr_values=f"{CODE_ACR} {PIN_ACR}")
    if when == "sent":
        person.press("otp", individual=ONE)
        people.otp(ONE)
    if when == "consent":
        person.press("PIN", name="way")
        with_pin(person)
    old = person.fields(("do", "cancel"))
    assert back(person.press("cancel")) == {"error": "access_denied", "state": "c"}
    again = Page(person.send(old))
    assert again.status == 400 and EN["over_title"] in again.text


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_each_language_has_every_page(people, party, enter, language):
    texts = TEXTS[language]
    direction = {"lang": language, "dir": "rtl" if language == "ar" else "ltr"}
    person = enter(party, language=f"{language}, en;q=0.1", acr_values=PIN_ACR)
    for text in ("login_title", "individual", "pin", "log_in"):
        assert texts[text] in person.page.text
    assert person.page.one("html") == direction
    page = with_pin(person, TWO, "000000")
    assert texts["refused_person"] in page.text and page.one("div", role="alert")
    page = with_pin(person)
    assert texts["consent_title"] in page.text and page.one("html") == direction


def test_the_language_is_switched_within_a_login(people, party, enter):
    person = enter(party, acr_values=CODE_ACR)
    person.press("otp", individual=ONE)
    page = person.press("ar", name="language")
    assert page.one("html")["dir"] == "rtl" and page.names() == ["otp"] and ONE in page.text
    assert "وزارة العينات" in page.text and "بوابة" in page.text
    page = person.press("fr", name="language")
    assert "Portail <santé>" in page.text and "Ministry of Samples" in page.text
    assert TEXTS["fr"]["consent_title"] in person.press("answer", otp=people.otp(ONE)).text


def test_names_of_others_are_text(oidc, enter):
    hostile = RelyingParty(oidc, "hostile", clientName="<script>alert(1)</script>\"'&")
    person = enter(hostile, acr_values=PIN_ACR)
    assert "<script>alert(1)</script>\"'&" in person.page.text and not person.page.all("script")
    page = with_pin(person, "\"><b>", "222222")
    assert not page.all("b") and page.status == 200
    assert page.one("input", name="individual")["value"] == "\"><b>"


def headers_of(answer):
    return answer.headers["content-security-policy"], answer.headers


def test_a_page_runs_nothing_loads_nothing_from_elsewhere_and_is_kept_by_nobody(party, enter):
    person = enter(party)
    policy, headers = headers_of(person.page.answer)
    assert [part.strip() for part in policy.split(";")] == [
        "default-src 'none'", "style-src 'self'", "img-src 'self'", "form-action 'self'",
        "base-uri 'none'", "frame-ancestors 'none'"]
    assert headers["referrer-policy"] == "no-referrer" and "no-store" in headers["cache-control"]
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert not any(name.startswith("on") or name == "style"
                   for _, attributes in person.page.elements for name in attributes)
    for path in [person.page.one("link", rel="stylesheet")["href"], person.page.one("img")["src"]]:
        answer = person.go(path)
        assert answer.status == 200 and "max-age=31536000" in answer.headers["cache-control"]
    assert answer.headers["content-type"] == "image/svg+xml" and answer.body.decode() == LOGO
    assert person.go("/login/style-x").status == 404


def test_every_field_has_a_label_and_every_hint_is_there(people, party, enter):
    person = enter(party, acr_values=f"{CODE_ACR} {PIN_ACR}")
    pages = [person.page, person.press("PIN", name="way"), with_pin(person)]
    for page in pages:
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        labels = {attributes["for"] for attributes in page.all("label")}
        assert len(ids) == len(set(ids)) and len(page.all("h1")) == 1
        assert page.one("a", **{"class": "skip"})["href"] == "#content" and "content" in ids
        for attributes in page.all("input"):
            assert attributes["type"] == "hidden" or attributes["id"] in labels
            assert attributes.get("aria-describedby") in [None, *ids]


def test_a_form_is_of_one_browser_and_one_login(party, enter, visitor):
    person, other = enter(party, acr_values=PIN_ACR), enter(party, acr_values=PIN_ACR)
    good = person.fields(("do", "answer"), individual=TWO, pin="222222")
    foreign = other.fields(("do", "answer"), individual=TWO, pin="222222")
    wrong = [{**good, "token": foreign["token"]}, {**good, "login": foreign["login"]},
             {**good, "token": ""}, {**good, "login": ""}, {**good, "login": "x" * 43}, foreign]
    for fields in wrong:
        page = Page(person.send(fields))
        assert page.status == 400 and EN["over_title"] in page.text
    assert Page(visitor().send(good)).status == 400
    assert Page(person.send(good, {"Content-Type": "text/plain"})).status == 400
    assert EN["consent_title"] in Page(person.send(good)).text


def test_two_windows_of_a_browser_do_not_disturb_each_other(party, enter):
    person = enter(party, acr_values=PIN_ACR, state="first")
    first, cookie = person.page, person.cookie
    second = person.enter(party.request(acr_values=PIN_ACR, state="second", prompt="consent"))
    assert person.cookie == cookie and "set-cookie" not in second.answer.headers
    for page, state in ((first, "first"), (second, "second")):
        person.page = page
        with_pin(person)
        assert back(person.press("agree"))["state"] == state


def test_the_cookie_is_for_this_host_and_no_program(party, enter):
    person = enter(party)
    name, *attributes = re.split(r"; ", person.page.answer.headers["set-cookie"])
    assert name.startswith("__Host-privyseal-login=")
    assert attributes == ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"]


def test_the_json_interface_takes_no_login_of_the_pages(oidc, party, enter):
    person = enter(party, acr_values=PIN_ACR)
    handle = person.fields(("do", "cancel"))["login"]
    browser = Browser(oidc)
    browser.details = {"transactionId": handle}
    for value in (details_hash({}), ""):
        headers = {**browser.in_login(), "oauth-details-hash": value}
        answer = browser.authenticate(TWO, "PIN", "222222", headers)
        assert answer.json()["errors"][0]["errorCode"] == "invalid_transaction"
    browser.close()


@pytest.mark.parametrize("changes,code", [
    ({"client_id": "nobody"}, "invalid_client_id"), ({"client_id": None}, "invalid_client_id"),
    ({"redirect_uri": "https://rp.example/other"}, "invalid_redirect_uri"),
    ({"redirect_uri": None}, "invalid_redirect_uri"),
    ({"request_uri": "https://rp.example/r"}, "invalid_request_uri"),
])
def test_without_a_place_to_tell_it_a_mistake_is_a_page(party, visitor, changes, code):
    page = visitor().enter(party.request(**changes))
    assert page.status == 400 and code in page.text and EN["request_title"] in page.text


@pytest.mark.parametrize("changes,error", [
    ({"response_type": "token"}, "unsupported_response_type"), ({"scope": "x"}, "invalid_scope"),
    ({"prompt": "none"}, "login_required"), ({"code_challenge": "x"}, "invalid_request"),
    ({"request": "e30.e30."}, "request_not_supported"), ({"nonce": "a\nb"}, "invalid_request"),
    ({"registration": "{}"}, "registration_not_supported"), ({"response_mode": "fragment"}, "invalid_request"),
    ({"claims": "no"}, "invalid_request"), ({"max_age": "-1"}, "invalid_request"),
])
def test_with_a_place_to_tell_it_a_mistake_is_a_redirect(party, visitor, changes, error):
    answer = visitor().go("/authorize", party.request(state="e", **changes))
    assert answer.status == 303 and answer.headers["location"].startswith(CALLBACK + "?")
    found = told(answer.headers["location"])
    assert (found["error"], found["state"], found["iss"]) == (error, "e", ISSUER)


def test_a_state_that_is_none_is_not_sent_back(party, visitor):
    answer = visitor().go("/authorize", party.request(state="a\nb"))
    assert "state" not in told(answer.headers["location"])


@pytest.mark.parametrize("query", ["client_id=a&client_id=b", "client_id=%zz", "client_id=%00",
                                   "client_id=%ff", "", "&&&"])
def test_a_query_that_is_none_is_a_page(visitor, query):
    page = Page(visitor().go("/authorize?" + query))
    assert page.status == 400


def test_a_request_that_is_posted_is_led_to_the_same_place(party, visitor):
    person = visitor()
    request = party.request(state="posted one")
    answer = party.post("/authorize", request)
    assert answer.status == 303 and answer.headers["location"].startswith("/authorize?")
    assert Page(person.go(answer.headers["location"])).status == 200


def test_parameters_nobody_knows_are_passed_over(party, visitor):
    more = {f"x_{number}": "y" for number in range(12)}
    assert visitor().enter(party.request(**more, state="plus +1 %2B")).status == 200


def test_a_page_that_is_loaded_anew_says_that_its_login_is_over(visitor):
    page = Page(visitor().go("/login"))
    assert page.status == 400 and EN["over_title"] in page.text


def test_tries_end_with_a_page_that_says_so(party, enter):
    person = enter(party, acr_values=PIN_ACR)
    texts = [with_pin(person, FOUR, "000000").text for _ in range(4)]
    assert all(EN["refused_person"] in text for text in texts[:3])
    assert EN["refused_tries"] in texts[3]


@pytest.mark.parametrize("typed,text", [
    ({"individual": "", "pin": "222222"}, "refused_individual"),
    ({"individual": TWO, "pin": "22"}, "refused_challenge"),
    ({"individual": "x" * 300, "pin": "222222"}, "refused_individual")])
def test_a_mistake_in_typing_is_told_beside_the_form(party, enter, typed, text):
    person = enter(party, acr_values=PIN_ACR)
    page = person.press("answer", **typed)
    assert EN[text] in page.text and page.names() == ["individual", "pin"]
    assert EN["consent_title"] in with_pin(person).text


def test_steps_that_do_not_fit_change_nothing(party, enter):
    person = enter(party, acr_values=PIN_ACR)
    fields = person.fields(("do", "answer"), individual=TWO, pin="222222")
    for change in ({"do": "agree"}, {"do": "nonsense"}, {"do": ""}, {"language": "xx"}):
        page = Page(person.send({**fields, **change}))
        assert page.status == 200 and page.names() == ["individual", "pin"]
    with_pin(person)
    assert EN["consent_title"] in Page(person.send({**fields, "do": "otp"})).text


def redeem(party, code):
    return party.post("/v1/esignet/oauth/v2/token", party.authenticated(
        grant_type="authorization_code", code=code, redirect_uri=CALLBACK))


def test_a_code_of_the_pages_is_redeemed_once(party, enter):
    person = enter(party, acr_values=PIN_ACR, nonce="n-1")
    with_pin(person)
    code = back(person.press("agree", **{"claim.name": "1"}))["code"]
    answer = redeem(party, code)
    assert answer.status == 200, answer
    claims = jwt.decode(answer.json()["id_token"], options={"verify_signature": False})
    assert claims["nonce"] == "n-1" and claims["aud"] == party.name
    assert redeem(party, code).json()["error"] == "invalid_grant"


def send_at_once(person, fields, count):
    """The pages that this browser gets when it sends the form so many times."""
    def send(_):
        other = Visitor(person.oidc)
        other.cookie = person.cookie
        page = Page(other.send(fields))
        other.close()
        return page

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(send, range(count)))


@pytest.mark.parametrize("button", ["agree", "cancel"])
def test_nobody_is_led_to_where_the_relying_party_is_no_more(oidc, enter, button):
    name = f"pages-moved-{button}"
    moving = RelyingParty(oidc, name)
    person = enter(moving, acr_values=PIN_ACR)
    with_pin(person)
    moved = oidc.manage("PATCH", f"client/{name}", {"redirectUris": ["https://moved.example/back"]})
    assert moved.json()["errors"] == [], moved
    page = person.press(button)
    assert page.status == 400 and EN["over_title"] in page.text and CALLBACK not in str(page.elements)


def test_who_agrees_twice_gets_one_code(party, enter):
    person = enter(party, acr_values=PIN_ACR)
    with_pin(person)
    pages = send_at_once(person, person.fields(("do", "agree")), 16)
    assert sorted(page.status for page in pages) == [200] + 15 * [400]
    assert all(EN["over_title"] in page.text for page in pages if page.status == 400)


def test_who_logs_in_twice_at_once_is_logged_in(party, enter):
    person = enter(party, acr_values=PIN_ACR)
    fields = person.fields(("do", "answer"), individual=TWO, pin="222222")
    assert all(EN["consent_title"] in page.text for page in send_at_once(person, fields, 2))


@pytest.mark.parametrize("zero", ["\u0660", "\u06f0", "\u0966"])
def test_numbers_are_typed_with_the_digits_of_the_keyboard(party, enter, zero):
    def typed(text):
        return "\u200f " + "".join(chr(ord(zero) + int(digit)) for digit in text) + "\u00a0"

    person = enter(party, acr_values=PIN_ACR)
    assert EN["consent_title"] in with_pin(person, typed(TWO), typed("222222")).text


def test_what_was_typed_is_there_again_after_a_mistake(party, enter):
    person = enter(party, acr_values=PIN_ACR)
    page = with_pin(person, THREE, "2")
    assert page.one("input", name="individual")["value"] == THREE
    assert "value" not in page.one("input", name="pin")
    assert page.title.startswith(EN["problem"])


def test_a_person_whom_no_code_can_be_sent_to_is_asked_again(party, enter):
    person = enter(party, acr_values=CODE_ACR)
    for typed in ("", "x" * 300, "y" * 10000):
        page = person.press("otp", individual=typed)
        assert page.status == 200 and EN["refused_individual"] in page.text
        assert page.names() == ["individual"]


HOSTILE = "\"'><script>alert(1)</script>"


@pytest.mark.parametrize("changes", [
    {"ui_locales": HOSTILE}, {"state": HOSTILE}, {"nonce": HOSTILE}, {"claims": HOSTILE},
    {"request_uri": HOSTILE}, {"client_id": HOSTILE}, {"redirect_uri": HOSTILE},
    {"redirect_uri": "javascript:alert(1)"}, {"redirect_uri": CALLBACK + "/../evil"},
    {"redirect_uri": CALLBACK + "@evil.example"}, {"display": HOSTILE}, {HOSTILE: HOSTILE}])
def test_nothing_of_a_request_becomes_more_than_text(party, visitor, changes):
    answer = visitor().go("/authorize", party.request(acr_values=PIN_ACR, **changes))
    assert b"<script" not in answer.body and b"evil.example" not in answer.body
    if answer.status == 303:
        assert answer.headers["location"].startswith(CALLBACK + "?")
    else:
        assert not Page(answer).all("meta", **{"http-equiv": "refresh"})


def test_the_state_comes_back_as_it_was(party, enter):
    person = enter(party, acr_values=PIN_ACR, state=HOSTILE)
    page = person.press("cancel")
    assert back(page)["state"] == HOSTILE and not page.all("script")


def test_a_login_that_took_too_long_is_over(people, appliance):
    more = {**people.settings(), "oidc": TRIES + ["transaction_s = 1"]}
    with Oidc(appliance.environment["PRIVYSEAL_SOCKET"], more=more) as oidc:
        person = Visitor(oidc)
        person.enter(RelyingParty(oidc, "short").request(acr_values=PIN_ACR))
        fields = person.fields(("language", "en"))
        wait_until(lambda: person.send(fields).status == 400, PATIENCE_S, "the login's end")
        assert EN["over_title"] in Page(person.send(fields)).text
        person.close()


def test_while_the_appliance_is_away_a_page_says_so(people, appliance, tmp_path):
    link = tmp_path / "clients.sock"
    with Oidc(link, more=people.settings()) as oidc:
        request = RelyingParty(oidc, "early").request(ui_locales="fr")
        person = Visitor(oidc, "fr")
        page = person.enter(request)
        assert page.status == 503 and TEXTS["fr"]["away"] in page.text
        assert page.answer.headers["retry-after"] == "1" and person.cookie is None
        link.symlink_to(appliance.environment["PRIVYSEAL_SOCKET"])
        assert person.enter(request).status == 200
        person.close()


def test_a_login_goes_on_while_the_appliance_is_away(appliance, party, enter, visitor):
    person = enter(party, acr_values=PIN_ACR)
    with_pin(person)
    appliance.stop()
    code = back(person.press("agree", **{"claim.name": "1"}))["code"]
    for _ in range(2):
        answer = redeem(party, code)
        assert (answer.status, answer.json()["error"]) == (503, "temporarily_unavailable")
    page = visitor("ar").enter(party.request())
    assert page.status == 503 and TEXTS["ar"]["away"] in page.text
    appliance.start()
    wait_until(lambda: visitor().enter(party.request()).status == 200, PATIENCE_S, "the pages")
    assert redeem(party, code).status == 200
