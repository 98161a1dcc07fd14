#!/usr/bin/python3
"""Runs the suites of Privyseal and counts. The last line is 'N passed, N failed[, N skipped]'.

Each suite is a function that yields Result rows; a suite that cannot even start is one failure.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from typing import Iterator, NamedTuple

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = TOP / "build"
BUILD_SANITIZED = TOP / "build-sanitized"
BUILD_THREADS = TOP / "build-threads"
# Tests that may be skipped where CI runs, and why that is no gap there.
KNOWN_SKIPS = TOP / "tests" / "known-skips.txt"


class Result(NamedTuple):
    suite: str
    name: str
    outcome: str  # passed, failed, skipped
    detail: str = ""


def run(command, limit_s=900, env=None, cwd=TOP):
    """Runs to its end or its limit; the output comes back in one text."""
    merged = dict(os.environ, **(env or {}))
    try:
        done = subprocess.run(command, cwd=cwd, env=merged, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit_s,
                              check=False)
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as expired:
        text = (expired.stdout or b"").decode("utf-8", "replace")
        return 124, f"{text}\n(stopped after {limit_s} s)"


def configure(directory, options, compiler="gcc"):
    if (directory / "build.ninja").exists():
        return 0, ""
    return run(["meson", "setup", str(directory), *options], env={"CC": compiler})


def build(suite, directory, options, compiler="gcc", targets=()) -> Result:
    code, text = configure(directory, options, compiler)
    if code == 0:
        code, text = run(["ninja", "-C", str(directory), *targets])
    outcome = "passed" if code == 0 else "failed"
    return Result(suite, f"{directory.name} builds without a warning", outcome,
                  "" if code == 0 else text[-6000:])


def meson_tests(suite, directory, extra=(), env=None) -> Iterator[Result]:
    log = directory / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    code, text = run(["meson", "test", "-C", str(directory), "--no-rebuild", "--print-errorlogs",
                      *extra], env=env)
    if not log.exists():
        yield Result(suite, "meson test", "failed", text[-4000:])
        return
    for line in log.read_text().splitlines():
        row = json.loads(line)
        outcome = {"OK": "passed", "SKIP": "skipped", "EXPECTEDFAIL": "passed"}.get(row["result"],
                                                                                  "failed")
        yield from split_cmocka(suite, row, outcome)


def split_cmocka(suite, row, outcome) -> Iterator[Result]:
    """One result per cmocka test where the program printed them, else one per program."""
    output = (row.get("stdout") or "") + (row.get("stderr") or "")
    found = re.findall(r"^\[\s+(OK|FAILED|SKIPPED)\s+\] (\S+)$", output, re.M)
    results = {}
    for state, test in found:
        if state == "FAILED" or results.get(test) != "failed":
            results[test] = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}[state]
    if not results or (outcome == "failed" and "failed" not in results.values()):
        yield Result(suite, row["name"], outcome, output[-4000:])
        return
    for test, result in results.items():
        yield Result(suite, f"{row['name']}: {test}", result,
                     output[-4000:] if result != "passed" else "")


def pytest(suite, paths, env=None, limit_s=900) -> Iterator[Result]:
    report = BUILD / f"pytest-{suite}.xml"
    report.unlink(missing_ok=True)
    code, text = run(["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider",
                      f"--junit-xml={report}", *map(str, paths)], env=env, limit_s=limit_s)
    if not report.exists():
        yield Result(suite, "pytest", "failed", text[-6000:])
        return
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        bad = case.find("failure") if case.find("failure") is not None else case.find("error")
        skipped = case.find("skipped")
        if bad is not None:
            yield Result(suite, name, "failed", (bad.text or "")[-6000:])
        elif skipped is not None:
            yield Result(suite, name, "skipped", skipped.get("message") or "")
        else:
            yield Result(suite, name, "passed")
    if code not in (0, 1):
        yield Result(suite, "pytest ended well", "failed", text[-4000:])


def suite_build() -> Iterator[Result]:
    yield build("build", BUILD, ["--werror"])


def suite_unit() -> Iterator[Result]:
    yield from meson_tests("unit", BUILD)


def suite_static() -> Iterator[Result]:
    for script in sorted((TOP / "tests" / "static").glob("*.py")):
        code, text = run(["/usr/bin/python3", str(script), str(BUILD)], limit_s=600)
        outcome = {0: "passed", 77: "skipped"}.get(code, "failed")
        yield Result("static", script.stem, outcome, text[-6000:] if code else "")


def suite_integration() -> Iterator[Result]:
    yield from pytest("integration", [TOP / "tests" / "integration"])


def suite_interop() -> Iterator[Result]:
    yield from pytest("interop", [TOP / "tests" / "interop"])


def suite_sanitized() -> Iterator[Result]:
    """Unit and integration tests once more under ASan and UBSan, with SoftHSM loaded."""
    yield build("sanitized", BUILD_SANITIZED,
                ["--werror", "-Db_sanitize=address,undefined", "-Db_lundef=false",
                 "-Doptimization=1"], compiler="clang")
    # A module is loaded with dlopen and never unloaded before exit; its leaks are not ours.
    env = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:handle_abort=1",
           "LSAN_OPTIONS": f"suppressions={TOP}/tests/lsan-suppressions.txt:print_suppressions=0",
           "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}
    yield from meson_tests("sanitized", BUILD_SANITIZED, env=env)
    yield from pytest("sanitized", [TOP / "tests" / "integration" / "test_first_signature.py"],
                      env=dict(env, PRIVYSEAL_BUILD=str(BUILD_SANITIZED)))


# The log's writer thread, and the workers of a token process with several sessions.
THREADED = ["log_threads", "pkcs11_threads", "pkcs11_worker"]


def suite_threads() -> Iterator[Result]:
    """The threaded parts under TSan."""
    yield build("threads", BUILD_THREADS,
                ["--werror", "-Db_sanitize=thread", "-Db_lundef=false", "-Doptimization=1"],
                compiler="clang", targets=[*(f"tests/unit/test_{name}" for name in THREADED),
                                           "tests/fake_p11/libfake_p11.so"])
    yield from meson_tests("threads", BUILD_THREADS, extra=THREADED,
                           env={"TSAN_OPTIONS": "halt_on_error=1"})


SUITES = {
    "build": suite_build,
    "unit": suite_unit,
    "static": suite_static,
    "integration": suite_integration,
    "interop": suite_interop,
    "sanitized": suite_sanitized,
    "threads": suite_threads,
}


def known_skips():
    if not KNOWN_SKIPS.exists():
        return []
    lines = KNOWN_SKIPS.read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def judge(result) -> Result:
    """In CI a skip is a failure unless it is on the list of known skips."""
    if result.outcome != "skipped" or os.environ.get("CI") != "true":
        return result
    if any(re.search(pattern, f"{result.suite}/{result.name}") for pattern in known_skips()):
        return result
    return result._replace(outcome="failed", detail=f"skipped in CI: {result.detail}")


def show(result):
    mark = {"passed": "ok", "failed": "NOT OK", "skipped": "SKIP"}[result.outcome]
    if result.outcome == "passed":
        return
    print(f"{mark:7}{result.suite}/{result.name}")
    if result.detail:
        text = result.detail if result.outcome == "failed" else result.detail.splitlines()[0][:200]
        print("       " + text.replace("\n", "\n       "))


def main():
    parser = argparse.ArgumentParser(description="Builds Privyseal and runs its tests.")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="only these: " +
                        ", ".join(SUITES))
    parser.add_argument("--list", action="store_true", help="name the suites and stop")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(SUITES))
        return 0
    unknown = [name for name in arguments.suites if name not in SUITES]
    if unknown:
        parser.error(f"no such suite: {', '.join(unknown)}")
    names = arguments.suites or list(SUITES)
    if "build" not in names:
        names.insert(0, "build")
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name in names:
        began = time.monotonic()
        here = {"passed": 0, "failed": 0, "skipped": 0}
        print(f"== {name}", flush=True)
        for result in map(judge, SUITES[name]()):
            here[result.outcome] += 1
            counts[result.outcome] += 1
            show(result)
        took = time.monotonic() - began
        print(f"   {here['passed']} passed, {here['failed']} failed, {here['skipped']} skipped "
              f"in {took:.0f} s", flush=True)
        if name == "build" and here["failed"]:
            break
    line = f"{counts['passed']} passed, {counts['failed']} failed"
    if counts["skipped"]:
        line += f", {counts['skipped']} skipped"
    print(line)
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
