#include "tests/unit/api_support.h"
#include "tests/unit/hex.h"
#include "tests/unit/signing.h"

#include "lib/formats/cose/cose.h"

/* Routes of COSE: what reaches the keeper, what is made of its answer, and verifying. */

static EVP_PKEY *pkey;
static struct public_key *key;
static char document[4096]; /* what the keeper answers about keys */
static bool is_allowed;

/* What the last signing message said; octets are copied. */
static struct {
    uint8_t octets[5][512];
    struct ps_bytes payload; /* or claims */
    struct ps_bytes in_protected;
    struct ps_bytes in_unprotected;
    struct ps_bytes external_aad;
    struct ps_bytes kid_prefix;
    uint8_t include;
    uint8_t include_protected;
    uint32_t ttl_s;
} seen;

static struct ps_bytes keep(unsigned room, struct ps_bytes octets)
{
    assert_true(octets.len <= sizeof seen.octets[0]);
    if (octets.len != 0) {
        memcpy(seen.octets[room], octets.data, octets.len);
    }
    return ps_bytes(seen.octets[room], octets.len);
}

static void keep_headers(const struct msg_cose_headers *headers)
{
    seen.in_protected = keep(1, headers->in_protected);
    seen.in_unprotected = keep(2, headers->in_unprotected);
    seen.kid_prefix = keep(3, headers->kid_prefix);
    seen.include = headers->include;
    seen.include_protected = headers->include_protected;
}

static enum ps_err answer_keys(struct channel *channel, const struct ipc_message *info, uint64_t id,
                               const void *message)
{
    struct msg_document reply = {.status = 200, .media = MEDIA_JWKS};

    if (info == &msg_access_check_info) {
        const struct msg_access_check *check = message;

        assert_bytes(check->operation, LITERAL("cose.verify"));
        assert_bytes(check->format, LITERAL("cose"));
        reply.body = ps_bytes_str(is_allowed ? "{\"allowed\":true}" : "{\"allowed\":false}");
    } else {
        assert_ptr_equal(info, &msg_verify_keys_info);
        assert_int_equal(((const struct msg_verify_keys *)message)->format, PS_FORMAT_COSE);
        reply.body = ps_bytes_str(document);
    }
    return channel_send(channel, &msg_document_info, id, &reply);
}

static enum ps_err keeper(struct channel *channel, const struct ipc_message *info, uint64_t id,
                          const void *message)
{
    struct msg_cose_signed done = {.protected_header = LITERAL("\x43\xa1\x01\x26"),
                                   .unprotected = LITERAL("\xa0"),
                                   .signature = LITERAL("\x01\x02"),
                                   .kid = LITERAL("the-kid"),
                                   .version = 3};

    if (info == &msg_cose_sign_info) {
        const struct msg_cose_sign *ask = message;

        keep_headers(&ask->headers);
        seen.payload = keep(0, ask->payload);
        seen.external_aad = keep(4, ask->external_aad);
        return channel_send(channel, &msg_cose_signed_info, id, &done);
    }
    if (info == &msg_cwt_sign_info) {
        const struct msg_cwt_sign *ask = message;

        keep_headers(&ask->headers);
        seen.payload = keep(0, ask->claims);
        seen.ttl_s = ask->ttl_s;
        done.payload = LITERAL("\xa1\x06\x01");
        return channel_send(channel, &msg_cose_signed_info, id, &done);
    }
    return answer_keys(channel, info, id, message);
}

static int begin(void **state)
{
    PS_BUF_AUTO jwk = {.max = 2048};

    (void)begin_clients(state);
    pkey = signing_make_key(PS_KEY_EC_P256);
    key = signing_public(pkey);
    public_key_put_jwk(key, PS_ALG_ES256, "sig", &jwk);
    (void)snprintf(document, sizeof document, "{\"keys\":[%.*s]}",
                   PS_BYTES_FMT(ps_buf_bytes(&jwk)));
    is_allowed = true;
    api_test.script = keeper;
    memset(&seen, 0, sizeof seen);
    return 0;
}

static int end(void **state)
{
    public_key_free(key);
    EVP_PKEY_free(pkey);
    return api_end(state);
}

static void a_message_is_put_together(void **state)
{
    static const char *const rows[][2] = {
        {"", "0oRDoQEmoEJoaUIBAg"}, /* d2 84 43a10126 a0 426869 420102 */
        {",\"tagged\":false", "hEOhASagQmhpQgEC"},
        {",\"detached\":true", "0oRDoQEmoPZCAQI"},
        {",\"tagged\":false,\"detached\":true", "hEOhASag9kIBAg"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        char body[256];
        char expected[256];

        (void)snprintf(body, sizeof body, "{\"key\":\"k\",\"payload\":\"aGk\"%s}", rows[i][0]);
        (void)snprintf(expected, sizeof expected,
                       "{\"cose\":\"%s\",\"kid\":\"the-kid\",\"version\":3}", rows[i][1]);
        assert_int_equal(POST("/v1/cose/sign1", body), 200);
        assert_string_equal(answer.body, expected);
        assert_bytes(seen.payload, LITERAL("hi"));
        assert_int_equal(seen.in_protected.len, 0);
        assert_int_equal(seen.include | seen.include_protected, 0);
    }
}

static void headers_reach_the_keeper_as_cbor(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/cose/sign1",
                          "{\"key\":\"k\",\"payload\":\"\",\"protected\":{\"x\":1,\"3\":\"a\"},"
                          "\"unprotected\":\"oRhkQA\",\"external_aad\":\"AP8\","
                          "\"include\":[\"x5chain\",\"kid\"],\"include_protected\":[\"x5t\"],"
                          "\"kid_prefix\":\"did:a#\"}"),
                     200);
    assert_hex(seen.in_protected, "a2036161617801");
    assert_hex(seen.in_unprotected, "a1186440");
    assert_hex(seen.external_aad, "00ff");
    assert_bytes(seen.kid_prefix, LITERAL("did:a#"));
    assert_int_equal(seen.include, COSE_INCLUDE_X5CHAIN | COSE_INCLUDE_KID);
    assert_int_equal(seen.include_protected, COSE_INCLUDE_X5T);
    assert_int_equal(seen.payload.len, 0);
}

static void a_token_is_put_together(void **state)
{
    static const char *const rows[][2] = {
        {"", "2D3ShEOhASagQ6EGAUIBAg"},
        {",\"tag\":\"cwt\"", "2D3ShEOhASagQ6EGAUIBAg"},
        {",\"tag\":\"cose\"", "0oRDoQEmoEOhBgFCAQI"},
        {",\"tag\":\"none\"", "hEOhASagQ6EGAUIBAg"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        char body[256];
        char expected[256];

        (void)snprintf(body, sizeof body,
                       "{\"key\":\"k\",\"claims\":{\"sub\":\"a\",\"cti\":\"AA\"},\"ttl_s\":7%s}",
                       rows[i][0]);
        (void)snprintf(expected, sizeof expected,
                       "{\"cwt\":\"%s\",\"kid\":\"the-kid\",\"version\":3}", rows[i][1]);
        assert_int_equal(POST("/v1/cwt/sign", body), 200);
        assert_string_equal(answer.body, expected);
        assert_hex(seen.payload, "a2026161074100");
        assert_int_equal(seen.ttl_s, 7);
    }
    assert_int_equal(POST("/v1/cwt/sign", "{\"key\":\"k\",\"claims\":\"oA\"}"), 200);
    assert_hex(seen.payload, "a0");
}

static void members_that_make_no_sense_are_400(void **state)
{
    static const char *const cose[] = {
        "{\"payload\":\"\"}",
        "{\"key\":\"k\"}",
        "{\"key\":\"k\",\"payload\":\"\",\"protected\":[]}",
        "{\"key\":\"k\",\"payload\":\"\",\"protected\":\"=\"}",
        "{\"key\":\"k\",\"payload\":\"\",\"protected\":\"\"}",
        "{\"key\":\"k\",\"payload\":\"\",\"protected\":{\"x\":0.5}}",
        "{\"key\":\"k\",\"payload\":\"\",\"include\":[\"kid\",\"kid\"]}",
        "{\"key\":\"k\",\"payload\":\"\",\"include_protected\":[\"x5c\"]}",
        "{\"key\":\"k\",\"payload\":\"\",\"include\":[1]}",
        "{\"key\":\"k\",\"payload\":\"\",\"algorithm\":\"-7\"}",
        "{\"key\":\"k\",\"payload\":\"\",\"tagged\":18}",
        "{\"key\":\"k\",\"payload\":\"a\\u0047k\"}",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cose); i++) {
        assert_int_equal(POST("/v1/cose/sign1", cose[i]), 400);
    }
    assert_int_equal(POST("/v1/cwt/sign", "{\"key\":\"k\",\"claims\":{},\"tag\":\"61\"}"), 400);
    assert_int_equal(POST("/v1/cwt/sign", "{\"key\":\"k\",\"claims\":{\"cti\":1}}"), 400);
    assert_has(answer.body, "member \\\"claims\\\"");
}

/* A COSE_Sign1 of "hi" in base64url; `header` is the protected one's map. */
static const char *make(const char *header, const char *unprotected, bool is_detached,
                        struct ps_bytes aad)
{
    static char text[1024];
    const struct cose_to_sign what = {hex(header), aad, LITERAL("hi")};
    PS_BUF_AUTO input = {.max = 1024};
    PS_BUF_AUTO message = {.max = 1024};
    PS_BUF_AUTO encoded = {.max = sizeof text - 1};
    PS_BUF_AUTO signature = {0};
    size_t len;

    assert_ok(cose_put_sig_structure(&what, &input, &len));
    signing_sign(pkey, PS_ALG_ES256, ps_buf_bytes(&input), &signature);
    cose_put_sign1(
        &(struct cose_sign1){.protected_header = ps_bytes(input.data + COSE_SIG_HEADER_AT, len),
                             .unprotected = hex(unprotected),
                             .payload = what.payload,
                             .signature = ps_buf_bytes(&signature),
                             .is_detached = is_detached},
        &message);
    ps_buf_put_base64url(&encoded, ps_buf_bytes(&message));
    assert_ok(ps_buf_status(&encoded));
    memcpy(text, encoded.data, encoded.len);
    text[encoded.len] = '\0';
    return text;
}

static char body[8192];
#define VERIFY(...) ((void)snprintf(body, sizeof body, __VA_ARGS__), POST("/v1/cose/verify1", body))

static void a_message_verifies_with_a_key_of_the_keeper(void **state)
{
    (void)state;
    /* Whatever kid it names: that is a hint. */
    assert_int_equal(
        VERIFY("{\"cose\":\"%s\",\"key\":\"k.1\"}", make("a10126", "a1044161", false, hex(""))),
        200);
    assert_has(answer.body, "{\"valid\":true,\"kid\":\"");
    assert_has(answer.body, "\"algorithm\":\"ES256\",\"protected\":\"oQEm\",\"unprotected\":"
                            "\"oQRBYQ\",\"payload\":\"aGk\"}");
    assert_int_equal(VERIFY("{\"cose\":\"%s\",\"key\":\"k.1\",\"external_aad\":\"AA\"}",
                            make("a10126", "a0", false, hex(""))),
                     200);
    assert_string_equal(answer.body, "{\"valid\":false,\"reason\":\"signature\"}");
}

static void a_detached_one_verifies_with_its_payload(void **state)
{
    const char *cose = make("a10126", "a0", true, LITERAL("aad"));

    (void)state;
    assert_int_equal(VERIFY("{\"cose\":\"%s\",\"key\":\"k.1\",\"payload\":\"aGk\","
                            "\"external_aad\":\"YWFk\"}",
                            cose),
                     200);
    assert_has(answer.body, "\"valid\":true");
    assert_int_equal(VERIFY("{\"cose\":\"%s\",\"key\":\"k.1\"}", cose), 400);
}

static void it_verifies_with_keys_of_the_caller(void **state)
{
    const char *cose = make("a10126", "a0", false, hex(""));
    PS_BUF_AUTO octets = {.max = 1024};
    PS_BUF_AUTO text = {.max = 2048};

    (void)state;
    assert_ok(cose_key_put(key, PS_ALG_ES256, &octets));
    ps_buf_put_base64url(&text, ps_buf_bytes(&octets));
    ps_buf_put_u8(&text, '\0');
    assert_int_equal(VERIFY("{\"cose\":\"%s\",\"cose_key\":\"%s\"}", cose, (char *)text.data), 200);
    assert_has(answer.body, "\"valid\":true");
    assert_int_equal(VERIFY("{\"cose\":\"%s\",\"jwks\":%s}", cose, document), 200);
    assert_has(answer.body, "\"valid\":true");
    assert_int_equal(VERIFY("{\"cose\":\"%s\",\"jwks\":{\"keys\":[]}}", cose), 200);
    assert_string_equal(answer.body, "{\"valid\":false,\"reason\":\"no-key\"}");
    assert_int_equal(VERIFY("{\"cose\":\"%s\",\"cose_key\":\"oA\"}", cose), 400);
    assert_int_equal(VERIFY("{\"cose\":\"%s\"}", cose), 400);
    assert_int_equal(VERIFY("{\"cose\":\"%s\",\"key\":\"k\",\"jwks\":%s}", cose, document), 400);
    is_allowed = false;
    assert_int_equal(VERIFY("{\"cose\":\"%s\",\"jwks\":%s}", cose, document), 403);
}

/* A certificate that the message brings along is nobody's word but the sender's. */
static void a_chain_in_the_message_is_not_trusted(void **state)
{
    (void)state;
    (void)snprintf(document, sizeof document, "{\"keys\":[]}");
    assert_int_equal(
        VERIFY("{\"cose\":\"%s\",\"key\":\"k.1\"}", make("a10126", "a118214130", false, hex(""))),
        200);
    assert_string_equal(answer.body, "{\"valid\":false,\"reason\":\"no-key\"}");
}

static void an_algorithm_that_is_not_protected_is_the_callers_to_say(void **state)
{
    const char *cose = make("", "a10126", false, hex(""));

    (void)state;
    assert_int_equal(VERIFY("{\"cose\":\"%s\",\"key\":\"k.1\"}", cose), 400);
    assert_has(answer.body, "member \\\"algorithm\\\"");
    assert_int_equal(VERIFY("{\"cose\":\"%s\",\"key\":\"k.1\",\"algorithm\":\"ES256\"}", cose),
                     200);
    assert_has(answer.body, "\"valid\":true");
    assert_int_equal(VERIFY("{\"cose\":\"%s\",\"key\":\"k.1\",\"algorithm\":\"ES384\"}", cose),
                     400);
    cose = make("a10126", "a0", false, hex(""));
    assert_int_equal(VERIFY("{\"cose\":\"%s\",\"key\":\"k.1\",\"algorithm\":\"ES384\"}", cose),
                     400);
    assert_int_equal(VERIFY("{\"cose\":\"%s\",\"key\":\"k.1\",\"algorithm\":\"none\"}", cose), 400);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_is_put_together),
        TEST(headers_reach_the_keeper_as_cbor),
        TEST(a_token_is_put_together),
        TEST(members_that_make_no_sense_are_400),
        TEST(a_message_verifies_with_a_key_of_the_keeper),
        TEST(a_detached_one_verifies_with_its_payload),
        TEST(it_verifies_with_keys_of_the_caller),
        TEST(a_chain_in_the_message_is_not_trusted),
        TEST(an_algorithm_that_is_not_protected_is_the_callers_to_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
