#ifndef FAKE_P11_HARNESS_H
#define FAKE_P11_HARNESS_H

#include "control.h"
#include "pkcs11/module/cryptoki_extra.h"

/*
 * What programs need that work with the module: they find it in the environment variable
 * FAKE_P11_MODULE and give it a new directory. Every function aborts when it cannot do its work.
 */

#define HARNESS_SO_PIN   "so-pin-0000"
#define HARNESS_USER_PIN "user-pin-0000"

struct harness {
    char directory[64];
    void *library;
    CK_FUNCTION_LIST *p11; /* of v2.40 */
    struct fake_control *control;
};

struct pair {
    CK_OBJECT_HANDLE public, private;
};

/* Loads the module, calls C_Initialize and gives tokens 0 to tokens - 1 their PINs. */
void harness_start(struct harness *harness, unsigned tokens);
void harness_stop(struct harness *harness);

CK_SESSION_HANDLE harness_open(const struct harness *harness, CK_SLOT_ID slot);

/* A session in which the user is logged in. */
CK_SESSION_HANDLE harness_login(const struct harness *harness, CK_SLOT_ID slot);

/* A pair of token keys, sensitive and not extractable. params: CKA_EC_PARAMS, of a P-256, Ed25519
 * or other curve's key. */
struct pair harness_make_curve(const struct harness *harness, CK_SESSION_HANDLE session,
                               const unsigned char *params, size_t length);
struct pair harness_make_p256(const struct harness *harness, CK_SESSION_HANDLE session);

/* Adds a rule: function and action, for any token, mechanism and attribute. */
uint64_t harness_rule(const struct harness *harness, uint64_t function, enum fake_action action,
                      uint64_t argument);

#endif
