#include "tests/keeper/wrapped_fixture.h"

/* Keys that live outside the token: made, used, rotated, lost and destroyed, with SoftHSM. */

#define PROCESSES 2
#define CACHE     3
#define IN_MEMORY 2 /* nearly each key has to come from the catalog when it is asked for */

static int make_stack(void **state)
{
    (void)state;
    begin_with_room(PROCESSES, CACHE, IN_MEMORY);
    return 0;
}

static void without_a_wrapping_key_none_is_made(void **state)
{
    (void)state;
    expect(422, change("key.create", "", WRAPPED_KEY("early")));
    assert_true(body_has("refused"));
}

static void both_keys_are_made_and_nobody_else_touches_them(void **state)
{
    (void)state;
    expect(201, change("wrapping.create", "", "{}"));
    assert_true(body_has("\"version\":1"));
    expect(404, stack_read(&stack, READ_KEY, "privyseal.wrapping", &body));
    expect(404, change("key.rotate", "privyseal.wrapping", "{}"));
    expect(404, change("key.deactivate", "privyseal.record-mac", "{}"));
    expect(404, change("key.deactivate", "privyseal.wrapping-secrets", "{}"));
    expect(403,
           change("key.create", "",
                  "{\"name\":\"privyseal.wrapping\",\"type\":\"aes-256\",\"usage\":\"wrap\"}"));
    expect(422, change("key.create", "",
                       "{\"name\":\"trojan\",\"type\":\"aes-256\",\"usage\":\"wrap\"}"));
}

static void a_wrapped_key_signs(void **state)
{
    (void)state;
    make_key("w.one");
    expect(200, stack_read(&stack, READ_KEY, "w.one", &body));
    assert_true(body_has("\"residence\":\"wrapped\""));
    assert_true(body_has("\"recovery\":\"wrapped\""));
    assert_int_equal(count_rows(), 1);
    for (int i = 0; i < 5; i++) {
        expect(200, sign("w.one"));
    }
}

static void what_the_token_does_not_wrap_is_refused_before_anybody_approves(void **state)
{
    struct draft draft;
    const struct msg_change message = stack_change_message(
        "key.create", "",
        "{\"name\":\"w.ed\",\"type\":\"ed25519\",\"usage\":\"sign\",\"formats\":[\"jws\"],"
        "\"residence\":\"wrapped\"}");

    (void)state;
    expect(422, draft_ask(&stack, &message, &draft, &body));
    expect(422, change("key.create", "",
                       "{\"name\":\"w.none\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                       "\"formats\":[\"jws\"],\"residence\":\"wrapped\",\"recovery\":\"none\"}"));
}

static void must_sign(const char *name)
{
    expect(200, sign(name));
}

/* More keys than the processes have room for. */
static void keys_come_and_go(void **state)
{
    (void)state;
    with_many("w", 3 * CACHE, make_key);
    for (int round = 0; round < 3; round++) {
        with_many("w", 3 * CACHE, must_sign);
    }
}

static unsigned long number_of(const char *metric)
{
    return read_number(READ_METRICS, "", metric);
}

static void wait_until_few_are_in_memory(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (number_of("\nprivyseal_keys{place=\"catalog\"} ") < 3 * CACHE - IN_MEMORY) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
}

static void keys_that_are_not_in_memory_are_shown_like_the_others(void **state)
{
    char name[40];

    (void)state;
    wait_until_few_are_in_memory();
    expect(200, stack_read(&stack, READ_KEYS, "", &body));
    for (int i = 0; i < 3 * CACHE; i++) {
        (void)snprintf(name, sizeof name, "\"name\":\"w.many.%d\"", i);
        assert_true(body_has(name));
    }
    expect(404, stack_read(&stack, READ_KEY, "w.many", &body));
    expect(409, change("key.create", "",
                       "{\"name\":\"w.many.1\",\"type\":\"rsa-2048\",\"usage\":\"sign\","
                       "\"formats\":[\"jws\"],\"residence\":\"wrapped\"}"));
}

/* One unwrap each time it is not open; each process opens it once while it has room. */
static void a_key_is_opened_once_for_its_uses(void **state)
{
    const char *metric = "\nprivyseal_token_unwraps_total{token=\"" STACK_TOKEN "\"} ";
    unsigned long long before;
    char name[32];

    (void)state;
    restart_tokens(PROCESSES);
    before = number_of(metric);
    for (int i = 0; i < 3 * CACHE; i++) {
        (void)snprintf(name, sizeof name, "w.many.%d", i);
        expect(200, sign(name));
        assert_int_equal(number_of(metric), before + (unsigned)i + 1);
    }
    restart_tokens(PROCESSES);
    before = number_of(metric);
    for (int i = 0; i < 10 * PROCESSES; i++) {
        expect(200, sign("w.one"));
    }
    wait_until_few_are_in_memory(); /* forgotten by the keeper, and open all the same */
    for (int i = 0; i < PROCESSES; i++) {
        expect(200, sign("w.one"));
    }
    assert_in_range(number_of(metric), before + 1, before + PROCESSES);
}

static void it_signs_after_the_keeper_or_a_process_is_another(void **state)
{
    (void)state;
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(200, sign("w.one"));
    restart_tokens(PROCESSES);
    for (int i = 0; i < 4; i++) {
        expect(200, sign("w.one"));
    }
}

static void it_is_rotated(void **state)
{
    (void)state;
    make_key("w.rotated");
    expect(201, change("key.rotate", "w.rotated", "{}"));
    expect(201, change("key.activate", "w.rotated", "{}"));
    expect(200, sign("w.rotated"));
    expect(200, stack_read(&stack, READ_KEY, "w.rotated", &body));
    assert_true(body_has("\"version\":2,\"state\":\"active\""));
}

/* Where nobody has signed for the log, a key is refused until the token has opened it, */
static bool is_unsigned(void)
{
    return getenv("PRIVYSEAL_UNSIGNED") != NULL;
}

/* and the next time that it is looked for it may. */
static void expect_signature_again(const char *name)
{
    if (is_unsigned()) {
        sign_elsewhere(name);
    } else {
        expect(200, sign(name));
    }
}

/* Changes what is stored of `w.one`, and back. */
static void must_be_found(const char *name, const char *statement)
{
    const unsigned alarms = leaves_count_alarms(&stack, "record-damaged");

    sql("create table kept as select * from row where kind = 'wrapped'");
    sql(statement);
    restart_keeper(APPLIANCE_OPERATIONAL); /* alarms are told once a minute */
    restart_tokens(PROCESSES);
    expect(503, sign(name));
    assert_true(body_has(is_unsigned() ? "token-unavailable" : "record-damaged"));
    expect(503, sign(name));
    wait_for_alarm_of("record-damaged", alarms + 1);
    sql("delete from row where kind = 'wrapped'");
    sql("insert into row select * from kept");
    sql("drop table kept");
    expect_signature_again(name);
}

#define ROW_OF(key, version)                                                                       \
    "(select body from row where kind = 'wrapped' and body like '%\"key\":\"" key                  \
    "\"%' and body like '%\"version\":" version ",%')"

static void a_record_that_is_not_the_keys_own_is_not_opened(void **state)
{
    (void)state;
    make_key("w.two");
    /* Another key's record, whole. */
    must_be_found("w.one", "update row set body = " ROW_OF(
                               "w.two", "1") " where kind = 'wrapped' and body like '%\"w.one\"%'");
    /* An earlier version's. */
    must_be_found("w.rotated",
                  "update row set body = replace(" ROW_OF(
                      "w.rotated", "1") ", '\"version\":1', '\"version\":2') where kind = "
                                        "'wrapped' and body like '%\"w.rotated\"%' and body like "
                                        "'%\"version\":2,%'");
    /* The same as it is, and what says only that it is of that version, or of another key. */
    must_be_found("w.rotated", "update row set body = " ROW_OF(
                                   "w.rotated", "1") " where kind = 'wrapped' and body like "
                                                     "'%\"w.rotated\"%' and body like "
                                                     "'%\"version\":2,%'");
    must_be_found("w.rotated", "update row set body = replace(body, '\"version\":2,', "
                               "'\"version\":1,') where kind = 'wrapped' and body like "
                               "'%\"w.rotated\"%'");
    must_be_found("w.one", "update row set body = replace(body, '\"w.one\"', '\"w.two\"') where "
                           "kind = 'wrapped' and body like '%\"w.one\"%'");
    /* A changed octet of the blob, a row that is gone, and one that is none. */
    must_be_found("w.one", "update row set body = '{\"blob\":\"AAAA' || substr(body, 14) where "
                           "kind = 'wrapped' and body like '%\"w.one\"%'");
    must_be_found("w.one", "delete from row where kind = 'wrapped' and body like '%\"w.one\"%'");
    must_be_found("w.one", "update row set body = '{}' where kind = 'wrapped' and body like "
                           "'%\"w.one\"%'");
    must_be_found("w.one", "update row set body = replace(body, '\"wrapping\":1', "
                           "'\"wrapping\":9') where kind = 'wrapped' and body like '%\"w.one\"%'");
    restart_keeper(APPLIANCE_OPERATIONAL); /* else it compares the catalog with the log now */
}

#define NOBODYS "ffffffffffffffffffffffffffffffff" /* the last one that a sweep comes to */

static void reserve(const char *hex)
{
    char statement[300];

    (void)snprintf(statement, sizeof statement,
                   "insert into row (kind, name, revision, event, body) values ('reserved', "
                   "'%s', 1, 0, '{\"token\":\"" STACK_TOKEN "\"}')",
                   hex);
    sql(statement);
}

static int take_text(void *context, int count, char **values, char **names)
{
    (void)count;
    (void)names;
    ps_buf_put_str(context, values[0]);
    ps_buf_put_u8(context, 0);
    return 0;
}

/* The key is not in memory, and whose it is only its record says. */
static void what_a_record_that_cannot_be_read_is_of_is_not_swept(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    PS_BUF_AUTO name = {.max = 64};
    int left = -1;
    int reserved = -1;

    (void)state;
    stack_kill_keeper(&stack);
    sql("create table kept as select * from row where kind = 'wrapped' and body like "
        "'%\"w.one\"%'");
    sql_each("select name from kept", take_text, &name);
    assert_int_equal(name.len, 33);
    sql("update row set body = '{}' where kind = 'wrapped' and name = (select name from kept)");
    reserve((const char *)name.data);
    reserve(NOBODYS);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    while (left != 0) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
        sql_each("select count(*) from row where kind = 'reserved' and name = '" NOBODYS "'",
                 take_number, &left);
    }
    sql_each("select count(*) from row where name = (select name from kept)", take_number,
             &reserved);
    assert_int_equal(reserved, 2);
    /* What somebody wrote there keeps the token from no inventory. */
    wait_for_text(READ_INVENTORY, "", "\"state\":\"done\"", 1);
    wait_for_alarm_of("reserved-id", 1);
    stack_kill_keeper(&stack);
    sql("delete from row where name = (select name from kept)");
    sql("insert into row select * from kept");
    sql("drop table kept");
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(200, sign("w.one"));
}

static void a_new_wrapping_key_is_for_new_keys(void **state)
{
    (void)state;
    expect(201, change("wrapping.create", "", "{}"));
    assert_true(body_has("\"version\":2"));
    make_key("w.newer");
    expect(200, sign("w.newer"));
    expect(200, sign("w.two"));
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(200, sign("w.two"));
    expect(200, sign("w.newer"));
}

static void what_is_destroyed_is_nowhere(void **state)
{
    const int before = count_rows();

    (void)state;
    expect(200, sign("w.two"));
    expect(201, change("key.deactivate", "w.two", "{}"));
    expect(201, change("key.destroy", "w.two", "{}"));
    assert_int_equal(count_rows(), before - 1);
    expect(409, sign("w.two"));
    expect(201, change("key.deactivate", "w.rotated", "{}"));
    expect(201, change("key.destroy", "w.rotated", "{}"));
    assert_int_equal(count_rows(), before - 3);
}

static void a_batch_of_them_is_made(void **state)
{
    char *text = malloc(128 * 32);
    char *at = text;
    const int before = count_rows();
    unsigned status;

    (void)state;
    at += sprintf(at, "{\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"],"
                      "\"residence\":\"wrapped\",\"keys\":[");
    for (int i = 0; i < 40; i++) {
        at += sprintf(at, "%s{\"name\":\"b.%d\"}", i == 0 ? "" : ",", i);
    }
    (void)sprintf(at, "]}");
    status = change("key.create_batch", "", text);
    free(text);
    assert_true(status == 201 || status == 202); /* a slow machine tells before its end */
    sign_elsewhere("b.39");
    assert_int_equal(count_rows(), before + 40);
    expect(200, sign("b.0"));
    expect(200, sign("b.39"));
}

static void it_decrypts(void **state)
{
    (void)state;
    expect(201, change("key.create", "",
                       "{\"name\":\"w.open\",\"type\":\"ec-p256\",\"usage\":\"decrypt\","
                       "\"residence\":\"wrapped\"}"));
    expect(201, change("key.create", "",
                       "{\"name\":\"w.rsa\",\"type\":\"rsa-2048\",\"usage\":\"decrypt\","
                       "\"residence\":\"wrapped\"}"));
}

static void a_set_lists_what_is_not_in_memory(void **state)
{
    (void)state;
    wait_until_few_are_in_memory();
    expect(200, stack_read(&stack, READ_JWKS, "", &body));
    assert_true(body_count("\"kid\"") > 3 * CACHE);
    expect(201, change("set.put", "some", "{\"keys\":[\"w.many.1\",\"w.many.2*\"]}"));
    wait_until_few_are_in_memory();
    expect(200, stack_read(&stack, READ_JWKS, "some", &body));
    assert_int_equal(body_count("\"kid\""), 2);
}

static void what_is_read_again_is_held_against_the_log(void **state)
{
    const unsigned alarms = leaves_count_alarms(&stack, "catalog");

    (void)state;
    wait_until_few_are_in_memory();
    sql("create table kept as select * from row where kind = 'key' and name like 'w.many.%'");
    sql("update row set body = replace(body, '\"verify\":\"sampled\"', '\"verify\":\"always\"')"
        " where kind = 'key' and name like 'w.many.%'");
    for (int i = 0; i < 3 * CACHE; i++) {
        char name[32];

        (void)snprintf(name, sizeof name, "w.many.%d", i);
        if (sign(name) != 200) {
            break;
        }
        assert_true(i < IN_MEMORY + 2);
    }
    stack_wait_state(&stack, APPLIANCE_FAILED);
    wait_for_alarm_of("catalog", alarms + 1);
    sql("delete from row where kind = 'key' and name like 'w.many.%'");
    sql("insert into row select * from kept");
    sql("drop table kept");
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(200, sign("w.many.4"));
}

/* What docs/operators.md has an operator run when the catalog differs, in `out`, with a 0 behind.
 */
static void read_statement(struct ps_buf *out)
{
    static const char begin[] = "sqlite3 catalog.sqlite \"";
    PS_BUF_AUTO text = {.max = 0};
    char path[4096];
    const char *from;
    const char *end;

    (void)snprintf(path, sizeof path, "%s/docs/operators.md", getenv("PRIVYSEAL_SOURCE_ROOT"));
    assert_true(read_file(path, &text));
    ps_buf_put_u8(&text, 0);
    from = strstr((const char *)text.data, begin);
    assert_non_null(from);
    from += sizeof begin - 1;
    end = strchr(from, '"');
    assert_non_null(end);
    ps_buf_put(out, ps_bytes((const uint8_t *)from, (size_t)(end - from)));
    ps_buf_put_u8(out, 0);
    assert_ok(ps_buf_status(out));
}

static int count_rows_of_the_log(void)
{
    int count = -1;

    sql_each("select count(*) from row where kind in ('key', 'version', 'roster', 'appliance')",
             take_number, &count);
    return count;
}

/* The log has the rows, and nobody but the catalog what the token wrapped. */
static void a_catalog_made_anew_as_the_runbook_says_loses_no_key(void **state)
{
    const unsigned alarms = leaves_count_alarms(&stack, "record-damaged");
    const int rows = count_rows_of_the_log();
    const int wrapped = count_rows();
    PS_BUF_AUTO statement = {.max = 1024};

    (void)state;
    read_statement(&statement);
    stack_kill_keeper(&stack);
    sql((const char *)statement.data);
    assert_int_equal(count_rows_of_the_log(), 0);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    assert_int_equal(count_rows_of_the_log(), rows);
    assert_int_equal(count_rows(), wrapped);
    expect(200, sign("w.many.4"));
    assert_int_equal(leaves_count_alarms(&stack, "record-damaged"), alarms);
}

static void a_start_tells_that_no_record_is_left(void **state)
{
    const unsigned alarms = leaves_count_alarms(&stack, "record-damaged");

    (void)state;
    stack_kill_keeper(&stack);
    sql("create table kept as select * from row where kind = 'wrapped'");
    sql("delete from row where kind = 'wrapped'");
    stack_start_keeper(&stack);
    stack_wait_started(&stack);
    wait_for_alarm_of("record-damaged", alarms + 1);
    stack_kill_keeper(&stack);
    sql("insert into row select * from kept");
    sql("drop table kept");
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(200, sign("w.many.4"));
    assert_int_equal(leaves_count_alarms(&stack, "record-damaged"), alarms + 1);
}

/* Nobody has signed for the log: what it says of public keys is shown by the token. */
static void an_unsigned_log_is_believed_when_the_token_opens_it(void **state)
{
    const bool was_unsigned = is_unsigned();

    (void)state;
    assert_int_equal(setenv("PRIVYSEAL_UNSIGNED", "1", 1), 0);
    restart_keeper(APPLIANCE_OPERATIONAL);
    assert_true(was_unsigned || unsetenv("PRIVYSEAL_UNSIGNED") == 0);
    wait_for_text(READ_SYSTEM, "", "operational", 1);
    expect(200, sign("w.one"));
    expect(200, sign("b.7"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_wrapping_key_none_is_made),
        cmocka_unit_test(both_keys_are_made_and_nobody_else_touches_them),
        cmocka_unit_test(a_wrapped_key_signs),
        cmocka_unit_test(what_the_token_does_not_wrap_is_refused_before_anybody_approves),
        cmocka_unit_test(keys_come_and_go),
        cmocka_unit_test(a_key_is_opened_once_for_its_uses),
        cmocka_unit_test(keys_that_are_not_in_memory_are_shown_like_the_others),
        cmocka_unit_test(it_signs_after_the_keeper_or_a_process_is_another),
        cmocka_unit_test(it_is_rotated),
        cmocka_unit_test(a_record_that_is_not_the_keys_own_is_not_opened),
        cmocka_unit_test(what_a_record_that_cannot_be_read_is_of_is_not_swept),
        cmocka_unit_test(a_new_wrapping_key_is_for_new_keys),
        cmocka_unit_test(what_is_destroyed_is_nowhere),
        cmocka_unit_test(a_batch_of_them_is_made),
        cmocka_unit_test(it_decrypts),
        cmocka_unit_test(a_set_lists_what_is_not_in_memory),
        cmocka_unit_test(what_is_read_again_is_held_against_the_log),
        cmocka_unit_test(a_catalog_made_anew_as_the_runbook_says_loses_no_key),
        cmocka_unit_test(a_start_tells_that_no_record_is_left),
        cmocka_unit_test(an_unsigned_log_is_believed_when_the_token_opens_it),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
