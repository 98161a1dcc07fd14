#!/usr/bin/python3
"""Every profile fits schema.json, and the schema has the words that the code has."""

import json
import pathlib
import re
import sys

try:
    import jsonschema
except ImportError:
    print("SKIP: python3-jsonschema is not installed")
    sys.exit(77)

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent


def words(path, pattern):
    found = re.findall(pattern, (TOP / path).read_text(), re.M)
    assert found, f"{path} has nothing like {pattern}"
    return set(found)


def check_words(schema):
    """Words that code and schema both list, and where the code lists them."""
    parts = schema["properties"]
    rule = parts["recovery"]["items"]["properties"]
    mechanisms = set(schema["definitions"]["mechanism"]["oneOf"][0]["enum"])
    pairs = [
        ("key types", set(parts["key_types"]["properties"]),
         words("lib/base/algorithm.c", r'\[PS_KEY_\w+\] = \{"([\w-]+)"')),
        ("algorithms", set(parts["algorithms"]["properties"]),
         words("lib/base/algorithm.c", r'\[PS_ALG_\w+\] = \{"(\w+)"')),
        ("attributes", set(parts["attributes"]["properties"]),
         words("pkcs11/objects/attribute.c", r"\bATTRIBUTE\((CKA_\w+)")),
        ("mechanisms", mechanisms, words("pkcs11/use/mechanism.c", r"\bMECHANISM\((CKM_\w+)")),
        ("operations", set(rule["operation"]["enum"]),
         words("pkcs11/token/recovery.c", r'\[OPERATION_\w+\] = "(\w+)"')),
        ("classes", set(rule["class"]["enum"]) | {"none"},
         words("pkcs11/token/recovery.c", r'\[FAULT_\w+\] = \{"(\w+)"')),
        ("members", set(parts),
         words("pkcs11/module/profile.c", r'(?:PART\(|FIELD\(|\{)"(\w+)", read_(?:schema|id|status|match|module'
                                   r'|pin|limits|objects|key_types|algorithms|uses|ec|attributes'
                                   r'|wrapping|rules|sources)\b')),
    ]
    for what, in_schema, in_code in pairs:
        for word in sorted(in_schema ^ in_code):
            yield f"{what}: {word} is only in {'the schema' if word in in_schema else 'the code'}"


def check_profile(path, validator):
    profile = json.loads(path.read_text())
    for error in validator.iter_errors(profile):
        yield f"{path.name}: {'/'.join(map(str, error.path))}: {error.message}"
    answers = words("pkcs11/token/recovery.def", r"^RV\((CKR_\w+),")
    for rule in profile["recovery"]:
        if rule["rv"].startswith("CKR_") and rule["rv"] not in answers:
            yield f"{path.name}: {rule['rv']} is not in recovery.def"


def main():
    schema = json.loads((HERE / "schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    found = list(check_words(schema))
    paths = sorted(path for path in HERE.glob("*.json") if path.name != "schema.json")
    for path in paths:
        found += check_profile(path, validator)
    for line in found:
        print(line)
    print(f"{len(paths)} profiles, {len(found)} mistakes")
    return 1 if found or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
