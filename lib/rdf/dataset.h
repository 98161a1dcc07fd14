#ifndef RDF_DATASET_H
#define RDF_DATASET_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

/*
 * An RDF dataset (RDF 1.1 Concepts, section 4): a set of quads over interned terms. Each term is
 * kept as its canonical N-Quads text, so that equal terms are one number and writing is copying.
 */
struct rdf_dataset;

struct rdf_limits {
    uint32_t quads;
    size_t octets; /* of all terms together, each counted once */
};
#define RDF_LIMITS ((struct rdf_limits){20000, (size_t)4 * 1024 * 1024})

/* The most octets of terms, each counted whenever it is added: a long one costs time again. */
#define RDF_ADDED_MAX ((size_t)64 * 1024 * 1024)

/* Where a quad's graph is the default graph. No term has this number. */
#define RDF_DEFAULT_GRAPH 0u

struct rdf_quad {
    uint32_t subject;
    uint32_t predicate;
    uint32_t object;
    uint32_t graph;
};

struct rdf_literal {
    struct ps_bytes lexical;
    struct ps_bytes datatype; /* empty: xsd:string, or rdf:langString where there is a language */
    struct ps_bytes language; /* empty: none; kept in the case it has */
};

PS_MUST_USE enum ps_err rdf_dataset_new(const struct rdf_limits *limits,
                                        struct rdf_dataset **ret_dataset);
void rdf_dataset_free(struct rdf_dataset *dataset);
PS_DEFINE_CLEANUP(struct rdf_dataset, rdf_dataset_free)

/*
 * The term's number, the same for equal terms. What is given is copied.
 *
 * Errors: PS_E_INPUT (no absolute IRI, no label of the N-Quads grammar, no language tag, no UTF-8),
 *         PS_E_LIMIT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err rdf_dataset_add_iri(struct rdf_dataset *dataset, struct ps_bytes iri,
                                            uint32_t *ret_term);
/* `label`: without "_:". */
PS_MUST_USE enum ps_err rdf_dataset_add_blank(struct rdf_dataset *dataset, struct ps_bytes label,
                                              uint32_t *ret_term);
PS_MUST_USE enum ps_err rdf_dataset_add_literal(struct rdf_dataset *dataset,
                                                const struct rdf_literal *literal,
                                                uint32_t *ret_term);

/*
 * A quad that is there already changes nothing.
 *
 * Errors: PS_E_INPUT (a literal or blank node where RDF 1.1 allows none), PS_E_LIMIT,
 *         PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err rdf_dataset_add_quad(struct rdf_dataset *dataset,
                                             const struct rdf_quad *quad);

/* Quads, in the order they came. */
uint32_t rdf_dataset_count(const struct rdf_dataset *dataset);
struct rdf_quad rdf_dataset_quad(const struct rdf_dataset *dataset, uint32_t at);

/* Terms, numbered from 1 to this. */
uint32_t rdf_dataset_terms(const struct rdf_dataset *dataset);

/* Canonical N-Quads: <iri>, _:label, or "lexical" with ^^<datatype> or @language. */
struct ps_bytes rdf_dataset_text(const struct rdf_dataset *dataset, uint32_t term);
bool rdf_dataset_is_blank(const struct rdf_dataset *dataset, uint32_t term);

/* Whether it is the subject, the object or the graph of a quad. */
bool rdf_dataset_is_used(const struct rdf_dataset *dataset, uint32_t term);

/* Octets of the scheme before its colon (RFC 3986 section 3.1); 0: none, so no absolute IRI. */
size_t rdf_iri_scheme(struct ps_bytes text);

/* A scheme and a colon, then none of the characters that IRIREF of N-Quads excludes; UTF-8. */
bool rdf_iri_valid(struct ps_bytes iri);

/* LANGTAG of N-Quads, each part of 1 to 8 characters (RFC 5646 section 2.1). */
bool rdf_language_valid(struct ps_bytes language);

#endif
