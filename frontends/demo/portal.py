"""The demo's own site: a relying party and a wallet's backend for one browser, on loopback."""

import html
import http.cookies
import http.server
import json
import threading
import urllib.parse

import jwt

from companions import CARD, SCOPE
from relying_party import Client, Wallet, decoded

STYLE = """
body { margin: 0 auto; max-width: 52rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; color: #1a2733; background: #fff }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2rem }
a.go { display: inline-block; padding: .6rem 1.2rem; border-radius: .4rem; background: #12385b; color: #fff; text-decoration: none }
a.go:focus, a.go:hover { background: #0b2439 }
pre { padding: .8rem; overflow-x: auto; background: #f1f4f7; border-radius: .4rem }
p.good { padding: .5rem .8rem; background: #e5f4ea; border-radius: .4rem }
p.bad { padding: .5rem .8rem; background: #fbe9e7; border-radius: .4rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
MARK = "demo_login"


def text(value):
    return html.escape(str(value))


def shown(value):
    return f"<pre>{text(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"


def link(target, title):
    return f'<p><a class="go" href="{target}">{text(title)}</a></p>'


class Site:
    """`companions`: not started yet. `start` and `register` in this order."""

    def __init__(self, web, companions):
        site = self
        self.companions = companions

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = 30

            def do_GET(self):
                site.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = None
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.party = Client(web, companions.issuer, "demo-portal", f"{self.url}/back")
        self.wallet = Wallet(web, companions.issuer, "demo-wallet", f"{self.url}/wallet/back",
                             companions.certify_url)
        self.pages = {"/": self.home, "/login": self.login, "/back": self.back,
                      "/wallet": self.to_wallet, "/wallet/back": self.from_wallet,
                      "/messages": self.messages}

    def register(self):
        self.companions.register(self.party.name, "Portal of the demo", self.party.key.jwk(),
                                 self.party.callback)
        self.companions.register(self.wallet.name, "Wallet of the demo", self.wallet.key.jwk(),
                                 self.wallet.callback)

    def start(self):
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self):
        if self.thread is not None:
            self.server.shutdown()
            self.thread.join()
        self.server.server_close()

    def answer(self, handler):
        place = urllib.parse.urlsplit(handler.path)
        parameters = dict(urllib.parse.parse_qsl(place.query))
        page = self.pages.get(place.path)
        try:
            if page is None:
                self.send(handler, 404, "There is no such page", "")
            else:
                page(handler, parameters)
        except (OSError, RuntimeError, jwt.PyJWTError) as error:
            self.send(handler, 502, "That did not work",
                      f'<p class="bad">{text(error)}</p>' + link("/", "Begin again"))

    def send(self, handler, status, title, body):
        octets = (f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="viewport" '
                  f'content="width=device-width"><title>{text(title)}</title><style>{STYLE}</style>'
                  f"<h1>{text(title)}</h1>{body}</html>").encode()
        handler.send_response(status)
        for name, value in (("Content-Type", "text/html; charset=utf-8"),
                            ("Content-Length", str(len(octets))), ("Cache-Control", "no-store"),
                            ("Content-Security-Policy", POLICY), ("Referrer-Policy", "no-referrer")):
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(octets)

    def lead(self, handler, address):
        """To the login, which this browser alone can finish."""
        state = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))["state"]
        handler.send_response(303)
        handler.send_header("Location", address)
        handler.send_header("Set-Cookie", f"{MARK}={state}; HttpOnly; SameSite=Lax; Path=/")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def check(self, handler, parameters):
        cookies = http.cookies.SimpleCookie(handler.headers.get("Cookie", ""))
        if MARK not in cookies or cookies[MARK].value != parameters.get("state"):
            raise RuntimeError("this login was begun in another browser")

    def home(self, handler, _parameters):
        rows = "".join(f"<tr><td>{one}</td><td>{pin}</td></tr>" for one, pin in (
            ("1000000001", "111111"), ("1000000002", "222222"), ("1000000003", "333333")))
        self.send(handler, 200, "A portal that people log in to", f"""
<p>This page is a relying party. It holds no password and knows nobody: it sends you to
<code>privyseal-oidc</code>, and takes back an ID token that a key in the HSM has signed.</p>
{link("/login", "Log in")}
<h2>Who you can be</h2><table><tr><th>Number</th><th>PIN</th></tr>{rows}</table>
<p>Or with a one-time password, which comes as a <a href="/messages" target="_blank">message</a>.</p>
<p>Your browser does not know the appliance's own authority and will say so, unless you let it trust
<code>{text(self.companions.ca)}</code> for as long as you try this.</p>""")

    def login(self, handler, _parameters):
        claims = {"userinfo": {"name": {"essential": True}, "email": None, "birthdate": None}}
        self.lead(handler, self.party.begin(
            scope="openid profile", claims=json.dumps(claims), prompt="consent",
            acr_values="mosip:idp:acr:generated-code mosip:idp:acr:static-code"))

    def back(self, handler, parameters):
        self.check(handler, parameters)
        had = self.party.person(parameters)
        header, claims = decoded(had["id_token"])
        self.send(handler, 200, f"Welcome, {had['told'].get('name', 'somebody')}", f"""
<p class="good">PyJWT has verified both signatures with the published keys.</p>
<h2>ID token</h2>{shown(header)}{shown(claims)}
<h2>Userinfo</h2>{shown(had["told"])}
<h2>Next: a credential</h2>
<p>A wallet's backend asks <code>privyseal-certify</code> for your identity card. You log in once more,
since this is another program.</p>{link("/wallet", "Get the credential")}""")

    def to_wallet(self, handler, _parameters):
        self.lead(handler, self.wallet.begin(
            scope=SCOPE, acr_values="mosip:idp:acr:generated-code mosip:idp:acr:static-code"))

    def from_wallet(self, handler, parameters):
        self.check(handler, parameters)
        had = self.wallet.credential(parameters, CARD)
        header, _claims = decoded(had["credential"].split("~")[0])
        self.send(handler, 200, "Your identity card", f"""
<p class="good">PyJWT has verified the issuer's signature; each claim below was disclosed and is in it.</p>
<h2>What a verifier sees</h2>{shown(had["claims"])}
<h2>Header of its signature</h2>{shown(header)}
<h2>As the wallet keeps it</h2><pre>{text(had["credential"])}</pre>{link("/", "Begin again")}""")

    def messages(self, handler, _parameters):
        rows = []
        for path in sorted(self.companions.otps.glob("*.json")):
            message = json.loads(path.read_text(encoding="utf-8"))
            rows.append(f"<tr><td>{text(message['individual'])}</td><td>{text(message['otp'])}</td></tr>")
        self.send(handler, 200, "Messages", "<p>Nobody has a message.</p>" if not rows else
                  f"<table><tr><th>To</th><th>One-time password</th></tr>{''.join(rows)}</table>"
                  "<p>Load this page anew for newer ones.</p>")
