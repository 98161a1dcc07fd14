#include "lib/jsonld/expand.h"

/* Section 5.3.2: value expansion. */

static enum ps_err expand_to_reference(struct processor *processor, const struct context *active,
                                       const struct term *term, const struct value *string,
                                       struct value **ret_expanded)
{
    const unsigned flags =
        name_is(term->type, KEYWORD_VOCAB) ? EXPAND_VOCAB | EXPAND_DOCUMENT : EXPAND_DOCUMENT;
    const struct name *iri = NULL;
    struct value *id = NULL;

    PS_TRY(names_intern(&processor->names, string->text, &iri));
    PS_TRY(context_expand_iri(processor, active, iri, flags, NULL, &iri));
    if (iri == NULL) {
        *ret_expanded = NULL;
        return processor_leave_out(processor, "a reference that means nothing", string->text);
    }
    PS_TRY(value_new_string(&processor->arena, iri->text, &id));
    return expand_wrap(processor, KEYWORD_ID, id, ret_expanded);
}

static enum ps_err set_string(struct processor *processor, struct value *result,
                              enum keyword keyword, struct ps_bytes text)
{
    struct value *string = NULL;

    PS_TRY(value_new_string(&processor->arena, text, &string));
    return value_set(&processor->arena, result, names_keyword(keyword), string);
}

/* Step 5: a string has the language and the direction of its term, or of the context. */
static enum ps_err set_language(struct processor *processor, const struct context *active,
                                const struct term *term, struct value *result)
{
    const struct ps_bytes language =
        term != NULL && term->language.set ? term->language.tag : active->language;
    const enum direction direction =
        term != NULL && term->direction != DIRECTION_UNSET ? term->direction : active->direction;

    if (language.data != NULL) {
        PS_TRY(set_string(processor, result, KEYWORD_LANGUAGE, language));
    }
    if (direction == DIRECTION_LTR || direction == DIRECTION_RTL) {
        PS_TRY(set_string(processor, result, KEYWORD_DIRECTION,
                          ps_bytes_str(direction == DIRECTION_LTR ? "ltr" : "rtl")));
    }
    return PS_OK;
}

enum ps_err expand_scalar(struct processor *processor, const struct context *active,
                          const struct name *property, struct value *scalar,
                          struct value **ret_expanded)
{
    const struct term *term = context_term(active, property);
    const struct name *type = term == NULL ? NULL : term->type;
    const bool is_reference = name_is(type, KEYWORD_ID) || name_is(type, KEYWORD_VOCAB);
    struct value *result = NULL;

    if (is_reference && scalar->type == JSON_STRING) {
        return expand_to_reference(processor, active, term, scalar, ret_expanded);
    }
    PS_TRY(expand_wrap(processor, KEYWORD_VALUE, scalar, &result));
    if (type != NULL && !is_reference && !name_is(type, KEYWORD_NONE)) {
        PS_TRY(set_string(processor, result, KEYWORD_TYPE, type->text));
    } else if (scalar->type == JSON_STRING) {
        PS_TRY(set_language(processor, active, term, result));
    }
    *ret_expanded = result;
    return PS_OK;
}
