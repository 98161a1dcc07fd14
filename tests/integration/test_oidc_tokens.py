"""privyseal-oidc: a code becomes tokens of the appliance, once, and they tell who the person is."""

import hashlib
import http.client
import os
import secrets
import sqlite3
import threading
import time

import jwt
import pytest
from jwcrypto import jwe, jwk

from harness.http_unix import b64u
from harness.oidc import BASE, ISSUER, URL, Oidc
from harness.relying_party import CALLBACK, Browser, Key, RelyingParty, pkce, proof, url_of

ROOT = os.geteuid() == 0
pytestmark = pytest.mark.skipif(not ROOT, reason="plugins are root's")
PERSON, PIN = "1000000001", "111111"
TOKEN, USERINFO = f"{BASE}/oauth/v2/token", f"{BASE}/oidc/userinfo"
CLAIMS = {"userinfo": {"name": {"essential": True}, "email": None}}


@pytest.fixture(scope="module")
def oidc(appliance, people):
    more = {**people.settings(), "oidc": ["credential_scopes = farmer_vc",
                                          "credential_audience = https://vc.example/credential"]}
    with Oidc(appliance.environment["PRIVYSEAL_SOCKET"], more=more) as running:
        yield running


@pytest.fixture(scope="module")
def party(oidc):
    return RelyingParty(oidc, "portal")


def identified(party, request=None, pushed=None):
    """A browser with somebody who has shown who they are."""
    browser = Browser(party.oidc)
    made = {"claims": CLAIMS, "prompt": "consent", **(request or {})}
    if pushed is not None:
        browser.open(browser.begin_pushed(party.name, pushed))
    else:
        browser.open(browser.begin(party.request(**made)))
    told = browser.authenticate(PERSON, "PIN", PIN).json()
    assert told["errors"] == [], told
    return browser


def log_in(party, claims=("name", "email"), request=None, pushed=None):
    """A code for this relying party."""
    browser = identified(party, request, pushed)
    answer = browser.consent(claims).json()
    assert answer["errors"] == [], answer
    browser.close()
    return answer["response"]["code"]


def redeem(party, shown, headers=None, **changes):
    parameters = {"grant_type": "authorization_code", "code": shown, "redirect_uri": CALLBACK,
                  "client_id": party.name, **party.authenticated(), **changes}
    return party.post(TOKEN, {name: value for name, value in parameters.items()
                              if value is not None}, headers)


def tokens(answer):
    assert answer.status == 200, answer
    assert answer.headers["cache-control"] == "no-store" and answer.headers["pragma"] == "no-cache"
    return answer.json()


def userinfo(oidc, token, method="GET", scheme="Bearer", headers=None):
    client = oidc.public()
    try:
        return client.request(method, USERINFO, body=b"" if method == "POST" else None,
                              headers={"Authorization": f"{scheme} {token}", **(headers or {})})
    finally:
        client.close()


def verified(oidc, token, **options):
    """Its claims, verified by PyJWT with the published keys."""
    client = oidc.public()
    keys = jwt.PyJWKSet.from_dict(client.get("/.well-known/jwks.json").json())
    client.close()
    kid = jwt.get_unverified_header(token)["kid"]
    key = next(one for one in keys.keys if one.key_id == kid)
    return jwt.decode(token, key.key, algorithms=["RS256", "PS256", "ES256"], issuer=ISSUER,
                      options={"require": ["iss", "sub", "aud"]}, **options)


def test_a_code_becomes_tokens_and_they_tell_who_it_is(oidc, party):
    before = int(time.time())
    got = tokens(redeem(party, log_in(party, request={"nonce": "n-1"})))
    assert got["token_type"] == "Bearer" and got["expires_in"] == 3600
    claims = verified(oidc, got["id_token"], audience="portal")
    assert set(claims) == {"iss", "sub", "aud", "iat", "exp", "auth_time", "nonce", "acr", "at_hash",
                           "jti"}
    assert claims["nonce"] == "n-1" and claims["acr"] == "mosip:idp:acr:static-code"
    assert claims["exp"] == claims["iat"] + 3600 and before <= claims["auth_time"] <= time.time()
    half = hashlib.sha256(got["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == b64u(half)
    access = verified(oidc, got["access_token"], audience="portal")
    assert access["client_id"] == "portal" and access["sub"] == claims["sub"]
    assert "scope" not in access and "cnf" not in access
    for method in ("GET", "POST"):
        answer = userinfo(oidc, got["access_token"], method)
        assert answer.status == 200 and answer.headers["content-type"] == "application/jwt"
        assert answer.headers["cache-control"] == "no-store"
        told = verified(oidc, answer.body.decode(), audience="portal")
        assert told["sub"] == claims["sub"]
        assert told["name"].startswith("Sample") and told["email"] == "one@example.org"


def test_only_what_was_agreed_to_is_told(oidc, party):
    got = tokens(redeem(party, log_in(party, ["name"])))
    told = verified(oidc, userinfo(oidc, got["access_token"]).body.decode(), audience="portal")
    assert "name" in told and "email" not in told and "birthdate" not in told


def test_a_code_is_used_once_and_a_second_use_takes_the_token_away(oidc, party):
    code = log_in(party)
    got = tokens(redeem(party, code))
    assert userinfo(oidc, got["access_token"]).status == 200
    other = RelyingParty(oidc, f"thief-{secrets.token_hex(4)}")
    assert redeem(other, code).json() == {"error": "invalid_grant"}
    assert userinfo(oidc, got["access_token"]).status == 200
    answer = redeem(party, code)
    assert (answer.status, answer.json()) == (400, {"error": "invalid_grant"})
    answer = userinfo(oidc, got["access_token"])
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


def test_of_many_who_redeem_one_code_one_gets_tokens(party):
    code, answers = log_in(party), []
    made = [party.authenticated() for _ in range(1000)]

    def work(part):
        client = party.oidc.public()
        for parameters in part:
            body = "&".join(f"{name}={value}" for name, value in {
                **parameters, "grant_type": "authorization_code", "code": code,
                "redirect_uri": CALLBACK}.items())
            answer = client.request("POST", TOKEN, body=body, headers={
                "Content-Type": "application/x-www-form-urlencoded"})
            answers.append((answer.status, answer.json().get("error")))
        client.close()

    threads = [threading.Thread(target=work, args=(made[start::20],)) for start in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 1000 and answers.count((200, None)) == 1
    assert answers.count((400, "invalid_grant")) == 999


@pytest.mark.parametrize("changes,error", [
    ({"code": "x" * 43}, "invalid_grant"), ({"redirect_uri": CALLBACK + "/"}, "invalid_grant"),
    ({"code_verifier": "v" * 43}, "invalid_grant"), ({"code_verifier": "v"}, "invalid_request"),
    ({"code": None}, "invalid_request"), ({"redirect_uri": None}, "invalid_request"),
    ({"grant_type": None}, "invalid_request"),
    ({"grant_type": "client_credentials"}, "unsupported_grant_type")])
def test_each_mistake_of_a_redemption_has_its_error_and_spares_the_code(party, changes, error):
    code = log_in(party)
    answer = redeem(party, code, **changes)
    assert (answer.status, answer.json()["error"]) == (400, error)
    tokens(redeem(party, code))


def test_the_client_is_authenticated_before_its_code_is_looked_at(oidc, party):
    code = log_in(party)
    for assertion in (party.assertion(key=Key()), party.assertion(aud="https://else.example"), None):
        for shown in (code, "x" * 43):
            answer = redeem(party, shown, client_assertion=assertion)
            assert (answer.status, answer.json()) == (401, {"error": "invalid_client"})
    other = RelyingParty(oidc, f"other-{secrets.token_hex(4)}")
    assert redeem(other, code).json() == {"error": "invalid_grant"}
    used = party.assertion()
    tokens(redeem(party, code, client_assertion=used))
    assert redeem(party, log_in(party), client_assertion=used).status == 401


def test_a_code_with_a_challenge_needs_its_verifier(party):
    verifier, challenge = pkce()
    asked = {"code_challenge": challenge, "code_challenge_method": "S256"}
    code = log_in(party, request=asked)
    for wrong in (None, pkce()[0], challenge):
        assert redeem(party, code, code_verifier=wrong).json() == {"error": "invalid_grant"}
    tokens(redeem(party, code, code_verifier=verifier))


def with_nonce(party, code, key, **changes):
    """The first answer tells the nonce that the second request has in its proof."""
    answer = redeem(party, code, {"DPoP": proof(key, url_of(TOKEN))}, **changes)
    assert (answer.status, answer.json()) == (400, {"error": "use_dpop_nonce"})
    nonce = answer.headers["dpop-nonce"]
    return redeem(party, code, {"DPoP": proof(key, url_of(TOKEN), nonce=nonce)}, **changes), nonce


def test_a_token_that_is_bound_to_a_key_is_of_no_use_without_it(oidc):
    party = RelyingParty(oidc, "bound", "PS256", additional={"dpop_bound_access_tokens": True})
    key, code = Key(), log_in(party)
    assert redeem(party, code).json() == {"error": "invalid_dpop_proof"}
    answer, nonce = with_nonce(party, code, key)
    got = tokens(answer)
    token = got["access_token"]
    assert got["token_type"] == "DPoP"
    assert verified(oidc, token, audience="bound")["cnf"] == {"jkt": key.thumbprint()}
    hashed = b64u(hashlib.sha256(token.encode()).digest())

    def ask(scheme="DPoP", by=key, **claims):
        made = {"method": "GET", "ath": hashed, "nonce": nonce, **claims}
        return userinfo(oidc, token, scheme=scheme,
                        headers={"DPoP": proof(by, url_of(USERINFO), **made)})

    answer = ask()
    assert answer.status == 200, answer
    for answer, error in [(ask(scheme="Bearer"), "invalid_token"), (ask(by=Key()), "invalid_token"),
                          (ask(ath=b64u(bytes(32))), "invalid_dpop_proof"),
                          (ask(method="POST"), "invalid_dpop_proof"), (ask(nonce="x"), "use_dpop_nonce"),
                          (userinfo(oidc, token, scheme="DPoP"), "invalid_dpop_proof")]:
        assert answer.status == 401 and f'error="{error}"' in answer.headers["www-authenticate"]
    assert ask(nonce="x").headers["dpop-nonce"]


def test_a_code_that_is_bound_to_a_key_goes_to_no_other(oidc, party):
    key = Key()
    uri = party.push({"DPoP": proof(key, url_of(f"{BASE}/oauth/par"))}).json()["request_uri"]
    code = log_in(party, claims=["name"], pushed=uri)
    assert redeem(party, code).json() == {"error": "invalid_grant"}
    assert with_nonce(party, code, Key())[0].json() == {"error": "invalid_grant"}
    assert tokens(with_nonce(party, code, key)[0])["token_type"] == "DPoP"


def test_userinfo_is_encrypted_to_who_wants_it_so(oidc):
    party = RelyingParty(oidc, "sealed", additional={"userinfo_response_type": "JWE"})
    key = jwk.JWK.generate(kty="RSA", size=2048)
    public = {**key.export_public(as_dict=True), "use": "enc", "alg": "RSA-OAEP-256"}
    assert oidc.manage("PATCH", "client/sealed", {"encPublicKey": public}).json()["errors"] == []
    got = tokens(redeem(party, log_in(party)))
    sealed = jwe.JWE()
    sealed.deserialize(userinfo(oidc, got["access_token"]).body.decode(), key)
    assert sealed.jose_header["cty"] == "JWT" and sealed.jose_header["enc"] == "A256GCM"
    told = verified(oidc, sealed.payload.decode(), audience="sealed")
    assert told["name"].startswith("Sample")


def test_tokens_with_credential_scopes_are_for_the_issuer_of_credentials(oidc, party):
    got = tokens(redeem(party, log_in(party, [], request={"scope": "farmer_vc", "claims": None})))
    assert "id_token" not in got and got["c_nonce"] and got["c_nonce_expires_in"] == 3600
    access = verified(oidc, got["access_token"], audience="https://vc.example/credential")
    assert access["scope"] == "farmer_vc" and access["c_nonce"] == got["c_nonce"]
    answer = userinfo(oidc, got["access_token"])
    assert answer.status == 403 and "insufficient_scope" in answer.headers["www-authenticate"]


@pytest.mark.parametrize("headers,status", [
    ({}, 'Bearer realm="userinfo"'), ({"Authorization": "Basic eA=="}, 'Bearer realm="userinfo"'),
    ({"Authorization": "Bearer x"}, 'Bearer error="invalid_token"')])
def test_without_a_token_nothing_is_told(oidc, headers, status):
    client = oidc.public()
    answer = client.get(USERINFO, headers=headers)
    assert (answer.status, answer.headers["www-authenticate"], answer.body) == (401, status, b"")
    client.close()


@pytest.mark.parametrize("path", [
    f"{BASE}/.well-known/openid-configuration", f"{BASE}/oidc/.well-known/openid-configuration",
    "/.well-known/openid-configuration", f"{BASE}/oauth/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server", f"/.well-known/oauth-authorization-server{BASE}"])
def test_discovery_names_what_is_there(oidc, path):
    client = oidc.public()
    answer = client.get(path)
    told = answer.json()
    assert answer.headers["access-control-allow-origin"] == "*"
    assert told["issuer"] == ISSUER and "farmer_vc" in told["scopes_supported"]
    assert "mosip:idp:acr:generated-code" in told["acr_values_supported"]
    assert "mosip:idp:acr:biometrics" not in told["acr_values_supported"]
    for name in ("token_endpoint", "userinfo_endpoint", "pushed_authorization_request_endpoint",
                 "jwks_uri"):
        assert told[name].startswith(URL)
        assert client.get(told[name][len(URL):]).status in (200, 401, 405)
    client.close()


def test_a_consent_that_ends_ends_its_tokens(oidc):
    party = RelyingParty(oidc, "short", additional={"consent_expire_in_mins": 10})
    got = tokens(redeem(party, log_in(party)))
    assert 0 < got["expires_in"] <= 600
    claims = verified(oidc, got["access_token"], audience="short")
    assert claims["exp"] - claims["iat"] == got["expires_in"]


def test_without_the_appliance_a_code_keeps_until_it_is_there(appliance, people, tmp_path):
    link = tmp_path / "clients.sock"
    with Oidc(link, more=people.settings()) as own:
        party = RelyingParty(own, "portal")
        code = log_in(party)
        for _ in range(2):
            answer = redeem(party, code)
            assert (answer.status, answer.json()) == (503, {"error": "temporarily_unavailable"})
            assert answer.headers["retry-after"] == "1"
        link.symlink_to(appliance.environment["PRIVYSEAL_SOCKET"])
        got = tokens(redeem(party, code))
        assert verified(own, got["id_token"], audience="portal")
        assert userinfo(own, got["access_token"]).status == 200
        assert redeem(party, code).json() == {"error": "invalid_grant"}


def test_a_code_that_was_told_has_its_consent_and_outlives_the_program(people):
    told = []
    with Oidc("/nowhere/clients.sock", more=people.settings()) as own:
        party = RelyingParty(own, "portal")
        browsers = [identified(party) for _ in range(6)]

        def consent(browser):
            try:
                told.append(browser.consent(["name"]).json()["response"]["code"])
            except (OSError, http.client.HTTPException):
                return  # it was killed before
            own.process.kill()

        threads = [threading.Thread(target=consent, args=(browser,)) for browser in browsers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        own.process.wait()
        database = sqlite3.connect(own.directory / "data" / "oidc.db")
        written = database.execute("SELECT count(*) FROM consent_history").fetchone()[0]
        assert database.execute("SELECT count(*) FROM consent").fetchone()[0] == 1
        database.close()
        assert 1 <= len(told) <= written
        own.start()
        # The appliance is away: any other code is invalid_grant.
        assert [redeem(party, code).status for code in told] == [503] * len(told)
        for browser in browsers:
            browser.close()
