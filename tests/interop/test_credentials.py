"""Credentials signed here verify in two libraries: Data Integrity, its older JWS suites, SD-JWT.

Data Integrity from JSON-LD to proof: what is canonicalized and hashed is lib/jsonld and lib/rdf for the
suites over RDF, and RFC 8785 for those over JSON; the libraries of Digital Bazaar verify, and Python over
the hash block as the specifications lay it out.
"""

import base64
import copy
import hashlib
import json
import secrets
import subprocess

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jws as jwcrypto_jws

from harness.external_ca import ExternalCa, pem
from harness.http_unix import b64u, unb64u
from harness.places import BUILD

TOOL = BUILD / "tests" / "interop" / "rdfc_tool"
CREDENTIALS_V2 = "https://www.w3.org/ns/credentials/v2"
ED25519_2020 = "https://w3id.org/security/suites/ed25519-2020/v1"
ISSUER = "https://issuer.example/1"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# key type: algorithm, hash, multicodec of the public key, curve
KEYS = {"ed25519": ("EdDSA", "sha256", b"\xed\x01", None),
        "ec-p256": ("ES256", "sha256", b"\x80\x24", ec.SECP256R1()),
        "ec-p384": ("ES384", "sha384", b"\x81\x24", ec.SECP384R1())}
SUITES = [("eddsa-rdfc-2022", "ed25519"), ("eddsa-jcs-2022", "ed25519"),
          ("Ed25519Signature2020", "ed25519"), ("ecdsa-rdfc-2019", "ec-p256"),
          ("ecdsa-rdfc-2019", "ec-p384"), ("ecdsa-jcs-2019", "ec-p256"),
          ("ecdsa-jcs-2019", "ec-p384"), ("EcdsaSecp256r1Signature2019", "ec-p256")]
# What nobody has a library for is verified by Python alone.
UNKNOWN_THERE = {"EcdsaSecp256r1Signature2019"}
CREDENTIAL = {
    "@context": [CREDENTIALS_V2],
    "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33", "type": ["VerifiableCredential"],
    "name": "Proof of Æge", "issuer": ISSUER, "validFrom": "2026-11-20T00:00:00Z",
    "credentialSubject": {"id": "did:example:holder", "name": "Ann é",
                          "description": "no blank nodes \"but\" an escape"}}


def base58(octets):
    number, text = int.from_bytes(octets, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" * (len(octets) - len(octets.lstrip(b"\0"))) + text


def unbase58(text, length):
    number = 0
    for character in text:
        number = number * 58 + BASE58.index(character)
    return number.to_bytes(length, "big")


@pytest.fixture(scope="module", name="keys")
def made_keys(appliance):
    names = {}
    for key_type, (algorithm, *_rest) in KEYS.items():
        names[key_type] = f"interop.di-{key_type}"
        answer = appliance.change("POST", "/v1/keys", {
            "name": names[key_type], "type": key_type, "usage": "sign",
            "formats": ["data-integrity"], "algorithms": [algorithm], "residence": "token"})
        assert answer.status in (200, 201), answer
    return names


@pytest.fixture(scope="module", name="library")
def digital_bazaar(ask_node):
    return ask_node("data_integrity.mjs")


@pytest.fixture(scope="module", name="contexts")
def context_files(library, tmp_path_factory):
    """Arguments of the tool: each IRI and a file with what the npm packages have for it."""
    iris = [CREDENTIALS_V2, ED25519_2020]
    arguments = []
    for number, text in enumerate(library({"do": "contexts", "iris": iris})["texts"]):
        path = tmp_path_factory.mktemp("contexts") / str(number)
        path.write_text(text)
        arguments += [iris[number], str(path)]
    return arguments


def public_key(jwk):
    if jwk["kty"] == "OKP":
        return ed25519.Ed25519PublicKey.from_public_bytes(unb64u(jwk["x"]))
    x, y = (int.from_bytes(unb64u(jwk[name]), "big") for name in ("x", "y"))
    curve = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "secp256k1": ec.SECP256K1()}
    return ec.EllipticCurvePublicNumbers(x, y, curve[jwk["crv"]]).public_key()


def multikey(jwk, codec):
    if jwk["kty"] == "OKP":
        return "z" + base58(codec + unb64u(jwk["x"]))
    sign = b"\x03" if unb64u(jwk["y"])[-1] & 1 else b"\x02"
    return "z" + base58(codec + sign + unb64u(jwk["x"]))


def canonical(suite, document, hash_name, contexts):
    if "jcs" in suite:  # strings alone, and names in ASCII: what json writes is RFC 8785
        return json.dumps(document, sort_keys=True, separators=(",", ":"),
                          ensure_ascii=False).encode()
    done = subprocess.run([TOOL, {"sha256": "sha-256", "sha384": "sha-384"}[hash_name], *contexts],
                          input=json.dumps(document).encode(), capture_output=True, timeout=60,
                          check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def unsigned(suite, method):
    """The credential and its proof without a value, as the suite wants them."""
    document = copy.deepcopy(CREDENTIAL)
    proof = {"type": suite, "created": "2026-11-20T00:00:00Z", "verificationMethod": method,
             "proofPurpose": "assertionMethod"}
    if suite == "Ed25519Signature2020":
        document["@context"].append(ED25519_2020)
    elif "-" in suite:
        proof.update(type="DataIntegrityProof", cryptosuite=suite)
    if "jcs" in suite:
        proof["@context"] = document["@context"]
    return document, proof


def hashes_of(suite, key_type, document, proof, contexts):
    name = KEYS[key_type][1]
    options = {**proof, "@context": document["@context"]}
    if suite == "EcdsaSecp256r1Signature2019":  # no context that we have knows its type
        options["type"] = "DataIntegrityProof"
    return [hashlib.new(name, canonical(suite, value, name, contexts)).digest()
            for value in (options, document)]


def verify_by_hand(jwk, key_type, message, signature):
    key, curve = public_key(jwk), KEYS[key_type][3]
    if curve is None:
        key.verify(signature, message)
        return
    half = len(signature) // 2
    assert half == (curve.key_size + 7) // 8
    digest = hashes.SHA256() if half == 32 else hashes.SHA384()
    key.verify(encode_dss_signature(int.from_bytes(signature[:half], "big"),
                                    int.from_bytes(signature[half:], "big")),
               message, ec.ECDSA(digest))


@pytest.mark.parametrize("suite, key_type", SUITES)
def test_a_credential_signed_here_verifies_there(client, keys, library, contexts, suite, key_type):
    jwk = client.get(f"/v1/keys/{keys[key_type]}/public").json()
    multibase = multikey(jwk, KEYS[key_type][2])
    document, proof = unsigned(suite, f"{ISSUER}#{multibase}")
    proof_hash, document_hash = hashes_of(suite, key_type, document, proof, contexts)
    answer = client.post("/v1/data-integrity/sign", {
        "key": keys[key_type], "cryptosuite": suite, "proof_hash": b64u(proof_hash),
        "document_hash": b64u(document_hash)})
    assert answer.status == 200, answer
    value = answer.json()["proof_value"]
    assert value[0] == "z" and answer.json()["kid"] == jwk["kid"]
    signature = unbase58(value[1:], 96 if key_type == "ec-p384" else 64)
    verify_by_hand(jwk, key_type, proof_hash + document_hash, signature)
    with pytest.raises(InvalidSignature):
        verify_by_hand(jwk, key_type, document_hash + proof_hash, signature)
    if suite in UNKNOWN_THERE:
        return
    question = {"do": "verify-jcs" if suite == "ecdsa-jcs-2019" else "verify", "suite": suite,
                "multikey": multibase, "jwk": jwk, "document": {**document, "proof": {**proof, "proofValue": value}}}
    theirs = library(question)
    assert theirs.get("verified"), theirs
    question["document"]["name"] = "Proof of nothing"
    assert library(question)["verified"] is False


# The suites of 2018 and 2019 that are a detached JWS over the hash block itself, not encoded.
JWS_SUITES = {"RsaSignature2018": ("rsa-2048", "RS256"), "Ed25519Signature2018": ("ed25519", "EdDSA"),
              "EcdsaSecp256k1Signature2019": ("ec-secp256k1", "ES256K"),
              "EcdsaKoblitzSignature2016": ("ec-secp256k1", "ES256K")}
DEV_KEYS = {"rsa-2048": "test.rsa", "ed25519": "test.eddsa", "ec-secp256k1": "test.es256k"}


def check_octets(jwk, signing_input, signature):
    """ASCII(base64url(header)) "." and the block's own octets: nothing else was signed."""
    if jwk["kty"] == "RSA":
        n, e = (int.from_bytes(unb64u(jwk[name]), "big") for name in ("n", "e"))
        rsa.RSAPublicNumbers(e, n).public_key().verify(signature, signing_input,
                                                       padding.PKCS1v15(), hashes.SHA256())
    elif jwk["kty"] == "OKP":
        public_key(jwk).verify(signature, signing_input)
    else:
        pair = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        public_key(jwk).verify(encode_dss_signature(*pair), signing_input, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("suite", JWS_SUITES)
def test_the_jws_of_an_older_suite_is_over_the_octets_of_the_block(client, jose, suite):
    key_type, algorithm = JWS_SUITES[suite]
    key = DEV_KEYS[key_type]
    jwk = client.get(f"/v1/keys/{key}/public").json()
    # Octets that are no text, so that nothing on the way may take them for one.
    block = hashlib.sha256(b"proof options").digest() + bytes(range(0xE0, 0x100))
    answer = client.post("/v1/jws/sign", {"key": key, "payload": b64u(block), "b64": False,
                                          "algorithm": algorithm, "serialization": "detached"})
    assert answer.status == 200, answer
    head, nothing, signature = answer.json()["jws"].split(".")
    header = json.loads(unb64u(head))
    assert nothing == "" and header == {"alg": algorithm, "kid": jwk["kid"], "b64": False,
                                        "crit": ["b64"]}
    check_octets(jwk, head.encode() + b"." + block, unb64u(signature))
    theirs = jose({"do": "verify", "jws": answer.json()["jws"], "payload": b64u(block),
                   "jwks": {"keys": [jwk]}, "algorithms": [algorithm]})
    assert theirs["good"] and unb64u(theirs["payload"]) == block, theirs
    ours = client.post("/v1/jws/verify", {"jws": answer.json()["jws"], "payload": b64u(block),
                                          "key": key})
    assert ours.status == 200 and ours.json()["valid"] is True, ours


SD_JWT_KEYS = {"certify.vc-jwt": "ES256", "test.eddsa": "EdDSA"}
HOLDER = {"kty": "EC", "crv": "P-256", "x": "TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc",
          "y": "ZxjiWWbZMQGHVWKVQ4hbSIirsVfuecCE6t4jT9F2HZQ"}
CLAIMS = {"vct": "https://credentials.example/identity", "iss": "https://issuer.example",
          "cnf": {"jwk": HOLDER}, "n": 1.50}


@pytest.fixture(scope="module", name="sd_jwt")
def sd_jwt_library(ask_node):
    return ask_node("sd_jwt.mjs")


def disclosure(*members):
    """RFC 9901 sections 4.2.1 and 4.2.3: the disclosure and its digest."""
    text = b64u(json.dumps([secrets.token_urlsafe(16), *members]).encode())
    return text, b64u(hashlib.sha256(text.encode()).digest())


def check_by_hand(token, jwk, algorithm):
    """Another library sees a JWS; whoever verifies looks the digests up."""
    jws = jwcrypto_jws.JWS()
    jws.allowed_algs = [algorithm]
    jws.deserialize(token)
    jws.verify(jwcrypto_jwk.JWK(**jwk))
    return json.loads(jws.payload)


@pytest.mark.parametrize("key", SD_JWT_KEYS)
@pytest.mark.parametrize("typ", ["dc+sd-jwt", "vc+sd-jwt"])
def test_ours_verifies_there_with_its_disclosures(client, sd_jwt, key, typ):
    name, nested, element = (disclosure("given_name", "Ann é"), disclosure("city", "Rabat"),
                             disclosure("MA"))
    decoy = b64u(secrets.token_bytes(32))
    payload = {**CLAIMS, "_sd_alg": "sha-256", "_sd": sorted([name[1], decoy]),
               "address": {"_sd": [nested[1]], "country": "MA"},
               "nationalities": [{"...": element[1]}, "FR"]}
    answer = client.post("/v1/sd-jwt/sign", {"key": key, "typ": typ, "payload": payload})
    assert answer.status == 200, answer
    token = answer.json()["jws"]
    jwk = client.get(f"/v1/keys/{key}/public").json()
    assert check_by_hand(token, jwk, SD_JWT_KEYS[key]) == payload
    theirs = sd_jwt({"do": "verify", "jwk": jwk,
                      "sd_jwt": "~".join([token, name[0], nested[0], element[0], ""])})
    assert theirs["good"], theirs
    assert theirs["header"] == {"alg": SD_JWT_KEYS[key], "kid": jwk["kid"], "typ": typ}
    assert theirs["payload"] == {**CLAIMS, "given_name": "Ann é",
                                 "address": {"city": "Rabat", "country": "MA"},
                                 "nationalities": ["MA", "FR"]}
    # A disclosure that nobody signed.
    stranger = disclosure("given_name", "Eve")
    assert not sd_jwt({"do": "verify", "jwk": jwk,
                        "sd_jwt": "~".join([token, stranger[0], ""])}).get("payload", {}).get(
                            "given_name")


def test_theirs_verifies_here(client, sd_jwt):
    made = sd_jwt({"do": "issue", "payload": {**CLAIMS, "iat": 1790000000, "given_name": "Ann",
                                               "family_name": "Æge"},
                    "disclose": ["given_name", "family_name"]})
    assert made["good"], made
    token = made["sd_jwt"].split("~")[0]
    answer = client.post("/v1/jws/verify", {"jws": token, "jwks": {"keys": [made["jwk"]]}})
    assert answer.status == 200 and answer.json()["valid"] is True, answer
    payload = json.loads(unb64u(answer.json()["payload"]))
    # And what their issuer wrote is taken by ours.
    again = client.post("/v1/sd-jwt/sign", {"key": "certify.vc-jwt", "typ": "dc+sd-jwt",
                                            "payload": payload})
    assert again.status == 200, again


@pytest.fixture(scope="module", name="certified")
def certified_key(appliance):
    """(key, leaf, its issuer): of a CA that is not ours, whose root it does not send with them."""
    outside, key = ExternalCa(), "interop.certified"
    made = appliance.change("POST", "/v1/keys", {
        "name": key, "type": "ec-p256", "usage": "sign", "formats": ["jws"],
        "algorithms": ["ES256"], "residence": "token"})
    assert made.status in (200, 201), made
    request = appliance.change("POST", "/v1/x509/csr", {
        "key": key, "subject": {"common_name": "Issuer of credentials"}})
    assert request.status in (200, 201), request
    leaf = outside.answer(request.json()["result"]["csr"])
    chain = pem(leaf, outside.certificate, outside.root)
    done = appliance.change("PUT", f"/v1/keys/{key}/certificate", {"chain": chain})
    assert done.status in (200, 201), done
    return key, leaf, outside.certificate


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def check_chain(header, leaf, issuer):
    """HAIP: leaf and intermediates, without the trust anchor; RFC 7515 sections 4.1.6 and 4.1.8."""
    assert [base64.b64decode(text) for text in header["x5c"]] == [der(leaf), der(issuer)]
    assert unb64u(header["x5t#S256"]) == hashlib.sha256(der(leaf)).digest()
    issuer.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes,
                               ec.ECDSA(leaf.signature_hash_algorithm))


def test_an_sd_jwt_carries_its_certificate(client, sd_jwt, certified):
    key, leaf, issuer = certified
    answer = client.post("/v1/sd-jwt/sign", {"key": key, "typ": "dc+sd-jwt", "payload": CLAIMS,
                                             "include": ["x5c", "x5t#S256"]})
    assert answer.status == 200, answer
    token = answer.json()["jws"]
    jwk = json.loads(jwcrypto_jwk.JWK.from_pem(pem(leaf).encode()).export_public())
    theirs = sd_jwt({"do": "verify", "jwk": jwk, "sd_jwt": token + "~"})
    assert theirs["good"] and theirs["payload"] == CLAIMS, theirs
    check_chain(theirs["header"], leaf, issuer)
    assert theirs["header"]["kid"] == answer.json()["kid"]
    ours = client.post("/v1/jws/verify", {"jws": token,
                                          "certificates": theirs["header"]["x5c"][:1]})
    assert ours.status == 200 and ours.json()["valid"] is True, ours


def test_the_jws_of_an_older_suite_carries_the_hash_of_its_certificate(client, jose, certified):
    """The header as MOSIP's issuer writes it: alg, b64, crit, kid and x5t#S256."""
    key, leaf, _issuer = certified
    block = hashlib.sha256(b"a").digest() + hashlib.sha256(b"b").digest()
    answer = client.post("/v1/jws/sign", {"key": key, "payload": b64u(block), "b64": False,
                                          "serialization": "detached", "include": ["x5t#S256"]})
    assert answer.status == 200, answer
    jwk = client.get(f"/v1/keys/{key}/public").json()
    theirs = jose({"do": "verify", "jws": answer.json()["jws"], "payload": b64u(block),
                   "jwks": {"keys": [jwk]}, "algorithms": ["ES256"]})
    assert theirs["good"], theirs
    assert theirs["header"] == {"alg": "ES256", "kid": jwk["kid"], "b64": False, "crit": ["b64"],
                                "x5t#S256": b64u(hashlib.sha256(der(leaf)).digest())}


def test_a_jwt_carries_its_certificate(client, jose, certified):
    key, leaf, issuer = certified
    answer = client.post("/v1/jwt/sign", {"key": key, "claims": {"sub": "a"}, "ttl_s": 60,
                                          "include": ["x5c", "x5t#S256"]})
    assert answer.status == 200, answer
    jwks = {"keys": [client.get(f"/v1/keys/{key}/public").json()]}
    theirs = jose({"do": "verify", "jws": answer.json()["jws"], "jwks": jwks,
                   "algorithms": ["ES256"]})
    assert theirs["good"], theirs
    check_chain(theirs["header"], leaf, issuer)
