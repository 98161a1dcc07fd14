#include "tests/unit/file_limit.h"
#include "tests/unit/log_support.h"

#include <stdatomic.h>

/* Disks that fill up, fail and vanish; and how many syncs many leaves cost. */

static _Atomic int fail_write; /* errno of the next writes; 0: they work */
static _Atomic int fail_sync;
static _Atomic unsigned syncs;
static _Atomic unsigned sync_to_fail; /* counted as `syncs`; 0: none */
static _Atomic bool hold_sync;        /* a disk that takes its time */

static ino_t record_inode; /* of the file whose writes are counted */
static _Atomic size_t record_octets;

static ssize_t failing_write(int fd, const void *data, size_t len, off_t offset)
{
    struct stat status;

    if (fail_write != 0) {
        errno = fail_write;
        return -1;
    }
    if (fstat(fd, &status) == 0 && status.st_ino == record_inode) {
        record_octets += len;
    }
    return pwrite(fd, data, len, offset);
}

static int failing_sync(int fd)
{
    syncs++;
    while (hold_sync) {
        (void)usleep(100); /* the test lets go when it has seen what it waits for */
    }
    if (fail_sync != 0 || syncs == sync_to_fail) {
        errno = fail_sync == 0 ? EIO : fail_sync;
        return -1;
    }
    return fdatasync(fd);
}

static const struct log_io failing_io = {.write_at = failing_write, .sync = failing_sync};

static struct fixture *make_failing(uint64_t size)
{
    struct fixture *f = make_fixture();

    fail_write = 0;
    fail_sync = 0;
    hold_sync = false;
    start_writer(f, &failing_io);
    fill_log(f, size);
    wait_until(f, f->durable_calls != 0 || size == 0);
    return f;
}

/* After a failure has been told: nothing goes in, and what was there is there again after it. */
static void assert_failed_at(struct fixture *f, uint64_t durable, int code)
{
    uint64_t index = 99;

    wait_until(f, f->failed_calls != 0);
    assert_int_equal(f->failed_calls, 1);
    assert_true(log_has_failed(f->log));
    assert_int_equal(log_failure(f->log).err, PS_E_STORAGE);
    assert_int_equal(log_failure(f->log).code, code);
    assert_int_equal(log_durable(f->log), durable);
    assert_int_equal(log_size(f->log), durable);
    assert_fails(PS_E_STORAGE, log_append(f->log, ps_bytes_str("x"), &index));
    assert_int_equal(index, 99);
    assert_fails(PS_E_STORAGE, log_sync(f->log));
    assert_fails(PS_E_STORAGE, set_note(f, "t/events", 1, numbers_root(0, 1)));
    assert_fails(PS_E_STORAGE, log_check(f->log));
    assert_root(f, durable, numbers_root(0, durable));
}

static void assert_works_from(struct fixture *f, uint64_t size)
{
    assert_ok(log_reopen(f->log));
    assert_false(log_has_failed(f->log));
    assert_int_equal(log_size(f->log), size);
    assert_int_equal(log_durable(f->log), size);
    append_numbers(f, size, size + 300);
    assert_ok(log_sync(f->log));
    assert_root(f, size + 300, numbers_root(0, size + 300));
    assert_ok(log_check(f->log));
}

static void a_failed_write_stops_the_log_until_it_is_reopened(void **state)
{
    struct fixture *f = make_failing(10);
    uint64_t index;

    (void)state;
    fail_write = EIO;
    assert_ok(log_append(f->log, ps_bytes_str("lost"), &index));
    assert_failed_at(f, 10, EIO);
    fail_write = 0;
    assert_works_from(f, 10);
    free_fixture(f);
}

static void what_a_failed_sync_left_is_cut(void **state)
{
    struct fixture *f = make_failing(10);
    PS_BUF_AUTO record;
    char path[PATH_LEN];
    uint64_t index;

    (void)state;
    path_in(f, "entries", path);
    fail_sync = EIO;
    assert_ok(log_append(f->log, ps_bytes_str("perhaps"), &index));
    assert_failed_at(f, 10, EIO);
    assert_true(read_file(path, &record));
    assert_memory_equal(record.data + 30, "\0\7perhaps", 9);
    assert_fails(PS_E_STORAGE, log_reopen(f->log));
    assert_true(log_has_failed(f->log));
    fail_sync = 0;
    assert_ok(log_reopen(f->log));
    assert_int_equal(file_length(path), 10 * 3);
    assert_works_from(f, 10);
    free_fixture(f);
}

/* The writer fails by itself, and whoever reopens may come before the loop has heard of it. */
static void a_failure_is_told_before_the_log_is_reopened(void **state)
{
    struct fixture *f = make_failing(10);
    uint64_t index;

    (void)state;
    fail_sync = EIO;
    assert_ok(log_append(f->log, ps_bytes_str("lost"), &index));
    assert_fails(PS_E_STORAGE, log_sync(f->log));
    assert_int_equal(f->failed_calls, 0);
    fail_sync = 0;
    assert_ok(log_reopen(f->log));
    assert_int_equal(f->failed_calls, 1);
    assert_works_from(f, 10);
    assert_int_equal(f->failed_calls, 1);
    free_fixture(f);
}

static void leaves_that_are_durable_are_told_before_the_log_is_reopened(void **state)
{
    struct fixture *f = make_failing(10);
    const unsigned durable_calls = f->durable_calls;
    uint64_t index;

    (void)state;
    append_numbers(f, 10, 12);
    assert_ok(log_sync(f->log));
    assert_int_equal(f->durable_calls, durable_calls);
    fail_sync = EIO;
    assert_ok(log_append(f->log, ps_bytes_str("lost"), &index));
    assert_fails(PS_E_STORAGE, log_sync(f->log));
    fail_sync = 0;
    assert_ok(log_reopen(f->log));
    assert_int_equal(f->durable_calls, durable_calls + 1);
    assert_int_equal(f->failed_calls, 1);
    assert_works_from(f, 12);
    free_fixture(f);
}

static void reopening_what_has_not_failed_does_nothing(void **state)
{
    struct fixture *f = make_failing(10);

    (void)state;
    append_numbers(f, 10, 12);
    assert_ok(log_reopen(f->log));
    assert_ok(log_sync(f->log));
    assert_int_equal(log_durable(f->log), 12);
    free_fixture(f);
}

static void a_new_process_after_a_failed_sync_makes_the_tail_durable(void **state)
{
    struct fixture *f = make_failing(10);
    char path[PATH_LEN];
    struct stat status;
    uint64_t index;

    (void)state;
    fail_sync = EIO;
    assert_ok(log_append(f->log, ps_bytes_str("10"), &index));
    wait_until(f, f->failed_calls != 0);
    stop_writer(f);
    fail_sync = 0;
    syncs = 0;
    path_in(f, "entries", path);
    assert_int_equal(stat(path, &status), 0);
    record_inode = status.st_ino;
    record_octets = 0;
    start_writer(f, &failing_io);
    open_log(f);
    record_inode = 0;
    /* The page cache holds it as clean: only what is written again goes to the disk. */
    assert_int_equal(record_octets, 10 * 3 + 4);
    /* The leaf is in the file: recorded, though nobody was answered. */
    assert_int_equal(log_durable(f->log), 11);
    assert_true(syncs >= 1);
    assert_root(f, 11, numbers_root(0, 11));
    free_fixture(f);
}

static void a_checkpoint_that_cannot_be_written_fails_the_log(void **state)
{
    struct fixture *f = make_failing(10);

    (void)state;
    fail_write = ENOSPC;
    assert_ok(set_note(f, "t/events", 10, numbers_root(0, 10)));
    assert_failed_at(f, 10, ENOSPC);
    fail_write = 0;
    assert_works_from(f, 10);
    assert_int_equal(log_checkpoint(f->log).len, 0);
    free_fixture(f);
}

static void append_large(struct fixture *f, unsigned count)
{
    char *large = malloc(LOG_ENTRY_MAX);
    uint64_t index;

    assert_non_null(large);
    memset(large, 'x', LOG_ENTRY_MAX);
    for (unsigned i = 0; i < count; i++) {
        assert_ok(log_append(f->log, ps_bytes(large, LOG_ENTRY_MAX), &index));
    }
    free(large);
}

static void on_a_disk_that_is_nearly_full_room_is_what_is_needed(void **state)
{
    struct fixture *f = make_failing(100);
    char path[PATH_LEN];

    (void)state;
    path_in(f, "entries", path);
    assert_int_equal(file_length(path), 64 * 1024);
    limit_files(100 * 1024);
    append_large(f, 2);
    assert_ok(log_sync(f->log));
    assert_int_equal(file_length(path), 100 * 1024);
    assert_ok(log_check(f->log));
    unlimit_files();
    append_large(f, 1);
    assert_ok(log_sync(f->log));
    assert_int_equal(file_length(path), 256 * 1024);
    assert_int_equal(log_durable(f->log), 103);
    free_fixture(f);
}

static void a_full_disk_stops_the_log_and_room_brings_it_back(void **state)
{
    struct fixture *f = make_failing(100);
    char path[PATH_LEN];
    uint64_t limit;

    (void)state;
    path_in(f, "entries", path);
    limit = file_length(path) + 3;
    limit_files(limit);
    /* There is room still, but not for all of these. */
    append_numbers(f, 100, 101);
    assert_ok(log_sync(f->log));
    append_large(f, 2);
    assert_failed_at(f, 101, EFBIG);
    assert_int_equal(file_length(path), limit);
    unlimit_files();
    assert_works_from(f, 101);
    free_fixture(f);
}

static void derived_files_that_cannot_be_written_lose_no_leaf(void **state)
{
    struct fixture *f = make_failing(100);

    (void)state;
    /* The hashes of small leaves need more room than the leaves do. */
    limit_files(100 * 32 + 16);
    append_numbers(f, 100, 101);
    assert_failed_at(f, 100, EFBIG);
    unlimit_files();
    /* It was synced, so it stays, though whoever waited was refused. */
    assert_works_from(f, 101);
    free_fixture(f);
}

static void a_removed_record_is_noticed(void **state)
{
    struct fixture *f = make_failing(10);
    char path[PATH_LEN];
    uint64_t index;

    (void)state;
    path_in(f, "entries", path);
    assert_int_equal(unlink(path), 0);
    assert_ok(log_append(f->log, ps_bytes_str("x"), &index));
    assert_failed_at(f, 10, ENOENT);
    assert_fails(PS_E_STORAGE, log_reopen(f->log));
    assert_int_not_equal(access(path, F_OK), 0);
    free_fixture(f);
}

static void a_replaced_record_is_noticed(void **state)
{
    struct fixture *f = make_failing(10);
    char path[PATH_LEN];
    char other[PATH_LEN];
    uint64_t index;

    (void)state;
    path_in(f, "entries", path);
    path_in(f, "copy", other);
    copy_file(path, other, UINT64_MAX);
    assert_int_equal(rename(other, path), 0);
    assert_ok(log_append(f->log, ps_bytes_str("x"), &index));
    assert_failed_at(f, 10, 0);
    /* It is the same to the octet, so it may take the place of the old one. */
    assert_works_from(f, 10);
    free_fixture(f);
}

static void another_log_in_its_place_is_refused(void **state)
{
    struct fixture *f = make_failing(10);
    char path[PATH_LEN];
    uint64_t index;

    (void)state;
    path_in(f, "entries", path);
    assert_ok(log_append(f->log, ps_bytes_str("10"), &index));
    assert_ok(log_sync(f->log));
    assert_int_equal(truncate(path, 6), 0);
    assert_ok(log_append(f->log, ps_bytes_str("x"), &index));
    assert_failed_at(f, 11, 0);
    assert_fails(PS_E_INPUT, log_reopen(f->log));
    assert_fails(PS_E_INPUT, log_reopen(f->log));
    free_fixture(f);
}

/* As many of them, and a log that is whole in itself. */
static void other_leaves_in_their_place_are_refused(void **state)
{
    struct fixture *f = make_failing(10);
    struct fixture *other = make_fixture();
    char away[PATH_LEN];
    uint64_t index;

    (void)state;
    open_log(other);
    for (uint8_t leaf = 'a'; leaf < 'a' + 10; leaf++) {
        assert_ok(log_append(other->log, ps_bytes(&leaf, 1), &index));
    }
    assert_ok(log_sync(other->log));
    stop_writer(other);
    fail_write = EIO;
    assert_ok(log_append(f->log, ps_bytes_str("x"), &index));
    assert_failed_at(f, 10, EIO);
    fail_write = 0;
    (void)snprintf(away, sizeof away, "%s/away", f->top);
    assert_int_equal(rename(f->directory, away), 0);
    assert_int_equal(rename(other->directory, f->directory), 0);
    assert_fails(PS_E_INPUT, log_reopen(f->log));
    free_fixture(other);
    free_fixture(f);
}

static void a_moved_directory_is_noticed_and_not_made_anew(void **state)
{
    struct fixture *f = make_failing(10);
    char away[PATH_LEN];
    uint64_t index;

    (void)state;
    (void)snprintf(away, sizeof away, "%s/away", f->top);
    assert_int_equal(rename(f->directory, away), 0);
    assert_ok(log_append(f->log, ps_bytes_str("x"), &index));
    assert_failed_at(f, 10, ENOENT);
    assert_fails(PS_E_STORAGE, log_reopen(f->log));
    assert_int_not_equal(access(f->directory, F_OK), 0);
    assert_int_equal(rename(away, f->directory), 0);
    assert_works_from(f, 10);
    free_fixture(f);
}

static void a_removed_derived_file_is_noticed_at_the_next_checkpoint(void **state)
{
    struct fixture *f = make_failing(10);
    char path[PATH_LEN];

    (void)state;
    path_in(f, "offsets", path);
    assert_int_equal(unlink(path), 0);
    assert_ok(set_note(f, "t/events", 10, numbers_root(0, 10)));
    assert_failed_at(f, 10, ENOENT);
    free_fixture(f);
}

/* Whichever sync fails: each leaf that was durable stays, in its place. */
static void a_failure_while_a_shard_is_completed_loses_nothing(void **state)
{
    unsigned failures = 0;

    (void)state;
    for (unsigned turn = 1; turn < 40; turn++) {
        struct fixture *f = make_fixture();
        uint64_t size;

        sync_to_fail = 0;
        use_shards(f, 10);
        start_writer(f, &failing_io);
        fill_log(f, 8);
        syncs = 0;
        sync_to_fail = turn;
        append_numbers(f, 8, 25);
        if (log_sync(f->log) != PS_OK) {
            failures++;
            assert_ok(log_reopen(f->log));
        }
        sync_to_fail = 0;
        size = log_size(f->log);
        assert_in_range(size, 8, 25);
        append_numbers(f, size, 45);
        assert_ok(log_sync(f->log));
        assert_int_equal(log_shard_count(f->log), 4);
        assert_ok(ps_loop_turn(f->loop, 0));
        assert_int_equal(f->shard_calls, 4);
        for (size_t i = 0; i < 4; i++) {
            struct tree_info info;
            const struct merkle_hash root = numbers_root(i * 10, i * 10 + 10);

            assert_ok(log_shard_info(f->log, i, &info));
            assert_memory_equal(info.root.octets, root.octets, 32);
        }
        assert_root(f, 5, numbers_root(40, 45));
        free_fixture(f);
    }
    sync_to_fail = 0;
    assert_true(failures > 10);
}

static void more_than_the_queue_holds_is_refused(void **state)
{
    struct fixture *f = make_failing(0);
    char *large = malloc(LOG_ENTRY_MAX);
    uint64_t index = 0;
    uint64_t queued = 0;
    enum ps_err err;

    (void)state;
    assert_non_null(large);
    memset(large, 'x', LOG_ENTRY_MAX);
    hold_sync = true;
    do {
        err = log_append(f->log, ps_bytes(large, LOG_ENTRY_MAX), &index);
        queued += err == PS_OK ? 1 : 0;
    } while (err == PS_OK && queued < 2000);
    assert_int_equal(err, PS_E_BUSY);
    assert_int_equal(log_size(f->log), queued);
    hold_sync = false;
    assert_ok(log_sync(f->log));
    assert_int_equal(log_durable(f->log), queued);
    assert_ok(log_append(f->log, ps_bytes(large, LOG_ENTRY_MAX), &index));
    assert_int_equal(index, queued);
    free(large);
    free_fixture(f);
}

static void leaves_that_wait_together_share_a_sync(void **state)
{
    struct fixture *f = make_failing(0);

    (void)state;
    syncs = 0;
    hold_sync = true;
    append_numbers(f, 0, 5000);
    assert_ok(ps_loop_turn(f->loop, 0));
    hold_sync = false;
    wait_until(f, log_durable(f->log) == 5000);
    /* What came before the writer took the first, and all the rest; and the room for them. */
    assert_in_range(syncs, 2, 3);
    free_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_write_stops_the_log_until_it_is_reopened),
        cmocka_unit_test(what_a_failed_sync_left_is_cut),
        cmocka_unit_test(a_failure_is_told_before_the_log_is_reopened),
        cmocka_unit_test(leaves_that_are_durable_are_told_before_the_log_is_reopened),
        cmocka_unit_test(reopening_what_has_not_failed_does_nothing),
        cmocka_unit_test(a_new_process_after_a_failed_sync_makes_the_tail_durable),
        cmocka_unit_test(a_checkpoint_that_cannot_be_written_fails_the_log),
        cmocka_unit_test(on_a_disk_that_is_nearly_full_room_is_what_is_needed),
        cmocka_unit_test(a_full_disk_stops_the_log_and_room_brings_it_back),
        cmocka_unit_test(derived_files_that_cannot_be_written_lose_no_leaf),
        cmocka_unit_test(a_removed_record_is_noticed),
        cmocka_unit_test(a_replaced_record_is_noticed),
        cmocka_unit_test(another_log_in_its_place_is_refused),
        cmocka_unit_test(other_leaves_in_their_place_are_refused),
        cmocka_unit_test(a_moved_directory_is_noticed_and_not_made_anew),
        cmocka_unit_test(a_removed_derived_file_is_noticed_at_the_next_checkpoint),
        cmocka_unit_test(a_failure_while_a_shard_is_completed_loses_nothing),
        cmocka_unit_test(more_than_the_queue_holds_is_refused),
        cmocka_unit_test(leaves_that_wait_together_share_a_sync),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
