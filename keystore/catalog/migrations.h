#ifndef KEYSTORE_CATALOG_MIGRATIONS_H
#define KEYSTORE_CATALOG_MIGRATIONS_H

#include "lib/db/migrate.h"

/* The catalog's schema; see docs/decisions/0003-catalog-rows.md for what a step may change. */
extern const struct db_schema catalog_schema;

#endif
