"""A relying party with `Authlib` and `joserfc` from PyPI. One JSON object per line on standard input, one
result per line on standard output; requests and answers are those of ../node/openid_client.mjs.

Who issued the server's certificate comes by REQUESTS_CA_BUNDLE. Authlib has no function for pushed
requests and for DPoP; they are made with what it offers for extensions.
"""

import hashlib
import json
import secrets
import sys
import time
import urllib.parse

from authlib.integrations.requests_client import OAuth2Session, OAuthError
from authlib.integrations.requests_client.oauth2_session import OAuth2Auth
from authlib.oauth2.client import DEFAULT_HEADERS
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken
from joserfc import jwe, jws, jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from joserfc.util import urlsafe_b64encode

ALGORITHMS = ["RS256", "PS256", "ES256"]
PARTIES = {}


def made_key(alg):
    return ECKey.generate_key("P-256") if alg == "ES256" else RSAKey.generate_key(2048)


def public(key):
    told = key.as_dict(private=False)
    return {name: told[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in told}


class Dpop:
    """RFC 9449: proofs of one key, with the nonce that the server told last."""

    def __init__(self):
        self.key = made_key("ES256")
        self.nonce = None

    def proof(self, method, url, token=None):
        claims = {"htm": method, "htu": url, "iat": int(time.time()), "jti": secrets.token_hex(16)}
        if self.nonce is not None:
            claims["nonce"] = self.nonce
        if token is not None:
            claims["ath"] = urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode()
        return jwt.encode({"alg": "ES256", "typ": "dpop+jwt", "jwk": public(self.key)}, claims, self.key)

    def take_nonce(self, response):
        self.nonce = response.headers.get("DPoP-Nonce", self.nonce)
        return response

    def sign(self, token, uri, headers, body, _placement):
        headers["Authorization"] = f"DPoP {token}"
        headers["DPoP"] = self.proof("GET", uri, token)
        return uri, headers, body


class Party:
    def __init__(self, alg):
        self.alg = alg
        self.key = made_key(alg)
        self.seal = made_key("RS256")
        self.session = None
        self.dpop = None

    def configure(self, row):
        self.session = OAuth2Session(row["name"], self.key, token_endpoint_auth_method="private_key_jwt",
                                     redirect_uri=row["parameters"]["redirect_uri"],
                                     code_challenge_method="S256")
        self.metadata = self.session.get(row["issuer"] + "/.well-known/openid-configuration",
                                         withhold_token=True).json()
        assert self.metadata["issuer"] == row["issuer"]
        self.session.register_client_auth_method(
            PrivateKeyJWT(self.metadata["token_endpoint"], alg=self.alg))
        if row["kind"] == "dpop":
            self.dpop = Dpop()
            self.session.register_compliance_hook("access_token_response", self.dpop.take_nonce)

    def published(self):
        return KeySet.import_key_set(self.session.get(self.metadata["jwks_uri"],
                                                      withhold_token=True).json())

    def push(self, url):
        endpoint = self.metadata["pushed_authorization_request_endpoint"]
        answer = self.session.post(
            endpoint, data=urllib.parse.urlsplit(url).query, withhold_token=True,
            auth=self.session.client_auth("private_key_jwt"),
            headers=self.headers(DEFAULT_HEADERS, "POST", endpoint))
        assert answer.status_code == 201, answer.text
        asked = urllib.parse.urlencode({"client_id": self.session.client_id,
                                        "request_uri": answer.json()["request_uri"]})
        return f"{self.metadata['authorization_endpoint']}?{asked}"

    def headers(self, headers, method, url):
        return headers if self.dpop is None else {**headers, "DPoP": self.dpop.proof(method, url)}

    def fetch(self, callback):
        url = self.metadata["token_endpoint"]
        return self.session.fetch_token(url, authorization_response=callback, state=self.state,
                                        code_verifier=self.verifier,
                                        headers=self.headers(DEFAULT_HEADERS, "POST", url))

    def claims(self, tokens):
        token = jwt.decode(tokens["id_token"], self.published(), algorithms=ALGORITHMS)
        claims = CodeIDToken(token.claims, token.header, {
            "iss": {"value": self.metadata["issuer"]}, "aud": {"value": self.session.client_id}}, {
            "nonce": self.nonce, "client_id": self.session.client_id,
            "access_token": tokens["access_token"]})
        claims.validate()
        return dict(claims)

    def userinfo(self):
        if self.dpop is not None:
            auth = OAuth2Auth(self.session.token, client=self.session)
            auth.SIGN_METHODS = {"dpop": self.dpop.sign}
            self.session.token_auth = auth
        answer = self.session.get(self.metadata["userinfo_endpoint"])
        assert answer.status_code == 200, (answer.status_code, answer.headers)
        text = answer.text
        if self.dpop is not None:
            text = jwe.decrypt_compact(text, self.seal, algorithms=["RSA-OAEP-256", "A256GCM"]).plaintext
        signed = jws.deserialize_compact(text, self.published(), algorithms=ALGORITHMS)
        return json.loads(signed.payload), answer.text


def keys(row):
    party = PARTIES[row["name"]] = Party(row["alg"])
    return {"jwk": public(party.key), "seal": {**public(party.seal), "kid": row["name"]},
            "opens": party.seal.as_dict(private=True)}


def begin(row):
    party = PARTIES[row["name"]]
    if party.session is None:
        party.configure(row)
    party.verifier, party.nonce = secrets.token_urlsafe(48), None
    asked = dict(row["parameters"])
    if "openid" in asked["scope"]:
        asked["nonce"] = party.nonce = secrets.token_urlsafe(16)
    url, party.state = party.session.create_authorization_url(
        party.metadata["authorization_endpoint"], code_verifier=party.verifier, **asked)
    return {"url": url if row["kind"] == "plain" else party.push(url)}


def finish(row):
    party = PARTIES[row["name"]]
    try:
        tokens = party.fetch(row["callback"])
    except OAuthError as error:
        if error.error != "use_dpop_nonce":
            raise
        tokens = party.fetch(row["callback"])
    if party.nonce is None:
        return {"tokens": dict(tokens)}
    claims = party.claims(tokens)
    userinfo, raw = party.userinfo()
    assert userinfo["sub"] == claims["sub"]
    return {"tokens": dict(tokens), "claims": claims, "userinfo": userinfo, "raw": raw}


def bound(row):
    dpop = PARTIES[row["name"]].dpop
    dpop.nonce = row["nonce"]
    return {"jwt": dpop.proof("POST", row["url"], row["token"])}


def main():
    does = {"keys": keys, "begin": begin, "finish": finish, "bound": bound}
    for line in sys.stdin:
        try:
            row = json.loads(line)
            print(json.dumps({"good": True, **does[row["do"]](row)}), flush=True)
        except Exception as error:  # pylint: disable=broad-exception-caught
            print(json.dumps({"good": False, "error": f"{type(error).__name__} {error}"}), flush=True)


main()
