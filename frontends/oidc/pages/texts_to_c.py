#!/usr/bin/python3
"""Writes the pages' texts as C: texts_to_c.py TEXTS.def LANGUAGES.def DIRECTORY OUT.c

Fails when a language lacks a text, has one that nobody asks for, or has "{}" where it does not belong.
"""

import json
import pathlib
import re
import sys


def rows(path, macro):
    text = re.sub(r"/\*.*?\*/", "", pathlib.Path(path).read_text(encoding="utf-8"), flags=re.S)
    return [row.split(", ") for row in re.findall(rf"^{macro}\((.*)\)$", text, flags=re.M)]


def distinct(pairs):
    names = [name for name, _ in pairs]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise SystemExit(f"twice: {sorted(twice)}")
    return dict(pairs)


def mistakes(language, texts, keys):
    for name in sorted(keys.keys() ^ texts.keys()):
        yield f"{language}: {name} is {'missing' if name in keys else 'not in texts.def'}"
    for name in keys.keys() & texts.keys():
        text = texts[name]
        if not isinstance(text, str) or not text.strip() or re.search(r"[\x00-\x1f<>]", text):
            yield f"{language}: {name} is no text of one line"
        elif text.count("{}") != int(keys[name]) or re.search(r"[{}]", text.replace("{}", "")):
            yield f"{language}: {name} has {{}} where texts.def does not say so, or lacks it"


def literal(text):
    return '"' + "".join(f"\\{octet:03o}" if octet > 126 or octet in b'"\\?' else chr(octet)
                         for octet in text.encode()) + '"'


def main():
    keys_path, languages_path, directory, out = sys.argv[1:]
    keys = {name: gap == "true" for name, gap in rows(keys_path, "TEXT")}
    languages = [row[0] for row in rows(languages_path, "LANGUAGE")]
    found, lines = [], ['#include "frontends/oidc/pages/texts.h"', "",
                        "const char *const texts_of[LANGUAGES][TEXTS] = {"]
    for language in languages:
        path = pathlib.Path(directory) / f"{language}.json"
        texts = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=distinct)
        found += mistakes(language, texts, keys)
        lines.append(f"    [LANGUAGE_{language}] = {{")
        lines += [f"        [TEXT_{name}] = {literal(str(texts.get(name)))}," for name in keys]
        lines.append("    },")
    if found:
        raise SystemExit("\n".join(found))
    pathlib.Path(out).write_text("\n".join(lines) + "\n};\n", encoding="utf-8")


if __name__ == "__main__":
    main()
