#ifndef KEYSTORE_OPERATIONS_CUSTODY_HANDLERS_H
#define KEYSTORE_OPERATIONS_CUSTODY_HANDLERS_H

#include "keystore/operations/operation.h"

/* What the rows of custody do (types.c). */
bool appliance_restore_resolve(struct operation *op, struct json_value request);
bool appliance_restore_check(struct operation *op);
enum ps_err appliance_restore_rows(struct operation *op);
void appliance_restore_execute(struct operation *op);
enum ps_err appliance_restore_describe(struct operation *op, struct writer *json);
bool wrapping_carry_resolve(struct operation *op, struct json_value request);
void wrapping_carry_lock(struct operation *op);
bool wrapping_carry_check(struct operation *op);
enum ps_err wrapping_carry_rows(struct operation *op);
void wrapping_carry_execute(struct operation *op);
void wrapping_carry_settle(struct operation *op);
enum ps_err wrapping_carry_describe(struct operation *op, struct writer *json);
bool wrapping_create_resolve(struct operation *op, struct json_value request);
void wrapping_create_lock(struct operation *op);
bool wrapping_create_check(struct operation *op);
enum ps_err wrapping_create_rows(struct operation *op);
void wrapping_create_execute(struct operation *op);
void wrapping_create_settle(struct operation *op);
enum ps_err wrapping_create_describe(struct operation *op, struct writer *json);
bool wrapping_destroy_resolve(struct operation *op, struct json_value request);
void wrapping_destroy_lock(struct operation *op);
bool wrapping_destroy_check(struct operation *op);
enum ps_err wrapping_destroy_rows(struct operation *op);
void wrapping_destroy_execute(struct operation *op);
enum ps_err wrapping_destroy_describe(struct operation *op, struct writer *json);
bool wrapping_prepare_resolve(struct operation *op, struct json_value request);
void wrapping_prepare_lock(struct operation *op);
bool wrapping_prepare_check(struct operation *op);
enum ps_err wrapping_prepare_rows(struct operation *op);
void wrapping_prepare_execute(struct operation *op);
void wrapping_prepare_settle(struct operation *op);
enum ps_err wrapping_prepare_describe(struct operation *op, struct writer *json);
bool wrapping_rewrap_resolve(struct operation *op, struct json_value request);
void wrapping_rewrap_lock(struct operation *op);
bool wrapping_rewrap_check(struct operation *op);
enum ps_err wrapping_rewrap_rows(struct operation *op);
void wrapping_rewrap_execute(struct operation *op);
void wrapping_rewrap_settle(struct operation *op);
enum ps_err wrapping_rewrap_describe(struct operation *op, struct writer *json);
bool token_accept_resolve(struct operation *op, struct json_value request);
bool token_accept_check(struct operation *op);
enum ps_err token_accept_rows(struct operation *op);
bool token_decommission_resolve(struct operation *op, struct json_value request);
bool token_decommission_check(struct operation *op);
enum ps_err token_decommission_rows(struct operation *op);
enum ps_err token_life_describe(struct operation *op, struct writer *json);

#endif
