"""Cases about how many keys there are: memory, start, and the rate with very many."""

import os
import pathlib
import statistics
import time

from harness import many_keys
from harness.appliance import wait_until

REAL = 256  # that the token made and that sign; the others only have their rows
STARTS = 5
MANY = 10_000
QUIET_MIB = 64  # that the page cache has for the disk while nothing is measured against it


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


def unwritten_mib():
    lines = pathlib.Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    figures = dict(line.split(":") for line in lines)
    return sum(int(figures[name].split()[0]) for name in ("Dirty", "Writeback")) / 1024


def wait_quiet(limit_s=600):
    """What was filled in is on the disk: no sync of a log waits behind it."""
    os.sync()
    wait_until(lambda: unwritten_mib() < QUIET_MIB, limit_s, "the disk to be quiet", step_s=0.5)


def cpu_ms(appliance):
    """Processor time of all threads of each kind of process."""
    spent = {}
    for role, pids in appliance.roles().items():
        kind = role.split(" ")[0] if role.startswith("token") else role
        for pid in pids:
            for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
                ns = int((thread / "schedstat").read_text(encoding="ascii").split()[0])
                spent[kind] = spent.get(kind, 0) + ns / 1e6
    return spent


def check_phase(appliance):
    """What the comparison behind a start, and hourly, is at."""
    return appliance.management().get("/v1/system").json()["check"]["phase"]


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


def sign_each(appliance, names, pause_ms=0):
    """Median time of a signature, and the processor time of one in each kind of process."""
    client = appliance.client()
    before = cpu_ms(appliance)
    times = []
    for name in names:
        time.sleep(pause_ms / 1000)
        times.append(sign(client, name))
    after = cpu_ms(appliance)
    return round(statistics.median(times), 3), {
        kind: round((after[kind] - before[kind]) / len(names), 3) for kind in before}


def opening(appliance, names):
    """What a signature takes when its key is open and when it is not, and how often one was opened.
    Whoever had nothing to do for a millisecond is slower afterwards, whatever comes: so also what
    one takes when the key is open and each comes as late as if it had been opened meanwhile."""
    before = unwraps(appliance)
    cold_ms, cold_cpu_ms = sign_each(appliance, names)
    opened = unwraps(appliance) - before
    warm = names[-1:] * len(names)
    warm_ms, warm_cpu_ms = sign_each(appliance, warm)
    spaced_ms, spaced_cpu_ms = sign_each(appliance, warm, max(0, cold_ms - warm_ms))
    return {"cold_ms": cold_ms, "warm_ms": warm_ms, "spaced_ms": spaced_ms,
            "cold_cpu_ms": cold_cpu_ms, "warm_cpu_ms": warm_cpu_ms,
            "spaced_cpu_ms": spaced_cpu_ms, "opened": opened, "asked": len(names)}
