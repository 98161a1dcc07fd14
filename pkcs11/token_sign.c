#include "pkcs11/token_internal.h"

#include "lib/base/clock.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Signatures: in the loop where the token has one session, else by one thread per session. Either
 * way the handle comes from the keyring, and nothing is searched for, opened or logged in.
 */

/*
 * Answers wait for others, to be written in one call, but not so long that the keeper runs out of
 * work meanwhile: measured with tests/bench, see docs/decisions.
 */
enum { FLUSH_COUNT = 8 };
#define FLUSH_NS PS_NS_PER_MS

#define MISSING_NS PS_NS_PER_S /* an id that is not there is searched for again after this time */

enum { DIGEST_ROOM = 64 };

/* A signature that a thread makes. */
struct sign_job {
    struct worker_item item; /* first: the two are converted into each other */
    uint64_t id;
    uint32_t epoch;
    uint8_t object_id[IPC_OBJECT_ID_MAX];
    uint8_t digest[DIGEST_ROOM];
    uint8_t *message; /* where it is longer than a digest */
    char detail[240];
    struct sign_task task;
};

/* What a search that the signature needed has found, or not. */
static void learn(struct token *token, const struct sign_task *task)
{
    if (!task->searched) {
        return;
    }
    if (task->handle == CK_INVALID_HANDLE) {
        keyring_set_missing(token->ring, task->id, ps_clock_mono_ns() + MISSING_NS);
    } else if (keyring_set(token->ring, task->id, task->handle, task->type) != PS_OK) {
        keyring_remove(token->ring, task->id);
    }
}

/* `detail`: of a failure. The state goes ahead of the answer. */
static void finish(struct token *token, uint64_t id, const struct sign_task *task,
                   const char *detail)
{
    const struct msg_token_signed answer = {
        .signature = ps_bytes(task->signature, task->signature_len),
        .micros = task->micros,
    };

    if (task->err == PS_OK) {
        token->last_good_ns = ps_clock_mono_ns();
        breaker_succeed(&token->breaker);
        token_answer(token, &msg_token_signed_info, id, &answer);
        return;
    }
    token_heed_fault(token, &task->fault, task->id);
    token_answer_problem(token, id, token_problem_of(task->err), detail);
}

static void flush_sometimes(struct token *token)
{
    const uint64_t now = token->last_good_ns;

    if (token->unflushed++ == 0) {
        token->unflushed_ns = now;
    }
    if (token->unflushed >= FLUSH_COUNT || now - token->unflushed_ns >= FLUSH_NS) {
        token->unflushed = 0;
        if (token->keeper != NULL) {
            channel_flush(token->keeper);
        }
    }
}

static void fill_task(const struct token *token, const struct msg_token_sign *message,
                      const struct keyring_entry *entry, struct sign_task *task)
{
    task->id = message->object_id;
    task->data = message->data;
    task->serial = ps_bytes_str(token->description.serial);
    task->alg = (enum ps_alg)message->algorithm;
    task->type = (enum ps_key_type)message->key_type;
    task->handle = entry == NULL ? CK_INVALID_HANDLE : entry->handle;
}

static void sign_here(struct token *token, uint64_t id)
{
    struct sign_task *task = &token->task;

    sign_run(&token->control, task);
    learn(token, task);
    finish(token, id, task, ps_detail()->text);
    flush_sometimes(token);
}

static void free_job(struct sign_job *job)
{
    if (job != NULL) {
        free(job->message);
        free(job);
    }
}
PS_DEFINE_CLEANUP(struct sign_job, free_job)

/* The octets that the task borrows are copied into the job. */
static struct sign_job *new_job(struct token *token, uint64_t id, struct ps_bytes data)
{
    PS_CLEANUP(free_job_cleanup) struct sign_job *job = malloc(sizeof *job);
    struct sign_job *made;

    if (job == NULL) {
        return NULL;
    }
    job->id = id;
    job->epoch = token->keeper_epoch;
    job->message = NULL;
    if (data.len > DIGEST_ROOM) {
        job->message = malloc(data.len);
        if (job->message == NULL) {
            return NULL;
        }
    }
    made = job;
    job = NULL;
    return made;
}

static void sign_elsewhere(struct token *token, uint64_t id, const struct msg_token_sign *message,
                           const struct keyring_entry *entry)
{
    struct sign_job *job = NULL;
    uint8_t *to;

    if (worker_pool_pending(token->signers) < TOKEN_JOBS_MAX) {
        job = new_job(token, id, message->data);
    }
    if (job == NULL) {
        token_answer_problem(token, id, PS_PROBLEM_OVERLOADED, "too much work is waiting here");
        return;
    }
    fill_task(token, message, entry, &job->task);
    memcpy(job->object_id, message->object_id.data, message->object_id.len);
    job->task.id.data = job->object_id;
    to = job->message == NULL ? job->digest : job->message;
    if (message->data.len != 0) {
        memcpy(to, message->data.data, message->data.len);
    }
    job->task.data.data = to;
    worker_pool_submit(token->signers, &job->item);
}

void token_run_sign(void *context, unsigned worker, struct worker_item *item)
{
    struct token *token = context;
    struct sign_job *job = (struct sign_job *)item;

    sign_run(&token->sessions[worker], &job->task);
    if (job->task.err != PS_OK) {
        (void)snprintf(job->detail, sizeof job->detail, "%s", ps_detail()->text);
    }
}

void token_sign_done(void *context, struct worker_item *item)
{
    struct token *token = context;
    PS_CLEANUP(free_job_cleanup) struct sign_job *job = (struct sign_job *)item;

    if (token->state == TOKEN_READY) {
        learn(token, &job->task);
    }
    if (job->epoch == token->keeper_epoch) {
        finish(token, job->id, &job->task, job->detail);
    } else if (job->task.err != PS_OK) {
        token_heed_fault(token, &job->task.fault, job->task.id);
    }
    token_work_is_done(token);
}

void token_drop_signatures(struct token *token)
{
    struct worker_item *item =
        token->signers == NULL ? NULL : worker_pool_take_queued(token->signers);

    while (item != NULL) {
        PS_CLEANUP(free_job_cleanup) struct sign_job *job = (struct sign_job *)item;

        item = item->next;
        if (job->epoch == token->keeper_epoch) {
            token_answer_unavailable(token, job->id);
        }
    }
}

/* What can be refused without asking the token. True when it was. */
static bool refuse(struct token *token, uint64_t id, const struct msg_token_sign *message,
                   const struct keyring_entry *entry)
{
    const uint64_t now = ps_clock_mono_ns();

    if (message->object_id.len == 0) {
        token_answer_problem(token, id, PS_PROBLEM_REFUSED, "an empty id");
        return true;
    }
    if (entry != NULL && entry->missing_until > now) {
        token_answer_problem(token, id, PS_PROBLEM_NOT_FOUND,
                             "the token has no private key with this id");
        return true;
    }
    if (entry != NULL && entry->handle != CK_INVALID_HANDLE &&
        (uint8_t)entry->type != message->key_type) {
        token_answer_problem(token, id, PS_PROBLEM_KEY_MISMATCH,
                             "the key with this id is of another type");
        return true;
    }
    if (breaker_is_aside(&token->breaker, message->object_id, now)) {
        token_answer_problem(token, id, PS_PROBLEM_TOKEN_UNAVAILABLE,
                             "the token fails with this key: it is left aside for a while");
        return true;
    }
    return false;
}

void token_sign(struct token *token, uint64_t id, const struct msg_token_sign *message)
{
    const struct keyring_entry *entry;

    if (token->state != TOKEN_READY || token->stopping) {
        token_answer_unavailable(token, id);
        return;
    }
    entry = keyring_get(token->ring, message->object_id);
    if (refuse(token, id, message, entry)) {
        return;
    }
    if (token->signers != NULL) {
        sign_elsewhere(token, id, message, entry);
        return;
    }
    fill_task(token, message, entry, &token->task);
    sign_here(token, id);
}
