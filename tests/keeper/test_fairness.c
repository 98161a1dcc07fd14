#include "tests/keeper/fixture.h"

/*
 * One token process, which answers in the order of what it was given: what was answered before
 * something else says what the keeper gave it before, whatever the scheduler did meanwhile.
 */

/* The uid of another client. */
#define SECOND 50031u

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin(1);
    expect(201, change("client.register", "", "{\"name\":\"second\",\"uids\":[50031]}"));
    return 0;
}

static void make_key(const char *parameters)
{
    expect(201, change("key.create", "", parameters));
}

/* Requests for random octets at once, more than a client has places for. */
#define RANDOMS 480u
#define ROUNDS  20u

/* In one piece, so that all of them are there before the first is answered. */
static void ask_for_randoms_and(const struct msg_jws_sign *sign_one)
{
    const struct msg_random message = {
        .caller = stack_caller(), .request_id = ps_bytes_str("random-1"), .count = 4096};
    PS_BUF_AUTO frames;

    ps_buf_init(&frames, (size_t)RANDOMS * IPC_FRAME_MAX);
    for (unsigned i = 0; i < RANDOMS; i++) {
        assert_ok(ipc_frame_put(&msg_random_info, ++stack.clients.next_id, &message, &frames));
    }
    assert_ok(ipc_frame_put(&msg_jws_sign_info, ++stack.clients.next_id, sign_one, &frames));
    wire_send_octets(&stack.clients, ps_buf_bytes(&frames));
}

/* Any client may ask for random octets: the token does not do all of that before it signs. */
static void random_octets_leave_room_for_signatures(void **state)
{
    const struct msg_jws_sign sign_one = {.caller = stack_caller(),
                                          .request_id = ps_bytes_str("sign-2"),
                                          .key = ps_bytes_str("s.random"),
                                          .payload = ps_bytes_str("x")};
    unsigned made = 0;
    unsigned given = 0;

    (void)state;
    make_key("{\"name\":\"s.random\",\"type\":\"ec-p256\",\"usage\":\"sign\","
             "\"formats\":[\"jws\"]}");
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct wire_frame answer;

        ask_for_randoms_and(&sign_one);
        for (unsigned answers = 0; answers < RANDOMS + 1; answers += answer.id != 0 ? 1 : 0) {
            assert_true(wire_read(&stack.clients, WIRE_LIMIT_MS, &answer));
            made += answer.info == &msg_jws_signed_info ? 1 : 0;
            given += answer.info == &msg_octets_info ? 1 : 0;
        }
    }
    assert_int_equal(made, ROUNDS);
    assert_in_range(given, ROUNDS, RANDOMS * ROUNDS / 2);
}

/* Signatures that a client asks for at once; each costs as much as some ten of ES256. */
#define MANY 200u

/* In one piece, the last of them as `one`. How many were answered before that, of how many. */
static unsigned served_before(const struct msg_jws_sign *many, const struct msg_jws_sign *one,
                              unsigned *ret_made)
{
    PS_BUF_AUTO frames;
    uint64_t last;
    unsigned before = 0;
    bool is_served = false;

    *ret_made = 0;
    ps_buf_init(&frames, (size_t)(MANY + 1) * 1024);
    for (unsigned i = 0; i < MANY; i++) {
        assert_ok(ipc_frame_put(&msg_jws_sign_info, ++stack.clients.next_id, many, &frames));
    }
    last = ++stack.clients.next_id;
    assert_ok(ipc_frame_put(&msg_jws_sign_info, last, one, &frames));
    wire_send_octets(&stack.clients, ps_buf_bytes(&frames));
    for (unsigned answers = 0; answers < MANY + 1;) {
        struct wire_frame answer;

        assert_true(wire_read(&stack.clients, WIRE_LIMIT_MS, &answer));
        if (answer.id == 0) {
            continue; /* a notice */
        }
        answers++;
        if (answer.id == last) {
            assert_ptr_equal(answer.info, &msg_jws_signed_info);
            is_served = true;
        } else if (answer.info == &msg_jws_signed_info) {
            (*ret_made)++;
            before += is_served ? 0 : 1;
        }
    }
    return before;
}

/* Neither those of another client, nor those of another kind of its own. */
static void who_asks_for_many_signatures_holds_up_no_others(void **state)
{
    const struct msg_jws_sign many = {.caller = stack_caller(),
                                      .request_id = ps_bytes_str("many"),
                                      .key = ps_bytes_str("a.rsa"),
                                      .payload = ps_bytes_str("x")};
    struct msg_jws_sign others[] = {many, many};
    unsigned made;

    (void)state;
    make_key("{\"name\":\"a.rsa\",\"type\":\"rsa-2048\",\"usage\":\"sign\","
             "\"formats\":[\"jws\"],\"algorithms\":[\"RS256\"]}");
    make_key("{\"name\":\"a.es256\",\"type\":\"ec-p256\",\"usage\":\"sign\","
             "\"formats\":[\"jws\"]}");
    expect(201, change("grant.add", "",
                       "{\"client\":\"second\",\"keys\":\"a.rsa\",\"operations\":[\"jws.sign\"]}"));
    others[0].caller.uid = SECOND;
    others[1].key = ps_bytes_str("a.es256");
    for (size_t i = 0; i < PS_COUNT_OF(others); i++) {
        const unsigned before = served_before(&many, &others[i], &made);

        if (made < MANY / 2 || before >= made / 10) {
            fail_msg("after %u of %u", before, made);
        }
    }
}

/* Of two clients each in its turn, however much one of them has asked for. */
static void who_asks_for_many_random_octets_holds_up_no_others(void **state)
{
    struct msg_random message = {
        .caller = stack_caller(), .request_id = ps_bytes_str("random-2"), .count = 32};
    const unsigned many = 30; /* there is room for them */
    struct wire_frame answer = {.id = 0};
    PS_BUF_AUTO frames = {.max = 65536};
    unsigned before = 0;

    (void)state;
    for (unsigned i = 0; i < many; i++) {
        assert_ok(ipc_frame_put(&msg_random_info, ++stack.clients.next_id, &message, &frames));
    }
    message.caller.uid = SECOND;
    assert_ok(ipc_frame_put(&msg_random_info, ++stack.clients.next_id, &message, &frames));
    wire_send_octets(&stack.clients, ps_buf_bytes(&frames));
    for (unsigned answers = 0; answers < many + 1; answers += answer.id != 0 ? 1 : 0) {
        assert_true(wire_read(&stack.clients, WIRE_LIMIT_MS, &answer));
        assert_true(answer.id == 0 || answer.info == &msg_octets_info);
        before = answer.id == stack.clients.next_id ? answers : before;
    }
    assert_in_range(before, 0, 3);
}

/* Documents that a client asks for at once, and a signature behind them. */
#define READS 300u

/* The frames' last is refused as it is admitted. How many documents were answered before that. */
static unsigned read_before_refusal(uint64_t refused)
{
    unsigned before = 0;
    bool is_refused = false;

    for (unsigned answers = 0; answers < READS + 1;) {
        struct wire_frame answer;

        assert_true(wire_read(&stack.clients, WIRE_LIMIT_MS, &answer));
        if (answer.id == 0) {
            continue; /* a notice */
        }
        answers++;
        is_refused = is_refused || answer.id == refused;
        before += is_refused ? 0 : 1;
        assert_ptr_equal(answer.info,
                         answer.id == refused ? &msg_problem_info : &msg_document_info);
    }
    return before;
}

/*
 * Documents are read one at a time, and what comes for signatures meanwhile is done between. What
 * is asked for here cannot be signed, which the keeper says without the token: the answer stands
 * where the request was admitted.
 */
static void a_signature_does_not_wait_for_documents(void **state)
{
    const struct msg_read read = {.caller = stack_caller(),
                                  .request_id = ps_bytes_str("read"),
                                  .resource = READ_KEYS,
                                  .limit = 1000};
    const struct msg_jws_sign sign_one = {.caller = stack_caller(),
                                          .request_id = ps_bytes_str("sign-3"),
                                          .key = ps_bytes_str("there.is.none"),
                                          .payload = ps_bytes_str("x")};
    PS_BUF_AUTO frames;

    (void)state;
    ps_buf_init(&frames, (size_t)(READS + 1) * 1024);
    for (unsigned i = 0; i < READS; i++) {
        assert_ok(ipc_frame_put(&msg_read_info, ++stack.clients.next_id, &read, &frames));
    }
    assert_ok(ipc_frame_put(&msg_jws_sign_info, ++stack.clients.next_id, &sign_one, &frames));
    wire_send_octets(&stack.clients, ps_buf_bytes(&frames));
    /* Not none: the socket may hand the frames over in some pieces. */
    assert_in_range(read_before_refusal(stack.clients.next_id), 0, READS / 10);
}

/* More than are looked at in one turn of the keeper's loop. */
#define ROWS 300u

/*
 * A list over many rows, of which the caller sees few, is read in pieces: what is asked for behind
 * it is answered before, and the list has all that it is to have.
 */
static void a_long_list_holds_up_no_others(void **state)
{
    const struct msg_access_check check = {.caller = stack_caller(),
                                           .request_id = ps_bytes_str("check"),
                                           .operation = ps_bytes_str("system.read")};
    const struct msg_read list = {.caller = stack_caller(),
                                  .request_id = ps_bytes_str("list"),
                                  .resource = READ_OPERATIONS,
                                  .name = ps_bytes_str("done"),
                                  .limit = 1000};
    PS_BUF_AUTO frames = {.max = 4096};
    struct wire_frame answer;

    (void)state;
    for (unsigned i = 0; i < ROWS; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "s%u", i);
        expect(201, change("set.put", name, "{\"keys\":[\"a.es256\"]}"));
    }
    assert_ok(ipc_frame_put(&msg_read_info, stack.management.next_id + 1, &list, &frames));
    assert_ok(ipc_frame_put(&msg_access_check_info, stack.management.next_id + 2, &check, &frames));
    wire_send_octets(&stack.management, ps_buf_bytes(&frames));
    for (unsigned i = 2; i > 0; i -= answer.id != 0 ? 1 : 0) {
        assert_true(wire_read(&stack.management, WIRE_LIMIT_MS, &answer));
        assert_true(answer.id == 0 || answer.id == stack.management.next_id + i);
    }
    stack.management.next_id += 2;
    expect(200, stack_status_of(&answer, &body));
    assert_int_equal(body_count("\"type\":\"set.put\""), ROWS);
    assert_false(body_has("\"next\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_for_many_signatures_holds_up_no_others),
        cmocka_unit_test(random_octets_leave_room_for_signatures),
        cmocka_unit_test(who_asks_for_many_random_octets_holds_up_no_others),
        cmocka_unit_test(a_signature_does_not_wait_for_documents),
        cmocka_unit_test(a_long_list_holds_up_no_others),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
