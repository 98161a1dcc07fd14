#ifndef PKCS11_MODULE_SLOT_H
#define PKCS11_MODULE_SLOT_H

#include "pkcs11/module/profile.h"

/*
 * Which slot holds the token: found by an RFC 7512 URI, never by the slot's number, which may
 * change with every start.
 */
struct token_uri;

/*
 * Reads a URI with any of token=, serial=, manufacturer=, model=, each once. What else stands in it
 * is an error: a PIN does not belong in a URI, and the module is named by the configuration. An
 * empty URI stands for a token that is still to be initialised.
 * Errors: PS_E_INPUT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err token_uri_parse(struct ps_bytes text, struct token_uri **ret_uri);
void token_uri_free(struct token_uri *uri);
PS_DEFINE_CLEANUP(struct token_uri, token_uri_free)

/* What C_GetTokenInfo says, without the padding. */
struct token_description {
    char label[33];
    char serial[17];
    char manufacturer[33];
    char model[17];
    char firmware[16];
    CK_FLAGS flags;
};

void token_describe(const CK_TOKEN_INFO *info, struct token_description *ret_description);

/* True when it was never initialised, or the user PIN is still missing. */
bool token_is_blank(CK_FLAGS flags);

enum slot_found {
    SLOT_NONE,
    SLOT_BLANK,     /* a token that is not initialised and that the URI does not rule out */
    SLOT_HALF_MADE, /* the one, but its initialisation was cut off before it had a user PIN */
    SLOT_TOKEN,     /* the one */
    SLOT_SEVERAL,   /* more than one fits: none is taken */
    SLOT_FOREIGN    /* it fits, but is not of the kind that the profile is for */
};

struct slot_choice {
    enum slot_found found;
    CK_SLOT_ID slot;
    struct token_description token;
};

/*
 * Looks through the slots that have a token. A token that cannot be read is passed over, its fault
 * kept in ret_fault (class FAULT_NONE: there was none).
 *
 * blank_ok: a token to initialise may be chosen
 * Errors:   PS_E_TOKEN (the list of slots could not be had)
 */
PS_MUST_USE enum ps_err slot_find(const CK_FUNCTION_LIST *fn, const struct profile *profile,
                                  const struct token_uri *uri, bool blank_ok,
                                  struct fault *ret_fault, struct slot_choice *ret_choice);

#endif
