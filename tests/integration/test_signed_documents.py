"""Documents over HTTP: what pdf/sign and cms/sign refuse before they ask for a signature."""

import pathlib

import pytest

from harness.contract import Contract
from harness.http_unix import b64u

TOP = pathlib.Path(__file__).resolve().parents[2]
PDF = (TOP / "tests/fuzz/corpus/pdf/table").read_bytes()
KEY = "certify.documents"
MAX = 32 << 20


@pytest.fixture(scope="module")
def contract():
    return Contract()


@pytest.fixture()
def sign(client, contract):
    def send(expected, query, document=PDF, media="application/pdf"):
        target = f"/v1/pdf/sign?{query}"
        answer = client.request("POST", target, body=document, headers={"Content-Type": media})
        contract.check("POST", target, answer)
        assert answer.status == expected, f"{target}: {answer}"
        return answer

    return send


@pytest.mark.parametrize("query", [
    "reason=x", "key=", "key=UPPER", f"key={KEY}&algorithm=none", f"key={KEY}&page=0",
    f"key={KEY}&page=x", f"key={KEY}&rectangle=1,2,3", f"key={KEY}&rectangle=1,2,3,4,5",
    f"key={KEY}&rectangle=3,2,1,4", f"key={KEY}&rectangle=1,4,3,2", f"key={KEY}&rectangle=a,b,c,d",
    f"key={KEY}&rectangle=1,2,1,4", f"key={KEY}&rectangle=1,2,3,2",
    f"key={KEY}&rectangle=1,2,3,4000000", f"key={KEY}&text=x", f"key={KEY}&reason=" + "a" * 513])
def test_a_query_that_says_nothing_sensible_is_refused(sign, query):
    sign(400, query)


def test_a_body_that_is_no_pdf_is_refused(sign):
    sign(400, f"key={KEY}", b"")
    sign(400, f"key={KEY}", b"%PDX-1.7")
    sign(415, f"key={KEY}", PDF, "application/json")


def test_thirty_two_mib_are_taken_and_one_octet_more_is_not(sign, client):
    assert sign(422, f"key={KEY}", PDF + b"\n" * (MAX - len(PDF))).json()["code"] == "refused"
    # It is answered at the head; who goes on sending finds the connection closed.
    answer = client.request("POST", f"/v1/pdf/sign?key={KEY}", headers={
        "Content-Type": "application/pdf", "Content-Length": str(MAX + 1)})
    assert answer.status == 413, answer


def test_keys_of_other_formats_and_strangers_keys_sign_no_document(sign, client):
    assert sign(422, "key=test.es256").json()["code"] == "key-mismatch"
    assert sign(422, "key=certify.issuer").json()["code"] == "key-mismatch"
    sign(404, "key=no.such.key")
    for body in ({"key": KEY}, {"key": KEY, "content": "YQ", "digest": "YQ"},
                 {"key": KEY, "digest": b64u(b"d" * 33)}, {"key": KEY, "content": "!"},
                 {"key": KEY, "content": "YQ", "detached": True}):
        assert client.post("/v1/cms/sign", body).status == 400


def test_without_a_certificate_nothing_is_signed(sign, client):
    assert "no certificate" in sign(422, f"key={KEY}").json()["detail"]
    answer = client.post("/v1/cms/sign", {"key": KEY, "content": "YQ"})
    assert answer.status == 422 and "no certificate" in answer.json()["detail"]
