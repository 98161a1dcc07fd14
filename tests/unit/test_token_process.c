#include "tests/unit/channels.h"

#include "keystore/tokens/approval.h"
#include "keystore/tokens/internal.h"

#include <sys/mman.h>

/* When a process has been silent for too long, and what it may say of itself. */

#define USUAL_NS (5 * PS_NS_PER_S)
#define LONG_NS  (180 * PS_NS_PER_S)

static struct tokens tokens;
static struct token token;
static struct token_process *process;
static struct end module; /* the other end */
static unsigned answers;
static unsigned alarms;

static void ignore_room(void *context, struct token *of)
{
    (void)context;
    (void)of;
}

static void count_alarm(void *context, struct token *of, const char *what)
{
    (void)context;
    (void)of;
    assert_string_equal(what, "unapproved-module");
    alarms++;
}

static const struct tokens_handler calls = {
    .on_change = ignore_room, .on_room = ignore_room, .on_unapproved = count_alarm};

static void count_answer(void *context, const struct token_answer *answer)
{
    (void)context;
    assert_int_equal(answer->outcome, TOKEN_ANSWERED);
    answers++;
}

static int begin(void **state)
{
    int ends[2];

    (void)make_loop(state);
    answers = alarms = 0;
    module = (struct end){0};
    tokens = (struct tokens){.loop = loop, .handler = &calls, .timeout_ns = USUAL_NS};
    token = (struct token){.tokens = &tokens};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_ok(process_new(&token, 1, ends[0], &process));
    open_end(&module, ends[1], &token_set, IPC_SERVER);
    return 0;
}

static int end(void **state)
{
    do_free(&module);
    process_free(process);
    return free_loop(state);
}

/* Gives the id under which it went out. */
static uint64_t call(uint64_t limit_ns)
{
    const struct msg_token_random message = {.count = 1};
    const unsigned seen = module.messages;

    assert_ok(
        process_call(process, &msg_token_random_info, &message, 0, limit_ns, count_answer, NULL));
    turn_until(module.messages == seen + 1);
    return module.last_id;
}

static void answer(uint64_t id)
{
    const struct msg_token_octets message = {.octets = LITERAL("x")};
    const unsigned seen = answers;

    assert_ok(channel_send(module.channel, &msg_token_octets_info, id, &message));
    turn_until(answers == seen + 1);
}

static bool is_overdue_after(uint64_t silence_ns)
{
    return process_is_overdue(process, ps_clock_mono_ns() + silence_ns);
}

static void silence_counts_from_a_call_or_the_last_answer(void **state)
{
    uint64_t first;

    (void)state;
    assert_false(is_overdue_after(1000 * LONG_NS));
    first = call(USUAL_NS);
    assert_true(is_overdue_after(USUAL_NS));
    assert_false(process_is_overdue(process, process->oldest_ns + USUAL_NS));
    (void)call(USUAL_NS);
    answer(first);
    assert_true(is_overdue_after(USUAL_NS));
    assert_false(process_is_overdue(process, process->oldest_ns + USUAL_NS));
}

static void the_longest_of_the_calls_in_flight_counts(void **state)
{
    (void)state;
    (void)call(USUAL_NS);
    (void)call(LONG_NS);
    (void)call(USUAL_NS);
    assert_false(process_is_overdue(process, process->oldest_ns + LONG_NS));
    assert_true(is_overdue_after(LONG_NS));
}

static void a_long_call_that_was_answered_does_not_count(void **state)
{
    uint64_t long_call;

    (void)state;
    long_call = call(LONG_NS);
    (void)call(USUAL_NS);
    answer(long_call);
    assert_true(is_overdue_after(USUAL_NS));
}

static void nor_does_it_in_a_process_that_never_rests(void **state)
{
    uint64_t earlier = call(LONG_NS);

    (void)state;
    for (int i = 0; i < 600; i++) {
        const uint64_t next = call(USUAL_NS);

        answer(earlier);
        earlier = next;
    }
    assert_int_equal(process->in_flight, 1);
    assert_true(is_overdue_after(USUAL_NS));
}

/* With several sessions the others go on. */
static void a_call_that_hangs_is_noticed_while_others_are_answered(void **state)
{
    const uint64_t hanging = call(USUAL_NS);
    const uint64_t since_ns = process->oldest_ns;

    (void)state;
    for (int i = 0; i < 600; i++) {
        answer(call(USUAL_NS));
    }
    assert_false(process_is_overdue(process, since_ns + USUAL_NS));
    assert_true(process_is_overdue(process, since_ns + USUAL_NS + 1));
    (void)call(USUAL_NS);
    answer(hanging); /* it did not hang: the next has its time from now on */
    assert_false(process_is_overdue(process, process->oldest_ns + USUAL_NS));
    assert_true(process->oldest_ns > since_ns);
}

static void answers_in_any_order_leave_the_oldest(void **state)
{
    uint64_t ids[6];
    static const uint8_t order[] = {3, 5, 0, 1, 4, 2};
    static const uint8_t oldest[] = {0, 0, 1, 2, 2};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(ids); i++) {
        ids[i] = call(USUAL_NS);
    }
    for (size_t i = 0; i < PS_COUNT_OF(order); i++) {
        answer(ids[order[i]]);
        if (i < PS_COUNT_OF(oldest)) {
            assert_int_equal(process->oldest, (ids[oldest[i]] & 0xffff) - 1);
        }
    }
    assert_int_equal(process->in_flight, 0);
    assert_false(is_overdue_after(1000 * LONG_NS));
    (void)call(USUAL_NS);
    assert_true(is_overdue_after(USUAL_NS));
}

static unsigned fill(uint32_t cost, bool is_wide)
{
    unsigned count = 0;

    process->state = TOKEN_READY;
    while (process_has_room(process, cost, is_wide)) {
        process->signing++;
        process->signing_cost += cost;
        count++;
    }
    process->signing = 0;
    process->signing_cost = 0;
    return count;
}

/* Of cheap signatures twice as many; of dear ones none more, and none where there are sessions. */
static void a_wide_window_has_twice_as_many(void **state)
{
    (void)state;
    assert_int_equal(fill(1, false), 32);
    assert_int_equal(fill(1, true), 64);
    assert_int_equal(fill(40, false), fill(40, true));
    process->sessions = 64;
    assert_int_equal(fill(1, false), 128);
    assert_int_equal(fill(1, true), 128);
}

/* Nothing can be watched for in a file. */
static void a_process_that_cannot_be_had_leaves_no_descriptor(void **state)
{
    struct token_process *none = NULL;
    const int fd = memfd_create("no channel", MFD_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    assert_int_not_equal(process_new(&token, 2, fd, &none), PS_OK);
    assert_null(none);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

#define APPROVED "00112233445566778899aabbccddeeff"
#define ANOTHER  "10112233445566778899aabbccddeeff"

/* The process is one of the token's, with this module in it. */
static void take_in(const char *module_hash)
{
    token.processes[token.process_count++] = process;
    token_text_set(&process->module_hash, ps_bytes_str(module_hash));
}

static void approve(void)
{
    tokens_approve(&token, &(struct token_identity){.module_hash = LITERAL(APPROVED)});
}

static void say_ready(void)
{
    const struct msg_token_state message = {.state = TOKEN_READY,
                                            .reconnects = process->reconnects + 1};

    assert_ok(channel_send(module.channel, &msg_token_state_info, 0, &message));
    turn_until(process->reconnects == message.reconnects);
}

static void assert_logged_out(unsigned times)
{
    assert_false(tokens_is_ready(&token));
    assert_false(process_has_room(process, 1, false));
    turn_until(module.messages == times);
    assert_ptr_equal(module.last, &msg_token_logout_info);
}

static void a_module_that_nobody_approved_is_not_ready_whatever_it_says(void **state)
{
    (void)state;
    take_in(ANOTHER);
    approve();
    say_ready();
    assert_logged_out(1);
    say_ready(); /* as if it had not heard */
    assert_logged_out(1);
    assert_ok(channel_send(module.channel, &msg_token_done_info, module.last_id,
                           &(struct msg_token_done){.detail = LITERAL("")}));
    turn_until(!process->logout_in_flight);
    say_ready();
    assert_logged_out(2);
    assert_int_equal(alarms, 1);
    assert_true(ps_bytes_equal_str(token_text_bytes(&process->texts.reason), "unapproved-module"));
}

/* A keeper is told of the processes before it has read what was approved. */
static void nor_is_it_when_it_said_so_before_the_approval_was_known(void **state)
{
    (void)state;
    take_in(ANOTHER);
    say_ready();
    assert_true(tokens_is_ready(&token));
    approve();
    assert_logged_out(1);
    assert_int_equal(alarms, 1);
}

static void an_approved_module_is_ready_when_it_says_so(void **state)
{
    (void)state;
    take_in(APPROVED);
    say_ready();
    approve();
    say_ready();
    turn_some();
    assert_true(tokens_is_ready(&token));
    assert_int_equal(module.messages, 0);
    assert_int_equal(alarms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(silence_counts_from_a_call_or_the_last_answer, begin, end),
        cmocka_unit_test_setup_teardown(the_longest_of_the_calls_in_flight_counts, begin, end),
        cmocka_unit_test_setup_teardown(a_long_call_that_was_answered_does_not_count, begin, end),
        cmocka_unit_test_setup_teardown(nor_does_it_in_a_process_that_never_rests, begin, end),
        cmocka_unit_test_setup_teardown(a_call_that_hangs_is_noticed_while_others_are_answered,
                                        begin, end),
        cmocka_unit_test_setup_teardown(answers_in_any_order_leave_the_oldest, begin, end),
        cmocka_unit_test_setup_teardown(a_wide_window_has_twice_as_many, begin, end),
        cmocka_unit_test_setup_teardown(a_process_that_cannot_be_had_leaves_no_descriptor, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_module_that_nobody_approved_is_not_ready_whatever_it_says,
                                        begin, end),
        cmocka_unit_test_setup_teardown(nor_is_it_when_it_said_so_before_the_approval_was_known,
                                        begin, end),
        cmocka_unit_test_setup_teardown(an_approved_module_is_ready_when_it_says_so, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
