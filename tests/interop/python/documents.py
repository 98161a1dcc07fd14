"""Judges signed PDFs and detached CMS with `pyHanko` from PyPI. One JSON object per line on standard input,
one result per line on standard output.

  {"pdf": b64u, "roots": [PEM, ...]}                      -> {"good": true, "signatures": [{...}]}
  {"cms": b64u, "content": b64u, "roots": [PEM, ...]}     -> the same, with one of them
  {"certify": b64u, "permissions": 2, "key": PEM, "certificate": PEM}  -> {"good": true, "pdf": b64u}
"""

import asyncio
import base64
import io
import json
import logging
import sys

from asn1crypto import cms, keys, pem, x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.validation import async_validate_detached_cms, validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

logging.disable(logging.CRITICAL)


def root_of(text):
    return x509.Certificate.load(pem.unarmor(text.encode())[2])


def unb64u(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def trust(row):
    return ValidationContext(trust_roots=[root_of(text) for text in row["roots"]])


def verdict(status, **more):
    return {"intact": status.intact, "valid": status.valid, "trusted": status.trusted,
            "good": status.bottom_line, **more}


def judge_pdf(row):
    reader, found = PdfFileReader(io.BytesIO(unb64u(row["pdf"]))), []
    for signature in reader.embedded_signatures:
        status = validate_pdf_signature(signature, trust(row))
        found.append(verdict(status, coverage=status.coverage.name, allowed=status.docmdp_ok,
                             reason=signature.sig_object.get("/Reason"),
                             location=signature.sig_object.get("/Location")))
    return {"signatures": found}


def judge_cms(row):
    signed = cms.ContentInfo.load(unb64u(row["cms"]), strict=True)["content"]
    return {"signatures": [verdict(asyncio.run(async_validate_detached_cms(
        unb64u(row["content"]), signed, signer_validation_context=trust(row))))]}


def certify(row):
    """The author's signature, which says what may be changed after it (DocMDP)."""
    signer = signers.SimpleSigner(
        signing_cert=root_of(row["certificate"]), cert_registry=None,
        signing_key=keys.PrivateKeyInfo.load(pem.unarmor(row["key"].encode())[2]))
    wanted = signers.PdfSignatureMetadata(
        field_name="Author", certify=True, docmdp_permissions=fields.MDPPerm(row["permissions"]))
    made = signers.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(unb64u(row["certify"]))), wanted,
                            signer)
    return {"pdf": base64.urlsafe_b64encode(made.getvalue()).decode().rstrip("=")}


def judge(row):
    if "certify" in row:
        return certify(row)
    return judge_cms(row) if "cms" in row else judge_pdf(row)


for line in sys.stdin:
    try:
        print(json.dumps({"good": True, **judge(json.loads(line))}), flush=True)
    except Exception as error:  # whatever a library throws is an answer
        print(json.dumps({"good": False, "error": repr(error)}), flush=True)
