#ifndef KEYSTORE_OPERATIONS_KEYS_NEW_KEY_H
#define KEYSTORE_OPERATIONS_KEYS_NEW_KEY_H

#include "keystore/operations/internal.h"

/* What key.create, key.create_batch, key.rotate and family.make_key share. */

/* --- key_request.c --- */
/*
 * Reads what was asked for; the record borrows from it.
 *
 * ret_keys: of a batch, the array of {name}, and the record has one of these names; else doc NULL
 * Errors:   PS_E_INPUT (the form), PS_E_STATE (something that there is not)
 */
PS_MUST_USE enum ps_err new_key_read(struct json_value body, struct key_record *ret_record,
                                     struct json_value *ret_keys);
/* The same of a family's keys, which all reside wrapped: named by their prefix. */
PS_MUST_USE enum ps_err new_key_read_template(struct json_value body, struct ps_bytes prefix,
                                              struct key_record *ret_record);
/* The form of the row that it will be: labels, lengths, characters. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err new_key_check_form(const struct key_record *record);

/* --- key_create.c: of one key --- */
/* False, and it has ended: there is one of its name, the same (200) or another. */
bool new_key_is_new(struct operation *op, const struct key_record *record);
/* False: the operation has failed. What its document says, and how it is made. */
bool new_key_prepare(struct operation *op, struct key_record *ret_record,
                     struct make_spec *ret_spec);

/* --- new_key.c; false: the operation was refused --- */
/* Both to the resolved parameters: the object's ids are reserved. */
bool new_key_resolve(struct operation *op, struct json_value body, bool is_batch);
bool new_key_obeys_rules(struct operation *op, const struct key_record *record);
/* Whether the JWK sets that would list its keys have room for them. */
bool new_key_fits_sets(struct operation *op, const struct key_record *record);
/* The same of what was begun, when others may have filled them. Errors: PS_E_LIMIT, ... */
PS_MUST_USE enum ps_err new_key_check_sets(struct operation *op, const struct key_record *record);
/*
 * Those of the rules that look at nothing else: they hold also of what a log says was begun.
 * Errors: PS_E_DENIED.
 */
PS_MUST_USE enum ps_err new_key_check_rules(const struct key_record *record);
/* The token, as op->token, and its description; it may be away. */
bool new_key_find_token(struct operation *op, struct ps_bytes name, struct token_view *ret_view);
/* It goes into the token that people approved, and nowhere else; op->token is that one. */
bool new_key_has_its_token(struct operation *op, struct ps_bytes name);

/* Whether that token makes keys of this residence and type; false: refused. */
bool new_key_can_live(struct operation *op, const struct key_record *record);

struct make_spec new_key_spec(const struct operation *op, const struct key_record *record);
/* The rows of the key and of its first version. */
void new_key_put_rows(struct operation *op, const struct key_record *record,
                      const struct object *object, const struct made *made);

#endif
