"""Documents as a whole appliance writes them: each intent of its log is one that an officer can read.

The officers' program has its own copy of the schema; an unknown member, or one that is not on its page,
is a failure here.
"""

import json
import subprocess

import pytest

from harness import leaves, model
from harness.appliance import Appliance
from harness.places import BUILD

OFFICER = BUILD / "appliance" / "officer" / "privyseal-officer"
KEY = "documents.one"
DONE = 0
# What an appliance of one developer can be asked for: all but another module of its token.
TYPES = {"certificate.root", "client.register", "client.remove", "client.resume", "client.suspend",
         "genesis", "grant.add", "grant.revoke", "key.activate", "key.compromise", "key.create",
         "key.deactivate", "key.destroy", "key.resume", "key.rotate", "key.suspend", "profile.put",
         "set.put", "set.remove"}
# And, where it is a copy of one that was set up before, its configuration for another place.
OF_A_COPY = {"configuration.approve"} if model.is_kept() else set()


def change(appliance, method, target, body=None):
    answer = appliance.change(method, target, body)
    assert answer.status in (200, 201), (target, answer)
    return answer


def change_keys(appliance):
    change(appliance, "POST", "/v1/keys", {
        "name": KEY, "type": "ec-p256", "usage": "sign", "algorithms": ["ES256"], "formats": ["jws"],
        "jwt": {"iss": "https://id.example.org", "max_ttl_s": 3600, "typ": "JWT"},
        "labels": {"owner": "Zo\u00eb \"Z\" \\ \u202e", "room": "2"}, "validity_s": 31536000,
        "rotation": {"period_s": 7776000, "publish_ahead_s": 86400, "retain_s": 604800}})
    for step, body in (("rotate", {}), ("activate", {"version": 2}), ("suspend", {}),
                       ("resume", {}), ("deactivate", {}), ("destroy", {"version": 1}),
                       ("compromise", {})):
        change(appliance, "POST", f"/v1/keys/{KEY}/{step}", body)


def change_clients(appliance):
    change(appliance, "POST", "/v1/clients",
           {"name": "documents", "san": "documents.example.org", "issuer": "A" * 43})
    for step in ("suspend", "resume"):
        change(appliance, "POST", f"/v1/clients/documents/{step}")
    grant = change(appliance, "POST", "/v1/grants", {
        "client": "documents", "keys": "documents.*", "operations": ["jws.sign", "keys.read"],
        "formats": ["jws"], "rate_per_s": 50, "not_after": "2100-01-01T00:00:00Z"}).json()["id"]
    change(appliance, "DELETE", f"/v1/grants/{grant}")
    change(appliance, "DELETE", "/v1/clients/documents")
    change(appliance, "PUT", "/v1/jwks-sets/documents",
           {"keys": ["documents.*", "other"], "max_age_s": 600})
    change(appliance, "DELETE", "/v1/jwks-sets/documents")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """{type: [files]} of all documents in the log after a run of everything."""
    directory = tmp_path_factory.mktemp("documents")
    files = {}
    with Appliance() as appliance:
        change_keys(appliance)
        change_clients(appliance)
        log = next(path for path in appliance.directory.rglob("events") if path.is_dir())
        for number, leaf in enumerate(leaves.read_tree(log)):
            document = (leaf.get("data") or {}).get("document")
            if document is not None:
                path = directory / f"{number}-{document['type']}.json"
                # RFC 8785 of strings, truth values, objects and arrays with ASCII names.
                path.write_text(json.dumps(document, ensure_ascii=False, sort_keys=True,
                                           separators=(",", ":")))
                files.setdefault(document["type"], []).append(path)
    return files


def show(path, *more):
    return subprocess.run([str(OFFICER), "show", str(path), *map(str, more)], check=False, timeout=60,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)


def texts(value):
    if isinstance(value, dict):
        return [text for member in value.values() for text in texts(member)]
    if isinstance(value, list):
        return [text for element in value for text in texts(element)]
    return [value] if isinstance(value, str) else []


def test_everything_was_asked_for(written):
    assert set(written) == TYPES | OF_A_COPY


def test_an_officer_can_read_every_document_and_all_of_it(written):
    for path in (path for paths in written.values() for path in paths):
        shown = show(path)
        assert shown.returncode == DONE, (path.name, shown.stderr)
        for text in texts(json.loads(path.read_text())):
            told = text.replace("\\", "\\\\").replace('"', '\\"').replace("\u202e", "\\u{202e}")
            assert told in shown.stdout, (path.name, text)


def test_a_member_that_nobody_knows_is_refused(written, tmp_path):
    for paths in written.values():
        document = json.loads(paths[0].read_text())
        document["params"]["zzz"] = "1"
        other = tmp_path / "other.json"
        other.write_text(json.dumps(document, ensure_ascii=False, sort_keys=True,
                                    separators=(",", ":")))
        shown = show(other)
        assert shown.returncode != DONE
        assert "zzz" in shown.stderr


def test_two_of_a_kind_are_compared(written):
    first, second = written["key.create"][0], written["key.create"][-1]
    shown = show(second, "--last", first)
    assert shown.returncode == DONE, shown.stderr
    assert f'is "{KEY}"' in shown.stdout
