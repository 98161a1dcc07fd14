#include "tests/keeper/fixture.h"

/* What the appliance does by itself, and what a key pins for its JWTs. */

static int make_stack(void **state)
{
    (void)state;
    fixture_begin(1);
    return 0;
}

static void a_key_is_rotated_when_its_period_is_over(void **state)
{
    (void)state;
    expect(201, change("key.create", "",
                       "{\"name\":\"s.rotating\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                       "\"formats\":[\"raw\"],\"rotation\":{\"period_s\":2,"
                       "\"publish_ahead_s\":1,\"retain_s\":60}}"));
    /* On a slow machine the successor may have one of its own by then. */
    wait_for_text(READ_KEY, "s.rotating", "\"version\":1,\"state\":\"deactivated\"", 1);
    assert_true(body_has("\"version\":2,"));
    assert_int_equal(body_count(",\"state\":\"active\",\"kid\""), 1);
    expect(201, change("key.suspend", "s.rotating", "{}"));
    expect(200, stack_read(&stack, READ_OPERATIONS, "", &body));
    assert_true(body_has("\"request_id\":\"scheduled-"));
}

static void an_expired_version_signs_no_more_and_is_deactivated(void **state)
{
    (void)state;
    expect(201, change("key.create", "",
                       "{\"name\":\"s.short\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                       "\"formats\":[\"jws\"],\"validity_s\":5}"));
    expect(200, stack_sign_jws(&stack, "s.short", "", "x", &body));
    wait_for_text(READ_KEY, "s.short", "\"version\":1,\"state\":\"deactivated\"", 1);
    expect(409, stack_sign_jws(&stack, "s.short", "", "x", &body));
}

/* --- Pins --- */

static unsigned sign_jwt(const char *key, const char *claims, const char *type, uint32_t ttl_s)
{
    const struct msg_jwt_sign message = {
        .caller = stack_caller(),
        .request_id = ps_bytes_str("jwt-1"),
        .key = ps_bytes_str(key),
        .claims = ps_bytes_str(claims),
        .type = ps_bytes_str(type),
        .ttl_s = ttl_s,
    };
    struct wire_frame answer;

    wire_call(&stack.clients, &msg_jwt_sign_info, &message, &answer);
    return signed_or_refused(&answer);
}

static unsigned sign_as_octets(const char *key, const char *header, const char *payload)
{
    const struct msg_jws_sign message = {
        .caller = stack_caller(),
        .request_id = ps_bytes_str("jws-1"),
        .key = ps_bytes_str(key),
        .header = ps_bytes_str(header),
        .payload = ps_bytes_str(payload),
    };
    struct wire_frame answer;

    wire_call(&stack.clients, &msg_jws_sign_info, &message, &answer);
    return signed_or_refused(&answer);
}

static void what_a_key_pins_holds_on_both_routes(void **state)
{
    (void)state;
    expect(201, change("key.create", "",
                       "{\"name\":\"p.pinned\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                       "\"formats\":[\"jws\"],\"jwt\":{\"typ\":\"at+jwt\",\"iss\":\"me\","
                       "\"max_ttl_s\":60}}"));
    expect(200, sign_jwt("p.pinned", "{\"iss\":\"me\"}", "", 60));
    expect(200, sign_jwt("p.pinned", "{\"iss\":\"me\"}", "at+jwt", 60));
    expect(422, sign_jwt("p.pinned", "{\"iss\":\"me\"}", "JWT", 60));
    expect(422, sign_jwt("p.pinned", "{\"iss\":\"you\"}", "", 60));
    expect(422, sign_jwt("p.pinned", "{\"iss\":\"me\"}", "", 61));
    expect(422, sign_jwt("p.pinned", "{\"iss\":\"me\"}", "", 0));
    expect(400, sign_jwt("p.pinned", "{\"iss\":1}", "", 60));
    expect(400, sign_jwt("p.pinned", "{", "", 60));
    /* The same JWT, built by the caller. */
    expect(422, sign_as_octets("p.pinned", "", "{\"iss\":\"you\",\"exp\":9999999999}"));
    expect(422, sign_as_octets("p.pinned", "{\"typ\":\"at+jwt\"}",
                               "{\"iss\":\"you\",\"exp\":9999999999}"));
    expect(422, sign_as_octets("p.pinned", "{\"typ\":\"at+jwt\"}",
                               "{\"iss\":\"me\",\"exp\":9999999999}"));
    expect(422, sign_as_octets("p.pinned", "{\"typ\":\"at+jwt\"}", "no JSON at all"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_rotated_when_its_period_is_over),
        cmocka_unit_test(an_expired_version_signs_no_more_and_is_deactivated),
        cmocka_unit_test(what_a_key_pins_holds_on_both_routes),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
