#!/usr/bin/python3
"""Holds the folders to docs/architecture.md: what each may include, and what each links.

On the sources: an include of another folder that the table does not allow. On the built objects:
a symbol of a library that only one folder may use.
"""

import functools
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / "build"

# folder: folders of ours it may include, itself always
MAY_INCLUDE = {
    "lib/base": [],
    "lib/system": ["lib/base"],
    "lib/sandbox": ["lib/base", "lib/system"],
    "lib/config": ["lib/base"],
    "lib/ipc": ["lib/base"],
    "lib/formats": ["lib/base"],
    "lib/rdf": ["lib/base"],
    "lib/jsonld": ["lib/base", "lib/formats", "lib/rdf"],
    "lib/ceremony": ["lib/base", "lib/formats"],
    "lib/http": ["lib/base"],
    "lib/db": ["lib/base"],
    "pkcs11": ["lib/base", "lib/ipc"],
    "keystore": ["lib/base", "lib/ipc", "lib/formats", "lib/ceremony", "lib/db"],
    "api/client": ["lib/base", "lib/formats"],
    "api": ["lib/base", "lib/ipc", "lib/formats", "lib/http"],
    "appliance": ["lib/base", "lib/config", "lib/ipc", "lib/formats", "lib/ceremony", "lib/sandbox",
                  "lib/system", "api/client"],
    "appliance/witness": ["lib/base", "lib/formats", "lib/ceremony", "lib/http", "lib/system"],
    "appliance/officer": ["lib/base", "lib/formats", "lib/ceremony", "lib/system"],
    "frontends/shared": ["lib/base", "lib/config", "lib/db", "lib/formats", "lib/http", "lib/sandbox",
                         "lib/system", "api/client"],
    "frontends/plugins": ["lib/base", "frontends/shared"],
    "frontends/plugins/registry": ["lib/base", "lib/config", "lib/db", "lib/formats", "lib/system"],
    "frontends/plugins/http": ["lib/base", "lib/config", "lib/formats", "lib/system"],
    "frontends/oidc/pages": ["lib/base", "lib/formats", "lib/http", "lib/system", "frontends/oidc", "frontends/shared",
                             "frontends/plugins"],
    "frontends/oidc": ["lib/base", "lib/config", "lib/db", "lib/formats", "lib/http", "lib/sandbox", "lib/system",
                       "api/client", "frontends/shared", "frontends/plugins", "frontends/oidc/pages"],
    "frontends/certify": ["lib/base", "lib/config", "lib/db", "lib/formats", "lib/http", "lib/sandbox",
                          "lib/system", "lib/rdf", "lib/jsonld", "api/client", "frontends/shared"],
    # Loaded by it, and no part of it but for the interface.
    "frontends/certify/providers": ["lib/base", "lib/db", "lib/system"],
}
# The one program that is all roles names their entry points.
ALLOWED_BESIDES = {("appliance", "api/api.h"), ("appliance", "keystore/keeper.h"),
                   ("appliance", "pkcs11/token/token.h"),
                   ("frontends/certify/providers", "frontends/certify/privyseal_data_provider.h"),
                   # Parts of appliance/ that need nothing but lib/base, lib/formats and lib/ceremony.
                   # Its header stands for itself: of lib/http nothing is in it.
                   ("appliance", "appliance/witness/witness.h"),
                   ("appliance", "appliance/witness/post.h"),
                   ("appliance/officer", "appliance/cli/cli.h"),
                   ("appliance/officer", "appliance/cli/rows.h"),
                   ("appliance/officer", "appliance/keygen.h"),
                   ("appliance/officer", "appliance/terminal.h")}
# What a plugin needs of a front end is the interface.
INTERFACE = {"frontends/plugins/privyseal_auth_call.h", "frontends/plugins/privyseal_authenticator.h"}
# pattern of undefined symbols: the only folder whose objects may have it
ONLY = [
    (re.compile(r"^sqlite3_|^PQ[a-z]"), "lib/db"),
    (re.compile(r"^MHD_|^gnutls_"), "lib/http"),
    (re.compile(r"^PKCS11_"), "pkcs11"),
    (re.compile(r"^seccomp_|^cap_"), "lib/sandbox"),
    (re.compile(r"^inflate|^deflate"), "lib/formats"),
]
# The officers' program, which is linked statically: what none of its symbols may begin with.
OFFICER = BUILD / "appliance" / "officer" / "privyseal-officer"
NOT_FOR_OFFICERS = re.compile(r"^(sqlite3_|PQ[a-z]|MHD_|gnutls_|PKCS11_|C_[A-Z]|curl_|cJSON_|SSL_)")
OFFICERS_PARTS = ["appliance", "appliance/officer", *MAY_INCLUDE["appliance/officer"]]


def folder_of(path):
    matches = [name for name in MAY_INCLUDE if path.startswith(name + "/")]
    return max(matches, key=len) if matches else None


def check_includes():
    names = subprocess.run(["git", "ls-files", "*.c", "*.h"], cwd=TOP, check=True,
                           capture_output=True, text=True).stdout.split()
    for name in names:
        folder = folder_of(name)
        if folder is None:
            continue
        for include in re.findall(r'^#include "([^"]+)"', (TOP / name).read_text(), re.M):
            target = folder_of(include)
            if target in (folder, None) or target in MAY_INCLUDE[folder]:
                continue
            if include in INTERFACE and folder.startswith("frontends/plugins/"):
                continue
            if (folder, include) not in ALLOWED_BESIDES:
                yield f"{name} includes {include}, which {folder} may not"
        if folder != "pkcs11" and re.search(r"\bCK_[A-Z_]+\b", (TOP / name).read_text()):
            text = re.sub(r"/\*.*?\*/|\"[^\"\n]*\"", "", (TOP / name).read_text(), flags=re.S)
            if re.search(r"\bCK_(RV|ULONG|BYTE|OBJECT|SESSION|SLOT|MECHANISM|ATTRIBUTE)", text):
                yield f"{name} uses Cryptoki types outside pkcs11"


@functools.cache
def objects():
    return [path for path in BUILD.rglob("*.o") if "/tests/" not in str(path)]


def folder_of_object(path):
    # meson: lib/base/libbase.a.p/buf.c.o
    return folder_of(str(path.parent.parent.relative_to(BUILD)) + "/")


def symbols(path, *options):
    listing = subprocess.run(["nm", *options, str(path)], check=True, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return {line.split()[-1] for line in listing.splitlines() if line.strip()}


# What nm says of a symbol: that it is wanted, and that others see it.
WANTED = "Uvw"
SEEN = "ABCDGRSTVWiu"


@functools.cache
def listing_of_objects():
    """[(path, rows)] of all, each row a letter and a name: one program reads them once."""
    found = {str(path): (path, []) for path in objects()}
    listing = subprocess.run(["nm", "-A", *found], check=True, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL).stdout if found else ""
    for line in listing.splitlines():
        path, _, rest = line.partition(":")
        found[path][1].append(rest.split()[-2:])
    return list(found.values())


def symbols_of_objects(is_meant):
    """{path: names} of those whose letter is."""
    return {path: {name for letter, name in rows if is_meant(letter)}
            for path, rows in listing_of_objects()}


def is_defined(letter):
    return letter not in WANTED


def check_symbols():
    if not objects():
        yield f"no objects under {BUILD}"
    for path, used in symbols_of_objects(WANTED.__contains__).items():
        folder = folder_of_object(path)
        for symbol in used:
            for pattern, only in ONLY:
                if pattern.search(symbol) and folder != only:
                    yield f"{path.name} in {folder} uses {symbol}, which only {only} may"


def check_names():
    """
    All processes are one program made of archives: of two functions of one name the linker takes one,
    without a word.
    """
    places = {}
    for path, defined in symbols_of_objects(SEEN.__contains__).items():
        if path.parent.name.endswith(".a.p"):
            for symbol in defined:
                places.setdefault(symbol, set()).add(f"{folder_of_object(path)}/{path.name}")
    for symbol, where in sorted(places.items()):
        if len(where) > 1:
            yield f"{symbol} is in {' and in '.join(sorted(where))}"


def check_officer():
    """The program has what it is made of in itself, so its own symbols tell."""
    own = symbols(OFFICER)
    if "operation_document_parse" not in own:
        yield f"{OFFICER.name} has no symbols to be checked by"
    # A static function of one of its parts may be called as a function elsewhere.
    parts = set().union(*(defined for path, defined in symbols_of_objects(is_defined).items()
                          if folder_of_object(path) in OFFICERS_PARTS))
    for library in ("libc.a", "libcrypto.a", "libgfshare.a", "libqrcodegen.a", "libsodium.a"):
        place = subprocess.run(["cc", f"-print-file-name={library}"], check=True, text=True,
                               capture_output=True).stdout.strip()
        parts |= symbols(place, "--defined-only")
    foreign = {symbol for symbol in own if NOT_FOR_OFFICERS.search(symbol)}
    for path, defined in symbols_of_objects(SEEN.__contains__).items():
        if folder_of_object(path) not in OFFICERS_PARTS:
            foreign |= (own & defined) - parts
    for symbol in sorted(foreign):
        yield f"{OFFICER.name} has {symbol}, which is no part of it"


def main():
    found = [*check_includes(), *check_symbols(), *check_names(), *check_officer()]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
