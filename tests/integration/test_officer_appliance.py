"""The documents that a real appliance makes, read by `privyseal-officer`."""

import subprocess

from harness.documents import sha256
from harness.places import BUILD

OFFICER = BUILD / "appliance" / "officer" / "privyseal-officer"


def test_every_document_of_an_appliance_is_shown(appliance, management, tmp_path):
    made = appliance.change("POST", "/v1/keys/oidc.id-token/suspend", {"reason": "to be shown"})
    assert made.status == 201, made
    operations = management.get("/v1/operations?limit=1000").json()["items"]
    assert {"genesis", "key.create", "key.suspend"} <= {each["type"] for each in operations}
    for operation in operations:
        answer = management.get(f"/v1/operations/{operation['id']}/document")
        assert answer.status == 200, answer
        path = tmp_path / f"{operation['id']}.json"
        path.write_bytes(answer.body)
        done = subprocess.run([OFFICER, "show", path], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and sha256(answer.body) in done.stdout, (operation, done)
