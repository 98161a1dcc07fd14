#include "api/client/internal.h"
#include "tests/unit/support.h"

#include "api/client/privyseal_jwe.h"
#include "api/client/privyseal_key_use.h"
#include "lib/base/encode.h"

/* Of an appliance that is not there: what is sent, and what a request leaves behind. */

static struct privyseal *client;

static int open_client(void **state)
{
    const struct privyseal_options options = {.socket = "/nowhere/clients.sock",
                                              .retries = UINT32_MAX};

    (void)state;
    return privyseal_open(&options, &client) == PRIVYSEAL_OK ? 0 : -1;
}

static int close_client(void **state)
{
    (void)state;
    privyseal_close(client);
    return 0;
}

static void a_body_is_gone_when_it_was_sent_and_when_it_was_not(void **state)
{
    static const size_t lengths[] = {100, CLIENT_BODY_MAX}; /* the second is more than one takes */
    static const enum privyseal_result results[] = {PRIVYSEAL_UNREACHABLE, PRIVYSEAL_USAGE};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(lengths); i++) {
        PS_BUF_AUTO octets = {.max = CLIENT_BODY_MAX};
        PS_BUF_AUTO body = {.max = CLIENT_BODY_MAX};
        struct privyseal_answer answer = {0};

        assert_non_null(ps_buf_reserve(&octets, lengths[i]));
        memset(octets.data, 'x', lengths[i]);
        ps_buf_put_u8(&body, '{');
        ps_buf_put_str(&body, "\"a\":1");
        client_put_octets(&body, "plaintext", octets.data, lengths[i]);
        assert_int_equal(client_post(client, "/v1/jwe/encrypt", &body, &answer), results[i]);
        assert_null(body.data);
        assert_int_equal(body.len, 0);
        privyseal_answer_clear(&answer);
    }
}

/* What follows does not move them: the memory that they were in is not wiped. */
static void octets_that_come_last_are_where_they_stay(void **state)
{
    (void)state;
    for (size_t len = 0; len < 300; len++) {
        PS_BUF_AUTO body = {.max = CLIENT_BODY_MAX};
        uint8_t octets[300] = {0};
        size_t cap;

        ps_buf_put_u8(&body, '{');
        client_put_member(&body, "key", len % 2 == 0 ? NULL : "a");
        client_put_octets(&body, "plaintext", octets, len);
        cap = body.cap;
        ps_buf_put_u8(&body, '}');
        assert_ok(ps_buf_status(&body));
        assert_int_equal(body.cap, cap);
        assert_int_equal(body.len, ps_base64url_len(len) + strlen("{\"plaintext\":\"\"}") +
                                       (len % 2 == 0 ? 0 : strlen("\"key\":\"a\",")));
    }
}

static void a_member_that_is_missing_leaves_no_comma(void **state)
{
    PS_BUF_AUTO body = {.max = 256};

    (void)state;
    ps_buf_put_u8(&body, '{');
    client_put_member(&body, "key", NULL);
    client_put_raw(&body, "jwk", NULL);
    client_put_raw(&body, "header", "{}");
    client_put_raw(&body, "include", "[]");
    client_put_octets(&body, "plaintext", "a", 1);
    assert_ok(ps_buf_status(&body));
    assert_text(ps_buf_bytes(&body), "{\"header\":{},\"include\":[],\"plaintext\":\"YQ\"");
}

/* A name becomes a part of a path, and would lead to another one. */
static void what_is_no_name_is_not_sent(void **state)
{
    static const char *const names[] = {"",    "../keys", "a/b", "a?limit=1",
                                        "a#b", "a b",     "A",   "%61"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        struct privyseal_answer answer = {0};
        struct privyseal_octets mac;

        assert_int_equal(privyseal_get_jwks(client, names[i], &answer), PRIVYSEAL_USAGE);
        privyseal_answer_clear(&answer);
        assert_int_equal(privyseal_get_certificate(client, names[i], &answer), PRIVYSEAL_USAGE);
        privyseal_answer_clear(&answer);
        assert_int_equal(privyseal_make_mac(client, names[i], "a", 1, &mac), PRIVYSEAL_USAGE);
        privyseal_octets_clear(&mac);
    }
}

static void what_is_one_is_sent(void **state)
{
    struct privyseal_answer answer = {0};

    (void)state;
    assert_int_equal(privyseal_get_jwks(client, "a.b-c_1", &answer), PRIVYSEAL_UNREACHABLE);
    privyseal_answer_clear(&answer);
    assert_int_equal(privyseal_get_jwks(client, NULL, &answer), PRIVYSEAL_UNREACHABLE);
    privyseal_answer_clear(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_gone_when_it_was_sent_and_when_it_was_not),
        cmocka_unit_test(octets_that_come_last_are_where_they_stay),
        cmocka_unit_test(a_member_that_is_missing_leaves_no_comma),
        cmocka_unit_test(what_is_no_name_is_not_sent),
        cmocka_unit_test(what_is_one_is_sent),
    };

    return cmocka_run_group_tests_name("client", tests, open_client, close_client);
}
