#ifndef KEYSTORE_OPERATIONS_KEYS_FAMILY_H
#define KEYSTORE_OPERATIONS_KEYS_FAMILY_H

#include "keystore/operations/operation.h"
#include "keystore/operations/rows.h"

/*
 * Families: keys that one client makes, under one prefix and of one kind, without people for each
 * (families.c); and the making of one (family_key.c).
 */

/* --- family_params.c --- */
/* The row of a family; the record borrows from it. Errors: PS_E_NOT_FOUND, as row_read. */
PS_MUST_USE enum ps_err family_read(struct keeper *keeper, struct ps_bytes prefix, struct row *row,
                                    struct family_record *ret_family);
/* What the document of family.create says. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err family_params_read(struct operation *op, struct family_record *ret_family);
/*
 * Those of the rules that look at nothing else: they hold also of what a log says was begun.
 * Errors: PS_E_DENIED.
 */
PS_MUST_USE enum ps_err family_check_rules(const struct family_record *family);
/* Nobody else makes keys of it, or changes it, at the same time. */
void family_lock(struct operation *op, struct ps_bytes prefix);

/* --- the types --- */
bool family_create_resolve(struct operation *op, struct json_value request);
bool family_create_check(struct operation *op);
enum ps_err family_create_rows(struct operation *op);
bool family_state_resolve(struct operation *op, struct json_value request);
bool family_state_check(struct operation *op);
enum ps_err family_state_rows(struct operation *op);
bool family_revoke_check(struct operation *op);
enum ps_err family_revoke_rows(struct operation *op);
enum ps_err family_describe(struct operation *op, struct writer *json);
bool family_key_resolve(struct operation *op, struct json_value request);
void family_key_lock(struct operation *op);
bool family_key_check(struct operation *op);
enum ps_err family_key_rows(struct operation *op);
void family_key_execute(struct operation *op);

#endif
