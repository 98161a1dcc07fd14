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
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

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

    def __init__(self, private=None):
        self.private = private or ec.generate_private_key(ec.SECP256R1())

    def jwk(self):
        numbers = self.private.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": b64u(numbers.x.to_bytes(32, "big")),
                "y": b64u(numbers.y.to_bytes(32, "big"))}

    def sign(self, claims, headers=None):
        return jwt.encode(claims, self.private, "ES256", headers=headers)


def unsealed(text, private):
    """The plaintext of a JWE with RSA-OAEP-256 and A256GCM (RFC 7516 section 5.2)."""
    head, wrapped, vector, sealed, tag = text.split(".")
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    cipher = AESGCM(private.decrypt(unb64u(wrapped), oaep))
    return cipher.decrypt(unb64u(vector), unb64u(sealed) + unb64u(tag), head.encode()).decode()


class Client:
    """An OAuth client: authorization code with PKCE, and private_key_jwt.

    `pushes`: its requests are pushed (RFC 9126). `bound`: a Key that its tokens are bound to
    (RFC 9449). `opener`: an RSA key that its userinfo is encrypted to.
    """

    def __init__(self, web, issuer, name, callback, key=None, pushes=False, bound=None, opener=None):
        self.web = web
        self.name = name
        self.callback = callback
        self.key = key or Key()
        self.pushes = pushes
        self.bound = bound
        self.opener = opener
        self.issuer = issuer
        self.metadata = None
        self.nonces = {}  # of proofs: host and port of who gave it
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
        if self.pushes:
            pushed = self.web.told("POST", self.discover()["pushed_authorization_request_endpoint"],
                                   {**asked, **self.authenticated()}, status=201)
            asked = {"client_id": self.name, "request_uri": pushed["request_uri"]}
        return f"{self.discover()['authorization_endpoint']}?{urllib.parse.urlencode(asked)}"

    def authenticated(self):
        now = int(time.time())
        assertion = self.key.sign({"iss": self.name, "sub": self.name, "aud": self.issuer,
                                   "iat": now, "exp": now + 60, "jti": secrets.token_hex(16)})
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}

    def proof(self, method, url, nonce, token):
        """That the key of its tokens is at hand (RFC 9449 section 4.2)."""
        claims = {"htm": method, "htu": url, "iat": int(time.time()), "jti": secrets.token_hex(16)}
        if nonce is not None:
            claims["nonce"] = nonce
        if token is not None:
            claims["ath"] = b64u(hashlib.sha256(token.encode()).digest())
        return self.bound.sign(claims, {"typ": "dpop+jwt", "jwk": self.bound.jwk()})

    def ask(self, method, url, body=None, headers=None, token=None):
        """An answer with status 200, in the second try with the nonce that the first one told.

        `body`: a function that makes it, or nothing.
        """
        place = urllib.parse.urlsplit(url).netloc
        for _ in range(2):
            sent, nonce = dict(headers or {}), self.nonces.get(place)
            if token is not None:
                sent["Authorization"] = f"{'DPoP' if self.bound else 'Bearer'} {token}"
            if self.bound is not None:
                sent["DPoP"] = self.proof(method, url, nonce, token)
            answer = self.web.ask(method, url, body and body(), sent)
            if answer.status == 200:
                return answer
            self.nonces[place] = answer.headers.get("DPoP-Nonce")
            if self.bound is None or self.nonces[place] in (None, nonce):
                break
        why = answer.headers.get("WWW-Authenticate", "")
        raise RuntimeError(f"{method} {url}: {answer.status} {answer.text()[:400]} {why}".strip())

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
        answer = self.ask("POST", self.discover()["token_endpoint"], lambda: {
            "grant_type": "authorization_code", "code": parameters["code"],
            "redirect_uri": self.callback, "code_verifier": login["verifier"],
            "client_id": self.name, **self.authenticated()})
        return answer.json(), login["nonce"]

    def published(self, url, token):
        """The public key that a JWS names."""
        kid = jwt.get_unverified_header(token)["kid"]
        for key in jwt.PyJWKSet.from_dict(self.web.told("GET", url)).keys:
            if key.key_id == kid:
                return key.key
        raise RuntimeError(f"{url} has no key {kid} yet, or no more")

    def verified(self, token):
        """The claims of a JWS whose signature is good by the published keys."""
        key = self.published(self.discover()["jwks_uri"], token)
        return jwt.decode(token, key, algorithms=["RS256", "PS256", "ES256"],
                          issuer=self.issuer, audience=self.name)

    def person(self, parameters):
        """ID token and userinfo, both verified, of somebody who came back."""
        tokens, nonce = self.finish(parameters)
        claims = self.verified(tokens["id_token"])
        if claims.get("nonce") != nonce:
            raise RuntimeError("this ID token is of another login")
        text = self.ask("GET", self.discover()["userinfo_endpoint"],
                        token=tokens["access_token"]).text()
        told = self.verified(text if self.opener is None else unsealed(text, self.opener))
        if told["sub"] != claims["sub"]:
            raise RuntimeError("userinfo is about somebody else")
        return {"id_token": tokens["id_token"], "userinfo": text, "claims": claims,
                "told": told}


class Wallet(Client):
    """OpenID4VCI 1.0: a credential bound to a key that the wallet holds."""

    def __init__(self, web, issuer, name, callback, certify_url, **more):
        super().__init__(web, issuer, name, callback, **more)
        self.certify_url = certify_url

    def credential(self, parameters, configuration):
        tokens, _nonce = self.finish(parameters)
        metadata = self.web.told("GET", f"{self.certify_url}/.well-known/openid-credential-issuer")
        nonce = self.web.told("POST", metadata["nonce_endpoint"], {})["c_nonce"]
        holder = Key()
        proof = holder.sign({"aud": metadata["credential_issuer"], "iat": int(time.time()),
                             "nonce": nonce},
                            {"typ": "openid4vci-proof+jwt", "jwk": holder.jwk()})
        told = self.ask("POST", metadata["credential_endpoint"], lambda: json.dumps({
            "credential_configuration_id": configuration, "proofs": {"jwt": [proof]}}),
            {"Content-Type": "application/json"}, tokens["access_token"]).json()
        made = told["credentials"][0]["credential"]
        # Of the other format it says everything itself.
        return {"credential": made,
                "claims": self.opened(made, holder) if isinstance(made, str) else made}

    def opened(self, text, holder):
        """What an SD-JWT VC says with all its disclosures (RFC 9901), which a verifier checks."""
        token, *disclosures, end = text.split("~")
        key = self.published(f"{self.certify_url}/v1/certify/.well-known/jwks.json", token)
        claims = jwt.decode(token, key, algorithms=["ES256"])
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
