#include "pkcs11/token/internal.h"

#include "lib/base/clock.h"
#include "lib/base/line.h"
#include "pkcs11/module/libp11_admin.h"
#include "pkcs11/objects/data.h"
#include "pkcs11/objects/generate.h"
#include "pkcs11/objects/inventory.h"
#include "pkcs11/pins/as_so.h"
#include "pkcs11/pins/set_pin.h"
#include "pkcs11/wrapped/carry.h"
#include "pkcs11/wrapped/make.h"
#include "pkcs11/wrapped/open.h"
#include "pkcs11/wrapped/rewrap.h"

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
    const char *reopens; /* whatever comes of it, the sessions are gone afterwards, for this */
};

struct admin_job {
    struct worker_item item; /* first: the two are converted into each other */
    const struct admin_route *route;
    uint64_t id;
    uint32_t epoch;
    enum ps_err err;
    struct fault fault;
    char detail[240];
    struct calls calls;
    struct admin_answer answer;
    struct ps_buf payload; /* what the message borrows from */
    _Alignas(max_align_t) uint8_t message[IPC_STRUCT_MAX];
};

static admin_fn probe;

#define PIN_CHANGE "pin-change"

static const struct admin_route routes[] = {
    {&msg_token_generate_info, generate_key, TOKEN_READY, NULL},
    {&msg_token_find_info, inventory_find, TOKEN_READY, NULL},
    {&msg_token_list_info, inventory_list, TOKEN_READY, NULL},
    {&msg_token_check_info, inventory_check, TOKEN_READY, NULL},
    {&msg_token_destroy_info, inventory_destroy, TOKEN_READY, NULL},
    {&msg_token_random_info, data_random, TOKEN_READY, NULL},
    {&msg_token_data_read_info, data_read, TOKEN_READY, NULL},
    {&msg_token_data_write_info, data_write, TOKEN_READY, NULL},
    {&msg_token_certificate_put_info, libp11_put_certificate, TOKEN_READY, NULL},
    {&msg_token_certificate_get_info, libp11_get_certificate, TOKEN_READY, NULL},
    {&msg_token_make_wrapped_info, wrapped_make, TOKEN_READY, NULL},
    {&msg_token_open_info, wrapped_try_open, TOKEN_READY, NULL},
    {&msg_token_set_pin_info, set_pin, TOKEN_READY, NULL},
    /* Without a login, too: the user's PIN may be lost. */
    {&msg_token_random_info, data_random, TOKEN_NEEDS_LOGIN, NULL},
    {&msg_token_random_info, data_random, TOKEN_WRONG_PIN, NULL},
    {&msg_token_so_info, as_so, TOKEN_READY, PIN_CHANGE},
    {&msg_token_so_info, as_so, TOKEN_NEEDS_LOGIN, PIN_CHANGE},
    {&msg_token_so_info, as_so, TOKEN_WRONG_PIN, PIN_CHANGE},
    {&msg_token_carry_in_info, wrapped_carry_in, TOKEN_READY, NULL},
    {&msg_token_rewrap_begin_info, wrapped_rewrap_begin, TOKEN_READY, NULL},
    {&msg_token_rewrap_info, wrapped_rewrap, TOKEN_READY, NULL},
    {&msg_token_carry_out_info, wrapped_carry_out, TOKEN_READY, "carrying"},
    {&msg_token_initialise_info, libp11_initialise, TOKEN_BLANK, "initialising"},
};
static const struct admin_route probe_route = {NULL, probe, TOKEN_READY, NULL};

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
    ps_buf_clear(&job->payload);
    ps_wipe(job->message, sizeof job->message);
    free(job);
}
PS_DEFINE_CLEANUP(struct admin_job, free_job)

static void run(struct token *token, struct admin_job *job)
{
    struct session *session = token->admin.session;

    watchdog_begin(job->route->info == NULL ? token_look_limit_ms(token) : ADMIN_LIMIT_MS);
    session->fault = (struct fault){.class = FAULT_NONE};
    session->calls = &job->calls;
    job->err = job->route->run(&token->admin, job->message, &job->answer);
    if (job->err != PS_OK) {
        if (session->is_open) {
            session_explain(session, ps_bytes(NULL, 0));
        }
        job->fault = session->fault;
        (void)snprintf(job->detail, sizeof job->detail, "%s", ps_detail()->text);
    }
    session->calls = NULL;
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
        loaded_forget(token->loaded, answer->id);
        break;
    case ADMIN_RECORD_MADE:
        loaded_remove(token->loaded, answer->id);
        token_tidy_soon(token);
        break;
    case ADMIN_TOKEN_MADE:
        token_adopt_made(token, answer->id);
        break;
    }
}

static void tell_calls(struct token *token, const struct admin_job *job)
{
    PS_BUF_AUTO rows = {.max = TOKEN_CALLS_MAX};
    struct msg_token_calls message = {.request = job->id, .left_out = job->calls.left_out};

    calls_put(&job->calls, &rows);
    message.calls = ps_buf_bytes(&rows);
    if (job->calls.count == 0 || token->keeper == NULL) {
        return;
    }
    if (ps_buf_status(&rows) != PS_OK ||
        channel_send(token->keeper, &msg_token_calls_info, 0, &message) != PS_OK) {
        ps_line(PS_ERROR, "calls_not_told", PS_STR("request", job->route->info->name));
    }
}

static void answer(struct token *token, const struct admin_job *job)
{
    if (job->route->info == NULL || job->epoch != token->keeper_epoch) {
        return;
    }
    tell_calls(token, job);
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
    if (job->route->reopens != NULL) {
        token_lose(token, FAULT_RELOAD, job->route->reopens);
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
    job->payload = PS_BUF_SECRET(IPC_FRAME_MAX);
    return job;
}

/*
 * A blank token has no sessions, so nothing else can be under way; what else reopens them may find
 * a thread in the middle of a call, which then fails and is asked again elsewhere.
 */
static void start(struct token *token, struct admin_job *job)
{
    if (token->admins != NULL && job->route->state == TOKEN_READY) {
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

/* Of the present state, if it has one there; else of any. */
static const struct admin_route *find_route(const struct token *token,
                                            const struct ipc_message *info)
{
    const struct admin_route *found = NULL;

    for (size_t i = 0; i < PS_COUNT_OF(routes); i++) {
        if (routes[i].info == info && (found == NULL || routes[i].state == token->state)) {
            found = &routes[i];
        }
    }
    return found;
}

bool token_admin(struct token *token, const struct ipc_message *info, uint64_t id,
                 const void *message)
{
    const struct admin_route *route = find_route(token, info);

    if (route != NULL) {
        serve(token, route, id, message);
    }
    return route != NULL;
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
