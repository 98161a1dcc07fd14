#include "tests/keeper/sql.h"

#include "lib/base/encode.h"

/*
 * Somebody writes to the database while the keeper runs. What they wrote is found, and it is never
 * taken over: not into an operation that comes at the same moment, nor into what relying parties
 * are given.
 */

#define KEY "t.key"

static int make_stack(void **state)
{
    (void)state;
    fixture_begin(1);
    expect(201, change("key.create", "", EC_KEY(KEY)));
    expect(201, change("key.create", "", EC_KEY("other")));
    expect(201, change("set.put", "mine", "{\"keys\":[\"t.*\"]}"));
    return 0;
}

static unsigned suspend_or_resume(const char *what)
{
    return change(what, KEY, "{}");
}

/* That the rows are good again may be found before the last of what was written was noticed. */
static unsigned suspend_when_compared(void)
{
    unsigned status;

    do {
        status = suspend_or_resume("key.suspend");
    } while (status == 503);
    return status;
}

/* What the operation would have made into the truth, had it believed the row. */
static void a_changed_row_is_not_taken_into_an_operation(void **state)
{
    (void)state;
    sql("update row set body = replace(body, '\"jws\"', '\"raw\"') where kind = 'key' and name = "
        "'" KEY "'");
    expect(503, suspend_or_resume("key.suspend"));
    stack_wait_state(&stack, APPLIANCE_FAILED);
    expect(503, stack_sign_jws(&stack, KEY, "", "x", &body));
    expect(503, suspend_or_resume("key.suspend"));
    sql("update row set body = replace(body, '\"raw\"', '\"jws\"') where kind = 'key' and name = "
        "'" KEY "'");
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(201, suspend_when_compared());
    expect(201, suspend_or_resume("key.resume"));
    expect(200, stack_sign_jws(&stack, KEY, "", "x", &body));
}

static unsigned keys_in_set(void)
{
    expect(200, stack_read(&stack, READ_JWKS, "mine", &body));
    return body_count("\"kid\"");
}

/* Where nobody has signed for the log, a key is published when the token has shown it. */
static unsigned keys_before_the_token(void)
{
    return getenv("PRIVYSEAL_UNSIGNED") == NULL ? 1 : 0;
}

static void a_changed_set_publishes_no_other_key(void **state)
{
    (void)state;
    assert_int_equal(keys_in_set(), 1);
    sql("update row set body = replace(body, 't.*', '*') where kind = 'set'");
    assert_int_equal(keys_in_set(), 1);
    stack_wait_state(&stack, APPLIANCE_FAILED);
    assert_int_equal(keys_in_set(), 1);
    /* Nor after a start that finds it so. */
    restart_keeper(APPLIANCE_FAILED);
    assert_int_equal(keys_in_set(), keys_before_the_token());
    sql("update row set body = replace(body, '\"*\"', '\"t.*\"') where kind = 'set'");
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    assert_int_equal(keys_in_set(), 1);
}

static void a_grant_that_was_written_in_gives_no_right(void **state)
{
    (void)state;
    sql("update row set body = replace(body, '\"jws.sign\"', '\"keys.read\"') where kind = 'grant' "
        "and body like '%jws.sign%'");
    /* Memory still is what the log says; a moment later nothing is done at all. */
    stack_wait_state(&stack, APPLIANCE_FAILED);
    expect(503, stack_sign_jws(&stack, KEY, "", "x", &body));
    sql("update row set body = replace(body, '\"keys.read\",\"jws.verify\"', "
        "'\"jws.sign\",\"jws.verify\"') where kind = 'grant'");
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(200, stack_sign_jws(&stack, KEY, "", "x", &body));
}

static void wait_for_event(const char *text)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    char path[220];

    (void)snprintf(path, sizeof path, "%s/log/events/entries", stack.data);
    for (;;) {
        PS_BUF_AUTO record;

        assert_true(read_file(path, &record));
        if (memmem(record.data, record.len, text, strlen(text)) != NULL) {
            return;
        }
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(20000);
    }
}

static int take_text(void *context, int count, char **values, char **names)
{
    (void)count;
    (void)names;
    ps_buf_put_str(context, values[0]);
    return 0;
}

/* A reserved id that is a live key's: nothing in the token may be destroyed for it. */
static void a_reserved_id_of_a_live_key_destroys_nothing(void **state)
{
    char path[220];
    char statement[300];
    sqlite3 *db;
    PS_BUF_AUTO text;
    PS_BUF_AUTO id;
    PS_BUF_AUTO hex;

    (void)state;
    ps_buf_init(&text, 64);
    ps_buf_init(&id, 64);
    ps_buf_init(&hex, 64);
    stack_kill_keeper(&stack);
    (void)snprintf(path, sizeof path, "%s/catalog.sqlite", stack.data);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "select json_extract(body, '$.object_id') from row where kind = "
                                  "'version' and name = '" KEY "/1'",
                                  take_text, &text, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_ok(ps_base64url_decode(ps_buf_bytes(&text), &id));
    ps_buf_put_hex(&hex, ps_buf_bytes(&id));
    assert_int_equal(hex.len, 32);
    (void)snprintf(statement, sizeof statement,
                   "insert into row (kind, name, revision, event, body) values ('reserved', "
                   "'%.*s', 1, 0, '{\"token\":\"t\"}')",
                   PS_BYTES_FMT(ps_buf_bytes(&hex)));
    sql(statement);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    wait_for_event("reserved-id");
    expect(200, stack_sign_jws(&stack, KEY, "", "x", &body));
    stack_kill_keeper(&stack);
    stack_kill_token(&stack, 0);
    stack_start_token(&stack, 0);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(200, stack_sign_jws(&stack, KEY, "", "x", &body));
}

/* Rows of bookkeeping are compared with nothing: whatever they say, the keeper lives through it. */
static void bookkeeping_of_no_form_harms_nobody(void **state)
{
    (void)state;
    sql("insert into row (kind, name, revision, event, body) values ('operation', "
        "printf('%.*c', 100000, 'a'), 1, 0, '{\"caller\":\"\",\"created_s\":1,\"detail\":\"\","
        "\"document\":{},\"event\":0,\"location\":\"\",\"problem\":\"\",\"request_id\":\"\","
        "\"state\":\"executing\",\"type\":\"key.create\"}')");
    sql("insert into row (kind, name, revision, event, body) values ('reserved', "
        "printf('%.*c', 100000, 'a'), 1, 0, '{\"token\":\"t\"}')");
    expect(503, stack_read(&stack, READ_OPERATIONS, "", &body));
    expect(200, stack_sign_jws(&stack, KEY, "", "x", &body));
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(503, stack_read(&stack, READ_OPERATIONS, "", &body));
    expect(200, stack_sign_jws(&stack, KEY, "", "x", &body));
    sql("delete from row where length(name) > 1000");
    expect(200, stack_read(&stack, READ_OPERATIONS, "", &body));
}

/* A copy of the row of an operation that was done, under the id that ends so. */
static void copy_operation(const char *end, const char *from, const char *to)
{
    char statement[500];

    (void)snprintf(statement, sizeof statement,
                   "insert into row (kind, name, revision, event, body) select kind, "
                   "substr(name, 1, length(name) - 3) || '%s', 1, 0, replace(body, '%s', '%s') "
                   "from row where kind = 'operation' and name not like '%%-._' and body like "
                   "'%%key.create%%' limit 1",
                   end, from, to);
    sql(statement);
}

/* Ended at a start is what says of itself that it is executed, each row by itself. */
static void only_what_was_executed_is_ended_at_a_start(void **state)
{
    PS_BUF_AUTO states = {.max = 256};

    (void)state;
    copy_operation("-.0", "\"document\":{", "\"document\":{\"labels\":{\"state\":\"executing\"},");
    copy_operation("-.1", "\"state\":\"done\",\"type\":\"key.create\"",
                   "\"state\":\"executing\",\"type\":\"key.crate\"");
    copy_operation("-.2", "\"state\":\"done\"", "\"state\":\"executing\"");
    restart_keeper(APPLIANCE_OPERATIONAL);
    wait_for_text(READ_OPERATIONS, "", "\"state\":\"failed\"", 1);
    sql_each("select group_concat(json_extract(body, '$.state')) from (select body from row where "
             "kind = 'operation' and name like '%-._' order by name)",
             take_text, &states);
    assert_ok(ps_buf_status(&states));
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&states), "done,executing,failed"));
    sql("delete from row where kind = 'operation' and name like '%-._'");
}

/* A lost database is made anew from the log. */
static void a_lost_catalog_is_made_anew(void **state)
{
    char path[220];

    (void)state;
    stack_kill_keeper(&stack);
    (void)snprintf(path, sizeof path, "%s/catalog.sqlite", stack.data);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof path, "%s/catalog.sqlite-wal", stack.data);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/catalog.sqlite-shm", stack.data);
    (void)unlink(path);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(200, stack_sign_jws(&stack, KEY, "", "x", &body));
    expect(201, suspend_or_resume("key.suspend"));
    expect(201, suspend_or_resume("key.resume"));
}

/* What it says of itself next does not take away why it gets no PIN. */
static void look_away_and_back(void)
{
    char store[200];
    char away[220];

    (void)snprintf(store, sizeof store, "%s/store", stack.directory);
    (void)snprintf(away, sizeof away, "%s.away", store);
    assert_int_equal(rename(store, away), 0);
    wait_for_text(READ_SYSTEM, "", "\"state\":\"absent\"", 1);
    assert_int_equal(rename(away, store), 0);
    wait_for_text(READ_SYSTEM, "", "unapproved-module", 1);
}

/* An unapproved module gets no PIN; approved anew, it does. */
static void another_module_waits_for_approval(void **state)
{
    static char path[220];
    FILE *file;
    PS_BUF_AUTO module;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/module.so", stack.directory);
    assert_true(read_file(STACK_MODULE, &module));
    ps_buf_put_u8(&module, 0); /* behind the last section: the same program, another hash */
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(module.data, 1, module.len, file), module.len);
    assert_int_equal(fclose(file), 0);
    stack.request_timeout_ms = 500;
    restart_keeper(APPLIANCE_OPERATIONAL);
    stack_kill_token(&stack, 0);
    stack.module = path;
    stack_start_token(&stack, 0);
    wait_for_event("unapproved-module");
    stack_wait_state(&stack, APPLIANCE_DEGRADED);
    expect(503, stack_sign_jws(&stack, KEY, "", "x", &body));
    stack.request_timeout_ms = STACK_REQUEST_MS;
    restart_keeper(APPLIANCE_DEGRADED);
    wait_for_text(READ_SYSTEM, "", "unapproved-module", 1); /* it has spoken */
    look_away_and_back();
    expect(404, change("token.approve", "other", "{}"));
    expect(201, change("token.approve", STACK_TOKEN, "{}"));
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(200, stack_sign_jws(&stack, KEY, "", "x", &body));
    expect(200, change("token.approve", STACK_TOKEN, "{}"));
}

#define PROFILE       "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER_PROFILE "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void start_with_profile(const char *hash)
{
    stack.profile_hash = hash;
    stack_kill_keeper(&stack);
    stack_kill_token(&stack, 0);
    stack_start_token(&stack, 0);
    stack_start_keeper(&stack);
}

/* It is degraded before the token has spoken, too. */
static void wait_for_unapproved_profile(void)
{
    stack_wait_state(&stack, APPLIANCE_DEGRADED);
    wait_for_text(READ_SYSTEM, "", "unapproved-profile", 1);
}

/* One of the same id, too: but where people approved it when its hash was not told. */
static void another_profile_waits_for_approval(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    start_with_profile(PROFILE);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(201, change("token.approve", STACK_TOKEN, "{}"));
    expect(200, change("token.approve", STACK_TOKEN, "{}"));
    stack.request_timeout_ms = STACK_SOON_MS;
    start_with_profile(OTHER_PROFILE);
    wait_for_unapproved_profile();
    wait_for_event("unapproved-profile: put back what was approved, or have people approve");
    expect(503, stack_sign_jws(&stack, KEY, "", "x", &body));
    ask_and_approve("token.approve", STACK_TOKEN, "{}", &draft);
    stack.request_timeout_ms = STACK_REQUEST_MS;
    start_with_profile(NULL); /* nobody says which one it is */
    wait_for_unapproved_profile();
    expect(409, draft_execute(&stack, &draft, &body));
    assert_true(body_has("the token has changed since"));
    start_with_profile(OTHER_PROFILE);
    wait_for_unapproved_profile();
    expect(201, change("token.approve", STACK_TOKEN, "{}"));
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(200, stack_sign_jws(&stack, KEY, "", "x", &body));
    start_with_profile(OTHER_PROFILE);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
}

static void start_token_with(const char *not_offered)
{
    stack.not_offered = not_offered;
    stack_stop_token(&stack, 0);
    stack_wait_state(&stack, APPLIANCE_DEGRADED);
    stack_start_token(&stack, 0);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
}

static void run_inventory(void)
{
    const struct msg_task message = {
        .caller = stack_caller(), .request_id = ps_bytes_str("task-1"), .task = TASK_INVENTORY};
    struct wire_frame answer;

    stack_call(&stack, &stack.management, &msg_task_info, &message, &answer);
    assert_int_equal(stack_status_of(&answer, &body), 202);
    wait_for_text(READ_INVENTORY, "", "\"state\":\"done\"", 1);
}

/* The profile was exchanged since. One key is a finding, and all the others are looked at. */
static void an_inventory_goes_on_behind_a_key_that_its_profile_does_not_offer(void **state)
{
    (void)state;
    expect(201, change("key.create", "",
                       "{\"name\":\"t.521\",\"type\":\"ec-p521\",\"usage\":\"sign\",\"formats\":"
                       "[\"jws\"]}"));
    start_token_with("\"ES512\": {\"mechanism\": \"CKM_ECDSA\"},");
    run_inventory();
    assert_true(
        body_has("\"findings\":[{\"key\":\"t.521\",\"kind\":\"not-offered\",\"version\":1}],"
                 "\"found\":1"));
    start_token_with(NULL);
    run_inventory();
    assert_true(body_has("\"findings\":[],\"found\":0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_changed_row_is_not_taken_into_an_operation),
        cmocka_unit_test(a_changed_set_publishes_no_other_key),
        cmocka_unit_test(a_grant_that_was_written_in_gives_no_right),
        cmocka_unit_test(a_reserved_id_of_a_live_key_destroys_nothing),
        cmocka_unit_test(bookkeeping_of_no_form_harms_nobody),
        cmocka_unit_test(only_what_was_executed_is_ended_at_a_start),
        cmocka_unit_test(a_lost_catalog_is_made_anew),
        cmocka_unit_test(an_inventory_goes_on_behind_a_key_that_its_profile_does_not_offer),
        cmocka_unit_test(another_module_waits_for_approval),
        cmocka_unit_test(another_profile_waits_for_approval),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
