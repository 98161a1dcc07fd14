"""privyseal-certify, the access tokens that it takes, and wallets that ask it."""

import base64
import hashlib
import json
import secrets
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from .companion import Companion
from .http_unix import b64u
from .places import BUILD, private_copy

BASE = "/v1/certify"
ISSUER = "https://issuer.example"
SERVER = "https://login.example"
PLUGINS = BUILD / "frontends" / "certify" / "providers"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58(octets):
    number, text = int.from_bytes(octets, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" * (len(octets) - len(octets.lstrip(b"\0"))) + text


def octets_of(number, length):
    return b64u(number.to_bytes(length, "big"))


def public_jwk(key):
    public = key.public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"crv": "Ed25519", "kty": "OKP", "x": b64u(raw)}
    numbers = public.public_numbers()
    if isinstance(public, rsa.RSAPublicKey):
        return {"e": "AQAB", "kty": "RSA", "n": octets_of(numbers.n, 256)}
    return {"crv": "P-256", "kty": "EC", "x": octets_of(numbers.x, 32),
            "y": octets_of(numbers.y, 32)}


def sign(key, alg, octets):
    if alg == "EdDSA":
        return key.sign(octets)
    if alg == "ES256":
        r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    scheme = padding.PKCS1v15() if alg == "RS256" else padding.PSS(
        mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    return key.sign(octets, scheme, hashes.SHA256())


def jwt(key, header, claims):
    """Signed by header["alg"]; "none" gets no signature."""
    text = ".".join(b64u(json.dumps(part).encode()) for part in (header, claims))
    made = b"" if header["alg"] == "none" else sign(key, header["alg"], text.encode())
    return f"{text}.{b64u(made)}"


class Authority:
    """The authorization server: a JWK set in a file, and the tokens of its keys."""

    def __init__(self, path):
        self.path = path
        self.keys = {"es": ec.generate_private_key(ec.SECP256R1()),
                     "rs": rsa.generate_private_key(65537, 2048)}
        self.publish()

    def publish(self):
        keys = [{**public_jwk(key), "kid": kid, "use": "sig"} for kid, key in self.keys.items()]
        self.path.write_text(json.dumps({"keys": keys}))

    def token(self, alg="ES256", kid=None, key=None, **changes):
        now = int(time.time())
        claims = {"iss": SERVER, "aud": f"{ISSUER}{BASE}/issuance/credential", "sub": "person-1",
                  "client_id": "wallet", "scope": "openid identity", "iat": now, "exp": now + 600,
                  **changes}
        kid = kid or ("es" if alg == "ES256" else "rs")
        return jwt(key or self.keys.get(kid), {"alg": alg, "kid": kid, "typ": "at+jwt"},
                   {name: value for name, value in claims.items() if value is not None})


class Wallet:
    """One holder's key, in the ways that a proof may name it."""

    def __init__(self, alg="ES256"):
        self.alg = alg
        self.key = {"ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
                    "EdDSA": ed25519.Ed25519PrivateKey.generate,
                    "PS256": lambda: rsa.generate_private_key(65537, 2048),
                    "RS256": lambda: rsa.generate_private_key(65537, 2048)}[alg]()
        self.jwk = public_jwk(self.key)

    def did_jwk(self):
        return "did:jwk:" + b64u(json.dumps(self.jwk, sort_keys=True,
                                            separators=(",", ":")).encode())

    def did_key(self):
        public = self.key.public_key()
        if self.alg == "EdDSA":
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return "did:key:z" + base58(b"\xed\x01" + raw)
        point = public.public_bytes(serialization.Encoding.X962,
                                    serialization.PublicFormat.CompressedPoint)
        return "did:key:z" + base58(b"\x80\x24" + point)

    def proof(self, nonce, header=None, **changes):
        """`header`: members in place of `jwk`; claims that are None are left out."""
        head = {"alg": self.alg, "typ": "openid4vci-proof+jwt", "jwk": self.jwk}
        if header is not None:
            head = {name: value for name, value in {**head, **header}.items() if value is not None}
        claims = {"aud": ISSUER, "iat": int(time.time()), "nonce": nonce, **changes}
        return jwt(self.key, head, {name: value for name, value in claims.items()
                                    if value is not None})


CREDENTIAL_URL = f"{ISSUER}{BASE}/issuance/credential"


class Holder:
    """Who has the key that an access token is bound to (RFC 9449)."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.jwk = public_jwk(self.key)
        self.jkt = b64u(hashlib.sha256(json.dumps(self.jwk, sort_keys=True,
                                                  separators=(",", ":")).encode()).digest())

    def proof(self, token, nonce, **changes):
        claims = {"htm": "POST", "htu": CREDENTIAL_URL, "iat": int(time.time()),
                  "jti": secrets.token_urlsafe(16), "nonce": nonce,
                  "ath": b64u(hashlib.sha256(token.encode()).digest()), **changes}
        return jwt(self.key, {"alg": "ES256", "typ": "dpop+jwt", "jwk": self.jwk},
                   {name: value for name, value in claims.items() if value is not None})


def display(title):
    return [{"name": title, "locale": "en", "background_color": "#ffffff",
             "text_color": "#000000", "background_image": {"uri": f"{ISSUER}/back.png"}}]


def configuration(name="Identity", **changes):
    made = {
        "credentialConfigKeyId": name, "credentialFormat": "vc+sd-jwt", "scope": "identity",
        "sdJwtVct": f"{ISSUER}/{name}", "key": "certify.vc-jwt", "dataProvider": "people",
        "certificateChain": False, "metaDataDisplay": display("Identity card"),
        "credentialSubjectDefinition": {"given_name": {"display": [{"name": "Name",
                                                                    "locale": "en"}]}},
        "vcTemplate": {"id": "${_id}", "sub": "${_holderId}", "given_name": "${name}",
                       "greeting": "Hello ${name}!", "email": "$!{email}",
                       "address": {"city": "${city}"}, "marks": ["${name}", "b"]},
        "sdClaim": ["given_name", "address.city", "marks[*]"],
        **changes}
    return {member: value for member, value in made.items() if value is not None}


CREDENTIALS = {1: "https://www.w3.org/2018/credentials/v1", 2: "https://www.w3.org/ns/credentials/v2"}
ED25519_2020 = "https://w3id.org/security/suites/ed25519-2020/v1"
PERSON = f"{ISSUER}/contexts/person"
SECURITY = "https://w3id.org/security#"
XSD = "http://www.w3.org/2001/XMLSchema#"
PERSON_TERMS = {"@protected": True, "Person": f"{PERSON}#Person", "fullName": f"{PERSON}#fullName",
                "city": f"{PERSON}#city", "email": f"{PERSON}#email", "note": f"{PERSON}#note"}


def typed(iri, kind="@id"):
    return {"@id": iri, "@type": kind}


def stand_in(vocabulary, *dates):
    """What the credentials here need of a context of the W3C, under its IRI; its own IRIs."""
    return {"@version": 1.1, "@protected": True, "id": "@id", "type": "@type",
            "VerifiableCredential": f"{vocabulary}#VerifiableCredential",
            "credentialSubject": typed(f"{vocabulary}#credentialSubject"),
            "issuer": typed(f"{vocabulary}#issuer"),
            **{date: typed(f"{vocabulary}#{date}", f"{XSD}dateTime") for date in dates}}


def proof_terms(name):
    return {name: {"@id": f"{SECURITY}{name}", "@context": {
        "@protected": True, "created": typed("http://purl.org/dc/terms/created", f"{XSD}dateTime"),
        "cryptosuite": f"{SECURITY}cryptosuite",
        "verificationMethod": typed(f"{SECURITY}verificationMethod"),
        "proofPurpose": typed(f"{SECURITY}proofPurpose", "@vocab"),
        "assertionMethod": f"{SECURITY}assertionMethod"}}}


STAND_INS = {iri: json.dumps({"@context": terms}) for iri, terms in {
    CREDENTIALS[1]: stand_in("https://www.w3.org/2018/credentials", "issuanceDate", "expirationDate"),
    CREDENTIALS[2]: {**stand_in("https://www.w3.org/2018/credentials", "validFrom", "validUntil"),
                     **proof_terms("DataIntegrityProof")},
    ED25519_2020: proof_terms("Ed25519Signature2020"),
    PERSON: PERSON_TERMS}.items()}


def write_contexts(directory, texts=None):
    """A list of contexts with its files; its path."""
    directory.mkdir(exist_ok=True)
    listed = []
    for number, (iri, text) in enumerate((texts or STAND_INS).items()):
        (directory / f"{number}.json").write_text(text)
        listed.append({"iri": iri, "file": f"{number}.json",
                       "sha256": hashlib.sha256(text.encode()).hexdigest()})
    path = directory / "contexts.json"
    path.write_text(json.dumps({"contexts": listed}))
    return path


def ldp_configuration(name, suite, model=2, template=None, **changes):
    dates = {1: {"issuanceDate": "${validFrom}", "expirationDate": "${validUntil}"},
             2: {"validFrom": "${validFrom}", "validUntil": "${validUntil}"}}[model]
    contexts = [CREDENTIALS[model], PERSON]
    if suite == "Ed25519Signature2020":
        contexts.append(ED25519_2020)
    return configuration(name, **{
        "credentialFormat": "ldp_vc", "sdJwtVct": None, "sdClaim": None, "certificateChain": None,
        "key": "certify.vc-di", "signatureCryptoSuite": suite,
        "vcTemplate": {"@context": contexts, "id": "${_id}", "type": ["VerifiableCredential", "Person"],
                       "issuer": "${_issuer}", **dates,
                       "credentialSubject": {"id": "${_holderId}", "fullName": "${name}",
                                             "city": "${city}", "email": "$!{email}"},
                       **(template or {})}, **changes})


def body_draft_ldp(proof, template):
    return {"format": "ldp_vc", "proof": {"proof_type": "jwt", "jwt": proof},
            "credential_definition": {"@context": template["@context"][::-1],
                                      "type": template["type"][::-1]}}


PEOPLE = 'sub,name,city,email\nperson-1,Ann é,"Rabat, ""old"" town",ann@mail.example\n' \
         'person-2,"Eve"", ""admin"": ""yes",Fez,\n'


def plugin_in(directory, name):
    return private_copy(PLUGINS / name, directory)


class Certify(Companion):
    """With a register of people in CSV, called people, and an authorization server's keys."""

    def __init__(self, socket, authority, more=None, uids=None, providers=None, server=SERVER):
        super().__init__("certify", socket, {
            "certify": [f"issuer = {ISSUER}", "name = Ministry"],
            "tokens": [f"server = {server}"],
            **({} if authority is None else {"tokens": [f"server = {server}",
                                                        f"jwks_file = {authority.path}"]}),
        }, more, uids)
        people = self.directory / "people.csv"
        people.write_text(PEOPLE)
        if providers is None:
            plugin = plugin_in(self.directory, "data-csv.so")
            providers = f"[provider people]\nplugin = {plugin}\n" \
                        f"option = file={people}\noption = subject=sub\n"
        with open(self.config, "a", encoding="utf-8") as config:
            config.write(providers)

    def configure(self, body, method="POST", name=""):
        client = self.management()
        try:
            return client.request(method, f"{BASE}/credential-configurations{name}", body=body)
        finally:
            client.close()

    def nonce(self):
        client = self.public()
        try:
            return client.post(f"{BASE}/nonce", "").json()["c_nonce"]
        finally:
            client.close()

    def ask(self, token, body, dpop=None):
        """`dpop`: a proof, with which the token is shown as one that is bound to a key."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if dpop is not None:
            headers = {"Authorization": f"DPoP {token}", "DPoP": dpop}
        client = self.public()
        try:
            return client.post(f"{BASE}/issuance/credential", body, headers=headers)
        finally:
            client.close()


def body_1_0(proof, name="Identity"):
    return {"credential_configuration_id": name, "proofs": {"jwt": [proof]}}


def body_draft(proof, vct=f"{ISSUER}/Identity"):
    return {"format": "vc+sd-jwt", "vct": vct, "proof": {"proof_type": "jwt", "jwt": proof}}



def decoded(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
