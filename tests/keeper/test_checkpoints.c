#include "tests/keeper/kill_shards.h"

/* Which trees get a checkpoint, and of which size. */

#define KEY       "s.es256"
#define PROCESSES 2u /* one of them is held back */
#define SHARDS    20u

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_make(&stack, PROCESSES);
    for (size_t i = 0; i < PROCESSES; i++) {
        stack.tokens[i].tap = tap_new();
    }
    stack.shard_leaves = KILL_SHARD_LEAVES;
    stack_start(&stack);
    stack_genesis(&stack);
    expect(201, change("key.create", "", EC_KEY(KEY)));
    return 0;
}

static void hold_checkpoints_of_use(void)
{
    for (size_t i = 0; i < PROCESSES; i++) {
        tap_set_about(stack.tokens[i].tap, &msg_token_sign_info, "/use/", TAP_HOLD);
    }
}

static unsigned count_held(void)
{
    unsigned count = 0;

    for (size_t i = 0; i < PROCESSES; i++) {
        count += tap_held(stack.tokens[i].tap, &msg_token_sign_info);
    }
    return count;
}

static void wait_until_one_is_held(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (count_held() == 0) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
}

static void let_go(void)
{
    for (size_t i = 0; i < PROCESSES; i++) {
        tap_set(stack.tokens[i].tap, &msg_token_sign_info, 0, TAP_PASS);
        tap_let_go(stack.tokens[i].tap);
    }
}

static void complete_present_shard(char *ret_completed)
{
    char present[16];

    kill_read_present(ret_completed);
    do {
        expect(200, sign(KEY));
        kill_read_present(present);
    } while (strcmp(present, ret_completed) == 0);
}

/* The token signs for one leaf while the second, which is the last, comes. */
static void a_shard_completed_meanwhile_is_signed_for_whole(void **state)
{
    char completed[16];

    (void)state;
    hold_checkpoints_of_use();
    expect(200, sign(KEY));
    wait_until_one_is_held();
    complete_present_shard(completed);
    let_go();
    (void)kill_wait_for_checkpoint(completed);
}

static void each_of_many_shards_is_signed_for_once_the_token_answers(void **state)
{
    char completed[SHARDS][16];

    (void)state;
    hold_checkpoints_of_use();
    for (size_t i = 0; i < SHARDS; i++) {
        complete_present_shard(completed[i]);
    }
    let_go();
    for (size_t i = 0; i < SHARDS; i++) {
        (void)kill_wait_for_checkpoint(completed[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shard_completed_meanwhile_is_signed_for_whole),
        cmocka_unit_test(each_of_many_shards_is_signed_for_once_the_token_answers),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
