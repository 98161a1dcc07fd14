"""A person with a browser that has no program: it follows links, keeps one cookie and sends forms."""

import html.parser
import urllib.parse

VOID = {"meta", "link", "img", "input"}
CONTROLS = {"input", "button"}


class Page(html.parser.HTMLParser):
    """One page, read strictly: every element is closed where it was opened."""

    def __init__(self, answer):
        super().__init__(convert_charrefs=True)
        self.answer = answer
        self.status = answer.status
        self.elements = []
        self.forms = []
        self.texts = []
        self.titles = []
        self.open = []
        self.feed(answer.body.decode("utf-8", "strict"))
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag, attrs):
        assert len(attrs) == len(dict(attrs)), attrs
        element = (tag, dict(attrs))
        self.elements.append(element)
        if tag == "form":
            self.forms.append({"attributes": element[1], "controls": []})
        if tag in CONTROLS and "form" in self.open:
            self.forms[-1]["controls"].append(element)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "title":
            self.titles.append(data)
        self.texts.append(data)

    @property
    def text(self):
        return " ".join("".join(self.texts).split())

    def all(self, tag, **wanted):
        return [attributes for name, attributes in self.elements if name == tag and
                all(attributes.get(key) == value for key, value in wanted.items())]

    def one(self, tag, **wanted):
        found = self.all(tag, **wanted)
        assert len(found) == 1, (tag, wanted, found)
        return found[0]

    @property
    def title(self):
        return self.titles[0] if len(self.titles) == 1 else None

    def names(self):
        """Fields that a person fills in."""
        return [attributes["name"] for attributes in self.all("input")
                if attributes["type"] != "hidden"]

    def form_with(self, button):
        """The form that has this button (name, value)."""
        found = [form for form in self.forms if any(
            tag == "button" and (attributes["name"], attributes["value"]) == button
            for tag, attributes in form["controls"])]
        assert len(found) == 1, (button, self.answer)
        return found[0]

    def onward(self):
        """Where the page goes on to by itself; its link leads there, too."""
        content = self.one("meta", **{"http-equiv": "refresh"})["content"]
        assert content.startswith("0;url="), content
        address = content[len("0;url="):]
        assert self.one("a", rel="noreferrer")["href"] == address
        return address


class Visitor:
    def __init__(self, oidc, language="en"):
        self.oidc = oidc
        self.client = oidc.public()
        self.cookie = None
        self.language = language
        self.page = None

    def headers(self, more=None):
        made = {"Accept-Language": self.language, **(more or {})}
        return {**made, "Cookie": self.cookie} if self.cookie else made

    def take(self, answer):
        told = answer.headers.get("set-cookie")
        if told is not None:
            self.cookie = told.split(";")[0]
        return answer

    def go(self, path, parameters=None):
        """The answer to a GET."""
        query = "" if parameters is None else "?" + urllib.parse.urlencode(parameters)
        return self.take(self.client.get(path + query, headers=self.headers()))

    def enter(self, parameters):
        self.page = Page(self.go("/authorize", parameters))
        return self.page

    def send(self, fields, headers=None):
        more = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self.take(self.client.request("POST", "/login", body=urllib.parse.urlencode(fields),
                                             headers=self.headers(more)))

    def fields(self, button, **typed):
        """What the browser would send for this button (name, value)."""
        form = self.page.form_with(button)
        assert form["attributes"] == {"method": "post", "action": "/login"}
        made = {}
        for tag, attributes in form["controls"]:
            if tag == "input" and attributes["type"] == "hidden":
                made[attributes["name"]] = attributes["value"]
            elif tag == "input" and attributes["type"] != "checkbox":
                made[attributes["name"]] = attributes.get("value", "")
        boxes = {attributes["name"] for tag, attributes in form["controls"]
                 if tag == "input" and attributes["type"] == "checkbox"}
        assert set(typed) <= set(made) | boxes, (typed, made, boxes)
        return {**made, **typed, button[0]: button[1]}

    def press(self, value, name="do", **typed):
        self.page = Page(self.send(self.fields((name, value), **typed)))
        return self.page

    def close(self):
        self.client.close()


def told(address):
    """The parameters of the way back, each once."""
    found = urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query, strict_parsing=True)
    assert len(found) == len(dict(found)), found
    return dict(found)
