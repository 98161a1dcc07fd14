"""`privyseal` as people and scripts call it: what it says, and what it ends with."""

import json
import os
import re
import subprocess

import pytest

from harness.places import PRIVYSEAL, PRIVYSEALD

KEY = "oidc.id-token"
DONE, FAILED, USAGE, REFUSED, NOT_FOUND, UNAVAILABLE = range(6)


@pytest.fixture(scope="module")
def call(appliance):
    environment = dict(os.environ, **appliance.environment)

    def run(*words, text=None, env=environment):
        return subprocess.run([str(PRIVYSEAL), *map(str, words)], input=text or "", text=True,
                              capture_output=True, env=env, check=False, timeout=60)
    return run


@pytest.mark.parametrize("words, code, said", [
    ([], USAGE, "usage: privyseal COMMAND"),
    (["nonsense"], USAGE, "no command `nonsense`"),
    (["--json", "system"], USAGE, "options stand after the command"),
    (["keys"], USAGE, "privyseal keys create"),
    (["dev"], USAGE, "one directory is needed"),
    (["dev", "/tmp/x", "--set", "nonsense"], USAGE, "--set takes SECTION.KEY=TEXT"),
    (["dev", "/tmp/x", "--nonsense"], USAGE, "an option that there is not"),
    (["keys", "list", "more"], USAGE, "takes options only"),
    (["keys", "show"], USAGE, "usage: privyseal keys show NAME"),
    (["keys", "list", "--nonsense"], USAGE, "see `privyseal help keys list`"),
    (["keys", "list", "--limit"], USAGE, "--limit takes COUNT"),
    (["system", "--timeout", "soon"], USAGE, "--timeout takes seconds"),
    (["system", "--timeout", "0"], USAGE, "--timeout takes seconds"),
    (["jws", "sign"], USAGE, "`privyseal keys list` shows them"),
    (["jws", "sign", "/no/such/file", "--with", KEY], USAGE, "cannot read /no/such/file"),
    (["keys", "create", "a.b", "--type", "nonsense"], USAGE, "`privyseal help keys create`"),
    (["keys", "show", "no.such.key"], NOT_FOUND, "there is no such key"),
    (["keys", "destroy", KEY, "--dry-run"], REFUSED, "deactivate it first"),
    (["genesis"], REFUSED, "wrong-state; it is operational"),
    (["jws", "sign", "--with", "oidc.decrypt"], REFUSED, "key-mismatch"),
    (["explain", "nonsense"], NOT_FOUND, "`privyseal explain` lists them"),
    (["completion", "tcsh"], USAGE, "bash, zsh and fish"),
    (["log", "verify", "/no/such/directory"], NOT_FOUND, "events/ and use/"),
    (["log", "verify", "/usr"], NOT_FOUND, "there is no log in /usr"),
    (["log", "verify", "/etc/passwd"], USAGE, "/etc/passwd is neither the directory of a log nor"),
    (["system", "--url", "http://127.0.0.1:1"], USAGE, "give https://HOST:PORT"),
    (["system", "--socket", "/no/such/socket"], UNAVAILABLE, "Does privyseald run"),
    (["system", "--url", "https://127.0.0.1:1"], UNAVAILABLE, "Connection refused"),
])
def test_a_mistake_says_what_to_do(call, words, code, said):
    done = call(*words)
    assert (done.returncode, done.stdout if code != USAGE or words else "") == (code, ""), done
    assert said in done.stdout + done.stderr, done


@pytest.mark.parametrize("section, key, value, said", [
    ("clients", "socket", "/tmp", "[clients] /tmp is there and is no socket"),
    ("appliance", "data", "/etc/passwd", "[appliance] /etc/passwd is no directory"),
    ("token a", "store", "/no/such/store", "[token a] /no/such, in which store is made"),
    ("backup", "directory", "/etc/passwd", "[backup] /etc/passwd is no directory"),
])
def test_check_config_names_what_a_start_would_refuse(appliance, tmp_path, section, key, value,
                                                      said):
    text = (appliance.directory / "privyseald.conf").read_text()
    changed, count = re.subn(rf"(\[{section}\](?:\n[^\[]*?)?\n{key} = ).*", rf"\g<1>{value}", text,
                             count=1)
    assert count == 1
    (tmp_path / "privyseald.conf").write_text(changed)
    done = subprocess.run([str(PRIVYSEALD), "--config", str(tmp_path / "privyseald.conf"),
                           "--check-config"], text=True, capture_output=True, check=False)
    assert done.returncode == FAILED and said in done.stderr, done


def test_the_daemon_says_how_it_is_started():
    for option in ("--help", "-h"):
        done = subprocess.run([str(PRIVYSEALD), option], text=True, capture_output=True, check=False)
        assert done.returncode == DONE and not done.stderr, done
        assert done.stdout.startswith("usage: privyseald --config FILE")


def test_which_appliance_is_asked_when_nothing_says_so(call):
    bare = {"PATH": os.environ["PATH"]}
    for words, variable in ((["system"], "PRIVYSEAL_MANAGEMENT_SOCKET"),
                            (["keys", "list"], "PRIVYSEAL_SOCKET")):
        done = call(*words, env=bare)
        assert done.returncode == USAGE and variable in done.stderr


def test_a_signature_that_is_not_good_is_no_success(call):
    jws = call("jws", "sign", "--with", KEY, text="Dear all").stdout
    assert call("jws", "verify", "--with", KEY, text=jws).returncode == DONE
    head, payload, signature = jws.strip().split(".")
    forged = ".".join([head, payload, ("A" if signature[0] != "A" else "B") + signature[1:]])
    for words, text in ((["--with", KEY], forged), (["--with", "test.rsa"], jws)):
        done = call("jws", "verify", *words, text=text)
        assert done.returncode == FAILED and re.search(r"^valid +no$", done.stdout, re.M), done
    assert call("jws", "verify", "--with", KEY, text="nonsense").returncode == USAGE


def test_what_is_made_is_printed_alone_and_verified_as_it_came(call, tmp_path):
    claims = tmp_path / "claims.json"
    claims.write_text('{"iss": "https://a.example", "vct": "https://a.example/v"}')
    for words in (["cose", "sign"], ["cwt", "sign", "--claims", claims, "--tag", "cwt"],
                  ["cwt", "sign", "--claims", claims, "--tag", "none"]):
        made = call(*words, "--with", "certify.mdoc", text="Dear all")
        verified = call("cose", "verify", "--with", "certify.mdoc", text=made.stdout)
        assert verified.returncode == DONE, (made, verified)
    made = call("sd-jwt", "sign", "--with", "certify.vc-jwt", "--payload", claims, "--typ", "dc+sd-jwt")
    verified = call("jws", "verify", "--with", "certify.vc-jwt", text=made.stdout)
    assert verified.returncode == DONE, (made, verified)


def test_a_jwe_goes_to_one_certificate(call, tmp_path):
    one, two = tmp_path / "one.pem", tmp_path / "two.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
                    tmp_path / "key.pem", "-subj", "/CN=partner", "-out", one],
                   check=True, capture_output=True)
    two.write_text(one.read_text() * 2)
    assert call("jwe", "encrypt", "--certificate", one, text="a").stdout.count(".") == 4
    for path in (two, tmp_path / "key.pem"):
        done = call("jwe", "encrypt", "--certificate", path, text="a")
        assert done.returncode == USAGE and "not one certificate in PEM" in done.stderr, done


def test_keys_that_make_no_signatures(call):
    sealed = call("keys", "encrypt", "test.aes", "--aad", "YQ", text="a secret").stdout
    opened = call("keys", "decrypt", "test.aes", "--aad", "YQ", text=sealed)
    assert (opened.returncode, opened.stdout) == (DONE, "a secret")
    assert call("keys", "decrypt", "test.aes", text=sealed).returncode == REFUSED
    mac = call("keys", "mac", "test.hmac", text="message").stdout.strip()
    for message, code in (("message", DONE), ("massage", FAILED)):
        done = call("keys", "mac-verify", "test.hmac", "--mac", mac, text=message)
        assert done.returncode == code, done
    assert call("keys", "mac-verify", "test.hmac", text="message").returncode == USAGE


def test_why_says_where_else_to_look(call):
    done = call("why", "never-seen")
    assert done.returncode == NOT_FOUND and "since the keeper's start" in done.stderr, done
    assert "X-Request-Id" in done.stderr and "log lines" in done.stderr, done
    assert "GET /v1/keys" not in done.stderr, done


def commands(call):
    """Every command of the overview but those that stay or need a line of arguments of their own."""
    lines = call("help").stdout.splitlines()
    rows = [line for line in lines if line.startswith("  ")]
    start = max(len(line[2:].split("  ")[0]) for line in rows) + 4
    assert all(line[start - 2:start] == "  " and line[start] != " " for line in rows)
    return [line[:start].strip() for line in rows]


def test_every_command_has_help_and_takes_json(call):
    for name in commands(call):
        words = name.split()[:1] if name == "dev DIR" else name.split()
        asked, option = call("help", *words), call(*words, "--help")
        assert asked.returncode == DONE and asked.stdout.startswith(f"usage: privyseal {words[0]}")
        if words != ["dev"]:
            assert option.stdout == asked.stdout and "--json" in asked.stdout
        short = call(*words, "-h")
        assert (short.returncode, short.stdout) == (DONE, option.stdout), short
    for group in ("keys", "jws", "log", "client", "grant", "operation", "ceremony"):
        for words in ([group, "--help"], [group, "-h"], ["help", group]):
            done = call(*words)
            assert done.returncode == DONE and f"privyseal {group} " in done.stdout
    asked, short = call("--help"), call("-h")
    assert short.returncode == DONE and short.stdout == asked.stdout == call("help").stdout


def test_what_is_read_is_json_with_json_and_lines_without(appliance, call, tmp_path):
    log = appliance.directory / "data/log"
    for words in (["system"], ["whoami"], ["expiring"], ["keys", "list"], ["keys", "show", KEY],
                  ["keys", "public", KEY], ["client", "list"], ["grant", "list"],
                  ["operation", "list"], ["keys", "rotate", KEY, "--dry-run"], ["explain"],
                  ["explain", "forbidden"], ["log", "verify", log],
                  ["log", "export", log, tmp_path / "export"]):
        done = call(*words, "--json")
        assert done.returncode == DONE, done
        json.loads(done.stdout)
    for words in (["system"], ["keys", "show", KEY], ["grant", "list"]):
        assert "{" not in call(*words).stdout
    assert call("log", "export", log, tmp_path / "export").returncode == FAILED


def completions(call, line):
    """What bash would offer for the last word of the line."""
    script = call("completion", "bash").stdout
    words = line.split(" ")
    script += (f"COMP_WORDS=({' '.join(words[:-1])} '{words[-1]}')\nCOMP_CWORD={len(words) - 1}\n"
               "_privyseal\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n")
    done = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True)
    return done.stdout.split()


def test_bash_completes_commands_and_options(call):
    assert "keys" in completions(call, "privyseal ") and "dev" in completions(call, "privyseal ")
    assert completions(call, "privyseal ke") == ["keys"]
    assert completions(call, "privyseal keys ro") == ["rotate"]
    assert "--dry-run" in completions(call, "privyseal keys rotate --d")
    assert completions(call, "privyseal keys create --ty") == ["--type"]


def test_zsh_and_fish_complete_the_same(call):
    """Neither need be installed: zsh runs bash's script, fish has a line for each word."""
    scripts = {shell: call("completion", shell).stdout for shell in ("bash", "zsh", "fish")}
    head, rest = scripts["zsh"].split("\n", 1)
    assert head == "#compdef privyseal" and rest.split("\n", 1)[1] == scripts["bash"]
    assert "bashcompinit" in rest.split("\n", 1)[0]
    for name in commands(call):
        words = name.split()[:2]
        if words[0] == "dev":
            continue
        option = re.search(r"^  --(\S+)", call("help", *name.split()).stdout.split("and with every")[0], re.M)
        assert f"'{name}'" in scripts["bash"], name
        place = (f"-n '__fish_seen_subcommand_from {words[0]}' -a {words[1]} " if len(words) == 2
                 else f"-n __fish_use_subcommand -a {words[0]} ")
        assert f"complete -c privyseal -f {place}" in scripts["fish"], name
        if option:
            assert f"_from {words[-1]}' -l {option[1]}" in scripts["fish"], name


def test_what_a_client_may_ask_has_a_command(call, tmp_path):
    assert json.loads(call("health", "--json").stdout)["state"] == "operational"
    assert "privyseal_state{" in call("metrics").stdout
    assert json.loads(call("contract").stdout)["openapi"].startswith("3.1")
    octets = call("random", "--octets", "24").stdout.strip()
    assert re.fullmatch(r"[\w-]{32}", octets), octets
    asked = call("access", "check", "--operation", "jws.sign", "--of-key", KEY, "--json")
    assert json.loads(asked.stdout)["allowed"] is True, asked
    assert re.fullmatch("[0-9a-f]{32}", json.loads(call("client", "nonce", "--json").stdout)["nonce"])
    assert call("inventory", "run").returncode == DONE
    (tmp_path / "body.json").write_text('{"statement": "e30"}')
    bad = call("client", "certificate", "--body", tmp_path / "body.json")
    assert bad.returncode != DONE and "old_key" in bad.stderr, bad
    (tmp_path / "claims.json").write_text('{"iss": "https://a.example"}')
    jwt = call("jwt", "sign", "--with", KEY, "--claims", tmp_path / "claims.json", "--ttl-s", "60")
    assert call("jws", "verify", "--with", KEY, text=jwt.stdout).returncode == DONE, jwt
