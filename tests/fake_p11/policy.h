#ifndef FAKE_P11_POLICY_H
#define FAKE_P11_POLICY_H

#include "object.h"

/* Who may have which attributes: one table of the attributes of PKCS#11 v3.1, section 4. */

/* How a key or object comes to be; it decides which attributes a template may hold. */
enum origin { ORIGIN_CREATE, ORIGIN_GENERATE, ORIGIN_UNWRAP, ORIGIN_DERIVE };

enum role { ROLE_NONE, ROLE_USER, ROLE_SO };

/*
 * Copies a template into attrs, which may hold some already (its class, the members of an
 * UNWRAP_TEMPLATE): those may be repeated but not contradicted.
 * Errors: CKR_TEMPLATE_INCOMPLETE (no class), CKR_TEMPLATE_INCONSISTENT,
 * CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_READ_ONLY
 */
CK_RV policy_take_template(struct attrs *attrs, enum origin origin, enum role role,
                           const CK_ATTRIBUTE *templ, CK_ULONG count);

/* Adds what the template left out and what only the token sets. */
CK_RV policy_complete(struct attrs *attrs, enum origin origin, CK_MECHANISM_TYPE generated_by);

/* Changes attributes of an object as C_SetAttributeValue (copying: as C_CopyObject) may.
 * Errors: as policy_take_template */
CK_RV policy_change(struct attrs *attrs, enum role role, bool copying, const CK_ATTRIBUTE *templ,
                    CK_ULONG count);

bool policy_is_secret(CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE type);

#endif
