"""Certificates for a companion's listeners and those who call them."""

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .external_ca import ExternalCa, name, pem
from .http_unix import b64u


class Files:
    """Certificates for both listeners and one caller."""

    def __init__(self, directory):
        self.directory = directory
        self.ca = ExternalCa()
        (directory / "ca.pem").write_text(pem(self.ca.root, self.ca.certificate))
        for who in ("server", "caller", "stranger"):
            self.write(who)

    def write(self, who):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.ca.issue(name(who), key.public_key())
        path = self.directory / f"{who}.key"
        path.touch(mode=0o600)
        path.write_bytes(key.private_bytes(serialization.Encoding.PEM,
                                           serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
        (self.directory / f"{who}.pem").write_text(pem(certificate, self.ca.certificate))
        return certificate

    def pin(self, who):
        digest = hashes.Hash(hashes.SHA256())
        key = serialization.load_pem_private_key((self.directory / f"{who}.key").read_bytes(), None)
        digest.update(key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
        return b64u(digest.finalize())
