#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include "lib/base/buf.h"
#include "lib/base/problem.h"

/* A refusal on its way to a client. Zero and empty members are left out of the document. */
struct http_problem {
    enum ps_problem problem;
    struct ps_bytes detail; /* for people, about this very request; never vendor text */
    struct ps_bytes state;  /* the state that explains it */
    uint32_t retry_after_s;
    bool has_item;
    uint32_t item; /* which of a batch */
};

/* "application/problem+json" */
extern const char http_problem_media[];

/* HTTP status of a problem; 500 for what is none. */
unsigned http_problem_status(enum ps_problem problem);

/*
 * Appends a problem document (RFC 9457): type, title, status, detail, instance, code, and where it
 * applies state, retry_after_s and item.
 *
 * instance: the request id, or empty
 */
void http_put_problem(const struct http_problem *problem, struct ps_bytes instance,
                      struct ps_buf *out);

#endif
