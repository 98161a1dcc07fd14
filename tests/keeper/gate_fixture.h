#ifndef TESTS_KEEPER_GATE_FIXTURE_H
#define TESTS_KEEPER_GATE_FIXTURE_H

#include "tests/keeper/fixture.h"
#include "tests/keeper/leaves.h"

#include <stdlib.h>

/* Steps at the gate as they should be, and as they should not. */

#define NEW_KEY(name) EC_KEY("gf." name)
#define ASKED         "draft request:alice"
#define APPROVED      ASKED " approve:bob approve:carol"
#define DONE          APPROVED " intent result:done"

/* The token's store, as somebody puts an older copy of it in its place. */
static inline PS_UNUSED void at_the_store(const char *what)
{
    char command[400];

    (void)snprintf(command, sizeof command, "cd %s && %s", stack.directory, what);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a test's own files */
}

static inline PS_UNUSED void ask(const char *type, const char *subject, const char *parameters,
                                 struct draft *ret_draft)
{
    const struct msg_change message = stack_change_message(type, subject, parameters);

    expect(202, draft_ask(&stack, &message, ret_draft, &body));
}

/* Asked for, and the request is signed. */
static inline PS_UNUSED void ask_and_open(const char *parameters, struct draft *ret_draft)
{
    ask("key.create", "", parameters, ret_draft);
    expect(200, draft_sign(&stack, ret_draft, "request", PEOPLE_REQUESTER, &body));
}

static inline PS_UNUSED struct msg_operation_step step_message(const struct draft *draft,
                                                               const char *verb)
{
    return (struct msg_operation_step){.caller = stack_caller(),
                                       .request_id = ps_bytes_str("forged-1"),
                                       .operation = ps_bytes_str(draft->id),
                                       .verb = ps_bytes_str(verb)};
}

static inline PS_UNUSED unsigned send_step(const struct msg_operation_step *message)
{
    struct wire_frame answer;

    stack_call(&stack, &stack.management, &msg_operation_step_info, message, &answer);
    return stack_status_of(&answer, &body);
}

/* `armored` in the name of `person`. */
static inline PS_UNUSED unsigned step_with(const struct draft *draft, const char *verb,
                                           const char *person, struct ps_bytes armored)
{
    PS_BUF_AUTO parameters = {.max = 32768};

    people_put_step(person, armored, &parameters);
    return draft_step(&stack, draft, verb, ps_buf_bytes(&parameters), &body);
}

/* A signature of any key in the name of `person`. */
static inline PS_UNUSED unsigned forge(const struct draft *draft, const char *verb,
                                       const char *person, const struct ssh_test_key *key,
                                       const char *namespace)
{
    PS_BUF_AUTO armored = {.max = 4096};

    people_put_signature_by(key, namespace, ps_buf_bytes(&draft->document), &armored);
    return step_with(draft, verb, person, ps_buf_bytes(&armored));
}

static inline PS_UNUSED bool story_has(const struct ps_buf *story, const char *text)
{
    return story->len != 0 && memmem(story->data, story->len, text, strlen(text)) != NULL;
}

static inline PS_UNUSED bool is_signed(const struct ps_buf *story, const char *kind,
                                       const char *person)
{
    char text[64];

    (void)snprintf(text, sizeof text, " %s:%s", kind, person);
    return story_has(story, text);
}

/* After a death: those sign who have not yet, as many as it takes. */
static inline PS_UNUSED void sign_what_is_missing(const struct draft *draft,
                                                  const struct ps_buf *story)
{
    bool is_approved = false;

    if (!is_signed(story, "request", PEOPLE_REQUESTER)) {
        expect(200, draft_sign(&stack, draft, "request", PEOPLE_REQUESTER, &body));
    }
    for (size_t i = 0; i < PS_COUNT_OF(people_approvers) && !is_approved; i++) {
        if (!is_signed(story, "approve", people_approvers[i])) {
            expect(200, draft_sign(&stack, draft, "approvals", people_approvers[i], &body));
        } else {
            expect(200, draft_step(&stack, draft, "resume", ps_bytes(NULL, 0), &body));
        }
        if (draft_wants_statement(&body)) {
            expect(200, draft_sign(&stack, draft, "statements", PEOPLE_NEWCOMER, &body));
        }
        is_approved = body_has("\"state\":\"approved\"");
    }
    assert_true(is_approved);
}

#define APPROVE "approve.ceremony.privyseal.v1"

/* That the gate is where it was: two approvals, and it is done. */
static inline PS_UNUSED void goes_on_as_if_nothing_had_been(const struct draft *draft)
{
    assert_true(leaves_tell(&stack, draft->id, ASKED));
    expect(200, draft_sign(&stack, draft, "approvals", "bob", &body));
    expect(409, draft_execute(&stack, draft, &body));
    expect(200, draft_sign(&stack, draft, "approvals", "carol", &body));
    expect(201, draft_execute(&stack, draft, &body));
    assert_true(leaves_tell(&stack, draft->id, DONE));
}

#endif
