#ifndef KEYSTORE_OPERATIONS_HANDLERS_H
#define KEYSTORE_OPERATIONS_HANDLERS_H

#include "keystore/operations/operation.h"

/* What the rows of the table of types do (types.c). */

/* --- clients.c, for genesis --- */
void client_params_put(const struct client_record *record, struct ps_buf *out);
PS_MUST_USE enum ps_err client_params_to_row(struct json_value params, struct ps_buf *out);

/* --- genesis.c --- */
void genesis_go_on(struct operation *op);

/* --- genesis_document.c: the rows of policy and people --- */
PS_MUST_USE enum ps_err genesis_put_people(struct operation *op);

/* --- the types --- */
enum ps_err genesis_describe(struct operation *op, struct writer *json);
enum ps_err key_describe(struct operation *op, struct writer *json);
enum ps_err client_describe(struct operation *op, struct writer *json);
enum ps_err grant_describe(struct operation *op, struct writer *json);
enum ps_err set_describe(struct operation *op, struct writer *json);
bool genesis_resolve(struct operation *op, struct json_value request);
bool genesis_check(struct operation *op);
void genesis_execute(struct operation *op);
bool key_create_resolve(struct operation *op, struct json_value request);
bool key_create_check(struct operation *op);
void key_create_execute(struct operation *op);
void key_create_settle(struct operation *op);
bool key_rotate_resolve(struct operation *op, struct json_value request);
bool key_rotate_check(struct operation *op);
void key_rotate_execute(struct operation *op);
void key_rotate_settle(struct operation *op);
bool key_state_resolve(struct operation *op, struct json_value request);
bool key_state_check(struct operation *op);
void key_state_execute(struct operation *op);
bool key_destroy_resolve(struct operation *op, struct json_value request);
bool key_destroy_check(struct operation *op);
void key_destroy_execute(struct operation *op);
void key_destroy_settle(struct operation *op);
bool client_register_resolve(struct operation *op, struct json_value request);
bool client_register_check(struct operation *op);
void client_register_execute(struct operation *op);
bool client_state_resolve(struct operation *op, struct json_value request);
bool client_state_check(struct operation *op);
void client_state_execute(struct operation *op);
bool client_remove_resolve(struct operation *op, struct json_value request);
bool client_remove_check(struct operation *op);
void client_remove_execute(struct operation *op);
bool grant_add_resolve(struct operation *op, struct json_value request);
bool grant_add_check(struct operation *op);
void grant_add_execute(struct operation *op);
bool grant_revoke_resolve(struct operation *op, struct json_value request);
bool grant_revoke_check(struct operation *op);
void grant_revoke_execute(struct operation *op);
bool set_put_resolve(struct operation *op, struct json_value request);
bool set_put_check(struct operation *op);
void set_put_execute(struct operation *op);
enum ps_err token_approve_describe(struct operation *op, struct writer *json);
bool token_approve_resolve(struct operation *op, struct json_value request);
bool token_approve_check(struct operation *op);
void token_approve_execute(struct operation *op);
bool set_remove_resolve(struct operation *op, struct json_value request);
bool set_remove_check(struct operation *op);
void set_remove_execute(struct operation *op);

#endif
