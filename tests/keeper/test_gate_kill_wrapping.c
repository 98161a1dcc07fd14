#include "tests/keeper/gate_fixture.h"
#include "tests/keeper/wrapped_fixture.h"

/*
 * What test_gate_kill.c has of all other types, for the operations that make an RSA pair of 4096
 * bits, or use one up: they die at each of their leaves. A pair for every death would take minutes,
 * so that here one operation dies at one leaf after the other and goes on in between: at each call
 * of a leaf (where it is lost) until it is there, and nobody was told. At its intent it has not
 * begun, and is settled as not done; or it is begun anew, when it wraps keys anew. Others die at
 * their result, when the token has done it all.
 */

#define SPARE              "spare"
#define WRAPPED            2 /* keys "w.0" and so on */
#define ASKED_AND_APPROVED "draft request:alice approve:bob approve:carol approve:amira"

static struct draft draft; /* of the operation that is killed */

/* --- The stack --- */

/* The first token has been logged in to, and the log was held against its anchor. */
static void wait_for_token(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    struct msg_change trial = stack_change_message("wrapping.create", "", "{}");
    DRAFT_AUTO none;

    trial.dry_run = 1;
    while (draft_ask(&stack, &trial, &none, &body) == 503) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
}

static void wait_for_both_tokens(void)
{
    wait_for_text(READ_SYSTEM, "", "\"token\":\"" SPARE "\",\"state\":\"ready\"", 1);
    wait_for_token();
}

static void start_again(void)
{
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    if (stack.processes == 1) {
        wait_for_token();
    } else {
        wait_for_both_tokens();
    }
}

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin_with_faults();
    expect(201, change("wrapping.create", "", "{}"));
    stack_add_token(&stack, SPARE);
    wait_for_text(READ_SYSTEM, "", "\"token\":\"" SPARE "\",\"state\":\"needs-login\"", 1);
    expect(201, change("token.accept", SPARE, "{}"));
    wait_for_both_tokens();
    return 0;
}

static unsigned wrapping_versions; /* of the only token's */

static void make_version(void)
{
    expect(201, change("wrapping.create", "", "{}"));
    wrapping_versions++;
}

/* One token, with keys that are wrapped. */
static int make_wrapped(void **state)
{
    (void)state;
    fixture_begin_with_faults();
    make_version();
    for (int i = 0; i < WRAPPED; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "w.%d", i);
        make_key(name);
    }
    return 0;
}

static int end_stack(void **state)
{
    draft_clear(&draft);
    return fixture_end(state);
}

/* --- Deaths --- */

/* Whoever asked may have been told that it takes longer. */
static void wait_while_executing(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (body_has("\"state\":\"executing\"") && !faults_happened(stack.faults)) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
}

/* Asks for it until the keeper has died in it. False: the leaf was lost, and nothing is so. */
static bool dies(const char *kind, unsigned calls_after, void (*step)(void))
{
    const unsigned before = leaves_count(&stack, kind);
    char leaf[32];

    (void)snprintf(leaf, sizeof leaf, "\"kind\":\"%s\"", kind);
    faults_kill_at_leaf(stack.faults, leaf, calls_after);
    step();
    wait_while_executing();
    if (!faults_clear(stack.faults)) {
        fail_msg("it has no leaf %s: %.*s", kind, PS_BYTES_FMT(ps_buf_bytes(&body)));
    }
    stack_kill_keeper(&stack);
    return leaves_count(&stack, kind) != before;
}

static void die_until_it_is_there(const char *kind, void (*step)(void))
{
    unsigned calls = 0;

    while (!dies(kind, calls, step)) {
        start_again();
        calls++;
    }
    assert_int_not_equal(calls, 0); /* at its first call it is lost */
}

/* --- Steps --- */

static const char *type_now;
static const char *person_now;

static const char *subject_of(const char *type)
{
    return strcmp(type, "wrapping.prepare") == 0 ? SPARE : "";
}

static void ask_for_it(void)
{
    const struct msg_change message = stack_change_message(type_now, subject_of(type_now), "{}");

    draft_clear(&draft);
    (void)draft_ask(&stack, &message, &draft, &body);
}

static void sign_it(void)
{
    const bool is_request = strcmp(person_now, PEOPLE_REQUESTER) == 0;

    (void)draft_sign(&stack, &draft, is_request ? "request" : "approvals", person_now, &body);
}

/* What a death before its intent left is swept first. */
static void execute_it(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (draft_execute(&stack, &draft, &body) == 409 && body_has("is being cleared")) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(20000);
    }
}

static void ask_and_approve_it(void)
{
    draft_clear(&draft);
    ask_and_approve(type_now, subject_of(type_now), "{}", &draft);
}

static void wait_for_end(const char *outcome)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    char story[200];
    PS_BUF_AUTO told = {.max = 4096};

    while (told.len == 0 || memmem(told.data, told.len, "result", 6) == NULL) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)draft_step(&stack, &draft, "resume", ps_bytes(NULL, 0), &body);
        rest_a_while();
        ps_buf_reset(&told);
        leaves_put_story(&stack, draft.id, &told);
    }
    (void)snprintf(story, sizeof story, ASKED_AND_APPROVED " intent result:%s", outcome);
    assert_true(leaves_tell(&stack, draft.id, story));
    /* Its rows come after its leaf. */
    wait_for_text(READ_OPERATION, draft.id,
                  strcmp(outcome, "done") == 0 ? "\"state\":\"done\"" : "\"state\":\"failed\"", 1);
}

/* --- What is in the other token --- */

/* A pair, and three keys for each time that something was carried, beside the token's own object.
 */
static void assert_holds(bool has_pair, unsigned carried)
{
    assert_int_equal(stack_count_objects(&stack, 1), 1u + (has_pair ? 2u : 0u) + 3 * carried);
}

/* --- Tests --- */

/* Until its intent is there, and the keeper dead. */
static void die_at_each_leaf_before(const char *type)
{
    static const char *const people[] = {"alice", "bob", "carol", "amira"};

    type_now = type;
    die_until_it_is_there("draft", ask_for_it);
    start_again();
    ask_for_it(); /* nobody was told its name */
    assert_int_not_equal(draft.id[0], 0);
    for (size_t i = 0; i < PS_COUNT_OF(people); i++) {
        person_now = people[i];
        die_until_it_is_there("signature", sign_it);
        start_again();
    }
    die_until_it_is_there("intent", execute_it);
}

static void what_was_begun_at_most_is_not_done(void **state)
{
    (void)state;
    die_at_each_leaf_before("wrapping.prepare");
    start_again();
    wait_for_end("not-done");
    assert_holds(false, 0);
}

/* What the token has done is done, whether the keeper could say so or not. */
static bool dies_at_its_result(const char *type, unsigned calls)
{
    bool is_there;

    type_now = type;
    ask_and_approve_it();
    is_there = dies("result", calls, execute_it);
    start_again();
    wait_for_end("done");
    return is_there;
}

static void what_was_made_or_carried_is_done_once(void **state)
{
    unsigned carried = 0;
    bool is_there = false;

    (void)state;
    while (!is_there) {
        is_there = dies_at_its_result("wrapping.prepare", carried);
        assert_holds(true, carried);
        is_there &= dies_at_its_result("wrapping.carry", carried);
        carried++;
        assert_holds(false, carried);
        expect(201, change("wrapping.create", "", "{}"));
    }
    assert_true(carried > 1); /* at the first call of its leaf it was lost */
}

/* While the other token is away nobody knows whether it has arrived. */
static void what_is_not_settled_keeps_its_locks(void **state)
{
    const struct msg_change create = stack_change_message("wrapping.create", "", "{}");
    DRAFT_AUTO second;
    DRAFT_AUTO refused;

    (void)state;
    expect(201, change("wrapping.prepare", SPARE, "{}"));
    ask_and_approve("wrapping.carry", "", "{}", &second);
    die_at_each_leaf_before("wrapping.carry");
    stack_kill_token(&stack, 1);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_DEGRADED);
    wait_for_token();
    expect(409, draft_execute(&stack, &second, &body));
    assert_true(body_has("in-flight: another operation works on the same"));
    expect(409, draft_ask(&stack, &create, &refused, &body));
    assert_true(body_has("in-flight"));
    stack_start_token(&stack, 1);
    wait_for_end("not-done");
    expect(201, draft_execute(&stack, &second, &body));
}

/*
 * What people have approved goes on, as far as it came: each key is under one version, and in the
 * token are those of the appliance, two anchors, and the token itself.
 */
static void all_sign_and_nothing_is_left(void)
{
    char name[16];

    wait_for_object_count(0, 7 + 3 * wrapping_versions);
    for (int i = 0; i < WRAPPED; i++) {
        (void)snprintf(name, sizeof name, "w.%d", i);
        expect(200, sign(name));
    }
    expect(422, change("wrapping.rewrap", "", "{}")); /* there is nothing to do any more */
}

static void what_wraps_keys_anew_is_begun_anew(void **state)
{
    (void)state;
    make_version();
    die_at_each_leaf_before("wrapping.rewrap");
    start_again();
    wait_for_end("done");
    all_sign_and_nothing_is_left();
}

static void what_was_wrapped_anew_is_done_once(void **state)
{
    unsigned calls = 0;
    bool is_there = false;

    (void)state;
    while (!is_there) {
        make_version();
        is_there = dies_at_its_result("wrapping.rewrap", calls);
        all_sign_and_nothing_is_left();
        calls++;
    }
    assert_true(calls > 1); /* at the first call of its leaf it was lost */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_begun_at_most_is_not_done),
        cmocka_unit_test(what_was_made_or_carried_is_done_once),
        cmocka_unit_test(what_is_not_settled_keeps_its_locks),
    };
    const struct CMUnitTest wrapped[] = {
        cmocka_unit_test(what_wraps_keys_anew_is_begun_anew),
        cmocka_unit_test(what_was_wrapped_anew_is_done_once),
    };
    const int failed = cmocka_run_group_tests(tests, make_stack, end_stack);

    return failed + cmocka_run_group_tests(wrapped, make_wrapped, end_stack);
}
