#!/usr/bin/python3
"""Holds api/openapi.yaml to the code: check_openapi.py API_DESCRIBE OPENAPI_YAML

The document is sound OpenAPI 3.1 (structure, references, schemas, examples); its operations are the
route table, both ways; its enums are the tables of names. Prints what differs, one line each.
"""

import json
import pathlib
import re
import subprocess
import sys

import jsonschema
import yaml

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
ENUMS = {"Algorithm": "algorithms", "KeyType": "key_types", "Usage": "usages", "Format": "formats",
         "State": "states", "ProblemCode": "problems"}


def describe(program, what):
    return json.loads(subprocess.run([program, what], check=True, capture_output=True).stdout)


class Document:
    def __init__(self, path):
        self.root = yaml.safe_load(pathlib.Path(path).read_text(encoding="utf-8"))

    def resolve(self, value):
        while isinstance(value, dict) and "$ref" in value:
            found = self.root
            for part in value["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            value = found
        return value

    def operations(self):
        for path, item in self.root["paths"].items():
            for method in METHODS:
                if method in item:
                    yield path, method.upper(), item[method]

    def parameters(self, operation, where):
        resolved = [self.resolve(entry) for entry in operation.get("parameters", [])]
        return {entry["name"]: entry for entry in resolved if entry["in"] == where}


def walk(value, place="#"):
    yield place, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from walk(inner, f"{place}/{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from walk(inner, f"{place}/{number}")


def check_structure(document):
    root = document.root
    if not re.fullmatch(r"3\.1\.\d+", root.get("openapi", "")):
        yield "openapi: not 3.1"
    for member in ("title", "version"):
        if not root.get("info", {}).get(member):
            yield f"info: no {member}"
    for place, value in walk(root):
        if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
            continue
        try:
            document.resolve(value)
        except (KeyError, TypeError):
            yield f"{place}: {value['$ref']} leads nowhere"
        if set(value) - {"$ref", "description", "summary"} and "/schema" not in place:
            yield f"{place}: members beside $ref"
    for name, schema in root["components"]["schemas"].items():
        yield from check_schema(schema, f"schema {name}")


def check_schema(schema, place):
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        yield f"{place}: {error.message}"


def check_content(document, content, place):
    if not content:
        yield f"{place}: no content"
    for media, body in content.items():
        yield from check_schema(body["schema"], f"{place} {media}")
        whole = dict(body["schema"], components=document.root["components"])
        for name, example in body.get("examples", {}).items():
            for error in jsonschema.Draft202012Validator(whole).iter_errors(example["value"]):
                yield f"{place}: example {name}: {error.message}"


def check_operation(document, path, method, operation):
    place = f"{method} {path}"
    for member in ("operationId", "summary", "tags", "responses"):
        if not operation.get(member):
            yield f"{place}: no {member}"
    names = set(re.findall(r"\{(\w+)\}", path))
    declared = document.parameters(operation, "path")
    if names != set(declared):
        yield f"{place}: path parameters {sorted(names ^ set(declared))}"
    for name, parameter in declared.items():
        if parameter.get("required") is not True:
            yield f"{place}: path parameter {name} is not required"
    if "requestBody" in operation:
        yield from check_content(document, operation["requestBody"]["content"], f"{place} body")
    for status, response in operation["responses"].items():
        response = document.resolve(response)
        if not response.get("description"):
            yield f"{place}: {status} without a description"
        if "content" in response:
            yield from check_content(document, response["content"], f"{place} {status}")
    if not any(status.startswith("2") for status in operation["responses"]):
        yield f"{place}: no good answer"


def same_path(path):
    return path.replace("{rest...}", "{rest}")


def check_route(document, route, operation):
    place = f"{route['method']} {route['path']}"
    told = {"id": operation.get("operationId"), "serves": operation.get("x-serves"),
            "change": operation.get("x-change")}
    for member, value in told.items():
        if member == "change" and route["id"].startswith("operation-"):
            continue
        if value != route.get(member):
            yield f"{place}: {member} is {route.get(member)!r} in the code, {value!r} here"
    for member in ("listeners", "states"):
        if operation.get(f"x-{member}") != route[member]:
            yield f"{place}: {member} {route[member]} in the code, {operation.get('x-' + member)}"
    query = set(document.parameters(operation, "query"))
    if query != set(route["query"]):
        yield f"{place}: query parameters {sorted(query ^ set(route['query']))}"
    if ("requestBody" in operation) != (route["body_max"] > 0):
        yield f"{place}: takes a body in one of both only"
    if (operation.get("security") == []) != (route["serves"] == "public"):
        yield f"{place}: public in one of both only"


def check_routes(document, routes):
    told = {(path, method): operation for path, method, operation in document.operations()}
    coded = {(same_path(route["path"]), route["method"]): route for route in routes}
    for path, method in sorted(set(told) - set(coded)):
        yield f"{method} {path}: not in the code"
    for path, method in sorted(set(coded) - set(told)):
        yield f"{method} {path}: not in openapi.yaml"
    for key in sorted(set(coded) & set(told)):
        yield from check_route(document, coded[key], told[key])
    ids = [operation.get("operationId") for operation in told.values()]
    for name in sorted({name for name in ids if ids.count(name) > 1}):
        yield f"operationId {name}: more than once"


def check_vocabulary(document, vocabulary):
    for name, table in ENUMS.items():
        told = document.root["components"]["schemas"][name]["enum"]
        if told != vocabulary[table]:
            yield f"schema {name}: {sorted(set(told) ^ set(vocabulary[table]))} differ, or the order"


def main():
    program, path = sys.argv[1:3]
    document = Document(path)
    found = list(check_structure(document))
    if not found:
        for where in document.operations():
            found += check_operation(document, *where)
        found += check_routes(document, describe(program, "routes"))
        found += check_vocabulary(document, describe(program, "vocabulary"))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
