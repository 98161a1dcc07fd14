#include "tests/unit/fake_token.h"

/*
 * What a token process does with keys beside signing, against SoftHSM and the scripted module: what
 * OpenSSL encrypts or agrees on comes out, what nobody made does not, and a token that answers
 * nonsense is no oracle.
 */

static struct process soft;
static struct process *const both[] = {&soft, &process};

static int make_soft(void **state)
{
    (void)state;
    softhsm_begin(&soft, 2);
    return 0;
}

static int end_soft(void **state)
{
    (void)state;
    softhsm_end(&soft);
    return 0;
}

static int make_both(void **state)
{
    static char top[sizeof softhsm_top];
    int made = make_soft(state);

    /* The scripted module's directory is in a place of the same kind; both are removed. */
    memcpy(top, softhsm_top, sizeof top);
    *state = top;
    return made + make_fake(state);
}

static int end_both(void **state)
{
    const char *top = *state;
    const int ended = end_fake(state);

    memcpy(softhsm_top, top, sizeof softhsm_top);
    return ended + end_soft(state);
}

static void make_use_key(struct process *at, enum ps_usage usage, enum ps_key_type type,
                         struct test_key *key)
{
    struct process_answer answer;

    *key = (struct test_key){.type = type};
    ps_random(key->id, sizeof key->id);
    ask_for_key(at, key, usage, NULL, 0, &answer);
    keep_key(&answer, key);
}

/* What is sent of AES-GCM, or of the rest its data alone. */
struct sent {
    struct ps_bytes data;
    struct ps_bytes associated;
    struct ps_bytes nonce;
};

static void ask_to_use(struct process *at, const struct test_key *key, enum token_action action,
                       const struct sent *sent, struct process_answer *answer)
{
    const struct msg_token_use message = {
        .object_id = key_id(key),
        .action = (uint8_t)action,
        .key_type = (uint8_t)key->type,
        .data = sent->data,
        .associated = sent->associated,
        .nonce = sent->nonce,
    };

    process_call(at, &msg_token_use_info, &message, answer);
}

static struct ps_bytes ask_octets(struct process *at, const struct test_key *key,
                                  enum token_action action, struct ps_bytes data,
                                  struct process_answer *answer)
{
    ask_to_use(at, key, action, &(struct sent){.data = data}, answer);
    assert_answered(answer);
    assert_ptr_equal(answer->info, &msg_token_used_info);
    return ((const struct msg_token_used *)(const void *)answer->message)->octets;
}

static EVP_PKEY *public_of(const struct test_key *key)
{
    const uint8_t *at = key->spki;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)key->spki_len);

    assert_non_null(pkey);
    return pkey;
}

static struct ps_bytes encrypt_oaep(const struct test_key *key, const char *digest,
                                    struct ps_bytes message, uint8_t out[512])
{
    EVP_PKEY *pkey = public_of(key);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    size_t len = 512;

    assert_int_equal(EVP_PKEY_encrypt_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_get_digestbyname(digest)), 1);
    assert_int_equal(EVP_PKEY_encrypt(context, out, &len, message.data, message.len), 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(pkey);
    return ps_bytes(out, len);
}

static void oaep_of_openssl_is_decrypted(void **state)
{
    static const size_t lengths[] = {0, 1, 32, 190}; /* 190: all that RSA-2048 takes */
    uint8_t message[190];
    uint8_t sealed[512];

    (void)state;
    ps_random(message, sizeof message);
    for (size_t b = 0; b < PS_COUNT_OF(both); b++) {
        struct test_key key;

        make_use_key(both[b], PS_USAGE_DECRYPT, PS_KEY_RSA_2048, &key);
        for (size_t i = 0; i < PS_COUNT_OF(lengths); i++) {
            const struct ps_bytes data = ps_bytes(message, lengths[i]);
            struct process_answer answer;

            assert_true(
                ps_bytes_equal(ask_octets(both[b], &key, TOKEN_DECRYPT_OAEP,
                                          encrypt_oaep(&key, "SHA256", data, sealed), &answer),
                               data));
        }
    }
}

/* RFC 8017, 7.1.2, step 3: each error is the same, and none is the token's. */
static void every_wrong_oaep_is_refused_in_one_way(void **state)
{
    uint8_t sealed[512];
    uint8_t one[256] = {[255] = 1};
    uint8_t most[257];

    (void)state;
    memset(most, 0xff, sizeof most);
    for (size_t b = 0; b < PS_COUNT_OF(both); b++) {
        static struct test_key key;
        static struct test_key other;
        char first[200] = "";

        make_use_key(both[b], PS_USAGE_DECRYPT, PS_KEY_RSA_2048, &key);
        make_use_key(both[b], PS_USAGE_DECRYPT, PS_KEY_RSA_2048, &other);
        for (int i = 0; i < 5; i++) {
            struct ps_bytes wrong = encrypt_oaep(i == 0 ? &other : &key, i == 1 ? "SHA1" : "SHA256",
                                                 ps_bytes_str("secret"), sealed);
            const struct msg_problem *problem;
            struct process_answer answer;

            /* Of another key it may be over this one's modulus, which the token itself refuses. */
            sealed[0] = i == 0 ? 0 : sealed[0];
            sealed[100] ^= i == 2 ? 1 : 0;
            wrong = i == 3 ? ps_bytes(one, sizeof one) : wrong;
            wrong.len -= i == 4 ? 1 : 0;
            ask_to_use(both[b], &key, TOKEN_DECRYPT_OAEP, &(struct sent){.data = wrong}, &answer);
            assert_problem(PS_PROBLEM_REFUSED, &answer);
            problem = (const void *)answer.message;
            if (b == 0) {
                /* Without OAEP of its own, all of it is decided here. */
                assert_true(first[0] == 0 || ps_bytes_equal_str(problem->detail, first));
                (void)snprintf(first, sizeof first, "%.*s", PS_BYTES_FMT(problem->detail));
            }
        }
        ask_to_use(both[b], &key, TOKEN_DECRYPT_OAEP,
                   &(struct sent){.data = ps_bytes(most, sizeof most)},
                   &(struct process_answer){.id = 0});
        assert_int_equal(both[b]->state, TOKEN_READY);
    }
}

static EVP_PKEY *make_ephemeral(const char *curve, uint8_t point[160], size_t *ret_len)
{
    EVP_PKEY *pkey = EVP_EC_gen(curve);

    assert_non_null(pkey);
    assert_int_equal(EVP_PKEY_get_octet_string_param(pkey, "pub", point, 160, ret_len), 1);
    return pkey;
}

static struct ps_bytes agree(EVP_PKEY *own, const struct test_key *key, uint8_t out[66])
{
    EVP_PKEY *peer = public_of(key);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
    size_t len = 66;

    assert_int_equal(EVP_PKEY_derive_init(context), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(context, peer), 1);
    assert_int_equal(EVP_PKEY_derive(context, out, &len), 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(peer);
    return ps_bytes(out, len);
}

static void agreement_is_that_of_openssl(void **state)
{
    static const struct {
        const char *curve;
        enum ps_key_type type;
    } rows[] = {{"P-256", PS_KEY_EC_P256}, {"P-384", PS_KEY_EC_P384}};

    (void)state;
    for (size_t b = 0; b < PS_COUNT_OF(both); b++) {
        for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
            uint8_t point[160];
            uint8_t secret[66];
            size_t len;
            EVP_PKEY *own = make_ephemeral(rows[i].curve, point, &len);
            struct process_answer answer;
            struct test_key key;

            make_use_key(both[b], PS_USAGE_DECRYPT, rows[i].type, &key);
            for (int times = 0; times < 3; times++) {
                assert_true(ps_bytes_equal(
                    ask_octets(both[b], &key, TOKEN_DERIVE_ECDH, ps_bytes(point, len), &answer),
                    agree(own, &key, secret)));
            }
            point[len - 1] ^= 1; /* off the curve */
            ask_to_use(both[b], &key, TOKEN_DERIVE_ECDH,
                       &(struct sent){.data = ps_bytes(point, len)}, &answer);
            assert_problem(PS_PROBLEM_REFUSED, &answer);
            ask_to_use(both[b], &key, TOKEN_DERIVE_ECDH,
                       &(struct sent){.data = ps_bytes(point, len - 1)}, &answer);
            assert_problem(PS_PROBLEM_REFUSED, &answer);
            EVP_PKEY_free(own);
        }
        assert_int_equal(both[b]->state, TOKEN_READY);
    }
}

/* What was encrypted, in octets that stay. */
struct sealed {
    uint8_t octets[8192];
    size_t len;
    uint8_t nonce[TOKEN_GCM_NONCE];
};

static void seal(struct process *at, const struct test_key *key, const struct sent *sent,
                 struct sealed *sealed)
{
    struct process_answer answer;
    const struct msg_token_used *used = (const void *)answer.message;

    ask_to_use(at, key, TOKEN_ENCRYPT_GCM, sent, &answer);
    assert_answered(&answer);
    assert_int_equal(used->nonce.len, TOKEN_GCM_NONCE);
    assert_int_equal(used->octets.len, sent->data.len + TOKEN_GCM_TAG);
    memcpy(sealed->octets, used->octets.data, used->octets.len);
    sealed->len = used->octets.len;
    memcpy(sealed->nonce, used->nonce.data, TOKEN_GCM_NONCE);
}

static struct sent opening(const struct sealed *sealed, struct ps_bytes associated)
{
    return (struct sent){.data = ps_bytes(sealed->octets, sealed->len),
                         .associated = associated,
                         .nonce = ps_bytes(sealed->nonce, TOKEN_GCM_NONCE)};
}

static void gcm_opens_what_it_sealed_and_nothing_else(void **state)
{
    static const size_t lengths[] = {0, 1, 16, 4096};
    const struct ps_bytes associated = ps_bytes_str("about it");
    static uint8_t text[4096];
    static struct sealed sealed;
    static struct sealed again;

    (void)state;
    ps_random(text, sizeof text);
    for (size_t b = 0; b < PS_COUNT_OF(both); b++) {
        struct test_key key;

        make_use_key(both[b], PS_USAGE_ENCRYPT, PS_KEY_AES_256, &key);
        for (size_t i = 0; i < PS_COUNT_OF(lengths); i++) {
            const struct sent sent = {.data = ps_bytes(text, lengths[i]), .associated = associated};
            struct sent open;
            struct process_answer answer;
            const struct msg_token_used *used = (const void *)answer.message;

            seal(both[b], &key, &sent, &sealed);
            seal(both[b], &key, &sent, &again);
            assert_memory_not_equal(sealed.nonce, again.nonce, TOKEN_GCM_NONCE);
            open = opening(&sealed, associated);
            ask_to_use(both[b], &key, TOKEN_DECRYPT_GCM, &open, &answer);
            assert_answered(&answer);
            assert_true(ps_bytes_equal(used->octets, sent.data));
            open.associated.len--;
            ask_to_use(both[b], &key, TOKEN_DECRYPT_GCM, &open, &answer);
            assert_problem(PS_PROBLEM_REFUSED, &answer);
            open = opening(&sealed, associated);
            sealed.octets[sealed.len - 1] ^= 1;
            ask_to_use(both[b], &key, TOKEN_DECRYPT_GCM, &open, &answer);
            assert_problem(PS_PROBLEM_REFUSED, &answer);
            open.data.len = TOKEN_GCM_TAG - 1;
            ask_to_use(both[b], &key, TOKEN_DECRYPT_GCM, &open, &answer);
            assert_problem(PS_PROBLEM_REFUSED, &answer);
            open.nonce.len--;
            ask_to_use(both[b], &key, TOKEN_DECRYPT_GCM, &open, &answer);
            assert_problem(PS_PROBLEM_REFUSED, &answer);
        }
        assert_int_equal(both[b]->state, TOKEN_READY);
    }
}

static void mac_is_one_length_and_depends_on_key_and_message(void **state)
{
    (void)state;
    for (size_t b = 0; b < PS_COUNT_OF(both); b++) {
        struct process_answer answer;
        struct test_key keys[2];
        uint8_t macs[3][TOKEN_MAC_LEN];

        for (int i = 0; i < 3; i++) {
            const struct ps_bytes message = ps_bytes_str(i == 2 ? "another" : "one");
            struct ps_bytes mac;

            if (i != 2) {
                make_use_key(both[b], PS_USAGE_MAC, PS_KEY_HMAC_SHA256, &keys[i]);
            }
            mac = ask_octets(both[b], &keys[i == 1], TOKEN_MAC, message, &answer);
            assert_int_equal(mac.len, TOKEN_MAC_LEN);
            memcpy(macs[i], mac.data, mac.len);
        }
        assert_memory_not_equal(macs[0], macs[1], TOKEN_MAC_LEN);
        assert_memory_not_equal(macs[0], macs[2], TOKEN_MAC_LEN);
        assert_memory_equal(
            macs[0], ask_octets(both[b], &keys[0], TOKEN_MAC, ps_bytes_str("one"), &answer).data,
            TOKEN_MAC_LEN);
    }
}

static void key_does_nothing_but_its_own(void **state)
{
    static const struct {
        enum ps_usage usage;
        enum ps_key_type type;
        enum token_action action;
    } rows[] = {{PS_USAGE_DECRYPT, PS_KEY_RSA_2048, TOKEN_DECRYPT_OAEP},
                {PS_USAGE_DECRYPT, PS_KEY_EC_P256, TOKEN_DERIVE_ECDH},
                {PS_USAGE_MAC, PS_KEY_HMAC_SHA256, TOKEN_MAC}};
    uint8_t octets[256] = {4};

    (void)state;
    for (size_t b = 0; b < PS_COUNT_OF(both); b++) {
        struct process_answer answer;
        struct test_key key;

        for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
            make_use_key(both[b], rows[i].usage, rows[i].type, &key);
            for (unsigned action = 0; action <= TOKEN_ACTION_COUNT; action++) {
                if (action != rows[i].action) {
                    ask_to_use(both[b], &key, (enum token_action)action,
                               &(struct sent){.data = ps_bytes(octets, sizeof octets)}, &answer);
                    assert_problem(PS_PROBLEM_KEY_MISMATCH, &answer);
                }
            }
        }
        /* A key that signs is of the type of one that decrypts. */
        make_key(both[b], PS_ALG_PS256, PS_KEY_RSA_2048, &key);
        ask_to_use(both[b], &key, TOKEN_DECRYPT_OAEP,
                   &(struct sent){.data = ps_bytes(octets, sizeof octets)}, &answer);
        assert_problem(PS_PROBLEM_KEY_MISMATCH, &answer);
        make_use_key(both[b], PS_USAGE_DECRYPT, PS_KEY_RSA_2048, &key);
        ask_to_sign(both[b], &key, PS_ALG_PS256, ps_bytes(octets, 32), &answer);
        assert_problem(PS_PROBLEM_KEY_MISMATCH, &answer);
    }
}

/* --- The scripted module --- */

static void ask_fake(const struct test_key *key, enum token_action action, struct ps_bytes data,
                     struct process_answer *answer)
{
    ask_to_use(&process, key, action, &(struct sent){.data = data}, answer);
}

static void result_of_another_length_is_no_result(void **state)
{
    static const uint64_t lengths[] = {0, 1, 31, 33, UINT64_C(1) << 40, UINT64_MAX};
    const struct ps_bytes text = ps_bytes_str("text");
    struct process_answer answer;
    struct test_key mac;
    struct test_key aes;

    (void)state;
    make_use_key(&process, PS_USAGE_MAC, PS_KEY_HMAC_SHA256, &mac);
    make_use_key(&process, PS_USAGE_ENCRYPT, PS_KEY_AES_256, &aes);
    for (size_t i = 0; i < PS_COUNT_OF(lengths); i++) {
        script(FAKE_C_Sign, FAKE_LENGTH, lengths[i], 1);
        script(FAKE_C_Encrypt, FAKE_LENGTH, lengths[i], 1);
        ask_fake(&mac, TOKEN_MAC, text, &answer);
        assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
        ask_fake(&mac, TOKEN_MAC, text, &answer);
        assert_answered(&answer);
        ask_fake(&aes, TOKEN_ENCRYPT_GCM, text, &answer);
        assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
        ask_fake(&aes, TOKEN_ENCRYPT_GCM, text, &answer);
        assert_answered(&answer);
        (void)control_clear_rule(fake, 0);
    }
}

static void assert_wrong(const struct process_answer *answer)
{
    const struct msg_token_used *used = (const void *)answer->message;

    assert_answered(answer);
    assert_int_equal(used->is_wrong, 1);
    assert_int_equal(used->octets.len, 0);
}

static void ciphertext_that_does_not_open_again_is_not_given_out(void **state)
{
    const struct ps_bytes text = ps_bytes_str("text");
    static const enum fake_function functions[] = {FAKE_C_Encrypt, FAKE_C_Decrypt};
    struct process_answer answer;
    struct test_key key;

    (void)state;
    make_use_key(&process, PS_USAGE_ENCRYPT, PS_KEY_AES_256, &key);
    for (size_t i = 0; i < PS_COUNT_OF(functions); i++) {
        script(functions[i], FAKE_WRONG_SIGNATURE, 0, 1);
        ask_fake(&key, TOKEN_ENCRYPT_GCM, text, &answer);
        assert_wrong(&answer);
        (void)control_clear_rule(fake, 0);
        ask_fake(&key, TOKEN_ENCRYPT_GCM, text, &answer);
        assert_answered(&answer);
    }
}

/* The same message with the same nonce twice would give away the key of the tags. */
static void generator_that_repeats_itself_makes_no_nonce_twice(void **state)
{
    const struct ps_bytes text = ps_bytes_str("text");
    uint8_t first[TOKEN_GCM_NONCE];
    struct process_answer answer;
    struct test_key key;

    (void)state;
    make_use_key(&process, PS_USAGE_ENCRYPT, PS_KEY_AES_256, &key);
    script(FAKE_C_GenerateRandom, FAKE_ZEROS, 0, 2);
    for (int times = 0; times < 2; times++) {
        const struct msg_token_used *used =
            (const struct msg_token_used *)(const void *)answer.message;

        ask_fake(&key, TOKEN_ENCRYPT_GCM, text, &answer);
        assert_answered(&answer);
        assert_int_equal(used->nonce.len, sizeof first);
        if (times != 0) {
            assert_memory_not_equal(used->nonce.data, first, sizeof first);
        }
        memcpy(first, used->nonce.data, sizeof first);
    }
    (void)control_clear_rule(fake, 0);
}

static void lost_sessions_come_back(void **state)
{
    struct process_answer answer;
    struct test_key key;

    (void)state;
    make_use_key(&process, PS_USAGE_MAC, PS_KEY_HMAC_SHA256, &key);
    act(FAKE_LOSE_SESSIONS, "", 0, 0);
    ask_fake(&key, TOKEN_MAC, ps_bytes_str("text"), &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
    process_make_ready(&process);
    ask_fake(&key, TOKEN_MAC, ps_bytes_str("text"), &answer);
    assert_answered(&answer);
}

/* Whoever sends what does not open must not be able to take the token away from the others. */
static void wrong_ciphertext_never_trips_the_breaker(void **state)
{
    uint8_t sealed[512];
    struct process_answer answer;
    struct test_key key;
    struct ps_bytes data;
    uint32_t generation;

    (void)state;
    make_use_key(&process, PS_USAGE_DECRYPT, PS_KEY_RSA_2048, &key);
    generation = process.generation;
    data = encrypt_oaep(&key, "SHA256", ps_bytes_str("text"), sealed);
    script(FAKE_C_Decrypt, FAKE_RV, CKR_GENERAL_ERROR, 20);
    for (int i = 0; i < 20; i++) {
        ask_fake(&key, TOKEN_DECRYPT_OAEP, data, &answer);
        assert_problem(PS_PROBLEM_REFUSED, &answer);
    }
    ask_fake(&key, TOKEN_DECRYPT_OAEP, data, &answer);
    assert_answered(&answer);
    assert_int_equal(process.generation, generation);
}

static void secret_objects_do_not_pile_up(void **state)
{
    uint8_t point[160];
    size_t len;
    EVP_PKEY *own = make_ephemeral("P-256", point, &len);
    struct process_answer answer;
    struct test_key key;

    (void)state;
    make_use_key(&process, PS_USAGE_DECRYPT, PS_KEY_EC_P256, &key);
    for (int i = 0; i < 10; i++) {
        (void)ask_octets(&process, &key, TOKEN_DERIVE_ECDH, ps_bytes(point, len), &answer);
    }
    assert_int_equal(calls(FAKE_C_DeriveKey), calls(FAKE_C_DestroyObject));
    script_attribute(CKA_VALUE, FAKE_GARBAGE_SHORT);
    ask_fake(&key, TOKEN_DERIVE_ECDH, ps_bytes(point, len), &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
    assert_int_equal(calls(FAKE_C_DeriveKey), calls(FAKE_C_DestroyObject));
    EVP_PKEY_free(own);
}

static void threads_do_the_same(void **state)
{
    struct process_setup setup = fake_setup();
    static uint8_t text[100000];
    struct process_answer answer;
    const struct msg_token_used *used = (const void *)answer.message;
    struct test_key key;

    (void)state;
    setup.sessions = 2;
    restart(&setup);
    process_make_ready(&process);
    ps_random(text, sizeof text);
    make_use_key(&process, PS_USAGE_ENCRYPT, PS_KEY_AES_256, &key);
    ask_to_use(
        &process, &key, TOKEN_ENCRYPT_GCM,
        &(struct sent){.data = ps_bytes(text, sizeof text), .associated = ps_bytes(text, 1000)},
        &answer);
    assert_answered(&answer);
    {
        static uint8_t octets[sizeof text + TOKEN_GCM_TAG];
        uint8_t nonce[TOKEN_GCM_NONCE];

        assert_int_equal(used->octets.len, sizeof octets);
        memcpy(octets, used->octets.data, sizeof octets);
        memcpy(nonce, used->nonce.data, sizeof nonce);
        ask_to_use(&process, &key, TOKEN_DECRYPT_GCM,
                   &(struct sent){.data = ps_bytes(octets, sizeof octets),
                                  .associated = ps_bytes(text, 1000),
                                  .nonce = ps_bytes(nonce, sizeof nonce)},
                   &answer);
    }
    assert_answered(&answer);
    assert_true(ps_bytes_equal(used->octets, ps_bytes(text, sizeof text)));
    ask_fake(&key, TOKEN_DECRYPT_GCM, ps_bytes(text, 1000), &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
}

int main(void)
{
    const struct CMUnitTest on_both[] = {
        cmocka_unit_test(oaep_of_openssl_is_decrypted),
        cmocka_unit_test(every_wrong_oaep_is_refused_in_one_way),
        cmocka_unit_test(agreement_is_that_of_openssl),
        cmocka_unit_test(gcm_opens_what_it_sealed_and_nothing_else),
        cmocka_unit_test(mac_is_one_length_and_depends_on_key_and_message),
        cmocka_unit_test(key_does_nothing_but_its_own),
    };
    const struct CMUnitTest on_fake[] = {
        FAKE_TEST(result_of_another_length_is_no_result),
        FAKE_TEST(ciphertext_that_does_not_open_again_is_not_given_out),
        FAKE_TEST(generator_that_repeats_itself_makes_no_nonce_twice),
        FAKE_TEST(lost_sessions_come_back),
        FAKE_TEST(wrong_ciphertext_never_trips_the_breaker),
        FAKE_TEST(secret_objects_do_not_pile_up),
        FAKE_TEST(threads_do_the_same),
    };
    int failed = cmocka_run_group_tests(on_both, make_both, end_both);

    failed += cmocka_run_group_tests(on_fake, NULL, NULL);
    return failed == 0 ? 0 : 1;
}
