#include "tests/keeper/gate_fixture.h"

/*
 * What the appliance says by itself of a key whose making nobody signed for, and which the token
 * does not have, or has after all: it dies at each leaf of that. What a forged end gains by it is
 * in test_gate_unsigned.c.
 */

/* Of a result; one of an operation that was not begun before a death is another. */
#define DONE_LEAF "\"outcome\":\"done\""

static void change_store(const char *what)
{
    stack_kill_token(&stack, 0);
    at_the_store(what);
    stack_start_token(&stack, 0);
}

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin_with_faults();
    expect(201, change("key.create", "", EC_KEY("p.kept")));
    expect(201, change("set.put", "p.set", "{\"keys\":[\"p.*\"]}"));
    /* While nobody writes there: the anchor goes on after an answer. */
    assert_int_equal(stack_stop_keeper(&stack), 0);
    stack_stop_token(&stack, 0);
    at_the_store("cp -a store older");
    stack_start_token(&stack, 0);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    return 0;
}

/* Its result is in the log, and in no checkpoint. */
static void make_a_key_and_die(const char *parameters)
{
    DRAFT_AUTO draft;

    ask_and_approve("key.create", "", parameters, &draft);
    faults_kill_at_leaf(stack.faults, DONE_LEAF, 1);
    (void)draft_execute(&stack, &draft, &body);
    assert_true(faults_clear(stack.faults));
    stack_kill_keeper(&stack);
}

static void start_and_die_at(const char *leaf, unsigned calls_after)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    faults_kill_at_leaf(stack.faults, leaf, calls_after);
    stack_start_keeper(&stack);
    while (!faults_happened(stack.faults)) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
    assert_true(faults_clear(stack.faults));
    stack_kill_keeper(&stack);
}

/* Instead of the write, and of the sync, of its intent and of its result. */
static void die_at_each_leaf_of(const char *type)
{
    char intent[64];

    (void)snprintf(intent, sizeof intent, "\"type\":\"%s\"", type);
    for (unsigned calls_after = 0; calls_after < 2; calls_after++) {
        start_and_die_at(intent, calls_after);
    }
    for (unsigned calls_after = 0; calls_after < 2; calls_after++) {
        start_and_die_at(DONE_LEAF, calls_after);
    }
}

static void count_done(void *context, const struct log_event *event)
{
    const struct ps_bytes octets = event->octets;

    *(unsigned *)context +=
        memmem(octets.data, octets.len, DONE_LEAF, strlen(DONE_LEAF)) == NULL ? 0 : 1;
}

static unsigned done(void)
{
    unsigned count = 0;

    leaves_each_event(&stack, count_done, &count);
    return count;
}

static void start(void)
{
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
}

static unsigned published(void)
{
    expect(200, stack_read(&stack, READ_JWKS, "p.set", &body));
    return body_count("\"kid\"");
}

static void what_the_token_has_not_shown_is_said_once(void **state)
{
    unsigned before;

    (void)state;
    make_a_key_and_die(EC_KEY("p.lost"));
    before = done();
    change_store("mv store newer && mv older store");
    die_at_each_leaf_of("key.unproven");
    for (unsigned starts = 0; starts < 2; starts++) {
        start();
        assert_int_equal(published(), 1);
        assert_int_not_equal(sign("p.lost"), 200);
        expect(200, sign("p.kept"));
        assert_int_equal(stack_stop_keeper(&stack), 0);
    }
    assert_int_equal(done(), before + 1);
    change_store("mv store older && mv newer store");
    die_at_each_leaf_of("key.proven");
    for (unsigned starts = 0; starts < 2; starts++) {
        start();
        wait_for_text(READ_JWKS, "p.set", "\"kid\"", 2);
        expect(200, sign("p.lost"));
        assert_int_equal(stack_stop_keeper(&stack), 0);
    }
    assert_int_equal(done(), before + 2);
}

/* The log gets its checkpoints, and people their operations, from that row on. */
static void nothing_waits_for_what_the_token_has_shown(void **state)
{
    (void)state;
    start();
    make_a_key_and_die(EC_KEY("p.late"));
    change_store("mv store newer && mv older store");
    start();
    assert_int_equal(published(), 2);
    assert_int_equal(stack_stop_keeper(&stack), 0);
    change_store("mv store older && mv newer store");
    start();
    wait_for_text(READ_JWKS, "p.set", "\"kid\"", 3);
    expect(201, change("key.create", "", EC_KEY("p.next")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_token_has_not_shown_is_said_once),
        cmocka_unit_test(nothing_waits_for_what_the_token_has_shown),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
