#include "tests/unit/support.h"

#include "api/internal.h"

#include <sys/socket.h>
#include <unistd.h>

/* The calls that wait for the keeper, without the process around them. */

static struct {
    unsigned count;
    uint16_t problem; /* of the last */
} answered;

static void on_answer(struct exchange *exchange, uint32_t item, const struct ipc_message *info,
                      const void *message)
{
    (void)exchange;
    (void)item;
    assert_ptr_equal(info, &msg_problem_info);
    answered.count++;
    answered.problem = ((const struct msg_problem *)message)->problem;
}

/* What was sent is read and forgotten. */
static void drain(struct ps_loop *loop, int fd)
{
    static uint8_t octets[65536];

    do {
        assert_ok(ps_loop_turn(loop, 0));
    } while (recv(fd, octets, sizeof octets, MSG_DONTWAIT) > 0);
}

static void one_call_more_than_there_are_places_for_is_refused(void **state)
{
    enum { PLACES = 1 << 18 };
    static const struct route route = {.deadline_ms = 3600000};
    const struct msg_random wish = {.request_id = LITERAL("r"), .count = 1};
    const struct keeper_call call = {
        .ask = &msg_random_info, .message = &wish, .expect = &msg_octets_info, .fn = on_answer};
    struct exchange exchange = {.match = {.route = &route}};
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct ps_loop *loop;
    struct keeper *keeper;
    int fds[2];

    (void)state;
    assert_ok(ps_loop_new(&loop));
    assert_ok(json_new(&json));
    assert_ok(keeper_new(loop, json, 1, &keeper));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_ok(keeper_connect(keeper, fds[0]));
    assert_ok(keeper_begin(keeper, &exchange, PLACES + 1));
    for (unsigned i = 0; i < PLACES; i++) {
        keeper_ask(keeper, &exchange, &call);
        if (i % 1000 == 0) {
            drain(loop, fds[1]);
        }
    }
    assert_int_equal(answered.count, 0);
    keeper_ask(keeper, &exchange, &call);
    assert_int_equal(answered.count, 1);
    assert_int_equal(answered.problem, PS_PROBLEM_OVERLOADED);
    /* Who waits is answered all the same. */
    keeper_fail_all(keeper, PS_PROBLEM_STOPPING);
    assert_int_equal(answered.count, PLACES + 1);
    assert_int_equal(answered.problem, PS_PROBLEM_STOPPING);
    keeper_free(keeper);
    ps_loop_free(loop);
    (void)close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_call_more_than_there_are_places_for_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
