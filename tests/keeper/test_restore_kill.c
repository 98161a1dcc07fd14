#include "tests/keeper/tokens_fixture.h"

#include "tests/keeper/snapshot_fixture.h"

#include "lib/base/encode.h"
#include "lib/ceremony/backup/restore_format.h"

#include <ftw.h>
#include <sys/stat.h>

/*
 * What test_gate_kill.c has of all other types, for an appliance that is restored, which is so
 * once: one log is taken in by one new keeper after the other, in an empty data directory each, and
 * each dies at another system call that makes a leaf durable, from its first start until people
 * have approved and it goes on. Afterwards it was restored once, and goes on once, with one pair of
 * keys.
 */

#define BEFORE "before"
#define GONE   "destroyed"
#define KEYS   2u /* that are made: the log's and the identity's */

static struct ps_buf entries;
static struct ps_buf checkpoint;
static struct ps_buf facts;
static struct ps_buf rows;
static struct ps_buf gone; /* the name of its record */

/* --- What is restored --- */

static void data_path(const char *name, char out[220])
{
    (void)snprintf(out, 220, "%s/%s", stack.data, name);
}

static void read_data(const char *name, struct ps_buf *out)
{
    char path[220];

    data_path(name, path);
    assert_true(read_file(path, out));
}

/* The number in the second line of a note. */
static unsigned long count_signed(void)
{
    const char *line;

    ps_buf_put_u8(&checkpoint, 0);
    line = strchr((const char *)checkpoint.data, '\n');
    assert_non_null(line);
    checkpoint.len--;
    return strtoul(line + 1, NULL, 10);
}

/* The leaves that are signed for, as a backup has them. */
static void keep_log(void)
{
    unsigned long leaves;
    size_t end = 0;

    read_data("log/events/checkpoint", &checkpoint);
    read_data("log/events/entries", &entries);
    leaves = count_signed();
    for (unsigned long i = 0; i < leaves; i++) {
        assert_true(end + 2 < entries.len);
        end += 2u + ((size_t)entries.data[end] << 8 | entries.data[end + 1]);
    }
    assert_true(end <= entries.len);
    entries.len = end;
    ps_buf_init(&facts, RESTORE_FACTS_MAX);
    ps_buf_printf(&facts,
                  "{\"created\":\"2026-11-21T02:41:30Z\",\"file\":\"f\",\"leaves\":%lu,"
                  "\"mirrored\":true}",
                  leaves);
    assert_ok(ps_buf_status(&facts));
}

static void count_event(void *context, const struct log_event *event)
{
    (void)event;
    ++*(unsigned long *)context;
}

/* All that there is now. */
static void wait_until_signed(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned long leaves = 0;
    bool is_signed;

    leaves_each_event(&stack, count_event, &leaves);
    do {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(10000);
        read_data("log/events/checkpoint", &checkpoint);
        is_signed = count_signed() >= leaves;
        ps_buf_clear(&checkpoint);
    } while (!is_signed);
}

static int take_object_id(void *context, int columns, char **values, char **names)
{
    static const char before[] = "\"object_id\":\"";
    const char *text = strstr(values[0], before);
    PS_BUF_AUTO id = {.max = 64};

    (void)context;
    (void)columns;
    (void)names;
    assert_non_null(text);
    text += sizeof before - 1;
    assert_ok(ps_base64url_decode(ps_bytes(text, strcspn(text, "\"")), &id));
    ps_buf_put_hex(&gone, ps_buf_bytes(&id));
    return 0;
}

/* The backup was made before the key was destroyed. */
static void keep_record_of_destroyed(void)
{
    PS_BUF_AUTO text = {.max = 1024};
    uint8_t head[BACKUP_RECORD_HEAD];

    ps_buf_init(&gone, 128);
    ps_buf_init(&rows, 2048);
    sql_each("SELECT body FROM row WHERE kind = 'version' AND name = '" GONE "/1'", take_object_id,
             NULL);
    assert_int_not_equal(gone.len, 0);
    ps_buf_printf(&text, "{\"body\":{},\"kind\":\"wrapped\",\"name\":\"%.*s\"}",
                  PS_BYTES_FMT(ps_buf_bytes(&gone)));
    backup_put_head(BACKUP_ROW, text.len, head);
    ps_buf_put(&rows, ps_bytes(head, sizeof head));
    ps_buf_put(&rows, ps_buf_bytes(&text));
    assert_ok(ps_buf_status(&rows));
}

static int make_backup_stack(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin_with_faults();
    take_in(HOME, SPARE_AT); /* which holds the wrapping key, and is gone afterwards */
    expect(201, change("wrapping.create", "", IN_HOME));
    expect(201, change("key.create", "", EC_KEY(BEFORE)));
    expect(201, change("key.create", "", EC_KEY(GONE)));
    expect(201, change("key.deactivate", GONE, "{}"));
    expect(201, change("key.destroy", GONE, "{}"));
    wait_until_signed();
    assert_int_equal(stack_stop_keeper(&stack), 0);
    stack_drop_token(&stack);
    keep_log();
    keep_record_of_destroyed();
    return 0;
}

static int end_stack(void **state)
{
    ps_buf_clear(&entries);
    ps_buf_clear(&checkpoint);
    ps_buf_clear(&facts);
    ps_buf_clear(&rows);
    ps_buf_clear(&gone);
    return fixture_end(state);
}

/* --- Another data directory --- */

static int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *walk)
{
    (void)info;
    (void)flag;
    (void)walk;
    return remove(path);
}

static void make_directory(const char *name)
{
    char path[220];

    data_path(name, path);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void put_file(const char *name, const struct ps_buf *octets)
{
    char path[220];
    FILE *file;

    data_path(name, path);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(octets->data, 1, octets->len, file), octets->len);
    assert_int_equal(fclose(file), 0);
}

static void begin_anew(void)
{
    (void)nftw(stack.data, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    make_directory("");
    make_directory(RESTORE_DIRECTORY);
    make_directory(RESTORE_DIRECTORY "/" RESTORE_EVENTS);
    put_file(RESTORE_DIRECTORY "/" RESTORE_EVENTS "/entries", &entries);
    put_file(RESTORE_DIRECTORY "/" RESTORE_EVENTS "/checkpoint", &checkpoint);
    put_file(RESTORE_DIRECTORY "/" RESTORE_ROWS, &rows);
    put_file(RESTORE_DIRECTORY "/" RESTORE_FACTS, &facts);
}

/* --- Until it goes on --- */

static bool is_well(void)
{
    return body_has("\"state\":\"operational\"");
}

/* What was offered before a death is known before the token is there, without which it fails. */
static bool has_keys(void)
{
    return body_has("\"code\":\"restored\"") && !body_has("not made yet") &&
           body_has("\"state\":\"ready\"");
}

/* Its keys are made, or it goes on already. False: it has died. */
static bool wait_for_keys(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (!faults_happened(stack.faults)) {
        if (stack_read(&stack, READ_SYSTEM, "", &body) == 200 && (is_well() || has_keys())) {
            return true;
        }
        if (ps_clock_mono_ns() > deadline) {
            fail_msg("no keys: %.*s", PS_BYTES_FMT(ps_buf_bytes(&body)));
        }
        rest_a_while();
    }
    return false;
}

static unsigned ask_for_it(struct draft *draft)
{
    const struct msg_change message = stack_change_message("appliance.restore", "", "{}");

    draft_clear(draft);
    return draft_ask(&stack, &message, draft, &body);
}

/* All of it, as far as the keeper lives. */
static void walk(struct draft *draft)
{
    if (wait_for_keys() && ask_for_it(draft) == 202 && draft_approve(&stack, draft, &body) == 200) {
        (void)draft_execute(&stack, draft, &body);
    }
}

/* An open intent is settled without anybody: nothing but the log has to be at hand. */
static void wait_for_result(const struct draft *draft, struct ps_buf *story)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (!story_has(story, " result:")) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
        ps_buf_reset(story);
        leaves_put_story(&stack, draft->id, story);
    }
}

/* Its keys are told from the log; the token may not have been logged in to yet. */
static void execute(const struct draft *draft)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned status;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        status = draft_execute(&stack, draft, &body);
    } while (status == 503 && body_has("is away") && has_rested());
    expect(201, status);
}

/* Whatever was there of it. */
static void bring_to_its_end(struct draft *draft)
{
    PS_BUF_AUTO story = {.max = 4096};

    assert_true(wait_for_keys());
    if (draft->id[0] != 0) {
        leaves_put_story(&stack, draft->id, &story);
        if (story_has(&story, " intent")) {
            wait_for_result(draft, &story);
        } else {
            sign_what_is_missing(draft, &story);
            execute(draft);
            return;
        }
    }
    if (!story_has(&story, " result:done")) {
        expect(202, ask_for_it(draft)); /* nobody was told of it, or it was not done */
        expect(200, draft_approve(&stack, draft, &body));
        execute(draft);
    }
}

/* --- What came of it --- */

static void count_done(void *context, const struct log_event *event)
{
    unsigned *done = context;

    if (ps_bytes_equal_str(event->kind, "restored")) {
        *done = 0;
    } else if (ps_bytes_equal_str(event->kind, "result")) {
        *done += ps_bytes_equal_str(leaves_text(event->data, "outcome"), "done") ? 1 : 0;
    }
}

/* What a death left of keys that nobody was offered is swept. */
static void wait_for_objects(unsigned expected)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (stack_count_objects(&stack, 0) != expected) {
        if (ps_clock_mono_ns() > deadline) {
            fail_msg("%u objects, not %u", stack_count_objects(&stack, 0), expected);
        }
        rest_a_while();
    }
}

static int on_record(void *context, int columns, char **values, char **names)
{
    (void)context;
    (void)columns;
    (void)values;
    (void)names;
    fail_msg("the record of a destroyed key is back");
    return 0;
}

static void assert_restored_once(void)
{
    unsigned done = 0;
    char path[220];

    assert_int_equal(leaves_count(&stack, "restored"), 1);
    assert_int_equal(leaves_count(&stack, "restored-keys"), 1);
    leaves_each_event(&stack, count_done, &done);
    assert_int_equal(done, 1);
    data_path(RESTORE_DIRECTORY, path);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(leaves_count_alarms(&stack, "reserved-id"), 0);
    sql_each("SELECT name FROM row WHERE kind = 'wrapped'", on_record, NULL);
}

/* False: it went on before the call at which it would have been killed. */
static bool dies_at(unsigned at)
{
    const unsigned before = stack_count_objects(&stack, 0);
    struct draft draft = {.id = ""};
    bool was_killed;

    begin_anew();
    faults_set(stack.faults, FAULT_KILL, at);
    stack_start_keeper(&stack);
    walk(&draft);
    was_killed = faults_clear(stack.faults);
    if (was_killed) {
        stack_kill_keeper(&stack);
        stack_start_keeper(&stack);
        bring_to_its_end(&draft);
    }
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    wait_for_objects(before + 2 * KEYS);
    assert_restored_once();
    expect(200, sign(BEFORE));
    restart_keeper(APPLIANCE_OPERATIONAL); /* by which all of it is judged anew */
    assert_restored_once();
    stack_kill_keeper(&stack);
    draft_clear(&draft);
    return was_killed;
}

/* --- Tests --- */

/* The keys of before are in it, and the appliance of before may use them. */
static void in_the_token_of_before_an_inventory_finds_nothing(void **state)
{
    struct draft draft = {.id = ""};

    (void)state;
    begin_anew();
    stack_start_keeper(&stack);
    bring_to_its_end(&draft);
    restart_keeper(APPLIANCE_OPERATIONAL);
    wait_for_text(READ_INVENTORY, "", "\"state\":\"done\"", 1);
    assert_true(body_has("\"found\":0"));
    stack_kill_keeper(&stack);
    draft_clear(&draft);
}

static void put_warning(void *context, const struct log_event *event)
{
    if (ps_bytes_equal_str(leaves_text(event->data, "alarm"), "restored")) {
        ps_buf_put(context, leaves_text(event->data, "detail"));
    }
}

/* Until people approve that it goes on, and in the log for ever. */
static void what_nobody_knows_without_a_mirror_is_told(void **state)
{
    const struct ps_buf with_mirror = facts;
    PS_BUF_AUTO alarm = {.max = 4096};

    (void)state;
    ps_buf_init(&facts, RESTORE_FACTS_MAX);
    ps_buf_put(&facts, ps_bytes(with_mirror.data, with_mirror.len - strlen("true}")));
    ps_buf_put_str(&facts, "false}");
    begin_anew();
    ps_buf_clear(&facts);
    facts = with_mirror;
    stack_start_keeper(&stack);
    for (unsigned starts = 0; starts < 2; starts++) {
        assert_true(wait_for_keys());
        assert_true(body_has("WITHOUT a mirror of the log: who was removed or revoked since is"));
        stack_kill_keeper(&stack);
        stack_start_keeper(&stack);
    }
    leaves_each_event(&stack, put_warning, &alarm);
    ps_buf_put_u8(&alarm, 0);
    assert_ok(ps_buf_status(&alarm));
    assert_non_null(strstr((const char *)alarm.data, "WITHOUT a mirror of the log"));
    stack_kill_keeper(&stack);
}

/* The leaves: restored, its alarm, start, restored-keys, draft, four signatures, intent, result. */
static void killed_at_any_leaf_it_is_restored_once(void **state)
{
    unsigned calls = 0;

    (void)state;
    while (dies_at(calls)) {
        calls++;
    }
    assert_true(calls >= 2 * 9); /* each is written and synced, some together */
}

static void restore_once(void)
{
    struct draft draft = {.id = ""};

    begin_anew();
    stack_start_keeper(&stack);
    bring_to_its_end(&draft);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    draft_clear(&draft);
}

static void reserve_offered(void *context, const struct log_event *event)
{
    static const char *const members[] = {"identity_object", "log_object"};
    char statement[200];

    (void)context;
    for (size_t i = 0; ps_bytes_equal_str(event->kind, "restored-keys") && i < KEYS; i++) {
        (void)snprintf(statement, sizeof statement,
                       "INSERT INTO row VALUES ('reserved','%.*s',1,0,'{\"token\":\"t\"}')",
                       PS_BYTES_FMT(leaves_text(event->data, members[i])));
        sql(statement);
    }
}

/* Its ids were reserved still when it died: the leaf was there, and nobody had seen that. */
static void what_was_offered_is_never_swept(void **state)
{
    struct draft draft = {.id = ""};

    (void)state;
    begin_anew();
    stack_start_keeper(&stack);
    assert_true(wait_for_keys());
    stack_kill_keeper(&stack);
    leaves_each_event(&stack, reserve_offered, NULL);
    stack_start_keeper(&stack);
    bring_to_its_end(&draft);
    restart_keeper(APPLIANCE_OPERATIONAL);
    wait_for_text(READ_INVENTORY, "", "\"state\":\"done\"", 1); /* before which it sweeps */
    assert_restored_once();
    stack_kill_keeper(&stack);
    draft_clear(&draft);
}

/* By the key that people approved, once the token knows it. */
static void a_restored_appliance_starts_on_a_snapshot(void **state)
{
    char copy[300];

    (void)state;
    stack.snapshot_leaves = 1;
    restore_once();
    expect(201, change("key.create", "", EC_KEY("after")));
    snapshot_of_now();
    start_on_the_snapshot();
    expect(200, sign("after"));
    expect(201, change("key.deactivate", "after", "{}"));
    snapshot_of_now();
    start_on_the_snapshot();
    assert_int_not_equal(200, sign("after"));
    stack_kill_keeper(&stack);

    (void)snprintf(copy, sizeof copy, "%s.first", stack.data);
    run("cp", "-a", stack.data, copy);
    restore_once();
    expect(201, change("key.create", "", EC_KEY("after")));
    snapshot_of_now();
    stack_kill_keeper(&stack);
    run("rm", "-rf", stack.data, NULL);
    run("mv", copy, stack.data, NULL);
    start_again(APPLIANCE_FAILED);
    wait_for_text(READ_SYSTEM, "", "the token knows another key of the log", 1);
    assert_int_equal(claimed_size(), 0); /* the next start reads all of it */
    stack_kill_keeper(&stack);
    stack.snapshot_leaves = 0;
}

static void kill_keeper_and_token(void)
{
    stack_kill_keeper(&stack);
    stack_stop_token(&stack, 0);
}

static void start_token_and_keeper(enum appliance_state expected)
{
    stack_start_token(&stack, 0);
    start_again(expected);
}

/* The token is set back to before it knew the key, and the disk with its snapshot is not. */
static void an_anchor_without_the_key_is_none_for_a_snapshot(void **state)
{
    char store[220];
    char keyless[240];

    (void)state;
    (void)snprintf(store, sizeof store, "%s/store", stack.directory);
    (void)snprintf(keyless, sizeof keyless, "%s.keyless", store);
    stack.snapshot_leaves = 1;
    stack.tokens[0].tap = tap_new();
    tap_set_about(stack.tokens[0].tap, &msg_token_data_write_info, "\"key\":\"", TAP_REFUSE);
    restore_once();
    kill_keeper_and_token();
    assert_int_equal(claimed_size(), 0);
    run("cp", "-a", store, keyless);
    tap_set(stack.tokens[0].tap, &msg_token_data_write_info, 0, TAP_PASS);
    start_token_and_keeper(APPLIANCE_OPERATIONAL);
    expect(201, change("key.suspend", BEFORE, "{}"));
    snapshot_of_now();
    start_on_the_snapshot();
    kill_keeper_and_token();
    run("rm", "-rf", store, NULL);
    run("mv", keyless, store, NULL);
    start_token_and_keeper(APPLIANCE_FAILED);
    wait_for_text(READ_SYSTEM, "", "the token knows another key of the log", 1);
    assert_int_equal(claimed_size(), 0);
    stack_kill_keeper(&stack);
    start_again(APPLIANCE_OPERATIONAL); /* for one that has read all leaves it is good */
    assert_int_equal(taken_size(), 0);
    expect(201, change("key.resume", BEFORE, "{}"));
    expect(200, sign(BEFORE));
    stack_kill_keeper(&stack);
    stack.snapshot_leaves = 0;
}

/* The token that is left has no version of the wrapping key: it makes the next one. */
static void a_wrapping_key_whose_token_is_gone_has_a_successor(void **state)
{
    (void)state;
    restore_once();
    expect(201, change("wrapping.create", "", "{}"));
    assert_true(body_has("\"version\":2"));
    make_key("w.after");
    expect(200, sign("w.after"));
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(200, sign("w.after"));
    stack_kill_keeper(&stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_the_token_of_before_an_inventory_finds_nothing),
        cmocka_unit_test(what_nobody_knows_without_a_mirror_is_told),
        cmocka_unit_test(killed_at_any_leaf_it_is_restored_once),
        cmocka_unit_test(what_was_offered_is_never_swept),
        cmocka_unit_test(a_wrapping_key_whose_token_is_gone_has_a_successor),
        cmocka_unit_test(a_restored_appliance_starts_on_a_snapshot),
        cmocka_unit_test(an_anchor_without_the_key_is_none_for_a_snapshot),
    };

    return cmocka_run_group_tests(tests, make_backup_stack, end_stack);
}
