"""privyseal-certify: credentials of the format ldp_vc, and the contexts that they need."""

import copy
import json
import os
import sqlite3

import pytest

from harness.appliance import PATIENCE_S
from harness.certify import (CREDENTIALS, ED25519_2020, ISSUER, PERSON, STAND_INS, Authority, Certify,
                             Wallet, body_1_0, body_draft_ldp, ldp_configuration, plugin_in, write_contexts)

DID = "did:web:issuer.example"
# id: suite, version of the data model
CASES = {"New": ("eddsa-rdfc-2022", 2), "Old": ("Ed25519Signature2020", 1),
         "Between": ("Ed25519Signature2020", 2)}


def definition(name):
    suite, model = CASES[name]
    return ldp_configuration(name, suite, model, scope=name)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority") / "jwks.json")


@pytest.fixture(scope="module")
def certify(appliance, authority, tmp_path_factory):
    path = write_contexts(tmp_path_factory.mktemp("contexts"))
    with Certify(appliance.environment["PRIVYSEAL_SOCKET"], authority,
                 {"certify": [f"contexts = {path}"]}) as running:
        for name in CASES:
            answer = running.configure(definition(name))
            assert answer.status == 201, answer
        yield running


def get(certify, path):
    client = certify.public()
    answer = client.get(path)
    client.close()
    return answer.json()


def ask(certify, authority, name, wallet=None, **claims):
    proof = (wallet or Wallet()).proof(certify.nonce())
    return certify.ask(authority.token(scope=name, **claims), body_1_0(proof, name))


def issued(answer):
    assert answer.status == 200, answer
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()["credentials"][0]["credential"]


@pytest.mark.parametrize("name", CASES)
def test_the_method_of_a_proof_stands_in_the_did_document(certify, authority, name):
    wallet = Wallet("EdDSA")
    credential = issued(ask(certify, authority, name, wallet))
    assert credential["issuer"] == DID
    assert credential["credentialSubject"] == {
        "id": wallet.did_jwk(), "fullName": "Ann é", "city": 'Rabat, "old" town',
        "email": "ann@mail.example"}
    proof = credential["proof"]
    suite = CASES[name][0]
    assert (proof["type"], proof.get("cryptosuite")) == (
        (suite, None) if suite == "Ed25519Signature2020" else ("DataIntegrityProof", suite))
    assert proof["proofPurpose"] == "assertionMethod" and proof["proofValue"].startswith("z")
    document = get(certify, "/.well-known/did.json")
    method = next(one for one in document["verificationMethod"]
                  if one["id"] == proof["verificationMethod"])
    assert method["id"] in document["assertionMethod"]
    assert method["type"] == ("Ed25519VerificationKey2020" if suite == "Ed25519Signature2020"
                              else "Multikey")


def test_a_wallet_of_draft_13_names_contexts_and_types_in_any_order(certify, authority):
    for name in CASES:
        proof = Wallet().proof(certify.nonce())
        answer = certify.ask(authority.token(scope=name),
                             body_draft_ldp(proof, definition(name)["vcTemplate"]))
        assert answer.status == 200, answer
        assert answer.json()["credential"]["type"] == ["VerifiableCredential", "Person"]


def without(definition_, member):
    return {name: value for name, value in definition_.items() if name != member}


def test_a_definition_that_selects_nothing_is_refused(certify, authority):
    template = definition("New")["vcTemplate"]
    proof = Wallet().proof(certify.nonce())
    good = body_draft_ldp(proof, template)
    of = good["credential_definition"]
    for bad in (None, [], without(of, "@context"), without(of, "type"), {**of, "type": "Person"},
                {**of, "type": [1]}, {**of, "type": ["VerifiableCredential"]}, {**of, "@context": []},
                {**of, "@context": of["@context"] * 2},
                {**of, "@context": [*of["@context"], "https://other.example"]}):
        answer = certify.ask(authority.token(scope="New"), {**good, "credential_definition": bad})
        assert (answer.status, answer.json()["error"]) == (400, "invalid_credential_request"), bad


def test_metadata_say_what_both_versions_of_the_protocol_ask_for(certify):
    template = definition("New")["vcTemplate"]
    path = "/.well-known/openid-credential-issuer"
    new, draft = (get(certify, f"{path}{query}")["credential_configurations_supported"]["New"]
                  for query in ("", "?version=vd13"))
    for one in (new, draft):
        assert one["format"] == "ldp_vc" and "vct" not in one
        assert one["credential_signing_alg_values_supported"] == ["eddsa-rdfc-2022"]
        assert one["credential_definition"]["@context"] == template["@context"]
        assert one["credential_definition"]["type"] == template["type"]
    assert new["credential_metadata"]["claims"][0]["path"] == ["credentialSubject", "given_name"]
    assert set(draft["credential_definition"]["credentialSubject"]) == {"given_name"}
    assert "credentialSubject" not in new["credential_definition"] and "claims" not in draft


def changed(**members):
    return {"template": members}


BAD = [
    ("signatureCryptoSuite", {"signatureCryptoSuite": "RsaSignature2018"}),
    ("signatureCryptoSuite", {"signatureCryptoSuite": None}),
    ("credentialFormat", {"sdJwtVct": "x"}), ("credentialFormat", {"sdClaim": ["a"]}),
    ("contextURLs", {"contextURLs": [CREDENTIALS[2]]}),
    ("credentialTypes", {"credentialTypes": ["VerifiableCredential"]}),
    ("vcTemplate", changed(issuer=ISSUER)), ("vcTemplate", changed(proof={})),
    ("vcTemplate", changed(credentialSubject={"fullName": "${name}"})),
    ("vcTemplate", changed(credentialSubject=[{"id": "${_holderId}"}])),
    ("@context", changed(**{"@context": CREDENTIALS[2]})),
    ("vcTemplate", changed(**{"@context": [PERSON, CREDENTIALS[2]]})),
    ("vcTemplate", changed(**{"@context": [CREDENTIALS[2], "https://a.example/${x}"]})),
    ("at its top alone", changed(credentialSubject={"id": "${_holderId}", "@context": PERSON})),
    ("at its top alone", changed(evidence=[[{"@context": {"a": "urn:a"}}]])),
    ("type", changed(type="VerifiableCredential")), ("vcTemplate", changed(type=["Person"])),
    ("vcTemplate", changed(**{"@context": [CREDENTIALS[1], ED25519_2020]})),
    # Contexts that nobody gave, and some that know nothing of the suite's proofs.
    ("was not given beforehand", changed(**{"@context": [CREDENTIALS[2], "https://a.example/c"]})),
    ("JSON-LD", {"signatureCryptoSuite": "Ed25519Signature2020"}),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_a_configuration_says_what_is_wrong_with_it(certify, number):
    words, changes = BAD[number]
    made = ldp_configuration("Bad", "eddsa-rdfc-2022", template=changes.get("template"),
                             **without(changes, "template"))
    answer = certify.configure({name: value for name, value in made.items() if value is not None})
    error = answer.json()["errors"][0]
    assert (answer.status, error["errorCode"]) == (400, "invalid_configuration"), answer
    assert words in error["errorMessage"], error


def test_two_configurations_of_one_scope_differ_in_contexts_or_types(certify):
    same = ldp_configuration("Same", "eddsa-rdfc-2022", scope="New")
    assert certify.configure(same).status == 409
    other = copy.deepcopy(same)
    other["vcTemplate"]["type"].append("note")
    assert certify.configure(other).status == 201
    assert certify.configure(None, "DELETE", "/Same").status == 204


def test_what_says_more_than_its_signature_is_not_issued(certify, authority):
    """The template's member that no context knows has no RDF, and so would be unsigned."""
    subject = {"id": "${_holderId}", "unknownTerm": "${name}"}
    made = ldp_configuration("More", "eddsa-rdfc-2022", scope="More",
                             template={"credentialSubject": subject})
    assert certify.configure(made).status == 201
    wallet = Wallet()
    answer = ask(certify, authority, "More", wallet)
    assert (answer.status, answer.json()["error"]) == (500, "vc_issuance_failed"), answer
    assert '"configuration":"More"' in certify.log() and "Ann é" not in certify.log()
    assert certify.configure(None, "DELETE", "/More").status == 204


def test_a_key_of_another_type_issues_nothing(certify, authority):
    made = ldp_configuration("Wrong", "eddsa-rdfc-2022", scope="Wrong", key="certify.vc-jwt")
    assert certify.configure(made).status == 201
    answer = ask(certify, authority, "Wrong")
    assert (answer.status, answer.json()["error"]) == (500, "vc_issuance_failed"), answer
    assert certify.configure(None, "DELETE", "/Wrong").status == 204


def test_data_may_be_objects_and_bring_no_context(appliance, authority, tmp_path):
    people = {"plain": {"fullName": "Ann"}, "more": {"@context": {"fullName": "urn:x"}, "fullName": "Ann"},
              "within": {"note": [{"@context": None, "city": "Fez"}]}}
    # These would be statements of the issuer's about somebody else, or about the credential itself.
    others = {"self": {"id": DID, "fullName": "Ann"}, "deep": [{"note": {"id": "did:example:bob"}}],
              "keyword": {"@id": "did:example:bob", "fullName": "Bob"},
              "escaped": {"@id": "did:example:bob"}, "reverse": {"@reverse": {"note": "did:example:bob"}},
              "included": {"@included": [{"id": "did:example:bob", "fullName": "Bob"}]}}
    path = tmp_path / "people.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE person (id TEXT PRIMARY KEY, data TEXT)")
        database.executemany("INSERT INTO person VALUES (?, ?)",
                             [(name, json.dumps({"note": data})) for name, data in {**people, **others}.items()])
        database.execute("UPDATE person SET data = replace(data, '@id', '\\u0040id') WHERE id = 'escaped'")
    provider = (f"[provider people]\nplugin = {plugin_in(tmp_path, 'data-sql.so')}\noption = database={path}\n"
                f"option = query=SELECT data FROM person WHERE id = ?1\nwritable = {tmp_path}\n")
    with Certify(appliance.environment["PRIVYSEAL_SOCKET"], authority,
                 {"certify": [f"contexts = {write_contexts(tmp_path / 'contexts')}"]},
                 providers=provider) as certify:
        made = ldp_configuration("Objects", "eddsa-rdfc-2022", scope="Objects", template={
            "credentialSubject": {"id": "${_holderId}", "note": "${note}"}})
        assert certify.configure(made).status == 201
        credential = issued(ask(certify, authority, "Objects", sub="plain"))
        assert credential["credentialSubject"]["note"] == people["plain"]
        for name in ("more", "within"):
            answer = ask(certify, authority, "Objects", sub=name)
            assert (answer.status, answer.json()["error"]) == (500, "vc_issuance_failed"), answer
        assert "at its top alone" in certify.log()
        for name in others:
            answer = ask(certify, authority, "Objects", sub=name)
            assert (answer.status, answer.json()["error"]) == (500, "vc_issuance_failed"), answer
        assert certify.log().count("is the template's to say") == len(others)


def test_what_a_deleted_configuration_issued_still_finds_its_key(certify, authority):
    credential = issued(ask(certify, authority, "Old"))
    for name in CASES:
        assert certify.configure(None, "DELETE", f"/{name}").status == 204
    assert credential["proof"]["verificationMethod"] in methods_of(certify)
    for name in CASES:
        assert certify.configure(definition(name)).status == 201


def methods_of(certify):
    return get(certify, "/.well-known/did.json")["assertionMethod"]


def test_a_proof_names_the_version_that_signed_it(appliance, authority, tmp_path):
    key = "certify.rotated-di"
    assert appliance.change("POST", "/v1/keys", {
        "name": key, "type": "ed25519", "usage": "sign", "formats": ["data-integrity"],
        "algorithms": ["EdDSA"], "residence": "token"}).status in (200, 201)
    more = {"certify": [f"contexts = {write_contexts(tmp_path / 'contexts')}", "jwks_fresh_s = 0"]}
    with Certify(appliance.environment["PRIVYSEAL_SOCKET"], authority, more) as certify:
        for name in CASES:
            assert certify.configure({**definition(name), "key": key}).status == 201
        before = {name: issued(ask(certify, authority, name))["proof"] for name in CASES}
        # Remembered is the first version.
        assert appliance.change("POST", f"/v1/keys/{key}/rotate", {}).status == 201
        assert set(methods_of(certify)) >= {one["verificationMethod"] for one in before.values()}
        done = appliance.change("POST", f"/v1/keys/{key}/activate", {"version": 2})
        assert done.status in (200, 201), done
        after = {name: issued(ask(certify, authority, name))["proof"] for name in CASES}
        methods = methods_of(certify)
        for name in CASES:
            assert before[name]["verificationMethod"] != after[name]["verificationMethod"]
            assert before[name]["verificationMethod"] in methods
            assert after[name]["verificationMethod"] in methods
        done = appliance.change("POST", f"/v1/keys/{key}/compromise", {"version": 1})
        assert done.status in (200, 201), done
        methods = methods_of(certify)
        assert before["New"]["verificationMethod"] not in methods
        assert after["New"]["verificationMethod"] in methods


def test_a_key_that_the_appliance_does_not_tell_is_named_and_left_out(appliance, authority, certify,
                                                                     tmp_path):
    """By a client that may sign with it, and learns its public part only with another grant."""
    key, client = "certify.vc-di", appliance.directory / "clients/oidc"

    def grant(operation):
        done = appliance.change("POST", "/v1/grants", {"client": "oidc", "keys": key,
                                                       "operations": [operation]})
        assert done.status == 201, done

    method = issued(ask(certify, authority, "New"))["proof"]["verificationMethod"]
    grant("data-integrity.sign")
    more = {"certify": [f"contexts = {write_contexts(tmp_path / 'contexts')}", "jwks_fresh_s = 0"],
            "appliance": [f"url = {appliance.environment['PRIVYSEAL_URL']}",
                          f"ca = {appliance.environment['PRIVYSEAL_CA']}",
                          f"certificate = {client}/cert.pem", f"key = {client}/key.pem"]}
    with Certify(None, authority, more) as other:
        assert other.configure(definition("New")).status == 201
        assert method not in methods_of(other)
        line, = [line for line in map(json.loads, other.log().splitlines())
                 if line["event"] == "key_not_told"][-1:]
        assert line["key"] == key and line["level"] == "warning" and line["why"], line
        answer = ask(other, authority, "New")
        assert (answer.status, answer.json()["error"]) == (500, "vc_issuance_failed"), answer
        grant("keys.read")
        assert method in methods_of(other)
        issued(ask(other, authority, "New"))


def test_without_the_appliance_the_same_proof_is_good_later(appliance, authority, tmp_path):
    link = tmp_path / "clients.sock"
    more = {"certify": [f"contexts = {write_contexts(tmp_path / 'contexts')}"]}
    with Certify(link, authority, more) as certify:
        assert certify.configure(definition("New")).status == 201
        token, body = authority.token(scope="New"), body_1_0(Wallet().proof(certify.nonce()), "New")
        assert certify.ask(token, body).status == 503
        link.symlink_to(appliance.environment["PRIVYSEAL_SOCKET"])
        issued(certify.ask(token, body))


def listed(tmp_path):
    path = write_contexts(tmp_path)
    return path, json.loads(path.read_text())


def spoil(what, tmp_path):
    path, document = listed(tmp_path)
    first = document["contexts"][0]
    changes = {"hash": {"sha256": "0" * 64}, "short hash": {"sha256": "00"},
               "elsewhere": {"file": "../secret.json"}, "hidden": {"file": ".secret"},
               "missing": {"file": "nothing.json"}, "relative": {"iri": "credentials/v2"},
               "member": {"url": "https://a.example"}}
    if what in changes:
        first.update(changes[what])
    elif what == "twice":
        document["contexts"].append(first)
    elif what == "octet":
        (tmp_path / first["file"]).write_text(STAND_INS[first["iri"]] + " ")
    path.write_text("[" if what == "no JSON" else json.dumps(document))
    return path


@pytest.mark.parametrize("what", ["hash", "short hash", "elsewhere", "hidden", "missing", "relative",
                                  "member", "twice", "octet", "no JSON", "no list"])
def test_contexts_that_are_not_those_of_their_hashes_keep_it_from_starting(authority, tmp_path, what):
    path = tmp_path / "none" if what == "no list" else spoil(what, tmp_path)
    certify = Certify("/nowhere", authority, {"certify": [f"contexts = {path}"]})
    with pytest.raises(AssertionError):
        certify.start()
    assert certify.process.wait(PATIENCE_S) == 1
    assert "cannot_open" in certify.log()
    certify.process = None
    certify.__exit__()


def test_without_its_context_a_configuration_is_named_and_the_others_are_issued(appliance, authority,
                                                                               tmp_path):
    path, document = listed(tmp_path)
    with Certify(appliance.environment["PRIVYSEAL_SOCKET"], authority,
                 {"certify": [f"contexts = {path}"]}) as certify:
        for name in CASES:
            assert certify.configure(definition(name)).status == 201
        certify.stop()
        document["contexts"] = [one for one in document["contexts"] if one["iri"] != ED25519_2020]
        path.write_text(json.dumps(document))
        os.truncate(certify.directory / "log", 0)
        certify.start()
        named = [json.loads(line)["configuration"] for line in certify.log().splitlines()
                 if '"configuration_not_usable"' in line]
        assert sorted(named) == ["Between", "Old"]
        issued(ask(certify, authority, "New"))
        assert ask(certify, authority, "Old").status == 500
