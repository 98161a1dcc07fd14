"""Cases about how many keys there are: memory, start, and the rate with very many."""

import pathlib
import statistics
import time

from harness import many_keys
from harness.appliance import wait_until

REAL = 256  # that the token made and that sign; the others only have their rows
STARTS = 5
MANY = 10_000


def memory_mib(appliance):
    """Of all processes; what several of them share counts once."""
    kib = 0
    for pids in appliance.roles().values():
        for pid in pids:
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                kib += int(line.split()[1]) if line.startswith("Pss:") else 0
    return kib / 1024


def sign(client, name):
    began = time.perf_counter()
    answer = client.post("/v1/jws/sign", {"key": name, "payload": "YQ"})
    if answer.status != 200:
        raise RuntimeError(f"{name} does not sign: {answer}")
    return (time.perf_counter() - began) * 1000


def unwraps(appliance):
    text = appliance.management().get("/metrics").body.decode()
    return sum(int(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith("privyseal_token_unwraps_total{"))


def fill_up(appliance, count, prefix="real."):
    """`count` wrapped keys in all; names of those that sign."""
    many_keys.make_wrapping_keys(appliance)
    names = many_keys.make(appliance, prefix, REAL)
    many_keys.fill(appliance, names[0], "filler.", count - REAL)
    return names


def row(case, unit, value, **more):
    return {"id": case, "unit": unit, "value": round(value, 3), "direct": 0, "ratio": 0,
            "rounds": [], "p50_ms": 0, "p95_ms": 0, "p99_ms": 0, "cpu_s_per_1000": {},
            "operations": 0, "dropped": 0, "verified": 0, "leaves": 0, **more}


def wait_ready(appliance, limit_s=600):
    wait_until(lambda: appliance.client().get("/health/ready").status == 200, limit_s,
               "it to be ready")


def memory(appliance):
    """After all that can sign has signed, so that both caches hold what they may."""
    names = fill_up(appliance, MANY)
    wait_ready(appliance)
    client = appliance.client()
    for name in names + names:
        sign(client, name)
    return row("memory-10k", "MiB", memory_mib(appliance))


def has_signed(appliance, name):
    try:
        return appliance.client().post("/v1/jws/sign", {"key": name, "payload": "YQ"}).status == 200
    except OSError:  # nobody listens yet
        return False


def start(appliance):
    """From the start of the supervisor to a signature by a key that has to be opened."""
    names = fill_up(appliance, MANY)
    wait_ready(appliance)
    times = []
    for number in range(STARTS):
        appliance.stop()
        began = time.perf_counter()
        appliance.launch(alone=True)
        wait_until(lambda n=number: has_signed(appliance, names[n]), 60, "a signature", step_s=0.005)
        times.append(time.perf_counter() - began)
    return row("start-10k", "s", statistics.median(times),
               rounds=[[0, round(one, 3)] for one in times])


def opening(appliance, names):
    """What a signature takes when its key is open and when it is not, and how often one was opened."""
    client = appliance.client()
    before = unwraps(appliance)
    cold = [sign(client, name) for name in names]
    opened = unwraps(appliance) - before
    warm = [sign(client, names[-1]) for _ in names]
    return {"cold_ms": round(statistics.median(cold), 3),
            "warm_ms": round(statistics.median(warm), 3), "opened": opened, "asked": len(names)}
