"""GET /metrics has what the contract of operators names, in Prometheus' form, and grows with no client's input."""

import json
import re

import pytest

from harness.appliance import wait_until
from harness.fake_token import FakeControl, fake_appliance
from harness.http_unix import Client

KEY = "certify.vc-jwt"
# What each is told apart by; those that may have no sample, as long as nothing of the kind is there.
LABELS = {
    "privyseal_requests_total": {"route", "method", "code"},
    "privyseal_request_seconds": {"route"},
    "privyseal_operation_seconds": {"token", "mechanism", "result"},
    "privyseal_queue_seconds": {"token"},
    "privyseal_token_up": {"token"},
    "privyseal_token_sessions": {"token", "state"},
    "privyseal_token_reconnects_total": {"token", "reason"},
    "privyseal_log_size": {"tree"},
    "privyseal_log_unwitnessed": {"tree"},
    "privyseal_log_sync_seconds": {"tree"},
    "privyseal_log_seconds_to_full": set(),
    "privyseal_key_expires_seconds": {"key"},
    "privyseal_certificate_expires_seconds": {"key"},
    "privyseal_state": {"state"},
}
MAY_BE_EMPTY = {"privyseal_log_seconds_to_full", "privyseal_key_expires_seconds",
                "privyseal_certificate_expires_seconds"}
SAMPLE = re.compile(r'^(\w+)(?:\{((?:\w+="[^"\\\n]*",?)*)\})? (-?[0-9.]+)$')
METHODS = {"GET", "POST", "PUT", "DELETE", "OTHER"}


class Metrics:
    """One reading: {family: type}, and [(family, {label: value}, figure)]."""

    def __init__(self, appliance):
        self.types, self.samples, seen = {}, [], set()
        for line in appliance.management().get("/metrics").body.decode().splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name not in self.types, f"{name} is there twice"
                self.types[name] = kind
            elif not line.startswith("# HELP "):
                found = SAMPLE.match(line)
                assert found, f"no line of this form: {line}"
                assert line.rsplit(" ", 1)[0] not in seen, f"twice: {line}"
                seen.add(line.rsplit(" ", 1)[0])
                self.samples.append((self.family(found[1]), dict(re.findall(r'(\w+)="([^"]*)"', found[2] or "")),
                                     float(found[3])))

    def family(self, name):
        whole = re.sub(r"_(bucket|sum|count)$", "", name)
        family = whole if self.types.get(whole) in ("histogram", "summary") else name
        assert family in self.types, f"{name} has no type"
        return family

    def of(self, family, **labels):
        return [figure for name, found, figure in self.samples
                if name == family and labels.items() <= found.items()]


@pytest.fixture(scope="module")
def appliance():
    with fake_appliance() as running:
        yield running


def sign(appliance):
    return appliance.client().post("/v1/jws/sign", {"key": KEY, "payload": "eA"}).status


def counted(appliance, **labels):
    return sum(Metrics(appliance).of("privyseal_requests_total", **labels))


def test_all_that_is_named_is_there(appliance):
    assert sign(appliance) == 200
    wait_until(lambda: counted(appliance, route="/v1/jws/sign", method="POST", code="200") >= 1, 10,
               "the api process to tell what it has counted")
    metrics = Metrics(appliance)
    assert set(LABELS) <= set(metrics.types)
    for family, labels in LABELS.items():
        found = [set(names) for name, names, _ in metrics.samples if name == family]
        assert all(labels <= names for names in found), (family, found)
        assert found or family in MAY_BE_EMPTY, family
    assert metrics.of("privyseal_state", state="operational") == [1.0]
    assert metrics.of("privyseal_token_up") == [1.0]
    assert metrics.of("privyseal_operation_seconds", mechanism="ES256", result="ok")


def test_an_operation_that_fails_is_told_apart(appliance):
    control = FakeControl(appliance)
    control("on", "C_Sign", "mechanism", "CKM_ECDSA", "do", "rv", "CKR_DEVICE_REMOVED", "times", 1)
    wait_until(lambda: Metrics(appliance).of("privyseal_operation_seconds", mechanism="ES256",
                                             result="failed") or not sign(appliance), 60,
               "the failure to be counted")
    control("reset")
    wait_until(lambda: sign(appliance) == 200, 60, "the token to be well again")


def test_no_label_grows_with_what_clients_send(appliance):
    """Paths, methods, statuses and names of keys that nobody has."""
    client = Client(appliance.environment["PRIVYSEAL_SOCKET"])
    for number in range(40):
        for method, target in (("GET", f"/v1/never/{number}"), (f"METHOD{number}", "/v1/jwks"),
                               ("GET", f"/v1/keys/none.{number}"), ("GET", f"/v1/keys?after=k{number}")):
            assert client.request(method, target).status < 500
    client.close()
    wait_until(lambda: counted(appliance, route="none") >= 80, 10, "what no route was found for")
    metrics = Metrics(appliance)
    paths = set(json.loads(appliance.client().get("/openapi.json").body)["paths"])
    listed = {key["name"] for key in appliance.client().get("/v1/keys?limit=1000").json()["items"]}
    for family, labels, _ in metrics.samples:
        for route in {labels.get("route")} - {None, "none"}:
            assert route in paths, route
        assert labels.get("method", "GET") in METHODS, labels
        if "key" in labels:
            assert labels["key"] in listed or labels["key"].startswith("privyseal."), labels
    assert not [labels for _, labels, _ in metrics.samples if "never" in str(labels)]
