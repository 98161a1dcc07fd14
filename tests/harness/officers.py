"""`privyseal-officer`, and people with keys who use it."""

import re
import subprocess

import pytest

from . import documents
from .appliance import PATIENCE_S
from .places import BUILD

OFFICER = BUILD / "appliance" / "officer" / "privyseal-officer"
DONE, FAILED, USAGE, REFUSED, NOT_FOUND, UNAVAILABLE = range(6)
ROLES = {"alice": "officer", "bob": "officer", "carol": "officer", "dave": "officer",
         "erin": "auditor", "frank": "auditor"}
KINDS = {"bob": "ecdsa"}
# One operation of each class.
A, B, C = documents.destroy_key(), documents.register_client(), documents.suspend_key()


def call(*words, **options):
    options = {"stdin": subprocess.DEVNULL, "capture_output": True, "check": False, "timeout": PATIENCE_S,
               "text": True, "errors": "surrogateescape", **options}
    return subprocess.run([str(OFFICER), *map(str, words)], **options)


def words_of(path):
    return re.search(r"^Words +(.*)$", call("words", path).stdout, re.M).group(1).split()


def sign(kind, path, key, *more):
    return call(kind, path, "--key", key, "--yes", " ".join(words_of(path)[:4]), *more)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """Six people with their keys, and the roster that they make."""
    directory = tmp_path_factory.mktemp("room")
    people = [documents.person(name, role,
                               documents.make_key(directory / name, KINDS.get(name, "ed25519")))
              for name, role in ROLES.items()]
    (directory / "roster.json").write_bytes(documents.canonical(documents.roster(*people)))
    (directory / "policy.json").write_bytes(documents.canonical(documents.policy()))
    return directory


@pytest.fixture()
def table(room, tmp_path):
    """Where one test puts its documents: the file of a document made under the room's roster."""
    roster = documents.sha256((room / "roster.json").read_bytes())

    def put(operation, name="operation.json", **members):
        path = tmp_path / name
        path.write_bytes(documents.document(operation, **{"roster": roster, **members}))
        return path
    return put


def signatures(room, path, *signers):
    """Signatures by stock ssh-keygen: "bob", or "bob reject" for another kind than approve."""
    made = []
    for signer in signers:
        name, _, kind = signer.partition(" ")
        signature = documents.sign(room / name, path.read_bytes(), kind or "approve")
        made.append(path.with_name(f"{path.name}.{name}.{len(made)}.sig"))
        made[-1].write_bytes(signature)
    return made
