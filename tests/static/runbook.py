#!/usr/bin/python3
"""docs/operators.md has a section for each alarm, state and problem code of the code, and no others.

A section says three things: what it means, what to do, and when it is over.
"""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
TEXT = TOP / "docs" / "operators.md"
SECTION = re.compile(r"^### (state|reason|token|alarm|problem) `([a-z0-9-]+)`$", re.M)
PARTS = ("**Means** ", "**Do** ", "**Over when** ")
STRING = r'"([a-z0-9-]+)"'


def sources(*folders):
    return [path.read_text() for folder in folders for path in sorted((TOP / folder).rglob("*.[ch]"))]


def names_in(function, text):
    """The strings of the table that a function of this name begins with."""
    found = re.search(rf"^const char \*{function}\(.*?\{{(.*?)\}};", text, re.M | re.S)
    return re.findall(STRING, found.group(1)) if found else []


def alarms(texts):
    """The second argument of each call: strings, or a macro that stands for one."""
    macros = dict(re.findall(rf"^#define (\w+)\s+{STRING}", "\n".join(texts), re.M))
    for text in texts:
        for call in re.finditer(r"\bevents_alarm\((.*?);", text, re.S):
            code = call.group(1).split(",")[1]
            found = re.findall(STRING, code) + [macros[word] for word in re.findall(r"\w+", code)
                                                if word in macros]
            if not found and "const char *" not in code:
                sys.exit(f"runbook.py does not understand events_alarm({call.group(1)}")
            yield from found


def known():
    keystore, ipc = sources("keystore"), "\n".join(sources("lib/ipc"))
    reasons = re.search(r"reasons\[REASON_COUNT\] = \{(.*?)\n\};", "\n".join(keystore), re.S)
    problems = (TOP / "lib" / "base" / "problem.def").read_text()
    return {
        "state": names_in("appliance_state_name", ipc),
        "reason": re.findall(rf"= \{{{STRING}", reasons.group(1)),
        "token": names_in("token_state_name", ipc),
        "alarm": sorted(set(alarms(keystore))),
        "problem": re.findall(rf"^PROBLEM\(\w+, {STRING}", problems, re.M),
    }


def check():
    text = TEXT.read_text()
    heads = list(SECTION.finditer(text))
    sections = {}
    for at, head in enumerate(heads):
        end = heads[at + 1].start() if at + 1 < len(heads) else len(text)
        if head.groups() in sections:
            yield f"{TEXT.name}: {' '.join(head.groups())} is there twice"
        sections[head.groups()] = text[head.end():end]
    tables = known()
    for kind, codes in tables.items():
        if not codes:
            yield f"runbook.py finds no table of kind {kind}"
        for code in codes:
            if (kind, code) not in sections:
                yield f"{TEXT.name} lacks a section: ### {kind} `{code}`"
    for (kind, code), body in sections.items():
        if code not in tables[kind]:
            yield f"{TEXT.name} has {kind} `{code}`, which there is not"
        for part in PARTS:
            if f"\n{part}" not in body:
                yield f"{TEXT.name}: {kind} `{code}` does not say {part.strip()}"


def main():
    found = list(check())
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
