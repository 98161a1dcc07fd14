#ifndef FRONTENDS_SHARED_SERVE_H
#define FRONTENDS_SHARED_SERVE_H

#include "frontends/shared/settings.h"
#include "lib/http/server.h"
#include "lib/system/place.h"

/* A listener of a companion: its Unix socket, its TLS port, or both, with one handler. */
struct serve {
    const struct settings_listener *settings; /* stays valid */
    bool with_callers;
    struct place_file file;
    int fds[2]; /* Unix, TLS; -1: none, or its server's */
    struct http_tls *tls;
    struct http_server *servers[2];
    bool has_file;
};

/* Opens the sockets and reads certificate and key; before the sandbox. Errors: PS_E_INPUT, ... */
PS_MUST_USE enum ps_err serve_open(const struct settings_listener *settings, bool with_callers,
                                   struct serve *ret_serve);
PS_MUST_USE enum ps_err serve_start(struct serve *serve, struct ps_loop *loop,
                                    const struct http_handler *handler, void *context);

/* Reads certificate and key anew; after an error the old ones stay. */
PS_MUST_USE enum ps_err serve_reload(struct serve *serve);

/* How many servers there are, each of which calls on_drained once after serve_drain. */
unsigned serve_count(const struct serve *serve);

/* Takes no more connections, and finishes what is under way. */
void serve_drain(struct serve *serve);
void serve_close(struct serve *serve);

#endif
