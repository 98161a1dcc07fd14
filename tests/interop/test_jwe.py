"""Every JWE that is made here opens in two libraries, and theirs here; what is damaged opens nowhere."""

import base64
import ctypes
import datetime
import hashlib
import itertools
import json
import os
import subprocess

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from jwcrypto import jwe as jwcrypto_jwe
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jwt as jwcrypto_jwt

from harness.http_unix import b64u, unb64u
from harness.leaves import UseCounter, read_use
from harness.places import BUILD, PRIVYSEAL

KEY_TYPES = {"rsa-2048": {"kty": "RSA", "size": 2048}, "rsa-3072": {"kty": "RSA", "size": 3072},
             "ec-p256": {"kty": "EC", "crv": "P-256"}, "ec-p384": {"kty": "EC", "crv": "P-384"}}
ALGORITHMS = {"rsa-2048": ["RSA-OAEP-256"], "rsa-3072": ["RSA-OAEP-256"],
              "ec-p256": ["ECDH-ES", "ECDH-ES+A256KW"], "ec-p384": ["ECDH-ES", "ECDH-ES+A256KW"]}
CASES = [(key, algorithm, encryption) for key, algorithms in ALGORITHMS.items()
         for algorithm, encryption in itertools.product(algorithms, ["A128GCM", "A256GCM"])]
PLAINTEXT = '{"sub":"é \u2028","n":1.50}'.encode()
PARTIES = {"apu": b64u(b"Alice"), "apv": b64u(b"Bob")}


@pytest.fixture(scope="module")
def keys(appliance):
    """Two that a practice appliance has, and two made through the API like any operator would."""
    names = {"rsa-2048": "oidc.decrypt", "ec-p256": "test.agree-p256"}
    for key_type in ("rsa-3072", "ec-p384"):
        names[key_type] = f"interop.{key_type}"
        answer = appliance.change("POST", "/v1/keys", {
            "name": names[key_type], "type": key_type, "usage": "decrypt", "residence": "token"})
        assert answer.status in (200, 201), answer
    return names


@pytest.fixture(scope="module")
def theirs():
    """Keys of somebody else."""
    return {name: jwcrypto_jwk.JWK.generate(**how) for name, how in KEY_TYPES.items()}


@pytest.fixture()
def jose_jwe(ask_node):
    return ask_node("jwe.mjs")


def public_jwk(client, name):
    answer = client.get(f"/v1/keys/{name}/public")
    assert answer.status == 200, answer
    return answer.json()


def make_with_jwcrypto(header, jwk, plaintext=PLAINTEXT):
    made = jwcrypto_jwe.JWE(plaintext, json.dumps(header))
    made.add_recipient(jwcrypto_jwk.JWK(**jwk))
    return made.serialize(compact=True)


def make_with_jose(jose_jwe, header, jwk):
    made = jose_jwe({"do": "encrypt", "jwk": jwk, "header": header, "plaintext": b64u(PLAINTEXT)})
    assert made["good"], made
    return made["jwe"]


def decrypt(client, key, jwe, **more):
    return client.post("/v1/jwe/decrypt", {"key": key, "jwe": jwe, **more})


@pytest.mark.parametrize("key_type,algorithm,encryption", CASES)
def test_theirs_opens_here(client, keys, jose_jwe, key_type, algorithm, encryption):
    jwk = public_jwk(client, keys[key_type])
    header = {"alg": algorithm, "enc": encryption, "kid": jwk["kid"], "typ": "x"}
    texts = [make_with_jose(jose_jwe, header, jwk), make_with_jwcrypto(header, jwk)]
    if not key_type.startswith("rsa"):
        texts.append(make_with_jwcrypto({**header, **PARTIES}, jwk))
        made = jose_jwe({"do": "encrypt", "jwk": jwk, "header": header, **PARTIES,
                         "plaintext": b64u(PLAINTEXT)})
        texts.append(made["jwe"])
    for text in texts:
        answer = decrypt(client, keys[key_type], text)
        assert answer.status == 200, answer
        assert unb64u(answer.json()["plaintext"]) == PLAINTEXT
        assert answer.json()["header"]["typ"] == "x"
        assert answer.json()["kid"] == jwk["kid"]


@pytest.mark.parametrize("key_type,algorithm,encryption", CASES)
def test_ours_opens_there(client, theirs, jose_jwe, key_type, algorithm, encryption):
    key = theirs[key_type]
    parties = {} if key_type.startswith("rsa") else PARTIES
    answer = client.post("/v1/jwe/encrypt", {
        "jwk": json.loads(key.export_public()), "plaintext": b64u(PLAINTEXT),
        "algorithm": algorithm, "encryption": encryption, "header": {"typ": "x"}, **parties})
    assert answer.status == 200, answer
    opened = jose_jwe({"do": "decrypt", "jwe": answer.json()["jwe"],
                       "jwk": json.loads(key.export_private())})
    assert opened["good"], opened
    assert unb64u(opened["plaintext"]) == PLAINTEXT
    assert opened["header"]["kid"] == key.thumbprint()
    other = jwcrypto_jwe.JWE()
    other.deserialize(answer.json()["jwe"], key)
    assert other.payload == PLAINTEXT


@pytest.mark.parametrize("key_type", KEY_TYPES)
def test_ours_to_a_key_of_ours(client, keys, key_type):
    answer = client.post("/v1/jwe/encrypt", {"key": keys[key_type], "plaintext": ""})
    assert answer.status == 200, answer
    assert decrypt(client, keys[key_type], answer.json()["jwe"]).json()["plaintext"] == ""


def test_a_nested_jwt_of_ours_is_read_there(client, theirs):
    """RFC 7519 appendix A.2: signed, then encrypted."""
    token = client.post("/v1/jwt/sign", {"key": "oidc.id-token", "claims": {"sub": "me"},
                                         "ttl_s": 60}).json()["jws"]
    key = theirs["ec-p256"]
    answer = client.post("/v1/jwe/encrypt", {"jwk": json.loads(key.export_public()),
                                             "plaintext": b64u(token.encode()),
                                             "header": {"cty": "JWT"}})
    assert answer.status == 200, answer
    outer = jwcrypto_jwt.JWT(jwt=answer.json()["jwe"], key=key,
                             algs=["ECDH-ES+A256KW", "A256GCM"])
    keys = jwt.PyJWKSet.from_dict(client.get("/v1/jwks").json())
    kid = jwt.get_unverified_header(outer.claims)["kid"]
    public = next(key for key in keys.keys if key.key_id == kid)
    assert jwt.decode(outer.claims, public.key, algorithms=["RS256", "PS256"])["sub"] == "me"


def test_their_nested_jwt_is_read_here(client, keys, jose, jose_jwe):
    """Two steps, as it was made: decrypted, then verified by a key that the caller names."""
    inner = jose({"do": "sign", "alg": "ES256", "payload": b64u(b'{"sub":"me"}')})
    jwk = public_jwk(client, keys["ec-p256"])
    header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": jwk["kid"], "cty": "JWT"}
    text = inner["jws"].encode()
    for outer in (jose_jwe({"do": "encrypt", "jwk": jwk, "header": header,
                            "plaintext": b64u(text)})["jwe"],
                  make_with_jwcrypto(header, jwk, text)):
        opened = decrypt(client, keys["ec-p256"], outer).json()
        assert opened["header"]["cty"] == "JWT"
        question = {"jws": unb64u(opened["plaintext"]).decode(), "jwks": {"keys": [inner["jwk"]]}}
        answer = client.post("/v1/jws/verify", question)
        assert answer.json()["valid"] is True, answer
        assert unb64u(answer.json()["payload"]) == b'{"sub":"me"}'


def certificate_of(key, begins, ends):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "partner")])
    now = datetime.datetime.utcnow()
    return x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(7) \
        .public_key(key.public_key()).not_valid_before(now + datetime.timedelta(days=begins)) \
        .not_valid_after(now + datetime.timedelta(days=ends)).sign(key, hashes.SHA256()) \
        .public_bytes(serialization.Encoding.DER)


@pytest.fixture(scope="module")
def partner():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize("begins,ends,says", [(-2, -1, "expired"), (1, 2, "not valid yet")])
def test_a_certificate_outside_its_dates_is_refused(client, partner, begins, ends, says):
    certificate = base64.b64encode(certificate_of(partner, begins, ends)).decode()
    answer = client.post("/v1/jwe/encrypt", {"certificate": certificate, "plaintext": "YQ"})
    assert answer.status == 422, answer
    assert says in answer.json()["detail"]


def test_the_form_of_mosip_both_ways(client, partner, keys):
    """keymanager's jwtEncrypt: kid is the certificate's SHA-256, with x5c, x5t#S256 and jku."""
    certificate = certificate_of(partner, -1, 1)
    thumbprint = b64u(hashlib.sha256(certificate).digest())
    answer = client.post("/v1/jwe/encrypt", {
        "certificate": base64.b64encode(certificate).decode(), "plaintext": b64u(PLAINTEXT),
        "header": {"cty": "JWT", "typ": "JWT", "jku": "https://a.example/jwks"},
        "include": ["x5c", "x5t#S256"]})
    assert answer.status == 200, answer
    header = json.loads(unb64u(answer.json()["jwe"].split(".")[0]))
    assert header == {"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT", "typ": "JWT",
                      "jku": "https://a.example/jwks", "kid": thumbprint, "x5t#S256": thumbprint,
                      "x5c": [base64.b64encode(certificate).decode()]}
    opened = jwcrypto_jwe.JWE()
    opened.deserialize(answer.json()["jwe"], jwcrypto_jwk.JWK.from_pyca(partner))
    assert opened.payload == PLAINTEXT
    jwk = public_jwk(client, keys["rsa-2048"])
    text = make_with_jwcrypto({**header, "kid": "a certificate of the key's that is not known"},
                              jwk)
    assert unb64u(decrypt(client, keys["rsa-2048"], text).json()["plaintext"]) == PLAINTEXT


# --- By the command line and the client library ---

def privyseal(appliance, *words, stdin=b""):
    done = subprocess.run([str(PRIVYSEAL), "jwe", *words], input=stdin, capture_output=True,
                          env={**os.environ, **appliance.environment}, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_by_the_command_line(appliance, partner, keys, tmp_path):
    text = privyseal(appliance, "encrypt", "--for", keys["rsa-2048"], stdin=PLAINTEXT)
    assert privyseal(appliance, "decrypt", "--with", keys["rsa-2048"], stdin=text) == PLAINTEXT
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(x509.load_der_x509_certificate(certificate_of(partner, -1, 1))
                            .public_bytes(serialization.Encoding.PEM))
    text = privyseal(appliance, "encrypt", "--certificate", certificate, stdin=PLAINTEXT)
    opened = jwcrypto_jwe.JWE()
    opened.deserialize(text.decode().strip(), jwcrypto_jwk.JWK.from_pyca(partner))
    assert opened.payload == PLAINTEXT


class Encrypted(ctypes.Structure):
    """struct privyseal_encrypted, with more room than the answer takes."""

    _fields_ = [("jwe", ctypes.c_char_p), ("answer", ctypes.c_uint64 * 64)]


class Decrypted(ctypes.Structure):
    _fields_ = [("plaintext", ctypes.c_void_p), ("plaintext_len", ctypes.c_size_t),
                ("header", ctypes.c_char_p), ("kid", ctypes.c_char_p),
                ("answer", ctypes.c_uint64 * 64)]


def test_by_the_client_library(appliance, keys):
    library = ctypes.CDLL(str(BUILD / "api/client/libprivyseal.so"))
    key = keys["ec-p256"].encode()
    client, made, opened = ctypes.c_void_p(), Encrypted(), Decrypted()
    # struct privyseal_options: the socket is first; struct privyseal_jwe: key third, octets fourth.
    options = (ctypes.c_char_p * 8)(appliance.environment["PRIVYSEAL_SOCKET"].encode())
    plaintext = ctypes.create_string_buffer(PLAINTEXT, len(PLAINTEXT))
    request = (ctypes.c_void_p * 9)(None, None, ctypes.cast(key, ctypes.c_void_p),
                                    ctypes.cast(plaintext, ctypes.c_void_p), len(PLAINTEXT))
    assert library.privyseal_open(options, ctypes.byref(client)) == 0
    assert library.privyseal_encrypt_jwe(client, request, ctypes.byref(made)) == 0
    assert library.privyseal_decrypt_jwe(client, key, made.jwe, ctypes.byref(opened)) == 0
    assert ctypes.string_at(opened.plaintext, opened.plaintext_len) == PLAINTEXT
    assert json.loads(opened.header)["kid"].encode() == opened.kid
    library.privyseal_decrypted_clear(ctypes.byref(opened))
    assert opened.plaintext is None
    assert library.privyseal_decrypt_jwe(client, key, made.jwe[:-2], ctypes.byref(opened)) == 1
    library.privyseal_decrypted_clear(ctypes.byref(opened))
    library.privyseal_encrypted_clear(ctypes.byref(made))
    library.privyseal_close(client)


# --- What cannot be opened: one answer ---

def with_part(text, number, change):
    parts = text.split(".")
    parts[number] = change(parts[number])
    return ".".join(parts)


def flipped(part):
    octets = bytearray(unb64u(part))
    octets[-1] ^= 1
    return b64u(bytes(octets))


def shorter(part):
    return b64u(unb64u(part)[:-1])


def with_header(text, **members):
    """The header says something else; a member that is None goes."""
    header = json.loads(unb64u(text.split(".")[0]))
    header.update(members)
    header = {name: value for name, value in header.items() if value is not None}
    return with_part(text, 0, lambda _part: b64u(json.dumps(header).encode()))


def damaged(text, size):
    """What everybody can do to a JWE, and it still reads as one."""
    yield with_header(text, cty="JWT")
    yield with_part(text, 1, lambda _part: b64u(bytes(size)))  # no padding there
    yield with_part(text, 1, lambda _part: b64u(b"\xff" * size))  # over the modulus
    yield with_part(text, 1, lambda _part: "AAAA")
    yield with_part(text, 2, flipped)
    yield with_part(text, 2, shorter)
    yield with_part(text, 2, lambda part: b64u(unb64u(part) + b"\0"))
    yield with_part(text, 3, flipped)
    yield with_part(text, 3, shorter)
    yield with_part(text, 3, lambda _part: "")
    yield with_part(text, 4, flipped)
    yield with_part(text, 4, shorter)
    yield with_part(text, 4, lambda _part: "")


def wrong_points(text):
    """RFC 7518 section 6.2.1: points of other curves, off the curve, of wrong lengths."""
    epk = json.loads(unb64u(text.split(".")[0]))["epk"]
    other = json.loads(jwcrypto_jwk.JWK.generate(kty="EC", crv="P-521").export_public())
    yield with_header(text, epk={name: other[name] for name in ("kty", "crv", "x", "y")})
    yield with_header(text, epk={**epk, "crv": "P-384" if epk["crv"] == "P-256" else "P-256"})
    yield with_header(text, epk={**epk, "y": epk["x"]})
    yield with_header(text, epk={**epk, "x": shorter(epk["x"])})
    yield with_header(text, epk={**epk, "x": b64u(bytes(len(unb64u(epk["x"])))), "y": epk["y"]})
    yield with_header(text, apu=b64u(b"Mallory"))


def made_for(client, key_type, name, algorithm, stranger):
    jwk = public_jwk(client, name)
    text = make_with_jwcrypto({"alg": algorithm, "enc": "A256GCM", "kid": jwk["kid"]}, jwk)
    yield from damaged(text, KEY_TYPES[key_type].get("size", 320) // 8)
    yield make_with_jwcrypto({"alg": algorithm, "enc": "A256GCM"}, stranger.export_public(as_dict=True))
    if not key_type.startswith("rsa"):
        yield from wrong_points(text)


def counted(appliance):
    """What an operator sees of the tokens' work."""
    text = appliance.management().get("/metrics").body.decode()
    return [line for line in text.splitlines()
            if line.startswith("privyseal_operation_seconds_count")]


def test_whatever_cannot_be_opened_has_one_answer(appliance, client, keys, theirs):
    answers = {}
    uses = UseCounter(appliance.directory / "data/log")
    before = uses.count()
    done = counted(appliance)
    for key_type, algorithms in ALGORITHMS.items():
        for algorithm in algorithms:
            for text in made_for(client, key_type, keys[key_type], algorithm, theirs[key_type]):
                answer = decrypt(client, keys[key_type], text)
                answers.setdefault((answer.status, json.dumps(
                    {**answer.json(), "instance": ""}, sort_keys=True)), []).append(text)
    assert len(answers) == 1, [(answer, texts[0]) for answer, texts in answers.items()]
    assert next(iter(answers))[0] == 422
    # What was not decrypted is no use of a key.
    assert uses.count() == before
    assert counted(appliance) == done


def test_what_everybody_can_see_is_said(client, keys):
    """Nothing of it depends on a key."""
    jwk = public_jwk(client, keys["rsa-2048"])
    text = make_with_jwcrypto({"alg": "RSA-OAEP-256", "enc": "A256GCM"}, jwk)
    for changed, status, says in (
            (with_header(text, zip="DEF"), 400, "zip"),
            (with_header(text, crit=["exp"]), 400, "crit"),
            (with_header(text, alg="RSA1_5"), 400, "RSA1_5"),
            (with_header(text, alg="RSA-OAEP"), 400, "RSA-OAEP"),
            (with_header(text, alg="dir"), 400, "dir"),
            (with_header(text, alg="PBES2-HS256+A128KW", p2c=10 ** 9), 400, "p2c"),
            (with_header(text, enc="A128CBC-HS256"), 400, "A128CBC-HS256"),
            (with_header(text, alg="ECDH-ES"), 400, "epk"),
            (text + ".", 400, "five parts"),
            (text + "=", 400, "base64url")):
        answer = decrypt(client, keys["rsa-2048"], changed)
        assert answer.status == status, (changed, answer)
        assert says in answer.json()["detail"], answer
    answer = decrypt(client, keys["ec-p256"], text)
    assert (answer.status, answer.json()["code"]) == (422, "key-mismatch"), answer
    answer = decrypt(client, "test.es256", text)
    assert (answer.status, answer.json()["code"]) == (422, "key-mismatch"), answer


# --- Versions, batches, the record ---

def test_a_version_that_was_rotated_away_still_decrypts(appliance, client, keys):
    name = keys["ec-p384"]
    old = public_jwk(client, name)
    header = {"alg": "ECDH-ES", "enc": "A128GCM"}
    named, unnamed = (make_with_jwcrypto({**header, **kid}, old)
                      for kid in ({"kid": old["kid"]}, {}))
    assert appliance.change("POST", f"/v1/keys/{name}/rotate", {}).status == 201
    assert appliance.change("POST", f"/v1/keys/{name}/activate", {"version": 2}).status in (200, 201)
    assert public_jwk(client, name)["kid"] != old["kid"]
    answer = decrypt(client, name, named)
    assert answer.status == 200, answer
    assert (answer.json()["version"], answer.json()["kid"]) == (1, old["kid"])
    assert decrypt(client, name, unnamed).status == 422
    assert decrypt(client, name, unnamed, version=1).status == 200
    assert decrypt(client, name, named, version=2).status == 422
    assert decrypt(client, name, named, version=3).status == 404


def test_a_batch_and_its_record(appliance, client, keys):
    name = keys["ec-p256"]
    good = client.post("/v1/jwe/encrypt", {"key": name, "plaintext": "YQ"}).json()["jwe"]
    answer = client.post("/v1/jwe/decrypt", {"key": name, "items": [
        {"jwe": good}, {"jwe": "a.b"}, {"jwe": with_part(good, 4, flipped)}, {"jwe": good}]})
    assert answer.status == 200, answer
    first, malformed, refused, last = answer.json()["items"]
    assert first["plaintext"] == last["plaintext"] == "YQ"
    assert malformed["problem"]["code"] == "malformed"
    assert refused["problem"]["code"] == "refused"
    leaves = list(read_use(appliance.directory / "data/log"))[-2:]
    for leaf in leaves:
        assert (leaf["op"], leaf["key"], leaf["caller"]) == ("jwe.decrypt", name, "operator")
        assert leaf["hash"] == b64u(hashlib.sha256(good.encode()).digest())
