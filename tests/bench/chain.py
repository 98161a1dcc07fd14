"""The bare chain (chain.c): the arrangement of the appliance's processes and nothing else, measured in
turn with the appliance. It says how far that arrangement goes on a machine."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess

from harness.leaves import OWN, whole_leaves
from programs import CHAIN, load_command, run_json, with_processor_time

LABEL = "bare-chain"
PIN = "bare-chain"


def ask(path, request):
    """The whole answer, head and body, as it comes."""
    answer = b""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(request)
        while True:
            head, end, body = answer.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
            if end and len(body) >= int(length[1]):
                break
            got = connection.recv(65536)
            if not got:
                raise RuntimeError("no whole answer of the appliance")
            answer += got
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"the appliance does not sign: {answer[:500]}")
    return answer


def record_octets(log_directory):
    """Of the last leaf of a request, with its length."""
    octets = [2 + len(leaf) for shard in sorted((pathlib.Path(log_directory) / "use").iterdir())
              for leaf, _end in whole_leaves((shard / "entries").read_bytes()) if OWN not in leaf]
    return octets[-1]


class Chain:
    """Runs beside an appliance, whose request, answer and leaf have the sizes that its own have. Its key
    is in a token of its own, whose store is of the same kind and lies beside the appliance's."""

    def __init__(self, appliance, module, processes, request):
        self.directory = appliance.directory / "bare-chain"
        self.request = request
        (self.directory / "tokens").mkdir(parents=True, mode=0o700)
        answer = self.directory / "answer"
        answer.write_bytes(ask(appliance.environment["PRIVYSEAL_SOCKET"], request.read_bytes()))
        self.make_token(appliance.directory / "softhsm2.conf")
        command = [CHAIN, module, LABEL, self.directory / "pin", processes, self.directory, answer,
                   record_octets(appliance.directory / "data" / "log")]
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env=self.environment)
        self.roles = self.state()["processes"]

    def make_token(self, model):
        conf = self.directory / "softhsm2.conf"
        conf.write_text(re.sub(r"(?m)^directories\.tokendir.*$",
                               f"directories.tokendir = {self.directory / 'tokens'}", model.read_text()))
        (self.directory / "pin").write_text(f"{PIN}\n")
        self.environment = {**os.environ, "SOFTHSM2_CONF": str(conf)}
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", LABEL, "--so-pin", PIN,
                        "--pin", PIN], check=True, stdout=subprocess.DEVNULL, env=self.environment)

    def state(self):
        """The next that it has printed: one at its start, and one for each line."""
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the bare chain has ended")
        return json.loads(line)

    def records(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.state()["records"]

    def load(self, connections, seconds, rate=0.0):
        before = self.records()
        command = load_command(self.request, self.directory / "jwks", connections, seconds, rate)
        result = with_processor_time(self.roles, lambda: run_json(
            [*command, "--socket", self.directory / "socket"]))
        result["leaves"] = self.records() - before
        return result

    def remove(self):
        """With its token."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.directory)
