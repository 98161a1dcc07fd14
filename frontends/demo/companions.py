"""privyseal-oidc and privyseal-certify beside a running `privyseal dev`, with people to log in."""

import csv
import datetime
import http.client
import json
import os
import pathlib
import secrets
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
REGISTER = HERE.parent / "plugins" / "registry" / "sample-people.csv"
SCOPE = "identity"
CARD = "IdentityCard"
CLAIMS = {"given_name": "Given name", "family_name": "Family name", "birthdate": "Born",
          "number": "Number of the card"}
PATIENCE_S = 30


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def run(*words, **more):
    done = subprocess.run([str(word) for word in words], check=False, capture_output=True, text=True,
                          timeout=PATIENCE_S, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{words[0]}: {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout


def write_config(path, sections):
    path.write_text("".join(f"[{name}]\n" + "".join(f"{line}\n" for line in lines)
                            for name, lines in sections.items()), encoding="utf-8")


class OverUnix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE_S)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def manage(path, method, target, body):
    """A request to a management listener; the answer's JSON."""
    connection = OverUnix(path)
    connection.request(method, target, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status not in (200, 201):
        raise RuntimeError(f"{method} {target}: {answer.status} {text.decode()[:400]}")
    return json.loads(text)


class Companions:
    """
    `build`: where the programs are; `dev`: the directory of `privyseal dev`; `plugins`: one of root's with
    authenticator-registry.so and data-csv.so.
    """

    def __init__(self, build, dev, plugins):
        self.build = pathlib.Path(build)
        self.dev = pathlib.Path(dev)
        self.plugins = pathlib.Path(plugins)
        self.ca = self.dev / "ca" / "cert.pem"
        self.place = self.dev / "demo"
        self.place.mkdir(mode=0o755)
        self.oidc_url = f"https://localhost:{free_port()}"
        self.issuer = f"{self.oidc_url}/v1/esignet"
        self.certify_url = f"https://localhost:{free_port()}"
        self.processes = []

    def certificate(self, name):
        """Of the appliance's own CA, for localhost."""
        place = self.place / name
        place.mkdir(mode=0o700)
        tool = self.build / "appliance" / "privyseal"
        run(tool, "x509", "request", "--key-file", place / "key.pem", "--common-name", "localhost",
            "--sans", "dns:localhost,ip:127.0.0.1", "--out", place / "csr.pem")
        run(tool, "x509", "issue", "tls-server", "--csr", place / "csr.pem", "--out",
            place / "cert.pem")
        return place

    def listeners(self, name, url):
        place = self.certificate(name)
        port = url.rsplit(":", 1)[1]
        return {
            "appliance": [f"url = {os.environ['PRIVYSEAL_URL']}", f"ca = {self.ca}",
                          f"certificate = {self.dev}/clients/{name}/cert.pem",
                          f"key = {self.dev}/clients/{name}/key.pem"],
            "public": ["tls_address = 127.0.0.1", f"tls_port = {port}",
                       f"certificate = {place}/cert.pem", f"key = {place}/key.pem"],
            "management": [f"socket = {place}/management.sock"],
            "administrators": [f"uids = {os.getuid()}"],
        }

    def registry(self):
        place = self.place / "registry"
        (place / "otp").mkdir(parents=True, mode=0o700)
        place.chmod(0o700)
        self.tool = [self.build / "frontends/plugins/registry/privyseal-registry", "--database",
                     place / "people.db"]
        run(*self.tool, "import", REGISTER)
        write_config(place / "registry.conf", {
            "registry": [f"database = {place}/people.db"],
            # Whoever tries this may do so more often than in earnest.
            "otp": [f"directory = {place}/otp", "per_source = 1000", "per_person = 10000"]})
        self.otps = place / "otp"
        return {"authenticator": [
            f"plugin = {self.plugins}/authenticator-registry.so",
            f"config = {place}/registry.conf"]}

    def start(self, name, sections):
        config = self.place / name / f"{name}.conf"
        (self.place / name / "data").mkdir(mode=0o700)
        write_config(config, sections)
        log = self.place / name / "log"
        with open(log, "ab") as lines:
            process = subprocess.Popen(
                [self.build / "frontends" / name / f"privyseal-{name}", "--config", config],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=lines)
        self.processes.append(process)
        end = time.monotonic() + PATIENCE_S
        while '"ready"' not in log.read_text(encoding="utf-8"):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"privyseal-{name} did not come up:\n"
                                   + log.read_text(encoding="utf-8")[-2000:])
            time.sleep(0.05)

    def start_oidc(self):
        listeners = self.listeners("oidc", self.oidc_url)
        self.start("oidc", {
            "oidc": [f"data = {self.place}/oidc/data", f"url = {self.oidc_url}",
                     f"credential_scopes = {SCOPE}",
                     f"credential_audience = {self.certify_url}/v1/certify/issuance/credential"],
            **listeners, **self.registry()})

    def register(self, client, name, jwk, callback):
        """A relying party, or a wallet's backend."""
        moment = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        told = manage(self.place / "oidc" / "management.sock", "POST",
                      "/v1/esignet/client-mgmt/client", {"requestTime": moment, "request": {
                          "clientId": client, "clientName": name, "publicKey": jwk,
                          "relyingPartyId": client, "userClaims": ["name", "email", "birthdate"],
                          "authContextRefs": ["mosip:idp:acr:generated-code",
                                              "mosip:idp:acr:static-code"],
                          "logoUri": f"{self.oidc_url}/logo.png", "redirectUris": [callback],
                          "grantTypes": ["authorization_code"],
                          "clientAuthMethods": ["private_key_jwt"],
                          "additionalConfig": {"require_pkce": True}}})
        if told["errors"]:
            raise RuntimeError(f"cannot register {client}: {told['errors']}")

    def people(self, wallet):
        """The issuer's register: by the name that each person has at the wallet."""
        rows = {row["id"]: row for row in csv.DictReader(REGISTER.read_text(encoding="utf-8")
                                                         .splitlines())}
        table = self.place / "certify" / "people.csv"
        with open(table, "w", encoding="utf-8", newline="") as file:
            out = csv.writer(file)
            out.writerow(["sub", *CLAIMS])
            for line in run(*self.tool, "subjects", wallet).splitlines():
                named = json.loads(line)
                row = rows[named["id"]]
                out.writerow([named["subject"], row["given_name"], row["family_name"],
                              row["birthdate"], f"ID-{secrets.randbelow(10**8):08d}"])
        return table

    def start_certify(self, wallet):
        listeners = self.listeners("certify", self.certify_url)
        table = self.people(wallet)
        self.start("certify", {
            "certify": [f"data = {self.place}/certify/data", f"issuer = {self.certify_url}",
                        "name = Ministry of Samples"],
            "tokens": [f"server = {self.issuer}",
                       f"jwks_url = {self.oidc_url}/.well-known/jwks.json", f"jwks_ca = {self.ca}"],
            "provider people": [f"plugin = {self.plugins}/data-csv.so", f"option = file={table}",
                                "option = subject=sub"],
            **listeners})
        manage(self.place / "certify" / "management.sock", "POST",
               "/v1/certify/credential-configurations", {
                   "credentialConfigKeyId": CARD, "credentialFormat": "dc+sd-jwt", "scope": SCOPE,
                   "sdJwtVct": f"{self.certify_url}/{CARD}", "key": "certify.vc-jwt",
                   "certificateChain": False, "dataProvider": "people",
                   "metaDataDisplay": [{"name": "Identity card", "locale": "en",
                                        "background_color": "#12385b", "text_color": "#ffffff",
                                        "background_image": {
                                            "uri": f"{self.certify_url}/card.png"}}],
                   "vcTemplate": {name: f"${{{name}}}" for name in CLAIMS},
                   "credentialSubjectDefinition": {
                       name: {"display": [{"name": title, "locale": "en"}]}
                       for name, title in CLAIMS.items()},
                   "sdClaim": list(CLAIMS)})

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(PATIENCE_S)
        self.processes = []
