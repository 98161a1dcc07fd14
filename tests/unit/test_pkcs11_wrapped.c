#include "tests/unit/wrapped_keys.h"

/* Keys that live outside the token, wrapped by it: a process of the real SoftHSM with them. */

static void every_type_that_the_profile_names_is_made_and_signs(void **state)
{
    static const struct {
        enum ps_alg alg;
        enum ps_key_type type;
    } rows[] = {
        {PS_ALG_ES256, PS_KEY_EC_P256},  {PS_ALG_ES384, PS_KEY_EC_P384},
        {PS_ALG_ES512, PS_KEY_EC_P521},  {PS_ALG_ES256K, PS_KEY_EC_SECP256K1},
        {PS_ALG_PS256, PS_KEY_RSA_2048},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct process_answer answer;
        struct outside key;

        make_outside(&key, rows[i].alg, rows[i].type);
        ask(&key, true, &answer);
        assert_true(was_unwrapped(&answer));
    }
}

static void no_other_type_is_made(void **state)
{
    struct process_answer answer;
    static struct outside key;

    (void)state;
    init_outside(&key, PS_ALG_EDDSA, PS_KEY_ED25519);
    ask_to_make(&key, &answer);
    assert_problem(PS_PROBLEM_KEY_MISMATCH, &answer);
    init_outside(&key, PS_ALG_ES256, PS_KEY_AES_256);
    ask_to_make(&key, &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
}

static void nothing_of_it_is_in_the_token(void **state)
{
    const struct msg_token_list list = {.after = 0};
    struct process_answer answer;
    const struct msg_token_objects *objects = (const void *)answer.message;
    static struct outside key;

    (void)state;
    make_outside(&key, PS_ALG_ES256, PS_KEY_EC_P256);
    ask(&key, true, &answer);
    process_call(&shared, &msg_token_list_info, &list, &answer);
    assert_answered(&answer);
    assert_null(memmem(objects->objects.data, objects->objects.len, key.key.id, sizeof key.key.id));
    assert_non_null(
        memmem(objects->objects.data, objects->objects.len, wrapping.id, sizeof wrapping.id));
}

static void it_is_unwrapped_once(void **state)
{
    struct process_answer answer;
    static struct outside key;

    (void)state;
    make_outside(&key, PS_ALG_ES256, PS_KEY_EC_P256);
    ask(&key, false, &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
    ask(&key, true, &answer);
    assert_true(was_unwrapped(&answer));
    ask(&key, true, &answer);
    assert_false(was_unwrapped(&answer));
    ask(&key, false, &answer);
    assert_false(was_unwrapped(&answer));
}

static void the_one_not_used_for_longest_goes(void **state)
{
    static struct outside keys[CACHE + 1];
    struct process_answer answer;

    (void)state;
    for (size_t i = 0; i <= CACHE; i++) {
        make_outside(&keys[i], PS_ALG_ES256, PS_KEY_EC_P256);
    }
    for (size_t i = 0; i < CACHE; i++) {
        ask(&keys[i], true, &answer);
    }
    ask(&keys[0], false, &answer);
    assert_false(was_unwrapped(&answer));
    ask(&keys[CACHE], true, &answer);
    assert_true(was_unwrapped(&answer));
    ask(&keys[1], false, &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
    ask(&keys[0], false, &answer);
    assert_false(was_unwrapped(&answer));
    ask(&keys[1], true, &answer);
    assert_true(was_unwrapped(&answer));
}

static void what_is_destroyed_is_unwrapped_no_more(void **state)
{
    struct process_answer answer;
    static struct outside key;
    struct msg_token_destroy message = {0};

    (void)state;
    make_outside(&key, PS_ALG_ES256, PS_KEY_EC_P256);
    ask(&key, true, &answer);
    message = (struct msg_token_destroy){.object_id = key_id(&key.key)};
    process_call(&shared, &msg_token_destroy_info, &message, &answer);
    assert_answered(&answer);
    ask(&key, false, &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
}

static void close_key(const struct test_key *key, struct process_answer *ret_answer)
{
    const struct msg_token_destroy message = {.object_id = key_id(key), .only_open = 1};

    process_call(&shared, &msg_token_destroy_info, &message, ret_answer);
}

/* Whatever id somebody gives who means an unwrapped key. */
static void what_is_closed_is_nothing_that_the_token_keeps(void **state)
{
    struct process_answer answer;
    static struct outside key;

    (void)state;
    make_outside(&key, PS_ALG_ES256, PS_KEY_EC_P256);
    ask(&key, true, &answer);
    close_key(&key.key, &answer);
    assert_answered(&answer);
    ask(&key, false, &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
    close_key(&wrapping, &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
    ask(&key, true, &answer);
    assert_true(was_unwrapped(&answer));
}

static void new_sessions_have_nothing_unwrapped(void **state)
{
    const struct msg_token_logout logout = {0};
    struct process_answer answer;
    static struct outside key;

    (void)state;
    make_outside(&key, PS_ALG_ES256, PS_KEY_EC_P256);
    ask(&key, true, &answer);
    process_call(&shared, &msg_token_logout_info, &logout, &answer);
    process_make_ready(&shared);
    ask(&key, false, &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
    ask(&key, true, &answer);
    assert_true(was_unwrapped(&answer));
}

static void must_be_refused(const struct outside *outside)
{
    struct process_answer answer;

    ask(outside, true, &answer);
    assert_problem(PS_PROBLEM_RECORD_DAMAGED, &answer);
    must_be_refused_anew(outside);
}

static void a_changed_record_does_not_open(void **state)
{
    struct process_answer answer;
    static struct outside key;
    static struct outside other;
    static struct outside bad;

    (void)state;
    make_outside(&key, PS_ALG_ES256, PS_KEY_EC_P256);
    make_outside(&other, PS_ALG_ES256, PS_KEY_EC_P256);
#define WITH(change)                                                                               \
    do {                                                                                           \
        bad = key;                                                                                 \
        change;                                                                                    \
        must_be_refused(&bad);                                                                     \
    } while (false)
    WITH(bad.record.name = ps_bytes_str("b.key"));
    WITH(bad.record.version = 6);
    WITH(bad.record.usage = PS_USAGE_CERTIFY);
    WITH(bad.record.blob = other.record.blob);
    WITH(bad.record.public_key = other.record.public_key);
    WITH(bad.record.mac = other.record.mac);
    WITH(bad.record.mac.len = 31);
    WITH(bad.record.mac.len = 0);
    WITH(bad.record.blob.len -= 8);
    WITH(bad.key.type = PS_KEY_EC_SECP256K1; bad.alg = PS_ALG_ES256K; bad.algs[0] = PS_ALG_ES256K;
         bad.record.algorithms.data = bad.algs);
    WITH(bad.key.id[0] ^= 1);
    /* All of another key's, under this one's id. */
    WITH(bad.record = other.record);
    for (size_t bit = 0; bit < key.record.blob.len * 8; bit += 61) {
        bad = key;
        bad.blob[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bad.record.blob = ps_bytes(bad.blob, key.record.blob.len);
        must_be_refused(&bad);
    }
#undef WITH
    ask(&key, true, &answer);
    assert_true(was_unwrapped(&answer));
}

static void what_is_no_record_is_refused(void **state)
{
    uint8_t octets[128];
    struct process_answer answer;
    static struct outside key;

    (void)state;
    make_outside(&key, PS_ALG_ES256, PS_KEY_EC_P256);
    ask_with(&key, ps_bytes_str("no record"), input_for(PS_ALG_ES256, octets), &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
}

/* Neither the key that wraps nor the one that makes the MAC does anything else. */
static void what_wraps_does_nothing_else(void **state)
{
    const struct msg_token_use message = {.object_id = key_id(&wrapping),
                                          .action = TOKEN_ENCRYPT_GCM,
                                          .key_type = PS_KEY_AES_256,
                                          .data = ps_bytes_str("text")};
    struct process_answer answer;
    static struct outside key;

    (void)state;
    process_call(&shared, &msg_token_use_info, &message, &answer);
    assert_problem(PS_PROBLEM_KEY_MISMATCH, &answer);
    init_outside(&key, PS_ALG_ES256, PS_KEY_EC_P256);
    key.record.wrapping_id = key_id(&mac);
    ask_to_make(&key, &answer);
    assert_ptr_equal(answer.info, &msg_problem_info);
    key.record.wrapping_id = ps_bytes_str("no such key");
    ask_to_make(&key, &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
}

/* Whoever has the user's PIN makes another one beside it. */
static CK_OBJECT_HANDLE make_twin(const CK_FUNCTION_LIST *fn, CK_SESSION_HANDLE session)
{
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_BBOOL yes = CK_TRUE;
    CK_ULONG len = 32;
    CK_ATTRIBUTE attributes[] = {{CKA_VALUE_LEN, &len, sizeof len},
                                 {CKA_TOKEN, &yes, sizeof yes},
                                 {CKA_WRAP, &yes, sizeof yes},
                                 {CKA_UNWRAP, &yes, sizeof yes},
                                 {CKA_ID, wrapping.id, sizeof wrapping.id}};
    CK_OBJECT_HANDLE twin;

    assert_int_equal(
        fn->C_GenerateKey(session, &mechanism, attributes, PS_COUNT_OF(attributes), &twin), CKR_OK);
    return twin;
}

/* Which of them a handle is of nobody could tell. */
static void with_two_keys_of_one_id_nothing_is_wrapped(void **state)
{
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    CK_FUNCTION_LIST *fn = softhsm_log_in(&slot, &session);
    const CK_OBJECT_HANDLE twin = make_twin(fn, session);
    struct process_answer answer;
    static struct outside key;

    (void)state;
    init_outside(&key, PS_ALG_ES256, PS_KEY_EC_P256);
    ask_to_make(&key, &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
    assert_int_equal(fn->C_DestroyObject(session, twin), CKR_OK);
    assert_int_equal(fn->C_Finalize(NULL), CKR_OK);
    make_initialised(&key);
    ask(&key, true, &answer);
    assert_true(was_unwrapped(&answer));
}

/* --- To another token --- */

static struct process other;
static int make_other(void **state)
{
    const struct msg_token_initialise initialise = {.label = ps_bytes_str("other"),
                                                    .so_pin = ps_bytes_str("99999999"),
                                                    .pin = ps_bytes_str(TEST_PIN)};
    struct process_setup setup = softhsm_setup();
    struct process_answer answer;

    (void)state;
    setup.uri = "pkcs11:token=other";
    process_start(&other, &setup);
    process_wait_state(&other, TOKEN_BLANK);
    process_call(&other, &msg_token_initialise_info, &initialise, &answer);
    assert_answered(&answer);
    process_make_ready(&other);
    transport = (struct test_key){.type = PS_KEY_RSA_4096};
    ps_random(transport.id, sizeof transport.id);
    ask_for_key(&other, &transport, PS_USAGE_WRAP, NULL, 0, &answer);
    keep_key(&answer, &transport);
    return 0;
}

static int end_other(void **state)
{
    (void)state;
    assert_int_equal(process_stop(&other), 0);
    return 0;
}

static void carry_in(const struct msg_token_carried *carried, struct process_answer *ret_answer)
{
    const struct msg_token_carry_in message = {.transport_id = key_id(&transport),
                                               .wrapping_id = key_id(&wrapping),
                                               .wrapping_label = ps_bytes_str("a.key"),
                                               .secrets_id = key_id(&secrets),
                                               .secrets_label = ps_bytes_str("a.key"),
                                               .mac_id = key_id(&mac),
                                               .mac_label = ps_bytes_str("a.key"),
                                               .wrapping = carried->wrapping,
                                               .secrets = carried->secrets,
                                               .mac = carried->mac};

    process_call(&other, &msg_token_carry_in_info, &message, ret_answer);
}

static void sign_at_other(const struct outside *key)
{
    PS_BUF_AUTO record = {.max = TOKEN_RECORD_MAX};
    uint8_t octets[128];
    const struct ps_bytes data = input_for(key->alg, octets);
    struct msg_token_sign message = sign_message(&key->key, key->alg, data);
    struct process_answer answer;

    assert_ok(ipc_encode(&wrapped_record_info, &key->record, &record));
    message.is_wrapped = 1;
    message.record = ps_buf_bytes(&record);
    process_call(&other, &msg_token_sign_info, &message, &answer);
    assert_true(verifies(&key->key, key->alg, data, &answer));
}

/* The same MAC as at home. */
static void mac_at_other(const struct outside *key)
{
    PS_BUF_AUTO record = {.max = TOKEN_RECORD_MAX};
    struct msg_token_use message = {.object_id = key_id(&key->key),
                                    .action = TOKEN_MAC,
                                    .key_type = (uint8_t)key->key.type,
                                    .data = ps_bytes_str("a message"),
                                    .is_wrapped = 1};
    uint8_t at_home[TOKEN_MAC_LEN];
    struct process_answer answer;
    const struct msg_token_used *used = (const void *)answer.message;

    mac_with(key, at_home);
    assert_ok(ipc_encode(&wrapped_record_info, &key->record, &record));
    message.record = ps_buf_bytes(&record);
    process_call(&other, &msg_token_use_info, &message, &answer);
    assert_answered(&answer);
    assert_true(ps_bytes_equal(used->octets, ps_bytes(at_home, sizeof at_home)));
}

static void keys_that_are_carried_open_what_was_wrapped_before(void **state)
{
    static struct outside key;
    static struct outside secret;
    static struct process_answer carried;
    struct process_answer answer;

    (void)state;
    make_outside(&key, PS_ALG_ES256, PS_KEY_EC_P256);
    make_outside_secret(&secret, PS_KEY_HMAC_SHA256);
    carry_out(SO_PIN, ps_bytes(transport.spki, transport.spki_len), &carried);
    assert_answered(&carried);
    carry_in((const struct msg_token_carried *)(const void *)carried.message, &answer);
    assert_answered(&answer);
    sign_at_other(&key);
    mac_at_other(&secret);
    ask(&key, true, &answer);
    assert_true(was_unwrapped(&answer));
    /* Once: their ids are taken. */
    carry_in((const struct msg_token_carried *)(const void *)carried.message, &answer);
    assert_problem(PS_PROBLEM_CONFLICT, &answer);
}

/* It is told apart from all else that may go wrong: it must not be given again. */
static void assert_so_pin_refused(const struct process_answer *answer)
{
    const struct msg_token_carried *carried = (const void *)answer->message;

    assert_ptr_equal(answer->info, &msg_token_carried_info);
    assert_int_equal(carried->so_pin_refused, 1);
    assert_int_equal(carried->wrapping.len, 0);
    assert_int_equal(carried->secrets.len, 0);
    assert_int_equal(carried->mac.len, 0);
}

/* What people approve is one key and nothing behind it, of the one exponent. */
static void another_key_to_carry_under_is_refused(void **state)
{
    uint8_t octets[sizeof transport.spki + 1] = {0};
    const size_t len = transport.spki_len;
    struct process_answer answer;

    (void)state;
    memcpy(octets, transport.spki, len);
    carry_out(SO_PIN, ps_bytes(octets, len + 1), &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    octets[len - 1] ^= 2; /* 65539 */
    carry_out(SO_PIN, ps_bytes(octets, len), &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    octets[len - 1] ^= 2;
    carry_out(SO_PIN, ps_bytes(octets, len), &answer);
    assert_answered(&answer);
}

static void nothing_is_carried_without_the_security_officer(void **state)
{
    static struct outside key;
    struct process_answer answer;

    (void)state;
    carry_out("00000000", ps_bytes(transport.spki, transport.spki_len), &answer);
    assert_so_pin_refused(&answer);
    carry_out(SO_PIN, ps_bytes_str("no public key"), &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    /* And what cannot carry is not let in: a key of another kind. */
    make_outside(&key, PS_ALG_PS256, PS_KEY_RSA_2048);
    carry_out(SO_PIN, key.record.public_key, &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    ask(&key, true, &answer);
    assert_true(was_unwrapped(&answer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_that_the_profile_names_is_made_and_signs),
        cmocka_unit_test(no_other_type_is_made),
        cmocka_unit_test(nothing_of_it_is_in_the_token),
        cmocka_unit_test(it_is_unwrapped_once),
        cmocka_unit_test(the_one_not_used_for_longest_goes),
        cmocka_unit_test(what_is_destroyed_is_unwrapped_no_more),
        cmocka_unit_test(what_is_closed_is_nothing_that_the_token_keeps),
        cmocka_unit_test(new_sessions_have_nothing_unwrapped),
        cmocka_unit_test(a_changed_record_does_not_open),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(what_wraps_does_nothing_else),
        cmocka_unit_test(with_two_keys_of_one_id_nothing_is_wrapped),
        cmocka_unit_test_setup_teardown(keys_that_are_carried_open_what_was_wrapped_before,
                                        make_other, end_other),
        cmocka_unit_test(another_key_to_carry_under_is_refused),
        cmocka_unit_test(nothing_is_carried_without_the_security_officer),
    };

    return cmocka_run_group_tests(tests, make_shared, end_shared);
}
