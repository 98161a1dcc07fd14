#include "tests/keeper/gate_fixture.h"
#include "tests/keeper/wrapped_fixture.h"

/*
 * Keys that live outside the token are wrapped anew, under the next wrapping key, and the one
 * before is destroyed: with SoftHSM. The tests follow each other; each pair for it takes seconds.
 */

#define FAMILY 6 /* keys "r.0" and so on */

#define TAP (stack.tokens[0].tap)

static struct draft draft;

static int count_under(unsigned wrapping)
{
    char statement[160];

    (void)snprintf(statement, sizeof statement,
                   "select count(*) from row where kind = 'wrapped' and body like "
                   "'%%\"wrapping\":%u}'",
                   wrapping);
    return sql_number(statement);
}

#define WRAPPED(name, usage)                                                                       \
    "{\"name\":\"" name "\",\"type\":\"ec-p256\"," usage ",\"residence\":\"wrapped\"}"
#define SIGNS    "\"usage\":\"sign\",\"formats\":[\"jws\"]"
#define DECRYPTS "\"usage\":\"decrypt\""

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_make(&stack, 1);
    stack.faults = faults_new();
    stack.keys_in_memory = 2;
    stack.request_timeout_ms = WIRE_LIMIT_MS / 2;
    TAP = tap_new();
    stack_start(&stack);
    stack_genesis(&stack);
    return 0;
}

static int end_stack(void **state)
{
    draft_clear(&draft);
    return fixture_end(state);
}

static void all_sign(void)
{
    char name[16];

    for (int i = 0; i < FAMILY; i++) {
        (void)snprintf(name, sizeof name, "r.%d", i);
        expect(200, sign(name));
    }
}

static void start_again(void)
{
    restart_keeper(APPLIANCE_OPERATIONAL);
}

/* Asked for, approved and begun: it may have ended, or not. */
static void begin(void)
{
    unsigned status;

    draft_clear(&draft);
    ask_and_approve("wrapping.rewrap", "", "{}", &draft);
    status = draft_execute(&stack, &draft, &body);
    assert_true(status == 201 || status == 202);
}

static void wait_until_done(void)
{
    wait_for_text(READ_OPERATION, draft.id, "\"state\":\"done\"", 1);
}

static void wait_for_requests(const struct ipc_message *info, unsigned count)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (tap_count(TAP, info) < count) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(1000);
    }
}

static void without_an_older_version_there_is_nothing_to_do(void **state)
{
    char text[200];

    (void)state;
    expect(422, change("wrapping.rewrap", "", "{}"));
    expect(201, change("wrapping.create", "", "{}"));
    for (int i = 0; i < FAMILY; i++) {
        (void)snprintf(text, sizeof text, WRAPPED("r.%d", SIGNS), i);
        expect(201, change("key.create", "", text));
    }
    expect(201, change("key.create", "", WRAPPED("r.open", DECRYPTS)));
    expect(201, change("key.create", "", WRAPPED("r.bad", SIGNS)));
    expect(201, change("key.compromise", "r.bad", "{}"));
    expect(422, change("wrapping.rewrap", "", "{}"));
    expect(404, change("wrapping.destroy", "", "{\"version\":2}"));
    expect(409, change("wrapping.destroy", "", "{\"version\":1}"));
}

static void what_keys_are_under_is_not_destroyed(void **state)
{
    (void)state;
    expect(201, change("wrapping.create", "", "{}"));
    expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    assert_true(body_has("\"code\":\"rewrap\""));
    expect(422, change("wrapping.destroy", "", "{\"version\":1}"));
    assert_true(body_has("8 keys are under version 1"));
}

static void a_wrong_so_pin_is_tried_once(void **state)
{
    (void)state;
    configure_so_pin("00000000");
    expect(503, change("wrapping.rewrap", "", "{}"));
    assert_true(body_has("the token refused the SO PIN"));
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(422, change_when_free("wrapping.rewrap", "", "{}"));
    assert_true(body_has("has refused this SO PIN before"));
    configure_so_pin(STACK_SO_PIN);
}

/* After three keys the copy is gone, and no other can be made; then the keeper dies. */
static void what_was_begun_goes_on_after_a_death(void **state)
{
    (void)state;
    tap_set(TAP, &msg_token_rewrap_info, 3, TAP_REFUSE);
    tap_set(TAP, &msg_token_destroy_info, 2, TAP_REFUSE); /* two copies are made */
    begin();
    wait_for_requests(&msg_token_rewrap_info, 4);
    assert_int_equal(count_under(2), 3);
    all_sign();
    expect(409, change("wrapping.rewrap", "", "{}")); /* it has its locks */
    stack_kill_keeper(&stack);
    tap_set(TAP, &msg_token_rewrap_info, 0, TAP_PASS);
    tap_set(TAP, &msg_token_destroy_info, 0, TAP_PASS);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    wait_until_done();
    assert_true(leaves_tell(&stack, draft.id,
                            "draft request:alice approve:bob approve:carol approve:amira intent "
                            "result:done"));
    assert_int_equal(count_under(2), FAMILY + 1);
    assert_int_equal(count_under(1), 1); /* the compromised one */
    all_sign();
}

/* Neither the pair nor the copies. */
static void nothing_stays_of_it_in_the_token(void **state)
{
    const unsigned before = stack_count_objects(&stack, 0);

    (void)state;
    expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    assert_false(body_has("\"code\":\"rewrap\""));
    expect(201, change("wrapping.destroy", "", "{\"version\":1}"));
    wait_for_object_count(0, before - 3); /* of each kind one */
    all_sign();
    start_again();
    all_sign();
    expect(404, change("wrapping.destroy", "", "{\"version\":1}"));
}

static void spoil(const char *statement)
{
    sql("create table kept as select * from row where kind = 'wrapped'");
    sql(statement);
    start_again();
}

/* Those that are under this version, as they were. */
static void mend(unsigned wrapping)
{
    char statement[300];

    (void)snprintf(statement, sizeof statement,
                   "update row set body = (select body from kept where kept.name = row.name) where "
                   "kind = 'wrapped' and body like '%%\"wrapping\":%u}'",
                   wrapping);
    sql(statement);
    sql("drop table kept");
    start_again();
}

static void rewrap_and_leave(const char *left)
{
    begin();
    wait_until_done();
    assert_true(body_has(left));
}

/*
 * What is in the way of one key is in the way of none of the others, nor of those that are under a
 * later version.
 */
static void a_record_that_does_not_open_is_left_and_told_of(void **state)
{
    (void)state;
    expect(201, change("wrapping.create", "", "{}"));
    spoil("update row set body = '{\"blob\":\"AAAA' || substr(body, 14) where kind = 'wrapped' and "
          "body like '%\"r.1\"%'");
    rewrap_and_leave("\"left\":1,\"left_keys\":[{\"key\":\"r.1\",\"version\":1,\"why\":");
    assert_int_equal(leaves_count_alarms(&stack, "record-damaged"), 1);
    wait_for_alarm_of("not-rewrapped", 1);
    assert_int_equal(count_under(3), FAMILY);
    expect(422, change("wrapping.destroy", "", "{\"version\":2}"));
    assert_true(body_has("1 keys are under version 2"));
    expect(201, change("wrapping.create", "", "{}"));
    rewrap_and_leave("\"left\":0,\"left_keys\":[]");
    assert_int_equal(count_under(2), 1);
    assert_int_equal(count_under(4), FAMILY);
    mend(2);
    all_sign();
}

/* It stays with its key, whatever it says, and nobody else finds it to be nobody's. */
static void a_record_that_says_it_is_of_another_version_is_left_too(void **state)
{
    const unsigned alarms = leaves_count_alarms(&stack, "record-damaged");

    (void)state;
    spoil("update row set body = replace(body, '\"version\":1,', '\"version\":7,') where kind = "
          "'wrapped' and body like '%\"r.1\"%'");
    rewrap_and_leave("\"left\":1,\"left_keys\":[{\"key\":\"r.1\",\"version\":1,\"why\":");
    wait_for_alarm_of("record-damaged", alarms + 1);
    assert_int_equal(count_under(2), 1);
    mend(2);
    all_sign();
}

/* Whatever somebody wrote to the database: of no key, nor between two rows of one. */
static void rows_that_no_key_has_are_passed_over(void **state)
{
    static const char *const name[] = {
        "substr(name || name || name || name || name, 1, 150) || char(97 + number.n)",
        "name || 'x' || char(97 + number.n)", "upper(name) || 'A' || char(65 + number.n % 6)"};
    char statement[600];

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(name); i++) {
        (void)snprintf(
            statement, sizeof statement,
            "with recursive number(n) as (select 0 union all select n + 1 from number where "
            "n < 25 * 2) insert or ignore into row (kind, name, revision, event, body) select "
            "kind, %s, revision, event, body from (select * from row where kind = 'wrapped' and "
            "body like '%%\"wrapping\":4}' order by name limit 1), number",
            name[i]);
        sql(statement);
    }
    start_again();
    expect(422, change("wrapping.rewrap", "", "{}"));
    expect(201, change("wrapping.create", "", "{}"));
    begin();
    wait_until_done();
    assert_int_equal(count_under(5), FAMILY + 1);
    sql("delete from row where kind = 'wrapped' and body like '%\"wrapping\":4}'");
    start_again();
    all_sign();
}

static void is_not_destroyed_with(const char *statement)
{
    sql("create table kept as select * from row where kind = 'wrapped'");
    sql(statement);
    start_again();
    expect(422, change("wrapping.destroy", "", "{\"version\":4}"));
    assert_true(body_has("what is stored of 1 keys in use is gone, or cannot be read"));
    sql("delete from row where kind = 'wrapped'");
    sql("insert into row select * from kept");
    sql("drop table kept");
    start_again();
}

/* Also of a key that is not in memory: what rows there are is what anybody wrote there. */
static void what_the_log_has_is_asked_for_before_a_key_that_wraps_goes(void **state)
{
    (void)state;
    is_not_destroyed_with("delete from row where kind = 'wrapped' and body like '%\"r.0\"%'");
    is_not_destroyed_with("update row set body = '{\"wrapping\":4,' || substr(replace(body, "
                          "',\"wrapping\":5', ''), 2) where kind = 'wrapped' and body like "
                          "'%\"r.5\"%'");
    expect(201, change("wrapping.destroy", "", "{\"version\":4}"));
    all_sign();
}

static void die_at_result(unsigned calls_after)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    faults_kill_at_leaf(stack.faults, "\"kind\":\"result\"", calls_after);
    (void)draft_execute(&stack, &draft, &body);
    while (!faults_happened(stack.faults)) { /* it was told that it takes longer */
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(1000);
    }
    assert_true(faults_clear(stack.faults));
    start_again();
    wait_until_done();
}

/* Dead before anybody was told, it was done all the same; also of the destruction that follows. */
static void what_the_token_has_done_is_done_once(void **state)
{
    (void)state;
    draft_clear(&draft);
    ask_and_approve("wrapping.rewrap", "", "{}", &draft);
    die_at_result(1);
    assert_true(body_has("\"result\":{\"left\":0,\"left_keys\":[]}"));
    assert_int_equal(count_under(2), 0);
    draft_clear(&draft);
    ask_and_approve("wrapping.destroy", "", "{\"version\":2}", &draft);
    die_at_result(0);
    assert_true(body_has("\"result\":{\"not_destroyed_in\":[]}"));
    expect(404, change("wrapping.destroy", "", "{\"version\":2}"));
    all_sign();
}

static uint64_t send_signature(const char *key)
{
    const struct msg_jws_sign message = {.caller = stack_caller(),
                                         .request_id = ps_bytes_str("sign-2"),
                                         .key = ps_bytes_str(key),
                                         .payload = ps_bytes_str("payload")};

    return wire_send(&stack.clients, &msg_jws_sign_info, &message);
}

static unsigned wait_for_signature(uint64_t id)
{
    struct wire_frame answer;

    do {
        assert_true(wire_read(&stack.clients, WIRE_LIMIT_MS, &answer));
    } while (answer.id != id);
    return signed_or_refused(&answer);
}

/* Begun, and no answer is waited for: the token gives none before it is let go. */
static void begin_unheard(void)
{
    struct msg_operation_step message = {0};

    draft_clear(&draft);
    ask_and_approve("wrapping.rewrap", "", "{}", &draft);
    message = step_message(&draft, "execute");
    (void)wire_send(&stack.management, &msg_operation_step_info, &message);
}

/* The token's only session wraps one key anew after the other, and signs in between. */
static void keys_sign_while_others_are_wrapped_anew(void **state)
{
    unsigned walked;
    uint64_t id;

    (void)state;
    expect(201, change("wrapping.create", "", "{}"));
    walked = tap_count(TAP, &msg_token_rewrap_info);
    tap_set(TAP, &msg_token_rewrap_info, 0, TAP_HOLD);
    begin_unheard();
    wait_for_requests(&msg_token_rewrap_info, walked + 1);
    id = send_signature("r.0");
    wait_for_text(READ_SYSTEM, "", "\"queue\":1", 1);
    for (unsigned i = 1; i <= FAMILY; i++) { /* whatever else the token is asked for meanwhile */
        tap_let_go(TAP);
        wait_for_requests(&msg_token_rewrap_info, walked + i + 1);
    }
    expect(200, wait_for_signature(id));
    assert_int_equal(count_under(6), FAMILY);
    tap_set(TAP, &msg_token_rewrap_info, 0, TAP_PASS);
    tap_let_go(TAP);
    wait_until_done();
    assert_int_equal(count_under(6), FAMILY + 1);
}

/*
 * One is never answered for, as if its process ended each time; what another was wrapped to does
 * not sign. The rest is not kept from its turn, and they have theirs when the token takes them.
 */
static void a_key_that_the_token_does_not_take_is_left_and_told_of(void **state)
{
    const unsigned alarms = leaves_count_alarms(&stack, "not-rewrapped");

    (void)state;
    start_again();
    expect(201, change("wrapping.create", "", "{}"));
    tap_set_about(TAP, &msg_token_rewrap_info, "r.2", TAP_REFUSE);
    tap_set_about(TAP, &msg_token_sign_info, "r.4", TAP_DENY);
    rewrap_and_leave("\"left\":2,");
    assert_true(body_has("{\"key\":\"r.2\",\"version\":1,\"why\":\"the token went away each time"));
    assert_true(body_has("{\"key\":\"r.4\",\"version\":1,\"why\":\"what was wrapped anew does not "
                         "sign; it stays as it was: the token will not\"}"));
    assert_int_equal(count_under(6), 2);
    assert_int_equal(count_under(7), FAMILY - 1);
    wait_for_alarm_of("not-rewrapped", alarms + 1);
    tap_set(TAP, &msg_token_rewrap_info, 0, TAP_PASS);
    tap_set(TAP, &msg_token_sign_info, 0, TAP_PASS);
    all_sign();
    rewrap_and_leave("\"left\":0,");
    assert_int_equal(count_under(7), FAMILY + 1);
    all_sign();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_older_version_there_is_nothing_to_do),
        cmocka_unit_test(what_keys_are_under_is_not_destroyed),
        cmocka_unit_test(a_wrong_so_pin_is_tried_once),
        cmocka_unit_test(what_was_begun_goes_on_after_a_death),
        cmocka_unit_test(nothing_stays_of_it_in_the_token),
        cmocka_unit_test(a_record_that_does_not_open_is_left_and_told_of),
        cmocka_unit_test(a_record_that_says_it_is_of_another_version_is_left_too),
        cmocka_unit_test(what_the_token_has_done_is_done_once),
        cmocka_unit_test(rows_that_no_key_has_are_passed_over),
        cmocka_unit_test(what_the_log_has_is_asked_for_before_a_key_that_wraps_goes),
        cmocka_unit_test(keys_sign_while_others_are_wrapped_anew),
        cmocka_unit_test(a_key_that_the_token_does_not_take_is_left_and_told_of),
    };

    return cmocka_run_group_tests(tests, make_stack, end_stack);
}
