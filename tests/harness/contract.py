"""Holds answers against the contract, api/openapi.yaml: status, media type, body."""

import json
import pathlib
import re

import jsonschema
import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]


class Contract:
    def __init__(self):
        text = (TOP / "api" / "openapi.yaml").read_text(encoding="utf-8")
        self.root = yaml.safe_load(text)
        self.seen = set()

    def resolve(self, value):
        while "$ref" in value:
            found = self.root
            for part in value["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            value = found
        return value

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
            schema = dict(response["content"][media]["schema"], components=self.root["components"])
            errors = list(jsonschema.Draft202012Validator(schema).iter_errors(
                json.loads(answer.body)))
            assert not errors, f"{place}: {errors[0].message} at {list(errors[0].path)}"
