#include "lib/rdf/canonicalize.h"

#include "lib/base/encode.h"
#include "lib/rdf/labels.h"

#include <assert.h>
#include <stdlib.h>

struct rdf_canonical {
    struct labels labels;
    struct ps_buf nquads;
};

/* A node among those with the same first hash, with what its neighbours tell (step 5). */
struct candidate {
    struct issuer issuer;
    uint8_t hash[PS_HASH_MAX];
};

static enum ps_err no_memory(void)
{
    return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
}

void rdf_canonical_free(struct rdf_canonical *canonical)
{
    if (canonical == NULL) {
        return;
    }
    free(canonical->labels.nodes);
    free(canonical->labels.node_of);
    free(canonical->labels.mentions);
    ps_buf_clear(&canonical->nquads);
    free(canonical);
}

uint32_t labels_node(const struct labels *labels, uint32_t term)
{
    return labels->node_of[term];
}

enum ps_err labels_spend(struct labels *labels, uint32_t nodes, size_t octets)
{
    const size_t steps = 1 + nodes / 16 + octets / 1024;

    if (steps > labels->steps) {
        return ps_fail(PS_E_LIMIT, 0, "RDFC: too many blank nodes that look alike");
    }
    labels->steps -= (uint32_t)steps;
    return PS_OK;
}

void labels_put_hex(const struct labels *labels, const uint8_t *hash, struct ps_buf *out)
{
    ps_buf_put_hex(out, ps_bytes(hash, labels->hash_len));
}

/* Each node of a quad once, though it may stand in it several times. */
static size_t nodes_of_quad(const struct labels *labels, uint32_t at, uint32_t nodes[3])
{
    const struct rdf_quad quad = rdf_dataset_quad(labels->dataset, at);
    const uint32_t terms[3] = {quad.subject, quad.object, quad.graph};
    size_t count = 0;

    for (size_t i = 0; i < 3; i++) {
        const uint32_t node = labels_node(labels, terms[i]);

        if (node != NODE_NONE && (count < 1 || nodes[0] != node) &&
            (count < 2 || nodes[1] != node)) {
            nodes[count++] = node;
        }
    }
    return count;
}

static void add_node(struct labels *labels, uint32_t term)
{
    if (term != RDF_DEFAULT_GRAPH && labels->node_of[term] == NODE_NONE &&
        rdf_dataset_is_blank(labels->dataset, term)) {
        labels->node_of[term] = labels->count;
        labels->nodes[labels->count++] = (struct node){.term = term, .number = NODE_NONE};
    }
}

/* A blank node that is in no quad is no part of the dataset. */
static enum ps_err find_nodes(struct labels *labels)
{
    const uint32_t terms = rdf_dataset_terms(labels->dataset);

    labels->node_of = calloc((size_t)terms + 1, sizeof *labels->node_of);
    labels->nodes = calloc((size_t)terms + 1, sizeof *labels->nodes);
    if (labels->node_of == NULL || labels->nodes == NULL) {
        return no_memory();
    }
    for (uint32_t term = 0; term <= terms; term++) {
        labels->node_of[term] = NODE_NONE;
    }
    for (uint32_t i = 0; i < rdf_dataset_count(labels->dataset); i++) {
        const struct rdf_quad quad = rdf_dataset_quad(labels->dataset, i);

        add_node(labels, quad.subject);
        add_node(labels, quad.object);
        add_node(labels, quad.graph);
    }
    return PS_OK;
}

/*
 * A long term may stand in many quads. What is hashed for the first degree is at most three times
 * what is written at the end, so this bounds both.
 */
static enum ps_err check_size(const struct rdf_dataset *dataset)
{
    size_t octets = 0;

    for (uint32_t i = 0; i < rdf_dataset_count(dataset); i++) {
        const struct rdf_quad quad = rdf_dataset_quad(dataset, i);

        octets += rdf_dataset_text(dataset, quad.subject).len +
                  rdf_dataset_text(dataset, quad.predicate).len +
                  rdf_dataset_text(dataset, quad.object).len;
        if (quad.graph != RDF_DEFAULT_GRAPH) {
            octets += rdf_dataset_text(dataset, quad.graph).len;
        }
        if (octets > RDF_NQUADS_MAX) {
            return ps_fail(PS_E_LIMIT, 0, "RDFC: quads of more than %zu octets", RDF_NQUADS_MAX);
        }
    }
    return PS_OK;
}

/* Step 2: which quads each node is in. */
static enum ps_err find_mentions(struct labels *labels)
{
    const uint32_t quads = rdf_dataset_count(labels->dataset);
    uint32_t nodes[3];
    uint32_t total = 0;

    for (uint32_t i = 0; i < quads; i++) {
        for (size_t n = nodes_of_quad(labels, i, nodes); n != 0; n--) {
            labels->nodes[nodes[n - 1]].quads++;
        }
    }
    for (uint32_t i = 0; i < labels->count; i++) {
        labels->nodes[i].first_quad = total;
        total += labels->nodes[i].quads;
        labels->nodes[i].quads = 0;
    }
    labels->mentions = calloc((size_t)total + 1, sizeof *labels->mentions);
    if (labels->mentions == NULL) {
        return no_memory();
    }
    for (uint32_t i = 0; i < quads; i++) {
        for (size_t n = nodes_of_quad(labels, i, nodes); n != 0; n--) {
            struct node *node = &labels->nodes[nodes[n - 1]];

            labels->mentions[node->first_quad + node->quads++] = i;
        }
    }
    return PS_OK;
}

static void issue(struct labels *labels, uint32_t node)
{
    if (labels->nodes[node].number == NODE_NONE) {
        labels->nodes[node].number = labels->issued++;
    }
}

static int compare_nodes(const void *a, const void *b, void *context)
{
    const struct labels *labels = context;

    return memcmp(labels->nodes[*(const uint32_t *)a].hash,
                  labels->nodes[*(const uint32_t *)b].hash, PS_HASH_MAX);
}

/* How many nodes from `at` on have the same hash. */
static uint32_t count_alike(const struct labels *labels, const uint32_t *order, uint32_t at)
{
    uint32_t alike = 1;

    while (at + alike < labels->count &&
           memcmp(labels->nodes[order[at]].hash, labels->nodes[order[at + alike]].hash,
                  PS_HASH_MAX) == 0) {
        alike++;
    }
    return alike;
}

static int compare_candidates(const void *a, const void *b)
{
    return memcmp(((const struct candidate *)a)->hash, ((const struct candidate *)b)->hash,
                  PS_HASH_MAX);
}

/* Step 5 for the nodes with one hash; `candidates` has room for all of them. */
static enum ps_err tell_apart(struct labels *labels, const uint32_t *nodes, uint32_t count,
                              struct candidate *candidates)
{
    uint32_t found = 0;
    uint32_t number;

    for (uint32_t i = 0; i < count; i++) {
        struct candidate *candidate = &candidates[found];

        if (labels->nodes[nodes[i]].number != NODE_NONE) {
            continue;
        }
        found++;
        PS_TRY(issuer_issue(&candidate->issuer, nodes[i], &number));
        PS_TRY(labels_hash_n_degree(labels, nodes[i], &candidate->issuer, candidate->hash));
    }
    qsort(candidates, found, sizeof *candidates, compare_candidates);
    for (uint32_t i = 0; i < found; i++) {
        for (uint32_t j = 0; j < candidates[i].issuer.count; j++) {
            issue(labels, candidates[i].issuer.nodes[j]);
        }
    }
    return PS_OK;
}

static enum ps_err tell_apart_all(struct labels *labels, const uint32_t *order)
{
    for (uint32_t at = 0; at < labels->count;) {
        const uint32_t alike = count_alike(labels, order, at);
        struct candidate *candidates;
        enum ps_err err;

        if (alike > 1) {
            candidates = calloc(alike, sizeof *candidates);
            if (candidates == NULL) {
                return no_memory();
            }
            err = tell_apart(labels, order + at, alike, candidates);
            for (uint32_t i = 0; i < alike; i++) {
                issuer_clear(&candidates[i].issuer);
            }
            free(candidates);
            PS_TRY(err);
        }
        at += alike;
    }
    return PS_OK;
}

/* Steps 3 to 5. */
static enum ps_err issue_labels(struct labels *labels)
{
    uint32_t *order = calloc((size_t)labels->count + 1, sizeof *order);
    enum ps_err err;

    if (order == NULL) {
        return no_memory();
    }
    for (uint32_t i = 0; i < labels->count; i++) {
        order[i] = i;
    }
    qsort_r(order, labels->count, sizeof *order, compare_nodes, labels);
    for (uint32_t at = 0; at < labels->count;) {
        const uint32_t alike = count_alike(labels, order, at);

        if (alike == 1) {
            issue(labels, order[at]);
        }
        at += alike;
    }
    err = tell_apart_all(labels, order);
    free(order);
    return err;
}

static void put_term(const struct labels *labels, uint32_t term, struct ps_buf *out)
{
    const uint32_t node = labels_node(labels, term);

    if (term == RDF_DEFAULT_GRAPH) {
        return;
    }
    if (node == NODE_NONE) {
        ps_buf_put(out, rdf_dataset_text(labels->dataset, term));
    } else {
        ps_buf_put_str(out, "_:c14n");
        ps_buf_put_decimal(out, labels->nodes[node].number);
    }
    ps_buf_put_u8(out, ' ');
}

static int compare_lines(const void *a, const void *b)
{
    return ps_bytes_compare(*(const struct ps_bytes *)a, *(const struct ps_bytes *)b);
}

/* Section 5: one line per quad, sorted. `ends` and `lines` have room for one each. */
static enum ps_err write_lines(struct rdf_canonical *canonical, struct ps_buf *unsorted,
                               size_t *ends, struct ps_bytes *lines)
{
    const struct labels *labels = &canonical->labels;
    const uint32_t count = rdf_dataset_count(labels->dataset);

    for (uint32_t i = 0; i < count; i++) {
        const struct rdf_quad quad = rdf_dataset_quad(labels->dataset, i);

        put_term(labels, quad.subject, unsorted);
        put_term(labels, quad.predicate, unsorted);
        put_term(labels, quad.object, unsorted);
        put_term(labels, quad.graph, unsorted);
        ps_buf_put_str(unsorted, ".\n");
        ends[i] = unsorted->len;
    }
    PS_TRY(ps_buf_status(unsorted));
    for (uint32_t i = 0; i < count; i++) {
        const size_t start = i == 0 ? 0 : ends[i - 1];

        lines[i] = ps_bytes(unsorted->data + start, ends[i] - start);
    }
    qsort(lines, count, sizeof *lines, compare_lines);
    for (uint32_t i = 0; i < count; i++) {
        ps_buf_put(&canonical->nquads, lines[i]);
    }
    return ps_buf_status(&canonical->nquads);
}

static enum ps_err write_nquads(struct rdf_canonical *canonical)
{
    const size_t room = (size_t)rdf_dataset_count(canonical->labels.dataset) + 1;
    size_t *ends = calloc(room, sizeof *ends);
    struct ps_bytes *lines = calloc(room, sizeof *lines);
    PS_BUF_AUTO unsorted = {.max = canonical->nquads.max};
    enum ps_err err = no_memory();

    if (ends != NULL && lines != NULL) {
        err = write_lines(canonical, &unsorted, ends, lines);
    }
    free(ends);
    free(lines);
    return err;
}

enum ps_err rdf_canonicalize(const struct rdf_dataset *dataset, enum ps_hash hash,
                             const struct rdf_work *work, struct rdf_canonical **ret_canonical)
{
    PS_CLEANUP(rdf_canonical_free_cleanup)
    struct rdf_canonical *canonical = calloc(1, sizeof *canonical);

    assert(work->depth <= RDF_DEPTH_MAX);
    if (canonical == NULL) {
        return no_memory();
    }
    canonical->labels = (struct labels){
        .dataset = dataset,
        .hash = hash,
        .hash_len = ps_hash_len(hash),
        .steps = work->steps,
        .depth = work->depth,
    };
    ps_buf_init(&canonical->nquads, 2 * RDF_NQUADS_MAX);
    PS_TRY(check_size(dataset));
    PS_TRY(find_nodes(&canonical->labels));
    PS_TRY(find_mentions(&canonical->labels));
    PS_TRY(labels_hash_first_degree(&canonical->labels));
    PS_TRY(issue_labels(&canonical->labels));
    PS_TRY(write_nquads(canonical));
    *ret_canonical = canonical;
    canonical = NULL;
    return PS_OK;
}

struct ps_bytes rdf_canonical_nquads(const struct rdf_canonical *canonical)
{
    return ps_buf_bytes(&canonical->nquads);
}

uint32_t rdf_canonical_number(const struct rdf_canonical *canonical, uint32_t term)
{
    const uint32_t node = labels_node(&canonical->labels, term);

    assert(node != NODE_NONE);
    return canonical->labels.nodes[node].number;
}
