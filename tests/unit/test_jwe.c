#include "tests/unit/signing.h"
#include "tests/unit/vectors.h"

#include "lib/base/encode.h"
#include "lib/formats/jose/jwe_internal.h"

/* What a token does: RSA-OAEP-256, or ECDH with a point X || Y. Empty when it cannot. */
static struct ps_bytes ask_token(EVP_PKEY *pkey, const struct jwe_parsed *jwe, uint8_t out[512])
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    size_t len = 512;
    bool made;

    if (EVP_PKEY_is_a(pkey, "RSA") == 1) {
        made = EVP_PKEY_decrypt_init(context) == 1 &&
               EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1 &&
               EVP_PKEY_decrypt(context, out, &len, jwe->sealed.encrypted_key.data,
                                jwe->sealed.encrypted_key.len) == 1;
    } else {
        EVP_PKEY *peer = EVP_PKEY_new();
        uint8_t point[1 + JWE_POINT_MAX] = {POINT_CONVERSION_UNCOMPRESSED};

        memcpy(point + 1, jwe->epk.data, jwe->epk.len);
        made = EVP_PKEY_copy_parameters(peer, pkey) == 1 &&
               EVP_PKEY_set1_encoded_public_key(peer, point, 1 + jwe->epk.len) == 1 &&
               EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, peer) == 1 &&
               EVP_PKEY_derive(context, out, &len) == 1;
        EVP_PKEY_free(peer);
    }
    EVP_PKEY_CTX_free(context);
    return made ? ps_bytes(out, len) : ps_bytes(NULL, 0);
}

static enum ps_err open_text(EVP_PKEY *pkey, struct ps_bytes text, struct ps_buf *out)
{
    uint8_t secret[512];
    struct jwe_parsed jwe;
    PS_BUF_AUTO memory = {.max = 65536};

    PS_TRY(jwe_parse(text, &memory, &jwe));
    return jwe_open(&jwe.sealed, ask_token(pkey, &jwe, secret), out);
}

static EVP_PKEY *private_key_of(struct json_value row)
{
    PS_BUF_AUTO der = {.max = 4096};
    const uint8_t *at;
    EVP_PKEY *pkey;

    assert_ok(ps_base64url_decode(text_of(row, "pkcs8"), &der));
    at = der.data;
    pkey = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
    assert_non_null(pkey);
    return pkey;
}

static void jwes_of_another_library_are_opened(void **state)
{
    bool seen[JWE_ALG_COUNT][JWE_ENC_COUNT] = {{false}};
    struct vectors vectors;
    struct json_value row;

    (void)state;
    vectors_open("jose/jwe.json", &vectors);
    while (vectors_next(&vectors, &row)) {
        EVP_PKEY *pkey = private_key_of(row);
        struct jwe_parsed jwe;
        PS_BUF_AUTO memory = {.max = 65536};
        PS_BUF_AUTO plaintext = {.max = 65536};
        PS_BUF_AUTO text = {.max = 65536};

        assert_ok(open_text(pkey, text_of(row, "jwe"), &plaintext));
        ps_buf_put_base64url(&text, ps_buf_bytes(&plaintext));
        assert_bytes(ps_buf_bytes(&text), text_of(row, "plaintext"));
        assert_ok(jwe_parse(text_of(row, "jwe"), &memory, &jwe));
        seen[jwe.sealed.alg][jwe.sealed.enc] = true;
        EVP_PKEY_free(pkey);
    }
    vectors_close(&vectors);
    for (unsigned alg = JWE_ALG_NONE + 1; alg < JWE_ALG_COUNT; alg++) {
        assert_true(seen[alg][JWE_A128GCM] && seen[alg][JWE_A256GCM]);
    }
}

/* RFC 7516 appendix A.1: its key came by RSA-OAEP with SHA-1, which we refuse; the content is as
 * ours. */
static void content_is_that_of_rfc_7516(void **state)
{
    static const uint8_t cek[] = {177, 161, 244, 128, 84,  143, 225, 115, 63, 180, 3,
                                  255, 107, 154, 212, 246, 138, 7,   110, 91, 112, 46,
                                  34,  105, 47,  130, 203, 46,  122, 234, 64, 252};
    PS_BUF_AUTO octets = {.max = 1024};
    PS_BUF_AUTO plaintext = {.max = 1024};
    struct jwe_sealed jwe = {.alg = JWE_RSA_OAEP_256,
                             .enc = JWE_A256GCM,
                             .header_b64 =
                                 LITERAL("eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ")};

    (void)state;
    assert_ok(ps_base64url_decode(LITERAL("48V1_ALb6US04U3b"), &octets));
    assert_ok(ps_base64url_decode(LITERAL("XFBoMYUZodetZdvTiFvSkQ"), &octets));
    assert_ok(ps_base64url_decode(
        LITERAL(
            "5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_"
            "A"),
        &octets));
    jwe.iv = ps_bytes(octets.data, 12);
    jwe.tag = ps_bytes(octets.data + 12, 16);
    jwe.ciphertext = ps_bytes_from(ps_buf_bytes(&octets), 28);
    assert_ok(jwe_open(&jwe, ps_bytes(cek, sizeof cek), &plaintext));
    assert_text(ps_buf_bytes(&plaintext),
                "The true sign of intelligence is not knowledge but imagination.");
}

static void agreed_key_is_that_of_rfc_7518(void **state)
{
    static const uint8_t z[] = {158, 86,  217, 29,  129, 113, 53,  211, 114, 131, 66,
                                131, 191, 132, 38,  156, 251, 49,  110, 163, 218, 128,
                                106, 72,  246, 218, 167, 121, 140, 254, 144, 196};
    const struct jwe_sealed jwe = {
        .alg = JWE_ECDH_ES, .enc = JWE_A128GCM, .apu = LITERAL("Alice"), .apv = LITERAL("Bob")};
    uint8_t key[JWE_CEK_MAX];
    char text[22];

    (void)state;
    assert_ok(jwe_derive_key(&jwe, ps_bytes(z, sizeof z), key));
    assert_int_equal(jwe_agreed_len(jwe.alg, jwe.enc), 16);
    ps_base64url_encode(ps_bytes(key, 16), text);
    assert_bytes(ps_bytes(text, sizeof text), LITERAL("VqqN6vgjbSBcIijNcacQGg"));
}

/* RFC 3394 sections 4.3 and 4.6. */
static void wrapped_keys_are_those_of_rfc_3394(void **state)
{
    static const char *const keys[] = {
        "00112233445566778899aabbccddeeff",
        "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f"};
    static const char *const wrapped[] = {
        "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7",
        "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"};
    uint8_t kek[32];

    (void)state;
    for (uint8_t i = 0; i < sizeof kek; i++) {
        kek[i] = i;
    }
    for (size_t i = 0; i < PS_COUNT_OF(keys); i++) {
        PS_BUF_AUTO key = {.max = 64};
        PS_BUF_AUTO out = {.max = 64};
        PS_BUF_AUTO hex = {.max = 256};
        uint8_t back[JWE_CEK_MAX] = {0};
        bool good = false;

        assert_ok(ps_hex_decode(ps_bytes_str(keys[i]), &key));
        assert_ok(jwe_wrap_key(kek, ps_buf_bytes(&key), &out));
        ps_buf_put_hex(&hex, ps_buf_bytes(&out));
        assert_text(ps_buf_bytes(&hex), wrapped[i]);
        assert_ok(jwe_unwrap_key(kek, ps_buf_bytes(&out), back, key.len, &good));
        assert_true(good);
        assert_bytes(ps_bytes(back, key.len), ps_buf_bytes(&key));
        out.data[out.len - 1] ^= 1;
        assert_ok(jwe_unwrap_key(kek, ps_buf_bytes(&out), back, key.len, &good));
        assert_false(good);
        assert_ok(jwe_unwrap_key(kek, ps_bytes(out.data, out.len - 1), back, key.len, &good));
        assert_false(good);
    }
}

static const struct {
    enum jwe_alg alg;
    enum ps_key_type type;
} recipients[] = {{JWE_RSA_OAEP_256, PS_KEY_RSA_2048},
                  {JWE_ECDH_ES, PS_KEY_EC_P256},
                  {JWE_ECDH_ES, PS_KEY_EC_P384},
                  {JWE_ECDH_ES_A256KW, PS_KEY_EC_P256},
                  {JWE_ECDH_ES_A256KW, PS_KEY_EC_P384}};

static EVP_PKEY *key_of(enum ps_key_type type)
{
    static EVP_PKEY *keys[PS_KEY_COUNT];

    if (keys[type] == NULL) {
        keys[type] = signing_make_key(type);
    }
    return keys[type];
}

static void seal(enum ps_key_type type, const struct jwe_header *header, struct ps_bytes plaintext,
                 struct ps_buf *out)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = signing_public(key_of(type));

    ps_buf_init(out, 2 * 1024 * 1024);
    assert_ok(jwe_seal(key, header, plaintext, out));
}

static void what_is_sealed_is_opened(void **state)
{
    static uint8_t large[JWE_PLAINTEXT_MAX];
    const struct ps_bytes plaintexts[] = {LITERAL(""), LITERAL("x"), ps_bytes(large, sizeof large)};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(recipients); i++) {
        for (unsigned enc = JWE_ENC_NONE + 1; enc < JWE_ENC_COUNT; enc++) {
            const struct jwe_header header = {
                .alg = recipients[i].alg, .enc = (enum jwe_enc)enc, .kid = LITERAL("k1")};
            uint8_t secret[512];
            const struct ps_bytes expected = plaintexts[(i + enc) % 3];
            struct jwe_parsed jwe;
            PS_BUF_AUTO text;
            PS_BUF_AUTO memory = {.max = 4 * 1024 * 1024};
            PS_BUF_AUTO out = {.max = JWE_PLAINTEXT_MAX + 1};

            seal(recipients[i].type, &header, expected, &text);
            assert_ok(jwe_parse(ps_buf_bytes(&text), &memory, &jwe));
            assert_text(jwe.kid, "k1");
            assert_ok(
                jwe_open(&jwe.sealed, ask_token(key_of(recipients[i].type), &jwe, secret), &out));
            assert_bytes(ps_buf_bytes(&out), expected);
        }
    }
}

static void text_is_put_together_again_as_it_came(void **state)
{
    const struct jwe_header header = {.alg = JWE_ECDH_ES, .enc = JWE_A128GCM};
    struct jwe_parsed jwe;
    PS_BUF_AUTO text;
    PS_BUF_AUTO memory = {.max = 65536};
    PS_BUF_AUTO again = {.max = 65536};

    (void)state;
    seal(PS_KEY_EC_P256, &header, LITERAL("hello"), &text);
    assert_ok(jwe_parse(ps_buf_bytes(&text), &memory, &jwe));
    jwe_put_compact(&jwe.sealed, &again);
    assert_bytes(ps_buf_bytes(&again), ps_buf_bytes(&text));
}

static void each_sealing_has_a_key_and_an_iv_of_its_own(void **state)
{
    const struct jwe_header header = {.alg = JWE_RSA_OAEP_256, .enc = JWE_A256GCM};
    struct jwe_parsed jwe[2];
    PS_BUF_AUTO text;
    PS_BUF_AUTO other;
    PS_BUF_AUTO memory = {.max = 65536};
    PS_BUF_AUTO more = {.max = 65536};
    uint8_t keys[2][512];
    struct ps_bytes a;
    struct ps_bytes b;

    (void)state;
    seal(PS_KEY_RSA_2048, &header, LITERAL("hello"), &text);
    seal(PS_KEY_RSA_2048, &header, LITERAL("hello"), &other);
    assert_ok(jwe_parse(ps_buf_bytes(&text), &memory, &jwe[0]));
    assert_ok(jwe_parse(ps_buf_bytes(&other), &more, &jwe[1]));
    assert_false(ps_bytes_equal(jwe[0].sealed.iv, jwe[1].sealed.iv));
    a = ask_token(key_of(PS_KEY_RSA_2048), &jwe[0], keys[0]);
    b = ask_token(key_of(PS_KEY_RSA_2048), &jwe[1], keys[1]);
    assert_int_equal(a.len, 32);
    assert_int_equal(b.len, 32);
    assert_false(ps_bytes_equal(a, b));
}

/* Each kind of damage has the one error with the one text. */
static void check_refused(const struct jwe_sealed *jwe, struct ps_bytes secret)
{
    PS_BUF_AUTO out = {.max = 65536};

    assert_fails(PS_E_DENIED, jwe_open(jwe, secret, &out));
    assert_string_equal(ps_detail()->text, "it cannot be decrypted");
    assert_int_equal(ps_detail()->code, 0);
    assert_int_equal(out.len, 0);
}

static void check_damages(const struct jwe_sealed *good, struct ps_bytes secret)
{
    uint8_t octets[512] = {0};
    const struct ps_bytes wrong_key = ps_bytes(octets, good->encrypted_key.len);
    struct jwe_sealed jwe = *good;

    check_refused(good, ps_bytes(NULL, 0));
    check_refused(good, ps_bytes(octets, secret.len));
    check_refused(good, ps_bytes(secret.data, secret.len - 1));
    if (good->alg != JWE_RSA_OAEP_256) {
        jwe.encrypted_key = wrong_key.len != 0 ? wrong_key : LITERAL("x");
        check_refused(&jwe, secret);
        jwe.encrypted_key = ps_bytes(octets, wrong_key.len + 8);
        check_refused(&jwe, secret);
        jwe = *good;
        jwe.apu = LITERAL("x");
        check_refused(&jwe, secret);
        jwe = *good;
    }
    jwe.iv = ps_bytes(good->iv.data, 11);
    check_refused(&jwe, secret);
    jwe.iv = ps_bytes(octets, 13);
    check_refused(&jwe, secret);
    jwe = *good;
    jwe.tag = ps_bytes(good->tag.data, 15);
    check_refused(&jwe, secret);
    jwe.tag = ps_bytes(NULL, 0);
    check_refused(&jwe, secret);
    jwe = *good;
    jwe.ciphertext.len--;
    check_refused(&jwe, secret);
    jwe.ciphertext = ps_bytes(NULL, 0);
    check_refused(&jwe, secret);
    jwe = *good;
    jwe.header_b64.len--;
    check_refused(&jwe, secret);
    jwe = *good;
    jwe.enc = good->enc == JWE_A128GCM ? JWE_A256GCM : JWE_A128GCM;
    check_refused(&jwe, secret);
}

static void every_damage_is_refused_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(recipients); i++) {
        const struct jwe_header header = {.alg = recipients[i].alg, .enc = JWE_A256GCM};
        uint8_t secret[512];
        uint8_t copy[512];
        struct jwe_parsed jwe;
        struct ps_bytes made;
        PS_BUF_AUTO text;
        PS_BUF_AUTO memory = {.max = 65536};

        seal(recipients[i].type, &header, LITERAL("hello"), &text);
        assert_ok(jwe_parse(ps_buf_bytes(&text), &memory, &jwe));
        made = ask_token(key_of(recipients[i].type), &jwe, secret);
        memcpy(copy, made.data, made.len);
        check_damages(&jwe.sealed, ps_bytes(copy, made.len));
    }
}

static void header_has_our_members_and_keeps_the_callers_octets(void **state)
{
    struct jwe_header header = {.alg = JWE_RSA_OAEP_256,
                                .enc = JWE_A256GCM,
                                .kid = LITERAL("ours"),
                                .x5c = LITERAL("[\"MII\"]"),
                                .x5t_s256 = LITERAL("abc"),
                                .members = LITERAL("{ \"cty\" :\"JWT\",\"jku\":\"https://a\","
                                                   "\"enc\":\"A256GCM\" }")};
    struct jwe_parsed jwe;
    PS_BUF_AUTO text;
    PS_BUF_AUTO other;
    PS_BUF_AUTO memory = {.max = 65536};

    (void)state;
    seal(PS_KEY_RSA_2048, &header, LITERAL("{}"), &text);
    assert_ok(jwe_parse(ps_buf_bytes(&text), &memory, &jwe));
    assert_text(jwe.header, "{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A256GCM\",\"x5c\":[\"MII\"],"
                            "\"x5t#S256\":\"abc\",\"cty\" :\"JWT\",\"jku\":\"https://a\","
                            "\"kid\":\"ours\"}");
    assert_text(jwe.kid, "ours");
    header = (struct jwe_header){.alg = JWE_RSA_OAEP_256,
                                 .enc = JWE_A256GCM,
                                 .kid = LITERAL("ours"),
                                 .members = LITERAL("{\"kid\":\"theirs\"}")};
    seal(PS_KEY_RSA_2048, &header, LITERAL("{}"), &other);
    ps_buf_reset(&memory);
    assert_ok(jwe_parse(ps_buf_bytes(&other), &memory, &jwe));
    assert_text(jwe.kid, "theirs");
}

static void callers_member_that_is_ours_is_an_input_error(void **state)
{
    static const char *const members[] = {"{\"alg\":\"RSA1_5\"}",
                                          "{\"alg\":\"ECDH-ES\"}",
                                          "{\"enc\":\"A128GCM\"}",
                                          "{\"epk\":{}}",
                                          "{\"apu\":\"\"}",
                                          "{\"apv\":\"\"}",
                                          "{\"zip\":\"DEF\"}",
                                          "{\"crit\":[\"x\"]}",
                                          "{\"b64\":false}",
                                          "{\"iv\":\"\"}",
                                          "{\"tag\":\"\"}",
                                          "{\"p2c\":1}",
                                          "{\"p2s\":\"\"}",
                                          "{\"x5c\":[]}",
                                          "{\"x5t#S256\":\"\"}",
                                          "{\"kid\":1}",
                                          "{\"typ\":1}",
                                          "{\"cty\":[]}",
                                          "{\"a\":1,\"a\":2}",
                                          "[]",
                                          "{",
                                          "{\"\\u007aip\":\"DEF\"}"};
    PS_CLEANUP(public_key_free_cleanup)
    struct public_key *key = signing_public(key_of(PS_KEY_RSA_2048));

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(members); i++) {
        const struct jwe_header header = {.alg = JWE_RSA_OAEP_256,
                                          .enc = JWE_A256GCM,
                                          .x5c = LITERAL("[]"),
                                          .x5t_s256 = LITERAL("x"),
                                          .members = ps_bytes_str(members[i])};
        PS_BUF_AUTO out = {.max = 65536};

        assert_fails(PS_E_INPUT, jwe_seal(key, &header, LITERAL("x"), &out));
        assert_int_equal(out.len, 0);
    }
}

static void key_that_does_not_do_the_algorithm_is_an_input_error(void **state)
{
    static const enum ps_key_type types[] = {PS_KEY_RSA_2048, PS_KEY_EC_P256,      PS_KEY_EC_P384,
                                             PS_KEY_EC_P521,  PS_KEY_EC_SECP256K1, PS_KEY_ED25519};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(types); i++) {
        PS_CLEANUP(public_key_free_cleanup)
        struct public_key *key = signing_public(key_of(types[i]));

        for (unsigned alg = JWE_ALG_NONE; alg <= JWE_ALG_COUNT; alg++) {
            const struct jwe_header header = {.alg = (enum jwe_alg)alg, .enc = JWE_A128GCM};
            PS_BUF_AUTO out = {.max = 65536};
            const bool fits = alg == JWE_RSA_OAEP_256                           ? i == 0
                              : alg == JWE_ECDH_ES || alg == JWE_ECDH_ES_A256KW ? i == 1 || i == 2
                                                                                : false;

            assert_int_equal(jwe_alg_fits((enum jwe_alg)alg, types[i]), fits);
            assert_fails(fits ? PS_OK : PS_E_INPUT, jwe_seal(key, &header, LITERAL("x"), &out));
        }
    }
}

static void limits_of_what_is_sealed_hold(void **state)
{
    static uint8_t large[JWE_PLAINTEXT_MAX + 1];
    PS_CLEANUP(public_key_free_cleanup)
    struct public_key *key = signing_public(key_of(PS_KEY_EC_P256));
    struct jwe_header header = {
        .alg = JWE_ECDH_ES, .enc = JWE_A128GCM, .apu = ps_bytes(large, JWE_PARTY_MAX)};
    PS_BUF_AUTO out = {.max = 4 * 1024 * 1024};
    PS_BUF_AUTO members = {.max = 65536};

    (void)state;
    assert_fails(PS_E_LIMIT, jwe_seal(key, &header, ps_bytes(large, sizeof large), &out));
    assert_ok(jwe_seal(key, &header, LITERAL("x"), &out));
    header.apu.len++;
    assert_fails(PS_E_INPUT, jwe_seal(key, &header, LITERAL("x"), &out));
    header.apu.len = 0;
    header.enc = JWE_ENC_NONE;
    assert_fails(PS_E_INPUT, jwe_seal(key, &header, LITERAL("x"), &out));
    header.enc = JWE_A128GCM;
    ps_buf_printf(&members, "{\"x\":\"%0*d\"}", JWE_HEADER_MAX, 0);
    header.members = ps_buf_bytes(&members);
    assert_fails(PS_E_INPUT, jwe_seal(key, &header, LITERAL("x"), &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jwes_of_another_library_are_opened),
        cmocka_unit_test(content_is_that_of_rfc_7516),
        cmocka_unit_test(agreed_key_is_that_of_rfc_7518),
        cmocka_unit_test(wrapped_keys_are_those_of_rfc_3394),
        cmocka_unit_test(what_is_sealed_is_opened),
        cmocka_unit_test(text_is_put_together_again_as_it_came),
        cmocka_unit_test(each_sealing_has_a_key_and_an_iv_of_its_own),
        cmocka_unit_test(every_damage_is_refused_alike),
        cmocka_unit_test(header_has_our_members_and_keeps_the_callers_octets),
        cmocka_unit_test(callers_member_that_is_ours_is_an_input_error),
        cmocka_unit_test(key_that_does_not_do_the_algorithm_is_an_input_error),
        cmocka_unit_test(limits_of_what_is_sealed_hold),
    };

    return cmocka_run_group_tests(tests, make_reader, free_reader);
}
