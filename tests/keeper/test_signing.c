#include "tests/keeper/fixture.h"

#include "lib/formats/jose/jws.h"

/* The keeper with real token processes on SoftHSM, spoken to over its real channels. */

static int make_stack(void **state)
{
    (void)state;
    fixture_begin(2);
    return 0;
}

static void make_key(const char *parameters)
{
    expect(201, change("key.create", "", parameters));
}

static void verify_compact(const char *key)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *public_key = NULL;
    struct jws_parsed parsed;
    PS_BUF_AUTO text;
    PS_BUF_AUTO memory;

    ps_buf_init(&text, 4096);
    ps_buf_init(&memory, 65536);
    ps_buf_put(&text, ps_buf_bytes(&body));
    expect(200, stack_read(&stack, READ_KEY_PUBLIC, key, &body));
    assert_ok(public_key_from_jwk(ps_buf_bytes(&body), &public_key));
    assert_ok(jws_parse(ps_buf_bytes(&text), NULL, &memory, &parsed));
    assert_ok(jws_verify(&parsed, public_key));
}

static void a_key_signs_and_the_signature_verifies(void **state)
{
    static const struct {
        const char *parameters;
        const char *name;
        const char *algorithm;
    } cases[] = {
        {"{\"name\":\"a.es256\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"]}",
         "a.es256", ""},
        {"{\"name\":\"a.eddsa\",\"type\":\"ed25519\",\"usage\":\"sign\",\"formats\":[\"jws\"]}",
         "a.eddsa", "EdDSA"},
        {"{\"name\":\"a.rsa\",\"type\":\"rsa-2048\",\"usage\":\"sign\",\"formats\":[\"jws\"],"
         "\"algorithms\":[\"PS256\",\"RS256\"]}",
         "a.rsa", "RS256"},
        {NULL, "a.rsa", "PS256"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].parameters != NULL) {
            make_key(cases[i].parameters);
        }
        expect(200, stack_sign_jws(&stack, cases[i].name, cases[i].algorithm, "payload", &body));
        verify_compact(cases[i].name);
    }
}

/* The keeper says so, whatever the token would do. */
static void a_key_signs_with_its_own_algorithms_alone(void **state)
{
    (void)state;
    make_key("{\"name\":\"a.rs256\",\"type\":\"rsa-2048\",\"usage\":\"sign\",\"formats\":"
             "[\"jws\"],\"algorithms\":[\"RS256\"]}");
    expect(200, stack_sign_jws(&stack, "a.rs256", "RS256", "payload", &body));
    expect(422, stack_sign_jws(&stack, "a.rs256", "PS256", "payload", &body));
    assert_true(body_has("not made for this algorithm"));
}

static void a_stopped_keeper_exits_with_0_and_comes_back_as_it_was(void **state)
{
    (void)state;
    assert_int_equal(stack_stop_keeper(&stack), 0);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(200, stack_sign_jws(&stack, "a.es256", "", "payload", &body));
    verify_compact("a.es256");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_signs_and_the_signature_verifies),
        cmocka_unit_test(a_key_signs_with_its_own_algorithms_alone),
        cmocka_unit_test(a_stopped_keeper_exits_with_0_and_comes_back_as_it_was),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
