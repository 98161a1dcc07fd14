#ifndef FRONTENDS_PLUGINS_REGISTRY_OTP_H
#define FRONTENDS_PLUGINS_REGISTRY_OTP_H

#include "frontends/plugins/registry/persons.h"

/*
 * One-time passwords: each for one person and one login, once, for a while, and for a few tries.
 * Not they are stored but an HMAC-SHA256 of them.
 */
#define OTP_DIGITS 6u
#define OTP_TRIES  3u

struct otp_place {
    const uint8_t *secret; /* REGISTRY_SECRET_LEN octets */
    struct ps_bytes person;
    struct ps_bytes login; /* transaction, relying party and client, as one text */
    uint64_t now_s;
};

/* One that takes the place of an earlier one. ret_otp: digits, NUL-terminated */
PS_MUST_USE enum ps_err otp_make(struct db *db, const struct otp_place *place, uint64_t life_s,
                                 char ret_otp[OTP_DIGITS + 1]);

/*
 * Uses one try, in the caller's transaction; a password that is right is gone. Errors: PS_E_DENIED
 * (wrong, or there is none): that is to be committed, too
 */
PS_MUST_USE enum ps_err otp_use(struct db *db, const struct otp_place *place, struct ps_bytes otp);

#endif
