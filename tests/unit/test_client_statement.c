#include "tests/unit/support.h"

#include "lib/ceremony/people/client_statement.h"

/* Signatures of every kind are made by openssl in tests/integration/test_client_certificate.py. */

#define HEX32 "00112233445566778899aabbccddeeff"
#define PIN   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define STATEMENT(appliance, more, new_key, nonce, time, old_key, type)                            \
    "{\"appliance\":\"" appliance "\",\"client\":\"oidc\"," more "\"new_key\":\"" new_key          \
    "\",\"nonce\":\"" nonce "\",\"not_after\":\"" time "\",\"old_key\":\"" old_key                 \
    "\",\"type\":\"" type "\",\"v\":\"1\"}"
#define TIME "2026-11-20T20:30:00Z"
#define TYPE "client.certificate"
#define GOOD STATEMENT(HEX32 HEX32, "", "AQID", HEX32, TIME, PIN, TYPE)

static struct json *parser;
static struct client_statement statement;

static int make(void **state)
{
    (void)state;
    return json_new(&parser) == PS_OK ? 0 : -1;
}

static int clear(void **state)
{
    (void)state;
    json_free(parser);
    return 0;
}

static enum ps_err parse(const char *text)
{
    return client_statement_parse(parser, ps_bytes_str(text), &statement);
}

static void its_members_are_read(void **state)
{
    (void)state;
    assert_ok(parse(GOOD));
    assert_bytes(statement.client, ps_bytes_str("oidc"));
    assert_int_equal(statement.nonce[15], 0xff);
    assert_int_equal(statement.appliance[31], 0xff);
    assert_int_equal(statement.new_key_len, 3);
    assert_int_equal(statement.new_key[2], 3);
    assert_int_equal(statement.old_key[31], 0);
    assert_int_equal(statement.not_after_s, 1795206600);
}

static void another_form_is_none(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        " " GOOD,
        GOOD "\n",
        STATEMENT(HEX32, "", "AQID", HEX32, TIME, PIN, TYPE),
        STATEMENT(HEX32 HEX32 "00", "", "AQID", HEX32, TIME, PIN, TYPE),
        STATEMENT(HEX32 HEX32, "\"more\":\"\",", "AQID", HEX32, TIME, PIN, TYPE),
        STATEMENT(HEX32 HEX32, "\"client\":\"oidc\",", "AQID", HEX32, TIME, PIN, TYPE),
        STATEMENT(HEX32 HEX32, "", "", HEX32, TIME, PIN, TYPE),
        STATEMENT(HEX32 HEX32, "", "A=", HEX32, TIME, PIN, TYPE),
        STATEMENT(HEX32 HEX32, "", "AQID", "00", TIME, PIN, TYPE),
        STATEMENT(HEX32 HEX32, "", "AQID", HEX32, "tomorrow", PIN, TYPE),
        STATEMENT(HEX32 HEX32, "", "AQID", HEX32, TIME, "AA", TYPE),
        STATEMENT(HEX32 HEX32, "", "AQID", HEX32, TIME, PIN, "client.register"),
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        const enum ps_err err = parse(bad[i]);

        if (err != PS_E_INPUT) {
            fail_msg("%d of %s", err, bad[i]);
        }
    }
}

static void longer_than_its_limit_it_is_none(void **state)
{
    char text[CLIENT_STATEMENT_MAX + 2];

    (void)state;
    memset(text, 'A', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_fails(PS_E_LIMIT, parse(text));
}

static void a_key_that_is_taken_and_no_signature_of_it(void **state)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    uint8_t signature[64] = {1};

    (void)state;
    /* RFC 8410 section 10.1 */
    assert_ok(public_key_from_pem(
        ps_bytes_str("-----BEGIN PUBLIC KEY-----\n"
                     "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
                     "-----END PUBLIC KEY-----\n"),
        &key));
    assert_fails(PS_E_DENIED, client_statement_verify(ps_bytes_str(GOOD), key,
                                                      ps_bytes(signature, sizeof signature)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_members_are_read),
        cmocka_unit_test(another_form_is_none),
        cmocka_unit_test(longer_than_its_limit_it_is_none),
        cmocka_unit_test(a_key_that_is_taken_and_no_signature_of_it),
    };

    return cmocka_run_group_tests(tests, make, clear);
}
