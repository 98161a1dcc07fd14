#include "tests/keeper/draft.h"

#include "lib/formats/json/json.h"

#include <string.h>

void draft_clear(struct draft *draft)
{
    ps_buf_clear(&draft->document);
}

void draft_take(struct ps_bytes answer, struct draft *ret_draft)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct json_value root;
    struct json_value value;
    struct ps_bytes text;

    assert_ok(json_new(&parser));
    assert_ok(json_parse(parser, answer, &JSON_LIMITS_REQUEST, &root));
    assert_true(json_member(root, "id", &value));
    assert_ok(json_string(value, &text));
    assert_int_equal(text.len, 32);
    memcpy(ret_draft->id, text.data, 32);
    ret_draft->id[32] = 0;
    assert_true(json_member(root, "document", &value));
    ps_buf_init(&ret_draft->document, IPC_DOCUMENT_MAX);
    ps_buf_put(&ret_draft->document, json_raw(value));
    assert_ok(ps_buf_status(&ret_draft->document));
}

unsigned draft_ask(struct stack *stack, const struct msg_change *message, struct draft *ret_draft,
                   struct ps_buf *out)
{
    struct wire_frame answer;
    unsigned status;

    *ret_draft = (struct draft){.id = ""};
    stack_call(stack, &stack->management, &msg_change_info, message, &answer);
    status = stack_status_of(&answer, out);
    if (status == 202) {
        draft_take(ps_buf_bytes(out), ret_draft);
    }
    return status;
}

unsigned draft_step(struct stack *stack, const struct draft *draft, const char *verb,
                    struct ps_bytes parameters, struct ps_buf *out)
{
    const struct msg_operation_step message = {
        .caller = stack_caller(),
        .request_id = ps_bytes_str("step-1"),
        .operation = ps_bytes_str(draft->id),
        .verb = ps_bytes_str(verb),
        .parameters = parameters,
    };
    struct wire_frame answer;

    stack_call(stack, &stack->management, &msg_operation_step_info, &message, &answer);
    return stack_status_of(&answer, out);
}

unsigned draft_sign(struct stack *stack, const struct draft *draft, const char *verb,
                    const char *person, struct ps_buf *out)
{
    static const struct {
        const char *verb;
        const char *kind;
    } kinds[] = {{"request", "request"},
                 {"approvals", "approve"},
                 {"rejections", "reject"},
                 {"statements", "statement"}};
    size_t at = 0;
    PS_BUF_AUTO armored = {.max = 4096};
    PS_BUF_AUTO parameters = {.max = 8192};

    while (strcmp(kinds[at].verb, verb) != 0) {
        at++;
        assert_true(at < PS_COUNT_OF(kinds));
    }
    people_put_signature(person, kinds[at].kind, ps_buf_bytes(&draft->document), &armored);
    people_put_step(person, ps_buf_bytes(&armored), &parameters);
    return draft_step(stack, draft, verb, ps_buf_bytes(&parameters), out);
}

static bool says(const struct ps_buf *answer, const char *text)
{
    return memmem(answer->data, answer->len, text, strlen(text)) != NULL;
}

static bool is_approved(const struct ps_buf *answer)
{
    return says(answer, "\"state\":\"approved\"");
}

bool draft_wants_statement(const struct ps_buf *answer)
{
    return says(answer, "has not shown to have the key");
}

unsigned draft_approve(struct stack *stack, const struct draft *draft, struct ps_buf *out)
{
    unsigned status = draft_sign(stack, draft, "request", PEOPLE_REQUESTER, out);

    if (status == 200 && draft_wants_statement(out)) {
        status = draft_sign(stack, draft, "statements", PEOPLE_NEWCOMER, out);
    }
    for (size_t i = 0;
         status == 200 && i < PS_COUNT_OF(people_approvers) && (i == 0 || !is_approved(out)); i++) {
        status = draft_sign(stack, draft, "approvals", people_approvers[i], out);
    }
    return status;
}

unsigned draft_execute(struct stack *stack, const struct draft *draft, struct ps_buf *out)
{
    return draft_step(stack, draft, "execute", ps_bytes(NULL, 0), out);
}
