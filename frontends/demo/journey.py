#!/usr/bin/python3
"""
Beside a running `privyseal dev`: starts privyseal-oidc and privyseal-certify and goes the whole way,
as a person with a browser, a relying party and a wallet would.

usage: journey.py BUILD-DIRECTORY DEV-DIRECTORY PLUGIN-DIRECTORY [--serve]

Its environment is that of DEV-DIRECTORY/env. PLUGIN-DIRECTORY is root's and has copies of
authenticator-registry.so and data-csv.so, since the companions load nothing else. With --serve it then shows a site to click through, until
it is stopped.
"""

import pathlib
import signal
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from companions import CARD, SCOPE, Companions  # noqa: E402
from person import Person  # noqa: E402
from portal import Site  # noqa: E402
from web import Web  # noqa: E402

SOMEBODY = "1000000001"


def say(line):
    print(f"   {line}", flush=True)


def go(site, companions, web):
    person = Person(web, SOMEBODY, companions.otps)
    url = site.party.begin(scope="openid profile", prompt="consent",
                           claims='{"userinfo":{"name":{"essential":true},"email":null}}')
    had = site.party.person(person.log_in(url, permits=["claim.email"]))
    if not {"name", "email"} <= had["told"].keys():
        raise RuntimeError(f"userinfo lacks what was agreed to: {sorted(had['told'])}")
    say(f"{SOMEBODY} logged in with a one-time password and agreed to two claims.")
    say(f"The portal has an ID token: acr {had['claims']['acr']}; PyJWT says its signature is good.")
    say(f"Its userinfo, a JWS, names {had['told']['name']}.")
    card = site.wallet.credential(person.log_in(site.wallet.begin(scope=SCOPE)), CARD)
    if "number" not in card["claims"]:
        raise RuntimeError("the credential lacks a claim")
    say(f"The wallet has an SD-JWT VC, bound to its own key: {card['claims']['given_name']} "
        f"{card['claims']['family_name']}, number {card['claims']['number']}.")
    say(f"{len(card['credential'].split('~')) - 2} claims in it can each be kept back; PyJWT says that "
        "its signature is good.")


def serve(site, companions):
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    say("")
    say(f"To click through it yourself: {site.url}")
    say(f"Logs of the two companions: {companions.place}/oidc/log, {companions.place}/certify/log")
    stop.wait()


def main():
    arguments = [word for word in sys.argv[1:] if word != "--serve"]
    if len(arguments) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    companions = Companions(*arguments)
    web = Web(companions.ca)
    site = Site(web, companions)
    try:
        companions.start_oidc()
        site.register()
        companions.start_certify(site.wallet.name)
        site.start()
        say(f"privyseal-oidc answers at {companions.oidc_url}, privyseal-certify at "
            f"{companions.certify_url}.")
        go(site, companions, web)
        if "--serve" in sys.argv[1:]:
            serve(site, companions)
    except (OSError, RuntimeError) as error:
        print(f"   The journey ended: {error}", file=sys.stderr)
        return 1
    finally:
        companions.stop()
        site.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
