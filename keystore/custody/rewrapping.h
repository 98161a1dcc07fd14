#ifndef KEYSTORE_CUSTODY_REWRAPPING_H
#define KEYSTORE_CUSTODY_REWRAPPING_H

#include "keystore/custody/records.h"

/*
 * Wraps every key that lives outside the tokens anew that is under one version of the wrapping key:
 * one after the other, by the copy of that key which one process of the token has
 * (msg_token_rewrap_begin), while everything else goes on. A key's row is replaced as a whole, and
 * only after what it will be has signed or decrypted; so that wherever it stops each key is under
 * one of the two, and whoever begins anew goes on from there.
 */
struct rewrapping;

struct rewrapping_spec {
    struct keeper *keeper;
    struct token_place place; /* the process that has the copy */
    struct ps_bytes copy_id;  /* copied */
    uint32_t from;
    struct wrapping_keys to;
};

enum rewrapping_end {
    REWRAPPING_DONE,  /* all that can be */
    REWRAPPING_AWAY,  /* the process does not have the copy any more, or does not answer */
    REWRAPPING_FAILED /* `detail` says why */
};

/* answered: as in make_calls. moved: one key more. ended: once; never during rewrapping_begin. */
struct rewrapping_calls {
    void (*answered)(void *context, const struct token_answer *answer);
    void (*moved)(void *context);
    void (*ended)(void *context, enum rewrapping_end end, const char *detail);
};

/*
 * Errors: PS_E_NOT_FOUND (there is nothing to do), PS_E_TOKEN (the process is not ready),
 * PS_E_STORAGE, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err rewrapping_begin(const struct rewrapping_spec *spec,
                                         const struct rewrapping_calls *calls, void *context,
                                         struct rewrapping **ret_rewrapping);
/* No answer may be due any more. */
void rewrapping_free(struct rewrapping *rewrapping);

#endif
