"""The benchmark's own programs, and the processor time that others take beside them."""

import json
import os
import pathlib
import subprocess

from harness.places import BUILD

CHAIN = BUILD / "tests" / "bench" / "chain"
DIRECT = BUILD / "tests" / "bench" / "direct"
LOAD = BUILD / "tests" / "bench" / "load"
MACHINE = BUILD / "tests" / "bench" / "machine"


def run_json(command, environment=None, limit_s=300):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          env=environment, timeout=limit_s, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout)


def load_command(request, jwks, connections, seconds, rate):
    """Without where to."""
    return [LOAD, "--request", request, "--jwks", jwks, "--connections", connections,
            "--seconds", seconds, "--warm-up", 0.5, "--rate", rate]


def host_ticks():
    """Ticks of all processors, and how many of them the host of a virtual machine gave to others."""
    # proc(5): user, nice, system, idle, iowait, irq, softirq, steal; what follows counts twice.
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    return sum(map(int, fields)), int(fields[7])


def share_taken(before, after):
    """By the host, between two looks at host_ticks."""
    return round((after[1] - before[1]) / max(after[0] - before[0], 1), 3)


def ticks_of(pid):
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def with_processor_time(roles, run):
    """What `run` yields, with the processor time of `roles`: {role: [pid]}."""
    before = {role: sum(map(ticks_of, pids)) for role, pids in roles.items()}
    result = run()
    per_second = os.sysconf("SC_CLK_TCK")
    # Processor time covers the warm-up too, so it is divided by all that was answered.
    operations = result["signatures"]
    cpu = {}
    for role, pids in roles.items():
        spent = (sum(map(ticks_of, pids)) - before[role]) / per_second
        kind = role.split(" ")[0] if role.startswith("token") else role
        cpu[kind] = round(cpu.get(kind, 0) + spent * 1000 / max(operations, 1), 4)
    result["cpu_s_per_1000"] = cpu
    result["operations"] = operations
    return result
