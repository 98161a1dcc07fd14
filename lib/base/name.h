#ifndef PS_BASE_NAME_H
#define PS_BASE_NAME_H

#include "lib/base/bytes.h"

/*
 * Names of keys, clients, tokens, sets and people: one segment, [a-z0-9][a-z0-9._-]{0,127}. They go
 * into paths, log leaves and documents as they are.
 */
#define PS_NAME_MAX 128u
bool ps_name_valid(struct ps_bytes name);

/* Names that begin with "privyseal." are the appliance's own; no grant matches them. */
bool ps_name_reserved(struct ps_bytes name);

/* A grant's key pattern: a name, or a prefix followed by one "*" at its end. */
bool ps_pattern_valid(struct ps_bytes pattern);
bool ps_pattern_matches(struct ps_bytes pattern, struct ps_bytes name);

/* Request ids: 1-64 of [A-Za-z0-9._-]. */
#define PS_REQUEST_ID_MAX 64u
bool ps_request_id_valid(struct ps_bytes id);

#endif
