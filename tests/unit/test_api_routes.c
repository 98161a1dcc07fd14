#include "tests/unit/api_support.h"

#include "api/routes.h"
#include "lib/formats/json/json.h"

/* Which route is found, and what is refused before anything is asked of the keeper. */

static void find(unsigned listener, enum http_method method, const char *path,
                 struct route_match *ret_match)
{
    static struct http_target target;
    static char text[HTTP_TARGET_MAX];

    memcpy(text, path, strlen(path));
    assert_ok(http_target_parse(text, strlen(path), &target));
    route_find(listener, method, &target, ret_match);
}

static void literal_segments_and_variables_match(void **state)
{
    struct route_match match;

    (void)state;
    find(LISTENS_CLIENTS, HTTP_GET, "/v1/keys/oidc.id-token/public", &match);
    assert_non_null(match.route);
    assert_string_equal(match.route->id, "key-public");
    assert_int_equal(match.variable_count, 1);
    assert_text(match.variables[0], "oidc.id-token");
}

static void head_finds_what_get_does(void **state)
{
    struct route_match match;

    (void)state;
    find(LISTENS_CLIENTS, HTTP_HEAD, "/v1/jwks", &match);
    assert_non_null(match.route);
    assert_string_equal(match.route->id, "jwks");
}

static void a_route_of_the_other_listener_is_not_there(void **state)
{
    struct route_match match;

    (void)state;
    find(LISTENS_CLIENTS, HTTP_GET, "/v1/system", &match);
    assert_null(match.route);
    assert_int_equal(match.methods, 0);
    find(LISTENS_MANAGEMENT, HTTP_POST, "/v1/jws/sign", &match);
    assert_int_equal(match.methods, 0);
}

static void methods_of_a_path_are_gathered(void **state)
{
    struct route_match match;
    PS_BUF_AUTO allow;

    (void)state;
    ps_buf_init(&allow, 64);
    find(LISTENS_MANAGEMENT, HTTP_PUT, "/v1/keys", &match);
    assert_null(match.route);
    route_put_methods(match.methods, &allow);
    assert_text(ps_buf_bytes(&allow), "GET, HEAD, POST");
}

static void what_no_name_can_be_matches_no_variable(void **state)
{
    struct route_match match;
    char path[200] = "/v1/keys/";

    (void)state;
    find(LISTENS_CLIENTS, HTTP_GET, "/v1/keys/a:b", &match);
    assert_int_equal(match.methods, 0);
    memset(path + 9, 'a', 128);
    find(LISTENS_CLIENTS, HTTP_GET, path, &match);
    assert_non_null(match.route);
    path[9 + 128] = 'a';
    find(LISTENS_CLIENTS, HTTP_GET, path, &match);
    assert_null(match.route);
}

static void the_rest_takes_several_segments(void **state)
{
    struct route_match match;

    (void)state;
    find(LISTENS_MANAGEMENT, HTTP_GET, "/v1/log/events/tile/0/x001/067", &match);
    assert_string_equal(match.route->id, "log-tile");
    assert_int_equal(match.rest, 4);
    find(LISTENS_MANAGEMENT, HTTP_GET, "/v1/log/use/2026-11-0001/tile/0/000", &match);
    assert_string_equal(match.route->id, "log-shard-tile");
    assert_int_equal(match.rest, 5);
    find(LISTENS_MANAGEMENT, HTTP_GET, "/v1/log/events/tile", &match);
    assert_null(match.route);
}

/* Each row leads to itself: none hides another. */
static void every_route_is_found_by_its_own_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < route_count; i++) {
        PS_BUF_AUTO path;
        struct route_match match;

        ps_buf_init(&path, 512);
        for (const char *at = routes[i].path; *at != '\0'; at++) {
            if (*at == '{') {
                ps_buf_put_str(&path, "x1");
                at = strchr(at, '}');
            } else {
                ps_buf_put_u8(&path, (uint8_t)*at);
            }
        }
        ps_buf_put_u8(&path, '\0');
        for (unsigned listener = 1; listener <= 2; listener++) {
            if ((routes[i].listeners & listener) != 0) {
                find(listener, routes[i].method, (const char *)path.data, &match);
                assert_ptr_equal(match.route, &routes[i]);
            }
        }
    }
}

static void requests_that_no_route_takes_are_refused(void **state)
{
    (void)state;
    assert_int_equal(GET("/"), 404);
    assert_code("not-found");
    assert_int_equal(GET("/v1/system"), 404);
    assert_int_equal(GET("/v1//keys"), 400);
    assert_code("malformed");
    assert_int_equal(GET("/v1/keys?limt=1"), 400);
    assert_int_equal(GET("/v1/jwks?limit=1"), 400);
    assert_int_equal(GET("/v1/jws/sign"), 405);
    assert_has(answer.head, "\r\nAllow: POST\r\n");
    assert_code("method-not-allowed");
    assert_int_equal(ask(&(const struct call){"BREW", "/v1/jwks", NULL, NULL}), 405);
    assert_has(answer.head, "\r\nAllow: GET, HEAD\r\n");
    assert_int_equal(api_test.asked, 0);
}

static void another_media_type_is_415(void **state)
{
    struct client client;
    static const char *const types[] = {"", "Content-Type: text/plain\r\n",
                                        "Content-Type: application/jsonx\r\n"};

    (void)state;
    client_open(&client, api_test.loop, api_test.path);
    for (size_t i = 0; i < PS_COUNT_OF(types); i++) {
        client_send_str(&client, "POST /v1/jws/sign HTTP/1.1\r\nHost: a\r\n");
        client_send_str(&client, types[i]);
        client_send_str(&client, "Content-Length: 2\r\n\r\n{}");
        client_take_answer(&client);
        assert_int_equal(answer.status, 415);
        assert_code("unsupported-media-type");
    }
    client_send_str(&client, "POST /v1/jws/sign HTTP/1.1\r\nHost: a\r\nContent-Type: "
                             "Application/JSON; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}");
    client_take_answer(&client);
    assert_int_equal(answer.status, 400);
    client_close(&client);
}

static void a_body_over_a_mebibyte_is_413(void **state)
{
    static char body[1048576 + 2];
    const char *begin = "{\"key\":\"";

    (void)state;
    memset(body, 'a', sizeof body - 1);
    memcpy(body, begin, strlen(begin));
    assert_int_equal(POST("/v1/jws/sign", body), 413);
    assert_code("too-large");
    body[1048576] = '\0';
    assert_int_equal(POST("/v1/jws/sign", body), 400);
}

static void the_request_id_comes_back(void **state)
{
    (void)state;
    assert_int_equal(ask(&(const struct call){"GET", "/nowhere", "X-Request-Id: r.1\r\n", NULL}),
                     404);
    assert_has(answer.head, "\r\nX-Request-Id: r.1\r\n");
    assert_has(answer.body, "\"instance\":\"r.1\"");
}

static void the_tables_are_json(void **state)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    const struct json_limits limits = {1024 * 1024, 8, 10000};
    struct json_value root;
    PS_BUF_AUTO out;

    (void)state;
    ps_buf_init(&out, 1024 * 1024);
    assert_ok(json_new(&json));
    api_routes_put_json(&out);
    assert_ok(json_parse(json, ps_buf_bytes(&out), &limits, &root));
    assert_int_equal(json_count(root), route_count);
    ps_buf_reset(&out);
    api_vocabulary_put_json(&out);
    assert_ok(json_parse(json, ps_buf_bytes(&out), &limits, &root));
    assert_int_equal(json_count(root), 6);
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, begin_clients, api_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literal_segments_and_variables_match),
        cmocka_unit_test(head_finds_what_get_does),
        cmocka_unit_test(a_route_of_the_other_listener_is_not_there),
        cmocka_unit_test(methods_of_a_path_are_gathered),
        cmocka_unit_test(what_no_name_can_be_matches_no_variable),
        cmocka_unit_test(the_rest_takes_several_segments),
        cmocka_unit_test(every_route_is_found_by_its_own_path),
        API_TEST(requests_that_no_route_takes_are_refused),
        API_TEST(another_media_type_is_415),
        API_TEST(a_body_over_a_mebibyte_is_413),
        API_TEST(the_request_id_comes_back),
        cmocka_unit_test(the_tables_are_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
