"""A CA that is not ours, with Python's cryptography: a root, an intermediate, and what they issue."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def pem(*certificates):
    return "".join(item.public_bytes(serialization.Encoding.PEM).decode() for item in certificates)


def key_usage(**wanted):
    usages = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
              "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{usage: wanted.get(usage, False) for usage in usages})


class ExternalCa:
    def __init__(self, common_name="Ministry Root"):
        self.root_key = ec.generate_private_key(ec.SECP256R1())
        self.root = self.issue(name(common_name), self.root_key.public_key(), ca=True,
                               issuer=name(common_name), signer=self.root_key, days=3650)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.issue(name("Ministry Issuing"), self.key.public_key(), ca=True,
                                      issuer=self.root.subject, signer=self.root_key, days=1825,
                                      path_length=0)

    def issue(self, subject, public_key, ca=False, issuer=None, signer=None, begin=-1, days=365,
              path_length=None, usage=None, sans=None, constraints=None):
        """By the intermediate unless another issuer is given."""
        usage = usage or ({"key_cert_sign": True, "crl_sign": True} if ca else
                          {"digital_signature": True})
        builder = (x509.CertificateBuilder().subject_name(subject)
                   .issuer_name(issuer or self.certificate.subject).public_key(public_key)
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(now() + begin * DAY).not_valid_after(now() + days * DAY)
                   .add_extension(x509.BasicConstraints(ca, path_length if ca else None), True)
                   .add_extension(key_usage(**usage), True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False))
        if sans is not None:
            builder = builder.add_extension(sans, False)
        if constraints is not None:
            builder = builder.add_extension(constraints, True)
        return builder.sign(signer or self.key, hashes.SHA256())

    def below(self, common_name, **options):
        """A CA that the intermediate has certified: its certificate, and what makes it an issuer."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.issue(name(common_name), key.public_key(), ca=True, **options)
        return certificate, {"issuer": certificate.subject, "signer": key}

    def answer(self, csr_pem, **options):
        """What it gives for a CSR, whose signature it checks: the certificate for its key."""
        csr = x509.load_pem_x509_csr(csr_pem.encode())
        assert csr.is_signature_valid
        return self.issue(csr.subject, csr.public_key(), **options)
