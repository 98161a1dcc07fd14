#include "tests/unit/support.h"

#include "lib/formats/jose/jws.h"

#define NOW UINT64_C(1700000000)

static const struct jwt_defaults defaults = {
    .now_s = NOW, .ttl_s = 300, .jti = {(const uint8_t *)"j-1", 3}};
static const struct jwt_pins no_pins;

static enum ps_err put(const char *claims, const struct jwt_defaults *given,
                       const struct jwt_pins *pins, struct ps_buf *out)
{
    ps_buf_clear(out);
    return jwt_put_payload(ps_bytes_str(claims), given, pins, out);
}

static void absent_claims_are_appended_and_octets_are_kept(void **state)
{
    static const char *const rows[][2] = {
        {"{}", "{\"iat\":1700000000,\"exp\":1700000300,\"jti\":\"j-1\"}"},
        {" {\"sub\" : \"a\\u0062\" } \n",
         "{\"sub\" : \"a\\u0062\" ,\"iat\":1700000000,\"exp\":1700000300,\"jti\":\"j-1\"}"},
        {"{\"iat\":5}", "{\"iat\":5,\"exp\":1700000300,\"jti\":\"j-1\"}"},
        {"{\"jti\":\"x\",\"exp\":1700000001,\"x\":1.50}",
         "{\"jti\":\"x\",\"exp\":1700000001,\"x\":1.50,\"iat\":1700000000}"},
        {"{\"iat\":1,\"exp\":2,\"jti\":\"\"}", "{\"iat\":1,\"exp\":2,\"jti\":\"\"}"},
        {"{\"a\":{\"iat\":1,\"exp\":2}}",
         "{\"a\":{\"iat\":1,\"exp\":2},\"iat\":1700000000,\"exp\":1700000300,\"jti\":\"j-1\"}"},
        {"{\"\\u0069at\":7}", "{\"\\u0069at\":7,\"exp\":1700000300,\"jti\":\"j-1\"}"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO out = {.max = 4096};

        assert_ok(put(rows[i][0], &defaults, &no_pins, &out));
        assert_text(ps_buf_bytes(&out), rows[i][1]);
    }
}

static void without_a_ttl_there_is_no_exp_and_without_a_jti_none(void **state)
{
    const struct jwt_defaults bare = {.now_s = NOW};
    PS_BUF_AUTO out = {.max = 4096};

    (void)state;
    assert_ok(put("{}", &bare, &no_pins, &out));
    assert_text(ps_buf_bytes(&out), "{\"iat\":1700000000}");
    assert_ok(put("{\"iat\":1}", &bare, &no_pins, &out));
    assert_text(ps_buf_bytes(&out), "{\"iat\":1}");
}

static void claims_of_another_type_are_input_errors(void **state)
{
    static const char *const wrong[] = {
        "",
        "[]",
        "\"a\"",
        "null",
        "{",
        "{\"a\":1,\"a\":2}",
        "{}x",
        "{\"iat\":\"5\"}",
        "{\"iat\":5.5}",
        "{\"iat\":-1}",
        "{\"iat\":1e3}",
        "{\"iat\":null}",
        "{\"exp\":\"2030-01-01T00:00:00Z\"}",
        "{\"exp\":1000000000000001}",
        "{\"nbf\":true}",
        "{\"iss\":5}",
        "{\"sub\":{}}",
        "{\"jti\":1}",
        "{\"sub\":\"\xff\"}",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        PS_BUF_AUTO out = {.max = 4096};

        assert_fails(PS_E_INPUT, put(wrong[i], &defaults, &no_pins, &out));
        assert_int_equal(out.len, 0);
    }
}

static void a_pinned_issuer_must_be_there(void **state)
{
    const struct jwt_pins pins = {.issuer = LITERAL("https://a")};
    PS_BUF_AUTO out = {.max = 4096};

    (void)state;
    assert_ok(put("{\"iss\":\"https://a\"}", &defaults, &pins, &out));
    assert_ok(put("{\"iss\":\"https:\\/\\/a\"}", &defaults, &pins, &out));
    assert_fails(PS_E_DENIED, put("{}", &defaults, &pins, &out));
    assert_fails(PS_E_DENIED, put("{\"iss\":\"https://b\"}", &defaults, &pins, &out));
    assert_fails(PS_E_DENIED, put("{\"iss\":\"https://a/\"}", &defaults, &pins, &out));
    assert_fails(PS_E_DENIED, put("{\"iss\":\"https://a\\u0000\"}", &defaults, &pins, &out));
}

static void a_pinned_lifetime_cannot_be_stretched(void **state)
{
    const struct jwt_pins pins = {.max_ttl_s = 300};
    const struct jwt_defaults longer = {.now_s = NOW, .ttl_s = 301};
    const struct jwt_defaults none = {.now_s = NOW};
    PS_BUF_AUTO out = {.max = 4096};

    (void)state;
    assert_ok(put("{}", &defaults, &pins, &out));
    assert_ok(put("{\"exp\":1700000300}", &defaults, &pins, &out));
    assert_ok(put("{\"exp\":5}", &none, &pins, &out));
    assert_fails(PS_E_DENIED, put("{}", &longer, &pins, &out));
    assert_fails(PS_E_DENIED, put("{}", &none, &pins, &out));
    assert_fails(PS_E_DENIED, put("{\"exp\":1700000301}", &defaults, &pins, &out));
    /* Neither an issue time in the future nor one in the past makes it longer. */
    assert_fails(PS_E_DENIED, put("{\"iat\":1700000300,\"exp\":1700000600}", &none, &pins, &out));
    assert_fails(PS_E_DENIED, put("{\"iat\":1699999999,\"exp\":1700000300}", &none, &pins, &out));
    assert_fails(PS_E_DENIED, put("{\"iat\":0,\"exp\":1000000000000000}", &none, &pins, &out));
}

static void a_full_buffer_is_a_limit_error(void **state)
{
    PS_BUF_AUTO out = {.max = 10};

    (void)state;
    assert_fails(PS_E_LIMIT, jwt_put_payload(LITERAL("{}"), &defaults, &no_pins, &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_claims_are_appended_and_octets_are_kept),
        cmocka_unit_test(without_a_ttl_there_is_no_exp_and_without_a_jti_none),
        cmocka_unit_test(claims_of_another_type_are_input_errors),
        cmocka_unit_test(a_pinned_issuer_must_be_there),
        cmocka_unit_test(a_pinned_lifetime_cannot_be_stretched),
        cmocka_unit_test(a_full_buffer_is_a_limit_error),
    };

    return cmocka_run_group_tests_name("jwt", tests, NULL, NULL);
}
