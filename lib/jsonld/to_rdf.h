#ifndef JSONLD_TO_RDF_H
#define JSONLD_TO_RDF_H

#include "lib/base/buf.h"
#include "lib/jsonld/expand.h"

/* Prefix of the IRIs of RDF's own vocabulary. */
#define RDF "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

/* Section 8: expanded values become quads. */
struct to_rdf {
    struct processor *processor;
    struct rdf_dataset *dataset;
    struct name_map blanks;    /* of uint32_t: the terms of the document's blank node identifiers */
    struct name_map compounds; /* literals with a direction that have a blank node already */
    uint32_t next_blank;
    struct ps_buf text; /* of the literal that is being written */
};

/* In place of a term: what this would belong to has no RDF, so no quad is made of it. */
#define TERM_NONE UINT32_MAX

/*
 * All of a document. Nodes are walked as they stand, without the node map of section 7: a dataset
 * is a set, so what the map would merge is the same quads.
 */
PS_MUST_USE enum ps_err to_rdf_put_nodes(struct to_rdf *to, struct value *expanded, uint32_t graph);

/* Makes a quad, unless one of the terms is TERM_NONE. */
PS_MUST_USE enum ps_err to_rdf_put_quad(struct to_rdf *to, const struct rdf_quad *quad);

PS_MUST_USE enum ps_err to_rdf_add_blank(struct to_rdf *to, uint32_t *ret_term);

/* The term of a value object in a graph (sections 8.2.2 and 8.2.1), or TERM_NONE. */
PS_MUST_USE enum ps_err to_rdf_add_value(struct to_rdf *to, const struct value *object,
                                         const struct rdf_quad *where, uint32_t *ret_term);

#endif
