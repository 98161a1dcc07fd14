#!/usr/bin/python3
"""The shell scripts pass shellcheck."""

import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
names = subprocess.run(["git", "grep", "-lE", "^#!.*(bash|sh)$", "--", ":!*.py"], cwd=TOP, check=True,
                       capture_output=True, text=True).stdout.split()
sys.exit(subprocess.run(["shellcheck", *names], cwd=TOP, check=False).returncode)
