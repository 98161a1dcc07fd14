"""An installation on a machine of its own: systemd as process 1, in namespaces.

The machine's root is this machine's, covered by a layer that takes every change, with what `meson
install` made on top. It has processes, mounts, control groups and a network (the loopback) of its
own. So systemd may do there what it does when a machine starts, and nothing of it is here.
"""

import os
import pathlib
import shutil
import subprocess

from .appliance import COMMAND_STEP_S, PATIENCE_S, wait_until
from .installed import Installed, can_layer

SYSTEMD = pathlib.Path("/lib/systemd/systemd")
UNIFIED = [pathlib.Path(place) for place in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")]
# What it does not need: above all what reaches the kernel that it shares with us.
WITHOUT = "audit_control,audit_write,mac_admin,mac_override,sys_boot,sys_module,sys_rawio,sys_time"
TARGET = "privyseal-test.target"
SERVICE = "privyseald.service"
START_LIMIT_S = 60

MAKE_ROOT = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 none {layers}
cd {layers}
mkdir -m 755 up work root
mount -t overlay overlay -o lowerdir=/,upperdir=up,workdir=work root
cp -a {destination}/. root/
cd root
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 none dev
for node in full null random tty urandom zero; do
    touch dev/$node
    mount --bind /dev/$node dev/$node
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs none dev/shm
mount -t tmpfs -o mode=755 none run
mount -t tmpfs -o mode=1777 none tmp
: >etc/fstab
mkdir -p run/systemd/system
printf '[Unit]\\nRequires=basic.target\\nAfter=basic.target\\n' >run/systemd/system/{target}
pivot_root . mnt
umount -l /mnt
cd /
mount --make-rshared /
exec env -i container=privyseal-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    setpriv --bounding-set={without} {systemd} --system --unit={target}
"""


def unified():
    """Where the control groups of version 2 are, or None."""
    for place in UNIFIED:
        if (place / "cgroup.procs").exists():
            return place
    return None


def why_not():
    """Why no such machine can be made here; None when it can."""
    if os.geteuid() != 0 or not can_layer():
        return "only root with overlay mounts makes a machine with a systemd of its own"
    if not SYSTEMD.exists() or shutil.which("systemctl") is None:
        return "systemd is not installed"
    if unified() is None or not os.access(unified(), os.W_OK):
        return "there are no control groups of version 2 to add to"
    return None


class Booted(Installed):
    """Used as a context manager; the machine's processes end with it."""

    def __init__(self):
        super().__init__()
        self.group = None
        self.first = None  # the machine's process 1, as we see it

    def __exit__(self, *exception):
        if self.holder is not None:
            self.holder.kill()  # and with it process 1, which takes all others down
            self.holder.wait(PATIENCE_S)
        if self.group is not None:
            wait_until(self.remove_group, 20, "the machine's control groups to be empty")
        shutil.rmtree(self.scratch, ignore_errors=True)

    def remove_group(self):
        try:
            for directory, _names, _files in os.walk(self.group, topdown=False):
                os.rmdir(directory)
        except OSError:
            return False
        return True

    def boot(self):
        layers = self.scratch / "layers"
        layers.mkdir()
        self.group = unified() / self.scratch.name
        self.group.mkdir()
        script = MAKE_ROOT.format(layers=layers, destination=self.destination, target=TARGET,
                                  systemd=SYSTEMD, without="-" + WITHOUT.replace(",", ",-"))
        enter = f"echo $$ >{self.group}/cgroup.procs && exec \"$@\""
        with open(self.scratch / "log", "wb") as log:
            self.holder = subprocess.Popen(
                ["sh", "-c", enter, "sh", "setpriv", "--pdeathsig", "KILL", "unshare",
                 "--mount", "--pid", "--fork", "--kill-child",
                 "--cgroup", "--uts", "--ipc", "--net", "sh", "-c", script],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.has_started, START_LIMIT_S, "systemd to have started", COMMAND_STEP_S)

    def has_started(self):
        assert self.holder.poll() is None, self.log()
        if self.first is None:
            children = pathlib.Path(
                f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read_text().split()
            if not children or os.readlink(f"/proc/{children[0]}/exe") != os.path.realpath(SYSTEMD):
                return False
            self.first = int(children[0])
        return self.is_active(TARGET)

    def is_active(self, unit):
        return self.inside("systemctl", "is-active", "--quiet", unit, check=False).returncode == 0

    def check_service(self):
        """Nobody waits for one that systemd has given up."""
        failed = self.inside("systemctl", "is-failed", "--quiet", SERVICE, check=False)
        assert failed.returncode != 0, self.journal(SERVICE)

    def command(self, *command):
        return ["nsenter", "--target", str(self.first), "--mount", "--pid", "--cgroup", "--uts",
                "--ipc", "--net", "--root", "--wd", *map(str, command)]

    def seen(self, path):
        return pathlib.Path(f"/proc/{self.first}/root{path}")

    def journal(self, unit):
        return self.inside("journalctl", "--no-pager", "--output=cat", f"--unit={unit}").stdout
