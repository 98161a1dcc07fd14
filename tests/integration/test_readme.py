"""The README's commands for a running appliance, as they stand there."""

import json
import re
import subprocess

import jwt

from harness.appliance import PATIENCE_S
from harness.places import PRIVYSEAL, TOP


def block(with_words):
    found = [text for text in re.findall(r"^```\n(.*?)^```", (TOP / "README.md").read_text(), re.M | re.S)
             if with_words in text]
    assert len(found) == 1, with_words
    return found[0]


def run(appliance, script):
    """As a reader does who puts the directory in the place of DIR."""
    script = re.sub(r"\bDIR\b", str(appliance.directory), script)
    script = script.replace("build/appliance/privyseal ", f"{PRIVYSEAL} ")
    done = subprocess.run(["sh", "-ec", script], cwd=TOP, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    return done.stdout


def test_a_first_signature_by_curl(appliance):
    shown = run(appliance, block("curl --unix-socket"))
    decoder = json.JSONDecoder()
    signed, end = decoder.raw_decode(shown)
    jwks, end = decoder.raw_decode(shown, end + len(shown[end:]) - len(shown[end:].lstrip()))
    keys = {key.key_id: key.key for key in jwt.PyJWKSet.from_dict(jwks).keys}
    claims = jwt.decode(signed["jws"], keys[signed["kid"]],
                        [jwt.get_unverified_header(signed["jws"])["alg"]])
    assert claims["iss"] == "https://op.example" and claims["exp"] - claims["iat"] == 300
    assert "oidc.id-token" in shown[end:] and "The log verifies" in shown[end:]


def test_a_key_of_ones_own(appliance):
    enter = f". {appliance.directory}/env\n"
    shown = run(appliance, enter + block("dev approve-all"))
    assert re.search(r"^state +active$", shown, re.M), shown
    answer = appliance.client().post("/v1/jws/sign", {"key": "my.key", "payload": "eA"})
    assert answer.status == 200, answer
