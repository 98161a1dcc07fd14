#include "frontends/shared/program.h"

#include "frontends/shared/caller.h"
#include "lib/base/line.h"
#include "lib/base/loop_signals.h"
#include "lib/sandbox/sandbox.h"
#include "lib/sandbox/variant.h"
#include "lib/system/file.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

static int fail(const char *what)
{
    ps_line(PS_ERROR, what, PS_STR("why", ps_detail()->text));
    return 1;
}

static int load(struct program *program, const char *path)
{
    PS_BUF_AUTO text = {.max = 0};
    PS_BUF_AUTO errors = {.max = 65536};
    enum ps_err err = file_read(path, CONFIG_FILE_MAX, &text);

    if (err == PS_OK) {
        err = config_form_parse(program->kind->form, path, ps_buf_bytes(&text), &errors,
                                &program->config);
    } else {
        config_put_error(&errors, path, 0, "%s", ps_detail()->text);
    }
    if (err != PS_OK) {
        (void)fprintf(stderr, "%.*s", PS_BYTES_FMT(ps_buf_bytes(&errors)));
        return 1;
    }
    program->settings = program->kind->take(program->service, program->config);
    return 0;
}

static enum ps_err open_all(struct program *program)
{
    PS_TRY(program->kind->open(program->service));
    if (program->kind->load != NULL) {
        PS_TRY(program->kind->load(program->service, program->loop));
    }
    PS_TRY(serve_open(&program->settings.common->public, false, &program->public));
    return serve_open(&program->settings.common->management, true, &program->management);
}

void program_put_directory(const char *path, struct ps_buf *out)
{
    const char *slash = strrchr(path, '/');

    if (slash != NULL && slash != path) {
        ps_buf_printf(out, "%.*s\n", (int)(slash - path), path);
    }
}

static void clear_places(struct program_places *places)
{
    ps_buf_clear(&places->readable);
    ps_buf_clear(&places->writable);
}

static enum ps_err enter_sandbox(const struct program *program)
{
    const struct settings_common *settings = program->settings.common;
    struct sandbox_role role = {.kind = SANDBOX_COMPANION,
                                .data_directory = program->settings.data};
    const char *const files[] = {
        settings->appliance.ca,   settings->appliance.certificate,
        settings->appliance.key,  settings->public.certificate,
        settings->public.key,     settings->management.certificate,
        settings->management.key, settings->management.client_ca,
    };
    PS_CLEANUP(clear_places)
    struct program_places places = {.readable = {.max = 65536}, .writable = {.max = 65536}};

    for (size_t i = 0; i < PS_COUNT_OF(files); i++) {
        program_put_directory(files[i], &places.readable);
    }
    if (program->kind->put_places != NULL) {
        program->kind->put_places(program->service, &places);
    }
    ps_buf_put_u8(&places.readable, '\0');
    ps_buf_put_u8(&places.writable, '\0');
    PS_TRY(ps_buf_status(&places.readable));
    PS_TRY(ps_buf_status(&places.writable));
    role.readable = (const char *)places.readable.data;
    role.writable = (const char *)places.writable.data;
    return sandbox_enter_role(&role);
}

static void reload(struct program *program)
{
    if (serve_reload(&program->public) != PS_OK || serve_reload(&program->management) != PS_OK) {
        ps_line(PS_ERROR, "tls_refused", PS_STR("why", ps_detail()->text));
    } else {
        ps_line(PS_INFO, "tls_taken", PS_STR("by", "SIGHUP"));
    }
    if (program->kind->reload != NULL) {
        program->kind->reload(program->service);
    }
}

static void on_signal(void *context, const struct signalfd_siginfo *info)
{
    struct program *program = context;

    if (info->ssi_signo == SIGHUP) {
        reload(program);
    } else if (program->draining == 0) {
        (void)sd_notify(0, "STOPPING=1");
        program->draining = serve_count(&program->public) + serve_count(&program->management);
        serve_drain(&program->public);
        serve_drain(&program->management);
    }
}

static void begin(struct program *program, struct http_request *request,
                  const struct endpoint_table *table)
{
    struct exchange *exchange = http_request_extra(request);

    exchange->service = program->service;
    exchange->request = request;
    endpoint_find(table, request, &exchange->found);
}

static void on_public_head(void *context, struct http_request *request)
{
    struct program *program = context;

    begin(program, request, program->kind->public);
}

/* Who calls comes first: nobody else learns what there is. */
static void on_management_head(void *context, struct http_request *request)
{
    struct program *program = context;
    const struct http_caller *caller = http_request_caller(request);

    if (caller->kind == HTTP_CALLER_NOBODY) {
        program->kind->refuse_caller(request, 401, "UNAUTHORIZED");
    } else if (!caller_is_administrator(&program->settings.common->administrators, caller)) {
        program->kind->refuse_caller(request, 403, "FORBIDDEN");
    } else {
        begin(program, request, program->kind->management);
    }
}

static void on_request(void *context, struct http_request *request)
{
    struct exchange *exchange = http_request_extra(request);

    (void)context;
    exchange->found.endpoint->handle(exchange, exchange->found.endpoint);
}

static void on_answer(void *context, struct http_request *request, unsigned status)
{
    const struct exchange *exchange = http_request_extra(request);

    (void)context;
    endpoint_log(request, &exchange->found, status);
}

static void on_drained(void *context, struct http_server *server)
{
    struct program *program = context;

    (void)server;
    if (--program->draining == 0) {
        ps_loop_stop(program->loop);
    }
}

static enum ps_err start(struct program *program)
{
    const struct settings_appliance *appliance = &program->settings.common->appliance;
    const struct program_kind *kind = program->kind;
    const bool local = appliance->socket[0] != '\0';
    const struct privyseal_options options = {
        .socket = local ? appliance->socket : NULL,
        .url = local ? NULL : appliance->url,
        .ca = local ? NULL : appliance->ca,
        .certificate = local ? NULL : appliance->certificate,
        .key = local ? NULL : appliance->key,
        .timeout_ms = (unsigned)appliance->timeout_ms,
    };
    sigset_t signals;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    PS_TRY(ps_loop_signals(program->loop, &signals, on_signal, program));
    PS_TRY(calls_new(program->loop, &options, appliance->calls_at_a_time, appliance->calls_waiting,
                     &program->calls));
    PS_TRY(kind->start(program->service, program));
    PS_TRY(serve_start(&program->public, program->loop, &program->handlers[0], program));
    return serve_start(&program->management, program->loop, &program->handlers[1], program);
}

static int run(struct program *program)
{
    if (ps_loop_new(&program->loop) != PS_OK || open_all(program) != PS_OK) {
        return fail("cannot_open");
    }
    variant_begin_role();
    if (enter_sandbox(program) != PS_OK) {
        return fail("no_sandbox");
    }
    if (start(program) != PS_OK) {
        return fail("cannot_start");
    }
    ps_line(PS_INFO, "ready", PS_STR("version", PRIVYSEAL_VERSION));
    (void)sd_notify(0, "READY=1");
    return ps_loop_run(program->loop) == PS_OK ? 0 : fail("loop_failed");
}

/* Calls first: what waits for one is answered then. */
static int serve(struct program *program)
{
    int code;

    (void)signal(SIGPIPE, SIG_IGN);
    ps_line_init(program->kind->process, (enum ps_level)program->settings.log_level);
    code = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? run(program) : 1;
    calls_free(program->calls);
    serve_close(&program->public);
    serve_close(&program->management);
    program->kind->clear(program->service);
    ps_loop_free(program->loop);
    curl_global_cleanup();
    return code;
}

static struct http_handler handler_of(const struct program_kind *kind,
                                      void (*on_head)(void *, struct http_request *),
                                      bool plain_query)
{
    return (struct http_handler){
        .on_head = on_head,
        .on_request = on_request,
        .on_answer = on_answer,
        .on_drained = on_drained,
        .extra = sizeof(struct exchange) + kind->exchange_own,
        .plain_query = plain_query,
    };
}

static int read_and_serve(struct program *program, const char *path, bool only_check)
{
    const int code = load(program, path);

    if (code == 0 && !only_check) {
        return serve(program);
    }
    if (code == 0) {
        (void)puts("OK");
    }
    program->kind->clear(program->service);
    return code;
}

static void put_usage(const struct program_kind *kind, FILE *out)
{
    (void)fprintf(out, "usage: %s --config FILE [--check-config]\n       %s --help | --version\n",
                  kind->name, kind->name);
    (void)fprintf(out, "Its configuration is in %s(8).\n", kind->name);
}

int program_main(const struct program_kind *kind, int argc, char **argv)
{
    struct program program = {
        .kind = kind,
        .public = {.fds = {-1, -1}},
        .management = {.fds = {-1, -1}},
        .handlers = {handler_of(kind, on_public_head, kind->plain_query),
                     handler_of(kind, on_management_head, false)},
    };
    const bool only_check = argc == 4 && strcmp(argv[3], "--check-config") == 0;
    int code;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        return printf("%s %s\n", kind->name, PRIVYSEAL_VERSION) < 0;
    }
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        put_usage(kind, stdout);
        return 0;
    }
    if ((argc != 3 && !only_check) || strcmp(argv[1], "--config") != 0) {
        put_usage(kind, stderr);
        return 2;
    }
    program.service = calloc(1, kind->service_size);
    if (program.service == NULL) {
        (void)fprintf(stderr, "%s: out of memory\n", kind->name);
        return 1;
    }
    code = read_and_serve(&program, argv[2], only_check);
    config_form_free(kind->form, program.config);
    free(program.service);
    return code;
}
