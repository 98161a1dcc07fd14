#include "tests/keeper/fixture.h"
#include "tests/keeper/leaves.h"
#include "tests/keeper/set_clock.h"

/*
 * Somebody sets the clock of the machine. Nobody may gain by it: no end comes early, nothing that
 * has to wait is done at once, and nobody counts who does not by the right time.
 */

#define KEY      "c.key"
#define COSE_KEY "c.cose"
#define HOUR_S   3600
#define DAY_S    (24 * HOUR_S)
#define ALARM_OF "\"alarm\":\"clock\""

static int make_stack(void **state)
{
    (void)state;
    set_clock_begin();
    fixture_begin(1);
    expect(201, change("key.create", "",
                       "{\"name\":\"" KEY "\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                       "\"formats\":[\"jws\"],\"validity_s\":7200}"));
    expect(201, change("key.create", "",
                       "{\"name\":\"" COSE_KEY "\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                       "\"formats\":[\"cose\"]}"));
    return 0;
}

/* Until the keeper has looked, which it does once a second. */
static void wait_for_alarms(unsigned count)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    char path[220];

    (void)snprintf(path, sizeof path, "%s/log/events/entries", stack.data);
    for (unsigned found = 0; found < count; (void)usleep(20000)) {
        PS_BUF_AUTO record;
        const uint8_t *at;

        assert_true(ps_clock_mono_ns() < deadline);
        assert_true(read_file(path, &record));
        found = 0;
        for (struct ps_bytes left = ps_buf_bytes(&record);
             left.len != 0 &&
             (at = memmem(left.data, left.len, ALARM_OF, strlen(ALARM_OF))) != NULL;
             found++) {
            left = ps_bytes_from(left, (size_t)(at - left.data) + 1);
        }
    }
}

static void execute_when_settled(const struct draft *draft, unsigned expected)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned status;

    while ((status = draft_execute(&stack, draft, &body)) == 503) {
        assert_true(body_has("clock-unsettled"));
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(20000);
    }
    expect(expected, status);
}

/* A CBOR Web Token, which has times in it. */
static unsigned sign_cwt(void)
{
    const struct msg_cwt_sign message = {.caller = stack_caller(),
                                         .request_id = ps_bytes_str("cwt-1"),
                                         .key = ps_bytes_str(COSE_KEY),
                                         .claims = ps_bytes("\xa0", 1)};
    struct wire_frame frame;

    wire_call(&stack.clients, &msg_cwt_sign_info, &message, &frame);
    return frame.info == &msg_cose_signed_info ? 200 : stack_status_of(&frame, &body);
}

/* It looks once a second: what was set back may be doubted until then. */
static void wait_until_settled(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned status;

    while ((status = sign_cwt()) == 503) {
        assert_true(body_has("clock-unsettled"));
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(20000);
    }
    expect(200, status);
}

static void while_the_clock_is_doubted_nobody_is_counted_and_nothing_ends(void **state)
{
    DRAFT_AUTO approved;
    DRAFT_AUTO asked;
    const struct msg_change message = stack_change_message("key.create", "", EC_KEY("c.asked"));

    (void)state;
    ask_and_approve("key.create", "", EC_KEY("c.approved"), &approved);
    expect(202, draft_ask(&stack, &message, &asked, &body));
    expect(200, draft_sign(&stack, &asked, "request", PEOPLE_REQUESTER, &body));
    atomic_store(ahead_s, 2 * DAY_S);
    expect(503, draft_execute(&stack, &approved, &body));
    assert_true(body_has("clock-unsettled"));
    expect(503, draft_sign(&stack, &asked, "approvals", people_approvers[0], &body));
    wait_for_alarms(1);
    expect(503, draft_execute(&stack, &approved, &body));
    expect(503, sign_cwt());
    assert_true(body_has("clock-unsettled"));
    /* By a clock that is two days ahead the documents have expired, and so has the key. */
    atomic_store(ahead_s, 0);
    execute_when_settled(&approved, 201);
    expect(200, sign_cwt());
    expect(200, draft_sign(&stack, &asked, "approvals", people_approvers[0], &body));
    expect(200, sign(KEY));
}

/* Whoever sets the clock must not be able to keep a key in use that is in the wrong hands. */
static void a_key_is_suspended_whatever_the_clock_says(void **state)
{
    (void)state;
    atomic_store(ahead_s, HOUR_S);
    expect(201, change("key.suspend", KEY, "{}"));
    expect(503, change("key.resume", KEY, "{}"));
    assert_true(body_has("clock-unsettled"));
    atomic_store(ahead_s, 0);
    wait_until_settled();
}

/* --- A cooling-off --- */

#define POLICY(epoch, cooling_off)                                                                 \
    "{\"policy\":{\"classes\":{"                                                                   \
    "\"A\":{\"auditors\":\"1\",\"officers\":\"2\",\"requester\":\"excluded\"},"                    \
    "\"B\":{\"auditors\":\"0\",\"officers\":\"2\",\"requester\":\"excluded\"},"                    \
    "\"C\":{\"auditors\":\"0\",\"officers\":\"1\",\"requester\":\"counted\"},"                     \
    "\"U\":{\"auditors\":\"0\",\"officers\":\"2\",\"requester\":\"counted\"}},"                    \
    "\"cooling_off_s\":\"" cooling_off "\",\"epoch\":\"" epoch "\",\"recovery\":{\"delay_s\":"     \
    "\"259200\",\"threshold\":\"2\"},\"sk\":{\"application\":\"ssh:\",\"presence\":true,"          \
    "\"verification\":true},\"v\":\"1\"}}"

static void wait_for_another_alarm(unsigned before)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (leaves_count_alarms(&stack, "clock") == before) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(20000);
    }
}

/* Set ahead by a day, the clock is believed again after five minutes: an hour has not passed. */
static void a_clock_that_was_set_has_waited_for_nothing(void **state)
{
    unsigned alarms;
    DRAFT_AUTO draft;

    (void)state;
    expect(200, change("policy.change", "", POLICY("2", "3600")));
    ask_and_approve("policy.change", "", POLICY("3", "0"), &draft);
    expect(422, draft_execute(&stack, &draft, &body));
    assert_true(body_has("cooling-off"));
    set_clock_pass(120); /* the next alarm is a leaf of its own */
    alarms = leaves_count_alarms(&stack, "clock");
    atomic_fetch_add(ahead_s, 2 * HOUR_S);
    wait_for_another_alarm(alarms);
    alarms = leaves_count_alarms(&stack, "clock");
    set_clock_pass(400);
    wait_for_another_alarm(alarms);
    expect(422, draft_execute(&stack, &draft, &body));
    assert_true(body_has("cooling-off"));
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(422, draft_execute(&stack, &draft, &body));
    set_clock_pass(HOUR_S);
    expect(200, draft_execute(&stack, &draft, &body));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(while_the_clock_is_doubted_nobody_is_counted_and_nothing_ends),
        cmocka_unit_test(a_key_is_suspended_whatever_the_clock_says),
        /* Last, since the clock is not set back. */
        cmocka_unit_test(a_clock_that_was_set_has_waited_for_nothing),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
