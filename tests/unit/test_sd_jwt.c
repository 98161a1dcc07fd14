#include "tests/unit/support.h"

#include "lib/base/encode.h"
#include "lib/formats/jose/sd_jwt.h"

#define NOW 1700000000u

/* Of disclosures in RFC 9901 section 4.2. */
#define DIGEST_1 "\"X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0\""
#define DIGEST_2 "\"w0I8EKcdCtUPkGCNUrfwVp2xEgNjtoIDlOxc9-PlOhs\""
#define HOLDER                                                                                     \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc\","     \
    "\"y\":\"ZxjiWWbZMQGHVWKVQ4hbSIirsVfuecCE6t4jT9F2HZQ\"}"

static enum ps_err check(const char *payload, const char *type)
{
    return sd_jwt_check(ps_bytes_str(payload), ps_bytes_str(type), NOW, &(struct jwt_pins){0});
}

static void payloads_of_sd_jwts_pass(void **state)
{
    static const char *const payloads[] = {
        "{\"vct\":\"a\"}",
        "{\"vct\":\"a\",\"_sd\":[]}",
        "{\"vct\":\"a\",\"_sd_alg\":\"sha-256\"}",
        "{\"vct\":\"a\",\"_sd\":[" DIGEST_1 "," DIGEST_2 "],\"_sd_alg\":\"sha-256\"}",
        "{\"vct\":\"a\",\"address\":{\"_sd\":[" DIGEST_1 "],\"city\":\"b\"}}",
        "{\"vct\":\"a\",\"nationalities\":[\"DE\",{\"...\":" DIGEST_1 "},{\"...\":" DIGEST_2 "}]}",
        "{\"vct\":\"a\",\"list\":[[{\"...\":" DIGEST_1 "}],{\"_sd\":[" DIGEST_2 "]}]}",
        "{\"vct\":\"a\",\"cnf\":{\"jwk\":" HOLDER "}}",
        "{\"vct\":\"a\",\"cnf\":{\"kid\":\"did:example:holder\"}}",
        "{\"vct\":\"a\",\"iss\":\"https://a.example\",\"iat\":1,\"nbf\":2,\"exp\":3}",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(payloads); i++) {
        assert_ok(check(payloads[i], "dc+sd-jwt"));
        assert_ok(check(payloads[i], "vc+sd-jwt"));
    }
}

static void only_credentials_have_a_vct(void **state)
{
    (void)state;
    assert_ok(check("{}", "example+sd-jwt"));
    assert_fails(PS_E_INPUT, check("{}", "vc+sd-jwt"));
    assert_fails(PS_E_INPUT, check("{}", "DC+sd-jwt"));
    assert_fails(PS_E_INPUT, check("{\"vct\":\"\"}", "dc+sd-jwt"));
    assert_fails(PS_E_INPUT, check("{\"vct\":[\"a\"]}", "dc+sd-jwt"));
    assert_non_null(strstr(ps_detail()->text, "vct"));
}

static const struct {
    const char *payload;
    const char *detail;
} wrong[] = {
    {"[]", "object"},
    {"{", ""},
    {"{\"vct\":1,\"vct\":2}", ""},
    {"{\"_sd\":" DIGEST_1 "}", "_sd"},
    {"{\"_sd\":{}}", "_sd"},
    {"{\"_sd\":[1]}", "digest"},
    {"{\"_sd\":[\"\"]}", "32 octets"},
    {"{\"_sd\":[\"AAAA\"]}", "32 octets"},
    /* Of 33 octets, and with padding. */
    {"{\"_sd\":[\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"]}", "32 octets"},
    {"{\"_sd\":[\"X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0=\"]}", "32 octets"},
    {"{\"_sd\":[" DIGEST_1 "," DIGEST_1 "]}", "twice"},
    {"{\"_sd\":[" DIGEST_1 "],\"a\":{\"_sd\":[" DIGEST_1 "]}}", "twice"},
    {"{\"_sd\":[" DIGEST_1 "," DIGEST_2 "],\"a\":[{\"...\":" DIGEST_1 "}]}", "twice"},
    /* ["0123456789abcdef","name","An"] */
    {"{\"_sd\":[\"WyIwMTIzNDU2Nzg5YWJjZGVmIiwibmFtZSIsIkFuIl0\"]}", "disclosure"},
    {"{\"a\":[{\"...\":\"WyIwMTIzNDU2Nzg5YWJjZGVmIiwibmFtZSIsIkFuIl0\"}]}", "disclosure"},
    {"{\"...\":" DIGEST_1 "}", "..."},
    {"{\"a\":{\"...\":" DIGEST_1 "}}", "..."},
    {"{\"a\":[{\"...\":" DIGEST_1 ",\"b\":1}]}", "..."},
    {"{\"a\":[{\"...\":[]}]}", "digest"},
    {"{\"a\":[{\"\\u002e..\":1}]}", "digest"},
    {"{\"\\u005fsd\":1}", "_sd"},
    {"{\"_sd_alg\":\"sha-512\"}", "_sd_alg"},
    {"{\"_sd_alg\":\"SHA-256\"}", "_sd_alg"},
    {"{\"_sd_alg\":1}", "_sd_alg"},
    {"{\"a\":{\"_sd_alg\":\"sha-256\"}}", "_sd_alg"},
    {"{\"a\":[{\"_sd_alg\":\"sha-256\"}]}", "_sd_alg"},
    {"{\"cnf\":\"a\"}", "cnf"},
    {"{\"cnf\":{\"jwk\":\"a\"}}", "cnf"},
    {"{\"cnf\":{\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}}", "cnf"},
    {"{\"cnf\":{\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":"
     "\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\","
     "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}}}",
     "cnf"},
    {"{\"exp\":\"tomorrow\"}", "exp"},
    {"{\"iss\":1}", "iss"},
};

static void payloads_that_verifiers_refuse_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, check(wrong[i].payload, "a+sd-jwt"));
        if (strstr(ps_detail()->text, wrong[i].detail) == NULL) {
            fail_msg("%s: %s", wrong[i].payload, ps_detail()->text);
        }
    }
}

static void a_type_ends_in_sd_jwt(void **state)
{
    static const char *const types[] = {
        "",           "JWT",         "sd-jwt",     "+sd-jwt",   "dc+sd-jwt ",
        "dc+SD-JWT",  "dc+sd-jwt\n", "d c+sd-jwt", "\"+sd-jwt", "application/dc+sd-jwt",
        "dc+sd-jwtx",
    };
    char longest[SD_JWT_TYPE_MAX + 2];

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(types); i++) {
        assert_fails(PS_E_INPUT, check("{\"vct\":\"a\"}", types[i]));
    }
    memset(longest, 'a', sizeof longest);
    memcpy(longest + SD_JWT_TYPE_MAX - 7, "+sd-jwt", 8);
    assert_ok(check("{}", longest));
    memmove(longest + 1, longest, SD_JWT_TYPE_MAX + 1);
    assert_fails(PS_E_INPUT, check("{}", longest));
}

static void a_type_of_sd_jwts_is_known_however_it_is_written(void **state)
{
    (void)state;
    assert_true(sd_jwt_is_type(LITERAL("dc+sd-jwt")));
    assert_true(sd_jwt_is_type(LITERAL("VC+SD-JWT")));
    assert_true(sd_jwt_is_type(LITERAL("application/vc+sd-jwt")));
    assert_true(sd_jwt_is_type(LITERAL("+sd-jwt")));
    assert_true(sd_jwt_is_type(LITERAL("dc+sd-jwt;v=1")));
    assert_true(sd_jwt_is_type(LITERAL("dc+sd-jwt ")));
    assert_false(sd_jwt_is_type(LITERAL("dc+sd-jw")));
    assert_false(sd_jwt_is_type(LITERAL("sd-jwt")));
    assert_false(sd_jwt_is_type(LITERAL("kb+jwt")));
    assert_false(sd_jwt_is_type(LITERAL("")));
}

static void what_a_key_pins_holds(void **state)
{
    const struct jwt_pins pins = {.issuer = LITERAL("https://a.example"), .max_ttl_s = 60};
    const struct {
        const char *payload;
        enum ps_err err;
    } rows[] = {
        {"{\"iss\":\"https://a.example\",\"exp\":1700000060}", PS_OK},
        {"{\"iss\":\"https://a.example\",\"exp\":1700000061}", PS_E_DENIED},
        {"{\"iss\":\"https://a.example\"}", PS_E_DENIED},
        {"{\"iss\":\"https://b.example\",\"exp\":1700000060}", PS_E_DENIED},
        {"{\"exp\":1700000060}", PS_E_DENIED},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        check_err(rows[i].err,
                  sd_jwt_check(ps_bytes_str(rows[i].payload), LITERAL("a+sd-jwt"), NOW, &pins),
                  rows[i].payload, __FILE__, __LINE__);
    }
}

/* As many digests as a document has room for; the last is the first again. */
static void one_digest_among_many_is_found_twice(void **state)
{
    PS_BUF_AUTO payload = {.max = 1024 * 1024};
    uint8_t digest[32] = {0};

    (void)state;
    ps_buf_put_str(&payload, "{\"_sd\":[");
    for (unsigned i = 0; i < 19000; i++) {
        digest[0] = (uint8_t)(i * 7);
        digest[1] = (uint8_t)(i >> 8);
        digest[2] = (uint8_t)i;
        ps_buf_put_str(&payload, i == 0 ? "\"" : ",\"");
        ps_buf_put_base64url(&payload, ps_bytes(digest, sizeof digest));
        ps_buf_put_u8(&payload, '"');
    }
    ps_buf_put_str(&payload, "]}");
    assert_ok(
        sd_jwt_check(ps_buf_bytes(&payload), LITERAL("a+sd-jwt"), NOW, &(struct jwt_pins){0}));
    payload.len -= 2;
    ps_buf_put_str(&payload, ",\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"]}");
    assert_fails(PS_E_INPUT, sd_jwt_check(ps_buf_bytes(&payload), LITERAL("a+sd-jwt"), NOW,
                                          &(struct jwt_pins){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payloads_of_sd_jwts_pass),
        cmocka_unit_test(only_credentials_have_a_vct),
        cmocka_unit_test(payloads_that_verifiers_refuse_are_refused),
        cmocka_unit_test(a_type_ends_in_sd_jwt),
        cmocka_unit_test(a_type_of_sd_jwts_is_known_however_it_is_written),
        cmocka_unit_test(what_a_key_pins_holds),
        cmocka_unit_test(one_digest_among_many_is_found_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
