#include "tests/keeper/files.h"

#include <sys/stat.h>

/*
 * The disk is set back, in part or in another way than it went on, and the token is not: its newest
 * anchor tells. Each test begins with the same disk and the same token.
 */

#define KEY   "a.key"
#define READS 4u /* of objects of the token in a start, at most */

static struct tap *tap;
static char begun[300]; /* a copy of the data and of the token's store */
static char set_back[300];

static void kill_both(void)
{
    stack_kill_keeper(&stack);
    stack_stop_token(&stack, 0);
}

/* Below the stack's directory, or below a copy of it. */
static void copy(const char *from, const char *to, const char *name)
{
    char source[400];
    char target[400];

    (void)snprintf(source, sizeof source, "%s/%s", from, name);
    (void)snprintf(target, sizeof target, "%s/%s", to, name);
    run("rm", "-rf", target, NULL);
    run("cp", "-a", source, target);
}

static void copy_all(const char *from, const char *to)
{
    copy(from, to, "data");
    copy(from, to, "store");
}

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_make(&stack, 1);
    tap = stack.tokens[0].tap = tap_new();
    stack_start(&stack);
    stack_genesis(&stack);
    expect(201, change("key.create", "", EC_KEY(KEY)));
    expect(200, sign(KEY));
    kill_both();
    (void)snprintf(begun, sizeof begun, "%s/begun", stack.directory);
    (void)snprintf(set_back, sizeof set_back, "%s/other", stack.directory);
    assert_int_equal(mkdir(begun, 0700) | mkdir(set_back, 0700), 0);
    copy_all(stack.directory, begun);
    return 0;
}

static void start_again(enum appliance_state expected)
{
    stack_start_token(&stack, 0);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, expected);
}

/* Goes on from the beginning, and writes one anchor, when it ends with the key of this name. */
static void go_on(const char *parameters)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned writes;

    copy_all(begun, stack.directory);
    tap_set(tap, &msg_token_data_write_info, 0, TAP_REFUSE);
    start_again(APPLIANCE_OPERATIONAL);
    expect(200, sign(KEY));
    expect(200, sign(KEY));
    expect(201, change("key.suspend", KEY, "{}"));
    tap_set(tap, &msg_token_data_write_info, 0, TAP_PASS);
    writes = tap_count(tap, &msg_token_data_write_info);
    expect(201, change("key.create", "", parameters));
    while (tap_count(tap, &msg_token_data_write_info) == writes) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
    kill_both();
}

static void assert_told(const char *text)
{
    start_again(APPLIANCE_FAILED);
    wait_for_text(READ_SYSTEM, "", text, 1);
    assert_int_not_equal(200, sign(KEY));
    kill_both();
}

static void what_the_token_knows_is_there(void **state)
{
    (void)state;
    go_on(EC_KEY("a.one"));
    start_again(APPLIANCE_OPERATIONAL);
    expect(200, sign("a.one"));
    kill_both();
}

/* The older of the two anchors holds of it. */
static void a_disk_that_was_set_back_is_told_of(void **state)
{
    (void)state;
    go_on(EC_KEY("a.one"));
    copy(begun, stack.directory, "data");
    assert_told("leaves; the token knows of");
}

/* A refusal is no answer to what the token has: the older one alone would let the disk pass. */
static void an_anchor_that_was_not_read_is_read_again(void **state)
{
    (void)state;
    go_on(EC_KEY("a.one"));
    for (unsigned passed = 0; passed < READS; passed++) {
        copy(begun, stack.directory, "data");
        tap_set(tap, &msg_token_data_read_info, passed, TAP_REFUSE_ONCE);
        assert_told("leaves; the token knows of");
    }
}

static void a_log_that_went_on_otherwise_is_told_of(void **state)
{
    (void)state;
    go_on(EC_KEY("a.one"));
    copy(stack.directory, set_back, "store");
    go_on(EC_KEY("a.two"));
    copy(set_back, stack.directory, "store");
    assert_told("leaves of events are not those the token knows");
}

static void uses_that_were_set_back_are_told_of(void **state)
{
    (void)state;
    go_on(EC_KEY("a.one"));
    copy(begun, stack.directory, "data/log/use");
    assert_told("use has 1 leaf; the token knows of 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_token_knows_is_there),
        cmocka_unit_test(a_disk_that_was_set_back_is_told_of),
        cmocka_unit_test(an_anchor_that_was_not_read_is_read_again),
        cmocka_unit_test(a_log_that_went_on_otherwise_is_told_of),
        cmocka_unit_test(uses_that_were_set_back_are_told_of),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
