#ifndef KEYSTORE_ANSWER_H
#define KEYSTORE_ANSWER_H

#include "keystore/internal.h"

/* Answers to the api processes. One that has gone gets none, and nobody is worse off. */

struct problem_answer {
    enum ps_problem problem;
    uint32_t retry_after_s; /* 0: what is usual for the problem */
    const char *detail;     /* for people; NULL: none */
    const char *state;      /* NULL: none */
};

void answer_problem(const struct reply_to *to, const struct problem_answer *answer);
void answer_document(const struct reply_to *to, const struct msg_document *document);
void answer_send(const struct reply_to *to, const struct ipc_message *info, const void *message);

/* The problem for an error that has just happened, with its detail where it may be shown. */
void answer_error(const struct reply_to *to, enum ps_err err);

/* False when the process that asked is gone. */
bool answer_is_wanted(const struct reply_to *to);

#endif
