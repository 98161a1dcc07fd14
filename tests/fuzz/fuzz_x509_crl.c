#include "tests/fuzz/fuzz.h"

#include "lib/base/reader.h"
#include "lib/formats/x509/crl.h"

#include <assert.h>
#include <openssl/x509.h>

/* An issuer of u16 octets, then times and what it revoked; OpenSSL reads what comes of it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ps_reader reader = ps_reader(ps_bytes(data, size));
    struct x509_revoked revoked[16] = {{.reason = X509_REASON_UNSPECIFIED}};
    struct x509_crl crl = {.algorithm = PS_ALG_ES256, .revoked = revoked};
    PS_BUF_AUTO tbs = {.max = 1 << 20};

    crl.issuer = ps_reader_take(&reader, ps_reader_u16(&reader));
    crl.number = ps_reader_u64(&reader);
    crl.this_update_s = ps_reader_u32(&reader);
    crl.next_update_s = ps_reader_u32(&reader);
    while (crl.count < PS_COUNT_OF(revoked) && reader.left.len != 0) {
        revoked[crl.count].serial = ps_reader_take(&reader, ps_reader_u8(&reader) % 32u);
        revoked[crl.count].reason = (enum x509_reason)(ps_reader_u8(&reader) % 16u);
        revoked[crl.count++].revoked_s = ps_reader_u32(&reader);
    }
    if (ps_reader_finish(&reader) == PS_OK && x509_put_crl_tbs(&crl, &tbs) == PS_OK) {
        const uint8_t *at = tbs.data;
        X509_CRL_INFO *read = d2i_X509_CRL_INFO(NULL, &at, (long)tbs.len);

        assert(read != NULL && at == tbs.data + tbs.len);
        X509_CRL_INFO_free(read);
    }
    return 0;
}
