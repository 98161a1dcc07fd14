#ifndef CEREMONY_REPLAY_ROWS_H
#define CEREMONY_REPLAY_ROWS_H

#include "lib/ceremony/replay/internal.h"

/*
 * What an operation did to the rows of the catalog, held against the document that it was done by,
 * and against the rows of before: a keeper that writes another key, grant or client than people
 * approved is found by whoever reads the log.
 */

/* --- values.c: members of documents and of rows --- */

bool replay_is_listed(struct ps_bytes name, const char *const *list, size_t count);
bool replay_find_member(struct json_value object, struct ps_bytes name,
                        struct json_value *ret_value);
/* A row has numbers where a document has strings of digits; other values are the same octets. */
bool replay_is_same(struct json_value row, struct json_value param);
bool replay_text_is(struct json_value object, const char *name, struct ps_bytes expected);
bool replay_number_is(struct json_value object, const char *name, int64_t expected);
bool replay_flag_is(struct json_value object, const char *name, bool expected);
/* Octets of the row in base64url, of the document in hexadecimal. */
bool replay_octets_are(struct json_value row, const char *name, struct json_value params,
                       const char *param);
/* Errors: PS_E_DENIED. */
PS_MUST_USE enum ps_err replay_read_number(struct json_value row, const char *name,
                                           uint64_t *ret_number);
/* Of a document: a string of digits. Errors: PS_E_NOT_FOUND. */
PS_MUST_USE enum ps_err replay_read_digits(const struct operation_document *document,
                                           const char *name, uint64_t *ret_number);
/* The row that is put under this name; false: there is none. */
bool replay_find_effect(struct json_value effects, const char *kind, struct ps_bytes name,
                        struct json_value *ret_row);

/* --- One effect --- */

struct replay_effect {
    struct ps_bytes kind;
    struct ps_bytes name;
    struct json_value row; /* doc NULL: it is removed */
    bool may_make;         /* the operation makes such rows */
    bool may_change;       /* it changes or removes them */
};

/* Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err replay_read_effect(struct json_value value,
                                           struct replay_effect *ret_effect);

/* Whether the row of a key or of a version says itself what it is called: "key", "key/number". */
bool replay_is_named(const struct replay_effect *effect);

/* --- key_rows.c. Errors: PS_E_DENIED says what is another one than approved. --- */

/* params: of a document that makes keys; what it does not say of the row is not looked at */
PS_MUST_USE enum ps_err replay_check_key_row(struct json_value params, struct ps_bytes name,
                                             struct json_value row);

/* The rows of a key of this name, made by a document with one id and one name. */
PS_MUST_USE enum ps_err replay_check_new_key(const struct replayed *op, struct ps_bytes name,
                                             uint64_t end_ns, struct json_value effects);

/* Whether it says what a token has shown, which changes nothing else of a version. */
bool replay_is_of_proof(const struct replayed *op);

/* Those of key.create, key.create_batch, key.rotate, and of what changes the state of a key. */
PS_MUST_USE enum ps_err replay_check_keys(const struct replayed *op, uint64_t end_ns,
                                          struct json_value effects);

/* --- own_rows.c: keys of the appliance itself, and those that wrap others --- */
PS_MUST_USE enum ps_err replay_check_own_keys(const struct replayed *op, struct json_value effects);

/* --- terms.c: a row of another kind, against the members of the document --- */
PS_MUST_USE enum ps_err replay_check_terms(struct replay *replay, const struct replayed *op,
                                           const struct replay_effect *effect);

/* --- known.c: rows as the leaves so far have them --- */

/*
 * Whether there was such a row, and it is still what the operation leaves alone; and remembers it.
 * Of chosen leaves only what never changes of a key can be told.
 */
PS_MUST_USE enum ps_err replay_take_known(struct replay *replay, const struct replayed *op,
                                          const struct replay_effect *effect);
/* A row of none of the keys that people make; empty: none is known. */
struct ps_bytes replay_known_row(const struct replay *replay, const char *kind,
                                 struct ps_bytes name);
void replay_forget_rows(struct replay *replay);

/*
 * rows.c: all of it, of one leaf. Errors: PS_E_DENIED, PS_E_INPUT (a row that is none),
 * PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err replay_take_rows(struct replay *replay, const struct replayed *op,
                                         const struct log_event *event);

#endif
