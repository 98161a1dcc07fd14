"""Cases of the companions: people who log in, and wallets that get credentials.

The load generator does what browsers, relying parties and wallets do (login.c, wallet.c), on the same
processors. A figure is what was done in a second, divided by how many processors there are: the
appliance, the companion and the generator share them.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from cryptography.hazmat.primitives import serialization

from keys import row
from harness import certify, fetched, oidc
from harness.persons import People, people_table
from harness.places import BUILD, TOP
from harness.relying_party import CALLBACK, Key, registration

LOAD = BUILD / "tests" / "bench" / "load"
CORES = os.cpu_count()
CONNECTIONS = 32
PEOPLE = 10_000  # each is sent few passwords within the time that limits count in
OPEN = 10_000
OPENING_STEPS = 2
ALL_STEPS = 100
HOLDERS = 1_000
CLAIMS = 20
CLAIM_OCTETS = 100
CONTEXT = f"{certify.ISSUER}/contexts/claims"


def write_key(path, key):
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()))
    return str(path)


class Oidc(oidc.Oidc):
    log_level = "info"


class Certify(certify.Certify):
    log_level = "info"


class Companion:
    """What is measured: `option` is the generator's word for the script, `companion` the program."""

    option = ""

    def __init__(self, bench, keys):
        self.bench = bench
        self.directory = bench.appliance.directory
        client = bench.appliance.client()
        published = [client.get(f"/v1/keys/{key}/public").json() for key in keys]
        client.close()
        self.jwks = self.directory / "companion-jwks"
        self.jwks.write_text(json.dumps({"keys": published}))
        self.script = self.directory / "companion-script"
        self.companion = None

    def write_script(self, **_changes):
        raise NotImplementedError

    def load(self, rate=0.0, **changes):
        self.write_script(**changes)
        command = [LOAD, self.option, self.script, "--jwks", self.jwks, "--socket",
                   self.companion.public_socket, "--connections", CONNECTIONS, "--seconds",
                   self.bench.seconds, "--warm-up", 0.5, "--rate", rate]

        def run():
            done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                                  timeout=300, check=False)
            sys.stderr.write(done.stderr)
            if done.returncode != 0:
                raise RuntimeError("load")
            return json.loads(done.stdout)

        result = self.bench.account(run, {self.companion.name: [self.companion.process.pid]})
        per_run = result["signatures"] / max(result["answered"], 1)
        result["cpu_s_per_1000"] = {role: round(spent * per_run, 4)
                                    for role, spent in result["cpu_s_per_1000"].items()}
        return result

    def memory_mib(self):
        rollup = pathlib.Path(f"/proc/{self.companion.process.pid}/smaps_rollup").read_text()
        return next(int(line.split()[1]) for line in rollup.splitlines()
                    if line.startswith("Pss:")) / 1024

    def __enter__(self):
        self.companion.start()
        return self

    def __exit__(self, *exception):
        self.companion.__exit__(*exception)


class Logins(Companion):
    option = "--logins"

    def __init__(self, bench, access="oidc.access-token", others="oidc.userinfo"):
        super().__init__(bench, {access, others})
        self.own = pathlib.Path(self.directory / f"people-{access}")
        self.own.mkdir()
        self.ids = people_table(self.own / "people.csv", PEOPLE)
        self.people = People(self.own / "people.csv", self.own)
        self.begun = 0
        more = {**self.people.settings(), "oidc": [
            f"access_token_key = {access}", f"id_token_key = {others}", f"userinfo_key = {others}",
            "transactions_share = 100000"]}  # all come from one address
        self.companion = Oidc(bench.appliance.environment["PRIVYSEAL_SOCKET"], more)

    def __enter__(self):
        super().__enter__()
        key = Key()
        self.key = write_key(self.directory / "relying-party.key", key.private)
        answer = self.companion.manage("POST", "client", registration("portal", key))
        if answer.json()["errors"]:
            raise RuntimeError(f"cannot register: {answer}")
        return self

    def __exit__(self, *exception):
        super().__exit__(*exception)
        self.people.close()

    def write_script(self, steps=ALL_STEPS):  # pylint: disable=arguments-differ
        asked = {"clientId": "portal", "scope": "openid profile", "responseType": "code",
                 "redirectUri": CALLBACK, "state": "state", "nonce": "nonce", "prompt": "consent",
                 "codeChallengeMethod": "S256",
                 "claims": {"userinfo": {"name": {"essential": True}, "email": None}}}
        address = CALLBACK.replace(":", "%3A").replace("/", "%2F")
        self.script.write_text(json.dumps({
            "client": "portal", "issuer": oidc.ISSUER, "key": self.key,
            "request": json.dumps(asked)[1:-1], "form": f"client_id=portal&redirect_uri={address}",
            "otps": str(self.people.otps), "people": self.ids, "from": self.begun, "steps": steps}))

    def load(self, rate=0.0, **changes):
        result = super().load(rate, **changes)
        self.begun += result["answered"] + CONNECTIONS
        return result


class Wallets(Companion):
    """Each holder has CLAIMS claims of CLAIM_OCTETS, half of which are disclosed one by one."""

    option = "--wallets"
    key = "certify.vc-jwt"

    def __init__(self, bench, more=None):
        super().__init__(bench, {self.key})
        self.names = [f"claim_{number:02d}" for number in range(CLAIMS)]
        self.authority = certify.Authority(self.directory / "authority")
        table = self.directory / "holders.csv"
        value = "x" * (CLAIM_OCTETS - 6)
        table.write_text(",".join(["sub", *self.names]) + "\n" + "".join(
            ",".join([f"holder-{number}", *(f"{number:06d}{value}" for _ in self.names)]) + "\n"
            for number in range(HOLDERS)))
        plugin = certify.plugin_in(self.directory, "data-csv.so")
        provider = (f"[provider people]\nplugin = {plugin}\n"
                    f"option = file={table}\noption = subject=sub\n")
        self.companion = Certify(bench.appliance.environment["PRIVYSEAL_SOCKET"], self.authority,
                                 more, providers=provider)

    def __enter__(self):
        super().__enter__()
        answer = self.companion.configure(self.configuration(
            {name: f"${{{name}}}" for name in self.names}))
        if answer.status != 201:
            raise RuntimeError(f"cannot configure: {answer}")
        return self

    def configuration(self, claims):
        return certify.configuration(vcTemplate=claims, sdClaim=self.names[:CLAIMS // 2])

    def write_script(self, **_changes):
        wallet = certify.Wallet()
        header = {"alg": "ES256", "typ": "openid4vci-proof+jwt", "jwk": wallet.jwk}
        self.script.write_text(json.dumps({
            "issuer": certify.ISSUER, "configuration": "Identity",
            "key": write_key(self.directory / "wallet.key", wallet.key),
            "header": json.dumps(header),
            "tokens": [self.authority.token(sub=f"holder-{number}") for number in range(HOLDERS)]}))


class LinkedWallets(Wallets):
    """The same claims in JSON-LD, with the W3C's own contexts, as npm's library has them."""

    key = "certify.vc-di"

    def __init__(self, bench):
        place = pathlib.Path(tempfile.mkdtemp(dir=bench.appliance.directory))
        own = {"@protected": True, **{f"claim_{number:02d}": f"{CONTEXT}#claim_{number:02d}"
                                      for number in range(CLAIMS)}}
        contexts = certify.write_contexts(
            place, {**published_contexts(), CONTEXT: json.dumps({"@context": own})})
        super().__init__(bench, {"certify": [f"contexts = {contexts}"]})
        keys = json.loads(self.jwks.read_text())
        self.jwks.write_text(json.dumps({**keys, "contexts": str(contexts)}))

    def configuration(self, claims):
        return certify.ldp_configuration("Identity", "eddsa-rdfc-2022", template={
            "@context": [certify.CREDENTIALS[2], CONTEXT], "type": ["VerifiableCredential"],
            "credentialSubject": {"id": "${_holderId}", **claims}})


def published_contexts():
    iris = list(certify.CREDENTIALS.values())
    done = subprocess.run(["node", "data_integrity.mjs"], cwd=fetched.node_modules(), check=True, timeout=60, text=True,
                          input=json.dumps({"do": "contexts", "iris": iris}), capture_output=True)
    return dict(zip(iris, json.loads(done.stdout)["texts"]))


def result_row(case, unit, value, results, **more):
    counts = {field: sum(result[field] for result in results)
              for field in ("operations", "dropped", "verified", "leaves")}
    cpu = {role: round(statistics.median(result["cpu_s_per_1000"][role] for result in results), 4)
           for role in results[0]["cpu_s_per_1000"]}
    times = {field: statistics.median(result[field] for result in results)
             for field in ("p50_ms", "p95_ms", "p99_ms")}
    return row(case, unit, value, **{**times, **counts, "cpu_s_per_1000": cpu, **more})


def most_of(measured):
    return [measured.load() for _ in measured.bench.rounds]


def throughput(case, unit, make):
    """How many in a second and for each processor."""
    def measure(bench):
        with make(bench) as measured:
            results = most_of(measured)
        rates = [result["rate"] / CORES for result in results]
        return result_row(case, unit, statistics.median(rates), results, more_is_better=True,
                          rounds=[[0, round(rate, 1)] for rate in rates])
    return measure


def half_load(case, make):
    """The 95th percentile of one answer, at half of what can be done at most."""
    def measure(bench):
        with make(bench) as measured:
            rate = statistics.median(result["rate"] for result in most_of(measured)) / 2
            results = [measured.load(rate=rate) for _ in measured.bench.rounds]
        times = [result["step_p95_ms"] for result in results]
        return result_row(case, "ms p95", statistics.median(times), results,
                          rounds=[[0, time] for time in times])
    return measure


def memory(case, make, **changes):
    """Of the companion alone, with OPEN that have begun."""
    def measure(bench):
        with make(bench) as measured:
            begun = 0
            while begun < OPEN:
                begun += measured.load(**changes)["answered"]
            return row(case, "MiB", measured.memory_mib())
    return measure


def logins_rsa(bench):
    return Logins(bench, "oidc.id-token", "oidc.id-token")


CASES = {
    "logins-es256": (throughput("logins-es256", "logins/s/core", Logins), 150, 300, "softhsm"),
    "logins-rsa": (throughput("logins-rsa", "logins/s/core", logins_rsa), 75, 150, "softhsm"),
    "logins-half-load": (half_load("logins-half-load", Logins), 20, 10, "softhsm"),
    "logins-memory": (memory("logins-memory", Logins, steps=OPENING_STEPS), 64, 32, "softhsm"),
    "credentials-sd-jwt": (throughput("credentials-sd-jwt", "credentials/s/core", Wallets), 500,
                           1000, "softhsm"),
    "credentials-ldp": (throughput("credentials-ldp", "credentials/s/core", LinkedWallets), 300, 600,
                        "softhsm"),
    "credentials-half-load": (half_load("credentials-half-load", Wallets), 20, 10, "softhsm"),
    "credentials-memory": (memory("credentials-memory", Wallets), 64, 32, "softhsm"),
}
