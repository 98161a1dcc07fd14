#ifndef KEYSTORE_OPERATIONS_CALLERS_HANDLERS_H
#define KEYSTORE_OPERATIONS_CALLERS_HANDLERS_H

#include "keystore/operations/operation.h"

/* What the rows of clients and grants do (types.c). */
void client_lock(struct operation *op, const struct client_record *record);
enum ps_err client_describe(struct operation *op, struct writer *json);
enum ps_err grant_describe(struct operation *op, struct writer *json);
bool client_register_resolve(struct operation *op, struct json_value request);
bool client_register_check(struct operation *op);
enum ps_err client_register_rows(struct operation *op);
bool client_certificate_resolve(struct operation *op, struct json_value request);
bool client_certificate_check(struct operation *op);
enum ps_err client_certificate_rows(struct operation *op);
void client_certificate_execute(struct operation *op);
bool client_state_resolve(struct operation *op, struct json_value request);
bool client_state_check(struct operation *op);
enum ps_err client_state_rows(struct operation *op);
bool client_remove_resolve(struct operation *op, struct json_value request);
bool client_remove_check(struct operation *op);
enum ps_err client_remove_rows(struct operation *op);
bool grant_add_resolve(struct operation *op, struct json_value request);
bool grant_add_check(struct operation *op);
enum ps_err grant_add_rows(struct operation *op);
bool grant_revoke_resolve(struct operation *op, struct json_value request);
bool grant_revoke_check(struct operation *op);
enum ps_err grant_revoke_rows(struct operation *op);

#endif
