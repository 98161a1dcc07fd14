#include "tests/unit/support.h"

#include "lib/formats/x509/rule.h"

static void a_star_stands_where_an_owners_part_ends(void **state)
{
    static const struct {
        const char *rule;
        bool is_good;
    } cases[] = {
        {"dns:a.example", true},
        {"dns:*.example.org", true},
        {"dns:*", true},
        {"ip:*", true},
        {"ip:192.0.2.1", true},
        {"email:*@example.org", true},
        {"email:*", true},
        {"uri:https://example.org/*", true},
        {"uri:https://example.org/a/*", true},
        {"uri:did:web:*", true},
        {"uri:*", true},
        {"dns:*example.org", false},
        {"dns:a.*", false},
        {"dns:*.", false},
        {"dns:**", false},
        {"dns:", false},
        {"ip:192.0.2.*", false},
        {"email:a@*", false},
        {"email:*example.org", false},
        {"uri:https://example.org*", false},
        {"uri:https://*", false},
        {"uri:https:*", true},
        {"uri:https://*.example.org/", false},
        {"rid:*", false},
        {"*", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        if (x509_rule_valid(ps_bytes_str(cases[i].rule)) != cases[i].is_good) {
            fail_msg("%s", cases[i].rule);
        }
    }
}

static void names_match_the_rules_of_their_kind(void **state)
{
    static const struct {
        const char *rule;
        const char *name;
        bool matches;
    } cases[] = {
        {"dns:*.example.org", "dns:a.example.org", true},
        {"dns:*.example.org", "dns:a.b.example.org", true},
        {"dns:*.example.org", "dns:example.org", false},
        {"dns:*.example.org", "dns:a.example.com", false},
        {"dns:*.example.org", "dns:*.example.org", false},
        {"dns:*", "dns:*.example.org", false},
        {"dns:*", "email:a@b.c", false},
        {"dns:a.example", "dns:a.example", true},
        {"dns:a.example", "dns:b.example", false},
        {"email:*@example.org", "email:a@example.org", true},
        {"email:*@example.org", "email:a@b.example.org", false},
        {"uri:https://example.org/*", "uri:https://example.org/a", true},
        {"uri:https://example.org/*", "uri:https://example.org/", false},
        {"uri:https://example.org/*", "uri:https://example.org.evil/", false},
        {"ip:*", "ip:2001:db8::1", true},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        struct x509_san san;

        assert_ok(x509_san_read(ps_bytes_str(cases[i].name), &san));
        if (x509_rule_matches(ps_bytes_str(cases[i].rule), &san) != cases[i].matches) {
            fail_msg("%s %s", cases[i].rule, cases[i].name);
        }
    }
}

static void a_rule_is_no_longer_than_a_name(void **state)
{
    char rule[2 * X509_SAN_TEXT_MAX];

    (void)state;
    memset(rule, 'a', sizeof rule);
    memcpy(rule, "uri:did:web:", 12);
    rule[sizeof rule - 2] = ':';
    rule[sizeof rule - 1] = '*';
    assert_false(x509_rule_valid(ps_bytes(rule, sizeof rule)));
    rule[98] = ':';
    rule[99] = '*';
    assert_true(x509_rule_valid(ps_bytes(rule, 100)));
}

static void values_match_around_their_star(void **state)
{
    (void)state;
    assert_true(x509_value_rule_is_fixed(LITERAL("Example")));
    assert_false(x509_value_rule_is_fixed(LITERAL("a-*")));
    assert_true(x509_value_rule_matches(LITERAL("a-*"), LITERAL("a-1")));
    assert_true(x509_value_rule_matches(LITERAL("a-*-z"), LITERAL("a-1-z")));
    assert_false(x509_value_rule_matches(LITERAL("a-*-z"), LITERAL("a-z")));
    assert_false(x509_value_rule_matches(LITERAL("a-*"), LITERAL("a-")));
    assert_false(x509_value_rule_matches(LITERAL("a-*"), LITERAL("a-*")));
    assert_false(x509_value_rule_matches(LITERAL("Example"), LITERAL("example")));
    assert_false(x509_value_rule_valid(LITERAL("")));
    assert_false(x509_value_rule_valid(LITERAL("*a*")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_star_stands_where_an_owners_part_ends),
        cmocka_unit_test(names_match_the_rules_of_their_kind),
        cmocka_unit_test(a_rule_is_no_longer_than_a_name),
        cmocka_unit_test(values_match_around_their_star),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
