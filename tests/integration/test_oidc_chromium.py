"""privyseal-oidc's pages in Chromium without JavaScript: by keyboard, at two widths, in each language."""

import json
import os
import pathlib
import urllib.parse

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from harness.bare import free_port
from harness.certificates import Files
from harness.chromium import (WIDTHS, Site, become, chromium, complaints, focused, heading, here,
                              named, picture, press, tab_to, wait)
from harness.oidc import ISSUER, Oidc
from harness.relying_party import RelyingParty

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="plugins are root's")
TOP = pathlib.Path(__file__).resolve().parents[2]
TEXTS = {path.stem: json.loads(path.read_text())
         for path in (TOP / "frontends" / "oidc" / "pages" / "texts").glob("*.json")}
TWO = "1000000002"
CODE_ACR, PIN_ACR = "mosip:idp:acr:generated-code", "mosip:idp:acr:static-code"
LANGUAGES = ["en", "fr", "ar", "hi"]  # as languages.def has them
# So many codes as these tests need are not sent to one person.
PERSONS = {language: f"100000000{number}" for number, language in enumerate(LANGUAGES, 1)}
NAMES = {"fra": "Portail de santé", "ara": "بوابة الصحة", "hin": "स्वास्थ्य पोर्टल"}
LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><path fill="#0b4f8a"
d="M24 2 44 10v14c0 12-9 19-20 22C13 43 4 36 4 24V10z"/><path fill="#fff" d="m14 24 7 7 14-14-3-3-11
11-4-4z"/></svg>"""
MINISTRY = ["name_en = Ministry of Health", "name_fr = Ministère de la Santé",
            "name_ar = وزارة الصحة", "name_hi = स्वास्थ्य मंत्रालय"]


@pytest.fixture(scope="module")
def site():
    made = Site()
    yield made
    made.close()


@pytest.fixture(scope="module")
def place(appliance, people, tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    Files(directory)
    (people.directory / "logo.svg").write_text(LOGO)
    port = free_port()
    more = {**people.settings(), "oidc": ["tries_per_address = 1000", "tries_per_person = 1000"],
            "pages": [*MINISTRY, f"logo = {people.directory}/logo.svg"],
            "public": [f"tls_port = {port}", f"certificate = {directory}/server.pem",
                       f"key = {directory}/server.key"]}
    with Oidc(appliance.environment["PRIVYSEAL_SOCKET"], more=more) as running:
        yield running, f"https://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def party(place, site):
    return RelyingParty(place[0], "chromium", redirectUris=[site.callback], clientNameLangMap=NAMES)


@pytest.fixture(scope="module")
def driver():
    with chromium() as running:
        yield running


@pytest.fixture()
def enter(driver, place, party, site):
    def new(language="en", width="desk", **more):
        become(driver, language, width)
        request = party.request(redirect_uri=site.callback, prompt="consent", **more)
        driver.get(f"{place[1]}/authorize?{urllib.parse.urlencode(request)}")
        return request

    yield new
    complaints(driver)


def look_at(driver, name):
    """Nothing was refused, nothing is wider than the window, every control says what it is."""
    picture(driver, name)
    assert complaints(driver) == []
    root = driver.find_element(By.TAG_NAME, "html")
    assert int(root.get_property("scrollWidth")) <= int(root.get_property("clientWidth"))
    controls = named(driver)
    assert controls and all(text.strip() for _, text in controls), controls


def arrived(driver, site, state):
    wait(driver, lambda: driver.current_url == f"{site.other}/after", "the site")
    found, referer = site.came[-1]
    assert found["state"] == state and found["iss"] == ISSUER and referer is None
    return found


@pytest.mark.parametrize("width", sorted(WIDTHS))
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_login_by_keyboard_alone(driver, people, site, enter, language, width):
    texts = TEXTS[language]
    name = f"{language}-{width}"
    request = enter(language, width, acr_values=f"{CODE_ACR} {PIN_ACR}")
    assert heading(driver) == texts["login_title"]
    assert driver.find_element(By.TAG_NAME, "html").get_attribute("dir") == (
        "rtl" if language == "ar" else "ltr")
    look_at(driver, f"{name}-1-login")
    focused(driver, "individual")
    press(driver, PERSONS[language], Keys.ENTER)
    focused(driver, "otp")
    look_at(driver, f"{name}-2-code")
    press(driver, "000000", Keys.ENTER)
    wait(driver, lambda: driver.find_elements(By.ID, "problem"), "the problem")
    assert texts["refused_person"] in driver.find_element(By.ID, "problem").text
    focused(driver, "otp")
    look_at(driver, f"{name}-3-refused")
    press(driver, people.otp(PERSONS[language]), Keys.ENTER)
    wait(driver, lambda: heading(driver) == texts["consent_title"], "consent")
    look_at(driver, f"{name}-4-consent")
    tab_to(driver, "claim.name")
    press(driver, Keys.SPACE)
    assert driver.find_element(By.ID, "claim.name").is_selected()
    tab_to(driver, "agree")
    press(driver, Keys.ENTER)
    assert arrived(driver, site, request["state"])["code"]


def test_the_tab_key_goes_from_the_top_to_the_end(driver, enter):
    enter(acr_values=f"{PIN_ACR} {CODE_ACR}")
    focused(driver, "individual")
    assert tab_to(driver, "skip")[:4] == ["individual", "pin", "answer", "OTP"]
    assert tab_to(driver, "individual") == ["skip", *LANGUAGES]


def test_the_first_key_leads_past_the_banner(driver, enter):
    enter(acr_values=PIN_ACR)
    focused(driver, "individual")
    tab_to(driver, "skip")
    press(driver, Keys.ENTER)
    wait(driver, lambda: driver.current_url.endswith("#content"), "the content")
    press(driver, Keys.TAB)
    assert here(driver) == "individual"


def test_who_cancels_comes_back_to_the_site(driver, site, enter):
    request = enter(acr_values=PIN_ACR)
    driver.find_element(By.CSS_SELECTOR, "button[value=cancel]").click()
    assert arrived(driver, site, request["state"])["error"] == "access_denied"


def test_the_language_is_switched_and_the_login_goes_on(driver, enter):
    enter(width="phone", acr_values=PIN_ACR)
    driver.find_element(By.CSS_SELECTOR, "button[value=ar]").click()
    wait(driver, lambda: heading(driver) == TEXTS["ar"]["login_title"], "the page in Arabic")
    focused(driver, "individual")
    press(driver, TWO, Keys.TAB, "٢٢٢٢٢٢", Keys.ENTER)
    wait(driver, lambda: heading(driver) == TEXTS["ar"]["consent_title"], "consent")
    look_at(driver, "ar-phone-switched")


def test_knowledge_and_mistakes_of_a_request_have_pages_too(driver, place, party, site):
    RelyingParty(place[0], "chromium-known", redirectUris=[site.callback], clientNameLangMap=NAMES,
                 authContextRefs=["mosip:idp:acr:knowledge"])
    for language in LANGUAGES:
        become(driver, language, "phone")
        driver.get(f"{place[1]}/authorize?" + urllib.parse.urlencode(
            party.request(client_id="chromium-known", redirect_uri=site.callback)))
        look_at(driver, f"{language}-phone-knowledge")
    for language in LANGUAGES:
        become(driver, language, "phone")
        driver.get(f"{place[1]}/login")
        assert heading(driver) == TEXTS[language]["over_title"]
        picture(driver, f"{language}-phone-over")


def test_no_page_is_shown_in_a_frame(driver, place, party, site):
    become(driver, "en", "desk")
    site.frame(f"{place[1]}/authorize?" + urllib.parse.urlencode(
        party.request(redirect_uri=site.callback, acr_values=PIN_ACR)))
    driver.get(f"{site.other}/shown")
    assert heading(driver) == "frame"
    wait(driver, lambda: any("frame-ancestors" in line["message"] for line in complaints(driver)),
         "the browser's refusal")
    driver.switch_to.frame("frame")
    assert driver.find_elements(By.NAME, "individual") == []
    driver.switch_to.default_content()


def test_a_form_of_another_site_is_not_taken(driver, place, site, enter):
    enter(acr_values=PIN_ACR)
    ours = driver.current_url
    fields = {name: driver.find_element(By.CSS_SELECTOR, f"main input[name={name}]")
              .get_attribute("value") for name in ("login", "token")}
    site.form(f"{place[1]}/login", {**fields, "do": "answer", "individual": TWO, "pin": "222222"})
    driver.get(f"{site.other}/shown")
    driver.find_element(By.ID, "go").click()
    wait(driver, lambda: heading(driver) == TEXTS["en"]["over_title"], "the refusal")
    driver.get(ours)
    assert heading(driver) == TEXTS["en"]["login_title"]


def test_who_goes_back_afterwards_gets_no_other_code(driver, site, enter):
    request = enter(acr_values=PIN_ACR)
    focused(driver, "individual")
    press(driver, TWO, Keys.TAB, "222222", Keys.ENTER)
    wait(driver, lambda: heading(driver) == TEXTS["en"]["consent_title"], "consent")
    tab_to(driver, "agree")
    press(driver, Keys.ENTER)
    code = arrived(driver, site, request["state"])["code"]
    driver.back()
    wait(driver, lambda: driver.current_url != f"{site.other}/after", "the page before")
    assert [found["code"] for found, _ in site.came if found["state"] == request["state"]] == [code]
