#ifndef KEYSTORE_OPERATIONS_KEYS_KEY_PARAMS_H
#define KEYSTORE_OPERATIONS_KEYS_KEY_PARAMS_H

#include "keystore/operations/operation.h"

/* A new key as the document says it. */

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
