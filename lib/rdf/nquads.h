#ifndef RDF_NQUADS_H
#define RDF_NQUADS_H

#include "lib/base/buf.h"
#include "lib/rdf/dataset.h"

/*
 * Adds the quads of an N-Quads document to a dataset. Strict: IRIs are absolute, and an escape
 * stands for no character that could not stand there itself. Labels of blank nodes are those of the
 * dataset: the same label in two documents is one node.
 *
 * Errors: PS_E_INPUT (the detail says what and in which line), PS_E_LIMIT, PS_E_NO_MEMORY; the
 *         dataset may then hold the quads before the mistake.
 * Source: RDF 1.1 N-Quads, section 7
 */
PS_MUST_USE enum ps_err rdf_parse_nquads(struct ps_bytes text, struct rdf_dataset *dataset);

/* The quads in the order they came, in the canonical form of RDFC-1.0 section 5. */
PS_MUST_USE enum ps_err rdf_put_nquads(const struct rdf_dataset *dataset, struct ps_buf *out);

#endif
