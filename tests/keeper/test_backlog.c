#include "tests/keeper/fixture.h"

#include "tests/keeper/tap.h"

/*
 * How many signatures a token process is given before it answers: more where many wait, unless
 * somebody has few among them. The process is stopped meanwhile.
 */

#define KEY      "backlog.a"
#define OTHER    50031u
#define MANY     200u
#define USUAL    32u
#define WIDE     64u
#define ATTEMPTS 20

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    stack_make(&stack, 1);
    stack.tokens[0].tap = tap_new();
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_start(&stack);
    stack_genesis(&stack);
    expect(201, change("key.create", "", EC_KEY(KEY)));
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

/* The process gets the octets' request behind all that it was given of those before. */
static void wait_until_all_are_given(unsigned randoms)
{
    const struct msg_random message = {
        .caller = stack_caller(), .request_id = ps_bytes_str("behind"), .count = 1};
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    (void)wire_send(&stack.clients, &msg_random_info, &message);
    while (tap_count(stack.tokens[0].tap, &msg_token_random_info) == randoms) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
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

/* Of many of ours and, behind them, so many of the other client. */
static unsigned given_at_once(unsigned others)
{
    struct tap *tap = stack.tokens[0].tap;
    const unsigned randoms = tap_count(tap, &msg_token_random_info);
    const unsigned before = tap_count(tap, &msg_token_sign_info);
    unsigned given;

    assert_int_equal(kill(stack.tokens[0].pid, SIGSTOP), 0);
    ask(stack_caller().uid, MANY);
    ask(OTHER, others);
    wait_until_all_are_given(randoms);
    given = tap_count(tap, &msg_token_sign_info) - before;
    assert_int_equal(kill(stack.tokens[0].pid, SIGCONT), 0);
    take_answers(MANY + others + 1);
    return given;
}

static void where_many_wait_more_are_given(void **state)
{
    (void)state;
    assert_int_equal(given_at_once(0), WIDE);
}

/* For ten seconds, which may pass on a machine that does much else. */
static void where_somebody_had_few_among_them_no_more_are_given(void **state)
{
    (void)state;
    for (int i = 0; i < ATTEMPTS; i++) {
        (void)given_at_once(1);
        if (given_at_once(0) == USUAL) {
            return;
        }
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_many_wait_more_are_given),
        cmocka_unit_test(where_somebody_had_few_among_them_no_more_are_given),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
