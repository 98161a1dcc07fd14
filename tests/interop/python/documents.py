"""Judges signed PDFs with `pyHanko` from PyPI. One JSON object per line on standard input, one result
per line on standard output.

  {"pdf": b64u, "roots": [PEM, ...]}  -> {"good": true, "signatures": [{...}]}
"""

import base64
import io
import json
import logging
import sys

from asn1crypto import pem, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

logging.disable(logging.CRITICAL)


def root_of(text):
    return x509.Certificate.load(pem.unarmor(text.encode())[2])


def judge(row):
    octets = base64.urlsafe_b64decode(row["pdf"] + "=" * (-len(row["pdf"]) % 4))
    reader, found = PdfFileReader(io.BytesIO(octets)), []
    for signature in reader.embedded_signatures:
        context = ValidationContext(trust_roots=[root_of(text) for text in row["roots"]])
        status = validate_pdf_signature(signature, context)
        found.append({"intact": status.intact, "valid": status.valid, "trusted": status.trusted,
                      "good": status.bottom_line, "coverage": status.coverage.name,
                      "reason": signature.sig_object.get("/Reason")})
    return {"signatures": found}


for line in sys.stdin:
    try:
        print(json.dumps({"good": True, **judge(json.loads(line))}), flush=True)
    except Exception as error:  # whatever a library throws is an answer
        print(json.dumps({"good": False, "error": repr(error)}), flush=True)
