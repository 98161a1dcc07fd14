"""Tokens come and go over the years: more than three of them, and what held the wrapping key leaves too."""

import contextlib
import re
import shutil
import subprocess

import pytest

from harness import documents
from harness.appliance import wait_until
from harness.bare import BareAppliance
from harness.http_unix import Client, b64u
from harness.people import Gate, People
from harness.places import PRIVYSEAL

SPARE = ["b", "c", "d", "e"]


class Box:
    def __init__(self, bare, people):
        self.bare, self.people = bare, people

    def send(self, method, path, body=None, headers=None):
        with contextlib.closing(self.bare.management(120)) as client:
            return client.request(method, path, body, headers)

    def ask(self, path, body):
        gate = Gate(self.send, self.people)
        answer = self.send("POST", path, {"requester": "officer-1", **body})
        return gate.finish(answer.json()) if answer.status == 202 else answer

    def do(self, kind, subject="", params=None):
        if kind == "token.accept":
            self.bare.wait_seen(subject)
        answer = self.ask("/v1/operations", {"type": kind, "subject": subject, "params": params or {}})
        assert answer.status in (200, 201, 202), (kind, subject, answer)
        if answer.status == 202:
            operation = answer.json()["id"]
            wait_until(lambda: self.send("GET", f"/v1/operations/{operation}").json()["state"] == "done", 60, kind)

    def let_go(self, token):
        """The answer, once an inventory has ended that began after now."""
        def is_done():
            items = self.send("GET", "/v1/inventory").json()["items"]
            return [item["state"] for item in items if item["token"] == token] == ["done"]

        wait_until(lambda: self.send("POST", "/v1/inventory").status == 202, 60, "an inventory")
        wait_until(is_done, 60, "its end")
        return self.ask(f"/v1/tokens/{token}/decommission", {})

    def approve_configuration(self):
        def is_new():
            try:
                reasons = self.send("GET", "/v1/system").json().get("reasons", [])
            except (OSError, ValueError):  # it starts
                return False
            return "configuration" in {item["code"] for item in reasons}

        wait_until(is_new, 60, "the new configuration")
        assert self.ask("/v1/configuration/approve", {}).status == 201
        wait_until(lambda: self.sign("kept") == 200, 60, "the appliance to sign")

    def sign(self, key):
        with contextlib.closing(Client(str(self.bare.directory / "clients.sock"), 60)) as client:
            return client.post("/v1/jws/sign", {"key": key, "payload": b64u(b"paid")}).status

    def tokens(self):
        """Of the configuration."""
        return [item["token"] for item in self.send("GET", "/v1/inventory").json()["items"]]


@pytest.fixture(scope="module")
def box(settings, tmp_path_factory):
    people = People(tmp_path_factory.mktemp("tokens") / "people").make()
    with BareAppliance(settings, tokens=SPARE) as bare:  # takes one more over its life: six in all
        bare.found(people, policy=documents.policy(cooling_off_s="0"))
        box = Box(bare, people)
        for token in SPARE:
            box.do("token.accept", token)
        box.do("wrapping.create")
        box.do("wrapping.prepare", "b")
        box.do("wrapping.carry")
        key = {"name": "kept", "type": "ec-p256", "usage": "sign", "formats": ["jws"], "algorithms": ["ES256"],
               "residence": "wrapped", "recovery": "wrapped"}
        assert box.ask("/v1/keys", key).status == 201
        assert box.ask("/v1/grants", {"client": "operator", "keys": "*", "operations": ["jws.sign"],
                                      "formats": ["jws"]}).status == 201
        assert box.sign("kept") == 200
        yield box


def test_the_fifth_token_is_let_go_as_the_second_is(box):
    assert box.tokens() == ["a", *SPARE]
    assert box.let_go("e").status == 201
    refused = box.ask("/v1/tokens/e/decommission", {})
    assert refused.status == 404 and "none of ours" in refused.json()["detail"], refused


def sections(bare):
    """Of tokens, by their names, as the configuration has them."""
    text = (bare.directory / "privyseald.conf").read_text()
    return {found[1]: found[0] for found in re.finditer(r"^\[token (\w+)\]\n(?:[^\[].*\n)*", text, re.M)}


def start_anew(box, add="", remove=()):
    """With those sections of the configuration added and removed, which people approve."""
    box.bare.stop()
    settings = box.bare.directory / "privyseald.conf"
    text = settings.read_text()
    for name in remove:
        text = text.replace(sections(box.bare)[name], "")
    settings.write_text(text + add)
    box.bare.launch()
    box.approve_configuration()


def test_a_token_with_the_wrapping_key_leaves_as_the_guide_says(box):
    refused = box.let_go("b")
    assert refused.status == 422 and "the key privyseal." in refused.json()["detail"], refused
    box.do("wrapping.create")
    box.do("wrapping.prepare", "d")
    box.do("wrapping.carry")
    refused = box.ask("/v1/operations", {"type": "wrapping.rewrap", "subject": "", "params": {}})
    assert refused.status == 422 and "take that token out of the configuration" in refused.json()["detail"], refused
    section = sections(box.bare)["b"]
    start_anew(box, remove=["b"])
    box.do("wrapping.rewrap")
    box.do("wrapping.destroy", "", {"version": 1})
    store = box.bare.directory / "tokens-b"
    shutil.rmtree(store)  # it is wiped
    store.mkdir(mode=0o700)
    start_anew(box, add=section)
    assert box.ask("/v1/tokens/b/decommission", {}).status == 201
    assert box.sign("kept") == 200


def test_it_goes_on_without_them_and_takes_another_one(box):
    assert box.let_go("c").status == 201
    start_anew(box, remove=["b", "c", "e"])
    box.bare.stop()
    box.bare.add_token("f")
    box.bare.launch()
    box.approve_configuration()
    assert box.tokens() == ["a", "d", "f"] and box.sign("kept") == 200
    box.do("token.accept", "f")
    assert box.let_go("f").status == 201
    box.bare.stop()
    found = subprocess.run([str(PRIVYSEAL), "log", "verify", str(box.bare.directory / "data" / "log")],
                           capture_output=True, text=True, check=False, timeout=120)
    assert found.returncode == 0 and "FAIL" not in found.stdout, found
