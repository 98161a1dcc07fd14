#include "tests/unit/log_support.h"

#include "keystore/log/internal.h"

/*
 * The room behind the record: when it is made, that it is zero and durable before a leaf goes
 * there; and how many leaves a sync waits for.
 */

/* --- What the disk is asked to do, by the writer's thread; read when it stands still --- */

struct call {
    bool is_sync;
    uint64_t offset;
    size_t len;
    bool is_zero;
};

static struct call calls[4000];
static size_t call_count;
static size_t fail_at;   /* the call with this number fails; 0: none */
static bool fail_halves; /* and writes half of what it was given */
static ino_t record_inode;

static bool is_of_record(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && status.st_ino == record_inode;
}

static bool all_zero(const uint8_t *octets, size_t len)
{
    return len == 0 || (octets[0] == 0 && memcmp(octets, octets + 1, len - 1) == 0);
}

static bool fails_now(void)
{
    return ++call_count == fail_at;
}

static ssize_t watched_write(int fd, const void *data, size_t len, off_t offset)
{
    if (record_inode != 0 && !is_of_record(fd)) {
        return pwrite(fd, data, len, offset);
    }
    if (call_count < PS_COUNT_OF(calls)) {
        calls[call_count] = (struct call){false, (uint64_t)offset, len, all_zero(data, len)};
    }
    if (fails_now()) {
        const ssize_t written = fail_halves ? pwrite(fd, data, len / 2, offset) : 0;

        errno = written < 0 ? errno : EIO;
        return -1;
    }
    return pwrite(fd, data, len, offset);
}

static int watched_sync(int fd)
{
    if (record_inode != 0 && !is_of_record(fd)) {
        return fdatasync(fd);
    }
    if (call_count < PS_COUNT_OF(calls)) {
        calls[call_count] = (struct call){.is_sync = true};
    }
    if (fails_now()) {
        errno = EIO;
        return -1;
    }
    return fdatasync(fd);
}

static int sync_at_once(int fd)
{
    (void)fd;
    return 0;
}

static const struct log_io watching_io = {.write_at = watched_write, .sync = watched_sync};
/* Where it is about what a turn waits for, and not about how long a disk takes. */
static const struct log_io quick_io = {.write_at = watched_write, .sync = sync_at_once};

/* Only calls for the record count from now on. */
static void watch_record(const struct fixture *f)
{
    struct stat status;
    char path[PATH_LEN];

    path_in(f, "entries", path);
    assert_int_equal(stat(path, &status), 0);
    record_inode = status.st_ino;
    call_count = 0;
}

static struct fixture *make_with(const struct log_io *io)
{
    struct fixture *f = make_fixture();

    record_inode = 0;
    call_count = 0;
    fail_at = 0;
    fail_halves = false;
    start_writer(f, io);
    open_log(f);
    watch_record(f);
    return f;
}

static struct fixture *make_watched(void)
{
    return make_with(&watching_io);
}

/* --- Room --- */

static void room_is_made_in_steps_that_double(void **state)
{
    struct fixture *f = make_watched();
    uint64_t octets = 0;

    (void)state;
    assert_int_equal(entries_length(f), 0);
    for (unsigned i = 0; i < 100; i++) {
        uint64_t step = 64 * 1024;

        append_sized(f, LOG_ENTRY_MAX);
        assert_ok(log_sync(f->log));
        octets += 2 + LOG_ENTRY_MAX;
        assert_true(entries_length(f) > octets);
        while (step < octets && step < 128 * 1024) {
            step *= 2;
        }
        assert_int_equal(entries_length(f) % step, 0);
        assert_true(entries_length(f) <= octets + step);
    }
    assert_ok(log_check(f->log));
    stop_writer(f);
    assert_int_equal(entries_length(f), octets);
    free_fixture(f);
}

static void room_that_a_leaf_fills_to_the_last_octet_is_more_than_it_needs(void **state)
{
    static const size_t lens[] = {16 * 1024 - 4, 16 * 1024 - 3, 16 * 1024 - 5};
    static const uint64_t expected[] = {128 * 1024, 128 * 1024, 64 * 1024};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(lens); i++) {
        struct fixture *f = make_watched();

        append_sized(f, LOG_ENTRY_MAX);
        append_sized(f, lens[i]);
        assert_ok(log_sync(f->log));
        assert_int_equal(entries_length(f), expected[i]);
        free_fixture(f);
    }
}

static void a_turn_in_room_is_one_write_and_one_sync(void **state)
{
    struct fixture *f = make_watched();

    (void)state;
    append_sized(f, 100);
    assert_ok(log_sync(f->log));
    for (unsigned i = 0; i < 20; i++) {
        call_count = 0;
        append_sized(f, 200);
        assert_ok(log_sync(f->log));
        assert_int_equal(call_count, 2);
        assert_false(calls[0].is_sync);
        assert_int_equal(calls[0].len, 202);
        assert_true(calls[1].is_sync);
    }
    free_fixture(f);
}

static void room_is_synced_before_leaves_go_there(void **state)
{
    struct fixture *f = make_watched();
    uint64_t zeros_end = 0;
    uint64_t synced_end = 0;

    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        append_sized(f, 5000 + i * 100);
        assert_ok(log_sync(f->log));
    }
    assert_true(call_count > 120 && call_count < PS_COUNT_OF(calls));
    for (size_t i = 0; i < call_count; i++) {
        if (calls[i].is_sync) {
            synced_end = zeros_end;
        } else if (calls[i].is_zero) {
            assert_int_equal(calls[i].offset, zeros_end);
            zeros_end += calls[i].len;
        } else {
            assert_true(calls[i].offset + calls[i].len < synced_end);
        }
    }
    free_fixture(f);
}

/* Shards of ten leaves each. */
static struct fixture *make_sharded(uint64_t leaves)
{
    struct fixture *f = make_fixture();

    use_shards(f, 10);
    open_log(f);
    append_numbers(f, 0, leaves);
    assert_ok(log_sync(f->log));
    return f;
}

static void path_in_shard(const struct fixture *f, const char *shard, char path[PATH_LEN])
{
    char name[64];

    (void)snprintf(name, sizeof name, "%s/entries", shard);
    path_in(f, name, path);
}

static void at_rest_the_record_ends_with_its_last_leaf(void **state)
{
    struct fixture *f = make_sharded(25);
    struct tree_info info;
    char path[PATH_LEN];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_ok(log_shard_info(f->log, i, &info));
        path_in_shard(f, info.name, path);
        assert_int_equal(file_length(path), i == 0 ? 30 : 40);
    }
    path_in_shard(f, log_shard(f->log), path);
    assert_int_equal(file_length(path), 64 * 1024);
    stop_writer(f);
    assert_int_equal(file_length(path), 20);
    open_log(f);
    assert_int_equal(file_length(path), 20);
    assert_int_equal(log_size(f->log), 25);
    stop_writer(f);
    assert_int_equal(file_length(path), 20);
    free_fixture(f);
}

static void zeros_behind_a_complete_shard_are_damage(void **state)
{
    struct fixture *f = make_sharded(15);
    struct tree_info info;
    char path[PATH_LEN];

    (void)state;
    assert_ok(log_shard_info(f->log, 0, &info));
    stop_writer(f);
    path_in_shard(f, info.name, path);
    assert_int_equal(truncate(path, 31), 0);
    start_writer(f, NULL);
    assert_fails(PS_E_INPUT, log_open(f->writer, &f->config, &f->log));
    assert_int_equal(truncate(path, 30), 0);
    assert_ok(log_open(f->writer, &f->config, &f->log));
    free_fixture(f);
}

static void put_octets(const struct fixture *f, uint64_t at, struct ps_bytes octets)
{
    char path[PATH_LEN];
    int fd;

    path_in(f, "entries", path);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, octets.data, octets.len, (off_t)at), octets.len);
    assert_int_equal(close(fd), 0);
}

static void what_others_put_into_the_room_is_found_and_stays(void **state)
{
    static const uint64_t places[] = {30, 31, 4096, 64 * 1024 - 1};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(places); i++) {
        struct fixture *f = make_watched();

        append_numbers(f, 0, 10);
        assert_ok(log_sync(f->log));
        assert_ok(log_check(f->log));
        put_octets(f, places[i], ps_bytes_str("x"));
        assert_fails(PS_E_INPUT, log_check(f->log));
        stop_writer(f);
        assert_int_equal(entries_length(f), 64 * 1024);
        /* It is no leaf, and nothing says that there was one. */
        open_log(f);
        assert_int_equal(log_size(f->log), 10);
        assert_int_equal(entries_length(f), 30);
        free_fixture(f);
    }
}

static void a_file_of_another_length_stops_the_log(void **state)
{
    static const int64_t lengths[] = {0, 3, 30, 31, 64 * 1024 - 1, 64 * 1024 + 1};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(lengths); i++) {
        struct fixture *f = make_watched();
        char path[PATH_LEN];

        append_numbers(f, 0, 10);
        assert_ok(log_sync(f->log));
        path_in(f, "entries", path);
        assert_int_equal(truncate(path, (off_t)lengths[i]), 0);
        append_numbers(f, 10, 11);
        assert_fails(PS_E_STORAGE, log_sync(f->log));
        assert_int_equal(file_length(path), lengths[i]);
        assert_fails(PS_E_STORAGE, log_sync(f->log));
        if (lengths[i] < 30) {
            assert_fails(PS_E_INPUT, log_reopen(f->log));
        } else {
            assert_ok(log_reopen(f->log));
            append_numbers(f, 10, 20);
            assert_ok(log_sync(f->log));
            assert_root(f, 20, numbers_root(0, 20));
        }
        free_fixture(f);
    }
}

static void fail_each_call(bool halves)
{
    unsigned failures = 0;

    for (size_t at = 1; at < 30; at++) {
        struct fixture *f = make_watched();
        uint64_t size;

        append_numbers(f, 0, 10);
        assert_ok(log_sync(f->log));
        call_count = 0;
        fail_halves = halves;
        fail_at = at;
        for (unsigned i = 0; i < 8 && !log_has_failed(f->log); i++) {
            append_sized(f, 40000);
            failures += log_sync(f->log) != PS_OK ? 1 : 0;
        }
        fail_at = 0;
        size = log_durable(f->log);
        assert_in_range(size, 10, 18);
        assert_ok(log_reopen(f->log));
        assert_int_equal(log_size(f->log), size);
        watch_record(f);
        append_numbers(f, size, size + 3);
        assert_ok(log_sync(f->log));
        assert_ok(log_check(f->log));
        stop_writer(f);
        open_log(f);
        assert_int_equal(log_size(f->log), size + 3);
        free_fixture(f);
    }
    assert_true(failures > 18);
}

static void whichever_write_or_sync_fails_no_durable_leaf_is_lost(void **state)
{
    (void)state;
    fail_each_call(false);
    fail_each_call(true);
}

/* --- Gathering --- */

static void what_is_expected_and_does_not_come_keeps_nobody(void **state)
{
    struct fixture *f = make_watched();

    (void)state;
    log_set_expected(f->log, 1000000);
    for (uint64_t i = 0; i < 50; i++) {
        append_numbers(f, i, i + 1);
        wait_until(f, log_durable(f->log) == i + 1);
    }
    append_numbers(f, 50, 51);
    assert_ok(log_sync(f->log));
    append_numbers(f, 51, 60);
    stop_writer(f);
    open_log(f);
    assert_int_equal(log_size(f->log), 60);
    free_fixture(f);
}

static void leaves_go_out_when_a_share_of_the_expected_is_there(void **state)
{
    struct fixture *f = make_watched();
    uint64_t size = 0;

    (void)state;
    for (uint64_t expected = 0; expected < 200; expected += 7) {
        log_set_expected(f->log, expected);
        append_numbers(f, size, size + expected / 4 + 1);
        size += expected / 4 + 1;
        wait_until(f, log_durable(f->log) == size);
    }
    assert_root(f, size, numbers_root(0, size));
    free_fixture(f);
}

/* What log.h says that a leaf of a backlog may wait. */
#define PATIENCE_NS (8 * PS_NS_PER_MS)

static void append_one(struct fixture *f, bool is_of_backlog)
{
    uint64_t position;

    assert_ok(is_of_backlog ? log_append_backlog(f->log, ps_bytes_str("{}"), &position)
                            : log_append(f->log, ps_bytes_str("{}"), &position));
    assert_ok(ps_loop_turn(f->loop, 0));
}

static void wait_until_all_is_durable(struct fixture *f)
{
    wait_until(f, log_durable(f->log) == log_size(f->log));
}

/* Until the writer waits for others, or has waited for as long as it may. */
static void wait_until_gathering(struct fixture *f)
{
    bool is_gathering = false;

    while (!is_gathering && log_durable(f->log) != log_size(f->log)) {
        (void)pthread_mutex_lock(&f->writer->mutex);
        is_gathering = f->writer->gathering == f->log;
        (void)pthread_mutex_unlock(&f->writer->mutex);
        assert_ok(ps_loop_turn(f->loop, 0));
    }
}

static void leaves_of_a_backlog_wait_for_others(void **state)
{
    struct fixture *f = make_watched();
    const uint64_t began_ns = ps_clock_mono_ns();

    (void)state;
    log_set_expected(f->log, 1000000);
    for (unsigned i = 0; i < 10; i++) {
        append_one(f, true);
        wait_until_all_is_durable(f);
    }
    /* The first turn is at once. */
    assert_true(ps_clock_mono_ns() - began_ns >= 8 * PATIENCE_NS);
    free_fixture(f);
}

/*
 * One of so many is within what a leaf of a backlog waits behind the turn before it: what the
 * scheduler does to the others does not count. None is if it waits, since that turn is within too.
 */
#define ATTEMPTS 500u

static void a_leaf_of_no_backlog_takes_those_of_one_along(void **state)
{
    struct fixture *f = make_with(&quick_io);
    uint64_t took_ns = UINT64_MAX;

    (void)state;
    log_set_expected(f->log, 1000000);
    append_one(f, true);
    wait_until_all_is_durable(f); /* at once: no turn was before it */
    for (unsigned i = 0; i < ATTEMPTS && took_ns >= PATIENCE_NS; i++) {
        const uint64_t began_ns = ps_clock_mono_ns();

        for (unsigned turn = 0; turn < 2; turn++) {
            append_one(f, true);
            wait_until_gathering(f);
            append_one(f, false);
            wait_until_all_is_durable(f);
        }
        took_ns = ps_clock_mono_ns() - began_ns;
    }
    assert_true(took_ns < PATIENCE_NS);
    free_fixture(f);
}

static void another_log_does_not_wait_for_a_backlog(void **state)
{
    struct fixture *f = make_with(&quick_io);
    struct log_config config = {.name = "other"};
    char directory[PATH_LEN];
    uint64_t took_ns = UINT64_MAX;
    struct log *other;

    (void)state;
    (void)snprintf(directory, sizeof directory, "%s/other", f->top);
    config.directory = directory;
    assert_ok(log_open(f->writer, &config, &other));
    log_set_expected(f->log, 1000000);
    append_one(f, true);
    wait_until_all_is_durable(f);
    for (unsigned i = 0; i < ATTEMPTS && took_ns >= PATIENCE_NS; i++) {
        const uint64_t began_ns = ps_clock_mono_ns();
        uint64_t position;

        append_one(f, false);
        wait_until_all_is_durable(f);
        append_one(f, true);
        wait_until_gathering(f);
        assert_ok(log_append(other, ps_bytes_str("{}"), &position));
        wait_until(f, log_durable(other) == log_size(other));
        took_ns = ps_clock_mono_ns() - began_ns;
        wait_until_all_is_durable(f);
    }
    assert_true(took_ns < PATIENCE_NS);
    free_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_is_made_in_steps_that_double),
        cmocka_unit_test(room_that_a_leaf_fills_to_the_last_octet_is_more_than_it_needs),
        cmocka_unit_test(a_turn_in_room_is_one_write_and_one_sync),
        cmocka_unit_test(room_is_synced_before_leaves_go_there),
        cmocka_unit_test(at_rest_the_record_ends_with_its_last_leaf),
        cmocka_unit_test(zeros_behind_a_complete_shard_are_damage),
        cmocka_unit_test(what_others_put_into_the_room_is_found_and_stays),
        cmocka_unit_test(a_file_of_another_length_stops_the_log),
        cmocka_unit_test(whichever_write_or_sync_fails_no_durable_leaf_is_lost),
        cmocka_unit_test(what_is_expected_and_does_not_come_keeps_nobody),
        cmocka_unit_test(leaves_go_out_when_a_share_of_the_expected_is_there),
        cmocka_unit_test(leaves_of_a_backlog_wait_for_others),
        cmocka_unit_test(a_leaf_of_no_backlog_takes_those_of_one_along),
        cmocka_unit_test(another_log_does_not_wait_for_a_backlog),
    };

    in_memory = true;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
