#ifndef TESTS_UNIT_WRAPPED_KEYS_H
#define TESTS_UNIT_WRAPPED_KEYS_H

#include "tests/unit/softhsm.h"
#include "tests/unit/token_keys.h"

/* One process of the real SoftHSM with the keys that wrap, and keys outside it that it has wrapped.
 */

enum { CACHE = 3 };

static struct process shared;
static struct test_key wrapping;
static struct test_key secrets; /* what wraps secret keys */
static struct test_key mac;

static inline PS_UNUSED void make_carried_for(struct test_key *key, enum ps_key_type type,
                                              enum ps_usage usage, bool for_secrets)
{
    struct process_answer answer;
    struct msg_token_generate message = {.label = ps_bytes_str("a.key"),
                                         .key_type = (uint8_t)type,
                                         .usage = (uint8_t)usage,
                                         .flags = TOKEN_KEY_EXTRACTABLE};

    message.flags |= for_secrets ? TOKEN_KEY_FOR_SECRETS : 0;

    *key = (struct test_key){.type = type};
    ps_random(key->id, sizeof key->id);
    message.object_id = key_id(key);
    process_call(&shared, &msg_token_generate_info, &message, &answer);
    keep_key(&answer, key);
}

static inline PS_UNUSED void make_carried(struct test_key *key, enum ps_key_type type,
                                          enum ps_usage usage)
{
    make_carried_for(key, type, usage, false);
}

static inline PS_UNUSED void make_what_wraps(void)
{
    make_carried(&wrapping, PS_KEY_AES_256, PS_USAGE_WRAP);
    make_carried_for(&secrets, PS_KEY_AES_256, PS_USAGE_WRAP, true);
    make_carried(&mac, PS_KEY_HMAC_SHA256, PS_USAGE_MAC);
}

static inline PS_UNUSED int make_shared(void **state)
{
    struct process_setup setup;

    (void)state;
    softhsm_make_store();
    setup = softhsm_setup();
    setup.cache_keys = CACHE;
    process_start(&shared, &setup);
    initialise_token(&shared);
    process_make_ready(&shared);
    make_what_wraps();
    return 0;
}

static inline PS_UNUSED int end_shared(void **state)
{
    (void)state;
    softhsm_end(&shared);
    return 0;
}

/* A wrapped key, with room for what its record borrows. */
struct outside {
    struct test_key key;
    enum ps_alg alg;
    uint8_t algs[1];
    uint8_t blob[1280];
    uint8_t mac[TOKEN_MAC_LEN];
    struct wrapped_record record;
};

static inline PS_UNUSED void init_outside(struct outside *outside, enum ps_alg alg,
                                          enum ps_key_type type)
{
    *outside = (struct outside){.key = {.type = type}, .alg = alg, .algs = {(uint8_t)alg}};
    ps_random(outside->key.id, sizeof outside->key.id);
    outside->record = (struct wrapped_record){
        .name = ps_bytes_str("a.key"),
        .version = 7,
        .usage = PS_USAGE_SIGN,
        .algorithms = ps_bytes(outside->algs, 1),
        .wrapping_id = key_id(&wrapping),
        .mac_id = key_id(&mac),
    };
}

static inline PS_UNUSED void init_secret(struct outside *outside, enum ps_key_type type)
{
    init_outside(outside, PS_ALG_NONE, type);
    outside->record.usage = type == PS_KEY_AES_256 ? PS_USAGE_ENCRYPT : PS_USAGE_MAC;
    outside->record.algorithms = ps_bytes(NULL, 0);
    outside->record.wrapping_id = key_id(&secrets);
}

static inline PS_UNUSED void ask_to_make(const struct outside *outside,
                                         struct process_answer *ret_answer)
{
    PS_BUF_AUTO record = {.max = TOKEN_RECORD_MAX};
    struct msg_token_make_wrapped message = {.object_id = key_id(&outside->key),
                                             .key_type = (uint8_t)outside->key.type};

    assert_ok(ipc_encode(&wrapped_record_info, &outside->record, &record));
    message.record = ps_buf_bytes(&record);
    process_call(&shared, &msg_token_make_wrapped_info, &message, ret_answer);
}

/* What init_outside or init_secret says. */
static inline PS_UNUSED void make_initialised(struct outside *outside)
{
    struct process_answer answer;
    const struct msg_token_wrapped *made = (const void *)answer.message;

    ask_to_make(outside, &answer);
    assert_answered(&answer);
    assert_ptr_equal(answer.info, &msg_token_wrapped_info);
    assert_int_equal(made->mac.len, TOKEN_MAC_LEN);
    if (made->public_key.len != 0) {
        memcpy(outside->key.spki, made->public_key.data, made->public_key.len);
    }
    outside->key.spki_len = made->public_key.len;
    memcpy(outside->blob, made->blob.data, made->blob.len);
    memcpy(outside->mac, made->mac.data, made->mac.len);
    outside->record.public_key = ps_bytes(outside->key.spki, outside->key.spki_len);
    outside->record.blob = ps_bytes(outside->blob, made->blob.len);
    outside->record.mac = ps_bytes(outside->mac, sizeof outside->mac);
}

static inline PS_UNUSED void make_outside(struct outside *outside, enum ps_alg alg,
                                          enum ps_key_type type)
{
    init_outside(outside, alg, type);
    make_initialised(outside);
}

static inline PS_UNUSED void make_outside_secret(struct outside *outside, enum ps_key_type type)
{
    init_secret(outside, type);
    make_initialised(outside);
    assert_int_equal(outside->record.public_key.len, 0);
}

/* One use of a secret key, with its record. */
static inline PS_UNUSED void use_secret(const struct outside *outside,
                                        struct msg_token_use *message,
                                        struct process_answer *ret_answer)
{
    PS_BUF_AUTO record = {.max = TOKEN_RECORD_MAX};

    assert_ok(ipc_encode(&wrapped_record_info, &outside->record, &record));
    message->object_id = key_id(&outside->key);
    message->key_type = (uint8_t)outside->key.type;
    message->is_wrapped = 1;
    message->record = ps_buf_bytes(&record);
    process_call(&shared, &msg_token_use_info, message, ret_answer);
}

static inline PS_UNUSED void mac_with(const struct outside *outside, uint8_t out[TOKEN_MAC_LEN])
{
    struct process_answer answer;
    const struct msg_token_used *used = (const void *)answer.message;
    struct msg_token_use message = {.action = TOKEN_MAC, .data = ps_bytes_str("a message")};

    use_secret(outside, &message, &answer);
    assert_answered(&answer);
    assert_int_equal(used->octets.len, TOKEN_MAC_LEN);
    memcpy(out, used->octets.data, TOKEN_MAC_LEN);
}

static inline PS_UNUSED void ask_with(const struct outside *outside, struct ps_bytes record,
                                      struct ps_bytes data, struct process_answer *ret_answer)
{
    struct msg_token_sign message = sign_message(&outside->key, outside->alg, data);

    message.is_wrapped = 1;
    message.record = record;
    process_call(&shared, &msg_token_sign_info, &message, ret_answer);
}

/* With its record or without; a signature has to be good. */
static inline PS_UNUSED void ask(const struct outside *outside, bool with_record,
                                 struct process_answer *ret_answer)
{
    PS_BUF_AUTO record = {.max = TOKEN_RECORD_MAX};
    uint8_t octets[128];
    const struct ps_bytes data = input_for(outside->alg, octets);

    assert_ok(ipc_encode(&wrapped_record_info, &outside->record, &record));
    ask_with(outside, with_record ? ps_buf_bytes(&record) : ps_bytes(NULL, 0), data, ret_answer);
    if (ret_answer->info == &msg_token_signed_info) {
        assert_true(verifies(&outside->key, outside->alg, data, ret_answer));
    }
}

static inline PS_UNUSED bool was_unwrapped(const struct process_answer *answer)
{
    assert_answered(answer);
    return ((const struct msg_token_signed *)(const void *)answer->message)->unwrapped != 0;
}

/* Also when its process has the key open by a good record. */
static inline PS_UNUSED void must_be_refused_anew(const struct outside *outside)
{
    PS_BUF_AUTO record = {.max = TOKEN_RECORD_MAX};
    struct msg_token_open message = {.object_id = key_id(&outside->key),
                                     .key_type = (uint8_t)outside->key.type};
    struct process_answer answer;

    assert_ok(ipc_encode(&wrapped_record_info, &outside->record, &record));
    message.record = ps_buf_bytes(&record);
    process_call(&shared, &msg_token_open_info, &message, &answer);
    assert_problem(PS_PROBLEM_RECORD_DAMAGED, &answer);
}

static PS_UNUSED struct test_key transport;

/* What an answer borrows lasts until the next one. */
static inline PS_UNUSED void keep_carried(struct process_answer *answer)
{
    static uint8_t octets[3][512];
    struct msg_token_carried *carried = (void *)answer->message;

    if (answer->info == &msg_token_carried_info && carried->so_pin_refused == 0) {
        assert_true(carried->wrapping.len == 512 && carried->mac.len == 512 &&
                    carried->secrets.len == 512);
        memcpy(octets[0], carried->wrapping.data, 512);
        memcpy(octets[1], carried->mac.data, 512);
        memcpy(octets[2], carried->secrets.data, 512);
        carried->wrapping.data = octets[0];
        carried->mac.data = octets[1];
        carried->secrets.data = octets[2];
    }
}

static inline PS_UNUSED void carry_out(const char *so_pin, struct ps_bytes public_key,
                                       struct process_answer *ret_answer)
{
    const struct msg_token_carry_out message = {.so_pin = ps_bytes_str(so_pin),
                                                .pin = ps_bytes_str(TEST_PIN),
                                                .public_key = public_key,
                                                .wrapping_id = key_id(&wrapping),
                                                .secrets_id = key_id(&secrets),
                                                .mac_id = key_id(&mac)};

    process_call(&shared, &msg_token_carry_out_info, &message, ret_answer);
    keep_carried(ret_answer);
    process_make_ready(&shared);
}

#endif
