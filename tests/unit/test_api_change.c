#include "tests/unit/api_support.h"

#include "lib/base/hash.h"

/* Changes become operations: what of a request reaches the keeper. */

static struct {
    char type[80];
    char subject[200];
    char parameters[4096];
    char requester[200];
    char reason[2000];
    char if_match[200];
    char idempotency_key[200];
    char verb[40];
    char ceremony[300];
    char step[80];
    uint8_t body_hash[PS_SHA256_LEN];
    uint8_t dry_run;
} seen;

static struct msg_document reply;

static void keep(char *to, size_t room, struct ps_bytes from)
{
    assert_true(from.len < room);
    memcpy(to, from.data == NULL ? (const uint8_t *)"" : from.data, from.len);
    to[from.len] = '\0';
}

#define KEEP(member, octets) keep(seen.member, sizeof seen.member, (octets))

static enum ps_err change(struct channel *channel, const struct ipc_message *info, uint64_t id,
                          const void *message)
{
    const struct msg_change *ask_change = message;
    const struct msg_operation_step *ask_step = message;

    memset(&seen, 0, sizeof seen);
    if (info == &msg_operation_step_info) {
        KEEP(subject, ask_step->operation);
        KEEP(verb, ask_step->verb);
        KEEP(parameters, ask_step->parameters);
        KEEP(idempotency_key, ask_step->idempotency_key);
        assert_int_equal(ask_step->body_hash.len, PS_SHA256_LEN);
        memcpy(seen.body_hash, ask_step->body_hash.data, PS_SHA256_LEN);
        return channel_send(channel, &msg_document_info, id, &reply);
    }
    assert_ptr_equal(info, &msg_change_info);
    KEEP(type, ask_change->type);
    KEEP(subject, ask_change->subject);
    KEEP(parameters, ask_change->parameters);
    KEEP(requester, ask_change->requester);
    KEEP(reason, ask_change->reason);
    KEEP(ceremony, ask_change->ceremony);
    KEEP(step, ask_change->step);
    KEEP(if_match, ask_change->if_match);
    KEEP(idempotency_key, ask_change->idempotency_key);
    assert_int_equal(ask_change->body_hash.len, PS_SHA256_LEN);
    memcpy(seen.body_hash, ask_change->body_hash.data, PS_SHA256_LEN);
    seen.dry_run = ask_change->dry_run;
    return channel_send(channel, &msg_document_info, id, &reply);
}

static int begin(void **state)
{
    (void)begin_management(state);
    api_test.script = change;
    reply = (struct msg_document){.status = 201,
                                  .location = LITERAL("/v1/operations/0f"),
                                  .etag = LITERAL("1"),
                                  .body = LITERAL("{}")};
    return 0;
}

static void a_key_is_made_by_an_operation(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/keys",
                          "{\"requester\":\"ada\",\"name\":\"k.1\",\"type\":\"ec-p256\","
                          "\"usage\":\"sign\",\"reason\":\"first \\u00e9\",\"formats\":"
                          "[ \"jws\" ],\"labels\":{\"a\":\"b\"}}"),
                     201);
    assert_has(answer.head, "\r\nLocation: /v1/operations/0f\r\n");
    assert_has(answer.head, "\r\nETag: \"1\"\r\n");
    assert_string_equal(seen.type, "key.create");
    assert_string_equal(seen.subject, "");
    assert_string_equal(seen.requester, "ada");
    assert_string_equal(seen.reason, "first \xc3\xa9");
    assert_string_equal(seen.parameters,
                        "{\"name\":\"k.1\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                        "\"formats\":[ \"jws\" ],\"labels\":{\"a\":\"b\"}}");
    assert_int_equal(seen.dry_run, 0);
    assert_string_equal(seen.if_match, "");
}

static void a_change_names_the_script_that_it_is_a_step_of(void **state)
{
    (void)state;
    assert_int_equal(
        POST("/v1/keys/k.1/suspend", "{\"ceremony\":\"suspend\",\"version\":2,\"step\":\"3\"}"),
        201);
    assert_string_equal(seen.ceremony, "suspend");
    assert_string_equal(seen.step, "3");
    assert_string_equal(seen.parameters, "{\"version\":2}");
    assert_int_equal(POST("/v1/operations", "{\"type\":\"key.suspend\",\"ceremony\":\"c\","
                                            "\"step\":\"s\"}"),
                     201);
    assert_string_equal(seen.ceremony, "c");
    assert_string_equal(seen.step, "s");
}

static void headers_and_query_travel_with_it(void **state)
{
    (void)state;
    assert_int_equal(
        ask(&(const struct call){"POST", "/v1/keys/k.1/rotate?dry_run=true",
                                 "Idempotency-Key: once-1\r\nIf-Match: \"7\"\r\n", "{}"}),
        201);
    assert_string_equal(seen.type, "key.rotate");
    assert_string_equal(seen.subject, "k.1");
    assert_string_equal(seen.parameters, "{}");
    assert_string_equal(seen.idempotency_key, "once-1");
    assert_string_equal(seen.if_match, "7");
    assert_int_equal(seen.dry_run, 1);
}

static void a_body_may_be_absent_where_nothing_is_needed(void **state)
{
    (void)state;
    assert_int_equal(ask(&(const struct call){"POST", "/v1/keys/k/suspend", NULL, NULL}), 201);
    assert_string_equal(seen.type, "key.suspend");
    assert_string_equal(seen.parameters, "{}");
    assert_int_equal(
        ask(&(const struct call){"DELETE", "/v1/grants/g-1", NULL, "{\"reason\":\"over\"}"}), 201);
    assert_string_equal(seen.type, "grant.revoke");
    assert_string_equal(seen.subject, "g-1");
    assert_string_equal(seen.reason, "over");
    assert_int_equal(ask(&(const struct call){"POST", "/v1/keys", NULL, NULL}), 400);
}

static void the_same_key_for_another_route_is_another_request(void **state)
{
    uint8_t first[PS_SHA256_LEN];

    (void)state;
    assert_int_equal(POST("/v1/keys/k/suspend", "{}"), 201);
    memcpy(first, seen.body_hash, sizeof first);
    assert_int_equal(POST("/v1/keys/k/suspend", "{}"), 201);
    assert_memory_equal(first, seen.body_hash, sizeof first);
    assert_int_equal(POST("/v1/keys/j/suspend", "{}"), 201);
    assert_memory_not_equal(first, seen.body_hash, sizeof first);
    assert_int_equal(POST("/v1/keys/k/suspend", "{ }"), 201);
    assert_memory_not_equal(first, seen.body_hash, sizeof first);
}

static void bad_headers_are_malformed(void **state)
{
    static const char *const bad[] = {
        "Idempotency-Key: \r\n",
        "Idempotency-Key: a b\r\n",
        "Idempotency-Key: \xc3\xa9\r\n",
        "Idempotency-Key: a\x7f\r\n",
        "If-Match: 7\r\n",
        "If-Match: \"\"\r\n",
        "If-Match: W/\"7\"\r\n",
        "If-Match: \"7\", \"8\"\r\n",
        "If-Match: *\r\n",
        "If-Match: \"7\r\n",
    };
    char long_key[300] = "Idempotency-Key: ";
    size_t len = strlen(long_key);

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_int_equal(ask(&(const struct call){"POST", "/v1/keys/k/suspend", bad[i], "{}"}),
                         400);
        assert_code("malformed");
    }
    memset(long_key + len, 'k', 129);
    (void)snprintf(long_key + len + 129, 8, "\r\n");
    assert_int_equal(ask(&(const struct call){"POST", "/v1/keys/k/suspend", long_key, "{}"}), 400);
    (void)snprintf(long_key + len + 128, 8, "\r\n");
    assert_int_equal(ask(&(const struct call){"POST", "/v1/keys/k/suspend", long_key, "{}"}), 201);
    assert_int_equal(POST("/v1/keys/k/suspend?dry_run=1", "{}"), 400);
    assert_int_equal(POST("/v1/keys/k/suspend?dry_run=false", "{}"), 201);
    assert_int_equal(seen.dry_run, 0);
}

static void schemas_are_closed(void **state)
{
    static const struct {
        const char *target;
        const char *body;
    } bad[] = {
        {"/v1/keys", "{\"name\":\"k\",\"type\":\"ec-p256\"}"},
        {"/v1/keys", "{\"name\":\"k\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"usages\":1}"},
        {"/v1/keys", "{\"name\":\"K\",\"type\":\"ec-p256\",\"usage\":\"sign\"}"},
        {"/v1/keys",
         "{\"name\":\"k\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":\"jws\"}"},
        {"/v1/keys", "{\"n\\u0061me\":\"k\",\"type\":\"ec-p256\",\"usage\":\"sign\"}"},
        {"/v1/keys", "[]"},
        {"/v1/keys/k/suspend", "{\"name\":\"k\"}"},
        {"/v1/keys/k/suspend", "null"},
        {"/v1/clients", "{\"uids\":[1]}"},
        {"/v1/grants", "{\"client\":\"c\",\"keys\":[\"*\"],\"operations\":[]}"},
        {"/v1/operations", "{\"params\":{}}"},
        {"/v1/operations", "{\"type\":\"a\",\"params\":[]}"},
        {"/v1/operations/0f/approvals", "{\"who\":\"a\"}"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_int_equal(POST(bad[i].target, bad[i].body), 400);
        assert_has(answer.body, "\"detail\":\"");
    }
    assert_int_equal(api_test.asked, 0);
}

static void other_changes_have_their_types(void **state)
{
    static const struct {
        const char *method;
        const char *target;
        const char *body;
        const char *type;
        const char *subject;
    } changes[] = {
        {"POST", "/v1/clients", "{\"name\":\"oidc\",\"uids\":[1000],\"listener\":\"clients\"}",
         "client.register", ""},
        {"DELETE", "/v1/clients/oidc", NULL, "client.remove", "oidc"},
        {"POST", "/v1/clients/oidc/resume", NULL, "client.resume", "oidc"},
        {"POST", "/v1/grants",
         "{\"client\":\"oidc\",\"keys\":\"oidc.*\",\"operations\":[\"jws.sign\"],"
         "\"rate_per_s\":5,\"not_after\":\"2027-01-01T00:00:00Z\"}",
         "grant.add", ""},
        {"PUT", "/v1/jwks-sets/web", "{\"keys\":[\"oidc.*\"],\"max_age_s\":60}", "set.put", "web"},
        {"DELETE", "/v1/jwks-sets/web", NULL, "set.remove", "web"},
        {"POST", "/v1/keys/k/destroy", "{}", "key.destroy", "k"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(changes); i++) {
        assert_int_equal(
            ask(&(const struct call){changes[i].method, changes[i].target, NULL, changes[i].body}),
            201);
        assert_string_equal(seen.type, changes[i].type);
        assert_string_equal(seen.subject, changes[i].subject);
    }
}

static void an_operation_is_made_by_its_type(void **state)
{
    (void)state;
    reply.status = 202;
    assert_int_equal(POST("/v1/operations", "{\"type\":\"key.create\",\"params\":{\"name\": \"k\"},"
                                            "\"requester\":\"ada\"}"),
                     202);
    assert_string_equal(seen.type, "key.create");
    assert_string_equal(seen.parameters, "{\"name\": \"k\"}");
    assert_string_equal(seen.requester, "ada");
}

static void a_step_names_operation_and_verb(void **state)
{
    uint8_t first[PS_SHA256_LEN];

    (void)state;
    reply.status = 200;
    assert_int_equal(POST("/v1/operations/0f1e/approvals",
                          "{\"person\":\"ada\",\"signature\":\"-----BEGIN SSH SIGNATURE-----\"}"),
                     200);
    assert_string_equal(seen.subject, "0f1e");
    assert_string_equal(seen.verb, "approvals");
    assert_has(seen.parameters, "\"person\":\"ada\"");
    assert_int_equal(ask(&(const struct call){"POST", "/v1/operations/0f1e/execute", NULL, NULL}),
                     200);
    assert_string_equal(seen.verb, "execute");
    assert_string_equal(seen.parameters, "{}");
    assert_string_equal(seen.idempotency_key, "");
    /* What tells whether it was asked for before: the key, and all of the request. */
    assert_int_equal(ask(&(const struct call){"POST", "/v1/operations/0f1e/cancel",
                                              "Idempotency-Key: once-2\r\n", "{}"}),
                     200);
    assert_string_equal(seen.idempotency_key, "once-2");
    memcpy(first, seen.body_hash, sizeof first);
    assert_int_equal(POST("/v1/operations/0f1f/cancel", "{}"), 200);
    assert_memory_not_equal(first, seen.body_hash, sizeof first);
}

/* It changes nothing that was read before: a condition that would be passed over is refused. */
static void a_step_has_no_condition(void **state)
{
    (void)state;
    assert_int_equal(ask(&(const struct call){"POST", "/v1/operations/0f1e/execute",
                                              "If-Match: \"7\"\r\n", "{}"}),
                     400);
    assert_code("malformed");
    assert_int_equal(POST("/v1/operations/0f1e/execute?dry_run=true", "{}"), 400);
    assert_int_equal(api_test.asked, 0);
}

static void what_changes_is_answered_whatever_the_caller_has(void **state)
{
    (void)state;
    reply.status = 200;
    assert_int_equal(
        ask(&(const struct call){"POST", "/v1/keys/k/suspend", "If-None-Match: \"1\"\r\n", "{}"}),
        200);
    assert_string_equal(answer.body, "{}");
}

static void genesis_is_for_an_empty_appliance(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/genesis", "{}"), 409);
    assert_code("wrong-state");
    assert_has(answer.body, "\"state\":\"operational\"");
    api_tell_state(APPLIANCE_UNINITIALISED);
    api_wait_for_state(APPLIANCE_UNINITIALISED);
    assert_int_equal(POST("/v1/genesis", "{\"token\":\"a\",\"roster\":{}}"), 400);
    assert_int_equal(POST("/v1/genesis", "{\"token\":\"a\",\"policy\":{}}"), 400);
    assert_int_equal(POST("/v1/genesis",
                          "{\"token\":\"a\",\"origin\":\"a.example/x\",\"roster\":{},"
                          "\"policy\":{}}"),
                     201);
    assert_string_equal(seen.type, "genesis");
    assert_int_equal(POST("/v1/keys", "{}"), 503);
    assert_code("uninitialised");
}

static void parameters_over_48_kib_are_413(void **state)
{
    static char body[60000];
    const int start = snprintf(body, sizeof body,
                               "{\"name\":\"k\",\"type\":\"ec-p256\",\"usage\":"
                               "\"sign\",\"labels\":{\"a\":\"");

    (void)state;
    memset(body + start, 'x', 49152);
    (void)snprintf(body + start + 49152, 8, "\"}}");
    assert_int_equal(POST("/v1/keys", body), 413);
    assert_int_equal(api_test.asked, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, api_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_made_by_an_operation),
        TEST(a_change_names_the_script_that_it_is_a_step_of),
        TEST(headers_and_query_travel_with_it),
        TEST(a_body_may_be_absent_where_nothing_is_needed),
        TEST(the_same_key_for_another_route_is_another_request),
        TEST(bad_headers_are_malformed),
        TEST(schemas_are_closed),
        TEST(other_changes_have_their_types),
        TEST(an_operation_is_made_by_its_type),
        TEST(a_step_names_operation_and_verb),
        TEST(a_step_has_no_condition),
        TEST(what_changes_is_answered_whatever_the_caller_has),
        TEST(genesis_is_for_an_empty_appliance),
        TEST(parameters_over_48_kib_are_413),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
