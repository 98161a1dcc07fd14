#include "tests/keeper/gate_fixture.h"

/*
 * A suspension that was acknowledged is final. Signatures with many keys are in flight over both
 * channels while the keys are suspended and resumed through the gate. PRIVYSEAL_RACES=10000 is the
 * whole of it, as tests/gate-rules.md says; 2,000 of them are run each time.
 */

#define KEYS         30u
#define RACES        2000u
#define RACES_MAX    20000u
#define SIGNS_BEFORE 2u /* of each key before its suspension, over the channel of that */
#define SIGNS_AFTER  1u /* and behind it */
#define SIGNS_BESIDE 3u /* and over the other channel */
#define PER_KEY      (SIGNS_BEFORE + 1u + SIGNS_AFTER)

static char names[KEYS][16];
static struct draft drafts[KEYS];
static unsigned released; /* signatures */
static unsigned refused;  /* since the key was suspended */

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin(2);
    for (unsigned i = 0; i < KEYS; i++) {
        char parameters[600]; /* a name may be as long as a name can be */

        (void)snprintf(names[i], sizeof names[i], "race.%u", i);
        (void)snprintf(parameters, sizeof parameters,
                       "{\"name\":\"%s\",\"type\":\"ed25519\",\"usage\":\"sign\",\"formats\":"
                       "[\"jws\"]}",
                       names[i]);
        expect(201, change("key.create", "", parameters));
    }
    return 0;
}

/* --- Many at once --- */

/* The next answer; what is told in between is passed over. */
static void read_answer(struct wire *wire, struct wire_frame *ret_answer)
{
    do {
        assert_true(wire_read(wire, WIRE_LIMIT_MS, ret_answer));
    } while (ret_answer->id == 0);
}

/* One answer for each key, in whatever order they come; all of them are this. */
static void read_answers(uint64_t before, unsigned status, bool are_drafts)
{
    for (unsigned i = 0; i < KEYS; i++) {
        struct wire_frame answer;

        read_answer(&stack.management, &answer);
        expect(status, stack_status_of(&answer, &body));
        if (are_drafts) {
            draft_take(ps_buf_bytes(&body), &drafts[answer.id - before - 1]);
        }
    }
}

static void ask_all(const char *type)
{
    const uint64_t before = stack.management.next_id;

    for (unsigned i = 0; i < KEYS; i++) {
        const struct msg_change message = stack_change_message(type, names[i], "{}");

        (void)wire_send(&stack.management, &msg_change_info, &message);
    }
    read_answers(before, 202, true);
}

static struct msg_operation_step step_of(unsigned key, const char *verb, struct ps_bytes parameters)
{
    struct msg_operation_step message = step_message(&drafts[key], verb);

    message.parameters = parameters;
    return message;
}

static void sign_all(const char *verb, const char *kind, const char *person)
{
    const uint64_t before = stack.management.next_id;

    for (unsigned i = 0; i < KEYS; i++) {
        struct msg_operation_step message = {0};
        PS_BUF_AUTO armored = {.max = 4096};
        PS_BUF_AUTO parameters = {.max = 8192};

        people_put_signature(person, kind, ps_buf_bytes(&drafts[i].document), &armored);
        people_put_step(person, ps_buf_bytes(&armored), &parameters);
        message = step_of(i, verb, ps_buf_bytes(&parameters));
        (void)wire_send(&stack.management, &msg_operation_step_info, &message);
    }
    read_answers(before, 200, false);
}

static void execute_all(void)
{
    const uint64_t before = stack.management.next_id;

    for (unsigned i = 0; i < KEYS; i++) {
        const struct msg_operation_step message = step_of(i, "execute", ps_bytes(NULL, 0));

        (void)wire_send(&stack.management, &msg_operation_step_info, &message);
    }
    read_answers(before, 201, false);
}

static void forget_all(void)
{
    for (unsigned i = 0; i < KEYS; i++) {
        draft_clear(&drafts[i]);
    }
}

/* --- A race --- */

static void put_sign(struct wire *wire, unsigned key, struct ps_buf *frames)
{
    const struct msg_jws_sign message = {.caller = stack_caller(),
                                         .request_id = ps_bytes_str("race-1"),
                                         .key = ps_bytes_str(names[key]),
                                         .payload = ps_bytes_str("x")};

    assert_ok(ipc_frame_put(&msg_jws_sign_info, ++wire->next_id, &message, frames));
}

/* Everything of a race is on its way before the first answer is read. */
static void send_race(void)
{
    PS_BUF_AUTO beside = {.max = 1024 * 1024};
    PS_BUF_AUTO frames = {.max = 1024 * 1024};

    for (unsigned i = 0; i < KEYS; i++) {
        const struct msg_operation_step message = step_of(i, "execute", ps_bytes(NULL, 0));

        for (unsigned k = 0; k < SIGNS_BESIDE; k++) {
            put_sign(&stack.clients, i, &beside);
        }
        for (unsigned k = 0; k < SIGNS_BEFORE; k++) {
            put_sign(&stack.management, i, &frames);
        }
        assert_ok(
            ipc_frame_put(&msg_operation_step_info, ++stack.management.next_id, &message, &frames));
        for (unsigned k = 0; k < SIGNS_AFTER; k++) {
            put_sign(&stack.management, i, &frames);
        }
    }
    wire_send_octets(&stack.clients, ps_buf_bytes(&beside));
    wire_send_octets(&stack.management, ps_buf_bytes(&frames));
}

/* A signature or its refusal; whether it is a signature. */
static bool take_signature(const struct wire_frame *answer)
{
    const unsigned status = signed_or_refused(answer);

    assert_true(status == 200 || status == 409);
    released += status == 200 ? 1 : 0;
    refused += status == 409 ? 1 : 0;
    return status == 200;
}

/* Answers of one channel have an order: behind an acknowledgement there is no signature. */
static void read_race(uint64_t before)
{
    bool is_suspended[KEYS] = {false};

    for (unsigned i = 0; i < KEYS * PER_KEY; i++) {
        struct wire_frame answer;
        size_t at;

        read_answer(&stack.management, &answer);
        at = (size_t)(answer.id - before - 1);
        if (at % PER_KEY == SIGNS_BEFORE) {
            expect(201, stack_status_of(&answer, &body));
            is_suspended[at / PER_KEY] = true;
        } else if (take_signature(&answer) && is_suspended[at / PER_KEY]) {
            fail_msg("%s signed after its suspension was acknowledged", names[at / PER_KEY]);
        }
    }
}

static void race(void)
{
    const uint64_t before = stack.management.next_id;

    send_race();
    read_race(before);
    for (unsigned i = 0; i < KEYS * SIGNS_BESIDE; i++) {
        struct wire_frame answer;

        read_answer(&stack.clients, &answer);
        (void)take_signature(&answer);
    }
    /* Until they are resumed. */
    for (unsigned i = 0; i < KEYS; i++) {
        expect(409, sign(names[i]));
    }
}

static void suspend_and_resume_all(void)
{
    ask_all("key.suspend");
    sign_all("request", "request", "alice");
    sign_all("approvals", "approve", "bob");
    race();
    forget_all();
    ask_all("key.resume");
    sign_all("request", "request", "alice");
    sign_all("approvals", "approve", "bob");
    sign_all("approvals", "approve", "carol");
    execute_all();
    forget_all();
    for (unsigned i = 0; i < KEYS; i += 7) {
        expect(200, sign(names[i]));
    }
}

/* --- What the logs say of all of it --- */

/* When each key was suspended and resumed, in turn: the times of the leaves. */
static struct {
    uint64_t *times;
    size_t count;
    size_t next; /* of those that are not before the use that is looked at */
} turns[KEYS];

/* Intents that have no result yet. */
static struct {
    char id[33];
    unsigned key;
} open_intents[KEYS + 1];

static bool find_key(struct ps_bytes name, unsigned *ret_key)
{
    for (unsigned i = 0; i < KEYS; i++) {
        if (ps_bytes_equal_str(name, names[i])) {
            *ret_key = i;
            return true;
        }
    }
    return false;
}

static void note_intent(struct json_value data)
{
    struct json_value document;
    struct json_value params;
    const struct ps_bytes id = leaves_text(data, "operation");
    unsigned key;

    assert_true(json_member(data, "document", &document));
    assert_true(json_member(document, "params", &params));
    if (!find_key(leaves_text(params, "key"), &key)) {
        return;
    }
    for (size_t i = 0; i < PS_COUNT_OF(open_intents); i++) {
        if (open_intents[i].id[0] == 0) {
            assert_int_equal(id.len, 32);
            memcpy(open_intents[i].id, id.data, 32);
            open_intents[i].key = key;
            return;
        }
    }
    fail();
}

static void note_result(struct json_value data, uint64_t time_ns)
{
    const struct ps_bytes id = leaves_text(data, "operation");

    for (size_t i = 0; i < PS_COUNT_OF(open_intents); i++) {
        if (ps_bytes_equal_str(id, open_intents[i].id)) {
            const unsigned key = open_intents[i].key;

            assert_true(turns[key].count < RACES_MAX);
            turns[key].times[turns[key].count++] = time_ns;
            open_intents[i].id[0] = 0;
            return;
        }
    }
}

static void note_event(void *context, const struct log_event *event)
{
    (void)context;
    if (ps_bytes_equal_str(event->kind, "intent")) {
        note_intent(event->data);
    } else if (ps_bytes_equal_str(event->kind, "result")) {
        note_result(event->data, event->time_ns);
    }
}

/* An odd number of turns lies before it: it was used while it was suspended. */
static void check_use(void *context, const struct log_use *use)
{
    unsigned *checked = context;
    unsigned key;

    assert_true(find_key(use->key, &key));
    while (turns[key].next < turns[key].count &&
           turns[key].times[turns[key].next] <= use->time_ns) {
        turns[key].next++;
    }
    if (turns[key].next % 2 != 0) {
        fail_msg("a use of %s after the leaf that suspended it", names[key]);
    }
    ++*checked;
}

static void the_logs_say_the_same(unsigned races_of_each)
{
    unsigned checked = 0;

    for (unsigned i = 0; i < KEYS; i++) {
        turns[i].times = calloc(RACES_MAX, sizeof *turns[i].times);
        assert_non_null(turns[i].times);
    }
    leaves_each_event(&stack, note_event, NULL);
    leaves_each_use(&stack, check_use, &checked);
    for (unsigned i = 0; i < KEYS; i++) {
        assert_int_equal(turns[i].count, 2 * races_of_each);
        free(turns[i].times);
    }
    assert_true(checked >= released);
}

static void no_signature_comes_after_an_acknowledged_suspension(void **state)
{
    const char *wanted = getenv("PRIVYSEAL_RACES");
    const unsigned races = wanted == NULL ? RACES : (unsigned)strtoul(wanted, NULL, 10);
    const unsigned races_of_each = (races + KEYS - 1) / KEYS;

    (void)state;
    assert_in_range(races, 1, RACES_MAX);
    for (unsigned i = 0; i < races_of_each; i++) {
        suspend_and_resume_all();
    }
    print_message("%u suspensions, %u signatures, %u refused\n", races_of_each * KEYS, released,
                  refused);
    assert_true(released > 0);
    assert_true(refused > 0);
    the_logs_say_the_same(races_of_each);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_signature_comes_after_an_acknowledged_suspension),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
