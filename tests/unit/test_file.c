#include "lib/system/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64];
static char path[128];

static int make_directory(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/privyseal-file-XXXXXX");
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/file", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory);
}

static void what_is_written_is_read_and_hashed(void **state)
{
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    uint8_t sha256[PS_SHA256_LEN];
    char hex[65];
    struct stat found;
    PS_BUF_AUTO content;

    (void)state;
    assert_int_equal(file_write(path, ps_bytes_str("abc"), 0640), PS_OK);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0640);
    assert_int_equal(file_read(path, 3, &content), PS_OK);
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&content), "abc"));
    assert_int_equal(file_hash(path, sha256), PS_OK);
    for (size_t i = 0; i < PS_SHA256_LEN; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", sha256[i]);
    }
    assert_string_equal(hex, abc);
}

static void a_secret_is_read_into_a_buffer_for_secrets(void **state)
{
    PS_BUF_AUTO content = {0};

    (void)state;
    assert_int_equal(file_write(path, ps_bytes("abc", 3), 0600), PS_OK);
    assert_int_equal(file_read_secret(path, 2, &content), PS_E_LIMIT);
    ps_buf_clear(&content);
    assert_int_equal(file_read_secret(path, 3, &content), PS_OK);
    assert_true(content.is_secret);
    assert_int_equal(content.len, 3);
    assert_memory_equal(content.data, "abc", 3);
}

static void what_is_not_synced_replaces_what_was_there_too(void **state)
{
    struct stat found;
    PS_BUF_AUTO content;

    (void)state;
    assert_int_equal(file_write(path, ps_bytes_str("before"), 0640), PS_OK);
    assert_int_equal(file_write_unsynced(path, ps_bytes_str("abc"), 0600), PS_OK);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    assert_int_equal(file_read(path, 3, &content), PS_OK);
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&content), "abc"));
    assert_int_equal(file_write_unsynced("/nowhere/at/all", ps_bytes_str("abc"), 0600),
                     PS_E_STORAGE);
}

static void a_file_over_its_limit_is_refused(void **state)
{
    PS_BUF_AUTO content;

    (void)state;
    assert_int_equal(file_write(path, ps_bytes_str("abcd"), 0600), PS_OK);
    assert_int_equal(file_read(path, 3, &content), PS_E_LIMIT);
}

static void an_empty_file_is_read_as_such(void **state)
{
    PS_BUF_AUTO content;

    (void)state;
    assert_int_equal(file_write(path, ps_bytes(NULL, 0), 0600), PS_OK);
    assert_int_equal(file_read(path, 0, &content), PS_OK);
    assert_int_equal(content.len, 0);
}

static void only_regular_files_are_opened(void **state)
{
    PS_BUF_AUTO content;
    uint8_t sha256[PS_SHA256_LEN];

    (void)state;
    assert_int_equal(file_read(directory, 10, &content), PS_E_DENIED);
    assert_int_equal(file_hash("/nonexistent/x", sha256), PS_E_NOT_FOUND);
    assert_int_equal(mkfifo(path, 0600), 0);
    ps_buf_clear(&content);
    /* Opening a pipe that nobody writes to does not hang. */
    assert_int_equal(file_read(path, 10, &content), PS_E_DENIED);
}

static void a_secret_file_is_its_owners_alone(void **state)
{
    static const mode_t open_to_others[] = {0640, 0620, 0610, 0604, 0602, 0601};
    int fd = -1;

    (void)state;
    assert_int_equal(file_write(path, ps_bytes_str("1234"), 0600), PS_OK);
    assert_int_equal(file_open_private(path, &fd), PS_OK);
    (void)close(fd);
    for (size_t i = 0; i < PS_COUNT_OF(open_to_others); i++) {
        fd = -1;
        assert_int_equal(chmod(path, open_to_others[i]), 0);
        assert_int_equal(file_open_private(path, &fd), PS_E_DENIED);
        assert_int_equal(fd, -1);
    }
}

static void somebody_elses_secret_file_is_refused(void **state)
{
    int fd = -1;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(file_write(path, ps_bytes_str("1234"), 0600), PS_OK);
    assert_int_equal(chown(path, 4321, 4321), 0);
    assert_int_equal(file_open_private(path, &fd), PS_E_DENIED);
}

static void a_failed_write_leaves_the_old_file(void **state)
{
    char inside[160];
    PS_BUF_AUTO content;

    (void)state;
    assert_int_equal(file_write(path, ps_bytes_str("old"), 0600), PS_OK);
    (void)snprintf(inside, sizeof inside, "%s/x", path);
    assert_int_equal(file_write(inside, ps_bytes_str("new"), 0600), PS_E_STORAGE);
    assert_int_equal(file_read(path, 3, &content), PS_OK);
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&content), "old"));
}

static void a_file_is_created_only_where_there_is_none(void **state)
{
    char inside[160];
    PS_BUF_AUTO content;

    (void)state;
    assert_int_equal(file_create(path, ps_bytes_str("first"), 0644), PS_OK);
    assert_int_equal(file_create(path, ps_bytes_str("second"), 0644), PS_E_CONFLICT);
    assert_int_equal(file_read(path, 5, &content), PS_OK);
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&content), "first"));
    (void)snprintf(inside, sizeof inside, "%s/x", path);
    assert_int_equal(file_create(inside, ps_bytes_str("new"), 0644), PS_E_STORAGE);
}

/* Of a file that may not be there. */
static void assert_all_or_nothing(size_t len)
{
    PS_BUF_AUTO content;
    const enum ps_err err = file_read(path, len, &content);

    assert_true(err == PS_OK ? content.len == len : err == PS_E_NOT_FOUND);
}

/* Somebody waits for it to appear and reads it then. */
static void a_file_that_is_being_created_is_seen_whole_or_not(void **state)
{
    static char text[256 * 1024];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    for (unsigned round = 0; round < 20; round++) {
        const pid_t child = fork();
        int status;

        assert_true(child >= 0);
        if (child == 0) {
            _exit(file_create(path, ps_bytes_str(text), 0644) == PS_OK ? 0 : 1);
        }
        while (waitpid(child, &status, WNOHANG) == 0) {
            assert_all_or_nothing(sizeof text - 1);
        }
        assert_int_equal(status, 0);
        assert_int_equal(unlink(path), 0);
    }
}

static void a_file_is_not_created_through_a_link(void **state)
{
    (void)state;
    assert_int_equal(symlink("elsewhere", path), 0);
    assert_int_equal(file_create(path, ps_bytes_str("new"), 0644), PS_E_CONFLICT);
}

static void reach_is_that_of_each_directory_above(void **state)
{
    (void)state;
    assert_int_equal(chmod(directory, 0711), 0);
    assert_true(file_reachable(path, 4321, 4321));
    assert_int_equal(chmod(directory, 0700), 0);
    assert_false(file_reachable(path, 4321, 4321));
    assert_true(file_reachable(path, (unsigned)geteuid(), (unsigned)getegid()));
    assert_int_equal(chmod(directory, 0710), 0);
    assert_true(file_reachable(path, 4321, (unsigned)getegid()));
    assert_false(file_reachable("relative", 4321, 4321));
    assert_false(file_reachable("/nonexistent/x", 4321, 4321));
    assert_int_equal(chmod(directory, 0700), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read_and_hashed, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(a_secret_is_read_into_a_buffer_for_secrets, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(what_is_not_synced_replaces_what_was_there_too,
                                        make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(a_file_over_its_limit_is_refused, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(an_empty_file_is_read_as_such, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(only_regular_files_are_opened, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(a_secret_file_is_its_owners_alone, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(somebody_elses_secret_file_is_refused, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(a_failed_write_leaves_the_old_file, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(a_file_is_created_only_where_there_is_none, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(a_file_that_is_being_created_is_seen_whole_or_not,
                                        make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(a_file_is_not_created_through_a_link, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(reach_is_that_of_each_directory_above, make_directory,
                                        remove_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
