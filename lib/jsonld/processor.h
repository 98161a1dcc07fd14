#ifndef JSONLD_PROCESSOR_H
#define JSONLD_PROCESSOR_H

#include "lib/jsonld/jsonld.h"
#include "lib/jsonld/value.h"

/* One conversion of one document: its memory, its names, and how deep it is in itself. */
struct processor {
    const struct jsonld_options *options;
    struct arena arena;
    struct names names;
    unsigned levels; /* of recursion that may still be entered */
};

#define PROCESSOR_LEVELS 256u

/*
 * Every function that may come back to itself enters first, so that neither a document nor a chain
 * of terms can use up the stack. Errors: PS_E_LIMIT.
 */
PS_MUST_USE enum ps_err processor_enter(struct processor *processor);
void processor_leave(struct processor *processor);

/* The "@context" of a context document. Errors: PS_E_NOT_FOUND. */
PS_MUST_USE enum ps_err processor_find_context(const struct processor *processor,
                                               struct ps_bytes iri, struct value **ret_context);

/* PS_E_INPUT with the standard's error code (section 9.6) and what it is about. */
PS_MUST_USE enum ps_err jsonld_refuse(const char *code, struct ps_bytes what);

/* What would be left out: PS_OK where options->lossy says that it may. */
PS_MUST_USE enum ps_err processor_leave_out(const struct processor *processor, const char *why,
                                            struct ps_bytes what);

#endif
