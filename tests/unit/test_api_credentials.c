#include "tests/unit/api_support.h"

/* sd-jwt/sign and data-integrity/sign: what reaches the keeper, and what is made of its answer. */

static struct {
    struct msg_sd_jwt_sign sd_jwt;
    struct msg_data_integrity_sign proof;
    char texts[6][512];
} seen;

static struct ps_bytes keep(size_t room, struct ps_bytes from)
{
    assert_true(from.len <= sizeof seen.texts[0]);
    if (from.len != 0) {
        memcpy(seen.texts[room], from.data, from.len);
    }
    return ps_bytes(seen.texts[room], from.len);
}

static enum ps_err sign(struct channel *channel, const struct ipc_message *info, uint64_t id,
                        const void *message)
{
    const struct msg_jws_signed jws = {.protected_header = LITERAL("HEAD"),
                                       .signature = LITERAL("sig"),
                                       .kid = LITERAL("the-kid"),
                                       .version = 3};
    const struct msg_raw_signed raw = {
        .signature = LITERAL("\x00sig"), .kid = LITERAL("the-kid"), .version = 2};

    if (info == &msg_sd_jwt_sign_info) {
        seen.sd_jwt = *(const struct msg_sd_jwt_sign *)message;
        seen.sd_jwt.key = keep(0, seen.sd_jwt.key);
        seen.sd_jwt.payload = keep(1, seen.sd_jwt.payload);
        seen.sd_jwt.type = keep(2, seen.sd_jwt.type);
        seen.sd_jwt.algorithm = keep(3, seen.sd_jwt.algorithm);
        return channel_send(channel, &msg_jws_signed_info, id, &jws);
    }
    assert_ptr_equal(info, &msg_data_integrity_sign_info);
    seen.proof = *(const struct msg_data_integrity_sign *)message;
    seen.proof.key = keep(0, seen.proof.key);
    seen.proof.suite = keep(1, seen.proof.suite);
    seen.proof.proof_hash = keep(2, seen.proof.proof_hash);
    seen.proof.document_hash = keep(3, seen.proof.document_hash);
    return channel_send(channel, &msg_raw_signed_info, id, &raw);
}

static int begin(void **state)
{
    (void)begin_clients(state);
    api_test.script = sign;
    memset(&seen, 0, sizeof seen);
    return 0;
}

static void an_sd_jwt_keeps_its_octets(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/sd-jwt/sign",
                          "{\"key\":\"k\",\"typ\":\"dc+sd-jwt\",\"payload\":{\"a\" : 1.0},"
                          "\"algorithm\":\"ES256\",\"include\":[\"x5c\",\"x5t#S256\"]}"),
                     200);
    assert_text(seen.sd_jwt.key, "k");
    assert_text(seen.sd_jwt.payload, "{\"a\" : 1.0}");
    assert_text(seen.sd_jwt.type, "dc+sd-jwt");
    assert_text(seen.sd_jwt.algorithm, "ES256");
    assert_int_equal(seen.sd_jwt.include, JWS_INCLUDE_X5C | JWS_INCLUDE_X5T_S256);
    assert_string_equal(answer.body, "{\"jws\":\"HEAD.eyJhIiA6IDEuMH0.c2ln\","
                                     "\"kid\":\"the-kid\",\"version\":3}");
}

/* Of 65 characters. */
#define LONG_TYPE "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa+sd-jwt"

static void bad_sd_jwts_reach_no_keeper(void **state)
{
    static const char *const bad[] = {
        "{\"key\":\"k\",\"typ\":\"dc+sd-jwt\"}",
        "{\"key\":\"k\",\"payload\":{}}",
        "{\"typ\":\"dc+sd-jwt\",\"payload\":{}}",
        "{\"key\":\"k\",\"typ\":\"dc+sd-jwt\",\"payload\":\"e30\"}",
        "{\"key\":\"k\",\"typ\":\"dc+sd-jwt\",\"payload\":[]}",
        "{\"key\":\"k\",\"typ\":1,\"payload\":{}}",
        "{\"key\":\"k\",\"typ\":\"a+sd-jwt\",\"payload\":{},\"header\":{}}",
        "{\"key\":\"k\",\"typ\":\"a+sd-jwt\",\"payload\":{},\"algorithm\":\"none\"}",
        "{\"key\":\"k\",\"typ\":\"a+sd-jwt\",\"payload\":{},\"include\":[\"x5c\",\"x5c\"]}",
        "{\"key\":\"k\",\"typ\":\"" LONG_TYPE "\",\"payload\":{}}",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_int_equal(POST("/v1/sd-jwt/sign", bad[i]), 400);
        assert_has(answer.body, "\"detail\":\"");
    }
    assert_int_equal(api_test.asked, 0);
}

#define HASHES     "\"proof_hash\":\"cHJvb2Y\",\"document_hash\":\"ZG9j\""
#define HALF_WRONG "\"proof_hash\":\"A=\",\"document_hash\":\"AAAA\""

static void a_proof_value_is_multibase(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/data-integrity/sign",
                          "{\"key\":\"k\",\"cryptosuite\":\"eddsa-jcs-2022\"," HASHES "}"),
                     200);
    assert_text(seen.proof.key, "k");
    assert_text(seen.proof.suite, "eddsa-jcs-2022");
    assert_text(seen.proof.proof_hash, "proof");
    assert_text(seen.proof.document_hash, "doc");
    /* A zero octet in front is a 1 of base58. */
    assert_string_equal(answer.body,
                        "{\"proof_value\":\"z1fmQJ\",\"kid\":\"the-kid\",\"version\":2}");
    assert_int_equal(POST("/v1/data-integrity/sign",
                          "{\"key\":\"k\",\"cryptosuite\":\"ecdsa-rdfc-2019\"," HASHES
                          ",\"encoding\":\"base64url\"}"),
                     200);
    assert_has(answer.body, "{\"proof_value\":\"uAHNpZw\",");
}

static void bad_proofs_reach_no_keeper(void **state)
{
    static const char *const bad[] = {
        "{\"key\":\"k\"," HASHES "}",
        "{\"cryptosuite\":\"eddsa-jcs-2022\"," HASHES "}",
        "{\"key\":\"k\",\"cryptosuite\":\"eddsa-jcs-2022\",\"proof_hash\":\"AAAA\"}",
        "{\"key\":\"k\",\"cryptosuite\":\"ecdsa-sd-2023\"," HASHES "}",
        "{\"key\":\"k\",\"cryptosuite\":\"EDDSA-JCS-2022\"," HASHES "}",
        "{\"key\":\"k\",\"cryptosuite\":\"eddsa-jcs-2022\"," HASHES ",\"encoding\":\"hex\"}",
        "{\"key\":\"k\",\"cryptosuite\":\"eddsa-jcs-2022\"," HALF_WRONG "}",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_int_equal(POST("/v1/data-integrity/sign", bad[i]), 400);
        assert_has(answer.body, "\"detail\":\"");
    }
    assert_int_equal(api_test.asked, 0);
}

static void both_come_in_batches(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/sd-jwt/sign",
                          "{\"key\":\"k\",\"items\":[{\"typ\":\"a+sd-jwt\",\"payload\":{}},{}]}"),
                     200);
    assert_has(answer.body, "{\"items\":[{\"jws\":\"HEAD.e30.c2ln\",");
    assert_has(answer.body, "\"item\":1");
    assert_int_equal(POST("/v1/data-integrity/sign",
                          "{\"key\":\"k\",\"items\":[{},{\"cryptosuite\":\"eddsa-jcs-2022\"," HASHES
                          "}]}"),
                     200);
    assert_has(answer.body, "\"item\":0");
    assert_has(answer.body, "{\"proof_value\":\"z1fmQJ\",");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, api_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_sd_jwt_keeps_its_octets), TEST(bad_sd_jwts_reach_no_keeper),
        TEST(a_proof_value_is_multibase), TEST(bad_proofs_reach_no_keeper),
        TEST(both_come_in_batches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
