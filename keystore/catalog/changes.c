#include "keystore/catalog/internal.h"
#include "keystore/catalog/records.h"

#include <stdlib.h>

static bool is_name_octet(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == '-' || c == '/';
}

enum ps_err catalog_check_name(enum catalog_kind kind, struct ps_bytes name)
{
    bool good = name.len != 0 && name.len <= CATALOG_NAME_MAX;

    for (size_t i = 0; good && i < name.len; i++) {
        good = is_name_octet(name.data[i]);
    }
    if (!good) {
        /* Not shown: it may hold anything. */
        return ps_fail(PS_E_INPUT, 0, "no name for a %s", catalog_kind_name(kind));
    }
    return PS_OK;
}

static enum ps_err refuse(const struct catalog_change *change, const char *why)
{
    return ps_fail(PS_E_INPUT, 0, "%s %.*s: %s", catalog_kind_name(change->kind),
                   PS_BYTES_FMT(change->name), why);
}

static enum ps_err read_body(struct catalog *catalog, const struct catalog_change *change,
                             struct json_value *ret_body)
{
    const struct json_limits limits = CATALOG_JSON_LIMITS;
    enum ps_err err = json_parse(catalog->bodies, change->body, &limits, ret_body);

    if (err == PS_E_NO_MEMORY) {
        return err;
    }
    if (err != PS_OK || json_type(*ret_body) != JSON_OBJECT) {
        return refuse(change, "the row is no JSON object within its limits");
    }
    err = json_check_canonical(*ret_body);
    if (err == PS_E_INPUT) {
        return refuse(change, "the row is not in its RFC 8785 form");
    }
    return err;
}

static int compare_changes(const void *a, const void *b)
{
    const struct catalog_change *left = *(const struct catalog_change *const *)a;
    const struct catalog_change *right = *(const struct catalog_change *const *)b;

    if (left->kind != right->kind) {
        return left->kind < right->kind ? -1 : 1;
    }
    return ps_bytes_compare(left->name, right->name);
}

static void free_pointer(const struct catalog_change ***pointer)
{
    free(*pointer);
}

static enum ps_err check_twice(const struct catalog_change *changes, size_t count)
{
    PS_CLEANUP(free_pointer)
    const struct catalog_change **sorted = calloc(count + 1, sizeof(struct catalog_change *));

    if (sorted == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &changes[i];
    }
    qsort(sorted, count, sizeof(struct catalog_change *), compare_changes);
    for (size_t i = 1; i < count; i++) {
        if (compare_changes(&sorted[i - 1], &sorted[i]) == 0) {
            return refuse(sorted[i], "twice in one change");
        }
    }
    return PS_OK;
}

static enum ps_err check_change(struct catalog *catalog, const struct catalog_change *change)
{
    struct json_value body;

    PS_TRY(catalog_check_name(change->kind, change->name));
    if (change->body.len != 0) {
        return read_body(catalog, change, &body);
    }
    return change->expected != 0 ? PS_OK : refuse(change, "neither there nor to be there");
}

enum ps_err catalog_check_form(struct catalog *catalog, const struct catalog_change *changes,
                               size_t count)
{
    for (size_t i = 0; i < count; i++) {
        PS_TRY(check_change(catalog, &changes[i]));
    }
    return check_twice(changes, count);
}

static enum ps_err check_revision(struct catalog *catalog, const struct catalog_change *change)
{
    PS_BUF_AUTO memory;
    struct catalog_row row = {0};
    enum ps_err err;

    ps_buf_init(&memory, CATALOG_NAME_MAX + CATALOG_BODY_MAX);
    err = catalog->ops->get(catalog->backend, change->kind, change->name, &memory, &row);
    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    return row.revision == change->expected ? PS_OK : catalog_fail_conflict(change);
}

static enum ps_err check_schema(struct catalog *catalog, const struct catalog_change *change)
{
    struct json_value body;

    if (change->body.len == 0) {
        return PS_OK;
    }
    PS_TRY(read_body(catalog, change, &body));
    return record_check(change->kind, change->name, body);
}

enum ps_err catalog_check_changes(struct catalog *catalog, const struct catalog_change *changes,
                                  size_t count)
{
    PS_TRY(catalog_check_form(catalog, changes, count));
    for (size_t i = 0; i < count; i++) {
        PS_TRY(check_revision(catalog, &changes[i]));
        PS_TRY(check_schema(catalog, &changes[i]));
    }
    return PS_OK;
}
