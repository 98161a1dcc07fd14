#include "tests/unit/support.h"

#include "keystore/tokens/internal.h"

/* Which process of a token is given a signature, and how many it may have in hand. */

#define PROCESSES 2u
#define ES256     1u
#define RS256     10u

static struct token token;
static struct token_process processes[PROCESSES];

static void make_token(uint32_t sessions)
{
    memset(&token, 0, sizeof token);
    memset(processes, 0, sizeof processes);
    token.process_count = PROCESSES;
    token.epoch = 1;
    for (uint32_t i = 0; i < PROCESSES; i++) {
        processes[i].token = &token;
        processes[i].number = i;
        processes[i].state = TOKEN_READY;
        processes[i].sessions = sessions;
        token.processes[i] = &processes[i];
    }
}

static void give(struct token_process *process, uint32_t cost)
{
    process->in_flight++;
    process->signing++;
    process->signing_cost += cost;
}

/* How many of this cost it is given before it answers. */
static unsigned fill(uint32_t cost, bool is_wide)
{
    struct token_process *process;
    unsigned given = 0;

    while ((process = tokens_choose(
                &token, &(struct token_choice){.cost = cost, .is_wide = is_wide})) != NULL) {
        give(process, cost);
        given++;
    }
    return given / PROCESSES;
}

static void it_goes_where_least_is_to_wait_for(void **state)
{
    const struct token_choice choice = {.cost = ES256};

    (void)state;
    make_token(1);
    give(&processes[0], RS256);
    for (unsigned i = 0; i < RS256; i++) {
        struct token_process *process = tokens_choose(&token, &choice);

        assert_ptr_equal(process, &processes[1]);
        give(process, ES256);
    }
    assert_ptr_equal(tokens_choose(&token, &choice), &processes[0]);
}

static void it_goes_where_it_failed_only_if_there_is_no_other(void **state)
{
    struct token_choice choice = {.cost = ES256, .avoid = &processes[0]};

    (void)state;
    make_token(1);
    give(&processes[1], RS256);
    assert_ptr_equal(tokens_choose(&token, &choice), &processes[1]);
    processes[1].state = TOKEN_ABSENT;
    assert_ptr_equal(tokens_choose(&token, &choice), &processes[0]);
}

/* Opening it elsewhere takes as long as twenty signatures. */
static void a_wrapped_key_goes_where_it_is_open(void **state)
{
    struct process_set loaded = {.epoch = 0};
    const struct token_choice choice = {.cost = ES256, .loaded = &loaded};

    (void)state;
    make_token(1);
    process_set_put(&loaded, token.epoch, 1, true);
    for (unsigned i = 0; i < 20; i++) {
        assert_ptr_equal(tokens_choose(&token, &choice), &processes[1]);
        give(&processes[1], ES256);
    }
    give(&processes[1], ES256);
    assert_ptr_equal(tokens_choose(&token, &choice), &processes[0]);
}

static void few_dear_ones_are_in_hand_and_many_cheap_ones(void **state)
{
    (void)state;
    make_token(1);
    assert_int_equal(fill(ES256, false), WINDOW_LEAST);
    assert_int_equal(fill(ES256, true), WINDOW_WIDE - WINDOW_LEAST);
    make_token(1);
    assert_int_equal(fill(RS256, false), COST_A_SESSION / RS256);
    assert_false(tokens_has_room(&token, RS256, true));
    /* What costs more than all of it: two, so that one waits while the other is made. */
    make_token(1);
    assert_int_equal(fill(COST_A_SESSION + 1, false), 2);
    make_token(64);
    assert_int_equal(fill(ES256, false), 128);
}

static void one_that_makes_a_key_gets_no_signature(void **state)
{
    (void)state;
    make_token(1);
    processes[0].in_flight++;
    assert_int_equal(fill(ES256, false), WINDOW_LEAST / 2);
    assert_int_equal(processes[0].signing, 0);
    make_token(2);
    processes[0].in_flight++;
    assert_int_equal(fill(ES256, false), WINDOW_LEAST);
}

/* Half of what it may have in hand of dear ones; of ES256 it never has so many, but in a backlog.
 */
static void it_is_laden_when_the_next_one_waits_long(void **state)
{
    (void)state;
    make_token(1);
    for (unsigned i = 0; i < 6; i++) {
        give(&processes[0], RS256);
    }
    assert_false(tokens_process_is_laden(&processes[0]));
    give(&processes[0], 3);
    assert_false(tokens_process_is_laden(&processes[0]));
    give(&processes[0], ES256);
    assert_true(tokens_process_is_laden(&processes[0]));
    make_token(1);
    (void)fill(ES256, false);
    assert_false(tokens_process_is_laden(&processes[0]));
    make_token(2);
    give(&processes[0], 127);
    assert_false(tokens_process_is_laden(&processes[0]));
    give(&processes[0], ES256);
    assert_true(tokens_process_is_laden(&processes[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_where_least_is_to_wait_for),
        cmocka_unit_test(it_goes_where_it_failed_only_if_there_is_no_other),
        cmocka_unit_test(a_wrapped_key_goes_where_it_is_open),
        cmocka_unit_test(few_dear_ones_are_in_hand_and_many_cheap_ones),
        cmocka_unit_test(one_that_makes_a_key_gets_no_signature),
        cmocka_unit_test(it_is_laden_when_the_next_one_waits_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
