#include "tests/keeper/gate_fixture.h"

/*
 * Who owns the api process of management can ask for anything and pass on what people have signed.
 * That is all: what nobody signed is not done, what one person signed counts once, and the log
 * tells each of it.
 */

static int make_stack(void **state)
{
    (void)state;
    fixture_begin(1);
    expect(201, change("key.create", "", EC_KEY("f.jws")));
    return 0;
}

/* --- Who signs --- */

static void nobody_signs_in_the_name_of_another(void **state)
{
    const struct ssh_test_key *carols = people_key_of("carol", PEOPLE_FIRST_KEY);
    const struct ssh_test_key *mallorys = people_key_of("mallory", PEOPLE_FIRST_KEY);
    DRAFT_AUTO draft;

    (void)state;
    ask_and_open(NEW_KEY("name"), &draft);
    expect(422, forge(&draft, "approvals", "bob", carols, APPROVE));
    expect(422, forge(&draft, "approvals", "bob", mallorys, APPROVE));
    expect(422, forge(&draft, "approvals", "mallory", mallorys, APPROVE));
    expect(422, forge(&draft, "approvals", "", mallorys, APPROVE));
    expect(422, forge(&draft, "approvals", "nobody", carols, APPROVE));
    expect(400, forge(&draft, "approvals", "Bob", carols, APPROVE));
    expect(400, forge(&draft, "approvals", "../carol", carols, APPROVE));
    goes_on_as_if_nothing_had_been(&draft);
}

static void a_signature_counts_for_its_own_step_alone(void **state)
{
    static const char *const namespaces[] = {
        "request.ceremony.privyseal.v1",
        "reject.ceremony.privyseal.v1",
        "statement.ceremony.privyseal.v1",
        "approve.ceremony.privyseal.v2",
        "approve.ceremony.privyseal.v1.",
        "Approve.ceremony.privyseal.v1",
        "file",
    };
    const struct ssh_test_key *bobs = people_key_of("bob", PEOPLE_FIRST_KEY);
    DRAFT_AUTO draft;

    (void)state;
    ask_and_open(NEW_KEY("step"), &draft);
    for (size_t i = 0; i < PS_COUNT_OF(namespaces); i++) {
        expect(422, forge(&draft, "approvals", "bob", bobs, namespaces[i]));
    }
    expect(422, forge(&draft, "rejections", "bob", bobs, APPROVE));
    goes_on_as_if_nothing_had_been(&draft);
}

static void a_request_is_signed_by_the_one_whom_the_document_names(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    ask("key.create", "", NEW_KEY("request"), &draft);
    expect(422, draft_sign(&stack, &draft, "request", "bob", &body));
    expect(422, draft_sign(&stack, &draft, "request", "amira", &body));
    expect(422,
           forge(&draft, "request", "alice", people_key_of("alice", PEOPLE_FIRST_KEY), APPROVE));
    /* Nobody can approve what its requester has not signed. */
    expect(409, draft_sign(&stack, &draft, "approvals", "bob", &body));
    expect(409, draft_sign(&stack, &draft, "rejections", "bob", &body));
    expect(409, draft_execute(&stack, &draft, &body));
    assert_true(leaves_tell(&stack, draft.id, "draft"));
    expect(200, draft_sign(&stack, &draft, "request", "alice", &body));
    expect(409, draft_sign(&stack, &draft, "request", "alice", &body));
    goes_on_as_if_nothing_had_been(&draft);
}

static void only_a_person_of_the_roster_is_a_requester(void **state)
{
    static const char *const names[] = {"", "mallory", "Alice", "alice ", "privyseal", "tester"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        struct msg_change message = stack_change_message("key.create", "", NEW_KEY("nobody"));
        DRAFT_AUTO draft;

        message.requester = ps_bytes_str(names[i]);
        assert_in_range(draft_ask(&stack, &message, &draft, &body), 400, 422);
    }
    expect(404, stack_read(&stack, READ_KEY, "gf.nobody", &body));
}

/* --- How often --- */

/* The same octets in other lines, as long as they are a signature at all. */
static void put_in_lines(struct ps_bytes armored, size_t width, const char *newline,
                         struct ps_buf *out)
{
    static const char begin[] = "-----BEGIN SSH SIGNATURE-----";
    static const char end[] = "-----END SSH SIGNATURE-----";
    size_t in_line = 0;

    ps_buf_printf(out, "%s%s", begin, newline);
    for (size_t at = sizeof begin; at < armored.len - sizeof end; at++) {
        if (armored.data[at] == '\n') {
            continue;
        }
        if (in_line++ == width) {
            ps_buf_put_str(out, newline);
            in_line = 1;
        }
        ps_buf_put_u8(out, armored.data[at]);
    }
    ps_buf_printf(out, "%s%s", newline, end);
    assert_ok(ps_buf_status(out));
}

static void one_person_counts_once_however_often_they_sign(void **state)
{
    const struct ssh_test_key *second = people_key_of("bob", PEOPLE_SECOND_KEY);
    DRAFT_AUTO draft;
    PS_BUF_AUTO armored = {.max = 4096};

    (void)state;
    ask_and_open(NEW_KEY("once"), &draft);
    people_put_signature("bob", "approve", ps_buf_bytes(&draft.document), &armored);
    expect(200, step_with(&draft, "approvals", "bob", ps_buf_bytes(&armored)));
    expect(409, step_with(&draft, "approvals", "bob", ps_buf_bytes(&armored)));
    expect(409, step_with(&draft, "approvals", "", ps_buf_bytes(&armored)));
    expect(422, step_with(&draft, "approvals", "carol", ps_buf_bytes(&armored)));
    expect(409, forge(&draft, "approvals", "bob", second, APPROVE));
    expect(409, forge(&draft, "approvals", "", second, APPROVE));
    for (size_t width = 1; width <= 78; width += 11) {
        PS_BUF_AUTO again = {.max = 4096};
        PS_BUF_AUTO windows = {.max = 4096};

        put_in_lines(ps_buf_bytes(&armored), width, "\n", &again);
        assert_in_range(step_with(&draft, "approvals", "bob", ps_buf_bytes(&again)), 400, 409);
        put_in_lines(ps_buf_bytes(&armored), width, "\r\n", &windows);
        expect(400, step_with(&draft, "approvals", "bob", ps_buf_bytes(&windows)));
    }
    expect(409, draft_execute(&stack, &draft, &body));
    assert_true(leaves_tell(&stack, draft.id, ASKED " approve:bob"));
}

/* All of them are there before the first has its leaf. */
static void an_approval_sent_many_times_at_once_is_in_the_log_once(void **state)
{
    struct msg_operation_step message = {0};
    unsigned taken = 0;
    DRAFT_AUTO draft;
    PS_BUF_AUTO armored = {.max = 4096};
    PS_BUF_AUTO parameters = {.max = 8192};
    PS_BUF_AUTO frames = {.max = 4 * 1024 * 1024};

    (void)state;
    ask_and_open(NEW_KEY("flood"), &draft);
    people_put_signature("bob", "approve", ps_buf_bytes(&draft.document), &armored);
    people_put_step("bob", ps_buf_bytes(&armored), &parameters);
    message = step_message(&draft, "approvals");
    message.parameters = ps_buf_bytes(&parameters);
    for (unsigned i = 0; i < 200; i++) {
        assert_ok(
            ipc_frame_put(&msg_operation_step_info, ++stack.management.next_id, &message, &frames));
    }
    wire_send_octets(&stack.management, ps_buf_bytes(&frames));
    for (unsigned answers = 0; answers < 200;) {
        struct wire_frame answer;

        assert_true(wire_read(&stack.management, WIRE_LIMIT_MS, &answer));
        if (answer.id != 0) {
            const unsigned status = stack_status_of(&answer, &body);

            assert_true(status == 200 || status == 409);
            taken += status == 200 ? 1 : 0;
            answers++;
        }
    }
    assert_int_equal(taken, 1);
    assert_true(leaves_tell(&stack, draft.id, ASKED " approve:bob"));
    expect(409, draft_execute(&stack, &draft, &body));
}

/* --- For what --- */

static void an_approval_is_good_for_no_other_operation(void **state)
{
    DRAFT_AUTO draft;
    DRAFT_AUTO other;
    PS_BUF_AUTO armored = {.max = 4096};

    (void)state;
    ask_and_open(NEW_KEY("first"), &draft);
    ask_and_open(NEW_KEY("first"), &other); /* the same in all but nonce and time */
    people_put_signature("bob", "approve", ps_buf_bytes(&other.document), &armored);
    expect(422, step_with(&draft, "approvals", "bob", ps_buf_bytes(&armored)));
    people_put_signature("carol", "approve", ps_buf_bytes(&other.document), &armored);
    expect(200, draft_sign(&stack, &other, "approvals", "bob", &body));
    expect(200, draft_sign(&stack, &other, "approvals", "carol", &body));
    expect(409, draft_execute(&stack, &draft, &body));
    expect(201, draft_execute(&stack, &other, &body));
    assert_true(leaves_tell(&stack, draft.id, ASKED));
    assert_true(leaves_tell(&stack, other.id, DONE));
}

/* What is done is what was signed, whatever is handed over with the execution. */
static void parameters_given_at_the_execution_change_nothing(void **state)
{
    static const char *const changed[] = {
        "{\"document\":{\"params\":{\"name\":\"gf.swapped\"}}}",
        NEW_KEY("swapped"),
        "{\"type\":\"key.destroy\",\"subject\":\"f.jws\"}",
    };
    DRAFT_AUTO draft;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(changed); i++) {
        char name[32];
        char parameters[200];
        struct msg_operation_step message = {0};

        (void)snprintf(name, sizeof name, "gf.signed-%zu", i);
        (void)snprintf(parameters, sizeof parameters,
                       "{\"name\":\"%s\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":"
                       "[\"jws\"]}",
                       name);
        ask_and_approve("key.create", "", parameters, &draft);
        message = step_message(&draft, "execute");
        message.parameters = ps_bytes_str(changed[i]);
        expect(201, send_step(&message));
        assert_true(body_has(name));
        assert_true(leaves_tell(&stack, draft.id, DONE));
        draft_clear(&draft);
    }
    expect(404, stack_read(&stack, READ_KEY, "gf.swapped", &body));
    expect(200, sign("f.jws"));
}

static void a_document_with_other_parameters_is_another_document(void **state)
{
    DRAFT_AUTO draft;
    struct draft swapped;
    uint8_t *name;

    (void)state;
    ask_and_open(NEW_KEY("honest"), &draft);
    swapped = draft;
    swapped.document = (struct ps_buf){.max = draft.document.len};
    ps_buf_put(&swapped.document, ps_buf_bytes(&draft.document));
    name = memmem(swapped.document.data, swapped.document.len, "gf.honest", 9);
    assert_non_null(name);
    name[3]++;
    expect(422, draft_sign(&stack, &swapped, "approvals", "bob", &body));
    expect(422, draft_sign(&stack, &swapped, "approvals", "carol", &body));
    ps_buf_clear(&swapped.document);
    goes_on_as_if_nothing_had_been(&draft);
}

/* --- When --- */

static void an_operation_is_executed_once_however_often_it_is_sent(void **state)
{
    struct msg_operation_step message = {0};
    unsigned done = 0;
    DRAFT_AUTO draft;
    PS_BUF_AUTO frames = {.max = 1024 * 1024};

    (void)state;
    ask_and_approve("key.create", "", NEW_KEY("twice"), &draft);
    message = step_message(&draft, "execute");
    for (unsigned i = 0; i < 50; i++) {
        assert_ok(
            ipc_frame_put(&msg_operation_step_info, ++stack.management.next_id, &message, &frames));
    }
    wire_send_octets(&stack.management, ps_buf_bytes(&frames));
    for (unsigned answers = 0; answers < 50;) {
        struct wire_frame answer;

        assert_true(wire_read(&stack.management, WIRE_LIMIT_MS, &answer));
        if (answer.id != 0) {
            const unsigned status = stack_status_of(&answer, &body);

            assert_true(status == 201 || status == 409);
            done += status == 201 ? 1 : 0;
            answers++;
        }
    }
    assert_int_equal(done, 1);
    assert_true(leaves_tell(&stack, draft.id, DONE));
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(409, draft_execute(&stack, &draft, &body));
    assert_true(leaves_tell(&stack, draft.id, DONE));
}

/* Every step, by people who could have taken it before. */
static void assert_no_step_is_taken(const struct draft *draft, const char *story)
{
    expect(409, draft_sign(&stack, draft, "request", "alice", &body));
    expect(409, draft_sign(&stack, draft, "approvals", "dave", &body));
    expect(409, draft_sign(&stack, draft, "rejections", "dave", &body));
    expect(409, draft_execute(&stack, draft, &body));
    expect(409, draft_step(&stack, draft, "cancel", ps_bytes(NULL, 0), &body));
    assert_true(leaves_tell(&stack, draft->id, story));
}

static void what_has_ended_takes_no_step_any_more(void **state)
{
    DRAFT_AUTO done;
    DRAFT_AUTO rejected;
    DRAFT_AUTO cancelled;

    (void)state;
    ask_and_approve("key.create", "", NEW_KEY("ended"), &done);
    expect(201, draft_execute(&stack, &done, &body));
    assert_no_step_is_taken(&done, DONE);
    ask_and_open(NEW_KEY("rejected"), &rejected);
    expect(200, draft_sign(&stack, &rejected, "rejections", "bob", &body));
    expect(200, draft_sign(&stack, &rejected, "rejections", "carol", &body));
    assert_no_step_is_taken(&rejected, ASKED " reject:bob reject:carol ended:rejected");
    ask("key.create", "", NEW_KEY("cancelled"), &cancelled);
    expect(200, draft_step(&stack, &cancelled, "cancel", ps_bytes(NULL, 0), &body));
    assert_no_step_is_taken(&cancelled, "draft ended:cancelled");
}

/* Where all other places are taken, one client has so many for what is urgent. */
#define URGENT 8u

static void take_all_places(struct draft *ret_first)
{
    const struct msg_change message = stack_change_message("key.create", "", NEW_KEY("full"));
    unsigned status;

    ask("key.create", "", NEW_KEY("full"), ret_first);
    do {
        DRAFT_AUTO more = {.id = ""};

        status = draft_ask(&stack, &message, &more, &body);
    } while (status == 202);
    assert_int_equal(status, 503);
}

static void a_cancellation_ends_with_what_it_was_to_cancel(void **state)
{
    struct draft cancelling[URGENT];
    DRAFT_AUTO done;
    DRAFT_AUTO first;
    DRAFT_AUTO another;

    (void)state;
    ask_and_approve("key.create", "", NEW_KEY("kept"), &done);
    for (size_t i = 0; i < URGENT; i++) {
        ask_and_approve("operation.cancel", done.id, "{}", &cancelling[i]);
    }
    expect(201, draft_execute(&stack, &done, &body));
    for (size_t i = 0; i < URGENT; i++) {
        assert_true(
            leaves_tell(&stack, cancelling[i].id, "draft request:alice approve:bob ended:expired"));
        expect(409, draft_execute(&stack, &cancelling[i], &body));
        draft_clear(&cancelling[i]);
    }
    /* Nor does it have a place. */
    take_all_places(&first);
    ask("operation.cancel", first.id, "{}", &another);
    expect(200, draft_step(&stack, &first, "cancel", ps_bytes(NULL, 0), &body));
    leaves_wait(&stack, another.id, "draft ended:expired");
    wait_for_text(READ_OPERATION, another.id, "\"state\":\"expired\"", 1);
    assert_true(body_has("waits no more"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_signs_in_the_name_of_another),
        cmocka_unit_test(a_signature_counts_for_its_own_step_alone),
        cmocka_unit_test(a_request_is_signed_by_the_one_whom_the_document_names),
        cmocka_unit_test(only_a_person_of_the_roster_is_a_requester),
        cmocka_unit_test(one_person_counts_once_however_often_they_sign),
        cmocka_unit_test(an_approval_sent_many_times_at_once_is_in_the_log_once),
        cmocka_unit_test(an_approval_is_good_for_no_other_operation),
        cmocka_unit_test(parameters_given_at_the_execution_change_nothing),
        cmocka_unit_test(a_document_with_other_parameters_is_another_document),
        cmocka_unit_test(an_operation_is_executed_once_however_often_it_is_sent),
        cmocka_unit_test(what_has_ended_takes_no_step_any_more),
        cmocka_unit_test(a_cancellation_ends_with_what_it_was_to_cancel), /* takes all places */
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
