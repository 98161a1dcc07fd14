#include "tests/unit/support.h"

#include "frontends/oidc/pages/visitor.h"

#define HANDLE "0123456789012345678901234567890123456789012"
#define OTHER  "1123456789012345678901234567890123456789012"

static struct visitor make_visitor(void)
{
    struct visitor visitor = {.is_new = true};

    csrf_make_value(visitor.value);
    return visitor;
}

static void a_token_is_of_one_browser_and_one_login(void **state)
{
    const struct visitor visitor = make_visitor();
    const struct visitor other = make_visitor();
    char token[CSRF_TOKEN_LEN + 1];
    char again[CSRF_TOKEN_LEN + 1];

    (void)state;
    visitor_make_token(&visitor, HANDLE, token);
    visitor_make_token(&visitor, HANDLE, again);
    assert_string_not_equal(token, again);
    assert_true(visitor_has_sent(&visitor, HANDLE, ps_bytes_str(token)));
    assert_true(visitor_has_sent(&visitor, HANDLE, ps_bytes_str(again)));
    assert_false(visitor_has_sent(&visitor, OTHER, ps_bytes_str(token)));
    assert_false(visitor_has_sent(&other, HANDLE, ps_bytes_str(token)));
    token[CSRF_TOKEN_LEN / 2] = token[CSRF_TOKEN_LEN / 2] == 'A' ? 'B' : 'A';
    assert_false(visitor_has_sent(&visitor, HANDLE, ps_bytes_str(token)));
}

static void what_is_no_token_was_not_sent(void **state)
{
    static const char *const bad[] = {"", "x", HANDLE, HANDLE HANDLE, HANDLE HANDLE "A"};
    const struct visitor visitor = make_visitor();

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_false(visitor_has_sent(&visitor, HANDLE, ps_bytes_str(bad[i])));
    }
    assert_false(visitor_has_sent(&visitor, HANDLE, ps_bytes(NULL, 0)));
}

static void a_login_belongs_to_the_browser_that_began_it(void **state)
{
    const struct visitor visitor = make_visitor();
    const struct visitor other = make_visitor();
    TRANSACTION_AUTO transaction;

    (void)state;
    transaction_init(&transaction);
    assert_false(visitor_owns(&visitor, &transaction));
    visitor_put_mark(&visitor, &transaction.of[TRANSACTION_BROWSER]);
    assert_true(visitor_owns(&visitor, &transaction));
    assert_false(visitor_owns(&other, &transaction));
}

static void the_mark_tells_nothing_of_the_cookie(void **state)
{
    const struct visitor visitor = make_visitor();
    PS_BUF_AUTO mark = {.max = 100};

    (void)state;
    visitor_put_mark(&visitor, &mark);
    assert_int_equal(mark.len, CSRF_VALUE_LEN);
    assert_false(ps_bytes_equal_str(ps_buf_bytes(&mark), visitor.value));
}

static void the_cookie_is_for_this_host_alone(void **state)
{
    const struct visitor visitor = make_visitor();
    char header[VISITOR_COOKIE_MAX];
    struct ps_bytes found;

    (void)state;
    visitor_make_cookie(&visitor, header);
    assert_non_null(strstr(header, "; Path=/; Secure; HttpOnly; SameSite=Lax"));
    assert_null(strstr(header, "Domain"));
    assert_true(csrf_find(ps_bytes_str(header), VISITOR_COOKIE, &found));
    assert_text(found, visitor.value);
    assert_false(csrf_find(ps_bytes_str(header), CSRF_COOKIE, &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_of_one_browser_and_one_login),
        cmocka_unit_test(what_is_no_token_was_not_sent),
        cmocka_unit_test(a_login_belongs_to_the_browser_that_began_it),
        cmocka_unit_test(the_mark_tells_nothing_of_the_cookie),
        cmocka_unit_test(the_cookie_is_for_this_host_alone),
    };

    return cmocka_run_group_tests_name("oidc_visitor", tests, NULL, NULL);
}
