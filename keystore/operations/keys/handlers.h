#ifndef KEYSTORE_OPERATIONS_KEYS_HANDLERS_H
#define KEYSTORE_OPERATIONS_KEYS_HANDLERS_H

#include "keystore/operations/operation.h"

/* What the rows of keys and of sets of keys do (types.c). */
enum ps_err key_describe(struct operation *op, struct writer *json);
enum ps_err set_describe(struct operation *op, struct writer *json);
bool key_create_resolve(struct operation *op, struct json_value request);
bool key_create_check(struct operation *op);
enum ps_err key_create_rows(struct operation *op);
void key_create_execute(struct operation *op);
void key_create_settle(struct operation *op);
enum ps_err key_batch_describe(struct operation *op, struct writer *json);
bool key_batch_resolve(struct operation *op, struct json_value request);
bool key_batch_check(struct operation *op);
enum ps_err key_batch_rows(struct operation *op);
void key_batch_execute(struct operation *op);
void key_batch_settle(struct operation *op);
bool key_rotate_resolve(struct operation *op, struct json_value request);
bool key_rotate_check(struct operation *op);
enum ps_err key_rotate_rows(struct operation *op);
void key_rotate_execute(struct operation *op);
void key_rotate_settle(struct operation *op);
bool key_state_resolve(struct operation *op, struct json_value request);
bool key_state_check(struct operation *op);
enum ps_err key_state_rows(struct operation *op);
bool key_destroy_resolve(struct operation *op, struct json_value request);
bool key_destroy_check(struct operation *op);
enum ps_err key_destroy_rows(struct operation *op);
void key_destroy_execute(struct operation *op);
void key_destroy_settle(struct operation *op);
enum ps_err key_destroy_describe(struct operation *op, struct writer *json);
bool set_put_resolve(struct operation *op, struct json_value request);
bool set_put_check(struct operation *op);
enum ps_err set_put_rows(struct operation *op);
bool set_remove_resolve(struct operation *op, struct json_value request);
bool set_remove_check(struct operation *op);
enum ps_err set_remove_rows(struct operation *op);

/* Requests of a version that gives way to its successor are finished: rotation is no revocation. */
void key_rotate_let_finish(const struct operation *op);

#endif
