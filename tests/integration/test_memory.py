"""Api and keeper hold no private key: their memory is searched for the octets of a real one.

The scripted module keeps its keys readable (tests/fake_p11/README.md), so the octets are known; that
they are found in the token process shows that the search works. Needs root, since the processes are
not dumpable.
"""

import os
import pathlib
import re

import pytest

from harness.appliance import FAKE_MODULE, TOP, Appliance


def memory_of(pid):
    """Every readable mapping, in pieces."""
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for low, high, rights in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) (\S+)", maps, re.M):
            if "r" not in rights:
                continue
            at, end = int(low, 16), int(high, 16)
            try:
                memory.seek(at)
                yield memory.read(end - at)
            except (OSError, ValueError):
                continue


def holds(pid, secret):
    wanted = (secret, secret[::-1])
    return any(any(form in piece for form in wanted) for piece in memory_of(pid))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads other processes' memory")
def test_only_the_token_process_holds_a_private_key():
    arguments = ["--module", str(FAKE_MODULE), "--profile",
                 str(TOP / "firmware-profiles" / "fake.json"), "--processes", "1"]
    with Appliance(arguments=arguments) as appliance:
        from harness.fake_keys import private_keys
        secrets = private_keys(appliance)
        assert secrets
        for _ in range(50):
            answer = appliance.client().post("/v1/jws/sign", {"key": "certify.vc-jwt",
                                                              "payload": "eA"})
            assert answer.status == 200
        roles = {role: pids[0] for role, pids in appliance.roles().items()}
        token = next(pid for role, pid in roles.items() if role.startswith("token"))
        assert any(holds(token, secret) for secret in secrets), "the search finds nothing at all"
        for role in ("api clients", "api management", "keeper", "supervisor"):
            assert not any(holds(roles[role], secret) for secret in secrets), role
