"""An appliance with very many wrapped keys: more than a test has time to have made one by one."""

import configparser
import os
import pathlib
import shutil
import subprocess
import tempfile

from harness.appliance import wait_until
from harness.http_unix import unb64u
from harness.leaves import read_events
from harness.places import BUILD

FILL = BUILD / "tests" / "bench" / "fill"
SHARED = {"type": "ec-p256", "usage": "sign", "formats": ["jws"], "residence": "wrapped"}
PER_BATCH = 128
PER_START = 50_000  # a start that reads so many is in time on a slow machine too


def done(answer):
    if answer.status not in (200, 201):
        raise RuntimeError(f"not done: {answer}")
    return answer


def make(appliance, prefix, count):
    """Keys that the token makes, as people approve them; their names."""
    names = [f"{prefix}{number}" for number in range(count)]
    for at in range(0, count, PER_BATCH):
        some = names[at:at + PER_BATCH]
        answer = appliance.change("POST", "/v1/keys/batch",
                                  {**SHARED, "keys": [{"name": name} for name in some]})
        if answer.status == 202:  # a slow machine tells before its end
            wait_until(lambda last=some[-1]: appliance.client().get(
                f"/v1/keys/{last}").status == 200, 120, f"{some[-1]} to be made")
        else:
            done(answer)
    return names


def make_wrapping_keys(appliance):
    done(appliance.change("POST", "/v1/operations", {"type": "wrapping.create", "params": {}}))


def token_of(appliance):
    config = configparser.ConfigParser(strict=False, interpolation=None)
    config.read(appliance.directory / "privyseald.conf")
    return dict(config[next(name for name in config.sections() if name.startswith("token"))])


def id_of_log_key(appliance):
    for leaf in read_events(appliance.directory / "data" / "log"):
        for effect in leaf.get("data", {}).get("effects", []):
            if effect["kind"] == "version" and effect["name"] == "privyseal.log/1":
                return unb64u(effect["row"]["object_id"]).hex()
    raise RuntimeError("no leaf made the key of the log")


def sign(appliance, label, text, signature):
    """By the token's key of the log, as the keeper has it signed."""
    token = token_of(appliance)
    lines = [line for line in token.get("environment", "").splitlines() if "=" in line]
    environment = dict(os.environ, **dict(line.strip().split("=", 1) for line in lines))
    with open(token["pin_file"], encoding="ascii") as pin_file:
        environment["FILL_PIN"] = pin_file.read().strip()
    subprocess.run(["pkcs11-tool", "--module", token["module"], "--token-label", label, "--login",
                    "--pin", "env:FILL_PIN", "--sign", "--mechanism", "EDDSA", "--id",
                    id_of_log_key(appliance), "--input-file", text, "--output-file", signature],
                   env=environment, check=True, capture_output=True, timeout=60)


def fill(appliance, template, prefix, count):
    """`count` keys of the form of `template` beside it, of which none can be used: PREFIX0 and on."""
    for at in range(0, count, PER_START):
        before = snapshot_size(appliance)
        fill_some(appliance, template, f"{prefix}{at // PER_START}." if at else prefix,
                  min(PER_START, count - at))
        if at + PER_START < count:  # the next start reads what comes behind it
            wait_until(lambda size=before: snapshot_size(appliance) > size, 600, "a snapshot")


def snapshot_size(appliance):
    """Leaves of the snapshot that is signed for."""
    note = appliance.directory / "data" / "snapshot" / "note"
    return int(note.read_text(encoding="utf-8").split("\n")[1]) if note.exists() else 0


def fill_some(appliance, template, prefix, count):
    if shutil.which("pkcs11-tool") is None:
        raise RuntimeError("pkcs11-tool is not there: scripts/install-dependencies test")
    label = appliance.management().get("/v1/system").json()["tokens"][0]["label"]
    data = appliance.directory / "data"
    text = appliance.directory / "checkpoint-text"
    signature = appliance.directory / "checkpoint-signature"
    wait_until(lambda: appliance.client().get("/health/ready").status == 200, 60, "it to be ready")
    appliance.stop()
    # In memory meanwhile: each row is synced by itself.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as work:
        there = pathlib.Path(work) / "data"
        subprocess.run(["cp", "-a", data, there], check=True)
        subprocess.run([FILL, there, "put", template, prefix, str(count), text], check=True)
        sign(appliance, label, text, signature)
        subprocess.run([FILL, there, "sign", text, signature], check=True)
        subprocess.run(["rm", "-rf", data], check=True)
        subprocess.run(["cp", "-a", there, data], check=True)
    appliance.start()
