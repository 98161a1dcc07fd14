#ifndef RDF_LABELS_H
#define RDF_LABELS_H

#include "lib/rdf/canonicalize.h"

/* What the parts of the canonicalization share. Nodes are the dataset's blank nodes, from 0. */

#define NODE_NONE UINT32_MAX

struct node {
    uint32_t term;
    uint32_t first_quad; /* in labels.mentions */
    uint32_t quads;
    uint32_t number; /* of its canonical label; NODE_NONE: not issued yet */
    uint8_t hash[PS_HASH_MAX];
};

struct labels {
    const struct rdf_dataset *dataset;
    enum ps_hash hash;
    size_t hash_len;
    struct node *nodes;
    uint32_t count;
    uint32_t *node_of; /* by term number; NODE_NONE where it is no blank node */
    uint32_t *mentions;
    uint32_t issued; /* canonical labels given out */
    uint32_t steps;  /* that may still be taken */
    uint32_t depth;  /* levels that may still be entered */
};

/* The node of a term, NODE_NONE for what is no blank node and for the default graph. */
uint32_t labels_node(const struct labels *labels, uint32_t term);

/*
 * Labels given out for a while, in the order they were: "b0", "b1", ... (RDFC-1.0 section 4.3).
 * Few nodes are in one, so it is searched from its end.
 */
struct issuer {
    uint32_t *nodes;
    uint32_t count;
    uint32_t cap;
};

void issuer_clear(struct issuer *issuer);
PS_MUST_USE enum ps_err issuer_copy(const struct issuer *from, struct issuer *to);
/* NODE_NONE where it has none. */
uint32_t issuer_find(const struct issuer *issuer, uint32_t node);
PS_MUST_USE enum ps_err issuer_issue(struct issuer *issuer, uint32_t node, uint32_t *ret_number);

/*
 * Takes one step off what may still be done, and more where the step is long: it looks at so
 * many nodes or quads and reads so many octets. Errors: PS_E_LIMIT.
 */
PS_MUST_USE enum ps_err labels_spend(struct labels *labels, uint32_t nodes, size_t octets);

void labels_put_hex(const struct labels *labels, const uint8_t *hash, struct ps_buf *out);

/* The hash of each node by the quads it is in (section 4.6). */
PS_MUST_USE enum ps_err labels_hash_first_degree(struct labels *labels);

/*
 * The hash of a node by its neighbours, theirs and so on (section 4.8). `issuer` has a label for
 * the node, and comes back with those of all that were reached.
 */
PS_MUST_USE enum ps_err labels_hash_n_degree(struct labels *labels, uint32_t node,
                                             struct issuer *issuer, uint8_t *ret_hash);

#endif
