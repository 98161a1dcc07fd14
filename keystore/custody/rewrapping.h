#ifndef KEYSTORE_CUSTODY_REWRAPPING_H
#define KEYSTORE_CUSTODY_REWRAPPING_H

#include "keystore/custody/records.h"

/*
 * Wraps every key that lives outside the tokens anew that is under one version of the wrapping
 * keys: one after the other, by the copies of those keys which one process of the token has
 * (msg_token_rewrap_begin), while everything else goes on. A key's row is replaced as a whole, and
 * only after what it will be has signed, decrypted or shown its check value; so that wherever it
 * stops each key is under one of the two, and whoever begins anew goes on from there.
 *
 * What is in the way of one key is in the way of no other: one that the token does not open, does
 * not wrap, or cannot use afterwards is left as it was, and counted.
 */
struct rewrapping;

#define REWRAPPING_LEFT_SHOWN 16u

/* How far it is: the caller's, from one copy to the next. All 0 at the beginning. */
struct rewrapping_progress {
    struct record_due reached; /* rows up to this one are done with */
    struct record_due lost_at; /* where a copy was lost last, */
    unsigned losses;           /* and how many were lost there */
    unsigned given_up;         /* keys in a row that were left because copies were lost there */
    size_t left;               /* rows that stay as they are, though somebody may need them */
    struct ps_buf shown;       /* the first of them, as elements of a JSON array */
    char first[160];           /* the first one as a sentence; "": none */
};
void rewrapping_progress_init(struct rewrapping_progress *progress);
void rewrapping_progress_clear(struct rewrapping_progress *progress);

struct rewrapping_spec {
    struct keeper *keeper;
    struct token_place place; /* the process that has the copies */
    struct ps_bytes copy_id;  /* copied, as the next */
    struct ps_bytes secrets_copy_id;
    uint32_t from;
    struct wrapping_keys to;
    struct rewrapping_progress *progress;
};

enum rewrapping_end {
    REWRAPPING_DONE,  /* all that can be */
    REWRAPPING_AWAY,  /* the process does not have the copies any more, or does not answer */
    REWRAPPING_FAILED /* no key can be wrapped anew; `detail` says why */
};

/* answered: as in make_calls. moved: one key more. ended: once; never during rewrapping_begin. */
struct rewrapping_calls {
    void (*answered)(void *context, const struct token_answer *answer);
    void (*moved)(void *context);
    void (*ended)(void *context, enum rewrapping_end end, const char *detail);
};

/* Goes on behind spec->progress->reached, which has to stay. Errors: PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err rewrapping_begin(const struct rewrapping_spec *spec,
                                         const struct rewrapping_calls *calls, void *context,
                                         struct rewrapping **ret_rewrapping);
/* No answer may be due any more. */
void rewrapping_free(struct rewrapping *rewrapping);

#endif
