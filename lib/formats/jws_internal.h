#ifndef FORMATS_JWS_INTERNAL_H
#define FORMATS_JWS_INTERNAL_H

#include "lib/formats/jws.h"

/*
 * True for header parameters that say which key, which algorithm or how to read the rest: those
 * the appliance sets itself, and trusts only inside the protected header.
 */
bool jws_name_reserved(struct ps_bytes name);

/* As json_next for an object, with the name's escapes undone. */
PS_MUST_USE enum ps_err jws_next_member(struct json_value object, uint32_t *cursor,
                                        struct ps_bytes *ret_name, struct json_value *ret_value,
                                        bool *ret_more);

#endif
