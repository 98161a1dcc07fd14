#include "keystore/operations/internal.h"

#include "keystore/operations/keys/key_params.h"
#include "keystore/operations/keys/key_rows.h"

/*
 * That the token has not shown a version, or has: in its row, so that later starts know it too. It
 * is the appliance that asks the token, and nobody else can say what it answered.
 */

struct proof_request {
    uint32_t version;
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct proof_request, version, JSON_KIND_U32, true, 0),
};

static bool hides(const struct operation *op)
{
    return strcmp(op->type->name, "key.unproven") == 0;
}

bool key_proof_resolve(struct operation *op, struct json_value request)
{
    struct proof_request read = {.version = 0};
    struct writer json = writer(&op->resolved);
    const enum ps_err err =
        json_read_object(request, request_fields, PS_COUNT_OF(request_fields), &read, NULL);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    writer_begin_object(&json, NULL);
    writer_text(&json, "key", ps_buf_bytes(&op->subject));
    writer_decimal(&json, "version", read.version);
    writer_end_object(&json);
    return true;
}

/* Of a leaf it is judged without the token: what it says is asked again (retrace.c). */
static enum ps_err check_answer(const struct operation *op, const struct key_version *version)
{
    if (op->retraced.doc != NULL || (hides(op) && version->is_unproven) ||
        (!hides(op) && unproven_is_shown(op->operations, version))) {
        return PS_OK;
    }
    return ps_fail(PS_E_STATE, 0, "the token has answered otherwise meanwhile");
}

static enum ps_err find(const struct operation *op, const struct key **ret_key,
                        const struct key_version **ret_version)
{
    const struct key_version *version;
    struct key *key;
    uint32_t number;

    PS_TRY(key_params_subject(op, &key, &number));
    version = key_version(key, number);
    if (version == NULL || version->spki == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "the key has no such version with a public key");
    }
    if (version->is_marked == hides(op)) {
        return ps_fail(PS_E_STATE, 0, "its row says so already");
    }
    *ret_key = key;
    *ret_version = version;
    return check_answer(op, version);
}

bool key_proof_check(struct operation *op)
{
    const struct key_version *version;
    const struct key *key;
    enum ps_err err;

    if (op->caller[0] != 0) {
        operation_refuse(op, PS_PROBLEM_FORBIDDEN, "what a token has shown the appliance says");
        return false;
    }
    err = find(op, &key, &version);
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    operation_lock(op, "key", ps_bytes_str(key->name));
    return true;
}

enum ps_err key_proof_rows(struct operation *op)
{
    const struct key_version *version;
    const struct key *key;

    PS_TRY(find(op, &key, &version));
    /* The key's own row changes too, so that its revision tells of it. */
    PS_TRY(key_rows_put(op, key, key->state, key->latest));
    return key_rows_put_mark(op, key, version->number, hides(op));
}

void key_proof_begin(struct operations *operations, const struct key_version *version,
                     const char *type)
{
    struct operation *op = operation_new(operations, operation_type_find(ps_bytes_str(type)));
    PS_BUF_AUTO parameters = {.max = 64};

    if (op == NULL) {
        return;
    }
    ps_buf_printf(&parameters, "{\"version\":%u}", version->number);
    ps_buf_printf(&op->request_id, "proof-%.8s", op->id + OPERATION_ID_LEN - 8);
    ps_buf_put_str(&op->subject, version->key->name);
    operation_begin(op, ps_buf_bytes(&parameters));
}
