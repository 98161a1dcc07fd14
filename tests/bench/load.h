#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include "lib/base/buf.h"

#include <openssl/ssl.h>

/*
 * A load generator for one fixed request: keep-alive connections over a Unix socket or mutual TLS,
 * as fast as they go or at a fixed rate, every answer kept and verified after the run.
 */
struct load_plan {
    const char *socket; /* or: */
    const char *host;
    const char *port;
    const char *ca;
    const char *certificate;
    const char *key;
    struct ps_bytes request; /* whole, with its header */
    unsigned connections;
    double seconds;
    double warm_up;
    double rate; /* requests a second; 0: as fast as answers come */
};

struct load_result {
    uint64_t requests; /* answered with 200 within the counted time */
    uint64_t dropped;  /* anything else */
    double seconds;
    uint32_t *tenths; /* of a microsecond, one per counted request */
    size_t tenths_count;
    uint8_t *bodies; /* u32 length in host order, octets; of every 200, warm-up included */
    size_t bodies_len;
    uint64_t answered; /* all 200s */
};

/* Runs the plan; ends the program with a sentence when the appliance cannot be reached. */
void load_run(const struct load_plan *plan, struct load_result *ret_result);

/*
 * Verifies every JWS and COSE_Sign1 in the bodies against the set, by as many processes as there
 * are processors. Yields how many there were and how many of them verified.
 */
void load_verify(const struct load_result *result, struct ps_bytes jwks, uint64_t *ret_count,
                 uint64_t *ret_good);

#endif
