#!/usr/bin/python3
"""The benchmark: every case compares the appliance's figure with the token's own.

Each case starts from a running appliance (`privyseal dev`). It measures the direct rate (C_SignInit
and C_Sign by as many processes as the appliance has token processes) and the appliance's in turn, some
rounds of each, and takes the median of the rounds' ratios: the speed of a machine drifts, and two
figures that were taken one after the other share most of that. Every signature is verified
afterwards. Nothing is switched off for a figure.
"""

import argparse
import configparser
import datetime
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import journeys  # noqa: E402
import keys  # noqa: E402
from chain import Chain  # noqa: E402
from documents import Documents  # noqa: E402
from harness.appliance import Appliance, wait_until  # noqa: E402
from harness.http_unix import b64u, unb64u  # noqa: E402
from harness.leaves import UseCounter, read_events  # noqa: E402
from harness.places import FAKE_CTL, FAKE_MODULE, TOP  # noqa: E402
from programs import (DIRECT, MACHINE, host_ticks, load_command, run_json,  # noqa: E402
                      share_taken, with_processor_time)

PAYLOAD = json.dumps({"iss": "https://esignet.example", "sub": "295127345893214908456738274",
                      "aud": "relying-party-1", "nonce": "973eieljzng", "exp": 1790000000,
                      "iat": 1789996400, "acr": "mosip:idp:acr:generated-code"}).encode()
# A credential of six claims, each of them disclosed or not, for a holder's key.
SD_JWT = {"vct": "https://credentials.example/identity", "iss": "https://issuer.example",
          "iat": 1789996400, "exp": 1790000000, "_sd_alg": "sha-256",
          "_sd": [b64u(bytes([number]) * 32) for number in range(6)],
          "cnf": {"jwk": {"kty": "EC", "crv": "P-256",
                          "x": "TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc",
                          "y": "ZxjiWWbZMQGHVWKVQ4hbSIirsVfuecCE6t4jT9F2HZQ"}}}
# What is asked for: the route, and the item of a request.
FORMS = {
    "jws": ("/v1/jws/sign", {"payload": b64u(PAYLOAD)}),
    "jws-of-sd-jwt": ("/v1/jws/sign", {"payload": b64u(json.dumps(SD_JWT).encode())}),
    "cose": ("/v1/cose/sign1", {"payload": b64u(PAYLOAD)}),
    "sd-jwt": ("/v1/sd-jwt/sign", {"typ": "dc+sd-jwt", "payload": SD_JWT}),
}
CORES = os.cpu_count()
SIGN = {"usage": "sign", "formats": ["jws", "cose"]}
# Keys the benchmark makes for itself: name, type, algorithm, and what else is asked for.
KEYS = {
    "es256": ("ec-p256", "ES256", {**SIGN, "verify": "sampled"}),
    "eddsa": ("ed25519", "EdDSA", SIGN),
    "rs256": ("rsa-2048", "RS256", SIGN),
    "ps256": ("rsa-2048", "PS256", SIGN),
    "oaep": ("rsa-2048", "RSA-OAEP-256", {"usage": "decrypt"}),
    "documents": ("rsa-2048", "RS256", {"usage": "certify", "formats": ["cms"]}),
}
COUNTS = ("operations", "dropped", "verified", "leaves")
ROUND_S = 1
ROUNDS, FEW_ROUNDS = 15, 5  # many short ones: the machine's own speed drifts within seconds
FEW_KEYS = 1_000
MANY_KEYS = 1_000_000
DOCUMENTS_PER_S = 30
TAKEN_WORTH_SAYING = 0.01
LATENCY_US = 2000
SLOW_SESSIONS = 64


class Bench:
    """One appliance and what is needed to measure it."""

    def __init__(self, rounds, arguments=()):
        self.rounds = range(rounds)
        self.seconds = ROUND_S  # of one round
        self.appliance = Appliance(arguments=arguments)
        self.uses = UseCounter(self.appliance.directory / "data" / "log")
        self.bare_chain = None

    def __enter__(self):
        self.appliance.start()
        config = configparser.ConfigParser(strict=False, interpolation=None)
        config.read(self.appliance.directory / "privyseald.conf")
        section = next(name for name in config.sections() if name.startswith("token"))
        self.token = dict(config[section])
        self.processes = int(self.token.get("processes", CORES))
        self.make_keys()
        return self

    def __exit__(self, *exception):
        if self.bare_chain is not None:
            self.bare_chain.remove()
        self.appliance.remove()

    def make_keys(self):
        for name, (key_type, algorithm, asked) in KEYS.items():
            body = {"name": f"bench.{name}", "type": key_type, "residence": "token", **asked}
            if "formats" in asked:
                body["algorithms"] = [algorithm]
            answer = self.appliance.change("POST", "/v1/keys", body)
            if answer.status not in (200, 201):
                raise RuntimeError(f"cannot make bench.{name}: {answer}")

    def environment(self):
        """What the module needs: the lines of the configuration, as the token process has them."""
        lines = [line for line in self.token.get("environment", "").splitlines() if "=" in line]
        return dict(os.environ, **dict(line.strip().split("=", 1) for line in lines))

    def direct(self, name, processes, threads=1):
        return run_json([DIRECT, self.token["module"], self.token_label(), self.token["pin_file"],
                         self.object_id(name), KEYS[name][1], processes, threads, self.seconds],
                        self.environment())

    def token_label(self):
        tokens = self.appliance.management().get("/v1/system").json()["tokens"]
        return tokens[0]["label"]

    def object_id(self, name):
        """CKA_ID in hex, from the row that the result leaf of the key's creation carries."""
        for leaf in read_events(self.appliance.directory / "data" / "log"):
            for effect in leaf.get("data", {}).get("effects", []):
                if effect["kind"] == "version" and effect["name"].startswith(f"bench.{name}/"):
                    return unb64u(effect["row"]["object_id"]).hex()
        raise RuntimeError(f"no leaf made bench.{name}")

    def question(self, name, form):
        """Route and item; of a key that decrypts the payload encrypted to it."""
        if KEYS.get(name, ("", ""))[1] != "RSA-OAEP-256":
            return FORMS[form]
        made = self.appliance.client().post("/v1/jwe/encrypt", {
            "key": f"bench.{name}", "plaintext": b64u(PAYLOAD)})
        return "/v1/jwe/decrypt", {"jwe": made.json()["jwe"]}

    def request_file(self, name, batch, form):
        route, item = self.question(name, form)
        body = ({"key": f"bench.{name}", "items": [item] * batch} if batch
                else {"key": f"bench.{name}", **item})
        text = json.dumps(body, separators=(",", ":"))
        path = self.appliance.directory / "bench-request"
        path.write_text(f"POST {route} HTTP/1.1\r\nHost: privyseal\r\n"
                        "Content-Type: application/json\r\n"
                        f"Content-Length: {len(text)}\r\n\r\n{text}")
        return path

    def jwks_file(self, name):
        path = self.appliance.directory / "bench-jwks"
        key = self.appliance.client().get(f"/v1/keys/bench.{name}/public").json()
        path.write_text(json.dumps({"keys": [key], "plaintext": b64u(PAYLOAD)}))
        return path

    def load(self, name, connections, batch=0, rate=0.0, tls=False, form="jws"):
        """The appliance's figure."""
        command = load_command(self.request_file(name, batch, form), self.jwks_file(name),
                               connections, self.seconds, rate)
        command += self.tls_arguments() if tls else [
            "--socket", self.appliance.environment["PRIVYSEAL_SOCKET"]]
        result = self.account(lambda: run_json(command))
        result["rate"] = result["rate"] * (batch or 1)
        return result

    def chain(self, name, connections, rate=0.0):
        """The bare chain's, for one such request."""
        if self.bare_chain is None:
            self.bare_chain = Chain(self.appliance, self.token["module"], self.processes,
                                    self.request_file(name, 0, "jws"))
        return self.bare_chain.load(connections, self.seconds, rate)

    def documents(self, documents):
        """The same of PDFs that are signed one after another."""
        taken = {}

        def sign():
            taken["answers"], times = documents.sign(int(self.seconds * DOCUMENTS_PER_S))
            times.sort()
            return {"signatures": len(times), **{
                f"p{part}_ms": times[(len(times) - 1) * part // 100] for part in (50, 95, 99)}}

        result = self.account(sign)
        signed = [answer.body for answer in taken["answers"] if answer.status == 200]
        result["dropped"] = result["signatures"] - len(signed)
        result["verified"] = sum(map(documents.is_good, signed))
        return result

    def account(self, run, beside=None):
        """What `run` yields, with its leaves and the processor time of each process: the
        appliance's, and those `beside` it."""
        before_leaves = self.uses.count()
        result = with_processor_time({**self.appliance.roles(), **(beside or {})}, run)
        result["leaves"] = self.uses.count() - before_leaves
        return result

    def tls_arguments(self):
        environment = self.appliance.environment
        host, port = environment["PRIVYSEAL_URL"].split("//")[1].rsplit(":", 1)
        return ["--host", host, "--port", port, "--ca", environment["PRIVYSEAL_CA"], "--cert",
                environment["PRIVYSEAL_CERT"], "--key", environment["PRIVYSEAL_KEY"]]


def median_of(results, field):
    return statistics.median(result[field] for result in results)


def times_of(results):
    return {field: median_of(results, field) for field in ("p50_ms", "p95_ms", "p99_ms")}


def measured(results):
    """What a line has of the rounds of one side."""
    counts = {field: sum(result[field] for result in results) for field in COUNTS}
    cpu = {role: round(statistics.median(result["cpu_s_per_1000"][role] for result in results), 4)
           for role in results[0]["cpu_s_per_1000"]}
    return {**times_of(results), "cpu_s_per_1000": cpu, **counts}


def median_ratio(pairs):
    """Of what is second in each pair to what is first; 0 where there is none."""
    if any(first <= 0 for first, _second in pairs):
        return 0
    return round(statistics.median(second / first for first, second in pairs), 3)


def row(case, unit, pairs, results):
    """`pairs`: the direct figure and the appliance's, round by round."""
    direct = statistics.median(pair[0] for pair in pairs)
    value = statistics.median(pair[1] for pair in pairs)
    return {"id": case, "unit": unit, "value": round(value, 3), "direct": round(direct, 3),
            "ratio": median_ratio(pairs),
            "rounds": [[round(figure, 3) for figure in pair] for pair in pairs],
            **measured(results)}


def beside_chain(figures, results):
    """What a line has of the bare chain. `figures`: round by round of direct, chain and appliance."""
    return {"chain": round(statistics.median(chain for _direct, chain, _here in figures), 3),
            "ratio_to_chain": median_ratio([(chain, here) for _direct, chain, here in figures]),
            "chain_rounds": [round(chain, 3) for _direct, chain, _here in figures],
            "chain_alone": {"ratio": median_ratio([(direct, chain) for direct, chain, _here in figures]),
                            **measured(results)}}


def in_turn(sides, number):
    """Which goes first changes from round to round: what drifts one way favours none."""
    first = number % len(sides)
    return [*sides[first:], *sides[:first]]


def in_rounds(bench, measures):
    """{side: its results, round by round}"""
    results = {side: [] for side in measures}
    for number in bench.rounds:
        for side in in_turn(list(measures), number):
            results[side].append(measures[side]())
    return results


def throughput(case, name, connections, batch=0, unit="signatures/s", has_chain=False):
    def measure(bench):
        measures = {"direct": lambda: bench.direct(name, bench.processes),
                    "here": lambda: bench.load(name, connections, batch=batch)}
        if has_chain:
            measures["chain"] = lambda: bench.chain(name, connections)
        results = in_rounds(bench, measures)
        rates = {side: [result["rate"] for result in results[side]] for side in results}
        line = row(case, unit, list(zip(rates["direct"], rates["here"])), results["here"])
        if has_chain:
            line.update(beside_chain(list(zip(rates["direct"], rates["chain"], rates["here"])),
                                     results["chain"]))
        return line
    return measure


def machine_alone(rate, most, seconds):
    """Requests at this rate that take as much of the processors as at the most, with nothing passed
    on, synced or waited for."""
    work_us = 1e6 * len(os.sched_getaffinity(0)) / most
    return run_json([MACHINE, rate, work_us, seconds])


def half_load(bench):
    """Added latency at half of the maximum: the 99th percentile over the direct call's. The bare
    chain's and the machine's own at the same rate."""
    most = statistics.median(bench.load("es256", 32)["rate"] for _ in bench.rounds)
    rate = most / 2
    results = in_rounds(bench, {"direct": lambda: bench.direct("es256", 1),
                                "machine": lambda: machine_alone(rate, most, bench.seconds),
                                "chain": lambda: bench.chain("es256", 32, rate=rate),
                                "here": lambda: bench.load("es256", 32, rate=rate)})
    direct = [one["p99_us"] / 1000 for one in results["direct"]]
    added = {side: [one["p99_ms"] - base for one, base in zip(results[side], direct)]
             for side in ("machine", "chain", "here")}
    line = row("es256-half-load", "ms added p99", list(zip(direct, added["here"])), results["here"])
    line.update(beside_chain(list(zip(direct, added["chain"], added["here"])), results["chain"]))
    line["chain_alone"]["ratio"] = 0
    line["machine"] = round(statistics.median(added["machine"]), 3)
    line["machine_rounds"] = [round(figure, 3) for figure in added["machine"]]
    line["machine_alone"] = times_of(results["machine"])
    return {**line, "ratio": 0}


def mutual_tls(bench):
    pairs = []
    results = []
    for _ in bench.rounds:
        plain = bench.load("es256", 32)["rate"]
        results.append(bench.load("es256", 32, tls=True))
        pairs.append((plain, results[-1]["rate"]))
    return row("es256-mtls", "signatures/s", pairs, results)


def against_jws(case, form, same_octets):
    """A format that costs little more than a JWS over the same octets."""
    def measure(bench):
        pairs = []
        results = []
        for number in range(len(bench.rounds) + len(bench.rounds) % 2):
            taken = {asked: bench.load("es256", 32, form=asked)
                     for asked in in_turn((same_octets, form), number)}
            results.append(taken[form])
            pairs.append((taken[same_octets]["rate"], taken[form]["rate"]))
        return row(case, "signatures/s", pairs, results)
    return measure


def signed_documents(bench):
    """What a signed PDF takes longer than the signature in it, from its first octet on the way in
    to its last on the way out."""
    documents = Documents(bench.appliance, "bench.documents")
    pairs = []
    results = []
    for _ in bench.rounds:
        direct = bench.direct("documents", 1)["p99_us"] / 1000
        results.append(bench.documents(documents))
        pairs.append((direct, results[-1]["p99_ms"] - direct))
    return {**row("pdf-2mib", "ms added p99", pairs, results), "ratio": 0}


def with_many_keys(bench):
    """The same key among a thousand and among a million, of which few are in memory."""
    few = bench
    keys.opening(few.appliance, keys.fill_up(few.appliance, FEW_KEYS, "bench.wrapped"))
    with Bench(len(few.rounds)) as many:
        names = keys.fill_up(many.appliance, MANY_KEYS, "bench.wrapped")
        keys.wait_ready(many.appliance)
        keys.wait_quiet()
        state = {"unwritten_mib": round(keys.unwritten_mib(), 1),
                 "checked_from": keys.check_phase(many.appliance)}
        opening = keys.opening(many.appliance, names)
        memory_mib = round(keys.memory_mib(many.appliance), 1)
        pairs = []
        results = []
        for number in bench.rounds:
            taken = {id(one): one.load("wrapped0", 32) for one in in_turn((few, many), number)}
            results.append(taken[id(many)])
            pairs.append((taken[id(few)]["rate"], results[-1]["rate"]))
        state["checked_to"] = keys.check_phase(many.appliance)
    return {**row("scale-keys", "signatures/s", pairs, results), **opening, **state,
            "memory_mib": memory_mib}


def of_appliance(measure):
    return lambda bench: measure(bench.appliance)


def slow_token(bench):
    """A network HSM: 2 ms a call, 64 sessions in one process. The ideal is 64 / 2 ms."""
    ideal = SLOW_SESSIONS * 1e6 / LATENCY_US
    set_latency(bench, LATENCY_US)
    results = [bench.load("es256", 16, batch=16) for _ in bench.rounds]
    return row("slow-token", "signatures/s", [(ideal, one["rate"]) for one in results], results)


def set_latency(bench, micros):
    directory = bench.environment()["FAKE_P11_DIR"]
    subprocess.run([str(FAKE_CTL), directory, "latency", "0", str(micros)], check=True)


# id: (measure, floor, goal, kind of appliance); floors and goals are of the ratio; where there is
# none they are of the value, and less is better but for those that say otherwise.
CASES = {
    "es256-single": (throughput("es256-single", "es256", 32, has_chain=True), 0.50, 0.62, "softhsm"),
    "es256-single-64": (throughput("es256-single-64", "es256", 64, has_chain=True), 0.58, 0.70, "softhsm"),
    "es256-batch64": (throughput("es256-batch64", "es256", 8, batch=64), 0.85, 0.94, "softhsm"),
    "eddsa-single": (throughput("eddsa-single", "eddsa", 32), 0.50, 0.58, "softhsm"),
    "rs256-single": (throughput("rs256-single", "rs256", 32), 0.90, 0.96, "softhsm"),
    "ps256-single": (throughput("ps256-single", "ps256", 32), 0.90, 0.96, "softhsm"),
    "jwe-decrypt-rsa": (throughput("jwe-decrypt-rsa", "oaep", 32, unit="decryptions/s"), 0.85, 0.92,
                        "softhsm"),
    "es256-half-load": (half_load, 1.5, 0.5, "softhsm"),
    "es256-mtls": (mutual_tls, 0.80, 0.88, "softhsm"),
    "cose-single": (against_jws("cose-single", "cose", "jws"), 0.90, 0.97, "softhsm"),
    "sd-jwt-single": (against_jws("sd-jwt-single", "sd-jwt", "jws-of-sd-jwt"), 0.90, 0.97,
                      "softhsm"),
    "pdf-2mib": (signed_documents, 100, 30, "softhsm"),
    "memory-10k": (of_appliance(keys.memory), 64, 32, "memory"),
    "start-10k": (of_appliance(keys.start), 2, 0.5, "start"),
    "scale-keys": (with_many_keys, 0.90, 0.98, "many"),
    "slow-token": (slow_token, 0.90, 0.97, "slow"),
    **journeys.CASES,
}
SLOW_ARGUMENTS = ["--module", str(FAKE_MODULE), "--profile",
                  str(TOP / "firmware-profiles" / "fake.json"), "--processes", "1", "--sessions",
                  str(SLOW_SESSIONS)]


def is_complete(counts):
    return counts["dropped"] == 0 and counts["operations"] == counts["verified"] == counts["leaves"]


def judge(case, result):
    _measure, floor, goal, _kind = CASES[case]
    figure = result["ratio"] or result["value"]
    sign = 1 if result["ratio"] or result.get("more_is_better") else -1
    verdict = next((word for word, bound in (("goal", goal), ("floor", floor))
                    if sign * figure >= sign * bound), "BELOW")
    complete = is_complete(result) and is_complete(result.get("chain_alone", result))
    return figure, verdict, complete


HEADER = (f"{'case':21} {'direct':>10} {'here':>10} {'figure':>6} {'floor':>6} {'goal':>5} {'':6} {'chain':>8} "
          f"{'/chain':>6} {'p50 ms':>7} {'p95':>7} {'p99':>7}  {'signed':>8} verified and recorded  "
          "[CPU µs per signature]")
ABOUT_MACHINE = ("the machine alone: at the same rate a sleep until a request is due and as much computing as one takes at "
                 "full load, on each processor; nothing passed on, no disk.")
ABOUT_CHAIN = ("chain: the same arrangement of processes without what they decide, limit, verify and recover, in turn "
               "with the others; no target. /chain: here ÷ chain.")


def print_times(figures, times, rest):
    print(f"{figures} {times['p50_ms']:>7.2f} {times['p95_ms']:>7.2f} {times['p99_ms']:>7.2f}{rest}",
          flush=True)


def print_line(figures, counts):
    """The columns of each line, and those of one side."""
    cpu = " ".join(f"{role.replace('api ', '')} {spent * 1000:.0f}"
                   for role, spent in sorted(counts["cpu_s_per_1000"].items())
                   if spent >= 0.0005)
    complete = is_complete(counts)
    print_times(figures, counts,
                f"  {counts['operations']:>8} {'all' if complete else 'NOT ALL'}  [{cpu}]")
    if not complete:
        print(" " * 21 + ", ".join(f"{field} {counts[field]}" for field in COUNTS[1:]), flush=True)


def print_row(case, result):
    figure, verdict, _complete = judge(case, result)
    _measure, floor, goal, _kind = CASES[case]
    alone = result.get("chain_alone")
    chain = (f"{result['chain']:>8.1f} {result['ratio_to_chain']:>6.3f}" if alone
             else f"{'-':>8} {'-':>6}")
    print_line(f"{case:21} {result['direct']:>10.1f} {result['value']:>10.1f} {figure:>6.3f} "
               f"{floor:>6.2f} {goal:>5.2f} {verdict:6} {chain}", result)
    if alone:
        print_line(f"{'  the bare chain':21} {result['direct']:>10.1f} {result['chain']:>10.1f} "
                   f"{alone['ratio'] or result['chain']:>6.3f} {'':35}", alone)
    if "machine_alone" in result:
        print_times(f"{'  the machine alone':21} {result['direct']:>10.1f} {result['machine']:>10.1f} "
                    f"{result['machine']:>6.3f} {'':35}", result["machine_alone"], "")
    if result.get("taken_by_host", 0) >= TAKEN_WORTH_SAYING:
        print(f"  the host had {result['taken_by_host']:.0%} of the processors' time meanwhile", flush=True)


def bar(result):
    """Figure, floor and goal: of a ratio as they are, of a value in floors, where more is better."""
    _measure, floor, goal, _kind = CASES[result["id"]]
    if result["ratio"]:
        return result["ratio"], floor, goal
    if result.get("more_is_better"):
        return result["value"] / floor, 1, goal / floor
    return floor / result["value"], 1, floor / goal


def plot(path, results):
    """Ratios as bars, floors and goals as marks; below them the values that are no ratio."""
    groups = [("appliance / token alone", [one for one in results if one["ratio"]]),
              ("times as good as the floor", [one for one in results if not one["ratio"]])]
    groups = [(label, rows) for label, rows in groups if rows]
    script = [f"set terminal svg size 900,{420 * len(groups)} font 'sans,11'", f"set output '{path}'",
              "set style fill solid 0.7 border -1", "set boxwidth 0.6", "set grid ytics",
              "set xtics rotate by -25", "set yrange [0:*]", f"set multiplot layout {len(groups)},1"]
    with tempfile.TemporaryDirectory() as place:
        for number, (label, rows) in enumerate(groups):
            data = pathlib.Path(place) / str(number)
            data.write_text("".join(f'"{one["id"]}" {" ".join(map(str, bar(one)))}\n' for one in rows))
            script += [f"set xrange [-0.5:{len(rows) - 0.5}]", f"set ylabel '{label}'",
                       f"plot '{data}' using 0:2:xtic(1) with boxes lc rgb '#3b6ea5' title 'here', "
                       f"'{data}' using 0:3 with points pt 5 lc rgb '#c0392b' title 'floor', "
                       f"'{data}' using 0:4 with points pt 7 lc rgb '#27ae60' title 'goal'"]
        subprocess.run(["gnuplot", "-e", "; ".join(script)], check=True)


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                  if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {CORES} cores, {memory:.0f} GiB, Linux {platform.release()}"


def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=TOP, capture_output=True,
                          text=True, check=False)
    return done.stdout.strip() or "unknown"


def run_cases(wanted, rounds):
    results = []
    for kind, arguments in (("softhsm", []), ("memory", []), ("start", []), ("many", []),
                            ("slow", SLOW_ARGUMENTS)):
        cases = [case for case in wanted if CASES[case][3] == kind]
        if not cases:
            continue
        with Bench(rounds, arguments) as bench:
            wait_until(lambda b=bench: b.appliance.client().get("/health/ready").status == 200, 20,
                       "the appliance to be ready")
            for case in cases:
                before = host_ticks()
                result = CASES[case][0](bench)
                result["taken_by_host"] = share_taken(before, host_ticks())
                results.append(result)
                print_row(case, result)
    return results


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="docs/benchmarks/README.md says what each case compares.")
    parser.add_argument("--quick", action="store_true", help=f"{FEW_ROUNDS} rounds instead of {ROUNDS}")
    parser.add_argument("--case", action="append", choices=list(CASES), metavar="ID",
                        help="only this one; may be given again: " + ", ".join(CASES))
    parser.add_argument("--json", metavar="FILE", help="the table for programs, with each round")
    parser.add_argument("--plot", metavar="FILE", help="an SVG")
    parser.add_argument("--list", action="store_true", help="names the cases")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(CASES))
        return 0
    if arguments.plot and shutil.which("gnuplot") is None:
        parser.error("--plot needs gnuplot: scripts/install-dependencies test")
    print(f"{machine()}, commit {commit()}")
    print(HEADER)
    results = run_cases(arguments.case or list(CASES), FEW_ROUNDS if arguments.quick else ROUNDS)
    if any("chain" in result for result in results):
        print(ABOUT_CHAIN)
    if any("machine" in result for result in results):
        print(ABOUT_MACHINE)
    if arguments.json:
        report = {"machine": machine(), "date": datetime.date.today().isoformat(),
                  "commit": commit(), "cases": results}
        pathlib.Path(arguments.json).write_text(json.dumps(report, indent=1) + "\n")
    if arguments.plot:
        plot(arguments.plot, results)
    return 0 if all(judge(result["id"], result)[2] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
