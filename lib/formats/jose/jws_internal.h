#ifndef FORMATS_JOSE_JWS_INTERNAL_H
#define FORMATS_JOSE_JWS_INTERNAL_H

#include "lib/formats/jose/jws.h"

/*
 * True for header parameters that say which key, which algorithm or how to read the rest: those
 * the appliance sets itself, and trusts only inside the protected header.
 */
bool jws_name_reserved(struct ps_bytes name);

#endif
