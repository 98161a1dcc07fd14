#include "tests/keeper/planter.h"
#include "tests/keeper/wrapped_fixture.h"

#include <stdlib.h>

/* Keys that a client makes under a family, which people have approved: of it, and no others. */

#define TEMPLATE(more)                                                                             \
    "\"template\":{\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"]" more "}}"
#define FAMILY(client, maximum) "{\"client\":\"" client "\",\"maximum\":" maximum "," TEMPLATE("")

#define OTHER_UID 61234

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin_with_faults();
    expect(422, change("family.create", "early.", FAMILY("tester", "3")));
    expect(201, change("wrapping.create", "", "{}"));
    expect(201, change("client.register", "", "{\"name\":\"other\",\"uids\":[61234]}"));
    return 0;
}

/* The texts have to stay. */
static struct msg_change key_message(const char *family, const char *parameters)
{
    struct msg_change message = stack_change_message("family.make_key", family, parameters);

    message.requester = ps_bytes(NULL, 0);
    return message;
}

static unsigned send(struct wire *wire, const struct msg_change *message)
{
    struct wire_frame answer;

    stack_call(&stack, wire, &msg_change_info, message, &answer);
    return stack_status_of(&answer, &body);
}

/* As a client asks, on its own listener; 0: the keeper has died. */
static unsigned make_as(uint32_t uid, const char *family, const char *name)
{
    char parameters[200];
    struct msg_change message = {0};

    (void)snprintf(parameters, sizeof parameters, "{\"name\":\"%s\"}", name);
    message = key_message(family, parameters);
    message.caller.uid = uid;
    return send(&stack.clients, &message);
}

static unsigned make(const char *family, const char *name)
{
    return make_as((uint32_t)getuid(), family, name);
}

static unsigned made_of(const char *family)
{
    return (unsigned)read_number(READ_FAMILY, family, "\"made\":");
}

static bool exists(const char *key)
{
    return stack_read(&stack, READ_KEY, key, &body) == 200;
}

static void a_family_is_refused_that_is_too_wide(void **state)
{
    static const struct {
        unsigned status;
        const char *prefix;
        const char *parameters;
    } cases[] = {
        {422, "wide", FAMILY("tester", "3")},
        {403, "privyseal.x.", FAMILY("tester", "3")},
        {400, "", FAMILY("tester", "3")},
        {422, "f.", FAMILY("nobody", "3")},
        {400, "f.", FAMILY("tester", "0")},
        {400, "f.", FAMILY("tester", "100000001")},
        {400, "f.", "{\"client\":\"tester\",\"maximum\":3," TEMPLATE(",\"name\":\"f.one\"")},
        {400, "f.", "{\"client\":\"tester\",\"maximum\":3}"},
        {422, "f.", "{\"client\":\"tester\",\"maximum\":3," TEMPLATE(",\"class\":\"A\"")},
        {422, "f.", "{\"client\":\"tester\",\"maximum\":3," TEMPLATE(",\"residence\":\"token\"")},
        {422, "f.", "{\"client\":\"tester\",\"maximum\":3," TEMPLATE(",\"recovery\":\"none\"")},
        {422, "f.", "{\"client\":\"tester\",\"maximum\":3," TEMPLATE(",\"token\":\"none\"")},
        {422, "f.",
         "{\"client\":\"tester\",\"maximum\":3," TEMPLATE(
             ",\"rotation\":{\"certificate\":\"internal\",\"issuer\":\"ca\"}")},
        {422, "f.",
         "{\"client\":\"tester\",\"maximum\":3,\"template\":{\"type\":\"ec-p256\",\"usage\":"
         "\"certify\",\"formats\":[\"x509\"],\"algorithms\":[\"ES256\"]}}"},
        {422, "f.",
         "{\"client\":\"tester\",\"maximum\":3,\"template\":{\"type\":\"ed25519\",\"usage\":"
         "\"sign\",\"formats\":[\"jws\"]}}"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        const unsigned status = change("family.create", cases[i].prefix, cases[i].parameters);

        if (status != cases[i].status) {
            fail_msg("%s %s: %u", cases[i].prefix, cases[i].parameters, status);
        }
    }
    expect(200, stack_read(&stack, READ_FAMILIES, "", &body));
    assert_false(body_has("\"prefix\""));
}

static void a_family_is_made_once_and_overlaps_no_other(void **state)
{
    (void)state;
    expect(201, change("family.create", "f.", FAMILY("tester", "3")));
    assert_true(body_has("\"made\":0") && body_has("\"maximum\":3"));
    expect(200, change("family.create", "f.", FAMILY("tester", "3")));
    expect(409, change("family.create", "f.", FAMILY("tester", "4")));
    expect(409, change("family.create", "f.", FAMILY("other", "3")));
    expect(409, change("family.create", "f.more.", FAMILY("tester", "3")));
    expect(201, change("family.create", "o.k.", FAMILY("other", "3")));
    expect(409, change("family.create", "o.", FAMILY("tester", "3")));
    expect(200, stack_read(&stack, READ_FAMILIES, "", &body));
    assert_int_equal(body_count("\"prefix\""), 2);
}

static void a_key_is_made_by_the_client_of_its_family_alone(void **state)
{
    (void)state;
    expect(404, make_as(OTHER_UID, "f.", "f.one"));
    expect(404, make("o.k.", "o.k.one"));
    expect(404, make("none.", "none.one"));
    expect(401, make_as(OTHER_UID + 1, "f.", "f.one"));
    assert_false(exists("f.one"));
    expect(201, make("f.", "f.one"));
    assert_true(body_has("\"residence\":\"wrapped\"") && body_has("\"kid\""));
    expect(200, sign("f.one"));
    assert_int_equal(made_of("f."), 1);
    expect(201, make_as(OTHER_UID, "o.k.", "o.k.one"));
    assert_int_equal(made_of("o.k."), 1);
}

static void a_key_of_a_family_begins_with_its_prefix(void **state)
{
    static const char *const names[] = {"f", "f.", "g.one", "o.k.two", "fone", "privyseal.one"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        const unsigned status = make("f.", names[i]);

        if (status != 422 && status != 403) {
            fail_msg("%s: %u", names[i], status);
        }
    }
    expect(400, make("f.", "f.One"));
    assert_int_equal(made_of("f."), 1);
}

static void the_same_name_is_one_key(void **state)
{
    char first[64];
    struct msg_change message = key_message("f.", "{\"name\":\"f.two\"}");
    static const uint8_t hash[32] = {1};

    (void)state;
    message.idempotency_key = ps_bytes_str("once");
    message.body_hash = ps_bytes(hash, sizeof hash);
    expect(201, send(&stack.clients, &message));
    ps_buf_put_u8(&body, 0);
    (void)snprintf(first, sizeof first, "%.60s",
                   strstr((const char *)body.data, "\"operation\":\""));
    expect(201, send(&stack.clients, &message));
    assert_true(body_has(first));
    expect(200, make("f.", "f.two"));
    assert_int_equal(made_of("f."), 2);
    expect(201, change("key.create", "",
                       "{\"name\":\"f.three\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                       "\"formats\":[\"cose\"]}"));
    expect(409, make("f.", "f.three"));
    assert_int_equal(made_of("f."), 2);
}

static void a_suspended_family_makes_none(void **state)
{
    (void)state;
    expect(201, change("family.suspend", "f.", "{}"));
    expect(200, change("family.suspend", "f.", "{}"));
    expect(409, make("f.", "f.four"));
    assert_true(body_has("suspended"));
    expect(200, sign("f.one"));
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(409, make("f.", "f.four"));
    expect(201, change("family.resume", "f.", "{}"));
    assert_int_equal(made_of("f."), 2);
}

static void no_more_keys_are_made_than_the_maximum(void **state)
{
    (void)state;
    expect(201, make("f.", "f.four"));
    assert_int_equal(made_of("f."), 3);
    expect(422, make("f.", "f.five"));
    expect(200, make("f.", "f.four"));
    expect(201, change("key.deactivate", "f.four", "{}"));
    expect(201, change("key.destroy", "f.four", "{}"));
    expect(422, make("f.", "f.five")); /* one that was destroyed makes no room */
    restart_keeper(APPLIANCE_OPERATIONAL);
    assert_int_equal(made_of("f."), 3);
    expect(422, make("f.", "f.five"));
}

/* What is not what the log says stops the appliance, as with any row that says who may do what. */
static void a_row_that_was_changed_gives_no_key(void **state)
{
    unsigned status;

    (void)state;
    sql("update row set body = replace(body, '\"maximum\":3', '\"maximum\":4') where kind = "
        "'family' and name = 'f.'");
    assert_int_not_equal(make("f.", "f.five"), 201);
    stack_wait_state(&stack, APPLIANCE_FAILED);
    restart_keeper(APPLIANCE_FAILED);
    expect(503, make("f.", "f.five"));
    sql("update row set body = replace(body, '\"maximum\":4', '\"maximum\":3') where kind = "
        "'family' and name = 'f.'");
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    /* That the rows are good again may be found before the last of what was written was noticed. */
    do {
        status = make("f.", "f.five");
    } while (status == 503 && has_rested());
    expect(422, status);
}

/* --- Who writes to the disk --- */

static void run(const char *command)
{
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a test's own files */
}

/* While there is no keeper. */
static void keep_log(void)
{
    char command[500];

    (void)snprintf(command, sizeof command, "cp -a %s/log/events %s/kept", stack.data, stack.data);
    run(command);
}

static void put_log_back(void)
{
    char command[700];

    (void)snprintf(command, sizeof command, "rm -r %s/log/events && mv %s/kept %s/log/events",
                   stack.data, stack.data, stack.data);
    run(command);
}

struct plant {
    const char *family;
    const char *caller;
    const char *member; /* of the document that is another; NULL: none */
    const char *value;
    const char *words;
};

/* The document of a key that may be made: as the appliance would write it. */
static void put_document(const char *family, struct draft *draft)
{
    char parameters[100];
    struct msg_change message = {0};
    static unsigned number;

    (void)snprintf(parameters, sizeof parameters, "{\"name\":\"%splanted\"}", family);
    message = key_message(family, parameters);
    message.dry_run = 1;
    expect(200, send(&stack.clients, &message));
    (void)snprintf(draft->id, sizeof draft->id, "%032u", ++number);
    draft->document = (struct ps_buf){.max = LOG_LEAF_MAX};
    ps_buf_put(&draft->document, ps_buf_bytes(&body));
    assert_ok(ps_buf_status(&draft->document));
}

#define ANY_EFFECT "[{\"kind\":\"key\",\"name\":\"x\",\"removed\":true}]"

static void expect_refused(struct draft *draft, const struct plant *plant)
{
    struct planter planter;

    if (plant->member != NULL) {
        planter_replace_value(&draft->document, plant->member, plant->value);
    }
    stack_kill_keeper(&stack);
    keep_log();
    planter_begin(&planter, &stack);
    planter_put_intent(&planter, draft, plant->caller);
    planter_put_result(&planter, draft, ANY_EFFECT);
    planter_end(&planter);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_FAILED);
    (void)stack_read(&stack, READ_HEALTH, "", &body);
    if (!body_has("which no checkpoint covers") || !body_has(plant->words)) {
        fail_msg("not \"%s\": %.*s", plant->words, PS_BYTES_FMT(ps_buf_bytes(&body)));
    }
    stack_kill_keeper(&stack);
    put_log_back();
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
}

static void no_key_is_believed_that_is_not_of_its_family(void **state)
{
    static const struct plant plants[] = {
        {"p.", "nobody", NULL, NULL, "no such family"},
        {"p.", "other", NULL, NULL, "no such family"},
        {"p.", "tester", "family", "f.", "it begins with f."},
        {"p.", "tester", "family", "none.", "no such family"},
        {"p.", "tester", "name", "q.planted", "it begins with p."},
        {"p.", "tester", "verify", "always", "not of the family's kind"},
    };
    static const struct plant suspended = {.caller = "tester", .words = "the family is suspended"};
    DRAFT_AUTO draft;

    (void)state;
    expect(201, change("family.create", "p.", FAMILY("tester", "1")));
    for (size_t i = 0; i < PS_COUNT_OF(plants); i++) {
        DRAFT_AUTO planted;

        put_document("p.", &planted);
        expect_refused(&planted, &plants[i]);
    }
    put_document("p.", &draft);
    expect(201, change("family.suspend", "p.", "{}"));
    expect_refused(&draft, &suspended);
    expect(201, change("family.resume", "p.", "{}"));
}

/* One more than there may be, behind the last one. */
static void no_key_is_believed_beyond_the_maximum(void **state)
{
    static const struct plant plant = {.caller = "tester", .words = "all 1 keys"};
    DRAFT_AUTO draft;

    (void)state;
    put_document("p.", &draft);
    expect(201, make("p.", "p.one"));
    expect_refused(&draft, &plant);
    assert_int_equal(made_of("p."), 1);
}

/* --- Ends --- */

static void a_revoked_family_makes_none(void **state)
{
    (void)state;
    expect(200, change("family.revoke", "p.", "{}"));
    expect(404, change("family.revoke", "p.", "{}"));
    expect(404, make("p.", "p.two"));
    expect(200, sign("p.one"));
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(404, stack_read(&stack, READ_FAMILY, "p.", &body));
    expect(201, change("family.create", "p.", FAMILY("tester", "2")));
    assert_int_equal(made_of("p."), 0);
}

static void the_families_of_a_client_go_with_it(void **state)
{
    (void)state;
    expect(200, change("client.remove", "other", "{}"));
    expect(404, stack_read(&stack, READ_FAMILY, "o.k.", &body));
    expect(201, change("client.register", "", "{\"name\":\"other\",\"uids\":[61234]}"));
    expect(404, make_as(OTHER_UID, "o.k.", "o.k.two"));
    assert_true(exists("o.k.one"));
}

/* --- Death --- */

static void count_intent(void *context, const struct log_event *event)
{
    struct json_value document;

    if (ps_bytes_equal_str(event->kind, "intent") &&
        json_member(event->data, "document", &document) &&
        ps_bytes_equal_str(leaves_text(document, "type"), "family.make_key")) {
        (*(unsigned *)context)++;
    }
}

static unsigned count_intents(void)
{
    unsigned intents = 0;

    leaves_each_event(&stack, count_intent, &intents);
    return intents;
}

/* What the dead keeper had begun is closed first. */
static unsigned make_when_free(const char *family, const char *name)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned status;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        status = make(family, name);
    } while (status == 409 && body_has("in-flight") && has_rested());
    return status;
}

/* False: it was over before the call at which it would have been killed. */
static bool kill_at(unsigned at)
{
    const unsigned before = count_intents();
    char name[32];
    unsigned status;
    bool was_made;

    (void)snprintf(name, sizeof name, "k.%u", at);
    faults_set(stack.faults, FAULT_KILL, at);
    status = make("k.", name);
    if (!faults_clear(stack.faults)) {
        expect(201, status);
        return false;
    }
    restart_keeper(APPLIANCE_OPERATIONAL);
    was_made = exists(name);
    assert_true(status != 201 || was_made); /* what was told is so */
    expect(was_made ? 200 : 201, make_when_free("k.", name));
    expect(200, sign(name));
    assert_int_equal(made_of("k."), at + 1);
    assert_true(count_intents() - before <= 2); /* that of the dead one, and of the next try */
    return true;
}

static void killed_at_any_leaf_a_key_is_made_once(void **state)
{
    unsigned at = 0;

    (void)state;
    expect(201, change("family.create", "k.", FAMILY("tester", "1000")));
    while (kill_at(at)) {
        at++;
    }
    assert_true(at >= 4); /* intent and result, each written and synced */
    assert_int_equal(made_of("k."), at + 1);
    assert_int_equal(stack_stop_keeper(&stack), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_is_refused_that_is_too_wide),
        cmocka_unit_test(a_family_is_made_once_and_overlaps_no_other),
        cmocka_unit_test(a_key_is_made_by_the_client_of_its_family_alone),
        cmocka_unit_test(a_key_of_a_family_begins_with_its_prefix),
        cmocka_unit_test(the_same_name_is_one_key),
        cmocka_unit_test(a_suspended_family_makes_none),
        cmocka_unit_test(no_more_keys_are_made_than_the_maximum),
        cmocka_unit_test(a_row_that_was_changed_gives_no_key),
        cmocka_unit_test(no_key_is_believed_that_is_not_of_its_family),
        cmocka_unit_test(no_key_is_believed_beyond_the_maximum),
        cmocka_unit_test(a_revoked_family_makes_none),
        cmocka_unit_test(the_families_of_a_client_go_with_it),
        cmocka_unit_test(killed_at_any_leaf_a_key_is_made_once),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
