#include "tests/unit/channels.h"

#include "lib/base/problem.h"

static void requests_and_answers_pass_in_order_under_their_ids(void **state)
{
    struct end client = {.in_order = true};
    struct end server = {.in_order = true, .on_message = DO_ANSWER};

    (void)state;
    open_pair(&client, &server);
    for (uint64_t id = 1; id <= 1000; id++) {
        assert_ok(send_random(&client, id));
    }
    turn_until(client.messages == 1000);
    assert_int_equal(server.messages, 1000);
    assert_ptr_equal(server.last, &msg_random_info);
    assert_ptr_equal(client.last, &msg_octets_info);
    assert_int_equal(client.ends + server.ends, 0);
    do_free(&client);
    do_free(&server);
}

static void check_travels(const struct ipc_set *set, const struct ipc_message *info)
{
    struct end from = {0};
    struct end to = {.compares = true};
    const enum ipc_side side = receiver_of(info);
    int ends[2];
    enum ps_err err;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    open_end(&from, ends[0], set, side == IPC_CLIENT ? IPC_SERVER : IPC_CLIENT);
    open_end(&to, ends[1], set, side);
    fill_message(info, 100, &to.expected);
    err = info->has_descriptor
              ? channel_send_fd(from.channel, info, id_for(info), &to.expected, STDIN_FILENO)
              : channel_send(from.channel, info, id_for(info), &to.expected);
    assert_ok(err);
    turn_until(to.messages == 1);
    assert_ptr_equal(to.last, info);
    assert_true(to.last_id == id_for(info));
    assert_int_equal(to.last_fd >= 0, info->has_descriptor);
    if (to.last_fd >= 0) {
        (void)close(to.last_fd);
    }
    do_free(&from);
    do_free(&to);
}

static void every_message_travels(void **state)
{
    (void)state;
    for_each_message(check_travels);
}

static void a_payload_of_the_largest_size_travels(void **state)
{
    struct end client = {0};
    struct end server = {.compares = true};

    (void)state;
    open_pair(&client, &server);
    fill_message(&msg_jws_sign_info, IPC_PAYLOAD_MAX, &server.expected);
    for (uint64_t id = 1; id <= 5; id++) {
        assert_ok(channel_send(client.channel, &msg_jws_sign_info, id, &server.expected));
    }
    turn_until(server.messages == 5);
    do_free(&client);
    do_free(&server);
}

static void little_that_is_sent_in_one_turn_goes_out_in_one_write(void **state)
{
    struct end client = {0};
    const int peer = open_half(&client, &keeper_set, IPC_CLIENT);
    uint8_t room[4096];
    PS_BUF_AUTO expected = {.max = sizeof room};

    (void)state;
    for (uint64_t id = 1; id <= 7; id++) {
        assert_ok(send_random(&client, id));
        put_random(&expected, id);
    }
    assert_int_equal(recv(peer, room, sizeof room, MSG_DONTWAIT), -1);
    assert_int_equal(channel_queued(client.channel), expected.len);
    assert_ok(ps_loop_turn(loop, 0));
    assert_int_equal(channel_queued(client.channel), 0);
    assert_int_equal(recv(peer, room, sizeof room, MSG_DONTWAIT), (ssize_t)expected.len);
    assert_memory_equal(room, expected.data, expected.len);
    (void)close(peer);
    do_free(&client);
}

/* Eight frames, or a quarter of what is under way, where that is more. */
static void of_much_the_first_goes_ahead(void **state)
{
    struct end client = {0};
    struct end server = {.on_message = DO_ANSWER};

    (void)state;
    open_pair(&client, &server);
    for (uint64_t id = 1; id <= 42; id++) {
        assert_ok(send_random(&client, id));
        assert_int_equal(channel_queued(client.channel) == 0, id == 42 || (id % 8 == 0 && id < 40));
    }
    turn_until(client.messages == 42);
    for (uint64_t id = 43; id <= 50; id++) {
        assert_ok(send_random(&client, id));
        assert_int_equal(channel_queued(client.channel) == 0, id == 50);
    }
    do_free(&client);
    do_free(&server);
}

static void how_many_frames_wait_can_be_set(void **state)
{
    struct end server = {0};
    const int peer = open_half(&server, &keeper_set, IPC_SERVER);

    (void)state;
    channel_set_burst(server.channel, 2 * IPC_BURST);
    for (uint64_t id = 1; id <= 2 * IPC_BURST + 3; id++) {
        if (id == 2 * IPC_BURST + 3) {
            channel_set_burst(server.channel, 3);
        }
        assert_ok(channel_send(server.channel, &msg_problem_info, id,
                               &(struct msg_problem){.problem = PS_PROBLEM_REFUSED}));
        assert_int_equal(channel_queued(server.channel) == 0,
                         id == 2 * IPC_BURST || id == 2 * IPC_BURST + 3);
    }
    (void)close(peer);
    do_free(&server);
}

static void flushing_writes_at_once(void **state)
{
    struct end client = {0};
    const int peer = open_half(&client, &keeper_set, IPC_CLIENT);
    uint8_t room[256];

    (void)state;
    assert_ok(send_random(&client, 1));
    channel_flush(client.channel);
    assert_true(recv(peer, room, sizeof room, MSG_DONTWAIT) > 0);
    channel_flush(client.channel);
    (void)close(peer);
    do_free(&client);
}

static void frames_that_come_octet_by_octet_are_put_together(void **state)
{
    struct end server = {.in_order = true};
    const int peer = open_half(&server, &keeper_set, IPC_SERVER);
    PS_BUF_AUTO frames = {.max = 4096};

    (void)state;
    put_random(&frames, 1);
    put_random(&frames, 2);
    for (size_t i = 0; i < frames.len; i++) {
        write_raw(peer, ps_bytes(frames.data + i, 1));
        turn_some();
    }
    assert_int_equal(server.messages, 2);
    (void)close(peer);
    do_free(&server);
}

/* The frame follows a good one, which is still delivered; nothing is after it. */
static void check_ends(struct ps_bytes frame)
{
    struct end server = {0};
    const int peer = open_half(&server, &keeper_set, IPC_SERVER);
    PS_BUF_AUTO octets = {.max = 65536};

    put_random(&octets, 1);
    ps_buf_put(&octets, frame);
    put_random(&octets, 3);
    write_raw(peer, ps_buf_bytes(&octets));
    turn_until(server.ends == 1);
    assert_int_equal(server.why, PS_E_INPUT);
    assert_int_equal(server.messages, 1);
    assert_fails(PS_E_STATE, channel_send(server.channel, &msg_octets_info, 1,
                                          &(struct msg_octets){.octets = LITERAL("x")}));
    channel_flush(server.channel);
    channel_pause(server.channel, true);
    channel_pause(server.channel, false);
    turn_some();
    assert_int_equal(server.ends, 1);
    assert_int_equal(server.messages, 1);
    (void)close(peer);
    do_free(&server);
}

static void a_malformed_frame_ends_the_channel(void **state)
{
    /* Octets of a good frame that are changed: version, flags, type, id, lengths of all and of a
     * field. */
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{4, 2}, {5, 1}, {6, 0x7f}, {15, 0}, {0, 0xff}, {3, 15}, {21, 0xff}, {24, 33}};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(changes); i++) {
        PS_BUF_AUTO frame = {.max = 4096};

        put_random(&frame, 2);
        frame.data[changes[i].at] = changes[i].value;
        check_ends(ps_buf_bytes(&frame));
    }
}

static void a_message_that_may_not_come_here_ends_the_channel(void **state)
{
    const struct msg_octets octets = {.octets = LITERAL("x")};
    const struct msg_token_octets other = {.octets = LITERAL("x")};
    PS_BUF_AUTO frame = {.max = 4096};

    (void)state;
    assert_ok(ipc_frame_put(&msg_octets_info, 5, &octets, &frame));
    check_ends(ps_buf_bytes(&frame));
    ps_buf_reset(&frame);
    assert_ok(ipc_frame_put(&msg_token_octets_info, 5, &other, &frame));
    check_ends(ps_buf_bytes(&frame));
}

static void an_error_of_the_handler_ends_the_channel(void **state)
{
    struct end client = {0};
    struct end server = {.on_message = DO_FAIL};

    (void)state;
    open_pair(&client, &server);
    assert_ok(send_random(&client, 1));
    assert_ok(send_random(&client, 2));
    turn_until(server.ends == 1);
    assert_int_equal(server.why, PS_E_DENIED);
    assert_int_equal(server.messages, 1);
    do_free(&server);
    turn_until(client.ends == 1);
    assert_int_equal(client.why, PS_OK);
    do_free(&client);
}

/* More than is read at once, and less than what a socket takes with nobody reading. */
static void what_the_peer_sent_last_arrives_before_its_end(void **state)
{
    enum { MESSAGES = 2000 };
    struct end client = {0};
    struct end server = {.in_order = true};

    (void)state;
    open_pair(&client, &server);
    for (uint64_t id = 1; id <= MESSAGES; id++) {
        assert_ok(send_random(&client, id));
    }
    channel_flush(client.channel);
    assert_int_equal(channel_queued(client.channel), 0);
    do_free(&client);
    turn_until(server.ends == 1);
    assert_int_equal(server.messages, MESSAGES);
    assert_int_equal(server.why, PS_OK);
    do_free(&server);
}

static void sending_to_a_peer_that_is_gone_is_no_error_until_it_is_noticed(void **state)
{
    struct end client = {0};
    const int peer = open_half(&client, &keeper_set, IPC_CLIENT);

    (void)state;
    (void)close(peer);
    assert_ok(send_random(&client, 1));
    channel_flush(client.channel);
    assert_ok(send_random(&client, 2));
    turn_until(client.ends == 1);
    assert_int_equal(client.why, PS_OK);
    assert_fails(PS_E_STATE, send_random(&client, 3));
    do_free(&client);
}

static void freeing_inside_each_callback_is_safe(void **state)
{
    struct end client = {0};
    struct end server = {.on_message = DO_FREE};

    (void)state;
    open_pair(&client, &server);
    for (uint64_t id = 1; id <= 10; id++) {
        assert_ok(send_random(&client, id));
    }
    client.on_end = DO_FREE;
    turn_until(client.channel == NULL);
    assert_int_equal(server.messages, 1);
    assert_null(server.channel);
    turn_some();
    channel_free(NULL);
}

static void freeing_in_the_callback_of_a_resumed_channel_is_safe(void **state)
{
    struct end client = {0};
    struct end server = {.on_message = DO_PAUSE};

    (void)state;
    open_pair(&client, &server);
    for (uint64_t id = 1; id <= 10; id++) {
        assert_ok(send_random(&client, id));
    }
    turn_until(server.messages == 1);
    server.on_message = DO_FREE;
    channel_pause(server.channel, false);
    turn_until(server.channel == NULL);
    assert_int_equal(server.messages, 2);
    turn_until(client.ends == 1);
    do_free(&client);
}

static void a_paused_channel_handles_nothing_until_it_is_resumed(void **state)
{
    struct end client = {0};
    struct end server = {.on_message = DO_PAUSE, .in_order = true};

    (void)state;
    open_pair(&client, &server);
    for (uint64_t id = 1; id <= 5; id++) {
        assert_ok(send_random(&client, id));
    }
    for (unsigned handled = 1; handled <= 5; handled++) {
        turn_until(server.messages == handled);
        turn_some();
        assert_int_equal(server.messages, handled);
        /* What had been read already is handled without anything new arriving. */
        channel_pause(server.channel, false);
    }
    turn_some();
    assert_int_equal(server.messages, 5);
    server.on_message = DO_NOTHING;
    assert_ok(send_random(&client, 6));
    turn_until(server.messages == 6);
    do_free(&client);
    do_free(&server);
}

static void what_comes_while_paused_waits_in_the_socket(void **state)
{
    struct end client = {0};
    struct end server = {0};

    (void)state;
    open_pair(&client, &server);
    channel_pause(server.channel, true);
    assert_ok(send_random(&client, 1));
    turn_some();
    assert_int_equal(server.messages, 0);
    channel_pause(server.channel, false);
    turn_until(server.messages == 1);
    do_free(&client);
    do_free(&server);
}

static void a_malformed_frame_behind_a_pause_ends_the_channel_when_resumed(void **state)
{
    struct end server = {.on_message = DO_PAUSE};
    const int peer = open_half(&server, &keeper_set, IPC_SERVER);
    PS_BUF_AUTO octets = {.max = 4096};

    (void)state;
    put_random(&octets, 1);
    ps_buf_put_u32(&octets, 0);
    write_raw(peer, ps_buf_bytes(&octets));
    turn_until(server.messages == 1);
    turn_some();
    assert_int_equal(server.ends, 0);
    channel_pause(server.channel, false);
    turn_until(server.ends == 1);
    assert_int_equal(server.why, PS_E_INPUT);
    (void)close(peer);
    do_free(&server);
}

static void the_end_of_the_peer_is_noticed_while_paused(void **state)
{
    struct end client = {0};
    struct end server = {0};

    (void)state;
    open_pair(&client, &server);
    channel_pause(server.channel, true);
    do_free(&client);
    turn_until(server.ends == 1);
    assert_int_equal(server.why, PS_OK);
    do_free(&server);
}

static void a_descriptor_that_is_none_is_an_error(void **state)
{
    struct end end = {0};

    (void)state;
    assert_fails(PS_E_INTERNAL,
                 channel_new(loop, -1, &keeper_set, IPC_CLIENT, &end_handler, &end, &end.channel));
    assert_null(end.channel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(requests_and_answers_pass_in_order_under_their_ids),
        LOOP_TEST(every_message_travels),
        LOOP_TEST(a_payload_of_the_largest_size_travels),
        LOOP_TEST(little_that_is_sent_in_one_turn_goes_out_in_one_write),
        LOOP_TEST(of_much_the_first_goes_ahead),
        LOOP_TEST(how_many_frames_wait_can_be_set),
        LOOP_TEST(flushing_writes_at_once),
        LOOP_TEST(frames_that_come_octet_by_octet_are_put_together),
        LOOP_TEST(a_malformed_frame_ends_the_channel),
        LOOP_TEST(a_message_that_may_not_come_here_ends_the_channel),
        LOOP_TEST(an_error_of_the_handler_ends_the_channel),
        LOOP_TEST(what_the_peer_sent_last_arrives_before_its_end),
        LOOP_TEST(sending_to_a_peer_that_is_gone_is_no_error_until_it_is_noticed),
        LOOP_TEST(freeing_inside_each_callback_is_safe),
        LOOP_TEST(freeing_in_the_callback_of_a_resumed_channel_is_safe),
        LOOP_TEST(a_paused_channel_handles_nothing_until_it_is_resumed),
        LOOP_TEST(what_comes_while_paused_waits_in_the_socket),
        LOOP_TEST(a_malformed_frame_behind_a_pause_ends_the_channel_when_resumed),
        LOOP_TEST(the_end_of_the_peer_is_noticed_while_paused),
        LOOP_TEST(a_descriptor_that_is_none_is_an_error),
    };

    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
