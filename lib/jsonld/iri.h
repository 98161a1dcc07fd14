#ifndef JSONLD_IRI_H
#define JSONLD_IRI_H

#include "lib/jsonld/arena.h"
#include "lib/rdf/dataset.h"

/*
 * Resolves a reference against an absolute IRI, without any normalization beyond removing dot
 * segments. Octets of UTF-8 count as unreserved characters do.
 *
 * Source: RFC 3986 section 5.2, as JSON-LD 1.1 API section 5.2.2 asks
 */
PS_MUST_USE enum ps_err iri_resolve(struct arena *arena, struct ps_bytes base,
                                    struct ps_bytes reference, struct ps_bytes *ret_iri);

/*
 * What may stand in RDF: as rdf_iri_valid, and a fragment has no "#" (RFC 3987 section 2.2), which
 * N-Quads lets pass.
 */
bool iri_is_well_formed(struct ps_bytes text);

/* What makes a string an IRI and no relative one. */
static inline bool iri_has_scheme(struct ps_bytes text)
{
    return rdf_iri_scheme(text) != 0;
}

#endif
