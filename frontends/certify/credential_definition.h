#ifndef FRONTENDS_CERTIFY_CREDENTIAL_DEFINITION_H
#define FRONTENDS_CERTIFY_CREDENTIAL_DEFINITION_H

#include "lib/formats/json/json.h"

/* Most contexts, and most types, of one credential. */
#define CREDENTIAL_NAMES_MAX 32u

/*
 * The contexts and types that tell one `ldp_vc` from another: as sets, as Inji Certify compares
 * them.
 *
 * contexts, types: arrays of one to CREDENTIAL_NAMES_MAX strings, none there twice
 * out:             gets the same text for the same sets
 * Errors:          PS_E_INPUT, with a detail; the buffer's
 */
PS_MUST_USE enum ps_err credential_definition_put(struct json_value contexts,
                                                  struct json_value types, struct ps_buf *out);

#endif
