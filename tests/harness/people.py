"""People with software keys who approve what clients ask for, in this process and so quickly.

test_gate.py and test_officer.py hold what stock ssh-keygen makes against the appliance; here it is
enough that the signatures are the same.
"""

import base64
import hashlib
import pathlib
import struct
import time

from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from . import documents

OFFICERS = [f"officer-{number}" for number in range(1, 5)]
AUDITORS = ["auditor-1", "auditor-2"]
REQUESTER = OFFICERS[0]
EXECUTION_S = 600
# Enough for any class, and none more than it needs: who is asked next while people are missing.
APPROVERS = [*OFFICERS[1:3], AUDITORS[0], OFFICERS[3], OFFICERS[0], AUDITORS[1]]


def string(octets):
    """RFC 4251 section 5."""
    return struct.pack(">I", len(octets)) + octets


class People:
    """Those whose keys lie in a directory, as `ssh-keygen` writes them."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.keys = {}
        self.approvers = APPROVERS  # in which order they are asked

    def make(self):
        """Four officers and two auditors."""
        self.directory.mkdir(exist_ok=True)
        for name in OFFICERS + AUDITORS:
            documents.make_key(self.directory / name)
        return self

    def roster(self):
        return documents.roster(*(
            documents.person(name, role, documents.public_line(self.directory / name))
            for role, names in (("officer", OFFICERS), ("auditor", AUDITORS)) for name in names))

    def sign(self, name, octets, kind="approve"):
        """As `ssh-keygen -Y sign` does (PROTOCOL.sshsig of OpenSSH); the armored text."""
        if name not in self.keys:
            blob = base64.b64decode(documents.public_line(self.directory / name).split()[1])
            self.keys[name] = blob, load_ssh_private_key((self.directory / name).read_bytes(), None)
        blob, key = self.keys[name]
        space = string(documents.NAMESPACE.format(kind).encode())
        digest = string(hashlib.sha512(octets).digest())
        signature = key.sign(b"SSHSIG" + space + string(b"") + string(b"sha512") + digest)
        made = (b"SSHSIG" + struct.pack(">I", 1) + string(blob) + space + string(b"")
                + string(b"sha512") + string(string(b"ssh-ed25519") + string(signature)))
        text = base64.b64encode(made).decode()
        lines = [text[at:at + 70] for at in range(0, len(text), 70)]
        return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines,
                          "-----END SSH SIGNATURE-----", ""])


class Gate:
    """Asks for changes and has people approve them.

    `send(method, target, body, headers)` asks the appliance, as any client of ours does.
    """

    def __init__(self, send, people):
        self.send = send
        self.people = people

    def change(self, method, target, body=None, headers=None):
        """One change with everybody's approval; the answer at its end.

        What is refused, or needs nobody, is answered at once.
        """
        body = {"requester": REQUESTER, **(body or {})}
        answer = self.send(method, target, body, headers or {})
        if answer.status != 202 or answer.json()["state"] not in ("draft", "open"):
            return answer
        return self.finish(answer.json())

    def approve(self, operation):
        """Signs an operation, given with its document, until enough have."""
        octets = documents.canonical(operation["document"])
        state = operation["state"]
        if state == "draft":
            state = self.step(operation, "request", REQUESTER, octets)
        for name in self.people.approvers:
            if state == "approved":
                break
            state = self.step(operation, "approvals", name, octets)

    def finish(self, operation):
        """The same, and executes it."""
        self.approve(operation)
        answer = self.send("POST", f"/v1/operations/{operation['id']}/execute", {}, {})
        return self.outlast(operation, answer) if answer.status == 503 else answer

    def outlast(self, operation, answer):
        """An RSA key takes minutes on a slow machine: longer than an answer is waited for."""
        target = f"/v1/operations/{operation['id']}"
        deadline = time.monotonic() + EXECUTION_S
        while (shown := self.send("GET", target, None, {}).json()).get("state") == "executing":
            if time.monotonic() > deadline:
                return answer
            time.sleep(0.2)
        if shown.get("state") != "done" or "location" not in shown:
            return answer
        made = self.send("GET", shown["location"], None, {})
        made.status = 201
        return made

    def step(self, operation, verb, name, octets):
        kind = {"request": "request", "approvals": "approve"}[verb]
        answer = self.send("POST", f"/v1/operations/{operation['id']}/{verb}",
                           {"person": name, "signature": self.people.sign(name, octets, kind)}, {})
        assert answer.status == 200, answer
        return answer.json()["state"]
