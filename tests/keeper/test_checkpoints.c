#include "tests/keeper/kill_shards.h"

#include "tests/keeper/leaves.h"

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

struct shard_root {
    const char *name;
    char text[64]; /* "": no leaf is of this shard */
};

static void take_root(void *context, const struct log_event *event)
{
    struct shard_root *root = context;

    if (ps_bytes_equal_str(event->kind, "shard") &&
        ps_bytes_equal_str(leaves_text(event->data, "name"), root->name)) {
        (void)snprintf(root->text, sizeof root->text, "%.*s",
                       PS_BYTES_FMT(leaves_text(event->data, "root")));
    }
}

static void wait_for_root(struct shard_root *root)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    leaves_each_event(&stack, take_root, root);
    while (root->text[0] == '\0') {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
        leaves_each_event(&stack, take_root, root);
    }
}

static unsigned ask_to_prune(const char *name, const char *root)
{
    DRAFT_AUTO draft = {.id = ""};
    struct msg_change message = {0};

    kill_put_shard(name, root);
    message = stack_change_message("log.prune", "", kill_shard);
    return draft_ask(&stack, &message, &draft, &body);
}

/* What stays of it is its last checkpoint. */
static void a_shard_is_not_pruned_before_it_is_signed_for(void **state)
{
    char completed[16];
    struct shard_root root = {.name = completed};

    (void)state;
    hold_checkpoints_of_use();
    complete_present_shard(completed);
    wait_for_root(&root);
    expect(422, ask_to_prune(completed, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    assert_true(body_has("has another root than the archive"));
    expect(409, ask_to_prune(completed, root.text));
    assert_true(body_has("is not signed yet"));
    let_go();
    (void)kill_wait_for_checkpoint(completed);
    expect(202, ask_to_prune(completed, root.text));
}

static void who_is_refused_for_want_of_one_is_told_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < PROCESSES; i++) {
        tap_set_about(stack.tokens[i].tap, &msg_token_sign_info, "/events", TAP_REFUSE);
    }
    expect(503, change("key.create", "", EC_KEY("s.why")));
    assert_true(body_has("no answer of the token's"));
    let_go();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_refused_for_want_of_one_is_told_why),
        cmocka_unit_test(a_shard_completed_meanwhile_is_signed_for_whole),
        cmocka_unit_test(each_of_many_shards_is_signed_for_once_the_token_answers),
        cmocka_unit_test(a_shard_is_not_pruned_before_it_is_signed_for),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
