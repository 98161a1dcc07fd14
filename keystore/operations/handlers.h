#ifndef KEYSTORE_OPERATIONS_HANDLERS_H
#define KEYSTORE_OPERATIONS_HANDLERS_H

#include "keystore/operations/operation.h"

/* What the rows of the table of types do (types.c). */

/* --- clients.c, for genesis --- */
void client_params_put(const struct client_record *record, struct ps_buf *out);
PS_MUST_USE enum ps_err client_params_to_row(struct json_value params, struct ps_buf *out);

/*
 * Locks the client and all that it is known by: two that came by one identity at the same time
 * would be rows that no start can load.
 */
void client_lock(struct operation *op, const struct client_record *record);

/* --- genesis.c --- */
void genesis_go_on(struct operation *op);

/* --- genesis_document.c: the rows of policy and people --- */
PS_MUST_USE enum ps_err genesis_put_people(struct operation *op);

/* --- the types --- */
bool appliance_lock_resolve(struct operation *op, struct json_value request);
bool appliance_lock_check(struct operation *op);
bool configuration_approve_resolve(struct operation *op, struct json_value request);
bool configuration_approve_check(struct operation *op);
enum ps_err appliance_rows(struct operation *op);
enum ps_err appliance_row_describe(struct operation *op, struct writer *json);
bool operation_cancel_resolve(struct operation *op, struct json_value request);
bool operation_cancel_check(struct operation *op);
void operation_cancel_execute(struct operation *op);
enum ps_err operation_cancel_describe(struct operation *op, struct writer *json);
bool exception_resolve(struct operation *op, struct json_value request);
bool exception_check(struct operation *op);
enum ps_err genesis_describe(struct operation *op, struct writer *json);
enum ps_err key_describe(struct operation *op, struct writer *json);
enum ps_err client_describe(struct operation *op, struct writer *json);
enum ps_err grant_describe(struct operation *op, struct writer *json);
enum ps_err profile_describe(struct operation *op, struct writer *json);
enum ps_err set_describe(struct operation *op, struct writer *json);
bool genesis_resolve(struct operation *op, struct json_value request);
bool genesis_check(struct operation *op);
void genesis_execute(struct operation *op);
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
bool certificate_csr_resolve(struct operation *op, struct json_value request);
bool certificate_csr_check(struct operation *op);
void certificate_csr_execute(struct operation *op);
enum ps_err certificate_csr_describe(struct operation *op, struct writer *json);
bool certificate_install_resolve(struct operation *op, struct json_value request);
bool certificate_install_check(struct operation *op);
enum ps_err certificate_install_rows(struct operation *op);
bool certificate_issue_resolve(struct operation *op, struct json_value request);
bool certificate_issue_check(struct operation *op);
enum ps_err certificate_issue_rows(struct operation *op);
void certificate_issue_execute(struct operation *op);
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
bool profile_put_resolve(struct operation *op, struct json_value request);
bool profile_put_check(struct operation *op);
enum ps_err profile_put_rows(struct operation *op);
bool profile_remove_resolve(struct operation *op, struct json_value request);
bool profile_remove_check(struct operation *op);
enum ps_err profile_remove_rows(struct operation *op);
bool certificate_revoke_resolve(struct operation *op, struct json_value request);
bool certificate_revoke_check(struct operation *op);
enum ps_err certificate_revoke_rows(struct operation *op);
enum ps_err certificate_revoke_describe(struct operation *op, struct writer *json);

bool log_prune_resolve(struct operation *op, struct json_value request);
bool log_prune_check(struct operation *op);
enum ps_err log_prune_rows(struct operation *op);
enum ps_err log_prune_describe(struct operation *op, struct writer *json);
bool pin_resolve(struct operation *op, struct json_value request);
bool pin_check_operation(struct operation *op);
void pin_lock(struct operation *op);
enum ps_err pin_split_rows(struct operation *op);
enum ps_err pin_change_rows(struct operation *op);
void pin_change_execute(struct operation *op);
void pin_change_settle(struct operation *op);
enum ps_err pin_describe(struct operation *op, struct writer *json);
bool set_put_resolve(struct operation *op, struct json_value request);
bool set_put_check(struct operation *op);
enum ps_err set_put_rows(struct operation *op);
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
bool token_accept_resolve(struct operation *op, struct json_value request);
bool token_accept_check(struct operation *op);
enum ps_err token_accept_rows(struct operation *op);
bool token_decommission_resolve(struct operation *op, struct json_value request);
bool token_decommission_check(struct operation *op);
enum ps_err token_decommission_rows(struct operation *op);
enum ps_err token_life_describe(struct operation *op, struct writer *json);
enum ps_err token_approve_rows(struct operation *op);
bool set_remove_resolve(struct operation *op, struct json_value request);
bool set_remove_check(struct operation *op);
enum ps_err set_remove_rows(struct operation *op);

#endif
