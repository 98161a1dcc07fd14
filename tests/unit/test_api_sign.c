#include "tests/unit/api_support.h"

/* Signing routes: what reaches the keeper, and what is made of its answer. */

/* What the last signing message said; octets are copied. */
static struct {
    char key[200];
    char algorithm[32];
    char header[256];
    char payload[4096];
    size_t payload_len;
    char type[80];
    char request_id[80];
    uint32_t ttl_s;
    uint32_t version;
    uint32_t uid;
    uint8_t kind;
    uint8_t unencoded;
    uint8_t include;
    uint8_t is_digest;
    uint8_t encoding;
} seen;

static void keep(char *to, size_t room, struct ps_bytes from)
{
    assert_true(from.len < room);
    memcpy(to, from.data == NULL ? (const uint8_t *)"" : from.data, from.len);
    to[from.len] = '\0';
}

static void keep_caller(const struct msg_caller *caller, struct ps_bytes request_id)
{
    seen.kind = caller->kind;
    seen.uid = caller->uid;
    keep(seen.request_id, sizeof seen.request_id, request_id);
}

static enum ps_err sign_jws(struct channel *channel, uint64_t id, const struct msg_jws_sign *ask)
{
    const struct msg_jws_signed done = {.protected_header = LITERAL("HEAD"),
                                        .signature = LITERAL("\x00\x01\x02"),
                                        .kid = LITERAL("the-kid"),
                                        .algorithm = LITERAL("ES256"),
                                        .version = 3};
    const struct msg_problem refusal = {.problem = PS_PROBLEM_NOT_FOUND};

    keep_caller(&ask->caller, ask->request_id);
    keep(seen.key, sizeof seen.key, ask->key);
    keep(seen.algorithm, sizeof seen.algorithm, ask->algorithm);
    keep(seen.header, sizeof seen.header, ask->header);
    keep(seen.payload, sizeof seen.payload, ask->payload);
    seen.payload_len = ask->payload.len;
    seen.unencoded = ask->unencoded;
    seen.include = ask->include;
    if (ps_bytes_equal_str(ask->payload, "refuse")) {
        return channel_send(channel, &msg_problem_info, id, &refusal);
    }
    return channel_send(channel, &msg_jws_signed_info, id, &done);
}

static enum ps_err sign_jwt(struct channel *channel, uint64_t id, const struct msg_jwt_sign *ask)
{
    const struct msg_jws_signed done = {.protected_header = LITERAL("HEAD"),
                                        .payload = LITERAL("{\"a\":1,\"iat\":2}"),
                                        .signature = LITERAL("sig"),
                                        .kid = LITERAL("the-kid"),
                                        .version = 1};

    keep_caller(&ask->caller, ask->request_id);
    keep(seen.key, sizeof seen.key, ask->key);
    keep(seen.algorithm, sizeof seen.algorithm, ask->algorithm);
    keep(seen.payload, sizeof seen.payload, ask->claims);
    keep(seen.type, sizeof seen.type, ask->type);
    seen.ttl_s = ask->ttl_s;
    seen.include = ask->include;
    return channel_send(channel, &msg_jws_signed_info, id, &done);
}

static enum ps_err sign_raw(struct channel *channel, uint64_t id, const struct msg_raw_sign *ask)
{
    const struct msg_raw_signed done = {.signature = LITERAL("sig"),
                                        .kid = LITERAL("the-kid"),
                                        .algorithm = LITERAL("ES256"),
                                        .version = 2};

    keep_caller(&ask->caller, ask->request_id);
    keep(seen.key, sizeof seen.key, ask->key);
    keep(seen.algorithm, sizeof seen.algorithm, ask->algorithm);
    keep(seen.payload, sizeof seen.payload, ask->is_digest ? ask->digest : ask->message);
    seen.payload_len = ask->is_digest ? ask->digest.len : ask->message.len;
    seen.is_digest = ask->is_digest;
    seen.encoding = ask->encoding;
    seen.version = ask->version;
    return channel_send(channel, &msg_raw_signed_info, id, &done);
}

static enum ps_err sign(struct channel *channel, const struct ipc_message *info, uint64_t id,
                        const void *message)
{
    if (info == &msg_jws_sign_info) {
        return sign_jws(channel, id, message);
    }
    if (info == &msg_jwt_sign_info) {
        return sign_jwt(channel, id, message);
    }
    assert_ptr_equal(info, &msg_raw_sign_info);
    return sign_raw(channel, id, message);
}

static int begin(void **state)
{
    (void)begin_clients(state);
    api_test.script = sign;
    memset(&seen, 0, sizeof seen);
    return 0;
}

static void a_jws_is_put_together(void **state)
{
    (void)state;
    assert_int_equal(ask(&(const struct call){"POST", "/v1/jws/sign", "X-Request-Id: r-1\r\n",
                                              "{\"key\":\"k.1\",\"payload\":\"aGk\","
                                              "\"header\":{\"typ\" : \"x\"}}"}),
                     200);
    assert_string_equal(answer.body,
                        "{\"jws\":\"HEAD.aGk.AAEC\",\"kid\":\"the-kid\",\"version\":3}");
    assert_string_equal(seen.key, "k.1");
    assert_string_equal(seen.payload, "hi");
    assert_string_equal(seen.header, "{\"typ\" : \"x\"}");
    assert_string_equal(seen.algorithm, "");
    assert_string_equal(seen.request_id, "r-1");
    assert_int_equal(seen.kind, CALLER_UNIX);
    assert_int_equal(seen.uid, getuid());
    assert_int_equal(seen.unencoded, 0);
    assert_int_equal(seen.include, 0);
}

static void an_empty_payload_is_one(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/jws/sign", "{\"key\":\"k\",\"payload\":\"\"}"), 200);
    assert_has(answer.body, "\"HEAD..AAEC\"");
    assert_int_equal(seen.payload_len, 0);
}

static void other_serializations_are_written(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/jws/sign", "{\"key\":\"k\",\"payload\":\"aGk\","
                                          "\"serialization\":\"detached\"}"),
                     200);
    assert_has(answer.body, "{\"jws\":\"HEAD..AAEC\",");
    assert_int_equal(POST("/v1/jws/sign", "{\"key\":\"k\",\"payload\":\"aGk\","
                                          "\"serialization\":\"json\"}"),
                     200);
    assert_has(answer.body, "{\"jws\":{\"payload\":\"aGk\",\"protected\":\"HEAD\","
                            "\"signature\":\"AAEC\"},\"kid\":");
}

static void unencoded_payloads_stand_as_they_are(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/jws/sign", "{\"key\":\"k\",\"payload\":\"JC4wMg\",\"b64\":false,"
                                          "\"serialization\":\"detached\"}"),
                     200);
    assert_has(answer.body, "{\"jws\":\"HEAD..AAEC\",");
    assert_int_equal(seen.unencoded, 1);
    assert_string_equal(seen.payload, "$.02");
    /* "\n" */
    assert_int_equal(POST("/v1/jws/sign", "{\"key\":\"k\",\"payload\":\"ImEKIg\",\"b64\":false,"
                                          "\"serialization\":\"json\"}"),
                     200);
    assert_has(answer.body, "{\"jws\":{\"payload\":\"\\\"a\\n\\\"\",\"protected\":\"HEAD\"");
    assert_int_equal(POST("/v1/jws/sign", "{\"key\":\"k\",\"payload\":\"YWJj\",\"b64\":false}"),
                     200);
    assert_has(answer.body, "{\"jws\":\"HEAD.abc.AAEC\",");
}

/* Nothing is signed that cannot be written afterwards. */
static void what_cannot_be_written_is_refused_before_it_is_signed(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/jws/sign", "{\"key\":\"k\",\"payload\":\"JC4wMg\",\"b64\":false}"),
                     422);
    assert_code("refused");
    assert_int_equal(POST("/v1/jws/sign", "{\"key\":\"k\",\"payload\":\"_w\",\"b64\":false,"
                                          "\"serialization\":\"json\"}"),
                     422);
    assert_int_equal(api_test.asked, 0);
}

static void the_algorithm_stands_in_either_place(void **state)
{
    (void)state;
    assert_int_equal(
        POST("/v1/jws/sign", "{\"key\":\"k\",\"payload\":\"aGk\",\"header\":{\"alg\":\"PS256\"}}"),
        200);
    assert_string_equal(seen.algorithm, "PS256");
    assert_int_equal(
        POST("/v1/jws/sign", "{\"key\":\"k\",\"payload\":\"aGk\",\"algorithm\":\"ES256\"}"), 200);
    assert_string_equal(seen.algorithm, "ES256");
    assert_int_equal(POST("/v1/jws/sign", "{\"key\":\"k\",\"payload\":\"aGk\",\"algorithm\":"
                                          "\"ES256\",\"header\":{\"alg\":\"PS256\"}}"),
                     422);
}

static void includes_become_bits(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/jws/sign", "{\"key\":\"k\",\"payload\":\"aGk\",\"include\":"
                                          "[\"jwk\",\"x5c\"]}"),
                     200);
    assert_int_equal(seen.include, JWS_INCLUDE_JWK | JWS_INCLUDE_X5C);
    assert_int_equal(POST("/v1/jwt/sign", "{\"key\":\"k\",\"claims\":{},\"include\":"
                                          "[\"x5t#S256\"]}"),
                     200);
    assert_int_equal(seen.include, JWS_INCLUDE_X5T_S256);
}

static const char *const bad_jws[] = {
    "",
    "[]",
    "{}",
    "{\"key\":\"k\"}",
    "{\"payload\":\"aGk\"}",
    "{\"key\":\"K\",\"payload\":\"aGk\"}",
    "{\"key\":\"k\",\"payload\":\"aGk=\"}",
    "{\"key\":\"k\",\"payload\":\"aGl\"}",
    "{\"key\":\"k\",\"payload\":\"a\\u0047k\"}",
    "{\"key\":\"k\",\"payload\":5}",
    "{\"key\":\"k\",\"payload\":\"aGk\",\"more\":1}",
    "{\"key\":\"k\",\"payload\":\"aGk\",\"header\":[]}",
    "{\"key\":\"k\",\"payload\":\"aGk\",\"header\":{\"alg\":\"none\"}}",
    "{\"key\":\"k\",\"payload\":\"aGk\",\"header\":{\"alg\":1}}",
    "{\"key\":\"k\",\"payload\":\"aGk\",\"algorithm\":\"HS256\"}",
    "{\"key\":\"k\",\"payload\":\"aGk\",\"serialization\":\"xml\"}",
    "{\"key\":\"k\",\"payload\":\"aGk\",\"b64\":\"false\"}",
    "{\"key\":\"k\",\"payload\":\"aGk\",\"include\":[\"x5c\",\"x5c\"]}",
    "{\"key\":\"k\",\"payload\":\"aGk\",\"include\":[\"x5t\"]}",
    "{\"key\":\"k\",\"payload\":\"aGk\",\"include\":[1]}",
    "{\"key\":\"k\",\"payload\":\"aGk\"} x",
};

static void malformed_requests_are_400_and_say_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad_jws); i++) {
        assert_int_equal(POST("/v1/jws/sign", bad_jws[i]), 400);
        assert_code("malformed");
        assert_has(answer.body, "\"detail\":\"");
    }
    assert_int_equal(api_test.asked, 0);
}

static void a_header_over_16_kib_is_malformed(void **state)
{
    static char body[20000];
    const int start = snprintf(body, sizeof body,
                               "{\"key\":\"k\",\"payload\":\"aGk\",\"header\":"
                               "{\"a\":\"");

    (void)state;
    memset(body + start, 'x', IPC_HEADER_MAX);
    (void)snprintf(body + start + IPC_HEADER_MAX, 8, "\"}}");
    assert_int_equal(POST("/v1/jws/sign", body), 400);
    assert_has(answer.body, "header");
}

static void a_jwt_keeps_its_claims(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/jwt/sign",
                          "{\"key\":\"k\",\"claims\":{\"a\": 1.0 , \"b\":\"\\u00e9\"},"
                          "\"ttl_s\":300,\"typ\":\"at+jwt\",\"algorithm\":"
                          "\"ES256\"}"),
                     200);
    assert_string_equal(seen.payload, "{\"a\": 1.0 , \"b\":\"\\u00e9\"}");
    assert_string_equal(seen.type, "at+jwt");
    assert_string_equal(seen.algorithm, "ES256");
    assert_int_equal(seen.ttl_s, 300);
    assert_string_equal(answer.body, "{\"jws\":\"HEAD.eyJhIjoxLCJpYXQiOjJ9.c2ln\","
                                     "\"kid\":\"the-kid\",\"version\":1}");
    assert_int_equal(POST("/v1/jwt/sign", "{\"key\":\"k\",\"claims\":\"a\"}"), 400);
    assert_int_equal(POST("/v1/jwt/sign", "{\"key\":\"k\"}"), 400);
    assert_int_equal(POST("/v1/jwt/sign", "{\"key\":\"k\",\"claims\":{},\"ttl_s\":-1}"), 400);
}

static void a_raw_message_or_digest_is_signed(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/keys/raw.1/sign", "{\"message\":\"aGk\"}"), 200);
    assert_string_equal(answer.body, "{\"signature\":\"c2ln\",\"kid\":\"the-kid\","
                                     "\"algorithm\":\"ES256\",\"version\":2}");
    assert_string_equal(seen.key, "raw.1");
    assert_string_equal(seen.payload, "hi");
    assert_int_equal(seen.is_digest, 0);
    assert_int_equal(seen.encoding, RAW_ENCODING_RAW);
    assert_int_equal(POST("/v1/keys/raw.1/sign",
                          "{\"digest\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
                          "\"digest_algorithm\":\"sha-256\",\"algorithm\":\"ES256\","
                          "\"encoding\":\"der\",\"version\":4}"),
                     200);
    assert_int_equal(seen.is_digest, 1);
    assert_int_equal(seen.payload_len, 32);
    assert_int_equal(seen.encoding, RAW_ENCODING_DER);
    assert_int_equal(seen.version, 4);
}

#define DIGEST_32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
static void bad_raw_requests_are_refused(void **state)
{
    static const struct {
        const char *body;
        unsigned status;
    } bad[] = {
        {"{}", 400},
        {"{\"message\":\"aGk\",\"digest\":\"" DIGEST_32 "\",\"digest_algorithm\":\"sha-256\"}",
         400},
        {"{\"digest\":\"" DIGEST_32 "\"}", 400},
        {"{\"digest\":\"" DIGEST_32 "\",\"digest_algorithm\":\"sha-1\"}", 400},
        {"{\"digest\":\"" DIGEST_32 "\",\"digest_algorithm\":\"sha-384\"}", 400},
        {"{\"message\":\"aGk\",\"digest_algorithm\":\"sha-256\"}", 400},
        {"{\"message\":\"aGk\",\"algorithm\":\"nope\"}", 400},
        {"{\"message\":\"aGk\",\"encoding\":\"hex\"}", 400},
        {"{\"message\":\"aGk\",\"key\":\"k\"}", 400},
        {"{\"digest\":\"" DIGEST_32 "\",\"digest_algorithm\":\"sha-256\",\"algorithm\":\"ES384\"}",
         422},
        {"{\"digest\":\"" DIGEST_32 "\",\"digest_algorithm\":\"sha-256\",\"algorithm\":\"EdDSA\"}",
         422},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_int_equal(POST("/v1/keys/k/sign", bad[i].body), bad[i].status);
        assert_has(answer.body, "\"detail\":\"");
    }
    assert_int_equal(api_test.asked, 0);
}

static void one_bad_item_does_not_spoil_a_batch(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/jws/sign",
                          "{\"key\":\"k\",\"items\":[{\"payload\":\"YQ\"},{\"payload\":\"!\"},"
                          "{\"payload\":\"cmVmdXNl\"},{\"payload\":\"Yg\",\"key\":\"other\"},"
                          "{\"payload\":\"Yw\",\"serialization\":\"detached\"}]}"),
                     200);
    assert_has(answer.body, "{\"items\":[{\"jws\":\"HEAD.YQ.AAEC\",\"kid\":\"the-kid\","
                            "\"version\":3},{\"problem\":{\"type\":\"urn:privyseal:problem:"
                            "malformed\"");
    assert_has(answer.body, "\"item\":1}},{\"problem\":{\"type\":\"urn:privyseal:problem:"
                            "not-found\"");
    assert_has(answer.body, "\"item\":2}},{\"problem\":{\"type\":\"urn:privyseal:problem:"
                            "malformed\"");
    assert_has(answer.body, "\"item\":3}},{\"jws\":\"HEAD..AAEC\",\"kid\":\"the-kid\","
                            "\"version\":3}]}");
    assert_int_equal(api_test.asked, 3);
    assert_string_equal(seen.key, "k");
}

static void a_batch_of_bad_items_asks_nothing(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/jwt/sign", "{\"key\":\"k\",\"items\":[{},{}]}"), 200);
    assert_has(answer.body, "\"item\":0}}");
    assert_has(answer.body, "\"item\":1}}]}");
    assert_int_equal(api_test.asked, 0);
    assert_int_equal(POST("/v1/keys/k/sign", "{\"items\":[{\"message\":\"aGk\"},{}]}"), 200);
    assert_has(answer.body, "{\"items\":[{\"signature\":\"c2ln\"");
    assert_has(answer.body, "\"item\":1}}]}");
}

static char many[200000];

static void put_items(unsigned count)
{
    size_t len = (size_t)snprintf(many, sizeof many, "{\"key\":\"k\",\"items\":[");

    for (unsigned i = 0; i < count; i++) {
        len += (size_t)snprintf(many + len, sizeof many - len, "%s{\"payload\":\"YQ\"}",
                                i == 0 ? "" : ",");
    }
    (void)snprintf(many + len, sizeof many - len, "]}");
}

static void a_thousand_items_are_taken_and_one_more_is_not(void **state)
{
    (void)state;
    put_items(1000);
    assert_int_equal(POST("/v1/jws/sign", many), 200);
    assert_int_equal(api_test.asked, 1000);
    put_items(1001);
    assert_int_equal(POST("/v1/jws/sign", many), 413);
    put_items(0);
    assert_int_equal(POST("/v1/jws/sign", many), 400);
    assert_int_equal(POST("/v1/jws/sign", "{\"items\":[{\"payload\":\"YQ\"}]}"), 400);
    assert_int_equal(POST("/v1/jws/sign", "{\"key\":\"k\",\"items\":{}}"), 400);
    assert_int_equal(POST("/v1/jws/sign", "{\"key\":\"k\",\"items\":[],\"payload\":\"YQ\"}"), 400);
}

/* Answers the items of a batch backwards. */
static uint64_t ids[8];
static unsigned id_count;

static enum ps_err answer_backwards(struct channel *channel, const struct ipc_message *info,
                                    uint64_t id, const void *message)
{
    (void)info;
    (void)message;
    ids[id_count++] = id;
    for (unsigned i = id_count; id_count == PS_COUNT_OF(ids) && i != 0; i--) {
        const struct msg_jws_signed done = {.protected_header = LITERAL("H"),
                                            .signature = LITERAL("s"),
                                            .kid = LITERAL("k"),
                                            .version = i};

        PS_TRY(channel_send(channel, &msg_jws_signed_info, ids[i - 1], &done));
    }
    return PS_OK;
}

static void a_batch_keeps_its_order_whatever_comes_first(void **state)
{
    const char *at = answer.body;

    (void)state;
    id_count = 0;
    api_test.script = answer_backwards;
    put_items(8);
    assert_int_equal(POST("/v1/jws/sign", many), 200);
    for (int i = 1; i <= 8; i++) {
        char version[32];

        (void)snprintf(version, sizeof version, "\"version\":%d}", i);
        at = strstr(at, version);
        assert_non_null(at);
    }
}

static void a_batch_whose_keeper_ends_is_503_per_item(void **state)
{
    struct client client;

    (void)state;
    id_count = 0;
    api_test.script = answer_backwards;
    put_items(3);
    client_open(&client, api_test.loop, api_test.path);
    client_send_call(&client, &(const struct call){"POST", "/v1/jws/sign", NULL, many});
    while (id_count < 3) {
        client_turn(&client);
    }
    channel_free(api_test.keeper);
    api_test.keeper = NULL;
    client_take_answer(&client);
    assert_int_equal(answer.status, 200);
    assert_has(answer.body, "keeper-unavailable");
    assert_has(answer.body, "\"item\":2}}]}");
    client_close(&client);
}

/* Long answers; together they are more than a channel keeps for a peer that is slow to read. */
static struct {
    uint64_t ids[1000];
    unsigned asked;
    unsigned answered;
} at_length;

static void answer_while_there_is_room(struct channel *channel)
{
    static char header[IPC_HEADER_MAX];
    const struct msg_jws_signed done = {.protected_header = ps_bytes(header, sizeof header),
                                        .signature = LITERAL("s"),
                                        .kid = LITERAL("k"),
                                        .version = 1};

    memset(header, 'h', sizeof header);
    while (at_length.answered < at_length.asked &&
           channel_send(channel, &msg_jws_signed_info, at_length.ids[at_length.answered], &done) ==
               PS_OK) {
        at_length.answered++;
    }
}

static enum ps_err answer_at_length(struct channel *channel, const struct ipc_message *info,
                                    uint64_t id, const void *message)
{
    (void)info;
    (void)message;
    assert_in_range(at_length.asked, 0, PS_COUNT_OF(at_length.ids) - 1);
    at_length.ids[at_length.asked++] = id;
    answer_while_there_is_room(channel);
    return PS_OK;
}

/* 16 KiB each: a batch of them is over what an answer may have. */
static void items_that_an_answer_has_no_room_for_say_so(void **state)
{
    const char *at;
    size_t written = 0;
    struct client client;
    struct response response;

    (void)state;
    at_length.asked = at_length.answered = 0;
    api_test.script = answer_at_length;
    api_test.room = answer_while_there_is_room;
    put_items(PS_COUNT_OF(at_length.ids));
    client_open(&client, api_test.loop, api_test.path);
    client_send_call(&client, &(const struct call){"POST", "/v1/jws/sign", NULL, many});
    client_wait(&client, &response);
    assert_int_equal(response.status, 200);
    ps_buf_put_u8(&client.in, '\0');
    at = (const char *)client.in.data;
    while ((at = strstr(at, "\"jws\":")) != NULL) {
        written++;
        at++;
    }
    assert_in_range(written, 250, 256);
    assert_has((const char *)client.in.data, "\"code\":\"too-large\"");
    assert_has((const char *)client.in.data, "\"item\":999}}]}");
    client_close(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, api_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_jws_is_put_together),
        TEST(an_empty_payload_is_one),
        TEST(other_serializations_are_written),
        TEST(unencoded_payloads_stand_as_they_are),
        TEST(what_cannot_be_written_is_refused_before_it_is_signed),
        TEST(the_algorithm_stands_in_either_place),
        TEST(includes_become_bits),
        TEST(malformed_requests_are_400_and_say_where),
        TEST(a_header_over_16_kib_is_malformed),
        TEST(a_jwt_keeps_its_claims),
        TEST(a_raw_message_or_digest_is_signed),
        TEST(bad_raw_requests_are_refused),
        TEST(one_bad_item_does_not_spoil_a_batch),
        TEST(a_batch_of_bad_items_asks_nothing),
        TEST(a_thousand_items_are_taken_and_one_more_is_not),
        TEST(a_batch_keeps_its_order_whatever_comes_first),
        TEST(a_batch_whose_keeper_ends_is_503_per_item),
        TEST(items_that_an_answer_has_no_room_for_say_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
