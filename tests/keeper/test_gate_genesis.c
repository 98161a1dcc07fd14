#include "tests/keeper/fixture.h"
#include "tests/keeper/leaves.h"

/*
 * The keeper is killed at every system call that makes the first leaf durable. Afterwards there was
 * a genesis, or none; then it is done anew, and what the dead one left in the token is gone.
 */

static void make_stack(void)
{
    stack_make(&stack, 1);
    stack.faults = faults_new();
    stack_start(&stack);
    stack_wait_state(&stack, APPLIANCE_UNINITIALISED);
}

/* As soon as the token process has said what it found. */
static void try_genesis(bool initialise)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned status;

    do {
        status = stack_try_genesis(&stack, initialise, &body);
        assert_true(ps_clock_mono_ns() < deadline);
    } while (status == 409 || status == 503);
    if (!faults_happened(stack.faults)) {
        expect(201, status);
    }
}

/* A genesis by people whom the log does not name is none. */
static void assert_works(void)
{
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    assert_int_equal(leaves_count(&stack, "genesis"), 1);
    expect(409, stack_try_genesis(&stack, false, &body));
    expect(201, change("key.create", "", EC_KEY("g.key")));
}

/* False: it was over before the call at which it would have been killed. */
static bool kill_at(unsigned at, unsigned *with_leaf)
{
    bool was_killed;

    make_stack();
    faults_set(stack.faults, FAULT_KILL, at);
    try_genesis(true);
    was_killed = faults_clear(stack.faults);
    if (was_killed) {
        stack_kill_keeper(&stack);
        stack_start_keeper(&stack);
        stack_wait_started(&stack);
        *with_leaf += stack.state == APPLIANCE_UNINITIALISED ? 0 : 1;
        if (stack.state == APPLIANCE_UNINITIALISED) {
            try_genesis(false);
        }
    }
    assert_works();
    stack_remove(&stack);
    return was_killed;
}

static void killed_at_its_leaf_a_genesis_was_one_or_none(void **state)
{
    unsigned kills = 0;
    unsigned with_leaf = 0;

    (void)state;
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    while (kill_at(kills, &with_leaf)) {
        kills++;
    }
    /* Room, then the leaf: each is written and synced. */
    assert_true(kills >= 4);
    assert_in_range(with_leaf, 1, kills - 1);
    ps_buf_clear(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_its_leaf_a_genesis_was_one_or_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
