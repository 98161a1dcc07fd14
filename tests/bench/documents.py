"""Documents for the benchmark: a PDF of 2 MiB, a certificate for the key that signs it, and whether
what came back is signed."""

import random
import re
import subprocess
import time

from cryptography.hazmat.primitives.serialization import load_pem_public_key

from harness.external_ca import ExternalCa, name, pem

OCTETS = 2 << 20
PAGES = 64
# A visible box, so that the page is read and written, too.
TARGET = "/v1/pdf/sign?key={}&reason=Approved&rectangle=36,36,236,96"
HEADERS = {"Content-Type": "application/pdf"}
RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")


def stream(entries, octets):
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(octets), octets)


def page_of(number, image):
    """Three objects, the first of this number: a page, what it draws, and an image of noise, which
    is as large as it looks."""
    page = (b"<< /Type /Page /Parent 2 0 R /Contents %d 0 R /Resources "
            b"<< /XObject << /Image %d 0 R >> >> >>" % (number + 1, number + 2))
    shape = b"/Type /XObject /Subtype /Image /Width %d /Height 256" % (len(image) // 256)
    return [page, stream(b"", b"q 400 0 0 400 72 300 cm /Image Do Q"),
            stream(shape + b" /ColorSpace /DeviceGray /BitsPerComponent 8", image)]


def make_pdf():
    """A little over OCTETS."""
    source = random.Random(2)
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    pages = range(3, 3 + 3 * PAGES, 3)
    objects[1] = b"<< /Type /Pages /MediaBox [0 0 595 842] /Count %d /Kids [%s] >>" % (
        PAGES, b" ".join(b"%d 0 R" % number for number in pages))
    for number in pages:
        objects += page_of(number, source.randbytes(OCTETS // PAGES))
    out, table = bytearray(b"%PDF-1.7\n"), [b"0000000000 65535 f \n"]
    for number, octets in enumerate(objects, 1):
        table.append(b"%010d 00000 n \n" % len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, octets)
    return bytes(out) + (b"xref\n0 %d\n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
                         % (len(table), b"".join(table), len(table), len(out)))


class Documents:
    """Signed one after another over one connection by a key with a certificate of its own."""

    def __init__(self, appliance, key):
        self.original = make_pdf()
        self.client = appliance.client(timeout=60)
        self.target = TARGET.format(key)
        self.directory = appliance.directory
        authority = ExternalCa()
        public = self.client.get(f"/v1/keys/{key}/public",
                                 headers={"Accept": "application/x-pem-file"}).body
        leaf = authority.issue(name("Benchmark"), load_pem_public_key(public),
                               usage={"digital_signature": True, "content_commitment": True})
        answer = appliance.change("PUT", f"/v1/keys/{key}/certificate",
                                  {"chain": pem(leaf, authority.certificate),
                                   "root": pem(authority.root)})
        if answer.status not in (200, 201):
            raise RuntimeError(f"cannot install the certificate of {key}: {answer}")
        self.root = self.directory / "bench-root"
        self.root.write_text(pem(authority.root))

    def sign(self, count):
        """The answers, and how long each took in ms."""
        answers, times = [], []
        for _ in range(count):
            began = time.perf_counter()
            answers.append(self.client.request("POST", self.target, self.original, HEADERS))
            times.append((time.perf_counter() - began) * 1000)
        return answers, times

    def is_good(self, document):
        """The original with an update, and OpenSSL's word for the CMS over all but its own place."""
        found = RANGE.search(document, len(self.original))
        if found is None or not document.startswith(self.original):
            return False
        start, first, second, rest = map(int, found.groups())
        if start != 0 or second + rest != len(document):
            return False
        content, cms = self.directory / "bench-content", self.directory / "bench-cms"
        content.write_bytes(document[:first] + document[second:])
        cms.write_bytes(bytes.fromhex(document[first + 1:second - 1].decode()))
        done = subprocess.run(["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", cms,
                               "-content", content, "-CAfile", self.root, "-out", "/dev/null"],
                              capture_output=True, check=False)
        return done.returncode == 0
