#ifndef KEYSTORE_OPERATIONS_HANDLERS_H
#define KEYSTORE_OPERATIONS_HANDLERS_H

#include "keystore/operations/operation.h"

/* What the row of an operation that ends another does (types.c). */
bool operation_cancel_resolve(struct operation *op, struct json_value request);
bool operation_cancel_check(struct operation *op);
void operation_cancel_execute(struct operation *op);
enum ps_err operation_cancel_describe(struct operation *op, struct writer *json);

#endif
