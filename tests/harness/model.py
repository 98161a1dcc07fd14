"""A directory that `privyseal dev` has set up once for a run and a kind of token, of which tests get copies.

Most tests need an appliance that works, and not that its keys are made once more: that takes several
times as long as a start. It starts in another place than where it was made, so that its people approve
its configuration.
"""

import fcntl
import os
import pathlib
import shutil
import subprocess

# Where ./test keeps it for the suites of a run; without it each appliance is set up by itself.
PLACE = os.environ.get("PRIVYSEAL_MODEL")


def is_kept():
    return bool(PLACE)


def obtain(make, name):
    """The directory; whoever comes first has it made, others wait."""
    directory = pathlib.Path(PLACE) / name
    made = directory.with_suffix(".made")
    with open(directory.with_suffix(".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(directory, ignore_errors=True)
            make(directory)
            made.touch()
    return directory


def copy(directory, to):
    """All but what is written at each start: of its configuration above all the ports."""
    subprocess.run(["cp", "-a", "--", f"{directory}/.", str(to)], check=True)
    for name in ("privyseald.conf", "dev.log", "env"):
        (to / name).unlink(missing_ok=True)
