#include "pkcs11/token_internal.h"

#include "lib/base/clock.h"
#include "lib/base/line.h"
#include "pkcs11/data.h"
#include "pkcs11/generate.h"
#include "pkcs11/inventory.h"
#include "pkcs11/libp11_admin.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * All requests but signatures and logins: one table says which function serves a message and in
 * which state. Each becomes a job with a copy of the message, which runs in the loop or, where
 * signatures have threads, in a thread of its own, so that they do not wait for a new RSA key.
 */

/* A call may take this long; making an RSA key in a small device takes the longest. */
#define ADMIN_LIMIT_MS UINT64_C(180000)

struct admin_route {
    const struct ipc_message *info; /* NULL: our own probe */
    admin_fn *run;
    enum token_state state;
    bool reopens; /* whatever comes of it, the sessions are gone afterwards */
};

struct admin_job {
    struct worker_item item; /* first: the two are converted into each other */
    const struct admin_route *route;
    uint64_t id;
    uint32_t epoch;
    enum ps_err err;
    struct fault fault;
    char detail[240];
    struct admin_answer answer;
    struct ps_buf payload; /* what the message borrows from */
    _Alignas(max_align_t) uint8_t message[IPC_STRUCT_MAX];
};

static admin_fn probe;

static const struct admin_route routes[] = {
    {&msg_token_generate_info, generate_key, TOKEN_READY, false},
    {&msg_token_find_info, inventory_find, TOKEN_READY, false},
    {&msg_token_list_info, inventory_list, TOKEN_READY, false},
    {&msg_token_destroy_info, inventory_destroy, TOKEN_READY, false},
    {&msg_token_random_info, data_random, TOKEN_READY, false},
    {&msg_token_data_read_info, data_read, TOKEN_READY, false},
    {&msg_token_data_write_info, data_write, TOKEN_READY, false},
    {&msg_token_certificate_put_info, libp11_put_certificate, TOKEN_READY, false},
    {&msg_token_certificate_get_info, libp11_get_certificate, TOKEN_READY, false},
    {&msg_token_initialise_info, libp11_initialise, TOKEN_BLANK, true},
};
static const struct admin_route probe_route = {NULL, probe, TOKEN_READY, false};

static enum ps_err probe(struct admin_context *context, const void *message,
                         struct admin_answer *ret_answer)
{
    (void)ret_answer;
    return session_check(context->session, true, *(const struct ps_bytes *)message);
}

static void free_job(struct admin_job *job)
{
    if (job == NULL) {
        return;
    }
    admin_answer_clear(&job->answer);
    /* It may hold PINs. */
    ps_buf_wipe(&job->payload);
    ps_wipe(job->message, sizeof job->message);
    free(job);
}
PS_DEFINE_CLEANUP(struct admin_job, free_job)

static void run(struct token *token, struct admin_job *job)
{
    struct session *session = token->admin.session;

    watchdog_begin(job->route->info == NULL ? token_look_limit_ms(token) : ADMIN_LIMIT_MS);
    session->fault = (struct fault){.class = FAULT_NONE};
    job->err = job->route->run(&token->admin, job->message, &job->answer);
    if (job->err != PS_OK) {
        if (session->is_open) {
            session_explain(session, ps_bytes(NULL, 0));
        }
        job->fault = session->fault;
        (void)snprintf(job->detail, sizeof job->detail, "%s", ps_detail()->text);
    }
    watchdog_end();
}

void token_run_admin(void *context, unsigned worker, struct worker_item *item)
{
    (void)worker;
    run(context, (struct admin_job *)(void *)item);
}

static void apply_change(struct token *token, const struct admin_answer *answer)
{
    switch (answer->change) {
    case ADMIN_NO_CHANGE:
        break;
    case ADMIN_KEY_MADE:
        if (keyring_set(token->ring, answer->id, answer->handle, answer->type) != PS_OK) {
            keyring_remove(token->ring, answer->id);
        }
        break;
    case ADMIN_OBJECTS_GONE:
        keyring_remove(token->ring, answer->id);
        break;
    case ADMIN_TOKEN_MADE:
        token_adopt_made(token, answer->id);
        break;
    }
}

static void answer(struct token *token, const struct admin_job *job)
{
    if (job->route->info == NULL || job->epoch != token->keeper_epoch) {
        return;
    }
    if (job->err == PS_OK) {
        token_answer(token, job->answer.info, job->id, &job->answer.message);
    } else {
        token_answer_problem(token, job->id, token_problem_of(job->err), job->detail);
    }
}

static void settle(struct token *token, const struct admin_job *job)
{
    if (job->err == PS_OK) {
        token->last_good_ns = ps_clock_mono_ns();
        if (token->state == job->route->state) {
            apply_change(token, &job->answer);
        }
    } else {
        token_heed_fault(token, &job->fault, ps_bytes(NULL, 0));
    }
    if (job->route->info != NULL) {
        ps_line(PS_INFO, "token_request", PS_STR("request", job->route->info->name),
                PS_STR("result", ps_err_info(job->err)->name),
                PS_STR("detail", job->err == PS_OK ? "" : job->detail));
    }
    if (job->route->reopens) {
        token_lose(token, FAULT_RELOAD, "initialising");
    }
    answer(token, job);
}

void token_admin_done(void *context, struct worker_item *item)
{
    struct token *token = context;
    PS_CLEANUP(free_job_cleanup) struct admin_job *job = (struct admin_job *)(void *)item;

    if (job->route->info == NULL) {
        token->probing = false;
    }
    settle(token, job);
    token_work_is_done(token);
}

void token_drop_admin(struct token *token)
{
    struct worker_item *item =
        token->admins == NULL ? NULL : worker_pool_take_queued(token->admins);

    while (item != NULL) {
        PS_CLEANUP(free_job_cleanup) struct admin_job *job = (struct admin_job *)(void *)item;

        item = item->next;
        if (job->route->info == NULL) {
            token->probing = false;
        } else if (job->epoch == token->keeper_epoch) {
            token_answer_unavailable(token, job->id);
        }
    }
}

static struct admin_job *new_job(struct token *token, const struct admin_route *route, uint64_t id)
{
    struct admin_job *job = calloc(1, sizeof *job);

    if (job == NULL) {
        return NULL;
    }
    job->route = route;
    job->id = id;
    job->epoch = token->keeper_epoch;
    ps_buf_init(&job->payload, IPC_FRAME_MAX);
    return job;
}

/* A blank token has no sessions, so nothing else can be under way. */
static void start(struct token *token, struct admin_job *job)
{
    if (token->admins != NULL && !job->route->reopens) {
        worker_pool_submit(token->admins, &job->item);
        return;
    }
    run(token, job);
    token_admin_done(token, &job->item);
}

/* A message is copied by being written and read again. */
static enum ps_err copy_message(const struct ipc_message *info, const void *message,
                                struct admin_job *job)
{
    PS_TRY(ipc_encode(info, message, &job->payload));
    return ipc_decode(info, ps_buf_bytes(&job->payload), job->message);
}

static void serve(struct token *token, const struct admin_route *route, uint64_t id,
                  const void *message)
{
    struct admin_job *job;

    if (token->state != route->state || token->stopping) {
        token_answer_unavailable(token, id);
        return;
    }
    job = new_job(token, route, id);
    if (job == NULL || copy_message(route->info, message, job) != PS_OK) {
        free_job(job);
        token_answer_problem(token, id, PS_PROBLEM_TOKEN_UNAVAILABLE, "out of memory");
        return;
    }
    start(token, job);
}

bool token_admin(struct token *token, const struct ipc_message *info, uint64_t id,
                 const void *message)
{
    for (size_t i = 0; i < PS_COUNT_OF(routes); i++) {
        if (routes[i].info == info) {
            serve(token, &routes[i], id, message);
            return true;
        }
    }
    return false;
}

void token_probe(struct token *token)
{
    const struct ps_bytes serial = ps_bytes_str(token->description.serial);
    struct admin_job *job;

    if (token->probing) {
        return;
    }
    job = new_job(token, &probe_route, 0);
    if (job == NULL) {
        return;
    }
    memcpy(job->message, &serial, sizeof serial);
    token->probing = true;
    start(token, job);
}
