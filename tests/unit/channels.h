#ifndef TESTS_UNIT_CHANNELS_H
#define TESTS_UNIT_CHANNELS_H

#include "tests/unit/messages.h"

#include "lib/base/clock.h"
#include "lib/ipc/frame.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* One loop, and an end of a channel that keeps what happened to it. */

static struct ps_loop *loop;

enum on_event { DO_NOTHING, DO_FREE, DO_PAUSE, DO_FAIL, DO_ANSWER };

struct end {
    struct channel *channel;
    enum on_event on_message; /* what its callback does */
    enum on_event on_end;
    enum on_event on_room;
    unsigned messages;
    unsigned ends;
    unsigned rooms;
    const struct ipc_message *last; /* of the last message */
    uint64_t last_id;
    int last_fd;
    union any_message expected; /* compared with each message where `compares` */
    bool compares;
    bool in_order; /* ids are 1, 2, 3, ... */
    enum ps_err why;
};

static void do_free(struct end *end)
{
    channel_free(end->channel);
    end->channel = NULL;
}

static enum ps_err end_on_message(void *context, struct channel *channel,
                                  const struct ipc_message *info, uint64_t id, const void *message,
                                  int fd)
{
    struct end *end = context;

    assert_ptr_equal(channel, end->channel);
    end->messages++;
    end->last = info;
    end->last_id = id;
    end->last_fd = fd;
    if (end->compares) {
        assert_same_message(info, &end->expected, message);
    }
    if (end->in_order) {
        assert_true(id == end->messages);
    }
    if (end->on_message == DO_FREE) {
        do_free(end);
    } else if (end->on_message == DO_PAUSE) {
        channel_pause(channel, true);
    } else if (end->on_message == DO_FAIL) {
        return ps_fail(PS_E_DENIED, 0, "not with us");
    } else if (end->on_message == DO_ANSWER) {
        const struct msg_octets answer = {.octets = LITERAL("answer")};

        assert_ok(channel_send(channel, &msg_octets_info, id, &answer));
    }
    return PS_OK;
}

static void end_on_end(void *context, struct channel *channel, enum ps_err why)
{
    struct end *end = context;

    assert_ptr_equal(channel, end->channel);
    end->ends++;
    end->why = why;
    if (end->on_end == DO_FREE) {
        do_free(end);
    }
}

static void end_on_room(void *context, struct channel *channel)
{
    struct end *end = context;

    assert_ptr_equal(channel, end->channel);
    end->rooms++;
    if (end->on_room == DO_FREE) {
        do_free(end);
    }
}

static const struct channel_handler end_handler = {end_on_message, end_on_end, end_on_room};

static void open_end(struct end *end, int fd, const struct ipc_set *set, enum ipc_side side)
{
    end->last_fd = -1;
    assert_ok(channel_new(loop, fd, set, side, &end_handler, end, &end->channel));
}

/* Two channels of the keeper set, client and server, in the one loop. */
static inline PS_UNUSED void open_pair(struct end *client, struct end *server)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    open_end(client, ends[0], &keeper_set, IPC_CLIENT);
    open_end(server, ends[1], &keeper_set, IPC_SERVER);
}

/* One channel, and the bare descriptor at its other end. */
static inline PS_UNUSED int open_half(struct end *end, const struct ipc_set *set,
                                      enum ipc_side side)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    open_end(end, ends[0], set, side);
    return ends[1];
}

/* Turns the loop until the condition holds; a minute means that it never will. */
#define turn_until(condition)                                                                      \
    do {                                                                                           \
        const uint64_t turn_deadline = ps_clock_mono_ns() + 60 * PS_NS_PER_S;                      \
        while (!(condition)) {                                                                     \
            assert_true(ps_clock_mono_ns() < turn_deadline);                                       \
            assert_ok(ps_loop_turn(loop, 100));                                                    \
        }                                                                                          \
    } while (0)

static inline PS_UNUSED void turn_some(void)
{
    for (int i = 0; i < 5; i++) {
        assert_ok(ps_loop_turn(loop, 0));
    }
}

static inline PS_UNUSED enum ps_err send_random(struct end *end, uint64_t id)
{
    const struct msg_random message = {.request_id = LITERAL("r"), .count = (uint32_t)id};

    return channel_send(end->channel, &msg_random_info, id, &message);
}

static inline PS_UNUSED void put_random(struct ps_buf *out, uint64_t id)
{
    const struct msg_random message = {.request_id = LITERAL("r"), .count = (uint32_t)id};

    assert_ok(ipc_frame_put(&msg_random_info, id, &message, out));
}

static inline PS_UNUSED void write_raw(int fd, struct ps_bytes octets)
{
    assert_int_equal(send(fd, octets.data, octets.len, MSG_NOSIGNAL), (ssize_t)octets.len);
}

static inline PS_UNUSED int make_loop(void **state)
{
    (void)state;
    return ps_loop_new(&loop) == PS_OK ? 0 : -1;
}

static inline PS_UNUSED int free_loop(void **state)
{
    (void)state;
    ps_loop_free(loop);
    return 0;
}

#define LOOP_TEST(function) cmocka_unit_test_setup_teardown(function, make_loop, free_loop)

#endif
