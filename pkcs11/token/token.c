#include "pkcs11/token/token.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/line.h"
#include "pkcs11/token/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

_Static_assert(TOKEN_EXIT_HUNG == (int)WATCHDOG_EXIT_HUNG, "one exit code for a hung call");

enum { LAST_WAIT_MS = 2000 };

/* Requests of the keeper, but for those that token_admin.c serves. */
static enum ps_err on_keeper_message(void *context, struct channel *channel,
                                     const struct ipc_message *info, uint64_t id,
                                     const void *message, int fd)
{
    struct token *token = context;

    (void)channel;
    (void)fd;
    if (info == &msg_token_sign_info) {
        token_sign(token, id, message);
    } else if (info == &msg_token_use_info) {
        token_use(token, id, message);
    } else if (info == &msg_token_login_info) {
        token_login(token, id, message);
    } else if (info == &msg_token_logout_info) {
        token_logout(token, id);
    } else if (info == &msg_token_probe_info) {
        token_announce(token);
        token_answer_done(token, id);
    } else if (!token_admin(token, info, id, message)) {
        return ps_fail(PS_E_INPUT, 0, "%s is no request to a token", info->name);
    }
    return PS_OK;
}

static void drop_keeper(struct token *token)
{
    channel_free(token->keeper);
    token->keeper = NULL;
    token->keeper_epoch++;
}

static void on_keeper_end(void *context, struct channel *channel, enum ps_err why)
{
    struct token *token = context;

    (void)channel;
    ps_line(PS_INFO, "keeper_gone", PS_STR("why", ps_err_info(why)->name));
    drop_keeper(token);
}

static const struct channel_handler keeper_handler = {
    .on_message = on_keeper_message,
    .on_end = on_keeper_end,
};

static enum ps_err take_peer(struct token *token, const struct msg_peer *peer, int fd)
{
    if (peer->role != IPC_ROLE_KEEPER) {
        (void)close(fd);
        return ps_fail(PS_E_INPUT, 0, "a token process speaks with a keeper only");
    }
    drop_keeper(token);
    PS_TRY(channel_new(token->loop, fd, &token_set, IPC_SERVER, &keeper_handler, token,
                       &token->keeper));
    token_announce(token);
    return PS_OK;
}

static void start(struct token *token)
{
    static const struct msg_ready ready = {
        .status = {(const uint8_t *)"looking for the token", 21}};

    if (token->started) {
        return;
    }
    token->started = true;
    /* The role is up before the token is: a module may take its time, and it may not come. */
    if (channel_send(token->supervisor, &msg_ready_info, 0, &ready) == PS_OK) {
        channel_flush(token->supervisor);
    }
    ps_timer_set_in(token->retry, 0);
    ps_timer_set_in(token->probe, PS_NS_PER_S);
}

static void on_stop_deadline(void *context)
{
    struct token *token = context;

    ps_line(PS_WARNING, "stopped_with_calls_under_way", PS_NUM("exit_code", 0));
    /* Threads that do not come back cannot be waited for. */
    if (token->keeper != NULL) {
        channel_flush(token->keeper);
    }
    _exit(0);
}

static void stop(struct token *token, const struct msg_stop *message)
{
    if (token->stopping) {
        return;
    }
    token->stopping = true;
    ps_timer_unset(token->retry);
    ps_timer_set_in(token->stop_deadline, message->within_ms * PS_NS_PER_MS);
    token_work_is_done(token);
}

static enum ps_err on_supervisor_message(void *context, struct channel *channel,
                                         const struct ipc_message *info, uint64_t id,
                                         const void *message, int fd)
{
    struct token *token = context;

    (void)channel;
    (void)id;
    if (info == &msg_peer_info) {
        return take_peer(token, message, fd);
    }
    if (info == &msg_start_info) {
        start(token);
        return PS_OK;
    }
    if (info == &msg_stop_info) {
        stop(token, message);
        return PS_OK;
    }
    if (info == &msg_log_level_info) {
        ps_line_set_level(((const struct msg_log_level *)message)->level);
        return PS_OK;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return ps_fail(PS_E_INPUT, 0, "%s is not for a token process", info->name);
}

static void on_supervisor_end(void *context, struct channel *channel, enum ps_err why)
{
    struct token *token = context;

    (void)channel;
    if (why != PS_OK) {
        ps_line(PS_ERROR, "supervisor_channel_broken", PS_STR("detail", ps_detail()->text));
    }
    ps_loop_stop(token->loop);
}

static const struct channel_handler supervisor_handler = {
    .on_message = on_supervisor_message,
    .on_end = on_supervisor_end,
};

/* [A-Za-z_][A-Za-z0-9_]* before the "=". */
static bool is_name(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)line[i];

        if (!(isalpha(c) || c == '_' || (i > 0 && isdigit(c)))) {
            return false;
        }
    }
    return len != 0;
}

static void free_text(char **text)
{
    free(*text);
}

/* "NAME=value" lines, for the module. */
static enum ps_err set_environment(struct ps_bytes lines)
{
    PS_CLEANUP(free_text) char *text = NULL;
    char *rest;

    if (lines.len != 0 && memchr(lines.data, 0, lines.len) != NULL) {
        return ps_fail(PS_E_INPUT, 0, "environment: a NUL");
    }
    text = ps_bytes_to_str(lines);
    if (text == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    rest = text;
    for (char *line = strtok_r(rest, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *equals = strchr(line, '=');

        if (equals == NULL || !is_name(line, (size_t)(equals - line))) {
            return ps_fail(PS_E_INPUT, 0, "environment: a line that is not NAME=value");
        }
        *equals = 0;
        if (setenv(line, equals + 1, 1) != 0) {
            return ps_fail_errno(PS_E_NO_MEMORY, "setenv");
        }
    }
    return PS_OK;
}

static void free_token(struct token *token)
{
    /* Threads are waited for, but not for ever. */
    watchdog_begin(LAST_WAIT_MS);
    drop_keeper(token);
    channel_free(token->supervisor);
    worker_pool_free(token->users);
    worker_pool_free(token->admins);
    ps_timer_free(token->retry);
    ps_timer_free(token->probe);
    ps_timer_free(token->stop_deadline);
    ps_idle_free(token->tidying);
    keyring_free(token->ring);
    loaded_free(token->loaded);
    libp11_free(token->libp11);
    module_free(token->module);
    token_uri_free(token->uri);
    free(token->sessions);
    watchdog_end();
}

/* One session is always kept for everything else; signatures have threads from two sessions on. */
static unsigned threads_for(const struct profile *profile, uint32_t sessions)
{
    if (profile->sessions_max != 0 && sessions >= profile->sessions_max) {
        sessions = profile->sessions_max - 1;
    }
    return sessions < 2 ? 0 : sessions;
}

/* What only the configuration decides. */
static enum ps_err read_config(struct token *token)
{
    const struct msg_token_config *config = token->config;

    if (config->sessions == 0 || config->sessions > TOKEN_SESSIONS_MAX ||
        config->call_timeout_ms == 0 || config->cache_keys == 0) {
        return ps_fail(PS_E_INPUT, 0, "1 to %d sessions, a timeout and a cache",
                       TOKEN_SESSIONS_MAX);
    }
    PS_TRY(profile_read(config->profile, &token->profile));
    PS_TRY(token_uri_parse(config->uri, &token->uri));
    PS_TRY(module_new(config->module, config->module_hash, &token->module));
    PS_TRY(libp11_new(module_path(token->module), &token->libp11));
    token->sessions_wanted = threads_for(&token->profile, config->sessions);
    token->sessions = calloc(token->sessions_wanted + 1, sizeof token->sessions[0]);
    if (token->sessions == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    return set_environment(config->environment);
}

static enum ps_err prepare(struct token *token)
{
    token->state = TOKEN_STARTING;
    token->admin = (struct admin_context){
        .session = &token->control,
        .libp11 = token->libp11,
        .sync_directory = token->config->sync_directory,
    };
    /* Threads that wait for the module are to be woken when they asked for it. */
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    PS_TRY(keyring_new(&token->ring));
    PS_TRY(loaded_new(token->config->cache_keys, &token->loaded));
    PS_TRY(ps_idle_new(token->loop, token_tidy, token, &token->tidying));
    PS_TRY(watchdog_init());
    PS_TRY(token_init_recovery(token));
    return ps_timer_new(token->loop, on_stop_deadline, token, &token->stop_deadline);
}

static int fail(int exit_code)
{
    ps_line(PS_ERROR, "token_process_cannot_start", PS_STR("detail", ps_detail()->text));
    return exit_code;
}

int token_main(struct ps_loop *loop, int supervisor_fd, const struct msg_token_config *config)
{
    PS_CLEANUP(free_token) struct token token = {.loop = loop, .config = config};
    enum ps_err err = read_config(&token);

    if (err == PS_OK) {
        err = prepare(&token);
    }
    if (err != PS_OK) {
        (void)close(supervisor_fd);
        return fail(err == PS_E_INPUT ? TOKEN_EXIT_CONFIGURATION : TOKEN_EXIT_INTERNAL);
    }
    err = channel_new(loop, supervisor_fd, &supervisor_set, IPC_SERVER, &supervisor_handler, &token,
                      &token.supervisor);
    if (err == PS_OK) {
        err = ps_loop_run(loop);
    }
    if (err != PS_OK) {
        return fail(TOKEN_EXIT_INTERNAL);
    }
    if (token.keeper != NULL) {
        channel_flush(token.keeper);
    }
    token_shut_down(&token);
    return token.exit_code;
}
