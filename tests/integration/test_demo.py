"""The portal and the wallet of frontends/demo, clicked through in Chromium without JavaScript."""

import os
import shutil
import signal
import subprocess

import pytest
from selenium.webdriver.common.by import By

from harness.appliance import PATIENCE_S
from harness.chromium import WIDTHS, become, chromium, complaints, heading, picture, wait
from harness.places import BUILD, TOP

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="plugins are root's")
PROGRAM = TOP / "frontends" / "demo" / "journey.py"
PLUGINS = ["plugins/registry/authenticator-registry.so", "certify/providers/data-csv.so"]


@pytest.fixture(scope="module", name="portal")
def served(appliance, tmp_path_factory):
    """Its address, after the program has gone its own way once."""
    plugins = tmp_path_factory.mktemp("plugins")
    for plugin in PLUGINS:
        shutil.copy(BUILD / "frontends" / plugin, plugins)
    program = subprocess.Popen(
        ["/usr/bin/python3", PROGRAM, BUILD, appliance.directory, plugins, "--serve"], text=True,
        env={**os.environ, **appliance.environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = []
    for line in program.stdout:
        said.append(line)
        if "To click through" in line:
            break
    assert program.poll() is None and "bound to its own key" in "".join(said), said
    yield said[-1].split()[-1]
    program.send_signal(signal.SIGTERM)
    rest = program.communicate(timeout=PATIENCE_S)[0]
    assert program.returncode == 0 and "Traceback" not in rest, rest


def log_in(driver, person, pin):
    """By PIN, on the pages of privyseal-oidc."""
    wait(driver, lambda: driver.find_elements(By.ID, "individual"), "the login")
    if not driver.find_elements(By.ID, "pin"):
        driver.find_element(By.CSS_SELECTOR, "button[value=PIN]").click()
        wait(driver, lambda: driver.find_elements(By.ID, "pin"), "the field of the PIN")
    driver.find_element(By.ID, "individual").send_keys(person)
    driver.find_element(By.ID, "pin").send_keys(pin)
    driver.find_element(By.CSS_SELECTOR, "button[value=answer]").click()


@pytest.fixture(scope="module", name="driver")
def browser():
    with chromium() as running:
        yield running


@pytest.mark.parametrize("width", sorted(WIDTHS))
def test_somebody_clicks_through_it(portal, driver, width):
    become(driver, "en", width)
    driver.get(portal)
    picture(driver, f"demo-{width}-1-portal")
    driver.find_element(By.CSS_SELECTOR, "a.go").click()
    log_in(driver, "1000000002", "222222")
    wait(driver, lambda: driver.find_elements(By.CSS_SELECTOR, "button[value=agree]"), "consent")
    driver.find_element(By.CSS_SELECTOR, "button[value=agree]").click()
    wait(driver, lambda: heading(driver) == "Welcome, Sample Two", "the portal")
    picture(driver, f"demo-{width}-2-welcome")
    shown = driver.find_element(By.TAG_NAME, "body").text
    assert '"acr": "mosip:idp:acr:static-code"' in shown and "email" not in shown
    driver.find_element(By.CSS_SELECTOR, "a.go").click()
    log_in(driver, "1000000002", "222222")
    wait(driver, lambda: heading(driver) == "Your identity card", "the credential")
    picture(driver, f"demo-{width}-3-credential")
    assert '"given_name": "Sample"' in driver.find_element(By.TAG_NAME, "body").text
    assert [one for one in complaints(driver) if "/favicon.ico" not in one["message"]] == []


def test_nobody_else_ends_a_login_that_was_begun_here(portal, driver):
    become(driver, "en", "desk")
    driver.get(f"{portal}/back?state=x&code=y")
    assert heading(driver) == "That did not work"
    assert "another browser" in driver.find_element(By.TAG_NAME, "body").text
