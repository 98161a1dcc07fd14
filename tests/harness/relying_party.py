"""A relying party of privyseal-oidc, whose JWTs are made by PyJWT and jwcrypto."""

import base64
import hashlib
import json
import secrets
import time
import urllib.parse

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwcrypto import jwk

from .http_unix import b64u
from .oidc import BASE, ISSUER, URL, envelope

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PAR = f"{BASE}/oauth/par"
DETAILS = f"{BASE}/authorization/v3/oauth-details"
PAR_DETAILS = f"{BASE}/authorization/par-oauth-details"
CALLBACK = "https://rp.example/cb"


class Key:
    """A key pair of one algorithm."""

    def __init__(self, algorithm="ES256"):
        self.algorithm = algorithm
        self.private = (ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256"
                        else rsa.generate_private_key(65537, 2048))

    def jwk(self):
        made = jwk.JWK.from_pyca(self.private.public_key()).export_public(as_dict=True)
        return {name: made[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in made}

    def thumbprint(self):
        return jwk.JWK(**self.jwk()).thumbprint()

    def sign(self, claims, headers=None, algorithm=None):
        return jwt.encode(claims, self.private, algorithm or self.algorithm, headers=headers)


def proof(key, url, method="POST", headers=None, **claims):
    """A DPoP proof (RFC 9449 section 4.2)."""
    return key.sign({"htm": method, "htu": url, "iat": int(time.time()),
                     "jti": secrets.token_hex(16), **claims},
                    headers={"typ": "dpop+jwt", "jwk": key.jwk(), **(headers or {})})


def registration(name, key, **changes):
    return {"clientId": name, "clientName": "Health portal", "publicKey": key.jwk(),
            "relyingPartyId": "rp-1", "userClaims": ["name", "email", "birthdate"],
            "authContextRefs": ["mosip:idp:acr:generated-code", "mosip:idp:acr:static-code"],
            "logoUri": "https://rp.example/logo.png", "redirectUris": [CALLBACK],
            "grantTypes": ["authorization_code"], "clientAuthMethods": ["private_key_jwt"],
            **changes}


class RelyingParty:
    def __init__(self, oidc, name, algorithm="ES256", additional=None, **changes):
        self.oidc = oidc
        self.name = name
        self.key = Key(algorithm)
        if additional is not None:
            changes["additionalConfig"] = additional
        answer = oidc.manage("POST", "client", registration(name, self.key, **changes))
        assert answer.json()["errors"] == [], answer

    def assertion(self, key=None, headers=None, without=(), **claims):
        now = int(time.time())
        made = {"iss": self.name, "sub": self.name, "aud": ISSUER, "iat": now, "exp": now + 120,
                "jti": secrets.token_hex(16), **claims}
        for member in without:
            del made[member]
        return (key or self.key).sign(made, headers)

    def authenticated(self, **parameters):
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion(),
                **parameters}

    def request(self, **changes):
        """An authorization request, with the names of a form; what is None is left out."""
        made = {"client_id": self.name, "scope": "openid profile", "response_type": "code",
                "redirect_uri": CALLBACK, "state": secrets.token_hex(8),
                "nonce": secrets.token_hex(8), **changes}
        return {name: value for name, value in made.items() if value is not None}

    def post(self, path, parameters, headers=None):
        client = self.oidc.public()
        try:
            return client.request("POST", path, body=urllib.parse.urlencode(parameters), headers={
                "Content-Type": "application/x-www-form-urlencoded", **(headers or {})})
        finally:
            client.close()

    def push(self, headers=None, assertion=None, **changes):
        parameters = self.authenticated(**self.request(**changes))
        if assertion is not None:
            parameters["client_assertion"] = assertion
        return self.post(PAR, parameters, headers)


CAMEL = {"client_id": "clientId", "response_type": "responseType", "redirect_uri": "redirectUri",
         "acr_values": "acrValues", "max_age": "maxAge", "claims_locales": "claimsLocales",
         "ui_locales": "uiLocales", "dpop_jkt": "dpopJkt", "code_challenge": "codeChallenge",
         "code_challenge_method": "codeChallengeMethod", "id_token_hint": "idTokenHint"}


class Browser:
    """What the pages' program does: one cookie, its token, and JSON."""

    def __init__(self, oidc):
        self.client = oidc.public()
        answer = self.client.get(f"{BASE}/csrf/token")
        assert answer.status == 200, answer
        self.token = answer.json()["token"]
        self.cookie = answer.headers["set-cookie"].split(";")[0]

    def headers(self):
        return {"X-XSRF-TOKEN": self.token, "Cookie": self.cookie}

    def post(self, path, request, headers=None):
        return self.client.request("POST", path, body=envelope(request),
                                   headers=self.headers() if headers is None else headers)

    def begin(self, request, headers=None):
        """`request`: with the names of a form."""
        return self.post(DETAILS, {CAMEL.get(name, name): value for name, value in request.items()},
                         {**self.headers(), **(headers or {})})

    def begin_pushed(self, name, uri):
        return self.post(PAR_DETAILS, {"clientId": name, "requestUri": uri})

    def in_login(self):
        return {**self.headers(), "oauth-details-key": self.details["transactionId"],
                "oauth-details-hash": details_hash(self.details)}

    def open(self, answer):
        """What a login begins with: the answer of begin or begin_pushed."""
        assert answer.status == 200 and answer.json()["errors"] == [], answer
        self.details = answer.json()["response"]
        return self

    def step(self, path, headers=None, **members):
        """One of the login's steps: its answer."""
        request = {"transactionId": self.details["transactionId"], **members}
        return self.post(f"{BASE}/authorization/{path}", request, headers or self.in_login())

    def send_otp(self, person, channels=("email",), **more):
        return self.step("send-otp", individualId=person, otpChannels=list(channels),
                         captchaToken=None, **more)

    def authenticate(self, person, factor, challenge, headers=None):
        form = {"OTP": "alpha-numeric", "PIN": "number", "PWD": "alpha-numeric",
                "KBI": "base64url-encoded-json"}[factor]
        return self.step("v3/authenticate", headers, individualId=person, challengeList=[
            {"authFactorType": factor, "challenge": challenge, "format": form}])

    def claim_details(self):
        return self.client.get(f"{BASE}/authorization/claim-details", headers=self.in_login())

    def consent(self, claims=(), scopes=()):
        return self.step("auth-code", acceptedClaims=list(claims),
                         permittedAuthorizeScopes=list(scopes))

    def close(self):
        self.client.close()


def details_hash(response):
    """What a browser makes of it: JSON.stringify(JSON.parse(body).response), hashed."""
    text = json.dumps(response, separators=(",", ":"), ensure_ascii=False)
    return b64u(hashlib.sha256(text.encode()).digest())


def pkce():
    verifier = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    return verifier, b64u(hashlib.sha256(verifier.encode()).digest())


def url_of(path):
    return URL + path
