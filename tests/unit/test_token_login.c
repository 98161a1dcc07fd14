#include "tests/unit/channels.h"

#include "keystore/tokens/approval.h"
#include "keystore/tokens/internal.h"
#include "keystore/tokens/origin.h"
#include "lib/base/hash.h"
#include "lib/base/problem.h"

/* A PIN that is wrong is tried once, at one of a token's processes, and not again. */

#define TOKEN "t"
#define RIGHT "1111"
#define WRONG "2222"

static struct tokens *tokens;
static struct token *token;
static struct end modules[2]; /* the other ends of its processes */
static unsigned changes;
static unsigned refusals; /* as the keeper was told */
static unsigned unapproved;

static void count_change(void *context, struct token *of)
{
    (void)context;
    (void)of;
    changes++;
}

static void ignore_room(void *context, struct token *of)
{
    (void)context;
    (void)of;
}

static void count_refusal(void *context, struct token *of)
{
    (void)context;
    assert_ptr_equal(of, token);
    refusals++;
}

static void count_unapproved(void *context, struct token *of, const char *what)
{
    (void)context;
    (void)of;
    assert_string_equal(what, "unapproved-module");
    unapproved++;
}

static const struct tokens_handler calls = {.on_change = count_change,
                                            .on_room = ignore_room,
                                            .on_wrong_pin = count_refusal,
                                            .on_unapproved = count_unapproved};

static void add_process(unsigned number)
{
    static const uint8_t hash[PS_SHA256_LEN] = {0};
    const struct token_origin origin = {
        .name = ps_bytes_str(TOKEN), .number = number, .module_hash = ps_bytes(hash, sizeof hash)};
    int ends[2];

    modules[number] = (struct end){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_ok(tokens_add_process(tokens, &origin, ends[0]));
    open_end(&modules[number], ends[1], &token_set, IPC_SERVER);
}

static int begin(void **state)
{
    (void)make_loop(state);
    refusals = unapproved = 0;
    assert_ok(tokens_new(loop, &calls, NULL, 60000, &tokens));
    add_process(0);
    add_process(1);
    token = tokens_find(tokens, ps_bytes_str(TOKEN));
    return 0;
}

static int end(void **state)
{
    do_free(&modules[0]);
    do_free(&modules[1]);
    tokens_free(tokens);
    return free_loop(state);
}

/* --- What the keeper does --- */

static void give(const char *pin)
{
    assert_ok(tokens_set_pin(tokens, ps_bytes_str(TOKEN), ps_bytes_str(pin), false));
}

static void approve(void)
{
    tokens_approve(token, &(struct token_identity){.serial = {NULL, 0}});
}

/* --- What a process says --- */

static void say(unsigned number, enum token_state state)
{
    const struct msg_token_state message = {.state = (uint8_t)state, .sessions = 1};
    const unsigned seen = changes;

    assert_ok(channel_send(modules[number].channel, &msg_token_state_info, 0, &message));
    turn_until(changes == seen + 1);
}

static void both_say(enum token_state state)
{
    say(0, state);
    say(1, state);
}

static void turn_until_answered(const struct token_process *process)
{
    turn_until(!process->login_in_flight);
}

static void answer(unsigned number, enum ps_problem problem)
{
    const struct end *module = &modules[number];
    const struct msg_problem refused = {.problem = (uint16_t)problem};
    const struct msg_token_done done = {.detail = LITERAL("")};

    if (problem == PS_PROBLEM_NONE) {
        assert_ok(channel_send(module->channel, &msg_token_done_info, module->last_id, &done));
    } else {
        assert_ok(channel_send(module->channel, &msg_problem_info, module->last_id, &refused));
    }
    turn_until_answered(token->processes[number]);
}

/* In the order in which a process does so. */
static void refuse_pin(unsigned number)
{
    say(number, TOKEN_WRONG_PIN);
    answer(number, PS_PROBLEM_REFUSED);
}

static void let_in(unsigned number)
{
    say(number, TOKEN_READY);
    answer(number, PS_PROBLEM_NONE);
}

/* Log-ins at each of them so far, since nothing else is sent. */
static void assert_logins(unsigned first, unsigned second)
{
    turn_some();
    assert_int_equal(modules[0].messages, first);
    assert_int_equal(modules[1].messages, second);
    for (size_t i = 0; i < PS_COUNT_OF(modules); i++) {
        assert_true(modules[i].last == NULL || modules[i].last == &msg_token_login_info);
    }
}

/* --- Tests --- */

static void it_is_tried_at_one_process_only(void **state)
{
    (void)state;
    give(WRONG);
    both_say(TOKEN_NEEDS_LOGIN);
    approve();
    assert_logins(1, 0);
    say(1, TOKEN_NEEDS_LOGIN);
    assert_logins(1, 0);
    refuse_pin(0);
    say(1, TOKEN_NEEDS_LOGIN);
    assert_logins(1, 0);
    assert_true(tokens_pin_refused(token));
    assert_int_equal(refusals, 1);
    give(WRONG); /* as it was */
    assert_ok(tokens_set_pin(tokens, ps_bytes_str(TOKEN), ps_bytes_str(RIGHT), true));
    say(1, TOKEN_WRONG_PIN);
    assert_logins(1, 0);
    assert_int_equal(refusals, 1);
}

static void one_that_is_right_is_tried_at_each(void **state)
{
    (void)state;
    give(RIGHT);
    both_say(TOKEN_NEEDS_LOGIN);
    approve();
    let_in(0);
    assert_logins(1, 1);
    let_in(1);
    assert_logins(1, 1);
    assert_true(tokens_is_ready(token));
    assert_int_equal(refusals, 0);
}

static void nothing_is_tried_without_approval_or_pin(void **state)
{
    (void)state;
    give(RIGHT);
    say(0, TOKEN_NEEDS_LOGIN);
    say(1, TOKEN_WRONG_PIN); /* of whatever token, by whatever PIN */
    assert_logins(0, 0);
    assert_false(tokens_pin_refused(token));
    give("");
    approve();
    assert_logins(0, 0);
    assert_int_equal(refusals, 0);
    tokens_withdraw_approval(token);
    give(RIGHT);
    assert_logins(0, 0);
}

static void no_module_that_nobody_approved_gets_it(void **state)
{
    static const uint8_t hash[PS_SHA256_LEN] = {1};

    (void)state;
    give(RIGHT);
    both_say(TOKEN_NEEDS_LOGIN);
    tokens_approve(token, &(struct token_identity){.module_hash = ps_bytes(hash, sizeof hash)});
    both_say(TOKEN_NEEDS_LOGIN);
    assert_logins(0, 0);
    assert_int_equal(unapproved, 2);
}

/* An earlier keeper has tried it: the only one that was configured, as far as we know. */
static void a_process_that_was_there_before_is_believed(void **state)
{
    (void)state;
    give(WRONG);
    say(0, TOKEN_WRONG_PIN);
    say(1, TOKEN_NEEDS_LOGIN);
    approve();
    assert_logins(0, 0);
    assert_true(tokens_pin_refused(token));
    assert_int_equal(refusals, 1);
}

static void unless_it_is_known_that_another_was_refused(void **state)
{
    (void)state;
    give(RIGHT);
    tokens_set_pin_refused(token, false);
    both_say(TOKEN_WRONG_PIN);
    approve();
    assert_logins(1, 0);
    say(1, TOKEN_WRONG_PIN); /* it has not heard of this one */
    assert_false(tokens_pin_refused(token));
    let_in(0);
    assert_logins(1, 1);
    let_in(1);
    assert_int_equal(refusals, 0);
}

static void one_that_is_known_to_be_refused_is_not_tried(void **state)
{
    (void)state;
    give(WRONG);
    tokens_set_pin_refused(token, true);
    both_say(TOKEN_NEEDS_LOGIN);
    approve();
    assert_logins(0, 0);
}

static void another_is_tried_once_too(void **state)
{
    (void)state;
    give(WRONG);
    both_say(TOKEN_NEEDS_LOGIN);
    approve();
    refuse_pin(0);
    give("3333");
    assert_logins(1, 1);
    say(0, TOKEN_WRONG_PIN); /* of the one before */
    assert_false(tokens_pin_refused(token));
    refuse_pin(1);
    assert_true(tokens_pin_refused(token));
    assert_int_equal(refusals, 2);
    both_say(TOKEN_NEEDS_LOGIN);
    assert_logins(1, 1);
    give(RIGHT);
    turn_until(modules[0].messages + modules[1].messages == 3);
    assert_false(tokens_pin_refused(token));
}

/* It may have been one of the few tries that the token allows. */
static void one_that_was_not_answered_is_tried_again_after_a_while(void **state)
{
    (void)state;
    give(RIGHT);
    say(0, TOKEN_NEEDS_LOGIN);
    approve();
    assert_logins(1, 0);
    answer(0, PS_PROBLEM_TOKEN_UNAVAILABLE);
    say(0, TOKEN_NEEDS_LOGIN);
    assert_logins(1, 0);
    turn_until(modules[0].messages == 2);
    assert_int_equal(refusals, 0);
}

static void a_process_that_ends_leaves_its_login_to_another(void **state)
{
    (void)state;
    give(RIGHT);
    both_say(TOKEN_NEEDS_LOGIN);
    approve();
    assert_logins(1, 0);
    do_free(&modules[0]);
    turn_until(modules[1].messages == 1);
    assert_int_equal(refusals, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_tried_at_one_process_only),
        TEST(one_that_is_right_is_tried_at_each),
        TEST(nothing_is_tried_without_approval_or_pin),
        TEST(no_module_that_nobody_approved_gets_it),
        TEST(a_process_that_was_there_before_is_believed),
        TEST(unless_it_is_known_that_another_was_refused),
        TEST(one_that_is_known_to_be_refused_is_not_tried),
        TEST(another_is_tried_once_too),
        TEST(one_that_was_not_answered_is_tried_again_after_a_while),
        TEST(a_process_that_ends_leaves_its_login_to_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
