#include "tests/unit/fake_token.h"
#include "tests/unit/wrapped_keys.h"

/*
 * Keys that live outside a token that does not do what it was told: what it opens is held against
 * the template it was opened by, and nothing stays open of what was not to be.
 */

static int make_lying(void **state)
{
    (void)state;
    start_fake(&shared, CACHE);
    make_what_wraps();
    return 0;
}

static int end_lying(void **state)
{
    (void)state;
    stop_fake(&shared);
    return 0;
}

static void tell_the_truth(void)
{
    (void)control_clear_rule(fake, 0);
    if (shared.state != TOKEN_READY) {
        process_make_ready(&shared);
    }
}

/* As many objects went as came, by `function` and `each` of them a call. */
static void assert_none_stays(enum fake_function function, uint64_t came, uint64_t went,
                              uint64_t each)
{
    assert_true(calls(function) > came);
    assert_int_equal(calls(FAKE_C_DestroyObject) - went, each * (calls(function) - came));
}

static void what_opens_as_another_key_signs_nothing(void **state)
{
    static const CK_ATTRIBUTE_TYPE types[] = {
        CKA_EXTRACTABLE, CKA_SENSITIVE, CKA_PRIVATE,
        CKA_TOKEN,       CKA_SIGN,      CKA_DECRYPT,
        CKA_UNWRAP,      CKA_DERIVE,    CKA_ALLOWED_MECHANISMS,
        CKA_ID,          CKA_KEY_TYPE,  CKA_COPYABLE,
        CKA_MODIFIABLE};
    static struct outside key;
    struct process_answer answer;

    (void)state;
    make_outside(&key, PS_ALG_ES256, PS_KEY_EC_P256);
    for (size_t i = 0; i < PS_COUNT_OF(types); i++) {
        const uint64_t came = calls(FAKE_C_UnwrapKey);
        const uint64_t went = calls(FAKE_C_DestroyObject);

        script_attribute(types[i], FAKE_GARBAGE_FLIP);
        ask(&key, true, &answer);
        assert_ptr_equal(answer.info, &msg_problem_info);
        assert_none_stays(FAKE_C_UnwrapKey, came, went, 1);
        tell_the_truth();
    }
    ask(&key, true, &answer);
    assert_true(was_unwrapped(&answer));
}

/* Before it is wrapped it can be carried out. */
static void a_key_that_was_made_does_not_stay(void **state)
{
    const uint64_t came = calls(FAKE_C_GenerateKeyPair);
    const uint64_t went = calls(FAKE_C_DestroyObject);
    static struct outside key;

    (void)state;
    make_outside(&key, PS_ALG_ES256, PS_KEY_EC_P256);
    assert_none_stays(FAKE_C_GenerateKeyPair, came, went, 2);
}

static void a_record_that_was_tried_does_not_stay_open(void **state)
{
    PS_BUF_AUTO record = {.max = TOKEN_RECORD_MAX};
    static struct outside key;
    struct msg_token_open message = {.key_type = PS_KEY_EC_P256};
    struct process_answer answer;
    uint64_t came;
    uint64_t went;

    (void)state;
    make_outside(&key, PS_ALG_ES256, PS_KEY_EC_P256);
    assert_ok(ipc_encode(&wrapped_record_info, &key.record, &record));
    message.object_id = key_id(&key.key);
    message.record = ps_buf_bytes(&record);
    came = calls(FAKE_C_UnwrapKey);
    went = calls(FAKE_C_DestroyObject);
    process_call(&shared, &msg_token_open_info, &message, &answer);
    assert_answered(&answer);
    assert_none_stays(FAKE_C_UnwrapKey, came, went, 1);
}

/* --- Carried in --- */

static uint8_t arrived[3][16];
static struct process_answer carried;

static void carry_to_itself(void)
{
    struct process_answer answer;

    transport = (struct test_key){.type = PS_KEY_RSA_4096};
    ps_random(transport.id, sizeof transport.id);
    ps_random(arrived, sizeof arrived);
    ask_for_key(&shared, &transport, PS_USAGE_WRAP, NULL, 0, &answer);
    keep_key(&answer, &transport);
    carry_out(SO_PIN, ps_bytes(transport.spki, transport.spki_len), &carried);
    assert_answered(&carried);
}

static void arrive(struct process_answer *ret_answer)
{
    const struct msg_token_carried *given = (const void *)carried.message;
    const struct ps_bytes label = ps_bytes_str("a.key");
    const struct msg_token_carry_in message = {.transport_id = key_id(&transport),
                                               .wrapping_id = ps_bytes(arrived[0], 16),
                                               .wrapping_label = label,
                                               .wrapping = given->wrapping,
                                               .secrets_id = ps_bytes(arrived[1], 16),
                                               .secrets_label = label,
                                               .secrets = given->secrets,
                                               .mac_id = ps_bytes(arrived[2], 16),
                                               .mac_label = label,
                                               .mac = given->mac};

    process_call(&shared, &msg_token_carry_in_info, &message, ret_answer);
}

static void nothing_must_have_arrived(void)
{
    struct process_answer answer;

    arrive(&answer);
    assert_ptr_equal(answer.info, &msg_problem_info);
    tell_the_truth();
    for (size_t i = 0; i < PS_COUNT_OF(arrived); i++) {
        const struct msg_token_find message = {.object_id = ps_bytes(arrived[i], 16)};

        process_call(&shared, &msg_token_find_info, &message, &answer);
        assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
    }
}

static void the_keys_that_wrap_arrive_as_they_are_or_not_at_all(void **state)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_SENSITIVE, CKA_WRAP_WITH_TRUSTED, CKA_DECRYPT,
                                              CKA_WRAP, CKA_KEY_TYPE};
    struct process_answer answer;

    (void)state;
    carry_to_itself();
    for (size_t i = 0; i < PS_COUNT_OF(types); i++) {
        script_attribute(types[i], FAKE_GARBAGE_FLIP);
        nothing_must_have_arrived();
    }
    for (uint64_t before = 0; before < PS_COUNT_OF(arrived); before++) {
        struct fake_rule rule = {0};

        rule.function = FAKE_C_UnwrapKey;
        rule.mechanism = FAKE_ANY;
        rule.attribute = FAKE_ANY;
        rule.token = FAKE_ANY;
        rule.action = FAKE_RV;
        rule.argument = CKR_FUNCTION_FAILED;
        rule.after = before;
        assert_true(control_add_rule(fake, &rule) != 0);
        nothing_must_have_arrived();
    }
    arrive(&answer);
    assert_answered(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_opens_as_another_key_signs_nothing),
        cmocka_unit_test(a_key_that_was_made_does_not_stay),
        cmocka_unit_test(a_record_that_was_tried_does_not_stay_open),
        cmocka_unit_test(the_keys_that_wrap_arrive_as_they_are_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, make_lying, end_lying);
}
