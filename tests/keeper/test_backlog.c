#include "tests/keeper/fixture.h"

#include "tests/keeper/tap.h"

#include <signal.h>

/*
 * How many signatures a token process is given before it answers: more where many wait, unless
 * somebody has few among them. The process is stopped meanwhile. And which leaves wait for others.
 */

#define KEY      "backlog.a"
#define OTHER    50031u
#define MANY     200u
#define USUAL    32u
#define WIDE     64u
#define ATTEMPTS 20

#define DEAR_KEY  "backlog.dear"
#define DEAR_TEXT "dear-ones"
#define LADEN     22u /* of cost 3: 66, where 64 is much */
#define PAIRS     40u
#define WAIT_NS   (8 * PS_NS_PER_MS)

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    stack_make(&stack, 1);
    stack.tokens[0].tap = tap_new();
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_start(&stack);
    stack_genesis(&stack);
    /* The first inventory asks the token much, and has a leaf of its own. */
    wait_for_text(READ_INVENTORY, "", "\"state\":\"done\"", 1);
    /* The keeper has checkpoints signed too, for which no request waits: they name its origin. */
    tap_set_but(stack.tokens[0].tap, &msg_token_sign_info, STACK_ORIGIN, TAP_PASS);
    expect(201, change("key.create", "", EC_KEY(KEY)));
    expect(201, change("key.create", "",
                       "{\"name\":\"" DEAR_KEY "\",\"type\":\"ed25519\",\"usage\":\"sign\","
                       "\"formats\":[\"jws\"]}"));
    expect(201, change("client.register", "", "{\"name\":\"other\",\"uids\":[50031]}"));
    expect(201,
           change("grant.add", "",
                  "{\"client\":\"other\",\"keys\":\"" KEY "\",\"operations\":[\"jws.sign\"]}"));
    return 0;
}

static void ask(uint32_t uid, unsigned count)
{
    struct msg_jws_sign message = {.caller = stack_caller(),
                                   .request_id = ps_bytes_str("many"),
                                   .key = ps_bytes_str(KEY),
                                   .payload = ps_bytes_str("x")};

    message.caller.uid = uid;
    for (unsigned i = 0; i < count; i++) {
        (void)wire_send(&stack.clients, &msg_jws_sign_info, &message);
    }
}

static unsigned count_given(void)
{
    return tap_count_meant(stack.tokens[0].tap, &msg_token_sign_info);
}

static void take_answers(unsigned count)
{
    struct wire_frame answer;

    for (unsigned answers = 0; answers < count;) {
        assert_true(wire_read(&stack.clients, WIRE_LIMIT_MS, &answer));
        if (answer.id != 0) {
            assert_true(answer.info == &msg_jws_signed_info || answer.info == &msg_octets_info);
            answers++;
        }
    }
}

/* The process gets their request behind all that it was given of those before. */
static void ask_for_octets(void)
{
    const struct msg_random message = {
        .caller = stack_caller(), .request_id = ps_bytes_str("behind"), .count = 1};

    (void)wire_send(&stack.clients, &msg_random_info, &message);
}

static bool is_given(unsigned least, unsigned randoms)
{
    const uint64_t deadline = ps_clock_mono_ns() + PS_NS_PER_S;
    bool is_all;

    do {
        is_all = count_given() >= least &&
                 tap_count(stack.tokens[0].tap, &msg_token_random_info) != randoms;
    } while (!is_all && has_rested() && ps_clock_mono_ns() < deadline);
    return is_all;
}

/* Of many of ours and, behind them, so many of the other client. */
static bool give(unsigned others, unsigned least, unsigned *ret_given)
{
    unsigned randoms;
    unsigned before;
    bool is_all;

    ask_for_octets();
    take_answers(1);
    assert_int_equal(kill(stack.tokens[0].pid, SIGSTOP), 0);
    randoms = tap_count(stack.tokens[0].tap, &msg_token_random_info);
    before = count_given();
    ask(stack_caller().uid, MANY);
    ask(OTHER, others);
    ask_for_octets();
    is_all = is_given(before + least, randoms);
    *ret_given = count_given() - before;
    assert_int_equal(kill(stack.tokens[0].pid, SIGCONT), 0);
    take_answers(MANY + others + 1);
    return is_all;
}

/*
 * At least that many. A process that was stopped in the middle of a call of the keeper's own is
 * given nothing until that is answered: then it is tried again.
 */
static unsigned given_at_once(unsigned others, unsigned least)
{
    unsigned given = 0;

    for (int i = 0; i < ATTEMPTS && !give(others, least, &given); i++) {
    }
    return given;
}

static void where_many_wait_more_are_given(void **state)
{
    (void)state;
    assert_int_equal(given_at_once(0, WIDE), WIDE);
}

/* For ten seconds, which may pass on a machine that does much else. */
static void where_somebody_had_few_among_them_no_more_are_given(void **state)
{
    (void)state;
    for (int i = 0; i < ATTEMPTS; i++) {
        (void)given_at_once(1, USUAL);
        if (given_at_once(0, USUAL) == USUAL) {
            return;
        }
    }
    fail();
}

/* The text stands in what the token is asked to sign, where the tap finds it. */
static void ask_for_dear_ones(void)
{
    const struct msg_jws_sign message = {.caller = stack_caller(),
                                         .request_id = ps_bytes_str("dear"),
                                         .key = ps_bytes_str(DEAR_KEY),
                                         .payload = ps_bytes_str(DEAR_TEXT),
                                         .unencoded = 1};

    for (unsigned i = 0; i < LADEN; i++) {
        (void)wire_send(&stack.clients, &msg_jws_sign_info, &message);
    }
}

/* One signature after another: how many pairs took as long as a leaf of a backlog waits. */
static unsigned count_slow_pairs(void)
{
    unsigned slow = 0;

    for (unsigned i = 0; i < PAIRS; i++) {
        const uint64_t began = ps_clock_mono_ns();

        ask(stack_caller().uid, 1);
        take_answers(1);
        ask(stack_caller().uid, 1);
        take_answers(1);
        slow += ps_clock_mono_ns() - began >= WAIT_NS ? 1 : 0;
    }
    return slow;
}

/*
 * The second sync of a pair begins 8 ms after the first, but for those that another leaf of the
 * keeper's hurries; without much before them both are there sooner.
 */
static void a_leaf_waits_for_others_where_much_was_before_its_signature(void **state)
{
    struct tap *tap = stack.tokens[0].tap;

    (void)state;
    tap_set_about(tap, &msg_token_sign_info, DEAR_TEXT, TAP_HOLD);
    ask_for_dear_ones();
    while (tap_held(tap, &msg_token_sign_info) < LADEN) {
        rest_a_while();
    }
    assert_true(count_slow_pairs() >= PAIRS * 3 / 4);
    tap_set(tap, &msg_token_sign_info, 0, TAP_PASS);
    tap_let_go(tap);
    take_answers(LADEN);
    for (int i = 1; count_slow_pairs() == PAIRS; i++) {
        assert_true(i < ATTEMPTS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_many_wait_more_are_given),
        cmocka_unit_test(where_somebody_had_few_among_them_no_more_are_given),
        cmocka_unit_test(a_leaf_waits_for_others_where_much_was_before_its_signature),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
