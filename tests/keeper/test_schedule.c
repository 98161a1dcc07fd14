#include "tests/keeper/fixture.h"
#include "tests/keeper/leaves.h"

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
    expect(201, change_when_free("key.create", "",
                                 "{\"name\":\"s.rotating\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                                 "\"formats\":[\"raw\"],\"rotation\":{\"period_s\":2,"
                                 "\"publish_ahead_s\":1,\"retain_s\":60}}"));
    /* On a slow machine the successor may have one of its own by then. */
    wait_for_text(READ_KEY, "s.rotating", "\"version\":1,\"state\":\"deactivated\"", 1);
    assert_true(body_has("\"version\":2,"));
    assert_int_equal(body_count(",\"state\":\"active\",\"kid\""), 1);
    expect(201, change_when_free("key.suspend", "s.rotating", "{}"));
    expect(200, stack_read(&stack, READ_OPERATIONS, "", &body));
    assert_true(body_has("\"request_id\":\"scheduled-"));
}

#define SHORT_S   10u
#define LONGEST_S (16 * SHORT_S)

/* So long that it signs before its end: on a slow machine not the first of them does. */
static void make_short(char name[32])
{
    unsigned validity_s = SHORT_S;
    char parameters[200];
    unsigned status;

    do {
        (void)snprintf(name, 32, "s.short%u", validity_s);
        (void)snprintf(parameters, sizeof parameters,
                       "{\"name\":\"%s\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                       "\"formats\":[\"jws\"],\"validity_s\":%u}",
                       name, validity_s);
        expect(201, change_when_free("key.create", "", parameters));
        status = stack_sign_jws(&stack, name, "", "x", &body);
        validity_s *= 2;
    } while (status == 409 && validity_s <= LONGEST_S);
    expect(200, status);
}

static void an_expired_version_signs_no_more_and_is_deactivated(void **state)
{
    char name[32];

    (void)state;
    make_short(name);
    wait_for_text(READ_KEY, name, "\"version\":1,\"state\":\"deactivated\"", 1);
    expect(409, stack_sign_jws(&stack, name, "", "x", &body));
}

/* No period gives it one, whenever it is looked at. */
static void a_key_without_a_successor_has_none_to_withdraw(void **state)
{
    (void)state;
    expect(201, change_when_free("key.create", "", EC_KEY("s.lasting")));
    expect(409, change_when_free("key.withdraw", "s.lasting", "{}"));
    assert_true(body_has("no successor of this key waits"));
}

/* The first is withdrawn, so that the period asks for another, which is withdrawn by its number. */
static void a_withdrawn_successor_never_signs_and_another_is_made(void **state)
{
    (void)state;
    expect(201,
           change_when_free("key.create", "",
                            "{\"name\":\"s.withdrawn\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                            "\"formats\":[\"raw\"],\"rotation\":{\"period_s\":3001,"
                            "\"publish_ahead_s\":3000,\"retain_s\":60}}"));
    expect(409, change_when_free("key.withdraw", "s.withdrawn", "{\"version\":1}"));
    wait_for_text(READ_KEY, "s.withdrawn", "\"version\":2,\"state\":\"pre-activation\"", 1);
    expect(201, change_when_free("key.withdraw", "s.withdrawn", "{}"));
    expect(409, change_when_free("key.activate", "s.withdrawn", "{\"version\":2}"));
    wait_for_text(READ_KEY, "s.withdrawn", "\"version\":3,\"state\":\"pre-activation\"", 1);
    assert_true(body_has("\"version\":2,\"state\":\"withdrawn\""));
    expect(409, change_when_free("key.rotate", "s.withdrawn", "{}"));
    expect(200, change_when_free("key.withdraw", "s.withdrawn", "{\"version\":2}"));
    expect(201, change_when_free("key.withdraw", "s.withdrawn", "{\"version\":3}"));
    expect(201, change_when_free("key.destroy", "s.withdrawn", "{\"version\":2}"));
}

/* --- Certificates --- */

#define SUBJECT "\"subject\":{\"common_name\":\"s\"}"

static void make_ca(void)
{
    expect(201, change_when_free("key.create", "",
                                 "{\"name\":\"s.ca\",\"type\":\"ec-p256\",\"usage\":\"certify\","
                                 "\"formats\":[\"x509\"],\"algorithms\":[\"ES256\"]}"));
    expect(200,
           change_when_free("certificate.root", "s.ca", "{" SUBJECT ",\"validity_s\":864000}"));
}

/* By the terms that were approved for the first one. */
static void a_successor_gets_its_certificate_and_is_activated_by_itself(void **state)
{
    (void)state;
    make_ca();
    expect(201, change_when_free("key.create", "",
                                 "{\"name\":\"s.issued\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                                 "\"formats\":[\"raw\"],\"rotation\":{\"certificate\":\"internal\","
                                 "\"issuer\":\"s.ca\"}}"));
    expect(409, change_when_free("key.activate", "s.issued", "{}"));
    expect(200, change_when_free("certificate.issue", "s.issued",
                                 "{\"issuer\":\"s.ca\"," SUBJECT ",\"validity_s\":86400}"));
    activate("s.issued");
    expect(201, change_when_free("key.rotate", "s.issued", "{}"));
    wait_for_text(READ_KEY, "s.issued", "\"version\":1,\"state\":\"deactivated\"", 1);
    /* Two versions, and the one that is active once more. */
    assert_int_equal(body_count("\"certificate\":{\"kind\":\"internal\""), 3);
}

static void wait_for_another(const char *fingerprint)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(20000);
        expect(200, stack_read(&stack, READ_KEY, "s.renewed", &body));
    } while (body_has(fingerprint));
}

static void wait_for_alarm(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (leaves_count_alarms(&stack, "certificate") == 0) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(20000);
    }
}

/* It is good for a hundred seconds still: less than a third of what it was made for. */
static void a_certificate_is_renewed_before_it_ends(void **state)
{
    static const char member[] = "\"sha256\":\"";
    char first[64];
    const char *at;

    (void)state;
    expect(201, change_when_free("key.create", "",
                                 "{\"name\":\"s.renewed\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                                 "\"formats\":[\"raw\"],\"rotation\":{\"certificate\":\"internal\","
                                 "\"issuer\":\"s.ca\"}}"));
    expect(200, change_when_free("certificate.issue", "s.renewed",
                                 "{\"issuer\":\"s.ca\"," SUBJECT ",\"validity_s\":400}"));
    at = memmem(body.data, body.len, member, strlen(member));
    assert_non_null(at);
    (void)snprintf(first, sizeof first, "%.60s", at);
    activate("s.renewed");
    wait_for_another(first);
    /* No checkpoint covers it yet: the next start judges that nobody had to ask for it. */
    stack_kill_keeper(&stack);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(200, stack_read(&stack, READ_KEY, "s.renewed", &body));
    assert_false(body_has(first));
    assert_true(body_has("\"certificate\":{\"kind\":\"internal\""));
    wait_for_alarm(); /* it ends within a day */
}

static void a_version_from_outside_waits_for_its_certificate(void **state)
{
    (void)state;
    expect(201,
           change_when_free("key.create", "",
                            "{\"name\":\"s.outside\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                            "\"formats\":[\"raw\"],\"rotation\":{\"certificate\":\"external\"}}"));
    expect(409, change_when_free("key.activate", "s.outside", "{}"));
    expect(422, change_when_free("certificate.issue", "s.outside",
                                 "{\"issuer\":\"s.ca\"," SUBJECT ",\"validity_s\":400}"));
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
    expect(201, change_when_free("key.create", "",
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
        cmocka_unit_test(a_key_without_a_successor_has_none_to_withdraw),
        cmocka_unit_test(a_withdrawn_successor_never_signs_and_another_is_made),
        cmocka_unit_test(a_successor_gets_its_certificate_and_is_activated_by_itself),
        cmocka_unit_test(a_certificate_is_renewed_before_it_ends),
        cmocka_unit_test(a_version_from_outside_waits_for_its_certificate),
        cmocka_unit_test(what_a_key_pins_holds_on_both_routes),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
