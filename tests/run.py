#!/usr/bin/python3
"""Runs the suites of Privyseal and counts. The last line is 'N passed, N failed[, N skipped]'.

Each suite is a function that yields Result rows; a suite that cannot even start is one failure.
"""

import argparse
import collections
import concurrent.futures
import functools
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree
from typing import Callable, Iterator, NamedTuple, Optional

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = TOP / "build"
BUILD_SANITIZED = TOP / "build-sanitized"
BUILD_THREADS = TOP / "build-threads"
# Where files of tests are in memory, if there is room: none of them is about the disk, and all would wait for it.
MEMORY, ROOM = "/dev/shm", 4 << 30
# Tests that may be skipped where CI runs, and why that is no gap there.
KNOWN_SKIPS = TOP / "tests" / "known-skips.txt"

# They mostly wait. Programs are small; a file of tests has an appliance.
PROGRAMS_AT_A_TIME = 3 * (os.cpu_count() or 1)
FILES_AT_A_TIME = min((os.cpu_count() or 1) + 1, 4)
# Of a suite, for what never ends: a machine that does much else needs several times as long as ours.
LIMIT_S = 3600
# Files of tests that begin first, so that none of them is alone at the end.
LONGEST = ["ansible", "token_faults", "matrix", "ceremonies", "kill", "oidc_chromium", "batch", "dev", "http_hostile",
           "ceremonies_custody", "memory", "tamper", "demo", "inventory", "unlock", "quickstart", "log_shards",
           "own_tls", "gate", "oidc_authorize", "journey", "sshsig", "tlog", "log", "cose"]


# Of each suite so many of the longest are named: who sees one fail can tell whether it waited.
SLOWEST = 5
# What tells first of a failure: a check of cmocka, or the head of a sanitizer's report.
FIRST_WORD = re.compile(r"^\[  ERROR   \] |ERROR: \w+Sanitizer|WARNING: \w+Sanitizer|runtime error:",
                        re.M)
LINES_AROUND = 20
GROUP_FAILED = re.compile(r"^\[  FAILED  \] GROUP (?:SETUP|TEARDOWN)$", re.M)


class Result(NamedTuple):
    suite: str
    name: str
    outcome: str  # passed, failed, skipped
    detail: str = ""
    took_s: float = 0.0
    program: str = ""  # whose time it is, where several results share it


def has_room(place):
    """Whether programs may lie there, and it has enough memory to spare."""
    try:
        there = os.statvfs(place)
        free = re.search(r"^MemAvailable: +(\d+) kB$", pathlib.Path("/proc/meminfo").read_text(), re.M)
    except OSError:
        return False
    return (os.access(place, os.W_OK) and not there.f_flag & os.ST_NOEXEC and free is not None
            and min(there.f_bavail * there.f_frsize, int(free[1]) << 10) >= ROOM)


@functools.cache
def kept_files():
    made = tempfile.TemporaryDirectory(prefix="ps-", dir=MEMORY if has_room(MEMORY) else None,
                                       ignore_cleanup_errors=True)
    os.chmod(made.name, 0o1777)  # tests run under other users, too
    return made


def files_of_run():
    """Where tests make what they make; it goes with the run."""
    return pathlib.Path(kept_files().name)


def run(command, limit_s=LIMIT_S, env=None, cwd=TOP):
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


# Compilers fill their memory once and leave: in huge pages it costs fewer faults, and fewer ways to find it
# (docs/decisions/0071). Where the system has none, or another C library, this says nothing.
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


def build(suite, directory, options, compiler="gcc", choose=lambda directory: ()) -> Result:
    """Without targets to choose, all."""
    code, text = configure(directory, options, compiler)
    if code == 0:
        # What meson tells of targets and tests is as new as this file.
        code, text = run(["ninja", "-C", str(directory), "build.ninja"])
    if code == 0:
        code, text = run(["ninja", "-C", str(directory), *choose(directory)], env=HUGE_PAGES)
    outcome = "passed" if code == 0 else "failed"
    return Result(suite, f"{directory.name} builds without a warning", outcome,
                  "" if code == 0 else text[-6000:])


def meson_tests(suite, directory, extra=(), env=None) -> Iterator[Result]:
    log = directory / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    code, text = run(["meson", "test", "-C", str(directory), "--no-rebuild", "--print-errorlogs",
                      "--num-processes", str(PROGRAMS_AT_A_TIME), "--timeout-multiplier", "2",
                      *extra], env=env)
    if not log.exists():
        yield Result(suite, "meson test", "failed", text[-4000:])
        return
    for line in log.read_text().splitlines():
        row = json.loads(line)
        outcome = {"OK": "passed", "SKIP": "skipped", "EXPECTEDFAIL": "passed"}.get(row["result"],
                                                                                  "failed")
        for result in split_cmocka(suite, row, outcome):
            yield result._replace(took_s=row.get("duration", 0.0), program=row["name"])


def around_first_word(text):
    """The lines around the first thing that went wrong, then the end: a test that left without its
    clean-up is followed by pages about that."""
    found = FIRST_WORD.search(text)
    if found is None or len(text) <= 4000:
        return text[-4000:]
    before = text[:found.start()].splitlines()[-LINES_AROUND:]
    after = text[found.start():].splitlines()[:LINES_AROUND]
    return "\n".join([*before, *after])[-6000:] + "\n ... and at the end:\n" + text[-1500:]


def cmocka_detail(row, test):
    """What the program printed while this test ran: its checks, like its failure, to stderr."""
    parts = re.split(r"^\[  FAILED  \] (\S+)$", row.get("stderr") or "", flags=re.M)
    for text, name in zip(parts[::2], parts[1::2]):
        if name == test:
            return around_first_word(text)
    return around_first_word((row.get("stdout") or "") + (row.get("stderr") or ""))


def split_cmocka(suite, row, outcome) -> Iterator[Result]:
    """One result per cmocka test where the program printed them, else one per program."""
    output = (row.get("stdout") or "") + (row.get("stderr") or "")
    found = re.findall(r"^\[\s+(OK|FAILED|SKIPPED)\s+\] (\S+)$", output, re.M)
    results = {}
    for state, test in found:
        if state == "FAILED" or results.get(test) != "failed":
            results[test] = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}[state]
    # The program's exit status does not tell of it.
    if GROUP_FAILED.search(output):
        outcome = "failed"
    if not results or (outcome == "failed" and "failed" not in results.values()):
        begun = re.findall(r"^\[ RUN      \] (\S+)$", output, re.M)
        yield Result(suite, row["name"], outcome, f"{row['result']}; the last test that began: "
                     f"{begun[-1] if begun else 'none'}\n{around_first_word(output)}")
        return
    for test, result in results.items():
        yield Result(suite, f"{row['name']}: {test}", result,
                     cmocka_detail(row, test) if result != "passed" else "")


def longest_first(folders):
    files = sorted(file for folder in folders for file in folder.glob("test_*.py"))
    return sorted(files, key=lambda file: (LONGEST + [file.stem[5:]]).index(file.stem[5:]))


def pytest(suite, paths, env=None) -> Iterator[Result]:
    """The tests of one file share an appliance. Without a suite those are named by the folders of the files."""
    report = BUILD / f"pytest-{suite or 'folders'}.xml"
    report.unlink(missing_ok=True)
    code, text = run(["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider",
                      "--forks", str(FILES_AT_A_TIME), f"--junit-xml={report}",
                      f"--basetemp={files_of_run() / (suite or 'folders')}", *map(str, paths)],
                     env={"PRIVYSEAL_FILES": str(files_of_run()), **(env or {})})
    if not report.exists():
        yield Result(suite or "folders", "pytest", "failed", text[-6000:])
        return
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        of = suite or next(iter(name.split(".")[1:2]), "folders")
        bad = case.find("failure") if case.find("failure") is not None else case.find("error")
        skipped = case.find("skipped")
        took_s = float(case.get("time") or 0)
        if bad is not None:
            yield Result(of, name, "failed", f"{(bad.get('message') or '')[:2000]}\n"
                         f"{(bad.text or '')[-6000:]}", took_s)
        elif skipped is not None:
            yield Result(of, name, "skipped", skipped.get("message") or "", took_s)
        else:
            yield Result(of, name, "passed", took_s=took_s)
    if code not in (0, 1):
        yield Result(suite or "folders", "pytest ended well", "failed", text[-4000:])


# Of meson's tests, those of which a build with sanitizers does less, or has something else.
PLAIN = "privyseal:plain"


def all_but_other_tests(directory):
    """What is built without being named, but for programs of tests that are not plain ones."""
    about = directory / "meson-info"
    tests = json.loads((about / "intro-tests.json").read_text())
    targets = json.loads((about / "intro-targets.json").read_text())
    plain = {test["cmd"][0] for test in tests if PLAIN in test["suite"]}
    others = {test["cmd"][0] for test in tests} - plain
    return [os.path.relpath(name, directory) for target in targets if target["build_by_default"]
            for name in target["filename"] if name not in others]


def suite_build() -> Iterator[Result]:
    yield build("build", BUILD, ["--werror"], choose=all_but_other_tests)


def suite_plain() -> Iterator[Result]:
    yield from meson_tests("plain", BUILD, extra=["--suite", "plain"])


def suite_unit() -> Iterator[Result]:
    """All of them without sanitizers."""
    yield build("unit", BUILD, [])
    yield from meson_tests("unit", BUILD)


def check(script) -> Result:
    began = time.monotonic()
    code, text = run(["/usr/bin/python3", str(script), str(BUILD)])
    outcome = {0: "passed", 77: "skipped"}.get(code, "failed")
    return Result("static", script.stem, outcome, text[-6000:] if code else "",
                  time.monotonic() - began)


def suite_static() -> Iterator[Result]:
    """The analysers take all processors for minutes, each of the others one."""
    scripts = sorted((TOP / "tests" / "static").glob("*.py"))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        yield from pool.map(check, scripts)


def tests_of_folders(names) -> Iterator[Result]:
    """What `privyseal dev` has set up is copied by the tests that only need it (harness/model.py)."""
    model = files_of_run() / "model"
    model.mkdir(0o755)  # the roles run under users of their own and pass through
    yield from pytest(None, longest_first([TOP / "tests" / name for name in names]),
                      env={"PRIVYSEAL_MODEL": str(model)})


# Of two linkers the quicker one links (docs/decisions/0069). Reports name functions and lines, and no variables,
# which would be half of what is written.
QUICKLY_MADE = ["--werror", "-Db_lundef=false", "-Doptimization=1", "-Ddebug=false",
                "-Dc_args=-gline-tables-only", "-Dc_link_args=-fuse-ld=gold"]


# What all of meson's tests start, and what an appliance as a whole is made of.
WHOLE_AND_TESTS = ["meson-test-prereq", "appliance/privyseal", "appliance/privyseald", "appliance/softhsm2.json"]
SANITIZED = (BUILD_SANITIZED, ["-Db_sanitize=address,undefined", *QUICKLY_MADE], "clang")


def build_sanitized() -> Iterator[Result]:
    yield build("sanitized", *SANITIZED, choose=lambda directory: WHOLE_AND_TESTS)


def suite_sanitized() -> Iterator[Result]:
    """All unit tests, and the whole of it once, under ASan and UBSan, with SoftHSM loaded."""
    # A module is loaded with dlopen and never unloaded before exit; its leaks are not ours.
    # What ASan notes of large blocks is cleared in place: mapped anew, each of its pages costs a fault.
    env = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:handle_abort=1:"
                           f"clear_shadow_mmap_threshold={1 << 30}",
           "LSAN_OPTIONS": f"suppressions={TOP}/tests/lsan-suppressions.txt:print_suppressions=0",
           "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
           # Programs are slower here; all of it is done without sanitizers, by the suite plain.
           "PRIVYSEAL_RACES": "300", "PRIVYSEAL_KILL_STRIDE": "5"}
    whole = [TOP / "tests" / "integration" / "test_first_signature.py"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        beside = pool.submit(lambda: list(pytest(
            "sanitized", whole, env=dict(env, PRIVYSEAL_BUILD=str(BUILD_SANITIZED)))))
        yield from meson_tests("sanitized", BUILD_SANITIZED, env=env)
        yield from beside.result()


# The log's writer thread, the workers of a token process with several sessions, and the thread that
# commits for a companion's loop.
THREADED = ["commits", "log_threads", "pkcs11_threads", "pkcs11_worker"]
THREADS = (BUILD_THREADS, ["-Db_sanitize=thread", *QUICKLY_MADE], "clang")


def build_threads() -> Iterator[Result]:
    yield build("threads", *THREADS, choose=lambda directory: [
        *(f"tests/unit/test_{name}" for name in THREADED), "tests/fake_p11/libfake_p11.so"])


def suite_threads() -> Iterator[Result]:
    """The threaded parts under TSan."""
    yield from meson_tests("threads", BUILD_THREADS, extra=THREADED,
                           env={"TSAN_OPTIONS": "halt_on_error=1"})


class Suite(NamedTuple):
    # None: those of the folder of this name.
    tests: Optional[Callable[[], Iterator[Result]]] = lambda: iter(())
    # What keeps processors busy and disturbs no test: it is begun beside the suites before.
    ahead: Optional[Callable[[], Iterator[Result]]] = None
    # What configure() is given of its own build, if it has one.
    own_build: tuple = ()
    # Only when it is named: another suite shows the same.
    is_extra: bool = False


SUITES = {
    "build": Suite(suite_build),
    "plain": Suite(suite_plain),
    "integration": Suite(tests=None),
    "interop": Suite(tests=None),
    "sanitized": Suite(suite_sanitized, ahead=build_sanitized, own_build=SANITIZED),
    "threads": Suite(suite_threads, ahead=build_threads, own_build=THREADS),
    # Last, so that its analysers have what all tests before leave of the processors.
    "static": Suite(ahead=suite_static),
    "unit": Suite(suite_unit, is_extra=True),
}
# What is run at once: the last tests of one leave processors to another.
AT_ONCE = [{"integration", "interop"}, {"sanitized", "threads"}]


class Ahead:
    """One after the other, in a thread whose programs give way to those of the tests."""

    def __init__(self, names):
        # Linux has a priority for each thread, which the programs that it starts inherit.
        self.pool = concurrent.futures.ThreadPoolExecutor(
            1, initializer=os.setpriority, initargs=(os.PRIO_PROCESS, 0, 19))
        self.begun = {}
        # meson takes one processor, also while it configures build/. What it says is read when it is asked again.
        for name in names:
            if SUITES[name].own_build:
                self.pool.submit(configure, *SUITES[name].own_build)

    def begin(self, names):
        self.begun = {name: self.pool.submit(lambda begin: list(begin()), SUITES[name].ahead)
                      for name in names if SUITES[name].ahead is not None}

    def results(self, name):
        """Waits for what was begun of a suite; nothing for one that has nothing of the kind."""
        return self.begun[name].result() if name in self.begun else []


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
    print(f"{mark:7}{result.suite}/{result.name} ({result.took_s:.1f} s)")
    if result.detail:
        text = result.detail if result.outcome == "failed" else result.detail.splitlines()[0][:200]
        print("       " + text.replace("\n", "\n       "))


def at_once(names):
    """The suites in their order, with those that are run together in one list."""
    def together(name):
        return next((number for number, some in enumerate(AT_ONCE) if name in some), name)

    return [list(some) for _key, some in itertools.groupby(names, together)]


def tests_of(names) -> Iterator[Result]:
    folders = [name for name in names if SUITES[name].tests is None]
    runs = [SUITES[name].tests for name in names if name not in folders]
    if folders:
        runs.append(functools.partial(tests_of_folders, folders))
    with concurrent.futures.ThreadPoolExecutor(len(runs)) as pool:
        for begun in [pool.submit(lambda run=run: list(run())) for run in runs]:
            yield from begun.result()


def run_suites(names, ahead):
    """Counts of passed, failed and skipped."""
    began = time.monotonic()
    counts = collections.Counter()
    print(f"== {', '.join(names)}", flush=True)
    begun = [result for name in names for result in ahead.results(name)]
    times = {}
    for result in map(judge, itertools.chain(begun, tests_of(names))):
        counts[result.outcome] += 1
        times[result.program or result.name] = result.took_s
        show(result)
    print(f"   {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped "
          f"in {time.monotonic() - began:.0f} s", flush=True)
    slowest = sorted(times.items(), key=lambda each: -each[1])[:SLOWEST]
    print("".join(f"   {took_s:6.1f} s {test}\n" for test, took_s in slowest if took_s >= 1),
          end="", flush=True)
    return counts


def fetch():
    """What the tests against other software need of it; they fetch what is then missing."""
    run(["/usr/bin/python3", str(TOP / "tests" / "harness" / "fetched.py")])


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
    wanted = arguments.suites or [name for name, suite in SUITES.items() if not suite.is_extra]
    names = ["build"] + [name for name in wanted if name != "build"]
    ahead = Ahead(names)
    if "interop" in names:
        threading.Thread(target=fetch).start()
    # All others need it.
    counts = run_suites(["build"], ahead)
    if not counts["failed"]:
        ahead.begin(names)
        for some in at_once(names[1:]):
            counts += run_suites(some, ahead)
    line = f"{counts['passed']} passed, {counts['failed']} failed"
    if counts["skipped"]:
        line += f", {counts['skipped']} skipped"
    print(line)
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
