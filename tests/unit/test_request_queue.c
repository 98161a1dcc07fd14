#include "tests/unit/access_support.h"

#include "keystore/answer.h"
#include "keystore/callers/request_queue.h"
#include "lib/ipc/frame.h"

#include <sys/socket.h>
#include <unistd.h>

/* Requests that take the keeper's own time: one in each turn of the loop, the clients in turn. */

#define MANY     300u
#define STRANGER 99u

static struct ps_loop *loop;
static struct msg_keeper_config config;
static struct keeper keeper;
static struct api_peer peers[1];
static struct request_queue *requests;
static int far_end; /* where answers come out */
static struct ps_buf answers;
static struct ps_buf done; /* the ids of what was done, an octet each */

/* --- What is asked --- */

static void do_other(struct keeper *of, const struct reply_to *to, const void *message)
{
    (void)message;
    assert_ptr_equal(of, &keeper);
    ps_buf_put_u8(&done, (uint8_t)to->id);
}

static void do_read(struct keeper *of, const struct reply_to *to, const void *message)
{
    const struct msg_read *read = message;

    assert_true(ps_bytes_equal_str(read->name, "some"));
    do_other(of, to, message);
}

static const struct request_type read_type = {&msg_read_info, do_read, true};
static const struct request_type other_type = {&msg_access_check_info, do_other, true};

static void ask_as(uint32_t uid, uint64_t id)
{
    char name[] = "some";
    const struct msg_read message = {
        .caller = peer(uid), .request_id = ps_bytes_str("r"), .name = ps_bytes_str(name)};
    const struct reply_to to = {.peer = peers, .generation = peers->generation, .id = id};

    request_queue_add(requests, &to, &read_type, &message);
    memset(name, 'x', sizeof name - 1);
}

static void turn(void)
{
    assert_ok(ps_loop_turn(loop, 0));
}

/* How many answers have come, each of them that too many wait. */
static size_t refusals(void)
{
    struct ps_bytes rest;
    size_t count = 0;
    ssize_t got;

    channel_flush(peers->channel);
    do {
        uint8_t *to = ps_buf_reserve(&answers, 65536);

        got = recv(far_end, to, 65536, MSG_DONTWAIT);
        ps_buf_commit(&answers, got > 0 ? (size_t)got : 0);
    } while (got > 0);
    for (rest = ps_buf_bytes(&answers); rest.len != 0; count++) {
        struct msg_problem problem = {0};
        struct ipc_frame frame;
        size_t len;

        assert_ok(ipc_frame_parse(&keeper_set, IPC_CLIENT, rest, &frame, &len));
        assert_ptr_equal(frame.info, &msg_problem_info);
        assert_ok(ipc_decode(frame.info, frame.payload, &problem));
        assert_int_equal(problem.problem, PS_PROBLEM_OVERLOADED);
        assert_int_equal(problem.retry_after_s, 1);
        rest = ps_bytes_from(rest, len);
    }
    return count;
}

/* --- One keeper, with as much of it as is needed --- */

static enum ps_err on_message(void *context, struct channel *channel,
                              const struct ipc_message *info, uint64_t id, const void *message,
                              int fd)
{
    (void)context;
    (void)channel;
    (void)id;
    (void)message;
    (void)fd;
    return ps_fail(PS_E_INPUT, 0, "%s was not expected", info->name);
}

static void on_end(void *context, struct channel *channel, enum ps_err why)
{
    (void)context;
    (void)channel;
    (void)why;
    fail();
}

static const struct channel_handler handler = {.on_message = on_message, .on_end = on_end};

static void make_queue(void)
{
    assert_ok(request_queue_new(&keeper, &requests));
    keeper.requests = requests;
}

static int begin(void **state)
{
    int ends[2];

    (void)make(state);
    put_client((struct client_row){.name = "busy", .uids = "7"});
    put_client((struct client_row){.name = "other", .uids = "8"});
    load();
    assert_ok(ps_loop_new(&loop));
    config = (struct msg_keeper_config){.queue_max = 4096, .request_timeout_ms = 60000};
    keeper = (struct keeper){.loop = loop, .config = &config, .access = access_};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    far_end = ends[1];
    peers[0] = (struct api_peer){.keeper = &keeper, .role = IPC_ROLE_API_CLIENTS};
    assert_ok(channel_new(loop, ends[0], &keeper_set, IPC_SERVER, &handler, NULL, &peers->channel));
    ps_buf_init(&answers, 1024 * 1024);
    ps_buf_init(&done, 65536);
    make_queue();
    return 0;
}

static int end(void **state)
{
    request_queue_free(requests);
    channel_free(peers->channel);
    ps_loop_free(loop);
    (void)close(far_end);
    ps_buf_clear(&answers);
    ps_buf_clear(&done);
    return clear(state);
}

/* --- Turns --- */

/* So that whatever comes for a signature waits for one of them at most. */
static void one_is_done_in_each_turn(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        ask_as(7, i);
    }
    assert_int_equal(done.len, 0);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(request_queue_count(requests), MANY - i);
        turn();
        assert_int_equal(done.len, i + 1);
        assert_int_equal(done.data[i], (uint8_t)i);
    }
    turn();
    assert_int_equal(done.len, MANY);
    assert_int_equal(refusals(), 0);
}

static void a_client_waits_for_one_of_each_other_client(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        ask_as(7, 1);
    }
    turn();
    ask_as(8, 2);
    turn();
    turn();
    assert_non_null(memchr(done.data, 2, done.len));
}

/* Who is nobody's client is one among the clients, however many of them there are. */
static void strangers_stand_in_one_line(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        ask_as(STRANGER + i, 1);
    }
    turn();
    ask_as(7, 2);
    turn();
    turn();
    assert_non_null(memchr(done.data, 2, done.len));
}

/* Its own many reads do not hold up what a client asks for beside them. */
static void what_is_of_another_type_has_a_line_of_its_own(void **state)
{
    const struct msg_access_check message = {.caller = peer(7), .request_id = ps_bytes_str("r")};
    const struct reply_to to = {.peer = peers, .id = 2};

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        ask_as(7, 1);
    }
    turn();
    request_queue_add(requests, &to, &other_type, &message);
    turn();
    turn();
    assert_non_null(memchr(done.data, 2, done.len));
}

/* --- What takes more than one turn --- */

static unsigned turns_left; /* of what is begun as `long_type` */
static unsigned states;     /* that are kept for it */

static void clear_state(void *state)
{
    assert_ptr_equal(state, &turns_left);
    states--;
}

static void do_long(struct keeper *of, const struct reply_to *to, const void *message)
{
    const bool is_first = request_queue_is_first(of->requests);

    (void)message;
    assert_ptr_equal(request_queue_take_state(of->requests), is_first ? NULL : &turns_left);
    assert_null(request_queue_take_state(of->requests));
    states -= is_first ? 0 : 1;
    ps_buf_put_u8(&done, (uint8_t)to->id);
    if (--turns_left != 0) {
        states++;
        request_queue_go_on(of->requests, &turns_left, clear_state);
    }
}

static const struct request_type long_type = {&msg_read_info, do_long, true};

static void ask_for_long(unsigned turns)
{
    const struct msg_read message = {.caller = peer(7), .request_id = ps_bytes_str("r")};
    const struct reply_to to = {.peer = peers, .generation = peers->generation, .id = 9};

    turns_left = turns;
    states = 0;
    request_queue_add(requests, &to, &long_type, &message);
}

static void what_goes_on_does_so_before_the_next_of_its_line(void **state)
{
    (void)state;
    ask_for_long(3);
    ask_as(7, 1);
    for (unsigned i = 0; i < 5; i++) {
        turn();
    }
    assert_int_equal(done.len, 4);
    assert_memory_equal(done.data, "\x09\x09\x09\x01", 4);
    assert_int_equal(states, 0);
    assert_int_equal(request_queue_count(requests), 0);
}

static void what_goes_on_takes_turns_with_other_clients(void **state)
{
    (void)state;
    ask_for_long(3);
    ask_as(8, 1);
    turn();
    assert_int_equal(request_queue_count(requests), 2);
    turn();
    assert_int_equal(done.len, 2);
    assert_memory_equal(done.data, "\x09\x01", 2);
    turn();
    turn();
    assert_int_equal(done.len, 4);
    assert_int_equal(states, 0);
}

/* Whoever asked for it is gone, it has taken too long, or all of it ends. */
static void what_does_not_go_on_is_cleared(void **state)
{
    (void)state;
    ask_for_long(3);
    turn();
    assert_int_equal(states, 1);
    peers->generation++;
    turn();
    assert_int_equal(states, 0);
    assert_int_equal(refusals(), 0);
    ask_for_long(3);
    turn();
    config.request_timeout_ms = 0;
    turn();
    assert_int_equal(states, 0);
    assert_int_equal(refusals(), 1);
    config.request_timeout_ms = 60000;
    ask_for_long(3);
    turn();
    request_queue_free(requests);
    assert_int_equal(states, 0);
    make_queue();
}

/* --- Limits --- */

static void what_has_no_room_is_refused_at_once(void **state)
{
    (void)state;
    request_queue_free(requests);
    config.queue_max = 10;
    make_queue();
    for (unsigned i = 0; i < 6; i++) {
        ask_as(7, 1);
    }
    assert_int_equal(refusals(), 0);
    ask_as(7, 1); /* more than half of it by one client */
    assert_int_equal(refusals(), 1);
    for (unsigned i = 0; i < 4; i++) {
        ask_as(8, 2);
    }
    assert_int_equal(refusals(), 1);
    ask_as(STRANGER, 3);
    assert_int_equal(refusals(), 2);
    assert_int_equal(request_queue_count(requests), 10);
    turn();
    ask_as(STRANGER, 3);
    assert_int_equal(refusals(), 2);
}

static void what_waits_too_long_is_refused(void **state)
{
    (void)state;
    ask_as(7, 1);
    ask_as(7, 2);
    config.request_timeout_ms = 0;
    turn();
    assert_int_equal(done.len, 0);
    assert_int_equal(refusals(), 2);
    assert_int_equal(request_queue_count(requests), 0);
}

static void nothing_is_done_for_a_process_that_is_gone(void **state)
{
    (void)state;
    ask_as(7, 1);
    peers->generation++;
    ask_as(7, 2);
    turn();
    assert_int_equal(done.len, 1);
    assert_int_equal(done.data[0], 2);
    assert_int_equal(refusals(), 0);
    assert_int_equal(request_queue_count(requests), 0);
}

static void what_still_waits_at_the_end_is_freed(void **state)
{
    (void)state;
    ask_as(7, 1);
    ask_as(8, 2);
    assert_int_equal(request_queue_count(requests), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_is_done_in_each_turn),
        TEST(a_client_waits_for_one_of_each_other_client),
        TEST(strangers_stand_in_one_line),
        TEST(what_is_of_another_type_has_a_line_of_its_own),
        TEST(what_goes_on_does_so_before_the_next_of_its_line),
        TEST(what_goes_on_takes_turns_with_other_clients),
        TEST(what_does_not_go_on_is_cleared),
        TEST(what_has_no_room_is_refused_at_once),
        TEST(what_waits_too_long_is_refused),
        TEST(nothing_is_done_for_a_process_that_is_gone),
        TEST(what_still_waits_at_the_end_is_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
