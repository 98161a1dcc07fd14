#include "frontends/shared/serve.h"

#include "lib/base/secret.h"
#include "lib/system/file.h"

#include <unistd.h>

enum { UNIX, TLS };

#define CERTIFICATE_MAX (64u * 1024u)
#define CLIENT_CA_MAX   (256u * 1024u)

static enum ps_err load_key(const char *path, struct ps_secret **ret_key)
{
    PS_CLEANUP(file_close_cleanup) int fd = -1;

    PS_TRY(file_open_private(path, &fd));
    return ps_secret_read_fd(fd, ret_key);
}

static enum ps_err load_tls(const struct serve *serve, struct http_tls **ret_tls)
{
    PS_CLEANUP(ps_secret_free_cleanup) struct ps_secret *key = NULL;
    PS_BUF_AUTO certificate = {.max = 0};
    PS_BUF_AUTO client_ca = {.max = 0};

    PS_TRY(file_read(serve->settings->certificate, CERTIFICATE_MAX, &certificate));
    PS_TRY(load_key(serve->settings->key, &key));
    if (!serve->with_callers) {
        return http_tls_new_public(ps_buf_bytes(&certificate), ps_secret_bytes(key), ret_tls);
    }
    PS_TRY(file_read(serve->settings->client_ca, CLIENT_CA_MAX, &client_ca));
    return http_tls_new(ps_buf_bytes(&certificate), ps_secret_bytes(key), ps_buf_bytes(&client_ca),
                        ret_tls);
}

static enum ps_err open_all(struct serve *serve)
{
    const struct settings_listener *settings = serve->settings;
    const struct place_unix unix_place = {.path = settings->socket,
                                          .group = settings->socket_group,
                                          .mode = (mode_t)settings->socket_mode};
    const struct place_tcp tcp_place = {.address = settings->tls_address,
                                        .port = (uint16_t)settings->tls_port};

    if (settings->tls_port != 0) {
        PS_TRY(load_tls(serve, &serve->tls));
        PS_TRY(place_listen_tcp(&tcp_place, &serve->fds[TLS]));
    }
    if (settings->socket[0] != '\0') {
        PS_TRY(place_listen_unix(&unix_place, &serve->file, &serve->fds[UNIX]));
        serve->has_file = true;
    }
    return PS_OK;
}

enum ps_err serve_open(const struct settings_listener *settings, bool with_callers,
                       struct serve *ret_serve)
{
    struct serve serve = {.settings = settings, .with_callers = with_callers, .fds = {-1, -1}};
    const enum ps_err err = open_all(&serve);

    if (err != PS_OK) {
        serve_close(&serve);
        return err;
    }
    *ret_serve = serve;
    return PS_OK;
}

enum ps_err serve_start(struct serve *serve, struct ps_loop *loop,
                        const struct http_handler *handler, void *context)
{
    const struct http_limits limits = {
        .header_deadline_ms = (uint32_t)serve->settings->header_deadline_ms,
        .body_deadline_ms = (uint32_t)serve->settings->body_deadline_ms,
        .idle_deadline_ms = (uint32_t)serve->settings->idle_deadline_ms,
        .connections = (uint32_t)serve->settings->connections,
        .connections_per_caller = (uint32_t)serve->settings->connections_per_caller,
    };

    for (unsigned i = UNIX; i <= TLS; i++) {
        const struct http_listener listener = {.transport = i == TLS ? HTTP_TRANSPORT_TLS
                                                                     : HTTP_TRANSPORT_UNIX,
                                               .fd = serve->fds[i],
                                               .tls = i == TLS ? serve->tls : NULL};

        if (serve->fds[i] < 0) {
            continue;
        }
        serve->fds[i] = -1;
        PS_TRY(http_server_new(loop, &listener, &limits, handler, context, &serve->servers[i]));
    }
    return PS_OK;
}

enum ps_err serve_reload(struct serve *serve)
{
    struct http_tls *tls;

    if (serve->tls == NULL) {
        return PS_OK;
    }
    PS_TRY(load_tls(serve, &tls));
    http_tls_free(serve->tls);
    serve->tls = tls;
    if (serve->servers[TLS] != NULL) {
        http_server_set_tls(serve->servers[TLS], tls);
    }
    return PS_OK;
}

unsigned serve_count(const struct serve *serve)
{
    return (serve->servers[UNIX] == NULL ? 0u : 1u) + (serve->servers[TLS] == NULL ? 0u : 1u);
}

void serve_drain(struct serve *serve)
{
    for (unsigned i = UNIX; i <= TLS; i++) {
        if (serve->servers[i] != NULL) {
            http_server_drain(serve->servers[i]);
        }
    }
}

void serve_close(struct serve *serve)
{
    for (unsigned i = UNIX; i <= TLS; i++) {
        http_server_free(serve->servers[i]);
        if (serve->fds[i] >= 0) {
            (void)close(serve->fds[i]);
        }
    }
    http_tls_free(serve->tls);
    if (serve->has_file) {
        place_remove_unix(serve->settings->socket, &serve->file);
    }
    *serve = (struct serve){.fds = {-1, -1}};
}
