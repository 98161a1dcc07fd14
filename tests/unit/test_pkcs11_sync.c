#include "tests/unit/scratch.h"
#include "tests/unit/support.h"

#include "lib/base/clock.h"
#include "pkcs11/module/store_copy.h"
#include "pkcs11/module/store_lock.h"
#include "pkcs11/module/sync.h"

#include <sys/stat.h>

/* Durability of a soft token's store, its lock, and the copy of the file that is rewritten. */

static void make_file(const char *name)
{
    char path[SCRATCH_PATH_MAX];
    int fd;

    scratch_path(name, path);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    (void)close(fd);
}

static void tree_of_files_is_synced(void **state)
{
    char path[SCRATCH_PATH_MAX];

    (void)state;
    make_file("one");
    make_file("two");
    scratch_path("loop", path);
    assert_int_equal(symlink(scratch_directory, path), 0);
    assert_ok(sync_tree(ps_bytes_str(scratch_directory), 0));
    assert_ok(sync_tree(ps_bytes_str(scratch_directory), 1L << 40));
    assert_ok(sync_tree(ps_bytes(NULL, 0), 0));
}

static void tree_that_is_not_there_or_too_deep_is_an_error(void **state)
{
    char path[SCRATCH_PATH_MAX + 32];
    size_t len;
    int made = 0;

    (void)state;
    assert_fails(PS_E_STORAGE, sync_tree(ps_bytes_str("/nonexistent/store"), 0));
    (void)snprintf(path, sizeof path, "%s", scratch_directory);
    len = strlen(path);
    for (; made < 8; made++) {
        (void)snprintf(path + len + 2 * (size_t)made, 3, "/d");
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(sync_tree(ps_bytes_str(scratch_directory), 0),
                         made < 7 ? PS_OK : PS_E_LIMIT);
    }
    for (; made > 0; made--) {
        path[len + 2 * (size_t)made] = 0;
        assert_int_equal(rmdir(path), 0);
    }
}

static void lock_lets_readers_in_together_and_writers_alone(void **state)
{
    const struct ps_bytes directory = ps_bytes_str(scratch_directory);
    const int first = store_lock_take(directory, false);
    const int second = store_lock_take(directory, false);
    uint64_t began;
    int third;

    (void)state;
    assert_true(first >= 0 && second >= 0);
    store_lock_drop(&first);
    store_lock_drop(&second);
    third = store_lock_take(directory, true);
    /* Somebody who never lets go holds nobody up for ever. */
    began = ps_clock_mono_ns();
    {
        const int fourth = store_lock_take(directory, true);

        assert_true(ps_clock_mono_ns() - began >= 400 * PS_NS_PER_MS);
        store_lock_drop(&fourth);
    }
    store_lock_drop(&third);
    assert_int_equal(store_lock_take(ps_bytes(NULL, 0), true), -1);
}

static void write_token(const char *name, const char *text)
{
    char path[SCRATCH_PATH_MAX];
    int fd;

    scratch_path(name, path);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

static void assert_token(const char *name, const char *text)
{
    char path[SCRATCH_PATH_MAX];
    char octets[64] = {0};
    int fd;

    scratch_path(name, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, octets, sizeof octets - 1), strlen(text));
    assert_string_equal(octets, text);
    (void)close(fd);
}

static int make_token_directory(void **state)
{
    char path[SCRATCH_PATH_MAX];

    assert_int_equal(scratch_make(state), 0);
    scratch_path("one", path);
    return mkdir(path, 0700);
}

static int remove_token_directory(void **state)
{
    static const char *const names[] = {"one/token", "one/token.kept", "one/token.new"};
    char path[SCRATCH_PATH_MAX];

    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        scratch_path(names[i], path);
        (void)unlink(path);
    }
    scratch_path("one", path);
    assert_int_equal(rmdir(path), 0);
    return scratch_remove(state);
}

static enum ps_err keep(struct ps_bytes store, const char *file)
{
    PS_CLEANUP(store_lock_drop) const int lock = store_lock_take(store, true);

    return store_copy_keep(store, file, lock);
}

static void emptied_file_is_put_back(void **state)
{
    const struct ps_bytes store = ps_bytes_str(scratch_directory);

    (void)state;
    write_token("one/token", "first");
    assert_ok(keep(store, "token"));
    write_token("one/token", "second");
    assert_ok(keep(store, "token"));
    write_token("one/token", "");
    /* An empty file is no reason to forget what it was. */
    assert_ok(keep(store, "token"));
    assert_token("one/token.kept", "second");
    assert_ok(store_copy_mend(store, "token"));
    assert_token("one/token", "second");
    assert_token("one/token.kept", "second");
}

/* Whoever has the lock may be writing it: what is put in its place is where nobody writes. */
static void emptied_file_is_left_to_whoever_has_the_lock(void **state)
{
    const struct ps_bytes store = ps_bytes_str(scratch_directory);
    int other;

    (void)state;
    write_token("one/token", "first");
    assert_ok(keep(store, "token"));
    write_token("one/token", "");
    other = store_lock_take(store, true);
    assert_true(store_lock_is_held(other));
    assert_fails(PS_E_BUSY, store_copy_mend(store, "token"));
    assert_token("one/token", "");
    store_lock_drop(&other);
    assert_ok(store_copy_mend(store, "token"));
    assert_token("one/token", "first");
}

/* Whoever has the lock may have written half of it; what the copy has is whole. */
static void file_that_another_may_be_writing_is_not_copied(void **state)
{
    const struct ps_bytes store = ps_bytes_str(scratch_directory);
    int other;

    (void)state;
    write_token("one/token", "first");
    assert_ok(keep(store, "token"));
    other = store_lock_take(store, true);
    assert_true(store_lock_is_held(other));
    assert_ok(store_copy_keep(store, "token", -1));
    write_token("one/token", "sec");
    assert_fails(PS_E_BUSY, store_copy_keep(store, "token", -1));
    assert_token("one/token.kept", "first");
    write_token("one/token", "second");
    store_lock_drop(&other);
    assert_ok(keep(store, "token"));
    assert_token("one/token.kept", "second");
}

static void file_that_is_whole_missing_or_without_copy_is_left_alone(void **state)
{
    const struct ps_bytes store = ps_bytes_str(scratch_directory);
    char path[SCRATCH_PATH_MAX];

    (void)state;
    write_token("one/token", "");
    assert_ok(store_copy_mend(store, "token"));
    assert_token("one/token", "");
    write_token("one/token", "first");
    assert_ok(keep(store, "token"));
    write_token("one/token", "second");
    assert_ok(store_copy_mend(store, "token"));
    assert_token("one/token", "second");
    scratch_path("one/token", path);
    assert_int_equal(unlink(path), 0);
    assert_ok(store_copy_mend(store, "token"));
    assert_int_equal(access(path, F_OK), -1);
}

static void copy_of_nothing_is_no_error(void **state)
{
    (void)state;
    assert_ok(keep(ps_bytes(NULL, 0), "token"));
    assert_ok(keep(ps_bytes_str("/nonexistent/store"), "token"));
    assert_ok(store_copy_mend(ps_bytes_str("/nonexistent/store"), "token"));
    assert_ok(keep(ps_bytes_str(scratch_directory), ""));
    make_file("token");
    assert_ok(keep(ps_bytes_str(scratch_directory), "token"));
}

static void copy_that_cannot_be_written_is_an_error(void **state)
{
    char path[SCRATCH_PATH_MAX];

    (void)state;
    write_token("one/token", "first");
    scratch_path("one/token.kept.new", path);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_fails(PS_E_STORAGE, keep(ps_bytes_str(scratch_directory), "token"));
    assert_int_equal(unlink(path), 0);
}

static void file_over_the_limit_is_an_error(void **state)
{
    char path[SCRATCH_PATH_MAX];

    (void)state;
    write_token("one/token", "first");
    scratch_path("one/token", path);
    assert_int_equal(truncate(path, 65536), 0);
    assert_ok(keep(ps_bytes_str(scratch_directory), "token"));
    assert_int_equal(truncate(path, 65537), 0);
    assert_fails(PS_E_LIMIT, keep(ps_bytes_str(scratch_directory), "token"));
}

#define TOKEN_TEST(function)                                                                       \
    cmocka_unit_test_setup_teardown(function, make_token_directory, remove_token_directory)
#define SCRATCH_TEST(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(tree_of_files_is_synced),
        SCRATCH_TEST(tree_that_is_not_there_or_too_deep_is_an_error),
        SCRATCH_TEST(lock_lets_readers_in_together_and_writers_alone),
        TOKEN_TEST(emptied_file_is_put_back),
        TOKEN_TEST(emptied_file_is_left_to_whoever_has_the_lock),
        TOKEN_TEST(file_that_another_may_be_writing_is_not_copied),
        TOKEN_TEST(file_that_is_whole_missing_or_without_copy_is_left_alone),
        SCRATCH_TEST(copy_of_nothing_is_no_error),
        TOKEN_TEST(copy_that_cannot_be_written_is_an_error),
        TOKEN_TEST(file_over_the_limit_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
