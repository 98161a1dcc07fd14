#ifndef KEYSTORE_OPERATIONS_ROWS_H
#define KEYSTORE_OPERATIONS_ROWS_H

#include "keystore/operations/operation.h"

/* --- rows.c: rows for those that change them --- */
struct row {
    struct ps_buf memory;
    struct json *parser;
    uint64_t revision;
    struct json_value body;
};
void row_clear(struct row *row);
#define ROW_AUTO PS_CLEANUP(row_clear) struct row
PS_MUST_USE enum ps_err row_read(struct keeper *keeper, enum catalog_kind kind,
                                 struct ps_bytes name, struct row *row);
/* The same as the operation is about to leave it. */
PS_MUST_USE enum ps_err row_read_new(struct operation *op, enum catalog_kind kind,
                                     struct ps_bytes name, struct row *row);

/*
 * --- way_in.c ---
 * False, and the operation is refused, when what it takes away (either may be empty) was the last
 * way in: a client that is not suspended, on the management listener, with grants without an end to
 * give grants and to take steps of operations.
 */
struct way_in_closing {
    struct ps_bytes client;
    struct ps_bytes grant;
};
PS_MUST_USE bool way_in_stays(struct operation *op, const struct way_in_closing *closing);

/* --- key_rows.c --- */
PS_MUST_USE enum ps_err key_rows_put(struct operation *op, const struct key *key,
                                     enum key_state state, uint32_t latest);
/* And lives in that token from now on. */
PS_MUST_USE enum ps_err key_rows_put_in(struct operation *op, const struct key *key,
                                        enum key_state state, uint32_t latest,
                                        struct ps_bytes token);
PS_MUST_USE enum ps_err key_rows_put_version(struct operation *op, const struct key *key,
                                             uint32_t number, enum key_state state);
/* Nothing of it but whether it is `unproven`. */
PS_MUST_USE enum ps_err key_rows_put_mark(struct operation *op, const struct key *key,
                                          uint32_t number, bool is_unproven);

/*
 * How many octets of a leaf are left beside the row of a key, and how many the row of one of its
 * versions takes at most: many versions do not fit into one leaf.
 */
size_t key_rows_room(const struct key *key);
size_t key_rows_version_len(const struct key_version *version);

/* --- key_params.c: a new key as the document says it --- */
/*
 * A new key's object, or those of a batch and an array of objects with their names (`name`); or the
 * terms of a family that will be, whose keys come later.
 */
struct new_ids {
    const struct object *objects;
    struct json_value names;           /* doc NULL: no batch */
    struct ps_bytes family;            /* prefix of that which the key is of; empty: of none */
    const struct family_record *terms; /* NULL: no family */
};
/* Writes the resolved parameters of a key and of its first version, or of a family. */
void key_params_put(const struct key_record *record, const struct new_ids *ids,
                    const struct token_view *token, struct ps_buf *out);
/* The member `class` of an operation on keys that are there, before the member "key" or "keys". */
void key_params_put_class(enum key_class class, struct writer *json);
/* The record's name is empty in a batch, and the prefix of a family. */
PS_MUST_USE enum ps_err key_params_read(struct operation *op, struct key_record *ret_record);
/* What an operation on a key is about: its params' `key`, and `version`, 0 for the whole key. */
PS_MUST_USE enum ps_err key_params_subject(const struct operation *op, struct key **ret_key,
                                           uint32_t *ret_version);
/* An object id in hex of the params, as the operation's object `at`. */
PS_MUST_USE enum ps_err key_params_object(struct operation *op, size_t at);

#endif
