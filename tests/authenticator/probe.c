/*
 * A plugin that does what the name of the individual says, and with PROBE_... one that no host
 * takes.
 */
#include "frontends/plugins/privyseal_authenticator.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX 64

static const struct privyseal_auth_host *host;
static pthread_t threads[THREADS_MAX];
static size_t thread_count;

struct later {
    uint64_t call;
};

static struct privyseal_auth_text text(const char *octets)
{
    return (struct privyseal_auth_text){octets, strlen(octets)};
}

static struct privyseal_auth_answer good(void)
{
    return (struct privyseal_auth_answer){.result = PRIVYSEAL_AUTH_OK,
                                          .masked_email = text("a***"),
                                          .kyc_token = text("token"),
                                          .subject = text("subject"),
                                          .claims = text("{}")};
}

static void answer_good(uint64_t call)
{
    const struct privyseal_auth_answer answer = good();

    host->answer(host, call, &answer);
}

static void answer_later(void *context)
{
    struct later *later = context;

    answer_good(later->call);
    free(later);
}

static void *in_thread(void *context)
{
    answer_later(context);
    return NULL;
}

static struct later *later_new(uint64_t call)
{
    struct later *later = malloc(sizeof *later);

    if (later != NULL) {
        later->call = call;
    }
    return later;
}

static void answer_unsound(uint64_t call)
{
    struct privyseal_auth_answer answer = good();

    answer.subject = text("two words");
    host->answer(host, call, &answer);
}

static void answer_refused(uint64_t call, const char *code)
{
    const struct privyseal_auth_answer answer = {.result = PRIVYSEAL_AUTH_REFUSED,
                                                 .code = text(code)};

    host->answer(host, call, &answer);
}

static bool is(const struct privyseal_auth_request *request, const char *name)
{
    return request->individual.len == strlen(name) &&
           memcmp(request->individual.data, name, strlen(name)) == 0;
}

static void begin(void *plugin, uint64_t call, const struct privyseal_auth_request *request)
{
    (void)plugin;
    if (is(request, "at once")) {
        answer_good(call);
    } else if (is(request, "thread") && thread_count < THREADS_MAX) {
        (void)pthread_create(&threads[thread_count++], NULL, in_thread, later_new(call));
    } else if (is(request, "run")) {
        (void)host->run(host, answer_later, later_new(call));
    } else if (is(request, "twice")) {
        answer_good(call);
        answer_good(call);
    } else if (is(request, "unsound")) {
        answer_unsound(call);
    } else if (is(request, "refused")) {
        answer_refused(call, "not-today");
    } else if (is(request, "refused badly")) {
        answer_refused(call, "not <today>");
    } else if (is(request, "log")) {
        host->log(host, "event", "detail");
        answer_good(call);
    }
}

static int open_probe(const char *config, const struct privyseal_auth_host *given,
                      void **ret_plugin, struct privyseal_auth_description *ret_description,
                      char *ret_error)
{
    if (strcmp(config, "refuse") == 0) {
        (void)snprintf(ret_error, PRIVYSEAL_AUTH_ERROR_MAX, "nothing to read in there");
        return -1;
    }
    host = given;
    ret_description->factors = "PIN";
    *ret_plugin = &thread_count;
    return 0;
}

static int start_probe(void *plugin, char *ret_error)
{
    (void)plugin;
    (void)ret_error;
    return 0;
}

static void close_probe(void *plugin)
{
    (void)plugin;
    while (thread_count > 0) {
        (void)pthread_join(threads[--thread_count], NULL);
    }
}

#ifdef PROBE_OTHER_NAME
extern PRIVYSEAL_AUTH_EXPORT const struct privyseal_authenticator another_name;
#define PROBE_NAME another_name
#else
#define PROBE_NAME privyseal_authenticator
#endif
#ifndef PROBE_ABI
#define PROBE_ABI PRIVYSEAL_AUTHENTICATOR_ABI
#endif
#ifndef PROBE_SIZE
#define PROBE_SIZE sizeof(struct privyseal_authenticator)
#endif
#ifndef PROBE_AUTHENTICATE
#define PROBE_AUTHENTICATE begin
#endif

const struct privyseal_authenticator PROBE_NAME = {
    .abi = PROBE_ABI,
    .size = PROBE_SIZE,
    .name = "probe",
    .version = "1",
    .open = open_probe,
    .start = start_probe,
    .close = close_probe,
    .send_otp = begin,
    .authenticate = PROBE_AUTHENTICATE,
    .exchange = begin,
};
