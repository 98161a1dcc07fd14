#include "frontends/oidc/clients.h"
#include "frontends/oidc/service.h"
#include "frontends/shared/serve.h"
#include "lib/base/line.h"
#include "lib/sandbox/sandbox.h"
#include "lib/sandbox/variant.h"
#include "lib/system/file.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

static const char usage[] = "usage: privyseal-oidc --config FILE [--check-config]\n"
                            "       privyseal-oidc --version\n";

struct program {
    struct oidc_config *config;
    struct service service;
    struct calls *calls;
    struct serve public;
    struct serve management;
};

static int fail(const char *what)
{
    ps_line(PS_ERROR, what, PS_STR("why", ps_detail()->text));
    return 1;
}

static int load(const char *path, struct oidc_config **ret_config)
{
    PS_BUF_AUTO text;
    PS_BUF_AUTO errors = {.max = 65536};
    enum ps_err err = file_read(path, CONFIG_FILE_MAX, &text);

    if (err == PS_OK) {
        err = oidc_config_parse(path, ps_buf_bytes(&text), &errors, ret_config);
    } else {
        config_put_error(&errors, path, 0, "%s", ps_detail()->text);
    }
    if (err != PS_OK) {
        (void)fprintf(stderr, "%.*s", PS_BYTES_FMT(ps_buf_bytes(&errors)));
    }
    return err == PS_OK ? 0 : 1;
}

static enum ps_err open_all(struct program *program)
{
    PS_TRY(clients_open(program->config->oidc.data, &program->service.db));
    PS_TRY(serve_open(&program->config->public, false, &program->public));
    return serve_open(&program->config->management, true, &program->management);
}

/* The directories: a file that is replaced by another one is found there again. */
static void put_directory(const char *path, struct ps_buf *out)
{
    const char *slash = strrchr(path, '/');

    if (slash != NULL && slash != path) {
        ps_buf_printf(out, "%.*s\n", (int)(slash - path), path);
    }
}

static enum ps_err enter_sandbox(const struct oidc_config *config)
{
    struct sandbox_role role = {.kind = SANDBOX_COMPANION, .data_directory = config->oidc.data};
    const char *const files[] = {
        config->appliance.ca,   config->appliance.certificate,
        config->appliance.key,  config->public.certificate,
        config->public.key,     config->management.certificate,
        config->management.key, config->management.client_ca,
    };
    PS_BUF_AUTO readable = {.max = 65536};

    for (size_t i = 0; i < PS_COUNT_OF(files); i++) {
        put_directory(files[i], &readable);
    }
    ps_buf_put_u8(&readable, '\0');
    PS_TRY(ps_buf_status(&readable));
    role.readable = (const char *)readable.data;
    return sandbox_enter_role(&role);
}

static void on_signal(void *context, const struct signalfd_siginfo *info)
{
    struct program *program = context;

    if (info->ssi_signo == SIGHUP) {
        if (serve_reload(&program->public) != PS_OK ||
            serve_reload(&program->management) != PS_OK) {
            ps_line(PS_ERROR, "tls_refused", PS_STR("why", ps_detail()->text));
        } else {
            ps_line(PS_INFO, "tls_taken", PS_STR("by", "SIGHUP"));
        }
        return;
    }
    if (program->service.draining == 0) {
        (void)sd_notify(0, "STOPPING=1");
        program->service.draining =
            serve_count(&program->public) + serve_count(&program->management);
        serve_drain(&program->public);
        serve_drain(&program->management);
    }
}

static enum ps_err start(struct program *program)
{
    const struct settings_appliance *appliance = &program->config->appliance;
    const bool local = appliance->socket[0] != '\0';
    const struct privyseal_options options = {
        .socket = local ? appliance->socket : NULL,
        .url = local ? NULL : appliance->url,
        .ca = local ? NULL : appliance->ca,
        .certificate = local ? NULL : appliance->certificate,
        .key = local ? NULL : appliance->key,
        .timeout_ms = (unsigned)appliance->timeout_ms,
    };
    struct service *service = &program->service;
    sigset_t signals;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    PS_TRY(ps_loop_signals(service->loop, &signals, on_signal, program));
    PS_TRY(json_new(&service->json));
    PS_TRY(calls_new(service->loop, &options, appliance->calls_at_a_time, appliance->calls_waiting,
                     &program->calls));
    PS_TRY(jwks_new(program->calls, program->config->oidc.jwks_set,
                    program->config->oidc.jwks_fresh_s, &service->jwks));
    PS_TRY(serve_start(&program->public, service->loop, &public_handler, service));
    return serve_start(&program->management, service->loop, &management_handler, service);
}

static int run(struct program *program)
{
    if (ps_loop_new(&program->service.loop) != PS_OK || open_all(program) != PS_OK) {
        return fail("cannot_open");
    }
    variant_begin_role();
    if (enter_sandbox(program->config) != PS_OK) {
        return fail("no_sandbox");
    }
    if (start(program) != PS_OK) {
        return fail("cannot_start");
    }
    ps_line(PS_INFO, "ready", PS_STR("version", PRIVYSEAL_VERSION));
    (void)sd_notify(0, "READY=1");
    return ps_loop_run(program->service.loop) == PS_OK ? 0 : fail("loop_failed");
}

/* Calls first: what waits for one is answered then. */
static void clear(struct program *program)
{
    calls_free(program->calls);
    serve_close(&program->public);
    serve_close(&program->management);
    jwks_free(program->service.jwks);
    json_free(program->service.json);
    db_close(program->service.db);
    ps_loop_free(program->service.loop);
    oidc_config_free(program->config);
}

static int serve(const char *path, bool only_check)
{
    struct program program = {.public = {.fds = {-1, -1}}, .management = {.fds = {-1, -1}}};
    int code = load(path, &program.config);

    if (code == 0 && !only_check) {
        (void)signal(SIGPIPE, SIG_IGN);
        program.service.config = program.config;
        ps_line_init("oidc", (enum ps_level)program.config->oidc.log_level);
        code = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? run(&program) : 1;
        clear(&program);
        curl_global_cleanup();
        return code;
    }
    oidc_config_free(program.config);
    return code;
}

int main(int argc, char **argv)
{
    const bool only_check = argc == 4 && strcmp(argv[3], "--check-config") == 0;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        return printf("privyseal-oidc %s\n", PRIVYSEAL_VERSION) < 0;
    }
    if ((argc != 3 && !only_check) || strcmp(argv[1], "--config") != 0) {
        (void)fputs(usage, stderr);
        return 2;
    }
    return serve(argv[2], only_check);
}
