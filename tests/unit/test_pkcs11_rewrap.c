#include "tests/unit/wrapped_keys.h"

/* Keys that live outside the token are wrapped anew, under another wrapping key: with the real
 * SoftHSM. */

static struct test_key copy;
static struct test_key secrets_copy;
static struct test_key next_wrapping;
static struct test_key next_secrets;
static struct test_key next_mac;

static void begin_copy(struct test_key *key, struct ps_bytes carried, bool for_secrets)
{
    const struct msg_token_rewrap_begin message = {.transport_id = key_id(&transport),
                                                   .copy_id = key_id(key),
                                                   .label = ps_bytes_str("a.key"),
                                                   .wrapping = carried,
                                                   .is_for_secrets = for_secrets};
    struct process_answer answer;

    process_call(&shared, &msg_token_rewrap_begin_info, &message, &answer);
    assert_answered(&answer);
}

/* What the token gives to a pair of its own. */
static void begin_rewrapping(void)
{
    static struct process_answer carried;
    const struct msg_token_carried *given = (const void *)carried.message;
    struct process_answer answer;

    transport = (struct test_key){.type = PS_KEY_RSA_4096};
    ps_random(transport.id, sizeof transport.id);
    ps_random(copy.id, sizeof copy.id);
    ps_random(secrets_copy.id, sizeof secrets_copy.id);
    ask_for_key(&shared, &transport, PS_USAGE_WRAP, NULL, 0, &answer);
    keep_key(&answer, &transport);
    carry_out(SO_PIN, ps_bytes(transport.spki, transport.spki_len), &carried);
    assert_answered(&carried);
    begin_copy(&copy, given->wrapping, false);
    begin_copy(&secrets_copy, given->secrets, true);
}

static bool is_secret(const struct outside *key)
{
    return key->key.type == PS_KEY_AES_256 || key->key.type == PS_KEY_HMAC_SHA256;
}

static void ask_to_rewrap(const struct outside *key, struct process_answer *ret_answer)
{
    PS_BUF_AUTO record = {.max = TOKEN_RECORD_MAX};
    struct msg_token_rewrap message = {.object_id = key_id(&key->key),
                                       .key_type = (uint8_t)key->key.type,
                                       .copy_id = key_id(is_secret(key) ? &secrets_copy : &copy),
                                       .wrapping_id =
                                           key_id(is_secret(key) ? &next_secrets : &next_wrapping),
                                       .mac_id = key_id(&next_mac)};

    assert_ok(ipc_encode(&wrapped_record_info, &key->record, &record));
    message.record = ps_buf_bytes(&record);
    process_call(&shared, &msg_token_rewrap_info, &message, ret_answer);
}

static void take_rewrapped(const struct process_answer *answer, struct outside *key)
{
    const struct msg_token_wrapped *made = (const void *)answer->message;

    assert_answered(answer);
    assert_ptr_equal(answer->info, &msg_token_wrapped_info);
    assert_int_equal(made->public_key.len, 0);
    memcpy(key->blob, made->blob.data, made->blob.len);
    memcpy(key->mac, made->mac.data, made->mac.len);
    key->record.blob = ps_bytes(key->blob, made->blob.len);
    key->record.mac = ps_bytes(key->mac, sizeof key->mac);
    key->record.wrapping_id = key_id(is_secret(key) ? &next_secrets : &next_wrapping);
    key->record.mac_id = key_id(&next_mac);
}

static void must_be_the_same(struct outside *key)
{
    const struct outside before = *key;
    struct process_answer answer;

    ask(key, true, &answer);
    ask_to_rewrap(key, &answer);
    take_rewrapped(&answer, key);
    ask(key, false, &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer); /* nothing of it stayed open */
    ask(key, true, &answer);
    assert_true(was_unwrapped(&answer));
    /* What says the one and is of the other does not open. */
    key->record.wrapping_id = before.record.wrapping_id;
    key->record.mac_id = before.record.mac_id;
    must_be_refused_anew(key);
    key->record.wrapping_id = key_id(&next_wrapping);
    key->record.mac_id = before.record.mac_id;
    must_be_refused_anew(key);
}

static void must_make_the_same_mac(struct outside *key)
{
    const struct outside before = *key;
    uint8_t old[TOKEN_MAC_LEN];
    uint8_t new[TOKEN_MAC_LEN];
    struct process_answer answer;

    mac_with(key, old);
    ask_to_rewrap(key, &answer);
    take_rewrapped(&answer, key);
    mac_with(key, new);
    assert_memory_equal(old, new, sizeof old);
    key->record.wrapping_id = before.record.wrapping_id;
    key->record.mac_id = before.record.mac_id;
    must_be_refused_anew(key);
}

static void what_is_wrapped_anew_is_the_same_key_under_another(void **state)
{
    static struct outside hmac;
    static struct outside ec;
    static struct outside rsa;

    (void)state;
    make_outside(&ec, PS_ALG_ES256, PS_KEY_EC_P256);
    make_outside(&rsa, PS_ALG_PS256, PS_KEY_RSA_2048);
    make_carried(&next_wrapping, PS_KEY_AES_256, PS_USAGE_WRAP);
    make_outside_secret(&hmac, PS_KEY_HMAC_SHA256);
    make_carried_for(&next_secrets, PS_KEY_AES_256, PS_USAGE_WRAP, true);
    make_carried(&next_mac, PS_KEY_HMAC_SHA256, PS_USAGE_MAC);
    begin_rewrapping();
    must_be_the_same(&ec);
    must_be_the_same(&rsa);
    must_make_the_same_mac(&hmac);
}

/* While it could be wrapped again under any key that wraps. */
static void what_is_opened_to_be_wrapped_anew_does_not_stay(void **state)
{
    struct msg_token_find find = {.key_type = PS_KEY_NONE};
    struct process_answer answer;
    static struct outside ec;
    static struct outside aes;

    (void)state;
    make_outside(&ec, PS_ALG_ES256, PS_KEY_EC_P256);
    make_outside_secret(&aes, PS_KEY_AES_256);
    ask_to_rewrap(&ec, &answer);
    assert_answered(&answer);
    find.object_id = key_id(&ec.key);
    process_call(&shared, &msg_token_find_info, &find, &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
    ask_to_rewrap(&aes, &answer);
    assert_answered(&answer);
    find.object_id = key_id(&aes.key);
    process_call(&shared, &msg_token_find_info, &find, &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
}

/* It opens, and that is all; and it ends with its session. */
static void the_copy_wraps_nothing_and_does_not_stay(void **state)
{
    const struct msg_token_logout logout = {0};
    struct process_answer answer;
    static struct outside key;
    static struct outside bad;

    (void)state;
    make_outside(&key, PS_ALG_ES256, PS_KEY_EC_P256);
    init_outside(&bad, PS_ALG_ES256, PS_KEY_EC_P256);
    bad.record.wrapping_id = key_id(&copy);
    ask_to_make(&bad, &answer);
    assert_ptr_equal(answer.info, &msg_problem_info);
    init_secret(&bad, PS_KEY_AES_256);
    bad.record.wrapping_id = key_id(&secrets_copy);
    ask_to_make(&bad, &answer);
    assert_ptr_equal(answer.info, &msg_problem_info);
    bad = key;
    bad.record.version = 6;
    ask_to_rewrap(&bad, &answer);
    assert_problem(PS_PROBLEM_RECORD_DAMAGED, &answer);
    ask_to_rewrap(&key, &answer);
    assert_answered(&answer);
    process_call(&shared, &msg_token_logout_info, &logout, &answer);
    process_make_ready(&shared);
    ask_to_rewrap(&key, &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
}

/* Without the copy: what the wrapping key opens cannot be wrapped. */
static void the_wrapping_key_itself_opens_nothing_to_be_wrapped(void **state)
{
    struct process_answer answer;
    static struct outside key;
    static struct outside secret;

    (void)state;
    make_outside(&key, PS_ALG_ES256, PS_KEY_EC_P256);
    make_outside_secret(&secret, PS_KEY_AES_256);
    copy = wrapping;
    secrets_copy = secrets;
    ask_to_rewrap(&key, &answer);
    assert_ptr_equal(answer.info, &msg_problem_info);
    ask_to_rewrap(&secret, &answer);
    assert_ptr_equal(answer.info, &msg_problem_info);
    ask(&key, true, &answer);
    assert_true(was_unwrapped(&answer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrapped_anew_is_the_same_key_under_another),
        cmocka_unit_test(what_is_opened_to_be_wrapped_anew_does_not_stay),
        cmocka_unit_test(the_copy_wraps_nothing_and_does_not_stay),
        cmocka_unit_test(the_wrapping_key_itself_opens_nothing_to_be_wrapped),
    };

    return cmocka_run_group_tests(tests, make_shared, end_shared);
}
