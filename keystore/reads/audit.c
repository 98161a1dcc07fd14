#include "keystore/reads/audit.h"

#include "keystore/answer.h"
#include "keystore/log/log.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/ceremony/audit/account.h"
#include "lib/formats/tlog/note.h"

#include <stdio.h>
#include <stdlib.h>

#define SLICE_NS PS_NS_PER_MS
#define PAUSE_NS PS_NS_PER_MS
#define LIST_MAX (IPC_DOCUMENT_MAX / 2u)
#define MONTH    7u /* "2026-11" */

/* The tree that is being read: `events`, then the shards of `use`. */
struct place {
    bool is_use;
    size_t shard; /* its position; the present one is behind the complete ones */
    uint64_t leaf;
    uint64_t size; /* leaves that are told */
    char label[TREE_NAME_MAX + 8];
};

struct audits {
    struct keeper *keeper;
    struct ps_timer *slice;
    struct reply_to to;
    struct audit_period period;
    char key[PS_NAME_MAX + 1];
    char caller[PS_NAME_MAX + 1];
    struct log_report report;      /* of operations that nobody approved; each says so itself */
    struct audit_account *account; /* NULL: none is being made */
    struct json *json;
    struct place at;
    unsigned missing; /* shards that were pruned */
};

static void on_slice(void *context);

static void pass_over(void *context, const struct log_row *row)
{
    (void)context;
    (void)row;
}

enum ps_err audits_new(struct keeper *keeper, struct audits **ret_audits)
{
    PS_CLEANUP(audits_free_cleanup) struct audits *audits = calloc(1, sizeof *audits);

    if (audits == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    audits->keeper = keeper;
    PS_TRY(json_new(&audits->json));
    PS_TRY(ps_timer_new(keeper->loop, on_slice, audits, &audits->slice));
    *ret_audits = audits;
    audits = NULL;
    return PS_OK;
}

static void end(struct audits *audits)
{
    ps_timer_unset(audits->slice);
    audit_account_free(audits->account);
    audits->account = NULL;
}

void audits_free(struct audits *audits)
{
    if (audits == NULL) {
        return;
    }
    audit_account_free(audits->account);
    ps_timer_free(audits->slice);
    json_free(audits->json);
    free(audits);
}

/* --- Which trees --- */

/* Trees are found anew in each slice: the log may begin another shard in between. */
static enum ps_err find_tree(const struct audits *audits, const struct tree **ret_tree)
{
    const struct keeper *keeper = audits->keeper;
    struct tree_info info = {.name = ""};

    if (!audits->at.is_use) {
        return log_find_tree(keeper->events, ps_bytes(NULL, 0), ret_tree);
    }
    if (audits->at.shard < log_shard_count(keeper->use)) {
        PS_TRY(log_shard_info(keeper->use, audits->at.shard, &info));
    }
    return log_find_tree(keeper->use, ps_bytes_str(info.name), ret_tree);
}

/* What a checkpoint covers. */
static enum ps_err read_signed(const struct tree *tree, uint64_t *ret_size)
{
    struct checkpoint checkpoint = {.size = 0};
    PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX + 1};

    PS_TRY(tree_read_checkpoint(tree, &note));
    if (note.len != 0) {
        PS_TRY(checkpoint_peek(ps_buf_bytes(&note), &checkpoint));
    }
    *ret_size = checkpoint.size < tree_size(tree) ? checkpoint.size : tree_size(tree);
    return PS_OK;
}

static void put_month(uint64_t time_ns, char month[MONTH + 1])
{
    char text[PS_TIME_MAX + 1];

    (void)ps_time_format(time_ns, 0, text);
    memcpy(month, text, MONTH);
    month[MONTH] = '\0';
}

/* A shard is named by the month in which it was begun; it ends when the next one is begun. */
static bool is_outside(const struct audits *audits, const struct tree_info *info)
{
    struct log *use = audits->keeper->use;
    struct tree_info next;
    char from[MONTH + 1];
    char to[MONTH + 1];

    put_month(audits->period.from_ns, from);
    put_month(audits->period.to_ns, to);
    if (strncmp(info->name, to, MONTH) > 0) {
        return true;
    }
    return audits->at.shard + 1 < log_shard_count(use) &&
           log_shard_info(use, audits->at.shard + 1, &next) == PS_OK &&
           strncmp(next.name, from, MONTH) < 0;
}

static enum ps_err tell_tree(struct audits *audits, const struct tree *tree)
{
    struct merkle_hash root;

    PS_TRY(tree_root(tree, audits->at.size, &root));
    return audit_account_take_tree(
        audits->account, &(struct log_read_tree){
                             .name = audits->at.label, .covered = audits->at.size, .root = &root});
}

/* What is signed for, of a complete shard all; nothing is read of one outside of the period. */
static enum ps_err enter(struct audits *audits)
{
    struct place *at = &audits->at;
    const struct tree *tree;
    struct tree_info info;

    PS_TRY(find_tree(audits, &tree));
    PS_TRY(tree_describe(tree, &info));
    PS_TRY(read_signed(tree, &at->size));
    if (at->is_use && at->shard < log_shard_count(audits->keeper->use)) {
        at->size = info.size;
    }
    (void)snprintf(at->label, sizeof at->label, at->is_use ? "use/%s" : "events%s", info.name);
    PS_TRY(tell_tree(audits, tree));
    at->leaf = 0;
    if (info.pruned) {
        audits->missing++;
    }
    if (info.pruned || (at->is_use && is_outside(audits, &info))) {
        at->leaf = at->size;
    }
    return PS_OK;
}

/* --- Leaves --- */

static enum ps_err take_leaf(struct audits *audits, const struct tree *tree)
{
    struct log_event event;
    struct log_use use;
    PS_BUF_AUTO leaf = {.max = LOG_ENTRY_MAX};

    PS_TRY(tree_read_entry(tree, audits->at.leaf, &leaf));
    if (audits->at.is_use) {
        PS_TRY(log_use_read(audits->json, ps_buf_bytes(&leaf), &use));
        PS_TRY(audit_account_take_use(audits->account, &use));
    } else {
        PS_TRY(log_event_read(audits->json, ps_buf_bytes(&leaf), &event));
        PS_TRY(audit_account_take_event(audits->account, audits->at.leaf, &event));
    }
    audits->at.leaf++;
    return PS_OK;
}

/* --- The document --- */

static enum ps_err put_report(struct audits *audits, struct ps_buf *out)
{
    const uint64_t newest_ns = audit_account_newest_use(audits->account);

    ps_buf_printf(out,
                  "{\"verified\":false,\"log_key\":\"appliance\",\"missing_shards\":%u,"
                  "\"uses_covered_until\":",
                  audits->missing);
    if (newest_ns == 0) {
        ps_buf_put_str(out, "null");
    } else {
        ps_buf_put_u8(out, '"');
        ps_buf_put_time(out, newest_ns, 0);
        ps_buf_put_u8(out, '"');
    }
    PS_TRY(audit_account_put(audits->account, out));
    ps_buf_put_u8(out, '}');
    return ps_buf_status(out);
}

static void fail(struct audits *audits, enum ps_err err)
{
    if (err == PS_E_LIMIT) {
        (void)!ps_fail(
            PS_E_LIMIT, 0,
            "the report is longer than an answer may be: ask for a shorter time, or make "
            "it from a copy of the log (privyseal log fetch, audit report DIR)");
    }
    answer_error(&audits->to, err);
    end(audits);
}

static void finish(struct audits *audits)
{
    PS_BUF_AUTO body = {.max = IPC_DOCUMENT_MAX};
    const enum ps_err err = put_report(audits, &body);

    if (err != PS_OK) {
        fail(audits, err);
        return;
    }
    answer_document(
        &audits->to,
        &(struct msg_document){.status = 200, .media = MEDIA_JSON, .body = ps_buf_bytes(&body)});
    end(audits);
}

/* --- In slices --- */

/* The next tree; false: that was the last one. */
static bool go_on(struct audits *audits)
{
    if (!audits->at.is_use) {
        audits->at = (struct place){.is_use = true};
        return true;
    }
    audits->at.shard++;
    return audits->at.shard <= log_shard_count(audits->keeper->use);
}

static enum ps_err read_slice(struct audits *audits, bool *ret_done)
{
    const uint64_t until_ns = ps_clock_mono_ns() + SLICE_NS;
    const struct tree *tree;

    PS_TRY(find_tree(audits, &tree));
    do {
        if (audits->at.leaf < audits->at.size) {
            PS_TRY(take_leaf(audits, tree));
            continue;
        }
        *ret_done = !go_on(audits);
        if (*ret_done) {
            return PS_OK;
        }
        PS_TRY(enter(audits));
        PS_TRY(find_tree(audits, &tree));
    } while (ps_clock_mono_ns() < until_ns);
    return PS_OK;
}

static void on_slice(void *context)
{
    struct audits *audits = context;
    bool is_done = false;
    enum ps_err err;

    if (audits->account == NULL) {
        return;
    }
    if (!answer_is_wanted(&audits->to)) {
        end(audits);
        return;
    }
    err = read_slice(audits, &is_done);
    if (err != PS_OK) {
        fail(audits, err);
    } else if (is_done) {
        finish(audits);
    } else {
        ps_timer_set_in(audits->slice, PAUSE_NS);
    }
}

static enum ps_err take_names(struct audits *audits, const struct audit_asked *asked)
{
    if (asked->key.len > PS_NAME_MAX || asked->caller.len > PS_NAME_MAX) {
        return ps_fail(PS_E_INPUT, 0, "a name is at most %u octets long", (unsigned)PS_NAME_MAX);
    }
    (void)snprintf(audits->key, sizeof audits->key, "%.*s", PS_BYTES_FMT(asked->key));
    (void)snprintf(audits->caller, sizeof audits->caller, "%.*s", PS_BYTES_FMT(asked->caller));
    audits->period =
        (struct audit_period){.from_ns = asked->from_ns,
                              .to_ns = asked->to_ns == 0 ? ps_clock_real_ns() : asked->to_ns,
                              .key = ps_bytes_str(audits->key),
                              .caller = ps_bytes_str(audits->caller)};
    return PS_OK;
}

enum ps_err audits_begin(struct audits *audits, const struct reply_to *to,
                         const struct audit_asked *asked)
{
    enum ps_err err;

    if (audits->account != NULL && answer_is_wanted(&audits->to)) {
        return ps_fail(PS_E_BUSY, 0, "another report is being made; ask again in a moment");
    }
    end(audits);
    PS_TRY(take_names(audits, asked));
    audits->to = *to;
    audits->missing = 0;
    audits->at = (struct place){.is_use = false};
    audits->report = (struct log_report){.fn = pass_over};
    PS_TRY(audit_account_new(&audits->period, &audits->report, LIST_MAX, &audits->account));
    err = enter(audits);
    if (err != PS_OK) {
        end(audits);
        return err;
    }
    ps_timer_set_in(audits->slice, 0);
    return PS_OK;
}
