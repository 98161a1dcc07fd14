#!/usr/bin/python3
"""The benchmark: every case is a ratio of the appliance's figure and the token's own.

Each case starts from a running appliance (`privyseal dev`). It measures the direct rate (C_SignInit
and C_Sign by as many processes as the appliance has token processes) and the appliance's in turn, some
rounds of each, since the speed of a machine drifts, and compares the medians. Every signature is
verified afterwards. Nothing is switched off for a figure.
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

from harness.appliance import BUILD, FAKE_CTL, FAKE_MODULE, TOP, Appliance, wait_until  # noqa: E402
from harness.http_unix import b64u, unb64u  # noqa: E402
from harness.leaves import UseCounter, read_events  # noqa: E402

DIRECT = BUILD / "tests" / "bench" / "direct"
LOAD = BUILD / "tests" / "bench" / "load"
PAYLOAD = json.dumps({"iss": "https://esignet.example", "sub": "295127345893214908456738274",
                      "aud": "relying-party-1", "nonce": "973eieljzng", "exp": 1790000000,
                      "iat": 1789996400, "acr": "mosip:idp:acr:generated-code"}).encode()
CORES = os.cpu_count()
# Keys the benchmark makes for itself: name, type, algorithm, verification before release.
KEYS = {
    "es256": ("ec-p256", "ES256", "sampled"),
    "eddsa": ("ed25519", "EdDSA", None),
    "rs256": ("rsa-2048", "RS256", None),
    "ps256": ("rsa-2048", "PS256", None),
}
ROUNDS = 5
LATENCY_US = 2000
SLOW_SESSIONS = 64


def run_json(command, limit_s=300):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=limit_s, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout)


def ticks_of(pid):
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


class Bench:
    """One appliance and what is needed to measure it."""

    def __init__(self, seconds, arguments=()):
        self.seconds = seconds  # of one round
        self.appliance = Appliance(arguments=arguments)
        self.uses = UseCounter(self.appliance.directory / "data" / "log")

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
        self.appliance.remove()

    def make_keys(self):
        management = self.appliance.management(timeout=120)
        for name, (key_type, algorithm, verify) in KEYS.items():
            body = {"name": f"bench.{name}", "type": key_type, "usage": "sign", "formats": ["jws"],
                    "algorithms": [algorithm], "residence": "token"}
            if verify:
                body["verify"] = verify
            answer = management.post("/v1/keys", body)
            if answer.status not in (200, 201):
                raise RuntimeError(f"cannot make bench.{name}: {answer}")

    def environment(self):
        """What the module needs: the lines of the configuration, as the token process has them."""
        lines = [line for line in self.token.get("environment", "").splitlines() if "=" in line]
        return dict(os.environ, **dict(line.strip().split("=", 1) for line in lines))

    def direct(self, name, processes, threads=1):
        os.environ.update(self.environment())
        return run_json([DIRECT, self.token["module"], self.token_label(), self.token["pin_file"],
                         self.object_id(name), KEYS[name][1], processes, threads, self.seconds])

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

    def request_file(self, name, batch):
        item = {"payload": b64u(PAYLOAD)}
        body = ({"key": f"bench.{name}", "items": [item] * batch} if batch
                else {"key": f"bench.{name}", **item})
        text = json.dumps(body, separators=(",", ":"))
        path = self.appliance.directory / "bench-request"
        path.write_text("POST /v1/jws/sign HTTP/1.1\r\nHost: privyseal\r\n"
                        "Content-Type: application/json\r\n"
                        f"Content-Length: {len(text)}\r\n\r\n{text}")
        return path

    def jwks_file(self, name):
        path = self.appliance.directory / "bench-jwks"
        key = self.appliance.client().get(f"/v1/keys/bench.{name}/public").json()
        path.write_text(json.dumps({"keys": [key]}))
        return path

    def load(self, name, connections, batch=0, rate=0.0, tls=False):
        """The appliance's figure, with the processor time of each of its processes."""
        roles = {role: pids for role, pids in self.appliance.roles().items()}
        before_ticks = {role: sum(map(ticks_of, pids)) for role, pids in roles.items()}
        before_leaves = self.uses.count()
        command = [LOAD, "--request", self.request_file(name, batch), "--jwks",
                   self.jwks_file(name), "--connections", connections, "--seconds", self.seconds,
                   "--warm-up", 0.5, "--rate", rate]
        command += self.tls_arguments() if tls else [
            "--socket", self.appliance.environment["PRIVYSEAL_SOCKET"]]
        result = run_json(command)
        per_second = os.sysconf("SC_CLK_TCK")
        # Processor time covers the warm-up too, so it is divided by all that was answered.
        operations = result["signatures"]
        cpu = {}
        for role, pids in roles.items():
            spent = (sum(map(ticks_of, pids)) - before_ticks[role]) / per_second
            kind = role.split(" ")[0] if role.startswith("token") else role
            cpu[kind] = round(cpu.get(kind, 0) + spent * 1000 / max(operations, 1), 4)
        result["cpu_s_per_1000"] = cpu
        result["leaves"] = self.uses.count() - before_leaves
        result["operations"] = operations
        result["rate"] = result["rate"] * (batch or 1)
        return result

    def tls_arguments(self):
        environment = self.appliance.environment
        host, port = environment["PRIVYSEAL_URL"].split("//")[1].rsplit(":", 1)
        return ["--host", host, "--port", port, "--ca", environment["PRIVYSEAL_CA"], "--cert",
                environment["PRIVYSEAL_CERT"], "--key", environment["PRIVYSEAL_KEY"]]


def median_of(results, field):
    return statistics.median(result[field] for result in results)


def row(case, unit, pairs, results):
    """`pairs`: the direct figure and the appliance's, round by round; medians are compared."""
    direct = statistics.median(pair[0] for pair in pairs)
    value = statistics.median(pair[1] for pair in pairs)
    counts = {field: sum(result[field] for result in results)
              for field in ("operations", "dropped", "verified", "leaves")}
    cpu = {role: round(statistics.median(result["cpu_s_per_1000"][role] for result in results), 4)
           for role in results[0]["cpu_s_per_1000"]}
    return {"id": case, "unit": unit, "value": round(value, 3), "direct": round(direct, 3),
            "ratio": round(value / direct, 3),
            "rounds": [[round(figure, 3) for figure in pair] for pair in pairs],
            **{field: median_of(results, field) for field in ("p50_ms", "p95_ms", "p99_ms")},
            "cpu_s_per_1000": cpu, **counts}


def throughput(case, name, connections, batch=0):
    def measure(bench):
        pairs = []
        results = []
        for _ in range(ROUNDS):
            direct = bench.direct(name, bench.processes)["rate"]
            results.append(bench.load(name, connections, batch=batch))
            pairs.append((direct, results[-1]["rate"]))
        return row(case, "signatures/s", pairs, results)
    return measure


def half_load(bench):
    """Added latency at half of the maximum: the 99th percentile over the direct call's."""
    most = statistics.median(bench.load("es256", 32)["rate"] for _ in range(ROUNDS))
    pairs = []
    results = []
    for _ in range(ROUNDS):
        direct = bench.direct("es256", 1)["p99_us"] / 1000
        results.append(bench.load("es256", 32, rate=most / 2))
        pairs.append((direct, results[-1]["p99_ms"] - direct))
    return {**row("es256-half-load", "ms added p99", pairs, results), "ratio": 0}


def mutual_tls(bench):
    pairs = []
    results = []
    for _ in range(ROUNDS):
        plain = bench.load("es256", 32)["rate"]
        results.append(bench.load("es256", 32, tls=True))
        pairs.append((plain, results[-1]["rate"]))
    return row("es256-mtls", "signatures/s", pairs, results)


def slow_token(bench):
    """A network HSM: 2 ms a call, 64 sessions in one process. The ideal is 64 / 2 ms."""
    ideal = SLOW_SESSIONS * 1e6 / LATENCY_US
    set_latency(bench, LATENCY_US)
    results = [bench.load("es256", 16, batch=16) for _ in range(ROUNDS)]
    return row("slow-token", "signatures/s", [(ideal, one["rate"]) for one in results], results)


def set_latency(bench, micros):
    directory = bench.environment()["FAKE_P11_DIR"]
    subprocess.run([str(FAKE_CTL), directory, "latency", "0", str(micros)], check=True)


# id: (measure, floor, goal, kind of appliance); floors and goals are of the ratio, but for the
# added latency, where less is better.
CASES = {
    "es256-single": (throughput("es256-single", "es256", 32), 0.50, 0.62, "softhsm"),
    "es256-single-64": (throughput("es256-single-64", "es256", 64), 0.58, 0.70, "softhsm"),
    "es256-batch64": (throughput("es256-batch64", "es256", 8, batch=64), 0.85, 0.94, "softhsm"),
    "eddsa-single": (throughput("eddsa-single", "eddsa", 32), 0.50, 0.58, "softhsm"),
    "rs256-single": (throughput("rs256-single", "rs256", 32), 0.90, 0.96, "softhsm"),
    "ps256-single": (throughput("ps256-single", "ps256", 32), 0.90, 0.96, "softhsm"),
    "es256-half-load": (half_load, 1.5, 0.5, "softhsm"),
    "es256-mtls": (mutual_tls, 0.80, 0.88, "softhsm"),
    "slow-token": (slow_token, 0.90, 0.97, "slow"),
}
SLOW_ARGUMENTS = ["--module", str(FAKE_MODULE), "--profile",
                  str(TOP / "firmware-profiles" / "fake.json"), "--processes", "1", "--sessions",
                  str(SLOW_SESSIONS)]


def judge(case, result):
    _measure, floor, goal, _kind = CASES[case]
    if case == "es256-half-load":
        figure, better = result["value"], lambda bound: result["value"] <= bound
    else:
        figure, better = result["ratio"], lambda bound: result["ratio"] >= bound
    verdict = "goal" if better(goal) else "floor" if better(floor) else "BELOW"
    complete = (result["dropped"] == 0 and result["verified"] == result["operations"]
                and result["leaves"] == result["operations"])
    return figure, verdict, complete


def print_row(case, result):
    figure, verdict, complete = judge(case, result)
    cpu = " ".join(f"{role.replace('api ', '')} {spent * 1000:.0f}"
                   for role, spent in sorted(result["cpu_s_per_1000"].items())
                   if spent >= 0.0005)
    print(f"{case:16} {result['direct']:>10.1f} {result['value']:>10.1f} {figure:>6.3f} "
          f"{CASES[case][1]:>5.2f} {verdict:6} {result['p50_ms']:>7.2f} {result['p95_ms']:>7.2f} "
          f"{result['p99_ms']:>7.2f}  {result['operations']:>8} {'all' if complete else 'NOT ALL'}"
          f"  [{cpu}]", flush=True)


def plot(path, results):
    """Ratios as bars, floors and goals as marks."""
    data = pathlib.Path(tempfile.mkdtemp()) / "cases"
    rows = [result for result in results if result["ratio"]]
    data.write_text("\n".join(f'"{result["id"]}" {result["ratio"]} {CASES[result["id"]][1]} '
                              f'{CASES[result["id"]][2]}' for result in rows))
    script = (f"set terminal svg size 900,420 font 'sans,11'; set output '{path}'; "
              "set style fill solid 0.7 border -1; set boxwidth 0.6; set yrange [0:1.05]; "
              "set grid ytics; set ylabel 'appliance / token alone'; set xtics rotate by -25; "
              f"plot '{data}' using 0:2:xtic(1) with boxes lc rgb '#3b6ea5' title 'ratio', "
              f"'{data}' using 0:3 with points pt 5 lc rgb '#c0392b' title 'floor', "
              f"'{data}' using 0:4 with points pt 7 lc rgb '#27ae60' title 'goal'")
    subprocess.run(["gnuplot", "-e", script], check=True)
    shutil.rmtree(data.parent)


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                  if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {CORES} cores, {memory:.0f} GiB, Linux {platform.release()}"


def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=TOP, capture_output=True,
                          text=True, check=False)
    return done.stdout.strip() or "unknown"


def run_cases(wanted, seconds):
    results = []
    for kind, arguments in (("softhsm", []), ("slow", SLOW_ARGUMENTS)):
        cases = [case for case in wanted if CASES[case][3] == kind]
        if not cases:
            continue
        with Bench(seconds, arguments) as bench:
            wait_until(lambda b=bench: b.appliance.client().get("/health/ready").status == 200, 20,
                       "the appliance to be ready")
            for case in cases:
                result = CASES[case][0](bench)
                results.append(result)
                print_row(case, result)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="rounds of 1 s instead of 3")
    parser.add_argument("--case", action="append", choices=list(CASES), metavar="ID")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--plot", metavar="FILE", help="an SVG")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(CASES))
        return 0
    print(f"{machine()}, commit {commit()}")
    print(f"{'case':16} {'direct':>10} {'here':>10} {'figure':>6} {'floor':>5} {'':6} {'p50 ms':>7}"
          f" {'p95':>7} {'p99':>7}  {'signed':>8} verified and recorded  [CPU µs per signature]")
    results = run_cases(arguments.case or list(CASES), 1 if arguments.quick else 3)
    if arguments.json:
        report = {"machine": machine(), "date": datetime.date.today().isoformat(),
                  "commit": commit(), "cases": results}
        pathlib.Path(arguments.json).write_text(json.dumps(report, indent=1) + "\n")
    if arguments.plot:
        plot(arguments.plot, results)
    return 0 if all(judge(result["id"], result)[2] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
