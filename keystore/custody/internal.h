#ifndef KEYSTORE_CUSTODY_INTERNAL_H
#define KEYSTORE_CUSTODY_INTERNAL_H

#include "keystore/custody/console.h"
#include "keystore/custody/custody.h"
#include "lib/base/name.h"
#include "lib/ceremony/custody/one_time.h"

#define CUSTODY_TOKENS_MAX 32u

/* A share that has come. */
struct arrived {
    struct ps_secret *value; /* NULL: not yet */
    char officer[PS_NAME_MAX + 1];
};

struct release;

/* What has come of one PIN: of the security officer's, for one operation. */
struct gathering {
    struct gathering *next;          /* of the same token, for another operation */
    struct one_time_key *key;        /* to which they are sealed; NULL: none are asked for */
    char operation[PS_NAME_MAX + 1]; /* its id; "": the user's PIN */
    const char *type;                /* of the operation */
    uint8_t set[SHARE_SET_LEN];      /* of the shares below */
    struct arrived shares[SHARE_COUNT_MAX];
    struct release *release; /* of a PIN that was put together; NULL: none */
};

struct custody_token {
    char name[PS_NAME_MAX + 1];
    bool is_attended;
    bool is_kept;         /* its PIN came from officers, through the supervisor's memory */
    uint64_t so_until_ns; /* monotonic: so did the SO PIN, and until then; 0: it did not */
    char so_operation[PS_NAME_MAX + 1]; /* and for that one */
    bool differs;                       /* the PIN at hand was not the one that was split */
    struct ps_secret *next;             /* while its PIN is being changed */
    struct gathering user;
    struct gathering *so;
};

struct custody {
    struct keeper *keeper;
    struct custody_token tokens[CUSTODY_TOKENS_MAX];
    size_t count;
    struct console *console;
    struct ps_defer *look;
};

/* The row of a splitting, with the memory it borrows from. */
struct pin_row {
    struct ps_buf memory;
    struct json *parser;
    struct pin_record record;
    uint64_t revision;
};
void pin_row_clear(struct pin_row *row);
#define PIN_ROW_AUTO PS_CLEANUP(pin_row_clear) struct pin_row
/* next: of the PIN that is being set. Errors: PS_E_NOT_FOUND, ... */
PS_MUST_USE enum ps_err pin_row_read(const struct keeper *keeper, struct ps_bytes token,
                                     enum share_pin pin, bool next, struct pin_row *row);
/* Of the present PIN; of the one that is being set where that was never split. */
PS_MUST_USE enum ps_err pin_row_read_some(const struct keeper *keeper, struct ps_bytes token,
                                          enum share_pin pin, struct pin_row *row);
/* Whether the PIN is that of the row. */
bool pin_row_is_of(const struct pin_row *row, struct ps_bytes pin);

/* change.c: the PIN is used from now on, and kept by the supervisor. */
PS_MUST_USE enum ps_err custody_use_pin(struct custody *custody, struct token *token,
                                        struct ps_bytes pin);
void custody_have_kept(const struct keeper *keeper, struct ps_bytes token, struct ps_bytes pin);

struct custody_token *custody_token_find(struct custody *custody, struct ps_bytes name);
const struct custody_token *custody_token_of(const struct custody *custody,
                                             const struct token *token);

/* --- gathering.c --- */
void custody_forget_shares(struct gathering *gathering);
/* None are asked for; and, of a keeper that ends, their releases with their PINs. */
void custody_end_gatherings(struct custody *custody);
void custody_free_releases(struct custody *custody);
/* Brings up to date which shares are asked for, with a key for each. */
void custody_look_at_gatherings(struct custody *custody);
/* Each PIN whose shares are asked for; true of `fn` ends it, and is returned. */
typedef bool asked_fn(struct custody_token *known, enum share_pin pin, struct gathering *gathering,
                      void *context);
bool custody_each_asked(struct custody *custody, asked_fn *fn, void *context);
/* Whether this operation waits for the SO PIN; and whether its holders can give it now. */
bool custody_wants_so_pin_for(const struct custody *custody, const struct token *token,
                              const char *operation);
bool custody_wants_so_shares_for(const struct custody *custody, const struct token *token,
                                 const char *operation);

/*
 * so_pin.c: the PIN, put together, serves the operation that it was given for, and is forgotten
 * when that has ended. Errors: PS_E_STATE (locked), PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err custody_use_so_pin(struct custody *custody, struct token *token,
                                           const char *operation, struct ps_bytes pin);
void custody_look_so(struct custody *custody);

/* unlock.c: what the console shows. */
void unlock_put_page(struct custody *custody, struct ps_buf *out);
void release_free(struct release *release);

#endif
