#ifndef KEYSTORE_OPERATIONS_INTERNAL_H
#define KEYSTORE_OPERATIONS_INTERNAL_H

/* What the files of this folder share. */
#include "keystore/operations/calls.h"
#include "keystore/operations/life.h"
#include "keystore/operations/make.h"
#include "keystore/operations/operation.h"
#include "keystore/operations/retrace.h"
#include "keystore/operations/rows.h"
#include "keystore/operations/unproven.h"

#endif
