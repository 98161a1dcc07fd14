#include "pkcs11/token/internal.h"

#include "lib/base/clock.h"
#include "lib/base/secret.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Uses of keys: in the loop where the token has one session, else by one thread per session. Either
 * way the handle comes from the keyring, and nothing is searched for, opened or logged in.
 */

/*
 * Answers wait for others, to be written in one call, but not so long that the keeper runs out of
 * work meanwhile: measured with tests/bench, see docs/decisions. FLUSH_MORE where the keeper said
 * of all of them that many are behind it.
 */
enum { FLUSH_COUNT = IPC_BURST, FLUSH_MORE = 16 };
#define FLUSH_NS (3 * PS_NS_PER_MS)

#define MISSING_NS PS_NS_PER_S /* an id that is not there is searched for again after this time */

enum { DIGEST_ROOM = 64 };

/* A use that a thread makes. */
struct use_job {
    struct worker_item item; /* first: the two are converted into each other */
    uint64_t id;
    uint32_t epoch;
    uint8_t object_id[IPC_OBJECT_ID_MAX];
    uint8_t digest[DIGEST_ROOM];
    uint8_t *octets; /* data and associated data, where they are longer than a digest */
    size_t octets_len;
    char detail[240];
    struct use_task task;
};

/* What the keeper asks for, of either kind. */
struct use_request {
    struct ps_bytes object_id;
    enum ps_alg alg;          /* of a signature, or PS_ALG_NONE */
    enum token_action action; /* of what is none */
    enum ps_key_type type;
    struct ps_bytes data;
    struct ps_bytes associated;
    struct ps_bytes nonce;
    bool is_wrapped;
    struct ps_bytes record;
    struct ps_bytes check;
    bool more;
};

/* Of the key and of those that open it, as far as they are known. */
struct use_handles {
    CK_OBJECT_HANDLE own;
    bool is_checked;
    struct wrapped_handles wrapping;
    CK_OBJECT_HANDLE superfluous;
};

/* What a search that the use needed has found, or not. */
static void learn(struct token *token, const struct use_task *task)
{
    if (task->unwrapped && task->handle != CK_INVALID_HANDLE) {
        loaded_put(token->loaded, task->id, task->handle);
    } else if (task->is_wrapped && task->handle == CK_INVALID_HANDLE) {
        loaded_remove(token->loaded, task->id);
    }
    if (task->searched && task->handle == CK_INVALID_HANDLE) {
        keyring_set_missing(token->ring, task->id, ps_clock_mono_ns() + MISSING_NS);
    } else if (task->searched &&
               keyring_set(token->ring, task->id, task->handle, task->type) != PS_OK) {
        keyring_remove(token->ring, task->id);
    }
    if (task->is_checked && task->is_wrapped) {
        loaded_set_checked(token->loaded, task->id, task->handle);
    } else if (task->is_checked) {
        keyring_set_checked(token->ring, task->id, task->handle);
    }
}

static void answer(struct token *token, uint64_t id, const struct use_task *task)
{
    const struct ps_bytes result = ps_bytes(task->out, task->out_len);

    if (task->alg != PS_ALG_NONE) {
        token_answer(token, &msg_token_signed_info, id,
                     &(struct msg_token_signed){.signature = result,
                                                .micros = task->micros,
                                                .unwrapped = task->unwrapped});
        return;
    }
    token_answer(
        token, &msg_token_used_info, id,
        &(struct msg_token_used){
            .octets = result,
            .nonce = ps_bytes(task->nonce, task->action == TOKEN_ENCRYPT_GCM ? task->nonce_len : 0),
            .micros = task->micros,
            .unwrapped = task->unwrapped});
}

/* `detail`: of a failure. The state goes ahead of the answer. */
static void finish(struct token *token, uint64_t id, const struct use_task *task,
                   const char *detail)
{
    if (task->is_wrong) {
        token_answer(token, &msg_token_used_info, id, &(struct msg_token_used){.is_wrong = 1});
        return;
    }
    if (task->err == PS_OK) {
        token->last_good_ns = ps_clock_mono_ns();
        breaker_succeed(&token->breaker);
        answer(token, id, task);
        return;
    }
    token_heed_fault(token, &task->fault, task->id);
    token_answer_problem(token, id, token_problem_of(task->err), detail);
}

/* An answer that waits for no more than a few takes those along that would. */
static void flush_sometimes(struct token *token, unsigned count)
{
    const uint64_t now = token->last_good_ns;

    if (token->unflushed++ == 0) {
        token->unflushed_ns = now;
    }
    if (token->unflushed >= count || now - token->unflushed_ns >= FLUSH_NS) {
        token->unflushed = 0;
        if (token->keeper != NULL) {
            channel_flush(token->keeper);
        }
    }
}

/* A request of either kind; what is no signature has no algorithm. */
static void fill_task(const struct token *token, const struct use_request *request,
                      const struct use_handles *handles, struct use_task *task)
{
    task->id = request->object_id;
    task->data = request->data;
    task->associated = request->associated;
    task->nonce_len = request->nonce.len;
    if (request->nonce.len != 0) {
        memcpy(task->nonce, request->nonce.data, request->nonce.len);
    }
    task->serial = ps_bytes_str(token->description.serial);
    task->alg = request->alg;
    task->action = request->action;
    task->type = request->type;
    task->handle = handles->own;
    task->is_wrapped = request->is_wrapped;
    task->record = request->record;
    task->wrapping = handles->wrapping;
    task->superfluous = handles->superfluous;
    task->check = request->check;
    task->is_checked = handles->is_checked;
}

static void use_here(struct token *token, uint64_t id, bool more)
{
    const unsigned count = more ? FLUSH_MORE : FLUSH_COUNT;
    struct use_task *task = &token->task;

    if (token->keeper != NULL) {
        channel_set_burst(token->keeper, count);
    }
    use_run(&token->control, task);
    learn(token, task);
    finish(token, id, task, ps_detail()->text);
    if (task->unwrapped) {
        token_tidy_soon(token);
    }
    use_clear(task);
    flush_sometimes(token, count);
}

void token_tidy_soon(struct token *token)
{
    if (token->users == NULL) {
        ps_idle_arm(token->tidying);
    }
}

void token_tidy(void *context)
{
    struct token *token = context;
    CK_OBJECT_HANDLE handle;

    /* A loss of the sessions leaves none of them. One that is gone already is as good. */
    while ((handle = loaded_take_superfluous(token->loaded, 0)) != CK_INVALID_HANDLE) {
        (void)token->control.fn->C_DestroyObject(token->control.handle, handle);
    }
}

static void free_job(struct use_job *job)
{
    if (job == NULL) {
        return;
    }
    use_clear(&job->task);
    if (job->octets != NULL) {
        ps_wipe(job->octets, job->octets_len);
        free(job->octets);
    }
    /* Not only digests are short: a plaintext may be. */
    ps_wipe(job->digest, sizeof job->digest);
    free(job);
}
PS_DEFINE_CLEANUP(struct use_job, free_job)

static uint8_t *put_octets(uint8_t *to, struct ps_bytes octets)
{
    if (octets.len != 0) {
        memcpy(to, octets.data, octets.len);
    }
    return to + octets.len;
}

/* The octets that the task borrows are copied into the job. */
static enum ps_err new_job(struct token *token, uint64_t id, const struct use_request *request,
                           const struct use_handles *handles, struct use_job **ret_job)
{
    PS_CLEANUP(free_job_cleanup) struct use_job *job = malloc(sizeof *job);
    uint8_t *to;

    if (job == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    job->id = id;
    job->epoch = token->keeper_epoch;
    job->octets = NULL;
    job->octets_len =
        request->data.len + request->associated.len + request->record.len + request->check.len;
    job->task.out = NULL;
    if (job->octets_len > DIGEST_ROOM) {
        job->octets = malloc(job->octets_len);
        if (job->octets == NULL) {
            return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
        }
    }
    fill_task(token, request, handles, &job->task);
    (void)put_octets(job->object_id, request->object_id);
    job->task.id.data = job->object_id;
    to = job->octets == NULL ? job->digest : job->octets;
    job->task.data.data = to;
    to = put_octets(to, request->data);
    job->task.associated.data = to;
    to = put_octets(to, request->associated);
    job->task.record.data = to;
    to = put_octets(to, request->record);
    job->task.check.data = to;
    (void)put_octets(to, request->check);
    *ret_job = job;
    job = NULL;
    return PS_OK;
}

static void use_elsewhere(struct token *token, uint64_t id, const struct use_request *request,
                          const struct use_handles *handles)
{
    struct use_job *job;

    if (worker_pool_pending(token->users) >= TOKEN_JOBS_MAX ||
        new_job(token, id, request, handles, &job) != PS_OK) {
        token_answer_problem(token, id, PS_PROBLEM_OVERLOADED, "too much work is waiting here");
        return;
    }
    worker_pool_submit(token->users, &job->item);
}

void token_run_use(void *context, unsigned worker, struct worker_item *item)
{
    struct token *token = context;
    struct use_job *job = (struct use_job *)item;

    use_run(&token->sessions[worker], &job->task);
    if (job->task.err != PS_OK) {
        (void)snprintf(job->detail, sizeof job->detail, "%s", ps_detail()->text);
    }
}

void token_use_done(void *context, struct worker_item *item)
{
    struct token *token = context;
    PS_CLEANUP(free_job_cleanup) struct use_job *job = (struct use_job *)item;

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

void token_drop_uses(struct token *token)
{
    struct worker_item *item = token->users == NULL ? NULL : worker_pool_take_queued(token->users);

    while (item != NULL) {
        PS_CLEANUP(free_job_cleanup) struct use_job *job = (struct use_job *)item;

        item = item->next;
        if (job->epoch == token->keeper_epoch) {
            token_answer_unavailable(token, job->id);
        }
    }
}

/* What can be refused without asking the token. True when it was. */
static bool refuse(struct token *token, uint64_t id, const struct use_request *request,
                   const struct keyring_entry *entry)
{
    const uint64_t now = ps_clock_mono_ns();

    if (request->object_id.len == 0) {
        token_answer_problem(token, id, PS_PROBLEM_REFUSED, "an empty id");
        return true;
    }
    if (entry != NULL && entry->missing_until > now) {
        token_answer_problem(token, id, PS_PROBLEM_NOT_FOUND,
                             "the token has no such key with this id");
        return true;
    }
    if (entry != NULL && entry->handle != CK_INVALID_HANDLE && entry->type != request->type) {
        token_answer_problem(token, id, PS_PROBLEM_KEY_MISMATCH,
                             "the key with this id is of another type");
        return true;
    }
    if (breaker_is_aside(&token->breaker, request->object_id, now)) {
        token_answer_problem(token, id, PS_PROBLEM_TOKEN_UNAVAILABLE,
                             "the token fails with this key: it is left aside for a while");
        return true;
    }
    return false;
}

static CK_OBJECT_HANDLE handle_of(const struct token *token, struct ps_bytes id)
{
    const struct keyring_entry *entry = keyring_get(token->ring, id);

    return entry == NULL ? CK_INVALID_HANDLE : entry->handle;
}

static struct use_handles find_handles(struct token *token, const struct use_request *request,
                                       const struct keyring_entry *entry)
{
    struct use_handles handles = {.own = entry == NULL ? CK_INVALID_HANDLE : entry->handle,
                                  .is_checked = entry != NULL && entry->is_checked};
    struct wrapped_record record;

    if (!request->is_wrapped) {
        return handles;
    }
    handles.own = loaded_get(token->loaded, request->object_id);
    handles.is_checked = loaded_is_checked(token->loaded, request->object_id);
    if (handles.own == CK_INVALID_HANDLE && request->record.len != 0 &&
        ipc_decode(&wrapped_record_info, request->record, &record) == PS_OK) {
        handles.wrapping = (struct wrapped_handles){handle_of(token, record.wrapping_id),
                                                    handle_of(token, record.mac_id)};
        /* In the loop the one whose place is taken goes when the answer is on its way. */
        handles.superfluous = loaded_take_superfluous(token->loaded, token->users == NULL ? 0 : 1);
    }
    return handles;
}

static void begin(struct token *token, uint64_t id, const struct use_request *request)
{
    const struct keyring_entry *entry;
    struct use_handles handles;

    if (token->state != TOKEN_READY || token->stopping) {
        token_answer_unavailable(token, id);
        return;
    }
    entry = request->is_wrapped ? NULL : keyring_get(token->ring, request->object_id);
    if (refuse(token, id, request, entry)) {
        return;
    }
    handles = find_handles(token, request, entry);
    if (token->users != NULL) {
        use_elsewhere(token, id, request, &handles);
        return;
    }
    fill_task(token, request, &handles, &token->task);
    use_here(token, id, request->more);
}

void token_sign(struct token *token, uint64_t id, const struct msg_token_sign *message)
{
    const struct use_request request = {.object_id = message->object_id,
                                        .alg = (enum ps_alg)message->algorithm,
                                        .type = (enum ps_key_type)message->key_type,
                                        .data = message->data,
                                        .is_wrapped = message->is_wrapped != 0,
                                        .record = message->record,
                                        .more = message->more != 0};

    if (ps_alg_info(request.alg) == NULL) {
        token_answer_problem(token, id, PS_PROBLEM_KEY_MISMATCH, "no algorithm of signatures");
        return;
    }
    begin(token, id, &request);
}

void token_use(struct token *token, uint64_t id, const struct msg_token_use *message)
{
    const struct use_request request = {.object_id = message->object_id,
                                        .action = (enum token_action)message->action,
                                        .type = (enum ps_key_type)message->key_type,
                                        .data = message->data,
                                        .associated = message->associated,
                                        .nonce = message->nonce,
                                        .check = message->check,
                                        .is_wrapped = message->is_wrapped != 0,
                                        .record = message->record};

    begin(token, id, &request);
}
