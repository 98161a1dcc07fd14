#include "lib/rdf/labels.h"

#include <stdlib.h>

/* A blank node next to the one that is hashed, with the hash of how they are related. */
struct related {
    uint8_t hash[PS_HASH_MAX];
    uint32_t node;
};

/* What one node's hash is made with; on the heap, for one node leads to the next. */
struct level {
    uint32_t self;
    struct related *related;
    uint32_t count;
    uint32_t cap;
    uint32_t *permutation; /* of the nodes with one hash */
    uint32_t *recursion;   /* nodes that got their labels in this permutation */
    uint32_t recursions;
    struct ps_buf data;
    struct ps_buf path;
    struct ps_buf chosen;
    struct issuer copy;          /* of the caller's, with the labels of this permutation */
    struct issuer chosen_issuer; /* of the permutation whose path is the least */
};

static enum ps_err no_memory(void)
{
    return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
}

static void free_level(struct level *level)
{
    if (level == NULL) {
        return;
    }
    free(level->related);
    free(level->permutation);
    free(level->recursion);
    ps_buf_clear(&level->data);
    ps_buf_clear(&level->path);
    ps_buf_clear(&level->chosen);
    issuer_clear(&level->copy);
    issuer_clear(&level->chosen_issuer);
    free(level);
}
PS_DEFINE_CLEANUP(struct level, free_level)

/* Section 4.7.3. `predicate`: 0 for a graph's name, which is related to no subject or object. */
static enum ps_err hash_related(struct labels *labels, const struct related *related,
                                const struct issuer *issuer, char position, uint32_t predicate,
                                uint8_t *ret_hash)
{
    const struct node *node = &labels->nodes[related->node];
    const uint32_t number = issuer_find(issuer, related->node);
    PS_BUF_AUTO input = {.max = RDF_NQUADS_MAX};
    struct ps_bytes bytes;

    ps_buf_put_u8(&input, (uint8_t)position);
    if (predicate != 0) {
        ps_buf_put(&input, rdf_dataset_text(labels->dataset, predicate));
    }
    if (node->number != NODE_NONE) {
        ps_buf_printf(&input, "_:c14n%u", node->number);
    } else if (number != NODE_NONE) {
        ps_buf_printf(&input, "_:b%u", number);
    } else {
        labels_put_hex(labels, node->hash, &input);
    }
    PS_TRY(ps_buf_status(&input));
    bytes = ps_buf_bytes(&input);
    PS_TRY(labels_spend(labels, issuer->count, bytes.len));
    ps_hash_parts(labels->hash, &bytes, 1, ret_hash);
    return PS_OK;
}

static enum ps_err add_related(struct labels *labels, struct level *level,
                               const struct issuer *issuer, const struct rdf_quad *quad,
                               char position)
{
    const uint32_t term = position == 's'   ? quad->subject
                          : position == 'o' ? quad->object
                                            : quad->graph;
    const uint32_t node = labels_node(labels, term);
    struct related *related;

    if (node == NODE_NONE || node == level->self) {
        return PS_OK;
    }
    if (level->count == level->cap) {
        const uint32_t cap = level->cap == 0 ? 8 : level->cap * 2;

        related = reallocarray(level->related, cap, sizeof *related);
        if (related == NULL) {
            return no_memory();
        }
        level->related = related;
        level->cap = cap;
    }
    related = &level->related[level->count++];
    *related = (struct related){.node = node};
    return hash_related(labels, related, issuer, position, position == 'g' ? 0 : quad->predicate,
                        related->hash);
}

/* Hexadecimal digits sort as the octets they stand for. */
static int compare_related(const void *a, const void *b)
{
    const struct related *left = a;
    const struct related *right = b;
    const int order = memcmp(left->hash, right->hash, sizeof left->hash);

    /* Which of equals comes first decides nothing: all their permutations are tried. */
    return order != 0 ? order : (left->node > right->node) - (left->node < right->node);
}

static enum ps_err find_related(struct labels *labels, struct level *level,
                                const struct issuer *issuer)
{
    const struct node *node = &labels->nodes[level->self];

    PS_TRY(labels_spend(labels, node->quads, 0));
    for (uint32_t i = 0; i < node->quads; i++) {
        const struct rdf_quad quad =
            rdf_dataset_quad(labels->dataset, labels->mentions[node->first_quad + i]);

        PS_TRY(add_related(labels, level, issuer, &quad, 's'));
        PS_TRY(add_related(labels, level, issuer, &quad, 'o'));
        PS_TRY(add_related(labels, level, issuer, &quad, 'g'));
    }
    if (level->count == 0) {
        return PS_OK;
    }
    qsort(level->related, level->count, sizeof *level->related, compare_related);
    level->permutation = calloc(level->count, sizeof *level->permutation);
    level->recursion = calloc(level->count, sizeof *level->recursion);
    return level->permutation == NULL || level->recursion == NULL ? no_memory() : PS_OK;
}

static void swap(uint32_t *nodes, uint32_t a, uint32_t b)
{
    const uint32_t node = nodes[a];

    nodes[a] = nodes[b];
    nodes[b] = node;
}

/* The next permutation in lexicographic order; false after the last. */
static bool permute(uint32_t *nodes, uint32_t count)
{
    uint32_t tail = count - 1; /* where the falling end begins */
    uint32_t other = count;

    while (tail != 0 && nodes[tail - 1] >= nodes[tail]) {
        tail--;
    }
    if (tail == 0) {
        return false;
    }
    do {
        other--;
    } while (nodes[other] <= nodes[tail - 1]);
    swap(nodes, tail - 1, other);
    for (uint32_t last = count - 1; tail < last; tail++, last--) {
        swap(nodes, tail, last);
    }
    return true;
}

/* Section 4.8.3, 5.4.4.3 and 5.4.5.5: this path cannot become the least any more. */
static bool is_worse(const struct level *level)
{
    return level->chosen.len != 0 && level->path.len >= level->chosen.len &&
           ps_bytes_compare(ps_buf_bytes(&level->path), ps_buf_bytes(&level->chosen)) > 0;
}

/* Steps 5.4.4: the labels of the nodes in this order. */
static enum ps_err walk_permutation(struct labels *labels, struct level *level, uint32_t count)
{
    level->recursions = 0;
    for (uint32_t i = 0; i < count && !is_worse(level); i++) {
        const uint32_t node = level->permutation[i];
        uint32_t number;

        PS_TRY(labels_spend(labels, level->copy.count, level->path.len));
        if (labels->nodes[node].number != NODE_NONE) {
            ps_buf_printf(&level->path, "_:c14n%u", labels->nodes[node].number);
            continue;
        }
        number = issuer_find(&level->copy, node);
        if (number == NODE_NONE) {
            PS_TRY(issuer_issue(&level->copy, node, &number));
            level->recursion[level->recursions++] = node;
        }
        ps_buf_printf(&level->path, "_:b%u", number);
    }
    return ps_buf_status(&level->path);
}

/* Steps 5.4.5: what lies behind the nodes that just got labels. */
static enum ps_err walk_behind(struct labels *labels, struct level *level)
{
    uint8_t hash[PS_HASH_MAX];

    for (uint32_t i = 0; i < level->recursions && !is_worse(level); i++) {
        const uint32_t node = level->recursion[i];

        /* The label stays the same: issuers only add. */
        ps_buf_printf(&level->path, "_:b%u", issuer_find(&level->copy, node));
        PS_TRY(labels_hash_n_degree(labels, node, &level->copy, hash));
        ps_buf_put_u8(&level->path, '<');
        labels_put_hex(labels, hash, &level->path);
        ps_buf_put_u8(&level->path, '>');
    }
    return ps_buf_status(&level->path);
}

/* Step 5: those related in the same way, in each order; the least path counts. */
static enum ps_err choose_path(struct labels *labels, struct level *level, struct issuer *issuer,
                               uint32_t count)
{
    ps_buf_reset(&level->chosen);
    do {
        ps_buf_reset(&level->path);
        PS_TRY(issuer_copy(issuer, &level->copy));
        PS_TRY(walk_permutation(labels, level, count));
        PS_TRY(walk_behind(labels, level));
        if (level->chosen.len == 0 ||
            ps_bytes_compare(ps_buf_bytes(&level->path), ps_buf_bytes(&level->chosen)) < 0) {
            const struct ps_buf path = level->path;

            level->path = level->chosen;
            level->chosen = path;
            PS_TRY(issuer_copy(&level->copy, &level->chosen_issuer));
        }
    } while (permute(level->permutation, count));
    ps_buf_put(&level->data, ps_buf_bytes(&level->chosen));
    return issuer_copy(&level->chosen_issuer, issuer);
}

static enum ps_err hash_level(struct labels *labels, struct level *level, struct issuer *issuer,
                              uint8_t *ret_hash)
{
    struct ps_bytes data;

    PS_TRY(find_related(labels, level, issuer));
    for (uint32_t at = 0; at < level->count;) {
        const uint8_t *hash = level->related[at].hash;
        uint32_t alike = 0;

        while (at + alike < level->count &&
               memcmp(level->related[at + alike].hash, hash, PS_HASH_MAX) == 0) {
            level->permutation[alike] = level->related[at + alike].node;
            alike++;
        }
        labels_put_hex(labels, hash, &level->data);
        PS_TRY(choose_path(labels, level, issuer, alike));
        at += alike;
    }
    PS_TRY(ps_buf_status(&level->data));
    data = ps_buf_bytes(&level->data);
    ps_hash_parts(labels->hash, &data, 1, ret_hash);
    return PS_OK;
}

enum ps_err labels_hash_n_degree(struct labels *labels, uint32_t node, struct issuer *issuer,
                                 uint8_t *ret_hash)
{
    PS_CLEANUP(free_level_cleanup) struct level *level = NULL;
    enum ps_err err;

    if (labels->depth == 0) {
        return ps_fail(PS_E_LIMIT, 0, "RDFC: more alike blank nodes in a row than may be followed");
    }
    level = calloc(1, sizeof *level);
    if (level == NULL) {
        return no_memory();
    }
    level->self = node;
    ps_buf_init(&level->data, RDF_NQUADS_MAX);
    ps_buf_init(&level->path, RDF_NQUADS_MAX);
    ps_buf_init(&level->chosen, RDF_NQUADS_MAX);
    labels->depth--;
    err = hash_level(labels, level, issuer, ret_hash);
    labels->depth++;
    return err;
}
