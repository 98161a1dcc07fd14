#include "tests/unit/support.h"

#include "lib/base/secret.h"

#include <unistd.h>

/* The reading end of a pipe that holds the octets. */
static int pipe_with(const void *octets, size_t len)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], octets, len), (ssize_t)len);
    (void)close(ends[1]);
    return ends[0];
}

static enum ps_err read_from(const void *octets, size_t len, struct ps_secret **ret_secret)
{
    const int fd = pipe_with(octets, len);
    const enum ps_err err = ps_secret_read_fd(fd, ret_secret);

    (void)close(fd);
    return err;
}

static void a_secret_is_a_copy(void **state)
{
    char pin[] = "1234";
    struct ps_secret *secret = NULL;

    (void)state;
    assert_ok(ps_secret_new(ps_bytes(pin, 4), &secret));
    memset(pin, 'x', 4);
    assert_text(ps_secret_bytes(secret), "1234");
    ps_secret_free(secret);
    ps_secret_free(NULL);
}

static void the_maximum_is_reached_and_not_passed(void **state)
{
    static uint8_t octets[PS_SECRET_MAX + 1];
    struct ps_secret *secret = NULL;

    (void)state;
    assert_ok(ps_secret_new(ps_bytes(octets, PS_SECRET_MAX), &secret));
    assert_int_equal(ps_secret_bytes(secret).len, PS_SECRET_MAX);
    ps_secret_free(secret);
    assert_fails(PS_E_LIMIT, ps_secret_new(ps_bytes(octets, PS_SECRET_MAX + 1), &secret));
    memset(octets, 'a', sizeof octets);
    assert_ok(read_from(octets, PS_SECRET_MAX - 1, &secret));
    assert_int_equal(ps_secret_bytes(secret).len, PS_SECRET_MAX - 1);
    ps_secret_free(secret);
    assert_fails(PS_E_LIMIT, read_from(octets, PS_SECRET_MAX, &secret));
}

static void one_trailing_newline_is_dropped(void **state)
{
    struct ps_secret *secret = NULL;

    (void)state;
    assert_ok(read_from("12 34\n", 6, &secret));
    assert_text(ps_secret_bytes(secret), "12 34");
    ps_secret_free(secret);
    assert_ok(read_from("1234\n\n", 6, &secret));
    assert_text(ps_secret_bytes(secret), "1234\n");
    ps_secret_free(secret);
    assert_ok(read_from("1234", 4, &secret));
    assert_text(ps_secret_bytes(secret), "1234");
    ps_secret_free(secret);
}

static void an_empty_or_unreadable_secret_is_an_error(void **state)
{
    struct ps_secret *secret = NULL;

    (void)state;
    assert_fails(PS_E_INPUT, read_from("", 0, &secret));
    assert_fails(PS_E_INPUT, read_from("\n", 1, &secret));
    assert_fails(PS_E_STORAGE, ps_secret_read_fd(-1, &secret));
    assert_null(secret);
}

/* The kernel's flags of the mapping in which an address lies. */
static void flags_of(const void *address, char ret_flags[256])
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    char line[512];
    bool is_it = false;

    assert_non_null(maps);
    ret_flags[0] = '\0';
    while (fgets(line, sizeof line, maps) != NULL) {
        char *end;
        const uintptr_t low = strtoull(line, &end, 16);

        if (*end == '-') {
            is_it = (uintptr_t)address >= low && (uintptr_t)address < strtoull(end + 1, NULL, 16);
        } else if (is_it && strncmp(line, "VmFlags:", 8) == 0) {
            (void)snprintf(ret_flags, 256, "%.*s ", (int)strcspn(line, "\n"), line);
        }
    }
    (void)fclose(maps);
}

static void a_secret_is_not_swapped_and_in_no_core_file(void **state)
{
    struct ps_secret *secret = NULL;
    char flags[256];

    (void)state;
    assert_ok(ps_secret_new(LITERAL("1234"), &secret));
    flags_of(ps_secret_bytes(secret).data, flags);
    assert_non_null(strstr(flags, " lo "));
    assert_non_null(strstr(flags, " dd "));
    flags_of(&secret, flags);
    assert_true(flags[0] != '\0' && strstr(flags, " lo ") == NULL);
    ps_secret_free(secret);
}

static void wiping_overwrites(void **state)
{
    uint8_t octets[64];

    (void)state;
    memset(octets, 0xaa, sizeof octets);
    ps_wipe(octets, sizeof octets);
    for (size_t i = 0; i < sizeof octets; i++) {
        assert_int_equal(octets[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_a_copy),
        cmocka_unit_test(the_maximum_is_reached_and_not_passed),
        cmocka_unit_test(one_trailing_newline_is_dropped),
        cmocka_unit_test(an_empty_or_unreadable_secret_is_an_error),
        cmocka_unit_test(a_secret_is_not_swapped_and_in_no_core_file),
        cmocka_unit_test(wiping_overwrites),
    };

    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
