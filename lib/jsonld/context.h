#ifndef JSONLD_CONTEXT_H
#define JSONLD_CONTEXT_H

#include "lib/jsonld/processor.h"

/* Sections 4.1 and 4.2: active contexts, which never change once they are made, and terms. */

enum {
    CONTAINER_GRAPH = 1,
    CONTAINER_ID = 2,
    CONTAINER_INDEX = 4,
    CONTAINER_LANGUAGE = 8,
    CONTAINER_LIST = 16,
    CONTAINER_SET = 32,
    CONTAINER_TYPE = 64
};

enum direction { DIRECTION_UNSET, DIRECTION_NULL, DIRECTION_LTR, DIRECTION_RTL };

struct language {
    bool set;
    struct ps_bytes tag; /* data is NULL for null */
};

struct term {
    const struct name *iri; /* an IRI, blank node identifier or keyword; NULL: null */
    const struct name *type;
    const struct name *nest;
    const struct name *index;
    struct value *context; /* the scoped context; may hold JSON null; NULL: none */
    struct ps_bytes base;  /* what IRIs in the scoped context are resolved against */
    struct language language;
    enum direction direction;
    unsigned containers;
    bool prefix;
    bool protected;
    bool reverse;
};

struct context {
    struct name_map terms; /* of struct term */
    bool terms_borrowed;   /* from the context it was made from */
    struct ps_bytes base;  /* data is NULL: none */
    struct ps_bytes original_base;
    const struct name *vocab;
    struct ps_bytes language; /* data is NULL: none */
    enum direction direction;
    const struct context *previous;
};

/* Contexts that are being included, the latest first. */
struct remote {
    const struct remote *before;
    struct ps_bytes iri;
    unsigned count;
};

/* How a local context is to be read (the optional inputs of section 4.1.2). */
struct scope {
    struct ps_bytes base; /* data is NULL: none */
    const struct remote *remotes;
    bool override_protected;
    bool no_propagation;
    bool only_check; /* a scoped context at its definition; not those it includes again */
};

PS_MUST_USE enum ps_err context_process(struct processor *processor, const struct context *active,
                                        struct value *local, const struct scope *scope,
                                        const struct context **ret_context);

/* The context before all others, with the document's base. */
PS_MUST_USE enum ps_err context_new(struct processor *processor, struct ps_bytes base,
                                    struct context **ret_context);

/* NULL where the term has none. */
const struct term *context_term(const struct context *context, const struct name *name);

/* A local context's terms while they are defined (section 4.2.2). */
struct definitions {
    struct context *active; /* the result */
    struct value *local;
    struct name_map defined; /* of bool: true when done */
    const struct scope *scope;
    bool protected;
};

PS_MUST_USE enum ps_err context_create_term(struct processor *processor,
                                            struct definitions *definitions,
                                            const struct name *name);

/* Section 5.2.2. `definitions` is NULL outside of context processing; NULL comes back for null. */
enum { EXPAND_VOCAB = 1, EXPAND_DOCUMENT = 2 };
PS_MUST_USE enum ps_err context_expand_iri(struct processor *processor,
                                           const struct context *active, const struct name *value,
                                           unsigned flags, struct definitions *definitions,
                                           const struct name **ret_iri);

/* "ltr", "rtl", or null where that is said. Errors: PS_E_INPUT ("invalid base direction"). */
PS_MUST_USE enum ps_err context_read_direction(const struct value *value,
                                               enum direction *ret_direction);

/* True for an IRI with a scheme or a blank node identifier. */
bool context_is_absolute(const struct name *iri);

#endif
