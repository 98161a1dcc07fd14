#include "tests/keeper/backup_fixture.h"
#include "tests/keeper/tokens_fixture.h"

#include <sys/stat.h>

/*
 * Versions of the key that wraps, of which tokens hold some and lack others: HOME makes the first
 * two, and SPARE has the first alone. The tests follow each other.
 */

#define FIRST  "w.first"  /* under the first version */
#define SECOND "w.second" /* under the second, which only HOME has */
#define THIRD  "w.third"  /* under that which SPARE makes when HOME is gone */

static char directory[160];

static void begin_with_backups(void)
{
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_make(&stack, 1);
    (void)snprintf(directory, sizeof directory, "%s/backups", stack.directory);
    assert_int_equal(mkdir(directory, 0700), 0);
    stack.backups = directory;
    stack_start(&stack);
    stack_genesis(&stack);
}

static void wait_for_first_backup(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (leaves_count(&stack, "backup-kept") == 0) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(5000);
    }
}

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    begin_with_backups();
    take_in(SPARE, SPARE_AT);
    take_in(HOME, HOME_AT);
    send_so_pin_of(HOME);
    expect(201, change("wrapping.create", "", IN_HOME));
    expect(201, change("key.create", "", WRAPPED_IN(FIRST, HOME)));
    expect(201, change("wrapping.prepare", SPARE, "{}"));
    expect(201, change("wrapping.carry", "", "{}"));
    wait_for_first_backup();
    return 0;
}

/* Known to the keeper: by then a key that lives there is used elsewhere. */
static void take_home_away(void)
{
    stack_kill_token(&stack, HOME_AT);
    sign_elsewhere(FIRST);
}

static void bring_home_back(void)
{
    stack_start_token(&stack, HOME_AT);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
}

/* --- A token that is away --- */

static void the_next_version_of_a_key_is_made_where_there_is_a_token(void **state)
{
    (void)state;
    take_home_away();
    expect(201, change("key.rotate", FIRST, "{}"));
    expect(201, change("key.activate", FIRST, "{\"version\":2}"));
    expect(200, stack_read(&stack, READ_KEY, FIRST, &body));
    assert_int_equal(body_count("\"token\":\"" SPARE "\""), 1);
    assert_int_equal(body_count("\"token\":\"" HOME "\""), 2);
    expect(200, sign(FIRST));
    bring_home_back();
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(200, sign(FIRST));
}

/* The newest one is in HOME alone; it has wrapped nothing yet. */
static void a_key_is_used_where_the_version_is_that_wrapped_it(void **state)
{
    (void)state;
    wait_for_tokens();
    expect(201, change("wrapping.create", "", IN_HOME));
    make_backup();
    take_home_away();
    expect(200, sign(FIRST));
}

static void a_drill_opens_a_key_where_that_version_is(void **state)
{
    (void)state;
    expect(202, ask_task(TASK_DRILL));
    wait_for_drill(1);
    assert_true(body_has("\"good\":true"));
    assert_true(body_has("\"other_token\":true"));
    assert_true(body_has("\"token\":\"" SPARE "\""));
    bring_home_back();
}

/* Of which no other token has it: that one is asked, and is named. */
static void a_drill_names_the_token_of_the_key_where_it_needs_it(void **state)
{
    (void)state;
    wait_for_tokens();
    expect(201, change("key.create", "", WRAPPED_IN(SECOND, HOME)));
    make_backup();
    expect(202, ask_task(TASK_DRILL));
    wait_for_drill(2);
    assert_true(body_has("\"good\":true"));
    assert_true(body_has("\"other_token\":false"));
    assert_true(body_has("\"token\":\"" HOME "\",\"tried\":3"));
}

/* --- A token that has left, with the newest version --- */

static void another_token_takes_its_place(void **state)
{
    (void)state;
    stack_kill_keeper(&stack);
    start_without(1);
    expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    assert_true(body_has("\"" SECOND "\""));
    sign_elsewhere(FIRST);
    expect(503, sign(SECOND));
    expect(409, change("wrapping.create", "", IN(STACK_TOKEN)));
    assert_true(body_has(SPARE " holds version 1 of the wrapping key"));
    expect(201, change("wrapping.create", "", IN(SPARE)));
    assert_true(body_has("\"version\":3"));
    expect(201, change("key.create", "", WRAPPED_IN(THIRD, SPARE)));
    expect(200, sign(THIRD));
    expect(200, sign(FIRST));
}

static unsigned try_out(const char *type, const char *parameters)
{
    struct msg_change trial = stack_change_message(type, "", parameters);
    DRAFT_AUTO none;

    trial.dry_run = 1;
    return draft_ask(&stack, &trial, &none, &body);
}

/* What is under the second version is in the way of nothing. */
static void what_it_opens_is_wrapped_anew_there(void **state)
{
    (void)state;
    send_so_pin_of(SPARE);
    expect(200, try_out("wrapping.rewrap", "{}"));
    assert_true(body_has("\"from\":\"1\""));
    assert_true(body_has("\"token\":\"" SPARE "\",\"version\":\"3\""));
    expect(201, change("key.deactivate", FIRST, "{}"));
    expect(201, change("key.destroy", FIRST, "{}"));
    expect(422, change("wrapping.rewrap", "", "{}"));
    expect(422, change("wrapping.destroy", "", "{\"version\":2}"));
    expect(201, change("wrapping.destroy", "", "{\"version\":1}"));
    assert_true(body_has("\"not_destroyed_in\":[\"" HOME "\"]"));
}

/* It may be answered before it is done. */
static void wrap_anew(void)
{
    DRAFT_AUTO draft;
    unsigned status;

    ask_and_approve("wrapping.rewrap", "", "{}", &draft);
    status = draft_execute(&stack, &draft, &body);
    assert_true(status == 201 || status == 202);
    wait_for_text(READ_OPERATION, draft.id, "\"state\":\"done\"", 1);
    assert_true(body_has("\"from\":\"2\""));
    assert_true(body_has("\"left\":0"));
}

/* And then wraps anew what only it can open. */
static void what_has_come_back_opens_what_it_holds(void **state)
{
    (void)state;
    start_with(1);
    expect(200, sign(SECOND));
    expect(409, change("wrapping.create", "", IN_HOME));
    expect(422, change("wrapping.rewrap", "", "{}"));
    send_so_pin_of(SPARE);
    expect(201, change("wrapping.prepare", HOME, "{}"));
    expect(201, change("wrapping.carry", "", "{}"));
    wrap_anew();
    expect(201, change("wrapping.destroy", "", "{\"version\":2}"));
    expect(200, sign(SECOND));
    expect(200, sign(THIRD));
}

/* Then one begins anew in any of them. */
static void where_none_holds_any_version_any_token_does(void **state)
{
    (void)state;
    stack_kill_keeper(&stack);
    start_without(2);
    expect(503, sign(SECOND));
    expect(201, change("wrapping.create", "", IN(STACK_TOKEN)));
    expect(201, change("key.create", "", WRAPPED_IN("w.fourth", STACK_TOKEN)));
    expect(200, sign("w.fourth"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_version_of_a_key_is_made_where_there_is_a_token),
        cmocka_unit_test(a_key_is_used_where_the_version_is_that_wrapped_it),
        cmocka_unit_test(a_drill_opens_a_key_where_that_version_is),
        cmocka_unit_test(a_drill_names_the_token_of_the_key_where_it_needs_it),
        cmocka_unit_test(another_token_takes_its_place),
        cmocka_unit_test(what_it_opens_is_wrapped_anew_there),
        cmocka_unit_test(what_has_come_back_opens_what_it_holds),
        cmocka_unit_test(where_none_holds_any_version_any_token_does),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
