#ifndef FRONTENDS_PLUGINS_REGISTRY_REGISTRY_H
#define FRONTENDS_PLUGINS_REGISTRY_REGISTRY_H

#include "frontends/plugins/privyseal_authenticator.h"
#include "frontends/plugins/registry/deliver.h"
#include "frontends/plugins/registry/otp.h"
#include "frontends/plugins/registry/persons.h"

#include <pthread.h>

/* The register of people, asked by several threads at once. */
struct registry {
    struct registry_config *config;
    struct delivery delivery;
    pthread_mutex_t mutex; /* of `db`, and of the next but one */
    struct db *db;
    uint64_t relay_failed_ns; /* monotonic; 0: it takes mail, as far as is known */
    pthread_mutex_t moving;   /* of `mover` */
    struct db *mover;         /* the same database, for its checkpoints */
    unsigned answers;
    uint8_t secret[REGISTRY_SECRET_LEN];
    struct ps_buf writable; /* of the description */
};

/* Reads its configuration file and opens what that names. To be cleared also after an error. */
PS_MUST_USE enum ps_err registry_open(const char *config, struct registry *registry);
void registry_close(struct registry *registry);

/* Texts of the answer. */
struct registry_said {
    struct ps_buf one; /* masked email; kyc token; claims */
    struct ps_buf two; /* masked mobile; subject */
    struct ps_buf metadata;
    struct ps_buf mail; /* an address that `otp` is to be mailed to; empty: none */
    char otp[OTP_DIGITS + 1];
};
void registry_said_clear(struct registry_said *said);

/*
 * What each call of the interface comes to. `said` holds the texts, empty before, and is the
 * caller's to clear.
 *
 * Blocks: tens of milliseconds for PINs and passwords
 */
void registry_send_otp(struct registry *registry, const struct privyseal_auth_request *request,
                       struct registry_said *said, struct privyseal_auth_answer *ret_answer);
void registry_authenticate(struct registry *registry, const struct privyseal_auth_request *request,
                           struct registry_said *said, struct privyseal_auth_answer *ret_answer);
void registry_exchange(struct registry *registry, const struct privyseal_auth_request *request,
                       struct registry_said *said, struct privyseal_auth_answer *ret_answer);

/*
 * After the answer, whose time is then the same for people who are there and who are not: mails
 * what is to be mailed. When the relay is away, one-time passwords are so for everybody, for a
 * moment; what it does not take for one person is told to nobody.
 *
 * Blocks: delivery_send. Errors: its own
 */
PS_MUST_USE enum ps_err registry_mail(struct registry *registry,
                                      const struct privyseal_auth_request *request,
                                      const struct registry_said *said);

/*
 * After each answer: now and then moves what was written from the log of the database into it,
 * while others go on. Blocks: until the disk has it. Errors: those of lib/db
 */
PS_MUST_USE enum ps_err registry_tidy(struct registry *registry);

/*
 * What one question changes is one transaction. It is committed when it was refused, too: tries
 * count. Yields `err`, or what kept it from being committed.
 */
PS_MUST_USE enum ps_err registry_commit(struct db_transaction *transaction, enum ps_err err);

/* An answer for what failed, with the detail of it. */
struct privyseal_auth_answer registry_failure(enum ps_err err);

/* Where one-time passwords of a login are kept. login: gets the text that the place points into */
PS_MUST_USE enum ps_err registry_otp_place(const struct registry *registry,
                                           const struct privyseal_auth_request *request,
                                           struct ps_bytes person, struct ps_buf *login,
                                           struct otp_place *ret_place);

#endif
