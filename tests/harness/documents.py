"""Operation documents, rosters, policies and keys of people, made without any code of ours."""

import base64
import datetime
import hashlib
import json
import os
import subprocess

from .places import BUILD

AUTHENTICATOR = BUILD / "tests" / "officer" / "libauthenticator.so"
PIN = "1234"  # of the authenticator
NAMESPACE = "{}.ceremony.privyseal.v1"
HASH = 64 * "5"


def canonical(value):
    """RFC 8785, for what our documents are made of: strings, booleans, lists, objects."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(octets):
    return hashlib.sha256(octets).hexdigest()


def moment(hours=0):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def policy(**changes):
    """The default policy of lib/ceremony/people/policy.h."""
    def rule(officers, auditors, requester):
        return {"officers": str(officers), "auditors": str(auditors), "requester": requester}

    return {"classes": {"A": rule(2, 1, "excluded"), "B": rule(2, 0, "excluded"),
                        "C": rule(1, 0, "counted"), "U": rule(2, 0, "counted")},
            "cooling_off_s": "86400", "epoch": "1",
            "recovery": {"delay_s": "259200", "threshold": "2"},
            "sk": {"application": "ssh:", "presence": True, "verification": True}, "v": "1",
            **changes}


def person(name, role, *keys, **changes):
    return {"keys": list(keys), "person": name, "role": role, "valid_from": moment(-24),
            "valid_until": moment(24 * 365), **changes}


def roster(*people):
    return {"people": sorted(people, key=lambda entry: entry["person"]), "v": "1"}


def suspend_key(key="oidc.id-token"):
    return "key.suspend", {"key": key, "state": "suspended", "version": "0"}


def destroy_key(key="oidc.id-token"):
    return "key.destroy", {"key": key, "objects": [32 * "a"], "recovery": "none", "token": "main",
                           "version": "1"}


def register_client(name="oidc"):
    return "client.register", {"issuer": "", "listener": "clients", "name": name, "pins": [],
                               "san": "", "uids": ["1000"]}


def enrol(entry):
    return "officer.enrol", {"entry": entry}


def genesis(people):
    client = {"issuer": "", "listener": "both", "name": "administrator", "pins": [], "san": "",
              "uids": ["0"]}
    return "genesis", {"client": client, "configuration": HASH, "initialise": True, "log_key_type": "ed25519",
                       "objects": [32 * "a", 32 * "b"], "origin": "keys.example.org/a",
                       "policy": policy(), "practice": False, "roster": people, "token": "main"}


def document(operation, **members):
    """The octets that people sign. `operation`: (type, params)."""
    made = {
        "appliance": HASH, "ceremony": "", "max_log_size": "100042", "nonce": os.urandom(16).hex(),
        "log": {"origin": "keys.example.org/a", "size": "42",
                "root": base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")},
        "not_after": moment(24), "not_before": moment(-1), "params": operation[1],
        "policy": {"epoch": "1", "hash": sha256(canonical(policy()))}, "reason": "for a test",
        "requester": "alice", "roster": HASH, "step": "1", "type": operation[0], "v": "1",
        **members}
    return canonical(made)


def make_key(path, kind="ed25519", passphrase=""):
    """A real key pair; returns its public line without the comment."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f",
                    str(path)], check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return public_line(path)


def public_line(path):
    return " ".join(path.with_name(path.name + ".pub").read_text().split()[:2])


def sign(key, octets, kind="approve"):
    """A signature by stock ssh-keygen; its armored text."""
    return subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE.format(kind), "-f",
                           str(key)], input=octets, check=True, capture_output=True).stdout


def with_authenticator(path):
    """An ssh-keygen into which the software authenticator of tests/officer/ is plugged."""
    path.write_text(f"#!/bin/sh\nexport SSH_SK_PROVIDER={AUTHENTICATOR}\n"
                    'exec /usr/bin/ssh-keygen "$@"\n')
    path.chmod(0o755)
    return path
