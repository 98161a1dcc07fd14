#include "keystore/check.h"

#include "keystore/clock_watch.h"
#include "keystore/derive.h"
#include "keystore/events.h"
#include "keystore/operations/operations.h"
#include "keystore/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#define PERIOD_NS     (3600 * PS_NS_PER_S)
#define SLICE_LEAVES  128u
#define SLICE_WAIT_NS (2 * PS_NS_PER_MS)

#define MIB (UINT64_C(1024) * 1024)

struct check {
    struct keeper *keeper;
    struct ps_timer *slice;
    struct derive *derive; /* a comparison that is under way */
    uint64_t compared_ns;  /* monotonic: when the last one ended */
    uint64_t data_version;
    bool has_version;
    bool is_doubtful; /* somebody wrote to it, and the comparison has not ended */
    struct clock_watch clock;
    unsigned disk_alarm; /* percent that was last told */
};

static void on_slice(void *context);

enum ps_err check_new(struct keeper *keeper, struct check **ret_check)
{
    PS_CLEANUP(check_free_cleanup) struct check *check = calloc(1, sizeof *check);

    if (check == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    check->keeper = keeper;
    clock_watch_init(
        &check->clock, keeper->config->clock_step_s,
        (struct clock_times){.real_ns = ps_clock_real_ns(), .mono_ns = ps_clock_mono_ns()});
    check->compared_ns = ps_clock_mono_ns();
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

static void end_comparison(struct check *check, enum ps_err err)
{
    derive_free(check->derive);
    check->derive = NULL;
    check->compared_ns = ps_clock_mono_ns();
    if (err == PS_OK) {
        check->is_doubtful = false;
        state_lower(check->keeper, REASON_CATALOG_DIFFERS);
        ps_line(PS_INFO, "catalog_checked", PS_NUM("leaves", log_durable(check->keeper->events)));
    } else {
        on_difference(check->keeper, err);
    }
}

static enum ps_err compare_all(struct check *check)
{
    PS_TRY(derive_finish(check->derive));
    return catalog_compare(check->keeper->catalog, derive_catalog(check->derive));
}

static void on_slice(void *context)
{
    struct check *check = context;
    bool done;
    const enum ps_err err = derive_step(check->derive, check->keeper->events, SLICE_LEAVES, &done);

    if (err != PS_OK) {
        end_comparison(check, err);
        return;
    }
    /* Between a result leaf and its rows the two differ rightly, for some milliseconds. */
    if (!done || operations_is_committing(check->keeper->operations)) {
        ps_timer_set_in(check->slice, SLICE_WAIT_NS);
        return;
    }
    end_comparison(check, compare_all(check));
}

static void begin_comparison(struct check *check)
{
    if (check->derive != NULL || log_has_failed(check->keeper->events)) {
        return;
    }
    if (catalog_expire_answers(check->keeper->catalog, ps_clock_real_ns()) != PS_OK) {
        /* A full disk, perhaps; comparing only reads. */
        ps_line(PS_WARNING, "old_answers_not_forgotten", PS_STR("detail", ps_detail()->text));
    }
    if (derive_new(NULL, &check->derive) != PS_OK) {
        check->derive = NULL;
        return;
    }
    ps_timer_set_in(check->slice, 0);
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

static void look_at_catalog(struct check *check)
{
    struct keeper *keeper = check->keeper;
    enum ps_err err;

    if (keeper->catalog == NULL || keeper->events == NULL || !keeper->started) {
        return;
    }
    err = check_catalog_now(check);
    if (err == PS_E_BUSY) {
        begin_comparison(check);
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
    if (ps_clock_mono_ns() - check->compared_ns > PERIOD_NS) {
        begin_comparison(check);
    }
}

/* --- The disk --- */

static void alarm_at(struct check *check, unsigned percent)
{
    char text[64];

    if (percent < 80) {
        check->disk_alarm = 0;
        return;
    }
    percent = percent < 90 ? 80 : 90;
    if (check->disk_alarm < percent) {
        (void)snprintf(text, sizeof text, "the disk of the logs is over %u %% full", percent);
        events_alarm(check->keeper, percent == 80 ? "disk-80" : "disk-90", ps_bytes(NULL, 0), text);
    }
    check->disk_alarm = percent;
}

static void look_at_disk(struct check *check)
{
    struct keeper *keeper = check->keeper;
    PS_BUF_AUTO path;
    struct statvfs disk;
    uint64_t available;

    ps_buf_init(&path, 8192);
    ps_buf_put(&path, keeper->config->data_directory);
    ps_buf_put_u8(&path, 0);
    if (ps_buf_status(&path) != PS_OK || statvfs((const char *)path.data, &disk) != 0) {
        return;
    }
    available = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (available < keeper->config->disk_reserve_mb * MIB) {
        state_raise(keeper, REASON_DISK_FULL, "the disk of the logs has no room left");
    } else {
        state_lower(keeper, REASON_DISK_FULL);
    }
    if (disk.f_blocks != 0) {
        alarm_at(check, (unsigned)(100 - (uint64_t)disk.f_bavail * 100 / disk.f_blocks));
    }
}

/* --- The clock --- */

static struct clock_times times_now(void)
{
    return (struct clock_times){.real_ns = ps_clock_real_ns(), .mono_ns = ps_clock_mono_ns()};
}

static void look_at_clock(struct check *check)
{
    const enum clock_event event = clock_watch_look(&check->clock, times_now());

    if (event == CLOCK_STEPPED || event == CLOCK_BEHIND) {
        events_alarm(check->keeper, "clock", ps_bytes(NULL, 0),
                     event == CLOCK_STEPPED ? "the clock stepped"
                                            : "the clock is behind the newest leaf of the log");
    } else if (event == CLOCK_SETTLED) {
        ps_line(PS_INFO, "clock_settled", PS_NUM("time_s", real_now_s()));
    }
}

void check_note_time(struct check *check, uint64_t real_ns)
{
    clock_watch_note(&check->clock, real_ns);
}

bool check_clock_is_good(const struct check *check)
{
    return clock_watch_is_good(&check->clock, times_now());
}

/* --- A log that failed --- */

static void look_at_logs(struct check *check)
{
    struct keeper *keeper = check->keeper;

    if (keeper->events == NULL || keeper->use == NULL || !keeper->state.is_set[REASON_LOG_FAILED] ||
        keeper->state.is_set[REASON_DISK_FULL]) {
        return;
    }
    if (log_reopen(keeper->events) != PS_OK || log_reopen(keeper->use) != PS_OK) {
        state_raise(keeper, REASON_LOG_FAILED, ps_detail()->text);
        return;
    }
    state_lower(keeper, REASON_LOG_FAILED);
    events_alarm(keeper, "log-failed", ps_bytes(NULL, 0), "a write to the log had failed");
}

void check_tick(struct check *check)
{
    look_at_clock(check);
    look_at_disk(check);
    look_at_logs(check);
    look_at_catalog(check);
}
