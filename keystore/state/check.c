#include "keystore/state/check.h"

#include "keystore/certificates/certificate_watch.h"
#include "keystore/events/derive.h"
#include "keystore/events/events.h"
#include "keystore/gate/gate.h"
#include "keystore/log/edge.h"
#include "keystore/log/walk.h"
#include "keystore/operations/operations.h"
#include "keystore/pace.h"
#include "keystore/signing/signer.h"
#include "keystore/snapshot/snapshot.h"
#include "keystore/state/clock_watch.h"
#include "keystore/state/disk_watch.h"
#include "keystore/state/state.h"
#include "keystore/writer.h"
#include "lib/base/allocator.h"
#include "lib/ceremony/people/lockout.h"

#include <stdlib.h>

#define PERIOD_NS    (3600 * PS_NS_PER_S)
#define PEOPLE_NS    (24 * PERIOD_NS)
#define SLICE_LEAVES 64u
#define SLICE_ROWS   32u
#define SLICE_OCTETS (UINT64_C(512) * 1024)

/* So often the rows are begun anew because somebody wrote to them, before the rest has its turn. */
#define PASSES_MAX 3u

/* How long after a snapshot could not be replaced it is tried again. */
#define MEND_NS (60 * PS_NS_PER_S)

/* What is done after one another, some at a time. */
enum check_phase { CHECK_NOTHING, CHECK_LEAVES, CHECK_ROWS, CHECK_SNAPSHOT, CHECK_LOG };

struct check {
    struct keeper *keeper;
    struct ps_timer *slice;
    /* A comparison that is under way, and what is done after it. */
    enum check_phase phase;
    struct derive *derive;
    struct log_walk *walk;
    enum catalog_kind kind; /* that is being compared, behind the row `after` */
    struct ps_buf after;
    uint64_t rows; /* compared */
    bool begins_anew;
    unsigned passes;   /* so often it was begun anew */
    uint64_t compared; /* comparisons that found all equal */
    uint64_t walked;   /* times that all entries were read */
    struct pace pace;
    uint64_t compared_ns; /* monotonic: when the last one ended */
    bool is_mending;      /* it is of all leaves, since the snapshot is damaged */
    uint64_t mended_ns;   /* monotonic: when that was begun last; 0: it was not */
    uint64_t data_version;
    bool has_version;
    bool is_first;    /* none was begun since the start */
    bool is_due;      /* a snapshot is, behind the comparison */
    bool is_doubtful; /* somebody wrote to it, and the comparison has not ended */
    bool was_told;    /* that somebody goes on writing */
    struct certificate_watch certificates;
    struct clock_watch clock;
    uint64_t doubted_s;
    struct disk_watch disk;
    uint64_t people_ns;                 /* monotonic: when people were last counted; 0: not yet */
    uint8_t people_hash[PS_SHA256_LEN]; /* of the roster then */
};

static void on_slice(void *context);

enum ps_err check_new(struct keeper *keeper, struct check **ret_check)
{
    PS_CLEANUP(check_free_cleanup) struct check *check = calloc(1, sizeof *check);

    if (check == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    check->keeper = keeper;
    clock_watch_init(&check->clock, keeper->config->clock_step_s, clock_times_now());
    check->compared_ns = ps_clock_mono_ns();
    check->is_first = true;
    ps_buf_init(&check->after, CATALOG_NAME_MAX);
    PS_TRY(ps_timer_new(keeper->loop, on_slice, check, &check->slice));
    *ret_check = check;
    check = NULL;
    return PS_OK;
}

void check_free(struct check *check)
{
    if (check == NULL) {
        return;
    }
    ps_timer_free(check->slice);
    derive_free(check->derive);
    log_walk_free(check->walk);
    ps_buf_clear(&check->after);
    free(check);
}

/* --- The catalog against the log --- */

static void on_difference(struct keeper *keeper, enum ps_err err)
{
    const enum reason reason = err == PS_E_DENIED ? REASON_CATALOG_DIFFERS : REASON_LOG_DAMAGED;

    if (err == PS_E_STORAGE || err == PS_E_BUSY || err == PS_E_NO_MEMORY) {
        /* It could not be read: that says nothing about what is in it. */
        state_raise(keeper, REASON_CATALOG_GONE, ps_detail()->text);
        return;
    }
    state_raise(keeper, reason, ps_detail()->text);
    events_alarm(keeper, "catalog", ps_bytes(NULL, 0), ps_detail()->text);
}

static void end_comparison(struct check *check)
{
    snapshots_give_up(check->keeper->snapshots);
    derive_free(check->derive);
    check->derive = NULL;
    check->is_mending = false;
    check->phase = CHECK_NOTHING;
    check->compared_ns = ps_clock_mono_ns();
    allocator_give_back(); /* many rows were in memory */
}

static void end_walk(struct check *check)
{
    log_walk_free(check->walk);
    check->walk = NULL;
}

static void end_all(struct check *check)
{
    end_comparison(check);
    end_walk(check);
}

static void begin_rows(struct check *check)
{
    check->phase = CHECK_ROWS;
    check->begins_anew = false;
    check->kind = 0;
    check->rows = 0;
    ps_buf_reset(&check->after);
}

/* The rows are what the log says. What has changed since is in the log and was held against it. */
static void note_equal(struct check *check)
{
    check->is_doubtful = false;
    check->was_told = false;
    check->compared++;
    state_lower(check->keeper, REASON_CATALOG_DIFFERS);
    ps_line(PS_INFO, "catalog_checked", PS_NUM("leaves", derive_next(check->derive)),
            PS_NUM("rows", check->rows));
}

/*
 * Rows that were compared may have been changed since, again and again: changes wait, and the rest
 * goes on meanwhile.
 */
static void tell_restless(struct check *check)
{
    if (!check->was_told) {
        check->was_told = true;
        events_alarm(check->keeper, "catalog", ps_bytes(NULL, 0),
                     "somebody goes on writing to the catalog, which cannot be compared meanwhile");
    }
}

/* A leaf that is not what it was says something about the log, and nothing about the catalog. */
static enum ps_err derive_some(struct check *check, bool *ret_done)
{
    const enum ps_err err =
        derive_step(check->derive, check->keeper->events, SLICE_LEAVES, ret_done);
    const struct ps_detail why = *ps_detail();

    if (err == PS_E_STORAGE && derive_was_unreadable(check->derive)) {
        return ps_fail(PS_E_INPUT, 0, "%s", why.text);
    }
    return err;
}

/* Each begins where the one before it ends. */
static enum ps_err read_leaves(struct check *check)
{
    bool done;

    PS_TRY(derive_some(check, &done));
    if (done) {
        PS_TRY(log_check_edge(check->keeper->events, derive_edge(check->derive)));
        check->passes = 0;
        begin_rows(check);
    }
    return PS_OK;
}

/* All that the log has by now, which may be more than before. False: the rows follow in a moment.
 */
static enum ps_err catch_up(struct check *check, bool *ret_even)
{
    bool done;

    *ret_even = false;
    PS_TRY(derive_some(check, &done));
    /* Between a result leaf and its rows the two differ rightly, for some milliseconds. */
    if (!done || operations_is_committing(check->keeper->operations)) {
        return PS_OK;
    }
    PS_TRY(derive_finish(check->derive));
    *ret_even = true;
    return PS_OK;
}

/*
 * Begun with the end of what comes before it: between the two somebody might write again, and who
 * goes on writing would have no walk ever begin.
 */
static enum ps_err begin_walk(struct check *check)
{
    const enum ps_err err =
        check->walk == NULL ? log_walk_new(check->keeper->events, &check->walk) : PS_OK;

    check->phase = err == PS_OK ? CHECK_LOG : CHECK_NOTHING;
    return err == PS_E_NOT_FOUND ? PS_OK : err;
}

/* What came while the rows were read was derived from leaves as well. */
static enum ps_err end_rows(struct check *check)
{
    enum ps_err err = PS_E_NOT_FOUND;

    PS_TRY(log_check_edge(check->keeper->events, derive_edge(check->derive)));
    if (check->begins_anew) {
        tell_restless(check);
    } else {
        note_equal(check);
    }
    if (check->is_due || snapshots_is_due(check->keeper->snapshots)) {
        check->is_due = false;
        err = snapshots_begin(check->keeper->snapshots, check->derive);
    }
    if (err == PS_OK) {
        check->phase = CHECK_SNAPSHOT;
        return PS_OK;
    }
    if (err != PS_E_NOT_FOUND) {
        ps_line(PS_INFO, "snapshot_not_made", PS_STR("detail", ps_detail()->text));
    }
    return begin_walk(check);
}

static enum ps_err compare_some(struct check *check)
{
    bool is_even;

    PS_TRY(catch_up(check, &is_even));
    if (!is_even) {
        return PS_OK;
    }
    if (check->begins_anew && check->passes < PASSES_MAX) {
        check->passes++;
        begin_rows(check);
    }
    PS_TRY(catalog_compare_some(check->keeper->catalog, derive_catalog(check->derive), check->kind,
                                SLICE_ROWS, &check->after));
    check->rows += check->after.len == 0 ? 0 : SLICE_ROWS;
    check->kind += check->after.len == 0 ? 1 : 0;
    if (check->kind == CATALOG_AUTHORISING_COUNT) {
        return end_rows(check);
    }
    return PS_OK;
}

/* Not being able to make one is no fault of the catalog. */
static enum ps_err make_some(struct check *check)
{
    bool done = false;
    const enum ps_err err = snapshots_step(check->keeper->snapshots, SLICE_ROWS, &done);

    if (err != PS_OK) {
        ps_line(PS_WARNING, "snapshot_not_made", PS_STR("detail", ps_detail()->text));
    }
    return done || err != PS_OK ? begin_walk(check) : PS_OK;
}

/* What a start passes over and what somebody changed since. */
static enum ps_err walk_on(struct check *check)
{
    bool done;

    PS_TRY(log_walk_step(check->walk, SLICE_OCTETS, &done));
    if (done) {
        ps_line(PS_INFO, "events_checked", PS_NUM("leaves", log_walk_all(check->walk)));
        check->walked++;
        end_walk(check);
        if (check->phase == CHECK_LOG) {
            check->phase = CHECK_NOTHING;
        }
    }
    return PS_OK;
}

/* A walk that was under way when somebody wrote to the catalog goes on beside the comparison. */
static enum ps_err do_slice(struct check *check)
{
    if (check->walk != NULL && check->phase != CHECK_LOG) {
        PS_TRY(walk_on(check));
    }
    switch (check->phase) {
    case CHECK_LEAVES:
        return read_leaves(check);
    case CHECK_ROWS:
        return compare_some(check);
    case CHECK_SNAPSHOT:
        return make_some(check);
    case CHECK_LOG:
        return walk_on(check);
    case CHECK_NOTHING:
        break;
    }
    return PS_OK;
}

/* Where changes wait for it, or all use does, it goes on as fast as when nobody asks. */
static uint64_t rest_behind(struct check *check, uint64_t took_ns)
{
    const uint64_t rest_ns =
        pace_rest_ns(&check->pace, signer_begun(check->keeper->signer), took_ns);

    return check->is_doubtful || check->is_mending ? PACE_REST_MIN_NS : rest_ns;
}

static void on_slice(void *context)
{
    struct check *check = context;
    const uint64_t began = ps_clock_mono_ns();
    const enum ps_err err = do_slice(check);

    if (err != PS_OK) {
        on_difference(check->keeper, err);
        check->is_due = false;
    }
    if (err != PS_OK || check->phase == CHECK_NOTHING) {
        end_all(check);
        return;
    }
    ps_timer_set_in(check->slice, rest_behind(check, ps_clock_mono_ns() - began));
}

/*
 * The rows are held against the log anew, whatever has been by now. A snapshot that is being made
 * is of leaves, whoever writes to the rows: they wait for its end.
 */
static void begin_comparison(struct check *check)
{
    const bool is_mending = snapshots_is_damaged(check->keeper->snapshots);
    enum ps_err err;

    if (check->phase == CHECK_LEAVES || check->phase == CHECK_ROWS) {
        check->begins_anew = true;
        return;
    }
    if (check->phase == CHECK_SNAPSHOT || log_has_failed(check->keeper->events)) {
        return;
    }
    end_comparison(check);
    if (catalog_expire_answers(check->keeper->catalog, ps_clock_real_ns()) != PS_OK) {
        /* A full disk, perhaps; comparing only reads. */
        ps_line(PS_WARNING, "old_answers_not_forgotten", PS_STR("detail", ps_detail()->text));
    }
    err = snapshots_derive(check->keeper->snapshots, &check->derive);
    if (err != PS_OK) {
        check->derive = NULL;
        on_difference(check->keeper, err);
        return;
    }
    check->is_mending = is_mending;
    if (is_mending || snapshots_is_due(check->keeper->snapshots)) {
        snapshots_note_try(check->keeper->snapshots);
        check->is_due = true;
    }
    check->phase = CHECK_LEAVES;
    ps_timer_set_in(check->slice, 0);
}

void check_put_progress(const struct check *check, struct writer *json)
{
    static const char *const names[] = {[CHECK_LEAVES] = "leaves",
                                        [CHECK_ROWS] = "rows",
                                        [CHECK_SNAPSHOT] = "snapshot",
                                        [CHECK_LOG] = "log"};

    writer_begin_object(json, "check");
    writer_str(json, "phase", check->phase == CHECK_NOTHING ? "none" : names[check->phase]);
    if (check->derive != NULL) {
        writer_number(json, "leaves", derive_next(check->derive));
        writer_number(json, "rows", check->rows);
    }
    if (check->walk != NULL) {
        writer_number(json, "read", log_walk_done(check->walk));
    }
    writer_number(json, "compared", check->compared);
    writer_number(json, "walked", check->walked);
    writer_number(json, "snapshot", snapshots_size(check->keeper->snapshots));
    writer_number(json, "taken", snapshots_taken(check->keeper->snapshots));
    writer_end_object(json);
}

enum ps_err check_catalog_now(struct check *check)
{
    struct catalog *catalog = check->keeper->catalog;
    uint64_t version;

    PS_TRY(catalog_check_alive(catalog));
    PS_TRY(catalog_data_version(catalog, &version));
    if (check->has_version && version != check->data_version) {
        ps_line(PS_WARNING, "catalog_written_by_others", PS_NUM("version", version));
        check->is_doubtful = true;
        begin_comparison(check);
    }
    check->has_version = true;
    check->data_version = version;
    if (check->is_doubtful) {
        return ps_fail(PS_E_BUSY, 0, "somebody wrote to the catalog; it is being compared");
    }
    return PS_OK;
}

/* Its rows cannot be told from others, so nothing is done until another one is in its place. */
static void mend_snapshot(struct check *check)
{
    const uint64_t now = ps_clock_mono_ns();

    state_raise(check->keeper, REASON_CATALOG_GONE,
                "a page of the snapshot is damaged; another one is made of all leaves");
    if (check->is_mending || (check->mended_ns != 0 && now - check->mended_ns < MEND_NS)) {
        return;
    }
    end_all(check);
    check->mended_ns = now;
    begin_comparison(check);
}

static void look_at_catalog(struct check *check)
{
    struct keeper *keeper = check->keeper;
    enum ps_err err;

    if (keeper->catalog == NULL || keeper->events == NULL || !keeper->started) {
        return;
    }
    if (snapshots_is_damaged(keeper->snapshots)) {
        mend_snapshot(check);
        return;
    }
    err = check_catalog_now(check);
    if (err == PS_E_BUSY) {
        if (check->phase != CHECK_LEAVES && check->phase != CHECK_ROWS) {
            begin_comparison(check);
        }
        return;
    }
    if (err != PS_OK) {
        state_raise(keeper, REASON_CATALOG_GONE, ps_detail()->text);
        return;
    }
    /* While the rows of a recorded result cannot be written, it is not as good as there. */
    if (!operations_is_committing(keeper->operations)) {
        state_lower(keeper, REASON_CATALOG_GONE);
    }
    if (check->phase == CHECK_NOTHING && (ps_clock_mono_ns() - check->compared_ns > PERIOD_NS ||
                                          check->is_first || snapshots_is_due(keeper->snapshots))) {
        check->is_first = false;
        begin_comparison(check);
    }
}

/* --- The clock --- */

static void look_at_clock(struct check *check)
{
    static const char *const sentences[] = {
        [CLOCK_STEPPED] = "the clock stepped",
        [CLOCK_BEHIND] = "the clock is behind the newest leaf of the log",
        [CLOCK_SETTLED] = "the clock goes steadily and is trusted again",
    };
    const enum clock_event event = clock_watch_look(&check->clock, clock_times_now());

    if (event == CLOCK_NOTHING) {
        return;
    }
    check->doubted_s = real_now_s();
    events_alarm(check->keeper, CHECK_CLOCK_ALARM, ps_bytes(NULL, 0), sentences[event]);
}

void check_note_time(struct check *check, uint64_t real_ns)
{
    clock_watch_note(&check->clock, real_ns);
}

uint64_t check_clock_doubted_s(const struct check *check)
{
    return check->doubted_s;
}

void check_note_doubt(struct check *check, uint64_t real_ns)
{
    check->doubted_s = real_ns / PS_NS_PER_S;
}

bool check_clock_is_good(const struct check *check)
{
    return clock_watch_is_good(&check->clock, clock_times_now());
}

/* --- A log that failed --- */

static void look_at_logs(struct check *check)
{
    struct keeper *keeper = check->keeper;

    if (keeper->events == NULL || keeper->use == NULL || !keeper->state.is_set[REASON_LOG_FAILED] ||
        keeper->state.is_set[REASON_DISK_FULL]) {
        return;
    }
    if (check->phase != CHECK_NOTHING) {
        end_all(check); /* it reads the files that are opened anew */
        check->is_first = true;
    }
    if (log_reopen(keeper->events) != PS_OK || log_reopen(keeper->use) != PS_OK) {
        state_raise(keeper, REASON_LOG_FAILED, ps_detail()->text);
        return;
    }
    state_lower(keeper, REASON_LOG_FAILED);
    events_alarm(keeper, "log-failed", ps_bytes(NULL, 0), "a write to the log had failed");
}

/* --- People --- */

/*
 * Told in time: once too few are left, nobody can be enrolled any more. Looked at once a day, and
 * when the roster is another.
 */
static void look_at_people(struct check *check)
{
    struct keeper *keeper = check->keeper;
    const uint8_t *hash = keeper->appliance.roster_hash;
    const uint64_t now = ps_clock_mono_ns();
    struct lockout lockout;

    if (!keeper->started || !keeper->appliance.exists || !check_clock_is_good(check) ||
        (check->people_ns != 0 && now - check->people_ns < PEOPLE_NS &&
         memcmp(check->people_hash, hash, sizeof check->people_hash) == 0)) {
        return;
    }
    check->people_ns = now;
    memcpy(check->people_hash, hash, sizeof check->people_hash);
    if (lockout_check(gate_roster(keeper->gate), gate_policy(keeper->gate), real_now_s(),
                      &lockout) == PS_E_DENIED) {
        events_alarm(keeper, "people", ps_bytes_str(lockout.person), ps_detail()->text);
    }
}

static void look_at_certificates(struct check *check)
{
    struct keeper *keeper = check->keeper;

    if (keeper->started && keeper->appliance.exists && check_clock_is_good(check)) {
        certificate_watch_look(&check->certificates, keeper);
    }
}

void check_tick(struct check *check)
{
    look_at_clock(check);
    disk_watch_look(&check->disk, check->keeper);
    look_at_logs(check);
    look_at_catalog(check);
    look_at_people(check);
    look_at_certificates(check);
}
