#include "tests/unit/log_support.h"

/*
 * What a power cut, a killed process or a hand at the files leaves behind. The directory of a log
 * is copied, damaged and opened: it comes back whole up to the last leaf that is all there, or says
 * which place is wrong; it is never silently something else.
 */

static const char *const files[] = {"entries",  "offsets",  "hashes.0", "hashes.1",
                                    "hashes.2", "hashes.3", "hashes.4", "checkpoint"};

/* A second fixture over a copy of the first one's directory, of which each file may be cut. */
static struct fixture *copy_log(const struct fixture *from, const char *cut_file, uint64_t octets)
{
    struct fixture *f = make_fixture();

    f->config = from->config;
    f->config.directory = f->directory;
    assert_int_equal(mkdir(f->directory, 0700), 0);
    for (size_t i = 0; i < PS_COUNT_OF(files); i++) {
        char source[PATH_LEN];
        char target[PATH_LEN];

        path_in(from, files[i], source);
        path_in(f, files[i], target);
        if (access(source, F_OK) == 0) {
            const bool is_cut = cut_file != NULL && strcmp(cut_file, files[i]) == 0;

            copy_file(source, target, is_cut ? octets : UINT64_MAX);
        }
    }
    return f;
}

static void empty_file(const struct fixture *f, const char *name)
{
    char path[PATH_LEN];

    path_in(f, name, path);
    assert_int_equal(truncate(path, 0), 0);
}

static void forget_derived(const struct fixture *f)
{
    for (size_t i = 1; i < PS_COUNT_OF(files) - 1; i++) {
        empty_file(f, files[i]);
    }
}

/* Opens and compares with the number leaves; goes on appending. */
static void assert_comes_back(struct fixture *f, uint64_t size)
{
    open_log(f);
    assert_int_equal(log_size(f->log), size);
    assert_int_equal(log_durable(f->log), size);
    assert_root(f, size, numbers_root(0, size));
    append_numbers(f, size, size + 3);
    assert_ok(log_sync(f->log));
    assert_root(f, size + 3, numbers_root(0, size + 3));
    assert_ok(log_check(f->log));
    free_fixture(f);
}

static void assert_refused(struct fixture *f, const char *place)
{
    start_writer(f, NULL);
    assert_fails(PS_E_INPUT, log_open(f->writer, &f->config, &f->log));
    if (strstr(ps_detail()->text, place) == NULL) {
        fail_msg("the detail does not name %s: %s", place, ps_detail()->text);
    }
    free_fixture(f);
}

/* Octets of the record of the first `size` number leaves. */
static uint64_t record_octets(uint64_t size)
{
    uint64_t octets = 0;

    for (uint64_t i = 0; i < size; i++) {
        char text[24];

        octets += 2 + number_leaf(i, text).len;
    }
    return octets;
}

static void a_record_cut_at_any_octet_comes_back_to_the_last_whole_leaf(void **state)
{
    struct fixture *f = make_fixture();

    (void)state;
    fill_log(f, 262);
    stop_writer(f);
    for (uint64_t size = 252; size <= 262; size++) {
        const uint64_t from = record_octets(size);
        const uint64_t to = size == 262 ? from : record_octets(size + 1) - 1;

        for (uint64_t octets = from; octets <= to; octets++) {
            struct fixture *copy = copy_log(f, "entries", octets);

            /* Hashes are written after the sync, so those of leaves that are gone cannot be there.
             */
            forget_derived(copy);
            assert_comes_back(copy, size);
        }
    }
    free_fixture(f);
}

static void a_leaf_whose_hash_is_there_cannot_be_missing(void **state)
{
    struct fixture *f = make_fixture();

    (void)state;
    fill_log(f, 262);
    stop_writer(f);
    for (uint64_t octets = record_octets(255); octets < record_octets(262); octets++) {
        assert_refused(copy_log(f, "entries", octets), "events/");
    }
    free_fixture(f);
}

static void a_leaf_that_the_checkpoint_covers_cannot_be_missing(void **state)
{
    struct fixture *f = make_fixture();

    (void)state;
    fill_log(f, 260);
    checkpoint_log(f);
    append_numbers(f, 260, 262);
    stop_writer(f);
    for (uint64_t octets = record_octets(255); octets < record_octets(260); octets++) {
        struct fixture *copy = copy_log(f, "entries", octets);

        forget_derived(copy);
        assert_refused(copy, "events/entries");
    }
    for (uint64_t octets = record_octets(260); octets < record_octets(261); octets++) {
        struct fixture *copy = copy_log(f, "entries", octets);

        forget_derived(copy);
        assert_comes_back(copy, 260);
    }
    free_fixture(f);
}

static void derived_files_cut_at_any_octet_are_brought_up(void **state)
{
    static const struct {
        const char *file;
        uint64_t octets;
    } rows[] = {{"hashes.0", 257 * 32 + 40}, {"hashes.1", 32}, {"offsets", 16}};
    struct fixture *f = make_fixture();

    (void)state;
    fill_log(f, 262);
    checkpoint_log(f);
    stop_writer(f);
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        for (uint64_t less = 0; less <= 40 && less <= rows[i].octets; less++) {
            assert_comes_back(copy_log(f, rows[i].file, rows[i].octets - less), 262);
        }
    }
    free_fixture(f);
}

static void missing_derived_files_are_made_anew(void **state)
{
    struct fixture *f = make_fixture();
    struct fixture *copy;

    (void)state;
    fill_log(f, 600);
    checkpoint_log(f);
    stop_writer(f);
    copy = copy_log(f, NULL, 0);
    for (size_t i = 1; i < PS_COUNT_OF(files) - 1; i++) {
        char path[PATH_LEN];

        path_in(copy, files[i], path);
        assert_int_equal(unlink(path), 0);
    }
    assert_comes_back(copy, 600);
    free_fixture(f);
}

static void write_zeros(const struct fixture *f, const char *name, uint64_t at, uint64_t count)
{
    static const uint8_t zeros[4096];
    char path[PATH_LEN];
    int fd;

    path_in(f, name, path);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    while (count != 0) {
        const size_t now = count < sizeof zeros ? (size_t)count : sizeof zeros;

        assert_int_equal(pwrite(fd, zeros, now, (off_t)at), now);
        at += now;
        count -= now;
    }
    assert_int_equal(close(fd), 0);
}

static void zeros_where_derived_data_were_to_come_are_filled(void **state)
{
    struct fixture *f = make_fixture();
    struct fixture *copy;

    (void)state;
    fill_log(f, 600);
    stop_writer(f);
    copy = copy_log(f, NULL, 0);
    write_zeros(copy, "hashes.0", 100 * 32, 400 * 32);
    write_zeros(copy, "hashes.1", 32, 32);
    write_zeros(copy, "offsets", 8, 8);
    assert_comes_back(copy, 600);
    /* And behind the end, as a file system may leave it. */
    copy = copy_log(f, NULL, 0);
    write_zeros(copy, "hashes.0", 600 * 32, 5000);
    write_zeros(copy, "offsets", 24, 100);
    assert_comes_back(copy, 600);
    free_fixture(f);
}

static void a_tail_of_zeros_is_cut(void **state)
{
    struct fixture *f = make_fixture();
    const uint64_t end = record_octets(300);

    (void)state;
    fill_log(f, 300);
    stop_writer(f);
    for (uint64_t count = 1; count < 10000; count = count * 3 + 1) {
        struct fixture *copy = copy_log(f, NULL, 0);

        write_zeros(copy, "entries", end, count);
        assert_comes_back(copy, 300);
    }
    for (uint64_t at = record_octets(299); at < end; at++) {
        struct fixture *copy = copy_log(f, "hashes.0", 299 * 32);

        write_zeros(copy, "entries", at, end - at);
        assert_comes_back(copy, 299);
    }
    free_fixture(f);
}

/* In any file of a log that a checkpoint covers whole, and that no crash explains. */
static void a_flipped_bit_is_found(void **state)
{
    struct fixture *f = make_fixture();

    (void)state;
    fill_log(f, 300);
    checkpoint_log(f);
    stop_writer(f);
    for (size_t i = 0; i < PS_COUNT_OF(files) - 1; i++) {
        char path[PATH_LEN];
        uint64_t octets;

        path_in(f, files[i], path);
        octets = file_length(path);
        for (uint64_t at = 0; at < octets; at += at % 97 + 1) {
            struct fixture *copy = copy_log(f, NULL, 0);

            path_in(copy, files[i], path);
            flip_bit(path, at, (unsigned)(at % 8));
            assert_refused(copy, "events");
        }
    }
    free_fixture(f);
}

static void a_flipped_bit_after_the_checkpoint_is_found_by_the_hashes(void **state)
{
    struct fixture *f = make_fixture();
    char path[PATH_LEN];

    (void)state;
    fill_log(f, 10);
    checkpoint_log(f);
    append_numbers(f, 10, 300);
    stop_writer(f);
    for (uint64_t at = record_octets(11); at < record_octets(300); at += 7) {
        struct fixture *copy = copy_log(f, NULL, 0);

        path_in(copy, "entries", path);
        flip_bit(path, at, (unsigned)(at % 8));
        assert_refused(copy, "events/");
    }
    free_fixture(f);
}

static void a_checkpoint_of_another_tree_is_found(void **state)
{
    static const char *const origins[] = {"t/events", "t/other", "events"};
    struct fixture *f = make_fixture();
    PS_BUF_AUTO note;
    char path[PATH_LEN];

    (void)state;
    ps_buf_init(&note, 16384);
    fill_log(f, 20);
    stop_writer(f);
    for (size_t i = 0; i < PS_COUNT_OF(origins); i++) {
        struct fixture *copy = copy_log(f, NULL, 0);
        FILE *file;

        ps_buf_reset(&note);
        /* A good root, but of leaves that are not these. */
        put_note(origins[i], 10, numbers_root(1, 11), &note);
        path_in(copy, "checkpoint", path);
        file = fopen(path, "wbe");
        assert_non_null(file);
        assert_int_equal(fwrite(note.data, 1, note.len, file), note.len);
        assert_int_equal(fclose(file), 0);
        assert_refused(copy, "");
    }
    free_fixture(f);
}

static void a_record_that_vanished_is_not_made_anew(void **state)
{
    struct fixture *f = make_fixture();
    char path[PATH_LEN];

    (void)state;
    fill_log(f, 20);
    stop_writer(f);
    path_in(f, "entries", path);
    assert_int_equal(unlink(path), 0);
    assert_refused(f, "events/entries is missing");
}

static void a_checkpoint_that_was_being_written_means_nothing(void **state)
{
    struct fixture *f = make_fixture();
    char path[PATH_LEN];
    FILE *file;

    (void)state;
    fill_log(f, 20);
    checkpoint_log(f);
    stop_writer(f);
    path_in(f, "checkpoint.new", path);
    file = fopen(path, "wbe");
    assert_non_null(file);
    assert_true(fputs("t/events\n9", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_comes_back(f, 20);
}

static void a_file_that_is_no_file_is_refused(void **state)
{
    struct fixture *f = make_fixture();
    char path[PATH_LEN];

    (void)state;
    fill_log(f, 20);
    stop_writer(f);
    path_in(f, "hashes.0", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("entries", path), 0);
    start_writer(f, NULL);
    assert_fails(PS_E_STORAGE, log_open(f->writer, &f->config, &f->log));
    free_fixture(f);
}

static void damage_while_it_is_open_is_found_when_read(void **state)
{
    struct fixture *f = make_fixture();
    PS_BUF_AUTO out;
    char path[PATH_LEN];

    (void)state;
    ps_buf_init(&out, 10000);
    fill_log(f, 300);
    path_in(f, "entries", path);
    flip_bit(path, record_octets(7) + 2, 0);
    assert_fails(PS_E_STORAGE, log_read_entry(f->log, 7, &out));
    assert_ok(log_read_entry(f->log, 8, &out));
    assert_fails(PS_E_STORAGE, log_read_bundle(f->log, 0, 256, &out));
    assert_ok(log_read_bundle(f->log, 0, 7, &out));
    assert_ok(log_read_bundle(f->log, 1, 44, &out));
    assert_fails(PS_E_INPUT, log_check(f->log));
    flip_bit(path, record_octets(7) + 2, 0);
    assert_ok(log_check(f->log));
    free_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_cut_at_any_octet_comes_back_to_the_last_whole_leaf),
        cmocka_unit_test(a_leaf_whose_hash_is_there_cannot_be_missing),
        cmocka_unit_test(a_leaf_that_the_checkpoint_covers_cannot_be_missing),
        cmocka_unit_test(derived_files_cut_at_any_octet_are_brought_up),
        cmocka_unit_test(missing_derived_files_are_made_anew),
        cmocka_unit_test(zeros_where_derived_data_were_to_come_are_filled),
        cmocka_unit_test(a_tail_of_zeros_is_cut),
        cmocka_unit_test(a_flipped_bit_is_found),
        cmocka_unit_test(a_flipped_bit_after_the_checkpoint_is_found_by_the_hashes),
        cmocka_unit_test(a_checkpoint_of_another_tree_is_found),
        cmocka_unit_test(a_record_that_vanished_is_not_made_anew),
        cmocka_unit_test(a_checkpoint_that_was_being_written_means_nothing),
        cmocka_unit_test(a_file_that_is_no_file_is_refused),
        cmocka_unit_test(damage_while_it_is_open_is_found_when_read),
    };

    in_memory = true;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
