#include "lib/ceremony/audit/account.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/map.h"
#include "lib/ceremony/audit/leaves.h"
#include "lib/ceremony/audit/snapshot.h"
#include "lib/ceremony/audit/tally.h"

#include <stdlib.h>

enum tallied { BY_KEY, BY_CALLER, BY_BOTH, BY_OPERATION, REFUSALS, ALARMS, STARTS, TALLIES };

/* Arrays of objects, in the order in which the leaves came. */
enum listed { OPERATIONS, EXCEPTIONS, KEYS, RECORDS, LOGS, WITNESSED, LISTS };
static const char *const list_names[LISTS] = {[OPERATIONS] = "operations",
                                              [EXCEPTIONS] = "exceptions",
                                              [KEYS] = "keys",
                                              [RECORDS] = "records",
                                              [LOGS] = "logs",
                                              [WITNESSED] = "witnessed"};

struct audit_account {
    const struct audit_period *period;
    struct replay *replay;
    struct audit_snapshot *snapshot; /* of the period's end */
    struct audit_leaves *leaves;     /* which ones the open operations have */
    struct audit_tally *tallies[TALLIES];
    struct ps_buf lists[LISTS];
    char genesis[2 * PS_SHA256_LEN + 1]; /* SHA-256 of its leaf; empty: there was none */
    uint64_t newest_use_ns;
};

void audit_account_free(struct audit_account *account)
{
    if (account == NULL) {
        return;
    }
    replay_free(account->replay);
    audit_snapshot_free(account->snapshot);
    audit_leaves_free(account->leaves);
    for (size_t i = 0; i < TALLIES; i++) {
        audit_tally_free(account->tallies[i]);
    }
    for (size_t i = 0; i < LISTS; i++) {
        ps_buf_clear(&account->lists[i]);
    }
    free(account);
}

uint64_t audit_account_newest_use(const struct audit_account *account)
{
    return account->newest_use_ns;
}

static bool is_within(const struct audit_account *account, uint64_t time_ns)
{
    return time_ns >= account->period->from_ns && time_ns < account->period->to_ns;
}

static struct ps_bytes text_of(struct json_value data, const char *name)
{
    struct ps_bytes text = {NULL, 0};
    struct json_value value;

    if (data.doc != NULL && json_member(data, name, &value) && json_type(value) == JSON_STRING) {
        return json_string(value, &text) == PS_OK ? text : ps_bytes(NULL, 0);
    }
    return text;
}

static void put_text(const char *name, struct ps_bytes text, struct ps_buf *out)
{
    ps_buf_printf(out, ",\"%s\":", name);
    ps_buf_put_json_string(out, text);
}

/* Begins an object of a list with the leaf that it is of, and when that was. */
static struct ps_buf *begin_item(struct audit_account *account, enum listed listed, uint64_t leaf,
                                 uint64_t time_ns)
{
    struct ps_buf *out = &account->lists[listed];

    ps_buf_printf(out, "%s{\"leaf\":%llu,\"time\":\"", out->len == 0 ? "" : ",",
                  (unsigned long long)leaf);
    ps_buf_put_time(out, time_ns, 0);
    ps_buf_put_u8(out, '"');
    return out;
}

static enum ps_err end_item(struct ps_buf *out)
{
    ps_buf_put_u8(out, '}');
    return ps_buf_status(out);
}

/* --- Uses --- */

static enum ps_err tally_both(struct audit_account *account, const struct log_use *use)
{
    PS_BUF_AUTO both = {.max = LOG_LEAF_MAX};

    ps_buf_put(&both, use->key);
    ps_buf_put_u8(&both, AUDIT_TALLY_BETWEEN);
    ps_buf_put(&both, use->caller);
    PS_TRY(ps_buf_status(&both));
    return audit_tally_add(account->tallies[BY_BOTH], ps_buf_bytes(&both));
}

enum ps_err audit_account_take_use(struct audit_account *account, const struct log_use *use)
{
    const struct audit_period *period = account->period;

    if (use->time_ns > account->newest_use_ns) {
        account->newest_use_ns = use->time_ns;
    }
    if (!is_within(account, use->time_ns) ||
        (period->key.len != 0 && !ps_bytes_equal(period->key, use->key)) ||
        (period->caller.len != 0 && !ps_bytes_equal(period->caller, use->caller))) {
        return PS_OK;
    }
    PS_TRY(audit_tally_add(account->tallies[BY_KEY], use->key));
    PS_TRY(audit_tally_add(account->tallies[BY_CALLER], use->caller));
    PS_TRY(tally_both(account, use));
    return audit_tally_add(account->tallies[BY_OPERATION], use->operation);
}

/* --- Leaves of events --- */

static enum ps_err count_event(struct audit_account *account, const struct log_event *event)
{
    if (ps_bytes_equal_str(event->kind, "refusal")) {
        return audit_tally_add(account->tallies[REFUSALS], text_of(event->data, "problem"));
    }
    if (ps_bytes_equal_str(event->kind, "alarm")) {
        return audit_tally_add(account->tallies[ALARMS], text_of(event->data, "alarm"));
    }
    return ps_bytes_equal_str(event->kind, "start")
               ? audit_tally_add(account->tallies[STARTS], text_of(event->data, "version"))
               : PS_OK;
}

/* Those of operations and of single requests are told otherwise. */
static bool is_record(struct ps_bytes kind)
{
    static const char *const others[] = {"genesis", "draft",  "signature", "ended",      "intent",
                                         "part",    "result", "refusal",   "encryptions"};

    for (size_t i = 0; i < PS_COUNT_OF(others); i++) {
        if (ps_bytes_equal_str(kind, others[i])) {
            return false;
        }
    }
    return true;
}

static enum ps_err add_record(struct audit_account *account, uint64_t index,
                              const struct log_event *event)
{
    struct ps_buf *out;

    if (!is_record(event->kind)) {
        return PS_OK;
    }
    out = begin_item(account, RECORDS, index, event->time_ns);
    put_text("kind", event->kind, out);
    if (event->data.doc != NULL) {
        ps_buf_put_str(out, ",\"data\":");
        ps_buf_put(out, json_raw(event->data));
    }
    return end_item(out);
}

/* A key or a version of one, "<key>/<number>", and the state that this leaf gives it. */
static enum ps_err add_key(struct audit_account *account, uint64_t index,
                           const struct log_event *event, struct json_value effect)
{
    const struct ps_bytes kind = text_of(effect, "kind");
    const struct ps_bytes name = text_of(effect, "name");
    const uint8_t *slash = name.len == 0 ? NULL : memrchr(name.data, '/', name.len);
    const struct ps_bytes key =
        slash == NULL ? name : ps_bytes(name.data, (size_t)(slash - name.data));
    struct json_value row;
    struct ps_buf *out;

    if ((!ps_bytes_equal_str(kind, "key") && !ps_bytes_equal_str(kind, "version")) ||
        (account->period->key.len != 0 && !ps_bytes_equal(account->period->key, key))) {
        return PS_OK;
    }
    out = begin_item(account, KEYS, index, event->time_ns);
    put_text("operation", text_of(event->data, "operation"), out);
    put_text(ps_bytes_equal_str(kind, "key") ? "key" : "version", name, out);
    put_text("state",
             json_member(effect, "row", &row) ? text_of(row, "state") : ps_bytes_str("removed"),
             out);
    return end_item(out);
}

static enum ps_err add_keys(struct audit_account *account, uint64_t index,
                            const struct log_event *event)
{
    struct json_value effects;
    struct json_value effect;
    uint32_t cursor = 0;

    if (event->data.doc == NULL || !json_member(event->data, "effects", &effects) ||
        json_type(effects) != JSON_ARRAY) {
        return PS_OK;
    }
    while (json_next(effects, &cursor, NULL, &effect)) {
        if (json_type(effect) == JSON_OBJECT) {
            PS_TRY(add_key(account, index, event, effect));
        }
    }
    return PS_OK;
}

static void note_genesis(struct audit_account *account, const struct log_event *event)
{
    uint8_t hash[PS_SHA256_LEN];
    PS_BUF_AUTO text = {.max = sizeof account->genesis};

    if (account->genesis[0] != '\0' || !ps_bytes_equal_str(event->kind, "genesis")) {
        return;
    }
    ps_sha256(event->octets, hash);
    ps_buf_put_hex(&text, ps_bytes(hash, sizeof hash));
    if (ps_buf_status(&text) == PS_OK && text.len < sizeof account->genesis) {
        memcpy(account->genesis, text.data, text.len);
    }
}

enum ps_err audit_account_take_event(struct audit_account *account, uint64_t index,
                                     const struct log_event *event)
{
    note_genesis(account, event);
    PS_TRY(audit_leaves_add(account->leaves, text_of(event->data, "operation"), index));
    if (is_within(account, event->time_ns)) {
        PS_TRY(count_event(account, event));
        PS_TRY(add_record(account, index, event));
        PS_TRY(add_keys(account, index, event));
    }
    return audit_snapshot_take(account->snapshot, account->replay, index, event);
}

/* --- Operations that have come to their end --- */

static void put_approvers(const struct waiting *waiting, struct ps_buf *out)
{
    const struct waiting_signature *signature;
    const char *between = "";

    ps_buf_put_str(out, ",\"approved_by\":[");
    for (size_t i = 0; (signature = waiting_at(waiting, i)) != NULL; i++) {
        if (signature->is_verified && signature->verdict == QUORUM_COUNTED) {
            ps_buf_put_str(out, between);
            ps_buf_put_json_string(out, ps_bytes_str(signature->approval.person));
            between = ",";
        }
    }
    ps_buf_put_u8(out, ']');
}

static enum ps_err add_exception(struct audit_account *account,
                                 const struct replay_operation *operation)
{
    const struct operation_document *document = waiting_document(operation->waiting);
    struct ps_buf *out;

    if (strcmp(document->type->name, "exception") != 0) {
        return PS_OK;
    }
    out = begin_item(account, EXCEPTIONS, operation->leaf, operation->end->time_ns);
    put_text("id", ps_bytes_str(waiting_id(operation->waiting)), out);
    put_text("outcome", operation->outcome, out);
    put_text("reason", document->reason, out);
    ps_buf_put_str(out, ",\"params\":");
    ps_buf_put(out, json_raw(document->params));
    return end_item(out);
}

/* The approval that a client's own key has: that of its family. */
static void put_family(const struct replay_family *family, struct ps_buf *out)
{
    if (family->prefix.len != 0) {
        ps_buf_printf(out, ",\"family\":{\"approved\":%llu,\"made\":%llu,\"maximum\":%llu",
                      (unsigned long long)family->approved, (unsigned long long)family->made,
                      (unsigned long long)family->maximum);
        put_text("prefix", family->prefix, out);
        ps_buf_put_u8(out, '}');
    }
}

static enum ps_err add_operation(struct audit_account *account,
                                 const struct replay_operation *operation)
{
    const struct operation_document *document = waiting_document(operation->waiting);
    struct ps_buf *out = begin_item(account, OPERATIONS, operation->leaf, operation->end->time_ns);

    put_text("id", ps_bytes_str(waiting_id(operation->waiting)), out);
    put_text("type", ps_bytes_str(document->type->name), out);
    put_text("subject", operation_document_subject(document), out);
    put_text("class", ps_bytes((const uint8_t *)&document->class, 1), out);
    put_text("outcome", operation->outcome, out);
    put_text("caller", operation->caller, out);
    put_text("requester", document->requester, out);
    put_text("reason", document->reason, out);
    put_approvers(operation->waiting, out);
    put_family(&operation->family, out);
    ps_buf_put_str(out, ",\"leaves\":[");
    audit_leaves_put(account->leaves, ps_bytes_str(waiting_id(operation->waiting)), out);
    ps_buf_printf(out, "],\"approved\":%s", operation->is_judged ? "true" : "false");
    return end_item(out);
}

static enum ps_err on_operation(void *context, const struct replay_operation *operation)
{
    struct audit_account *account = context;

    PS_TRY(audit_snapshot_take_operation(account->snapshot, operation));
    if (is_within(account, operation->end->time_ns)) {
        PS_TRY(add_operation(account, operation));
        PS_TRY(add_exception(account, operation));
    }
    audit_leaves_forget(account->leaves, ps_bytes_str(waiting_id(operation->waiting)));
    return PS_OK;
}

/* --- Trees --- */

enum ps_err audit_account_take_tree(struct audit_account *account, const struct log_read_tree *tree)
{
    struct ps_buf *out = &account->lists[LOGS];

    ps_buf_printf(out, "%s{\"tree\":", out->len == 0 ? "" : ",");
    ps_buf_put_json_string(out, ps_bytes_str(tree->name));
    ps_buf_printf(out, ",\"leaves\":%llu,\"root\":\"", (unsigned long long)tree->covered);
    ps_buf_put_base64url(out, ps_bytes(tree->root->octets, sizeof tree->root->octets));
    ps_buf_put_u8(out, '"');
    return end_item(out);
}

enum ps_err audit_account_take_witnessed(struct audit_account *account, const char *tree,
                                         const char *file, const struct log_seen_result *seen)
{
    struct ps_buf *out = &account->lists[WITNESSED];

    ps_buf_printf(out, "%s{\"tree\":", out->len == 0 ? "" : ",");
    ps_buf_put_json_string(out, ps_bytes_str(tree));
    put_text("file", ps_bytes_str(file), out);
    ps_buf_printf(out, ",\"leaves\":%llu,\"cosigned_by\":%u", (unsigned long long)seen->size,
                  seen->cosigned);
    if (seen->time_s != 0) {
        ps_buf_put_str(out, ",\"time\":\"");
        ps_buf_put_time(out, seen->time_s * PS_NS_PER_S, 0);
        ps_buf_put_u8(out, '"');
    }
    return end_item(out);
}

/* --- The whole --- */

static enum ps_err begin(struct audit_account *account, struct log_report *report, size_t max)
{
    const struct replay_sink sink = {
        .report = report, .context = account, .on_operation = on_operation};

    for (size_t i = 0; i < TALLIES; i++) {
        PS_TRY(audit_tally_new(max, &account->tallies[i]));
    }
    for (size_t i = 0; i < LISTS; i++) {
        ps_buf_init(&account->lists[i], max);
    }
    PS_TRY(audit_leaves_new(&account->leaves));
    PS_TRY(audit_snapshot_new(account->period->to_ns, &account->snapshot));
    return replay_new(&sink, &account->replay);
}

enum ps_err audit_account_new(const struct audit_period *period, struct log_report *report,
                              size_t max, struct audit_account **ret_account)
{
    PS_CLEANUP(audit_account_free_cleanup)
    struct audit_account *account = calloc(1, sizeof *account);

    if (account == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    account->period = period;
    PS_TRY(begin(account, report, max));
    *ret_account = account;
    account = NULL;
    return PS_OK;
}

static enum ps_err put_tallies(const struct audit_account *account, struct ps_buf *out)
{
    static const struct {
        const char *name;
        enum tallied tallied;
    } members[] = {{"uses_by_key", BY_KEY},
                   {"uses_by_caller", BY_CALLER},
                   {"uses_by_operation", BY_OPERATION},
                   {"refusals", REFUSALS},
                   {"alarms", ALARMS},
                   {"starts", STARTS}};

    ps_buf_printf(out, ",\"uses\":%llu",
                  (unsigned long long)audit_tally_total(account->tallies[BY_KEY]));
    for (size_t i = 0; i < PS_COUNT_OF(members); i++) {
        ps_buf_printf(out, ",\"%s\":", members[i].name);
        PS_TRY(audit_tally_put(account->tallies[members[i].tallied], out));
    }
    ps_buf_put_str(out, ",\"uses_by_key_and_caller\":");
    return audit_tally_put_pairs(account->tallies[BY_BOTH], "key", "caller", out);
}

enum ps_err audit_account_put(struct audit_account *account, struct ps_buf *out)
{
    PS_TRY(audit_snapshot_finish(account->snapshot, account->replay));
    put_text("genesis", ps_bytes_str(account->genesis), out);
    ps_buf_put_str(out, ",\"from\":\"");
    ps_buf_put_time(out, account->period->from_ns, 0);
    ps_buf_put_str(out, "\",\"to\":\"");
    ps_buf_put_time(out, account->period->to_ns, 0);
    ps_buf_put_u8(out, '"');
    PS_TRY(put_tallies(account, out));
    for (size_t i = 0; i < LISTS; i++) {
        ps_buf_printf(out, ",\"%s\":[", list_names[i]);
        PS_TRY(ps_buf_status(&account->lists[i]));
        ps_buf_put(out, ps_buf_bytes(&account->lists[i]));
        ps_buf_put_u8(out, ']');
    }
    return audit_snapshot_put(account->snapshot, out);
}
