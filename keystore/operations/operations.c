#include "keystore/operations/operations.h"

#include "keystore/backup/restored.h"
#include "keystore/events/anchor.h"
#include "keystore/gate/gate.h"
#include "keystore/operations/internal.h"
#include "keystore/state/check.h"
#include "keystore/state/lock.h"
#include "keystore/state/state.h"
#include "lib/ceremony/operation/keys.h"
#include "lib/ceremony/people/people_change.h"

#include <stdlib.h>

enum ps_err operations_new(struct keeper *keeper, struct operations **ret_operations)
{
    struct operations *operations = calloc(1, sizeof *operations);

    if (operations == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    operations->keeper = keeper;
    ps_buf_init(&operations->restored, LOG_ENTRY_MAX);
    *ret_operations = operations;
    return PS_OK;
}

void operations_free(struct operations *operations)
{
    if (operations == NULL) {
        return;
    }
    while (operations->first != NULL) {
        operation_free(operations->first);
    }
    clean_free(operations);
    remembered_free(operations);
    operations_forget_unproven(operations);
    free(operations);
}

bool operations_is_committing(const struct operations *operations)
{
    return operations->committing != NULL;
}

bool operations_change_people(const struct operations *operations)
{
    for (const struct operation *op = operations->first; op != NULL; op = op->next) {
        if (op->step == OPERATION_COMMITTING && op->is_done &&
            people_change_has_type(operation_type_info_find(ps_bytes_str(op->type->name)))) {
            return true;
        }
    }
    return false;
}

bool operations_put_progress(const struct operations *operations, struct ps_bytes id,
                             struct ps_buf *out)
{
    for (const struct operation *op = operations->first; op != NULL; op = op->next) {
        if (ps_bytes_equal_str(id, op->id) && op->to_make != 0) {
            ps_buf_printf(out, "%zu of %zu made", op->made, op->to_make);
            return true;
        }
    }
    return false;
}

size_t operations_count(const struct operations *operations)
{
    return operations->count;
}

/* --- Who may --- */

static bool may_begin_genesis(struct operation *op, const struct msg_change *message)
{
    struct keeper *keeper = op->keeper;
    const struct question who = {.role = op->to.peer->role, .caller = &message->caller};

    if (!authority_is_administrator(keeper, &message->caller)) {
        /* Afterwards a registered client is told what is wrong, anybody else nothing. */
        const struct authority authority = authority_decide(keeper, &who);

        if (!keeper->appliance.exists || authority.problem != PS_PROBLEM_NONE) {
            operation_refuse(op, PS_PROBLEM_FORBIDDEN, "only a local administrator may do this");
            return false;
        }
    }
    if (keeper->appliance.exists) {
        operation_refuse_state(op, appliance_state_name(state_now(keeper)),
                               "the appliance has had its genesis");
        return false;
    }
    op->caller_uid = message->caller.uid;
    return true;
}

/* A new key is not hidden, it is just not this client's to make. */
static struct authority decide(struct operation *op, struct question *question,
                               struct ps_bytes request_id)
{
    struct authority authority = authority_decide_request(op->keeper, question, request_id);

    if (authority.problem == PS_PROBLEM_NOT_FOUND && op->type->grant == GRANTED_KEYS_CREATE) {
        authority.problem = PS_PROBLEM_FORBIDDEN;
    }
    question->is_free = true; /* one operation, whatever it is about, counts once against a rate */
    return authority;
}

/* Of each name in the parameters, since that is what is made, or what the path does not name. */
static struct authority decide_named_keys(struct operation *op, struct question *question,
                                          const struct msg_change *message, struct json *parser)
{
    struct authority authority = {.problem = PS_PROBLEM_NONE};
    struct json_value root;
    struct operation_keys keys;
    bool is_any = false;

    if (json_parse(parser, message->parameters, &JSON_LIMITS_REQUEST, &root) == PS_OK) {
        keys = operation_keys(operation_type_info_find(ps_bytes_str(op->type->name)), root);
        while (authority.problem == PS_PROBLEM_NONE && operation_keys_next(&keys, &question->key)) {
            authority = decide(op, question, message->request_id);
            is_any = true;
        }
    }
    /* A family is named by the prefix of its keys. What names no key is refused later, and told so
     * to who may make some. */
    question->key = is_any ? question->key : ps_buf_bytes(&op->subject);
    return is_any ? authority : decide(op, question, message->request_id);
}

static struct authority decide_change(struct operation *op, const struct msg_change *message,
                                      struct json *parser)
{
    struct question question = {
        .role = op->to.peer->role, .caller = &message->caller, .operation = op->type->grant};

    if (op->type->grant == GRANTED_KEYS_CREATE ||
        (op->type->grant == GRANTED_KEYS_CERTIFY && op->subject.len == 0)) {
        return decide_named_keys(op, &question, message, parser);
    }
    if (!op->type->is_own && granted_op_info(op->type->grant)->about == ABOUT_KEY) {
        question.key = ps_buf_bytes(&op->subject);
    }
    return decide(op, &question, message->request_id);
}

static bool is_authorised(struct operation *op, const struct msg_change *message)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct authority authority;
    const enum ps_err err = json_new(&parser);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    authority = decide_change(op, message, parser);
    if (authority.problem != PS_PROBLEM_NONE) {
        answer_problem(&op->to, &(struct problem_answer){.problem = authority.problem,
                                                         .retry_after_s = authority.retry_after_s,
                                                         .detail = authority.text});
        return false;
    }
    memcpy(op->caller, access_client_name(authority.client).data,
           access_client_name(authority.client).len);
    op->caller[access_client_name(authority.client).len] = 0;
    return true;
}

/* The catalog must be there and be ours before anything is decided from it. */
static bool catalog_is_good(struct operation *op)
{
    struct keeper *keeper = op->keeper;
    const enum ps_err err = check_catalog_now(keeper->check);

    if (err == PS_OK) {
        return true;
    }
    if (err == PS_E_BUSY) {
        operation_refuse(op, PS_PROBLEM_LOG_UNAVAILABLE, "the catalog is being compared");
        return false;
    }
    state_raise(keeper, REASON_CATALOG_GONE, ps_detail()->text);
    operation_refuse(op, PS_PROBLEM_LOG_UNAVAILABLE, "the catalog is not usable");
    return false;
}

static bool token_may_be_used(struct operation *op)
{
    const struct keeper *keeper = op->keeper;

    if (!op->type->needs_token) {
        return true;
    }
    if (lock_is_on(keeper)) {
        operation_refuse_state(op, appliance_state_name(APPLIANCE_LOCKED), STATE_LOCKED_TEXT);
        return false;
    }
    if (!anchor_is_checked(keeper->anchor) || restored_waits(keeper->restored)) {
        operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token is away");
        return false;
    }
    return true;
}

bool operation_may_begin_approved(struct operation *op)
{
    struct keeper *keeper = op->keeper;
    const enum ps_problem problem = state_refuses_change(keeper);

    if (problem != PS_PROBLEM_NONE) {
        operation_refuse(op, problem, "no changes are possible now");
        return false;
    }
    if (op->type->before_genesis == keeper->appliance.exists) {
        operation_refuse_state(op, appliance_state_name(state_now(keeper)),
                               keeper->appliance.exists ? "the appliance has had its genesis"
                                                        : "genesis comes first");
        return false;
    }
    return (!keeper->appliance.exists || token_may_be_used(op)) && catalog_is_good(op);
}

static bool may_begin(struct operation *op, const struct msg_change *message)
{
    struct keeper *keeper = op->keeper;
    const enum ps_problem problem = state_refuses_change(keeper);

    if (op->type->by_itself) {
        operation_refuse(op, PS_PROBLEM_FORBIDDEN, "the appliance does it by itself, and alone");
        return false;
    }
    /* An api process of clients that was taken over asks for what none of its routes has. */
    if (op->to.peer->role != IPC_ROLE_API_MANAGEMENT && !op->type->is_own) {
        operation_refuse(op, PS_PROBLEM_FORBIDDEN, "changes come over the management listener");
        return false;
    }
    if (problem != PS_PROBLEM_NONE) {
        operation_refuse(op, problem, "no changes are possible now");
        return false;
    }
    if (op->type->before_genesis) {
        return may_begin_genesis(op, message) && catalog_is_good(op);
    }
    if (!keeper->appliance.exists) {
        operation_refuse(op, PS_PROBLEM_UNINITIALISED, "genesis comes first");
        return false;
    }
    if (!is_authorised(op, message)) {
        return false;
    }
    return token_may_be_used(op) && catalog_is_good(op);
}

/* --- Requests --- */

static bool take_request(struct operation *op, const struct msg_change *message)
{
    ps_buf_put(&op->request_id, message->request_id);
    ps_buf_put(&op->subject, message->subject);
    ps_buf_put(&op->reason, message->reason);
    ps_buf_put(&op->requester, message->requester);
    ps_buf_put(&op->ceremony, message->ceremony);
    ps_buf_put(&op->ceremony_step, message->step);
    ps_buf_put(&op->if_match, message->if_match);
    ps_buf_put(&op->idempotency_key, message->idempotency_key);
    op->is_dry_run = message->dry_run != 0;
    if (message->body_hash.len == sizeof op->body_hash) {
        memcpy(op->body_hash, message->body_hash.data, sizeof op->body_hash);
    } else {
        ps_buf_reset(&op->idempotency_key);
    }
    if (!ps_request_id_valid(message->request_id) || op->reason.err != PS_OK ||
        (message->subject.len != 0 && !ps_name_valid(message->subject))) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "no valid name or request id");
        return false;
    }
    return true;
}

void operations_change(struct operations *operations, const struct reply_to *to,
                       const struct msg_change *message)
{
    const struct operation_type *type = operation_type_find(message->type);
    struct operation *op;

    if (type == NULL) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_REFUSED,
                                                    .detail = "there is no such operation"});
        return;
    }
    op = operation_new(operations, type);
    if (op == NULL) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_OVERLOADED});
        return;
    }
    op->to = *to;
    if (!take_request(op, message) || !may_begin(op, message) || idempotency_replay(op)) {
        operation_free(op);
        return;
    }
    operation_begin(op, message->parameters);
}

/* --- Steps of an operation that exists --- */

/* What became of an operation that nobody has to sign or execute any more, and what to do next. */
static const struct {
    const char *state;
    const char *detail;
} ends[] = {
    {"done", "it was executed, once: its result is what `privyseal operation show` says"},
    {"failed",
     "it was executed, and failed; `privyseal operation show` says why: mend that, and ask "
     "for a new operation"},
    {"expired", "its time is over before it was executed, or it was to cancel what has ended: ask "
                "for a new operation"},
    {"rejected",
     "it was rejected: ask for a new operation that those who rejected it would approve"},
    {"cancelled", "it was cancelled: ask for a new operation if it is wanted still"},
    {"executing", "it is being executed: `privyseal operation resume` shows how far it is"},
};

static void refuse_step(const struct reply_to *to, struct ps_bytes state)
{
    struct problem_answer answer = {.problem = PS_PROBLEM_WRONG_STATE,
                                    .detail = "the operation waits for nobody",
                                    .state = "unknown"};

    for (size_t i = 0; i < PS_COUNT_OF(ends); i++) {
        if (ps_bytes_equal_str(state, ends[i].state)) {
            answer.detail = ends[i].detail;
            answer.state = ends[i].state;
        }
    }
    answer_problem(to, &answer);
}

/* *ret_client: empty before genesis. */
static bool is_step_authorised(struct keeper *keeper, const struct reply_to *to,
                               const struct msg_operation_step *message,
                               struct ps_bytes *ret_client)
{
    const struct question question = {
        .role = to->peer->role, .caller = &message->caller, .operation = GRANTED_OPERATIONS_STEP};
    struct authority authority;

    /* Before genesis there are no clients: the local administrator passes on what people sign. */
    if (!keeper->appliance.exists && to->peer->role == IPC_ROLE_API_MANAGEMENT &&
        authority_is_administrator(keeper, &message->caller)) {
        *ret_client = ps_bytes(NULL, 0);
        return true;
    }
    authority = authority_decide_request(keeper, &question, message->request_id);
    if (to->peer->role != IPC_ROLE_API_MANAGEMENT || authority.problem != PS_PROBLEM_NONE) {
        answer_problem(to, &(struct problem_answer){.problem = authority.problem == PS_PROBLEM_NONE
                                                                   ? PS_PROBLEM_FORBIDDEN
                                                                   : authority.problem,
                                                    .retry_after_s = authority.retry_after_s,
                                                    .detail = authority.text});
        return false;
    }
    *ret_client = access_client_name(authority.client);
    return true;
}

static struct operation *find_open(struct operations *operations, struct ps_bytes id)
{
    for (struct operation *op = operations->first; op != NULL; op = op->next) {
        if (ps_bytes_equal_str(id, op->id)) {
            return op;
        }
    }
    return NULL;
}

/*
 * Of an operation that waits for people the gate takes the steps. Of one that is being executed
 * there is one: show it and press on while it waits for its token (`resume`).
 */
void operations_step(struct operations *operations, const struct reply_to *to,
                     const struct msg_operation_step *message)
{
    struct keeper *keeper = operations->keeper;
    ROW_AUTO row = {.parser = NULL};
    struct operation *op;
    struct ps_bytes client;
    struct ps_bytes state;
    enum ps_err err;

    if (!keeper->started || keeper->catalog == NULL) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_KEEPER_UNAVAILABLE});
        return;
    }
    if (!is_step_authorised(keeper, to, message, &client) ||
        gate_step(keeper->gate, to, message, client)) {
        return;
    }
    op = find_open(operations, message->operation);
    if (op != NULL && ps_bytes_equal_str(message->verb, "resume")) {
        operations_tick(operations);
        op = find_open(operations, message->operation);
        if (op != NULL) {
            operation_answer_executing(to, op);
            return;
        }
    }
    err = row_read(keeper, CATALOG_OPERATION, message->operation, &row);
    if (err == PS_OK) {
        err = document_text(row.body, "state", &state);
    }
    if (err != PS_OK) {
        answer_error(to, err == PS_E_INPUT ? PS_E_NOT_FOUND : err);
        return;
    }
    refuse_step(to, state);
}

/* --- What goes on by itself --- */

static void go_on(struct operation *op)
{
    if (op->step == OPERATION_CLEANING) {
        clean_retry(op);
    } else if (op->step == OPERATION_EXECUTING && op->goes_on && !op->is_waiting) {
        op->type->execute(op);
    } else if (op->step == OPERATION_OPEN) {
        settle_open(op);
    }
}

/* To be settled, or gone on with, whether the appliance's own token is there or not. */
static bool needs_no_token(const struct operation *op)
{
    if (op->step == OPERATION_OPEN) {
        return op->type->settle == NULL || op->type->settles_early;
    }
    return op->goes_on && op->type->settles_early;
}

static void go_on_all(struct operations *operations, bool with_token)
{
    struct operation *list[OPERATIONS_MAX];
    size_t count = 0;

    /* Any of them may end, and be freed, while another goes on; none of the list frees another. */
    for (struct operation *op = operations->first; op != NULL && count < OPERATIONS_MAX;
         op = op->next) {
        if (with_token || needs_no_token(op)) {
            list[count++] = op;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (operation_is_alive(operations, list[i])) {
            go_on(list[i]);
        }
    }
}

static bool may_go_on(const struct keeper *keeper)
{
    const enum ps_problem problem = state_refuses_change(keeper);

    return problem == PS_PROBLEM_NONE || problem == PS_PROBLEM_STOPPING;
}

/*
 * While the log has not been held against the anchor nothing is done in the token because of what
 * it says; nor while the appliance is locked.
 */
static bool may_go_on_with_token(const struct keeper *keeper)
{
    return may_go_on(keeper) && anchor_is_checked(keeper->anchor) && !lock_is_on(keeper) &&
           !restored_waits(keeper->restored);
}

void operations_tick(struct operations *operations)
{
    struct keeper *keeper = operations->keeper;

    if (!keeper->started || keeper->catalog == NULL) {
        return;
    }
    commit_retry(operations);
    /* People sign also while the token is away, and their operations end then, too. */
    if (state_refuses_change(keeper) == PS_PROBLEM_NONE) {
        gate_tick(keeper->gate);
    }
    if (!may_go_on(keeper)) {
        return;
    }
    go_on_all(operations, may_go_on_with_token(keeper));
    if (!may_go_on_with_token(keeper)) {
        return;
    }
    if (keeper->appliance.exists && !keeper->stopping) {
        remembered_finish(operations);
        clean_sweep(operations);
        operations_prove(operations);
        schedule_what_is_due(operations);
    }
}

void operations_token_changed(struct operations *operations, struct token *token)
{
    const struct keeper *keeper = operations->keeper;

    (void)token;
    if (!keeper->started || keeper->catalog == NULL || !may_go_on(keeper)) {
        return;
    }
    go_on_all(operations, may_go_on_with_token(keeper));
    /* One that stops ends what it has begun. */
    if (may_go_on_with_token(keeper) && !keeper->stopping) {
        clean_sweep(operations);
        operations_prove(operations);
    }
}
