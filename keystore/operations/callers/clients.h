#ifndef KEYSTORE_OPERATIONS_CALLERS_CLIENTS_H
#define KEYSTORE_OPERATIONS_CALLERS_CLIENTS_H

#include "keystore/operations/operation.h"

/* Rows of clients, for those that make one: client.register and genesis. */
void client_params_put(const struct client_record *record, struct ps_buf *out);
PS_MUST_USE enum ps_err client_params_to_row(struct json_value params, struct ps_buf *out);

/*
 * Locks the client and all that it is known by: two that came by one identity at the same time
 * would be rows that no start can load.
 */
void client_lock(struct operation *op, const struct client_record *record);

#endif
