#include "tests/keeper/fixture.h"
#include "tests/keeper/leaves.h"
#include "tests/keeper/set_clock.h"

#include "lib/formats/tlog/cosignature.h"
#include "tests/unit/ssh_support.h"

#include <openssl/evp.h>

/*
 * How long changes of people and policy wait, with the clock of the test: a day, or three for a
 * recovery, from when the last one was there who was needed; and what an officer refused stays so.
 */

#define HOUR_S 3600
#define DAY_S  (24 * HOUR_S)

/* A person's entry, valid for so long from now on. */
static const char *entry(const char *name, const char *role, long valid_s, const char *more)
{
    static char text[512];
    char until[PS_TIME_MAX];
    PS_BUF_AUTO line = {.max = 256};

    ssh_key_put_line(people_key_of(name, PEOPLE_FIRST_KEY)->key, &line);
    (void)ps_time_format(ps_clock_real_ns() + (uint64_t)valid_s * PS_NS_PER_S, 0, until);
    (void)snprintf(
        text, sizeof text,
        "{\"person\":\"%s\",\"role\":\"%s\",\"keys\":[\"%.*s\"],\"valid_until\":\"%s\"%s}", name,
        role, PS_BYTES_FMT(ps_buf_bytes(&line)), until, more);
    return text;
}

static void step(const struct draft *draft, const char *verb, const char *person)
{
    expect(200, draft_sign(&stack, draft, verb, person, &body));
}

static void ask(const char *type, const char *subject, const char *parameters,
                const char *requester, struct draft *ret_draft)
{
    struct msg_change message = stack_change_message(type, subject, parameters);

    message.requester = ps_bytes_str(requester);
    expect(202, draft_ask(&stack, &message, ret_draft, &body));
    step(ret_draft, "request", requester);
}

static void enrol(const char *name, const char *role, long valid_s)
{
    DRAFT_AUTO draft;

    ask("officer.enrol", "", entry(name, role, valid_s, ""), PEOPLE_REQUESTER, &draft);
    step(&draft, "statements", name);
    for (size_t i = 0; i < PS_COUNT_OF(people_approvers); i++) {
        step(&draft, "approvals", people_approvers[i]);
    }
    expect(201, draft_execute(&stack, &draft, &body));
}

/* Of dave by somebody; the recovery people have approved it. */
static void ask_for_recovery(const char *by, struct draft *ret_draft)
{
    ask("officer.replace", "dave", entry(by, "officer", 300 * DAY_S, ",\"quorum\":\"recovery\""),
        "rita", ret_draft);
    step(ret_draft, "statements", by);
    step(ret_draft, "approvals", "rita");
    assert_false(body_has("\"state\":\"approved\""));
    step(ret_draft, "approvals", "rolf");
    assert_true(body_has("\"state\":\"approved\""));
}

static int make_stack(void **state)
{
    (void)state;
    set_clock_begin();
    fixture_begin_with_faults();
    enrol("rita", "recovery", 300 * DAY_S);
    enrol("rolf", "recovery", 300 * DAY_S);
    enrol("rosa", "recovery", 300 * DAY_S);
    enrol("zack", "officer", HOUR_S);
    return 0;
}

/* The keeper looks once a second. */
static void wait_for_end(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (leaves_count(&stack, "ended") == 0) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(20000);
    }
}

/* The keeper dies between the veto and the end, and comes back when the officer's time is over. */
static void a_veto_stays_when_its_officer_does_not(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    ask_for_recovery("eve", &draft);
    faults_kill_at_leaf(stack.faults, "\"kind\":\"ended\"", 0); /* the veto is durable */
    (void)draft_sign(&stack, &draft, "rejections", "zack", &body);
    assert_true(faults_clear(stack.faults));
    set_clock_off(passed_s, 2 * HOUR_S);
    wait_for_end();
    expect(409, draft_execute(&stack, &draft, &body));
    assert_true(leaves_tell(&stack, draft.id,
                            "draft request:rita statement:eve approve:rita approve:rolf "
                            "reject:zack ended:rejected"));
}

#define POLICY(epoch, cooling_off)                                                                 \
    "{\"policy\":{\"classes\":{"                                                                   \
    "\"A\":{\"auditors\":\"1\",\"officers\":\"2\",\"requester\":\"excluded\"},"                    \
    "\"B\":{\"auditors\":\"0\",\"officers\":\"2\",\"requester\":\"excluded\"},"                    \
    "\"C\":{\"auditors\":\"0\",\"officers\":\"1\",\"requester\":\"counted\"},"                     \
    "\"U\":{\"auditors\":\"0\",\"officers\":\"2\",\"requester\":\"counted\"}},"                    \
    "\"cooling_off_s\":\"" cooling_off "\",\"epoch\":\"" epoch "\",\"recovery\":{\"delay_s\":"     \
    "\"259200\",\"threshold\":\"2\"},\"sk\":{\"application\":\"ssh:\",\"presence\":true,"          \
    "\"verification\":true},\"v\":\"1\"}}"

static void who_is_needed_again_has_it_wait_again(void **state)
{
    DRAFT_AUTO draft;
    static char again[512];

    (void)state;
    (void)snprintf(again, sizeof again, "%s", entry("zack", "officer", HOUR_S, ""));
    expect(200, change("officer.replace", "zack", again));
    expect(200, change("policy.change", "", POLICY("2", "86400")));
    ask("policy.change", "", POLICY("3", "86400"), PEOPLE_REQUESTER, &draft);
    step(&draft, "approvals", "bob");
    step(&draft, "approvals", "zack");
    step(&draft, "approvals", "amira");
    assert_true(body_has("\"state\":\"approved\""));
    set_clock_pass(2 * HOUR_S); /* zack does not count any more */
    step(&draft, "approvals", "carol");
    set_clock_pass(23 * HOUR_S);
    expect(422, draft_execute(&stack, &draft, &body));
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(422, draft_execute(&stack, &draft, &body));
    set_clock_pass(2 * HOUR_S); /* a day after carol; the document holds for two */
    expect(200, draft_execute(&stack, &draft, &body));
}

/* tests/vectors/note/cosignatures.json: the witness whose seed is nothing but sevens. */
static const char witness_key[] =
    "witness.example/w1+aa4a09d1+BOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

/* The checkpoint in the body: its text, the witness's line if any, and then the log's own. */
static void put_note(const struct note_key *witness, const struct cosignature *cosignature,
                     struct ps_buf *note)
{
    const uint8_t *end = memmem(body.data, body.len, "\n\n", 2);
    const size_t text_len = (size_t)(end - body.data) + 2;

    ps_buf_put(note, ps_bytes(body.data, text_len));
    if (witness != NULL) {
        cosignature_put(witness, cosignature, note);
    }
    ps_buf_put(note, ps_bytes_from(ps_buf_bytes(&body), text_len));
    assert_ok(ps_buf_status(note));
}

/* What is kept begins with the log's own signature, wherever it stood in what was handed in. */
static void kept_note_is_signed_by_the_log(void)
{
    char path[220];
    PS_BUF_AUTO note;
    const char *line;

    (void)snprintf(path, sizeof path, "%s/log/events/witnessed.aa4a09d1", stack.data);
    assert_true(read_file(path, &note));
    line = memmem(note.data, note.len, "\n\n\u2014 ", 6);
    assert_non_null(line);
    assert_memory_not_equal(line + 6, "witness.example", 15);
}

/* Hands in the checkpoint in the body with the witness's word on it, or with none; the status. */
static unsigned hand_in_body(bool is_cosigned)
{
    uint8_t seed[32];
    uint8_t signature[64];
    size_t len = sizeof signature;
    struct cosignature cosignature;
    struct note_key key;
    struct msg_cosignatures message = {.caller = stack_caller(),
                                       .request_id = ps_bytes_str("note-1"),
                                       .tree = ps_bytes_str("events")};
    struct wire_frame answer;
    PS_BUF_AUTO note = {.max = 16384};
    PS_BUF_AUTO text = {.max = 16384};
    EVP_PKEY *pkey;
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    memset(seed, 7, sizeof seed);
    pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
    assert_ok(cosigner_key_parse(ps_bytes_str(witness_key), &key));
    cosignature_put_message(
        ps_bytes(body.data,
                 (size_t)((const uint8_t *)memmem(body.data, body.len, "\n\n", 2) - body.data) + 1),
        ps_clock_real_ns() / PS_NS_PER_S, &text);
    assert_int_equal(EVP_DigestSignInit(context, NULL, NULL, NULL, pkey), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &len, text.data, text.len), 1);
    cosignature_make(ps_clock_real_ns() / PS_NS_PER_S, signature, &cosignature);
    put_note(is_cosigned ? &key : NULL, &cosignature, &note);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    message.note = ps_buf_bytes(&note);
    stack_call(&stack, &stack.management, &msg_cosignatures_info, &message, &answer);
    return stack_status_of(&answer, &body);
}

/* The newest one. */
static unsigned hand_in(bool is_cosigned)
{
    expect(200, stack_read(&stack, READ_LOG_CHECKPOINT, "events", &body));
    return hand_in_body(is_cosigned);
}

/* A checkpoint comes within a second of the leaves that it has to cover. */
static void execute_once_witnessed(const struct draft *draft)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        expect(200, hand_in(true));
        (void)usleep(20000);
    } while (draft_execute(&stack, draft, &body) != 200);
}

static void a_recovery_waits_for_three_days_and_for_witnesses(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    ask_for_recovery("eve", &draft);
    expect(422, draft_execute(&stack, &draft, &body));
    set_clock_pass(71 * HOUR_S);
    expect(422, draft_execute(&stack, &draft, &body));
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(422, draft_execute(&stack, &draft, &body));
    set_clock_pass(2 * HOUR_S);
    stack.witnesses = witness_key;
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(422, draft_execute(&stack, &draft, &body));
    assert_true(body_has("witnesses"));
    expect(422, hand_in(false));
    expect(422, draft_execute(&stack, &draft, &body));
    execute_once_witnessed(&draft);
    kept_note_is_signed_by_the_log();
    expect(404, stack_read(&stack, READ_OFFICER, "dave", &body));
    expect(200, stack_read(&stack, READ_OFFICER, "eve", &body));
}

static uint64_t body_size(void)
{
    struct checkpoint checkpoint;

    assert_ok(checkpoint_peek(ps_buf_bytes(&body), &checkpoint));
    return checkpoint.size;
}

/* A cosignature that comes late says less than the one that is here. */
static void an_older_checkpoint_takes_no_newer_ones_place(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    PS_BUF_AUTO older = {.max = IPC_DOCUMENT_MAX};
    uint64_t before;
    uint64_t newer;

    (void)state;
    expect(200, stack_read(&stack, READ_LOG_CHECKPOINT, "events", &body));
    ps_buf_put(&older, ps_buf_bytes(&body));
    before = body_size();
    stack.witnesses = witness_key;
    restart_keeper(APPLIANCE_OPERATIONAL); /* a leaf more, that it started */
    do {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
        expect(200, stack_read(&stack, READ_LOG_CHECKPOINT, "events", &body));
        newer = body_size();
    } while (newer == before);
    expect(200, hand_in_body(true));
    assert_int_equal(read_number(READ_LOG_WITNESSES, "", "\"size\":"), newer);
    ps_buf_reset(&body);
    ps_buf_put(&body, ps_buf_bytes(&older));
    expect(200, hand_in_body(true));
    assert_int_equal(read_number(READ_LOG_WITNESSES, "", "\"size\":"), newer);
    restart_keeper(APPLIANCE_OPERATIONAL); /* which reads what was kept */
    assert_int_equal(read_number(READ_LOG_WITNESSES, "", "\"size\":"), newer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_veto_stays_when_its_officer_does_not),
        cmocka_unit_test(who_is_needed_again_has_it_wait_again),
        cmocka_unit_test(a_recovery_waits_for_three_days_and_for_witnesses),
        cmocka_unit_test(an_older_checkpoint_takes_no_newer_ones_place),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
