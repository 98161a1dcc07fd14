#include "tests/unit/support.h"

#include "lib/base/line.h"

#include <sys/mman.h>
#include <unistd.h>

static int saved_stderr;
static int captured;

/* What goes to standard error meanwhile is caught in a file of no name. */
static void start_capture(void)
{
    (void)fflush(stderr);
    saved_stderr = dup(STDERR_FILENO);
    captured = memfd_create("stderr", 0);
    assert_true(saved_stderr >= 0 && captured >= 0);
    assert_true(dup2(captured, STDERR_FILENO) >= 0);
}

static struct ps_bytes end_capture(char *room, size_t size)
{
    ssize_t got;

    assert_true(dup2(saved_stderr, STDERR_FILENO) >= 0);
    (void)close(saved_stderr);
    got = pread(captured, room, size, 0);
    (void)close(captured);
    assert_true(got >= 0);
    return ps_bytes(room, (size_t)got);
}

static void a_line_is_one_json_object(void **state)
{
    static char room[8192];
    struct ps_bytes line;

    (void)state;
    start_capture();
    ps_line(PS_WARNING, "token_up", PS_STR("token", "a"),
            PS_NUM("sessions", 18446744073709551615u));
    line = end_capture(room, sizeof room);
    /* {"time":"2026-01-02T03:04:05.123456Z" and the rest, which is fixed. */
    assert_true(line.len > 37);
    assert_true(ps_bytes_starts_with(line, LITERAL("{\"time\":\"20")));
    assert_text(ps_bytes_from(line, 36),
                "\",\"level\":\"warning\",\"process\":\"test\",\"event\":\"token_up\","
                "\"token\":\"a\",\"sessions\":18446744073709551615}\n");
}

static void text_from_outside_cannot_break_the_line(void **state)
{
    static char room[8192];
    struct ps_bytes line;

    (void)state;
    start_capture();
    ps_line(PS_ERROR, "refused", PS_TEXT("who", LITERAL("a\"}\n{\"x\":\x1b[0m\xff\0")));
    line = end_capture(room, sizeof room);
    assert_non_null(
        strstr(room, "\"who\":\"a\\\"}\\n{\\\"x\\\":\\u001b[0m\xef\xbf\xbd\\u0000\"}\n"));
    assert_ptr_equal(memchr(line.data, '\n', line.len), line.data + line.len - 1);
}

static void what_is_below_the_level_is_not_written(void **state)
{
    static char room[8192];

    (void)state;
    start_capture();
    ps_line(PS_DEBUG, "detail", PS_NUM("n", 1));
    assert_int_equal(end_capture(room, sizeof room).len, 0);
    ps_line_init("test", PS_ERROR);
    start_capture();
    ps_line(PS_WARNING, "warned", PS_NUM("n", 1));
    ps_line(PS_ERROR, "failed", PS_NUM("n", 1));
    assert_non_null(memmem(room, end_capture(room, sizeof room).len, "failed", 6));
    assert_null(strstr(room, "warned"));
    ps_line_init("test", PS_INFO);
}

static void a_field_that_does_not_fit_is_left_out_whole(void **state)
{
    static char room[8192];
    static char text[5000];
    struct ps_bytes line;

    (void)state;
    for (size_t len = 3900; len < 4100; len++) {
        memset(text, 'x', len);
        start_capture();
        ps_line(PS_INFO, "e", PS_NUM("before", 1), PS_TEXT("long", ps_bytes(text, len)),
                PS_NUM("after", 2));
        line = end_capture(room, sizeof room);
        assert_true(line.len <= 4096 && line.data[line.len - 1] == '\n');
        assert_int_equal(line.data[line.len - 2], '}');
        assert_non_null(memmem(line.data, line.len, "\"before\":1", 10));
        /* Either whole or not at all. */
        assert_true(line.len > len || memmem(line.data, line.len, "long", 4) == NULL);
    }
    assert_null(memmem(line.data, line.len, "long", 4));
    assert_non_null(memmem(line.data, line.len, "\"after\":2", 9));
}

static int init_line(void **state)
{
    (void)state;
    ps_line_init("test", PS_INFO);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_one_json_object),
        cmocka_unit_test(text_from_outside_cannot_break_the_line),
        cmocka_unit_test(what_is_below_the_level_is_not_written),
        cmocka_unit_test(a_field_that_does_not_fit_is_left_out_whole),
    };

    return cmocka_run_group_tests_name("line", tests, init_line, NULL);
}
