#include "tests/unit/api_support.h"

#include "api/read/log.h"

/* Reading routes: what is asked of the keeper, and how its documents are answered. */

static struct msg_read seen;
static char seen_name[200];
static char seen_after[200];
static char seen_operation[64];
static struct msg_document reply;

static void keep(char *to, struct ps_bytes from)
{
    assert_true(from.len < 200);
    memcpy(to, from.data == NULL ? (const uint8_t *)"" : from.data, from.len);
    to[from.len] = '\0';
}

static enum ps_err read_script(struct channel *channel, const struct ipc_message *info, uint64_t id,
                               const void *message)
{
    const struct msg_octets octets = {.octets = LITERAL("\xff\x00")};

    if (info == &msg_random_info) {
        seen.limit = ((const struct msg_random *)message)->count;
        return channel_send(channel, &msg_octets_info, id, &octets);
    }
    if (info == &msg_access_check_info) {
        const struct msg_access_check *check = message;

        (void)snprintf(seen_operation, sizeof seen_operation, "%.*s",
                       PS_BYTES_FMT(check->operation));
        keep(seen_name, check->key);
        return channel_send(channel, &msg_document_info, id, &reply);
    }
    assert_ptr_equal(info, &msg_read_info);
    seen = *(const struct msg_read *)message;
    keep(seen_name, seen.name);
    keep(seen_after, seen.after);
    return channel_send(channel, &msg_document_info, id, &reply);
}

static int prepare(void)
{
    seen = (struct msg_read){.resource = READ_NONE};
    reply = (struct msg_document){.status = 200, .body = LITERAL("{\"a\":1}")};
    api_test.script = read_script;
    return 0;
}

static int begin_c(void **state)
{
    (void)begin_clients(state);
    return prepare();
}

static int begin_m(void **state)
{
    (void)begin_management(state);
    return prepare();
}

static void a_document_comes_with_its_headers(void **state)
{
    (void)state;
    reply.etag = LITERAL("r7");
    reply.media = MEDIA_JWKS;
    reply.max_age_s = 300;
    assert_int_equal(GET("/v1/jwks/web"), 200);
    assert_string_equal(answer.body, "{\"a\":1}");
    assert_has(answer.head, "\r\nETag: \"r7\"\r\n");
    assert_has(answer.head, "\r\nCache-Control: max-age=300\r\n");
    assert_has(answer.head, "\r\nContent-Type: application/jwk-set+json\r\n");
    assert_int_equal(seen.resource, READ_JWKS);
    assert_string_equal(seen_name, "web");
}

static unsigned conditional(const char *header)
{
    const struct call call = {"GET", "/v1/keys/k", header, NULL};

    return ask(&call);
}

static void what_has_not_changed_is_304(void **state)
{
    (void)state;
    reply.etag = LITERAL("r7");
    assert_int_equal(conditional("If-None-Match: \"r7\"\r\n"), 304);
    assert_string_equal(answer.body, "");
    assert_has(answer.head, "\r\nETag: \"r7\"\r\n");
    assert_int_equal(conditional("If-None-Match: \"r6\", W/\"r7\"\r\n"), 304);
    assert_int_equal(conditional("If-None-Match: *\r\n"), 304);
    assert_int_equal(conditional("If-None-Match: \"r6\"\r\n"), 200);
    assert_int_equal(conditional("If-None-Match: r7\r\n"), 200);
    assert_int_equal(conditional("If-None-Match: \"r7\r\n"), 200);
    /* RFC 9110 section 13.2.1: a condition counts where the answer without it is a success. */
    reply.status = 404;
    assert_int_equal(conditional("If-None-Match: \"r7\"\r\n"), 404);
}

static void lists_take_after_and_limit(void **state)
{
    /* The last one is 1 when 64 bits run over. */
    static const char *const bad[] = {"limit=0",  "limit=1001",
                                      "limit=01", "limit=a",
                                      "limit=",   "limit=1.0",
                                      "after=",   "after=a/b",
                                      "limit=-1", "limit=18446744073709551617"};
    char target[64];

    (void)state;
    assert_int_equal(GET("/v1/keys"), 200);
    assert_int_equal(seen.resource, READ_KEYS);
    assert_int_equal(seen.limit, 100);
    assert_string_equal(seen_after, "");
    assert_int_equal(GET("/v1/keys?after=a.b&limit=1000"), 200);
    assert_int_equal(seen.limit, 1000);
    assert_string_equal(seen_after, "a.b");
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        (void)snprintf(target, sizeof target, "/v1/keys?%s", bad[i]);
        assert_int_equal(GET(target), 400);
        assert_code("malformed");
    }
}

static void accept_chooses_the_form_of_a_public_key(void **state)
{
    static const struct {
        const char *header;
        uint8_t accept;
    } forms[] = {
        {NULL, 0},
        {"Accept: */*\r\n", 0},
        {"Accept: application/x-pem-file\r\n", 1},
        {"Accept: text/html, application/pkix-spki;q=0.9, */*\r\n", 2},
        {"Accept: application/jwk+json,application/x-pem-file\r\n", 0},
        {"Accept: text/html\r\n", 0},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(forms); i++) {
        assert_int_equal(
            ask(&(const struct call){"GET", "/v1/keys/k/public", forms[i].header, NULL}), 200);
        assert_int_equal(seen.resource, READ_KEY_PUBLIC);
        assert_int_equal(seen.accept, forms[i].accept);
        assert_string_equal(seen_name, "k");
    }
}

static void accept_chooses_the_form_of_a_certificate(void **state)
{
    (void)state;
    assert_int_equal(GET("/v1/keys/k/certificate"), 200);
    assert_int_equal(seen.resource, READ_KEY_CERTIFICATE);
    assert_int_equal(seen.accept, 0);
    assert_int_equal(seen.from, 0);
    assert_string_equal(seen_name, "k");
    assert_int_equal(ask(&(const struct call){"GET", "/v1/keys/k/certificate?version=3",
                                              "Accept: application/pkix-cert\r\n", NULL}),
                     200);
    assert_int_equal(seen.accept, 1);
    assert_int_equal(seen.from, 3);
    assert_int_equal(GET("/v1/keys/k/certificate?version=0"), 400);
    assert_int_equal(GET("/v1/keys/k/certificate?version=4294967296"), 400);
}

static void random_octets_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(GET("/v1/random?octets=2"), 200);
    assert_string_equal(answer.body, "{\"octets\":\"_wA\"}");
    assert_int_equal(seen.limit, 2);
    assert_int_equal(GET("/v1/random?octets=4096"), 200);
    assert_int_equal(GET("/v1/random?octets=4097"), 400);
    assert_int_equal(GET("/v1/random?octets=0"), 400);
    assert_int_equal(GET("/v1/random"), 400);
}

static void access_is_asked_about(void **state)
{
    (void)state;
    assert_int_equal(POST("/v1/access/check", "{\"operation\":\"jws.sign\",\"key\":\"k\"}"), 200);
    assert_string_equal(seen_operation, "jws.sign");
    assert_string_equal(seen_name, "k");
    assert_int_equal(POST("/v1/access/check", "{}"), 400);
    assert_int_equal(POST("/v1/access/check", "{\"operation\":\"a\",\"who\":\"b\"}"), 400);
}

static void a_document_of_no_kind_is_an_internal_mistake(void **state)
{
    (void)state;
    reply.media = 77;
    assert_int_equal(GET("/v1/whoami"), 500);
    reply.media = MEDIA_JSON;
    reply.status = 199;
    assert_int_equal(GET("/v1/whoami"), 500);
    reply.status = 600;
    assert_int_equal(GET("/v1/whoami"), 500);
}

static void management_reads_reach_their_resource(void **state)
{
    static const struct {
        const char *target;
        uint16_t resource;
        const char *name;
    } reads[] = {
        {"/v1/system", READ_SYSTEM, ""},
        {"/metrics", READ_METRICS, ""},
        {"/v1/clients", READ_CLIENTS, ""},
        {"/v1/clients/oidc", READ_CLIENT, "oidc"},
        {"/v1/grants", READ_GRANTS, ""},
        {"/v1/jwks-sets", READ_SETS, ""},
        {"/v1/operations", READ_OPERATIONS, ""},
        {"/v1/operations/0f1e", READ_OPERATION, "0f1e"},
        {"/v1/operations/0f1e/document", READ_OPERATION_DOCUMENT, "0f1e"},
        {"/v1/policy", READ_POLICY, ""},
        {"/v1/policy/document", READ_POLICY_DOCUMENT, ""},
        {"/v1/roster", READ_ROSTER, ""},
        {"/v1/officers", READ_OFFICERS, ""},
        {"/v1/officers/alice", READ_OFFICER, "alice"},
        {"/v1/why/R-1", READ_WHY, "R-1"},
        {"/v1/whoami", READ_WHOAMI, ""},
        {"/v1/log/use/checkpoint", READ_LOG_CHECKPOINT, "use"},
        {"/v1/log/use/2026-11-0001/checkpoint", READ_LOG_CHECKPOINT, "use/2026-11-0001"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(reads); i++) {
        assert_int_equal(GET(reads[i].target), 200);
        assert_int_equal(seen.resource, reads[i].resource);
        assert_string_equal(seen_name, reads[i].name);
    }
    assert_int_equal(GET("/v1/expiring?within_s=60"), 200);
    assert_int_equal(seen.resource, READ_EXPIRING);
    assert_int_equal(seen.from, 60);
    assert_int_equal(GET("/v1/expiring"), 200);
    assert_int_equal(seen.from, 30 * 86400);
    assert_int_equal(GET("/v1/expiring?within_s=x"), 400);
}

static void metrics_are_prometheus_text(void **state)
{
    (void)state;
    reply.media = MEDIA_PROMETHEUS;
    assert_int_equal(GET("/metrics"), 200);
    assert_has(answer.head, "\r\nContent-Type: text/plain; version=0.0.4");
}

static void log_routes_become_numbers(void **state)
{
    (void)state;
    assert_int_equal(GET("/v1/log/events/tile/1/x001/x234/067"), 200);
    assert_int_equal(seen.resource, READ_LOG_TILE);
    assert_int_equal(seen.from, 1);
    assert_int_equal(seen.to, 1234067);
    assert_int_equal(seen.width, 256);
    assert_string_equal(seen_name, "events");
    assert_int_equal(GET("/v1/log/use/2026-11-0001/tile/entries/000.p/7"), 200);
    assert_int_equal(seen.resource, READ_LOG_ENTRIES);
    assert_int_equal(seen.to, 0);
    assert_int_equal(seen.width, 7);
    assert_string_equal(seen_name, "use/2026-11-0001");
    assert_int_equal(GET("/v1/log/events/tile/0/0"), 404);
    assert_int_equal(GET("/v1/log/events/entries?bundle=3&width=5"), 200);
    assert_int_equal(seen.resource, READ_LOG_ENTRIES);
    assert_int_equal(seen.to, 3);
    assert_int_equal(seen.width, 5);
    assert_int_equal(GET("/v1/log/events/entries?width=257"), 400);
    assert_int_equal(GET("/v1/log/events/proof/17?size=20"), 200);
    assert_int_equal(seen.resource, READ_LOG_PROOF);
    assert_int_equal(seen.from, 17);
    assert_int_equal(seen.to, 20);
    assert_int_equal(GET("/v1/log/use/2026-11-0001/proof/4"), 200);
    assert_int_equal(seen.from, 4);
    assert_int_equal(seen.to, 0);
    assert_string_equal(seen_name, "use/2026-11-0001");
    assert_int_equal(GET("/v1/log/events/proof/x"), 400);
    assert_int_equal(GET("/v1/log/events/consistency?from=5&to=9"), 200);
    assert_int_equal(seen.resource, READ_LOG_CONSISTENCY);
    assert_int_equal(seen.from, 5);
    assert_int_equal(seen.to, 9);
    assert_int_equal(GET("/v1/log/events/consistency?from=-5"), 400);
}

/* What is none comes no further. */
static void a_cosigned_checkpoint_is_one(void **state)
{
    static const char *const bad[] = {"", "no note", "origin\n1\n", "origin\n1\nAAAA\n\n"};
    char headers[64];

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        struct client client;

        client_open(&client, api_test.loop, api_test.path);
        client_send_str(&client, "POST /v1/log/events/cosignatures HTTP/1.1\r\nHost: a\r\n"
                                 "Content-Type: text/plain\r\n");
        (void)snprintf(headers, sizeof headers, "Content-Length: %zu\r\n\r\n", strlen(bad[i]));
        client_send_str(&client, headers);
        client_send_str(&client, bad[i]);
        client_take_answer(&client);
        assert_int_equal(answer.status, 400);
        assert_code("malformed");
        client_close(&client);
    }
    assert_int_equal(api_test.asked, 0);
}

static enum ps_err tile(const char *path, struct log_tile_path *ret_path)
{
    struct ps_bytes segments[12];
    size_t count = 0;

    while (*path != '\0') {
        const size_t len = strcspn(path, "/");

        segments[count++] = ps_bytes(path, len);
        path += len + (path[len] == '/' ? 1 : 0);
    }
    return log_tile_parse(segments, count, ret_path);
}

static void tile_paths_have_one_spelling(void **state)
{
    static const char *const bad[] = {
        "",           "0",
        "0/1",        "0/01",
        "0/0001",     "64/000",
        "00/000",     "a/000",
        "0/x000/001", "0/000/001",
        "0/x001",     "0/000.p",
        "0/000.p/0",  "0/000.p/256",
        "0/000.p/01", "0/000/5",
        "0/000.q/5",  "0/x001.p/1",
        "entries",    "entries/1",
        "0/00a",      "0/x001/x001/x001/x001/x001/x001/001",
    };
    struct log_tile_path path;

    (void)state;
    assert_ok(tile("63/999", &path));
    assert_int_equal(path.level, 63);
    assert_int_equal(path.index, 999);
    assert_int_equal(path.width, 256);
    assert_ok(tile("0/x001/000.p/255", &path));
    assert_int_equal(path.index, 1000);
    assert_int_equal(path.width, 255);
    assert_ok(tile("entries/x999/x999/x999/x999/x999/999", &path));
    assert_true(path.is_entries);
    assert_true(path.index == UINT64_C(999999999999999999));
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_fails(PS_E_INPUT, tile(bad[i], &path));
    }
}

#define CLIENTS(name)    cmocka_unit_test_setup_teardown(name, begin_c, api_end)
#define MANAGEMENT(name) cmocka_unit_test_setup_teardown(name, begin_m, api_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLIENTS(a_document_comes_with_its_headers),
        CLIENTS(what_has_not_changed_is_304),
        CLIENTS(lists_take_after_and_limit),
        CLIENTS(accept_chooses_the_form_of_a_public_key),
        CLIENTS(accept_chooses_the_form_of_a_certificate),
        CLIENTS(random_octets_are_bounded),
        CLIENTS(access_is_asked_about),
        CLIENTS(a_document_of_no_kind_is_an_internal_mistake),
        MANAGEMENT(management_reads_reach_their_resource),
        MANAGEMENT(metrics_are_prometheus_text),
        MANAGEMENT(log_routes_become_numbers),
        MANAGEMENT(a_cosigned_checkpoint_is_one),
        cmocka_unit_test(tile_paths_have_one_spelling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
