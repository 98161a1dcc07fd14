#include "tests/unit/channels.h"

/* What a channel does about descriptors, full queues, and a role's first message. */

#define BIG 100000u

static enum ps_err send_big(struct end *end, uint64_t id)
{
    const struct msg_jws_sign message = {.request_id = LITERAL("r"), .payload = {fill_octets, BIG}};

    return channel_send(end->channel, &msg_jws_sign_info, id, &message);
}

/* Sends until the queue is full and says how many were taken. */
static uint64_t fill_queue(struct end *client)
{
    uint64_t sent = 0;

    while (send_big(client, sent + 1) == PS_OK) {
        sent++;
        assert_true(sent < 1000);
    }
    assert_int_equal(ps_detail()->err, PS_E_BUSY);
    assert_true(channel_queued(client->channel) > IPC_QUEUE_MAX);
    assert_true(channel_queued(client->channel) <= IPC_QUEUE_MAX + IPC_FRAME_MAX);
    return sent;
}

static void a_full_queue_is_busy_until_there_is_room(void **state)
{
    struct end client = {0};
    struct end server = {.in_order = true};
    uint64_t sent;

    (void)state;
    open_pair(&client, &server);
    channel_pause(server.channel, true);
    sent = fill_queue(&client);
    turn_some();
    assert_int_equal(client.rooms, 0);
    /* Some went into the socket meanwhile; the queue fills again. */
    while (send_big(&client, sent + 1) == PS_OK) {
        sent++;
    }
    assert_int_equal(ps_detail()->err, PS_E_BUSY);
    channel_pause(server.channel, false);
    turn_until(client.rooms == 1);
    assert_ok(send_big(&client, ++sent));
    turn_until(server.messages == sent);
    turn_some();
    assert_int_equal(client.rooms, 1);
    do_free(&client);
    do_free(&server);
}

/* The queue stays within its bounds while a slow peer takes a little at a time. */
static void a_slow_peer_never_makes_it_more_than_busy(void **state)
{
    struct end client = {0};
    struct end server = {.in_order = true};
    uint64_t sent = 0;

    (void)state;
    open_pair(&client, &server);
    server.on_message = DO_PAUSE;
    for (int round = 0; round < 600; round++) {
        enum ps_err err = PS_OK;

        for (int i = 0; i < 3 && err == PS_OK; i++) {
            err = send_big(&client, sent + 1);
            sent += err == PS_OK ? 1 : 0;
        }
        assert_true(err == PS_OK || err == PS_E_BUSY);
        channel_pause(server.channel, false);
        assert_ok(ps_loop_turn(loop, 0));
    }
    server.on_message = DO_NOTHING;
    channel_pause(server.channel, false);
    turn_until(server.messages == sent);
    do_free(&client);
    do_free(&server);
}

struct drain {
    int fd;
    size_t octets;
};

static void *read_all(void *context)
{
    struct drain *drain = context;
    static uint8_t room[65536];
    ssize_t got;

    while ((got = recv(drain->fd, room, sizeof room, 0)) > 0) {
        drain->octets += (size_t)got;
    }
    return NULL;
}

/* The queue may empty in a flush of the caller's, without any event for the loop. */
static void room_is_told_also_when_no_event_says_so(void **state)
{
    struct end client = {0};
    struct drain drain = {.fd = open_half(&client, &keeper_set, IPC_CLIENT)};
    pthread_t reader;

    (void)state;
    (void)fill_queue(&client);
    assert_int_equal(pthread_create(&reader, NULL, read_all, &drain), 0);
    while (channel_queued(client.channel) != 0) {
        channel_flush(client.channel);
    }
    assert_int_equal(client.rooms, 0);
    turn_until(client.rooms == 1);
    do_free(&client);
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_true(drain.octets > IPC_QUEUE_MAX);
    (void)close(drain.fd);
}

static void freeing_when_there_is_room_is_safe(void **state)
{
    struct end client = {.on_room = DO_FREE};
    struct end server = {0};

    (void)state;
    open_pair(&client, &server);
    (void)fill_queue(&client);
    turn_until(client.channel == NULL);
    turn_until(server.ends == 1);
    do_free(&server);
}

/* A pipe's reading end that yields one octet. */
static int pipe_with(char octet)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], &octet, 1), 1);
    (void)close(ends[1]);
    return ends[0];
}

static void descriptors_travel_in_order_with_other_messages(void **state)
{
    const struct msg_listener listener = {.kind = LISTENER_TLS, .address = LITERAL("[::1]:1")};
    const struct msg_start start = {0};
    struct end supervisor = {0};
    struct end role = {0};
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    open_end(&supervisor, ends[0], &supervisor_set, IPC_CLIENT);
    open_end(&role, ends[1], &supervisor_set, IPC_SERVER);
    for (char octet = 'a'; octet <= 'e'; octet++) {
        const int fd = pipe_with(octet);
        const unsigned before = role.messages;
        char got = 0;

        assert_ok(channel_send(supervisor.channel, &msg_start_info, 0, &start));
        assert_ok(channel_send_fd(supervisor.channel, &msg_listener_info, 0, &listener, fd));
        (void)close(fd);
        turn_until(role.messages == before + 2);
        assert_ptr_equal(role.last, &msg_listener_info);
        assert_true(role.last_fd >= 0);
        assert_int_equal(fcntl(role.last_fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        assert_int_equal(read(role.last_fd, &got, 1), 1);
        assert_int_equal(got, octet);
        (void)close(role.last_fd);
    }
    do_free(&supervisor);
    do_free(&role);
}

static void put_listener(struct ps_buf *out)
{
    const struct msg_listener listener = {.kind = LISTENER_UNIX, .address = LITERAL("x")};

    assert_ok(ipc_frame_put(&msg_listener_info, 0, &listener, out));
}

/* Sends the octets with `count` copies of a descriptor beside them. */
static void write_with_fds(int socket, struct ps_bytes octets, int fd, size_t count)
{
    union {
        char octets[CMSG_SPACE(sizeof(int) * 32)];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)octets.data, .iov_len = octets.len};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.octets,
                            .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);

    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int) * count);
    for (size_t i = 0; i < count; i++) {
        memcpy(CMSG_DATA(cmsg) + i * sizeof fd, &fd, sizeof fd);
    }
    assert_int_equal(sendmsg(socket, &header, 0), (ssize_t)octets.len);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    }
    return count;
}

static void descriptors_that_are_missing_or_too_many_end_the_channel(void **state)
{
    static const size_t counts[] = {0, 2, 16, 30};
    PS_BUF_AUTO frame = {.max = 4096};

    (void)state;
    put_listener(&frame);
    for (size_t i = 0; i < PS_COUNT_OF(counts); i++) {
        struct end role = {0};
        const unsigned before = open_descriptors();
        const int peer = open_half(&role, &supervisor_set, IPC_SERVER);

        if (counts[i] == 0) {
            write_raw(peer, ps_buf_bytes(&frame));
        } else {
            write_with_fds(peer, ps_buf_bytes(&frame), STDIN_FILENO, counts[i]);
        }
        turn_until(role.ends == 1);
        assert_int_equal(role.why, PS_E_INPUT);
        assert_int_equal(role.messages, counts[i] == 0 ? 0 : 1);
        if (role.last_fd >= 0) {
            (void)close(role.last_fd);
        }
        (void)close(peer);
        do_free(&role);
        assert_int_equal(open_descriptors(), before);
    }
}

/* Some beside each piece of one frame: those that nobody waits for are closed as they come. */
static void no_descriptor_is_left_open_of_more_than_may_wait(void **state)
{
    struct end role = {0};
    const unsigned before = open_descriptors();
    const int peer = open_half(&role, &supervisor_set, IPC_SERVER);
    PS_BUF_AUTO frame = {.max = 4096};

    (void)state;
    put_listener(&frame);
    write_with_fds(peer, ps_bytes(frame.data, 1), STDIN_FILENO, 10);
    turn_some();
    assert_int_equal(role.ends, 0);
    write_with_fds(peer, ps_bytes_from(ps_buf_bytes(&frame), 1), STDIN_FILENO, 10);
    turn_until(role.ends == 1);
    assert_int_equal(role.why, PS_E_INPUT);
    (void)close(role.last_fd);
    (void)close(peer);
    do_free(&role);
    assert_int_equal(open_descriptors(), before);
}

static void a_descriptor_with_a_message_that_has_none_ends_the_channel(void **state)
{
    struct end server = {0};
    const int peer = open_half(&server, &keeper_set, IPC_SERVER);
    const unsigned before = open_descriptors();
    PS_BUF_AUTO frame = {.max = 4096};

    (void)state;
    put_random(&frame, 1);
    write_with_fds(peer, ps_buf_bytes(&frame), STDIN_FILENO, 1);
    turn_until(server.ends == 1);
    assert_int_equal(server.why, PS_E_INPUT);
    do_free(&server);
    assert_int_equal(open_descriptors(), before - 1);
    (void)close(peer);
}

static void a_descriptor_waits_its_turn_behind_a_full_queue(void **state)
{
    const struct msg_listener listener = {.kind = LISTENER_UNIX, .address = LITERAL("x")};
    struct msg_tls tls = {.certificate = {fill_octets, 60000}, .key = {fill_octets, 4000}};
    struct end supervisor = {0};
    struct end role = {0};
    unsigned sent = 0;
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    open_end(&supervisor, ends[0], &supervisor_set, IPC_CLIENT);
    open_end(&role, ends[1], &supervisor_set, IPC_SERVER);
    channel_pause(role.channel, true);
    while (channel_queued(supervisor.channel) < 200000) {
        assert_ok(channel_send(supervisor.channel, &msg_tls_info, 0, &tls));
        channel_flush(supervisor.channel);
        sent++;
    }
    assert_fails(PS_E_BUSY, channel_send_fd(supervisor.channel, &msg_listener_info, 0, &listener,
                                            STDIN_FILENO));
    channel_pause(role.channel, false);
    turn_until(supervisor.rooms == 1);
    assert_ok(channel_send_fd(supervisor.channel, &msg_listener_info, 0, &listener, STDIN_FILENO));
    turn_until(role.messages == sent + 1);
    assert_ptr_equal(role.last, &msg_listener_info);
    (void)close(role.last_fd);
    do_free(&supervisor);
    do_free(&role);
}

struct first {
    int ends[2];
    struct ps_buf frame;
    const struct ipc_message *info;
    union any_message message;
};

static void open_first(struct first *first)
{
    *first = (struct first){.info = NULL};
    ps_buf_init(&first->frame, IPC_FRAME_MAX);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, first->ends), 0);
}

static void close_first(struct first *first)
{
    ps_buf_clear(&first->frame);
    (void)close(first->ends[0]);
    (void)close(first->ends[1]);
}

static enum ps_err receive_first(struct first *first, int timeout_ms)
{
    return channel_receive_one(first->ends[0], &supervisor_set, timeout_ms, &first->frame,
                               &first->info, &first->message);
}

static void a_first_message_is_read_and_nothing_after_it(void **state)
{
    struct first first;
    struct end role = {0};
    PS_BUF_AUTO octets = {.max = 65536};

    (void)state;
    open_first(&first);
    fill_message(&msg_token_config_info, 50, &role.expected);
    assert_ok(ipc_frame_put(&msg_token_config_info, 0, &role.expected, &octets));
    assert_ok(ipc_frame_put(&msg_start_info, 0, &(struct msg_start){.unused = 9}, &octets));
    write_raw(first.ends[1], ps_buf_bytes(&octets));
    assert_ok(receive_first(&first, 10000));
    assert_ptr_equal(first.info, &msg_token_config_info);
    assert_same_message(first.info, &role.expected, &first.message);
    open_end(&role, dup(first.ends[0]), &supervisor_set, IPC_SERVER);
    turn_until(role.messages == 1);
    assert_ptr_equal(role.last, &msg_start_info);
    do_free(&role);
    close_first(&first);
}

static void a_first_message_that_does_not_come_is_busy(void **state)
{
    struct first first;
    PS_BUF_AUTO octets = {.max = 65536};

    (void)state;
    open_first(&first);
    assert_fails(PS_E_BUSY, receive_first(&first, 0));
    assert_fails(PS_E_BUSY, receive_first(&first, 20));
    assert_ok(ipc_frame_put(&msg_start_info, 0, &(struct msg_start){.unused = 9}, &octets));
    for (size_t i = 0; i + 1 < octets.len; i++) {
        write_raw(first.ends[1], ps_bytes(octets.data + i, 1));
        assert_fails(PS_E_BUSY, receive_first(&first, 1));
    }
    write_raw(first.ends[1], ps_bytes(octets.data + octets.len - 1, 1));
    assert_ok(receive_first(&first, 10000));
    assert_ptr_equal(first.info, &msg_start_info);
    close_first(&first);
}

static void a_first_message_cut_by_the_end_is_a_state_error(void **state)
{
    struct first first;

    (void)state;
    open_first(&first);
    write_raw(first.ends[1], LITERAL("\0\0"));
    assert_int_equal(shutdown(first.ends[1], SHUT_WR), 0);
    assert_fails(PS_E_STATE, receive_first(&first, 10000));
    close_first(&first);
}

static void a_malformed_first_message_is_an_input_error(void **state)
{
    PS_BUF_AUTO octets = {.max = 65536};

    (void)state;
    for (int round = 0; round < 3; round++) {
        struct first first;

        open_first(&first);
        ps_buf_reset(&octets);
        if (round == 2) {
            /* Its descriptor would be lost. */
            put_listener(&octets);
        } else {
            assert_ok(ipc_frame_put(&msg_start_info, 0, &(struct msg_start){.unused = 9}, &octets));
            octets.data[round == 0 ? 4 : 7] ^= 0x40;
        }
        write_raw(first.ends[1], ps_buf_bytes(&octets));
        assert_fails(PS_E_INPUT, receive_first(&first, 10000));
        assert_null(first.info);
        close_first(&first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(a_full_queue_is_busy_until_there_is_room),
        LOOP_TEST(a_slow_peer_never_makes_it_more_than_busy),
        LOOP_TEST(room_is_told_also_when_no_event_says_so),
        LOOP_TEST(freeing_when_there_is_room_is_safe),
        LOOP_TEST(descriptors_travel_in_order_with_other_messages),
        LOOP_TEST(descriptors_that_are_missing_or_too_many_end_the_channel),
        LOOP_TEST(no_descriptor_is_left_open_of_more_than_may_wait),
        LOOP_TEST(a_descriptor_with_a_message_that_has_none_ends_the_channel),
        LOOP_TEST(a_descriptor_waits_its_turn_behind_a_full_queue),
        LOOP_TEST(a_first_message_is_read_and_nothing_after_it),
        LOOP_TEST(a_first_message_that_does_not_come_is_busy),
        LOOP_TEST(a_first_message_cut_by_the_end_is_a_state_error),
        LOOP_TEST(a_malformed_first_message_is_an_input_error),
    };

    return cmocka_run_group_tests_name("channel_flow", tests, NULL, NULL);
}
