#include "keystore/start.h"

#include "keystore/backup/restored.h"
#include "keystore/custody/custody.h"
#include "keystore/custody/records.h"
#include "keystore/custody/refused_pins.h"
#include "keystore/events/anchor.h"
#include "keystore/events/checkpoints.h"
#include "keystore/events/derive.h"
#include "keystore/events/events.h"
#include "keystore/events/pruning.h"
#include "keystore/events/unsigned_end.h"
#include "keystore/gate/gate.h"
#include "keystore/keys/encryptions.h"
#include "keystore/load.h"
#include "keystore/log/edge.h"
#include "keystore/log/prune.h"
#include "keystore/operations/operations.h"
#include "keystore/snapshot/layered.h"
#include "keystore/snapshot/snapshot.h"
#include "keystore/state/check.h"
#include "keystore/state/lock.h"
#include "keystore/state/state.h"
#include "keystore/writer.h"
#include "lib/base/allocator.h"
#include "lib/base/turns.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define PATH_MAX_OCTETS 4352u
#define SNAPSHOT_ROWS   4096u

static void on_durable(void *context, struct log *log)
{
    struct keeper *keeper = context;

    held_release(log == keeper->events ? keeper->events_held : keeper->use_held, log_durable(log));
}

static void on_failed(void *context, struct log *log)
{
    struct keeper *keeper = context;
    const struct ps_detail failure = log_failure(log);

    state_raise(keeper, REASON_LOG_FAILED, failure.text);
    held_release(log == keeper->events ? keeper->events_held : keeper->use_held, log_durable(log));
    held_fail(log == keeper->events ? keeper->events_held : keeper->use_held);
}

static void on_shard(void *context, struct log *log, const struct tree_info *closed)
{
    struct keeper *keeper = context;

    checkpoints_note_shard(keeper->checkpoints, log, closed);
}

static const struct log_handler log_calls = {
    .on_durable = on_durable,
    .on_failed = on_failed,
    .on_shard = on_shard,
};

enum ps_err start_log_thread(struct keeper *keeper)
{
    const enum ps_err err = log_writer_new(keeper->loop, &log_calls, keeper, &keeper->writer);

    ps_turns_settle(PS_TURNS_SHORT);
    return err;
}

static enum ps_err put_path(const struct keeper *keeper, const char *name, char *out)
{
    const struct ps_bytes base = keeper->config->data_directory;
    const int len = snprintf(out, PATH_MAX_OCTETS, "%.*s%s", PS_BYTES_FMT(base), name);

    if (len < 0 || (size_t)len >= PATH_MAX_OCTETS) {
        return ps_fail(PS_E_INPUT, 0, "the data directory's path is too long");
    }
    return PS_OK;
}

static enum ps_err make_directory(const char *path)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return ps_fail_errno(PS_E_STORAGE, "cannot make %s", path);
    }
    return PS_OK;
}

static enum ps_err open_log(struct keeper *keeper, const char *name, bool sharded,
                            struct log **ret_log)
{
    char path[PATH_MAX_OCTETS];
    char part[32];
    const struct log_config config = {.directory = path,
                                      .name = name,
                                      .sharded = sharded,
                                      .shard_leaves = keeper->config->shard_leaves,
                                      .vouched = sharded ? 0 : snapshots_claim(keeper->snapshots)};

    if (*ret_log != NULL) {
        return PS_OK;
    }
    (void)snprintf(part, sizeof part, "/log/%s", name);
    PS_TRY(put_path(keeper, part, path));
    return log_open(keeper->writer, &config, ret_log);
}

static enum ps_err open_logs(struct keeper *keeper)
{
    char path[PATH_MAX_OCTETS];

    PS_TRY(put_path(keeper, "/log", path));
    PS_TRY(make_directory(path));
    PS_TRY(open_log(keeper, "events", false, &keeper->events));
    return open_log(keeper, "use", true, &keeper->use);
}

static enum ps_err open_catalog(struct keeper *keeper)
{
    char path[PATH_MAX_OCTETS];

    if (keeper->catalog != NULL) {
        return PS_OK;
    }
    PS_TRY(put_path(keeper, "/catalog.sqlite", path));
    return catalog_open_sqlite(path, &keeper->catalog);
}

static enum ps_err find_any(void *context, const struct catalog_row *row)
{
    (void)row;
    *(bool *)context = true;
    return PS_OK;
}

static enum ps_err is_empty(struct catalog *catalog, bool *ret_empty)
{
    bool found = false;

    for (unsigned kind = 0; kind < CATALOG_AUTHORISING_COUNT; kind++) {
        PS_TRY(
            catalog_list(catalog, (enum catalog_kind)kind, ps_bytes(NULL, 0), 1, find_any, &found));
    }
    *ret_empty = !found;
    return PS_OK;
}

/*
 * A catalog that was lost is made anew from the log, of which it is a cache: nobody gains a right
 * by that, and nobody is locked out by a lost file. Operations and remembered answers are gone with
 * a lost file, and so are wrapped keys, which is told (records_alarm_if_lost).
 */
static enum ps_err make_anew(struct keeper *keeper)
{
    PS_CLEANUP(derive_free_cleanup) struct derive *derive = NULL;
    bool done;

    PS_TRY(derive_new(keeper->catalog, &derive));
    PS_TRY(derive_step(derive, keeper->events, UINT64_MAX, &done));
    PS_TRY(log_check_edge(keeper->events, derive_edge(derive)));
    PS_TRY(derive_finish(derive));
    ps_line(PS_WARNING, "catalog_made_anew", PS_NUM("leaves", log_tree_size(keeper->events)));
    return PS_OK;
}

/*
 * The newest result may be in the log and not in the catalog, when a crash came between the two;
 * nothing else may be missing. PS_OK: the catalog has it now.
 */
static enum ps_err mend(struct keeper *keeper, struct derive *derive)
{
    const struct ps_bytes effects = derive_held_effects(derive);

    if (effects.len == 0 ||
        catalog_compare_effects(keeper->catalog, derive_catalog(derive), effects) != PS_OK) {
        return PS_OK;
    }
    PS_TRY(catalog_apply_effects(keeper->catalog, effects, derive_held_event(derive)));
    ps_line(PS_WARNING, "catalog_brought_up", PS_NUM("event", derive_held_event(derive)));
    return operations_restore_result(keeper->operations, derive_held_data(derive));
}

/* A row that is newer than the snapshot; the others are held against it later, or when they are
 * read. */
static enum ps_err compare_change(void *context, const struct catalog_row *row)
{
    struct keeper *keeper = context;
    PS_BUF_AUTO memory = {.max = CATALOG_NAME_MAX + CATALOG_BODY_MAX};
    struct catalog_row stored = {.revision = 0};
    const enum ps_err err = catalog_get(keeper->catalog, row->kind, row->name, &memory, &stored);

    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    if (!ps_bytes_equal(stored.body, row->body) || stored.revision != row->revision ||
        (row->body.len != 0 && stored.event != row->event)) {
        return ps_fail(PS_E_DENIED, 0, "%s %.*s is not what the log says",
                       catalog_kind_name(row->kind), PS_BYTES_FMT(row->name));
    }
    return PS_OK;
}

static enum ps_err compare_rows(struct keeper *keeper, struct catalog *derived)
{
    if (layered_table(derived) == NULL) {
        return catalog_compare(keeper->catalog, derived);
    }
    for (unsigned at = 0; at < CATALOG_AUTHORISING_COUNT; at++) {
        const enum catalog_kind kind = (enum catalog_kind)at;

        PS_TRY(catalog_kind_is_of_keys(kind)
                   ? layered_each_change(derived, kind, compare_change, keeper)
                   : catalog_compare_kind(keeper->catalog, derived, kind));
    }
    return PS_OK;
}

static enum ps_err compare(struct keeper *keeper, struct derive *derive)
{
    bool stored_is_empty;
    bool derived_is_empty;

    PS_TRY(is_empty(keeper->catalog, &stored_is_empty));
    PS_TRY(is_empty(derive_catalog(derive), &derived_is_empty));
    PS_TRY(stored_is_empty && !derived_is_empty ? make_anew(keeper) : mend(keeper, derive));
    PS_TRY(derive_finish(derive));
    return compare_rows(keeper, derive_catalog(derive));
}

/* Of the newest use: a clock that is behind it is not trusted. */
static void note_last_use(struct keeper *keeper)
{
    const uint64_t size = log_tree_size(keeper->use);
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct json_value root;
    struct json_value time;
    struct ps_bytes text;
    uint64_t real_ns;
    PS_BUF_AUTO leaf;

    ps_buf_init(&leaf, LOG_ENTRY_MAX);
    if (size == 0 || log_read_entry(keeper->use, size - 1, &leaf) != PS_OK ||
        json_new(&parser) != PS_OK ||
        json_parse(parser, ps_buf_bytes(&leaf), &JSON_LIMITS_REQUEST, &root) != PS_OK ||
        json_type(root) != JSON_OBJECT || !json_member(root, "time", &time) ||
        json_string(time, &text) != PS_OK || ps_time_parse(text, &real_ns) != PS_OK) {
        return;
    }
    check_note_time(keeper->check, real_ns);
}

/* Shards that were completed just before a crash get their leaf now. */
static void record_missing_shards(struct keeper *keeper, uint64_t recorded)
{
    for (size_t at = recorded; at < log_shard_count(keeper->use); at++) {
        struct tree_info closed;

        if (log_shard_info(keeper->use, at, &closed) == PS_OK) {
            checkpoints_note_shard(keeper->checkpoints, keeper->use, &closed);
        }
    }
}

/* A crash between the two leaves a shard that is complete and not signed for as a whole. */
static enum ps_err complete_shards(struct keeper *keeper)
{
    struct tree_info closed;
    uint64_t covered;

    for (size_t at = 0; log_shard_info(keeper->use, at, &closed) == PS_OK; at++) {
        PS_TRY(log_shard_covered(keeper->use, ps_bytes_str(closed.name), &covered));
        if (covered < closed.size) {
            checkpoints_complete_shard(keeper->checkpoints, &closed);
        }
    }
    return PS_OK;
}

static enum ps_err take_intents(struct keeper *keeper, const struct derive *derive)
{
    struct ps_bytes data;
    uint64_t event = 0;

    for (size_t at = 0; (data = derive_open_intent(derive, at, &event)).len != 0; at++) {
        PS_TRY(
            operations_take_intent(keeper->operations, data, derive_intent_has_ended(derive, at)));
    }
    return PS_OK;
}

static enum ps_err load_and_note(struct keeper *keeper, struct derive *derive)
{
    PS_TRY(load_all(keeper, derive_catalog(derive)));
    PS_TRY(restored_load(keeper->restored, derive));
    PS_TRY(pruning_check(keeper));
    PS_TRY(checkpoints_check_stored(keeper));
    encryptions_book_apply(derive_encryptions(derive), keeper->keys);
    check_note_time(keeper->check, derive_last_time_ns(derive));
    check_note_doubt(keeper->check, derive_clock_doubted_ns(derive));
    note_last_use(keeper);
    if (!derive_has_genesis(derive)) {
        anchor_begin(keeper->anchor);
        return PS_OK;
    }
    PS_TRY(records_alarm_if_lost(keeper));
    PS_TRY(take_intents(keeper, derive));
    PS_TRY(gate_recall(keeper->gate, derive_recall(derive)));
    PS_TRY(complete_shards(keeper));
    /* Once, however often it is tried. */
    if (events_record_start(keeper, NULL, NULL) != PS_OK) {
        ps_line(PS_WARNING, "start_not_recorded", PS_STR("detail", ps_detail()->text));
    }
    record_missing_shards(keeper, derive_shards(derive));
    return PS_OK;
}

/* What was just read need not be read again. Without one the start is as good, and the next as
 * slow. */
static void make_snapshot(struct keeper *keeper, struct derive *derive)
{
    struct snapshots *snapshots = keeper->snapshots;
    bool done = false;
    enum ps_err err;

    if (!snapshots_is_due(snapshots)) {
        return;
    }
    err = snapshots_begin(snapshots, derive);
    while (err == PS_OK && !done) {
        err = snapshots_step(snapshots, SNAPSHOT_ROWS, &done);
    }
    if (err != PS_OK) {
        ps_line(PS_WARNING, "snapshot_not_made", PS_STR("detail", ps_detail()->text));
    }
}

/* From the snapshot on, if there is one. */
static enum ps_err read_and_load(struct keeper *keeper)
{
    PS_CLEANUP(derive_free_cleanup) struct derive *derive = NULL;
    struct unsigned_end end;
    enum ps_err err;

    PS_TRY(snapshots_derive(keeper->snapshots, &derive));
    PS_TRY(unsigned_end_begin_log(derive, keeper->events));
    PS_TRY(unsigned_end_begin(keeper, derive, &end));
    PS_TRY(unsigned_end_judge(&end));
    err = compare(keeper, derive);
    if (err == PS_E_DENIED && !snapshots_is_damaged(keeper->snapshots)) {
        state_raise(keeper, REASON_CATALOG_DIFFERS, ps_detail()->text);
        err = load_and_note(keeper, derive);
        events_alarm(keeper, "catalog", ps_bytes(NULL, 0),
                     keeper->state.detail[REASON_CATALOG_DIFFERS]);
        return err;
    }
    PS_TRY(err);
    PS_TRY(load_and_note(keeper, derive));
    make_snapshot(keeper, derive);
    return PS_OK;
}

static enum ps_err compare_and_load(struct keeper *keeper)
{
    enum ps_err err;

    /* Notes its version: what others write from here on is noticed, and compared once more. */
    PS_TRY(check_catalog_now(keeper->check));
    PS_TRY(catalog_sweep_answers(keeper->catalog, ps_clock_real_ns()));
    PS_TRY(snapshots_take(keeper->snapshots));
    err = read_and_load(keeper);
    if (err != PS_OK && snapshots_is_damaged(keeper->snapshots)) {
        PS_TRY(snapshots_drop(keeper->snapshots));
        err = read_and_load(keeper);
    }
    return err;
}

/* All rows were in memory twice. */
static enum ps_err compare_load_and_trim(struct keeper *keeper)
{
    const enum ps_err err = compare_and_load(keeper);

    allocator_give_back();
    return err;
}

/* What a file that cannot be read or written means depends on which it is. */
static void raise_for(struct keeper *keeper, enum reason gone, enum ps_err err)
{
    if (err == PS_E_STORAGE || err == PS_E_BUSY || err == PS_E_NO_MEMORY) {
        state_raise(keeper, gone, ps_detail()->text);
    } else {
        state_raise(keeper, REASON_LOG_DAMAGED, ps_detail()->text);
    }
}

/* False: it is to be tried again. */
static bool open_files(struct keeper *keeper)
{
    enum ps_err err = open_catalog(keeper);

    if (err != PS_OK) {
        raise_for(keeper, REASON_CATALOG_GONE, err);
        return false;
    }
    err = keeper->events == NULL ? restored_take_files(keeper) : PS_OK;
    if (err == PS_OK) {
        err = open_logs(keeper);
    }
    if (err != PS_OK) {
        raise_for(keeper, REASON_LOG_FAILED, err);
        return false;
    }
    state_lower(keeper, REASON_CATALOG_GONE);
    state_lower(keeper, REASON_LOG_FAILED);
    return true;
}

/*
 * Of the PINs that there are by now: while a start was put off, others may have come, or the same
 * once more.
 */
static void judge_pins(struct keeper *keeper)
{
    struct token *token;

    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        custody_judge_pin(keeper->custody, token);
        custody_judge_so_pin(keeper->custody, token);
        keeper_check_pins(keeper, token);
    }
    custody_check_holders(keeper->custody);
}

void start_keeper(struct keeper *keeper)
{
    enum ps_err err;

    if (!open_files(keeper)) {
        return;
    }
    err = compare_load_and_trim(keeper);
    if (err != PS_OK) {
        raise_for(keeper, REASON_CATALOG_GONE, err);
    }
    if (err == PS_E_STORAGE || err == PS_E_BUSY || err == PS_E_NO_MEMORY) {
        return; /* tried again by the tick, from the beginning */
    }
    keeper->started = true;
    lock_look(keeper);
    if (!keeper->state.is_set[REASON_LOG_DAMAGED]) {
        judge_pins(keeper);
        load_approve_tokens(keeper);
    }
    operations_settle(keeper->operations);
    anchor_look(keeper->anchor);
    state_look(keeper);
}

void start_tick(struct keeper *keeper)
{
    if (keeper->was_told_to_start && !keeper->started &&
        !keeper->state.is_set[REASON_LOG_DAMAGED]) {
        start_keeper(keeper);
    }
}
