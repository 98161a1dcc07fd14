#ifndef KEYSTORE_OPERATIONS_APPLIANCE_GENESIS_H
#define KEYSTORE_OPERATIONS_APPLIANCE_GENESIS_H

#include "keystore/operations/operation.h"

/* What the files of genesis share. */
void genesis_go_on(struct operation *op);

/* genesis_document.c: the rows of policy and people */
PS_MUST_USE enum ps_err genesis_put_people(struct operation *op);

#endif
