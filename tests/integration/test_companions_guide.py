"""docs/guides/companions.md, typed from its first line to its last; and the plugins that two documents show."""

import json
import os
import re
import signal
import subprocess

import pytest

from harness.bare import free_port
from harness.certify import Authority, Certify, Wallet, body_1_0, configuration, decoded
from harness.oidc import Oidc
from harness.places import BUILD, TOP, private_copy

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="plugins are root's")
MARK = "--- block"
LIMIT_S = 900


def blocks_of(name, language):
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", (TOP / "docs" / name).read_text(), re.M | re.S)
    return [text for of, text in blocks if of == language]


def typed(text, appliance, plugins):
    """What a person types, with places and ports of this run."""
    first, second = free_port(), free_port()
    for shown, here in (("/tmp/try", str(appliance.directory)), ("8443", str(first)), ("8444", str(second)),
                        ("/usr/local/lib/privyseal-try", str(plugins)), ("$PWD/build", str(BUILD)),
                        ('"$OLDPWD"/build', str(BUILD))):
        assert shown in text, shown
        text = text.replace(shown, here)
    return text


def end(process):
    """Whatever it has started, too."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run_script(path, script):
    """Its output, block by block. Into a file, since what it starts keeps a pipe open."""
    path.write_text(script)
    said = path.with_suffix(".said")
    with open(said, "wb") as out:
        process = subprocess.Popen(["/bin/bash", "-euo", "pipefail", path], stdin=subprocess.DEVNULL,
                                   cwd=TOP, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        code = process.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        code = None
    finally:
        end(process)
        process.wait()
    text = said.read_text()
    assert code == 0, text[-4000:]
    return text.split(f"{MARK}\n")[1:]


def json_of(text):
    """The last object of a block's output."""
    return json.loads(text[text.rindex("\n{\n") if "\n{\n" in text else text.index("{"):])


@pytest.fixture(scope="module")
def said(appliance, tmp_path_factory):
    blocks = blocks_of("guides/companions.md", "sh")
    script = "".join(f"echo '{MARK}'\n{block}" for block in blocks)
    shown = run_script(tmp_path_factory.mktemp("guide") / "script",
                       typed(script, appliance, tmp_path_factory.mktemp("plugins")))
    assert len(shown) == len(blocks)
    return dict(zip(blocks, shown))


def output(said, words):
    """Of the one block that has these words."""
    found = [text for block, text in said.items() if words in block]
    assert len(found) == 1, words
    return found[0]


def test_relying_parties_are_registered_as_the_guide_says(said):
    for name in ("portal", "bank", "wallet"):
        told = output(said, f'{{"clientId": "{name}"')
        assert f'{{"clientId":"{name}","status":"ACTIVE"}}' in told and '"errors":[]' in told
    assert '{"clientId":"bank","status":"INACTIVE"}' in output(said, "INACTIVE")


def test_people_log_in_as_the_guide_says(said):
    portal = json_of(output(said, "--client portal"))
    assert portal["userinfo"]["name"] == "Sample Somebody" and portal["userinfo_came_as"] == "JWS"
    assert portal["userinfo"]["email"] == "somebody@example.org"
    assert portal["id_token"]["aud"] == "portal"
    bank = json_of(output(said, "--par --dpop"))
    assert bank["userinfo"]["name"] == "Sample Somebody" and bank["userinfo_came_as"] == "JWE"
    assert bank["userinfo"]["sub"] != portal["userinfo"]["sub"]
    assert output(said, "name --dpop") == "party.py: no login: invalid_request\n"


def test_credentials_come_as_the_guide_says(said):
    first = json_of(output(said, 'CARD="'))
    assert (first["claims"]["name"], first["claims"]["birthdate"]) == ("Sample Somebody", "1990-01-31")
    assert "card_number" not in first["claims"]
    changed = json_of(output(said, "configure PUT"))
    assert changed["claims"]["card_number"] == "ID-2000000001"
    assert changed["header"]["kid"] == first["header"]["kid"]
    assert "pre-activation" in output(said, "keys rotate")
    rotated = json_of(output(said, "keys activate"))
    assert rotated["header"]["kid"] != first["header"]["kid"]


def test_the_log_tells_of_it(said):
    assert "The log verifies" in output(said, "log verify")


# What documents show in C

@pytest.fixture(scope="module", name="plugin")
def compiler(tmp_path_factory):
    def compiled(document, name, headers):
        place = tmp_path_factory.mktemp(name)
        source, = blocks_of(document, "c")
        (place / f"{name}.c").write_text(source)
        line, = [line for block in blocks_of(document, "") for line in block.splitlines()
                 if line.startswith("cc ")]
        words = line.split() + ["-Wall", "-Wextra", "-Werror", "-I", TOP / headers]
        subprocess.run(words, cwd=place, check=True, timeout=60)
        made, = place.glob("*.so")
        return private_copy(made, tmp_path_factory.mktemp("loaded"))
    return compiled


def test_the_authenticator_of_the_document_is_loaded(plugin, tmp_path):
    made = plugin("plugins.md", "nobody", "frontends/plugins")
    with Oidc(tmp_path / "none", more={"authenticator": [f"plugin = {made}"]}) as running:
        client = running.public()
        told = client.get("/.well-known/openid-configuration").json()
        client.close()
        assert '"plugin_loaded","plugin":"nobody"' in running.log()
    assert told["acr_values_supported"] == ["mosip:idp:acr:static-code"]


def test_the_data_provider_of_the_document_has_what_is_issued(appliance, plugin, tmp_path):
    made = plugin("credentials.md", "everybody", "frontends/certify")
    authority = Authority(tmp_path / "jwks.json")
    with Certify(appliance.environment["PRIVYSEAL_SOCKET"], authority,
                 providers=f"[provider all]\nplugin = {made}\n") as running:
        assert '"provider":"all","plugin":"everybody","version":"1"' in running.log()
        answer = running.configure(configuration(dataProvider="all", sdClaim=None,
                                                 vcTemplate={"name": "${name}"}))
        assert answer.status == 201, answer
        answer = running.ask(authority.token(), body_1_0(Wallet().proof(running.nonce())))
    assert answer.status == 200, answer
    made = answer.json()["credentials"][0]["credential"]
    assert decoded(made.split(".")[1])["name"] == "Everybody"


# Before anything is configured

PROGRAMS = [BUILD / "frontends" / "oidc" / "privyseal-oidc", BUILD / "frontends" / "certify" / "privyseal-certify",
            BUILD / "frontends" / "plugins" / "registry" / "privyseal-registry"]


def run(*words):
    return subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_each_program_says_how_it_is_started(program):
    asked, wrong, short = run(program, "--help"), run(program), run(program, "-h")
    assert (asked.returncode, asked.stderr) == (0, "") and asked.stdout.startswith(f"usage: {program.name} ")
    assert (short.returncode, short.stdout, short.stderr) == (0, asked.stdout, "")
    assert (wrong.returncode, wrong.stdout, wrong.stderr) == (2, "", asked.stdout)


def test_the_example_configurations_are_sound_and_of_one_another():
    told = {}
    for name in ("oidc", "certify"):
        example = BUILD / "frontends" / name / "systemd" / f"privyseal-{name}.conf"
        done = run(BUILD / "frontends" / name / f"privyseal-{name}", "--config", example, "--check-config")
        assert (done.returncode, done.stdout, done.stderr) == (0, "OK\n", "")
        told[name] = dict(re.findall(r"^(\w+) = (\S+)$", example.read_text(), re.M))
    assert told["certify"]["server"] == told["oidc"]["url"] + "/v1/esignet"
    assert told["certify"]["jwks_socket"] in (BUILD / "frontends" / "oidc" / "systemd"
                                              / "privyseal-oidc.conf").read_text()
