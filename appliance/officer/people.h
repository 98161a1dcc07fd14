#ifndef APPLIANCE_OFFICER_PEOPLE_H
#define APPLIANCE_OFFICER_PEOPLE_H

#include "lib/ceremony/operation/document.h"
#include "lib/ceremony/people/policy.h"
#include "lib/ceremony/people/roster.h"

/* Whose signatures on a document count. */
struct people {
    struct roster *now;
    struct roster *next; /* with those whom the document brings */
    bool are_new;        /* `next` has keys that `now` has not */
    bool is_genesis;     /* the document makes the first roster: all of it approve */
    bool are_recovery;   /* the recovery people approve, nobody else */
};

/*
 * path:        the roster's file; NULL is enough for genesis, which brings its own
 * ret_people:  to be cleared by the caller, also after an error
 * Errors:      as file_read and roster_parse; PS_E_INPUT (no path where one is needed)
 */
PS_MUST_USE enum ps_err people_load(const char *path, const struct operation_document *document,
                                    struct people *ret_people);
void people_clear(struct people *people);

/* A policy's file; NULL: the default one. Errors: as file_read and policy_parse. */
PS_MUST_USE enum ps_err policy_load(const char *path, struct policy *ret_policy);

#endif
