"""Every route answers what api/openapi.yaml says, on a whole appliance: good and bad requests."""

import json
import re
import subprocess

import pytest

from harness import documents
from harness.appliance import wait_until
from harness.contract import Contract
from harness.http_unix import b64u, unb64u
from harness.places import BUILD, TOP

DESCRIBE = BUILD / "tests" / "openapi" / "api_describe"
KEY = {"name": "contract.a", "type": "ec-p256", "usage": "sign", "formats": ["jws"],
       "algorithms": ["ES256"]}
MESSAGE = b64u(b"message")


class Checked:
    """A client whose every answer is held against the contract."""

    def __init__(self, client, contract, appliance):
        self.client = client
        self.contract = contract
        self.gate = appliance.gate(self.send)

    def send(self, method, target, body, headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.client.request(method, target, body=body, headers=named)
        self.contract.check(method, target, answer)
        return answer

    def __call__(self, expected, method, target, body=None, **headers):
        answer = self.send(method, target, body, headers)
        assert answer.status == expected, f"{method} {target}: {answer}"
        return answer

    def change(self, expected, method, target, body=None, **headers):
        """With all approvals that it needs: `expected` is the answer at its end."""
        answer = self.gate.change(method, target, body, headers)
        assert answer.status == expected, f"{method} {target}: {answer}"
        return answer


@pytest.fixture(scope="module")
def contract():
    return Contract()


@pytest.fixture()
def ask(client, contract, appliance):
    return Checked(client, contract, appliance)


@pytest.fixture()
def manage(management, contract, appliance):
    return Checked(management, contract, appliance)


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
    ask(404, "GET", "/v1/keys/test.es256/certificate")
    ask(400, "GET", "/v1/keys/test.es256/certificate?version=x")
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


def test_sd_jwt(ask):
    route, item = "/v1/sd-jwt/sign", {"typ": "dc+sd-jwt", "payload": {"vct": "a", "n": 1.50}}
    head, payload, _signature = ask(200, "POST", route, {
        "key": "test.es256", **item}).json()["jws"].split(".")
    assert json.loads(unb64u(head))["typ"] == "dc+sd-jwt"
    assert unb64u(payload) == json.dumps(item["payload"]).encode()  # as sent
    ask(200, "POST", route, {"key": "test.es256", "items": [item, {**item, "payload": {}}]})
    for wrong in ({"typ": "JWT"}, {"payload": {}}, {"payload": "YQ"}, {"header": {}},
                  {"payload": {"vct": "a", "_sd": ["a"]}}, {"payload": {"vct": "a", "_sd_alg": "x"}}):
        ask(400, "POST", route, {"key": "test.es256", **item, **wrong})
    for include in ("x5c", "x5t#S256"):
        ask(422, "POST", route, {"key": "test.es256", **item, "include": [include]})
    # What says that it is one comes from this route alone.
    ask(422, "POST", "/v1/jws/sign", {"key": "test.es256", "payload": MESSAGE,
                                      "header": {"typ": "vc+sd-jwt"}})
    ask(422, "POST", "/v1/jwt/sign", {"key": "test.es256", "claims": {}, "typ": "dc+SD-JWT"})


def test_keys_that_make_no_signatures(ask):
    route = "/v1/keys/test.hmac/mac"
    mac = ask(200, "POST", route, {"message": MESSAGE}).json()["mac"]
    for given in (mac, "YQ"):
        ask(200, "POST", f"{route}/verify", {"message": MESSAGE, "mac": given, "version": 1})
    ask(200, "POST", f"{route}/verify", {"items": [{"message": MESSAGE, "mac": mac}]})
    ask(400, "POST", f"{route}/verify", {"message": MESSAGE})
    ask(200, "POST", route, {"items": [{"message": MESSAGE}, {"message": "!"}]})
    ask(400, "POST", route, {"message": MESSAGE, "key": "test.hmac"})
    route = "/v1/keys/test.aes"
    sealed = ask(200, "POST", f"{route}/encrypt", {"plaintext": MESSAGE}).json()["ciphertext"]
    ask(200, "POST", f"{route}/decrypt", {"ciphertext": sealed})
    ask(422, "POST", f"{route}/decrypt", {"ciphertext": sealed, "aad": MESSAGE})
    ask(200, "POST", f"{route}/encrypt", {"items": [{"plaintext": MESSAGE, "aad": ""}]})
    ask(200, "POST", f"{route}/decrypt", {"items": [{"ciphertext": sealed}, {"ciphertext": ""}]})
    ask(422, "POST", f"{route}/mac", {"message": MESSAGE})
    ask(404, "POST", "/v1/keys/no.such.key/decrypt", {"ciphertext": sealed})


PROOF = {"cryptosuite": "eddsa-jcs-2022", "proof_hash": b64u(b"p" * 32),
         "document_hash": b64u(b"d" * 32)}


def test_data_integrity(ask):
    route, key = "/v1/data-integrity/sign", "certify.vc-di"
    values = [ask(200, "POST", route, {"key": key, **PROOF, **encoding}).json()["proof_value"]
              for encoding in ({}, {"encoding": "base58btc"}, {"encoding": "base64url"})]
    assert values[0] == values[1]  # Ed25519 is deterministic
    assert [value[0] for value in values] == ["z", "z", "u"] and len(unb64u(values[2][1:])) == 64
    ask(200, "POST", route, {"key": key, "items": [PROOF, {**PROOF, "cryptosuite": "none"}]})
    for wrong in ({"cryptosuite": "ecdsa-sd-2023"}, {"encoding": "hex"},
                  {"proof_hash": b64u(b"p" * 33)}, {"document_hash": b64u(b"d" * 48)},
                  {"proof_hash": ""}, {"payload": "YQ"}):
        ask(400, "POST", route, {"key": key, **PROOF, **wrong})
    ask(422, "POST", route, {"key": key, **PROOF, "cryptosuite": "ecdsa-rdfc-2019"})
    ask(422, "POST", route, {"key": "test.eddsa", **PROOF})


def test_jwe(ask):
    key = "oidc.decrypt"
    jwe = ask(200, "POST", "/v1/jwe/encrypt", {"key": key, "plaintext": MESSAGE,
                                               "header": {"typ": "a"}}).json()["jwe"]
    good = ask(200, "POST", "/v1/jwe/decrypt", {"key": key, "jwe": jwe}).json()
    assert good["plaintext"] == MESSAGE and good["header"]["typ"] == "a"
    ask(200, "POST", "/v1/jwe/decrypt", {"key": key, "items": [{"jwe": jwe}, {"jwe": "a"}]})
    jwk = ask(200, "GET", f"/v1/keys/{key}/public").json()
    ask(200, "POST", "/v1/jwe/encrypt", {"jwk": jwk, "plaintext": "", "encryption": "A128GCM"})
    ask(422, "POST", "/v1/jwe/encrypt", {"jwk": jwk, "plaintext": "", "algorithm": "ECDH-ES"})
    ask(422, "POST", "/v1/jwe/encrypt", {"key": "test.es256", "plaintext": ""})
    ask(422, "POST", "/v1/jwe/encrypt", {"key": key, "plaintext": "", "include": ["x5c"]})
    ask(400, "POST", "/v1/jwe/encrypt", {"plaintext": ""})
    ask(400, "POST", "/v1/jwe/decrypt", {"key": key, "jwe": "a.b.c.d.e"})
    ask(422, "POST", "/v1/jwe/decrypt", {"key": key, "jwe": jwe[:-2]})
    ask(422, "POST", "/v1/jwe/decrypt", {"key": "test.es256", "jwe": jwe})
    ask(404, "POST", "/v1/jwe/decrypt", {"key": key, "jwe": jwe, "version": 9})


def test_cose(ask):
    route, key = "/v1/cose/sign1", "certify.mdoc"
    made = ask(200, "POST", route, {"key": key, "payload": MESSAGE}).json()
    good = ask(200, "POST", "/v1/cose/verify1", {"cose": made["cose"], "key": key}).json()
    assert good["valid"] and good["payload"] == MESSAGE and good["kid"] == made["kid"]
    assert unb64u(good["protected"]) == bytes.fromhex("a10126") and good["unprotected"] == "oA"
    assert unb64u(made["cose"])[0] == 0xd2
    bare = ask(200, "POST", route, {"key": key, "payload": MESSAGE, "tagged": False,
                                    "detached": True, "external_aad": MESSAGE}).json()["cose"]
    assert unb64u(bare)[0] == 0x84
    question = {"cose": bare, "key": key, "payload": MESSAGE}
    assert ask(200, "POST", "/v1/cose/verify1", {**question, "external_aad": MESSAGE}).json()["valid"]
    assert ask(200, "POST", "/v1/cose/verify1", question).json() == {
        "valid": False, "reason": "signature"}
    ask(400, "POST", "/v1/cose/verify1", {"cose": bare, "key": key})
    ask(400, "POST", "/v1/cose/verify1", {"cose": MESSAGE, "key": key})
    own = b64u(ask(200, "GET", f"/v1/keys/{key}/public", Accept="application/cose-key").body)
    assert ask(200, "POST", "/v1/cose/verify1", {"cose": made["cose"], "cose_key": own}).json()["valid"]
    assert ask(200, "POST", "/v1/cose/verify1", {"cose": made["cose"], "jwks": {"keys": []}}).json() == {
        "valid": False, "reason": "no-key"}


def test_cose_headers(ask):
    route, key = "/v1/cose/sign1", "certify.mdoc"
    made = ask(200, "POST", route, {
        "key": key, "payload": "", "protected": {"3": "a/b", "x": [1, True]}, "kid_prefix": "did:a#",
        "unprotected": b64u(bytes.fromhex("a1186440")), "include_protected": ["kid"]}).json()
    good = ask(200, "POST", "/v1/cose/verify1", {"cose": made["cose"], "key": key}).json()
    kid = b"did:a#" + made["kid"].encode()
    assert unb64u(good["protected"]) == (
        bytes.fromhex("a4012603") + b"\x63a/b" + b"\x04\x58" + bytes([len(kid)]) + kid +
        bytes.fromhex("61788201f5"))
    assert unb64u(good["unprotected"]) == bytes.fromhex("a1186440")
    batch = ask(200, "POST", route, {"key": key, "items": [
        {"payload": MESSAGE}, {"payload": "!"}, {"payload": MESSAGE, "protected": {"1": -7}}]})
    assert [sorted(item)[0] for item in batch.json()["items"]] == ["cose", "problem", "problem"]
    for wrong in ({"protected": {"1": -7}}, {"unprotected": {"1": -7}}, {"unprotected": {"4": "a"}},
                  {"protected": {"3": 1}, "unprotected": {"3": 1}}, {"unprotected": {"2": [3]}},
                  {"protected": "oWEA"}, {"protected": "gA"}, {"protected": {"x": 1.5}},
                  {"include": ["kid"], "include_protected": ["kid"]}, {"include": ["x5c"]},
                  {"kid_prefix": "a"}, {"algorithm": "none"}, {"tag": "cwt"}):
        ask(400, "POST", route, {"key": key, "payload": MESSAGE, **wrong})
    for refused in ({"include": ["x5chain"]}, {"include_protected": ["x5t"]}, {"algorithm": "ES384"},
                    {"key": "test.rs3072"}, {"key": "test.raw-p256"}, {"key": "certify.vc-di"}):
        ask(422, "POST", route, {"key": key, "payload": MESSAGE, **refused})


def test_cwt(ask):
    route, key = "/v1/cwt/sign", "certify.mdoc"
    made = ask(200, "POST", route, {"key": key, "claims": {"sub": "a", "cti": "AA", "169": {"4": "b"}},
                                    "ttl_s": 60}).json()
    assert unb64u(made["cwt"])[:3] == bytes.fromhex("d83dd2")
    good = ask(200, "POST", "/v1/cose/verify1", {"cose": made["cwt"], "key": key}).json()
    claims = unb64u(good["payload"])
    assert claims[:5] == bytes.fromhex("a502616104") and claims[-9:] == bytes.fromhex("07410018a9a1046162")
    for tag, start in (("cose", "d284"), ("none", "84")):
        made = ask(200, "POST", route, {"key": key, "claims": b64u(b"\xa1\x18\xa9\x41\xff"), "tag": tag})
        assert unb64u(made.json()["cwt"]).hex().startswith(start)
    ask(200, "POST", route, {"key": key, "items": [{"claims": {}}, {"claims": []}]})
    for wrong in ({"claims": []}, {"claims": {"exp": "a"}}, {"claims": {"1": 1}}, {"tag": "jwt"},
                  {"claims": {"iss": "a", "1": "b"}}, {"claims": "gA"}, {"detached": True}):
        ask(400, "POST", route, {"key": key, "claims": {}, **wrong})
    ask(422, "POST", route, {"key": "certify.vc-eddsa", "claims": {}})


def test_x509_issue_without_a_grant(ask):
    jwk = ask(200, "GET", "/v1/keys/test.es256/public").json()
    good = {"profile": "clients", "public_jwk": jwk}
    ask(403, "POST", "/v1/x509/issue", good)
    for wrong in ({"csr": "YQ"}, {"public_jwk": {"kty": "EC"}}, {"profile": "A"},
                  {"validity_s": 0}, {"key": "test.es256"}, {"sans": {}}, {"subject": []}):
        ask(400, "POST", "/v1/x509/issue", {**good, **wrong})
    ask(400, "POST", "/v1/x509/issue", {"profile": "clients"})
    ask(404, "GET", "/v1/x509/crl/test.es256")


def test_documents(ask):
    """With a key that has no certificate; test_signed_documents.py has more, interop those that are good."""
    ask(422, "POST", "/v1/cms/sign", {"key": "certify.documents", "content": MESSAGE})
    ask(400, "POST", "/v1/cms/sign", {"key": "certify.documents"})
    ask(200, "POST", "/v1/cms/sign", {"key": "certify.documents", "items": [{"content": MESSAGE}]})
    ask(415, "POST", "/v1/pdf/sign?key=certify.documents", {})


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


def signing_routes(contract):
    """(path, operation, a good body) of each, from the contract's own examples."""
    for path, item in contract.items():
        operation = item.get("post", {})
        if "sign" in operation.get("operationId", "").split("-"):
            content = operation["requestBody"]["content"]
            if "application/json" not in content:
                continue  # test_signed_documents.py tries the one that takes PDFs
            body = content["application/json"]["examples"]
            yield path, operation["x-serves"], next(iter(body.values()))["value"]


def formats_of(operation):
    """Those of a key that the operation touches, from the keeper's own table."""
    rows = (TOP / "keystore/policy/operations_granted.def").read_text().splitlines()
    row = next(row for row in rows if f'"{operation}",' in row)
    return {name.lower().replace("_", "-") for name in re.findall(r"FORMAT\((\w+)\)", row)}


def test_no_key_signs_in_a_format_that_is_not_its_own(ask):
    """Promise 4, for every route that signs and every key; docs/formats.md says what for."""
    keys = ask(200, "GET", "/v1/keys?limit=1000").json()["items"]
    routes = list(signing_routes(ask(200, "GET", "/openapi.json").json()["paths"]))
    tried = set()
    for path, operation, body in routes:
        formats = formats_of(operation)
        assert formats, f"{operation}: a grant for it names no format"
        for key in keys:
            named = ({"key": key["name"], **{name: value for name, value in body.items()
                                             if name != "key"}} if "key" in body else body)
            target = path.replace("{name}", key["name"])
            if not formats & set(key["formats"]):
                refused = ask(422, "POST", target, named).json()
                assert refused["code"] == "key-mismatch", (path, key["name"], refused)
                tried.add((path, frozenset(key["formats"])))
    assert len(tried) >= 5 * len(routes)


MANAGEMENT = ["/v1/system", "/metrics", "/v1/audit/report?from=2026-01-02T03:04:05Z", "/v1/expiring?within_s=100000000", "/v1/policy",
              "/v1/policy/document", "/v1/roster", "/v1/officers", "/v1/inventory", "/v1/unlock",
              "/v1/pins", "/v1/backups", "/v1/backups/drill",
              "/v1/clients", "/v1/clients/operator", "/v1/grants", "/v1/jwks-sets",
              "/v1/operations?limit=3", "/v1/log/events/entries?bundle=0&width=5",
              "/v1/log/events/tile/0/000.p/5", "/v1/log/events/tile/entries/000.p/5",
              "/v1/log/events/proof/3", "/v1/log/events/tlog-proof/3",
              "/v1/log/witnesses", "/v1/log/events/witness-request?from=3",
              "/v1/log/events/consistency?from=3"]


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
    manage(200, "GET", f"{shard}/tlog-proof/0")
    manage(404, "GET", f"{shard}/tlog-proof/99999")
    manage(200, "GET", f"{shard}/witness-request")
    manage(404, "GET", f"{shard}/witness-request?from=99999")
    for tree in (shard, "/v1/log/events"):
        note = manage(200, "GET", f"{tree}/checkpoint").body
        manage(422, "POST", f"{tree}/cosignatures", note, Content_Type="text/plain")
        manage(400, "POST", f"{tree}/cosignatures", b"no note", Content_Type="text/plain")
    manage(200, "GET", f"{shard}/consistency?from=1")
    manage(404, "GET", "/v1/log/use/1999-01-0001/proof/0")
    manage(404, "GET", "/v1/log/events/tile/9/000")


def test_the_life_of_a_key(ask, manage):
    manage(200, "POST", "/v1/keys?dry_run=true", KEY)
    asked = {**KEY, "requester": "officer-1"}
    operation = manage(202, "POST", "/v1/keys", asked, Idempotency_Key="contract-1").json()
    again = manage(202, "POST", "/v1/keys", asked, Idempotency_Key="contract-1")
    assert again.json() == operation
    assert manage.gate.finish(operation).status == 201
    manage(200, "POST", "/v1/keys", KEY)
    manage(409, "POST", "/v1/keys", {**KEY, "type": "ec-p384", "algorithms": ["ES384"]})
    manage(400, "POST", "/v1/keys", {**KEY, "colour": "red"})
    manage.change(201, "POST", "/v1/keys/batch", {
        **{member: value for member, value in KEY.items() if member != "name"},
        "keys": [{"name": "contract.b"}, {"name": "contract.c"}]})
    manage(412, "POST", "/v1/keys/contract.a/suspend", {}, If_Match='"no-such-revision"')
    etag = manage(200, "GET", "/v1/keys/contract.a").headers["etag"]
    manage.change(201, "POST", "/v1/keys/contract.a/suspend", {"reason": "a test"}, If_Match=etag)
    ask(409, "POST", "/v1/jws/sign", {"key": "contract.a", "payload": MESSAGE})
    for step in ("resume", "rotate", "withdraw", "rotate", "activate", "deactivate", "compromise",
                 "destroy"):
        manage.change(201, "POST", f"/v1/keys/contract.a/{step}")
    manage(404, "POST", "/v1/keys/no.such.key/suspend", {})


def test_certificates(ask, manage):
    manage.change(201, "POST", "/v1/keys", {"name": "contract.ca", "type": "ec-p256",
                                            "usage": "certify", "formats": ["x509"],
                                            "algorithms": ["ES256"]})
    subject = {"subject": {"common_name": "Contract"}}
    csr = manage.change(201, "POST", "/v1/x509/csr", {"key": "test.es256", **subject}).json()
    manage(200, "GET", f"/v1/operations/{csr['operation']}")
    manage.change(200, "POST", "/v1/keys/contract.ca/certificate/root",
                  {**subject, "validity_s": 864000})
    manage.change(200, "POST", "/v1/keys/test.es256/certificate/issue",
                  {**subject, "validity_s": 86400, "issuer": "contract.ca"})
    ask(200, "GET", "/v1/keys/test.es256/certificate")
    proof = "/v1/keys/test.es256/certificate/tlog-proof"
    wait_until(lambda: manage.client.get(proof).status == 200, 60, "a checkpoint over the certificate")
    for route in (proof, f"{proof}?version=1", "/v1/keys/test.es256/tlog-proof"):
        assert manage(200, "GET", route).body.startswith(b"c2sp.org/tlog-proof@v1\n")
        ask(404, "GET", route)
    manage(404, "GET", f"{proof}?version=9")
    done = manage(200, "GET", "/v1/operations?limit=1").json()["items"][0]["id"]
    manage(200, "GET", f"/v1/operations/{done}/tlog-proof")
    ask(200, "GET", "/v1/keys/test.es256/certificate?version=1", Accept="application/pkix-cert")
    assert ask(200, "GET", "/v1/keys/test.es256").json()["certificate"]["kind"] == "internal"
    manage(422, "PUT", "/v1/keys/test.es256/certificate",
           {"chain": ask(200, "GET", "/v1/keys/contract.ca/certificate").body.decode()})
    profile = {"kind": "tls-client", "issuer": "contract.ca", "longest_s": 3600,
               "subject": {"common_name": "*"}}
    manage.change(201, "PUT", "/v1/x509/profiles/contract", profile)
    manage(200, "GET", "/v1/x509/profiles")
    manage.change(200, "DELETE", "/v1/x509/profiles/contract")
    revoked = {"serial": "4f01", "reason_code": "superseded"}
    manage.change(201, "POST", "/v1/x509/issuers/contract.ca/revocations", revoked)
    manage(400, "POST", "/v1/x509/issuers/contract.ca/revocations", {"serial": "004f"})
    manage(422, "POST", "/v1/x509/issuers/test.es256/revocations", revoked)


def test_what_the_appliance_does_by_itself_is_asked_for(manage):
    manage(202, "POST", "/v1/inventory")
    manage(400, "POST", "/v1/unlock/shares", {"share": "no.such.share.at.all"})
    manage(202, "POST", "/v1/backups")
    manage(202, "POST", "/v1/backups/drill")


def test_tokens_come_and_go_by_operations(manage):
    manage(409, "POST", "/v1/tokens/a/accept", {"requester": "officer-1"})
    manage(200, "POST", "/v1/tokens/a/approve", {"requester": "officer-1"})
    manage(422, "POST", "/v1/tokens/a/decommission", {"requester": "officer-1"})
    for verb in ("accept", "approve", "decommission"):
        manage(404, "POST", f"/v1/tokens/none/{verb}", {"requester": "officer-1"})


def test_clients_grants_and_sets(ask, manage):
    ask(200, "POST", "/v1/whoami/nonce")
    ask(400, "POST", "/v1/whoami/certificate", {"statement": "e30", "old_key": "YQ",
                                                "old_signature": "YQ", "new_signature": "YQ"})
    manage.change(201, "POST", "/v1/clients",
                  {"name": "contract", "uids": [4242], "listener": "clients"})
    for step in ("suspend", "resume"):
        manage.change(201, "POST", f"/v1/clients/contract/{step}")
    grant = manage.change(201, "POST", "/v1/grants", {
        "client": "contract", "keys": "contract.*", "operations": ["jws.sign"],
        "rate_per_s": 5}).json()
    manage.change(200, "DELETE", f"/v1/grants/{grant['id']}")
    manage.change(200, "DELETE", "/v1/clients/contract")
    manage.change(201, "PUT", "/v1/jwks-sets/contract", {"keys": ["test.*"], "max_age_s": 60})
    ask(200, "GET", "/v1/jwks/contract")
    manage.change(200, "DELETE", "/v1/jwks-sets/contract")


def test_families(ask, manage):
    """No key wraps here; test_ceremonies_custody.py holds the good answers against the contract."""
    template = {member: value for member, value in KEY.items() if member != "name"}
    family = {"client": "operator", "maximum": 5, "template": template}
    ask(200, "GET", "/v1/families")
    ask(404, "GET", "/v1/families/contract.")
    manage.change(422, "PUT", "/v1/families/contract.", family)
    manage(400, "PUT", "/v1/families/contract.", {"client": "operator", "maximum": 5})
    ask(404, "POST", "/v1/families/contract./keys", {"name": "contract.new"})
    ask(400, "POST", "/v1/families/contract./keys", {"name": "contract.new", "type": "aes-256"})
    for step in ("suspend", "resume"):
        manage(404, "POST", f"/v1/families/contract./{step}", {"requester": "officer-1"})
    manage(404, "DELETE", "/v1/families/contract.", {"requester": "officer-1"})


def test_people_and_policy(manage):
    """What changes them is held against the contract by test_people.py."""
    entry = {"person": "nobody", "role": "officer", "keys": [],
             "valid_until": "2040-01-01T00:00:00Z"}
    manage(404, "GET", "/v1/officers/nobody")
    manage(400, "POST", "/v1/officers", entry)
    manage(400, "POST", "/v1/officers/nobody/replace", entry)
    for step in ("suspend", "resume"):
        manage(404, "POST", f"/v1/officers/nobody/{step}", {})
    manage(404, "DELETE", "/v1/officers/nobody", {})
    manage(422, "PUT", "/v1/policy", {"policy": documents.policy()})


def test_operations(manage):
    manage.change(201, "POST", "/v1/operations", {"type": "key.suspend", "subject": "test.hmac"})
    manage(422, "POST", "/v1/operations", {"type": "no.such.type"})
    operation = manage(200, "GET", "/v1/operations?limit=1").json()["items"][0]["id"]
    manage(200, "GET", f"/v1/operations/{operation}")
    manage(200, "GET", f"/v1/operations/{operation}/document")
    # Genesis is at its end already.
    for step in ("request", "approvals", "rejections", "statements", "execute", "cancel",
                 "resume"):
        manage(409, "POST", f"/v1/operations/{operation}/{step}", {})
    manage(409, "POST", "/v1/genesis", {})


def test_the_appliance_is_locked_and_unlocked(ask, manage):
    manage.change(201, "POST", "/v1/lock")
    assert manage(200, "GET", "/v1/system").json()["reasons"][0]["code"] == "officers"
    ask(503, "GET", "/health/ready")
    ask(409, "POST", "/v1/jws/sign", {"key": "test.es256", "payload": MESSAGE})
    manage(200, "GET", "/v1/keys/test.es256")
    manage.change(200, "POST", "/v1/configuration/approve")
    manage.change(201, "POST", "/v1/exceptions", {"expected": "a", "happened": "b",
                                                  "decision": "c", "deciders": ["d"]})
    manage(400, "POST", "/v1/exceptions", {"expected": "a"})
    manage(422, "POST", "/v1/restore")  # it was not made from a backup
    manage.change(201, "POST", "/v1/unlock")
    wait_until(lambda: ask.client.get("/health/ready").status == 200, 30, "the tokens' log-in")
    ask(200, "POST", "/v1/jws/sign", {"key": "test.es256", "payload": MESSAGE})


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
