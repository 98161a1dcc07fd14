#include "api/api.h"

#include "api/internal.h"
#include "api/metrics.h"
#include "lib/base/clock.h"
#include "lib/base/line.h"

#include <unistd.h>

/* The longest there is: the three texts of a PDF's box, each octet as three. */
#define HEAD_OCTETS 8192u

static bool is_tls(const struct http_listener *listener)
{
    return listener->transport == HTTP_TRANSPORT_TLS;
}

static enum ps_err start_server(struct api *api, size_t number)
{
    const struct http_limits limits = {
        .header_deadline_ms = api->config->header_deadline_ms,
        .body_deadline_ms = api->config->body_deadline_ms,
        .idle_deadline_ms = api->config->idle_deadline_ms,
        .connections = api->config->connections,
        .connections_per_caller = api->config->connections_per_caller,
        .head_octets = HEAD_OCTETS,
    };
    struct http_listener *listener = &api->servers[number].listener;
    const struct http_listener taken = {listener->transport, listener->fd,
                                        is_tls(listener) ? api->tls : NULL};

    if (is_tls(listener) && api->tls == NULL) {
        return ps_fail(PS_E_STATE, 0, "a TLS listener without certificate and key");
    }
    listener->fd = -1;
    return http_server_new(api->loop, &taken, &limits, &exchange_handler, api,
                           &api->servers[number].server);
}

static enum ps_err add_listener(struct api *api, const struct msg_listener *message, int fd)
{
    if (api->server_count == API_SERVERS_MAX || message->kind > LISTENER_TLS) {
        (void)close(fd);
        return ps_fail(PS_E_INPUT, 0, "more listeners than there may be, or one of no kind");
    }
    api->servers[api->server_count].listener = (struct http_listener){
        .transport = message->kind == LISTENER_TLS ? HTTP_TRANSPORT_TLS : HTTP_TRANSPORT_UNIX,
        .fd = fd};
    api->server_count++;
    return api->started ? start_server(api, api->server_count - 1) : PS_OK;
}

/* Bad material is said and passed over: what serves now goes on serving. */
static enum ps_err take_tls(struct api *api, const struct msg_tls *message)
{
    struct http_tls *tls;
    const enum ps_err err =
        http_tls_new(message->certificate, message->key, message->client_ca, &tls);

    if (err != PS_OK) {
        ps_line(PS_ERROR, "tls_refused", PS_STR("why", ps_detail()->text));
        return api->started ? PS_OK : err;
    }
    http_tls_free(api->tls);
    api->tls = tls;
    for (size_t i = 0; i < api->server_count; i++) {
        if (api->servers[i].server != NULL && is_tls(&api->servers[i].listener)) {
            http_server_set_tls(api->servers[i].server, tls);
        }
    }
    ps_line(PS_INFO, "tls_taken", PS_NUM("listeners", api->server_count));
    return PS_OK;
}

static enum ps_err start(struct api *api)
{
    const struct msg_ready ready = {.status = ps_bytes_str("listening")};

    if (api->started) {
        return ps_fail(PS_E_INPUT, 0, "started twice");
    }
    for (size_t i = 0; i < api->server_count; i++) {
        PS_TRY(start_server(api, i));
    }
    api->started = true;
    return channel_send(api->supervisor, &msg_ready_info, 0, &ready);
}

static void stop_now(void *context)
{
    struct api *api = context;

    keeper_fail_all(api->keeper, PS_PROBLEM_STOPPING);
    ps_loop_stop(api->loop);
}

/* Requests under way are finished; the loop is stopped when all servers are drained. */
static void stop(struct api *api, uint32_t within_ms)
{
    size_t running = 0;

    if (api->stopping) {
        return;
    }
    api->stopping = true;
    ps_timer_set_in(api->stop_timer, within_ms * PS_NS_PER_MS);
    for (size_t i = 0; i < api->server_count; i++) {
        if (api->servers[i].server != NULL) {
            running++;
            http_server_drain(api->servers[i].server);
        }
    }
    if (running == 0) {
        ps_loop_stop(api->loop);
    }
}

static enum ps_err take_peer(struct api *api, const struct msg_peer *message, int fd)
{
    if (message->role != IPC_ROLE_KEEPER) {
        (void)close(fd);
        return ps_fail(PS_E_INPUT, 0, "a peer that is no keeper");
    }
    return keeper_connect(api->keeper, fd);
}

static enum ps_err on_message(void *context, struct channel *channel,
                              const struct ipc_message *info, uint64_t id, const void *message,
                              int fd)
{
    struct api *api = context;

    (void)channel;
    (void)id;
    if (info == &msg_listener_info) {
        return add_listener(api, message, fd);
    }
    if (info == &msg_peer_info) {
        return take_peer(api, message, fd);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (info == &msg_tls_info) {
        return take_tls(api, message);
    }
    if (info == &msg_start_info) {
        return start(api);
    }
    if (info == &msg_stop_info) {
        stop(api, ((const struct msg_stop *)message)->within_ms);
        return PS_OK;
    }
    if (info == &msg_log_level_info) {
        ps_line_set_level(((const struct msg_log_level *)message)->level);
        return PS_OK;
    }
    return ps_fail(PS_E_INPUT, 0, "%s is not for an api process", info->name);
}

/* Without a supervisor there is nobody to be told and nobody to stop us. */
static void on_end(void *context, struct channel *channel, enum ps_err why)
{
    struct api *api = context;

    (void)channel;
    if (why != PS_OK) {
        ps_line(PS_ERROR, "supervisor_channel", PS_STR("why", ps_detail()->text));
        api->exit_code = 1;
    }
    stop_now(api);
}

static const struct channel_handler handler = {.on_message = on_message, .on_end = on_end};

static enum ps_err prepare(struct api *api, int supervisor_fd)
{
    PS_TRY(channel_new(api->loop, supervisor_fd, &supervisor_set, IPC_SERVER, &handler, api,
                       &api->supervisor));
    PS_TRY(json_new(&api->body_json));
    PS_TRY(json_new(&api->other_json));
    PS_TRY(ps_timer_new(api->loop, stop_now, api, &api->stop_timer));
    PS_TRY(keeper_new(api->loop, api->other_json, api->config->requests_in_flight, &api->keeper));
    return metrics_new(api->loop, api->keeper, &api->metrics);
}

static void clear(struct api *api)
{
    if (api->keeper != NULL) {
        keeper_fail_all(api->keeper, PS_PROBLEM_STOPPING);
    }
    for (size_t i = 0; i < api->server_count; i++) {
        http_server_free(api->servers[i].server);
        if (api->servers[i].listener.fd >= 0) {
            (void)close(api->servers[i].listener.fd);
        }
    }
    http_tls_free(api->tls);
    metrics_free(api->metrics);
    keeper_free(api->keeper);
    ps_timer_free(api->stop_timer);
    json_free(api->body_json);
    json_free(api->other_json);
    channel_free(api->supervisor);
}

int api_main(struct ps_loop *loop, int supervisor_fd, const struct msg_api_config *config)
{
    struct api api = {.loop = loop, .config = config};
    enum ps_err err;

    api.listener = config->role == IPC_ROLE_API_MANAGEMENT ? LISTENS_MANAGEMENT : LISTENS_CLIENTS;
    err = prepare(&api, supervisor_fd);
    if (err == PS_OK) {
        err = ps_loop_run(loop);
    }
    if (err != PS_OK) {
        ps_line(PS_ERROR, "api_failed", PS_STR("why", ps_detail()->text));
        api.exit_code = 1;
    }
    clear(&api);
    return api.exit_code;
}
