"""The logs, by packages for transparency logs that we did not write (Go's, and C2SP's formats)."""

import base64
import http.server
import json
import os
import shutil
import subprocess
import threading
import urllib.error
import urllib.request

import pytest

from harness.appliance import Appliance, wait_until
from harness.http_unix import b64u
from harness.leaves import read_tree
from harness.places import BUILD, PRIVYSEAL

KEY = "certify.vc-jwt"
LIMIT_S = 300  # for what never ends: exporting a million leaves takes a minute beside much else


class Witness:
    """`privyseal log witness`, which somebody else runs."""

    def __init__(self, directory):
        self.directory = directory
        self.key = self.run("new", directory, "w.example/1").strip()
        self.process = subprocess.Popen([str(PRIVYSEAL), "log", "witness", str(directory),
                                         "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.url = f"http://{self.process.stdout.readline().split()[1]}"

    @staticmethod
    def run(*words):
        return subprocess.run([str(PRIVYSEAL), "witness", *map(str, words)], check=True,
                              capture_output=True, text=True, timeout=LIMIT_S).stdout

    def add(self, old, hashes, note):
        body = f"old {old}\n" + "".join(f"{line}\n" for line in hashes) + f"\n{note}"
        request = urllib.request.Request(f"{self.url}/add-checkpoint", body.encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
                return answer.status, answer.headers["content-type"], answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers["content-type"], answer.read().decode()

    def close(self):
        self.process.terminate()
        assert self.process.wait(120) == 0


@pytest.fixture(scope="module")
def witness(tmp_path_factory):
    made = Witness(tmp_path_factory.mktemp("witness") / "w")
    yield made
    made.close()


@pytest.fixture(scope="module")
def other(go_says):
    """A witness that is not ours."""
    return go_says("witness")


class Liar(http.server.BaseHTTPRequestHandler):
    """Answers what is no cosignature; for `events` with a good status."""

    def do_POST(self):  # noqa: N802
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = "\u2014 w.example/1 \x1b[2J\n".encode() + b"x" * 300
        self.send_response(200 if b"/events\n" in body else 500)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def liar(tmp_path_factory):
    key = Witness.run("new", tmp_path_factory.mktemp("liar") / "w", "a.liar.example/w").strip()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"{key} http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    """One that is on no network."""
    directory = tmp_path_factory.mktemp("paper") / "w"
    return directory, Witness.run("new", directory, "paper.example/w").strip()


@pytest.fixture(scope="module")
def running(liar, witness, other, paper):
    lines = (liar, f"{witness.key} {witness.url}", f"{other['key']} {other['url']}", paper[1])
    arguments = [word for line in lines for word in ("--set", f"log.witness={line}")]
    with Appliance(arguments=[*arguments, "--set", "log.witnesses_needed=2"]) as made:
        yield made


def command(*words, text=None, code=0):
    done = subprocess.run([str(PRIVYSEAL), "log", *map(str, words)], input=text, text=True,
                          capture_output=True, timeout=LIMIT_S, check=False)
    assert done.returncode == code, done
    return done.stdout


@pytest.fixture(scope="module")
def log_key(running):
    """The verifier key of `events`, as the genesis leaf names it."""
    said = command("verify", running.directory / "data/log", "--json")
    return next(row["text"] for row in json.loads(said)["rows"]
                if row["check"] == "key").rsplit(" ", 1)[1]


def proof_of(running, path):
    answer = []

    def is_there():
        answer[:] = [running.management().get(path)]
        return answer[0].status == 200
    wait_until(is_there, 20, f"a checkpoint over {path}")
    return answer[0].body.decode()


def certificate_of(running, key):
    """The key's own, as leaves have it."""
    pem = running.management().get(f"/v1/keys/{key}/certificate").body.decode()
    return b64u(base64.b64decode("".join(pem.split("-----")[2].split())))


def test_proofs_hold_for_other_programs_and_offline(running, log_key, go_says):
    done = running.management().get("/v1/operations?limit=1").json()["items"][0]["id"]
    for path, says in ((f"/v1/keys/{KEY}/tlog-proof", KEY),
                       (f"/v1/keys/{KEY}/tlog-proof?version=1", f"{KEY}/1"),
                       ("/v1/keys/tls.ca/certificate/tlog-proof", certificate_of(running, "tls.ca")),
                       (f"/v1/operations/{done}/tlog-proof", done),
                       ("/v1/log/events/tlog-proof/0", "genesis")):
        proof = proof_of(running, path)
        read = go_says("proof", proof=proof, log=log_key)
        assert "error" not in read and says in read["leaf"], (path, read)
        ours = json.loads(command("verify-proof", "--log-key", log_key, "--json", text=proof))
        assert (ours["leaf"], ours["index"], ours["size"]) == (
            read["leaf"], read["index"], read["size"])
        forged = proof.replace(f"index {read['index']}", f"index {read['index'] + 1}")
        assert "error" in go_says("proof", proof=forged, log=log_key)
        command("verify-proof", "--log-key", log_key, text=forged, code=1)


def test_a_backup_proves_itself(running, log_key, go_says, tmp_path):
    """With nothing but its file: which rows it has was signed for."""
    def newest():
        shown = running.management().get("/v1/backups").json()
        return shown["state"] == "idle" and shown["items"] and shown["items"][-1]["file"]
    file = running.directory / "backups" / wait_until(newest, 60, "a backup")
    taken = shutil.copy(file, tmp_path / "moved-elsewhere")

    def prove(*words, code=0):
        done = subprocess.run([str(PRIVYSEAL), "backup", "prove", *map(str, words)], text=True,
                              capture_output=True, timeout=LIMIT_S, check=False)
        assert done.returncode == code, done
        return done.stdout
    proof = prove(taken, "--log-key", log_key)
    assert json.loads(prove(taken, "--json"))["tlog_proof"] == proof
    read = go_says("proof", proof=proof, log=log_key)
    assert "error" not in read, read
    leaf = json.loads(read["leaf"])
    assert leaf["kind"] == "backup" and leaf["data"]["file"] == file.name
    ours = json.loads(command("verify-proof", "--log-key", log_key, "--json", text=proof))
    assert (ours["leaf"], ours["index"]) == (read["leaf"], read["index"])
    command("verify-proof", "--log-key", log_key, text=proof.replace(
        f"index {read['index']}", f"index {read['index'] - 1}"), code=1)
    octets = bytearray(file.read_bytes())
    octets[octets.rindex(b'"rows_hash"') + 15] ^= 1
    (tmp_path / "changed").write_bytes(octets)
    prove(tmp_path / "changed", code=1)
    prove(taken, "--genesis", "00" * 32, code=1)


def test_a_proof_from_the_files_is_one_too(running, log_key, go_says):
    running.client().post("/v1/jws/sign", {"key": KEY, "payload": b64u(b"a")})
    shard = sorted(path.name for path in (running.directory / "data/log/use").iterdir())[0]
    leaves = len(list(read_tree(running.directory / "data/log/use" / shard)))
    proof_of(running, f"/v1/log/use/{shard}/tlog-proof/{leaves - 1}")
    proof = command("prove", running.directory / "data/log", f"use/{shard}", leaves - 1)
    shard_key = go_says("rename", log=log_key, note=f"use/{shard}")["key"]
    leaf = go_says("proof", proof=proof, log=shard_key)["leaf"]
    assert '"op":"sign"' in leaf
    assert leaf in command("verify-proof", "--log-key", log_key, text=proof)


def test_what_our_witness_cosigns_other_programs_believe(running, log_key, go_says, witness):
    manage = running.management()
    Witness.run("watch", witness.directory, log_key)
    first = proof_of(running, "/v1/log/events/tlog-proof/0").split("\n\n", 1)[1]
    size = int(first.split("\n")[1])
    assert witness.add(5, [], first) == (409, "text/x.tlog.size", "0\n")
    status, _, line = witness.add(0, [], first)
    said = go_says("note", note=first + line, log=log_key, witnesses=[witness.key])
    assert status == 200 and said["names"] == [log_key.split("+")[0], "w.example/1"], said
    manage.post("/v1/exceptions", {"requester": "officer-1", "expected": "a", "happened": "b",
                                   "decision": "c", "deciders": ["d"]})
    grown = proof_of(running, f"/v1/log/events/tlog-proof/{size}").split("\n\n", 1)[1]
    proof = manage.get(f"/v1/log/events/consistency?from={size}&to={grown.split(chr(10))[1]}").json()
    hashes = [base64.b64encode(base64.urlsafe_b64decode(item + "=")).decode()
              for item in proof["hashes"]]
    status, _, line = witness.add(size, hashes, grown)
    assert status == 200 and "error" not in go_says("note", note=grown + line, log=log_key,
                                                    witnesses=[witness.key])
    assert witness.add(0, [], first)[0] == 409
    assert witness.add(size, hashes, grown.replace("\n\n", "x\n\n", 1))[0] in (400, 403)


def test_witnesses_are_fed_and_proofs_show_them(running, log_key, go_says, witness, other,
                                                tmp_path):
    manage, env = running.management(), dict(os.environ, **running.environment)
    running.client().post("/v1/jws/sign", {"key": KEY, "payload": b64u(b"b")})
    shard = sorted(path.name for path in (running.directory / "data/log/use").iterdir())[0]
    for key in (log_key, go_says("rename", log=log_key, note=f"use/{shard}")["key"]):
        assert go_says("watch", log=key) == {}

    def is_fed():  # by all but the one that lies, who keeps nobody from it
        fed = subprocess.run([str(PRIVYSEAL), "log", "feed", "--once"], env=env, timeout=LIMIT_S,
                             check=False, capture_output=True, text=True)
        assert fed.returncode == 1 and "\x1b" not in fed.stderr, fed
        if not all(line.startswith("privyseal: a.liar.example/w: ")
                   for line in fed.stderr.splitlines()):
            return False  # a log that grows meanwhile has the witness ask for another proof
        trees = manage.get("/v1/log/witnesses").json()["trees"]
        return {tree["tree"] for tree in trees if 0 < tree["signed"] == tree["witnessed"]} == {
            "events", f"use/{shard}"}
    wait_until(is_fed, 30, "witnesses that have seen both trees")
    witnesses = [witness.key, other["key"]]
    words = [word for key in witnesses for word in ("--witness", key)]
    proof = proof_of(running, f"/v1/keys/{KEY}/tlog-proof")
    read = go_says("proof", proof=proof, log=log_key, witnesses=witnesses)
    assert read["signatures"] == 3, read
    ours = json.loads(command("verify-proof", "--log-key", log_key, "--json", *words, text=proof))
    assert ours["witnesses"] == 2
    lone = "".join(line for line in proof.splitlines(keepends=True) if "go.witness" not in line)
    command("verify-proof", "--log-key", log_key, *words, text=lone, code=1)
    command("verify-proof", "--log-key", log_key, *words, "--needed", "1", text=lone)
    check_what_was_seen(running.directory / "data/log", log_key, words, tmp_path / "exported")


def check_what_was_seen(log, log_key, words, exported):
    """The notes beside the checkpoints go with an export, and are verified with it."""
    def rows(directory, code=0):
        said = command("verify", directory, "--log-key", log_key, "--json", *words, code=code)
        return [row for row in json.loads(said)["rows"] if row["check"] == "witnesses"]

    def is_exported():  # of a log that grows meanwhile, a note may be newer than the checkpoint
        shutil.rmtree(exported, ignore_errors=True)
        command("export", log, exported)
        return any(exported.glob("events/witnessed.*"))
    wait_until(is_exported, 60, "an export with what was seen")
    for directory in (log, exported):
        found = rows(directory)
        assert found and all(row["verdict"] == "PASS" for row in found), found
    note = next(exported.glob("events/witnessed.*"))
    note.write_text(note.read_text().replace("/events\n", "/events\n1", 1))
    bad = [row for row in rows(exported, code=1) if row["verdict"] == "FAIL"]
    assert [row["file"] for row in bad] == [f"events/{note.name}"], bad


def test_a_witness_on_no_network(running, log_key, paper):
    directory, key = paper
    Witness.run("watch", directory, log_key)
    env = dict(os.environ, **running.environment)

    def ask(*words, text=None):
        return subprocess.run([str(PRIVYSEAL), *map(str, words)], input=text, env=env, text=True,
                              capture_output=True, timeout=LIMIT_S, check=False)
    watched = ask("witness", "watch", directory, log_key)
    assert watched.returncode != 0 and "--instead-of" in watched.stderr, watched
    replaced = ask("witness", "watch", directory, log_key, "--instead-of", log_key)
    assert (replaced.returncode, replaced.stdout) == (0, log_key + "\n"), replaced
    request = ask("log", "witness-request", "events").stdout
    note = ask("witness", "sign", directory, text=request)
    assert note.returncode == 0 and "paper.example/w" in note.stdout, note
    added = ask("log", "witness-add", "--json", text=note.stdout)
    assert json.loads(added.stdout)["witnesses"] == ["paper.example/w"], added
    again = ask("witness", "sign", directory, text=request)
    assert again.returncode == 3 and "--old" in again.stderr, again
    forged = note.stdout.replace("paper.example/w", "paper.example/v")
    assert ask("log", "witness-add", text=forged).returncode == 3
    bare = request.split("\n\n", 1)[1]
    assert ask("log", "witness-add", text=bare).returncode == 3
    assert key.startswith("paper.example/w+")


def test_proofs_of_a_million_leaves_hold_on_both_sides(go_says, tmp_path):
    """Ours for Go's packages, and theirs, made from the tiles of the export, for us."""
    tool, leaves, count = str(BUILD / "tests/interop/tree_tool"), 1_000_000, 60
    said = subprocess.run([tool, "make", tmp_path / "tree", str(leaves), str(count)], check=True,
                          capture_output=True, text=True, timeout=LIMIT_S).stdout
    key, proofs = said.split("\n", 1)
    command("export", tmp_path / "tree", tmp_path / "exported")
    theirs = go_says("tree", directory=str(tmp_path / "exported"), log=key, count=count,
                     proof=proofs)
    assert (theirs.get("size"), theirs.get("held")) == (leaves, 2 * count), theirs
    forged = proofs.replace("record 0 ", "record 1 ", 1)
    assert "error" in go_says("tree", directory=str(tmp_path / "exported"), log=key, count=1,
                              proof=forged)

    def held(lines):
        return subprocess.run([tool, "check", tmp_path / "tree"], input=lines, text=True,
                              check=False, capture_output=True, timeout=LIMIT_S)
    assert held(theirs["proofs"]).stdout == f"{2 * count}\n"
    *_, last = theirs["proofs"].splitlines()
    kind, number, rest = last.split(" ", 2)
    assert held(f"{kind} {int(number) - 1} {rest}\n").returncode == 1


def test_a_log_that_was_put_back_is_told_by_what_a_witness_keeps(running, log_key, tmp_path):
    """The whole machine is put back, with its token: nothing in it knows of what came after."""
    kept = ("data", "tokens")
    running.stop()
    for name in kept:
        subprocess.run(["cp", "-a", str(running.directory / name), str(tmp_path / name)], check=True)
    running.start()
    done = running.change("POST", "/v1/exceptions", {"expected": "a", "happened": "b",
                                                     "decision": "c", "deciders": ["d"]})
    assert done.status == 201, done
    leaves = len(list(read_tree(running.directory / "data/log/events")))
    note = proof_of(running, f"/v1/log/events/tlog-proof/{leaves - 1}").split("\n\n", 1)[1]
    (tmp_path / "note").write_text(note)
    command("verify", running.directory / "data/log", "--checkpoint", tmp_path / "note")
    running.stop()
    for name in kept:
        subprocess.run(["rm", "-r", str(running.directory / name)], check=True)
        subprocess.run(["cp", "-a", str(tmp_path / name), str(running.directory / name)], check=True)
    running.start()
    said = command("verify", running.directory / "data/log", "--checkpoint", tmp_path / "note",
                   "--log-key", log_key, "--json", code=1)
    failed = [row for row in json.loads(said)["rows"] if row["verdict"] == "FAIL"]
    assert {row["check"] for row in failed} <= {"checkpoint", "leaves"} and failed, said
    env = dict(os.environ, **running.environment)
    added = subprocess.run([str(PRIVYSEAL), "log", "witness-add"], input=note, env=env, text=True,
                           capture_output=True, timeout=LIMIT_S, check=False)
    assert added.returncode == 3 and "the log signed for" in added.stderr, added

    def is_told():
        return any(leaf["kind"] == "alarm" and leaf["data"]["alarm"] == "witness-ahead"
                   for leaf in read_tree(running.directory / "data/log/events"))
    wait_until(is_told, 60, "the alarm")
