#include "lib/formats/jose/x5c.h"

#include "lib/base/encode.h"
#include "lib/formats/der.h"

/*
 * RFC 5280 section 4.1: the members of a TBSCertificate up to its subject. The chain was read and
 * checked as a whole when it was installed; at each signature no more than this is needed.
 */
#define TAG_VERSION 0xa0

static enum ps_err read_names(struct ps_bytes der, struct ps_bytes *ret_issuer,
                              struct ps_bytes *ret_subject)
{
    struct ps_reader reader = ps_reader(der);
    struct ps_bytes inside;

    PS_TRY(der_take(&reader, DER_SEQUENCE, &inside));
    reader = ps_reader(inside);
    PS_TRY(der_take(&reader, DER_SEQUENCE, &inside));
    reader = ps_reader(inside);
    if (inside.len != 0 && inside.data[0] == TAG_VERSION) {
        PS_TRY(der_take(&reader, TAG_VERSION, &inside));
    }
    PS_TRY(der_take(&reader, DER_INTEGER, &inside));  /* serialNumber */
    PS_TRY(der_take(&reader, DER_SEQUENCE, &inside)); /* signature */
    PS_TRY(der_take(&reader, DER_SEQUENCE, ret_issuer));
    PS_TRY(der_take(&reader, DER_SEQUENCE, &inside)); /* validity */
    return der_take(&reader, DER_SEQUENCE, ret_subject);
}

bool x5c_is_self_issued(struct ps_bytes der)
{
    struct ps_bytes issuer;
    struct ps_bytes subject;

    return read_names(der, &issuer, &subject) == PS_OK && ps_bytes_equal(issuer, subject);
}

size_t x5c_count(const struct ps_bytes *chain, size_t count)
{
    return count > 1 && x5c_is_self_issued(chain[count - 1]) ? count - 1 : count;
}

void x5c_put(const struct ps_bytes *chain, size_t count, struct ps_buf *out)
{
    const size_t sent = x5c_count(chain, count);

    ps_buf_put_u8(out, '[');
    for (size_t i = 0; i < sent; i++) {
        ps_buf_put_str(out, i == 0 ? "\"" : ",\"");
        ps_buf_put_base64(out, chain[i]);
        ps_buf_put_u8(out, '"');
    }
    ps_buf_put_u8(out, ']');
}
