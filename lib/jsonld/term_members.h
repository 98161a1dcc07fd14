#ifndef JSONLD_TERM_MEMBERS_H
#define JSONLD_TERM_MEMBERS_H

#include "lib/jsonld/context.h"

/*
 * What a term definition says besides its IRI and its type: steps 19 to 26 of section 4.2.2.
 * `value` may be a string or null, which say nothing more.
 */
PS_MUST_USE enum ps_err term_read_members(struct processor *processor,
                                          struct definitions *definitions, const struct name *name,
                                          const struct value *value, struct term *term);

#endif
