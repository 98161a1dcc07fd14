#ifndef FRONTENDS_OIDC_ACR_H
#define FRONTENDS_OIDC_ACR_H

#include "lib/base/buf.h"

/*
 * Which factors reach which authentication context: eSignet's amr_acr_mapping.json, an object with
 * `amr` (name: array of {"type", "count", "subTypes"}) and `acr_amr` (ACR: array of such names).
 */
struct acr_map;

#define ACR_FILE_MAX (64u * 1024u)

/* text: outlives the result; empty: what eSignet has. Errors: PS_E_INPUT, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err acr_new(struct ps_bytes text, struct acr_map **ret_map);
void acr_free(struct acr_map *map);
PS_DEFINE_CLEANUP(struct acr_map, acr_free)

bool acr_is_known(const struct acr_map *map, struct ps_bytes acr);

/*
 * Appends the factors of all these ACRs (words), as authFactors of oauth-details: an array with an
 * array for each way to reach one of them, each way once.
 *
 * available: words: factors that there are; a way that needs another is left out
 */
void acr_put_factors(const struct acr_map *map, struct ps_bytes acrs, struct ps_bytes available,
                     struct ps_buf *out);

/* The same as lines: the factors of each way, between spaces. */
void acr_put_ways(const struct acr_map *map, struct ps_bytes acrs, struct ps_bytes available,
                  struct ps_buf *out);

/* Appends, as words, all ACRs that these factors (words) reach. */
void acr_put_all(const struct acr_map *map, struct ps_bytes factors, struct ps_buf *out);

/* Appends, as words, those of the ACRs that these factors (words) reach. */
void acr_put_reached(const struct acr_map *map, struct ps_bytes acrs, struct ps_bytes factors,
                     struct ps_buf *out);

#endif
