#include "keystore/operations/internal.h"

#include "keystore/catalog/pruned_record.h"
#include "keystore/log/prune.h"
#include "keystore/operations/appliance/handlers.h"
#include "lib/base/encode.h"
#include "lib/ceremony/log/leaf.h"

/*
 * Shards of the log of uses whose archives people have verified: their leaves may go. What is
 * removed, and when, is in events/pruning.c; here is what people approve, and what of it the
 * appliance can see for itself: that the archive has the tree that is here.
 */

#define SHARDS_MAX CHANGES_MAX

struct prune_request {
    struct ps_bytes place;
    struct json_value shards;
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct prune_request, place, JSON_KIND_STRING, true, PRUNED_PLACE_MAX),
    JSON_FIELD(struct prune_request, shards, JSON_KIND_ARRAY, true, 0),
};

struct prune_shard {
    struct ps_bytes archive; /* in hexadecimal */
    struct ps_bytes name;
    struct ps_bytes root; /* base64url */
    struct ps_bytes size; /* decimal, of the parameters only */
};

static const struct json_field shard_fields[] = {
    JSON_FIELD(struct prune_shard, archive, JSON_KIND_STRING, true, 64),
    JSON_FIELD(struct prune_shard, name, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct prune_shard, root, JSON_KIND_STRING, true, 64),
    JSON_FIELD(struct prune_shard, size, JSON_KIND_STRING, false, 20),
};

/* The buffers hold what the record borrows. */
static enum ps_err read_shard(struct json_value value, struct ps_bytes place,
                              struct ps_buf *archive, struct ps_buf *root,
                              struct pruned_record *ret_record)
{
    struct prune_shard shard = {.size = {NULL, 0}};
    struct pruned_record record = {.place = place};

    PS_TRY(json_read_object(value, shard_fields, PS_COUNT_OF(shard_fields), &shard, NULL));
    PS_TRY(ps_hex_decode(shard.archive, archive));
    PS_TRY(ps_base64url_decode(shard.root, root));
    if (!log_shard_name_valid(shard.name) || archive->len != PS_SHA256_LEN ||
        root->len != PS_SHA256_LEN) {
        return ps_fail(
            PS_E_INPUT, 0,
            "a shard has its name, its root (base64url) and the SHA-256 of its archive's "
            "manifest (hexadecimal)");
    }
    if (shard.size.len != 0) {
        PS_TRY(document_number(value, "size", &record.size));
    }
    record.name = shard.name;
    record.root = ps_buf_bytes(root);
    record.archive = ps_buf_bytes(archive);
    *ret_record = record;
    return PS_OK;
}

typedef bool shard_fn(struct operation *op, const struct pruned_record *record, void *context);

/* False: `fn` gave up, or the list is malformed; the operation is refused then. */
static bool each_shard(struct operation *op, const struct prune_request *request, shard_fn *fn,
                       void *context)
{
    struct json_value value;
    uint32_t cursor = 0;

    while (json_next(request->shards, &cursor, NULL, &value)) {
        struct pruned_record record;
        PS_BUF_AUTO archive = {.max = 64};
        PS_BUF_AUTO root = {.max = 64};
        const enum ps_err err = read_shard(value, request->place, &archive, &root, &record);

        if (err != PS_OK) {
            operation_refuse_error(op, err);
            return false;
        }
        if (!fn(op, &record, context)) {
            return false;
        }
    }
    return true;
}

/* --- What is there --- */

static bool find_shard(const struct operation *op, struct ps_bytes name, struct tree_info *ret_info)
{
    for (size_t at = 0; log_shard_info(op->keeper->use, at, ret_info) == PS_OK; at++) {
        if (ps_bytes_equal_str(name, ret_info->name)) {
            return true;
        }
    }
    return false;
}

static bool is_complete(struct operation *op, struct ps_bytes name, struct tree_info *ret_info)
{
    if (find_shard(op, name, ret_info)) {
        return true;
    }
    if (ps_bytes_equal_str(name, log_shard(op->keeper->use))) {
        operation_refuse(op, PS_PROBLEM_REFUSED,
                         "use/%.*s is written now: only a complete shard can be pruned",
                         PS_BYTES_FMT(name));
    } else {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "there is no shard use/%.*s",
                         PS_BYTES_FMT(name));
    }
    return false;
}

/* The checkpoint is what stays here of it. */
static bool is_signed(struct operation *op, const struct tree_info *info)
{
    uint64_t covered = 0;
    const enum ps_err err = log_shard_covered(op->keeper->use, ps_bytes_str(info->name), &covered);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
    } else if (covered != info->size) {
        operation_refuse(op, PS_PROBLEM_WRONG_STATE,
                         "the last checkpoint of use/%s is not signed yet: try again in a moment",
                         info->name);
    }
    return err == PS_OK && covered == info->size;
}

static bool has_no_row(struct operation *op, struct ps_bytes name)
{
    ROW_AUTO row = {.parser = NULL};
    const enum ps_err err = row_read(op->keeper, CATALOG_PRUNED, name, &row);

    if (err == PS_OK) {
        operation_refuse(op, PS_PROBLEM_CONFLICT, "use/%.*s was pruned already",
                         PS_BYTES_FMT(name));
    } else if (err != PS_E_NOT_FOUND) {
        operation_refuse_error(op, err);
    }
    return err == PS_E_NOT_FOUND;
}

/* The shard that is here, if it is the one in the archive. */
static bool compare(struct operation *op, const struct pruned_record *record,
                    struct tree_info *ret_info)
{
    if (!is_complete(op, record->name, ret_info) || !has_no_row(op, record->name)) {
        return false;
    }
    if (memcmp(record->root.data, ret_info->root.octets, PS_SHA256_LEN) != 0) {
        operation_refuse(op, PS_PROBLEM_REFUSED,
                         "use/%s has another root than the archive: that is of another log, or one "
                         "of the two is damaged; `privyseal log verify` says which",
                         ret_info->name);
        return false;
    }
    return is_signed(op, ret_info);
}

/* --- The type --- */

static bool put_shard(struct operation *op, const struct pruned_record *record, void *context)
{
    struct writer *json = context;
    struct tree_info info;
    PS_BUF_AUTO archive = {.max = 128};

    if (!compare(op, record, &info)) {
        return false;
    }
    ps_buf_put_hex(&archive, record->archive);
    writer_begin_object(json, NULL);
    writer_text(json, "archive", ps_buf_bytes(&archive));
    writer_text(json, "name", record->name);
    writer_octets(json, "root", record->root);
    writer_decimal(json, "size", info.size);
    writer_end_object(json);
    return true;
}

bool log_prune_resolve(struct operation *op, struct json_value request)
{
    struct prune_request asked = {.place = {NULL, 0}};
    struct writer json = writer(&op->resolved);
    enum ps_err err =
        json_read_object(request, request_fields, PS_COUNT_OF(request_fields), &asked, NULL);

    if (err == PS_OK && (json_count(asked.shards) == 0 || json_count(asked.shards) > SHARDS_MAX ||
                         asked.place.len == 0)) {
        err = ps_fail(PS_E_INPUT, 0, "1 to %u shards, and a place where their archives are kept",
                      SHARDS_MAX);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    writer_begin_object(&json, NULL);
    writer_text(&json, "place", asked.place);
    writer_begin_array(&json, "shards");
    if (!each_shard(op, &asked, put_shard, &json)) {
        return false;
    }
    writer_end_array(&json);
    writer_end_object(&json);
    return true;
}

static enum ps_err read_params(const struct operation *op, struct prune_request *ret_request)
{
    return json_read_object(op->params, request_fields, PS_COUNT_OF(request_fields), ret_request,
                            NULL);
}

static bool check_shard(struct operation *op, const struct pruned_record *record, void *context)
{
    struct tree_info info;

    (void)context;
    operation_lock(op, "shard", record->name);
    return compare(op, record, &info);
}

bool log_prune_check(struct operation *op)
{
    struct prune_request params;
    const enum ps_err err = read_params(op, &params);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    return each_shard(op, &params, check_shard, NULL);
}

static bool put_row(struct operation *op, const struct pruned_record *record, void *context)
{
    (void)context;
    pruned_record_put(record, operation_change(op, CATALOG_PRUNED, record->name, 0));
    return true;
}

enum ps_err log_prune_rows(struct operation *op)
{
    struct prune_request params;

    PS_TRY(read_params(op, &params));
    return each_shard(op, &params, put_row, NULL)
               ? PS_OK
               : ps_fail(PS_E_INPUT, 0, "a shard that is none in the parameters");
}

enum ps_err log_prune_describe(struct operation *op, struct writer *json)
{
    struct prune_request params;
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;

    PS_TRY(read_params(op, &params));
    writer_text(json, "place", params.place);
    writer_begin_array(json, "pruned");
    while (json_next(params.shards, &cursor, NULL, &value)) {
        PS_TRY(document_text(value, "name", &name));
        writer_text(json, NULL, name);
    }
    writer_end_array(json);
    ps_buf_put_str(&op->location, "/v1/system");
    return PS_OK;
}
