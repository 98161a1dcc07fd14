#ifndef KEYSTORE_CUSTODY_PIN_SET_H
#define KEYSTORE_CUSTODY_PIN_SET_H

#include "keystore/catalog/pin_record.h"

/*
 * A new splitting of a PIN: its check value, and for each holder a share, sealed to the holder's
 * certificate, with its commitment. The PIN and the shares themselves are gone when it is made.
 */
struct pin_set_holder {
    struct ps_bytes officer;
    struct ps_bytes certificate; /* DER */
};

struct pin_set_spec {
    struct ps_bytes token;
    enum share_pin pin;
    struct ps_bytes set; /* SHARE_SET_LEN octets */
    unsigned threshold;
    const struct pin_set_holder *holders;
    size_t count;
};

struct pin_set_share {
    uint8_t commitment[PS_SHA256_LEN];
    struct ps_buf sealed;
};

struct pin_set {
    struct pin_check check;
    struct pin_set_share shares[SHARE_COUNT_MAX];
    size_t count;
};

/*
 * Takes about 0.1 s, and 1 ms for each holder.
 * Errors: PS_E_INPUT (a certificate that cannot be sealed to, bounds of share.h), PS_E_NO_MEMORY,
 * PS_E_INTERNAL.
 */
PS_MUST_USE enum ps_err pin_set_make(const struct pin_set_spec *spec, struct ps_bytes pin,
                                     struct pin_set *ret_set);
void pin_set_clear(struct pin_set *set);

#endif
