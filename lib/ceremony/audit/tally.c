#include "lib/ceremony/audit/tally.h"

#include "lib/base/encode.h"
#include "lib/base/map.h"

#include <stdlib.h>

struct counted {
    uint64_t count;
    size_t len;
    char name[];
};

struct audit_tally {
    struct ps_map *names;
    uint64_t total;
    size_t left; /* octets that further names may take */
};

enum ps_err audit_tally_new(size_t max, struct audit_tally **ret_tally)
{
    PS_CLEANUP(audit_tally_free_cleanup)
    struct audit_tally *tally = calloc(1, sizeof *tally);

    if (tally == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    tally->left = max;
    PS_TRY(ps_map_new(&tally->names));
    *ret_tally = tally;
    tally = NULL;
    return PS_OK;
}

void audit_tally_free(struct audit_tally *tally)
{
    if (tally != NULL && tally->names != NULL) {
        ps_map_free(tally->names, free);
    }
    free(tally);
}

enum ps_err audit_tally_add(struct audit_tally *tally, struct ps_bytes name)
{
    struct counted *counted = ps_map_get(tally->names, name);
    enum ps_err err;

    tally->total++;
    if (counted != NULL) {
        counted->count++;
        return PS_OK;
    }
    if (sizeof *counted + name.len + 1 > tally->left) {
        return ps_fail(PS_E_LIMIT, 0, "too many names to count");
    }
    counted = calloc(1, sizeof *counted + name.len + 1);
    if (counted == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    counted->count = 1;
    counted->len = name.len;
    if (name.len != 0) {
        memcpy(counted->name, name.data, name.len);
    }
    err = ps_map_add(tally->names, ps_bytes(counted->name, counted->len), counted);
    if (err != PS_OK) {
        free(counted);
        return err;
    }
    tally->left -= sizeof *counted + name.len + 1;
    return PS_OK;
}

uint64_t audit_tally_total(const struct audit_tally *tally)
{
    return tally->total;
}

static int by_name(const void *a, const void *b)
{
    const struct counted *const *left = a;
    const struct counted *const *right = b;

    return ps_bytes_compare(ps_bytes((*left)->name, (*left)->len),
                            ps_bytes((*right)->name, (*right)->len));
}

static void free_list(const struct counted ***list)
{
    free((void *)*list);
}

/* In the order of the names; ended by NULL. */
static enum ps_err sort(const struct audit_tally *tally, const struct counted ***ret_sorted)
{
    const size_t count = ps_map_count(tally->names);
    const struct counted **sorted = calloc(count + 1, sizeof(struct counted *));
    size_t cursor = 0;

    if (sorted == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = ps_map_next(tally->names, &cursor);
    }
    qsort((void *)sorted, count, sizeof(struct counted *), by_name);
    *ret_sorted = sorted;
    return PS_OK;
}

enum ps_err audit_tally_put(const struct audit_tally *tally, struct ps_buf *out)
{
    PS_CLEANUP(free_list) const struct counted **sorted = NULL;

    PS_TRY(sort(tally, &sorted));
    ps_buf_put_u8(out, '{');
    for (size_t i = 0; sorted[i] != NULL; i++) {
        ps_buf_put_str(out, i == 0 ? "" : ",");
        ps_buf_put_json_string(out, ps_bytes(sorted[i]->name, sorted[i]->len));
        ps_buf_printf(out, ":%llu", (unsigned long long)sorted[i]->count);
    }
    ps_buf_put_u8(out, '}');
    return ps_buf_status(out);
}

static void put_pair(const struct counted *counted, const char *first, const char *second,
                     struct ps_buf *out)
{
    const struct ps_bytes name = ps_bytes(counted->name, counted->len);
    const uint8_t *between = memchr(name.data, AUDIT_TALLY_BETWEEN, name.len);
    const size_t len = between == NULL ? name.len : (size_t)(between - name.data);

    ps_buf_printf(out, "{\"%s\":", first);
    ps_buf_put_json_string(out, ps_bytes(name.data, len));
    ps_buf_printf(out, ",\"%s\":", second);
    ps_buf_put_json_string(out, ps_bytes_from(name, len + 1));
    ps_buf_printf(out, ",\"uses\":%llu}", (unsigned long long)counted->count);
}

enum ps_err audit_tally_put_pairs(const struct audit_tally *tally, const char *first,
                                  const char *second, struct ps_buf *out)
{
    PS_CLEANUP(free_list) const struct counted **sorted = NULL;

    PS_TRY(sort(tally, &sorted));
    ps_buf_put_u8(out, '[');
    for (size_t i = 0; sorted[i] != NULL; i++) {
        ps_buf_put_str(out, i == 0 ? "" : ",");
        put_pair(sorted[i], first, second, out);
    }
    ps_buf_put_u8(out, ']');
    return ps_buf_status(out);
}
