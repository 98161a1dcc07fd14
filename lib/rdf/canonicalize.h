#ifndef RDF_CANONICALIZE_H
#define RDF_CANONICALIZE_H

#include "lib/base/buf.h"
#include "lib/base/hash.h"
#include "lib/rdf/dataset.h"

/*
 * RDF Dataset Canonicalization (RDFC-1.0): labels for blank nodes that depend on nothing but the
 * dataset's meaning, and the dataset written with them, sorted by code points.
 */
struct rdf_canonical;

struct rdf_work {
    uint32_t steps; /* relations and permutation steps looked at, in all */
    uint32_t depth; /* blank nodes followed one after the other, at most RDF_DEPTH_MAX */
};
#define RDF_WORK      ((struct rdf_work){200000, 256})
#define RDF_DEPTH_MAX 1024u

/* The most octets that the terms of all quads may have, each counted where it stands. */
#define RDF_NQUADS_MAX ((size_t)16 * 1024 * 1024)

/*
 * hash:   PS_SHA256, or PS_SHA384 where a cryptosuite says so
 * work:   what may be spent on blank nodes that look alike; RDF_WORK is far above what documents
 *         need and still ends within a second ("poison graphs", section 7.1)
 * Errors: PS_E_LIMIT (more work than allowed, or over RDF_NQUADS_MAX), PS_E_NO_MEMORY
 * Source: RDFC-1.0 section 4.4.3
 */
PS_MUST_USE enum ps_err rdf_canonicalize(const struct rdf_dataset *dataset, enum ps_hash hash,
                                         const struct rdf_work *work,
                                         struct rdf_canonical **ret_canonical);
void rdf_canonical_free(struct rdf_canonical *canonical);
PS_DEFINE_CLEANUP(struct rdf_canonical, rdf_canonical_free)

/* The canonical N-Quads document; valid as long as the object. */
struct ps_bytes rdf_canonical_nquads(const struct rdf_canonical *canonical);

/* The n of the canonical label "c14n<n>" of a blank node that is in a quad. */
uint32_t rdf_canonical_number(const struct rdf_canonical *canonical, uint32_t term);

#endif
