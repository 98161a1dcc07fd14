#ifndef API_CLIENT_PRIVYSEAL_H
#define API_CLIENT_PRIVYSEAL_H

#include <stddef.h>
#include <stdint.h>

/*
 * The Privyseal client library: what a program needs to have things signed by the appliance.
 *
 * One `struct privyseal` is one appliance reached over kept-alive connections, for one thread at a
 * time. Refusals are values: a call that reached the appliance and was refused yields
 * PRIVYSEAL_REFUSED and the problem document (RFC 9457) in the answer. See privyseal(3).
 */

#if defined(__GNUC__)
#define PRIVYSEAL_API      __attribute__((visibility("default")))
#define PRIVYSEAL_MUST_USE __attribute__((warn_unused_result))
#else
#define PRIVYSEAL_API
#define PRIVYSEAL_MUST_USE
#endif

enum privyseal_result {
    PRIVYSEAL_OK = 0,
    PRIVYSEAL_REFUSED,     /* the appliance answered with a problem document */
    PRIVYSEAL_UNREACHABLE, /* no connection, or it broke; nothing is known to have happened */
    PRIVYSEAL_TIMEOUT,     /* no answer within timeout_ms */
    PRIVYSEAL_BAD_ANSWER,  /* what answered is no Privyseal appliance of this version */
    PRIVYSEAL_USAGE,       /* a mistake in the call; see privyseal_last_error */
    PRIVYSEAL_NO_MEMORY
};

struct privyseal_options {
    const char *socket;      /* path of a Unix socket, or NULL */
    const char *url;         /* "https://host:port" when there is no socket */
    const char *ca;          /* files in PEM, for https: who issued the appliance's certificate, */
    const char *certificate; /* our own certificate, */
    const char *key;         /* and its key */
    unsigned timeout_ms;     /* of one request with its retries; 0: 10,000 */
    unsigned retries;        /* of what is safe to repeat; 0: 2, UINT_MAX: none */
};

struct privyseal;

PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_open(const struct privyseal_options *options, struct privyseal **ret_client);
PRIVYSEAL_API void privyseal_close(struct privyseal *client);

/* A sentence about the last failed call of this client; valid until the next call. */
PRIVYSEAL_API const char *privyseal_last_error(const struct privyseal *client);

/* A problem document; members that it does not have are "" or 0. */
struct privyseal_problem {
    int status;
    const char *code;
    const char *title;
    const char *detail;
    const char *state;
    const char *request_id;
    unsigned retry_after_s;
};

struct privyseal_answer {
    int status;
    char *body; /* NUL-terminated; the NUL is not counted */
    size_t body_len;
    const char *content_type; /* these four are "" when absent */
    const char *etag;
    const char *location;
    const char *request_id;
    struct privyseal_problem problem; /* code is "" unless the call was refused */
    void *memory;                     /* the library's */
};
PRIVYSEAL_API void privyseal_answer_clear(struct privyseal_answer *answer);

struct privyseal_request {
    const char *method; /* "GET", "POST", "PUT", "DELETE" */
    const char *path;   /* with its query: "/v1/keys?limit=10" */
    const char *body;   /* JSON, or of content_type; NULL: none */
    size_t body_len;
    const char *content_type;    /* of the body; NULL: application/json */
    const char *accept;          /* media type, or NULL */
    const char *idempotency_key; /* or NULL: makes a POST safe to repeat */
    const char *if_match;        /* ETag without quotes, or NULL */
    const char *request_id;      /* or NULL: the appliance makes one */
};

/*
 * Any request. The answer is filled for PRIVYSEAL_OK (2xx, 304) and PRIVYSEAL_REFUSED; clear it.
 *
 * Repeated on a broken connection: GET, PUT, DELETE, and POST with an idempotency key. Repeated on
 * 429 and 503, after a `Retry-After` of at most 5 seconds and within timeout_ms: everything, since
 * the appliance says so only when nothing was released. Who is told to come back later than that
 * hears it at once.
 */
PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_call(struct privyseal *client, const struct privyseal_request *request,
               struct privyseal_answer *ret_answer);

/* The certificate of a key's active version, and what leads from it to a root: PEM in the body. */
PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_get_certificate(struct privyseal *client, const char *key,
                          struct privyseal_answer *ret_answer);

/* The JWK set of this name (NULL: the default one) is the answer's body. */
PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_get_jwks(struct privyseal *client, const char *set, struct privyseal_answer *ret_answer);

/* "ok", "refused", "unreachable", ... */
PRIVYSEAL_API const char *privyseal_result_name(enum privyseal_result result);

#endif
