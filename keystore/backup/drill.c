#include "keystore/backup/drill.h"

#include "keystore/backup/drill_past.h"
#include "keystore/backup/drill_try.h"
#include "keystore/backup/restored.h"
#include "keystore/backup/shelf.h"
#include "keystore/events/events.h"
#include "keystore/state/state.h"
#include "keystore/writer.h"
#include "lib/base/hash.h"
#include "lib/ceremony/backup/backup_read.h"
#include "lib/formats/tlog/note.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SLICE_OCTETS   (8u * 1024u)
#define SLICE_WAIT_NS  (2 * PS_NS_PER_MS)
#define AGAIN_NS       (24 * 3600 * PS_NS_PER_S) /* after one that was not good, and of alarms */
#define REQUEST_ID_MAX 64u
#define REPORT_MAX     4096u

enum stage { STAGE_IDLE, STAGE_LOOK, STAGE_READ, STAGE_TRY, STAGE_WAIT, STAGE_RECORD };
static const char *const stage_names[] = {"idle", "idle", "reading", "trying", "trying", "trying"};

struct drill {
    struct keeper *keeper;
    struct ps_timer *slice;
    struct drill_past past;
    char directory[PATH_MAX]; /* "": there are no backups */
    bool is_asked;
    char caller[PS_NAME_MAX + 1]; /* "": the appliance itself */
    char request_id[REQUEST_ID_MAX + 1];
    uint64_t again_ns; /* monotonic */
    uint64_t alarm_ns; /* the next one */

    /* Of the one that is under way. */
    enum stage stage;
    char file[SHELF_NAME_LEN + 1];
    int fd;
    uint8_t genesis[PS_SHA256_LEN];
    struct backup_trust trust;
    struct backup_reader *reader;
    struct backup_summary summary;
    struct merkle_hash root; /* of its log */
    struct drill_sample *sample;
    const struct token *token; /* that was asked; NULL: none was needed */
    bool is_other_token;       /* for every key */
    size_t next;               /* of the sample */
    struct drill_try *attempt;
    unsigned tried;
    uint64_t passed_over;
    char failure[240]; /* "": none so far */
    struct ps_buf report;
    uint64_t ended_s;
};

static void on_slice(void *context);

enum ps_err drill_new(struct keeper *keeper, struct drill **ret_drill)
{
    const struct ps_bytes directory = keeper->config->backup_directory;
    struct drill *drill = calloc(1, sizeof *drill);
    enum ps_err err;

    if (drill == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    drill->keeper = keeper;
    drill->fd = -1;
    drill_past_init(&drill->past);
    ps_buf_init(&drill->report, REPORT_MAX);
    (void)snprintf(drill->directory, sizeof drill->directory, "%.*s", PS_BYTES_FMT(directory));
    err = ps_timer_new(keeper->loop, on_slice, drill, &drill->slice);
    if (err != PS_OK) {
        drill_free(drill);
        return err;
    }
    *ret_drill = drill;
    return PS_OK;
}

static void clear_work(struct drill *drill)
{
    backup_reader_free(drill->reader);
    drill_sample_free(drill->sample);
    drill_try_free(drill->attempt);
    if (drill->fd >= 0) {
        (void)close(drill->fd);
    }
    drill->reader = NULL;
    drill->sample = NULL;
    drill->attempt = NULL;
    drill->fd = -1;
    drill->token = NULL;
    drill->is_other_token = false;
    drill->next = 0;
    drill->tried = 0;
    drill->passed_over = 0;
    drill->summary = (struct backup_summary){.leaves = 0};
    drill->stage = STAGE_IDLE;
}

void drill_free(struct drill *drill)
{
    if (drill == NULL) {
        return;
    }
    ps_timer_free(drill->slice);
    clear_work(drill);
    drill_past_clear(&drill->past);
    ps_buf_clear(&drill->report);
    free(drill);
}

/* --- How it ended --- */

static void put_report(const struct drill *drill, struct ps_buf *out)
{
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_text_if(&json, "failure", ps_bytes_str(drill->failure));
    writer_str(&json, "file", drill->file);
    writer_bool(&json, "good", drill->failure[0] == 0);
    writer_number(&json, "leaves", drill->summary.leaves);
    writer_bool(&json, "other_token", drill->is_other_token);
    writer_number(&json, "passed_over", drill->passed_over);
    writer_number(&json, "rows", drill->summary.rows);
    if (drill->token != NULL) {
        writer_text(&json, "token", tokens_name(drill->token));
    }
    writer_number(&json, "tried", drill->tried);
    writer_end_object(&json);
}

static void on_recorded(void *context, bool is_durable)
{
    struct drill *drill = context;

    if (drill->stage != STAGE_RECORD) {
        return;
    }
    if (!is_durable || drill_past_add(&drill->past, drill->ended_s, drill->failure[0] == 0,
                                      ps_buf_bytes(&drill->report)) != PS_OK) {
        ps_line(PS_WARNING, "event_not_recorded", PS_STR("kind", DRILL_KIND),
                PS_STR("detail", is_durable ? ps_detail()->text : "the log cannot be written"));
    }
    drill->is_asked = false;
    drill->caller[0] = 0;
    drill->request_id[0] = 0;
    clear_work(drill);
}

static enum ps_err record(struct drill *drill)
{
    const uint64_t now_ns = ps_clock_real_ns();
    struct event_leaf leaf = {.time_ns = now_ns,
                              .kind = DRILL_KIND,
                              .caller = ps_bytes_str(drill->caller),
                              .request_id = ps_bytes_str(drill->request_id)};

    drill->ended_s = now_ns / PS_NS_PER_S;
    ps_buf_reset(&drill->report);
    put_report(drill, &drill->report);
    PS_TRY(ps_buf_status(&drill->report));
    leaf.data = ps_buf_bytes(&drill->report);
    return events_record(drill->keeper, &leaf, on_recorded, drill);
}

/* What was not tried is not good: it would keep the alarm silent. */
static void judge(struct drill *drill)
{
    if (drill->failure[0] == 0 && drill->tried == 0 && drill->summary.rows != 0) {
        (void)snprintf(drill->failure, sizeof drill->failure,
                       "none of its keys could be tried: they are destroyed since, or were in use. "
                       "Make a new backup, or ask for a drill when less is going on");
    }
}

static void finish(struct drill *drill)
{
    judge(drill);
    if (drill->failure[0] != 0) {
        events_alarm(drill->keeper, "drill", ps_bytes_str(drill->file), drill->failure);
        drill->again_ns = ps_clock_mono_ns() + AGAIN_NS;
    }
    ps_line(PS_INFO, "drill", PS_STR("file", drill->file), PS_STR("failure", drill->failure),
            PS_NUM("tried", drill->tried), PS_NUM("rows", drill->summary.rows));
    drill->stage = STAGE_RECORD;
    if (record(drill) != PS_OK) {
        on_recorded(drill, false);
    }
}

/* --- Keys of it are opened --- */

static void go_on(struct drill *drill)
{
    ps_timer_set_in(drill->slice, SLICE_WAIT_NS);
}

/* Where a key was opened in the token of the wrapping keys, that is the one that is named. */
static void note_token(struct drill *drill)
{
    bool is_other = false;
    const struct token *token = drill_try_token(drill->attempt, &is_other);

    if (token != NULL && (drill->token == NULL || drill->is_other_token)) {
        drill->token = token;
        drill->is_other_token = is_other;
    }
}

static void note_failure(struct drill *drill, const struct drilled_key *key, const char *why)
{
    bool is_other = false;
    const struct token *token = drill_try_token(drill->attempt, &is_other);
    const struct ps_bytes name = token == NULL ? ps_bytes(NULL, 0) : tokens_name(token);

    (void)snprintf(drill->failure, sizeof drill->failure, "%s, version %u%s%.*s: %s", key->name,
                   key->version, token == NULL ? "" : ", in the token ", PS_BYTES_FMT(name), why);
}

/* What it tried is freed at the next slice, not during its own calls. */
static void on_tried(void *context, enum drill_result result, const char *why)
{
    struct drill *drill = context;
    const struct drilled_key *key = drill_sample_at(drill->sample, drill->next);

    switch (result) {
    case DRILL_GOOD:
        drill->tried++;
        break;
    case DRILL_PASSED_OVER:
        drill->passed_over++;
        break;
    case DRILL_BAD:
    case DRILL_GONE:
        note_failure(drill, key, why);
        break;
    }
    note_token(drill);
    drill->next++;
    drill->stage = STAGE_TRY;
    go_on(drill);
}

static enum ps_err try_slice(struct drill *drill)
{
    struct problem_answer refusal;

    drill_try_end(drill->attempt);
    drill->attempt = NULL;
    if (drill->failure[0] != 0 || drill->next == drill_sample_count(drill->sample)) {
        finish(drill);
        return PS_OK;
    }
    if (!state_allows_use(drill->keeper, &refusal)) {
        return ps_fail(PS_E_STATE, 0, "the appliance was locked meanwhile");
    }
    drill->stage = STAGE_WAIT;
    return drill_try_begin(drill->keeper, drill_sample_at(drill->sample, drill->next), on_tried,
                           drill, &drill->attempt);
}

/* An old one under the name of the newest would verify, and so would one of an appliance like it.
 */
static enum ps_err check_ours(const struct drill *drill)
{
    const struct backup_summary *summary = &drill->summary;
    struct log *events = drill->keeper->events;
    struct merkle_hash ours;

    if (strcmp(summary->file, drill->file) != 0) {
        return ps_fail(PS_E_DENIED, 0, "it is not the backup of this name: its log calls it %.64s",
                       summary->file);
    }
    if (summary->leaves > log_tree_size(events)) {
        return ps_fail(PS_E_DENIED, 0, "it has more entries than the log of this appliance");
    }
    PS_TRY(log_root(events, summary->leaves, &ours));
    return memcmp(&ours, &drill->root, sizeof ours) == 0
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "its entries are not those of this appliance's log");
}

static enum ps_err begin_tries(struct drill *drill)
{
    PS_TRY(backup_reader_finish(drill->reader, &drill->summary));
    PS_TRY(check_ours(drill));
    drill->passed_over = drill_sample_left_out(drill->sample);
    drill->stage = STAGE_TRY;
    return PS_OK;
}

/* --- It is read and verified --- */

static enum ps_err on_row(void *context, struct ps_bytes octets)
{
    const struct drill *drill = context;

    return drill_sample_take_row(drill->sample, octets);
}

static enum ps_err on_leaf(void *context, uint64_t index, struct ps_bytes octets)
{
    const struct drill *drill = context;

    (void)index;
    return drill_sample_take_leaf(drill->sample, octets);
}

static enum ps_err on_checkpoint(void *context, struct ps_bytes octets)
{
    struct drill *drill = context;
    struct checkpoint checkpoint;

    PS_TRY(checkpoint_peek(octets, &checkpoint));
    drill->root = checkpoint.root;
    return PS_OK;
}

static enum ps_err read_slice(struct drill *drill)
{
    PS_BUF_AUTO octets = {.max = SLICE_OCTETS};
    uint8_t *room = ps_buf_reserve(&octets, SLICE_OCTETS);
    ssize_t got;

    PS_TRY(ps_buf_status(&octets));
    got = read(drill->fd, room, SLICE_OCTETS);
    if (got < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot read it");
    }
    return got == 0 ? begin_tries(drill)
                    : backup_reader_feed(drill->reader, ps_bytes(room, (size_t)got));
}

static bool is_over(void *context, struct ps_bytes key, uint32_t version)
{
    return drill_try_is_over(context, key, version);
}

/* What is trusted is what is on paper at a restore: the hash of the genesis. */
static enum ps_err begin_read(struct drill *drill)
{
    const struct backup_calls calls = {
        .context = drill, .row = on_row, .leaf = on_leaf, .checkpoint = on_checkpoint};
    PS_BUF_AUTO genesis = {.max = LOG_ENTRY_MAX};
    char path[PATH_MAX + SHELF_NAME_LEN + 2];

    PS_TRY(log_read_entry(drill->keeper->events, 0, &genesis));
    ps_sha256(ps_buf_bytes(&genesis), drill->genesis);
    drill->trust =
        (struct backup_trust){.genesis = ps_bytes(drill->genesis, sizeof drill->genesis)};
    PS_TRY(drill_sample_new(&drill->sample));
    drill_sample_leave_out(drill->sample, is_over, drill->keeper);
    PS_TRY(backup_reader_new(&drill->trust, &calls, &drill->reader));
    (void)snprintf(path, sizeof path, "%s/%s", drill->directory, drill->file);
    drill->fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return drill->fd >= 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "cannot open it");
}

/* --- Slices --- */

/* What the log says of earlier ones. */
static void look_slice(struct drill *drill)
{
    if (drill_past_read(&drill->past, drill->keeper) != PS_OK) {
        ps_line(PS_WARNING, "drills_not_read", PS_STR("detail", ps_detail()->text));
        drill->stage = STAGE_IDLE; /* the tick begins anew */
    } else if (drill->past.is_known) {
        drill->stage = STAGE_IDLE;
    } else {
        go_on(drill);
    }
}

static enum ps_err do_slice(struct drill *drill)
{
    switch (drill->stage) {
    case STAGE_LOOK:
        look_slice(drill);
        break;
    case STAGE_READ:
        return read_slice(drill);
    case STAGE_TRY:
        return try_slice(drill);
    case STAGE_IDLE:
    case STAGE_WAIT:
    case STAGE_RECORD:
        break;
    }
    return PS_OK;
}

static void end_slice(struct drill *drill, enum ps_err err)
{
    if (err != PS_OK) {
        (void)snprintf(drill->failure, sizeof drill->failure, "%s", ps_detail()->text);
        finish(drill);
    } else if (drill->stage == STAGE_READ || drill->stage == STAGE_TRY) {
        go_on(drill);
    }
}

static void on_slice(void *context)
{
    struct drill *drill = context;

    end_slice(drill, do_slice(drill));
}

/* --- When --- */

/* The newest that is not of the future. False: there is none. */
static bool choose_file(struct drill *drill)
{
    PS_CLEANUP(shelf_clear) struct shelf shelf = {.all = NULL};
    const uint64_t now_s = real_now_s();

    drill->file[0] = 0;
    if (shelf_read(&shelf, drill->directory) != PS_OK) {
        return false;
    }
    for (size_t i = 0; i < shelf.count && shelf.all[i].created_s <= now_s; i++) {
        memcpy(drill->file, shelf.all[i].name, sizeof drill->file);
    }
    return drill->file[0] != 0;
}

static bool is_due(const struct drill *drill)
{
    const uint64_t period_s = drill->keeper->config->drill_period_s;

    return drill->is_asked || (ps_clock_mono_ns() >= drill->again_ns &&
                               drill_past_base(&drill->past) + period_s <= real_now_s());
}

static void look_late(struct drill *drill)
{
    const uint64_t base_s = drill_past_base(&drill->past);
    const uint64_t now_s = real_now_s();
    char text[200];

    if (base_s + DRILL_LATE_S > now_s || ps_clock_mono_ns() < drill->alarm_ns) {
        return;
    }
    drill->alarm_ns = ps_clock_mono_ns() + AGAIN_NS;
    (void)snprintf(text, sizeof text,
                   "for %u days and more no backup was restored by way of trial, with success",
                   DRILL_LATE_S / (24u * 3600u));
    events_alarm(drill->keeper, "drill", ps_bytes(NULL, 0), text);
}

static void begin(struct drill *drill)
{
    drill->failure[0] = 0;
    drill->stage = STAGE_READ;
    end_slice(drill, begin_read(drill));
}

void drill_tick(struct drill *drill)
{
    const struct keeper *keeper = drill->keeper;
    struct problem_answer refusal;

    if (drill->stage != STAGE_IDLE || drill->directory[0] == 0 || keeper->stopping ||
        !keeper->appliance.exists || restored_waits(keeper->restored) ||
        !state_allows_use(keeper, &refusal)) {
        return;
    }
    if (!drill->past.is_known) {
        drill->stage = STAGE_LOOK;
        go_on(drill);
        return;
    }
    drill_past_heed_clock(&drill->past, real_now_s());
    look_late(drill);
    if (is_due(drill) && choose_file(drill)) {
        begin(drill);
    }
}

enum ps_err drill_ask(struct drill *drill, struct ps_bytes caller, struct ps_bytes request_id)
{
    if (drill->directory[0] == 0) {
        return ps_fail(PS_E_STATE, 0,
                       "the configuration names no directory for backups: [backup] directory");
    }
    if (drill->stage > STAGE_LOOK) {
        return PS_OK; /* one is under way */
    }
    drill->is_asked = true;
    (void)snprintf(drill->caller, sizeof drill->caller, "%.*s", PS_BYTES_FMT(caller));
    (void)snprintf(drill->request_id, sizeof drill->request_id, "%.*s", PS_BYTES_FMT(request_id));
    drill_tick(drill);
    return PS_OK;
}

/* --- Told --- */

static const char *state_of(const struct drill *drill)
{
    return drill->is_asked && drill->stage <= STAGE_LOOK ? "due" : stage_names[drill->stage];
}

enum ps_err drill_put(const struct drill *drill, struct ps_buf *out)
{
    const struct drill_past *past = &drill->past;
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_time_s_if(&json, "good", past->good_s);
    if (past->last_s != 0) {
        writer_raw(&json, "last", ps_buf_bytes(&past->last));
        writer_time_s(&json, "last_at", past->last_s);
    }
    writer_number(&json, "period_s", drill->keeper->config->drill_period_s);
    writer_str(&json, "state", state_of(drill));
    writer_end_object(&json);
    return PS_OK;
}
