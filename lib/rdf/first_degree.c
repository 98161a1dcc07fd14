#include "lib/rdf/labels.h"

#include <stdlib.h>

/* The quads of a node as lines of `text`. */
struct lines {
    struct ps_buf text;
    size_t *starts;
    struct ps_bytes *sorted;
    uint32_t cap;
};

static void clear_lines(struct lines *lines)
{
    ps_buf_clear(&lines->text);
    free(lines->starts);
    free(lines->sorted);
}

static void put_term(const struct labels *labels, uint32_t term, uint32_t self, struct ps_buf *out)
{
    const uint32_t node = labels_node(labels, term);

    if (term == RDF_DEFAULT_GRAPH) {
        return;
    }
    if (node == NODE_NONE) {
        ps_buf_put(out, rdf_dataset_text(labels->dataset, term));
    } else {
        ps_buf_put_str(out, node == self ? "_:a" : "_:z");
    }
    ps_buf_put_u8(out, ' ');
}

static int compare_lines(const void *a, const void *b)
{
    return ps_bytes_compare(*(const struct ps_bytes *)a, *(const struct ps_bytes *)b);
}

static enum ps_err make_room(struct lines *lines, uint32_t count)
{
    size_t *starts;
    struct ps_bytes *sorted;

    if (count <= lines->cap) {
        return PS_OK;
    }
    starts = reallocarray(lines->starts, count, sizeof *starts);
    lines->starts = starts == NULL ? lines->starts : starts;
    sorted = reallocarray(lines->sorted, count, sizeof *sorted);
    lines->sorted = sorted == NULL ? lines->sorted : sorted;
    if (starts == NULL || sorted == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    lines->cap = count;
    return PS_OK;
}

static enum ps_err hash_node(const struct labels *labels, uint32_t self, struct lines *lines)
{
    struct node *node = &labels->nodes[self];

    PS_TRY(make_room(lines, node->quads));
    ps_buf_reset(&lines->text);
    for (uint32_t i = 0; i < node->quads; i++) {
        const struct rdf_quad quad =
            rdf_dataset_quad(labels->dataset, labels->mentions[node->first_quad + i]);

        lines->starts[i] = lines->text.len;
        put_term(labels, quad.subject, self, &lines->text);
        put_term(labels, quad.predicate, self, &lines->text);
        put_term(labels, quad.object, self, &lines->text);
        put_term(labels, quad.graph, self, &lines->text);
        ps_buf_put_str(&lines->text, ".\n");
    }
    PS_TRY(ps_buf_status(&lines->text));
    for (uint32_t i = 0; i < node->quads; i++) {
        const size_t end = i + 1 < node->quads ? lines->starts[i + 1] : lines->text.len;

        lines->sorted[i] = ps_bytes(lines->text.data + lines->starts[i], end - lines->starts[i]);
    }
    qsort(lines->sorted, node->quads, sizeof *lines->sorted, compare_lines);
    ps_hash_parts(labels->hash, lines->sorted, node->quads, node->hash);
    return PS_OK;
}

enum ps_err labels_hash_first_degree(struct labels *labels)
{
    struct lines lines = {.text = {.max = 2 * RDF_NQUADS_MAX}};
    enum ps_err err = PS_OK;

    for (uint32_t i = 0; i < labels->count && err == PS_OK; i++) {
        err = hash_node(labels, i, &lines);
    }
    clear_lines(&lines);
    return err;
}
