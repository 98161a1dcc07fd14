"""Debian's Chromium without JavaScript, driven through its own driver; and sites beside ours."""

import base64
import contextlib
import html
import http.server
import os
import pathlib
import threading
import urllib.parse

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from .appliance import PATIENCE_S

WIDTHS = {"desk": (1280, 960, 1), "phone": (360, 740, 2)}


@contextlib.contextmanager
def chromium():
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    options.accept_insecure_certs = True
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {
        "profile.managed_default_content_settings.javascript": 2})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    driver.set_page_load_timeout(PATIENCE_S)
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Accessibility.enable", {})
    try:
        yield driver
    finally:
        driver.quit()


def become(driver, language, width):
    """Another person's browser: without our cookies."""
    wide, high, scale = WIDTHS[width]
    driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": language}})
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": wide, "height": high, "deviceScaleFactor": scale, "mobile": width == "phone"})


def wait(driver, condition, what):
    """While one page gives way to the next, what was found on the one is not there any more."""
    patient = WebDriverWait(driver, PATIENCE_S, ignored_exceptions=[WebDriverException])
    return patient.until(lambda _: condition(), what)


def focused(driver, field):
    """Waits until what is typed goes into this field."""
    wait(driver, lambda: here(driver) == field, f"the focus in {field}")


def heading(driver):
    return driver.find_element(By.TAG_NAME, "h1").text


def complaints(driver):
    """What stands in the console."""
    return [line for line in driver.get_log("browser") if line["level"] in ("SEVERE", "WARNING")]


def picture(driver, name):
    """For people to look at, when PRIVYSEAL_SCREENSHOTS names a directory."""
    place = os.environ.get("PRIVYSEAL_SCREENSHOTS")
    if place:
        path = pathlib.Path(place)
        path.mkdir(parents=True, exist_ok=True)
        shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        (path / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


def named(driver):
    """What a screen reader is told of each control: role and name."""
    nodes = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = ("textbox", "button", "checkbox", "link")
    return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes
            if not node.get("ignored") and node["role"]["value"] in roles]


def press(driver, *keys):
    ActionChains(driver).send_keys(*keys).perform()


def here(driver):
    """What has the focus: the id of a field, the value of a button, or the class of a link."""
    element = driver.switch_to.active_element
    return (element.get_attribute("id") or element.get_attribute("value") or
            element.get_attribute("class"))


def tab_to(driver, wanted):
    """Goes there with the tab key alone; what was passed on the way."""
    passed = []
    while here(driver) != wanted:
        passed.append(here(driver))
        assert len(passed) < 30, passed
        press(driver, Keys.TAB)
    return passed


class Site:
    """
    Another's: a relying party's, at 127.0.0.1, which leads what comes to /cb on to another origin,
    as many of them do; and one at localhost that is nobody's friend.
    """

    def __init__(self):
        site = self
        self.came = []
        self.shown = ""

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                place = urllib.parse.urlsplit(self.path)
                if place.path == "/cb":
                    site.came.append((dict(urllib.parse.parse_qsl(place.query)),
                                      self.headers.get("Referer")))
                    self.send_response(303)
                    self.send_header("Location", f"{site.other}/after")
                    self.end_headers()
                    return
                shown = site.shown if place.path == "/shown" else "<h1>after</h1>"
                body = f"<!DOCTYPE html><title>site</title>{shown}".encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        port = self.server.server_address[1]
        self.callback = f"http://127.0.0.1:{port}/cb"
        self.other = f"http://localhost:{port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def form(self, action, fields):
        """A form that looks like ours, at {other}/shown."""
        inputs = "".join(f'<input name="{html.escape(name)}" value="{html.escape(value)}">'
                         for name, value in fields.items())
        self.shown = f'<form method="post" action="{action}">{inputs}<button id="go">Go</button></form>'

    def frame(self, address):
        self.shown = f'<h1>frame</h1><iframe id="frame" src="{html.escape(address)}"></iframe>'

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
