#ifndef FRONTENDS_OIDC_IDENTIFY_H
#define FRONTENDS_OIDC_IDENTIFY_H

#include "frontends/oidc/challenge.h"
#include "frontends/oidc/login.h"

/*
 * What the plugin is asked about a person, with the limits of tries and what a login becomes by it;
 * for the JSON interface and for the pages alike.
 */
enum identified {
    IDENTIFY_OK,
    IDENTIFY_REFUSED, /* `code` says why, as eSignet or the plugin names it */
    IDENTIFY_AWAY,    /* nobody can say now */
    IDENTIFY_FAILED   /* `err`: nothing that who asks can help */
};

struct identify_outcome {
    enum identified result;
    const char *code;
    enum ps_err err;
    struct ps_bytes masked_email; /* where a one-time password went; empty: not there */
    struct ps_bytes masked_mobile;
};

/*
 * Called once, in the loop, perhaps before the function below has returned; it answers the
 * request. login, outcome: gone afterwards. After IDENTIFY_OK of a challenge the login is
 * authenticated, and its transaction has TRANSACTION_CONSENT_ACTION.
 */
typedef void identify_fn(struct login *login, const struct identify_outcome *outcome);

/* login: open (STORE_OPEN); what is in it is taken over. otp, challenges: copied as needed. */
void identify_send_otp(struct login *login, const struct otp_request *otp, identify_fn *done);
void identify_person(struct login *login, const struct challenges *challenges, identify_fn *done);

#endif
