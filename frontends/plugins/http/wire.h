#ifndef FRONTENDS_PLUGINS_HTTP_WIRE_H
#define FRONTENDS_PLUGINS_HTTP_WIRE_H

#include "lib/base/buf.h"

#include <curl/curl.h>

/*
 * Requests over kept-open connections, all made by one thread, so that one that waits for its
 * answer costs a few kilobytes and no thread.
 */
struct wire;

struct wire_options {
    struct ps_bytes ca; /* PEM; copied, as the rest; empty: those whom the system trusts */
    struct ps_bytes certificate;
    struct ps_bytes key;
    long connections;
    size_t waiting; /* requests at once */
};

/* One request; its maker's memory, from wire_send until `done`. */
struct transfer {
    struct ps_buf url; /* NUL-terminated */
    struct ps_buf body;
    struct ps_buf answer; /* its maximum is the longest answer */
    bool post;
    uint32_t timeout_ms;
    /*
     * On the wire's thread. status: of HTTP, or 0 when there is none; `why` says then what happened
     */
    void (*done)(struct transfer *transfer, long status, const char *why);
    /* Instead, when the wire ends first. */
    void (*drop)(struct transfer *transfer);
    CURL *easy; /* the rest is the wire's */
    struct transfer *next;
    struct transfer *previous;
};

/* Errors: PS_E_NO_MEMORY */
PS_MUST_USE enum ps_err wire_new(const struct wire_options *options, struct wire **ret_wire);

/* Makes the thread. Errors: PS_E_INTERNAL */
PS_MUST_USE enum ps_err wire_start(struct wire *wire);

/* Ends the thread; what is under way is dropped. */
void wire_free(struct wire *wire);

/* Never blocks. Errors: PS_E_BUSY (too many), PS_E_NO_MEMORY; neither done nor drop comes then */
PS_MUST_USE enum ps_err wire_send(struct wire *wire, struct transfer *transfer);

#endif
