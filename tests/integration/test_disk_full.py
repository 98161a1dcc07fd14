"""A full disk stops signing and comes back when there is room."""

import os
import subprocess
import tempfile

import pytest

from harness.appliance import Appliance, wait_until
from harness.leaves import leaf_hash_of_jws, read_use
from harness.places import PRIVYSEAL

KEY = "certify.vc-jwt"


@pytest.fixture()
def small_disk():
    """An appliance whose whole directory is on a file system of 64 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a file system")
    directory = tempfile.mkdtemp(prefix="privyseal-disk-")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs", directory],
                             check=False, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount: {mounted.stderr.strip()}")
    appliance = Appliance(directory=directory)
    try:
        yield appliance.start()
    finally:
        appliance.stop()
        subprocess.run(["umount", directory], check=True)
        os.rmdir(directory)


def test_a_full_disk_stops_signing_and_room_brings_it_back(small_disk):
    received = []

    def sign():
        answer = small_disk.client().post("/v1/jws/sign", {"key": KEY, "payload": "eA"})
        if answer.status == 200:
            received.append(answer.json()["jws"])
        return answer.status

    assert sign() == 200
    filler = small_disk.directory / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            pass
    wait_until(lambda: sign() == 503, 15, "signing to stop")

    def is_told():
        ready = small_disk.client().get("/health/ready")
        return ready.status == 503 and ready.json()["state"] == "failed"

    wait_until(is_told, 15, "the api process to be told")
    filler.unlink()
    wait_until(lambda: sign() == 200, 15, "signing to come back")
    recorded = {leaf["hash"] for leaf in read_use(small_disk.directory / "data/log")}
    assert all(leaf_hash_of_jws(jws) in recorded for jws in received)
    done = subprocess.run([str(PRIVYSEAL), "log", "verify", str(small_disk.directory / "data/log")],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
