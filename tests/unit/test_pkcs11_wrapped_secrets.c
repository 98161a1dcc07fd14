#include "tests/unit/wrapped_keys.h"

/* AES and HMAC keys that live outside the token, wrapped by it: with the real SoftHSM. */

static const struct ps_bytes text = {(const uint8_t *)"a text that nobody else is to read", 34};

/* What AES-GCM made of `text`. */
struct sealed {
    uint8_t nonce[TOKEN_GCM_NONCE];
    uint8_t octets[80];
    size_t len;
};

static void seal(const struct outside *key, struct ps_bytes data, struct ps_bytes associated,
                 struct sealed *ret_sealed)
{
    struct process_answer answer;
    const struct msg_token_used *used = (const void *)answer.message;
    struct msg_token_use message = {
        .action = TOKEN_ENCRYPT_GCM, .data = data, .associated = associated};

    use_secret(key, &message, &answer);
    assert_answered(&answer);
    assert_int_equal(used->nonce.len, TOKEN_GCM_NONCE);
    assert_int_equal(used->octets.len, data.len + TOKEN_GCM_TAG);
    memcpy(ret_sealed->nonce, used->nonce.data, TOKEN_GCM_NONCE);
    memcpy(ret_sealed->octets, used->octets.data, used->octets.len);
    ret_sealed->len = used->octets.len;
}

static void unseal(const struct outside *key, const struct sealed *sealed,
                   struct process_answer *ret_answer)
{
    struct msg_token_use message = {.action = TOKEN_DECRYPT_GCM,
                                    .data = ps_bytes(sealed->octets, sealed->len),
                                    .nonce = ps_bytes(sealed->nonce, TOKEN_GCM_NONCE)};

    use_secret(key, &message, ret_answer);
}

static void assert_unsealed(const struct process_answer *answer)
{
    const struct msg_token_used *used = (const void *)answer->message;

    assert_answered(answer);
    assert_true(ps_bytes_equal(used->octets, text));
}

static void forget_open_keys(void)
{
    const struct msg_token_logout logout = {0};
    struct process_answer answer;

    process_call(&shared, &msg_token_logout_info, &logout, &answer);
    process_make_ready(&shared);
}

static void what_an_aes_key_encrypts_it_decrypts_when_opened_anew(void **state)
{
    struct process_answer answer;
    static struct outside key;
    static struct outside other;
    struct sealed sealed;

    (void)state;
    make_outside_secret(&key, PS_KEY_AES_256);
    make_outside_secret(&other, PS_KEY_AES_256);
    seal(&key, text, ps_bytes(NULL, 0), &sealed);
    forget_open_keys();
    unseal(&key, &sealed, &answer);
    assert_unsealed(&answer);
    assert_int_equal(((const struct msg_token_used *)(const void *)answer.message)->unwrapped, 1);
    unseal(&key, &sealed, &answer);
    assert_unsealed(&answer);
    assert_int_equal(((const struct msg_token_used *)(const void *)answer.message)->unwrapped, 0);
    unseal(&other, &sealed, &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
}

static void an_hmac_key_makes_the_same_mac_when_opened_anew(void **state)
{
    uint8_t before[TOKEN_MAC_LEN];
    uint8_t after[TOKEN_MAC_LEN];
    static struct outside key;
    static struct outside other;

    (void)state;
    make_outside_secret(&key, PS_KEY_HMAC_SHA256);
    make_outside_secret(&other, PS_KEY_HMAC_SHA256);
    mac_with(&key, before);
    forget_open_keys();
    mac_with(&key, after);
    assert_memory_equal(before, after, sizeof before);
    mac_with(&other, after);
    assert_memory_not_equal(before, after, sizeof before);
}

static void nothing_of_it_is_in_the_token(void **state)
{
    static const enum ps_key_type types[] = {PS_KEY_AES_256, PS_KEY_HMAC_SHA256};
    const struct msg_token_list list = {.after = 0};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(types); i++) {
        struct process_answer answer;
        const struct msg_token_objects *objects = (const void *)answer.message;
        static struct outside key;

        make_outside_secret(&key, types[i]);
        process_call(&shared, &msg_token_list_info, &list, &answer);
        assert_answered(&answer);
        assert_null(
            memmem(objects->objects.data, objects->objects.len, key.key.id, sizeof key.key.id));
        assert_non_null(
            memmem(objects->objects.data, objects->objects.len, secrets.id, sizeof secrets.id));
    }
}

static void a_changed_record_does_not_open(void **state)
{
    static struct outside key;
    static struct outside other;
    static struct outside hmac;
    static struct outside bad;

    (void)state;
    make_outside_secret(&key, PS_KEY_AES_256);
    make_outside_secret(&other, PS_KEY_AES_256);
    make_outside_secret(&hmac, PS_KEY_HMAC_SHA256);
    /* Blobs of secret keys look all alike: only the MAC tells them apart. */
    assert_int_equal(key.record.blob.len, hmac.record.blob.len);
#define WITH(change)                                                                               \
    do {                                                                                           \
        bad = key;                                                                                 \
        change;                                                                                    \
        must_be_refused_anew(&bad);                                                                \
    } while (false)
    WITH(bad.record.name = ps_bytes_str("b.key"));
    WITH(bad.record.version = 6);
    WITH(bad.record.blob = other.record.blob);
    WITH(bad.record.blob = hmac.record.blob);
    WITH(bad.record.mac = other.record.mac);
    WITH(bad.record.mac.len = 0);
    WITH(bad.record.public_key = ps_bytes_str("one"));
    WITH(bad.record.wrapping_id = key_id(&wrapping));
    WITH(bad.key.id[0] ^= 1);
    WITH(bad.record = other.record);
    /* As the other kind: what encrypts would make MACs, and the other way round. */
    WITH(bad.key.type = PS_KEY_HMAC_SHA256; bad.record.usage = PS_USAGE_MAC);
    WITH(bad = hmac; bad.key.type = PS_KEY_AES_256; bad.record.usage = PS_USAGE_ENCRYPT);
    for (size_t bit = 0; bit < key.record.blob.len * 8; bit += 7) {
        bad = key;
        bad.blob[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bad.record.blob = ps_bytes(bad.blob, key.record.blob.len);
        must_be_refused_anew(&bad);
    }
#undef WITH
}

/* The record is not what it is opened as, whoever made its MAC. */
static void must_not_be_made(const struct outside *key)
{
    struct process_answer answer;

    ask_to_make(key, &answer);
    assert_ptr_equal(answer.info, &msg_problem_info);
}

static void each_wrapping_key_wraps_one_class_only(void **state)
{
    struct process_answer answer;
    static struct outside key;

    (void)state;
    init_secret(&key, PS_KEY_AES_256);
    key.record.wrapping_id = key_id(&wrapping);
    must_not_be_made(&key);
    init_secret(&key, PS_KEY_HMAC_SHA256);
    key.record.wrapping_id = key_id(&wrapping);
    must_not_be_made(&key);
    init_outside(&key, PS_ALG_ES256, PS_KEY_EC_P256);
    key.record.wrapping_id = key_id(&secrets);
    must_not_be_made(&key);
    init_secret(&key, PS_KEY_AES_256);
    ask_to_make(&key, &answer);
    assert_answered(&answer);
}

static void a_wrapped_key_never_wraps(void **state)
{
    PS_BUF_AUTO record = {.max = TOKEN_RECORD_MAX};
    struct msg_token_open message = {.key_type = PS_KEY_AES_256};
    struct process_answer answer;
    static struct outside key;

    (void)state;
    init_secret(&key, PS_KEY_AES_256);
    key.record.usage = PS_USAGE_WRAP;
    ask_to_make(&key, &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    make_outside_secret(&key, PS_KEY_AES_256);
    key.record.usage = PS_USAGE_WRAP;
    assert_ok(ipc_encode(&wrapped_record_info, &key.record, &record));
    message.object_id = key_id(&key.key);
    message.record = ps_buf_bytes(&record);
    process_call(&shared, &msg_token_open_info, &message, &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
}

/* Even while it is open, and named as the key that wraps or that makes the MACs. */
static void an_open_key_stands_in_for_none_of_ours(void **state)
{
    uint8_t mac_of_it[TOKEN_MAC_LEN];
    struct process_answer answer;
    static struct outside open;
    static struct outside key;
    struct sealed sealed;

    (void)state;
    make_outside_secret(&open, PS_KEY_AES_256);
    seal(&open, text, ps_bytes(NULL, 0), &sealed);
    init_secret(&key, PS_KEY_AES_256);
    key.record.wrapping_id = key_id(&open.key);
    must_not_be_made(&key);
    key.record.wrapping_id = key_id(&secrets);
    key.record.mac_id = key_id(&open.key);
    must_not_be_made(&key);
    /* What it has encrypted is no blob, and what was wrapped nothing that it decrypts. */
    make_outside_secret(&key, PS_KEY_HMAC_SHA256);
    mac_with(&key, mac_of_it);
    memcpy(sealed.octets, key.record.blob.data, key.record.blob.len);
    sealed.len = key.record.blob.len;
    unseal(&open, &sealed, &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
}

static void it_does_only_what_it_was_made_for(void **state)
{
    struct msg_token_use message = {.action = TOKEN_MAC, .data = ps_bytes_str("text")};
    struct process_answer answer;
    static struct outside aes;
    static struct outside hmac;

    (void)state;
    make_outside_secret(&aes, PS_KEY_AES_256);
    make_outside_secret(&hmac, PS_KEY_HMAC_SHA256);
    use_secret(&aes, &message, &answer);
    assert_problem(PS_PROBLEM_KEY_MISMATCH, &answer);
    message.action = TOKEN_ENCRYPT_GCM;
    use_secret(&hmac, &message, &answer);
    assert_problem(PS_PROBLEM_KEY_MISMATCH, &answer);
}

static void it_shows_its_check_value_before_it_is_used(void **state)
{
    uint8_t check[TOKEN_MAC_LEN];
    struct process_answer answer;
    const struct msg_token_used *used = (const void *)answer.message;
    static struct outside key;
    struct msg_token_use message = {.action = TOKEN_MAC, .data = ps_bytes_str(TOKEN_CHECK_TEXT)};

    (void)state;
    make_outside_secret(&key, PS_KEY_HMAC_SHA256);
    use_secret(&key, &message, &answer);
    assert_answered(&answer);
    memcpy(check, used->octets.data, sizeof check);
    forget_open_keys();
    check[0] ^= 1;
    message.check = ps_bytes(check, sizeof check);
    use_secret(&key, &message, &answer);
    assert_answered(&answer);
    assert_int_equal(used->is_wrong, 1);
    check[0] ^= 1;
    use_secret(&key, &message, &answer);
    assert_answered(&answer);
    assert_int_equal(used->is_wrong, 0);
    assert_memory_equal(used->octets.data, check, sizeof check);
    /* It has, and is not asked again while it stays open. */
    check[0] ^= 1;
    use_secret(&key, &message, &answer);
    assert_answered(&answer);
    assert_int_equal(used->is_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_aes_key_encrypts_it_decrypts_when_opened_anew),
        cmocka_unit_test(an_hmac_key_makes_the_same_mac_when_opened_anew),
        cmocka_unit_test(nothing_of_it_is_in_the_token),
        cmocka_unit_test(a_changed_record_does_not_open),
        cmocka_unit_test(each_wrapping_key_wraps_one_class_only),
        cmocka_unit_test(a_wrapped_key_never_wraps),
        cmocka_unit_test(an_open_key_stands_in_for_none_of_ours),
        cmocka_unit_test(it_does_only_what_it_was_made_for),
        cmocka_unit_test(it_shows_its_check_value_before_it_is_used),
    };

    return cmocka_run_group_tests(tests, make_shared, end_shared);
}
