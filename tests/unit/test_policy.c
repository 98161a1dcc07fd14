#include "tests/unit/support.h"

#include "lib/ceremony/people/policy.h"

/* The table of ceremonies.md. */
#define DEFAULTS                                                                                   \
    "{\"classes\":{\"A\":{\"auditors\":\"1\",\"officers\":\"2\",\"requester\":\"excluded\"},"      \
    "\"B\":{\"auditors\":\"0\",\"officers\":\"2\",\"requester\":\"excluded\"},"                    \
    "\"C\":{\"auditors\":\"0\",\"officers\":\"1\",\"requester\":\"counted\"},"                     \
    "\"U\":{\"auditors\":\"0\",\"officers\":\"2\",\"requester\":\"counted\"}},"                    \
    "\"cooling_off_s\":\"86400\",\"epoch\":\"1\","                                                 \
    "\"recovery\":{\"delay_s\":\"259200\",\"threshold\":\"2\"},"                                   \
    "\"sk\":{\"application\":\"ssh:\",\"presence\":true,\"verification\":true},\"v\":\"1\"}"

/* The defaults with the first `from` replaced. */
static enum ps_err parse_with(const char *from, const char *to, struct policy *ret_policy)
{
    const char *at = strstr(DEFAULTS, from);
    PS_BUF_AUTO text = {.max = POLICY_OCTETS_MAX * 2};

    assert_non_null(at);
    ps_buf_put(&text, ps_bytes(DEFAULTS, (size_t)(at - DEFAULTS)));
    ps_buf_put_str(&text, to);
    ps_buf_put_str(&text, at + strlen(from));
    assert_ok(ps_buf_status(&text));
    return policy_parse(ps_buf_bytes(&text), ret_policy);
}

static void defaults_are_the_table_of_the_design(void **state)
{
    PS_BUF_AUTO text = {.max = POLICY_OCTETS_MAX};
    struct policy policy;

    (void)state;
    policy_set_defaults(&policy);
    policy_put(&policy, &text);
    assert_text(ps_buf_bytes(&text), DEFAULTS);
    assert_ok(policy_check(&policy, false));
}

static void a_policy_is_written_as_it_was_read(void **state)
{
    PS_BUF_AUTO text = {.max = POLICY_OCTETS_MAX};
    struct policy policy;
    uint8_t hash[PS_SHA256_LEN];
    uint8_t expected[PS_SHA256_LEN];

    (void)state;
    assert_ok(parse_with("\"epoch\":\"1\"", "\"epoch\":\"41\"", &policy));
    assert_true(policy.epoch == 41);
    policy_put(&policy, &text);
    ps_sha256(ps_buf_bytes(&text), expected);
    assert_ok(policy_hash(&policy, hash));
    assert_memory_equal(hash, expected, sizeof hash);
    assert_ok(policy_parse(ps_buf_bytes(&text), &policy));
}

static void every_member_is_read(void **state)
{
    struct policy policy;

    (void)state;
    assert_ok(parse_with("\"auditors\":\"1\"", "\"auditors\":\"5\"", &policy));
    assert_int_equal(policy.rules[POLICY_A].auditors, 5);
    assert_ok(parse_with("\"requester\":\"excluded\"", "\"requester\":\"counted\"", &policy));
    assert_true(policy.rules[POLICY_A].requester_counts);
    assert_false(policy.rules[POLICY_B].requester_counts);
    assert_ok(parse_with("\"86400\"", "\"7200\"", &policy));
    assert_int_equal(policy.cooling_off_s, 7200);
    assert_ok(parse_with("\"259200\"", "\"300000\"", &policy));
    assert_int_equal(policy.recovery_delay_s, 300000);
    assert_ok(parse_with("\"threshold\":\"2\"", "\"threshold\":\"3\"", &policy));
    assert_int_equal(policy.recovery_threshold, 3);
    assert_ok(parse_with("ssh:", "ssh:vault", &policy));
    assert_string_equal(policy.sk_application, "ssh:vault");
    assert_ok(parse_with("\"verification\":true", "\"verification\":false", &policy));
    assert_false(policy.sk_verification);
    assert_true(policy.sk_presence);
}

static void documents_have_one_form(void **state)
{
    static const char *const wrong[][2] = {
        {"{\"classes\"", "{ \"classes\""},
        {"\"v\":\"1\"", "\"v\":\"2\""},
        {"\"v\":\"1\"", "\"v\":1"},
        {"\"v\":\"1\"", "\"v\":\"1\",\"w\":\"1\""},
        {"\"epoch\":\"1\",", ""},
        {"\"epoch\":\"1\"", "\"epoch\":\"0\""},
        {"\"epoch\":\"1\"", "\"epoch\":\"01\""},
        {"\"epoch\":\"1\"", "\"epoch\":1"},
        {"\"epoch\":\"1\"", "\"epoch\":null"},
        {"\"epoch\":\"1\"", "\"epoch\":\"1000000001\""},
        {"\"officers\":\"2\"", "\"officers\":\"65\""},
        {"\"auditors\":\"1\"", "\"auditors\":\"-1\""},
        {"\"requester\":\"excluded\"", "\"requester\":\"maybe\""},
        {"\"requester\":\"excluded\"", "\"requester\":true"},
        {"\"A\":", "\"D\":"},
        {"\"86400\"", "\"31536001\""},
        {"\"threshold\":\"2\"", "\"threshold\":\"65\""},
        {"\"threshold\":\"2\"", "\"threshold\":\"2\",\"w\":\"1\""},
        {"\"259200\"", "\"31536001\""},
        {"\"259200\"", "\"3 days\""},
        {"\"requester\":\"excluded\"}", "\"requester\":\"excluded\",\"w\":\"1\"}"},
        {"\"requester\":\"counted\"}}", "\"requester\":\"counted\"},\"W\":{}}"},
        {"\"verification\":true", "\"verification\":true,\"w\":\"1\""},
        {"\"B\":{\"auditors\":\"0\"", "\"B\":{\"auditors\":\"65\""},
        {"\"C\":{\"auditors\":\"0\"", "\"C\":{\"auditors\":\"65\""},
        {"\"U\":{\"auditors\":\"0\"", "\"U\":{\"auditors\":\"65\""},
        {"\"ssh:\"", "\"ssh:\x7f\""},
        {"\"presence\":true", "\"presence\":\"true\""},
        {"\"application\":\"ssh:\"", "\"application\":\"\""},
        {"\"application\":\"ssh:\"", "\"application\":\"webauthn\""},
        {"\"application\":\"ssh:\"", "\"application\":\"ssh:a b\""},
        {"\"application\":\"ssh:\"", "\"application\":\"ssh:\xc3\xa9\""},
    };
    struct policy policy = {.epoch = 99};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, parse_with(wrong[i][0], wrong[i][1], &policy));
    }
    assert_fails(PS_E_INPUT, policy_parse(ps_bytes_str("[]"), &policy));
    assert_fails(PS_E_INPUT, policy_parse(ps_bytes_str(""), &policy));
    assert_true(policy.epoch == 99);
}

static void an_application_of_64_octets_and_not_65(void **state)
{
    static const char sixty[] = "ssh:01234567890123456789012345678901234567890123456789012345";
    struct policy policy;
    char text[80];

    (void)state;
    (void)snprintf(text, sizeof text, "%sabcd", sixty);
    assert_ok(parse_with("ssh:", text, &policy));
    assert_string_equal(policy.sk_application, text);
    (void)snprintf(text, sizeof text, "%sabcde", sixty);
    assert_fails(PS_E_INPUT, parse_with("ssh:", text, &policy));
}

#define CHANGED(member, value)                                                                     \
    do {                                                                                           \
        struct policy changed;                                                                     \
        policy_set_defaults(&changed);                                                             \
        changed.member = (value);                                                                  \
        assert_fails(PS_E_DENIED, policy_check(&changed, false));                                  \
    } while (0)

static void nobody_acts_alone(void **state)
{
    struct policy policy;

    (void)state;
    policy_set_defaults(&policy);
    policy.rules[POLICY_B].officers = 1;
    assert_fails(PS_E_DENIED, policy_check(&policy, true));
    policy.rules[POLICY_B].auditors = 1;
    assert_ok(policy_check(&policy, true));
    CHANGED(rules[POLICY_U].officers, 1);
    CHANGED(rules[POLICY_C].officers, 0);
    CHANGED(rules[POLICY_B].officers, 0);
    CHANGED(recovery_threshold, 1);
    CHANGED(sk_presence, false);
}

static void a_class_of_auditors_alone_is_refused(void **state)
{
    struct policy policy;

    (void)state;
    policy_set_defaults(&policy);
    policy.rules[POLICY_U] = (struct policy_rule){.officers = 0, .auditors = 2};
    assert_fails(PS_E_DENIED, policy_check(&policy, false));
}

static void a_higher_class_never_needs_less(void **state)
{
    (void)state;
    CHANGED(rules[POLICY_B].officers, 3);
    CHANGED(rules[POLICY_B].auditors, 2);
    CHANGED(rules[POLICY_C].officers, 3);
    CHANGED(rules[POLICY_C].auditors, 1);
    CHANGED(rules[POLICY_A].requester_counts, true);
}

static void delays_may_be_short_in_practice_only(void **state)
{
    struct policy policy;

    (void)state;
    CHANGED(cooling_off_s, 0);
    CHANGED(cooling_off_s, POLICY_COOLING_OFF_MIN_S - 1);
    CHANGED(recovery_delay_s, POLICY_RECOVERY_DELAY_MIN_S - 1);
    policy_set_defaults(&policy);
    policy.cooling_off_s = 0;
    policy.recovery_delay_s = 0;
    assert_ok(policy_check(&policy, true));
    policy.cooling_off_s = POLICY_COOLING_OFF_MIN_S;
    policy.recovery_delay_s = POLICY_RECOVERY_DELAY_MIN_S;
    assert_ok(policy_check(&policy, false));
}

static void epochs_follow_one_another(void **state)
{
    struct policy present;
    struct policy next;

    (void)state;
    policy_set_defaults(&present);
    policy_set_defaults(&next);
    assert_fails(PS_E_DENIED, policy_check_next(&present, &next, false));
    next.epoch = 3;
    assert_fails(PS_E_DENIED, policy_check_next(&present, &next, false));
    next.epoch = 2;
    assert_ok(policy_check_next(&present, &next, false));
    next.rules[POLICY_B].officers = 1;
    assert_fails(PS_E_DENIED, policy_check_next(&present, &next, false));
}

static void the_highest_class_counts(void **state)
{
    (void)state;
    assert_int_equal(policy_class_highest(POLICY_C, POLICY_A), POLICY_A);
    assert_int_equal(policy_class_highest(POLICY_A, POLICY_B), POLICY_A);
    assert_int_equal(policy_class_highest(POLICY_C, POLICY_B), POLICY_B);
    assert_int_equal(policy_class_highest(POLICY_NOBODY, POLICY_A), POLICY_A);
    assert_int_equal(policy_class_highest(POLICY_NOBODY, POLICY_C), POLICY_C);
    assert_int_equal(policy_class_highest(POLICY_NOBODY, POLICY_NOBODY), POLICY_NOBODY);
}

static void classes_have_letters(void **state)
{
    (void)state;
    for (int i = 0; i < POLICY_CLASS_COUNT; i++) {
        const char *name = policy_class_name((enum policy_class)i);

        assert_int_equal(strlen(name), 1);
        assert_int_equal(policy_class_by_name(ps_bytes_str(name)), i);
    }
    assert_string_equal(policy_class_name(POLICY_A), "A");
    assert_int_equal(policy_class_by_name(ps_bytes_str("a")), POLICY_CLASS_COUNT);
    assert_int_equal(policy_class_by_name(ps_bytes_str("")), POLICY_CLASS_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_table_of_the_design),
        cmocka_unit_test(a_policy_is_written_as_it_was_read),
        cmocka_unit_test(every_member_is_read),
        cmocka_unit_test(documents_have_one_form),
        cmocka_unit_test(an_application_of_64_octets_and_not_65),
        cmocka_unit_test(nobody_acts_alone),
        cmocka_unit_test(a_class_of_auditors_alone_is_refused),
        cmocka_unit_test(a_higher_class_never_needs_less),
        cmocka_unit_test(delays_may_be_short_in_practice_only),
        cmocka_unit_test(epochs_follow_one_another),
        cmocka_unit_test(the_highest_class_counts),
        cmocka_unit_test(classes_have_letters),
    };

    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
