"""Callers x states x routes x malformed bodies, made from the product's own table of routes.

What a cell may answer is computed from the columns of the table; each answer has to be a problem
document or fit the schema of openapi.yaml, and no 5xx but a 503 that says when to come again.
"""

import functools
import json
import os
import re
import sqlite3
import subprocess
from typing import NamedTuple

from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK
import jsonschema
import pytest

from harness import documents
from harness.appliance import Appliance, wait_until
from harness.bare import BareAppliance
from harness.callers import STRANGER, over_tls, over_unix
from harness.http_unix import Client
from harness.people import People
from harness.places import BUILD, PRIVYSEAL, TOP

KEY = "oidc.id-token"
RAW_KEY = "test.raw-p256"
PROOF_KEY = "certify.vc-di"
CMS_KEY = "certify.documents"
NOTE = (TOP / "tests/vectors/log/sample/events/checkpoint").read_bytes()
PDF = (TOP / "tests/fuzz/corpus/pdf/table").read_bytes()
COSE_KEY = "certify.mdoc"
JWE_KEY = "oidc.decrypt"
ROUTES = json.loads(subprocess.run([str(BUILD / "tests/openapi/api_describe"), "routes"],
                                   check=True, capture_output=True).stdout)
BY_ID = {route["id"]: route for route in ROUTES}
CALLERS = ["operator", "stranger", "client", "nobody", "rogue"]
STATES = ["operational", "degraded", "failed", "locked", "uninitialised"]
MATRIX_BODY_MAX = 1 << 20
BODIES = ["none", "good", "malformed", "unknown", "media", "query", "large"]
# What the client `oidc` of `privyseal dev` was granted, for the keys oidc.*.
GRANTED = {"jws.sign", "jws.verify", "jwe.encrypt", "jwe.decrypt", "keys.read"}
# Operations that a grant gives for keys: without one the key is not there (404).
ABOUT_KEYS = {"jws.sign", "jws.verify", "raw.sign", "data-integrity.sign", "cms.sign",
              "cose.sign", "cose.verify", "mac", "encrypt", "decrypt", "jwe.encrypt", "jwe.decrypt", "keys.read",
              "keys.create", "keys.rotate", "keys.state", "keys.destroy"}
# Routes that need the token itself, not only the keeper.
NEED_TOKEN = {"random", "jws-sign", "jwt-sign", "sd-jwt-sign", "raw-sign", "data-integrity-sign",
              "cose-sign1", "cwt-sign", "jwe-decrypt", "key-mac", "key-mac-verify", "key-encrypt",
              "key-decrypt", "key-create", "key-batch", "key-rotate"}


class Case(NamedTuple):
    """A request of a route that is well-formed, and what the operator gets for it."""

    good: int = 200
    variables: tuple = ()
    query: str = ""
    body: dict = None
    octets: bytes = None  # instead of a body, where that is no JSON


class World(NamedTuple):
    """What the requests of the matrix are about: things that exist."""

    cases: dict
    schemas: object


DRY = "dry_run=true"
NEW_KEY = {"name": "oidc.new", "type": "ec-p256", "usage": "sign", "formats": ["jws"],
           "algorithms": ["ES256"]}

ENROLLED = json.loads((TOP / "tests/vectors/operations/officer.enrol.json").read_text())
NEW_PERSON = {"person": "later", "role": "officer", "valid_until": "2040-01-01T00:00:00Z",
              "keys": ENROLLED["params"]["entry"]["keys"][:1]}


def share_for_nobody():
    """What a share looks like from outside."""
    token = JWE(b"share", protected={"alg": "ECDH-ES", "enc": "A256GCM"})
    token.add_recipient(JWK.generate(kty="EC", crv="P-256"))
    return token.serialize(compact=True)


def make_cases(running):
    """One case per route. A change is a dry run, so that the matrix changes nothing."""
    clients, management = running.client(), running.management()
    jws = clients.post("/v1/jws/sign", {"key": KEY, "payload": "YQ"}).json()["jws"]
    cose = clients.post("/v1/cose/sign1", {"key": COSE_KEY, "payload": "YQ"}).json()["cose"]
    jwe = clients.post("/v1/jwe/encrypt", {"key": JWE_KEY, "plaintext": "YQ"}).json()["jwe"]
    raw = clients.post(f"/v1/keys/{RAW_KEY}/sign", {"message": "YQ"}).json()["signature"]
    jwk = clients.get(f"/v1/keys/{KEY}/public").json()
    sealed = clients.post("/v1/keys/test.aes/encrypt", {"plaintext": "YQ"}).json()["ciphertext"]
    why = clients.get("/v1/keys").headers["x-request-id"]
    operation = management.get("/v1/operations?limit=1").json()["items"][0]["id"]
    grants = management.get("/v1/grants").json()["items"]
    grant = next(item["id"] for item in grants if item["client"] == "certify")
    shard = sorted(path.name for path in (running.directory / "data/log/use").iterdir())[0]
    key, named, tree, use = (KEY,), ("certify",), ("events",), ("use", shard)
    wait_until(lambda: management.get(f"/v1/log/use/{shard}/checkpoint").status == 200, 20,
               "a checkpoint of the use log")
    return {
        "health-live": Case(), "health-ready": Case(), "openapi": Case(), "jwks": Case(),
        "jwks-set": Case(variables=("oidc",)), "whoami": Case(), "whoami-nonce": Case(),
        "whoami-certificate": Case(good=400, body={
            "statement": "e30", "old_key": "YQ", "old_signature": "YQ", "new_signature": "YQ"}),
        "access-check": Case(body={"operation": "jws.sign", "key": KEY}),
        "random": Case(query="octets=8"), "keys": Case(), "key": Case(variables=key),
        "key-public": Case(variables=key), "key-certificate": Case(good=404, variables=key),
        "key-tlog-proof": Case(variables=key),
        "certificate-tlog-proof": Case(good=404, variables=key),
        "jws-sign": Case(body={"key": KEY, "payload": "YQ"}),
        "jws-verify": Case(body={"key": KEY, "jws": jws}),
        "jwt-sign": Case(body={"key": KEY, "claims": {"sub": "a"}}),
        "sd-jwt-sign": Case(body={"key": KEY, "typ": "dc+sd-jwt", "payload": {"vct": "a"}}),
        "data-integrity-sign": Case(body={
            "key": PROOF_KEY, "cryptosuite": "eddsa-rdfc-2022", "proof_hash": "A" * 43,
            "document_hash": "A" * 43}),
        "cose-sign1": Case(body={"key": COSE_KEY, "payload": "YQ"}),
        "cose-verify1": Case(body={"key": COSE_KEY, "cose": cose}),
        "cwt-sign": Case(body={"key": COSE_KEY, "claims": {"sub": "a"}}),
        "jwe-encrypt": Case(body={"key": JWE_KEY, "plaintext": "YQ"}),
        "jwe-decrypt": Case(body={"key": JWE_KEY, "jwe": jwe}),
        # Right in all but that the key has no certificate.
        "cms-sign": Case(good=422, body={"key": CMS_KEY, "content": "YQ"}),
        "pdf-sign": Case(good=422, query=f"key={CMS_KEY}", octets=PDF),
        "raw-sign": Case(variables=(RAW_KEY,), body={"message": "YQ"}),
        "x509-crl": Case(good=404, variables=(KEY,)),
        "x509-issue": Case(good=403, body={"profile": "clients", "public_jwk": jwk}),
        "raw-verify": Case(variables=(RAW_KEY,), body={"message": "YQ", "signature": raw}),
        "key-mac": Case(variables=("test.hmac",), body={"message": "YQ"}),
        "key-mac-verify": Case(variables=("test.hmac",), body={"message": "YQ", "mac": "YQ"}),
        "key-encrypt": Case(variables=("test.aes",), body={"plaintext": "YQ"}),
        "key-decrypt": Case(variables=("test.aes",), body={"ciphertext": sealed}),
        "system": Case(), "metrics": Case(), "expiring": Case(), "why": Case(variables=(why,)),
        "lock": Case(query=DRY, body={}), "unlock": Case(query=DRY, body={}),
        "configuration-approve": Case(query=DRY, body={}),
        "restore-approve": Case(query=DRY, body={}, good=422),
        "unlock-state": Case(), "pins": Case(),
        "unlock-share": Case(good=409, body={"share": share_for_nobody()}),
        "exception-record": Case(query=DRY, body={"expected": "a", "happened": "b",
                                                  "decision": "c", "deciders": ["d"]}),
        "policy": Case(), "policy-document": Case(), "roster": Case(), "officers": Case(),
        "policy-change": Case(good=422, query=DRY, body={"policy": documents.policy()}),
        "officer": Case(good=404, variables=("nobody",)),
        "officer-enrol": Case(query=DRY, body=NEW_PERSON),
        "officer-replace": Case(good=404, variables=("nobody",), query=DRY, body=NEW_PERSON),
        **{f"officer-{verb}": Case(good=404, variables=("nobody",), query=DRY, body={})
           for verb in ("suspend", "resume", "remove")},
        "genesis": Case(good=409, query=DRY, body={
            "token": "a", "initialise": True, "policy": documents.policy(),
            "roster": People(running.directory / "officers").roster()}),
        "key-create": Case(query=DRY, body=NEW_KEY),
        "key-batch": Case(query=DRY, body={"keys": [{"name": "later"}], **{
            member: value for member, value in NEW_KEY.items() if member != "name"}}),
        "key-rotate": Case(variables=key, query=DRY, body={}),
        "key-activate": Case(variables=key, query=DRY, body={}),
        "key-suspend": Case(variables=key, query=DRY, body={}),
        "key-resume": Case(variables=key, query=DRY, body={}),
        "key-deactivate": Case(variables=key, query=DRY, body={}),
        "key-compromise": Case(variables=key, query=DRY, body={}),
        "key-withdraw": Case(good=409, variables=key, query=DRY, body={}),
        "key-destroy": Case(good=409, variables=key, query=DRY, body={}),
        # No key wraps here, so that there is no family.
        "families": Case(), "family": Case(good=404, variables=("none.",)),
        "family-key": Case(good=404, variables=("none.",), query=DRY, body={"name": "none.a"}),
        "family-create": Case(good=422, variables=("none.",), query=DRY, body={
            "client": "oidc", "maximum": 1, "template": {
                member: value for member, value in NEW_KEY.items() if member != "name"}}),
        **{f"family-{verb}": Case(good=404, variables=("none.",), query=DRY, body={})
           for verb in ("suspend", "resume", "revoke")},
        "certificate-csr": Case(query=DRY, body={"key": KEY, "subject": {"common_name": "a"}}),
        "certificate-install": Case(good=400, variables=key, query=DRY, body={"chain": "none"}),
        "certificate-issue": Case(good=422, variables=key, query=DRY, body={
            "issuer": "no.such", "subject": {"common_name": "a"}, "validity_s": 60}),
        "certificate-root": Case(good=422, variables=key, query=DRY, body={
            "subject": {"common_name": "a"}, "validity_s": 60}),
        "certificate-revoke": Case(good=422, variables=key, query=DRY, body={"serial": "4f01"}),
        "profiles": Case(), "backups": Case(), "backup-run": Case(good=202), "drill": Case(),
        "drill-run": Case(good=202),
        "inventory": Case(), "inventory-run": Case(good=202),
        "token-accept": Case(good=409, variables=("a",), query=DRY, body={}),
        "token-approve": Case(variables=("a",), query=DRY, body={}),
        "token-decommission": Case(good=422, variables=("a",), query=DRY, body={}),
        "profile-put": Case(good=422, variables=("later",), query=DRY, body={
            "kind": "tls-client", "issuer": "no.such", "longest_s": 60}),
        "profile-remove": Case(good=404, variables=("later",), query=DRY, body={}),
        "clients": Case(), "client": Case(variables=named),
        "client-register": Case(query=DRY, body={"name": "later", "uids": [61000]}),
        "client-suspend": Case(variables=named, query=DRY, body={}),
        "client-resume": Case(variables=named, query=DRY, body={}),
        "client-remove": Case(variables=named, query=DRY, body={}),
        "grants": Case(),
        "grant-add": Case(query=DRY, body={"client": "oidc", "keys": "test.*",
                                           "operations": ["jws.sign"]}),
        "grant-revoke": Case(variables=(grant,), query=DRY, body={}), "sets": Case(),
        "set-put": Case(variables=("later",), query=DRY, body={"keys": ["oidc.*"]}),
        "set-remove": Case(variables=("oidc",), query=DRY, body={}), "operations": Case(),
        "operation-create": Case(query=DRY, body={"type": "client.suspend", "subject": "certify",
                                                  "params": {}}),
        "operation": Case(variables=(operation,)),
        "operation-document": Case(variables=(operation,)),
        "operation-tlog-proof": Case(variables=(operation,)),
        **{f"operation-{verb}": Case(good=409, variables=(operation,), body={}) for verb in
           ("request", "approvals", "rejections", "statements", "execute", "cancel", "resume")},
        "log-checkpoint": Case(variables=tree), "log-shard-checkpoint": Case(variables=use),
        "log-tile": Case(variables=(*tree, "0/000.p/5")),
        "log-shard-tile": Case(variables=(*use, "0/000.p/1")),
        "log-entries": Case(variables=tree, query="bundle=0&width=5"),
        "log-shard-entries": Case(variables=use, query="bundle=0&width=1"),
        "log-proof": Case(variables=(*tree, "1")), "log-shard-proof": Case(variables=(*use, "0")),
        "log-witnesses": Case(), "log-witness-request": Case(variables=tree, query="from=1"),
        "log-shard-witness-request": Case(variables=use),
        "log-cosignatures": Case(good=422, variables=tree, octets=NOTE),
        "log-shard-cosignatures": Case(good=422, variables=use, octets=NOTE),
        "log-tlog-proof": Case(variables=(*tree, "1")),
        "log-shard-tlog-proof": Case(variables=(*use, "0")),
        "log-consistency": Case(variables=tree, query="from=1&to=5"),
        "audit-report": Case(query="key=a"),
        "log-shard-consistency": Case(variables=use, query="from=1&to=1"),
    }


class Schemas:
    """Validates answers against what openapi.yaml says of their route, status and media type."""

    def __init__(self, document):
        self.document = document
        self.resolver = jsonschema.RefResolver.from_schema(document)
        self.operations = {operation["operationId"]: operation
                           for path in document["paths"].values()
                           for operation in path.values() if isinstance(operation, dict)}
        self.shapes = set()

    def resolve(self, node):
        return self.resolver.resolve(node["$ref"])[1] if "$ref" in node else node

    @functools.lru_cache(maxsize=None)
    def validator(self, name, status, media):
        responses = self.operations[name]["responses"]
        assert str(status) in responses, f"{name} does not say that it answers {status}"
        content = self.resolve(responses[str(status)]).get("content", {})
        assert media in content, f"{name} {status}: {media}, not one of {list(content)}"
        schema = content[media]["schema"]
        return jsonschema.Draft202012Validator(schema, resolver=self.resolver)

    def takes_no_body(self, name):
        return not self.operations[name].get("requestBody", {}).get("required", False)

    def check(self, name, answer):
        if answer.status == 304:
            assert not answer.body
            return
        validator = self.validator(name, answer.status, answer.media)
        if not answer.media.endswith("json"):
            return
        document = json.loads(answer.body)
        # Problem documents come by the thousand: those alike but for the id are looked at once.
        shape = (name, answer.status, document.get("code"), *sorted(document))
        if answer.status >= 400 and shape in self.shapes:
            return
        validator.validate(document)
        self.shapes.add(shape)


@pytest.fixture(scope="module")
def running():
    arguments = ["--set", "clients.socket_mode=0666", "--set", "management.socket_mode=0666"]
    with Appliance(arguments=arguments) as made:
        yield made


@pytest.fixture(scope="module")
def world(running):
    schemas = Schemas(running.client().get("/openapi.json").json())
    return World(make_cases(running), schemas)


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def issue(directory, name, authority_certificate, authority_key):
    """A client certificate of an authority."""
    key, request, certificate = (directory / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
    extensions = directory / "extensions"
    extensions.write_text(f"extendedKeyUsage = clientAuth\nsubjectAltName = DNS:{name}\n")
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", key, "-out", request, "-subj", f"/CN={name}")
    openssl("x509", "-req", "-in", request, "-CA", authority_certificate, "-CAkey", authority_key,
            "-set_serial", "77", "-days", "2", "-extfile", extensions, "-out", certificate)
    return certificate, key


def issue_own(running, directory, name):
    """A client certificate of the appliance's own CA."""
    key, request, certificate = (directory / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
    for words in (["request", "--key-file", key, "--common-name", name, "--out", request],
                  ["issue", "tls-client", "--csr", request, "--out", certificate]):
        subprocess.run([PRIVYSEAL, "x509", *words], env={**os.environ, **running.environment},
                       check=True, capture_output=True)
    return certificate, key


@pytest.fixture(scope="module")
def rogue(tmp_path_factory, running):
    """A certificate like that of the client `oidc`, of an authority of the same name."""
    directory = tmp_path_factory.mktemp("rogue")
    subject = subprocess.run(
        ["openssl", "x509", "-in", str(running.directory / "ca/cert.pem"), "-noout", "-subject",
         "-nameopt", "multiline"], check=True, capture_output=True, text=True).stdout
    name = re.search(r"commonName\s*= (.*)", subject).group(1)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", directory / "ca.key", "-out", directory / "ca.pem", "-days", "2", "-subj",
            f"/CN={name}")
    return issue(directory, "oidc", directory / "ca.pem", directory / "ca.key")


def ports(directory):
    return [int(port) for port in re.findall(r"^tls_port = (\d+)$",
                                             (directory / "privyseald.conf").read_text(), re.M)]


def make_peer(directory, listener, caller, rogue):
    socket_path = directory / f"{listener}.sock"
    port = ports(directory)[["clients", "management"].index(listener)]
    tls = functools.partial(over_tls, port, directory / "ca/cert.pem")
    if caller == "operator":
        return over_unix(socket_path)
    if caller == "stranger":
        return over_unix(socket_path, STRANGER)
    if caller == "client":
        return tls(directory / "clients/oidc/cert.pem", directory / "clients/oidc/key.pem")
    return tls() if caller == "nobody" else tls(*rogue)


def states_of(directory):
    """As both api processes have been told."""
    found = set()
    for listener in ("clients", "management"):
        client = Client(str(directory / f"{listener}.sock"))
        found.add(client.get("/health/ready").json().get("state"))
        client.close()
    return found


def change_row(directory, old, new):
    with sqlite3.connect(directory / "data/catalog.sqlite", 60) as connection:
        count = connection.execute("update row set body = replace(body, ?, ?) where kind = 'client'"
                                   " and name = 'certify'", (old, new)).rowcount
    assert count == 1


@pytest.fixture(scope="module", params=STATES)
def state(request, running):
    """(name, directory) of an appliance in this state; the running one is mended afterwards."""
    directory = running.directory
    if request.param == "uninitialised":
        with BareAppliance(directory) as bare:
            yield request.param, bare.directory
        return
    store, away = directory / "tokens", directory / "tokens.away"
    if request.param == "degraded":
        os.rename(store, away)
    elif request.param == "failed":
        change_row(directory, '"suspended":false', '"suspended":true')
    elif request.param == "locked":
        assert running.change("POST", "/v1/lock").status == 201
    try:
        wait_until(lambda: states_of(directory) == {request.param}, 20, request.param)
        yield request.param, directory
    finally:  # or every state behind one that did not come is waited for in vain
        if request.param == "degraded":
            os.rename(away, store)
        elif request.param == "failed":
            change_row(directory, '"suspended":true', '"suspended":false')
        elif request.param == "locked":
            assert running.change("POST", "/v1/unlock").status == 201
    wait_until(lambda: states_of(directory) == {"operational"}, 20, "the appliance to be well again")
    # The first change after a write of others has the catalog compared once more.
    wait_until(lambda: running.management().post("/v1/clients/certify/suspend?dry_run=true",
                                                 {}).status != 503, 20, "changes to be taken")


def target_of(route, case):
    variables = iter(case.variables)
    path = re.sub(r"\{[^}]*\}", lambda _: next(variables), route["path"])
    return path + (f"?{case.query}" if case.query else "")


def bodies_of(route):
    """A GET with any body is refused before the route is looked for, so that one is enough."""
    if route["body_max"] > MATRIX_BODY_MAX:  # test_signed_documents.py sends one that is too large
        return [body for body in BODIES if body != "large"]
    return ["none", "malformed", "query"] if route["body_max"] == 0 else BODIES


def make_request(route, case, body):
    """(target, octets, headers) of a cell."""
    target, octets = target_of(route, case), None
    headers = {"Content-Type": route["media"]}
    good = case.octets or json.dumps(case.body or {}).encode()
    if body == "query":
        target += ("&" if "?" in target else "?") + "no_such_parameter=1"
        octets = good if route["body_max"] else None
    elif body != "none":
        # The large one is made only where it is sent: of some routes it is many MiB.
        octets = (b'{"key":"' + b"a" * route["body_max"] + b'"}' if body == "large" else
                  {"good": good, "malformed": b'{"key":', "unknown": b'{"no_such_member":1}',
                   "media": good}[body])
    if body == "media":
        headers["Content-Type"] = "text/nonsense"
    return target, octets, headers if octets is not None else {}


def fits(pattern, path):
    expression = re.sub(r"\{rest\.\.\.\}", ".+", pattern)
    return re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", expression), path) is not None


@functools.lru_cache(maxsize=None)
def methods_of(path, listener):
    found = {route["method"] for route in ROUTES
             if listener in route["listeners"] and fits(route["path"], path)}
    return found | ({"HEAD"} if "GET" in found else set())


def expected_of_client(route):
    """The client `oidc`, which was granted something for oidc.* only."""
    serves = route["serves"]
    if serves in ("registered", "public") or serves in GRANTED:
        return None
    if serves == "genesis":
        return {409}
    return {403, 404} if serves in ABOUT_KEYS else {403}


def expected_of_keeper(route, case, caller, state, listener):
    """What is left when path, caller's certificate, state, query, media type and body are good."""
    is_change = route["id"] == "operation-create" or (
        route.get("change") and route["serves"] != "operations.step")
    if route["id"] == "health-ready":
        return {200} if state == "operational" else {503}
    if route["serves"] == "public":
        return {case.good}
    if is_change and state == "failed":
        return {503}
    if state == "uninitialised":
        if route["id"] == "genesis":
            # The token of the bare appliance is blank, which a genesis has to be told.
            return {200, 409} if caller == "operator" else {403}
        if route["id"] in ("system", "whoami") and caller == "operator":
            return {200}  # the local administrator sees what he is going to initialise
        if route["serves"] == "operations.step" and caller == "operator":
            return {404}  # he passes on what the first people sign; no genesis waits here
        # Before genesis nobody is registered; what is no change says so.
        return {503} if route["id"] == "operation-create" else {401}
    if caller == "stranger":
        return {401}
    refused = expected_of_client(route) if caller == "client" else None
    if refused is not None:
        return refused
    if state == "degraded" and route["id"] in NEED_TOKEN:
        return {503}
    return {case.good}


def expected(route, case, cell):
    """The statuses that one cell may answer. The order is that of openapi.yaml."""
    listener, caller, state, body, optional = cell
    if route["method"] == "GET" and body == "malformed":
        return {400}
    if listener not in route["listeners"]:
        path = target_of(route, case).partition("?")[0]
        return {405} if methods_of(path, listener) else {404}
    if caller in ("nobody", "rogue") and route["serves"] != "public":
        return {401}
    if state not in route["states"]:
        return {503} if state in ("failed", "uninitialised") else {409}
    if body == "none" and route["body_max"] != 0 and not optional:
        return {400}
    early = {"query": 400, "media": 415, "large": 413, "malformed": 400, "unknown": 400}.get(body)
    if early is not None:
        return {early}
    return expected_of_keeper(route, case, caller, state, listener)


def check_answer(answer, route, listener, schemas, path):
    """What holds for every answer."""
    assert answer.status < 500 or answer.status == 503, "a 5xx that is no 503"
    if answer.status == 503:
        assert int(answer.headers["retry-after"]) >= 1
    if answer.status == 405:
        allowed = set(answer.headers["allow"].split(", "))
        assert allowed == methods_of(path, listener), allowed
    if answer.status >= 400 and route["id"] != "health-ready":
        problem = json.loads(answer.body)
        assert answer.media == "application/problem+json"
        assert problem["status"] == answer.status
        assert problem["instance"] == answer.headers["x-request-id"]
        assert problem["type"] == "urn:privyseal:problem:" + problem["code"]
        if answer.status == 401:
            # Instead of a challenge, which no scheme of HTTP has for what we look at.
            assert problem["detail"] and "www-authenticate" not in answer.headers
    schemas.check(route["id"], answer)


def try_cell(peer, route, world, cell):
    """What is wrong with one cell, as a line; None when nothing is."""
    listener, caller, state, body = cell
    case = world.cases[route["id"]]
    optional = world.schemas.takes_no_body(route["id"])
    wanted = expected(route, case, (*cell, optional))
    target, octets, headers = make_request(route, case, body)
    where = f"{caller} {listener} {state} {route['method']} {target} {body}"
    try:
        answer = peer.request(route["method"], target, octets, headers)
        assert answer.status in wanted, f"{answer}, not {wanted}"
        check_answer(answer, route, listener, world.schemas, target.partition("?")[0])
    except (AssertionError, KeyError, ValueError, jsonschema.ValidationError) as error:
        return f"{where}: {str(error)[:400]}"
    return None


def test_every_route_has_a_case(world):
    assert set(world.cases) == set(BY_ID)


@pytest.mark.parametrize("caller", CALLERS)
def test_matrix(state, caller, world, rogue):
    name, directory = state
    if caller == "stranger" and os.geteuid() != 0:
        pytest.skip("only root calls as another user")
    wrong, late = [], []
    for listener in ("clients", "management"):
        peer = make_peer(directory, listener, caller, rogue)
        for route in ROUTES:
            for body in bodies_of(route):
                cell = (listener, caller, name, body)
                if (name == "degraded" and route["id"] in NEED_TOKEN and
                        body in ("none", "good")):
                    late.append((route, cell))
                else:
                    wrong.append(try_cell(peer, route, world, cell))
        peer.close()
    wrong += try_together(directory, late, world, rogue)
    wrong = [line for line in wrong if line is not None]
    assert not wrong, f"{len(wrong)} cells:\n" + "\n".join(wrong[:40])


def try_together(directory, cells, world, rogue):
    """Requests that wait for a token that is away: all at once, and then their answers."""
    sent = []
    for route, cell in cells:
        listener, caller, _, body = cell
        target, octets, headers = make_request(route, world.cases[route["id"]], body)
        peer = make_peer(directory, listener, caller, rogue)
        peer.send(route["method"], target, octets, headers)
        sent.append((peer, route, cell))
    return [try_cell(Received(peer), route, world, cell) for peer, route, cell in sent]


class Received:
    """A peer whose request is on its way already."""

    def __init__(self, peer):
        self.peer = peer

    def request(self, method, *_):
        answer = self.peer.receive(method)
        self.peer.close()
        return answer


@pytest.mark.parametrize("listener", ["clients", "management"])
def test_other_methods_are_405_and_say_which(running, world, listener):
    """Also for callers who are nobody, and with the methods in Allow."""
    peer = over_tls(ports(running.directory)[listener == "management"],
                    running.directory / "ca/cert.pem")
    for route in ROUTES:
        path = target_of(route, world.cases[route["id"]]).partition("?")[0]
        served = methods_of(path, listener)
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} - served:
            answer = peer.request(method, path)
            assert answer.status == (405 if served else 404), (method, path, answer)
            check_answer(answer, route, listener, world.schemas, path)
    peer.close()


def test_each_status_is_reached(running, world, tmp_path):
    """The statuses that the contract names, each by a request that a client could make."""
    clients, management = running.client(), running.management()
    directory = running.directory
    seen = {}

    def take(answer, code):
        assert json.loads(answer.body)["code"] == code, answer
        seen[answer.status] = answer

    take(clients.post("/v1/jws/sign", b'{"key":'), "malformed")
    nobody = over_tls(ports(directory)[0], directory / "ca/cert.pem")
    take(nobody.request("GET", "/v1/keys"), "unauthenticated")
    oidc = over_tls(ports(directory)[1], directory / "ca/cert.pem",
                    directory / "clients/oidc/cert.pem", directory / "clients/oidc/key.pem")
    take(oidc.request("GET", "/v1/clients"), "forbidden")
    take(oidc.request("GET", "/v1/keys/test.rsa"), "not-found")
    take(clients.delete("/v1/jws/sign"), "method-not-allowed")
    take(clients.post("/v1/jws/sign", {"key": KEY, "payload": "a" * (1 << 20)}), "too-large")
    take(clients.post("/v1/jws/sign", b"{}", headers={"Content-Type": "text/plain"}),
         "unsupported-media-type")
    take(clients.post("/v1/jws/sign", {"key": RAW_KEY, "payload": "YQ"}), "key-mismatch")
    take(management.post("/v1/clients/certify/suspend?dry_run=true", {},
                         headers={"If-Match": '"no-such-revision"'}), "precondition-failed")
    take(management.post("/v1/genesis", {}), "wrong-state")
    take(sign_too_often(running, *issue_own(running, tmp_path, "rated")), "rate-limited")
    with BareAppliance(directory) as bare:
        take(Client(str(bare.directory / "clients.sock")).get("/v1/jwks"), "uninitialised")
    assert set(seen) == {400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 429, 503}
    assert all(int(seen[status].headers["retry-after"]) >= 1 for status in (429, 503))


def pin_of(certificate):
    """base64url of SHA-256 of the SubjectPublicKeyInfo."""
    command = (f"openssl x509 -in '{certificate}' -noout -pubkey | openssl pkey -pubin -outform DER"
               " | openssl dgst -sha256 -binary | basenc --base64url | tr -d '='")
    return subprocess.run(["sh", "-c", command], check=True, capture_output=True,
                          text=True).stdout.strip()


def sign_too_often(running, certificate, key):
    """A refusal of a client that may sign once a second and asks for ten signatures at once."""
    made = running.change("POST", "/v1/clients", {"name": "rated", "pins": [pin_of(certificate)]})
    assert made.status == 201, made
    made = running.change("POST", "/v1/grants", {"client": "rated", "keys": "test.*",
                                                 "rate_per_s": 1, "operations": ["jws.sign"]})
    assert made.status == 201, made
    body = json.dumps({"key": "test.es256", "payload": "YQ"}).encode()
    peers = [over_tls(ports(running.directory)[0], running.directory / "ca/cert.pem", certificate,
                      key) for _ in range(10)]
    for peer in peers:
        peer.send("POST", "/v1/jws/sign", body, {"Content-Type": "application/json"})
    answers = [peer.receive("POST") for peer in peers]
    assert {answer.status for answer in answers} == {200, 429}, answers
    return next(answer for answer in answers if answer.status == 429)


def test_what_contradicts_is_409(running):
    """A thing of this name with other parameters, and one Idempotency-Key for two requests."""
    management = running.management()
    headers = {"Idempotency-Key": "matrix-1"}
    body = {"name": "twice", "uids": [61001], "requester": "officer-1"}
    first = management.post("/v1/clients", body, headers=headers)
    assert first.status == 202, first
    again = management.post("/v1/clients", body, headers=headers)
    assert (again.status, again.json()) == (202, first.json())
    assert running.gate().finish(first.json()).status == 201
    other = {**body, "uids": [61002]}
    for answer in (management.post("/v1/clients", other, headers=headers),
                   management.post("/v1/clients", other)):
        assert answer.status == 409 and answer.json()["code"] == "conflict", answer
    same = management.post("/v1/clients", body)
    assert same.status == 200, same
    registered = management.get("/v1/clients/twice").json()
    assert registered["uids"] == [61001] and registered["revision"] == 1


def test_if_match_lets_only_the_current_revision_be_changed(running):
    management = running.management()
    made = running.change("POST", "/v1/clients", {"name": "matched", "uids": [61003]})
    assert made.status == 201, made
    former = management.get("/v1/clients/matched").headers["etag"]
    done = running.change("POST", "/v1/clients/matched/suspend", headers={"If-Match": former})
    assert done.status == 201, done
    late = running.change("POST", "/v1/clients/matched/resume", headers={"If-Match": former})
    assert late.status == 412 and late.json()["code"] == "precondition-failed", late
    now = management.get("/v1/clients/matched")
    assert now.json()["suspended"] is True
    assert now.headers["etag"] == done.headers["etag"] != former
