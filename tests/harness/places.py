"""Where the source and what was built of it are."""

import os
import pathlib
import shutil

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PRIVYSEAL_BUILD", TOP / "build"))
PRIVYSEAL = BUILD / "appliance" / "privyseal"
PRIVYSEALD = BUILD / "appliance" / "privyseald"
FAKE_MODULE = BUILD / "tests" / "fake_p11" / "libfake_p11.so"
LIAR = BUILD / "tests" / "fake_p11" / "libliar.so"
FAKE_CTL = BUILD / "tests" / "fake_p11" / "fake_p11_ctl"


def private_copy(path, directory):
    """Of a plugin, in a directory of the test's own: others may be able to write a checkout."""
    copy = shutil.copy(path, directory)
    os.chmod(copy, 0o644)
    return copy
