#include "lib/rdf/labels.h"

#include <stdlib.h>

void issuer_clear(struct issuer *issuer)
{
    free(issuer->nodes);
    *issuer = (struct issuer){0};
}

static enum ps_err make_room(struct issuer *issuer, uint32_t count)
{
    const uint32_t cap = count < 8 ? 8 : count * 2;
    uint32_t *nodes;

    if (count <= issuer->cap) {
        return PS_OK;
    }
    nodes = reallocarray(issuer->nodes, cap, sizeof *nodes);
    if (nodes == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    issuer->nodes = nodes;
    issuer->cap = cap;
    return PS_OK;
}

enum ps_err issuer_copy(const struct issuer *from, struct issuer *to)
{
    PS_TRY(make_room(to, from->count));
    if (from->count != 0) {
        memcpy(to->nodes, from->nodes, from->count * sizeof *from->nodes);
    }
    to->count = from->count;
    return PS_OK;
}

uint32_t issuer_find(const struct issuer *issuer, uint32_t node)
{
    for (uint32_t i = issuer->count; i != 0; i--) {
        if (issuer->nodes[i - 1] == node) {
            return i - 1;
        }
    }
    return NODE_NONE;
}

enum ps_err issuer_issue(struct issuer *issuer, uint32_t node, uint32_t *ret_number)
{
    PS_TRY(make_room(issuer, issuer->count + 1));
    *ret_number = issuer->count;
    issuer->nodes[issuer->count++] = node;
    return PS_OK;
}
