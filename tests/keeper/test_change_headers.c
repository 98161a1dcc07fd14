#include "tests/keeper/fixture.h"

#include "lib/base/hash.h"
#include "lib/formats/json/json.h"

/* What comes beside a change: its idempotency key, the revision it is meant for, a dry run. */

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin(1);
    return 0;
}

struct headers {
    const char *idempotency_key;
    const char *if_match;
    const char *hashed; /* stands for the request's body */
    bool dry_run;
};

/* hash: room for what the message borrows */
static struct msg_change message_with(const char *type, const char *subject, const char *parameters,
                                      const struct headers *headers, uint8_t hash[PS_SHA256_LEN])
{
    struct msg_change message = stack_change_message(type, subject, parameters);

    message.request_id = ps_bytes_str("headers-1");
    message.idempotency_key = ps_bytes_str(headers->idempotency_key);
    message.if_match = ps_bytes_str(headers->if_match);
    message.dry_run = headers->dry_run ? 1 : 0;
    ps_sha256(ps_bytes_str(headers->hashed), hash);
    message.body_hash = ps_bytes(hash, PS_SHA256_LEN);
    return message;
}

static unsigned ask_with(const char *type, const char *subject, const char *parameters,
                         const struct headers *headers)
{
    uint8_t hash[PS_SHA256_LEN];
    const struct msg_change message = message_with(type, subject, parameters, headers, hash);
    struct wire_frame answer;

    wire_call(&stack.management, &msg_change_info, &message, &answer);
    return stack_status_of(&answer, &body);
}

/* What was asked for last goes through the gate. */
static void approve_and_execute(void)
{
    DRAFT_AUTO draft;

    draft_take(ps_buf_bytes(&body), &draft);
    expect(200, draft_approve(&stack, &draft, &body));
    expect(201, draft_execute(&stack, &draft, &body));
}

static void the_same_idempotency_key_is_answered_the_same(void **state)
{
    const struct headers once = {.idempotency_key = "k-1", .hashed = "one"};
    const struct headers other = {.idempotency_key = "k-1", .hashed = "two"};
    PS_BUF_AUTO first;

    (void)state;
    ps_buf_init(&first, IPC_DOCUMENT_MAX);
    expect(201, change("key.create", "", EC_KEY("i.key")));
    expect(202, ask_with("key.rotate", "i.key", "{}", &once));
    ps_buf_put(&first, ps_buf_bytes(&body));
    expect(202, ask_with("key.rotate", "i.key", "{}", &once));
    assert_bytes(ps_buf_bytes(&body), ps_buf_bytes(&first));
    approve_and_execute();
    expect(202, ask_with("key.rotate", "i.key", "{}", &once));
    assert_bytes(ps_buf_bytes(&body), ps_buf_bytes(&first));
    expect(409, ask_with("key.rotate", "i.key", "{}", &other));
    assert_true(body_has("conflict"));
    /* What failed is not remembered: the same may be tried again. */
    expect(404, ask_with("key.suspend", "i.none", "{}",
                         &(struct headers){.idempotency_key = "k-2", .hashed = "x"}));
    expect(404, ask_with("key.suspend", "i.none", "{}",
                         &(struct headers){.idempotency_key = "k-2", .hashed = "x"}));
}

/* The second comes before the first is answered, or is answered the same: nothing is done twice. */
static void the_same_sent_twice_at_once_is_done_once(void **state)
{
    enum { TIMES = 8 };
    const struct headers once = {.idempotency_key = "k-4", .hashed = "four"};
    uint8_t hash[PS_SHA256_LEN];
    struct msg_change message = {0};
    unsigned made = 0;
    PS_BUF_AUTO first;

    (void)state;
    ps_buf_init(&first, IPC_DOCUMENT_MAX);
    expect(201, change("key.create", "", EC_KEY("i.twice")));
    message = message_with("key.rotate", "i.twice", "{}", &once, hash);
    for (unsigned i = 0; i < TIMES; i++) {
        (void)wire_send(&stack.management, &msg_change_info, &message);
    }
    for (unsigned i = 0; i < TIMES;) {
        struct wire_frame answer;
        unsigned status;

        assert_true(wire_read(&stack.management, WIRE_LIMIT_MS, &answer));
        if (answer.id == 0) {
            continue;
        }
        i++;
        status = stack_status_of(&answer, &body);
        if (status != 202) {
            assert_int_equal(status, 409);
            assert_true(body_has("in-flight"));
            continue;
        }
        if (made++ == 0) {
            ps_buf_put(&first, ps_buf_bytes(&body));
        }
        assert_bytes(ps_buf_bytes(&body), ps_buf_bytes(&first));
    }
    assert_true(made >= 1);
    expect(202, ask_with("key.rotate", "i.twice", "{}", &once));
    assert_bytes(ps_buf_bytes(&body), ps_buf_bytes(&first));
}

static void an_answer_survives_a_restart(void **state)
{
    const struct headers once = {.idempotency_key = "k-3", .hashed = "three"};
    PS_BUF_AUTO first;

    (void)state;
    ps_buf_init(&first, IPC_DOCUMENT_MAX);
    expect(201, change("key.create", "", EC_KEY("i.restart")));
    expect(202, ask_with("key.rotate", "i.restart", "{}", &once));
    ps_buf_put(&first, ps_buf_bytes(&body));
    approve_and_execute();
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(202, ask_with("key.rotate", "i.restart", "{}", &once));
    assert_bytes(ps_buf_bytes(&body), ps_buf_bytes(&first));
    expect(200, sign("i.restart"));
}

static void if_match_names_the_revision(void **state)
{
    (void)state;
    expect(201, change("key.create", "", EC_KEY("m.key")));
    expect(412, ask_with("key.suspend", "m.key", "{}",
                         &(struct headers){.if_match = "9", .hashed = ""}));
    expect(202, ask_with("key.suspend", "m.key", "{}",
                         &(struct headers){.if_match = "1", .hashed = ""}));
    approve_and_execute();
    expect(412, ask_with("key.create", "", EC_KEY("m.none"),
                         &(struct headers){.if_match = "1", .hashed = ""}));
}

static void a_dry_run_shows_the_document_and_changes_nothing(void **state)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct json_value root;

    (void)state;
    assert_ok(json_new(&parser));
    expect(200, ask_with("key.create", "", EC_KEY("d.key"),
                         &(struct headers){.dry_run = true, .hashed = ""}));
    assert_ok(json_parse(parser, ps_buf_bytes(&body), &JSON_LIMITS_REQUEST, &root));
    assert_ok(json_check_canonical(root));
    assert_true(body_has("\"type\":\"key.create\""));
    assert_true(body_has("\"v\":\"1\""));
    expect(404, stack_read(&stack, READ_KEY, "d.key", &body));
}

/* --- What is remembered --- */

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_idempotency_key_is_answered_the_same),
        cmocka_unit_test(the_same_sent_twice_at_once_is_done_once),
        cmocka_unit_test(an_answer_survives_a_restart),
        cmocka_unit_test(if_match_names_the_revision),
        cmocka_unit_test(a_dry_run_shows_the_document_and_changes_nothing),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
