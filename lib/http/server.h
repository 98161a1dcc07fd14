#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "lib/base/loop.h"
#include "lib/http/request.h"
#include "lib/http/tls.h"

/*
 * One listener: HTTP/1.1 through libmicrohttpd in its external epoll mode, nested in an event loop.
 * Deadlines for handshake, head, body and answer are absolute, not of inactivity.
 */
struct http_server;

struct http_limits {
    uint32_t header_deadline_ms; /* from the connection's or request's start to its head's end */
    uint32_t body_deadline_ms;   /* for the body; and for the client to take the answer */
    uint32_t idle_deadline_ms;   /* between two requests */
    uint32_t connections;        /* in all; the one idle longest is closed for a new one */
    uint32_t connections_per_caller;
    /*
     * Of a request's head, with 64 octets for each field; 0: 16 KiB. What does not fit is 431, of
     * the target 414. libmicrohttpd clears as much after each request: a larger one costs time, and
     * pushes out of the processor's cache what others work with.
     */
    uint32_t head_octets;
};

enum http_transport {
    HTTP_TRANSPORT_UNIX,
    HTTP_TRANSPORT_TLS,
    HTTP_TRANSPORT_TCP /* in the clear and from nobody: for what is public and signed */
};

struct http_handler {
    /* The head is complete. Answer now, or say with http_request_allow_body what may follow. */
    void (*on_head)(void *context, struct http_request *request);
    /* The request is complete, unless on_head answered it. Answer now or later. */
    void (*on_request)(void *context, struct http_request *request);
    /* An answer was decided upon, the server's own refusals included: for counters and lines. */
    void (*on_answer)(void *context, struct http_request *request, unsigned status);
    /* After http_server_drain: the last request has been answered and sent. */
    void (*on_drained)(void *context, struct http_server *server);
    size_t extra; /* octets of http_request_extra */
    /* Queries are left as they stand (http_target_split), and there are no parameters. */
    bool plain_query;
};

/*
 * Takes over `fd`, a listening socket, also on error. `tls`: for HTTP_TRANSPORT_TLS, a reference
 * is taken. `limits` is copied. Errors: PS_E_INTERNAL, PS_E_NO_MEMORY.
 */
struct http_listener {
    enum http_transport transport;
    int fd;
    struct http_tls *tls;
};
PS_MUST_USE enum ps_err http_server_new(struct ps_loop *loop, const struct http_listener *listener,
                                        const struct http_limits *limits,
                                        const struct http_handler *handler, void *context,
                                        struct http_server **ret_server);

/* Every request that on_request was called for must have been answered. */
void http_server_free(struct http_server *server);
PS_DEFINE_CLEANUP(struct http_server, http_server_free)

/* For connections from now on. Callers of older connections are verified anew against it. */
void http_server_set_tls(struct http_server *server, struct http_tls *tls);

/* Takes no new connection, closes those without a request, and the others after their answer. */
void http_server_drain(struct http_server *server);

/* Requests that are arriving, worked on or being answered. */
size_t http_server_requests(const struct http_server *server);

#endif
