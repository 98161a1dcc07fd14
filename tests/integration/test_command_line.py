"""`privyseal` as people and scripts call it: what it says, and what it ends with."""

import json
import os
import re
import subprocess

import pytest

from harness.appliance import PRIVYSEAL

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
    (["system", "--socket", "/no/such/socket"], UNAVAILABLE, "Does privyseald run"),
    (["system", "--url", "https://127.0.0.1:1"], UNAVAILABLE, "Connection refused"),
])
def test_a_mistake_says_what_to_do(call, words, code, said):
    done = call(*words)
    assert (done.returncode, done.stdout if code != USAGE or words else "") == (code, ""), done
    assert said in done.stdout + done.stderr, done


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


def commands(call):
    """Every command of the overview but those that stay or need a line of arguments of their own."""
    lines = call("help").stdout.splitlines()
    return [line[2:23].strip() for line in lines if line.startswith("  ")]


def test_every_command_has_help_and_takes_json(call):
    for name in commands(call):
        words = name.split()[:1] if name == "dev DIR" else name.split()
        asked, option = call("help", *words), call(*words, "--help")
        assert asked.returncode == DONE and asked.stdout.startswith(f"usage: privyseal {words[0]}")
        if words != ["dev"]:
            assert option.stdout == asked.stdout and "--json" in asked.stdout
    for group in ("keys", "jws", "log", "client", "grant", "operation"):
        for words in ([group, "--help"], ["help", group]):
            done = call(*words)
            assert done.returncode == DONE and f"privyseal {group} " in done.stdout


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
