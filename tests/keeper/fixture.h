#ifndef TESTS_KEEPER_FIXTURE_H
#define TESTS_KEEPER_FIXTURE_H

#include "tests/keeper/draft.h"

#include "lib/base/clock.h"

#include <unistd.h>

/* One stack for all tests of a file, and the last answer it gave. */

static struct stack stack;
static struct ps_buf body;

/* The parameters of a key.create. */
#define EC_KEY(name)                                                                               \
    "{\"name\":\"" name "\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"],"        \
    "\"algorithms\":[\"ES256\"]}"

static inline PS_UNUSED void expect_at(unsigned status, unsigned got, int line)
{
    if (status != got) {
        print_error("line %d: %u, not %u: %.*s\n", line, got, status,
                    PS_BYTES_FMT(ps_buf_bytes(&body)));
        fail();
    }
}
#define expect(status, got) expect_at((status), (got), __LINE__)

static inline PS_UNUSED unsigned change(const char *type, const char *subject,
                                        const char *parameters)
{
    return stack_change(&stack, type, subject, parameters, &body);
}

/* All of it but the execution. */
static inline PS_UNUSED void ask_and_approve(const char *type, const char *subject,
                                             const char *parameters, struct draft *ret_draft)
{
    const struct msg_change message = stack_change_message(type, subject, parameters);

    expect(202, draft_ask(&stack, &message, ret_draft, &body));
    expect(200, draft_approve(&stack, ret_draft, &body));
}

/* With the key's only algorithm. */
static inline PS_UNUSED unsigned sign(const char *key)
{
    return stack_sign_jws(&stack, key, "", "payload", &body);
}

/* 200 for a signature, or the problem's status. */
static inline PS_UNUSED unsigned signed_or_refused(const struct wire_frame *answer)
{
    const bool is_signed =
        answer->info == &msg_jws_signed_info || answer->info == &msg_raw_signed_info;

    return is_signed ? 200 : stack_status_of(answer, &body);
}

static inline PS_UNUSED unsigned body_count(const char *text)
{
    const size_t len = strlen(text);
    unsigned count = 0;

    for (size_t at = 0; at + len <= body.len; at++) {
        count += memcmp(body.data + at, text, len) == 0 ? 1 : 0;
    }
    return count;
}

static inline PS_UNUSED bool body_has(const char *text)
{
    return body_count(text) != 0;
}

/* What stands in it behind `text`, where that comes first. */
static inline PS_UNUSED unsigned long read_number(enum read_resource resource, const char *name,
                                                  const char *text)
{
    const char *at;

    expect(200, stack_read(&stack, resource, name, &body));
    ps_buf_put_u8(&body, 0);
    assert_ok(ps_buf_status(&body));
    at = strstr((const char *)body.data, text);
    assert_non_null(at);
    return strtoul(at + strlen(text), NULL, 10);
}

/* What `GET /v1/system` has first under this name. */
static inline PS_UNUSED unsigned long system_number(const char *member)
{
    char text[64];

    (void)snprintf(text, sizeof text, "\"%s\":", member);
    return read_number(READ_SYSTEM, "", text);
}

/* Between two looks at what goes on: who is looked at needs a processor too. */
#define LOOK_STEP_US 10000u

static inline PS_UNUSED void rest_a_while(void)
{
    (void)usleep(LOOK_STEP_US);
}

/* In the condition of a loop that asks again. Returns true. */
static inline PS_UNUSED bool has_rested(void)
{
    rest_a_while();
    return true;
}

/* Until it is more. */
static inline PS_UNUSED void wait_for_more(const char *member, unsigned long than)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (system_number(member) <= than) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(20000);
    }
}

/* Reads a document until it has the text so many times; fails after the deadline. */
static inline PS_UNUSED void wait_for_text(enum read_resource resource, const char *name,
                                           const char *text, unsigned times)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    for (;;) {
        expect(200, stack_read(&stack, resource, name, &body));
        if (body_count(text) >= times) {
            return;
        }
        if (ps_clock_mono_ns() > deadline) {
            print_error("not %u \"%s\": %.*s\n", times, text, PS_BYTES_FMT(ps_buf_bytes(&body)));
            fail();
        }
        (void)usleep(20000);
    }
}

/* Beside others: the anchor's object is there twice while another takes its place. */
static inline PS_UNUSED void wait_for_object_count(size_t process, unsigned count)
{
    const uint64_t deadline = ps_clock_mono_ns() + 2 * WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (stack_count_objects(&stack, process) != count) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(5000);
    }
}

/* Nobody has it but the holders of its shares: neither keeper nor token, nor the supervisor. */
static inline PS_UNUSED void lose_pin(void)
{
    stack_kill_keeper(&stack);
    stack_stop_token(&stack, 0);
    ps_buf_reset(&stack.tokens[0].kept_pin);
    stack_start_keeper(&stack);
    stack_wait_started(&stack);
    stack_start_token(&stack, 0);
    wait_for_text(READ_SYSTEM, "", "waits for 2 officers", 1);
}

/*
 * Of one that takes long who executes it may be told that it goes on: the status of its end, and
 * what a reader sees then. 0: the keeper has died of a fault.
 */
static inline PS_UNUSED unsigned execute_to_the_end(const struct draft *draft)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned status = draft_execute(&stack, draft, &body);

    while (status == 202) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
        if (stack_read(&stack, READ_OPERATION, draft->id, &body) != 200) {
            return 0;
        }
        status = body_has("\"state\":\"done\"") ? 201 : 202;
    }
    return status;
}

static inline PS_UNUSED unsigned change_to_the_end(const char *type, const char *subject,
                                                   const char *parameters)
{
    DRAFT_AUTO draft;

    ask_and_approve(type, subject, parameters, &draft);
    return execute_to_the_end(&draft);
}

/* Asked again while the appliance works on the same key by itself. */
static inline PS_UNUSED unsigned change_when_free(const char *type, const char *subject,
                                                  const char *parameters)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned status;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        status = change(type, subject, parameters);
    } while (status == 409 && body_has("in-flight") && has_rested());
    return status;
}

/* The first version, which is due: the appliance may do so by itself just then. */
static inline PS_UNUSED void activate(const char *key)
{
    const unsigned status = change_when_free("key.activate", key, "{}");

    /* Refused only since it is active by then. */
    if (status != 200 && status != 201) {
        expect(409, status);
        assert_true(body_has("conflict") || body_has("wrong-state"));
    }
    wait_for_text(READ_KEY, key, "\"version\":1,\"state\":\"active\"", 1);
}

/* Starts processes and keeper, which has had its genesis. */
static inline PS_UNUSED void fixture_begin(size_t processes)
{
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_make(&stack, processes);
    stack_start(&stack);
    stack_genesis(&stack);
}

/* The same with one process, and a keeper that is stopped at the leaves it writes (faults.h). */
static inline PS_UNUSED void fixture_begin_with_faults(void)
{
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_make(&stack, 1);
    stack.faults = faults_new();
    stack_start(&stack);
    stack_genesis(&stack);
    /* The first inventory has a leaf of its own: from now on those of the test are counted. */
    wait_for_text(READ_INVENTORY, "", "\"state\":\"done\"", 1);
}

/* A teardown of a group. */
static inline PS_UNUSED int fixture_end(void **state)
{
    (void)state;
    stack_remove(&stack);
    ps_buf_clear(&body);
    return 0;
}

/* The keeper dies and comes back, with what is on the disk. */
static inline PS_UNUSED void restart_keeper(enum appliance_state expected)
{
    stack_kill_keeper(&stack);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, expected);
}

#endif
