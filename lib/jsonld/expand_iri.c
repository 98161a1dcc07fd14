#include "lib/jsonld/context.h"
#include "lib/jsonld/iri.h"

bool context_is_absolute(const struct name *iri)
{
    return iri_has_scheme(iri->text) || name_is_blank(iri);
}

/* A term that the local context has and that is not defined yet is defined first. */
static enum ps_err define_first(struct processor *processor, struct definitions *definitions,
                                const struct name *name)
{
    const bool *done;

    if (definitions == NULL || value_get(definitions->local, name) == NULL) {
        return PS_OK;
    }
    done = name_map_get(&definitions->defined, name);
    return done != NULL && *done ? PS_OK : context_create_term(processor, definitions, name);
}

static enum ps_err join(struct processor *processor, struct ps_bytes a, struct ps_bytes b,
                        const struct name **ret_iri)
{
    struct ps_bytes text;

    PS_TRY(arena_join(&processor->arena, a, b, &text));
    return names_intern(&processor->names, text, ret_iri);
}

/* Step 6: what has a colon after its first character. NULL where it is no IRI all the same. */
static enum ps_err expand_compact(struct processor *processor, const struct context *active,
                                  const struct name *value, struct definitions *definitions,
                                  const struct name **ret_iri)
{
    const struct ps_bytes text = value->text;
    const uint8_t *colon = memchr(text.data + 1, ':', text.len - 1);
    const size_t len = (size_t)(colon - text.data);
    const struct ps_bytes suffix = ps_bytes(colon + 1, text.len - len - 1);
    const struct name *prefix = NULL;
    const struct term *term;

    /* It is read several times, and may stand in a context and be needed again and again. */
    PS_TRY(arena_spend(&processor->arena, text.len));
    *ret_iri = value;
    if (ps_bytes_equal_str(ps_bytes(text.data, len), "_") ||
        ps_bytes_starts_with(suffix, ps_bytes_str("//"))) {
        return PS_OK;
    }
    PS_TRY(names_intern(&processor->names, ps_bytes(text.data, len), &prefix));
    PS_TRY(define_first(processor, definitions, prefix));
    term = context_term(active, prefix);
    if (term != NULL && term->iri != NULL && term->prefix) {
        return join(processor, term->iri->text, suffix, ret_iri);
    }
    if (!iri_has_scheme(text)) {
        *ret_iri = NULL;
    }
    return PS_OK;
}

static bool has_inner_colon(struct ps_bytes text)
{
    return text.len > 1 && memchr(text.data + 1, ':', text.len - 1) != NULL;
}

enum ps_err context_expand_iri(struct processor *processor, const struct context *active,
                               const struct name *value, unsigned flags,
                               struct definitions *definitions, const struct name **ret_iri)
{
    const struct name *found = NULL;
    const struct term *term;
    struct ps_bytes resolved;

    if (name_is_keyword(value) || value->reserved) {
        *ret_iri = value->reserved ? NULL : value;
        return PS_OK;
    }
    PS_TRY(define_first(processor, definitions, value));
    term = context_term(active, value);
    if (term != NULL &&
        ((flags & EXPAND_VOCAB) != 0 || (term->iri != NULL && name_is_keyword(term->iri)))) {
        *ret_iri = term->iri;
        return PS_OK;
    }
    if (has_inner_colon(value->text)) {
        PS_TRY(expand_compact(processor, active, value, definitions, &found));
    }
    if (found != NULL) {
        *ret_iri = found;
        return PS_OK;
    }
    if ((flags & EXPAND_VOCAB) != 0 && active->vocab != NULL) {
        return join(processor, active->vocab->text, value->text, ret_iri);
    }
    *ret_iri = value;
    if ((flags & EXPAND_DOCUMENT) == 0 || active->base.data == NULL) {
        return PS_OK;
    }
    PS_TRY(iri_resolve(&processor->arena, active->base, value->text, &resolved));
    return names_intern(&processor->names, resolved, ret_iri);
}
