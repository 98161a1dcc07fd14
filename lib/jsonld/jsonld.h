#ifndef JSONLD_JSONLD_H
#define JSONLD_JSONLD_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/rdf/dataset.h"

/*
 * JSON-LD 1.1 to RDF (JSON-LD 1.1 Processing Algorithms and API, W3C Recommendation), without any
 * input or output: the contexts that documents name by IRI are given beforehand, each with the hash
 * that its octets must have, and no other is known.
 */
struct jsonld_contexts;

PS_MUST_USE enum ps_err jsonld_contexts_new(struct jsonld_contexts **ret_contexts);
void jsonld_contexts_free(struct jsonld_contexts *contexts);
PS_DEFINE_CLEANUP(struct jsonld_contexts, jsonld_contexts_free)

/*
 * Adds a context document. All are added before the first document is read; then any number of
 * threads may use them at once.
 *
 * iri:    absolute, as documents write it; nothing is redirected
 * text:   a JSON object with "@context"; copied
 * sha256: of the text
 * Errors: PS_E_INPUT (another hash, no JSON, no "@context"), PS_E_CONFLICT (the IRI is taken),
 *         PS_E_LIMIT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err jsonld_contexts_add(struct jsonld_contexts *contexts, struct ps_bytes iri,
                                            struct ps_bytes text,
                                            const uint8_t sha256[PS_SHA256_LEN]);

/* What becomes of "@direction", for which RDF has nothing (section 8.2 and following). */
enum jsonld_direction {
    JSONLD_DIRECTION_NONE,     /* it has no RDF */
    JSONLD_DIRECTION_I18N,     /* datatypes of https://www.w3.org/ns/i18n# */
    JSONLD_DIRECTION_COMPOUND, /* a blank node with rdf:value, rdf:language and rdf:direction */
};

struct jsonld_limits {
    size_t octets;   /* of the document */
    unsigned depth;  /* of its JSON, at most JSON_DEPTH_MAX */
    unsigned values; /* in its JSON */
    size_t memory;   /* all that one conversion may take */
};
#define JSONLD_LIMITS ((struct jsonld_limits){1024 * 1024, 32, 20000, (size_t)16 * 1024 * 1024})

struct jsonld_options {
    struct jsonld_limits limits;
    const struct jsonld_contexts *contexts; /* NULL: the document names none */
    struct ps_bytes base;                   /* absolute; empty: relative IRIs stay relative */
    struct ps_bytes expand_context;         /* of a context that goes before all; empty: none */
    enum jsonld_direction direction;
    /*
     * The algorithms leave out silently what has no RDF: members that no context defines, relative
     * IRIs, values that belong to nothing. Whoever signs RDF must not sign a document that says
     * more than what is signed, so such a document is refused unless this is set. Members that are
     * null, and "@index", say nothing and are always left out.
     */
    bool lossy;
};

/*
 * Adds the quads of a JSON-LD document to a dataset, which is empty as a rule: its blank nodes are
 * labelled b0, b1, ...
 *
 * Errors: PS_E_INPUT (the detail begins with the standard's error code, or says what would be left
 *         out), PS_E_NOT_FOUND (a context that was not given), PS_E_LIMIT, PS_E_NO_MEMORY; the
 *         dataset may then hold some of the quads.
 * Source: sections 5.1, 5.2, 6.1, 6.2 and 8.1 to 8.5
 */
PS_MUST_USE enum ps_err jsonld_to_rdf(struct ps_bytes document,
                                      const struct jsonld_options *options,
                                      struct rdf_dataset *dataset);

#endif
