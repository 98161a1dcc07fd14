#include "keystore/backup/backup.h"

#include "keystore/backup/backup_file.h"
#include "keystore/backup/losses.h"
#include "keystore/backup/restored.h"
#include "keystore/backup/shelf.h"
#include "keystore/events/checkpoints.h"
#include "keystore/events/events.h"
#include "keystore/operations/operations.h"
#include "keystore/writer.h"
#include "lib/ceremony/backup/backup_read.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SLICE_ROWS    128u
#define SLICE_LEAVES  128u
#define SLICE_OCTETS  (128u * 1024u)
#define SLICE_WAIT_NS PS_NS_PER_MS
#define TRIES         4u /* of the rows in slices; then all of them in one */
#define AGAIN_NS      (600 * PS_NS_PER_S)
#define ROW_MAX       BACKUP_RECORD_MAX

enum stage {
    STAGE_IDLE,
    STAGE_ROWS,
    STAGE_NAMED,
    STAGE_SIGNED,
    STAGE_LEAVES,
    STAGE_CHECK,
    STAGE_KEPT /* it is good, and the leaf that says so is on its way */
};
static const char *const stage_names[] = {"idle",   "rows",     "naming",  "signing",
                                          "leaves", "checking", "checking"};

struct backups {
    struct keeper *keeper;
    char directory[PATH_MAX]; /* "": none are made */
    struct ps_timer *slice;
    bool is_asked;
    uint64_t again_ns; /* monotonic: not before, after a failure */
    char failure[240]; /* of the last one; "": it was made */
    enum stage stage;
    char name[SHELF_NAME_LEN + 1];
    struct backup_file *file;
    char after[CATALOG_NAME_MAX + 1]; /* the last row that was written */
    uint32_t in_slice;                /* rows */
    uint64_t passed_over;             /* rows */
    unsigned tries;
    uint64_t epoch; /* of the versions, when the rows were begun */
    struct ps_buf checkpoint;
    uint64_t leaves; /* written */
    uint64_t size;   /* of the checkpoint */
    struct backup_reader *reader;
    int fd; /* of the file that is verified */
};

static void on_slice(void *context);

enum ps_err backups_new(struct keeper *keeper, struct backups **ret_backups)
{
    PS_CLEANUP(backups_free_cleanup) struct backups *backups = calloc(1, sizeof *backups);
    const struct ps_bytes directory = keeper->config->backup_directory;

    if (backups == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    backups->keeper = keeper;
    backups->fd = -1;
    if (directory.len >= sizeof backups->directory) {
        return ps_fail(PS_E_INPUT, 0, "the path of the backups is too long");
    }
    if (directory.len != 0) {
        memcpy(backups->directory, directory.data, directory.len);
    }
    ps_buf_init(&backups->checkpoint, BACKUP_RECORD_MAX);
    PS_TRY(ps_timer_new(keeper->loop, on_slice, backups, &backups->slice));
    *ret_backups = backups;
    backups = NULL;
    return PS_OK;
}

/* Of one that is under way. */
static void clear_work(struct backups *backups)
{
    backup_file_free(backups->file);
    backup_reader_free(backups->reader);
    if (backups->fd >= 0) {
        (void)close(backups->fd);
    }
    ps_buf_reset(&backups->checkpoint);
    backups->file = NULL;
    backups->reader = NULL;
    backups->fd = -1;
    backups->stage = STAGE_IDLE;
    backups->leaves = 0;
    backups->size = 0;
    backups->tries = 0;
}

void backups_free(struct backups *backups)
{
    if (backups == NULL) {
        return;
    }
    ps_timer_free(backups->slice);
    clear_work(backups);
    ps_buf_clear(&backups->checkpoint);
    free(backups);
}

static void give_up(struct backups *backups)
{
    (void)snprintf(backups->failure, sizeof backups->failure, "%s", ps_detail()->text);
    events_alarm(backups->keeper, "backup", ps_bytes(NULL, 0), backups->failure);
    backups->again_ns = ps_clock_mono_ns() + AGAIN_NS;
    /* It has its name, and would count as the newest good one. */
    if (backups->stage == STAGE_CHECK && shelf_remove(backups->directory, backups->name) != PS_OK) {
        ps_line(PS_ERROR, "backup_not_removed", PS_STR("file", backups->name),
                PS_STR("detail", ps_detail()->text));
    }
    clear_work(backups);
}

static void go_on(struct backups *backups)
{
    ps_timer_set_in(backups->slice, SLICE_WAIT_NS);
}

static enum ps_err record(struct backups *backups, const char *kind, struct ps_bytes data,
                          held_fn *fn)
{
    const struct event_leaf leaf = {.time_ns = ps_clock_real_ns(), .kind = kind, .data = data};

    return events_record(backups->keeper, &leaf, fn, backups);
}

/* --- After it was verified --- */

static enum ps_err record_removed(struct backups *backups, const char *name)
{
    PS_BUF_AUTO data = {.max = 256};
    struct writer json = writer(&data);

    writer_begin_object(&json, NULL);
    writer_str(&json, "file", name);
    writer_end_object(&json);
    return record(backups, "backup-removed", ps_buf_bytes(&data), NULL);
}

/* The newest stay, and among them the one that was just verified. */
static enum ps_err remove_old(struct backups *backups)
{
    PS_CLEANUP(shelf_clear) struct shelf shelf = {.all = NULL};
    size_t surplus;

    PS_TRY(shelf_read(&shelf, backups->directory));
    surplus = shelf_count_surplus(&shelf, backups->name, backups->keeper->config->backup_keep);
    for (size_t i = 0; i < surplus; i++) {
        PS_TRY(shelf_remove(backups->directory, shelf.all[i].name));
        PS_TRY(record_removed(backups, shelf.all[i].name));
    }
    return PS_OK;
}

/* Who is told that there is none under way finds the leaf of the last one. */
static void on_kept(void *context, bool is_durable)
{
    struct backups *backups = context;

    (void)is_durable; /* whatever becomes of the log, it is good */
    if (backups->stage == STAGE_KEPT) {
        clear_work(backups);
    }
}

static enum ps_err record_kept(struct backups *backups, const struct backup_summary *summary)
{
    PS_BUF_AUTO data = {.max = 512};
    struct writer json = writer(&data);

    writer_begin_object(&json, NULL);
    writer_str(&json, "file", backups->name);
    writer_number(&json, "leaves", summary->leaves);
    writer_number(&json, "octets", summary->octets);
    writer_number_if(&json, "passed_over", backups->passed_over);
    writer_number(&json, "rows", summary->rows);
    writer_end_object(&json);
    return record(backups, "backup-kept", ps_buf_bytes(&data), on_kept);
}

/* That it was signed by the key which it names itself would prove nothing. */
static enum ps_err check_key(const struct backups *backups, const struct backup_summary *summary)
{
    const struct keeper *keeper = backups->keeper;
    struct key *key = keys_find(keeper->keys, ps_bytes_str(LOG_KEY_NAME));
    const struct key_version *version = key == NULL ? NULL : key_active(key, real_now_s());
    PS_BUF_AUTO ours = {.max = LOG_KEY_TEXT_MAX};

    if (version == NULL) {
        return ps_fail(PS_E_STATE, 0, "there is no log key");
    }
    PS_TRY(checkpoints_put_verifier(keeper->appliance.origin, "events", "", version_spki(version),
                                    &ours));
    return ps_bytes_equal_str(ps_buf_bytes(&ours), summary->log_key)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "the log key of the new backup is not ours");
}

static enum ps_err finish(struct backups *backups)
{
    struct backup_summary summary;
    enum ps_err err;

    PS_TRY(backup_reader_finish(backups->reader, &summary));
    PS_TRY(check_key(backups, &summary));
    backups->stage = STAGE_KEPT;
    err = record_kept(backups, &summary);
    if (err != PS_OK) {
        backups->stage = STAGE_CHECK; /* no leaf says that it is good: it does not stay */
        return err;
    }
    PS_TRY(remove_old(backups));
    ps_line(PS_INFO, "backup_kept", PS_STR("file", backups->name), PS_NUM("octets", summary.octets),
            PS_NUM("leaves", summary.leaves), PS_NUM("rows", summary.rows));
    backups->failure[0] = 0;
    return PS_OK;
}

/* --- Read back and verified --- */

static enum ps_err begin_check(struct backups *backups)
{
    char path[PATH_MAX + SHELF_NAME_LEN + 2];
    const struct backup_trust trust = {.is_ours = true};

    PS_TRY(backup_reader_new(&trust, &(struct backup_calls){.row = NULL}, &backups->reader));
    (void)snprintf(path, sizeof path, "%s/%s", backups->directory, backups->name);
    backups->fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (backups->fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot read the new backup");
    }
    return PS_OK;
}

static enum ps_err check_slice(struct backups *backups)
{
    PS_BUF_AUTO octets = {.max = SLICE_OCTETS};
    ssize_t got;
    uint8_t *room = ps_buf_reserve(&octets, SLICE_OCTETS);

    PS_TRY(ps_buf_status(&octets));
    got = read(backups->fd, room, SLICE_OCTETS);
    if (got < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot read the new backup");
    }
    return got == 0 ? finish(backups)
                    : backup_reader_feed(backups->reader, ps_bytes(room, (size_t)got));
}

/* --- The log --- */

static enum ps_err leaves_slice(struct backups *backups)
{
    PS_BUF_AUTO leaf = {.max = BACKUP_RECORD_MAX};

    for (unsigned i = 0; i < SLICE_LEAVES && backups->leaves < backups->size; i++) {
        ps_buf_reset(&leaf);
        PS_TRY(log_read_entry(backups->keeper->events, backups->leaves, &leaf));
        PS_TRY(backup_file_put(backups->file, BACKUP_LEAF, ps_buf_bytes(&leaf)));
        backups->leaves++;
    }
    if (backups->leaves < backups->size) {
        return PS_OK;
    }
    PS_TRY(backup_file_put(backups->file, BACKUP_CHECKPOINT, ps_buf_bytes(&backups->checkpoint)));
    PS_TRY(backup_file_finish(backups->file));
    backup_file_free(backups->file);
    backups->file = NULL;
    backups->stage = STAGE_CHECK;
    return begin_check(backups);
}

static enum ps_err take_checkpoint(struct backups *backups)
{
    struct checkpoint checkpoint;

    ps_buf_put(&backups->checkpoint, log_checkpoint(backups->keeper->events));
    PS_TRY(ps_buf_status(&backups->checkpoint));
    PS_TRY(checkpoint_peek(ps_buf_bytes(&backups->checkpoint), &checkpoint));
    backups->size = checkpoint.size;
    backups->stage = STAGE_LEAVES;
    return PS_OK;
}

static void on_signed(void *context, bool is_signed)
{
    struct backups *backups = context;
    enum ps_err err;

    if (backups->stage != STAGE_SIGNED) {
        return;
    }
    if (is_signed) {
        err = take_checkpoint(backups);
    } else {
        err = ps_fail(PS_E_TOKEN, 0, "the log's checkpoint could not be signed");
    }
    if (err != PS_OK) {
        give_up(backups);
    } else {
        go_on(backups);
    }
}

static void on_named(void *context, bool is_durable)
{
    struct backups *backups = context;

    if (backups->stage != STAGE_NAMED) {
        return;
    }
    if (!is_durable) {
        (void)!ps_fail(PS_E_STORAGE, 0, "the log could not be written");
        give_up(backups);
        return;
    }
    backups->stage = STAGE_SIGNED;
    checkpoints_request(backups->keeper->checkpoints, on_signed, backups);
}

/* What rows there are is a leaf of the log, and so under its signature. */
static enum ps_err name_rows(struct backups *backups)
{
    PS_BUF_AUTO data = {.max = 512};
    struct writer json = writer(&data);

    writer_begin_object(&json, NULL);
    writer_str(&json, "file", backups->name);
    writer_number(&json, "rows", backup_file_rows(backups->file));
    writer_hex(&json, "rows_hash", ps_bytes(backup_file_rows_hash(backups->file), PS_SHA256_LEN));
    writer_end_object(&json);
    backups->stage = STAGE_NAMED;
    return record(backups, BACKUP_LEAF_KIND, ps_buf_bytes(&data), on_named);
}

/* --- The rows --- */

/* What the appliance writes is shorter by far, and one such row is no reason to have no backups. */
static void pass_over(struct backups *backups, const struct catalog_row *row)
{
    char text[160];

    (void)snprintf(text, sizeof text, "the row has %zu octets, more than a backup can hold of one",
                   row->body.len);
    events_alarm(backups->keeper, "backup-row", row->name, text);
    backups->passed_over++;
}

static enum ps_err on_row(void *context, const struct catalog_row *row)
{
    struct backups *backups = context;
    PS_BUF_AUTO octets = {.max = ROW_MAX};
    struct writer json = writer(&octets);

    writer_begin_object(&json, NULL);
    writer_raw(&json, "body", row->body);
    writer_str(&json, "kind", catalog_kind_name(row->kind));
    writer_text(&json, "name", row->name);
    writer_end_object(&json);
    memcpy(backups->after, row->name.data, row->name.len);
    backups->after[row->name.len] = 0;
    backups->in_slice++;
    if (ps_buf_status(&octets) == PS_E_LIMIT) {
        pass_over(backups, row);
        return PS_OK;
    }
    PS_TRY(ps_buf_status(&octets));
    return backup_file_put(backups->file, BACKUP_ROW, ps_buf_bytes(&octets));
}

static enum ps_err list_rows(struct backups *backups, uint32_t limit)
{
    backups->in_slice = 0;
    return catalog_list(backups->keeper->catalog, CATALOG_WRAPPED, ps_bytes_str(backups->after),
                        limit, on_row, backups);
}

static enum ps_err begin_rows(struct backups *backups)
{
    backups->after[0] = 0;
    backups->passed_over = 0;
    backups->epoch = backups->keeper->versions_epoch;
    return backup_file_rewind(backups->file);
}

/*
 * A key's row is there before its result is in the log. While no result came since the rows were
 * begun, they are those of all keys that the log has. Where one did, they are written once more;
 * and at last all of them at once, in a turn in which no result can come.
 */
static enum ps_err rows_slice(struct backups *backups)
{
    const struct keeper *keeper = backups->keeper;

    if (backups->tries >= TRIES) {
        PS_TRY(begin_rows(backups));
        PS_TRY(list_rows(backups, UINT32_MAX));
        return name_rows(backups);
    }
    PS_TRY(list_rows(backups, SLICE_ROWS));
    if (backups->in_slice == SLICE_ROWS) {
        return PS_OK;
    }
    if (backups->epoch == keeper->versions_epoch && operations_count(keeper->operations) == 0) {
        return name_rows(backups);
    }
    backups->tries++;
    return begin_rows(backups);
}

/* --- Slices --- */

static enum ps_err do_slice(struct backups *backups)
{
    switch (backups->stage) {
    case STAGE_ROWS:
        return rows_slice(backups);
    case STAGE_LEAVES:
        return leaves_slice(backups);
    case STAGE_CHECK:
        return check_slice(backups);
    case STAGE_IDLE:
    case STAGE_NAMED:
    case STAGE_SIGNED:
    case STAGE_KEPT:
        break;
    }
    return PS_OK;
}

static void on_slice(void *context)
{
    struct backups *backups = context;

    if (do_slice(backups) != PS_OK) {
        give_up(backups);
    } else if (backups->stage == STAGE_ROWS || backups->stage == STAGE_LEAVES ||
               backups->stage == STAGE_CHECK) {
        go_on(backups);
    }
}

/* --- When --- */

static enum ps_err put_header(struct backups *backups, uint64_t now_s)
{
    PS_BUF_AUTO octets = {.max = 1024};
    struct writer json = writer(&octets);

    writer_begin_object(&json, NULL);
    writer_time_s(&json, "created", now_s);
    writer_str(&json, "origin", backups->keeper->appliance.origin);
    writer_str(&json, "version", PRIVYSEAL_VERSION);
    writer_end_object(&json);
    PS_TRY(ps_buf_status(&octets));
    return backup_file_put(backups->file, BACKUP_HEADER, ps_buf_bytes(&octets));
}

/* A name tells the second: two backups of one second would be one file. */
static bool is_there(const struct backups *backups, uint64_t now_s)
{
    char name[SHELF_NAME_LEN + 1];
    char path[PATH_MAX + SHELF_NAME_LEN + 2];

    shelf_put_name(now_s, name);
    (void)snprintf(path, sizeof path, "%s/%s", backups->directory, name);
    return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Sets *ret_begun to false when it has to wait for the next second. */
static enum ps_err begin(struct backups *backups, bool *ret_begun)
{
    const uint64_t now_s = real_now_s();

    *ret_begun = !is_there(backups, now_s);
    if (!*ret_begun) {
        return PS_OK;
    }
    backups->is_asked = false;
    shelf_put_name(now_s, backups->name);
    if (shelf_sweep(backups->directory) != PS_OK) {
        ps_line(PS_WARNING, "backup_parts_not_removed", PS_STR("detail", ps_detail()->text));
    }
    PS_TRY(backup_file_new(backups->directory, backups->name, &backups->file));
    PS_TRY(put_header(backups, now_s));
    PS_TRY(begin_rows(backups));
    backups->stage = STAGE_ROWS;
    return PS_OK;
}

/*
 * By the newest one that there is, so that a keeper that dies often makes no more of them. One of
 * the future, by a clock that was wrong, holds nothing up.
 */
static enum ps_err is_due(const struct backups *backups, bool *ret_due)
{
    PS_CLEANUP(shelf_clear) struct shelf shelf = {.all = NULL};
    const uint64_t period_s = backups->keeper->config->backup_period_s;
    const uint64_t now_s = real_now_s();

    PS_TRY(shelf_read(&shelf, backups->directory));
    *ret_due = true;
    for (size_t i = 0; i < shelf.count; i++) {
        const uint64_t created_s = shelf.all[i].created_s;

        if (created_s <= now_s && created_s + period_s > now_s) {
            *ret_due = false;
        }
    }
    return PS_OK;
}

void backups_tick(struct backups *backups)
{
    const struct keeper *keeper = backups->keeper;
    const struct token *token = keeper_main_token(keeper);
    bool is_wanted = backups->is_asked;
    enum ps_err err = PS_OK;

    if (backups->stage != STAGE_IDLE || backups->directory[0] == 0 || keeper->stopping ||
        !keeper->appliance.exists || restored_waits(keeper->restored) || token == NULL ||
        !tokens_is_ready(token) || (!is_wanted && ps_clock_mono_ns() < backups->again_ns)) {
        return;
    }
    if (!is_wanted) {
        err = is_due(backups, &is_wanted);
    }
    if (err == PS_OK && is_wanted) {
        err = begin(backups, &is_wanted);
    }
    if (err != PS_OK) {
        give_up(backups);
    } else if (is_wanted) {
        go_on(backups);
    }
}

enum ps_err backups_ask(struct backups *backups)
{
    if (backups->directory[0] == 0) {
        return ps_fail(PS_E_STATE, 0,
                       "the configuration names no directory for backups: [backup] directory");
    }
    backups->is_asked = true;
    backups_tick(backups);
    return PS_OK;
}

static void put_items(const struct shelf *shelf, struct writer *json)
{
    writer_begin_array(json, "items");
    for (size_t i = 0; i < shelf->count; i++) {
        writer_begin_object(json, NULL);
        writer_str(json, "file", shelf->all[i].name);
        writer_time_s(json, "created", shelf->all[i].created_s);
        writer_number(json, "octets", shelf->all[i].octets);
        writer_end_object(json);
    }
    writer_end_array(json);
}

enum ps_err backups_put(const struct backups *backups, struct ps_buf *out)
{
    PS_CLEANUP(shelf_clear) struct shelf shelf = {.all = NULL};
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_text_if(&json, "directory", ps_bytes_str(backups->directory));
    writer_number(&json, "period_s", backups->keeper->config->backup_period_s);
    writer_number(&json, "keep", backups->keeper->config->backup_keep);
    writer_str(&json, "state",
               backups->is_asked && backups->stage == STAGE_IDLE ? "due"
                                                                 : stage_names[backups->stage]);
    writer_number_if(&json, "leaves", backups->leaves);
    writer_number_if(&json, "leaves_in_all", backups->size);
    writer_text_if(&json, "failure", ps_bytes_str(backups->failure));
    if (backups->directory[0] != 0) {
        PS_TRY(shelf_read(&shelf, backups->directory));
    }
    put_items(&shelf, &json);
    if (backups->keeper->appliance.exists) {
        PS_TRY(losses_put_in_one_token(backups->keeper, "left_out", &json));
    }
    writer_end_object(&json);
    return PS_OK;
}
