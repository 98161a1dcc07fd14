#include "lib/base/encode.h"
#include "tests/keeper/fixture.h"
#include "tests/keeper/leaves.h"

#include "lib/formats/public_key/public_key.h"

/* What is told in time of certificates that end, or that are missing. */

#define DAY_S UINT64_C(86400)

static int make_stack(void **state)
{
    (void)state;
    fixture_begin(1);
    return 0;
}

struct alarm {
    const char *code;
    const char *about;
    char detail[160]; /* of the last one */
    unsigned count;
};

static void take_alarm(void *context, const struct log_event *event)
{
    struct alarm *alarm = context;
    struct ps_bytes detail;

    if (ps_bytes_equal_str(event->kind, "alarm") &&
        ps_bytes_equal_str(leaves_text(event->data, "alarm"), alarm->code) &&
        ps_bytes_equal_str(leaves_text(event->data, "about"), alarm->about)) {
        detail = leaves_text(event->data, "detail");
        (void)snprintf(alarm->detail, sizeof alarm->detail, "%.*s", PS_BYTES_FMT(detail));
        alarm->count++;
    }
}

static void wait_for_alarm(const char *code, const char *about, const char *detail)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    struct alarm alarm = {.code = code, .about = about};

    for (;;) {
        leaves_each_event(&stack, take_alarm, &alarm);
        if (alarm.count != 0) {
            break;
        }
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(20000);
    }
    assert_string_equal(alarm.detail, detail);
}

/* --- Successors --- */

#define SUBJECT "\"subject\":{\"common_name\":\"s\"}"

static void make_key_with_certificate(void)
{
    expect(201, change("key.create", "",
                       "{\"name\":\"c.ca\",\"type\":\"ec-p256\",\"usage\":\"certify\","
                       "\"formats\":[\"x509\"],\"algorithms\":[\"ES256\"]}"));
    expect(200, change("certificate.root", "c.ca", "{" SUBJECT ",\"validity_s\":34560000}"));
    expect(201, change("key.create", "",
                       "{\"name\":\"c.key\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                       "\"formats\":[\"raw\"],\"rotation\":{\"certificate\":\"internal\","
                       "\"issuer\":\"c.ca\"}}"));
    expect(200, change("certificate.issue", "c.key",
                       "{\"issuer\":\"c.ca\"," SUBJECT ",\"validity_s\":25920000}"));
    activate("c.key");
}

static unsigned sign_raw(const char *key)
{
    const struct msg_raw_sign message = {
        .caller = stack_caller(),
        .request_id = ps_bytes_str("raw-1"),
        .key = ps_bytes_str(key),
        .message = ps_bytes_str("payload"),
    };
    struct wire_frame answer;

    wire_call(&stack.clients, &msg_raw_sign_info, &message, &answer);
    return signed_or_refused(&answer);
}

/* Its issuer is suspended, so nobody can make its certificate. */
static void a_successor_without_certificate_is_told_and_the_one_before_goes_on(void **state)
{
    (void)state;
    make_key_with_certificate();
    expect(201, change_when_free("key.suspend", "c.ca", "{}"));
    expect(201, change_when_free("key.rotate", "c.key", "{}"));
    wait_for_alarm("certificate", "c.key",
                   "version 2 is due and has no certificate: it waits, and the one before goes on");
    expect(200, stack_read(&stack, READ_KEY, "c.key", &body));
    assert_true(body_has("\"version\":1,\"state\":\"active\""));
    assert_true(body_has("\"version\":2,\"state\":\"pre-activation\""));
    expect(200, sign_raw("c.key"));
    expect(409, change_when_free("key.activate", "c.key", "{\"version\":2}"));
    expect(201, change_when_free("key.resume", "c.ca", "{}"));
    /* It would be made by itself in a minute, or is by now. */
    (void)change("certificate.issue", "c.key",
                 "{\"version\":2,\"issuer\":\"c.ca\"," SUBJECT ",\"validity_s\":25920000}");
    wait_for_text(READ_KEY, "c.key", "\"version\":2,\"state\":\"active\"", 1);
}

/* --- Profiles --- */

#define PROFILE(longest_s)                                                                         \
    "{\"kind\":\"wallet-binding\",\"issuer\":\"c.ca\",\"longest_s\":" longest_s ","                \
    "\"subject\":{\"common_name\":\"*\"},\"proof\":false}"

static void ask_for_certificate(const struct public_key *key)
{
    const struct msg_x509_issue message = {.caller = stack_caller(),
                                           .request_id = ps_bytes_str("issue-1"),
                                           .profile = ps_bytes_str("p"),
                                           .spki = public_key_spki(key),
                                           .subject = ps_bytes_str("{\"common_name\":\"w\"}")};

    (void)wire_send(&stack.clients, &msg_x509_issue_info, &message);
}

/* What came on the same channel before it has arrived, too. */
static void wait_until_asked(void)
{
    const struct msg_read message = {
        .caller = stack_caller(), .request_id = ps_bytes_str("issue-2"), .resource = READ_WHOAMI};
    struct wire_frame answer;

    stack_call(&stack, &stack.clients, &msg_read_info, &message, &answer);
    expect(200, stack_status_of(&answer, &body));
}

static unsigned read_certificate(void)
{
    struct wire_frame answer;

    do {
        assert_true(wire_read(&stack.clients, WIRE_LIMIT_MS, &answer));
    } while (answer.id == 0);
    return answer.info == &msg_x509_issued_info ? 200 : stack_status_of(&answer, &body);
}

/* The token is away while people narrow, or take back, what a certificate was asked for under. */
static void nothing_is_issued_that_the_profile_no_longer_allows(void **state)
{
    static const char *const ways[][2] = {{"profile.put", PROFILE("3000")},
                                          {"profile.remove", "{}"}};
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;

    (void)state;
    expect(200, stack_read(&stack, READ_KEY_PUBLIC, "c.key", &body));
    assert_ok(public_key_from_jwk(ps_buf_bytes(&body), &key));
    expect(201, change("profile.put", "p", PROFILE("3600")));
    expect(201, change("grant.add", "",
                       "{\"client\":\"tester\",\"keys\":\"c.ca\","
                       "\"operations\":[\"x509.issue:p\"]}"));
    ask_for_certificate(key);
    expect(200, read_certificate());
    for (size_t i = 0; i < PS_COUNT_OF(ways); i++) {
        DRAFT_AUTO draft;

        ask_and_approve(ways[i][0], "p", ways[i][1], &draft);
        stack_kill_token(&stack, 0);
        ask_for_certificate(key);
        wait_until_asked();
        expect(200, draft_execute(&stack, &draft, &body));
        stack_start_token(&stack, 0);
        expect(404, read_certificate());
        assert_true(body_has("removed or changed"));
    }
}

/* --- TLS --- */

static const uint8_t pin[PS_SHA256_LEN] = {1, 2, 3};

static unsigned come(uint64_t not_after_s)
{
    const struct msg_read message = {.caller = {.kind = CALLER_TLS,
                                                .spki = ps_bytes(pin, sizeof pin),
                                                .not_after_s = not_after_s},
                                     .request_id = ps_bytes_str("come-1"),
                                     .resource = READ_WHOAMI};
    struct wire_frame answer;

    stack_call(&stack, &stack.clients, &msg_read_info, &message, &answer);
    return stack_status_of(&answer, &body);
}

static void list_what_ends_within(uint64_t seconds)
{
    const struct msg_read message = {.caller = stack_caller(),
                                     .request_id = ps_bytes_str("ends-1"),
                                     .resource = READ_EXPIRING,
                                     .from = seconds};
    struct wire_frame answer;

    stack_call(&stack, &stack.management, &msg_read_info, &message, &answer);
    expect(200, stack_status_of(&answer, &body));
}

static void
a_certificate_that_a_client_comes_with_is_told_of_while_the_client_is_there(void **state)
{
    const uint64_t now_s = ps_clock_real_ns() / PS_NS_PER_S;
    PS_BUF_AUTO parameters = {.max = 256};

    (void)state;
    ps_buf_put_str(&parameters, "{\"name\":\"c.client\",\"listener\":\"clients\",\"pins\":[\"");
    ps_buf_put_base64url(&parameters, ps_bytes(pin, sizeof pin));
    ps_buf_put_str(&parameters, "\"]}");
    ps_buf_put_u8(&parameters, 0);
    expect(401, come(now_s + 2 * DAY_S));
    expect(201, change("client.register", "", (const char *)parameters.data));
    list_what_ends_within(3 * DAY_S);
    assert_false(body_has("\"kind\":\"client\""));
    expect(200, come(now_s + 2 * DAY_S));
    wait_for_alarm("tls-certificate", "c.client",
                   "the certificate that the client comes with ends within 7 days: renew it");
    list_what_ends_within(3 * DAY_S);
    assert_int_equal(body_count("{\"kind\":\"client\",\"name\":\"c.client\",\"expires\":"), 1);
    list_what_ends_within(DAY_S);
    assert_false(body_has("c.client"));
    expect(200, come(now_s + 90 * DAY_S)); /* the next one under the same pin */
    list_what_ends_within(3 * DAY_S);
    assert_false(body_has("c.client"));
    list_what_ends_within(91 * DAY_S);
    assert_true(body_has("c.client"));
    expect(200, change("client.remove", "c.client", "{}"));
    list_what_ends_within(91 * DAY_S);
    assert_false(body_has("c.client"));
}

/* What the supervisor said is on another channel than the question. */
static void wait_for_listeners(unsigned count)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        list_what_ends_within(3 * DAY_S);
    } while (body_count("\"kind\":\"listener\"") != count && has_rested());
}

static void what_a_listener_shows_is_listed_until_it_shows_another(void **state)
{
    const uint64_t now_s = ps_clock_real_ns() / PS_NS_PER_S;
    struct msg_tls_ends message = {.clients_s = now_s + DAY_S, .management_s = now_s + 2 * DAY_S};

    (void)state;
    (void)wire_send(&stack.supervisor, &msg_tls_ends_info, &message);
    wait_for_listeners(2);
    assert_true(body_has("{\"kind\":\"listener\",\"name\":\"clients\",\"expires\":"));
    assert_true(body_has("{\"kind\":\"listener\",\"name\":\"management\",\"expires\":"));
    message = (struct msg_tls_ends){.clients_s = now_s + 90 * DAY_S};
    (void)wire_send(&stack.supervisor, &msg_tls_ends_info, &message);
    wait_for_listeners(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_successor_without_certificate_is_told_and_the_one_before_goes_on),
        cmocka_unit_test(nothing_is_issued_that_the_profile_no_longer_allows),
        cmocka_unit_test(
            a_certificate_that_a_client_comes_with_is_told_of_while_the_client_is_there),
        cmocka_unit_test(what_a_listener_shows_is_listed_until_it_shows_another),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
