#ifndef JSONLD_JSON_LITERAL_H
#define JSONLD_JSON_LITERAL_H

#include "lib/jsonld/processor.h"

/*
 * The lexical form of an rdf:JSON literal: any JSON in the canonical form of RFC 8785 (JCS), which
 * JSON-LD 1.1 API section 8.2.2 step 8 asks for.
 *
 * Errors: PS_E_INPUT (a whole number that no double holds, unless options->lossy), PS_E_LIMIT,
 *         PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err json_literal_put(struct processor *processor, const struct value *value,
                                         struct ps_buf *out);

#endif
