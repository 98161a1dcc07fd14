#include "tests/unit/support.h"

#include "lib/ceremony/operation/document.h"
#include "lib/ceremony/people/conditions.h"

#define NOW_S UINT64_C(1780000000)

static const struct merkle_hash root = {{1, 2, 3}};
static const struct merkle_hash other_root = {{1, 2, 4}};

/* A document and an appliance on which it holds; each test changes one thing. */
static struct conditions_document document;
static struct conditions_present present;

static int make_good(void **state)
{
    (void)state;
    document = (struct conditions_document){
        .appliance = {1},
        .roster = {2},
        .policy = {3},
        .policy_epoch = 4,
        .log_origin = ps_bytes_str("log.example/events"),
        .log_size = 100,
        .log_root = root,
        .max_log_size = 200,
        .not_before_s = NOW_S - 10,
        .not_after_s = NOW_S + 10,
        .token_serials = {ps_bytes_str("serial-1"), ps_bytes_str("serial-2")},
        .token_count = 2,
    };
    present = (struct conditions_present){
        .appliance = {1},
        .roster = {2},
        .policy = {3},
        .policy_epoch = 4,
        .log_origin = ps_bytes_str("log.example/events"),
        .log_size = 150,
        .log_root = &root,
        .nonce = CONDITIONS_NONCE_UNUSED,
        .token_serials = {ps_bytes_str("serial-1"), ps_bytes_str("serial-2")},
        .token_count = 2,
        .now_s = NOW_S,
    };
    return 0;
}

#define assert_holds()      assert_int_equal(conditions_check(&document, &present), CONDITION_NONE)
#define assert_refuses(why) assert_int_equal(conditions_check(&document, &present), (why))

static void a_document_of_here_and_now_holds(void **state)
{
    (void)state;
    assert_holds();
    document.token_count = present.token_count = 0;
    assert_holds();
}

static void another_appliance_is_refused(void **state)
{
    (void)state;
    present.appliance[31] = 1;
    assert_refuses(CONDITION_APPLIANCE);
}

static void an_unknown_nonce_is_refused(void **state)
{
    (void)state;
    present.nonce = CONDITIONS_NONCE_UNKNOWN;
    assert_refuses(CONDITION_NONCE_UNKNOWN);
    present.nonce = (enum conditions_nonce)7;
    assert_refuses(CONDITION_NONCE_UNKNOWN);
}

static void a_second_use_of_a_nonce_is_refused(void **state)
{
    (void)state;
    present.nonce = CONDITIONS_NONCE_USED;
    assert_refuses(CONDITION_NONCE_USED);
}

static void a_stale_policy_epoch_is_refused(void **state)
{
    (void)state;
    present.policy_epoch = 5;
    assert_refuses(CONDITION_POLICY_EPOCH);
    present.policy_epoch = 3;
    assert_refuses(CONDITION_POLICY_EPOCH);
}

static void another_policy_of_the_same_epoch_is_refused(void **state)
{
    (void)state;
    present.policy[0] = 9;
    assert_refuses(CONDITION_POLICY);
}

static void another_roster_is_refused(void **state)
{
    (void)state;
    present.roster[31] = 9;
    assert_refuses(CONDITION_ROSTER);
}

static void another_token_is_refused(void **state)
{
    (void)state;
    present.token_serials[1] = ps_bytes_str("serial-3");
    assert_refuses(CONDITION_TOKEN);
    present.token_serials[1] = ps_bytes_str("serial-2 ");
    assert_refuses(CONDITION_TOKEN);
    present.token_serials[1] = ps_bytes(NULL, 0);
    assert_refuses(CONDITION_TOKEN);
    document.token_serials[1] = ps_bytes(NULL, 0);
    assert_refuses(CONDITION_TOKEN);
}

static void a_token_more_or_less_is_refused(void **state)
{
    (void)state;
    present.token_count = 1;
    assert_refuses(CONDITION_TOKEN);
    present.token_count = 0;
    assert_refuses(CONDITION_TOKEN);
    present.token_count = document.token_count = CONDITIONS_TOKENS_MAX + 1;
    assert_refuses(CONDITION_TOKEN);
}

static void a_foreign_log_is_refused(void **state)
{
    (void)state;
    present.log_origin = ps_bytes_str("log.example/event");
    assert_refuses(CONDITION_LOG_ORIGIN);
}

static void a_log_that_was_rolled_back_is_refused(void **state)
{
    (void)state;
    present.log_size = 99;
    assert_refuses(CONDITION_LOG_SHORT);
    present.log_size = 100;
    assert_holds();
}

static void a_log_that_is_no_continuation_is_refused(void **state)
{
    (void)state;
    present.log_root = &other_root;
    assert_refuses(CONDITION_LOG_ROOT);
    present.log_root = NULL;
    assert_refuses(CONDITION_LOG_ROOT);
}

static void a_log_grown_past_the_bound_is_refused(void **state)
{
    (void)state;
    present.log_size = 200;
    assert_holds();
    present.log_size = 201;
    assert_refuses(CONDITION_LOG_GROWN);
}

static void before_its_time_it_is_refused(void **state)
{
    (void)state;
    present.now_s = document.not_before_s;
    assert_holds();
    present.now_s = document.not_before_s - 1;
    assert_refuses(CONDITION_NOT_YET);
}

static void after_its_time_it_is_refused(void **state)
{
    (void)state;
    present.now_s = document.not_after_s - 1;
    assert_holds();
    present.now_s = document.not_after_s;
    assert_refuses(CONDITION_EXPIRED);
}

/* Each member that is judged comes from its own member of the document. */
static void all_but_the_tokens_come_from_the_document(void **state)
{
    struct operation_document from = {
        .appliance = {1},
        .policy_epoch = 4,
        .policy_hash = {3},
        .roster_hash = {2},
        .log_origin = ps_bytes_str("log.example/events"),
        .log_size = 100,
        .log_root = {1, 2, 3},
        .not_before_s = NOW_S - 10,
        .not_after_s = NOW_S + 10,
        .max_log_size = 200,
    };
    struct conditions_document taken;

    (void)state;
    conditions_take_document(&from, &taken);
    assert_int_equal(taken.token_count, 0);
    assert_true(taken.not_before_s == NOW_S - 10 && taken.not_after_s == NOW_S + 10);
    assert_true(taken.log_size == 100 && taken.max_log_size == 200);
    present.token_count = 0;
    assert_int_equal(conditions_check(&taken, &present), CONDITION_NONE);
}

static void cooling_off_is_waited_for_to_the_second(void **state)
{
    (void)state;
    assert_int_equal(conditions_check_cooling_off(86400, NOW_S, NOW_S + 86399),
                     CONDITION_COOLING_OFF);
    assert_int_equal(conditions_check_cooling_off(86400, NOW_S, NOW_S + 86400), CONDITION_NONE);
    assert_int_equal(conditions_check_cooling_off(86400, NOW_S, NOW_S - 1), CONDITION_COOLING_OFF);
    assert_int_equal(conditions_check_cooling_off(86400, UINT64_MAX, NOW_S), CONDITION_COOLING_OFF);
    assert_int_equal(conditions_check_cooling_off(0, NOW_S, NOW_S), CONDITION_NONE);
    assert_int_equal(conditions_check_cooling_off(0, NOW_S, NOW_S - 1), CONDITION_COOLING_OFF);
}

static void every_refusal_has_a_code_of_its_own_and_a_sentence(void **state)
{
    (void)state;
    assert_null(condition_info(CONDITION_NONE));
    assert_null(condition_info(CONDITION_COUNT));
    for (int i = CONDITION_NONE + 1; i < CONDITION_COUNT; i++) {
        const struct condition_info *info = condition_info((enum condition)i);

        assert_non_null(info);
        assert_int_equal(info->sentence[strlen(info->sentence) - 1], '.');
        for (int j = CONDITION_NONE + 1; j < i; j++) {
            assert_string_not_equal(info->code, condition_info((enum condition)j)->code);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_document_of_here_and_now_holds, make_good),
        cmocka_unit_test_setup(another_appliance_is_refused, make_good),
        cmocka_unit_test_setup(an_unknown_nonce_is_refused, make_good),
        cmocka_unit_test_setup(a_second_use_of_a_nonce_is_refused, make_good),
        cmocka_unit_test_setup(a_stale_policy_epoch_is_refused, make_good),
        cmocka_unit_test_setup(another_policy_of_the_same_epoch_is_refused, make_good),
        cmocka_unit_test_setup(another_roster_is_refused, make_good),
        cmocka_unit_test_setup(another_token_is_refused, make_good),
        cmocka_unit_test_setup(a_token_more_or_less_is_refused, make_good),
        cmocka_unit_test_setup(a_foreign_log_is_refused, make_good),
        cmocka_unit_test_setup(a_log_that_was_rolled_back_is_refused, make_good),
        cmocka_unit_test_setup(a_log_that_is_no_continuation_is_refused, make_good),
        cmocka_unit_test_setup(a_log_grown_past_the_bound_is_refused, make_good),
        cmocka_unit_test_setup(before_its_time_it_is_refused, make_good),
        cmocka_unit_test_setup(after_its_time_it_is_refused, make_good),
        cmocka_unit_test_setup(all_but_the_tokens_come_from_the_document, make_good),
        cmocka_unit_test(cooling_off_is_waited_for_to_the_second),
        cmocka_unit_test(every_refusal_has_a_code_of_its_own_and_a_sentence),
    };

    return cmocka_run_group_tests_name("conditions", tests, NULL, NULL);
}
