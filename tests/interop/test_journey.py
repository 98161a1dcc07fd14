"""The whole journey with relying parties that we did not write: someone logs in with a one-time password,
the relying party gets an ID token and userinfo, and a wallet's backend gets a credential."""

import json
import os
import secrets
import sqlite3
import urllib.parse

import jwt
import pytest
from jwcrypto import jwe, jwk
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from harness.certify import ISSUER as CREDENTIALS
from harness.certify import BASE as CERTIFY
from harness.certify import CREDENTIAL_URL, Certify, body_1_0, body_draft, configuration, plugin_in
from harness.chromium import Site, become, chromium, focused, press, wait
from harness.front import Front
from harness.oidc import BASE, Oidc
from harness.pages import Visitor
from harness.persons import People, people_table
from harness.relying_party import CALLBACK, registration

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="plugins are root's")
CLAIMS = {"userinfo": {"name": {"essential": True}, "email": None}}
SCOPE = "identity"
# How each is registered: the algorithm of its key, and additionalConfig.
KINDS = {
    "plain": ("ES256", {"require_pkce": True}),
    "par": ("RS256", {"require_pushed_authorization_requests": True}),
    "dpop": ("PS256", {"dpop_bound_access_tokens": True, "userinfo_response_type": "JWE",
                       "require_pushed_authorization_requests": True}),
}


@pytest.fixture(scope="module", name="people")
def sample_people(tmp_path_factory):
    directory = tmp_path_factory.mktemp("people")
    ids = people_table(directory / "people.csv", 20)
    made = People(directory / "people.csv", directory)
    made.next = iter(ids).__next__  # somebody who has not logged in yet
    yield made
    made.close()


@pytest.fixture(scope="module", name="front")
def proxy(tmp_path_factory):
    made = Front(tmp_path_factory.mktemp("front"))
    yield made
    made.stop()


@pytest.fixture(scope="module", name="oidc")
def running(appliance, people, front):
    more = {**people.settings(), "oidc": [f"credential_scopes = {SCOPE}",
                                          f"credential_audience = {CREDENTIAL_URL}"]}
    with Oidc(appliance.environment["PRIVYSEAL_SOCKET"], more=more, url=front.url) as oidc:
        front.start(oidc.public_socket)
        oidc.people, oidc.issuer = people, front.url + BASE
        yield oidc


class Credentials:
    """privyseal-certify behind this front end, with a register that people are entered into."""

    def __init__(self, socket, oidc, directory):
        self.register = directory / "people.db"
        with sqlite3.connect(self.register) as database:
            database.execute("CREATE TABLE person (id TEXT PRIMARY KEY, name TEXT, city TEXT)")
        plugin = plugin_in(directory, "data-sql.so")
        provider = (f"[provider people]\nplugin = {plugin}\n"
                    f"option = database={self.register}\n"
                    "option = query=SELECT json_object('name', name, 'city', city) FROM person"
                    f" WHERE id = ?1\nwritable = {directory}\n")
        more = {"tokens": ["jwks_url = http://localhost/.well-known/jwks.json",
                           f"jwks_socket = {oidc.public_socket}"]}
        self.certify = Certify(socket, None, more, providers=provider, server=oidc.issuer)

    def enter(self, subject, name):
        with sqlite3.connect(self.register) as database:
            database.execute("INSERT OR REPLACE INTO person VALUES (?, ?, 'Rabat')", (subject, name))

    def key_of(self, text):
        """The issuer's key that the credential names, as it is published."""
        client = self.certify.public()
        keys = client.get(f"{CERTIFY}/.well-known/jwks.json").json()["keys"]
        client.close()
        kid = jwt.get_unverified_header(text.split("~")[0])["kid"]
        return next(key for key in keys if key["kid"] == kid)


@pytest.fixture(scope="module", name="credentials")
def issuing(appliance, oidc, tmp_path_factory):
    made = Credentials(appliance.environment["PRIVYSEAL_SOCKET"], oidc,
                       tmp_path_factory.mktemp("register"))
    with made.certify as certify:
        template = {"given_name": "${name}", "address": {"city": "${city}"}}
        answer = certify.configure(configuration(vcTemplate=template,
                                                 sdClaim=["given_name", "address.city"]))
        assert answer.status == 201, answer
        yield made


@pytest.fixture(scope="module", params=["openid-client", "Authlib"], name="library")
def relying_parties(request, front, ask_node, ask_python):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NODE_EXTRA_CA_CERTS", str(front.certified.ca))
        patch.setenv("REQUESTS_CA_BUNDLE", str(front.certified.ca))
        yield (ask_node("openid_client.mjs") if request.param == "openid-client"
               else ask_python("relying_party.py"))


class Party:
    """A relying party that the library is."""

    def __init__(self, oidc, library, kind, callback=CALLBACK):
        self.oidc, self.library, self.kind, self.callback = oidc, library, kind, callback
        self.name = f"{kind}-{secrets.token_hex(4)}"
        alg, additional = KINDS[kind]
        self.keys = self.do("keys", alg=alg)
        answer = oidc.manage("POST", "client", registration(
            self.name, self, additionalConfig=additional, redirectUris=[callback]))
        assert answer.json()["errors"] == [], answer
        if "userinfo_response_type" in additional:
            key = {**self.keys["seal"], "use": "enc", "alg": "RSA-OAEP-256"}
            answer = oidc.manage("PATCH", f"client/{self.name}", {"encPublicKey": key})
            assert answer.json()["errors"] == [], answer

    def jwk(self):
        return self.keys["jwk"]

    def do(self, what, **row):
        answer = self.library({"do": what, "name": self.name, "kind": self.kind,
                               "issuer": self.oidc.issuer, **row})
        assert answer["good"], (self.kind, what, answer)
        return answer

    def journey(self, person, agreed=(), way=None, **parameters):
        """What the library has at the end. `way`: `visit`, or another that does the same."""
        begun = self.do("begin", parameters={"redirect_uri": self.callback, **parameters})
        came = (way or visit)(self.oidc, begun["url"], person, agreed)
        return self.do("finish", callback=came)


def visit(oidc, url, person, agreed):
    """What a person does who is sent to the address: where they are sent back to."""
    visitor = Visitor(oidc)
    visitor.enter(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query)))
    visitor.press("otp", individual=person)
    page = visitor.press("answer", otp=oidc.people.otp(person))
    if page.all("button", value="agree"):
        boxes = {f"claim.{name}" for name in agreed} & set(page.names())
        page = visitor.press("agree", **dict.fromkeys(boxes, "1"))
    visitor.close()
    return page.onward()


@pytest.fixture(scope="module", name="site")
def callback_of_parties():
    made = Site()
    yield made
    made.close()


@pytest.fixture(scope="module", name="in_chromium")
def visitor_with_a_browser(site):
    """`visit` in Chromium, on a phone."""
    with chromium() as driver:
        def go(oidc, url, person, agreed):
            become(driver, "en", "phone")
            driver.get(url)
            focused(driver, "individual")
            press(driver, person, Keys.ENTER)
            focused(driver, "otp")
            press(driver, oidc.people.otp(person), Keys.ENTER)
            wait(driver, lambda: driver.find_elements(By.CSS_SELECTOR, "button[value=agree]"),
                 "consent")
            for name in agreed:
                for box in driver.find_elements(By.ID, f"claim.{name}"):
                    box.click()
            before = len(site.came)
            driver.find_element(By.CSS_SELECTOR, "button[value=agree]").click()
            wait(driver, lambda: len(site.came) > before, "the way back")
            return f"{site.callback}?{urllib.parse.urlencode(site.came[-1][0])}"

        yield go


def verified(oidc, text, party):
    """By PyJWT, with the published keys."""
    client = oidc.public()
    keys = jwt.PyJWKSet.from_dict(client.get("/.well-known/jwks.json").json())
    client.close()
    kid = jwt.get_unverified_header(text)["kid"]
    key = next(one for one in keys.keys if one.key_id == kid)
    return jwt.decode(text, key.key, algorithms=["RS256", "PS256", "ES256"], issuer=oidc.issuer,
                      audience=party.name)


def opened(party, text):
    """By jwcrypto."""
    assert text.count(".") == 4
    sealed = jwe.JWE()
    sealed.deserialize(text, jwk.JWK(**party.keys["opens"]))
    return sealed.payload.decode()


def check_knows(party, person, way=None):
    """The party knows who went that way, by signatures that other libraries verify."""
    had = party.journey(person, ["name", "email"], way, scope="openid profile",
                        claims=json.dumps(CLAIMS), prompt="consent")
    bound = party.kind == "dpop"
    assert had["tokens"]["token_type"].lower() == ("dpop" if bound else "bearer")
    claims = verified(party.oidc, had["tokens"]["id_token"], party)
    assert claims == had["claims"] and claims["acr"] == "mosip:idp:acr:generated-code"
    told = verified(party.oidc, opened(party, had["raw"]) if bound else had["raw"], party)
    assert told == had["userinfo"] and told["sub"] == claims["sub"]
    assert told["name"] == f"Person {person}" and told["email"] == f"p{person}@example.org"


@pytest.mark.parametrize("kind", list(KINDS))
def test_who_logs_in_is_known_to_the_relying_party(oidc, library, kind):
    check_knows(Party(oidc, library, kind), oidc.people.next())


@pytest.mark.parametrize("kind", list(KINDS))
def test_who_logs_in_with_chromium_is_known(oidc, library, kind, site, in_chromium):
    check_knows(Party(oidc, library, kind, site.callback), oidc.people.next(), in_chromium)


def ask(credentials, party, token, body):
    """With a proof where the token is bound to a key; the first answer tells the nonce for it."""
    certify = credentials.certify
    if party.kind != "dpop":
        return certify.ask(token, body)
    proof = party.do("bound", url=CREDENTIAL_URL, token=token, nonce="none yet")["jwt"]
    answer = certify.ask(token, body, dpop=proof)
    assert answer.status == 401 and "use_dpop_nonce" in answer.headers["www-authenticate"], answer
    nonce = answer.headers["dpop-nonce"]
    proof = party.do("bound", url=CREDENTIAL_URL, token=token, nonce=nonce)["jwt"]
    return certify.ask(token, body, dpop=proof)


# Draft 13 with the nonce that comes with the token, and 1.0 with one that is asked for.
@pytest.mark.parametrize("kind,shape", [("plain", body_draft), ("par", body_1_0),
                                        ("dpop", body_1_0)])
def test_a_wallet_gets_a_credential_with_its_token(oidc, credentials, library, ask_node, kind, shape):
    party = Party(oidc, library, kind)
    person = oidc.people.next()
    known = party.journey(person, scope="openid")
    credentials.enter(known["claims"]["sub"], f"Person {person}")
    tokens = party.journey(person, scope=SCOPE)["tokens"]
    assert "id_token" not in tokens
    nonce = tokens["c_nonce"] if shape is body_draft else credentials.certify.nonce()
    proof = ask_node("openid_client.mjs")({
        "do": "proof", "alg": "ES256", "claims": {"aud": CREDENTIALS, "iss": party.name,
                                                  "nonce": nonce}})
    assert proof["good"], proof
    answer = ask(credentials, party, tokens["access_token"], shape(proof["jwt"]))
    assert answer.status == 200, answer
    body = answer.json()
    text = body["credential"] if shape is body_draft else body["credentials"][0]["credential"]
    theirs = ask_node("sd_jwt.mjs")({"do": "verify-vc", "jwk": credentials.key_of(text),
                                     "sd_jwt": text})
    assert theirs["good"], theirs
    payload = theirs["payload"]
    assert payload["cnf"] == {"jwk": proof["jwk"]} and payload["iss"] == CREDENTIALS
    assert payload["given_name"] == f"Person {person}" and payload["address"]["city"] == "Rabat"
