#include "lib/ceremony/audit/leaves.h"

#include "lib/base/map.h"
#include "lib/ceremony/waiting.h"

#include <stdlib.h>

#define SHOWN_MAX 256u

struct of_operation {
    char id[WAITING_ID_LEN];
    size_t count;
    struct ps_buf text;
};

struct audit_leaves {
    struct ps_map *open;
};

static void free_one(void *value)
{
    struct of_operation *one = value;

    ps_buf_clear(&one->text);
    free(one);
}

enum ps_err audit_leaves_new(struct audit_leaves **ret_leaves)
{
    struct audit_leaves *leaves = calloc(1, sizeof *leaves);

    if (leaves == NULL || ps_map_new(&leaves->open) != PS_OK) {
        free(leaves);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *ret_leaves = leaves;
    return PS_OK;
}

void audit_leaves_free(struct audit_leaves *leaves)
{
    if (leaves != NULL) {
        ps_map_free(leaves->open, free_one);
        free(leaves);
    }
}

static enum ps_err find(struct audit_leaves *leaves, struct ps_bytes operation,
                        struct of_operation **ret_one)
{
    struct of_operation *one = ps_map_get(leaves->open, operation);
    enum ps_err err;

    if (one == NULL) {
        one = calloc(1, sizeof *one);
        if (one == NULL) {
            return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
        }
        memcpy(one->id, operation.data, sizeof one->id);
        ps_buf_init(&one->text, SHOWN_MAX * 24);
        err = ps_map_add(leaves->open, ps_bytes((const uint8_t *)one->id, sizeof one->id), one);
        if (err != PS_OK) {
            free_one(one);
            return err;
        }
    }
    *ret_one = one;
    return PS_OK;
}

enum ps_err audit_leaves_add(struct audit_leaves *leaves, struct ps_bytes operation, uint64_t leaf)
{
    struct of_operation *one;

    if (operation.len != WAITING_ID_LEN) {
        return PS_OK;
    }
    PS_TRY(find(leaves, operation, &one));
    if (one->count < SHOWN_MAX) {
        ps_buf_printf(&one->text, one->count == 0 ? "%llu" : ",%llu", (unsigned long long)leaf);
        one->count++;
    }
    return ps_buf_status(&one->text);
}

void audit_leaves_put(const struct audit_leaves *leaves, struct ps_bytes operation,
                      struct ps_buf *out)
{
    const struct of_operation *one = ps_map_get(leaves->open, operation);

    if (one != NULL) {
        ps_buf_put(out, ps_buf_bytes(&one->text));
    }
}

void audit_leaves_forget(struct audit_leaves *leaves, struct ps_bytes operation)
{
    struct of_operation *one = ps_map_remove(leaves->open, operation);

    if (one != NULL) {
        free_one(one);
    }
}
