#include "tests/unit/fake_token.h"

/* A secret key shows that it is the one that was made before it is used, and only then. */

static void make_use_key(enum ps_usage usage, enum ps_key_type type, struct test_key *key)
{
    struct process_answer answer;

    *key = (struct test_key){.type = type};
    ps_random(key->id, sizeof key->id);
    ask_for_key(&process, key, usage, NULL, 0, &answer);
    keep_key(&answer, key);
}

static void assert_wrong(const struct process_answer *answer)
{
    const struct msg_token_used *used = (const void *)answer->message;

    assert_answered(answer);
    assert_int_equal(used->is_wrong, 1);
    assert_int_equal(used->octets.len, 0);
}

/* `check`: made with the same key, or another one. */
static void use_with(const struct test_key *key, enum token_action action, struct ps_bytes check,
                     struct process_answer *answer)
{
    const struct msg_token_use message = {
        .object_id = key_id(key),
        .action = (uint8_t)action,
        .key_type = (uint8_t)key->type,
        .data = ps_bytes_str("text"),
        .check = check,
    };

    process_call(&process, &msg_token_use_info, &message, answer);
}

/* As the keeper makes it when the key is made. */
static void make_check_value(const struct test_key *key, enum token_action action,
                             struct ps_buf *out)
{
    const struct msg_token_use message = {
        .object_id = key_id(key),
        .action = (uint8_t)action,
        .key_type = (uint8_t)key->type,
        .data = ps_bytes_str(TOKEN_CHECK_TEXT),
        .associated = ps_bytes_str(action == TOKEN_MAC ? "" : TOKEN_CHECK_TEXT),
    };
    struct process_answer answer;
    const struct msg_token_used *used = (const void *)answer.message;

    process_call(&process, &msg_token_use_info, &message, &answer);
    assert_answered(&answer);
    ps_buf_put(out, used->nonce);
    ps_buf_put(out, used->octets);
    assert_ok(ps_buf_status(out));
}

static void a_secret_key_that_is_another_one_is_not_used(void **state)
{
    static const struct {
        enum ps_usage usage;
        enum ps_key_type type;
        enum token_action action;
    } rows[] = {{PS_USAGE_MAC, PS_KEY_HMAC_SHA256, TOKEN_MAC},
                {PS_USAGE_ENCRYPT, PS_KEY_AES_256, TOKEN_ENCRYPT_GCM}};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct process_answer answer;
        struct test_key key;
        struct test_key other;
        PS_BUF_AUTO own = {.max = TOKEN_CHECK_MAX};
        PS_BUF_AUTO others = {.max = TOKEN_CHECK_MAX};

        make_use_key(rows[i].usage, rows[i].type, &key);
        make_use_key(rows[i].usage, rows[i].type, &other);
        make_check_value(&key, rows[i].action, &own);
        make_check_value(&other, rows[i].action, &others);
        use_with(&key, rows[i].action, ps_buf_bytes(&others), &answer);
        assert_wrong(&answer);
        use_with(&key, rows[i].action, ps_bytes(own.data, own.len - 1), &answer);
        assert_wrong(&answer);
        use_with(&key, rows[i].action, ps_bytes(own.data, 3), &answer);
        assert_wrong(&answer);
        use_with(&key, rows[i].action, ps_buf_bytes(&own), &answer);
        assert_answered(&answer);
        assert_int_not_equal(
            ((const struct msg_token_used *)(const void *)answer.message)->octets.len, 0);
        /* It has shown it, and is not asked again until it has to be found anew. */
        use_with(&key, rows[i].action, ps_buf_bytes(&others), &answer);
        assert_int_equal(((const struct msg_token_used *)(const void *)answer.message)->is_wrong,
                         0);
        script(rows[i].action == TOKEN_MAC ? FAKE_C_SignInit : FAKE_C_EncryptInit, FAKE_RV,
               CKR_KEY_HANDLE_INVALID, 1);
        use_with(&key, rows[i].action, ps_buf_bytes(&others), &answer);
        (void)control_clear_rule(fake, 0);
        assert_wrong(&answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(a_secret_key_that_is_another_one_is_not_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
