#ifndef FRONTENDS_OIDC_FORM_H
#define FRONTENDS_OIDC_FORM_H

#include "lib/base/buf.h"

/* A body of application/x-www-form-urlencoded, as OAuth 2.0 sends it (RFC 6749 appendix B). */

#define FORM_PARAMETERS_MAX 40u
#define FORM_MAX            (64u * 1024u)

struct form {
    struct {
        struct ps_bytes name;
        struct ps_bytes value;
    } of[FORM_PARAMETERS_MAX];
    size_t count;
};

/*
 * memory: initialised; gets what is decoded, and outlives the form
 * Errors: PS_E_INPUT: a name twice (RFC 6749 section 3.1), an escape that is none, no UTF-8, a NUL;
 *         PS_E_LIMIT: over FORM_MAX or FORM_PARAMETERS_MAX; PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err form_parse(struct ps_bytes text, struct ps_buf *memory,
                                   struct form *ret_form);

/* RFC 6749 section 3.1: a parameter without a value is as one that is not there. */
bool form_get(const struct form *form, const char *name, struct ps_bytes *ret_value);

#endif
