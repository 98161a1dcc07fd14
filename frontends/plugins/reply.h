#ifndef FRONTENDS_PLUGINS_REPLY_H
#define FRONTENDS_PLUGINS_REPLY_H

#include "frontends/plugins/host.h"
#include "frontends/shared/mailbox.h"

/* A copy of what a plugin answered, on its way into the loop. */
struct reply {
    struct mail mail; /* first: a mail is its reply */
    uint64_t call;
    struct privyseal_auth_answer answer;
    size_t len;
    uint8_t memory[];
};

/* NULL without memory. Texts that are over every limit become empty. */
struct reply *reply_new(uint64_t call, const struct privyseal_auth_answer *answer);

/* Wipes it: there are tokens in it. */
void reply_free(struct reply *reply);

/*
 * Makes of an answer what its question promises: a mistake in it is FAILED, and says so in its
 * detail; a refusal has a code.
 */
void reply_settle(struct reply *reply, enum question_kind kind);

/* False: a text or list of it is over a limit of the interface. */
bool request_fits(const struct privyseal_auth_request *request);

#endif
