"""Lints certificates and revocation lists with pkilint, and verifies paths with cryptography."""

import base64
import datetime
import json
import sys

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509 import verification
from pkilint import loader, pkix
from pkilint.pkix import certificate, crl, extension, name

CERTIFICATE = certificate.create_pkix_certificate_validator_container(
    certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS,
                                           extension.EXTENSION_MAPPINGS),
    [certificate.create_issuer_validator_container([]),
     certificate.create_validity_validator_container(),
     certificate.create_subject_validator_container([]),
     certificate.create_extensions_validator_container([]),
     certificate.create_spki_validator_container([])])
CRL = crl.create_pkix_crl_validator_container(
    [pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
     pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS)],
    [crl.create_issuer_validator_container([]), crl.create_validity_validator_container([]),
     crl.create_extensions_validator_container([])])


def findings(kind, octets):
    load = {"certificate": loader.load_der_certificate, "crl": loader.load_der_crl}[kind]
    validator = {"certificate": CERTIFICATE, "crl": CRL}[kind]
    return [f"{found.finding.severity.name} {found.finding.code} {found.message or ''}".strip()
            for result in validator.validate(load(octets, kind).root)
            for found in result.finding_descriptions]


def verify(chain, host):
    """The names that the path proves, or why there is none."""
    leaf, *above = [x509.load_der_x509_certificate(octets) for octets in chain]
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    builder = verification.PolicyBuilder().store(verification.Store([above[-1]]))
    verifier = builder.time(now).build_server_verifier(x509.DNSName(host))
    try:
        verifier.verify(leaf, above[:-1])
    except verification.VerificationError as error:
        return str(error)
    return ""


def issued(leaf, issuer):
    """Whether the names and the signature are of the issuer, or why not."""
    try:
        x509.load_der_x509_certificate(leaf).verify_directly_issued_by(
            x509.load_der_x509_certificate(issuer))
    except (InvalidSignature, TypeError, ValueError) as error:
        return repr(error)
    return ""


def answer(row):
    if "issuer" in row:
        return {"wrong": issued(*(base64.b64decode(row[name]) for name in ("octets", "issuer")))}
    if "host" in row:
        return {"wrong": verify([base64.b64decode(text) for text in row["chain"]], row["host"])}
    return {"findings": findings(row["kind"], base64.b64decode(row["octets"]))}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
