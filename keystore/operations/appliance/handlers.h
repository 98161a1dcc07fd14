#ifndef KEYSTORE_OPERATIONS_APPLIANCE_HANDLERS_H
#define KEYSTORE_OPERATIONS_APPLIANCE_HANDLERS_H

#include "keystore/operations/operation.h"

/* What the rows of the appliance itself and of its people do (types.c). */
bool appliance_lock_resolve(struct operation *op, struct json_value request);
bool appliance_lock_check(struct operation *op);
bool configuration_approve_resolve(struct operation *op, struct json_value request);
bool configuration_approve_check(struct operation *op);
enum ps_err appliance_rows(struct operation *op);
enum ps_err appliance_row_describe(struct operation *op, struct writer *json);
bool exception_resolve(struct operation *op, struct json_value request);
bool exception_check(struct operation *op);
enum ps_err genesis_describe(struct operation *op, struct writer *json);
bool genesis_resolve(struct operation *op, struct json_value request);
bool genesis_check(struct operation *op);
void genesis_execute(struct operation *op);
bool log_prune_resolve(struct operation *op, struct json_value request);
bool log_prune_check(struct operation *op);
enum ps_err log_prune_rows(struct operation *op);
enum ps_err log_prune_describe(struct operation *op, struct writer *json);
bool officer_enrol_resolve(struct operation *op, struct json_value request);
bool officer_replace_resolve(struct operation *op, struct json_value request);
bool officer_name_resolve(struct operation *op, struct json_value request);
bool policy_change_resolve(struct operation *op, struct json_value request);
bool people_check(struct operation *op);
enum ps_err people_rows(struct operation *op);
enum ps_err officer_describe(struct operation *op, struct writer *json);
enum ps_err policy_describe(struct operation *op, struct writer *json);
enum ps_err token_approve_describe(struct operation *op, struct writer *json);
bool token_approve_resolve(struct operation *op, struct json_value request);
bool token_approve_check(struct operation *op);
enum ps_err token_approve_rows(struct operation *op);

#endif
