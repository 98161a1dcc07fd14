"""
What a relying party and a wallet's backend do: no program of ours but this file's, and
PyJWT and python3-cryptography, which sign for them and verify what they get.
"""

import base64
import hashlib
import json
import secrets
import time
import urllib.parse

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from web import post_json

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LOGIN_S = 600
LOGINS_MAX = 1000


def b64u(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64u(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def decoded(token):
    """Header and payload of a JWS, as they are shown."""
    return [json.loads(unb64u(part)) for part in token.split(".")[:2]]


class Key:
    """A P-256 key of the client's own: an OAuth client's, or a holder's."""

    def __init__(self):
        self.private = ec.generate_private_key(ec.SECP256R1())

    def jwk(self):
        numbers = self.private.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": b64u(numbers.x.to_bytes(32, "big")),
                "y": b64u(numbers.y.to_bytes(32, "big"))}

    def sign(self, claims, headers=None):
        return jwt.encode(claims, self.private, "ES256", headers=headers)


class Client:
    """An OAuth client: authorization code with PKCE, and private_key_jwt."""

    def __init__(self, web, issuer, name, callback):
        self.web = web
        self.name = name
        self.callback = callback
        self.key = Key()
        self.issuer = issuer
        self.metadata = None
        self.logins = {}  # state: what was begun with it

    def discover(self):
        if self.metadata is None:
            self.metadata = self.web.told("GET", f"{self.issuer}/.well-known/openid-configuration")
        return self.metadata

    def begin(self, **parameters):
        """Where the browser is sent."""
        now = time.monotonic()
        self.logins = {state: login for state, login in self.logins.items()
                       if now - login["at"] < LOGIN_S}
        if len(self.logins) >= LOGINS_MAX:
            raise RuntimeError("too many logins are under way; try again in some minutes")
        login = {"verifier": b64u(secrets.token_bytes(32)), "nonce": b64u(secrets.token_bytes(16)),
                 "at": now}
        state = b64u(secrets.token_bytes(16))
        self.logins[state] = login
        asked = {"client_id": self.name, "response_type": "code", "redirect_uri": self.callback,
                 "state": state, "nonce": login["nonce"], "code_challenge_method": "S256",
                 "code_challenge": b64u(hashlib.sha256(login["verifier"].encode()).digest()),
                 **parameters}
        return f"{self.discover()['authorization_endpoint']}?{urllib.parse.urlencode(asked)}"

    def finish(self, parameters):
        """The answer of the token endpoint, and the nonce that the login began with.

        `parameters`: what the browser came back with.
        """
        login = self.logins.pop(parameters.get("state", ""), None)
        if login is None or time.monotonic() - login["at"] >= LOGIN_S:
            raise RuntimeError("this login was not begun here, or too long ago")
        if "code" not in parameters:
            raise RuntimeError(f"no login: {parameters.get('error', 'nothing was said')}")
        if parameters.get("iss") != self.issuer:
            raise RuntimeError("the answer comes from another issuer than was asked")
        now = int(time.time())
        assertion = self.key.sign({"iss": self.name, "sub": self.name, "aud": self.issuer,
                                   "iat": now, "exp": now + 60, "jti": secrets.token_hex(16)})
        tokens = self.web.told("POST", self.discover()["token_endpoint"], {
            "grant_type": "authorization_code", "code": parameters["code"],
            "redirect_uri": self.callback, "code_verifier": login["verifier"],
            "client_id": self.name, "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion})
        return tokens, login["nonce"]

    def verified(self, token):
        """The claims of a JWS whose signature is good by the published keys."""
        keys = jwt.PyJWKSet.from_dict(self.web.told("GET", self.discover()["jwks_uri"]))
        kid = jwt.get_unverified_header(token)["kid"]
        key = next(key for key in keys.keys if key.key_id == kid)
        return jwt.decode(token, key.key, algorithms=["RS256", "PS256", "ES256"],
                          issuer=self.issuer, audience=self.name)

    def person(self, parameters):
        """ID token and userinfo, both verified, of somebody who came back."""
        tokens, nonce = self.finish(parameters)
        claims = self.verified(tokens["id_token"])
        if claims.get("nonce") != nonce:
            raise RuntimeError("this ID token is of another login")
        answer = self.web.ask("GET", self.discover()["userinfo_endpoint"],
                              headers={"Authorization": f"Bearer {tokens['access_token']}"})
        if answer.status != 200:
            raise RuntimeError(f"userinfo: {answer.status}")
        told = self.verified(answer.text())
        if told["sub"] != claims["sub"]:
            raise RuntimeError("userinfo is about somebody else")
        return {"id_token": tokens["id_token"], "userinfo": answer.text(), "claims": claims,
                "told": told}


class Wallet(Client):
    """OpenID4VCI 1.0: a credential bound to a key that the wallet holds."""

    def __init__(self, web, issuer, name, callback, certify_url):
        super().__init__(web, issuer, name, callback)
        self.certify_url = certify_url

    def credential(self, parameters, configuration):
        tokens, _nonce = self.finish(parameters)
        metadata = self.web.told("GET", f"{self.certify_url}/.well-known/openid-credential-issuer")
        nonce = self.web.told("POST", metadata["nonce_endpoint"], {})["c_nonce"]
        holder = Key()
        proof = holder.sign({"aud": metadata["credential_issuer"], "iat": int(time.time()),
                             "nonce": nonce},
                            {"typ": "openid4vci-proof+jwt", "jwk": holder.jwk()})
        told = post_json(self.web, metadata["credential_endpoint"], {
            "credential_configuration_id": configuration, "proofs": {"jwt": [proof]}},
            {"Authorization": f"Bearer {tokens['access_token']}"})
        text = told["credentials"][0]["credential"]
        return {"credential": text, "claims": self.opened(text, holder)}

    def opened(self, text, holder):
        """What an SD-JWT VC says with all its disclosures (RFC 9901), which a verifier checks."""
        token, *disclosures, end = text.split("~")
        keys = jwt.PyJWKSet.from_dict(self.web.told(
            "GET", f"{self.certify_url}/v1/certify/.well-known/jwks.json"))
        kid = jwt.get_unverified_header(token)["kid"]
        key = next(key for key in keys.keys if key.key_id == kid)
        claims = jwt.decode(token, key.key, algorithms=["ES256"])
        if end != "" or claims["iss"] != self.certify_url or claims["cnf"] != {"jwk": holder.jwk()}:
            raise RuntimeError("this credential is not this wallet's")
        hidden = set(claims.pop("_sd"))
        claims.pop("_sd_alg")
        for disclosure in disclosures:
            digest = b64u(hashlib.sha256(disclosure.encode()).digest())
            if digest not in hidden:
                raise RuntimeError("a disclosure that the issuer has not signed")
            _salt, name, value = json.loads(unb64u(disclosure))
            claims[name] = value
        return claims
