"""Holds answers against the contract, api/openapi.yaml: status, media type, body."""

import functools
import json
import pathlib
import re

import jsonschema
import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]


@functools.cache
def document():
    """Parsed in C, where there is that: it is long."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load((TOP / "api" / "openapi.yaml").read_bytes(), Loader=loader)


class Contract:
    def __init__(self):
        self.root = document()
        self.seen = set()
        self.validators = {}  # by the schema's id: each looks for references in all of the document

    def resolve(self, value):
        while "$ref" in value:
            found = self.root
            for part in value["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            value = found
        return value

    def validator(self, schema):
        if id(schema) not in self.validators:
            whole = dict(schema, components=self.root["components"])
            self.validators[id(schema)] = jsonschema.Draft202012Validator(whole)
        return self.validators[id(schema)]

    def operation(self, method, target):
        """The operation that serves it; of several that fit, the one with fewest variables."""
        path = target.split("?")[0]
        fitting = []
        for pattern, item in self.root["paths"].items():
            parts = [".+" if part == "{rest}" else "[^/]+" if part.startswith("{")
                     else re.escape(part) for part in pattern.split("/")]
            if method.lower() in item and re.fullmatch("/".join(parts), path):
                fitting.append((pattern.count("{"), pattern))
        assert fitting, f"{method} {path} is not in the contract"
        return self.root["paths"][min(fitting)[1]][method.lower()]

    def check(self, method, target, answer):
        operation = self.operation(method, target)
        place = f"{operation['operationId']} {answer.status}"
        self.seen.add(operation["operationId"])
        assert str(answer.status) in operation["responses"], f"{place} is not in the contract"
        response = self.resolve(operation["responses"][str(answer.status)])
        assert answer.headers.get("x-request-id"), place
        if "content" not in response:
            assert answer.body == b"", place
            return
        media = answer.headers.get("content-type", "").split(";")[0]
        assert media in response["content"], f"{place}: {media}"
        if media.endswith("json"):
            validator = self.validator(response["content"][media]["schema"])
            errors = list(validator.iter_errors(json.loads(answer.body)))
            assert not errors, f"{place}: {errors[0].message} at {list(errors[0].path)}"
