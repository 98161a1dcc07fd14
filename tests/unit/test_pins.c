#include "appliance/supervisor/pins.h"

#include "lib/system/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64];
static char path[100];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/privyseal-pins-XXXXXX");
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/pin", directory);
    return setenv("CREDENTIALS_DIRECTORY", directory, 1);
}

static int tear_down(void **state)
{
    (void)state;
    (void)unsetenv("CREDENTIALS_DIRECTORY");
    (void)unlink(path);
    return rmdir(directory);
}

static void write_pin(const char *text, unsigned mode)
{
    assert_int_equal(file_write(path, ps_bytes_str(text), mode), PS_OK);
}

static void pins_are_read_from_files_and_credentials(void **state)
{
    char none[] = "";
    char name[] = "pin";
    struct config config = {.token_count = 2};
    struct pins pins;

    (void)state;
    write_pin("123456\n", 0400);
    config.tokens[0] = (struct config_token){
        .pin_file = path, .pin_credential = none, .so_pin_file = none, .so_pin_credential = none};
    config.tokens[1] = (struct config_token){
        .pin_file = none, .pin_credential = none, .so_pin_file = none, .so_pin_credential = name};
    assert_int_equal(pins_load(&config, &pins), PS_OK);
    assert_true(ps_bytes_equal_str(ps_secret_bytes(pins.user[0]), "123456"));
    assert_null(pins.so[0]);
    assert_null(pins.user[1]);
    assert_true(ps_bytes_equal_str(ps_secret_bytes(pins.so[1]), "123456"));
    pins_clear(&pins);
    assert_null(pins.user[0]);
}

static void a_pin_that_others_may_read_is_refused(void **state)
{
    (void)state;
    write_pin("1234", 0640);
    assert_int_equal(pins_check(path, ""), PS_E_DENIED);
    write_pin("1234", 0604);
    assert_int_equal(pins_check(path, ""), PS_E_DENIED);
    assert_int_equal(pins_check("", "pin"), PS_E_DENIED);
    /* Access lists of systemd show in the group's bits. */
    write_pin("1234", 0440);
    assert_int_equal(pins_check("", "pin"), PS_OK);
}

static void a_pin_that_is_missing_or_empty_is_refused(void **state)
{
    (void)state;
    assert_int_equal(pins_check("", ""), PS_OK);
    assert_int_equal(pins_check(path, ""), PS_E_NOT_FOUND);
    assert_int_equal(pins_check("", "pin"), PS_E_NOT_FOUND);
    write_pin("", 0600);
    assert_int_equal(pins_check(path, ""), PS_E_INPUT);
    write_pin("\n", 0600);
    assert_int_equal(pins_check(path, ""), PS_E_INPUT);
    (void)unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(pins_check("", "pin"), PS_E_NOT_FOUND);
}

static void a_pin_has_at_most_256_octets(void **state)
{
    char text[259];

    (void)state;
    memset(text, '7', sizeof text);
    text[256] = '\0';
    write_pin(text, 0600);
    assert_int_equal(pins_check(path, ""), PS_OK);
    text[256] = '7';
    text[257] = '\0';
    write_pin(text, 0600);
    assert_int_equal(pins_check(path, ""), PS_E_LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pins_are_read_from_files_and_credentials),
        TEST(a_pin_that_others_may_read_is_refused),
        TEST(a_pin_that_is_missing_or_empty_is_refused),
        TEST(a_pin_has_at_most_256_octets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
