#include "keystore/gate/internal.h"

#include "lib/base/encode.h"

/*
 * The rows of operations that wait: a view for readers, from which nothing is decided. A row that
 * could not be written is behind the log until the next start.
 */

static void put_row(const struct entry *entry, const char *state, struct ps_buf *out)
{
    const struct operation_document *document = waiting_document(entry->waiting);
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_str(&json, "caller", entry->caller);
    writer_number(&json, "created_s", entry->created_ns / PS_NS_PER_S);
    writer_str(&json, "detail", entry->missing);
    writer_raw(&json, "document", document->octets);
    writer_number(&json, "event", 0);
    writer_str(&json, "location", "");
    writer_str(&json, "problem", "");
    writer_text(&json, "request_id", ps_buf_bytes(&entry->request_id));
    writer_raw(&json, "signatures", ps_bytes(NULL, 0));
    entry_put_signatures(entry, out);
    writer_str(&json, "state", state);
    writer_str(&json, "type", document->type->name);
    writer_end_object(&json);
}

/* As `ssh-keygen -l` prints it. */
static void put_fingerprint(const struct approval *approval, struct writer *json)
{
    PS_BUF_AUTO text = {.max = 128};

    ps_buf_put_str(&text, "SHA256:");
    ps_buf_put_base64(&text, ps_bytes(approval->key, sizeof approval->key));
    /* Without the padding of 32 octets. */
    writer_text(json, "fingerprint", ps_bytes(text.data, text.len == 0 ? 0 : text.len - 1));
}

void entry_put_signatures(const struct entry *entry, struct ps_buf *out)
{
    const struct waiting_signature *signature;
    struct writer json = writer(out);

    writer_begin_array(&json, NULL);
    for (size_t i = 0; (signature = waiting_at(entry->waiting, i)) != NULL; i++) {
        writer_begin_object(&json, NULL);
        put_fingerprint(&signature->approval, &json);
        writer_str(&json, "kind", approval_kind_name(signature->approval.kind));
        writer_str(&json, "person", signature->approval.person);
        writer_time_s(&json, "time", signature->time_s);
        writer_str(&json, "verdict", waiting_verdict_text(signature));
        writer_end_object(&json);
    }
    writer_end_array(&json);
}

bool gate_put_waiting(struct gate *gate, struct ps_bytes id, struct writer *json,
                      struct ps_buf *out)
{
    const struct moment moment = moment_now(gate);
    struct entry *entry = entry_find(gate, id);
    enum condition condition;

    if (entry == NULL || entry->is_executing) {
        return false;
    }
    if (entry->judged_s != real_now_s() && clock_lets_judge(gate, entry)) {
        entry_judge(gate, entry, real_now_s());
    }
    condition = entry_check_conditions(gate, entry, &moment);
    writer_str(json, "missing", entry->missing);
    if (condition != CONDITION_NONE) {
        writer_begin_object(json, "condition");
        writer_str(json, "code", condition_info(condition)->code);
        writer_str(json, "detail", condition_info(condition)->sentence);
        writer_end_object(json);
    }
    writer_raw(json, "signatures", ps_bytes(NULL, 0));
    entry_put_signatures(entry, out);
    return true;
}

static enum ps_err store(struct gate *gate, struct ps_bytes id, struct ps_buf *row,
                         uint64_t expected, const struct catalog_answer *answer)
{
    const struct catalog_change change = {
        .kind = CATALOG_OPERATION, .name = id, .expected = expected, .body = ps_buf_bytes(row)};

    PS_TRY(ps_buf_status(row));
    return catalog_apply(gate->keeper->catalog, &change, 1, 0, answer);
}

bool entry_store(struct gate *gate, struct entry *entry, const char *state,
                 const struct catalog_answer *answer)
{
    const char *id = waiting_id(entry->waiting);
    PS_BUF_AUTO row = {.max = CATALOG_BODY_MAX};

    put_row(entry, state, &row);
    entry->is_row_behind = true;
    if (store(gate, ps_bytes_str(id), &row, entry->row_revision, answer) != PS_OK) {
        ps_line(PS_ERROR, "operation_not_stored", PS_STR("operation", id),
                PS_STR("detail", ps_detail()->text));
        return false;
    }
    entry->is_row_behind = false;
    entry->row_revision++;
    return true;
}

void entry_take_row(struct gate *gate, struct entry *entry)
{
    struct catalog_row row;
    PS_BUF_AUTO memory;

    ps_buf_init(&memory, CATALOG_BODY_MAX);
    if (gate->keeper->catalog != NULL &&
        catalog_get(gate->keeper->catalog, CATALOG_OPERATION,
                    ps_bytes_str(waiting_id(entry->waiting)), &memory, &row) == PS_OK) {
        entry->row_revision = row.revision;
    }
}

/* --- After a start --- */

static bool says_it_waits(struct json_value row)
{
    struct json_value value;
    struct ps_bytes state;

    if (!json_member(row, "state", &value) || json_string(value, &state) != PS_OK) {
        return false;
    }
    for (unsigned i = 0; i < WAITING_STATE_COUNT; i++) {
        const char *name = waiting_state_name((enum waiting_state)i);

        /* `rejected` is also the end of it. */
        if (i != WAITING_REJECTED && ps_bytes_equal_str(state, name)) {
            return true;
        }
    }
    return false;
}

static void put_ended(struct json_value row, const struct recalled_end *end, struct ps_buf *out)
{
    static const char *const kept[] = {"caller",  "created_s",  "document",   "event", "location",
                                       "problem", "request_id", "signatures", "type"};
    struct writer json = writer(out);
    struct json_value value;

    writer_begin_object(&json, NULL);
    writer_str(&json, "detail", "");
    for (size_t i = 0; i < PS_COUNT_OF(kept); i++) {
        if (json_member(row, kept[i], &value)) {
            writer_raw(&json, kept[i], json_raw(value));
        }
    }
    writer_str(&json, "state", end->outcome);
    writer_end_object(&json);
}

static enum ps_err close_row(struct gate *gate, const struct recalled_end *end)
{
    static const struct json_limits limits = {CATALOG_BODY_MAX, 12, 20000};
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct json_value body;
    struct catalog_row row;
    PS_BUF_AUTO memory = {.max = CATALOG_BODY_MAX};
    PS_BUF_AUTO out = {.max = CATALOG_BODY_MAX};
    PS_BUF_AUTO canonical = {.max = CATALOG_BODY_MAX};

    PS_TRY(json_new(&parser));
    PS_TRY(catalog_get(gate->keeper->catalog, CATALOG_OPERATION, ps_bytes_str(end->operation),
                       &memory, &row));
    PS_TRY(json_parse(parser, row.body, &limits, &body));
    if (!says_it_waits(body)) {
        return PS_OK;
    }
    put_ended(body, end, &out);
    PS_TRY(ps_buf_status(&out));
    PS_TRY(json_parse(parser, ps_buf_bytes(&out), &limits, &body));
    PS_TRY(json_put_canonical(body, &canonical));
    return store(gate, row.name, &canonical, row.revision, NULL);
}

void rows_close_ended(struct gate *gate, const struct recall *recall)
{
    const struct recalled_end *end;

    for (size_t i = 0; (end = recall_end_at(recall, i)) != NULL; i++) {
        const enum ps_err err = close_row(gate, end);

        if (err != PS_OK && err != PS_E_NOT_FOUND) {
            ps_line(PS_WARNING, "operation_not_stored", PS_STR("operation", end->operation),
                    PS_STR("detail", ps_detail()->text));
        }
    }
}
