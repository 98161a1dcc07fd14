#include "keystore/catalog/row.h"

#include "keystore/catalog/internal.h"

#include <assert.h>

static const char *const kinds[CATALOG_KIND_COUNT] = {
    [CATALOG_KEY] = "key",
    [CATALOG_VERSION] = "version",
    [CATALOG_CERTIFICATE] = "certificate",
    [CATALOG_CLIENT] = "client",
    [CATALOG_GRANT] = "grant",
    [CATALOG_SET] = "set",
    [CATALOG_PROFILE] = "profile",
    [CATALOG_REVOCATION] = "revocation",
    [CATALOG_FAMILY] = "family",
    [CATALOG_POLICY] = "policy",
    [CATALOG_ROSTER] = "roster",
    [CATALOG_PIN] = "pin",
    [CATALOG_TOKEN] = "token",
    [CATALOG_PRUNED] = "pruned",
    [CATALOG_APPLIANCE] = "appliance",
    [CATALOG_OPERATION] = "operation",
    [CATALOG_RESERVED] = "reserved",
    [CATALOG_WRAPPED] = "wrapped",
};

const char *catalog_kind_name(enum catalog_kind kind)
{
    assert(kind < CATALOG_KIND_COUNT);
    return kinds[kind];
}

bool catalog_kind_by_name(struct ps_bytes name, enum catalog_kind *ret_kind)
{
    for (unsigned i = 0; i < CATALOG_KIND_COUNT; i++) {
        if (ps_bytes_equal_str(name, kinds[i])) {
            *ret_kind = (enum catalog_kind)i;
            return true;
        }
    }
    return false;
}

enum ps_err catalog_copy_row(const struct catalog_row *row, struct ps_buf *memory,
                             struct catalog_row *ret_row)
{
    const size_t start = memory->len;
    struct catalog_row copy = *row;

    ps_buf_put(memory, row->name);
    ps_buf_put(memory, row->body);
    PS_TRY(ps_buf_status(memory));
    copy.name.data = memory->data + start;
    copy.body.data = copy.name.data + copy.name.len;
    *ret_row = copy;
    return PS_OK;
}

enum ps_err catalog_copy_answer(const struct catalog_answer *answer, struct ps_buf *memory,
                                struct catalog_answer *ret_answer)
{
    const size_t start = memory->len;
    struct catalog_answer copy = *answer;

    ps_buf_put(memory, answer->caller);
    ps_buf_put(memory, answer->key);
    ps_buf_put(memory, answer->body_hash);
    ps_buf_put(memory, answer->answer);
    PS_TRY(ps_buf_status(memory));
    copy.caller.data = memory->data + start;
    copy.key.data = copy.caller.data + copy.caller.len;
    copy.body_hash.data = copy.key.data + copy.key.len;
    copy.answer.data = copy.body_hash.data + copy.body_hash.len;
    *ret_answer = copy;
    return PS_OK;
}

enum ps_err catalog_fail_not_found(enum catalog_kind kind, struct ps_bytes name)
{
    return ps_fail(PS_E_NOT_FOUND, 0, "there is no %s %.*s", catalog_kind_name(kind),
                   PS_BYTES_FMT(name));
}

enum ps_err catalog_fail_conflict(const struct catalog_change *change)
{
    if (change->expected == 0) {
        return ps_fail(PS_E_CONFLICT, 0, "%s %.*s exists already", catalog_kind_name(change->kind),
                       PS_BYTES_FMT(change->name));
    }
    return ps_fail(PS_E_CONFLICT, 0, "%s %.*s is not of revision %llu",
                   catalog_kind_name(change->kind), PS_BYTES_FMT(change->name),
                   (unsigned long long)change->expected);
}

enum ps_err catalog_fail_answer(void)
{
    return ps_fail(PS_E_CONFLICT, 0, "another request with this Idempotency-Key was taken before");
}
