#ifndef KEYSTORE_CUSTODY_RECORDS_H
#define KEYSTORE_CUSTODY_RECORDS_H

#include "keystore/custody/wrapping_keys.h"

/* The records of wrapped keys (msg_token_sign.record): from the catalog's rows to a token process.
 */

/* A key that is being made, or that is there. */
struct record_of {
    struct ps_bytes key;
    uint32_t version;
    enum ps_key_type type;
    enum ps_usage usage;
    const enum ps_alg *algorithms;
    size_t algorithm_count;
};

/* What a token made of it; all empty before. */
struct record_made {
    struct ps_bytes public_key; /* empty of a secret key, too */
    struct ps_bytes blob;
    struct ps_bytes mac;
};

/* At most TOKEN_RECORD_MAX octets. Errors: PS_E_INPUT (a field that is too long), the buffer's. */
PS_MUST_USE enum ps_err record_put(const struct record_of *of, const struct wrapping_keys *keys,
                                   const struct record_made *made, struct ps_buf *out);

/* The same of a version that is there. */
PS_MUST_USE enum ps_err record_put_version(const struct key_version *version,
                                           const struct wrapping_keys *keys,
                                           const struct record_made *made, struct ps_buf *out);

/*
 * The record of a version, as its row has it now.
 * Errors: PS_E_STATE (the row is gone, or none of a wrapped key, or says that it is of another key
 * or version, or was wrapped by a key that there is not), PS_E_STORAGE, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err record_of_version(const struct keeper *keeper,
                                          const struct key_version *version, struct ps_buf *out);

/*
 * By which version of the wrapping key the row of an object opens.
 * Errors: PS_E_NOT_FOUND (there is no row), PS_E_INPUT, PS_E_LIMIT (one of no known form), ...
 */
PS_MUST_USE enum ps_err record_wrapping(const struct keeper *keeper, struct ps_bytes object_id,
                                        uint32_t *ret_wrapping);

/*
 * The version that a row of this object id is of: of the key that the row names, the one that the
 * log has with the same id.
 * Errors: PS_E_NOT_FOUND (no key has it: there is no row, or the log has no such version). Any
 * other leaves open whether a key has it: PS_E_INPUT, PS_E_LIMIT (a row of no known form),
 * PS_E_STATE (the key's own rows cannot be read), PS_E_STORAGE, PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err record_owner(const struct keeper *keeper, struct ps_bytes object_id,
                                     const struct key_version **ret_version);

/* Whether what is in this state, a key or a version of it, has to be opened some day. */
bool record_is_used_again(enum key_state state);

/* The row's name: of an object id. */
void record_put_name(struct ps_bytes object_id, struct ps_buf *out);

/*
 * Removes the row of an object, of whatever revision; one that is gone is as good.
 * Errors: the catalog's.
 */
PS_MUST_USE enum ps_err record_remove(struct keeper *keeper, struct ps_bytes object_id);

/*
 * How many rows are under a version of the wrapping key, whatever they are of. Blocks for about a
 * microsecond for each row that there is of any version. Errors: the catalog's.
 */
PS_MUST_USE enum ps_err records_count_under(const struct keeper *keeper, uint32_t wrapping,
                                            size_t *ret_count);

/* A row under a version of the wrapping key that is to be wrapped anew. */
struct record_due {
    uint8_t object_id[KEY_OBJECT_ID_MAX];
    size_t object_id_len;
    uint64_t revision;
    bool is_unclear; /* of a key that is just being made, or of no known form: not to be touched */
};

/*
 * The first such row after `after` (its id is empty at the beginning), in the order of ids. Those
 * of keys that are compromised, destroyed or withdrawn stay as they are: nobody uses them again.
 * Errors: PS_E_NOT_FOUND (there is none), the catalog's
 */
PS_MUST_USE enum ps_err records_next_under(const struct keeper *keeper, uint32_t wrapping,
                                           const struct record_due *after,
                                           struct record_due *ret_due);

/* Tells that the token does not open what is stored of it: an alarm, and its leaf. */
void record_alarm(struct keeper *keeper, const struct key_version *version);

/*
 * The same at a start, if keys live outside the tokens and the catalog has not one row of what was
 * wrapped: its file was lost. Only then it reads the rows of keys. Errors: the catalog's
 */
PS_MUST_USE enum ps_err records_alarm_if_lost(struct keeper *keeper);

#endif
