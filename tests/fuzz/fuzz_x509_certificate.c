#include "tests/fuzz/fuzz.h"

#include "lib/formats/x509/chain.h"

/* A certificate, and the same one as a chain of its own that is not trusted. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *certificate = NULL;
    const struct ps_bytes der = ps_bytes(data, size);
    struct x509_chain chain = {
        .certificates = &der, .count = 1, .anchors = &der, .kind = X509_KIND_ROOT};

    if (x509_read(der, &certificate) == PS_OK) {
        chain.spki = x509_facts(certificate)->spki;
        chain.now_s = x509_facts(certificate)->not_before_s;
        chain.anchor_count = size % 2;
        (void)!x509_check_chain(&chain);
    }
    return 0;
}
