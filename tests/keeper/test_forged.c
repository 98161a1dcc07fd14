#include "tests/keeper/fixture.h"

#include "lib/base/problem.h"

#include <signal.h>
#include <sys/wait.h>

/*
 * An api process that was taken over: it sends what none of ours sends. The keeper answers with a
 * problem or ends the channel, and it lives on.
 */

#define KEY "f.jws"

static int make_stack(void **state)
{
    (void)state;
    fixture_begin(1);
    expect(201, change("key.create", "", EC_KEY(KEY)));
    return 0;
}

static void the_keeper_lives(void)
{
    assert_int_equal(waitpid(stack.keeper, NULL, WNOHANG), 0);
    stack_connect_api(&stack, &stack.clients, IPC_ROLE_API_CLIENTS);
    stack_connect_api(&stack, &stack.management, IPC_ROLE_API_MANAGEMENT);
    assert_int_equal(stack_sign_jws(&stack, KEY, "", "alive", &body), 200);
}

static unsigned sign_message(const struct msg_jws_sign *message)
{
    struct wire_frame answer;

    wire_call(&stack.clients, &msg_jws_sign_info, message, &answer);
    return signed_or_refused(&answer);
}

static struct msg_jws_sign good(void)
{
    return (struct msg_jws_sign){.caller = stack_caller(),
                                 .request_id = ps_bytes_str("forged-1"),
                                 .key = ps_bytes_str(KEY),
                                 .payload = ps_bytes_str("x")};
}

static void fields_of_a_signature_that_make_no_sense_are_refused(void **state)
{
    struct msg_jws_sign message = {0};
    char text[200];

    (void)state;
    memset(text, 'a', sizeof text);
    message = good();
    message.caller.kind = 77;
    assert_int_equal(sign_message(&message), 401);
    message = good();
    message.caller.kind = CALLER_NOBODY;
    assert_int_equal(sign_message(&message), 401);
    message = good();
    message.caller.kind = CALLER_TLS;
    message.caller.spki = ps_bytes(text, 31);
    message.caller.san = ps_bytes(text, 200);
    assert_int_equal(sign_message(&message), 401);
    message = good();
    message.request_id = ps_bytes_str("a\nb");
    assert_int_equal(sign_message(&message), 400);
    message.request_id = ps_bytes(NULL, 0);
    assert_int_equal(sign_message(&message), 400);
    message = good();
    message.key = ps_bytes("f.\0jws", 6);
    assert_int_equal(sign_message(&message), 404);
    message.key = ps_bytes(text, 128);
    assert_int_equal(sign_message(&message), 404);
    message.key = ps_bytes(NULL, 0);
    assert_true(sign_message(&message) >= 400);
    message.key = ps_bytes_str("privyseal.log");
    assert_int_equal(sign_message(&message), 404);
    message = good();
    message.algorithm = ps_bytes_str("none");
    assert_int_equal(sign_message(&message), 422);
    message.algorithm = ps_bytes_str("RS256");
    assert_int_equal(sign_message(&message), 422);
    message = good();
    message.include = 0xff;
    assert_int_equal(sign_message(&message), 400);
    message = good();
    message.header = ps_bytes_str("{\"alg\":\"none\"}");
    assert_int_equal(sign_message(&message), 400);
    message.header = ps_bytes_str("{\"kid\":\"x\"}");
    assert_int_equal(sign_message(&message), 400);
    message.header = ps_bytes_str("{\"a\":1,\"a\":2}");
    assert_int_equal(sign_message(&message), 400);
    message.header = ps_bytes_str("{\"a\":");
    assert_int_equal(sign_message(&message), 400);
    message = good();
    assert_int_equal(sign_message(&message), 200);
}

static unsigned sign_raw(const char *key, struct ps_bytes digest, uint8_t encoding)
{
    const struct msg_raw_sign message = {.caller = stack_caller(),
                                         .request_id = ps_bytes_str("raw-1"),
                                         .key = ps_bytes_str(key),
                                         .digest = digest,
                                         .is_digest = 1,
                                         .encoding = encoding};
    struct wire_frame answer;

    wire_call(&stack.clients, &msg_raw_sign_info, &message, &answer);
    return signed_or_refused(&answer);
}

/* Promise 4: a key made for JWS signs nothing else, whoever asks. */
static void a_jws_key_signs_no_digest_and_a_raw_key_no_jws(void **state)
{
    const struct ps_bytes digest = ps_bytes("0123456789abcdef0123456789abcdef", 32);
    struct msg_jws_sign message = good();

    (void)state;
    assert_int_equal(change("key.create", "",
                            "{\"name\":\"f.raw\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                            "\"formats\":[\"raw\"]}"),
                     201);
    assert_int_equal(sign_raw(KEY, digest, RAW_ENCODING_RAW), 422);
    assert_int_equal(sign_raw("f.raw", digest, RAW_ENCODING_DER), 200);
    assert_int_equal(sign_raw("f.raw", ps_bytes(digest.data, 31), RAW_ENCODING_RAW), 422);
    assert_int_equal(sign_raw("f.raw", ps_bytes(NULL, 0), RAW_ENCODING_RAW), 422);
    assert_int_equal(sign_raw("f.raw", digest, 9), 400);
    message.key = ps_bytes_str("f.raw");
    assert_int_equal(sign_message(&message), 422);
}

/* The keeper knows the listener from the channel: nothing of management comes over the other one.
 */
static void the_clients_channel_reaches_nothing_of_management(void **state)
{
    static const enum read_resource resources[] = {
        READ_SYSTEM,    READ_METRICS,  READ_EXPIRING,    READ_CLIENTS,
        READ_CLIENT,    READ_GRANTS,   READ_SETS,        READ_OPERATIONS,
        READ_OPERATION, READ_LOG_TILE, READ_LOG_PROOF,   READ_OPERATION_DOCUMENT,
        READ_OFFICERS,  READ_OFFICER,  READ_ROSTER,      READ_POLICY_DOCUMENT,
        READ_POLICY,    READ_WHY,      READ_LOG_ENTRIES, READ_LOG_CONSISTENCY,
    };
    const struct msg_change change = {.caller = stack_caller(),
                                      .request_id = ps_bytes_str("f-1"),
                                      .type = ps_bytes_str("key.suspend"),
                                      .subject = ps_bytes_str(KEY),
                                      .parameters = ps_bytes_str("{}")};
    const struct msg_operation_step step = {.caller = stack_caller(),
                                            .request_id = ps_bytes_str("f-1"),
                                            .operation = ps_bytes_str("x"),
                                            .verb = ps_bytes_str("execute")};
    struct wire_frame answer;

    (void)state;
    wire_call(&stack.clients, &msg_change_info, &change, &answer);
    assert_int_equal(stack_status_of(&answer, &body), 403);
    wire_call(&stack.clients, &msg_operation_step_info, &step, &answer);
    assert_int_equal(stack_status_of(&answer, &body), 403);
    for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++) {
        const struct msg_read message = {.caller = stack_caller(),
                                         .request_id = ps_bytes_str("f-1"),
                                         .resource = (uint16_t)resources[i]};

        wire_call(&stack.clients, &msg_read_info, &message, &answer);
        assert_int_equal(stack_status_of(&answer, &body), 403);
    }
    assert_int_equal(stack_sign_jws(&stack, KEY, "", "x", &body), 200);
}

static void reads_that_make_no_sense_are_refused(void **state)
{
    struct wire_frame answer;

    (void)state;
    for (unsigned resource = 0; resource < 60; resource++) {
        const struct msg_read message = {
            .caller = stack_caller(),
            .request_id = ps_bytes_str("f-2"),
            .resource = (uint16_t)resource,
            .name = ps_bytes("../\0\xff{}\"", 8),
            .after = ps_bytes("\xff\xfe", 2),
            .limit = UINT32_MAX,
            .from = UINT64_MAX,
            .to = UINT64_MAX,
            .width = UINT32_MAX,
            .accept = 255,
        };

        wire_call(&stack.management, &msg_read_info, &message, &answer);
        assert_true(stack_status_of(&answer, &body) >= 200);
    }
    assert_int_equal(stack_read(&stack, READ_LOG_TILE, "nothing", &body), 400);
    assert_int_equal(stack_read(&stack, READ_LOG_CHECKPOINT, "use/9999-99-9999", &body), 404);
    the_keeper_lives();
}

static void changes_that_make_no_sense_are_refused(void **state)
{
    static const char *const types[] = {
        "client.register",
        "client.remove",
        "client.resume",
        "client.suspend",
        "genesis",
        "grant.add",
        "grant.revoke",
        "key.activate",
        "key.compromise",
        "key.create",
        "key.deactivate",
        "key.destroy",
        "key.resume",
        "key.rotate",
        "key.suspend",
        "set.put",
        "set.remove",
        "no.such",
        "",
    };
    static const char *const parameters[] = {
        "",
        "null",
        "[]",
        "{\"a\":{}}",
        "{\"name\":{}}",
        "{\"name\":\"x\",\"uids\":[-1]}",
        "{\"name\":\"x\",\"uids\":[4294967295]}",
        "{\"name\":\"x\",\"pins\":[\"AA\"]}",
        "{\"version\":4294967296}",
        "{\"version\":-1}",
        "{\"keys\":[\"*\",\"*\"]}",
        "{\"keys\":[\"a*b\"]}",
        "{\"client\":\"tester\",\"keys\":\"privyseal.*\",\"operations\":[\"jws.sign\"]}",
        "{\"client\":\"tester\",\"keys\":\"*\",\"operations\":[]}",
        "{\"client\":\"tester\",\"keys\":\"*\",\"operations\":[1]}",
        "{\"token\":\"t\",\"origin\":\"a b\"}",
        "{\"name\":\"x\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"rotation\":{\"period_s\":-1}}",
    };
    static const char *const subjects[] = {"", "f.none", "privyseal.log", "../x"};

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        for (size_t k = 0; k < sizeof parameters / sizeof parameters[0]; k++) {
            for (size_t m = 0; m < sizeof subjects / sizeof subjects[0]; m++) {
                const unsigned status = change(types[i], subjects[m], parameters[k]);

                if (status < 400 || status >= 500) {
                    print_error("%s %s %s: %u %.*s\n", types[i], subjects[m], parameters[k], status,
                                PS_BYTES_FMT(ps_buf_bytes(&body)));
                }
                assert_in_range(status, 400, 499);
            }
        }
    }
    the_keeper_lives();
}

/*
 * What is refused is an event, and a leaf is for ever: one that the keeper itself could not read
 * again would stop the appliance at its next start.
 */
static void a_request_id_of_no_form_spoils_no_leaf(void **state)
{
    static const struct ps_bytes ids[] = {
        {(const uint8_t *)"a\0b", 3},
        {(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                          "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
         32},
        {(const uint8_t *)"{\"\n", 3},
    };
    struct wire_frame answer;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(ids); i++) {
        const struct msg_caller nobody = {.kind = CALLER_UNIX, .uid = 61234};
        const struct msg_read read = {
            .caller = nobody, .request_id = ids[i], .resource = READ_WHOAMI};
        const struct msg_access_check check = {
            .caller = nobody, .request_id = ids[i], .operation = ps_bytes_str("jws.sign")};

        wire_call(&stack.clients, &msg_read_info, &read, &answer);
        assert_int_equal(stack_status_of(&answer, &body), 401);
        wire_call(&stack.clients, &msg_access_check_info, &check, &answer);
    }
    /* Whatever leaf there is of them is durable when this has its own. */
    assert_int_equal(change("set.put", "forged", "{\"keys\":[\"f.*\"]}"), 201);
    restart_keeper(APPLIANCE_OPERATIONAL);
    the_keeper_lives();
}

/* Frames that are none of this set, or malformed, end the channel and nothing else. */
static void malformed_frames_end_the_channel_alone(void **state)
{
    static const struct {
        const char *octets;
        size_t len;
    } frames[] = {
        {"\0\0\0\x10\x02\0\x01\x01\0\0\0\0\0\0\0\x01", 16},   /* another version */
        {"\0\0\0\x10\x01\0\x02\x05\0\0\0\0\0\0\0\x01", 16},   /* a token's message */
        {"\0\0\0\x10\x01\0\x01\x03\0\0\0\0\0\0\0\x01", 16},   /* an answer */
        {"\0\0\0\x10\x01\0\x01\x01\0\0\0\0\0\0\0\0", 16},     /* without an id */
        {"\0\0\0\x10\x01\x01\x01\x01\0\0\0\0\0\0\0\x01", 16}, /* a descriptor that is none */
        {"\0\0\0\x10\x01\0\x01\x01\0\0\0\0\0\0\0\x01", 16},   /* no fields */
        {"\xff\xff\xff\xff\x01\0\x01\x01\0\0\0\0\0\0\0\x01", 16}, {"\0\0\0\x01", 4},
    };

    (void)state;
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        wire_send_octets(&stack.clients, ps_bytes(frames[i].octets, frames[i].len));
        assert_true(wire_is_closed(&stack.clients, WIRE_LIMIT_MS));
        the_keeper_lives();
    }
}

/* Any octet of a good request changed to anything. */
static void mutated_requests_are_answered_or_end_the_channel(void **state)
{
    const struct msg_jws_sign message = good();
    unsigned seed = 4711;
    PS_BUF_AUTO frame;

    (void)state;
    ps_buf_init(&frame, IPC_FRAME_MAX);
    assert_ok(ipc_frame_put(&msg_jws_sign_info, 99, &message, &frame));
    for (unsigned round = 0; round < 400; round++) {
        struct wire_frame answer;
        uint8_t mutated[512];

        assert_true(frame.len < sizeof mutated);
        memcpy(mutated, frame.data, frame.len);
        for (unsigned i = 0; i <= round % 3; i++) {
            mutated[(size_t)rand_r(&seed) % frame.len] = (uint8_t)rand_r(&seed);
        }
        wire_send_octets(&stack.clients, ps_bytes(mutated, frame.len));
        /* A length that grew makes it wait for more; it gets the end of the channel then. */
        if (!wire_read(&stack.clients, 50, &answer) || answer.info == &msg_appliance_state_info) {
            stack_connect_api(&stack, &stack.clients, IPC_ROLE_API_CLIENTS);
        }
    }
    the_keeper_lives();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: only so many refusals a minute become leaves. */
        cmocka_unit_test(a_request_id_of_no_form_spoils_no_leaf),
        cmocka_unit_test(fields_of_a_signature_that_make_no_sense_are_refused),
        cmocka_unit_test(a_jws_key_signs_no_digest_and_a_raw_key_no_jws),
        cmocka_unit_test(the_clients_channel_reaches_nothing_of_management),
        cmocka_unit_test(reads_that_make_no_sense_are_refused),
        cmocka_unit_test(changes_that_make_no_sense_are_refused),
        cmocka_unit_test(malformed_frames_end_the_channel_alone),
        cmocka_unit_test(mutated_requests_are_answered_or_end_the_channel),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
