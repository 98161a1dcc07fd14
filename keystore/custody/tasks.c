#include "keystore/custody/tasks.h"

#include "keystore/answer.h"
#include "keystore/backup/backup.h"
#include "keystore/backup/drill.h"
#include "keystore/callers/authority.h"
#include "keystore/custody/inventory.h"
#include "keystore/state/state.h"

struct task_row {
    enum granted_op grant;
    const char *location;
    enum ps_err (*begin)(struct keeper *keeper, struct ps_bytes caller, struct ps_bytes request_id);
    enum ps_err (*put)(struct keeper *keeper, struct ps_buf *out);
};

static enum ps_err begin_inventory(struct keeper *keeper, struct ps_bytes caller,
                                   struct ps_bytes request_id)
{
    (void)caller;
    (void)request_id;
    inventory_ask(keeper->inventory);
    return PS_OK;
}

static enum ps_err put_inventory(struct keeper *keeper, struct ps_buf *out)
{
    inventory_put(keeper->inventory, out);
    return PS_OK;
}

static enum ps_err begin_backup(struct keeper *keeper, struct ps_bytes caller,
                                struct ps_bytes request_id)
{
    (void)caller;
    (void)request_id;
    return backups_ask(keeper->backups);
}

static enum ps_err put_backups(struct keeper *keeper, struct ps_buf *out)
{
    return backups_put(keeper->backups, out);
}

static enum ps_err begin_drill(struct keeper *keeper, struct ps_bytes caller,
                               struct ps_bytes request_id)
{
    return drill_ask(keeper->drill, caller, request_id);
}

static enum ps_err put_drill(struct keeper *keeper, struct ps_buf *out)
{
    return drill_put(keeper->drill, out);
}

static const struct task_row tasks[TASK_COUNT] = {
    [TASK_INVENTORY] = {GRANTED_TOKENS_MANAGE, "/v1/inventory", begin_inventory, put_inventory},
    [TASK_BACKUP] = {GRANTED_BACKUPS_MANAGE, "/v1/backups", begin_backup, put_backups},
    [TASK_DRILL] = {GRANTED_BACKUPS_MANAGE, "/v1/backups/drill", begin_drill, put_drill},
};

static bool is_permitted(struct keeper *keeper, const struct reply_to *to,
                         const struct msg_task *message, struct ps_bytes *ret_caller)
{
    const struct question question = {.role = to->peer->role,
                                      .caller = &message->caller,
                                      .operation = tasks[message->task].grant};
    const struct authority authority =
        authority_decide_request(keeper, &question, message->request_id);

    if (authority.problem != PS_PROBLEM_NONE) {
        answer_problem(to, &(struct problem_answer){.problem = authority.problem,
                                                    .retry_after_s = authority.retry_after_s,
                                                    .detail = authority.text});
        return false;
    }
    *ret_caller = authority_name(&authority);
    return true;
}

/* None for the api process of clients, whatever it says. */
static enum ps_problem refuses(const struct reply_to *to, const struct msg_task *message)
{
    if (message->task >= TASK_COUNT) {
        return PS_PROBLEM_NOT_FOUND;
    }
    return to->peer->role == IPC_ROLE_API_MANAGEMENT ? PS_PROBLEM_NONE : PS_PROBLEM_FORBIDDEN;
}

void tasks_begin(struct keeper *keeper, const struct reply_to *to, const struct msg_task *message)
{
    enum ps_problem problem = refuses(to, message);
    PS_BUF_AUTO body = {.max = IPC_DOCUMENT_MAX};
    struct ps_bytes caller = {NULL, 0};
    enum ps_err err;

    if (problem != PS_PROBLEM_NONE) {
        answer_problem(to, &(struct problem_answer){.problem = problem});
        return;
    }
    if (!is_permitted(keeper, to, message, &caller)) {
        return;
    }
    problem = keeper->appliance.exists ? state_refuses_change(keeper) : PS_PROBLEM_UNINITIALISED;
    if (problem != PS_PROBLEM_NONE) {
        answer_problem(to, &(struct problem_answer){.problem = problem});
        return;
    }
    err = tasks[message->task].begin(keeper, caller, message->request_id);
    if (err == PS_OK) {
        err = tasks[message->task].put(keeper, &body);
    }
    if (err == PS_OK) {
        err = ps_buf_status(&body);
    }
    if (err != PS_OK) {
        answer_error(to, err);
        return;
    }
    answer_document(to,
                    &(struct msg_document){.status = 202,
                                           .media = MEDIA_JSON,
                                           .location = ps_bytes_str(tasks[message->task].location),
                                           .body = ps_buf_bytes(&body)});
}
