"""A person with a browser: follows links, keeps one cookie, fills in forms."""

import html
import html.parser
import json
import re
import time
import urllib.parse

PATIENCE_S = 30


class Page(html.parser.HTMLParser):
    """A page's forms, and where it leads to by itself."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.forms = []
        self.onward = None
        self.inside = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "form":
            self.inside = True
            self.forms.append([])
        elif tag in ("input", "button") and self.inside:
            self.forms[-1].append((tag, attributes))
        elif tag == "meta" and attributes.get("http-equiv") == "refresh":
            self.onward = attributes["content"].split("url=", 1)[1]

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False

    def fields(self, button, typed):
        """What a browser sends for this button: hidden fields, and what was typed and marked."""
        for form in self.forms:
            if any(tag == "button" and (one.get("name"), one.get("value")) == button
                   for tag, one in form):
                shown = {one["name"]: one.get("value", "") for tag, one in form
                         if tag == "input" and one.get("type") != "checkbox"}
                return {**shown, **typed, button[0]: button[1]}
        raise RuntimeError(f"the page has no button {button[1]}")


def heading(text):
    found = re.search(r"<h1[^>]*>(.*?)</h1>", text, re.S)
    return "" if found is None else html.unescape(found[1])


class Person:
    def __init__(self, web, individual, otps):
        self.web = web
        self.individual = individual
        self.otps = otps  # directory that their messages come to
        self.cookie = None
        self.page = None

    def take(self, answer):
        told = answer.headers.get("Set-Cookie")
        if told is not None:
            self.cookie = told.split(";")[0]
        if answer.status not in (200, 303):
            raise RuntimeError(f"a page with status {answer.status}: {heading(answer.text())}")
        self.page = Page(answer.text())
        if answer.status == 303:
            self.page.onward = answer.headers["Location"]

    def headers(self):
        return {"Accept-Language": "en", **({"Cookie": self.cookie} if self.cookie else {})}

    def press(self, value, name="do", **typed):
        fields = self.page.fields((name, value), typed)
        self.take(self.web.ask("POST", f"{self.origin}/login", fields, self.headers()))

    def otp(self):
        """The one-time password that was sent, once."""
        message = self.otps / f"{self.individual}.json"
        end = time.monotonic() + PATIENCE_S
        while not message.exists():
            if time.monotonic() > end:
                raise RuntimeError("no one-time password came")
            time.sleep(0.02)
        code = json.loads(message.read_text(encoding="utf-8"))["otp"]
        message.unlink()
        return code

    def log_in(self, url, permits=()):
        """Identifies, types the password in, agrees; what they come back with."""
        place = urllib.parse.urlsplit(url)
        self.origin = f"{place.scheme}://{place.netloc}"
        self.take(self.web.ask("GET", url, headers=self.headers()))
        if self.page.onward is None:
            self.press("otp", individual=self.individual)
            self.press("answer", otp=self.otp())
        if self.page.onward is None:
            self.press("agree", **{claim: "1" for claim in permits})
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.page.onward).query))
