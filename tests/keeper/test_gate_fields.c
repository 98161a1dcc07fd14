#include "tests/keeper/gate_fixture.h"

#include <sys/wait.h>

/*
 * Fields of a step that no api process of ours would send, and ways around the gate: each is
 * refused or ends the channel, and what waited waits on.
 */

static int make_stack(void **state)
{
    (void)state;
    fixture_begin(1);
    expect(201, change("key.create", "", EC_KEY("f.jws")));
    return 0;
}

/* --- Fields --- */

static void callers_who_may_not_take_steps_take_none(void **state)
{
    static const char *const verbs[] = {"request", "approvals", "rejections", "execute", "cancel"};
    const struct msg_caller callers[] = {
        {.kind = CALLER_UNIX, .uid = 61234},
        {.kind = CALLER_NOBODY},
        {.kind = 77},
        {.kind = CALLER_TLS, .spki = ps_bytes("0123456789abcdef0123456789abcdef", 32)},
        {.kind = CALLER_TLS, .spki = ps_bytes("0123", 4)},
        {.kind = CALLER_UNIX, .uid = 50009}, /* a client without that grant */
    };
    DRAFT_AUTO draft;

    (void)state;
    expect(201, change("client.register", "", "{\"name\":\"gf-other\",\"uids\":[50009]}"));
    ask("key.create", "", NEW_KEY("caller"), &draft);
    for (size_t i = 0; i < PS_COUNT_OF(callers); i++) {
        for (size_t k = 0; k < PS_COUNT_OF(verbs); k++) {
            struct msg_operation_step message = step_message(&draft, verbs[k]);

            message.caller = callers[i];
            expect(callers[i].uid == 50009 ? 403 : 401, send_step(&message));
        }
    }
    assert_true(leaves_tell(&stack, draft.id, "draft"));
}

/* The keeper knows the listener from the channel, not from a message. */
static void the_clients_channel_takes_no_step(void **state)
{
    static const char *const verbs[] = {"request", "approvals", "rejections",
                                        "execute", "cancel",    "resume"};
    struct wire_frame answer;
    DRAFT_AUTO draft;
    PS_BUF_AUTO armored = {.max = 4096};
    PS_BUF_AUTO parameters = {.max = 8192};

    (void)state;
    ask_and_approve("key.create", "", NEW_KEY("listener"), &draft);
    people_put_signature("dave", "approve", ps_buf_bytes(&draft.document), &armored);
    people_put_step("dave", ps_buf_bytes(&armored), &parameters);
    for (size_t i = 0; i < PS_COUNT_OF(verbs); i++) {
        struct msg_operation_step message = step_message(&draft, verbs[i]);

        message.parameters = ps_buf_bytes(&parameters);
        wire_call(&stack.clients, &msg_operation_step_info, &message, &answer);
        expect(403, stack_status_of(&answer, &body));
    }
    assert_true(leaves_tell(&stack, draft.id, APPROVED));
}

static void ids_and_verbs_of_nothing_are_refused(void **state)
{
    static const struct ps_bytes ids[] = {
        {(const uint8_t *)"", 0},
        {(const uint8_t *)"00000000000000000000000000000000", 32},
        {(const uint8_t *)"0000000000000000000000000000000", 31},
        {(const uint8_t *)"../../../../etc/passwd0000000000", 32},
        {(const uint8_t *)"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32},
    };
    static const struct ps_bytes verbs[] = {
        {(const uint8_t *)"", 0},           {(const uint8_t *)"approve", 7},
        {(const uint8_t *)"Execute", 7},    {(const uint8_t *)"execute ", 8},
        {(const uint8_t *)"execute\0", 8},  {(const uint8_t *)"statement", 9},
        {(const uint8_t *)"\xff\xfe", 2},   {(const uint8_t *)"force", 5},
        {(const uint8_t *)"approvals,", 10}};
    struct msg_operation_step message = {0};
    DRAFT_AUTO draft;

    (void)state;
    ask_and_approve("key.create", "", NEW_KEY("verbs"), &draft);
    for (size_t i = 0; i < PS_COUNT_OF(ids); i++) {
        message = step_message(&draft, "execute");
        message.operation = ids[i];
        expect(404, send_step(&message));
    }
    for (size_t i = 0; i < PS_COUNT_OF(verbs); i++) {
        message = step_message(&draft, "");
        message.verb = verbs[i];
        expect(404, send_step(&message));
    }
    message = step_message(&draft, "execute");
    message.request_id = ps_bytes_str("a b");
    expect(400, send_step(&message));
    message.request_id = ps_bytes(NULL, 0);
    expect(400, send_step(&message));
    assert_true(leaves_tell(&stack, draft.id, APPROVED));
    expect(201, draft_execute(&stack, &draft, &body));
}

static void signatures_of_no_form_are_refused(void **state)
{
    static const char *const parameters[] = {
        "",
        "null",
        "[]",
        "{",
        "{}",
        "{\"person\":\"bob\"}",
        "{\"person\":\"bob\",\"signature\":null}",
        "{\"person\":1,\"signature\":\"x\"}",
        "{\"person\":\"bob\",\"person\":\"carol\",\"signature\":\"x\"}",
        "{\"person\":\"bob\",\"signature\":\"\"}",
        "{\"person\":\"bob\",\"signature\":\"no signature\"}",
        "{\"person\":\"bob\",\"signature\":\"-----BEGIN SSH SIGNATURE-----\\n\"}",
    };
    DRAFT_AUTO draft;
    PS_BUF_AUTO large = {.max = 40000};

    (void)state;
    ask_and_open(NEW_KEY("form"), &draft);
    for (size_t i = 0; i < PS_COUNT_OF(parameters); i++) {
        expect(400, draft_step(&stack, &draft, "approvals", ps_bytes_str(parameters[i]), &body));
    }
    for (unsigned i = 0; i < 20000; i++) {
        ps_buf_put_u8(&large, 'A');
    }
    expect(422, step_with(&draft, "approvals", "bob", ps_buf_bytes(&large)));
    goes_on_as_if_nothing_had_been(&draft);
}

/* As an api process of ours never sends it: with fields longer than they may be. */
static void put_unchecked_step(const struct msg_operation_step *message, struct ps_buf *out)
{
    struct ipc_field fields[16];
    struct ipc_message info = msg_operation_step_info;

    assert_in_range(info.count, 1, PS_COUNT_OF(fields));
    for (size_t i = 0; i < info.count; i++) {
        fields[i] = info.fields[i];
        fields[i].max = UINT32_MAX;
    }
    info.fields = fields;
    assert_ok(ipc_frame_put(&info, 1, message, out));
}

static void a_step_with_an_oversized_field_ends_the_channel(void **state)
{
    struct msg_operation_step messages[5];
    DRAFT_AUTO draft;
    PS_BUF_AUTO large = {.max = 64 * 1024};

    (void)state;
    for (unsigned i = 0; i < 50000; i++) {
        ps_buf_put_u8(&large, 'a');
    }
    ask_and_approve("key.create", "", NEW_KEY("large"), &draft);
    for (size_t i = 0; i < PS_COUNT_OF(messages); i++) {
        messages[i] = step_message(&draft, "execute");
    }
    messages[0].operation = ps_bytes(large.data, IPC_NAME_MAX + 1);
    messages[1].verb = ps_bytes(large.data, 33);
    messages[2].request_id = ps_bytes(large.data, IPC_REQUEST_ID_MAX + 1);
    messages[3].parameters = ps_buf_bytes(&large);
    messages[4].body_hash = ps_bytes(large.data, 33);
    for (size_t i = 0; i < PS_COUNT_OF(messages); i++) {
        PS_BUF_AUTO frame = {.max = IPC_FRAME_MAX};

        put_unchecked_step(&messages[i], &frame);
        wire_send_octets(&stack.management, ps_buf_bytes(&frame));
        assert_true(wire_is_closed(&stack.management, WIRE_LIMIT_MS));
        assert_int_equal(waitpid(stack.keeper, NULL, WNOHANG), 0);
        stack_connect_api(&stack, &stack.management, IPC_ROLE_API_MANAGEMENT);
    }
    assert_true(leaves_tell(&stack, draft.id, APPROVED));
    expect(201, draft_execute(&stack, &draft, &body));
}

/* --- Beside the gate --- */

static void nothing_is_done_that_no_table_has(void **state)
{
    static const char *const types[] = {
        "", "no.such", "key.create ", "KEY.CREATE", "key.sign", "log.truncate", "key.create\n",
    };
    const unsigned drafts = leaves_count(&stack, "draft");

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(types); i++) {
        assert_in_range(change(types[i], "f.jws", "{}"), 400, 422);
    }
    expect(409, change("genesis", "", "{}"));
    assert_int_equal(leaves_count(&stack, "draft"), drafts);
    expect(200, sign("f.jws"));
}

static void no_name_of_the_appliances_own_can_be_granted_or_touched(void **state)
{
    static const char *const names[] = {"privyseal.log", "privyseal.identity", "privyseal.other"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        assert_in_range(change("key.suspend", names[i], "{}"), 403, 422);
        assert_in_range(change("key.destroy", names[i], "{}"), 403, 422);
        assert_in_range(change("key.rotate", names[i], "{}"), 403, 422);
        assert_in_range(sign(names[i]), 403, 422);
    }
    expect(422,
           change("grant.add", "",
                  "{\"client\":\"tester\",\"keys\":\"privyseal.*\",\"operations\":[\"jws.sign\"]"
                  "}"));
    assert_in_range(change("key.create", "", EC_KEY("privyseal.mine")), 403, 422);
    assert_int_equal(leaves_count_uses(&stack, "privyseal.log"), 0);
    assert_int_equal(leaves_count_uses(&stack, "privyseal.identity"), 0);
}

/* Whatever came before: as many signatures were given out as there are leaves of them. */
static void no_signature_is_without_its_leaf(void **state)
{
    const unsigned before = leaves_count_uses(&stack, NULL);
    const unsigned count = 300;
    unsigned given = 0;

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        const struct msg_raw_sign raw = {.caller = stack_caller(),
                                         .request_id = ps_bytes_str("leaf-1"),
                                         .key = ps_bytes_str("f.jws"),
                                         .digest = ps_bytes("0123456789abcdef0123456789abcdef", 32),
                                         .is_digest = 1};
        const struct msg_jws_sign jws = {.caller = stack_caller(),
                                         .request_id = ps_bytes_str("leaf-2"),
                                         .key = ps_bytes_str("f.jws"),
                                         .algorithm = ps_bytes_str(i % 5 == 0 ? "none" : "ES256"),
                                         .payload = ps_bytes_str("x")};

        (void)wire_send(&stack.clients, &msg_raw_sign_info, &raw);
        (void)wire_send(&stack.clients, &msg_jws_sign_info, &jws);
    }
    for (unsigned answers = 0; answers < 2 * count;) {
        struct wire_frame answer;

        assert_true(wire_read(&stack.clients, WIRE_LIMIT_MS, &answer));
        assert_ptr_not_equal(answer.info, &msg_raw_signed_info);
        given += answer.info == &msg_jws_signed_info ? 1 : 0;
        answers += answer.id != 0 ? 1 : 0;
    }
    assert_int_equal(given, count - count / 5);
    assert_int_equal(leaves_count_uses(&stack, NULL), before + given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callers_who_may_not_take_steps_take_none),
        cmocka_unit_test(the_clients_channel_takes_no_step),
        cmocka_unit_test(ids_and_verbs_of_nothing_are_refused),
        cmocka_unit_test(signatures_of_no_form_are_refused),
        cmocka_unit_test(a_step_with_an_oversized_field_ends_the_channel),
        cmocka_unit_test(nothing_is_done_that_no_table_has),
        cmocka_unit_test(no_name_of_the_appliances_own_can_be_granted_or_touched),
        cmocka_unit_test(no_signature_is_without_its_leaf),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
