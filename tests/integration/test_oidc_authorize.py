"""privyseal-oidc: an authorization request becomes a login under way, or is refused with its reason."""

import hashlib
import json
import os
import re
import secrets
import threading
import time

import pytest
from jwt.algorithms import ECAlgorithm

from harness.appliance import PATIENCE_S, wait_until
from harness.http_unix import b64u
from harness.oidc import BASE, ISSUER, Oidc
from harness.relying_party import (ASSERTION_TYPE, CALLBACK, DETAILS, PAR, PAR_DETAILS, Browser, Key,
                                   RelyingParty, details_hash, pkce, proof, url_of)


@pytest.fixture(scope="module")
def oidc():
    with Oidc("/nowhere/clients.sock",
              more={"oidc": ["credential_scopes = farmer_vc health_vc"]}) as running:
        yield running


@pytest.fixture(scope="module")
def party(oidc):
    return RelyingParty(oidc, "portal", clientNameLangMap={"fra": "Portail santé"})


@pytest.fixture()
def browser(oidc):
    made = Browser(oidc)
    yield made
    made.close()


def codes(answer):
    assert answer.status == 200, answer
    return [error["errorCode"] for error in answer.json()["errors"]]


def details(answer):
    assert codes(answer) == [], answer
    return answer.json()["response"]


def test_a_login_is_told_with_all_that_the_pages_need(party, browser):
    answer = browser.begin(party.request(claims={"userinfo": {"email": {"essential": True}}}))
    told = details(answer)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", told["transactionId"])
    assert told["clientName"] == {"@none": "Health portal", "fra": "Portail santé"}
    assert told["redirectUri"] == CALLBACK and told["logoUrl"] == "https://rp.example/logo.png"
    assert told["essentialClaims"] == ["email"]
    assert sorted(told["voluntaryClaims"]) == ["birthdate", "name"]
    assert told["authorizeScopes"] == told["credentialScopes"] == []
    assert told["configs"]["issuer"] == ISSUER
    assert answer.headers["cache-control"] == "no-store"
    assert browser.begin(party.request()).json()["response"]["transactionId"] != told["transactionId"]


def test_the_answer_is_what_a_browser_writes_of_it_again(oidc, browser):
    party = RelyingParty(oidc, "purpose", clientName='"Q" \\ / \u2028 \u00e9 \U0001f600',
                         additional={"purpose": {"type": "login", "title": {"@none": "T/1"}}})
    answer = browser.begin(party.request())
    raw = answer.body.decode()
    response = raw[raw.index('"response":') + 11:raw.rindex(',"errors"')]
    assert b64u(hashlib.sha256(response.encode()).digest()) == details_hash(json.loads(response))


@pytest.mark.parametrize("scope,authorize,credential", [
    ("openid unknown", [], []), ("openid Manage-VID Manage-VID", ["Manage-VID"], []),
    ("Manage-VID", ["Manage-VID"], []), ("farmer_vc", [], ["farmer_vc"])])
def test_scopes_that_are_taken(party, browser, scope, authorize, credential):
    told = details(browser.begin(party.request(scope=scope)))
    assert (told["authorizeScopes"], told["credentialScopes"]) == (authorize, credential)


def test_without_a_key_for_its_userinfo_a_relying_party_begins_no_login(oidc, browser):
    sealed = RelyingParty(oidc, "sealed", additional={"userinfo_response_type": "JWE"})
    assert codes(browser.begin(sealed.request())) == ["invalid_public_key"]
    answer = sealed.push()
    assert (answer.status, answer.json()) == (400, {"error": "invalid_request",
                                                    "error_description": "invalid_public_key"})
    details(browser.begin(sealed.request(scope="farmer_vc")))
    key = {**Key("RS256").jwk(), "use": "enc", "alg": "RSA-OAEP-256"}
    assert codes(oidc.manage("PATCH", "client/sealed", {"encPublicKey": key})) == []
    details(browser.begin(sealed.request()))
    assert sealed.push().status == 201


BAD = [
    ("client_id", "nobody", "invalid_client_id"),
    ("client_id", "a/b", "invalid_client_id"),
    ("client_id", 7, "invalid_client_id"),
    ("redirect_uri", None, "invalid_redirect_uri"),
    ("redirect_uri", CALLBACK + "/", "invalid_redirect_uri"),
    ("redirect_uri", CALLBACK + "?x=1", "invalid_redirect_uri"),
    ("redirect_uri", "https://RP.example/cb", "invalid_redirect_uri"),
    ("response_type", "token", "invalid_response_type"),
    ("response_type", "code id_token", "invalid_response_type"),
    ("scope", "profile", "invalid_scope"),
    ("scope", "unknown", "invalid_scope"),
    ("scope", "openid farmer_vc", "invalid_scope"),
    ("scope", "farmer_vc Manage-VID", "invalid_scope"),
    ("prompt", "none", "login_required"),
    ("prompt", "none login", "invalid_prompt"),
    ("prompt", "later", "invalid_prompt"),
    ("display", "wall", "invalid_display"),
    ("max_age", -1, "invalid_request"),
    ("max_age", "soon", "invalid_request"),
    ("state", "line\nend", "invalid_request"),
    ("state", "s" * 2049, "invalid_request"),
    ("nonce", ["n"], "invalid_request"),
    ("code_challenge", "short", "invalid_pkce_challenge"),
    # The example of RFC 7636, appendix B: each worker has to find the same tests.
    ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "unsupported_pkce_challenge_method"),
    ("code_challenge_method", "S256", "invalid_pkce_challenge"),
    ("dpop_jkt", "x" * 42, "invalid_request"),
    ("claims", "all", "invalid_claim"),
    ("claims", {"userinfo": []}, "invalid_claim"),
    ("claims", {"userinfo": {"name": 5}}, "invalid_claim"),
    ("claims", {"userinfo": {"name": {"essential": "yes"}}}, "invalid_claim"),
    ("claims", {"userinfo": {"verified_claims": {}}}, "invalid_verified_claims"),
    ("id_token_hint", "x.y.z", "invalid_id_token_hint"),
]


@pytest.mark.parametrize("member,value,code", BAD)
def test_each_member_has_its_mistake(party, browser, member, value, code):
    assert codes(browser.begin(party.request(**{member: value}))) == [code]


def test_what_a_client_asked_to_be_held_to_is_held(oidc, browser):
    strict = RelyingParty(oidc, "strict-pkce", additional={"require_pkce": True})
    _, challenge = pkce()
    assert codes(browser.begin(strict.request())) == ["use_pkce"]
    details(browser.begin(strict.request(code_challenge=challenge, code_challenge_method="S256")))
    pushing = RelyingParty(oidc, "strict-par",
                           additional={"require_pushed_authorization_requests": True})
    assert codes(browser.begin(pushing.request())) == ["invalid_request"]
    uri = pushing.push().json()["request_uri"]
    details(browser.begin_pushed("strict-par", uri))


def test_an_inactive_client_is_none(oidc, browser):
    party = RelyingParty(oidc, "sleeping")
    details(browser.begin(party.request()))
    assert codes(oidc.manage("PATCH", "client/sleeping", {"status": "INACTIVE"})) == []
    assert codes(browser.begin(party.request())) == ["invalid_client_id"]
    assert party.push().json() == {"error": "invalid_client"}


@pytest.mark.parametrize("path", [DETAILS, PAR_DETAILS])
def test_nothing_is_written_without_the_token_of_the_page(oidc, party, browser, path):
    other = Browser(oidc)
    assert re.fullmatch(r"[A-Za-z0-9_-]{86}", browser.token) and browser.token != other.token
    for headers in ({}, {"Cookie": browser.cookie}, {"X-XSRF-TOKEN": browser.token},
                    {"Cookie": browser.cookie, "X-XSRF-TOKEN": other.token},
                    {"Cookie": browser.cookie, "X-XSRF-TOKEN": browser.cookie.split("=")[1]},
                    {"Cookie": "XSRF-TOKEN=", "X-XSRF-TOKEN": ""}):
        answer = browser.post(path, party.request(), headers)
        assert answer.status == 403
        assert [one["errorCode"] for one in answer.json()["errors"]] == ["FORBIDDEN"]
    among = {"Cookie": f"XSRF-TOKEN=old; theme=dark; {browser.cookie}", "X-XSRF-TOKEN": browser.token}
    assert browser.post(path, {}, among).status == 200
    other.close()


def test_windows_of_one_browser_share_the_cookie(browser):
    answer = browser.client.get(f"{BASE}/csrf/token", headers={"Cookie": browser.cookie})
    cookie, *attributes = answer.headers["set-cookie"].split("; ")
    assert cookie == browser.cookie
    assert set(attributes) == {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"}
    assert answer.json()["headerName"] == "X-XSRF-TOKEN" and answer.json()["token"] != browser.token
    assert answer.headers["cache-control"] == "no-store"


def test_a_pushed_request_is_used_once_and_by_its_client(oidc, party, browser):
    other = RelyingParty(oidc, "stranger")
    answer = party.push(claims=json.dumps({"userinfo": {"name": {"essential": True}}}))
    assert answer.status == 201, answer
    assert answer.headers["cache-control"] == "no-store" and answer.headers["pragma"] == "no-cache"
    body = answer.json()
    assert body["expires_in"] == 60 and body["request_uri"].startswith(
        "urn:ietf:params:oauth:request_uri:")
    told = details(browser.begin_pushed("portal", body["request_uri"]))
    assert told["essentialClaims"] == ["name"]
    assert codes(browser.begin_pushed("portal", body["request_uri"])) == ["invalid_request"]
    uri = party.push().json()["request_uri"]
    assert codes(browser.begin_pushed(other.name, uri)) == ["invalid_request"]
    assert codes(browser.begin_pushed("nobody", uri)) == ["invalid_client_id"]
    for bad in (None, "", "urn:x", "urn:ietf:params:oauth:request_uri:", 5):
        assert codes(browser.begin_pushed("portal", bad)) == ["invalid_request"]


@pytest.mark.parametrize("algorithm", ["PS256", "RS256", "ES256"])
@pytest.mark.parametrize("audience", [ISSUER, url_of(PAR), url_of(f"{BASE}/oauth/v2/token"),
                                      ["https://else.example", ISSUER]])
def test_assertions_that_are_taken(oidc, algorithm, audience):
    name = f"alg-{algorithm}-{secrets.token_hex(4)}"
    party = RelyingParty(oidc, name, algorithm)
    assert party.push(assertion=party.assertion(aud=audience)).status == 201


BAD_ASSERTIONS = {
    "another audience": lambda p: p.assertion(aud="https://else.example"),
    "no audience": lambda p: p.assertion(without=["aud"]),
    "another issuer": lambda p: p.assertion(iss="else"),
    "another subject": lambda p: p.assertion(sub="else"),
    "nobody": lambda p: p.assertion(iss="nobody", sub="nobody"),
    "over": lambda p: p.assertion(exp=int(time.time()) - 20),
    "without an end": lambda p: p.assertion(without=["exp"]),
    "for ever": lambda p: p.assertion(exp=int(time.time()) + 90000),
    "of tomorrow": lambda p: p.assertion(iat=int(time.time()) + 100),
    "not yet": lambda p: p.assertion(nbf=int(time.time()) + 100),
    "without iat": lambda p: p.assertion(without=["iat"]),
    "without jti": lambda p: p.assertion(without=["jti"]),
    "of a long jti": lambda p: p.assertion(jti="j" * 257),
    "of another key": lambda p: p.assertion(key=Key()),
    "no JWT": lambda p: "x",
    "damaged": lambda p: p.assertion()[:-6] + "AAAAAA",
    "unsigned": lambda p: "eyJhbGciOiJub25lIn0." + p.assertion().split(".")[1] + ".",
    "critical": lambda p: p.assertion(headers={"crit": ["x"], "x": 1}),
}


@pytest.mark.parametrize("what", BAD_ASSERTIONS)
def test_a_client_is_refused_before_its_request_is_read(party, what):
    answer = party.push(assertion=BAD_ASSERTIONS[what](party), scope="nothing at all")
    assert (answer.status, answer.json()) == (401, {"error": "invalid_client"})
    assert answer.headers["cache-control"] == "no-store"


def unencoded(key, claims, header):
    """A JWS whose payload is not in base64url (RFC 7797), which no JWT is."""
    head = b64u(json.dumps({"alg": "ES256", "b64": False, "crit": ["b64"], **header}).encode())
    text = json.dumps(claims).replace(".", "\\u002e").replace(" ", "")
    signature = ECAlgorithm(ECAlgorithm.SHA256).sign(f"{head}.{text}".encode(), key.private)
    return f"{head}.{text}.{b64u(signature)}"


def test_what_is_no_jwt_shows_nothing(party):
    now, key = int(time.time()), Key()
    claims = {"iss": party.name, "sub": party.name, "aud": ISSUER, "iat": now, "exp": now + 60,
              "jti": secrets.token_hex(16)}
    answer = party.push(assertion=unencoded(party.key, claims, {}))
    assert (answer.status, answer.json()) == (401, {"error": "invalid_client"})
    shown = {"htm": "POST", "htu": url_of(PAR), "iat": now, "jti": "j"}
    answer = party.push({"DPoP": unencoded(key, shown, {"typ": "dpop+jwt", "jwk": key.jwk()})})
    assert (answer.status, answer.json()) == (400, {"error": "invalid_dpop_proof"})


def test_an_assertion_is_used_once(party):
    one, answers = party.assertion(), []
    threads = [threading.Thread(target=lambda: answers.append(party.push(assertion=one).status))
               for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201] + 15 * [401]


def test_what_is_used_stays_used_over_a_restart():
    with Oidc("/nowhere/clients.sock") as own:
        party = RelyingParty(own, "kept")
        one = party.assertion()
        uri = party.push(assertion=one).json()["request_uri"]
        own.stop()
        own.start()
        assert party.push(assertion=one).status == 401
        browser = Browser(own)
        details(browser.begin_pushed("kept", uri))
        browser.close()


@pytest.mark.parametrize("changes,error,description", [
    ({"scope": "profile"}, "invalid_scope", None),
    ({"prompt": "none"}, "login_required", None),
    ({"request": "x.y.z"}, "request_not_supported", None),
    ({"request_uri": "urn:x"}, "invalid_request", "request_uri"),
    ({"redirect_uri": "https://else.example"}, "invalid_request", "invalid_redirect_uri"),
    ({"response_type": "token"}, "invalid_request", "invalid_response_type"),
    ({"claims": "{"}, "invalid_request", "invalid_claim"),
    ({"code_challenge": "x"}, "invalid_request", "invalid_pkce_challenge"),
    ({"max_age": "x"}, "invalid_request", "invalid_request"),
    ({"response_mode": "form_post"}, "invalid_request", "response_mode"),
    ({"response_mode": "fragment"}, "invalid_request", "response_mode"),
    ({"registration": "{}"}, "invalid_request", "registration_not_supported"),
])
def test_what_is_wrong_with_a_pushed_request_is_an_error_of_oauth(party, changes, error, description):
    answer = party.push(**changes)
    wanted = {"error": error, **({"error_description": description} if description else {})}
    assert (answer.status, answer.json()) == (400, wanted)


def test_what_is_no_form_is_refused(party):
    client = party.oidc.public()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for body, headers in [("a=1&a=2", form), ("a=%zz", form), ("a=%ff", form), ("a=%00", form),
                          ("&".join(f"p{i}=1" for i in range(41)), form),
                          ("{}", {"Content-Type": "application/json"})]:
        answer = client.request("POST", PAR, body=body, headers=headers)
        assert (answer.status, answer.json()["error"]) == (400, "invalid_request"), body
    answer = client.request("POST", PAR, body=f"client_assertion_type={ASSERTION_TYPE}", headers={
        "Content-Type": "Application/X-WWW-Form-Urlencoded; charset=UTF-8"})
    assert (answer.status, answer.json()) == (401, {"error": "invalid_client"})
    assert client.request("POST", PAR, body=b"x" * 70000, headers=form).status == 413
    assert client.get(PAR).status == 405
    client.close()


def test_a_proof_of_possession_binds_what_is_pushed(party):
    key, url = Key(), url_of(PAR)
    assert party.push({"DPoP": proof(key, url)}).status == 201
    assert party.push({"DPoP": proof(key, url)}, dpop_jkt=key.thumbprint()).status == 201
    used = proof(key, url)
    assert party.push({"DPoP": used}).status == 201
    bad = [(used, {}), (proof(key, url), {"dpop_jkt": Key().thumbprint()}),
           (proof(key, url_of(DETAILS)), {}), (proof(key, url, method="GET"), {}),
           (proof(key, url, iat=int(time.time()) - 100), {}),
           (proof(key, url, iat=int(time.time()) + 100), {}), (proof(key, url, jti=""), {}),
           (proof(key, url, headers={"typ": "JWT"}), {}),
           (proof(key, url, headers={"jwk": Key().jwk()}), {}),
           (proof(key, url, headers={"jwk": {**key.jwk(), "d": "AQAB"}}), {}), ("x", {})]
    for one, changes in bad:
        answer = party.push({"DPoP": one}, **changes)
        assert (answer.status, answer.json()) == (400, {"error": "invalid_dpop_proof"})


def test_what_is_over_is_gone():
    with Oidc("/nowhere/clients.sock", more={"oidc": ["pushed_request_s = 1"]}) as own:
        party, browser = RelyingParty(own, "slow"), Browser(own)
        uri = party.push().json()["request_uri"]
        over = time.time() + 2
        wait_until(lambda: time.time() > over, PATIENCE_S, "the end of a second")
        assert codes(browser.begin_pushed("slow", uri)) == ["invalid_request"]
        browser.close()


def test_more_logins_than_there_may_be_are_told_to_come_later():
    with Oidc("/nowhere/clients.sock", more={"oidc": ["transactions = 2", "transaction_s = 1"]}) as own:
        party, browser = RelyingParty(own, "many"), Browser(own)

        def begin():
            return browser.begin(party.request())

        wait_until(lambda: begin().status == 503, PATIENCE_S, "a full house")
        pushed = party.push()
        if pushed.status != 201:
            assert (pushed.status, pushed.json()) == (503, {"error": "temporarily_unavailable"})
            assert pushed.headers["retry-after"] == "1"
        wait_until(lambda: begin().status == 200, PATIENCE_S, "room again")
        browser.close()


def test_one_address_or_relying_party_takes_no_places_of_others():
    more = {"oidc": [f"proxies = {os.getuid()}", "transactions = 100", "transactions_share = 3"]}
    with Oidc("/nowhere/clients.sock", more=more) as own:
        party, other, browser = RelyingParty(own, "one"), RelyingParty(own, "other"), Browser(own)

        def begin(address):
            return browser.begin(party.request(), headers={"X-Real-IP": address}).status

        assert [begin("192.0.2.1") for _ in range(4)] == [200, 200, 200, 503]
        assert [begin(f"2001:db8::{number}") for number in range(4)] == [200, 200, 200, 503]
        assert begin("192.0.2.2") == 200
        assert [party.push().status for _ in range(4)] == [201, 201, 201, 503]
        assert other.push().status == 201
        browser.close()


def test_assertions_that_live_long_are_few_of_one_relying_party():
    with Oidc("/nowhere/clients.sock", more={"oidc": ["long_assertions = 2"]}) as own:
        party, other = RelyingParty(own, "one"), RelyingParty(own, "other")

        def push(of, life_s):
            return of.push(assertion=of.assertion(exp=int(time.time()) + life_s)).status

        # One that is shown again is none more.
        shown = party.assertion(exp=int(time.time()) + 3600)
        assert [party.push(assertion=shown).status for _ in range(3)] == [201, 401, 401]
        assert [push(party, 3600) for _ in range(3)] == [201, 401, 401]
        assert [push(party, 120), push(other, 3600), push(party, 3600)] == [201, 201, 401]
        own.stop()
        own.start()
        assert [push(party, 120), push(party, 3600)] == [201, 401]


def test_nothing_of_a_login_can_be_read_on_the_disk_or_in_the_log(oidc, party, browser):
    request = party.request(state="find-me-on-the-disk", nonce="find-me-too")
    told = details(browser.begin(request))
    uri = party.push(**request).json()["request_uri"]
    files = list((oidc.directory / "data").glob("transactions.db*"))
    stored = b"".join(path.read_bytes() for path in files)
    assert len(files) >= 2 and len(stored) > 4096
    for text in (request["state"], request["nonce"], told["transactionId"], uri.split(":")[-1]):
        assert text.encode() not in stored and text not in oidc.log()
