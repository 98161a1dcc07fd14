#ifndef FRONTENDS_CERTIFY_ISSUER_KEYS_H
#define FRONTENDS_CERTIFY_ISSUER_KEYS_H

#include "api/client/privyseal.h"
#include "lib/base/err.h"
#include "lib/formats/public_key/public_key.h"

/*
 * Which version of a key signs now. A proof names its key in what is signed, so this has to be
 * known before. It is remembered, since asking costs as much as signing: whoever signs compares
 * what it was signed by, and asks anew when that was another version. For all threads.
 */
struct issuer_keys;

#define ISSUER_KEY_MULTIKEY_MAX 96u

struct issuer_key {
    char kid[PUBLIC_KEY_KID_LEN + 1];
    char multikey[ISSUER_KEY_MULTIKEY_MAX];
};

PS_MUST_USE enum ps_err issuer_keys_new(struct issuer_keys **ret_keys);
void issuer_keys_free(struct issuer_keys *keys);

/* Whether it is remembered. */
bool issuer_keys_find(struct issuer_keys *keys, const char *name, struct issuer_key *ret_key);

/*
 * Asks the appliance, and remembers.
 * Errors: as appliance_failed; PS_E_INTERNAL: a key that is no Multikey; PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err issuer_keys_read(struct issuer_keys *keys, struct privyseal *client,
                                         const char *name, struct issuer_key *ret_key);

#endif
