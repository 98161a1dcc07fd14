#include "tests/unit/scratch.h"
#include "tests/unit/support.h"

#include "lib/base/clock.h"
#include "pkcs11/store_lock.h"
#include "pkcs11/sync.h"

#include <sys/stat.h>

/* Durability of a soft token's store, and its lock. */

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

#define SCRATCH_TEST(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(tree_of_files_is_synced),
        SCRATCH_TEST(tree_that_is_not_there_or_too_deep_is_an_error),
        SCRATCH_TEST(lock_lets_readers_in_together_and_writers_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
