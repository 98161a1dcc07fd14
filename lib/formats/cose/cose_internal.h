#ifndef FORMATS_COSE_COSE_INTERNAL_H
#define FORMATS_COSE_COSE_INTERNAL_H

#include "lib/formats/cose/cose.h"

/*
 * Checks what stands in a header map that was read: labels, the types of the parameters we know,
 * `crit`. Errors: PS_E_INPUT; the detail names the label.
 */
enum cose_side { COSE_PROTECTED, COSE_UNPROTECTED };
PS_MUST_USE enum ps_err cose_check_header(const struct cbor_item *map, enum cose_side side);

/* Whether a map has this key, given with its encoding. */
bool cose_has_key(const struct cbor_item *map, struct ps_bytes encoded_key);

/* The same check for the caller's own parameters: none of them is ours to set. */
PS_MUST_USE enum ps_err cose_check_members(const struct cbor_item *map, enum cose_side side);

/* RFC 9052 section 3.1: what `crit` may name since we act on it when we verify. */
bool cose_label_understood(const struct cbor_item *label);

#endif
