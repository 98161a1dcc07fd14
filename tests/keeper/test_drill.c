#include "tests/keeper/backup_fixture.h"
#include "tests/keeper/files.h"
#include "tests/keeper/wrapped_fixture.h"

#include <sys/stat.h>

/* Drills of good backups by an appliance, or a token, that is not as it should be. */

#define NAMES "drill." /* with which the names of all wrapped keys begin */
#define ONE   NAMES "one"
#define TWO   NAMES "two"

static char directory[160];

static int make_stack(void **state)
{
    (void)state;
    make_stack_with_backups(directory);
    stack.tokens[0].tap = tap_new();
    stack_start(&stack);
    stack_genesis(&stack);
    wait_for_text(READ_BACKUPS, "", "privyseal-backup", 1); /* the first is due with it */
    wait_for_text(READ_BACKUPS, "", "\"state\":\"idle\"", 1);
    expect(201, change("wrapping.create", "", "{}"));
    make_key(ONE);
    make_key(TWO);
    make_backup();
    return 0;
}

static void drill(unsigned number)
{
    expect(202, ask_task(TASK_DRILL));
    wait_for_drill(number);
}

static unsigned long unwraps(void)
{
    return read_number(READ_METRICS, "",
                       "\nprivyseal_token_unwraps_total{token=\"" STACK_TOKEN "\"} ");
}

static void what_a_drill_opened_is_closed_again(void **state)
{
    unsigned long before;

    (void)state;
    expect(200, sign(ONE));
    drill(1);
    assert_true(body_has("\"good\":true"));
    assert_true(body_has("\"tried\":2"));
    /* The token does it after what the drill asked for. */
    expect(201, change("key.create", "", EC_KEY("behind")));
    before = unwraps();
    expect(200, sign(ONE));
    assert_int_not_equal(unwraps(), before);
}

/* The token opens it, and what it answers is nobody's signature. */
static void a_key_that_signs_wrongly_fails_the_drill(void **state)
{
    (void)state;
    tap_set_about(stack.tokens[0].tap, &msg_token_sign_info, NAMES, TAP_SPOIL);
    drill(2);
    tap_set(stack.tokens[0].tap, &msg_token_sign_info, 0, TAP_PASS);
    assert_true(body_has("\"good\":false"));
    assert_true(body_has("in the token " STACK_TOKEN ": what it signs does not verify"));
}

/* One is with the token by then, and the other is chosen. */
static void what_is_destroyed_during_a_drill_is_not_opened(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    (void)state;
    tap_set_about(stack.tokens[0].tap, &msg_token_sign_info, NAMES, TAP_HOLD);
    expect(202, ask_task(TASK_DRILL));
    while (tap_held(stack.tokens[0].tap, &msg_token_sign_info) == 0) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
    tap_set(stack.tokens[0].tap, &msg_token_sign_info, 0, TAP_PASS);
    expect(201, change("key.deactivate", ONE, "{}"));
    expect(201, change("key.destroy", ONE, "{}"));
    expect(201, change("key.deactivate", TWO, "{}"));
    expect(201, change("key.destroy", TWO, "{}"));
    tap_let_go(stack.tokens[0].tap);
    wait_for_drill(3);
    assert_true(body_has("\"passed_over\":1,\"rows\":2,\"token\":\"" STACK_TOKEN "\",\"tried\":1"));
}

/* --- A history that was put back --- */

static char store[180];
static char kept[180];

static void stop_all(void)
{
    stack_kill_keeper(&stack);
    stack_stop_token(&stack, 0);
}

static void start_all(void)
{
    stack_start_token(&stack, 0);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
}

static void keep_all(void)
{
    (void)snprintf(store, sizeof store, "%s/store", stack.directory);
    (void)snprintf(kept, sizeof kept, "%s/kept", stack.directory);
    assert_int_equal(mkdir(kept, 0700), 0);
    run("cp", "-a", stack.data, kept);
    run("cp", "-a", store, kept);
}

/* With the token's own store: nothing but the log tells the one history from the other. */
static void put_all_back(void)
{
    char from[200];

    run("rm", "-rf", stack.data, store);
    (void)snprintf(from, sizeof from, "%s/.", kept);
    run("cp", "-a", from, stack.directory);
}

/* Its genesis and its keys are those of this appliance, and it verifies in itself. */
static void a_backup_of_another_history_fails_the_drill(void **state)
{
    unsigned number = 3;

    (void)state;
    make_key(NAMES "forked");
    stop_all();
    keep_all();
    start_all();
    make_backup();
    stop_all();
    put_all_back();
    start_all();
    do {
        expect(201, change("key.suspend", NAMES "forked", "{}"));
        expect(201, change("key.resume", NAMES "forked", "{}"));
        drill(++number);
    } while (body_has("more entries than the log"));
    assert_true(body_has("\"good\":false"));
    assert_true(body_has("its entries are not those of this appliance's log"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_drill_opened_is_closed_again),
        cmocka_unit_test(a_key_that_signs_wrongly_fails_the_drill),
        cmocka_unit_test(what_is_destroyed_during_a_drill_is_not_opened),
        cmocka_unit_test(a_backup_of_another_history_fails_the_drill),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
