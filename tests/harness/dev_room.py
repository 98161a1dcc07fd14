"""A developer's appliance and its people, who approve as far as a test wants them to."""

import os
import signal

from . import documents
from .appliance import wait_until
from .leaves import read_events
from .people import AUDITORS, OFFICERS, REQUESTER
from .room import refused


def is_ready(client):
    """As the api process behind it has been told."""
    try:
        return client.get("/health/ready").status == 200
    except OSError:
        return False
    finally:
        client.close()


class DevRoom:
    def __init__(self, appliance):
        self.appliance = appliance
        self.client = appliance.management(timeout=120)
        self.gate = appliance.gate(self.send)

    def send(self, method, target, body=None, headers=None):
        return self.client.request(method, target, body=body, headers=headers)

    def change(self, method, target, body=None):
        """With every approval that it needs; the answer at its end."""
        return self.gate.change(method, target, body)

    def post(self, target, body=None):
        answer = self.change("POST", target, body)
        assert answer.status == 201, answer
        return answer.json()

    def ask(self, target, body=None, method="POST"):
        """Asked for and signed by its requester."""
        answer = self.send(method, target, {"requester": REQUESTER, **(body or {})})
        assert answer.status == 202, answer
        operation = answer.json()
        self.step(operation, "request", REQUESTER)
        return operation

    def approved(self, target, body=None):
        """The same with what class B asks for."""
        operation = self.ask(target, body)
        states = [self.step(operation, "approvals", officer) for officer in OFFICERS[1:3]]
        assert states == ["open", "approved"]
        return operation

    def step(self, operation, verb, person):
        """Its state afterwards."""
        return self.gate.step(operation, verb, person, documents.canonical(operation["document"]))

    def execute(self, operation):
        return self.send("POST", f"/v1/operations/{operation['id']}/execute", {})

    def shown(self, operation):
        return self.send("GET", f"/v1/operations/{operation['id']}").json()

    def leaves(self, operation):
        return [leaf for leaf in read_events(self.appliance.directory / "data" / "log")
                if leaf.get("data", {}).get("operation") == operation["id"]]

    def needs_an_auditor(self, operation):
        """Class A: what class B asks for is not enough."""
        for officer in OFFICERS[1:4]:
            assert self.step(operation, "approvals", officer) == "open"
        refused(self.execute(operation), 409, "auditor")
        assert self.step(operation, "approvals", AUDITORS[0]) == "approved"

    def kill_keeper(self):
        before = set(self.appliance.pids("keeper"))
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(self.is_operational_without(before), 30, "another keeper")

    def is_operational_without(self, pids):
        def is_it():
            keepers = set(self.appliance.pids("keeper"))
            if not keepers or keepers & pids:
                return False
            return is_ready(self.appliance.client(5)) and is_ready(self.appliance.management(5))
        return is_it
