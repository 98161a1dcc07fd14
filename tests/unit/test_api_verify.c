#include "tests/unit/api_support.h"
#include "tests/unit/signing.h"
#include "tests/unit/tls_material.h"

#include "api/verify/keyset.h"
#include "lib/base/encode.h"
#include "lib/formats/jose/jws.h"

/* Verifying routes: with keys of the keeper, and with keys that the caller trusts. */

static EVP_PKEY *pkey;
static EVP_PKEY *other_pkey;
static char jws[4096];
static char jwk[1024];
static char other_jwk[1024];
static char document[4096]; /* what the keeper answers */
static bool is_allowed;
static uint8_t asked_format;

static void put_jwk(EVP_PKEY *from, char *out, size_t room)
{
    struct public_key *key = signing_public(from);
    PS_BUF_AUTO text;

    ps_buf_init(&text, room - 1);
    public_key_put_jwk(key, PS_ALG_ES256, "sig", &text);
    assert_ok(ps_buf_status(&text));
    memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    public_key_free(key);
}

static void put_jws(const char *header, struct ps_bytes payload, bool detached)
{
    PS_BUF_AUTO input;
    PS_BUF_AUTO signature;
    size_t header_len;

    ps_buf_init(&input, sizeof jws);
    assert_ok(jws_put_signing_input(ps_bytes_str(header), payload, false, &input, &header_len));
    signing_sign(pkey, PS_ALG_ES256, ps_buf_bytes(&input), &signature);
    if (detached) {
        input.len = header_len + 1;
    }
    ps_buf_put_u8(&input, '.');
    ps_buf_put_base64url(&input, ps_buf_bytes(&signature));
    assert_true(input.len < sizeof jws);
    memcpy(jws, input.data, input.len);
    jws[input.len] = '\0';
}

static enum ps_err keys(struct channel *channel, const struct ipc_message *info, uint64_t id,
                        const void *message)
{
    struct msg_document reply = {.status = 200, .media = MEDIA_JWKS};
    const struct msg_access_check *check = message;

    if (info == &msg_access_check_info) {
        assert_bytes(check->operation, LITERAL("jws.verify"));
        reply.body = ps_bytes_str(is_allowed ? "{\"allowed\":true}" : "{\"allowed\":false}");
        return channel_send(channel, &msg_document_info, id, &reply);
    }
    assert_ptr_equal(info, &msg_verify_keys_info);
    asked_format = ((const struct msg_verify_keys *)message)->format;
    assert_bytes(((const struct msg_verify_keys *)message)->key, LITERAL("k.1"));
    reply.body = ps_bytes_str(document);
    return channel_send(channel, &msg_document_info, id, &reply);
}

static int begin(void **state)
{
    (void)begin_clients(state);
    pkey = signing_make_key(PS_KEY_EC_P256);
    other_pkey = signing_make_key(PS_KEY_EC_P256);
    put_jwk(pkey, jwk, sizeof jwk);
    put_jwk(other_pkey, other_jwk, sizeof other_jwk);
    put_jws("{\"alg\":\"ES256\",\"typ\":\"x\"}", LITERAL("hello"), false);
    (void)snprintf(document, sizeof document, "{\"keys\":[%s]}", jwk);
    is_allowed = true;
    api_test.script = keys;
    return 0;
}

static int end(void **state)
{
    EVP_PKEY_free(pkey);
    EVP_PKEY_free(other_pkey);
    return api_end(state);
}

/* The request's body from printf. */
static char body[16384];
#define VERIFY(...) ((void)snprintf(body, sizeof body, __VA_ARGS__), POST("/v1/jws/verify", body))

static void a_jws_verifies_with_a_key_of_the_keeper(void **state)
{
    (void)state;
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"key\":\"k.1\"}", jws), 200);
    assert_has(answer.body, "{\"valid\":true,\"kid\":\"");
    assert_has(answer.body, "\"algorithm\":\"ES256\",\"header\":{\"alg\":\"ES256\",\"typ\":\"x\"},"
                            "\"payload\":\"aGVsbG8\"}");
    assert_int_equal(asked_format, PS_FORMAT_JWS);
}

static void a_broken_signature_is_an_answer(void **state)
{
    (void)state;
    char *inside = jws + strlen(jws) - 10;
    *inside = *inside == 'A' ? 'B' : 'A'; /* base64url still, so that only the signature is wrong */
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"key\":\"k.1\"}", jws), 200);
    assert_string_equal(answer.body, "{\"valid\":false,\"reason\":\"signature\"}");
}

static void a_key_that_does_not_fit_is_told_apart(void **state)
{
    (void)state;
    (void)snprintf(document, sizeof document, "{\"keys\":[]}");
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"key\":\"k.1\"}", jws), 200);
    assert_string_equal(answer.body, "{\"valid\":false,\"reason\":\"no-key\"}");
}

static void a_jws_verifies_with_keys_of_the_caller(void **state)
{
    (void)state;
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"jwks\":{\"keys\":[%s,%s]}}", jws, other_jwk, jwk),
                     200);
    assert_has(answer.body, "\"valid\":true");
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"jwks\":{\"keys\":[%s]}}", jws, other_jwk), 200);
    assert_string_equal(answer.body, "{\"valid\":false,\"reason\":\"signature\"}");
}

static void the_route_is_for_those_who_may(void **state)
{
    (void)state;
    is_allowed = false;
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"jwks\":{\"keys\":[%s]}}", jws, jwk), 403);
    assert_code("forbidden");
}

static void keys_that_are_not_understood_are_passed_over(void **state)
{
    (void)state;
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"jwks\":{\"keys\":[{\"kty\":\"oct\",\"k\":\"YQ\"},"
                            "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"},%s]}}",
                            jws, jwk),
                     200);
    assert_has(answer.body, "\"valid\":true");
}

/* What stands in the set decides which key may have made it. */
static void kid_alg_and_use_choose_the_key(void **state)
{
    (void)state;
    put_jws("{\"alg\":\"ES256\",\"kid\":\"elsewhere\"}", LITERAL("hello"), false);
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"jwks\":{\"keys\":[%s]}}", jws, jwk), 200);
    assert_string_equal(answer.body, "{\"valid\":false,\"reason\":\"no-key\"}");
    memcpy(strstr(jwk, "\"use\":\"sig\""), "\"use\":\"enc\"", 11);
    put_jws("{\"alg\":\"ES256\"}", LITERAL("hello"), false);
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"jwks\":{\"keys\":[%s]}}", jws, jwk), 200);
    assert_string_equal(answer.body, "{\"valid\":false,\"reason\":\"no-key\"}");
}

/* A key inside the JWS itself counts for nothing. */
static void the_header_s_own_key_is_never_trusted(void **state)
{
    char header[2048];

    (void)state;
    (void)snprintf(header, sizeof header, "{\"alg\":\"ES256\",\"jwk\":%s}", jwk);
    put_jws(header, LITERAL("hello"), false);
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"jwks\":{\"keys\":[%s]}}", jws, other_jwk), 200);
    assert_string_equal(answer.body, "{\"valid\":false,\"reason\":\"signature\"}");
    assert_int_equal(VERIFY("{\"jws\":\"%s\"}", jws), 400);
}

static void a_detached_payload_is_handed_over(void **state)
{
    (void)state;
    put_jws("{\"alg\":\"ES256\"}", LITERAL("hello"), true);
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"key\":\"k.1\",\"payload\":\"aGVsbG8\"}", jws), 200);
    assert_has(answer.body, "\"valid\":true");
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"key\":\"k.1\",\"payload\":\"aGVsbG9v\"}", jws), 200);
    assert_has(answer.body, "\"valid\":false");
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"key\":\"k.1\"}", jws), 400);
}

static void the_json_serialization_is_read_too(void **state)
{
    char *dots[2];

    (void)state;
    dots[0] = strchr(jws, '.');
    dots[1] = strrchr(jws, '.');
    *dots[0] = *dots[1] = '\0';
    assert_int_equal(VERIFY("{\"key\":\"k.1\",\"jws\":{\"protected\":\"%s\",\"payload\":\"%s\","
                            "\"signature\":\"%s\"}}",
                            jws, dots[0] + 1, dots[1] + 1),
                     200);
    assert_has(answer.body, "\"valid\":true");
}

static void certificates_are_keys_that_the_caller_trusts(void **state)
{
    const struct identity_wish wish = {.name = "signer", .begins_s = -60, .ends_s = 86400};
    struct identity signer;
    unsigned char *der = NULL;
    int len;
    PS_BUF_AUTO base64;

    (void)state;
    make_identity(&wish, &signer);
    EVP_PKEY_free(pkey);
    pkey = EVP_PKEY_dup(signer.key);
    put_jws("{\"alg\":\"ES256\",\"kid\":\"any\"}", LITERAL("hello"), false);
    len = i2d_X509(signer.certificate, &der);
    ps_buf_init(&base64, 4096);
    ps_buf_put_base64(&base64, ps_bytes(der, (size_t)len));
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"certificates\":[\"%.*s\"]}", jws,
                            PS_BYTES_FMT(ps_buf_bytes(&base64))),
                     200);
    assert_has(answer.body, "\"valid\":true");
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"certificates\":[\"AAAA\"]}", jws), 400);
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"certificates\":[]}", jws), 200);
    assert_string_equal(answer.body, "{\"valid\":false,\"reason\":\"no-key\"}");
    OPENSSL_free(der);
    free_identity(&signer);
}

static void malformed_requests_are_400(void **state)
{
    (void)state;
    assert_int_equal(VERIFY("{\"jws\":\"%s\"}", jws), 400);
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"key\":\"k\",\"jwks\":{\"keys\":[]}}", jws), 400);
    assert_int_equal(VERIFY("{\"jws\":\"a.b.c\",\"key\":\"k.1\"}"), 400);
    assert_int_equal(VERIFY("{\"jws\":7,\"key\":\"k.1\"}"), 400);
    assert_int_equal(VERIFY("{\"key\":\"k.1\"}"), 400);
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"jwks\":{}}", jws), 400);
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"jwks\":{\"keys\":[1]}}", jws), 400);
}

static char long_body[200000];

static void more_keys_than_a_set_may_have_are_400(void **state)
{
    size_t len =
        (size_t)snprintf(long_body, sizeof long_body, "{\"jws\":\"%s\",\"jwks\":{\"keys\":[", jws);

    (void)state;
    for (unsigned i = 0; i <= KEYSET_MAX; i++) {
        len += (size_t)snprintf(long_body + len, sizeof long_body - len, "%s{}", i == 0 ? "" : ",");
    }
    (void)snprintf(long_body + len, sizeof long_body - len, "]}}");
    assert_int_equal(POST("/v1/jws/verify", long_body), 400);
    /* And more to be tried than an honest set has. */
    len =
        (size_t)snprintf(long_body, sizeof long_body, "{\"jws\":\"%s\",\"jwks\":{\"keys\":[", jws);
    for (unsigned i = 0; i < 9; i++) {
        len += (size_t)snprintf(long_body + len, sizeof long_body - len, "%s%s", i == 0 ? "" : ",",
                                other_jwk);
    }
    (void)snprintf(long_body + len, sizeof long_body - len, "]}}");
    assert_int_equal(POST("/v1/jws/verify", long_body), 400);
}

static char signature[200];

static void put_raw_signature(bool as_der)
{
    PS_BUF_AUTO raw;
    PS_BUF_AUTO der;
    PS_BUF_AUTO text;

    signing_sign(pkey, PS_ALG_ES256, LITERAL("hello"), &raw);
    ps_buf_init(&der, 100);
    ps_buf_init(&text, sizeof signature - 1);
    assert_ok(ecdsa_put_der(ps_buf_bytes(&raw), &der));
    ps_buf_put_base64url(&text, as_der ? ps_buf_bytes(&der) : ps_buf_bytes(&raw));
    memcpy(signature, text.data, text.len);
    signature[text.len] = '\0';
}

#define RAW(...) ((void)snprintf(body, sizeof body, __VA_ARGS__), POST("/v1/keys/k.1/verify", body))

static void a_raw_signature_verifies_in_both_encodings(void **state)
{
    (void)state;
    put_raw_signature(false);
    assert_int_equal(RAW("{\"message\":\"aGVsbG8\",\"signature\":\"%s\"}", signature), 200);
    assert_has(answer.body, "{\"valid\":true,\"kid\":\"");
    assert_has(answer.body, "\"algorithm\":\"ES256\"");
    assert_int_equal(asked_format, PS_FORMAT_RAW);
    put_raw_signature(true);
    assert_int_equal(
        RAW("{\"message\":\"aGVsbG8\",\"signature\":\"%s\",\"encoding\":\"der\"}", signature), 200);
    assert_has(answer.body, "\"valid\":true");
    assert_int_equal(RAW("{\"message\":\"aGVsbG8\",\"signature\":\"%s\"}", signature), 200);
    assert_string_equal(answer.body, "{\"valid\":false,\"reason\":\"signature\"}");
    assert_int_equal(RAW("{\"message\":\"aGVsbG8\",\"signature\":\"AAAA\",\"encoding\":\"der\"}"),
                     200);
    assert_string_equal(answer.body, "{\"valid\":false,\"reason\":\"signature\"}");
}

static void a_digest_is_verified_too(void **state)
{
    uint8_t digest[PS_SHA256_LEN];
    char text[64] = "";

    (void)state;
    put_raw_signature(false);
    ps_sha256(LITERAL("hello"), digest);
    ps_base64url_encode(ps_bytes(digest, sizeof digest), text);
    assert_int_equal(
        RAW("{\"digest\":\"%s\",\"digest_algorithm\":\"sha-256\",\"signature\":\"%s\"}", text,
            signature),
        200);
    assert_has(answer.body, "\"valid\":true");
}

static void a_version_is_chosen_by_its_number(void **state)
{
    (void)state;
    put_raw_signature(false);
    jwk[strlen(jwk) - 1] = '\0';
    (void)snprintf(document, sizeof document, "{\"keys\":[%s,\"version\":3}]}", jwk);
    assert_int_equal(RAW("{\"message\":\"aGVsbG8\",\"signature\":\"%s\",\"version\":3}", signature),
                     200);
    assert_has(answer.body, "\"version\":3}");
    assert_int_equal(RAW("{\"message\":\"aGVsbG8\",\"signature\":\"%s\",\"version\":2}", signature),
                     200);
    assert_string_equal(answer.body, "{\"valid\":false,\"reason\":\"no-key\"}");
}

static void raw_verification_needs_a_signature(void **state)
{
    (void)state;
    assert_int_equal(RAW("{\"message\":\"aGVsbG8\"}"), 400);
    assert_int_equal(RAW("{\"message\":\"aGVsbG8\",\"signature\":\"\",\"items\":[]}"), 400);
    assert_int_equal(api_test.asked, 0);
}

static void a_keeper_that_sends_no_set_is_an_internal_mistake(void **state)
{
    (void)state;
    (void)snprintf(document, sizeof document, "nonsense");
    assert_int_equal(VERIFY("{\"jws\":\"%s\",\"key\":\"k.1\"}", jws), 500);
    assert_code("internal");
    assert_null(strstr(answer.body, "detail"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_jws_verifies_with_a_key_of_the_keeper),
        TEST(a_broken_signature_is_an_answer),
        TEST(a_key_that_does_not_fit_is_told_apart),
        TEST(a_jws_verifies_with_keys_of_the_caller),
        TEST(the_route_is_for_those_who_may),
        TEST(keys_that_are_not_understood_are_passed_over),
        TEST(kid_alg_and_use_choose_the_key),
        TEST(the_header_s_own_key_is_never_trusted),
        TEST(a_detached_payload_is_handed_over),
        TEST(the_json_serialization_is_read_too),
        TEST(certificates_are_keys_that_the_caller_trusts),
        TEST(malformed_requests_are_400),
        TEST(more_keys_than_a_set_may_have_are_400),
        TEST(a_raw_signature_verifies_in_both_encodings),
        TEST(a_digest_is_verified_too),
        TEST(a_version_is_chosen_by_its_number),
        TEST(raw_verification_needs_a_signature),
        TEST(a_keeper_that_sends_no_set_is_an_internal_mistake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
