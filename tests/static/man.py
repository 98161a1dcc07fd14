#!/usr/bin/python3
"""The man pages have every command and option of the command line, and no others; all are sound."""

import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / "build"
PROGRAMS = {"privyseal": BUILD / "appliance" / "privyseal",
            "privyseal-officer": BUILD / "appliance" / "officer" / "privyseal-officer"}


COMPANIONS = {"privyseal-oidc.8": ["oidc/keys.def", "shared/settings.def"],
              "privyseal-certify.8": ["certify/keys.def", "shared/settings.def"],
              "privyseal-registry.8": ["plugins/registry/keys.def"],
              "privyseal-authenticator-http.8": ["plugins/http/keys.def"]}


def help_of(program, *words):
    return subprocess.run([str(PROGRAMS[program]), "help", *words], check=True,
                          capture_output=True, text=True).stdout


def commands(program):
    lines = help_of(program).splitlines()
    rows = [line[2:].split("  ")[0] for line in lines if line.startswith("  ")]
    return ["dev" if row == "dev DIR" else row for row in rows]


def check_command_line(program):
    page = (TOP / "docs" / "man" / f"{program}.1").read_text()
    section = page.split(".Sh COMMANDS")[1].split(".Sh ENVIRONMENT")[0]
    parts = re.split(r"^\.It Cm ", section, flags=re.M)[1:]
    described = {re.split(r" (?:Op|Ar) ", part.splitlines()[0])[0].strip(): part for part in parts}
    known = commands(program)
    for name in known:
        if name not in described:
            yield f"{program}.1 lacks `{name}`"
            continue
        if name == "dev":
            continue
        own = help_of(program, *name.split()).split("and with every command:")[0]
        for option in re.findall(r"^  --(\S+)", own, re.M):
            if f".It Fl -{option}" not in described[name]:
                yield f"{program}.1: `{name}` lacks --{option}"
    for name in described:
        if name not in known:
            yield f"{program}.1 has `{name}`, which there is not"


def rows(name):
    """(key, help) of a table of configuration keys."""
    text = re.sub(r"/\*.*?\*/", "", (TOP / "frontends" / name).read_text(), flags=re.S)
    for row in text.split("CONFIG_KEY(")[1:]:
        words = re.findall(r'"([^"]*)"', row.split(",", 6)[-1])
        yield row.split(", ")[1], "".join(words)


def check_keys(name, *tables):
    page = (TOP / "docs" / "man" / name).read_text()
    known = [row for table in tables for row in rows(table)]
    for key, told in known:
        if not re.search(rf"^\.It Ic {key} = Ar \w+\n{re.escape(told)}\.$", page, re.M):
            yield f"{name} lacks {key} as the table has it"
    if len(known) != len(re.findall(r"^\.It Ic \w+ = ", page, re.M)):
        yield f"{name} has keys that there are not"


def check_library():
    """Each call of the client library has its lines in privyseal.3, and somebody who makes it."""
    headers = "".join(path.read_text() for path in (TOP / "api" / "client").glob("privyseal*.h"))
    page = (TOP / "docs" / "man" / "privyseal.3").read_text()
    calls = re.findall(r"PRIVYSEAL_API\b[^;(]*?\b(privyseal_\w+)\(", headers)
    names = subprocess.run(["git", "ls-files", "tests/*.[cp]*", "frontends/*.c", "appliance/*.c"], cwd=TOP,
                           check=True, capture_output=True, text=True).stdout.split()
    users = "".join((TOP / name).read_text() for name in names if name.endswith((".c", ".py")))
    signs = {f"privyseal_sign_{what}" for what in re.findall(r'library\.sign\("(\w+)"', users)}
    for name in calls:
        if f".Fn {name} " not in page:
            yield f"privyseal.3 lacks {name}"
        if name not in signs and not re.search(rf"\b{name}\b", users):
            yield f"{name} is called by no test and no program"
    for name in re.findall(r"^\.Fn (\w+)", page, re.M):
        if name not in calls:
            yield f"privyseal.3 has {name}, which there is not"


def check_pages():
    for page in sorted((TOP / "docs" / "man").iterdir()):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(page)],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            yield done.stdout.strip()


def main():
    found = [line for program in PROGRAMS for line in check_command_line(program)]
    for name, tables in COMPANIONS.items():
        found += check_keys(name, *tables)
    found += check_library()
    found += check_pages()
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
