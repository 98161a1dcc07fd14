#ifndef KEYSTORE_OPERATIONS_PINS_HANDLERS_H
#define KEYSTORE_OPERATIONS_PINS_HANDLERS_H

#include "keystore/operations/operation.h"

/* What the rows of PINs do (types.c). */
bool pin_resolve(struct operation *op, struct json_value request);
bool pin_check_operation(struct operation *op);
void pin_lock(struct operation *op);
enum ps_err pin_split_rows(struct operation *op);
enum ps_err pin_change_rows(struct operation *op);
void pin_change_execute(struct operation *op);
void pin_change_settle(struct operation *op);
enum ps_err pin_describe(struct operation *op, struct writer *json);

#endif
