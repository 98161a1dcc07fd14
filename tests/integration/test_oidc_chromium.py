"""privyseal-oidc's pages in Chromium: by keyboard, on a desk and on a phone, in each language."""

import json
import os
import pathlib
import tempfile
import urllib.parse

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from harness.bare import free_port
from harness.certificates import Files
from harness.chromium import WIDTHS, Site, chromium, heading, named, picture, wait
from harness.oidc import ISSUER, Oidc
from harness.persons import People
from harness.relying_party import RelyingParty

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="plugins are root's")
TOP = pathlib.Path(__file__).resolve().parents[2]
TABLE = TOP / "frontends" / "plugins" / "registry" / "sample-people.csv"
TEXTS = {path.stem: json.loads(path.read_text())
         for path in (TOP / "frontends" / "oidc" / "pages" / "texts").glob("*.json")}
ONE, TWO = "1000000001", "1000000002"
CODE_ACR, PIN_ACR = "mosip:idp:acr:generated-code", "mosip:idp:acr:static-code"


@pytest.fixture(scope="module")
def people():
    made = People(TABLE, pathlib.Path(tempfile.mkdtemp(prefix="privyseal-people-")))
    yield made
    made.close()


@pytest.fixture(scope="module")
def site():
    made = Site()
    yield made
    made.close()


@pytest.fixture(scope="module")
def place(people, tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    Files(directory)
    port = free_port()
    more = {**people.settings(), "oidc": ["tries_per_address = 1000", "tries_per_person = 1000"],
            "public": [f"tls_port = {port}", f"certificate = {directory}/server.pem",
                       f"key = {directory}/server.key"]}
    with Oidc("/nowhere/clients.sock", more=more) as running:
        yield running, f"https://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def party(place, site):
    return RelyingParty(place[0], "chromium", redirectUris=[site.callback], clientNameLangMap={
        "fra": "Portail de santé", "ara": "بوابة الصحة", "hin": "स्वास्थ्य पोर्टल"})


def enter(driver, place, party, site, **more):
    request = party.request(redirect_uri=site.callback, prompt="consent", **more)
    driver.get(f"{place[1]}/authorize?{urllib.parse.urlencode(request)}")
    return request


def look_at(driver, name):
    """Nothing was refused, nothing is wider than the window, every control says what it is."""
    picture(driver, name)
    assert [line for line in driver.get_log("browser") if line["level"] == "SEVERE" and
            "favicon" not in line["message"]] == []
    root = driver.find_element(By.TAG_NAME, "html")
    assert int(root.get_property("scrollWidth")) <= int(root.get_property("clientWidth"))
    controls = named(driver)
    assert controls and all(text.strip() for _, text in controls), controls


def type_into_focus(driver, text):
    driver.switch_to.active_element.send_keys(text, Keys.ENTER)


def arrived(driver, site, state):
    wait(driver, lambda: driver.current_url == f"http://localhost:{site.port}/after", "the site")
    found, referer = site.came[-1]
    assert found["state"] == state and found["iss"] == ISSUER and referer is None
    return found


@pytest.mark.parametrize("width", sorted(WIDTHS))
@pytest.mark.parametrize("language", sorted(TEXTS))
def test_a_login_by_keyboard_alone(people, place, party, site, language, width):
    texts = TEXTS[language]
    name = f"{language}-{width}"
    with chromium(language, width) as driver:
        request = enter(driver, place, party, site, acr_values=CODE_ACR)
        assert heading(driver) == texts["login_title"]
        assert driver.find_element(By.TAG_NAME, "html").get_attribute("dir") == (
            "rtl" if language == "ar" else "ltr")
        look_at(driver, f"{name}-1-login")
        type_into_focus(driver, ONE)
        wait(driver, lambda: driver.find_elements(By.ID, "otp"), "the field of the code")
        look_at(driver, f"{name}-2-code")
        type_into_focus(driver, "000000")
        wait(driver, lambda: driver.find_elements(By.ID, "problem"), "the problem")
        assert texts["refused_person"] in driver.find_element(By.ID, "problem").text
        look_at(driver, f"{name}-3-refused")
        type_into_focus(driver, people.otp(ONE))
        wait(driver, lambda: heading(driver) == texts["consent_title"], "consent")
        look_at(driver, f"{name}-4-consent")
        driver.find_element(By.ID, "claim.name").send_keys(Keys.SPACE)
        assert driver.find_element(By.ID, "claim.name").is_selected()
        driver.find_element(By.CSS_SELECTOR, "button[value=agree]").send_keys(Keys.ENTER)
        assert arrived(driver, site, request["state"])["code"]


def test_who_cancels_comes_back_to_the_site(place, party, site):
    with chromium("en", "desk") as driver:
        request = enter(driver, place, party, site, acr_values=PIN_ACR)
        driver.find_element(By.CSS_SELECTOR, "button[value=cancel]").click()
        assert arrived(driver, site, request["state"])["error"] == "access_denied"


def test_the_language_is_switched_and_the_login_goes_on(place, party, site):
    with chromium("en", "phone") as driver:
        enter(driver, place, party, site, acr_values=PIN_ACR)
        driver.find_element(By.CSS_SELECTOR, "button[value=ar]").click()
        wait(driver, lambda: heading(driver) == TEXTS["ar"]["login_title"], "the page in Arabic")
        type_into_focus(driver, TWO)
        driver.find_element(By.ID, "pin").send_keys("222222", Keys.ENTER)
        wait(driver, lambda: heading(driver) == TEXTS["ar"]["consent_title"], "consent")
        look_at(driver, "ar-phone-switched")


def test_the_first_key_leads_past_the_banner(place, party, site):
    with chromium("en", "desk") as driver:
        enter(driver, place, party, site, acr_values=PIN_ACR)
        body = driver.find_element(By.CSS_SELECTOR, "a.skip")
        body.send_keys(Keys.ENTER)
        assert driver.current_url.endswith("#content")
