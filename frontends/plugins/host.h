#ifndef FRONTENDS_PLUGINS_HOST_H
#define FRONTENDS_PLUGINS_HOST_H

#include "frontends/plugins/privyseal_authenticator.h"
#include "lib/base/loop.h"

#include <sys/types.h>

/*
 * The side of a front end: a plugin with the event loop that asks it. What it answers, from
 * whatever thread, is checked and comes back into the loop.
 */
struct authenticator;

struct authenticator_options {
    const char *path;   /* as plugin_load */
    uid_t owner;        /* as plugin_load */
    const char *config; /* of the plugin; handed to it */
    size_t threads;     /* for what may block: 1 to WORKERS_MAX */
    size_t waiting;     /* work that may wait for one of them */
    /* A line of the log; called from any thread. */
    void (*log)(const char *plugin, const char *event, const char *detail);
};

/*
 * Loads the plugin and has it read its configuration; before the sandbox.
 * Errors: as plugin_load, or PS_E_INPUT with what the plugin says.
 */
PS_MUST_USE enum ps_err authenticator_open(const struct authenticator_options *options,
                                           struct ps_loop *loop,
                                           struct authenticator **ret_authenticator);

/* Complete: no text is NULL. */
const struct privyseal_auth_description *
authenticator_description(const struct authenticator *authenticator);
const char *authenticator_name(const struct authenticator *authenticator);

/* Makes threads; in the sandbox. Errors: PS_E_NO_MEMORY, PS_E_INTERNAL (with what the plugin says)
 */
PS_MUST_USE enum ps_err authenticator_start(struct authenticator *authenticator);

/* What was not answered yet is answered now: AWAY. */
void authenticator_close(struct authenticator *authenticator);
PS_DEFINE_CLEANUP(struct authenticator, authenticator_close)

enum question_kind {
    QUESTION_SEND_OTP,
    QUESTION_AUTHENTICATE,
    QUESTION_EXCHANGE,
    QUESTION_CERTIFICATES
};

/* The caller's memory, from authenticator_ask until `done`. */
struct question {
    enum question_kind kind;
    /*
     * In the loop, once, after authenticator_ask has returned. The answer is valid until it
     * returns. OK has what its kind promises; a code is there when it is REFUSED; nobody needs to
     * check that. No answer in time is AWAY, an answer that is not sound is FAILED.
     */
    void (*done)(struct question *question, const struct privyseal_auth_answer *answer);
    struct authenticator *authenticator; /* the rest is authenticator_ask's */
    struct ps_timer *timer;
    uint64_t call;
};

/*
 * request: gone when this returns
 * Errors:  PS_E_INPUT (over a limit of the interface), PS_E_NOT_FOUND (the plugin does not do
 * that), PS_E_NO_MEMORY; `done` is not called then
 */
PS_MUST_USE enum ps_err authenticator_ask(struct authenticator *authenticator,
                                          const struct privyseal_auth_request *request,
                                          struct question *question);

#endif
