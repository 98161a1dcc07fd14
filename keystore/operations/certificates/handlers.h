#ifndef KEYSTORE_OPERATIONS_CERTIFICATES_HANDLERS_H
#define KEYSTORE_OPERATIONS_CERTIFICATES_HANDLERS_H

#include "keystore/operations/operation.h"

/* What the rows of certificates and their profiles do (types.c). */
enum ps_err profile_describe(struct operation *op, struct writer *json);
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

#endif
