"""Documents that are signed here, judged by pdfsig (NSS), pyHanko and OpenSSL."""

import hashlib
import json
import os
import subprocess
from urllib.parse import urlencode

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (Encoding, NoEncryption, PrivateFormat,
                                                          load_pem_public_key)
from harness.appliance import wait_until
from harness.client_library import OK, REFUSED, USAGE, ClientLibrary
from harness.dev_room import DevRoom
from harness.external_ca import ExternalCa, name, pem
from harness.http_unix import b64u, unb64u
from harness.places import BUILD, TOP

CORPUS = TOP / "tests/fuzz/corpus/pdf"
CONTENT = b"a document of any kind\0\xff"
# The keys, and the algorithms that they sign documents with.
KEYS = {"seal.rsa": ("rsa-2048", ["RS256", "RS512", "PS256"]), "seal.p384": ("ec-p384", ["ES384"]),
        "seal.ed25519": ("ed25519", ["EdDSA"]), "certify.documents": ("ec-p256", ["ES256"])}
# Many CAs give certificates for documents this one usage alone.
USAGES = {"seal.rsa": {"content_commitment": True}}
ROWS = [(key, algorithm) for key, (_, algorithms) in KEYS.items() for algorithm in algorithms]
# Neither NSS nor the cms command of OpenSSL 3.0 knows EdDSA in CMS.
NOT_EDDSA = [row for row in ROWS if row[1] != "EdDSA"]


@pytest.fixture(scope="module")
def room(appliance):
    return DevRoom(appliance)


@pytest.fixture(scope="module")
def outside():
    return ExternalCa("Ministry of Keys Root")


def leaf_for(room, outside, key, **options):
    public = room.client.get(f"/v1/keys/{key}/public",
                             headers={"Accept": "application/x-pem-file"}).body
    usage = USAGES.get(key, {"digital_signature": True, "content_commitment": True})
    return outside.issue(name("Ministère des clés"), load_pem_public_key(public), usage=usage,
                         **options)


def install(room, outside, key, leaf):
    return room.change("PUT", f"/v1/keys/{key}/certificate",
                       {"chain": pem(leaf, outside.certificate), "root": pem(outside.root)})


@pytest.fixture(scope="module")
def keys(room, outside):
    """Each with a certificate of a CA that is not ours."""
    for key, (key_type, algorithms) in KEYS.items():
        if key != "certify.documents":
            room.post("/v1/keys", {"name": key, "type": key_type, "usage": "certify",
                                   "formats": ["cms"], "algorithms": algorithms})
        answer = install(room, outside, key, leaf_for(room, outside, key))
        assert answer.status in (200, 201), answer
    return KEYS


@pytest.fixture()
def sign(client, keys):
    def send(document, expected=200, **query):
        answer = client.request("POST", f"/v1/pdf/sign?{urlencode(query)}", body=document,
                                headers={"Content-Type": "application/pdf"})
        assert answer.status == expected, answer
        return answer.body

    return send


@pytest.fixture(scope="module")
def hanko(ask_python):
    return ask_python("documents.py")


def judged_by_hanko(hanko, question):
    judged = hanko(question)
    assert judged["good"], judged
    return judged["signatures"]


def pdf_judged_by_hanko(hanko, outside, document):
    return judged_by_hanko(hanko, {"pdf": b64u(document), "roots": [pem(outside.root)]})


def pdfsig(path):
    shown = subprocess.run(["pdfsig", "-nocert", path], capture_output=True, text=True, check=True)
    return shown.stdout


@pytest.mark.parametrize("key, algorithm", ROWS)
def test_pdfs_of_each_algorithm_are_good_elsewhere(sign, hanko, outside, tmp_path, key, algorithm):
    signed = sign((CORPUS / "table").read_bytes(), key=key, algorithm=algorithm,
                  reason="اعتماد", rectangle="36,36,236,96", text="Ministère – approuvé")
    (verdict,) = pdf_judged_by_hanko(hanko, outside, signed)
    assert verdict["good"] and verdict["coverage"] == "ENTIRE_FILE"
    assert verdict["reason"] == "اعتماد"
    (tmp_path / "signed.pdf").write_bytes(signed)
    if algorithm != "EdDSA":
        shown = pdfsig(tmp_path / "signed.pdf")
        assert "Signature is Valid." in shown and "Total document signed" in shown
        assert "adbe.pkcs7.detached" in shown and "Ministère des clés" in shown


@pytest.mark.parametrize("document", ["table", "streams", "linearized"])
def test_a_second_signature_keeps_the_first(sign, hanko, outside, tmp_path, document):
    original = (CORPUS / document).read_bytes()
    once = sign(original, key="seal.rsa", reason="first")
    twice = sign(once, key="certify.documents", page=2, rectangle="36,36,236,96")
    assert once.startswith(original) and twice.startswith(once)
    assert [verdict["good"] for verdict in pdf_judged_by_hanko(hanko, outside, twice)] == [True, True]
    (tmp_path / "signed.pdf").write_bytes(twice)
    assert pdfsig(tmp_path / "signed.pdf").count("Signature is Valid.") == 2
    assert twice.startswith(b"%PDF-1.") and twice[7:8] != b"6"
    for changed in (twice[:7] + b"6" + twice[8:], twice.replace(b"Page 1", b"Page 7", 1)):
        if changed != twice:  # in some files the pages are compressed
            assert not any(verdict["good"] for verdict in pdf_judged_by_hanko(hanko, outside, changed))


@pytest.mark.parametrize("permissions", [1, 2, 3])
def test_what_an_author_has_certified_stays_certified(sign, hanko, outside, permissions):
    key = ec.generate_private_key(ec.SECP256R1())
    author = outside.issue(name("Author"), key.public_key(), usage={"content_commitment": True})
    answer = hanko({"certify": b64u((CORPUS / "table").read_bytes()), "permissions": permissions,
                    "certificate": pem(author), "key": key.private_bytes(
                        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()})
    assert answer["good"], answer
    certified = unb64u(answer["pdf"])
    told = json.loads(sign(certified, 422, key="seal.rsa", rectangle="36,36,236,96"))["detail"]
    assert ("leave the rectangle out" if permissions > 1 else "allows no change") in told
    signed = sign(certified, 422 if permissions == 1 else 200, key="seal.rsa")
    if permissions > 1:
        verdicts = pdf_judged_by_hanko(hanko, outside, signed)
        assert [verdict["allowed"] for verdict in verdicts] == [True, True], verdicts
        assert verdicts[0]["intact"] and verdicts[1]["good"], verdicts


def test_a_form_on_a_turned_page_is_signed(sign, hanko, outside, tmp_path):
    original = (CORPUS / "forms").read_bytes()
    signed = sign(original, key="certify.documents", rectangle="36,36,236,96")
    assert signed.startswith(original)
    (verdict,) = pdf_judged_by_hanko(hanko, outside, signed)
    assert verdict["good"] and verdict["coverage"] == "ENTIRE_FILE", verdict
    (tmp_path / "signed.pdf").write_bytes(signed)
    assert "Signature is Valid." in pdfsig(tmp_path / "signed.pdf")


HASHES = {"ES384": "sha384", "RS512": "sha512", "EdDSA": "sha512"}


@pytest.mark.parametrize("key, algorithm", ROWS)
def test_cms_is_good_to_pyhanko(client, keys, hanko, outside, key, algorithm):
    digest = hashlib.new(HASHES.get(algorithm, "sha256"), CONTENT).digest()
    for part in ({"content": b64u(CONTENT)}, {"digest": b64u(digest)}):
        answer = client.post("/v1/cms/sign", {"key": key, "algorithm": algorithm, **part})
        assert answer.status == 200, answer
        question = {"cms": answer.json()["cms"], "roots": [pem(outside.root)]}
        (verdict,) = judged_by_hanko(hanko, {"content": b64u(CONTENT), **question})
        assert verdict["good"], verdict
        (verdict,) = judged_by_hanko(hanko, {"content": b64u(CONTENT + b"!"), **question})
        assert not verdict["intact"] and not verdict["good"], verdict
        question["roots"] = [pem(ExternalCa().root)]
        (verdict,) = judged_by_hanko(hanko, {"content": b64u(CONTENT), **question})
        assert verdict["intact"] and not verdict["trusted"], verdict


@pytest.mark.parametrize("key, algorithm", NOT_EDDSA)
def test_cms_is_good_to_openssl(client, keys, outside, tmp_path, key, algorithm):
    hashed = HASHES.get(algorithm, "sha256")
    for part in ({"content": b64u(CONTENT)},
                 {"digest": b64u(hashlib.new(hashed, CONTENT).digest())}):
        answer = client.post("/v1/cms/sign", {"key": key, "algorithm": algorithm, **part})
        assert answer.status == 200 and answer.json()["algorithm"] == algorithm, answer
        paths = {"cms": unb64u(answer.json()["cms"]), "content": CONTENT,
                 "root": pem(outside.root).encode()}
        for file, octets in paths.items():
            (tmp_path / file).write_bytes(octets)
        command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "cms",
                   "-content", "content", "-CAfile", "root", "-out", "verified"]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0
        (tmp_path / "content").write_bytes(CONTENT + b"!")
        assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode != 0


def test_no_certificate_comes_of_a_signed_tbs_certificate(client, keys, room, outside):
    """Format separation: the signature is over attributes, whatever the content is."""
    leaf = leaf_for(room, outside, "seal.p384")
    tbs = leaf.tbs_certificate_bytes
    made = client.post("/v1/cms/sign", {"key": "certify.documents", "content": b64u(tbs)}).json()
    key = load_pem_public_key(room.client.get("/v1/keys/certify.documents/public",
                                              headers={"Accept": "application/x-pem-file"}).body)
    der, found = unb64u(made["cms"]), 0
    for start in range(len(der) - 8):  # every SEQUENCE in it that could be an ECDSA signature
        if der[start] == 0x30 and 60 < der[start + 1] < 80:
            with pytest.raises((InvalidSignature, ValueError)):
                key.verify(der[start:start + 2 + der[start + 1]], tbs, ec.ECDSA(hashes.SHA256()))
            found += 1
    assert found


def test_batches(client, keys):
    answer = client.post("/v1/cms/sign", {"key": "certify.documents", "items": [
        {"content": b64u(CONTENT)}, {"content": "!"}, {"digest": b64u(b"d" * 48)}]}).json()
    assert ["cms" if "cms" in item else item["problem"]["code"] for item in answer["items"]] == [
        "cms", "malformed", "refused"]


def test_what_cannot_be_drawn_or_is_not_there_is_refused(sign):
    plain = (CORPUS / "table").read_bytes()
    for wrong in ({"rectangle": "36,36,236,96", "text": "اعتماد"}, {"page": 99},
                  {"rectangle": "36,36,936,96"}, {"rectangle": "36,36,40,40"}):
        sign(plain, 422, key="seal.rsa", **wrong)
    sign(plain[:-60], 400, key="seal.rsa")
    sign(plain.replace(b"/Root", b"/Encrypt 9 0 R /Root"), 422, key="seal.rsa")


def test_thirty_two_mib(sign):
    plain = (CORPUS / "table").read_bytes()
    end = plain.rindex(b"startxref")
    large = plain[:end] + b"%" + b"x" * ((32 << 20) - len(plain) - 2) + b"\n" + plain[end:]
    assert len(large) == 32 << 20
    signed = sign(large, key="certify.documents")
    assert signed.startswith(large) and len(signed) < len(large) + (64 << 10)


def test_the_client_library(appliance, keys, hanko, outside, tmp_path):
    """Each member of the request arrives; what is made is what the route makes."""
    original = (CORPUS / "table").read_bytes()
    with ClientLibrary(appliance) as library:
        digest = hashlib.sha512(CONTENT).digest()
        for part in ({"content": CONTENT}, {"digest": digest}):
            code, made = library.sign("cms", key="seal.rsa", algorithm="RS512", **part)
            assert code == OK, library.last_error()
            (verdict,) = judged_by_hanko(hanko, {
                "cms": made["signed_text"].decode(), "content": b64u(CONTENT),
                "roots": [pem(outside.root)]})
            assert verdict["good"] and made["version"] == 1, verdict
        assert library.sign("cms", key="seal.rsa")[0] == USAGE
        assert library.sign("cms", key="seal.rsa", content=CONTENT, digest=digest)[0] == USAGE
        code, made = library.sign("pdf", key="seal.rsa", document=original, reason="A & B=اعتماد",
                                  location="Rabat?", page=2, rectangle="36,36,236,96",
                                  text="50 % + x", algorithm="PS256")
        assert code == OK, library.last_error()
        assert made["content_type"] == b"application/pdf" and made["body"].startswith(original)
        (verdict,) = pdf_judged_by_hanko(hanko, outside, made["body"])
        assert verdict["good"] and (verdict["reason"], verdict["location"]) == (
            "A & B=اعتماد", "Rabat?")
        (tmp_path / "signed.pdf").write_bytes(made["body"])
        shown = subprocess.run(["pdftotext", "-f", "2", "-l", "2", tmp_path / "signed.pdf", "-"],
                               capture_output=True, text=True, check=True).stdout
        assert "50 % + x" in shown
        assert library.sign("pdf", key="seal.rsa")[0] == USAGE
        code, made = library.sign("pdf", key="seal.rsa", document=original[:-60])
        assert (code, made["problem"]["code"]) == (REFUSED, b"malformed")


def test_certificates_of_cas_and_expired_ones_sign_no_document(client, keys, room, outside):
    """The last to use this key: it is left with a certificate that has expired."""
    key, body = "seal.p384", {"key": "seal.p384", "content": b64u(CONTENT)}
    answer = install(room, outside, key, leaf_for(room, outside, key, ca=True))
    assert answer.status == 422, answer
    assert client.post("/v1/cms/sign", body).status == 200
    for valid_s in (6, 60, 600):  # however slow the machine is, it is installed before its end
        answer = install(room, outside, key, leaf_for(room, outside, key, days=valid_s / 86400))
        if answer.status == 200:
            break
    assert answer.status == 200, answer
    wait_until(lambda: client.post("/v1/cms/sign", body).status == 422, valid_s + 60, "its end")
    assert "expired" in client.post("/v1/cms/sign", body).json()["detail"]


def test_the_command_line(appliance, keys, outside, tmp_path):
    environment = {**os.environ, **appliance.environment}
    program, document = str(BUILD / "appliance/privyseal"), str(CORPUS / "table")
    (tmp_path / "root").write_text(pem(outside.root))
    subprocess.run([program, "pdf", "sign", document, "out.pdf", "--with", "seal.rsa", "--reason",
                    "Approved & read", "--rectangle", "36,36,236,96"], cwd=tmp_path,
                   env=environment, check=True)
    assert "Signature is Valid." in pdfsig(tmp_path / "out.pdf")
    made, again = (tmp_path / "out.pdf").read_bytes(), [program, "pdf", "sign", document, "out.pdf",
                                                       "--with", "seal.rsa"]
    done = subprocess.run(again, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode == 2 and b"--force" in done.stderr, done
    assert (tmp_path / "out.pdf").read_bytes() == made
    subprocess.run([*again, "--force"], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "out.pdf").read_bytes() != made
    signature = subprocess.run([program, "cms", "sign", document, "--with", "seal.rsa"],
                               env=environment, check=True, capture_output=True).stdout
    subprocess.run(["openssl", "cms", "-verify", "-binary", "-inform", "PEM", "-content", document,
                    "-CAfile", "root", "-out", "verified"], cwd=tmp_path, input=signature,
                   check=True, capture_output=True)
