"""Debian's Chromium, driven through its own driver; and a relying party's site for it to come back to."""

import contextlib
import http.server
import os
import pathlib
import threading
import urllib.parse

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from .appliance import PATIENCE_S

WIDTHS = {"desk": (1280, 960), "phone": (360, 740)}


@contextlib.contextmanager
def chromium(language, width):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    options.accept_insecure_certs = True
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     f"--lang={language}", f"--accept-lang={language}",
                     "--window-size={},{}".format(*WIDTHS[width])):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    if width == "phone":
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": {
            "width": WIDTHS[width][0], "height": WIDTHS[width][1], "pixelRatio": 2.0}})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    driver.set_page_load_timeout(PATIENCE_S)
    try:
        yield driver
    finally:
        driver.quit()


def wait(driver, condition, what):
    return WebDriverWait(driver, PATIENCE_S).until(lambda _: condition(), what)


def heading(driver):
    return driver.find_element(By.TAG_NAME, "h1").text


def picture(driver, name):
    """For people to look at, when PRIVYSEAL_SCREENSHOTS names a directory."""
    place = os.environ.get("PRIVYSEAL_SCREENSHOTS")
    if place:
        path = pathlib.Path(place)
        path.mkdir(parents=True, exist_ok=True)
        driver.save_screenshot(str(path / f"{name}.png"))


def named(driver):
    """What a screen reader is told of each control: role and name."""
    driver.execute_cdp_cmd("Accessibility.enable", {})
    nodes = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = ("textbox", "button", "checkbox", "link", "Date")
    return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes
            if not node.get("ignored") and node["role"]["value"] in roles]


class Site:
    """A relying party's: what comes to /cb is led on to another origin, as many of them do."""

    def __init__(self):
        site = self
        self.came = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                place = urllib.parse.urlsplit(self.path)
                if place.path == "/cb":
                    site.came.append((dict(urllib.parse.parse_qsl(place.query)),
                                      self.headers.get("Referer")))
                    self.send_response(303)
                    self.send_header("Location", f"http://localhost:{site.port}/after")
                    self.end_headers()
                    return
                body = b"<!DOCTYPE html><title>after</title><h1>after</h1>"
                self.send_response(200 if place.path == "/after" else 404)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.callback = f"http://127.0.0.1:{self.port}/cb"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
