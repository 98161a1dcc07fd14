#include "tests/unit/support.h"

#include "frontends/oidc/pages/leave.h"

#define ISSUER "https://idp.example/v1/esignet"
#define ISS    "iss=https%3A%2F%2Fidp.example%2Fv1%2Fesignet"

static void assert_address(const struct leave *leave, const char *wanted)
{
    PS_BUF_AUTO address = {.max = 8192};

    assert_ok(leave_put(leave, ISSUER, &address));
    assert_text(ps_buf_bytes(&address), wanted);
}

static void a_code_goes_back_with_state_and_issuer(void **state)
{
    (void)state;
    assert_address(&(struct leave){.redirect_uri = ps_bytes_str("https://rp.example/cb"),
                                   .state = ps_bytes_str("s 1&code=x#\xc3\xa9"),
                                   .code = "abc"},
                   "https://rp.example/cb?code=abc&state=s%201%26code%3Dx%23%C3%A9&" ISS);
}

static void a_query_of_the_redirect_uri_stays(void **state)
{
    (void)state;
    assert_address(
        &(struct leave){.redirect_uri = ps_bytes_str("https://rp.example/cb?a=1"), .code = "abc"},
        "https://rp.example/cb?a=1&code=abc&" ISS);
    assert_address(
        &(struct leave){.redirect_uri = ps_bytes_str("com.example.app:/cb"), .code = "abc"},
        "com.example.app:/cb?code=abc&" ISS);
}

static void an_error_goes_back_with_its_description(void **state)
{
    (void)state;
    assert_address(&(struct leave){.redirect_uri = ps_bytes_str("https://rp.example/cb"),
                                   .state = ps_bytes_str("s"),
                                   .error = leave_error_of("use_pkce")},
                   "https://rp.example/cb?error=invalid_request&error_description=use_pkce&"
                   "state=s&" ISS);
    assert_address(&(struct leave){.redirect_uri = ps_bytes_str("https://rp.example/cb"),
                                   .error = leave_error_of("login_required")},
                   "https://rp.example/cb?error=login_required&" ISS);
    assert_string_equal(leave_error_of("invalid_response_type").error, "unsupported_response_type");
    assert_string_equal(leave_error_of("invalid_scope").error, "invalid_scope");
}

static void an_address_over_its_limit_is_a_limit_error(void **state)
{
    const struct leave leave = {.redirect_uri = ps_bytes_str("https://rp.example/cb"), .code = "c"};
    PS_BUF_AUTO address = {.max = 30};

    (void)state;
    assert_fails(PS_E_LIMIT, leave_put(&leave, ISSUER, &address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_goes_back_with_state_and_issuer),
        cmocka_unit_test(a_query_of_the_redirect_uri_stays),
        cmocka_unit_test(an_error_goes_back_with_its_description),
        cmocka_unit_test(an_address_over_its_limit_is_a_limit_error),
    };

    return cmocka_run_group_tests_name("oidc_leave", tests, NULL, NULL);
}
