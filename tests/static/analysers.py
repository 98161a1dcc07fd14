#!/usr/bin/python3
"""clang-tidy and cppcheck find nothing in the sources of the product."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / "build"
CACHE = BUILD / "analysed"
# gcc's own options in the compile commands; clang does not know them.
UNKNOWN_TO_CLANG = ["-Wlogical-op", "-Wduplicated-cond", "-Wduplicated-branches",
                    "-ftrivial-auto-var-init=zero"]
# A tenth of what they take is faults and pages looked up (docs/decisions/0071).
HUGE_PAGES = dict(os.environ, GLIBC_TUNABLES="glibc.malloc.hugetlb=1")


def product_sources():
    listed = subprocess.run(["git", "ls-files", "*.c"], cwd=TOP, check=True, capture_output=True,
                            text=True).stdout.split()
    return [name for name in listed if not name.startswith("tests/")]


def headers_digest():
    listed = subprocess.run(["git", "ls-files", "*.h", "*.def", ".clang-tidy"], cwd=TOP, check=True,
                            capture_output=True, text=True).stdout.split()
    digest = hashlib.sha256()
    for name in listed:
        digest.update((TOP / name).read_bytes())
    return digest.digest()


def commands_for_clang():
    """A compilation database without what clang refuses."""
    rows = json.loads((BUILD / "compile_commands.json").read_text())
    for row in rows:
        row["command"] = " ".join(word for word in row["command"].split()
                                  if word not in UNKNOWN_TO_CLANG)
    CACHE.mkdir(exist_ok=True)
    (CACHE / "compile_commands.json").write_text(json.dumps(rows))
    return {os.path.normpath(BUILD / row["file"]) for row in rows}


def tidy(name, common):
    """A file that was clean stays clean while it and all headers are the same. Each has a process of its own: of
    several in one, clang-tidy 14 does not know some functions again in the second."""
    key = hashlib.sha256(common + (TOP / name).read_bytes() + name.encode()).hexdigest()
    if (CACHE / key).exists():
        return ""
    done = subprocess.run(["clang-tidy", "-quiet", "-p", str(CACHE), str(TOP / name)], cwd=TOP,
                          env=HUGE_PAGES, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=False)
    if done.returncode == 0:
        (CACHE / key).touch()
        return ""
    return done.stdout or f"{name}: clang-tidy ended with {done.returncode}"


def cppcheck(sources):
    """One process for all files, beside those of clang-tidy: for several it would start one for each file."""
    done = subprocess.run(
        ["cppcheck", "-q", "--std=c11", "--error-exitcode=1", "--inline-suppr",
         "--enable=warning,portability", "--suppress=missingIncludeSystem", "--suppress=*:*.def",
         # It does not know clean-up by attribute, nor that NULL is a pointer here; the sanitizers
         # look for leaks instead.
         "--suppress=memleak", "--suppress=varFuncNullUB",
         f"--cppcheck-build-dir={CACHE}", "-I.", "-D__linux__", *sources],
        cwd=TOP, env=HUGE_PAGES, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout if done.returncode else ""


def main():
    known = commands_for_clang()
    sources = [name for name in product_sources() if os.path.normpath(TOP / name) in known]
    common = headers_digest()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        whole = pool.submit(cppcheck, sources)
        found = [text for text in [*pool.map(lambda name: tidy(name, common), sources), whole.result()] if text]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
