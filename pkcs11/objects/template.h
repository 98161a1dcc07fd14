#ifndef PKCS11_OBJECTS_TEMPLATE_H
#define PKCS11_OBJECTS_TEMPLATE_H

#include "lib/base/algorithm.h"
#include "pkcs11/module/profile.h"

/*
 * Templates for new keys. Every attribute that matters is set, defaults are never trusted; which
 * value an attribute has for which kind of object is one table.
 */

enum { TEMPLATE_MAX = 32, TEMPLATE_NESTED_MAX = 8, TEMPLATE_NUMBERS_MAX = 6 };

enum template_role { TEMPLATE_PRIVATE = 1, TEMPLATE_PUBLIC = 2, TEMPLATE_SECRET = 4 };

/* What is to be made. The octets are borrowed. */
struct template_request {
    struct ps_bytes id;
    struct ps_bytes label;
    enum ps_key_type type;
    enum ps_usage usage;
    bool extractable;
    bool is_session;            /* it goes with the session, not into the token */
    bool is_unwrapped;          /* and was made elsewhere, or earlier */
    bool only_opens;            /* of a key that wraps: a copy, and what it opens may be wrapped */
    bool for_secrets;           /* of a key that wraps: secret keys, and no others */
    struct ps_bytes algorithms; /* one octet each, enum ps_alg; of keys that sign */
};

/* Not to be copied: it points into itself, and into the request and the profile. */
struct template
{
    CK_ATTRIBUTE attributes[TEMPLATE_MAX];
    CK_ULONG count;
    CK_ULONG numbers[TEMPLATE_NUMBERS_MAX];
    size_t numbers_used;
    CK_MECHANISM_TYPE mechanisms[PROFILE_ALLOWED_MAX];
    size_t mechanisms_count;
    CK_ATTRIBUTE nested[2][TEMPLATE_NESTED_MAX]; /* WRAP_TEMPLATE, UNWRAP_TEMPLATE */
};

/*
 * Whether such a key may be made at all: type and usage go together, the profile offers the type
 * and each algorithm, and each algorithm fits the type.
 * Errors: PS_E_INPUT (contradiction), PS_E_DENIED (not offered)
 */
PS_MUST_USE enum ps_err template_check(const struct profile *profile,
                                       const struct template_request *request);

/* For a request that template_check accepts. */
void template_build(const struct profile *profile, const struct template_request *request,
                    enum template_role role, struct template *ret_template);

/* True when keys of this type come as a pair. */
bool template_is_pair(enum ps_key_type type);

#endif
