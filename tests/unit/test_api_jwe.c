#include "tests/unit/api_support.h"

#include "lib/base/encode.h"
#include "lib/formats/jose/jwe.h"

/* JWE routes: what reaches the keeper, what is made of its answer, and what is encrypted to whom.
 */

/* RFC 7518 appendix C, Bob's key. */
#define BOB                                                                                        \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ\","      \
    "\"y\":\"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck\""
/* {"alg":"ECDH-ES","enc":"A128GCM","kid":"k","epk":{"kty":"EC","crv":"P-256","x":"AAEC","y":"AwQF"},
 * "apu":"QWxpY2U"} */
#define ECDH_JWE                                                                                   \
    "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOEdDTSIsImtpZCI6ImsiLCJlcGsiOnsia3R5IjoiRUMiLCJjcnYiOiJQ" \
    "LTI1NiIsIngiOiJBQUVDIiwieSI6IkF3UUYifSwiYXB1IjoiUVd4cFkyVSJ9..BgcI.CQo.Cww"

/* What the last message to the keeper said. */
static struct {
    char key[64];
    char kid[64];
    uint32_t version;
    uint8_t algorithm;
    uint8_t encryption;
    size_t header_len;
    char parts[64]; /* encrypted key, IV, ciphertext, tag, point, apu, apv in hexadecimal */
    uint8_t point_type;
    bool is_allowed;
    bool has_certificate;
} seen;

static void keep(char *to, size_t room, struct ps_bytes from)
{
    assert_true(from.len < room);
    memcpy(to, from.data == NULL ? (const uint8_t *)"" : from.data, from.len);
    to[from.len] = '\0';
}

static enum ps_err decrypt(struct channel *channel, uint64_t id, const struct msg_jwe_decrypt *ask)
{
    const struct ps_bytes parts[] = {ask->encrypted_key, ask->iv,  ask->ciphertext, ask->tag,
                                     ask->point,         ask->apu, ask->apv};
    const struct msg_jwe_decrypted done = {
        .plaintext = LITERAL("hi"), .kid = LITERAL("the-kid"), .version = 2};
    PS_BUF_AUTO text = {.max = 256};

    keep(seen.key, sizeof seen.key, ask->key);
    keep(seen.kid, sizeof seen.kid, ask->kid);
    seen.version = ask->version;
    seen.algorithm = ask->algorithm;
    seen.encryption = ask->encryption;
    seen.header_len = ask->header.len;
    seen.point_type = ask->point_type;
    for (size_t i = 0; i < PS_COUNT_OF(parts); i++) {
        ps_buf_put_hex(&text, parts[i]);
        ps_buf_put_u8(&text, ',');
    }
    keep(seen.parts, sizeof seen.parts, ps_buf_bytes(&text));
    return channel_send(channel, &msg_jwe_decrypted_info, id, &done);
}

static enum ps_err recipient(struct channel *channel, uint64_t id,
                             const struct msg_jwe_recipient *ask)
{
    const struct msg_document document = {
        .status = 200,
        .media = MEDIA_JSON,
        .body = seen.has_certificate
                    ? LITERAL("{\"jwk\":{" BOB ",\"kid\":\"bob\",\"use\":\"enc\"},\"version\":1,"
                              "\"x5c\":[\"MII\"],\"x5t#S256\":\"thumb\"}")
                    : LITERAL("{\"jwk\":{" BOB ",\"kid\":\"bob\",\"use\":\"enc\"},\"version\":1}")};
    const struct msg_problem refusal = {.problem = PS_PROBLEM_KEY_MISMATCH};

    keep(seen.key, sizeof seen.key, ask->key);
    if (ps_bytes_equal_str(ask->key, "refuse")) {
        return channel_send(channel, &msg_problem_info, id, &refusal);
    }
    return channel_send(channel, &msg_document_info, id, &document);
}

static enum ps_err script(struct channel *channel, const struct ipc_message *info, uint64_t id,
                          const void *message)
{
    const struct msg_access_check *check = message;
    const struct msg_document document = {.status = 200,
                                          .media = MEDIA_JSON,
                                          .body = seen.is_allowed ? LITERAL("{\"allowed\":true}")
                                                                  : LITERAL("{\"allowed\":false}")};

    if (info == &msg_jwe_decrypt_info) {
        return decrypt(channel, id, message);
    }
    if (info == &msg_jwe_recipient_info) {
        return recipient(channel, id, message);
    }
    assert_ptr_equal(info, &msg_access_check_info);
    assert_text(check->operation, "jwe.encrypt");
    return channel_send(channel, &msg_document_info, id, &document);
}

static int begin(void **state)
{
    (void)begin_clients(state);
    api_test.script = script;
    memset(&seen, 0, sizeof seen);
    seen.is_allowed = true;
    return 0;
}

static void a_jwe_is_taken_apart(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/jwe/decrypt", "{\"key\":\"k.1\",\"jwe\":\"" ECDH_JWE "\"}"), 200);
    assert_string_equal(seen.key, "k.1");
    assert_string_equal(seen.kid, "k");
    assert_int_equal(seen.version, 0);
    assert_int_equal(seen.algorithm, JWE_ECDH_ES);
    assert_int_equal(seen.encryption, JWE_A128GCM);
    assert_int_equal(seen.header_len, strchr(ECDH_JWE, '.') - ECDH_JWE);
    assert_string_equal(seen.parts, ",060708,090a,0b0c,000102030405,416c696365,,");
    assert_int_equal(seen.point_type, PS_KEY_EC_P256);
    assert_string_equal(
        answer.body, "{\"plaintext\":\"aGk\",\"header\":{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\","
                     "\"kid\":\"k\",\"epk\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAEC\","
                     "\"y\":\"AwQF\"},\"apu\":\"QWxpY2U\"},\"kid\":\"the-kid\",\"version\":2}");
}

static void jwes_of_a_batch_are_answered_in_order(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/jwe/decrypt", "{\"key\":\"k.1\",\"items\":[{\"jwe\":\"a\"},"
                                             "{\"jwe\":\"" ECDH_JWE "\",\"version\":7}]}"),
                     200);
    assert_int_equal(seen.version, 7);
    assert_has(answer.body, "{\"items\":[{\"problem\":{");
    assert_has(answer.body, ",{\"plaintext\":\"aGk\"");
}

static void malformed_jwes_never_reach_the_keeper(void **state)
{
    static const char *const bodies[] = {
        "{}",
        "{\"key\":\"k\"}",
        "{\"jwe\":\"" ECDH_JWE "\"}",
        "{\"key\":\"k\",\"jwe\":\"\"}",
        "{\"key\":\"k\",\"jwe\":\"a.b.c.d\"}",
        "{\"key\":\"k\",\"jwe\":{}}",
        "{\"key\":\"k\",\"jwe\":\"" ECDH_JWE "=\"}",
        "{\"key\":\"k\",\"jwe\":\"" ECDH_JWE "\\u0041\"}",
        "{\"key\":\"k\",\"jwe\":\"" ECDH_JWE "\",\"more\":1}",
        "{\"key\":\"k\",\"jwe\":\"" ECDH_JWE "\",\"version\":-1}",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bodies); i++) {
        assert_int_equal(POST("/v1/jwe/decrypt", bodies[i]), 400);
        assert_code("malformed");
    }
    assert_int_equal(api_test.asked, 0);
}

/* The header of the JWE in the last answer, decoded. */
static const char *made_header(void)
{
    static char header[4096];
    const char *start = strstr(answer.body, "{\"jwe\":\"");
    PS_BUF_AUTO octets = {.max = sizeof header - 1};

    assert_non_null(start);
    start += strlen("{\"jwe\":\"");
    assert_ok(ps_base64url_decode(ps_bytes(start, strcspn(start, ".")), &octets));
    keep(header, sizeof header, ps_buf_bytes(&octets));
    return header;
}

static void it_is_encrypted_to_a_jwk(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/jwe/encrypt", "{\"jwk\":{" BOB "},\"plaintext\":\"aGk\","
                                             "\"header\":{\"cty\":\"JWT\"},\"apu\":\"QQ\"}"),
                     200);
    assert_has(answer.body, ",\"algorithm\":\"ECDH-ES+A256KW\",\"encryption\":\"A256GCM\"}");
    assert_has(made_header(), "\"cty\":\"JWT\"");
    assert_has(made_header(), "\"apu\":\"QQ\"");
    /* Its thumbprint. */
    assert_has(made_header(), "\"kid\":\"");
    assert_int_equal(POST("/v1/jwe/encrypt", "{\"jwk\":{" BOB ",\"kid\":\"b\",\"alg\":\"ECDH-ES\"},"
                                             "\"plaintext\":\"\",\"encryption\":\"A128GCM\"}"),
                     200);
    assert_has(made_header(), "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\",");
    assert_has(made_header(), "\"kid\":\"b\"");
}

static void it_is_encrypted_to_a_key_of_ours(void **state)
{
    (void)state;
    seen.has_certificate = true;
    assert_int_equal(POST("/v1/jwe/encrypt", "{\"key\":\"k.1\",\"plaintext\":\"aGk\",\"include\":"
                                             "[\"x5t#S256\",\"x5c\"]}"),
                     200);
    assert_string_equal(seen.key, "k.1");
    assert_has(made_header(), "\"x5c\":[\"MII\"]");
    assert_has(made_header(), "\"x5t#S256\":\"thumb\"");
    assert_has(made_header(), "\"kid\":\"bob\"");
    assert_int_equal(POST("/v1/jwe/encrypt", "{\"key\":\"refuse\",\"plaintext\":\"aGk\"}"), 422);
    assert_code("key-mismatch");
    seen.has_certificate = false;
    assert_int_equal(
        POST("/v1/jwe/encrypt", "{\"key\":\"k\",\"plaintext\":\"aGk\",\"include\":[\"x5c\"]}"),
        422);
    assert_has(answer.body, "no certificate");
}

static void who_may_not_is_told_so(void **state)
{
    (void)state;
    seen.is_allowed = false;
    assert_int_equal(POST("/v1/jwe/encrypt", "{\"jwk\":{" BOB "},\"plaintext\":\"aGk\"}"), 403);
}

static void what_does_not_go_together_is_refused(void **state)
{
    static const struct {
        const char *body;
        unsigned status;
        const char *says;
    } rows[] = {
        {"{\"plaintext\":\"aGk\"}", 400, "one of"},
        {"{\"jwk\":{" BOB "},\"key\":\"k\",\"plaintext\":\"aGk\"}", 400, "one of"},
        {"{\"jwk\":{" BOB "}}", 400, "plaintext"},
        {"{\"jwk\":{" BOB ",\"use\":\"sig\"},\"plaintext\":\"aGk\"}", 422, "use"},
        {"{\"jwk\":{" BOB ",\"alg\":\"dir\"},\"plaintext\":\"aGk\"}", 422, "alg"},
        {"{\"jwk\":{" BOB ",\"alg\":\"ECDH-ES\"},\"plaintext\":\"aGk\",\"algorithm\":"
         "\"ECDH-ES+A256KW\"}",
         422, "alg"},
        {"{\"jwk\":{" BOB ",\"d\":\"AA\"},\"plaintext\":\"aGk\"}", 400, "private"},
        {"{\"jwk\":{" BOB ",\"use\":1},\"plaintext\":\"aGk\"}", 400, "use"},
        {"{\"jwk\":{\"kty\":\"EC\"},\"plaintext\":\"aGk\"}", 400, "JWK"},
        {"{\"jwk\":{" BOB "},\"plaintext\":\"aGk\",\"algorithm\":\"RSA-OAEP-256\"}", 422,
         "does not do"},
        {"{\"jwk\":{" BOB "},\"plaintext\":\"aGk\",\"algorithm\":\"RSA1_5\"}", 400, "algorithm"},
        {"{\"jwk\":{" BOB "},\"plaintext\":\"aGk\",\"encryption\":\"A128CBC-HS256\"}", 400,
         "encryption"},
        {"{\"jwk\":{" BOB "},\"plaintext\":\"aGk\",\"header\":{\"zip\":\"DEF\"}}", 400, "zip"},
        {"{\"jwk\":{" BOB "},\"plaintext\":\"aGk\",\"include\":[\"x5c\"]}", 422, "certificate"},
        {"{\"jwk\":{" BOB "},\"plaintext\":\"aGk\",\"include\":[\"jwk\"]}", 400, "include"},
        {"{\"certificate\":\"MII\",\"plaintext\":\"aGk\"}", 400, "base64"},
        {"{\"certificate\":\"MIIB\",\"plaintext\":\"aGk\"}", 400, "certificate"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        assert_int_equal(POST("/v1/jwe/encrypt", rows[i].body), rows[i].status);
        assert_has(answer.body, rows[i].says);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, api_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_jwe_is_taken_apart),
        TEST(jwes_of_a_batch_are_answered_in_order),
        TEST(malformed_jwes_never_reach_the_keeper),
        TEST(it_is_encrypted_to_a_jwk),
        TEST(it_is_encrypted_to_a_key_of_ours),
        TEST(who_may_not_is_told_so),
        TEST(what_does_not_go_together_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
