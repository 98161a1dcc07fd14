#ifndef FRONTENDS_OIDC_IDENTIFY_H
#define FRONTENDS_OIDC_IDENTIFY_H

#include "frontends/oidc/challenge.h"
#include "frontends/oidc/login.h"

/*
 * What the plugin is asked about a person, with the limits of tries and what a login becomes by it;
 * for the JSON interface and for the pages alike.
 */
struct identify_sent {
    struct ps_bytes email; /* where a one-time password went, masked; empty: not there */
    struct ps_bytes mobile;
};

/*
 * What is told to who asks: one of these is called, once, in the loop, perhaps before the function
 * below has returned; it answers the request. Nothing of the login and the other arguments is there
 * afterwards.
 */
struct identify_teller {
    void (*sent)(struct login *login, const struct identify_sent *sent);
    /* The login is authenticated, and its transaction has TRANSACTION_CONSENT_ACTION. */
    void (*identified)(struct login *login);
    void (*refused)(struct login *login, const char *code); /* as eSignet or the plugin names it */
    void (*away)(struct login *login);                      /* nobody can say now */
    void (*failed)(struct login *login, enum ps_err err);   /* nothing that who asks can help */
};

/*
 * login:           open (STORE_OPEN); what is in it is taken over
 * otp, challenges: gone when this returns
 * teller:          stays valid
 */
void identify_send_otp(struct login *login, const struct otp_request *otp,
                       const struct identify_teller *teller);
void identify_person(struct login *login, const struct challenges *challenges,
                     const struct identify_teller *teller);

#endif
