#include "tests/keeper/fixture.h"

#include "lib/base/encode.h"
#include "lib/base/hash.h"
#include "lib/formats/jose/jws.h"
#include "lib/formats/json/json.h"

/* Processes die at the worst of moments: what was answered is recorded, and work goes on. */

#define KEY "c.es256"

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin(2);
    expect(201, change("key.create", "", EC_KEY(KEY)));
    return 0;
}

/* --- The record of uses, read as it stands on the disk --- */

static void read_record(const char *name, struct ps_buf *out)
{
    char command[300];
    char path[256];
    FILE *found;

    (void)snprintf(command, sizeof command, "find %s/log/%s -name entries", stack.data, name);
    found = popen(command, "re");
    assert_non_null(found);
    assert_non_null(fgets(path, sizeof path, found));
    (void)pclose(found);
    path[strcspn(path, "\n")] = 0;
    assert_true(read_file(path, out));
}

static bool is_recorded(const struct ps_buf *record, struct ps_bytes signature)
{
    uint8_t form[PS_SIGNATURE_MAX];
    uint8_t hash[PS_SHA256_LEN];
    size_t len = 0;
    PS_BUF_AUTO text;

    ps_buf_init(&text, 64);
    assert_ok(signature_log_form(PS_ALG_ES256, signature, form, &len));
    ps_sha256(ps_bytes(form, len), hash);
    ps_buf_put_base64url(&text, ps_bytes(hash, sizeof hash));
    return memmem(record->data, record->len, text.data, text.len) != NULL;
}

/* --- A load of many requests in flight --- */

#define LOAD_MAX 20000u

struct load {
    uint64_t sent;
    uint64_t answered;
    uint64_t refused;
    struct ps_buf signatures; /* 64 octets each */
};

static void load_send(struct load *load, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char id[32];
        const int len = snprintf(id, sizeof id, "load-%llu", (unsigned long long)load->sent++);
        const struct msg_jws_sign message = {
            .caller = stack_caller(),
            .request_id = ps_bytes(id, (size_t)len),
            .key = ps_bytes_str(KEY),
            .payload = ps_bytes_str("load"),
        };

        wire_send(&stack.clients, &msg_jws_sign_info, &message);
    }
}

static bool load_read(struct load *load, int limit_ms)
{
    struct wire_frame frame;

    if (!wire_read(&stack.clients, limit_ms, &frame)) {
        return false;
    }
    if (frame.info == &msg_jws_signed_info) {
        const struct msg_jws_signed *made = (const void *)frame.message;

        assert_int_equal(made->signature.len, 64);
        ps_buf_put(&load->signatures, made->signature);
        load->answered++;
    } else if (frame.info == &msg_problem_info) {
        load->refused++;
    }
    return true;
}

static void load_begin(struct load *load)
{
    *load = (struct load){.sent = 0};
    ps_buf_init(&load->signatures, 64 * LOAD_MAX);
}

static void load_drain(struct load *load)
{
    while (load->answered + load->refused < load->sent) {
        assert_true(load_read(load, WIRE_LIMIT_MS));
    }
}

static void everything_answered_is_recorded(struct load *load)
{
    PS_BUF_AUTO record;

    read_record("use", &record);
    for (size_t at = 0; at < load->signatures.len; at += 64) {
        assert_true(is_recorded(&record, ps_bytes(load->signatures.data + at, 64)));
    }
}

/* --- Tests --- */

static void a_token_process_that_dies_loses_no_request(void **state)
{
    struct load load;

    (void)state;
    load_begin(&load);
    for (unsigned round = 0; round < 6; round++) {
        load_send(&load, 400);
        for (unsigned i = 0; i < 100; i++) {
            assert_true(load_read(&load, WIRE_LIMIT_MS));
        }
        stack_kill_token(&stack, round % 2);
        stack_start_token(&stack, round % 2);
        load_drain(&load);
        /* Both processes and the token: the next round has another one to fall back on. */
        wait_for_text(READ_SYSTEM, "", "\"state\":\"ready\"", 3);
    }
    /* The other process was there all the time. */
    assert_int_equal(load.refused, 0);
    everything_answered_is_recorded(&load);
    ps_buf_clear(&load.signatures);
}

static void a_keeper_that_dies_has_recorded_what_it_gave_out(void **state)
{
    struct load load;

    (void)state;
    load_begin(&load);
    for (unsigned round = 0; round < 5; round++) {
        load_send(&load, 300);
        for (unsigned i = 0; i < 100; i++) {
            assert_true(load_read(&load, WIRE_LIMIT_MS));
        }
        stack_kill_keeper(&stack);
        stack_start_keeper(&stack);
        stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    }
    everything_answered_is_recorded(&load);
    expect(200, stack_sign_jws(&stack, KEY, "", "x", &body));
    ps_buf_clear(&load.signatures);
}

#define TIME_MEMBER ",\"time\":\""
#define TIME_OCTETS 27u

/* The time of the last leaf up to `end` that has it: of the same length in all, so that text is
 * compared. NULL: there is none. */
static const uint8_t *last_time(const struct ps_buf *record, const uint8_t *end)
{
    const size_t member = strlen(TIME_MEMBER);

    for (const uint8_t *at = end - member - TIME_OCTETS; at >= record->data; at--) {
        if (memcmp(at, TIME_MEMBER, member) == 0) {
            return at + member;
        }
    }
    return NULL;
}

/* When the suspension of this round was recorded. */
static const uint8_t *time_of_result(const struct ps_buf *events, const char *operation)
{
    PS_BUF_AUTO text = {.max = 128};
    const uint8_t *at;

    ps_buf_put_str(&text, "\"operation\":\"");
    ps_buf_put_str(&text, operation);
    ps_buf_put_str(&text, "\",\"outcome\":\"done\"");
    at = memmem(events->data, events->len, text.data, text.len);
    assert_non_null(at);
    at = memmem(at, (size_t)(events->data + events->len - at), TIME_MEMBER, strlen(TIME_MEMBER));
    assert_non_null(at);
    return at + strlen(TIME_MEMBER);
}

/*
 * Of the load, all that was given out was durable when the suspension was acknowledged. A leaf that
 * became so later was made before: the two logs are written each by itself.
 */
static void nothing_was_given_out_after(struct load *load, const struct draft *draft,
                                        const struct ps_buf *before, size_t signatures)
{
    const uint8_t *time;
    PS_BUF_AUTO after;
    PS_BUF_AUTO events;

    read_record("use", &after);
    read_record("events", &events);
    for (size_t at = signatures; at < load->signatures.len; at += 64) {
        assert_true(is_recorded(before, ps_bytes(load->signatures.data + at, 64)));
    }
    time = last_time(&after, after.data + after.len);
    assert_non_null(time);
    assert_true(memcmp(time, time_of_result(&events, draft->id), TIME_OCTETS) <= 0);
}

/* What was acknowledged is final, whatever was in flight. */
static void a_suspension_that_was_acknowledged_is_final(void **state)
{
    struct load load;
    PS_BUF_AUTO before;

    (void)state;
    load_begin(&load);
    /* Whether some are still in flight then is the scheduler's: as many rounds as that takes. */
    for (unsigned round = 0; round < 5 || (round < 300 && load.refused == 0); round++) {
        const size_t signatures = load.signatures.len;
        DRAFT_AUTO draft;

        ask_and_approve("key.suspend", KEY, "{}", &draft);
        load_send(&load, 500);
        expect(201, draft_execute(&stack, &draft, &body));
        read_record("use", &before);
        load_drain(&load);
        nothing_was_given_out_after(&load, &draft, &before, signatures);
        expect(201, change("key.resume", KEY, "{}"));
        ps_buf_clear(&before);
    }
    assert_true(load.refused > 0);
    everything_answered_is_recorded(&load);
    ps_buf_clear(&load.signatures);
}

/* A rotation is no revocation: nothing is refused while the successor takes over. */
static void a_rotation_under_load_refuses_nothing(void **state)
{
    struct load load;

    (void)state;
    load_begin(&load);
    for (unsigned round = 0; round < 3; round++) {
        DRAFT_AUTO draft;

        expect(201, change("key.rotate", KEY, "{}"));
        ask_and_approve("key.activate", KEY, "{}", &draft);
        load_send(&load, 300);
        expect(201, draft_execute(&stack, &draft, &body));
        load_send(&load, 100);
        load_drain(&load);
    }
    assert_int_equal(load.refused, 0);
    everything_answered_is_recorded(&load);
    ps_buf_clear(&load.signatures);
}

/* No result is waited for. */
static void begin_to_execute(const struct draft *draft)
{
    const struct msg_operation_step message = {
        .caller = stack_caller(),
        .request_id = ps_bytes_str("crash-1"),
        .operation = ps_bytes_str(draft->id),
        .verb = ps_bytes_str("execute"),
    };

    wire_send(&stack.management, &msg_operation_step_info, &message);
}

/*
 * The keeper dies at some moment of a key's making. Afterwards the key is there and signs, or it is
 * not there; making it is then possible; and the catalog is what the log says.
 */
static void a_key_half_made_is_settled(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 12; round++) {
        char name[32];
        char parameters[200];
        unsigned status;
        DRAFT_AUTO draft;

        (void)snprintf(name, sizeof name, "half.%u", round);
        (void)snprintf(
            parameters, sizeof parameters,
            "{\"name\":\"%s\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"]}",
            name);
        ask_and_approve("key.create", "", parameters, &draft);
        begin_to_execute(&draft);
        /*
         * The death comes some milliseconds later each time, so that it falls upon each step:
         * reserve, intent, generation, test, result, rows.
         */
        (void)usleep(round * 4000);
        stack_kill_keeper(&stack);
        stack_start_keeper(&stack);
        stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
        do {
            status = change("key.create", "", parameters);
        } while (status == 409 || status == 503);
        assert_true(status == 200 || status == 201);
        expect(200, stack_sign_jws(&stack, name, "", "x", &body));
    }
    expect(200, stack_read(&stack, READ_OPERATIONS, "", &body));
    assert_false(body_has("executing"));
}

static void a_stop_finishes_what_is_in_flight(void **state)
{
    struct load load;

    (void)state;
    load_begin(&load);
    load_send(&load, 300);
    assert_true(load_read(&load, WIRE_LIMIT_MS));
    wire_send(&stack.supervisor, &msg_stop_info, &(struct msg_stop){.within_ms = WIRE_LIMIT_MS});
    while (load_read(&load, WIRE_LIMIT_MS)) {
    }
    /* What came after the order was refused, everything else was finished. */
    assert_int_equal(load.answered + load.refused, load.sent);
    everything_answered_is_recorded(&load);
    ps_buf_clear(&load.signatures);
    restart_keeper(APPLIANCE_OPERATIONAL);
}

#define READS 300u

/* Documents that wait for the keeper's turn, too; what comes after the order is refused. */
static void a_stop_answers_what_waits(void **state)
{
    const struct msg_read message = {.caller = stack_caller(),
                                     .request_id = ps_bytes_str("read"),
                                     .resource = READ_KEYS,
                                     .limit = 1000};
    struct wire_frame answer;
    unsigned answered = 0;

    (void)state;
    for (unsigned i = 0; i < READS; i++) {
        wire_send(&stack.clients, &msg_read_info, &message);
    }
    assert_true(wire_read(&stack.clients, WIRE_LIMIT_MS, &answer));
    answered += answer.id != 0 ? 1 : 0;
    wire_send(&stack.supervisor, &msg_stop_info, &(struct msg_stop){.within_ms = WIRE_LIMIT_MS});
    /* They are more than a socket takes, and nobody reads: it does not end without them. */
    assert_false(wire_is_closed(&stack.management, 500));
    while (wire_read(&stack.clients, WIRE_LIMIT_MS, &answer)) {
        answered += answer.id != 0 ? 1 : 0;
    }
    assert_int_equal(answered, READS);
    restart_keeper(APPLIANCE_OPERATIONAL);
}

static void the_end_of_the_supervisors_channel_ends_the_keeper(void **state)
{
    (void)state;
    wire_close(&stack.supervisor);
    assert_true(wire_is_closed(&stack.management, WIRE_LIMIT_MS));
    restart_keeper(APPLIANCE_OPERATIONAL);
}

static void kill_all(void)
{
    stack_kill_keeper(&stack);
    for (size_t i = 0; i < stack.processes; i++) {
        stack_kill_token(&stack, i);
    }
}

/* Tried once, not once per process, and not again after a restart of all of them. */
static void a_wrong_pin_is_tried_once(void **state)
{
    (void)state;
    kill_all();
    stack.pin = "00000000";
    stack_start(&stack);
    stack_wait_state(&stack, APPLIANCE_DEGRADED);
    wait_for_text(READ_SYSTEM, "", "\"state\":\"wrong-pin\"", 1);
    kill_all();
    stack_start(&stack);
    stack_wait_state(&stack, APPLIANCE_DEGRADED);
    /* Both processes and the token: nobody logs in, since the refused PIN is known. */
    wait_for_text(READ_SYSTEM, "", "\"state\":\"needs-login\"", 3);
    for (unsigned i = 0; i < 20; i++) {
        expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
        assert_false(body_has("wrong-pin"));
    }
    kill_all();
    stack.pin = STACK_PIN;
    stack_start(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(200, sign(KEY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_process_that_dies_loses_no_request),
        cmocka_unit_test(a_keeper_that_dies_has_recorded_what_it_gave_out),
        cmocka_unit_test(a_suspension_that_was_acknowledged_is_final),
        cmocka_unit_test(a_rotation_under_load_refuses_nothing),
        cmocka_unit_test(a_key_half_made_is_settled),
        cmocka_unit_test(a_stop_finishes_what_is_in_flight),
        cmocka_unit_test(a_stop_answers_what_waits),
        cmocka_unit_test(the_end_of_the_supervisors_channel_ends_the_keeper),
        cmocka_unit_test(a_wrong_pin_is_tried_once),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
