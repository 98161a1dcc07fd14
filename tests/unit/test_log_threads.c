#include "tests/unit/log_support.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

/* The two threads at work together, and a process that is killed at any moment. */

static _Atomic unsigned syncs;

static int counted_sync(int fd)
{
    syncs++;
    return fdatasync(fd);
}

static const struct log_io counting_io = {.write_at = pwrite, .sync = counted_sync};

/* Reads what is durable by now, in every way there is. */
static void read_some(struct fixture *f, uint64_t seed)
{
    const uint64_t size = log_tree_size(f->log);
    const uint64_t first = log_first(f->log);
    struct merkle_proof proof;
    struct merkle_hash root;
    PS_BUF_AUTO out;
    char text[24];

    ps_buf_init(&out, 1024 * 1024);
    if (size == 0) {
        return;
    }
    seed %= size;
    assert_ok(log_read_entry(f->log, seed, &out));
    assert_bytes(ps_buf_bytes(&out), number_leaf(first + seed, text));
    assert_ok(log_root(f->log, size, &root));
    assert_ok(log_prove_inclusion(f->log, seed, size, &proof));
    assert_ok(merkle_verify_inclusion(&proof, merkle_leaf_hash(number_leaf(first + seed, text)),
                                      seed, size, root));
    ps_buf_reset(&out);
    assert_ok(log_read_tile(f->log, 0, (size - 1) / 256, (unsigned)((size - 1) % 256 + 1), &out));
    assert_ok(log_read_bundle(f->log, (size - 1) / 256, (unsigned)((size - 1) % 256 + 1), &out));
}

static void append_and_read(struct fixture *f, uint64_t total)
{
    const uint64_t end_ns = ps_clock_mono_ns() + 100 * PS_NS_PER_S;

    start_writer(f, &counting_io);
    open_log(f);
    syncs = 0;
    while (log_durable(f->log) < total) {
        const uint64_t from = log_size(f->log);
        const uint64_t to = from + 32 < total ? from + 32 : total;

        assert_true(ps_clock_mono_ns() < end_ns);
        append_numbers(f, from, to);
        assert_ok(ps_loop_turn(f->loop, from == to ? 100 : 0));
        if (from % 7 == 0) {
            read_some(f, from);
        }
        if (from % 1024 == 0 && log_tree_size(f->log) != 0) {
            checkpoint_log(f);
        }
        (void)log_sync_micros(f->log);
    }
}

static void reading_goes_on_while_the_writer_writes(void **state)
{
    struct fixture *f = make_fixture();

    (void)state;
    append_and_read(f, 20000);
    assert_root(f, 20000, numbers_root(0, 20000));
    assert_true(syncs < 20000 / 8);
    free_fixture(f);
}

static void shards_change_while_they_are_read(void **state)
{
    struct fixture *f = make_fixture();

    (void)state;
    use_shards(f, 700);
    append_and_read(f, 20000);
    assert_int_equal(log_shard_count(f->log), 28);
    assert_root(f, 400, numbers_root(19600, 20000));
    free_fixture(f);
}

static int report_fd;

static void report_durable(void *context, struct log *log)
{
    const uint64_t durable = log_durable(log);

    (void)context;
    if (write(report_fd, &durable, sizeof durable) != (ssize_t)sizeof durable) {
        _exit(1);
    }
}

/* In a process of its own: appends for ever, and says what is durable. Never returns. */
static void append_until_killed(struct fixture *f)
{
    const struct log_handler handler = {report_durable, on_failed, on_shard};

    if (ps_loop_new(&f->loop) != PS_OK ||
        log_writer_new(f->loop, &handler, f, &f->writer) != PS_OK ||
        log_open(f->writer, &f->config, &f->log) != PS_OK) {
        _exit(2);
    }
    for (;;) {
        const bool full = log_size(f->log) - log_durable(f->log) > 100;
        char text[24];
        uint64_t index;

        if ((!full && log_append(f->log, number_leaf(log_size(f->log), text), &index) != PS_OK) ||
            ps_loop_turn(f->loop, full ? 100 : 0) != PS_OK) {
            _exit(3);
        }
    }
}

/* Until `reports` were read, then kills; returns the last report. */
static uint64_t run_and_kill(struct fixture *f, unsigned reports)
{
    uint64_t durable = 0;
    uint64_t report;
    int ends[2];
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        report_fd = ends[1];
        append_until_killed(f);
    }
    (void)close(ends[1]);
    for (unsigned i = 0; i < reports; i++) {
        assert_int_equal(read(ends[0], &report, sizeof report), sizeof report);
        durable = report;
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    while (read(ends[0], &report, sizeof report) == (ssize_t)sizeof report) {
        durable = report;
    }
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return durable;
}

static void what_was_told_durable_survives_a_kill(void **state)
{
    struct fixture *f = make_fixture();
    uint64_t durable = 0;

    (void)state;
    use_shards(f, 500);
    for (unsigned i = 0; i < 20; i++) {
        const uint64_t before = durable;
        uint64_t size;

        durable = run_and_kill(f, 3 + i * 7);
        assert_true(durable >= before);
        open_log(f);
        size = log_size(f->log);
        assert_true(size >= durable);
        assert_root(f, log_tree_size(f->log), numbers_root(log_first(f->log), size));
        assert_ok(log_check(f->log));
        durable = size;
        stop_writer(f);
    }
    free_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: it forks, which is for processes of one thread. */
        cmocka_unit_test(what_was_told_durable_survives_a_kill),
        cmocka_unit_test(reading_goes_on_while_the_writer_writes),
        cmocka_unit_test(shards_change_while_they_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
