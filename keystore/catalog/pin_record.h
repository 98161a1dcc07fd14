#ifndef KEYSTORE_CATALOG_PIN_RECORD_H
#define KEYSTORE_CATALOG_PIN_RECORD_H

#include "lib/ceremony/custody/pin_check.h"
#include "lib/ceremony/custody/share.h"
#include "lib/ceremony/custody/share_cms.h"
#include "lib/formats/json/json.h"

/*
 * Rows of kind `pin`; see records.h. One splitting of a PIN of a token: who holds which share, and
 * by what a share and the PIN are recognised. Under "<token>/<user|so>" that of the PIN that the
 * token has; under "<token>/<user|so>/next" that of one that is being set. Nothing in it is
 * secret: what is sealed opens for its officer alone.
 */
#define PIN_NEXT "next"

struct pin_record {
    struct ps_bytes token;
    enum share_pin pin;
    bool is_next;
    struct ps_bytes set; /* SHARE_SET_LEN octets */
    uint32_t threshold;
    struct ps_bytes salt; /* of the PIN's check value: PIN_CHECK_SALT octets */
    struct ps_bytes check;
    struct json_value holders; /* array; share number i + 1 is that of element i */
};

struct pin_holder {
    struct ps_bytes officer;
    struct ps_bytes certificate; /* SHA-256 */
    struct ps_bytes entry;       /* SHA-256 of the officer's entry in the roster, as it was then */
    struct ps_bytes commitment;  /* SHA-256 */
    struct ps_bytes sealed;      /* CMS, DER */
};

PS_MUST_USE enum ps_err pin_record_read(struct json_value row, struct pin_record *ret_record);
void pin_record_put(const struct pin_record *record, struct ps_buf *out);

void pin_holder_put(const struct pin_holder *holder, struct ps_buf *out); /* one object */
/* False past the end. The record was read by pin_record_read. */
bool pin_record_holder(const struct pin_record *record, size_t index,
                       struct pin_holder *ret_holder);

/* "main/user", "main/user/next" */
void pin_record_put_name(struct ps_bytes token, enum share_pin pin, bool is_next,
                         struct ps_buf *out);

#endif
