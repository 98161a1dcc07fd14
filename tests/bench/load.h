#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include "lib/base/buf.h"

#include <openssl/ssl.h>

/*
 * A load generator: keep-alive connections over a Unix socket or mutual TLS, as fast as they go or
 * at a fixed rate. Each sends one fixed request again and again, or goes through a script. What is
 * to be verified is kept and verified after the run.
 */
struct load_answer {
    int status;
    struct ps_bytes head; /* with a NUL somewhere behind it */
    struct ps_bytes body;
};

enum load_step { LOAD_GOES_ON, LOAD_DONE, LOAD_FAILED };

/* What a connection does, request for request; each connection has its number. */
struct load_script {
    void *context;
    /* The first request, and after an answer the next one, where it goes on. */
    void (*begin)(void *context, unsigned connection, struct ps_buf *request);
    enum load_step (*next)(void *context, unsigned connection, const struct load_answer *answer,
                           struct ps_buf *request);
};

struct load_plan {
    const char *socket; /* or: */
    const char *host;
    const char *port;
    const char *ca;
    const char *certificate;
    const char *key;
    struct ps_bytes request; /* whole, with its header; or: */
    const struct load_script *script;
    unsigned connections;
    double seconds;
    double warm_up;
    double rate; /* requests a second; 0: as fast as answers come */
};

struct load_times {
    uint32_t *tenths; /* of a microsecond */
    size_t count;
};

/* `requests` and `answered` are whole scripts where there is one. */
struct load_result {
    uint64_t requests; /* answered with 200 within the counted time */
    uint64_t dropped;  /* anything else */
    double seconds;
    struct load_times times; /* one per request that began within the counted time */
    struct load_times steps; /* one per answer within a script */
    uint8_t *bodies;         /* u32 length in host order, octets; of every 200, warm-up included */
    size_t bodies_len;
    uint64_t answered; /* all 200s */
};

/* Runs the plan; ends the program with a sentence when the appliance cannot be reached. */
void load_run(const struct load_plan *plan, struct load_result *ret_result);

/* Scripts keep what is to be verified: JSON with a member `jws` or `document`. */
void load_keep(struct load_result *result, struct ps_bytes body);

/*
 * Verifies every JWS, credential with a proof and COSE_Sign1 in the bodies against the set, by as
 * many processes as there are processors. Yields how many there were and how many of them verified.
 */
void load_verify(const struct load_result *result, struct ps_bytes jwks, uint64_t *ret_count,
                 uint64_t *ret_good);

#endif
