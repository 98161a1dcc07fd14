#include "pkcs11/use/ecdsa_form.h"

#include <openssl/ec.h>

static void free_signature(ECDSA_SIG **signature)
{
    ECDSA_SIG_free(*signature);
}

enum ps_err ecdsa_form_to_raw(uint8_t *signature, size_t len, size_t coordinate, size_t *ret_len)
{
    PS_CLEANUP(free_signature) ECDSA_SIG *parsed = NULL;
    const uint8_t *at = signature;

    if (len == 0 || len > 4096) {
        return ps_fail(PS_E_INPUT, 0, "not a DER signature");
    }
    parsed = d2i_ECDSA_SIG(NULL, &at, (long)len);
    if (parsed == NULL || at != signature + len || BN_is_negative(ECDSA_SIG_get0_r(parsed)) ||
        BN_is_negative(ECDSA_SIG_get0_s(parsed)) ||
        BN_num_bytes(ECDSA_SIG_get0_r(parsed)) > (int)coordinate ||
        BN_num_bytes(ECDSA_SIG_get0_s(parsed)) > (int)coordinate) {
        return ps_fail(PS_E_INPUT, 0, "not a DER signature");
    }
    if (BN_bn2binpad(ECDSA_SIG_get0_r(parsed), signature, (int)coordinate) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(parsed), signature + coordinate, (int)coordinate) < 0) {
        return ps_fail(PS_E_INPUT, 0, "not a DER signature");
    }
    *ret_len = 2 * coordinate;
    return PS_OK;
}

enum ps_err ecdsa_form_to_der(const uint8_t *raw, size_t coordinate, uint8_t *ret_der, size_t room,
                              size_t *ret_len)
{
    PS_CLEANUP(free_signature) ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, (int)coordinate, NULL);
    BIGNUM *s = BN_bin2bn(raw + coordinate, (int)coordinate, NULL);
    int len;

    if (signature == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(signature, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    len = i2d_ECDSA_SIG(signature, NULL);
    if (len <= 0 || (size_t)len > room) {
        return ps_fail(PS_E_INPUT, 0, "a DER signature of %d octets", len);
    }
    len = i2d_ECDSA_SIG(signature, &ret_der);
    *ret_len = (size_t)len;
    return PS_OK;
}
