"""Where the source and what was built of it are."""

import os
import pathlib

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PRIVYSEAL_BUILD", TOP / "build"))
PRIVYSEAL = BUILD / "appliance" / "privyseal"
PRIVYSEALD = BUILD / "appliance" / "privyseald"
FAKE_MODULE = BUILD / "tests" / "fake_p11" / "libfake_p11.so"
FAKE_CTL = BUILD / "tests" / "fake_p11" / "fake_p11_ctl"
