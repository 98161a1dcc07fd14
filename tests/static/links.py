#!/usr/bin/python3
"""What a document links to is there, with the heading that the link names; so is what it names in backticks."""

import functools
import os
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
FETCHED = {"node_modules", "venv"}
ELSEWHERE = ("http://", "https://", "mailto:")
# Places of the source that are named whole; others are below a prefix, or of another machine.
NAMED = re.compile(r"`((?:docs|frontends|tests|scripts|ansible|firmware-profiles)/[\w./-]*\w)`")


def documents():
    """Of the source: not what was built in it, or fetched for a test."""
    for folder, folders, names in os.walk(TOP):
        at_top = pathlib.Path(folder) == TOP
        folders[:] = sorted(name for name in folders if name not in FETCHED
                            and not (at_top and name.startswith(("build", "."))))
        yield from (pathlib.Path(folder, name) for name in sorted(names) if name.endswith(".md"))


def prose(path):
    return re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)


@functools.cache
def anchors(path):
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.*)$", prose(path), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def judge(document, link):
    """What is wrong with a link, or nothing."""
    place, _, anchor = link.partition("#")
    target = document.parent / place if place else document
    if not target.exists():
        return "is not there"
    if anchor and target.suffix == ".md" and anchor not in anchors(target):
        return "has no such heading"
    return None


def mistakes(document):
    text = prose(document)
    name = document.relative_to(TOP)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        wrong = None if link.startswith(ELSEWHERE) else judge(document, link)
        if wrong:
            yield f"{name}: {link} {wrong}"
    for place in NAMED.findall(text):
        if not (TOP / place).exists() and not (document.parent / place).exists():
            yield f"{name}: {place} is not there"


def main():
    found = [mistake for document in documents() for mistake in mistakes(document)]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
