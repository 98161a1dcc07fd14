#include "tests/keeper/forged_log.h"
#include "tests/keeper/gate_fixture.h"
#include "tests/keeper/leaves.h"
#include "tests/keeper/offline.h"
#include "tests/keeper/sql.h"
#include "tests/keeper/tap.h"
#include "tests/keeper/unsigned_history.h"

#include <stdlib.h>

/*
 * Somebody who can write to the disk, and cannot sign with the log's key, writes the end of the log
 * while the appliance is off, and takes the catalog away. What people did not approve is not
 * believed, whatever it would change; what they did is, however much of it no checkpoint covers.
 */

static void write_log(const struct forgery *forgery)
{
    struct planter planter;
    bool is_forged = forgery->type == NULL;
    char id[33] = "none";

    if (forgery->type != NULL) {
        find_operation(forgery->type, id);
    }
    stack_kill_keeper(&stack);
    remove_files();
    planter_begin(&planter, &stack);
    for (size_t i = 0; i < leaf_count; i++) {
        is_forged |= is_left_out(i, forgery, id) || put_leaf(&planter, i, forgery, id);
    }
    planter_end(&planter);
    if (!is_forged) {
        fail_msg("%s: there is no %s", forgery->type, forgery->from);
    }
}

static void expect_failed(const char *words)
{
    stack_wait_state(&stack, APPLIANCE_FAILED);
    (void)stack_read(&stack, READ_HEALTH, "", &body);
    if (!body_has("log-damaged") || !body_has("which no checkpoint covers") || !body_has(words)) {
        fail_msg("not \"%s\": %.*s", words, PS_BYTES_FMT(ps_buf_bytes(&body)));
    }
    expect(404, stack_read(&stack, READ_CLIENT, "planted", &body));
}

static void expect_refused(const char *words)
{
    stack_start_keeper(&stack);
    expect_failed(words);
}

/* --- As the appliance goes on with it --- */

static void count_leaf(void *context, const struct log_event *event)
{
    (void)event;
    *(unsigned long *)context += 1;
}

/* Until a signed checkpoint covers all that `events` has now: its second line is how many. */
static void wait_for_checkpoint(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned long size = 0;
    unsigned long covered = 0;
    char path[260];

    leaves_each_event(&stack, count_leaf, &size);
    path_of("log/events/checkpoint", path);
    for (; covered < size; (void)usleep(20000)) {
        PS_BUF_AUTO note = {.max = 0}; /* there may be none yet */
        const char *line;

        assert_true(ps_clock_mono_ns() < deadline);
        if (!read_file(path, &note)) {
            continue;
        }
        ps_buf_put_u8(&note, 0);
        line = strchr((const char *)note.data, '\n');
        assert_non_null(line);
        covered = strtoul(line, NULL, 10);
    }
}

/* What is true from here on is what the token has seen: forgeries are made of this. */
static void stop_signed(void)
{
    char path[260];

    wait_for_checkpoint();
    assert_int_equal(stack_stop_keeper(&stack), 0);
    forget_log();
    read_log();
    path_of("log/events/checkpoint", path);
    ps_buf_clear(&checkpoint);
    assert_true(read_file(path, &checkpoint));
}

static void write_checkpoint(struct ps_bytes note)
{
    char path[260];
    FILE *file;

    path_of("log/events/checkpoint", path);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(note.data, 1, note.len, file), note.len);
    assert_int_equal(fclose(file), 0);
}

/* The log as it was, with its checkpoint. */
static void begin_signed(void)
{
    write_log(&(struct forgery){.type = NULL});
    write_checkpoint(ps_buf_bytes(&checkpoint));
}

/* --- A history of every kind of effect --- */

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin_with_faults();
    for (size_t i = 0; i < PS_COUNT_OF(history); i++) {
        unsigned status;

        if (history[i].parameters == kill_chain) {
            kill_make_certificate(history[i].subject);
        }
        status = change_to_the_end(history[i].type, history[i].subject, history[i].parameters);
        if (status != 200 && status != 201) {
            fail_msg("%s: %u", history[i].type, status);
        }
    }
    stack_kill_keeper(&stack);
    read_log();
    return 0;
}

static int end_stack(void **state)
{
    forget_log();
    ps_buf_clear(&checkpoint);
    return fixture_end(state);
}

static void what_was_approved_is_believed_without_any_checkpoint(void **state)
{
    (void)state;
    write_log(&(struct forgery){.type = NULL});
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(200, sign("u.key"));
    expect(200, stack_read(&stack, READ_JWKS, "u.set", &body));
    assert_int_equal(body_count("\"kid\""), 2);
    expect(200, stack_read(&stack, READ_CLIENT, "u.client", &body));
    assert_true(body_has("\"suspended\":true"));
    stop_signed();
}

#define PLANTED_ROW                                                                                \
    "{\"kind\":\"client\",\"name\":\"planted\",\"row\":{\"issuer\":\"\",\"listener\":\"both\","    \
    "\"name\":\"planted\",\"pins\":[],\"san\":\"\",\"suspended\":false,\"uids\":[4343]}}"

/* Each of them, with people's signatures away, with nobody's request, and with an effect more. */
static void no_operation_is_believed_that_nobody_approved(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(history); i++) {
        write_log(&(struct forgery){.type = history[i].type, .without = "signature"});
        expect_refused("it was not approved");
        write_log(&(struct forgery){.type = history[i].type, .without = "draft"});
        expect_refused("nobody asked for it");
    }
}

static void no_operation_changes_more_than_was_approved(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(history); i++) {
        const struct forgery forgery = {.type = history[i].type,
                                        .from = "\"effects\":[",
                                        .to = "\"effects\":[" PLANTED_ROW ","};

        write_log(&forgery);
        expect_refused("client planted: ");
    }
}

static void no_operation_is_ended_that_was_not_begun(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(history); i++) {
        write_log(&(struct forgery){.type = history[i].type, .without = "intent"});
        expect_refused("not begun");
    }
}

static void no_row_is_another_than_was_approved(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(forgeries); i++) {
        write_log(&forgeries[i]);
        expect_refused(forgeries[i].words);
    }
}

/* --- Behind a signed end --- */

static void a_result_of_nothing_is_refused(void **state)
{
    const struct draft draft = {.id = "0123456789abcdef0123456789abcdef"};
    struct planter planter;

    (void)state;
    begin_signed();
    planter_begin(&planter, &stack);
    planter_put_result(&planter, &draft, "[" PLANTED_ROW "]");
    planter_end(&planter);
    expect_refused("not begun");
}

/* What the appliance would do by itself is what the policy of the key says, at its time. */
static void nothing_is_done_by_itself_that_no_policy_has(void **state)
{
    struct planter planter;
    DRAFT_AUTO draft;

    (void)state;
    begin_signed();
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    ask("key.deactivate", "u.two", "{}", &draft);
    planter_begin(&planter, &stack);
    planter_put_intent(&planter, &draft, "");
    planter_end(&planter);
    expect_refused("no policy has it done");
}

static void a_shard_is_one_that_is_there(void **state)
{
    struct planter planter;
    PS_BUF_AUTO data = {.max = LOG_LEAF_MAX};

    (void)state;
    begin_signed();
    planter_begin(&planter, &stack);
    ps_buf_put_str(&data, "{\"first\":0,\"log\":\"use\",\"name\":\"2026-11-0001\",\"root\":"
                          "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"size\":1}");
    planter_put_data(&planter, "shard", &data);
    planter_end(&planter);
    expect_refused("a shard of uses that is not there");
}

static void a_checkpoint_is_of_the_key_that_the_log_names(void **state)
{
    PS_BUF_AUTO note = {.max = 16384};

    (void)state;
    begin_signed();
    ps_buf_put(&note, ps_buf_bytes(&checkpoint));
    note.data[note.len - 20] = note.data[note.len - 20] == 'A' ? 'B' : 'A';
    write_checkpoint(ps_buf_bytes(&note));
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_FAILED);
    (void)stack_read(&stack, READ_HEALTH, "", &body);
    assert_true(body_has("log-damaged"));
}

/* --- What only the token knows --- */

/* Makes a key, and dies when its result is in the log and before the token learns of it. */
static void make_behind_the_end(const char *name)
{
    char parameters[256];
    DRAFT_AUTO draft;

    (void)snprintf(parameters, sizeof parameters, EC_KEY("%s"), name);
    ask_and_approve("key.create", "", parameters, &draft);
    faults_kill_at_leaf(stack.faults, "\"outcome\":\"done\"", 1);
    (void)draft_execute(&stack, &draft, &body);
    assert_true(faults_clear(stack.faults));
    stack_kill_keeper(&stack);
}

/* Where the version of a key was made. */
static size_t find_made(const char *name)
{
    char text[64];

    (void)snprintf(text, sizeof text, "\"name\":\"%s/1\"", name);
    for (size_t i = 0; i < leaf_count; i++) {
        if (leaf_has(i, text)) {
            return i;
        }
    }
    fail_msg("nothing made %s", name);
    return 0;
}

static void take_value(size_t from, size_t to, const char *member)
{
    char value[512];

    (void)snprintf(value, sizeof value, "%.*s",
                   PS_BYTES_FMT(planter_value_of(&leaves[from], member)));
    planter_replace_value(&leaves[to], member, value);
}

/* The keeper looks what is to be signed as often as it compares rows, and that it does when
 * somebody has written to them: here, as they were. */
static void let_time_pass(void)
{
    for (unsigned i = 0; i < 3; i++) {
        const unsigned long compared = system_number("compared");

        sql("begin immediate; update row set revision = revision + 1 where kind = 'key';"
            "update row set revision = revision - 1 where kind = 'key'; commit");
        wait_for_more("compared", compared);
    }
}

/* However long the token takes to answer: what is signed for would be believed from then on. */
static void nothing_is_signed_for_before_the_token_has_shown_its_key(void)
{
    struct tap *tap = tap_new();

    stack.tokens[0].tap = tap;
    tap_set(tap, &msg_token_find_info, 0, TAP_HOLD);
    tap_set_about(tap, &msg_token_sign_info, "/events\n", TAP_HOLD); /* a checkpoint, and no CRL */
    stack_start_keeper(&stack);
    while (tap_held(tap, &msg_token_find_info) == 0) {
        rest_a_while();
    }
    let_time_pass();
    tap_set(tap, &msg_token_find_info, 0, TAP_PASS);
    tap_let_go(tap);
    expect_failed("the token has another key");
    assert_int_equal(tap_held(tap, &msg_token_sign_info), 0);
    assert_int_equal(tap_count(tap, &msg_token_data_write_info), 0);
    tap_set(tap, &msg_token_sign_info, 0, TAP_PASS);
}

/* Somebody's own key, where one was made as people approved: relying parties would verify with it.
 */
static void a_public_key_is_the_tokens_or_nobodys(void **state)
{
    struct ps_buf genuine = {.max = LOG_LEAF_MAX};
    char kid[64];
    size_t other;
    size_t made;

    (void)state;
    begin_signed();
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    make_behind_the_end("u.fake");
    forget_log();
    read_log();
    other = find_made("u.key");
    made = find_made("u.fake");
    ps_buf_put(&genuine, ps_buf_bytes(&leaves[made]));
    take_value(other, made, "public_key");
    write_log(&(struct forgery){.type = NULL});
    expect_refused("it is not what the operation makes"); /* its kid is another's */
    take_value(other, made, "kid");
    write_log(&(struct forgery){.type = NULL});
    nothing_is_signed_for_before_the_token_has_shown_its_key();
    (void)snprintf(kid, sizeof kid, "%.*s", PS_BYTES_FMT(planter_value_of(&leaves[other], "kid")));
    wait_for_text(READ_JWKS, "u.set", "\"kid\"", 2); /* others that the token has shown by now */
    assert_false(body_has(kid));
    ps_buf_clear(&leaves[made]);
    leaves[made] = genuine;
    write_log(&(struct forgery){.type = NULL});
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(200, sign("u.fake"));
    stop_signed();
}

/* --- What the token has not shown --- */

static void put_back_store(const char *what)
{
    stack_kill_keeper(&stack);
    stack_kill_token(&stack, 0);
    at_the_store(what);
    stack_start_token(&stack, 0);
}

#define OLDER "mv store newer && mv older store"
#define NEWER "mv store older && mv newer store"

static void expect_hidden(const char *name, const char *kid)
{
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    wait_for_checkpoint();
    wait_for_text(READ_JWKS, "u.set", "\"kid\"", 1);
    assert_false(body_has(kid));
    assert_int_not_equal(sign(name), 200);
    assert_true(leaves_count_alarms(&stack, "unproven-key") != 0);
}

/* What a later log says of the token, behind an earlier one. */
static void plant_proven(size_t signed_count)
{
    struct planter planter;
    char id[33];

    find_operation("key.proven", id);
    stack_kill_keeper(&stack);
    remove_files();
    planter_begin(&planter, &stack);
    for (size_t i = 0; i < leaf_count; i++) {
        if (i < signed_count || leaf_has(i, id)) {
            planter_put_octets(&planter, ps_buf_bytes(&leaves[i]));
        }
    }
    planter_end(&planter);
}

/* Over every start, whatever a checkpoint covers, and whatever a leaf says that nobody signed. */
static void a_key_is_hidden_until_the_token_shows_it(void **state)
{
    PS_BUF_AUTO note = {.max = 16384};
    size_t signed_count;
    char kid[64];
    char id[33];

    (void)state;
    begin_signed();
    at_the_store("cp -a store older");
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    make_behind_the_end("u.away");
    forget_log();
    read_log();
    (void)snprintf(kid, sizeof kid, "%.*s",
                   PS_BYTES_FMT(planter_value_of(&leaves[find_made("u.away")], "kid")));
    put_back_store(OLDER);
    expect_hidden("u.away", kid);
    stop_signed();
    expect_hidden("u.away", kid);
    stop_signed();
    find_operation("key.unproven", id);
    ps_buf_put(&note, ps_buf_bytes(&checkpoint));
    signed_count = leaf_count;
    put_back_store(NEWER);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    wait_for_text(READ_JWKS, "u.set", kid, 1);
    expect(200, sign("u.away"));
    expect(403, change("key.unproven", "u.away", "{\"version\":1}"));
    stop_signed();
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    wait_for_text(READ_JWKS, "u.set", kid, 1);
    offline_keep(&stack);
    offline_check_real("");
    offline_forget();
    plant_proven(signed_count);
    write_checkpoint(ps_buf_bytes(&note));
    put_back_store(OLDER);
    expect_hidden("u.away", kid);
    stop_signed();
    expect_hidden("u.away", kid);
    stop_signed();
}

/* --- Time --- */

static const char *const class_a[] = {"bob", "carol", "amira"};

static void plant_backdated(const struct draft *draft, bool with_intent)
{
    const struct planted request = planted_by("request", "alice");
    struct planter planter;

    planter_begin(&planter, &stack);
    planter.time_ns = ps_clock_real_ns() - 2 * 86400 * PS_NS_PER_S;
    planter_put_signature(&planter, draft, &request);
    for (size_t i = 0; i < PS_COUNT_OF(class_a); i++) {
        const struct planted approval = planted_by("approve", class_a[i]);

        planter_put_signature(&planter, draft, &approval);
    }
    planter.time_ns = 0;
    if (with_intent) {
        planter_put_intent(&planter, draft, "tester");
    }
    planter_end(&planter);
}

/* Enough people may be in it together: the others have their time to see it. */
static void a_cooling_off_is_not_over_because_a_leaf_says_so(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    begin_signed();
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(200, change("policy.change", "", POLICY("3", "86400")));
    ask("policy.change", "", POLICY("4", "0"), &draft);
    stop_signed();
    plant_backdated(&draft, true);
    expect_refused("cooling-off");
    /* Without the checkpoint all of the log is what nobody signed for. */
    stack_kill_keeper(&stack);
    stack_forget_checkpoint(&stack);
    expect_refused("cooling-off");
    begin_signed();
    plant_backdated(&draft, false);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(422, draft_execute(&stack, &draft, &body));
    assert_true(body_has("cooling-off"));
    stop_signed();
}

/* --- Nobody to sign for it --- */

/* What needs no token goes on while it is away, and no checkpoint covers any of it. */
static void what_was_done_while_the_token_was_away_stays(void **state)
{
    (void)state;
    begin_signed();
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    stack_kill_token(&stack, 0);
    stack_wait_state(&stack, APPLIANCE_DEGRADED);
    expect(201, change("client.register", "", "{\"name\":\"u.late\",\"uids\":[4444]}"));
    expect(201, change("grant.add", "",
                       "{\"client\":\"u.late\",\"keys\":\"u.*\",\"operations\":[\"jws.sign\"]}"));
    expect(201, change("key.suspend", "u.key", "{}"));
    expect(200, change("officer.suspend", "dave", "{}"));
    stack_kill_keeper(&stack);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_DEGRADED);
    expect(200, stack_read(&stack, READ_CLIENT, "u.late", &body));
    expect(201, change("client.suspend", "u.late", "{}"));
    stack_kill_keeper(&stack);
    stack_start_token(&stack, 0);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(200, stack_read(&stack, READ_CLIENT, "u.late", &body));
    assert_true(body_has("\"suspended\":true"));
    expect(409, sign("u.key"));
    expect(201, change("key.resume", "u.key", "{}"));
    expect(200, change("officer.resume", "dave", "{}"));
    expect(200, sign("u.key"));
    stop_signed();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_approved_is_believed_without_any_checkpoint),
        cmocka_unit_test(no_operation_is_believed_that_nobody_approved),
        cmocka_unit_test(no_operation_changes_more_than_was_approved),
        cmocka_unit_test(no_operation_is_ended_that_was_not_begun),
        cmocka_unit_test(no_row_is_another_than_was_approved),
        cmocka_unit_test(a_result_of_nothing_is_refused),
        cmocka_unit_test(nothing_is_done_by_itself_that_no_policy_has),
        cmocka_unit_test(a_shard_is_one_that_is_there),
        cmocka_unit_test(a_checkpoint_is_of_the_key_that_the_log_names),
        cmocka_unit_test(a_public_key_is_the_tokens_or_nobodys),
        cmocka_unit_test(a_key_is_hidden_until_the_token_shows_it),
        cmocka_unit_test(what_was_done_while_the_token_was_away_stays),
        cmocka_unit_test(a_cooling_off_is_not_over_because_a_leaf_says_so),
    };

    return cmocka_run_group_tests(tests, make_stack, end_stack);
}
