#include "keystore/operations/internal.h"

#include "lib/ceremony/operation/keys.h"

/* What operations work on, so that no two of them work on the same. */

void operation_lock(struct operation *op, const char *kind, struct ps_bytes name)
{
    ps_buf_printf(&op->locks, "%s/%.*s\n", kind, PS_BYTES_FMT(name));
}

void operation_lock_keys(struct operation *op)
{
    const struct operation_type_info *info = operation_type_info_find(ps_bytes_str(op->type->name));
    struct operation_keys keys = operation_keys(info, op->params);
    struct ps_bytes name;

    while (operation_keys_next(&keys, &name)) {
        operation_lock(op, "key", name);
    }
}

/* The first line of `rest`, which moves behind it; false at the end. */
static bool next_line(struct ps_bytes *rest, struct ps_bytes *ret_line)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->data, '\n', rest->len);

    if (end == NULL) {
        return false;
    }
    *ret_line = ps_bytes(rest->data, (size_t)(end - rest->data));
    *rest = ps_bytes_from(*rest, ret_line->len + 1);
    return true;
}

static bool has_locked(const struct operation *op, struct ps_bytes lock)
{
    struct ps_bytes rest = ps_buf_bytes(&op->locks);
    struct ps_bytes line;

    while (next_line(&rest, &line)) {
        if (ps_bytes_equal(line, lock)) {
            return true;
        }
    }
    return false;
}

bool operations_has_locked(const struct operations *operations, const char *kind,
                           struct ps_bytes name)
{
    PS_BUF_AUTO lock = {.max = LOCK_MAX};

    if (operations->first == NULL) {
        return false;
    }
    ps_buf_printf(&lock, "%s/%.*s", kind, PS_BYTES_FMT(name));
    for (const struct operation *op = operations->first; op != NULL; op = op->next) {
        if (has_locked(op, ps_buf_bytes(&lock))) {
            return true;
        }
    }
    return false;
}

bool operation_is_locked_out(const struct operation *op)
{
    for (const struct operation *other = op->operations->first; other != NULL;
         other = other->next) {
        struct ps_bytes rest = ps_buf_bytes(&op->locks);
        struct ps_bytes lock;

        while (other != op && next_line(&rest, &lock)) {
            if (has_locked(other, lock)) {
                return true;
            }
        }
    }
    return false;
}
