#include "keystore/start.h"

#include "keystore/anchor.h"
#include "keystore/check.h"
#include "keystore/checkpoints.h"
#include "keystore/derive.h"
#include "keystore/events.h"
#include "keystore/gate/gate.h"
#include "keystore/load.h"
#include "keystore/operations/operations.h"
#include "keystore/state.h"
#include "keystore/writer.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define PATH_MAX_OCTETS 4352u

/* About 2.5 GB of leaves; a shard is hashed from its last checkpoint when it is opened. */
#define SHARD_LEAVES (UINT64_C(8) * 1024 * 1024)

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
    const struct log_config config = {
        .directory = path, .name = name, .sharded = sharded, .shard_leaves = SHARD_LEAVES};

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
    if (keeper->writer == NULL) {
        PS_TRY(log_writer_new(keeper->loop, &log_calls, keeper, &keeper->writer));
    }
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
 * by that, and nobody is locked out by a lost file. Operations and remembered answers are gone.
 */
static enum ps_err make_anew(struct keeper *keeper)
{
    PS_CLEANUP(derive_free_cleanup) struct derive *derive = NULL;
    bool done;

    PS_TRY(derive_new(keeper->catalog, &derive));
    PS_TRY(derive_step(derive, keeper->events, UINT64_MAX, &done));
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

    if (effects.len == 0 || catalog_compare(keeper->catalog, derive_catalog(derive)) != PS_OK) {
        return PS_OK;
    }
    PS_TRY(catalog_apply_effects(keeper->catalog, effects, derive_held_event(derive)));
    ps_line(PS_WARNING, "catalog_brought_up", PS_NUM("event", derive_held_event(derive)));
    return operations_restore_result(keeper->operations, derive_held_data(derive));
}

static enum ps_err compare(struct keeper *keeper, struct derive *derive)
{
    bool stored_is_empty;
    bool derived_is_empty;

    PS_TRY(mend(keeper, derive));
    PS_TRY(is_empty(keeper->catalog, &stored_is_empty));
    PS_TRY(is_empty(derive_catalog(derive), &derived_is_empty));
    if (stored_is_empty && !derived_is_empty) {
        PS_TRY(make_anew(keeper));
    }
    PS_TRY(derive_finish(derive));
    return catalog_compare(keeper->catalog, derive_catalog(derive));
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

static void record_start(struct keeper *keeper)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct json_value hashes;
    struct writer json;
    PS_BUF_AUTO data;

    ps_buf_init(&data, 24 * 1024);
    json = writer(&data);
    writer_begin_object(&json, NULL);
    if (keeper->config->hashes.len != 0 && json_new(&parser) == PS_OK &&
        json_parse(parser, keeper->config->hashes, &JSON_LIMITS_REQUEST, &hashes) == PS_OK) {
        writer_raw(&json, "hashes", ps_bytes(NULL, 0));
        if (json_put_canonical(hashes, &data) != PS_OK) {
            ps_line(PS_WARNING, "hashes_not_recorded", PS_STR("detail", ps_detail()->text));
            return;
        }
    }
    writer_bool(&json, "practice", keeper->appliance.is_practice);
    writer_str(&json, "version", PRIVYSEAL_VERSION);
    writer_end_object(&json);
    if (ps_buf_status(&data) != PS_OK ||
        events_record(keeper,
                      &(struct event_leaf){.time_ns = ps_clock_real_ns(),
                                           .kind = "start",
                                           .data = ps_buf_bytes(&data)},
                      NULL, NULL) != PS_OK) {
        ps_line(PS_WARNING, "start_not_recorded", PS_STR("detail", ps_detail()->text));
    }
}

static enum ps_err take_intents(struct keeper *keeper, const struct derive *derive)
{
    struct ps_bytes data;
    uint64_t event = 0;

    for (size_t at = 0; (data = derive_open_intent(derive, at, &event)).len != 0; at++) {
        PS_TRY(operations_take_intent(keeper->operations, data));
    }
    return PS_OK;
}

static enum ps_err load_and_note(struct keeper *keeper, struct derive *derive)
{
    PS_TRY(load_all(keeper, derive_catalog(derive)));
    PS_TRY(checkpoints_check_stored(keeper));
    check_note_time(keeper->check, derive_last_time_ns(derive));
    note_last_use(keeper);
    if (!derive_has_genesis(derive)) {
        anchor_begin(keeper->anchor);
        return PS_OK;
    }
    record_start(keeper);
    record_missing_shards(keeper, derive_shards(derive));
    PS_TRY(take_intents(keeper, derive));
    return gate_recall(keeper->gate, derive_recall(derive));
}

static enum ps_err compare_and_load(struct keeper *keeper)
{
    PS_CLEANUP(derive_free_cleanup) struct derive *derive = NULL;
    bool done;
    enum ps_err err;

    /* Notes its version: what others write from here on is noticed, and compared once more. */
    PS_TRY(check_catalog_now(keeper->check));
    PS_TRY(catalog_sweep_answers(keeper->catalog, ps_clock_real_ns()));
    PS_TRY(derive_new(NULL, &derive));
    PS_TRY(derive_step(derive, keeper->events, UINT64_MAX, &done));
    err = compare(keeper, derive);
    if (err == PS_E_DENIED) {
        state_raise(keeper, REASON_CATALOG_DIFFERS, ps_detail()->text);
        err = load_and_note(keeper, derive);
        events_alarm(keeper, "catalog", ps_bytes(NULL, 0),
                     keeper->state.detail[REASON_CATALOG_DIFFERS]);
        return err;
    }
    PS_TRY(err);
    return load_and_note(keeper, derive);
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
    err = open_logs(keeper);
    if (err != PS_OK) {
        raise_for(keeper, REASON_LOG_FAILED, err);
        return false;
    }
    state_lower(keeper, REASON_CATALOG_GONE);
    state_lower(keeper, REASON_LOG_FAILED);
    return true;
}

void start_keeper(struct keeper *keeper)
{
    enum ps_err err;

    if (!open_files(keeper)) {
        return;
    }
    err = compare_and_load(keeper);
    if (err != PS_OK) {
        raise_for(keeper, REASON_CATALOG_GONE, err);
    }
    if (err == PS_E_STORAGE || err == PS_E_BUSY || err == PS_E_NO_MEMORY) {
        return; /* tried again by the tick, from the beginning */
    }
    keeper->started = true;
    load_approve_tokens(keeper);
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
