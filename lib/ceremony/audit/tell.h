#ifndef CEREMONY_AUDIT_TELL_H
#define CEREMONY_AUDIT_TELL_H

#include "lib/ceremony/page/page.h"

/*
 * A report of audit.h for people, block by block: from its JSON alone, so that both say the same.
 * Errors: PS_E_INPUT (the octets are no report), PS_E_LIMIT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err audit_tell(struct ps_bytes report, struct page *page);

#endif
