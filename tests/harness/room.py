"""People with their keys at an appliance, who ask, approve and refuse with stock ssh-keygen."""

import os
import signal

from . import documents
from .appliance import wait_until

OFFICERS = ["alice", "bob", "carol", "dora"]
AUDITORS = ["edith", "frank"]
USUAL = {**dict.fromkeys(OFFICERS, "officer"), **dict.fromkeys(AUDITORS, "auditor")}
KINDS = {"approvals": "approve", "rejections": "reject", "request": "request",
         "statements": "statement"}


def refused(answer, status, *words):
    assert answer.status == status, answer
    detail = answer.json().get("detail", "")
    for word in words:
        assert word in detail, detail


class Room:
    """`roles`: of each person of the first roster; `mallory` has a key and is nobody's."""

    def __init__(self, bare, directory, roles=None):
        self.bare = bare
        self.directory = directory
        self.roles = roles or USUAL
        for name in [*self.roles, "mallory"]:
            documents.make_key(directory / name)

    def roster(self):
        return documents.roster(*(
            documents.person(name, role, documents.public_line(self.directory / name))
            for name, role in self.roles.items()))

    def request(self, method, path, body=None, headers=None):
        return self.bare.management().request(method, path, body, headers)

    def post(self, path, body=None):
        return self.request("POST", path, body if body is not None else {})

    def get(self, path):
        return self.request("GET", path)

    def document(self, operation):
        """The exact octets, as the 202 carried them: RFC 8785 again."""
        return documents.canonical(operation["document"])

    def step(self, operation, verb, person, kind=None, octets=None, key=None):
        signature = documents.sign(self.directory / (key or person),
                                   octets or self.document(operation),
                                   kind or KINDS[verb]).decode()
        return self.post(f"/v1/operations/{operation['id']}/{verb}",
                         {"person": person, "signature": signature})

    def execute(self, operation):
        return self.post(f"/v1/operations/{operation['id']}/execute")

    def make(self, path, body, requester="alice", method="POST"):
        answer = self.request(method, path,
                              {**body, "requester": requester, "reason": "a test"})
        assert answer.status == 202, answer
        return answer.json()

    def ask(self, path, body, requester="alice", method="POST"):
        operation = self.make(path, body, requester, method)
        answer = self.step(operation, "request", requester)
        assert answer.status == 200, answer
        return operation

    def kill_keeper(self):
        before = self.bare.keepers()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.bare.keepers() and not set(before) & set(self.bare.keepers())
                   and self.is_well(), 30, "another keeper")

    def is_well(self):
        """Both api processes have been told."""
        return ('"operational"' in self.bare.ready() and
                self.get("/v1/system").json().get("state") == "operational")

    def restart(self):
        self.bare.stop()
        self.bare.launch()
        wait_until(self.is_well, 30, "the appliance to be back")

    def begin(self, policy=None):
        """Genesis: everybody signs; whoever is missing is named."""
        *others, last = self.roles
        answer = self.post("/v1/genesis", {"token": "a", "initialise": True, "client": "operator",
                                           "roster": self.roster(),
                                           "policy": policy or documents.policy()})
        assert answer.status == 202, answer
        operation = answer.json()
        assert operation["state"] == "open" and operation["document"]["type"] == "genesis"
        refused(self.execute(operation), 409, "alice")
        for name in others:
            answer = self.step(operation, "approvals", name)
            assert answer.status == 200, answer
        refused(self.execute(operation), 409, last)
        refused(self.step(operation, "approvals", last, key="mallory"), 422)
        assert self.step(operation, "approvals", last).json()["state"] == "approved"
        answer = self.execute(operation)
        assert answer.status == 201, answer
        wait_until(lambda: '"operational"' in self.bare.ready(), 30, "the appliance to work")
