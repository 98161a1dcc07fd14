#include "tests/keeper/gate_fixture.h"

/*
 * A signature is being made in the token when something changes: what forbids it is in the log by
 * then, and after it there is no leaf of a use that it forbids.
 */

#define KEY "m.key"
#define UID 50077u

/* Its request is known by what is signed, which Ed25519 signs as it is. */
#define PAYLOAD         "meanwhile"
#define PAYLOAD_ENCODED "bWVhbndoaWxl"

static struct tap *tap;
static char grant[64];

static void add_grant(void)
{
    const char *found;

    expect(201, change("grant.add", "",
                       "{\"client\":\"other\",\"keys\":\"m.*\",\"operations\":[\"jws.sign\"]}"));
    found = memmem(body.data, body.len, "\"id\":\"", 6);
    assert_non_null(found);
    (void)sscanf(found + 6, "%63[^\"]", grant);
}

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_make(&stack, 1);
    stack.faults = faults_new();
    tap = stack.tokens[0].tap = tap_new();
    stack_start(&stack);
    stack_genesis(&stack);
    /* The first inventory has a leaf of its own, and those of the tests are counted. */
    wait_for_text(READ_INVENTORY, "", "\"state\":\"done\"", 1);
    expect(201, change("key.create", "",
                       "{\"name\":\"" KEY "\",\"type\":\"ed25519\",\"usage\":\"sign\","
                       "\"formats\":[\"jws\"]}"));
    expect(201, change("client.register", "", "{\"name\":\"other\",\"uids\":[50077]}"));
    add_grant();
    return 0;
}

/* Returns when the token is about to hear of it. */
static void begin_to_sign(void)
{
    const unsigned held = tap_held(tap, &msg_token_sign_info);
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    struct msg_jws_sign message = {.caller = stack_caller(),
                                   .request_id = ps_bytes_str("meanwhile-1"),
                                   .key = ps_bytes_str(KEY),
                                   .payload = ps_bytes_str(PAYLOAD)};

    message.caller.uid = UID;
    tap_set_about(tap, &msg_token_sign_info, PAYLOAD_ENCODED, TAP_HOLD);
    (void)wire_send(&stack.clients, &msg_jws_sign_info, &message);
    while (tap_held(tap, &msg_token_sign_info) == held) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
}

static unsigned end_signing(void)
{
    struct wire_frame answer;

    tap_set(tap, &msg_token_sign_info, 0, TAP_PASS);
    tap_let_go(tap);
    do {
        assert_true(wire_read(&stack.clients, WIRE_LIMIT_MS, &answer));
    } while (answer.id == 0);
    return signed_or_refused(&answer);
}

static void assert_ends(unsigned status, unsigned leaves)
{
    const unsigned before = leaves_count_uses(&stack, KEY);

    expect(status, end_signing());
    assert_int_equal(leaves_count_uses(&stack, KEY) - before, leaves);
}

static void what_changes_nothing_about_it_does_not_end_it(void **state)
{
    (void)state;
    begin_to_sign();
    expect(201, change("key.create", "", EC_KEY("other")));
    expect(201, change("client.register", "", "{\"name\":\"third\",\"uids\":[50078]}"));
    assert_ends(200, 1);
}

static void a_suspended_key_signs_nothing_that_was_begun(void **state)
{
    (void)state;
    begin_to_sign();
    expect(201, change("key.suspend", KEY, "{}"));
    assert_ends(409, 0);
    expect(201, change("key.resume", KEY, "{}"));
}

/* Returns when its result, which follows its intent, is on its way to the disk. */
static void begin_to_execute(const struct draft *draft)
{
    const struct msg_operation_step message = step_message(draft, "execute");
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    faults_set(stack.faults, FAULT_HOLD_EVENTS, 1);
    (void)wire_send(&stack.management, &msg_operation_step_info, &message);
    while (!faults_happened(stack.faults)) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
}

/* In the log no use may follow a suspension, and that is recorded before it is durable. */
static void nor_while_its_suspension_is_being_recorded(void **state)
{
    const unsigned uses = leaves_count_uses(&stack, KEY);
    struct wire_frame answer;
    DRAFT_AUTO suspension;

    (void)state;
    ask_and_approve("key.suspend", KEY, "{}", &suspension);
    begin_to_sign();
    begin_to_execute(&suspension);
    expect(409, end_signing());
    assert_true(faults_clear(stack.faults));
    do {
        assert_true(wire_read(&stack.management, WIRE_LIMIT_MS, &answer));
    } while (answer.id == 0);
    expect(201, stack_status_of(&answer, &body));
    assert_int_equal(leaves_count_uses(&stack, KEY), uses);
    expect(201, change("key.resume", KEY, "{}"));
}

static void a_suspended_client_gets_nothing_that_was_begun(void **state)
{
    (void)state;
    begin_to_sign();
    expect(201, change("client.suspend", "other", "{}"));
    assert_ends(401, 0);
    expect(201, change("client.resume", "other", "{}"));
}

static void without_its_grant_a_client_gets_nothing_that_was_begun(void **state)
{
    (void)state;
    begin_to_sign();
    expect(200, change("grant.revoke", grant, "{}"));
    assert_ends(404, 0);
    add_grant();
}

/* The version that was rotated away finishes what it had. */
static void a_successor_does_not_end_it(void **state)
{
    (void)state;
    expect(201, change("key.rotate", KEY, "{}"));
    begin_to_sign();
    expect(201, change_when_free("key.activate", KEY, "{}"));
    assert_ends(200, 1);
}

/* The key goes on, with its successor. */
static void a_compromised_version_signs_nothing_that_was_begun(void **state)
{
    (void)state;
    expect(201, change("key.rotate", KEY, "{}"));
    begin_to_sign();
    expect(201, change_when_free("key.activate", KEY, "{}"));
    expect(201, change("key.compromise", KEY, "{\"version\":2}"));
    assert_ends(409, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_changes_nothing_about_it_does_not_end_it),
        cmocka_unit_test(a_suspended_key_signs_nothing_that_was_begun),
        cmocka_unit_test(nor_while_its_suspension_is_being_recorded),
        cmocka_unit_test(a_suspended_client_gets_nothing_that_was_begun),
        cmocka_unit_test(without_its_grant_a_client_gets_nothing_that_was_begun),
        cmocka_unit_test(a_successor_does_not_end_it),
        cmocka_unit_test(a_compromised_version_signs_nothing_that_was_begun),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
