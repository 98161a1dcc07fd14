#include "tests/keeper/gate_fixture.h"
#include "tests/keeper/planter.h"

#include "keystore/log/log.h"

/*
 * Somebody who can write to the disk puts leaves behind the end of the log while the keeper is not
 * there: operations that this appliance never wrote, with signatures that people really made, for
 * another appliance of theirs or in another year. What a document says of where and when it holds
 * is looked at when it is executed, and so is every signature.
 */

static int make_stack(void **state)
{
    (void)state;
    fixture_begin(1);
    expect(201, change("key.create", "", EC_KEY("p.key")));
    return 0;
}

static void end_planting(struct planter *planter)
{
    planter_end(planter);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
}

/* --- Documents that the appliance did not write --- */

/* A document as the appliance writes it now, for a key of this name, under a made-up id. */
static void make_document(unsigned number, const char *name, struct draft *ret_draft)
{
    static struct ps_buf template = {.max = IPC_DOCUMENT_MAX};
    char nonce[33];

    if (template.len == 0) {
        const struct msg_change message = stack_change_message("key.create", "", EC_KEY("p.none"));
        DRAFT_AUTO draft;

        expect(202, draft_ask(&stack, &message, &draft, &body));
        ps_buf_put(&template, ps_buf_bytes(&draft.document));
        expect(200, draft_step(&stack, &draft, "cancel", ps_bytes(NULL, 0), &body));
    }
    *ret_draft = (struct draft){.document = {.max = IPC_DOCUMENT_MAX}};
    (void)snprintf(ret_draft->id, sizeof ret_draft->id, "%032x", 0xabc000 + number);
    (void)snprintf(nonce, sizeof nonce, "%032x", 0xdef000 + number);
    ps_buf_put(&ret_draft->document, ps_buf_bytes(&template));
    planter_replace_value(&ret_draft->document, "nonce", nonce);
    planter_replace_value(&ret_draft->document, "name", name);
    planter_replace_value(&ret_draft->document, "object_id", nonce);
}

#define OTHER_HASH "1111111111111111111111111111111111111111111111111111111111111111"
#define LATER      "2099-01-01T00:00:00Z"
#define OTHER_ROOT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const struct {
    const char *member;
    const char *value;
    unsigned status;
    const char *words; /* of the refusal */
} others[] = {
    {"appliance", OTHER_HASH, 422, "another appliance"},
    {"roster", OTHER_HASH, 422, "roster has changed"},
    {"hash", OTHER_HASH, 422, "not the one that the document names"}, /* of the policy */
    {"epoch", "2", 422, "another epoch"},
    {"epoch", "0", 422, "another epoch"},
    {"origin", "privyseal.test/other", 422, "another origin"},
    {"root", OTHER_ROOT, 422, "no beginning of the present one"},
    {"size", "90000", 422, "rolled back"},
    {"not_before", LATER, 422, "not valid yet"},
    {"serial", "0000000000000000", 409, "another one since"},
    {"requester", "amira", 409, "wrong-state"},
    {"requester", "mallory", 409, "mallory"},
    {"max_log_size", NULL, 422, "grown past"}, /* as large as the log was then */
};

static void make_other(unsigned number, struct draft *ret_draft)
{
    const char *value = others[number].value;
    char size[24] = "";

    make_document(number, "p.other", ret_draft);
    if (value == NULL) {
        const struct ps_bytes octets = planter_value_of(&ret_draft->document, "size");

        (void)snprintf(size, sizeof size, "%.*s", PS_BYTES_FMT(octets));
        value = size;
    }
    planter_replace_value(&ret_draft->document, others[number].member, value);
    if (strcmp(value, LATER) == 0) {
        planter_replace_value(&ret_draft->document, "not_after", "2099-01-02T00:00:00Z");
    }
}

/* What there is to see that it is not the planting that is refused: the same, unchanged, is done.
 */
static void a_document_of_elsewhere_is_not_executed_whoever_signed_it(void **state)
{
    struct draft drafts[PS_COUNT_OF(others) + 1];
    struct planter planter;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(others); i++) {
        make_other((unsigned)i, &drafts[i]);
    }
    make_document(PS_COUNT_OF(others), "p.same", &drafts[PS_COUNT_OF(others)]);
    planter_begin(&planter, &stack);
    for (size_t i = 0; i < PS_COUNT_OF(drafts); i++) {
        planter_put_approved(&planter, &drafts[i]);
    }
    end_planting(&planter);
    for (size_t i = 0; i < PS_COUNT_OF(others); i++) {
        const unsigned status = draft_execute(&stack, &drafts[i], &body);
        /* What the log has outgrown ends by itself, perhaps before it is executed. */
        const bool has_ended = status == 409 && strcmp(others[i].member, "max_log_size") == 0;

        if (!has_ended && (status != others[i].status || !body_has(others[i].words))) {
            fail_msg("%s: %u %.*s", others[i].member, status, PS_BYTES_FMT(ps_buf_bytes(&body)));
        }
        draft_clear(&drafts[i]);
    }
    expect(404, stack_read(&stack, READ_KEY, "p.other", &body));
    expect(201, draft_execute(&stack, &drafts[PS_COUNT_OF(others)], &body));
    draft_clear(&drafts[PS_COUNT_OF(others)]);
}

/* A successor is made in the token that people approved, and by the profile that it had then. */
static void a_successor_of_elsewhere_is_not_made(void **state)
{
    static const struct {
        const char *member;
        const char *words;
    } changed[] = {{"serial", "another one since"},
                   {"profile", "another one since"},
                   {"token", "does not live in that token"}};
    const struct msg_change message = stack_change_message("key.rotate", "p.key", "{}");
    struct draft drafts[PS_COUNT_OF(changed)];
    struct planter planter;
    DRAFT_AUTO draft;

    (void)state;
    expect(202, draft_ask(&stack, &message, &draft, &body));
    expect(200, draft_step(&stack, &draft, "cancel", ps_bytes(NULL, 0), &body));
    for (size_t i = 0; i < PS_COUNT_OF(changed); i++) {
        char nonce[33];

        drafts[i] = (struct draft){.document = {.max = IPC_DOCUMENT_MAX}};
        (void)snprintf(drafts[i].id, sizeof drafts[i].id, "%032zx", 0xabd000 + i);
        (void)snprintf(nonce, sizeof nonce, "%032zx", 0xdee000 + i);
        ps_buf_put(&drafts[i].document, ps_buf_bytes(&draft.document));
        planter_replace_value(&drafts[i].document, "nonce", nonce);
        planter_replace_value(&drafts[i].document, changed[i].member, "other");
    }
    planter_begin(&planter, &stack);
    for (size_t i = 0; i < PS_COUNT_OF(drafts); i++) {
        planter_put_approved(&planter, &drafts[i]);
    }
    end_planting(&planter);
    for (size_t i = 0; i < PS_COUNT_OF(drafts); i++) {
        expect(409, draft_execute(&stack, &drafts[i], &body));
        assert_true(body_has(changed[i].words));
        draft_clear(&drafts[i]);
    }
    expect(201, change("key.rotate", "p.key", "{}"));
}

/* Suspended, resumed; and now the suspension once more, with all that people signed for it then. */
static void what_was_executed_is_not_executed_again_under_another_id(void **state)
{
    struct planter planter;
    DRAFT_AUTO draft;

    (void)state;
    ask_and_approve("key.suspend", "p.key", "{}", &draft);
    expect(201, draft_execute(&stack, &draft, &body));
    expect(201, change("key.resume", "p.key", "{}"));
    draft.id[0] = draft.id[0] == 'f' ? 'e' : 'f';
    planter_begin(&planter, &stack);
    planter_put_approved(&planter, &draft);
    end_planting(&planter);
    expect(404, draft_execute(&stack, &draft, &body));
    expect(200, sign("p.key"));
}

/* --- Signatures that were never verified --- */

static void a_signature_in_the_log_counts_only_if_it_verifies(void **state)
{
    const struct ssh_test_key *bobs = people_key_of("bob", PEOPLE_FIRST_KEY);
    const struct ssh_test_key *mallorys = people_key_of("mallory", PEOPLE_FIRST_KEY);
    const struct planted seconds[] = {
        {"approve", "carol", mallorys, NULL},
        {"approve", "carol", bobs, NULL},
        {"approve", "mallory", mallorys, NULL},
        {"approve", "bob", people_key_of("bob", PEOPLE_SECOND_KEY), NULL},
        {"approve", "carol", people_key_of("carol", PEOPLE_FIRST_KEY),
         "request.ceremony.privyseal.v1"},
        {"approve", "alice", people_key_of("alice", PEOPLE_FIRST_KEY), NULL},
        {"approve", "amira", people_key_of("amira", PEOPLE_FIRST_KEY), NULL},
    };
    const struct planted request = planted_by("request", "alice");
    const struct planted first = planted_by("approve", "bob");
    struct draft drafts[PS_COUNT_OF(seconds)];
    struct planter planter;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(seconds); i++) {
        make_document(100 + (unsigned)i, "p.forged", &drafts[i]);
    }
    planter_begin(&planter, &stack);
    for (size_t i = 0; i < PS_COUNT_OF(seconds); i++) {
        planter_put_draft(&planter, &drafts[i]);
        planter_put_signature(&planter, &drafts[i], &request);
        planter_put_signature(&planter, &drafts[i], &first);
        planter_put_signature(&planter, &drafts[i], &seconds[i]);
    }
    end_planting(&planter);
    for (size_t i = 0; i < PS_COUNT_OF(seconds); i++) {
        expect(409, draft_execute(&stack, &drafts[i], &body));
        assert_true(body_has("one officer more"));
        draft_clear(&drafts[i]);
    }
    expect(404, stack_read(&stack, READ_KEY, "p.forged", &body));
}

static void nothing_is_asked_for_by_another_than_the_document_says(void **state)
{
    const struct planted requests[] = {
        {"request", "bob", people_key_of("bob", PEOPLE_FIRST_KEY), NULL},
        {"request", "alice", people_key_of("bob", PEOPLE_FIRST_KEY), NULL},
        {"request", "alice", people_key_of("alice", PEOPLE_FIRST_KEY),
         "approve.ceremony.privyseal.v1"},
    };
    const struct planted approvals[] = {planted_by("approve", "carol"),
                                        planted_by("approve", "dave")};
    struct draft drafts[PS_COUNT_OF(requests)];
    struct planter planter;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(requests); i++) {
        make_document(200 + (unsigned)i, "p.unasked", &drafts[i]);
    }
    planter_begin(&planter, &stack);
    for (size_t i = 0; i < PS_COUNT_OF(requests); i++) {
        planter_put_draft(&planter, &drafts[i]);
        planter_put_signature(&planter, &drafts[i], &requests[i]);
        planter_put_signature(&planter, &drafts[i], &approvals[0]);
        planter_put_signature(&planter, &drafts[i], &approvals[1]);
    }
    end_planting(&planter);
    for (size_t i = 0; i < PS_COUNT_OF(requests); i++) {
        expect(409, draft_execute(&stack, &drafts[i], &body));
        draft_clear(&drafts[i]);
    }
    expect(404, stack_read(&stack, READ_KEY, "p.unasked", &body));
}

/* --- The bound --- */

#define BOUND 100000u

/* An end that no clock is needed for. */
static void what_waits_ends_when_the_log_has_grown_past_its_bound(void **state)
{
    struct planter planter;
    DRAFT_AUTO draft;

    (void)state;
    ask_and_approve("key.create", "", EC_KEY("p.bound"), &draft);
    planter_begin(&planter, &stack);
    for (unsigned i = 0; i < BOUND; i++) {
        planter_put(&planter, &(struct event_leaf){.time_ns = ps_clock_real_ns(), .kind = "start"});
        if (i % 1000 == 0) {
            assert_ok(log_sync(planter.log));
        }
    }
    end_planting(&planter);
    /* It is refused at once, and has ended a moment later. */
    assert_in_range(draft_execute(&stack, &draft, &body), 409, 422);
    wait_for_text(READ_OPERATION, draft.id, "\"state\":\"expired\"", 1);
    expect(409, draft_execute(&stack, &draft, &body));
    assert_true(leaves_tell(&stack, draft.id, APPROVED " ended:expired"));
    expect(404, stack_read(&stack, READ_KEY, "p.bound", &body));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_of_elsewhere_is_not_executed_whoever_signed_it),
        cmocka_unit_test(a_successor_of_elsewhere_is_not_made),
        cmocka_unit_test(what_was_executed_is_not_executed_again_under_another_id),
        cmocka_unit_test(a_signature_in_the_log_counts_only_if_it_verifies),
        cmocka_unit_test(nothing_is_asked_for_by_another_than_the_document_says),
        cmocka_unit_test(what_waits_ends_when_the_log_has_grown_past_its_bound),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
