#ifndef RDF_TEXT_H
#define RDF_TEXT_H

#include "lib/base/buf.h"

/* The texts of terms: what the grammar of N-Quads and its canonical form say about characters. */

/* Octets at the front that are a label of a blank node (without "_:"); UTF-8. 0: none. */
size_t rdf_label_prefix(struct ps_bytes text);

/* Octets at the front that are a language tag (without "@"). 0: none. */
size_t rdf_language_prefix(struct ps_bytes text);

/* True for a character that stands in no IRI: IRIREF of N-Quads. */
bool rdf_iri_excludes(uint8_t c);

/* A literal's lexical form between quotes, escaped as RDFC-1.0 section 5.2 says. */
void rdf_put_quoted(struct ps_buf *out, struct ps_bytes lexical);

#endif
