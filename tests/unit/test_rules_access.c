#include "keystore/policy/rules.h"

#include "tests/unit/vectors.h"

static struct ps_bytes text(const char *string)
{
    return ps_bytes_str(string);
}

static struct json_value parse(const char *body)
{
    const struct json_limits limits = JSON_LIMITS_REQUEST;
    struct json_value value = {0};

    assert_ok(json_parse(json, text(body), &limits, &value));
    return value;
}

#define PIN "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"

static void client_has_an_identity_that_may_be_one(void **state)
{
    static const uint32_t own[] = {501, 502};
    static const struct {
        const char *name;
        const char *pins;
        const char *uids;
        const char *san;
        bool is_practice;
        const char *rule;
    } cases[] = {
        {"oidc", "[\"" PIN "\"]", "[]", "", false, ""},
        {"oidc", "[]", "[7]", "", false, ""},
        {"oidc", "[]", "[]", "a.example", false, ""},
        {"oidc", "[]", "[]", "", false, "identity"},
        {"privyseal.x", "[]", "[7]", "", false, "reserved-name"},
        {"oidc", "[]", "[]", "*.example", false, "exact-san"},
        {"oidc", "[]", "[7,0]", "", false, "uid-zero"},
        {"oidc", "[]", "[7,0]", "", true, ""},
        {"oidc", "[]", "[7,502]", "", true, "own-uid"},
        {"oidc", "[]", "[503]", "", false, ""},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        const struct client_rule_context context = {
            .is_practice = cases[i].is_practice, .refused_uids = own, .refused_count = 2};
        const char *rule = cases[i].rule;
        char body[512];
        struct client_record record;
        const struct rule *broken;

        (void)snprintf(body, sizeof body,
                       "{\"issuer\":\"%s\",\"listener\":\"both\",\"name\":\"%s\",\"pins\":%s,"
                       "\"san\":\"%s\",\"suspended\":false,\"uids\":%s}",
                       cases[i].san[0] == 0 ? "" : PIN, cases[i].name, cases[i].pins, cases[i].san,
                       cases[i].uids);
        assert_ok(client_record_read(parse(body), &record));
        broken = rules_check_client(&record, &context);
        assert_string_equal(broken == NULL ? "" : broken->name, rule);
    }
}

static void record_without_lists_has_no_identity(void **state)
{
    const struct client_record record = {.name = text("oidc")};
    const struct client_rule_context context = {0};

    (void)state;
    assert_string_equal(rules_check_client(&record, &context)->name, "identity");
}

static void grant_names_what_exists(void **state)
{
    static const struct {
        const char *keys;
        const char *operations;
        const char *formats;
        unsigned not_after;
        const char *rule;
    } cases[] = {
        {"oidc.*", "[\"jws.sign\"]", "[]", 0, ""},
        {"*", "[\"jws.sign\",\"cose.sign\",\"keys.read\"]", "[\"cose\",\"jws\"]", 0, ""},
        {"privyseal*", "[\"mac\"]", "[]", 0, ""},
        {"privyseal.*", "[\"mac\"]", "[]", 0, "reserved-name"},
        {"privyseal.log", "[\"mac\"]", "[]", 0, "reserved-name"},
        {"*", "[\"jws.sign\",\"jws\"]", "[]", 0, "operations"},
        {"*", "[\"x509.issue\"]", "[]", 0, "operations"},
        {"*", "[\"x509.issue:wallet\"]", "[]", 0, ""},
        {"*", "[\"jws.sign\"]", "[\"raw\"]", 0, "formats"},
        {"*", "[\"mac\"]", "[\"jws\"]", 0, "formats"},
        {"*", "[\"mac\"]", "[]", 1000, "not-after"},
        {"*", "[\"mac\"]", "[]", 1001, ""},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        struct grant_record record;
        const struct rule *broken;
        char body[512];

        (void)snprintf(body, sizeof body,
                       "{\"client\":\"oidc\",\"formats\":%s,\"id\":\"g\",\"keys\":\"%s\","
                       "\"not_after_s\":%u,\"operations\":%s,\"rate_per_s\":0}",
                       cases[i].formats, cases[i].keys, cases[i].not_after, cases[i].operations);
        assert_ok(grant_record_read(parse(body), &record));
        broken = rules_check_grant(&record, 1000);
        assert_string_equal(broken == NULL ? "" : broken->name, cases[i].rule);
    }
}

static void grant_without_operations_names_none(void **state)
{
    const struct grant_record record = {.keys = text("*")};

    (void)state;
    assert_string_equal(rules_check_grant(&record, 0)->name, "operations");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_has_an_identity_that_may_be_one),
        cmocka_unit_test(record_without_lists_has_no_identity),
        cmocka_unit_test(grant_names_what_exists),
        cmocka_unit_test(grant_without_operations_names_none),
    };

    return cmocka_run_group_tests(tests, make_reader, free_reader);
}
