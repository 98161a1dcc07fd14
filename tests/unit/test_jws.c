#include "tests/unit/signing.h"
#include "tests/unit/vectors.h"

#include "lib/base/encode.h"
#include "lib/formats/jose/jws.h"

#include <openssl/hmac.h>

/* Base64url of a literal, as a string that stays until the next call but three. */
static const char *b64(const char *text)
{
    static char rooms[4][1024];
    static unsigned next;
    char *room = rooms[next++ % 4];
    const size_t len = ps_base64url_len(strlen(text));

    assert_true(len < sizeof rooms[0]);
    ps_base64url_encode(ps_bytes_str(text), room);
    room[len] = '\0';
    return room;
}

static void check_row(struct json_value row)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    struct jws_parsed jws;
    struct json_value value;
    PS_BUF_AUTO payload;
    PS_BUF_AUTO memory;
    struct ps_bytes detached;

    ps_buf_init(&payload, 65536);
    ps_buf_init(&memory, 65536);
    assert_ok(ps_base64url_decode(text_of(row, "payload"), &payload));
    detached = ps_buf_bytes(&payload);
    assert_true(json_member(row, "jwk", &value));
    assert_ok(public_key_from_jwk_value(value, &key));
    assert_ok(jws_parse(text_of(row, "jws"),
                        json_member(row, "detached", &value) ? &detached : NULL, &memory, &jws));
    assert_int_equal(jws.alg, ps_alg_by_name(text_of(row, "alg")));
    assert_bytes(jws.payload, ps_buf_bytes(&payload));
    assert_ok(jws_verify(&jws, key));
    payload.data[0] ^= 1;
    if (jws.payload_as_signed.data != payload.data) {
        /* What was decoded is a copy: verification is over what stood in the text. */
        assert_ok(jws_verify(&jws, key));
    } else {
        assert_fails(PS_E_DENIED, jws_verify(&jws, key));
    }
}

static void published_examples_of_every_algorithm_verify(void **state)
{
    bool seen[PS_ALG_COUNT] = {false};
    struct vectors vectors;
    struct json_value row;

    (void)state;
    vectors_open("jose/jws.json", &vectors);
    while (vectors_next(&vectors, &row)) {
        check_row(row);
        seen[ps_alg_by_name(text_of(row, "alg"))] = true;
    }
    vectors_close(&vectors);
    for (unsigned alg = PS_ALG_NONE + 1; alg < PS_ALG_COUNT; alg++) {
        if (!seen[alg]) {
            fail_msg("no vector for %s", ps_alg_info((enum ps_alg)alg)->name);
        }
    }
}

/* RFC 7797 sections 4.1 and 4.2: HS256, which we do not sign with, so the signing input is shown.
 */
static void signing_input_is_that_of_rfc_7797(void **state)
{
    static const char *const expected[] = {"5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ",
                                           "A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY"};
    static const char *const headers[] = {"{\"alg\":\"HS256\"}",
                                          "{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]}"};
    PS_BUF_AUTO secret;

    (void)state;
    ps_buf_init(&secret, 64);
    assert_ok(ps_base64url_decode(LITERAL("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"
                                          "aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"),
                                  &secret));
    for (int i = 0; i < 2; i++) {
        uint8_t mac[32];
        unsigned mac_len = sizeof mac;
        size_t header_len = 0;
        PS_BUF_AUTO input;
        PS_BUF_AUTO text;

        ps_buf_init(&input, 256);
        ps_buf_init(&text, 256);
        assert_ok(jws_put_signing_input(ps_bytes_str(headers[i]), LITERAL("$.02"), i == 1, &input,
                                        &header_len));
        assert_int_equal(header_len, strlen(b64(headers[i])));
        assert_non_null(
            HMAC(EVP_sha256(), secret.data, (int)secret.len, input.data, input.len, mac, &mac_len));
        ps_buf_put_base64url(&text, ps_bytes(mac, mac_len));
        assert_text(ps_buf_bytes(&text), expected[i]);
    }
}

static void header_has_our_members_first_and_keeps_the_callers_octets(void **state)
{
    struct jws_header header = {.alg = PS_ALG_ES256, .kid = LITERAL("k\"1"), .type = "JWT"};
    PS_BUF_AUTO out;

    (void)state;
    ps_buf_init(&out, 4096);
    assert_ok(jws_put_header(&header, &out));
    assert_text(ps_buf_bytes(&out), "{\"alg\":\"ES256\",\"kid\":\"k\\\"1\",\"typ\":\"JWT\"}");
    ps_buf_reset(&out);
    header.members = LITERAL(" { \"x\" : 1.50 ,\"alg\":\"ES256\", \"n\\u0061me\":{\"a\" :[ ]} } ");
    assert_ok(jws_put_header(&header, &out));
    assert_text(ps_buf_bytes(&out), "{\"alg\":\"ES256\",\"kid\":\"k\\\"1\",\"x\" : 1.50,"
                                    "\"n\\u0061me\":{\"a\" :[ ]},\"typ\":\"JWT\"}");
    ps_buf_reset(&out);
    header.members = LITERAL("{\"typ\":\"at+jwt\"}");
    assert_ok(jws_put_header(&header, &out));
    assert_text(ps_buf_bytes(&out), "{\"alg\":\"ES256\",\"kid\":\"k\\\"1\",\"typ\":\"at+jwt\"}");
    ps_buf_reset(&out);
    header = (struct jws_header){.alg = PS_ALG_EDDSA,
                                 .kid = LITERAL("k"),
                                 .x5c = LITERAL("[\"AA==\"]"),
                                 .x5t_s256 = LITERAL("abc"),
                                 .jwk = LITERAL("{\"kty\":\"OKP\"}"),
                                 .members = LITERAL("{}"),
                                 .unencoded = true};
    assert_ok(jws_put_header(&header, &out));
    assert_text(ps_buf_bytes(&out),
                "{\"alg\":\"EdDSA\",\"kid\":\"k\",\"x5c\":[\"AA==\"],\"x5t#S256\":\"abc\","
                "\"jwk\":{\"kty\":\"OKP\"},\"b64\":false,\"crit\":[\"b64\"]}");
}

static void a_caller_cannot_set_what_is_ours(void **state)
{
    static const char *const wrong[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"ES384\"}",
        "{\"alg\":5}",
        "{\"\\u0061lg\":\"RS256\"}",
        "{\"kid\":\"k\"}",
        "{\"x5c\":[]}",
        "{\"x5t\":\"\"}",
        "{\"x5t#S256\":\"\"}",
        "{\"x5u\":\"https://a\"}",
        "{\"jku\":\"https://a\"}",
        "{\"jwk\":{}}",
        "{\"crit\":[\"exp\"]}",
        "{\"b64\":true}",
        "{\"typ\":5}",
        "{\"cty\":null}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1",
        "{\"a\":1}x",
        "[]",
        "\"typ\"",
        "{\"a\":1e999}",
    };
    PS_BUF_AUTO out;

    (void)state;
    ps_buf_init(&out, 4096);
    ps_buf_put_str(&out, "before");
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        const struct jws_header header = {
            .alg = PS_ALG_ES256, .kid = LITERAL("k"), .members = ps_bytes_str(wrong[i])};

        assert_fails(PS_E_INPUT, jws_put_header(&header, &out));
        assert_text(ps_buf_bytes(&out), "before");
    }
}

static void what_we_assemble_parses_and_verifies(void **state)
{
    static const struct {
        enum jws_serialization serialization;
        bool unencoded;
        const char *payload;
    } rows[] = {
        {JWS_COMPACT, false, "{\"a\":1}"},
        {JWS_COMPACT, true, "url-safe_text~1"},
        {JWS_JSON, false, "\x01\xff\x02"},
        {JWS_JSON, true, "\xe0\xa4\x97 \"q\" \\ \n . text"},
        {JWS_DETACHED, false, "{\"a\":1}"},
        {JWS_DETACHED, true, "any.thing \xff\n"},
        {JWS_JSON, false, ""},
        {JWS_DETACHED, false, ""},
        {JWS_DETACHED, true, ""},
    };
    static const enum ps_alg algs[] = {PS_ALG_ES256, PS_ALG_EDDSA};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows) * PS_COUNT_OF(algs); i++) {
        const enum ps_alg alg = algs[i % 2];
        const struct ps_bytes payload = ps_bytes_str(rows[i / 2].payload);
        const bool unencoded = rows[i / 2].unencoded;
        const struct jws_header header = {.alg = alg, .kid = LITERAL("k1"), .unencoded = unencoded};
        EVP_PKEY *pkey = signing_make_key(signing_type_for(alg));
        PS_CLEANUP(public_key_free_cleanup) struct public_key *key = signing_public(pkey);
        struct jws_parsed jws;
        size_t header_len = 0;
        PS_BUF_AUTO header_json;
        PS_BUF_AUTO input;
        PS_BUF_AUTO signature;
        PS_BUF_AUTO out;
        PS_BUF_AUTO memory;

        ps_buf_init(&header_json, 1024);
        ps_buf_init(&input, 1024);
        ps_buf_init(&out, 1024);
        ps_buf_init(&memory, 2048);
        assert_ok(jws_put_header(&header, &header_json));
        assert_ok(jws_put_signing_input(ps_buf_bytes(&header_json), payload, unencoded, &input,
                                        &header_len));
        signing_sign(pkey, alg, ps_buf_bytes(&input), &signature);
        assert_ok(jws_put(rows[i / 2].serialization, ps_bytes(input.data, header_len), payload,
                          unencoded, ps_buf_bytes(&signature), &out));
        assert_ok(jws_parse(ps_buf_bytes(&out),
                            rows[i / 2].serialization == JWS_DETACHED ? &payload : NULL, &memory,
                            &jws));
        assert_bytes(jws.payload, payload);
        assert_bytes(jws.kid, LITERAL("k1"));
        assert_int_equal(jws.unencoded, unencoded);
        assert_ok(jws_verify(&jws, key));
        EVP_PKEY_free(pkey);
    }
}

static void unencoded_payloads_that_a_serialization_cannot_carry_are_refused(void **state)
{
    PS_BUF_AUTO out;

    (void)state;
    ps_buf_init(&out, 1024);
    assert_fails(PS_E_INPUT,
                 jws_put(JWS_COMPACT, LITERAL("h"), LITERAL("a.b"), true, LITERAL("s"), &out));
    assert_fails(PS_E_INPUT,
                 jws_put(JWS_COMPACT, LITERAL("h"), LITERAL("a b"), true, LITERAL("s"), &out));
    assert_fails(PS_E_INPUT,
                 jws_put(JWS_COMPACT, LITERAL("h"), LITERAL("\xc3\xa9"), true, LITERAL("s"), &out));
    assert_fails(PS_E_INPUT,
                 jws_put(JWS_JSON, LITERAL("h"), LITERAL("\xff"), true, LITERAL("s"), &out));
    assert_int_equal(out.len, 0);
}

static enum ps_err parse(const char *text, const struct ps_bytes *detached)
{
    struct jws_parsed jws;
    PS_BUF_AUTO memory;

    ps_buf_init(&memory, 65536);
    return jws_parse(ps_bytes_str(text), detached, &memory, &jws);
}

/* A compact one with this header; its signature is of the right form and means nothing. */
static enum ps_err parse_header(const char *header)
{
    char text[2048];

    (void)snprintf(text, sizeof text, "%s.eyJhIjoxfQ.c2ln", b64(header));
    return parse(text, NULL);
}

static void headers_that_must_be_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "[]",
        "\"alg\"",
        "{}",
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"NONE\"}",
        "{\"alg\":\"\"}",
        "{\"alg\":\"HS256\"}",
        "{\"alg\":\"es256\"}",
        "{\"alg\":\"ES256\\u0000\"}",
        "{\"alg\":[\"ES256\"]}",
        "{\"ALG\":\"ES256\"}",
        "{\"alg\":\"ES256\",\"alg\":\"ES256\"}",
        "{\"alg\":\"ES256\",\"\\u0061lg\":\"none\"}",
        "{\"alg\":\"ES256\",\"kid\":5}",
        "{\"alg\":\"ES256\",\"crit\":[]}",
        "{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1}",
        "{\"alg\":\"ES256\",\"crit\":[\"b64\"]}",
        "{\"alg\":\"ES256\",\"crit\":[\"b64\",\"b64\"],\"b64\":false}",
        "{\"alg\":\"ES256\",\"crit\":[\"b64\",\"exp\"],\"b64\":false,\"exp\":1}",
        "{\"alg\":\"ES256\",\"crit\":\"b64\",\"b64\":false}",
        "{\"alg\":\"ES256\",\"crit\":{\"b64\":1},\"b64\":false}",
        "{\"alg\":\"ES256\",\"crit\":[5],\"b64\":false}",
        "{\"alg\":\"ES256\",\"crit\":null}",
        "{\"alg\":\"ES256\",\"b64\":false}",
        "{\"alg\":\"ES256\",\"b64\":\"false\",\"crit\":[\"b64\"]}",
        "{\"alg\":\"ES256\",\"b64\":0,\"crit\":[\"b64\"]}",
        "{\"alg\":\"ES256\"} ,",
        "{\"alg\":\"ES256\",\"x\":1e999}",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, parse_header(wrong[i]));
    }
    assert_ok(parse_header("{\"alg\":\"ES256\"}"));
    assert_ok(parse_header(" {\"alg\":\"ES256\",\"unknown\":[1]}\n"));
    assert_ok(parse_header("{\"alg\":\"ES256\",\"b64\":true}"));
    assert_ok(parse_header("{\"alg\":\"ES256\",\"b64\":true,\"crit\":[\"b64\"]}"));
}

#define ES_HEADER "eyJhbGciOiJFUzI1NiJ9" /* {"alg":"ES256"} */

static void malformed_compact_ones_are_input_errors(void **state)
{
    static const char *const wrong[] = {
        "",
        ".",
        "..",
        "...",
        ES_HEADER,
        ES_HEADER ".eyJhIjoxfQ",
        ES_HEADER ".eyJhIjoxfQ.c2ln.",
        ES_HEADER ".eyJhIjoxfQ.c2ln.c2ln",
        "." ES_HEADER ".eyJhIjoxfQ.c2ln",
        ES_HEADER ".eyJhIjoxfQ==.c2ln",
        ES_HEADER "=.eyJhIjoxfQ.c2ln",
        ES_HEADER ".eyJhIjoxfR.c2ln", /* spare bits are not zero */
        ES_HEADER ".eyJhIjoxfQ.c2lnA",
        ES_HEADER ".eyJh+joxfQ.c2ln",
        ES_HEADER ".eyJhIjoxfQ.c2ln\n",
        " " ES_HEADER ".eyJhIjoxfQ.c2ln",
        ES_HEADER "..c2ln", /* detached, and nothing beside it */
    };
    const struct ps_bytes payload = LITERAL("{\"a\":1}");

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, parse(wrong[i], NULL));
    }
    assert_fails(PS_E_INPUT, parse(ES_HEADER ".eyJhIjoxfQ.c2ln", &payload));
    assert_ok(parse(ES_HEADER "..c2ln", &payload));
    assert_ok(parse(ES_HEADER ".eyJhIjoxfQ.c2ln", NULL));
}

static void malformed_json_ones_are_input_errors(void **state)
{
    static const char *const wrong[] = {
        "{}",
        "{\"payload\":\"YQ\",\"protected\":\"" ES_HEADER "\"}",
        "{\"payload\":\"YQ\",\"signature\":\"c2ln\"}",
        "{\"protected\":\"" ES_HEADER "\",\"signature\":\"c2ln\"}",
        "{\"payload\":5,\"protected\":\"" ES_HEADER "\",\"signature\":\"c2ln\"}",
        "{\"payload\":\"YQ\",\"payload\":\"YQ\",\"protected\":\"" ES_HEADER
        "\",\"signature\":\"c2ln\"}",
        "{\"payload\":\"YQ\",\"signatures\":[]}",
        "{\"payload\":\"YQ\",\"signatures\":{}}",
        "{\"payload\":\"YQ\",\"signatures\":[5]}",
        "{\"payload\":\"YQ\",\"signatures\":[{\"protected\":\"" ES_HEADER
        "\",\"signature\":\"c2ln\"},{\"protected\":\"" ES_HEADER "\",\"signature\":\"c2ln\"}]}",
        "{\"payload\":\"YQ\",\"signature\":\"c2ln\",\"signatures\":[{\"protected\":\"" ES_HEADER
        "\",\"signature\":\"c2ln\"}]}",
        "{\"payload\":\"YQ\",\"header\":{},\"signatures\":[{\"protected\":\"" ES_HEADER
        "\",\"signature\":\"c2ln\"}]}",
        "{\"payload\":\"YQ\",\"protected\":\"" ES_HEADER "\",\"signature\":\"c2ln\"}x",
        "{\"payload\":\"YQ\",\"protected\":\"" ES_HEADER "\",\"signature\":\"c2ln\",\"header\":5}",
        "{\"payload\":\"YQ\",\"protected\":\"" ES_HEADER
        "\",\"signature\":\"c2ln\",\"header\":{\"kid\":\"a\"}}",
        "{\"payload\":\"YQ\",\"protected\":\"" ES_HEADER
        "\",\"signature\":\"c2ln\",\"header\":{\"crit\":[\"b64\"]}}",
        "{\"payload\":\"YQ\",\"protected\":\"" ES_HEADER
        "\",\"signature\":\"c2ln\",\"header\":{\"b\\u00364\":false}}",
        "{\"payload\":\"YQ\",\"protected\":\"" ES_HEADER
        "\",\"signature\":\"c2ln\",\"header\":{\"alg\":\"ES256\"}}",
        /* {"alg":"ES256","typ":"a"} and "typ" again where it is not signed. */
        ("{\"payload\":\"YQ\",\"protected\":\"eyJhbGciOiJFUzI1NiIsInR5cCI6ImEifQ\","
         "\"signature\":\"c2ln\",\"header\":{\"typ\":\"b\"}}"),
    };
    const struct ps_bytes payload = LITERAL("a");

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, parse(wrong[i], NULL));
    }
    assert_fails(PS_E_INPUT, parse("{\"payload\":\"YQ\",\"protected\":\"" ES_HEADER
                                   "\",\"signature\":\"c2ln\"}",
                                   &payload));
    assert_ok(parse("{\"protected\":\"" ES_HEADER "\",\"signature\":\"c2ln\"}", &payload));
    assert_ok(parse("{\"payload\":\"\",\"protected\":\"" ES_HEADER
                    "\",\"signature\":\"c2ln\",\"header\":{\"note\":\"x\"},\"else\":1}",
                    NULL));
}

static void escapes_in_a_json_one_are_undone_before_it_is_read(void **state)
{
    struct jws_parsed jws;
    PS_BUF_AUTO memory;

    (void)state;
    ps_buf_init(&memory, 4096);
    assert_ok(jws_parse(LITERAL("{\"payload\":\"\\u0059Q\",\"protected\":\"\\u0065yJhbGciOiJFUzI1"
                                "NiJ9\",\"signature\":\"c2\\u006cn\"}"),
                        NULL, &memory, &jws));
    assert_text(jws.header_b64, ES_HEADER);
    assert_text(jws.payload, "a");
    assert_text(jws.payload_as_signed, "YQ");
    assert_text(jws.signature, "sig");
}

static void memory_that_is_too_small_is_a_limit_error(void **state)
{
    struct jws_parsed jws;
    PS_BUF_AUTO memory;

    (void)state;
    ps_buf_init(&memory, 16);
    assert_fails(PS_E_LIMIT, jws_parse(LITERAL(ES_HEADER ".eyJhIjoxfQ.c2ln"), NULL, &memory, &jws));
}

static void the_key_decides_which_algorithm_is_taken(void **state)
{
    EVP_PKEY *pkey = signing_make_key(PS_KEY_RSA_2048);
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = signing_public(pkey);
    struct jws_parsed jws;
    PS_BUF_AUTO memory;

    (void)state;
    ps_buf_init(&memory, 4096);
    assert_ok(jws_parse(LITERAL(ES_HEADER ".eyJhIjoxfQ.c2ln"), NULL, &memory, &jws));
    assert_fails(PS_E_INPUT, jws_verify(&jws, key));
    EVP_PKEY_free(pkey);
}

/* Whose payload was not checked for what the type says; in whatever way it is written. */
static void the_type_of_an_sd_jwt_is_not_the_callers(void **state)
{
    static const char *const members[] = {"{\"typ\":\"dc+sd-jwt\"}",
                                          "{\"a\":1,\"typ\":\"application/VC+SD-JWT\"}",
                                          "{\"\\u0074yp\":\"vc\\u002bsd-jwt\"}"};
    PS_BUF_AUTO out = {.max = 4096};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(members); i++) {
        const struct jws_header header = {.alg = PS_ALG_ES256, .members = ps_bytes_str(members[i])};

        assert_fails(PS_E_DENIED, jws_put_header(&header, &out));
        assert_int_equal(out.len, 0);
    }
    assert_ok(
        jws_put_header(&(const struct jws_header){.alg = PS_ALG_ES256, .type = "vc+sd-jwt"}, &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_type_of_an_sd_jwt_is_not_the_callers),
        cmocka_unit_test(published_examples_of_every_algorithm_verify),
        cmocka_unit_test(signing_input_is_that_of_rfc_7797),
        cmocka_unit_test(header_has_our_members_first_and_keeps_the_callers_octets),
        cmocka_unit_test(a_caller_cannot_set_what_is_ours),
        cmocka_unit_test(what_we_assemble_parses_and_verifies),
        cmocka_unit_test(unencoded_payloads_that_a_serialization_cannot_carry_are_refused),
        cmocka_unit_test(headers_that_must_be_refused),
        cmocka_unit_test(malformed_compact_ones_are_input_errors),
        cmocka_unit_test(malformed_json_ones_are_input_errors),
        cmocka_unit_test(escapes_in_a_json_one_are_undone_before_it_is_read),
        cmocka_unit_test(memory_that_is_too_small_is_a_limit_error),
        cmocka_unit_test(the_key_decides_which_algorithm_is_taken),
    };

    return cmocka_run_group_tests_name("jws", tests, NULL, NULL);
}
