"""Every route answers what api/openapi.yaml says, on a whole appliance: good and bad requests."""

import json
import subprocess

import pytest

from harness.appliance import BUILD, wait_until
from harness.contract import Contract
from harness.http_unix import b64u

DESCRIBE = BUILD / "tests" / "openapi" / "api_describe"
KEY = {"name": "contract.a", "type": "ec-p256", "usage": "sign", "formats": ["jws"],
       "algorithms": ["ES256"]}
MESSAGE = b64u(b"message")


class Checked:
    """A client whose every answer is held against the contract."""

    def __init__(self, client, contract):
        self.client = client
        self.contract = contract

    def __call__(self, expected, method, target, body=None, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.client.request(method, target, body=body, headers=named)
        self.contract.check(method, target, answer)
        assert answer.status == expected, f"{method} {target}: {answer}"
        return answer


@pytest.fixture(scope="module")
def contract():
    return Contract()


@pytest.fixture()
def ask(client, contract):
    return Checked(client, contract)


@pytest.fixture()
def manage(management, contract):
    return Checked(management, contract)


PUBLIC = ["/health/live", "/health/ready", "/openapi.json", "/v1/jwks", "/v1/whoami",
          "/v1/keys?limit=3", "/v1/keys/test.es256", "/v1/keys/test.es256/public",
          "/v1/log/events/checkpoint"]


@pytest.mark.parametrize("target", PUBLIC)
def test_what_both_listeners_serve(ask, manage, target):
    ask(200, "GET", target)
    manage(200, "GET", target)


def test_conditional_reads(ask):
    first = ask(200, "GET", "/v1/keys/test.es256")
    ask(304, "GET", "/v1/keys/test.es256", If_None_Match=f'"{first.headers["etag"].strip(chr(34))}"')
    ask(200, "GET", "/v1/keys/test.es256/public", Accept="application/x-pem-file")
    ask(200, "GET", "/v1/keys/test.es256/public", Accept="application/pkix-spki")


def test_refused_reads(ask):
    ask(404, "GET", "/v1/keys/no.such.key")
    ask(404, "GET", "/v1/jwks/no-such-set")
    ask(404, "GET", "/v1/log/none/checkpoint")
    ask(400, "GET", "/v1/keys?limit=0")
    ask(400, "GET", "/v1/random")
    ask(200, "GET", "/v1/random?octets=16")


def test_access_checks(ask):
    ask(200, "POST", "/v1/access/check", {"operation": "jws.sign", "key": "test.es256"})
    ask(400, "POST", "/v1/access/check", {})


def test_jws(ask):
    made = ask(200, "POST", "/v1/jws/sign", {"key": "test.es256", "payload": MESSAGE}).json()
    good = ask(200, "POST", "/v1/jws/verify", {"jws": made["jws"], "key": "test.es256"})
    assert good.json()["valid"] and good.json()["payload"] == MESSAGE
    jwks = ask(200, "GET", "/v1/jwks").json()
    assert ask(200, "POST", "/v1/jws/verify", {"jws": made["jws"], "jwks": jwks}).json()["valid"]
    other = ask(200, "POST", "/v1/jws/verify", {"jws": made["jws"], "jwks": {"keys": []}})
    assert other.json() == {"valid": False, "reason": "no-key"}
    for serialization in ("json", "detached"):
        ask(200, "POST", "/v1/jws/sign", {"key": "test.es256", "payload": MESSAGE,
                                          "serialization": serialization, "include": ["jwk"]})
    batch = ask(200, "POST", "/v1/jws/sign", {"key": "test.es256", "items": [
        {"payload": MESSAGE}, {"payload": "!"}, {"payload": MESSAGE, "header": {"kid": "x"}}]})
    assert [sorted(item)[0] for item in batch.json()["items"]] == ["jws", "problem", "problem"]


def test_refused_signatures(ask):
    ask(404, "POST", "/v1/jws/sign", {"key": "no.such.key", "payload": MESSAGE})
    ask(422, "POST", "/v1/jws/sign", {"key": "test.raw-p256", "payload": MESSAGE})
    ask(422, "POST", "/v1/jws/sign", {"key": "test.es256", "payload": MESSAGE,
                                      "algorithm": "ES384"})
    ask(400, "POST", "/v1/jws/sign", {"key": "test.es256", "payload": MESSAGE, "alg": "ES256"})
    ask(415, "POST", "/v1/jws/sign", b"x", Content_Type="text/plain")
    ask(413, "POST", "/v1/jws/sign", {"key": "test.es256", "payload": "A" * (1 << 20)})


def test_jwt(ask):
    ask(200, "POST", "/v1/jwt/sign", {"key": "test.es256", "claims": {"sub": "a"}, "ttl_s": 60,
                                      "typ": "at+jwt"})
    ask(400, "POST", "/v1/jwt/sign", {"key": "test.es256", "claims": []})


@pytest.mark.parametrize("key, algorithm, encoding", [
    ("test.raw-p256", "ES256", "raw"), ("test.raw-p256", "ES256", "der"),
    ("test.raw-ed25519", "EdDSA", "raw"), ("test.raw-rsa", "PS256", "raw")])
def test_raw(ask, key, algorithm, encoding):
    made = ask(200, "POST", f"/v1/keys/{key}/sign", {
        "message": MESSAGE, "algorithm": algorithm, "encoding": encoding}).json()
    question = {"message": MESSAGE, "signature": made["signature"], "encoding": encoding}
    assert ask(200, "POST", f"/v1/keys/{key}/verify", question).json()["valid"]
    question["message"] = b64u(b"another")
    assert not ask(200, "POST", f"/v1/keys/{key}/verify", question).json()["valid"]
    ask(422, "POST", "/v1/keys/test.es256/sign", {"message": MESSAGE})
    ask(200, "POST", f"/v1/keys/{key}/sign", {"items": [{"message": MESSAGE}, {}]})


MANAGEMENT = ["/v1/system", "/metrics", "/v1/expiring?within_s=100000000", "/v1/policy",
              "/v1/clients", "/v1/clients/operator", "/v1/grants", "/v1/jwks-sets",
              "/v1/operations?limit=3", "/v1/log/events/entries?bundle=0&width=5",
              "/v1/log/events/tile/0/000.p/5", "/v1/log/events/tile/entries/000.p/5",
              "/v1/log/events/proof/3", "/v1/log/events/consistency?from=3"]


@pytest.mark.parametrize("target", MANAGEMENT)
def test_what_management_serves(manage, target):
    manage(200, "GET", target)


def test_a_shard_of_the_log(ask, manage):
    ask(200, "POST", "/v1/jws/sign", {"key": "test.es256", "payload": MESSAGE})
    wait_until(lambda: manage.client.get("/v1/log/use/checkpoint").status == 200, 20,
               "a checkpoint of the first use")
    origin = manage(200, "GET", "/v1/log/use/checkpoint").body.decode().split("\n")[0]
    shard = f"/v1/log/use/{origin.rsplit('/', 1)[1]}"
    manage(200, "GET", f"{shard}/checkpoint")
    manage(200, "GET", f"{shard}/tile/0/000.p/1")
    manage(200, "GET", f"{shard}/entries?width=1")
    manage(200, "GET", f"{shard}/proof/0")
    manage(200, "GET", f"{shard}/consistency?from=1")
    manage(404, "GET", "/v1/log/use/1999-01-0001/proof/0")
    manage(404, "GET", "/v1/log/events/tile/9/000")


def test_the_life_of_a_key(ask, manage):
    manage(200, "POST", "/v1/keys?dry_run=true", KEY)
    manage(201, "POST", "/v1/keys", KEY, Idempotency_Key="contract-1")
    manage(201, "POST", "/v1/keys", KEY, Idempotency_Key="contract-1")
    manage(200, "POST", "/v1/keys", KEY)
    manage(409, "POST", "/v1/keys", {**KEY, "type": "ec-p384", "algorithms": ["ES384"]})
    manage(400, "POST", "/v1/keys", {**KEY, "colour": "red"})
    manage(412, "POST", "/v1/keys/contract.a/suspend", {}, If_Match='"no-such-revision"')
    etag = manage(200, "GET", "/v1/keys/contract.a").headers["etag"]
    manage(201, "POST", "/v1/keys/contract.a/suspend", {"reason": "a test"}, If_Match=etag)
    ask(409, "POST", "/v1/jws/sign", {"key": "contract.a", "payload": MESSAGE})
    for step in ("resume", "rotate", "activate", "deactivate", "compromise", "destroy"):
        manage(201, "POST", f"/v1/keys/contract.a/{step}", {})
    manage(404, "POST", "/v1/keys/no.such.key/suspend", {})


def test_clients_grants_and_sets(ask, manage):
    manage(201, "POST", "/v1/clients", {"name": "contract", "uids": [4242], "listener": "clients"})
    for step in ("suspend", "resume"):
        manage(201, "POST", f"/v1/clients/contract/{step}")
    grant = manage(201, "POST", "/v1/grants", {"client": "contract", "keys": "contract.*",
                                               "operations": ["jws.sign"], "rate_per_s": 5}).json()
    manage(200, "DELETE", f"/v1/grants/{grant['id']}")
    manage(200, "DELETE", "/v1/clients/contract")
    manage(201, "PUT", "/v1/jwks-sets/contract", {"keys": ["test.*"], "max_age_s": 60})
    ask(200, "GET", "/v1/jwks/contract")
    manage(200, "DELETE", "/v1/jwks-sets/contract")


def test_operations(manage):
    manage(201, "POST", "/v1/operations", {"type": "key.suspend", "subject": "test.hmac"})
    manage(422, "POST", "/v1/operations", {"type": "no.such.type"})
    operation = manage(200, "GET", "/v1/operations?limit=1").json()["items"][0]["id"]
    manage(200, "GET", f"/v1/operations/{operation}")
    manage(200, "GET", f"/v1/operations/{operation}/document")
    # Under the rehearsal policy every operation is at its end already.
    for step in ("request", "approvals", "rejections", "execute", "cancel", "resume"):
        manage(409, "POST", f"/v1/operations/{operation}/{step}", {})
    manage(409, "POST", "/v1/genesis", {})


def test_why(ask, manage):
    ask(200, "POST", "/v1/jws/sign", {"key": "test.es256", "payload": MESSAGE},
        X_Request_Id="contract.why")
    assert manage(200, "GET", "/v1/why/contract.why").json()["decisions"]
    manage(404, "GET", "/v1/why/never-seen")


def test_every_route_was_asked(contract):
    """Last in this file: what was not asked was not held against the contract."""
    routes = json.loads(subprocess.run([DESCRIBE, "routes"], check=True,
                                       capture_output=True).stdout)
    assert {route["id"] for route in routes} - contract.seen == set()
