#include "tests/keeper/fixture.h"
#include "tests/keeper/leaves.h"

/*
 * The keeper is killed at every system call that makes the first leaves durable. Afterwards there
 * was a genesis, or none; then it is done anew, and what the dead one left in the token is gone. A
 * start stands before all that is done: that of the genesis, or of the keeper that came after it.
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

/* How the log begins. */
struct beginning {
    unsigned leaves;
    bool starts_at_once;  /* leaf 1 is a start */
    bool starts_too_late; /* something is asked for before there is one */
    unsigned starts;
};

static void look_at(void *context, const struct log_event *event)
{
    struct beginning *beginning = context;
    const bool is_start = ps_bytes_equal_str(event->kind, "start");

    beginning->starts += is_start ? 1 : 0;
    beginning->starts_at_once |= is_start && beginning->leaves == 1;
    beginning->starts_too_late |=
        beginning->starts == 0 && ps_bytes_equal_str(event->kind, "draft");
    beginning->leaves++;
}

static struct beginning look_at_beginning(void)
{
    struct beginning beginning = {.leaves = 0};

    leaves_each_event(&stack, look_at, &beginning);
    return beginning;
}

/* A genesis by people whom the log does not name is none. */
static void assert_works(bool was_killed)
{
    struct beginning beginning;

    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    assert_int_equal(leaves_count(&stack, "genesis"), 1);
    expect(409, stack_try_genesis(&stack, false, &body));
    expect(201, change("key.create", "", EC_KEY("g.key")));
    beginning = look_at_beginning();
    assert_true(beginning.starts != 0 && !beginning.starts_too_late);
    assert_true(was_killed || beginning.starts_at_once);
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
    assert_works(was_killed);
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
    /* Room, then both leaves: each is written and synced. */
    assert_true(kills >= 6);
    assert_in_range(with_leaf, 3, kills - 1);
    ps_buf_clear(&body);
}

static void killed_before_its_start_is_written_it_has_that_of_the_next_keeper(void **state)
{
    struct beginning beginning;

    (void)state;
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    make_stack();
    faults_kill_at_leaf(stack.faults, "\"kind\":\"start\"", 0);
    try_genesis(true);
    assert_true(faults_clear(stack.faults));
    stack_kill_keeper(&stack);
    beginning = look_at_beginning();
    assert_int_equal(beginning.leaves, 1);
    stack_start_keeper(&stack);
    assert_works(true);
    stack_remove(&stack);
    ps_buf_clear(&body);
}

/* The genesis has taken place, and waits for its start. */
static void a_start_that_cannot_be_written_is_written_later(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned status;

    (void)state;
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    make_stack();
    faults_set(stack.faults, FAULT_WRITE, 1);
    do {
        status = stack_try_genesis(&stack, true, &body);
        assert_true(ps_clock_mono_ns() < deadline);
    } while (!faults_happened(stack.faults));
    expect(503, status);
    assert_int_equal(look_at_beginning().leaves, 1);
    (void)faults_clear(stack.faults);
    assert_works(false);
    stack_remove(&stack);
    ps_buf_clear(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_its_leaf_a_genesis_was_one_or_none),
        cmocka_unit_test(killed_before_its_start_is_written_it_has_that_of_the_next_keeper),
        cmocka_unit_test(a_start_that_cannot_be_written_is_written_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
