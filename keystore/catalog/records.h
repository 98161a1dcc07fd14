#ifndef KEYSTORE_CATALOG_RECORDS_H
#define KEYSTORE_CATALOG_RECORDS_H

#include "keystore/catalog/access_record.h"
#include "keystore/catalog/appliance_record.h"
#include "keystore/catalog/certificate_record.h"
#include "keystore/catalog/family_record.h"
#include "keystore/catalog/issuing_record.h"
#include "keystore/catalog/key_record.h"
#include "keystore/catalog/pin_record.h"
#include "keystore/catalog/pruned_record.h"
#include "keystore/catalog/row.h"
#include "keystore/catalog/wrapped_record.h"

/*
 * The typed view of catalog rows: one struct per kind, read from and written to RFC 8785 JSON by
 * closed schemas. Octet fields borrow from the row's text or the parser's memory.
 *
 * Every member is always written, so that a record has one form only: what x_record_read takes from
 * a canonical row, x_record_put writes back octet by octet. x_record_read gives PS_E_INPUT when the
 * document is not of the schema; the detail names the member. What is read has known names, valid
 * patterns, lists without repetition; whether the values fit each other is for keystore/policy.
 */

/* The names of the only rows of their kinds. */
#define POLICY_ROW    "policy"
#define APPLIANCE_ROW "appliance"

/*
 * Is this a row of its kind, and under its own name? Kinds without a schema here take any object.
 * Errors: PS_E_INPUT.
 */
PS_MUST_USE enum ps_err record_check(enum catalog_kind kind, struct ps_bytes name,
                                     struct json_value row);

#endif
