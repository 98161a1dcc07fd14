#!/usr/bin/python3
"""Every C file is formatted as .clang-format says."""

import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
names = subprocess.run(["git", "ls-files", "*.c", "*.h"], cwd=TOP, check=True, capture_output=True,
                       text=True).stdout.split()
sys.exit(subprocess.run(["clang-format", "--dry-run", "-Werror", *names], cwd=TOP,
                        check=False).returncode)
