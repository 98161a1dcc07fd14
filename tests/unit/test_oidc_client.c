#include "frontends/oidc/clients.h"
#include "frontends/oidc/envelope.h"

#include "lib/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* RFC 7517 appendix A.1: the key of P-256. */
#define KEY                                                                                        \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","     \
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}"
/* RFC 7515 appendix A.3: another one. */
#define OTHER_KEY                                                                                  \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","     \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define REST                                                                                       \
    "\"clientName\":\"Portal\",\"relyingPartyId\":\"rp\",\"userClaims\":[\"name\"],"               \
    "\"authContextRefs\":[\"mosip:idp:acr:generated-code\"],\"logoUri\":\"https://a.example/l\","  \
    "\"redirectUris\":[\"https://a.example/cb\"],\"grantTypes\":[\"authorization_code\"],"         \
    "\"clientAuthMethods\":[\"private_key_jwt\"]"
#define GOOD(id, key) "{\"clientId\":\"" id "\",\"publicKey\":" key "," REST "}"

static struct json *json;
static char directory[64];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/privyseal-oidc-XXXXXX");
    return json_new(&json) == PS_OK && mkdtemp(directory) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"oidc.db", "oidc.db-wal", "oidc.db-shm"};
    char path[100];

    (void)state;
    json_free(json);
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    return rmdir(directory);
}

static enum ps_err read_client(const char *text, unsigned shape, struct client *client,
                               struct client_mistakes *mistakes)
{
    const struct json_limits limits = JSON_LIMITS_REQUEST;
    struct json_value root;

    assert_int_equal(json_parse(json, ps_bytes_str(text), &limits, &root), PS_OK);
    return client_read(root, shape, ps_bytes_str("name email"), client, mistakes);
}

static void read_good(const char *text, unsigned shape, struct client *client)
{
    struct client_mistakes mistakes = {.count = 0};

    assert_int_equal(read_client(text, shape, client, &mistakes), PS_OK);
}

static void assert_field(const struct client *client, enum client_field field, const char *text)
{
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&client->fields[field]), text));
}

static void a_request_becomes_what_is_stored(void **state)
{
    CLIENT_AUTO client;

    (void)state;
    client_init(&client);
    read_good(GOOD("a", KEY), SHAPE_CREATE, &client);
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&client.id), "a"));
    assert_field(&client, CLIENT_NAME, "Portal");
    assert_field(&client, CLIENT_REDIRECT_URIS, "[\"https://a.example/cb\"]");
    assert_field(&client, CLIENT_PUBLIC_KEY_ID, "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
    assert_field(&client, CLIENT_STATUS, "");
}

static void a_patch_leaves_what_it_does_not_name(void **state)
{
    CLIENT_AUTO client;

    (void)state;
    client_init(&client);
    read_good(GOOD("a", KEY), SHAPE_CREATE, &client);
    read_good("{\"clientName\":\"Other\",\"clientId\":\"b\",\"publicKey\":null}", SHAPE_PATCH,
              &client);
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&client.id), "a"));
    assert_field(&client, CLIENT_NAME, "Other");
    assert_field(&client, CLIENT_CLAIMS, "[\"name\"]");
}

static void members_of_another_shape_are_passed_over(void **state)
{
    CLIENT_AUTO client;

    (void)state;
    client_init(&client);
    read_good("{\"clientName\":\"A\",\"additionalConfig\":{\"unknown\":1}}", SHAPE_PATCH, &client);
    assert_field(&client, CLIENT_ADDITIONAL_CONFIG, "");
}

static void a_name_is_counted_in_characters(void **state)
{
    struct client_mistakes mistakes = {.count = 0};
    char text[1200] = "{\"clientName\":\"";
    CLIENT_AUTO client;

    (void)state;
    client_init(&client);
    for (size_t i = 0; i < 256; i++) {
        (void)strcat(text, "\xc3\xa9");
    }
    (void)strcat(text, "\"}");
    read_good(text, SHAPE_PATCH, &client);
    assert_int_equal(client.fields[CLIENT_NAME].len, 512);
    (void)strcpy(text + strlen(text) - 2, "x\"}");
    assert_int_equal(read_client(text, SHAPE_PATCH, &client, &mistakes), PS_E_INPUT);
    assert_int_equal(mistakes.count, 1);
    assert_string_equal(mistakes.of[0].code, "invalid_client_name");
}

static void redirect_uris_are_exact(void **state)
{
    static const char *const good[] = {"https://a.example",   "https://a.example:8443/cb?x=%20",
                                       "http://localhost/cb", "http://[::1]:5000/",
                                       "io.example.app:/cb",  "io.example.app://cb"};
    static const char *const bad[] = {"",
                                      "https://",
                                      "https:///cb",
                                      "https://a@b.example/",
                                      "https://a.example/*",
                                      "https://a.example/#f",
                                      "https://a.example/ b",
                                      "https://a.example/\"",
                                      "http://a.example/",
                                      "http://localhost.example/",
                                      "http://localhost@a.example/",
                                      "http://127.0.0.1.example/",
                                      "javascript:alert(1)",
                                      "data:text/html,x",
                                      "io.example.app:",
                                      "1.a:/x",
                                      ".a:/x",
                                      "a b.c:/"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(good); i++) {
        assert_true(client_redirect_uri_valid(ps_bytes_str(good[i])));
    }
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_false(client_redirect_uri_valid(ps_bytes_str(bad[i])));
    }
}

static void assert_envelope(const char *text, enum ps_err expected)
{
    struct json_value request;
    uint64_t now_ns = 0;

    assert_int_equal(ps_time_parse(ps_bytes_str("2026-01-02T03:04:05.000Z"), &now_ns), PS_OK);
    assert_int_equal(envelope_open(json, ps_bytes_str(text), now_ns, &request), expected);
}

static void an_envelope_is_of_two_minutes_around_now(void **state)
{
    (void)state;
    assert_envelope("{\"requestTime\":\"2026-01-02T03:06:05.000Z\",\"request\":{}}", PS_OK);
    assert_envelope("{\"requestTime\":\"2026-01-02T03:02:05.000Z\",\"request\":{}}", PS_OK);
    assert_envelope("{\"requestTime\":\"2026-01-02T03:06:05.001Z\",\"request\":{}}", PS_E_INPUT);
    assert_envelope("{\"requestTime\":\"2026-01-02T03:02:04.999Z\",\"request\":{}}", PS_E_INPUT);
    assert_envelope("{\"requestTime\":\"2026-01-02T03:04:05Z\",\"request\":{}}", PS_E_INPUT);
    assert_envelope("{\"requestTime\":\"2026-01-02T03:04:05.000Z\",\"request\":[]}", PS_E_INPUT);
    assert_envelope("{\"requestTime\":\"2026-01-02T03:04:05.000Z\"}", PS_E_INPUT);
}

static void a_client_is_stored_whole_and_once(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = NULL;
    CLIENT_AUTO client;
    CLIENT_AUTO found;
    bool same_id = false;

    (void)state;
    client_init(&client);
    client_init(&found);
    read_good(GOOD("a", KEY), SHAPE_CREATE, &client);
    read_good("{\"status\":\"ACTIVE\"}", SHAPE_PATCH, &client);
    assert_int_equal(clients_open(directory, &db), PS_OK);
    assert_int_equal(clients_add(db, &client, 1, &same_id), PS_OK);
    assert_int_equal(clients_get(db, ps_bytes_str("a"), &found), PS_OK);
    for (size_t i = 0; i < CLIENT_FIELDS; i++) {
        assert_true(
            ps_bytes_equal(ps_buf_bytes(&found.fields[i]), ps_buf_bytes(&client.fields[i])));
    }
    assert_int_equal(clients_add(db, &client, 1, &same_id), PS_E_CONFLICT);
    assert_true(same_id);
    ps_buf_put_u8(&client.id, 'b');
    assert_int_equal(clients_add(db, &client, 1, &same_id), PS_E_CONFLICT);
    assert_false(same_id);
    assert_int_equal(clients_get(db, ps_bytes_str("ab"), &found), PS_E_NOT_FOUND);
    assert_int_equal(clients_set(db, &client, 2), PS_E_NOT_FOUND);
    read_good(GOOD("b", OTHER_KEY), SHAPE_CREATE, &client);
    assert_int_equal(clients_add(db, &client, 1, &same_id), PS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_becomes_what_is_stored),
        cmocka_unit_test(a_patch_leaves_what_it_does_not_name),
        cmocka_unit_test(members_of_another_shape_are_passed_over),
        cmocka_unit_test(a_name_is_counted_in_characters),
        cmocka_unit_test(redirect_uris_are_exact),
        cmocka_unit_test(an_envelope_is_of_two_minutes_around_now),
        cmocka_unit_test(a_client_is_stored_whole_and_once),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
