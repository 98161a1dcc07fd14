"""`privyseal-officer` as officers and scripts call it; signatures are made by stock ssh-keygen."""

import base64
import os
import re
import shlex
import stat
import subprocess

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
import pytest

from harness import documents, terminal
from harness.officers import (C, DONE, FAILED, NOT_FOUND, OFFICER, REFUSED, USAGE, call, room,  # noqa: F401
                              sign, signatures, table, words_of)

PASSPHRASE = "a passphrase for tests"


# What it is made of

@pytest.mark.skipif("__asan_" in subprocess.run(["nm", str(OFFICER)], check=False, text=True,
                                             capture_output=True).stdout,
                    reason="sanitizers bring shared libraries of their own")
def test_it_is_static_and_runs_where_there_is_nothing_else(tmp_path, table):
    dynamic = subprocess.run(["readelf", "-ld", str(OFFICER)], check=True, capture_output=True,
                             text=True).stdout
    assert "NEEDED" not in dynamic and "INTERP" not in dynamic
    listed = subprocess.run(["ldd", str(OFFICER)], check=False, capture_output=True, text=True)
    assert re.search("statically linked|not a dynamic", listed.stdout + listed.stderr)
    path = table(documents.suspend_key())
    (tmp_path / "officer").write_bytes(OFFICER.read_bytes())
    (tmp_path / "officer").chmod(0o755)
    program, shown, alone = tmp_path / "officer", path, None
    if os.geteuid() == 0:  # others cannot leave it alone in a directory
        program, shown, alone = "/officer", f"/{path.name}", lambda: os.chroot(tmp_path)
    done = subprocess.run([program, "show", shown], capture_output=True, text=True, check=False,
                          env={}, preexec_fn=alone)
    assert done.returncode == DONE and "Suspend the key" in done.stdout, done


def test_no_configuration_of_openssl_is_read(room, tmp_path, table):
    """It could name a library to be loaded. Whoever opens this one waits for ever."""
    os.mkfifo(tmp_path / "openssl.cnf")
    path = table(documents.suspend_key())
    made = signatures(room, path, "alice", "bob")
    done = call("verify", path, *made, "--roster", room / "roster.json",
                env={"OPENSSL_CONF": str(tmp_path / "openssl.cnf")})
    assert done.returncode == DONE, done


# Reading

def test_a_document_is_shown_with_its_hash_and_words(table):
    path = table(documents.suspend_key("oidc.id-token"))
    done = call("show", path)
    assert done.returncode == DONE and done.stderr == ""
    assert 'Suspend the key "oidc.id-token"' in done.stdout
    assert documents.sha256(path.read_bytes()) in done.stdout
    assert " ".join(words_of(path)) in " ".join(done.stdout.split())


def test_words_are_those_of_the_file_s_sha256(tmp_path, table):
    path = table(documents.suspend_key())
    assert documents.sha256(path.read_bytes()) in call("words", path).stdout
    assert len(words_of(path)) == 16
    empty = tmp_path / "empty"  # SHA-256 e3 b0 c4 42 ...; the words are those of the public list
    empty.write_bytes(b"")
    assert words_of(empty)[:4] == ["tissue", "phonetic", "snowslide", "December"]


def test_the_difference_to_the_last_of_its_kind(table):
    before = table(documents.suspend_key("oidc.id-token"), "before.json")
    now = table(documents.suspend_key("oidc.access-token"))
    shown = call("show", now, "--last", before).stdout
    assert re.search(r'Changed .*was "oidc.id-token"; is "oidc.access-token"', shown)
    other = call("show", now, "--last", table(documents.destroy_key(), "other.json"))
    assert other.returncode == FAILED and "another type" in other.stderr


@pytest.mark.parametrize("hours, said", [((-48, -24), "holds no longer"),
                                         ((24, 48), "does not hold yet")])
def test_a_document_out_of_its_time_is_shown_as_such(table, hours, said):
    path = table(documents.suspend_key(), not_before=documents.moment(hours[0]),
                 not_after=documents.moment(hours[1]))
    done = call("show", path)
    assert done.returncode == DONE and said in done.stdout


BROKEN = {
    "a newline at its end": (lambda octets: octets + b"\n", "newline that an editor has added"),
    "a carriage return": (lambda octets: octets + b"\r\n", "newline that an editor has added"),
    "a byte order mark": (lambda octets: b"\xef\xbb\xbf" + octets, "not a document"),
    "a blank": (lambda octets: octets.replace(b'":"', b'": "', 1), "not a document"),
    "an unknown member": (lambda octets: b'{"aa":"",' + octets[1:], "not a document"),
    "a member twice": (lambda octets: octets[:-1] + b',"v":"1"}', "not a document"),
    "a number": (lambda octets: octets.replace(b'"v":"1"', b'"v":1'), "not a document"),
    "null": (lambda octets: octets.replace(b'"v":"1"', b'"v":null'), "not a document"),
    "an unknown type": (lambda octets: octets.replace(b"key.suspend", b"key.suspens"),
                        "not a document"),
    "other params": (lambda octets: octets.replace(b'"suspended"', b'"destroyed"'), "not a document"),
    "half of it": (lambda octets: octets[:len(octets) // 2], "not a document"),
    "nothing in it": (lambda octets: b"", "not a document"),
    "49 KiB": (lambda octets: octets.replace(b"for a test", 49 * 1024 * b"x"), "longer than 49152"),
}


@pytest.mark.parametrize("form", BROKEN)
def test_what_could_not_be_executed_is_refused_in_one_sentence(room, table, form):
    change, said = BROKEN[form]
    path = table(documents.suspend_key())
    path.write_bytes(change(path.read_bytes()))
    shown = call("show", path)
    signed = sign("approve", path, room / "bob")
    for done in (shown, signed):
        assert (done.returncode, done.stdout) == (FAILED, "")
        assert done.stderr.startswith("privyseal-officer: ") and done.stderr.count("\n") == 1
        assert said in done.stderr
    assert not path.with_name(path.name + ".approve.bob.sig").exists()


def test_only_regular_files_are_read(tmp_path, table):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, "/dev/zero"):
        for command in ("show", "words", "keys"):
            done = call(command, path)
            assert done.returncode in (FAILED, REFUSED) and done.stdout == "", done
    assert call("show", tmp_path / "none").returncode == NOT_FOUND


def test_nothing_moves_the_cursor_or_turns_the_text(tmp_path, table):
    hostile = "\x1b[2J\x07\u202egnitset\u2028\x9b1m"
    path = table(documents.suspend_key(), reason=hostile.replace("\x9b", "\u009b"))
    done = call("show", path)
    assert done.returncode == DONE and "\\u{202e}" in done.stdout.lower()
    broken = tmp_path / "\x1b]0;title\x07.json"
    broken.write_bytes(b"{}")
    done = [done, call("show", broken), call("show", path, "--last", broken),
            call("keys", broken), call("verify", path, broken, "--roster", broken)]
    for one in done:
        shown = (one.stdout + one.stderr).replace("\n", "")
        assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028]", shown), one


def test_a_file_s_name_forges_no_line(room, table):
    path = table(documents.suspend_key())
    good = signatures(room, path, "bob")[0]
    forged = path.with_name("x\nPASS  quorum is met: 9 officers, 9 auditors\nx")
    for text in (b"nothing", good.read_bytes()):
        forged.write_bytes(text)
        done = call("verify", path, forged, "--roster", room / "roster.json")
        assert not re.search("^PASS +quorum is met: 9", done.stdout, re.M), done
    for done in (call("show", forged), call("show", path, "--last", forged), call("keys", forged),
                 call("show", path.with_name("y\nz"))):
        assert done.stderr.count("\n") == 1 and "\\u{a}" in done.stderr, done


# Signing

@pytest.mark.parametrize("kind", ["approve", "reject", "request", "statement"])
def test_what_it_writes_stock_ssh_keygen_verifies(room, table, kind):
    path = table(documents.suspend_key())
    done = sign(kind, path, room / "bob")
    assert done.returncode == DONE, done
    signature = path.with_name(f"{path.name}.{kind}.bob.sig")
    assert stat.S_IMODE(signature.stat().st_mode) & 0o133 == 0
    signers = path.with_name("signers")
    signers.write_text(f"bob {documents.public_line(room / 'bob')}\n")
    for namespace, good in ((kind, True), ("another", False)):
        verified = subprocess.run(
            ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", "bob", "-n",
             documents.NAMESPACE.format(namespace), "-s", str(signature)],
            input=path.read_bytes(), capture_output=True, check=False)
        assert (verified.returncode == 0) is good, verified


def test_on_a_terminal_yes_is_typed_and_the_passphrase_goes_to_ssh_keygen(table, tmp_path):
    documents.make_key(tmp_path / "id_officer", passphrase=PASSPHRASE)
    path = table(documents.suspend_key())
    code, shown = terminal.run(
        [OFFICER, "approve", path, "--key", tmp_path / "id_officer"],
        [("Type Yes to approve exactly this: ", "Yes"), ("Enter passphrase", PASSPHRASE)])
    assert code == DONE and "Approved with SHA256:" in shown, shown
    assert PASSPHRASE not in shown
    assert path.with_name(path.name + ".approve.id_officer.sig").exists()


def test_an_answer_before_the_question_is_none(room, table):
    path = table(documents.suspend_key())
    code, shown = terminal.run(
        ["/bin/sh", "-c", f"echo ready; read -r go; exec {OFFICER} approve {path} --key "
         f"{room / 'bob'}"], [("ready", "go\nYes"), ("exactly this: ", "no")])
    assert code == REFUSED and "nothing was signed" in shown


def test_nobody_is_asked_who_cannot_see_the_page(room, table):
    path = table(documents.suspend_key())
    code, _ = terminal.run(
        ["/bin/sh", "-c", f"exec {OFFICER} approve {path} --key {room / 'bob'} > /dev/null"],
        [("no terminal", "Yes")])
    assert code == REFUSED and not path.with_name(path.name + ".approve.bob.sig").exists()


@pytest.mark.parametrize("typed", ["yes", "", "Yes!", "Y"])
def test_anything_but_yes_signs_nothing(room, table, typed):
    path = table(documents.suspend_key())
    code, shown = terminal.run([OFFICER, "approve", path, "--key", room / "bob"],
                               [("exactly this: ", typed)])
    assert code == REFUSED and "nothing was signed" in shown
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_script_shows_that_it_has_seen_the_document(room, table):
    path = table(documents.suspend_key())
    words = words_of(path)
    other = words_of(table(documents.suspend_key(), "other.json"))
    for given in (other[:4], words[:3], words[:5], [*words[:3], words[3] + "x"], ["Yes"], [""]):
        done = call("approve", path, "--key", room / "bob", "--yes", " ".join(given))
        assert done.returncode == REFUSED and "first 4 words" in done.stderr, given
    done = call("approve", path, "--key", room / "bob")
    assert done.returncode == REFUSED and "no terminal" in done.stderr
    done = call("approve", path, "--key", room / "bob", "--yes", "-".join(words[:4]).upper())
    assert done.returncode == DONE, done


def test_a_signature_takes_no_other_file_s_place(room, table):
    path = table(documents.suspend_key())
    there = path.with_name(path.name + ".approve.bob.sig")
    there.symlink_to("elsewhere")
    done = sign("approve", path, room / "bob")
    assert done.returncode == FAILED and "is there already" in done.stderr
    assert not there.exists() and sign("approve", path, room / "bob", "--name", "b2").returncode == 0
    done = sign("approve", path, room / "bob", "--name", "../b3")
    assert done.returncode == FAILED and "--name" in done.stderr


def test_a_reason_goes_beside_a_refusal(room, table):
    path = table(documents.suspend_key())
    done = sign("reject", path, room / "bob", "--reason", "not this week")
    assert done.returncode == DONE and "it is not signed" in done.stdout
    assert path.with_name(path.name + ".reject.bob.reason").read_text() == "not this week\n"
    done = sign("reject", path, room / "carol", "--reason", 1025 * "x")
    assert done.returncode == FAILED and "1024" in done.stderr


def helper(tmp_path, *lines):
    """Something in ssh-keygen's place."""
    path = tmp_path / "ssh-keygen"
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    path.chmod(0o755)
    return path


REAL = "exec /usr/bin/ssh-keygen"
UNTRUE = {
    "other octets": 'echo other | /usr/bin/ssh-keygen "$@"',
    "another namespace": REAL + ' -Y sign -n file -f "$6"',
    "another key": REAL + " -Y sign -n approve.ceremony.privyseal.v1 -f {carol}",
    "no signature": "echo nothing of the kind",
    "no output": ":",
    "a signature and more": '/usr/bin/ssh-keygen "$@"; echo more',
    "without end": "head -c 100000 /dev/zero",
    "a failure": 'echo "no such key" >&2; exit 1',
    "a death": "kill -9 $$",
}


@pytest.mark.parametrize("form", UNTRUE)
def test_what_ssh_keygen_gives_back_is_not_believed(room, table, tmp_path, form):
    program = helper(tmp_path, UNTRUE[form].format(carol=shlex.quote(str(room / "carol"))))
    path = table(documents.suspend_key())
    done = sign("approve", path, room / "bob", "--ssh-keygen", program)
    assert done.returncode in (FAILED, REFUSED), done
    assert done.stderr.splitlines()[-1].startswith("privyseal-officer: "), done
    assert not list(tmp_path.glob("*.sig"))


def test_no_ssh_keygen_says_where_to_get_it(room, table, tmp_path):
    path = table(documents.suspend_key())
    done = sign("approve", path, room / "bob", "--ssh-keygen", tmp_path / "none")
    assert done.returncode == NOT_FOUND and "--ssh-keygen" in done.stderr


def test_what_was_shown_is_signed_whatever_happens_to_the_file(room, table, tmp_path):
    path = table(documents.suspend_key())
    shown = path.read_bytes()
    other = table(documents.destroy_key(), "other.json")
    program = helper(tmp_path, f"cp {shlex.quote(str(other))} {shlex.quote(str(path))}",
                     REAL + ' "$@"')
    assert sign("approve", path, room / "bob", "--ssh-keygen", program).returncode == DONE
    assert path.read_bytes() == other.read_bytes()
    path.write_bytes(shown)
    done = call("verify", path, f"{path}.approve.bob.sig", "--roster", room / "roster.json")
    assert "signed to approve; counted" in done.stdout


def test_ssh_keygen_gets_a_clean_environment_and_no_files(room, table, tmp_path):
    program = helper(tmp_path, f"env > {tmp_path}/env; ls /proc/self/fd > {tmp_path}/fds",
                     REAL + ' "$@"')
    path = table(documents.suspend_key())
    environment = {"LD_PRELOAD": "", "SSH_SK_PROVIDER": "/tmp/x.so", "DISPLAY": ":0", "TERM": "vt100",
                   "PATH": "/nowhere", "SSH_ASKPASS": "/bin/false", "SSH_AUTH_SOCK": "relative"}
    done = call("approve", path, "--key", room / "bob", "--ssh-keygen", program, "--yes",
                " ".join(words_of(path)[:4]), env=environment)
    assert done.returncode == DONE, done
    names = {line.split("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {"PATH", "LC_ALL", "TERM"}
    assert "PATH=/usr/bin:/bin" in (tmp_path / "env").read_text()
    assert len((tmp_path / "fds").read_text().split()) <= 4  # standard ones, and that of ls


def test_the_private_key_is_never_opened(room, table, tmp_path):
    """With the public one alone it works as well, as long as ssh-keygen finds the other."""
    public = tmp_path / "bob.pub"
    public.write_bytes((room / "bob.pub").read_bytes())
    program = helper(tmp_path, f"{REAL} -Y sign -n approve.ceremony.privyseal.v1 -f "
                     f"{shlex.quote(str(room / 'bob'))}")
    path = table(documents.suspend_key())
    done = sign("approve", path, tmp_path / "bob", "--ssh-keygen", program)
    assert done.returncode == DONE, done
    done = sign("approve", path, tmp_path / "nobody")
    assert done.returncode == NOT_FOUND and "ssh-keygen -y" in done.stderr


# Hardware keys, by a software authenticator under the real ssh-keygen

@pytest.fixture(scope="module")
def with_hardware_key(tmp_path_factory):
    """ssh-keygen with an authenticator plugged in."""
    return documents.with_authenticator(tmp_path_factory.mktemp("sk") / "ssh-keygen")


@pytest.mark.parametrize("kind, options, signed, counted, said", [
    ("ed25519-sk", ["verify-required"], DONE, DONE, "with a hardware key; counted"),
    ("ecdsa-sk", ["verify-required"], DONE, DONE, "with a hardware key; counted"),
    ("ed25519-sk", [], DONE, FAILED, "PIN"),
    ("ed25519-sk", ["verify-required", "application=ssh:mine"], DONE, FAILED, "application"),
    ("ed25519-sk", ["no-touch-required"], REFUSED, None, "touch"),
])
def test_a_hardware_key_is_touched_and_asks_for_its_pin(
        room, table, tmp_path, with_hardware_key, kind, options, signed, counted, said):
    key, path = tmp_path / "token", table(C)
    has_pin = "verify-required" in options
    code, shown = terminal.run(
        [with_hardware_key, "-t", kind, "-N", "", "-f", key,
         *(word for option in options for word in ("-O", option))],
        [("Enter PIN", documents.PIN)] if has_pin else [])
    assert code == 0, shown
    roster = tmp_path / "people.json"
    roster.write_bytes(documents.canonical(documents.roster(
        documents.person("alice", "officer", documents.public_line(key)))))
    path = table(C, roster=documents.sha256(roster.read_bytes()))
    code, shown = terminal.run(
        [OFFICER, "approve", path, "--key", key, "--ssh-keygen", with_hardware_key],
        [("exactly this: ", "Yes"), *([("Enter PIN", documents.PIN)] if has_pin else [])])
    assert code == signed, shown
    assert ("asked for no PIN" in shown) is (signed == DONE and not has_pin)
    if counted is None:
        assert said in shown and not list(tmp_path.glob("*.sig"))
        return
    done = call("verify", path, f"{path}.approve.token.sig", "--roster", roster)
    assert done.returncode == counted and said in done.stdout, done


# Keys

def sk_line(kind, application):
    """A hardware key's public line as PROTOCOL.u2f says, with a point that is on its curve."""
    def text(octets):
        return len(octets).to_bytes(4, "big") + octets

    if kind == "sk-ssh-ed25519@openssh.com":
        point = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        parts = [kind.encode(), point]
    else:
        point = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        parts = [kind.encode(), b"nistp256", point]
    blob = b"".join(map(text, [*parts, application.encode()]))
    return f"{kind} {base64.b64encode(blob).decode()} token\n"


@pytest.mark.parametrize("kind, application, code, said", [
    ("ed25519", None, DONE, "accepted"), ("ecdsa", None, DONE, "accepted"),
    ("rsa", None, FAILED, "RSA"),
    ("sk-ssh-ed25519@openssh.com", "ssh:", DONE, "in a hardware key"),
    ("sk-ecdsa-sha2-nistp256@openssh.com", "ssh:", DONE, "in a hardware key"),
    ("sk-ssh-ed25519@openssh.com", "ssh:mine", DONE, "only under a policy that names"),
])
def test_keys_says_which_may_approve(tmp_path, kind, application, code, said):
    path = tmp_path / "key"
    if application is None:
        documents.make_key(path, kind)
        listed = subprocess.run(["ssh-keygen", "-l", "-f", f"{path}.pub"], check=True,
                                capture_output=True, text=True).stdout
    else:
        (tmp_path / "key.pub").write_text(sk_line(kind, application))
        listed = subprocess.run(["ssh-keygen", "-l", "-f", f"{path}.pub"], check=True,
                                capture_output=True, text=True).stdout
    done = call("keys", f"{path}.pub")
    assert done.returncode == code and said in done.stdout + done.stderr, done
    assert code != DONE or listed.split()[1] in done.stdout


def test_a_certificate_is_no_approval_key(room, tmp_path):
    for name in ("ca", "key"):
        documents.make_key(tmp_path / name)
    subprocess.run(["ssh-keygen", "-q", "-s", str(tmp_path / "ca"), "-I", "x", "-n", "x",
                    str(tmp_path / "key.pub")], check=True)
    done = call("keys", room / "bob.pub", tmp_path / "key-cert.pub", room / "carol.pub")
    assert done.returncode == FAILED and "ertificate" in done.stderr
    assert done.stdout.count("accepted") == 2
    assert call("keys", tmp_path / "key").returncode == FAILED  # a private key is not read as one


# The command line

@pytest.mark.parametrize("words, code, said", [
    ([], USAGE, "usage: privyseal-officer COMMAND"),
    (["nonsense"], USAGE, "`privyseal-officer help` lists"),
    (["show"], USAGE, "usage: privyseal-officer show FILE"),
    (["show", "a", "b"], USAGE, "usage: privyseal-officer show FILE"),
    (["verify"], USAGE, "usage: privyseal-officer verify FILE [SIGNATURE...]"),
    (["verify", "a", "--roster", "b"], USAGE, "a document is verified with its signatures"),
    (["approve", "a"], USAGE, "approve FILE --key KEY"),
    (["approve", "a", "--nonsense"], USAGE, "see `privyseal-officer help approve`"),
    (["approve", "--help"], DONE, "--ssh-keygen PATH"),
    (["help", "verify"], DONE, "--roster FILE"),
    (["--version"], DONE, "privyseal-officer 0."),
    (["completion", "tcsh"], USAGE, "bash, zsh and fish"),
])
def test_a_mistake_says_what_to_do(words, code, said):
    done = call(*words)
    assert done.returncode == code and said in done.stdout + done.stderr, done


def test_completions_know_the_commands():
    script = call("completion", "bash").stdout
    probe = script + """
COMP_WORDS=(privyseal-officer re); COMP_CWORD=1; _privyseal-officer; echo "${COMPREPLY[@]}"
COMP_WORDS=(privyseal-officer approve --k); COMP_CWORD=2; _privyseal-officer; echo "${COMPREPLY[@]}"
"""
    done = subprocess.run(["bash", "-c", probe], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["reject request", "--key"]
    for shell in ("zsh", "fish"):
        assert "privyseal-officer" in call("completion", shell).stdout
