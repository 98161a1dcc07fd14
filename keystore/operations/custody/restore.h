#ifndef KEYSTORE_OPERATIONS_CUSTODY_RESTORE_H
#define KEYSTORE_OPERATIONS_CUSTODY_RESTORE_H

#include "keystore/backup/restored.h"
#include "keystore/operations/internal.h"

/* What people approved of a restored appliance. */
struct restore_params {
    struct restored_offer offer;
    uint64_t leaves;
    struct json_value gone; /* names of tokens */
};
PS_MUST_USE enum ps_err restore_params_read(struct operation *op,
                                            struct restore_params *ret_params);

/* --- restore_rows.c --- */
PS_MUST_USE enum ps_err restore_put_rows(struct operation *op, const struct restore_params *params);

#endif
