#ifndef CEREMONY_LOG_REPORT_H
#define CEREMONY_LOG_REPORT_H

#include "lib/ceremony/log/files.h"
#include "lib/ceremony/log/verify.h"

/* What is found goes through here, so that it is counted. */
struct log_report {
    log_row_fn *fn;
    void *context;
    unsigned failures;
    unsigned in_tree; /* failures of the present tree */
};

/* A damaged tree is wrong in many places; the first ones are enough. */
#define LOG_FAILURES_MAX 20u

struct log_where {
    const char *check;
    const char *tree;
    const struct log_place *place; /* NULL: about no one file */
    uint64_t leaf;                 /* or LOG_NOWHERE */
};

PS_PRINTF(4, 5)
void log_report_row(struct log_report *report, enum log_verdict verdict,
                    const struct log_where *where, const char *format, ...);

#endif
