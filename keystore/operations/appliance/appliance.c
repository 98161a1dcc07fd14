#include "keystore/operations/internal.h"

#include "keystore/operations/appliance/handlers.h"
#include "keystore/state/lock.h"
#include "keystore/state/state.h"

/*
 * What officers decide of the appliance as a whole: that it is locked, that it is unlocked, and
 * which security section its configuration may have. Each changes the one row of the appliance;
 * lock.c does what follows of it.
 */

static bool is_type(const struct operation *op, const char *name)
{
    return strcmp(op->type->name, name) == 0;
}

bool appliance_lock_resolve(struct operation *op, struct json_value request)
{
    if (json_count(request) != 0) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "this has no parameters");
        return false;
    }
    ps_buf_put_str(&op->resolved, "{}");
    return true;
}

static void put_configuration(struct ps_bytes hash, struct ps_buf *out)
{
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_hex(&json, "configuration", hash);
    writer_end_object(&json);
}

/* The present one is what there is to approve; `configuration` may say which one is meant. */
bool configuration_approve_resolve(struct operation *op, struct json_value request)
{
    struct wanted {
        struct ps_bytes configuration;
    } wanted = {.configuration = {NULL, 0}};
    static const struct json_field fields[] = {
        JSON_FIELD(struct wanted, configuration, JSON_KIND_STRING, false, 2 * PS_SHA256_LEN)};
    const enum ps_err err = json_read_object(request, fields, PS_COUNT_OF(fields), &wanted, NULL);
    PS_BUF_AUTO hex;

    ps_buf_init(&hex, 2 * PS_SHA256_LEN);
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    ps_buf_put_hex(&hex, op->keeper->config->configuration);
    if (wanted.configuration.len != 0 &&
        !ps_bytes_equal(wanted.configuration, ps_buf_bytes(&hex))) {
        operation_refuse(op, PS_PROBLEM_CONFLICT,
                         "`configuration`: the appliance runs with %.*s; start it with the one "
                         "that is meant",
                         PS_BYTES_FMT(ps_buf_bytes(&hex)));
        return false;
    }
    put_configuration(op->keeper->config->configuration, &op->resolved);
    return true;
}

static enum ps_err describe_state(const struct keeper *keeper, struct writer *json)
{
    state_put_state(keeper, json);
    return PS_OK;
}

static void answer_unchanged(struct operation *op)
{
    struct writer json = writer(&op->body);

    writer_begin_object(&json, NULL);
    (void)describe_state(op->keeper, &json);
    writer_end_object(&json);
    operation_exists(op);
}

bool appliance_lock_check(struct operation *op)
{
    operation_lock(op, "appliance", ps_bytes(NULL, 0));
    if (op->keeper->appliance.is_locked == is_type(op, "appliance.lock")) {
        answer_unchanged(op);
        return false;
    }
    return true;
}

/* What people approved is what the appliance runs with still. */
bool configuration_approve_check(struct operation *op)
{
    PS_BUF_AUTO present;

    ps_buf_init(&present, DOCUMENT_MAX);
    put_configuration(op->keeper->config->configuration, &present);
    operation_lock(op, "appliance", ps_bytes(NULL, 0));
    if (!ps_bytes_equal(json_raw(op->params), ps_buf_bytes(&present))) {
        operation_refuse(op, PS_PROBLEM_CONFLICT,
                         "the configuration has changed since: make a new operation");
        return false;
    }
    if (lock_configuration_is_approved(op->keeper)) {
        answer_unchanged(op);
        return false;
    }
    return true;
}

static enum ps_err change(struct operation *op, struct ps_buf *hash,
                          struct appliance_record *record)
{
    struct ps_bytes hex;

    if (!is_type(op, "configuration.approve")) {
        record->locked = is_type(op, "appliance.lock");
        return PS_OK;
    }
    PS_TRY(document_text(op->params, "configuration", &hex));
    PS_TRY(ps_hex_decode(hex, hash));
    record->configuration = ps_buf_bytes(hash);
    return PS_OK;
}

enum ps_err appliance_rows(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct appliance_record record;
    PS_BUF_AUTO hash;

    ps_buf_init(&hash, PS_SHA256_LEN);
    PS_TRY(row_read(op->keeper, CATALOG_APPLIANCE, ps_bytes_str(APPLIANCE_ROW), &row));
    PS_TRY(appliance_record_read(row.body, &record));
    PS_TRY(change(op, &hash, &record));
    appliance_record_put(&record, operation_change(op, CATALOG_APPLIANCE,
                                                   ps_bytes_str(APPLIANCE_ROW), row.revision));
    return PS_OK;
}

enum ps_err appliance_row_describe(struct operation *op, struct writer *json)
{
    struct ps_bytes hash;

    if (is_type(op, "configuration.approve")) {
        PS_TRY(document_text(op->params, "configuration", &hash));
        writer_text(json, "configuration", hash);
    } else {
        writer_bool(json, "locked", is_type(op, "appliance.lock"));
    }
    ps_buf_put_str(&op->location, "/v1/system");
    return PS_OK;
}
