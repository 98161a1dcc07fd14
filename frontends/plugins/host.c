#include "frontends/plugins/host.h"

#include "frontends/plugins/load.h"
#include "frontends/plugins/reply.h"
#include "frontends/shared/workers.h"
#include "lib/base/clock.h"
#include "lib/base/map.h"

#include <assert.h>
#include <stdlib.h>

struct authenticator {
    const struct privyseal_authenticator *table;
    struct privyseal_auth_host host; /* what the plugin has of us */
    struct privyseal_auth_description description;
    void *plugin;
    bool is_open;
    struct ps_loop *loop;
    size_t threads;
    size_t waiting;
    void (*log)(const char *plugin, const char *event, const char *detail);
    struct mailbox *replies;
    struct workers *workers;
    struct ps_map *questions; /* that are not answered */
    uint64_t last_call;
};

/* Work of the plugin's own. */
struct errand {
    struct job job; /* first: a job is its errand */
    void (*work)(void *context);
    void *context;
};

static void work(struct job *job, void *own)
{
    struct errand *errand = (struct errand *)(void *)job;

    (void)own;
    errand->work(errand->context);
}

static void done(struct job *job)
{
    free(job);
}

static int host_run(const struct privyseal_auth_host *host, void (*fn)(void *), void *context)
{
    struct authenticator *authenticator = host->context;
    struct errand *errand = calloc(1, sizeof *errand);

    if (errand == NULL || authenticator->workers == NULL) {
        free(errand);
        return -1;
    }
    *errand = (struct errand){.job = {.work = work, .done = done}, .work = fn, .context = context};
    if (workers_do(authenticator->workers, &errand->job) != PS_OK) {
        free(errand);
        return -1;
    }
    return 0;
}

/* Without memory there is no answer, and the question's time runs out. */
static void host_answer(const struct privyseal_auth_host *host, uint64_t call,
                        const struct privyseal_auth_answer *answer)
{
    struct authenticator *authenticator = host->context;
    struct reply *reply = reply_new(call, answer);

    if (reply != NULL) {
        mailbox_post(authenticator->replies, &reply->mail);
    }
}

static void host_log(const struct privyseal_auth_host *host, const char *event, const char *detail)
{
    const struct authenticator *authenticator = host->context;

    if (authenticator->log != NULL) {
        authenticator->log(authenticator->table->name, event, detail);
    }
}

static struct ps_bytes key_of(const struct question *question)
{
    return ps_bytes(&question->call, sizeof question->call);
}

/* Its timer may be what calls this. */
static void forget(struct authenticator *authenticator, struct question *question)
{
    (void)ps_map_remove(authenticator->questions, key_of(question));
    ps_timer_free(question->timer);
    question->timer = NULL;
}

static void end_unanswered(struct question *question, const char *why)
{
    const struct privyseal_auth_answer answer = {.result = PRIVYSEAL_AUTH_AWAY,
                                                 .detail = {why, strlen(why)}};

    forget(question->authenticator, question);
    question->done(question, &answer);
}

static void on_time_over(void *context)
{
    end_unanswered(context, "no answer within its time");
}

static void on_reply(void *context, struct mail *mail)
{
    struct authenticator *authenticator = context;
    struct reply *reply = (struct reply *)(void *)mail;
    struct question *question =
        ps_map_get(authenticator->questions, ps_bytes(&reply->call, sizeof reply->call));

    if (question != NULL) {
        forget(authenticator, question);
        reply_settle(reply, question->kind);
        question->done(question, &reply->answer);
    }
    reply_free(reply);
}

/* A plugin that leaves a text out means none. */
static void complete(struct privyseal_auth_description *description)
{
    const char **const texts[] = {&description->factors, &description->otp_channels,
                                  &description->kbi_form, &description->readable,
                                  &description->writable};

    for (size_t i = 0; i < PS_COUNT_OF(texts); i++) {
        if (*texts[i] == NULL) {
            *texts[i] = "";
        }
    }
}

static enum ps_err open_plugin(struct authenticator *authenticator, const char *config)
{
    char error[PRIVYSEAL_AUTH_ERROR_MAX] = "";

    if (authenticator->table->open(config, &authenticator->host, &authenticator->plugin,
                                   &authenticator->description, error) != 0) {
        error[sizeof error - 1] = '\0';
        return ps_fail(PS_E_INPUT, 0, "plugin %s: %.190s", authenticator->table->name, error);
    }
    authenticator->is_open = true;
    complete(&authenticator->description);
    return PS_OK;
}

static enum ps_err open_all(struct authenticator *authenticator,
                            const struct authenticator_options *options)
{
    PS_TRY(plugin_load(options->path, options->owner, &authenticator->table));
    PS_TRY(ps_map_new(&authenticator->questions));
    PS_TRY(mailbox_new(authenticator->loop, on_reply, authenticator, &authenticator->replies));
    return open_plugin(authenticator, options->config);
}

enum ps_err authenticator_open(const struct authenticator_options *options, struct ps_loop *loop,
                               struct authenticator **ret_authenticator)
{
    struct authenticator *authenticator = calloc(1, sizeof *authenticator);
    enum ps_err err;

    if (authenticator == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    authenticator->loop = loop;
    authenticator->threads = options->threads;
    authenticator->waiting = options->waiting;
    authenticator->log = options->log;
    authenticator->host = (struct privyseal_auth_host){.abi = PRIVYSEAL_AUTHENTICATOR_ABI,
                                                       .context = authenticator,
                                                       .answer = host_answer,
                                                       .run = host_run,
                                                       .log = host_log};
    err = open_all(authenticator, options);
    if (err != PS_OK) {
        authenticator_close(authenticator);
        return err;
    }
    *ret_authenticator = authenticator;
    return PS_OK;
}

const struct privyseal_auth_description *
authenticator_description(const struct authenticator *authenticator)
{
    return &authenticator->description;
}

const char *authenticator_name(const struct authenticator *authenticator)
{
    return authenticator->table->name;
}

enum ps_err authenticator_start(struct authenticator *authenticator)
{
    char error[PRIVYSEAL_AUTH_ERROR_MAX] = "";

    PS_TRY(workers_new(authenticator->loop, authenticator->threads, authenticator->waiting, NULL,
                       &authenticator->workers));
    if (authenticator->table->start(authenticator->plugin, error) != 0) {
        error[sizeof error - 1] = '\0';
        return ps_fail(PS_E_INTERNAL, 0, "plugin %s: %.190s", authenticator->table->name, error);
    }
    return PS_OK;
}

static void end_all(struct authenticator *authenticator)
{
    struct question *question;
    size_t cursor = 0;

    while ((question = ps_map_next(authenticator->questions, &cursor)) != NULL) {
        end_unanswered(question, "the program ends");
        cursor = 0;
    }
}

/* Work that was taken is done before the plugin is closed; what it answers then still arrives. */
void authenticator_close(struct authenticator *authenticator)
{
    if (authenticator == NULL) {
        return;
    }
    if (authenticator->workers != NULL) {
        workers_stop(authenticator->workers);
    }
    if (authenticator->is_open) {
        authenticator->table->close(authenticator->plugin);
    }
    mailbox_free(authenticator->replies);
    workers_free(authenticator->workers);
    if (authenticator->questions != NULL) {
        end_all(authenticator);
    }
    ps_map_free(authenticator->questions, NULL);
    free(authenticator);
}

typedef void begin_fn(void *plugin, uint64_t call, const struct privyseal_auth_request *request);

static begin_fn *function_for(const struct privyseal_authenticator *table, enum question_kind kind)
{
    switch (kind) {
    case QUESTION_SEND_OTP:
        return table->send_otp;
    case QUESTION_AUTHENTICATE:
        return table->authenticate;
    case QUESTION_EXCHANGE:
        return table->exchange;
    case QUESTION_CERTIFICATES:
        break;
    }
    return table->certificates;
}

static enum ps_err remember(struct authenticator *authenticator, struct question *question,
                            uint32_t timeout_ms)
{
    PS_TRY(ps_timer_new(authenticator->loop, on_time_over, question, &question->timer));
    question->authenticator = authenticator;
    question->call = ++authenticator->last_call;
    if (ps_map_add(authenticator->questions, key_of(question), question) != PS_OK) {
        ps_timer_free(question->timer);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    ps_timer_set_in(question->timer, timeout_ms * PS_NS_PER_MS);
    return PS_OK;
}

enum ps_err authenticator_ask(struct authenticator *authenticator,
                              const struct privyseal_auth_request *request,
                              struct question *question)
{
    begin_fn *const begin = function_for(authenticator->table, question->kind);

    assert(authenticator->workers != NULL);
    if (begin == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "plugin %s does not do that", authenticator->table->name);
    }
    if (!request_fits(request)) {
        return ps_fail(PS_E_INPUT, 0, "more than a plugin can be asked");
    }
    PS_TRY(remember(authenticator, question, request->timeout_ms));
    begin(authenticator->plugin, question->call, request);
    return PS_OK;
}
