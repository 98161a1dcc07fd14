#include "appliance/key_file.h"

#include "lib/system/file.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64];
static char path[128];

static int make_directory(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/privyseal-key-XXXXXX");
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/key.pem", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory);
}

static void a_key_is_made_for_its_owner_and_stays(void **state)
{
    EVP_PKEY *made = NULL;
    EVP_PKEY *found = NULL;
    struct stat file;

    (void)state;
    assert_int_equal(key_file_obtain(path, &made), PS_OK);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    assert_int_equal(key_file_obtain(path, &found), PS_OK);
    assert_int_equal(EVP_PKEY_eq(made, found), 1);
    EVP_PKEY_free(made);
    EVP_PKEY_free(found);
}

static void a_key_that_others_may_read_is_denied(void **state)
{
    EVP_PKEY *key = NULL;

    (void)state;
    assert_int_equal(key_file_obtain(path, &key), PS_OK);
    EVP_PKEY_free(key);
    key = NULL;
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(key_file_obtain(path, &key), PS_E_DENIED);
    assert_null(key);
}

static void what_is_no_key_is_an_input_error_and_stays(void **state)
{
    EVP_PKEY *key = NULL;
    PS_BUF_AUTO content;

    (void)state;
    assert_int_equal(file_write(path, ps_bytes_str("no key"), 0600), PS_OK);
    assert_int_equal(key_file_obtain(path, &key), PS_E_INPUT);
    assert_null(key);
    assert_int_equal(file_read(path, 64, &content), PS_OK);
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&content), "no key"));
}

static void where_nothing_can_be_made_is_a_storage_error(void **state)
{
    EVP_PKEY *key = NULL;
    char inside[160];

    (void)state;
    (void)snprintf(inside, sizeof inside, "%s/none/key.pem", directory);
    assert_int_equal(key_file_obtain(inside, &key), PS_E_STORAGE);
    assert_null(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_is_made_for_its_owner_and_stays, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(a_key_that_others_may_read_is_denied, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(what_is_no_key_is_an_input_error_and_stays, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(where_nothing_can_be_made_is_a_storage_error,
                                        make_directory, remove_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
