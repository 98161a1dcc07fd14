#include "tests/unit/support.h"

#include "frontends/plugins/http/config.h"
#include "frontends/plugins/http/identity.h"
#include "lib/base/clock.h"

static struct json *json;

static int begin(void **state)
{
    (void)state;
    return json_new(&json) == PS_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    json_free(json);
    return 0;
}

static struct privyseal_auth_text text(const char *octets)
{
    return (struct privyseal_auth_text){octets, strlen(octets)};
}

static struct privyseal_auth_request request(void)
{
    return (struct privyseal_auth_request){.relying_party = text("a/b"),
                                           .client = text("c d\xc3\xa9?"),
                                           .transaction = text("t"),
                                           .individual = text("1\"2")};
}

static void addresses_have_what_is_given_as_one_segment(void **state)
{
    const struct privyseal_auth_request asked = request();
    PS_BUF_AUTO url = {.max = 1000};

    (void)state;
    identity_put_url("https://id.example/v1", IDENTITY_AUTHENTICATE, &asked, &url);
    assert_text(ps_buf_bytes(&url), "https://id.example/v1/v2/kyc-auth/a%2Fb/c%20d%C3%A9%3F");
    ps_buf_reset(&url);
    identity_put_url("https://id.example", IDENTITY_KEYS, &asked, &url);
    assert_text(ps_buf_bytes(&url), "https://id.example/keys.json");
}

static void assert_body(enum identity_call call, const struct privyseal_auth_request *asked,
                        const char *expected)
{
    PS_BUF_AUTO body = {.max = 4000};
    uint64_t now_ns = 0;

    assert_ok(ps_time_parse(ps_bytes_str("2026-01-02T03:04:05.678Z"), &now_ns));
    assert_ok(identity_put_body(call, asked, now_ns, &body));
    assert_text(ps_buf_bytes(&body), expected);
}

static void bodies_are_what_the_identity_system_reads(void **state)
{
    const struct privyseal_auth_text channels[] = {text("email"), text("phone")};
    const struct privyseal_auth_text claims[] = {text("name"), text("email")};
    const struct privyseal_auth_text locales[] = {text("en"), text("fra"), text("xx"),
                                                  text("pt-BR")};
    const struct privyseal_auth_challenge challenges[] = {
        {text("OTP"), text("alpha-numeric"), text("111111")},
        {text("WLA"), text("jwt"), text("a.b.c")},
        {text("PWD"), text("alpha-numeric"), text("p\"w")}};
    struct privyseal_auth_request asked = request();

    (void)state;
    asked.channels = (struct privyseal_auth_list){channels, 2};
    asked.claims = (struct privyseal_auth_list){claims, 2};
    asked.locales = (struct privyseal_auth_list){locales, 4};
    asked.challenges = challenges;
    asked.challenge_count = 3;
    asked.kyc_token = text("k");
    asked.form = PRIVYSEAL_AUTH_JWE;
    assert_body(IDENTITY_SEND_OTP, &asked,
                "{\"transactionId\":\"t\",\"individualId\":\"1\\\"2\","
                "\"otpChannels\":[\"email\",\"phone\"]}");
    assert_body(IDENTITY_AUTHENTICATE, &asked,
                "{\"transactionId\":\"t\",\"individualId\":\"1\\\"2\",\"otp\":\"111111\","
                "\"tokens\":[\"a.b.c\"],\"password\":\"p\\\"w\",\"claimMetadataRequired\":false}");
    assert_body(IDENTITY_EXCHANGE, &asked,
                "{\"transactionId\":\"t\",\"individualId\":\"1\\\"2\",\"kycToken\":\"k\","
                "\"requestDateTime\":\"2026-01-02T03:04:05.678Z\","
                "\"acceptedClaims\":[\"name\",\"email\"],"
                "\"claimLocales\":[\"eng\",\"fra\",\"por\"],\"respType\":\"JWE\"}");
    assert_body(IDENTITY_KEYS, &asked, "");
}

static void a_factor_that_there_is_not_or_twice_is_refused(void **state)
{
    const struct privyseal_auth_challenge unknown = {.factor = text("XXX")};
    const struct privyseal_auth_challenge twice[] = {{.factor = text("PIN")},
                                                     {.factor = text("PIN")}};
    struct privyseal_auth_request asked = request();
    PS_BUF_AUTO body = {.max = 4000};

    (void)state;
    asked.challenges = &unknown;
    asked.challenge_count = 1;
    assert_fails(PS_E_INPUT, identity_put_body(IDENTITY_AUTHENTICATE, &asked, 0, &body));
    asked.challenges = twice;
    asked.challenge_count = 2;
    assert_fails(PS_E_INPUT, identity_put_body(IDENTITY_AUTHENTICATE, &asked, 0, &body));
}

static struct privyseal_auth_answer read_answer(enum identity_call call, long status,
                                                const char *body)
{
    struct privyseal_auth_answer answer = {.result = PRIVYSEAL_AUTH_OK};

    identity_read(json, call, status, ps_bytes_str(body), &answer);
    return answer;
}

static void assert_member(struct privyseal_auth_text got, const char *expected)
{
    assert_text(ps_bytes(got.data, got.len), expected);
}

static void answers_are_read(void **state)
{
    struct privyseal_auth_answer answer;

    (void)state;
    answer = read_answer(IDENTITY_SEND_OTP, 200,
                         "{\"response\":{\"maskedEmail\":\"a\\u00e9\",\"maskedMobile\":null},"
                         "\"errors\":[]}");
    assert_int_equal(answer.result, PRIVYSEAL_AUTH_OK);
    assert_member(answer.masked_email, "a\xc3\xa9");
    assert_member(answer.masked_mobile, "");
    answer = read_answer(IDENTITY_AUTHENTICATE, 200,
                         "{\"response\":{\"authStatus\":true,\"kycToken\":\"k\","
                         "\"partnerSpecificUserToken\":\"s\",\"claimMetadata\":{\"name\":[ ]}}}");
    assert_int_equal(answer.result, PRIVYSEAL_AUTH_OK);
    assert_member(answer.kyc_token, "k");
    assert_member(answer.subject, "s");
    assert_member(answer.claims_metadata, "{\"name\":[ ]}");
    answer = read_answer(IDENTITY_EXCHANGE, 200, "{\"response\":{\"kyc\":\"a.b.c\"}}");
    assert_int_equal(answer.result, PRIVYSEAL_AUTH_OK);
    assert_member(answer.claims, "a.b.c");
    answer = read_answer(IDENTITY_KEYS, 200, "{\"keys\":[]}");
    assert_int_equal(answer.result, PRIVYSEAL_AUTH_OK);
    assert_member(answer.certificates, "{\"keys\":[]}");
}

static void refusals_have_their_code(void **state)
{
    static const char *const refused[] = {
        "{\"response\":null,\"errors\":[{\"errorCode\":\"mock-ida-001\",\"message\":\"m\"}]}",
        "{\"response\":{\"authStatus\":false},\"errors\":[{\"errorCode\":\"mock-ida-001\"}]}",
        ("{\"response\":{\"authStatus\":\"true\",\"kycToken\":\"k\"},"
         "\"errors\":[{\"errorCode\":\"mock-ida-001\"},{\"errorCode\":\"other\"}]}"),
        "{\"errors\":[{\"errorCode\":\"mock-ida-001\"}]}"};
    static const char *const without[] = {"{}", "{\"errors\":[]}", "{\"errors\":[1]}",
                                          "{\"response\":[],\"errors\":{}}"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(refused); i++) {
        const struct privyseal_auth_answer answer =
            read_answer(IDENTITY_AUTHENTICATE, 200, refused[i]);

        assert_int_equal(answer.result, PRIVYSEAL_AUTH_REFUSED);
        assert_member(answer.code, "mock-ida-001");
    }
    for (size_t i = 0; i < PS_COUNT_OF(without); i++) {
        const struct privyseal_auth_answer answer = read_answer(IDENTITY_SEND_OTP, 200, without[i]);

        assert_int_equal(answer.result, PRIVYSEAL_AUTH_REFUSED);
        assert_member(answer.code, "");
    }
}

static void what_is_no_answer_is_away_or_a_failure(void **state)
{
    static const char good[] = "{\"response\":{\"kyc\":\"a.b.c\"}}";

    (void)state;
    assert_int_equal(read_answer(IDENTITY_EXCHANGE, 503, good).result, PRIVYSEAL_AUTH_AWAY);
    assert_int_equal(read_answer(IDENTITY_EXCHANGE, 500, "").result, PRIVYSEAL_AUTH_AWAY);
    assert_int_equal(read_answer(IDENTITY_EXCHANGE, 404, good).result, PRIVYSEAL_AUTH_FAILED);
    assert_int_equal(read_answer(IDENTITY_EXCHANGE, 302, good).result, PRIVYSEAL_AUTH_FAILED);
    assert_int_equal(read_answer(IDENTITY_EXCHANGE, 200, "").result, PRIVYSEAL_AUTH_FAILED);
    assert_int_equal(read_answer(IDENTITY_EXCHANGE, 200, "<html>").result, PRIVYSEAL_AUTH_FAILED);
    assert_int_equal(read_answer(IDENTITY_EXCHANGE, 200, "[]").result, PRIVYSEAL_AUTH_FAILED);
    assert_int_equal(read_answer(IDENTITY_EXCHANGE, 200, "{\"a\":1,\"a\":2}").result,
                     PRIVYSEAL_AUTH_FAILED);
    assert_int_equal(read_answer(IDENTITY_KEYS, 200, good).result, PRIVYSEAL_AUTH_FAILED);
}

static enum ps_err parse(const char *lines)
{
    PS_BUF_AUTO errors = {.max = 65536};
    void *config = NULL;
    enum ps_err err;
    char all[500];

    (void)snprintf(all, sizeof all, "[identity]\n%s", lines);
    err = config_form_parse(&identity_config_form, "c", ps_bytes_str(all), &errors, &config);
    config_form_free(&identity_config_form, config);
    if (err == PS_E_INPUT) { /* the detail is the first mistake, whole */
        const size_t len = strlen(ps_detail()->text);

        assert_true(errors.len > len && errors.data[len] == '\n');
        assert_memory_equal(errors.data, ps_detail()->text, len);
    }
    return err;
}

static void only_this_machine_is_asked_without_tls(void **state)
{
    static const char *const good[] = {"url = https://id.example/v1/mock-identity-system\n",
                                       "url = http://127.0.0.1:8082/v1\n",
                                       "url = http://[::1]:8082\n", "url = http://localhost\n"};
    static const char *const bad[] = {"",
                                      "url = http://id.example\n",
                                      "url = http://127.0.0.1.id.example\n",
                                      "url = http://localhost.id.example/\n",
                                      "url = http://127.0.0.1:80@id.example\n",
                                      "url = https://id.example/\n",
                                      "url = https://id.example?a\n",
                                      "url = ftp://id.example\n",
                                      "url = https://id.example\nkey = /a/b\n"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(good); i++) {
        assert_ok(parse(good[i]));
    }
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_fails(PS_E_INPUT, parse(bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_what_is_given_as_one_segment),
        cmocka_unit_test(bodies_are_what_the_identity_system_reads),
        cmocka_unit_test(a_factor_that_there_is_not_or_twice_is_refused),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(refusals_have_their_code),
        cmocka_unit_test(what_is_no_answer_is_away_or_a_failure),
        cmocka_unit_test(only_this_machine_is_asked_without_tls),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
