#ifndef HTTP_INTERNAL_H
#define HTTP_INTERNAL_H

#include "lib/base/map.h"
#include "lib/base/name.h"
#include "lib/http/server.h"

#include <gnutls/gnutls.h>
#include <microhttpd.h>

/* What a connection waits for; each has its own deadline and its own queue, oldest first. */
enum phase {
    PHASE_FRESH, /* connected, no request line yet: the header deadline */
    PHASE_OVER,  /* over a limit: a second to send one request and be told so */
    PHASE_IDLE,
    PHASE_HEAD,
    PHASE_BODY,
    PHASE_WORK, /* the handler's turn; no deadline of ours */
    PHASE_SEND,
    PHASE_COUNT
};

/* How many connections one caller has. */
struct tally {
    uint8_t key[1 + PS_SHA256_LEN]; /* what kind, and uid, address or SPKI hash */
    size_t key_len;
    uint32_t count;
};

struct http_connection {
    struct http_server *server;
    struct MHD_Connection *mhd;
    int fd;
    struct http_connection *next;
    struct http_connection *previous;
    enum phase phase;
    uint64_t since_ns; /* when the phase began */
    struct tally *tally;
    enum ps_problem over; /* why every request is refused; NONE: not */
    gnutls_session_t session;
    struct http_tls *tls;      /* what the session was made with */
    uint64_t verified_against; /* serial of the material the caller was verified against; 0: none */
    uint64_t verify_again_ns;  /* real time at which that has to be done anew */
    struct http_caller caller;
    struct http_request *request; /* the one under way, or NULL */
};

struct http_request {
    struct http_server *server;
    struct http_connection *connection;
    struct MHD_Connection *mhd;
    const char *raw_target; /* where it stood in the request line */
    uint64_t started_ns;
    enum http_method method;
    struct http_target target;
    struct ps_bytes headers[HTTP_HEADER_COUNT];
    uint64_t body_length; /* announced; 0 with chunks too */
    bool chunked;
    bool head_seen;
    bool complete;  /* its end was seen; the next call hands it over */
    bool suspended; /* MHD was told to wait for the answer */
    bool failed;    /* no answer can follow: close */
    size_t body_limit;
    uint64_t discarded;
    size_t held; /* octets of its body and answer, counted in the server's `held` */
    struct ps_buf in;
    struct ps_buf out;
    struct MHD_Response *response; /* decided upon, not yet given to MHD */
    unsigned status;               /* of the answer; 0: not answered */
    char id[PS_REQUEST_ID_MAX + 1];
    size_t id_len;
    struct http_request *next_free;
    size_t target_len; /* longer than target_text: it is not kept */
    char target_text[HTTP_TARGET_MAX + HTTP_QUERY_MAX];
    _Alignas(max_align_t) uint8_t extra[];
};

struct http_server {
    struct ps_loop *loop;
    struct http_handler handler;
    void *context;
    struct http_limits limits;
    enum http_transport transport;
    struct http_tls *tls;
    struct MHD_Daemon *daemon;
    struct ps_watch *watch;
    struct ps_defer *run;
    struct ps_timer *again;    /* MHD has more to do at once */
    struct ps_timer *deadline; /* the soonest of all connections */
    uint64_t deadline_ns;      /* what it is set to; UINT64_MAX: not set */
    struct ps_timer *look;     /* at clients that have closed their half */
    bool looking;              /* it is set */
    bool draining;
    bool drained;
    struct {
        struct http_connection *first;
        struct http_connection *last;
    } phases[PHASE_COUNT];
    uint32_t connections;
    size_t requests;
    size_t held; /* octets of all bodies and answers */
    struct ps_map *tallies;
    struct http_request *free_requests;
    size_t free_count;
};

/* connection.c */
void connection_started(struct http_server *server, struct MHD_Connection *mhd, void **context);
void connection_closed(struct http_server *server, void **context);
void connection_enter(struct http_connection *connection, enum phase phase);
void connection_end(const struct http_connection *connection);

/* deadline.c */
void deadline_consider(const struct http_connection *connection); /* that began a new phase */
void deadline_expired(void *context);

/* caller.c */
void caller_begin(struct http_connection *connection);    /* what is known when it is accepted */
void caller_identify(struct http_connection *connection); /* at each request */
void caller_forget(struct http_connection *connection);

/* request.c */
void request_hold(struct http_request *request, size_t octets);
bool request_is_too_much(const struct http_request *request);
void request_let_go(struct http_request *request); /* of its body */
struct http_request *request_new(struct http_connection *connection, const char *raw_target);
void request_release(struct http_request *request);
void request_free(struct http_request *request);

/* head.c */
PS_MUST_USE enum ps_err request_read_head(struct http_request *request, const char *version,
                                          const char *method);

/* exchange.c: what libmicrohttpd calls for each request */
void *exchange_begin(void *context, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result exchange_continue(void *context, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **request);
void exchange_end(void *context, struct MHD_Connection *mhd, void **request,
                  enum MHD_RequestTerminationCode why);

/* answer.c */
PS_MUST_USE enum MHD_Result answer_queue(struct http_request *request);
void answer_refuse_and_close(struct http_request *request, enum ps_problem problem,
                             const char *detail);
/* Writes a problem document past libmicrohttpd, which takes no answer before a body's end. */
void answer_late(struct http_request *request, enum ps_problem problem);

#endif
