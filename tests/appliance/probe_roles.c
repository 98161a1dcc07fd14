#include "tests/appliance/probe_roles.h"

#include "lib/base/encode.h"
#include "lib/base/line.h"
#include "lib/base/loop_signals.h"
#include "lib/ipc/channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CRASH_CODE 9
#define HEX_LEN    64u

struct probe {
    struct ps_loop *loop;
    struct channel *supervisor;
    char label[ROLE_LABEL_MAX];
    bool is_unwilling;
};

struct peer {
    int fd;
    struct ps_watch *watch;
};

static void on_peer(void *context, uint32_t events)
{
    struct peer *peer = context;
    char text[ROLE_LABEL_MAX];
    const ssize_t got = recv(peer->fd, text, sizeof text, MSG_DONTWAIT);

    (void)events;
    if (got > 0) {
        ps_line(PS_INFO, "probe_hello", PS_TEXT("from", ps_bytes(text, (size_t)got)));
        return;
    }
    ps_line(PS_INFO, "probe_goodbye", PS_NUM("fd", (uint64_t)peer->fd));
    ps_watch_free(peer->watch);
    (void)close(peer->fd);
    free(peer);
}

static enum ps_err add_peer(struct probe *probe, const struct msg_peer *message, int fd)
{
    struct peer *peer = malloc(sizeof *peer);
    PS_BUF_AUTO hex = {.max = HEX_LEN};

    ps_buf_put_hex(&hex, message->module_hash);
    ps_line(PS_INFO, "probe_peer", PS_NUM("role", message->role), PS_TEXT("name", message->name),
            PS_NUM("number", message->number), PS_TEXT("hash", ps_buf_bytes(&hex)));
    if (peer == NULL || send(fd, probe->label, strlen(probe->label), MSG_NOSIGNAL) < 0) {
        free(peer);
        (void)close(fd);
        return PS_OK;
    }
    peer->fd = fd;
    return ps_watch_new(probe->loop, fd, EPOLLIN, on_peer, peer, &peer->watch);
}

static enum ps_err say_ready(struct probe *probe)
{
    const struct msg_ready ready = {.status = ps_bytes_str("serving\nMAINPID=1")};

    return channel_send(probe->supervisor, &msg_ready_info, 0, &ready);
}

static void on_stop(struct probe *probe)
{
    ps_line(PS_INFO, "probe_stop", PS_STR("role", probe->label));
    if (!probe->is_unwilling) {
        ps_loop_stop(probe->loop);
    }
}

static enum ps_err on_message(void *context, struct channel *channel,
                              const struct ipc_message *info, uint64_t id, const void *message,
                              int fd)
{
    struct probe *probe = context;

    (void)channel;
    (void)id;
    if (info == &msg_listener_info) {
        const struct msg_listener *listener = message;

        ps_line(PS_INFO, "probe_listener", PS_NUM("kind", listener->kind),
                PS_TEXT("address", listener->address), PS_NUM("fd", (uint64_t)fd));
    } else if (info == &msg_tls_ends_info) {
        const struct msg_tls_ends *ends = message;

        ps_line(PS_INFO, "probe_ends", PS_NUM("clients", ends->clients_s),
                PS_NUM("management", ends->management_s));
    } else if (info == &msg_tls_info) {
        const struct msg_tls *tls = message;

        ps_line(PS_INFO, "probe_tls", PS_NUM("key_octets", tls->key.len),
                PS_NUM("certificate_octets", tls->certificate.len));
    } else if (info == &msg_peer_info) {
        return add_peer(probe, message, fd);
    } else if (info == &msg_pin_info) {
        const struct msg_pin *pin = message;

        ps_line(PS_INFO, "probe_pin", PS_TEXT("token", pin->token), PS_NUM("octets", pin->pin.len),
                PS_NUM("so", pin->is_so));
    } else if (info == &msg_log_level_info) {
        const struct msg_log_level *level = message;

        ps_line(PS_ERROR, "probe_log_level", PS_STR("role", probe->label),
                PS_NUM("to", level->level));
    } else if (info == &msg_stop_info) {
        on_stop(probe);
    } else if (info == &msg_start_info) {
        return say_ready(probe);
    }
    return PS_OK;
}

static void on_end(void *context, struct channel *channel, enum ps_err why)
{
    struct probe *probe = context;

    (void)channel;
    (void)why;
    ps_loop_stop(probe->loop);
}

static const struct channel_handler handler = {.on_message = on_message, .on_end = on_end};

static void on_signal(void *context, const struct signalfd_siginfo *signal_info)
{
    struct probe *probe = context;
    const struct msg_hung hung = {.token = ps_bytes_str("a"), .number = 0};

    (void)signal_info;
    if (strcmp(probe->label, "keeper") != 0 ||
        channel_send(probe->supervisor, &msg_hung_info, 0, &hung) != PS_OK) {
        ps_line(PS_ERROR, "probe_cannot_report", PS_STR("role", probe->label));
    }
}

static enum ps_err start(struct probe *probe, int supervisor_fd)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR1);
    PS_TRY(ps_loop_signals(probe->loop, &set, on_signal, probe));
    PS_TRY(channel_new(probe->loop, supervisor_fd, &supervisor_set, IPC_SERVER, &handler, probe,
                       &probe->supervisor));
    return ps_loop_run(probe->loop);
}

static int run(struct probe *probe, int supervisor_fd)
{
    if (start(probe, supervisor_fd) != PS_OK) {
        ps_line(PS_ERROR, "probe_failed", PS_STR("reason", ps_detail()->text));
        return EXIT_FAILURE;
    }
    channel_free(probe->supervisor);
    return EXIT_SUCCESS;
}

static int api(struct ps_loop *loop, int supervisor_fd, const struct msg_api_config *config)
{
    struct probe probe = {.loop = loop};
    const struct role_id id = {.role = (enum ipc_role)config->role, .token = ""};

    role_label(&id, probe.label);
    ps_line(PS_INFO, "probe_config", PS_NUM("connections", config->connections));
    return run(&probe, supervisor_fd);
}

static int keeper(struct ps_loop *loop, int supervisor_fd, const struct msg_keeper_config *config)
{
    struct probe probe = {.loop = loop, .label = "keeper"};

    ps_line(PS_INFO, "probe_config", PS_TEXT("origin", config->origin),
            PS_TEXT("data", config->data_directory), PS_TEXT("hashes", config->hashes),
            PS_NUM("refused_uids", config->refused_uids.len / 4),
            PS_NUM("administrators", config->administrators.len / 4));
    return run(&probe, supervisor_fd);
}

static bool has_line(struct ps_bytes lines, const char *line)
{
    return lines.len != 0 && memmem(lines.data, lines.len, line, strlen(line)) != NULL;
}

static int token(struct ps_loop *loop, int supervisor_fd, const struct msg_token_config *config)
{
    struct probe probe = {.loop = loop};
    PS_BUF_AUTO hex = {.max = HEX_LEN};

    ps_buf_put_hex(&hex, config->module_hash);
    (void)snprintf(probe.label, sizeof probe.label, "token %.*s/%u", PS_BYTES_FMT(config->token),
                   config->number);
    probe.is_unwilling = has_line(config->environment, "PROBE_UNWILLING=1");
    ps_line(PS_INFO, "probe_config", PS_TEXT("module", config->module),
            PS_TEXT("profile", config->profile), PS_TEXT("hash", ps_buf_bytes(&hex)));
    if (has_line(config->environment, "PROBE_CRASH=1")) {
        return CRASH_CODE;
    }
    return run(&probe, supervisor_fd);
}

const struct role_programs probe_programs = {.api = api, .keeper = keeper, .token = token};
