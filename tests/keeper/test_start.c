#include "tests/keeper/kill_shards.h"

#include <sys/stat.h>

/* A start that the disk put off is tried again, and is then the start that it would have been. */

#define KEY  "s.es256"
#define LATE "s.late"

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_make(&stack, 1);
    stack.faults = faults_new();
    stack.shard_leaves = KILL_SHARD_LEAVES;
    stack_start(&stack);
    stack_genesis(&stack);
    expect(201, change("key.create", "", EC_KEY(KEY)));
    return 0;
}

/* Below the data directory. */
static void put_path(const char *name, char path[300])
{
    (void)snprintf(path, 300, "%s/%s", stack.data, name);
}

/* All of `use` that is signed for, and one leaf of another shard. */
static void complete_shard(char ret_name[16])
{
    char present[16];

    kill_read_present(ret_name);
    do {
        expect(200, sign(KEY));
        kill_read_present(present);
    } while (strcmp(present, ret_name) == 0);
    (void)kill_wait_for_checkpoint(ret_name);
}

static void die_before_the_result(void)
{
    faults_kill_at_leaf(stack.faults, "\"kind\":\"result\"", 0);
    expect(0, change("key.create", "", EC_KEY(LATE)));
    assert_true(faults_clear(stack.faults));
    stack_kill_keeper(&stack);
}

/*
 * It fails after everything was loaded and judged, the whole log without a signature at its end,
 * and the intent was taken: all of that comes a second time.
 */
static void one_that_failed_near_its_end_begins_anew(void **state)
{
    char shard[16];
    char name[64];
    char path[300];
    char kept[300];
    unsigned results;
    unsigned starts;

    (void)state;
    complete_shard(shard);
    results = leaves_count(&stack, "result");
    die_before_the_result();
    starts = leaves_count(&stack, "start");
    (void)snprintf(name, sizeof name, "log/use/%s/checkpoint", shard);
    put_path(name, path);
    put_path("kept", kept);
    assert_int_equal(rename(path, kept), 0);
    assert_int_equal(mkdir(path, 0700), 0); /* cannot be read */
    stack_forget_checkpoint(&stack);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_FAILED);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(kept, path), 0);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    wait_for_text(READ_KEYS, "", "\"name\":\"" LATE "\"", 1);
    expect(200, sign(LATE));
    expect(200, sign(KEY));
    assert_int_equal(leaves_count(&stack, "result"), results + 1);
    assert_int_equal(leaves_count(&stack, "start"), starts + 1);
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(200, sign(LATE));
    assert_int_equal(leaves_count(&stack, "result"), results + 1);
}

static void kill_all(void)
{
    stack_kill_keeper(&stack);
    stack_stop_token(&stack, 0);
}

/* As the supervisor sends it after a reload. */
static void send_pin(const char *pin)
{
    const struct msg_pin message = {.token = ps_bytes_str(STACK_TOKEN), .pin = ps_bytes_str(pin)};

    wire_send(&stack.supervisor, &msg_pin_info, &message);
    stack_connect_api(&stack, &stack.management, IPC_ROLE_API_MANAGEMENT); /* comes after it */
}

static void a_pin_that_was_refused_is_not_tried_by_one_that_was_put_off(void **state)
{
    char path[300];
    unsigned tries;

    (void)state;
    kill_all();
    stack.tokens[0].tap = tap_new();
    stack.pin = "00000000";
    stack_start(&stack);
    stack_wait_state(&stack, APPLIANCE_DEGRADED);
    wait_for_text(READ_SYSTEM, "", "\"state\":\"wrong-pin\"", 1);
    kill_all();
    tries = tap_count(stack.tokens[0].tap, &msg_token_login_info);
    assert_int_not_equal(tries, 0);
    put_path("restore", path);
    assert_int_equal(symlink("restore", path), 0); /* leads nowhere */
    stack_start(&stack);
    stack_wait_state(&stack, APPLIANCE_FAILED);
    send_pin(stack.pin);                                     /* while the start is put off */
    expect(503, stack_read(&stack, READ_SYSTEM, "", &body)); /* nobody is a stranger yet */
    assert_true(body_has("log-unavailable"));
    assert_int_equal(unlink(path), 0);
    stack_wait_state(&stack, APPLIANCE_DEGRADED);
    wait_for_text(READ_SYSTEM, "", "\"state\":\"needs-login\"", 2);
    kill_all();
    assert_int_equal(tap_count(stack.tokens[0].tap, &msg_token_login_info), tries);
    stack.pin = STACK_PIN;
    stack_start(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(200, sign(KEY));
}

/* Both are wrong, and each is tried once, however often they take turns. */
static void nor_is_one_that_is_configured_again_after_another(void **state)
{
    unsigned tries;

    (void)state;
    kill_all();
    stack.pin = "00000000"; /* as it was refused before */
    stack_start(&stack);
    stack_wait_state(&stack, APPLIANCE_DEGRADED);
    tries = tap_count(stack.tokens[0].tap, &msg_token_login_info);
    send_pin("11111111");
    wait_for_text(READ_SYSTEM, "", "\"state\":\"wrong-pin\"", 1);
    send_pin("00000000");
    stack_stop_token(&stack, 0); /* a new process waits for nothing before it is logged in to */
    stack_start_token(&stack, 0);
    wait_for_text(READ_SYSTEM, "", "\"state\":\"needs-login\"", 2);
    kill_all();
    assert_int_equal(tap_count(stack.tokens[0].tap, &msg_token_login_info), tries + 1);
    stack.pin = STACK_PIN;
    stack_start(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_failed_near_its_end_begins_anew),
        cmocka_unit_test(a_pin_that_was_refused_is_not_tried_by_one_that_was_put_off),
        cmocka_unit_test(nor_is_one_that_is_configured_again_after_another),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
