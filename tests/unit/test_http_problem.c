#include "tests/unit/support.h"

#include "lib/http/problem.h"

static struct ps_buf out;

static int begin(void **state)
{
    (void)state;
    ps_buf_init(&out, 4096);
    return 0;
}

static int end(void **state)
{
    (void)state;
    ps_buf_clear(&out);
    return 0;
}

static void a_problem_document_has_its_members(void **state)
{
    const struct http_problem problem = {.problem = PS_PROBLEM_OVERLOADED,
                                         .detail = LITERAL("one \"queue\"\n"),
                                         .state = LITERAL("degraded"),
                                         .retry_after_s = 2,
                                         .has_item = true,
                                         .item = 0};

    (void)state;
    http_put_problem(&problem, LITERAL("req-1"), &out);
    assert_text(ps_buf_bytes(&out),
                "{\"type\":\"urn:privyseal:problem:overloaded\","
                "\"title\":\"Too much work is waiting\",\"status\":503,\"code\":\"overloaded\","
                "\"detail\":\"one \\\"queue\\\"\\n\",\"instance\":\"req-1\",\"state\":\"degraded\","
                "\"retry_after_s\":2,\"item\":0}");
}

static void what_is_empty_is_left_out(void **state)
{
    const struct http_problem problem = {.problem = PS_PROBLEM_NOT_FOUND};

    (void)state;
    http_put_problem(&problem, ps_bytes(NULL, 0), &out);
    assert_text(ps_buf_bytes(&out), "{\"type\":\"urn:privyseal:problem:not-found\","
                                    "\"title\":\"There is no such thing here\",\"status\":404,"
                                    "\"code\":\"not-found\"}");
}

static void what_is_no_problem_is_an_internal_one(void **state)
{
    const struct http_problem problem = {.problem = PS_PROBLEM_COUNT};

    (void)state;
    http_put_problem(&problem, ps_bytes(NULL, 0), &out);
    assert_non_null(strstr((const char *)out.data, "\"code\":\"internal\""));
    assert_int_equal(http_problem_status(PS_PROBLEM_COUNT), 500);
    assert_int_equal(http_problem_status(PS_PROBLEM_NONE), 500);
}

static void every_problem_has_the_status_of_its_row(void **state)
{
    (void)state;
    for (unsigned i = PS_PROBLEM_NONE + 1; i < PS_PROBLEM_COUNT; i++) {
        const struct http_problem problem = {.problem = (enum ps_problem)i};
        char status[32];

        ps_buf_reset(&out);
        http_put_problem(&problem, ps_bytes(NULL, 0), &out);
        ps_buf_put_u8(&out, '\0');
        (void)snprintf(status, sizeof status, "\"status\":%u,",
                       http_problem_status((enum ps_problem)i));
        assert_non_null(strstr((const char *)out.data, status));
        assert_in_range(http_problem_status((enum ps_problem)i), 400, 599);
    }
}

static void a_buffer_too_small_is_noticed(void **state)
{
    const struct http_problem problem = {.problem = PS_PROBLEM_NOT_FOUND};
    PS_BUF_AUTO small;

    (void)state;
    ps_buf_init(&small, 40);
    http_put_problem(&problem, ps_bytes(NULL, 0), &small);
    assert_fails(PS_E_LIMIT, ps_buf_status(&small));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_problem_document_has_its_members, begin, end),
        cmocka_unit_test_setup_teardown(what_is_empty_is_left_out, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_problem_is_an_internal_one, begin, end),
        cmocka_unit_test_setup_teardown(every_problem_has_the_status_of_its_row, begin, end),
        cmocka_unit_test(a_buffer_too_small_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
