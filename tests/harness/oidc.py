"""privyseal-oidc as a program of its own, beside an appliance or beside none."""

import datetime

from .companion import Companion
from .places import BUILD

PROGRAM = BUILD / "frontends" / "oidc" / "privyseal-oidc"
BASE = "/v1/esignet"
URL = "https://idp.example"
ISSUER = URL + BASE


def now(offset_s=0):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset_s)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def envelope(request, offset_s=0):
    return {"requestTime": now(offset_s), "request": request}


class Oidc(Companion):
    def __init__(self, socket, more=None, uids=None, url=URL):
        super().__init__("oidc", socket, {"oidc": [f"url = {url}"]}, more, uids)

    def manage(self, method, path, request, offset_s=0):
        client = self.management()
        try:
            return client.request(method, f"{BASE}/client-mgmt/{path}",
                                  body=envelope(request, offset_s))
        finally:
            client.close()
