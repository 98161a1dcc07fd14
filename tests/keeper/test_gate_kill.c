#include "tests/keeper/gate_fixture.h"
#include "tests/keeper/kill_parts.h"

#include "keystore/operations/operations.h"

/*
 * The keeper is killed at every system call that makes a leaf of an operation durable: draft, each
 * signature, intent and result, of every type that there is. Afterwards it was executed once or not
 * at all, the log says which, and what is open is settled.
 */

/* --- A round --- */

struct round {
    const struct row *row;
    unsigned number;
    char id[64]; /* '%' */
    struct draft draft;
    bool is_done; /* asked for anew after the kill, and done */
};

#define WRAPPING_KEYS 3u /* of one version */

/* So far, of the row that is tried: */
static unsigned rounds;
static unsigned objects; /* of keys that are in the token */

static void put_text(const struct round *round, const char *text, struct ps_buf *out)
{
    for (; *text != 0; text++) {
        switch (*text) {
        case '@':
            ps_buf_printf(out, "kill.%u", round->number);
            break;
        case '#':
            ps_buf_printf(out, "%u", 100000 + round->number);
            break;
        case '%':
            ps_buf_put_str(out, round->id);
            break;
        default:
            ps_buf_put_u8(out, (uint8_t)*text);
        }
    }
    ps_buf_put_u8(out, 0);
    assert_ok(ps_buf_status(out));
}

struct texts {
    struct ps_buf subject;
    struct ps_buf parameters;
};

static void texts_clear(struct texts *texts)
{
    ps_buf_clear(&texts->subject);
    ps_buf_clear(&texts->parameters);
}

static struct msg_change message_of(const struct round *round, const struct prior *prior,
                                    struct texts *texts)
{
    *texts = (struct texts){.subject = {.max = 256}, .parameters = {.max = 8192}};
    put_text(round, prior->subject, &texts->subject);
    put_text(round, prior->parameters, &texts->parameters);
    return stack_change_message(prior->type, (const char *)texts->subject.data,
                                (const char *)texts->parameters.data);
}

/* What was removed is 200. */
static bool is_done(unsigned status)
{
    if (status != 200 && status != 201) {
        print_error("%u %.*s\n", status, PS_BYTES_FMT(ps_buf_bytes(&body)));
    }
    return status == 200 || status == 201;
}

/* What is being settled, or a token that is not back yet, is asked again. */
static bool is_to_be_asked_again(unsigned status)
{
    return status == 503 || (status == 409 && body_has("in-flight"));
}

static void give(void (*shares)(void))
{
    if (shares != NULL) {
        shares();
    }
}

static unsigned execute(const struct round *round, const struct draft *draft)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned status;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        give(round->row->release);
        status = execute_to_the_end(draft);
    } while (kill_shares_are_missing(status) && has_rested());
    return status;
}

/* All of it, as far as the keeper lives. */
static unsigned carry_out(const struct round *round, const struct msg_change *message,
                          struct draft *ret_draft)
{
    unsigned status = draft_ask(&stack, message, ret_draft, &body);

    if (status == 202) {
        status = draft_approve(&stack, ret_draft, &body);
        status = status == 200 ? execute(round, ret_draft) : status;
    }
    return status;
}

static unsigned try_change(const struct round *round, const struct msg_change *message)
{
    DRAFT_AUTO draft;

    return carry_out(round, message, &draft);
}

/* A token was not back yet when it was asked for, and is when it is executed. */
static bool is_to_be_made_anew(unsigned status)
{
    return status == 409 && body_has("make a new operation");
}

static void do_change(const struct round *round, const struct prior *prior)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    PS_CLEANUP(texts_clear) struct texts texts;
    const struct msg_change message = message_of(round, prior, &texts);
    unsigned status;

    do {
        give(round->row->release);
        status = try_change(round, &message);
        if (ps_clock_mono_ns() > deadline) {
            fail_msg("%s: %u %.*s", prior->type, status, PS_BYTES_FMT(ps_buf_bytes(&body)));
        }
    } while ((is_to_be_asked_again(status) || is_to_be_made_anew(status)) && has_rested());
    assert_true(is_done(status));
}

static void take_id(struct round *round)
{
    const char *found = memmem(body.data, body.len, "\"id\":\"", 6);
    size_t len = 0;

    if (found == NULL) {
        return;
    }
    for (found += 6; found[len] != '"' && len < sizeof round->id - 1; len++) {
        round->id[len] = found[len];
    }
    round->id[len] = 0;
}

static void prepare(struct round *round)
{
    const struct row *row = round->row;

    for (size_t i = 0; i < PS_COUNT_OF(row->before) && row->before[i].type != NULL; i++) {
        do_change(round, &row->before[i]);
        take_id(round);
    }
    if (row->prepare != NULL) {
        row->prepare();
        take_id(round);
    }
}

/* --- What it did --- */

static void tell(const struct round *round, struct ps_buf *story)
{
    ps_buf_reset(story);
    leaves_put_story(&stack, round->draft.id, story);
}

static bool is_told_to_be_done(const struct round *round)
{
    PS_BUF_AUTO story = {.max = 4096};

    if (round->draft.id[0] == 0) {
        return round->is_done; /* nobody was told of its draft */
    }
    tell(round, &story);
    return story_has(&story, " result:done") || round->is_done;
}

static bool has_effect(const struct round *round)
{
    const char *effect = round->row->effect;
    const bool is_absence = effect != NULL && *effect == '!';
    unsigned status;
    PS_BUF_AUTO name = {.max = 256};
    PS_BUF_AUTO text = {.max = 256};

    if (effect == NULL) {
        return is_told_to_be_done(round);
    }
    put_text(round, round->row->name, &name);
    put_text(round, is_absence ? effect + 1 : effect, &text);
    status = stack_read(&stack, round->row->resource, (const char *)name.data, &body);
    assert_true(status == 200 || status == 404);
    return body_has((const char *)text.data) != is_absence;
}

/* --- From the end of the keeper to the end of the operation --- */

/* An open intent is settled, by itself or since somebody asks for it. */
static void wait_for_result(const struct round *round, struct ps_buf *story)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (!story_has(story, " result:")) {
        assert_true(ps_clock_mono_ns() < deadline);
        give(round->row->help);
        (void)draft_step(&stack, &round->draft, "resume", ps_bytes(NULL, 0), &body);
        rest_a_while();
        tell(round, story);
    }
}

static void execute_what_waits(const struct round *round)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned status;

    do {
        status = execute(round, &round->draft);
        assert_true(ps_clock_mono_ns() < deadline);
    } while (is_to_be_asked_again(status) && has_rested());
    assert_true(is_done(status));
}

static void assert_told_once(const struct round *round)
{
    const char *rest;
    PS_BUF_AUTO story = {.max = 4096};

    tell(round, &story);
    ps_buf_put_u8(&story, 0);
    rest = strstr((const char *)story.data, " intent ");
    assert_non_null(rest);
    rest += strlen(" intent");
    while (strncmp(rest, " part ", 6) == 0) {
        rest += strlen(" part");
    }
    if (strcmp(rest, " result:done") != 0 && strcmp(rest, " result:not-done") != 0) {
        fail_msg("%s: %s", round->row->it.type, (const char *)story.data);
    }
    /* Readers see it as soon as its rows are there. */
    wait_for_text(READ_OPERATION, round->draft.id,
                  strstr(rest, ":done") != NULL ? "\"state\":\"done\"" : "\"state\":\"failed\"", 1);
    if (strstr(rest, ":done") != NULL && round->row->result != NULL) {
        assert_true(body_has(round->row->result));
    }
}

/* Whatever was there of it: afterwards it was done, once. */
static void bring_to_its_end(struct round *round)
{
    PS_BUF_AUTO story = {.max = 4096};

    if (round->draft.id[0] == 0) {
        do_change(round, &round->row->it); /* nobody was told of a draft */
        round->is_done = true;
        return;
    }
    tell(round, &story);
    if (story_has(&story, " intent")) {
        wait_for_result(round, &story);
        assert_told_once(round);
        if (story_has(&story, "result:not-done")) {
            assert_false(has_effect(round));
            give(round->row->begin_anew);
            do_change(round, &round->row->it);
            round->is_done = true;
        }
        return;
    }
    sign_what_is_missing(&round->draft, &story);
    execute_what_waits(round);
    assert_told_once(round);
}

/* Of the round's keys that are not destroyed two for each version; or the three keys that wrap. */
static unsigned count_objects(const struct round *round)
{
    unsigned count = 0;

    for (unsigned i = 0; i <= round->row->more_keys && !round->row->wraps; i++) {
        char text[16];
        PS_BUF_AUTO name = {.max = 256};

        (void)snprintf(text, sizeof text, i == 0 ? "@" : "@.%u", i);
        put_text(round, text, &name);
        if (stack_read(&stack, READ_KEY, (const char *)name.data, &body) == 200) {
            count += body_count("\"version\":");
            count -= body_count("\"state\":\"destroyed\",\"kid\"");
        }
    }
    return round->row->wraps ? WRAPPING_KEYS : 2 * count;
}

/*
 * Nothing is in the token but the objects of keys, those of the appliance's own two keys among
 * them, two anchors and the token itself. What a dead execution left there is swept; a token
 * that was approved logs in after that.
 */
static void wait_for_what_it_leaves(const struct round *round)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    objects += count_objects(round);
    while (!has_effect(round) || stack_count_objects(&stack, 0) != objects + 3) {
        if (ps_clock_mono_ns() > deadline) {
            fail_msg("%s: %u objects, of keys %u", round->row->it.type,
                     stack_count_objects(&stack, 0), objects);
        }
        rest_a_while();
    }
}

static unsigned walk(struct round *round)
{
    PS_CLEANUP(texts_clear) struct texts texts;
    const struct msg_change message = message_of(round, &round->row->it, &texts);

    return carry_out(round, &message, &round->draft);
}

static void begin_round(struct round *round, const struct row *row)
{
    *round = (struct round){.row = row, .number = rounds++};
    prepare(round);
    assert_false(has_effect(round));
}

/* Undisturbed: how many leaves it has. */
static unsigned count_leaves(const struct row *row)
{
    struct round round;
    unsigned leaves = 1;
    PS_BUF_AUTO story = {.max = 4096};

    begin_round(&round, row);
    assert_true(is_done(walk(&round)));
    wait_for_what_it_leaves(&round);
    assert_told_once(&round);
    tell(&round, &story);
    for (size_t i = 0; i < story.len; i++) {
        leaves += story.data[i] == ' ' ? 1 : 0;
    }
    draft_clear(&round.draft);
    return leaves;
}

/* False: it was over before the call at which it would have been killed. */
static bool kill_at(const struct row *row, unsigned at)
{
    struct round round;
    bool was_killed;

    begin_round(&round, row);
    faults_set(stack.faults, FAULT_KILL, at);
    (void)walk(&round);
    was_killed = faults_clear(stack.faults);
    if (was_killed) {
        stack_kill_keeper(&stack);
        stack_start_keeper(&stack);
        stack_wait_started(&stack);
    }
    bring_to_its_end(&round);
    wait_for_what_it_leaves(&round);
    draft_clear(&round.draft);
    return was_killed;
}

/* Calls from one death to the next: more than one where the programs are slow. */
static unsigned stride(void)
{
    const char *text = getenv("PRIVYSEAL_KILL_STRIDE");

    return text == NULL ? 1 : (unsigned)strtoul(text, NULL, 10);
}

/* Each leaf is written and synced. */
static void kill_at_each_call(const struct row *row)
{
    const unsigned leaves = count_leaves(row);
    unsigned at = (unsigned)(row - rows) % stride();

    while (kill_at(row, at)) {
        at += stride();
    }
    if (at < 2 * leaves || leaves < 5) {
        fail_msg("%s: %u calls, %u leaves", row->it.type, at, leaves);
    }
}

static void make_first_wrapping(void)
{
    expect(201, change("wrapping.create", "", "{}"));
    objects += WRAPPING_KEYS;
}

/* Two versions of the key that wraps, the older without any key under it: each round has made one.
 */
static void make_old_wrapping(void)
{
    if (rounds == 1) {
        make_first_wrapping();
    }
    (void)snprintf(kill_old_wrapping, sizeof kill_old_wrapping, "{\"version\":%u}", rounds);
}

static void get_certificate(void)
{
    char key[32];

    (void)snprintf(key, sizeof key, "kill.%u", rounds - 1);
    kill_make_certificate(key);
}

static void complete_shard(void)
{
    char key[32];

    (void)snprintf(key, sizeof key, "kill.%u", rounds - 1);
    kill_complete_shard(key);
}

static void wait_for_token(enum read_resource resource, const char *state)
{
    char text[80];

    (void)snprintf(text, sizeof text, "\"token\":\"%s\",\"state\":\"%s\"",
                   stack.tokens[stack.processes - 1].name, state);
    wait_for_text(resource, "", text, 1);
}

/* A token of the round's that is none of ours. */
static void add_token(void)
{
    static char names[STACK_TOKENS_MAX][16];
    char *name = names[stack.processes];

    (void)snprintf(name, sizeof names[0], "kill.%u", rounds - 1);
    stack_add_token(&stack, name);
    wait_for_token(READ_SYSTEM, "needs-login");
}

/* One that is, and has had its inventory. */
static void accept_token(void)
{
    add_token();
    expect(201, change("token.accept", stack.tokens[stack.processes - 1].name, "{}"));
    wait_for_token(READ_INVENTORY, "done");
}

/* One that waits, for a cancellation. */
static void ask_for_another(void)
{
    static unsigned number;
    DRAFT_AUTO draft;
    char parameters[128];

    (void)snprintf(parameters, sizeof parameters, "{\"name\":\"another.%u\",\"uids\":[%u]}", number,
                   200000 + number);
    number++;
    ask("client.register", "", parameters, &draft);
}

/* --- Tests --- */

static const struct row *row_of(const char *type)
{
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        if (strcmp(rows[i].it.type, type) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/*
 * What a client does for itself waits for nobody: test_gate_certificate.c, test_family.c. An RSA
 * key of 4096 bits for each death takes too long: test_gate_kill_wrapping.c. An appliance is
 * restored once: test_restore_kill.c. What a token has shown the appliance says by itself:
 * test_gate_unproven.c.
 */
static bool is_tried_elsewhere(const char *type)
{
    static const char *const types[] = {
        "appliance.restore", "genesis",          "client.certificate",
        "family.make_key",   "key.proven",       "key.unproven",
        "wrapping.carry",    "wrapping.prepare", "wrapping.rewrap",
    };

    for (size_t i = 0; i < PS_COUNT_OF(types); i++) {
        if (strcmp(type, types[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void every_type_that_can_be_executed_has_its_row(void **state)
{
    struct operation_type_view view;

    (void)state;
    for (size_t i = 0; operations_type_at(i, &view); i++) {
        if (!is_tried_elsewhere(view.name) && row_of(view.name) == NULL) {
            fail_msg("%s has no row", view.name);
        }
    }
}

static bool is_under_way; /* stays so when a check of a row fails */

/* Each row has a stack of its own: a start has the log of one row to read, not of all. */
static int make_stack(void **state)
{
    (void)state;
    if (is_under_way) {
        stack_overlook_leaks();
    }
    is_under_way = true;
    rounds = 0;
    objects = 4; /* of the pairs of the log and of the identity */
    fixture_begin_with_faults();
    return 0;
}

static void killed_at_any_leaf_it_is_executed_once(void **state)
{
    const struct row *const *row = *state;

    give((*row)->once);
    kill_at_each_call(*row);
    kill_wait_for_pruned();
    /* A death is none: nobody is called out of bed for what the appliance clears by itself. */
    assert_int_equal(leaves_count_alarms(&stack, "reserved-id"), 0);
    assert_int_equal(stack_stop_keeper(&stack), 0);
    is_under_way = false;
}

/* Of the arguments PART and PARTS: the rows of that part. Without them, all. */
int main(int count, char **arguments)
{
    const size_t part = count == 3 ? strtoul(arguments[1], NULL, 10) : 0;
    const size_t parts = count == 3 ? strtoul(arguments[2], NULL, 10) : 1;
    const struct row *tried[PS_COUNT_OF(rows)];
    size_t part_of[PS_COUNT_OF(rows)];
    struct CMUnitTest tests[PS_COUNT_OF(rows)];
    const struct CMUnitTest whole[] = {
        cmocka_unit_test(every_type_that_can_be_executed_has_its_row),
    };
    size_t test_count = 0;
    int failed = part == 0 ? cmocka_run_group_tests(whole, NULL, NULL) : 0;

    if (part >= parts || parts > KILL_PARTS_MAX) {
        return 1;
    }
    kill_divide(parts, part_of);
    stack_use_memory();
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        if (part_of[i] != part) {
            continue;
        }
        tried[test_count] = &rows[i];
        tests[test_count] = (struct CMUnitTest){.name = rows[i].it.type,
                                                .test_func = killed_at_any_leaf_it_is_executed_once,
                                                .setup_func = make_stack,
                                                .teardown_func = fixture_end,
                                                .initial_state = &tried[test_count]};
        test_count++;
    }
    failed += _cmocka_run_group_tests("gate_kill", tests, test_count, NULL, NULL);
    return failed;
}
