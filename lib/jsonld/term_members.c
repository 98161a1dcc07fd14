#include "lib/jsonld/term_members.h"

#include "lib/jsonld/iri.h"

#include <stdio.h>

struct reading {
    struct processor *processor;
    struct definitions *definitions;
    const struct name *name;
    const struct value *value;
    struct term *term;
};

static enum ps_err refuse(const struct reading *reading, const char *code)
{
    return jsonld_refuse(code, reading->name->text);
}

static struct value *member(const struct reading *reading, enum keyword keyword)
{
    return value_keyword(reading->value, keyword);
}

static unsigned container_of(const struct value *value)
{
    static const struct {
        const char *text;
        unsigned container;
    } containers[] = {
        {"@graph", CONTAINER_GRAPH},       {"@id", CONTAINER_ID},     {"@index", CONTAINER_INDEX},
        {"@language", CONTAINER_LANGUAGE}, {"@list", CONTAINER_LIST}, {"@set", CONTAINER_SET},
        {"@type", CONTAINER_TYPE},
    };

    for (size_t i = 0; i < PS_COUNT_OF(containers); i++) {
        if (value_is(value, JSON_STRING) && ps_bytes_equal_str(value->text, containers[i].text)) {
            return containers[i].container;
        }
    }
    return 0;
}

/* Step 19.1: one of them; a graph by id or index; or a set of one other than a list. */
static bool is_combination(unsigned containers)
{
    const unsigned others = containers & ~(unsigned)CONTAINER_SET;
    const unsigned inner = others & ~(unsigned)CONTAINER_GRAPH;
    const bool at_most_one = (others & (others - 1)) == 0;

    if (containers == CONTAINER_LIST || (at_most_one && (others & CONTAINER_LIST) == 0)) {
        return true;
    }
    return (others & CONTAINER_GRAPH) != 0 && (inner == CONTAINER_ID || inner == CONTAINER_INDEX);
}

/* Step 19. A reverse property has its container from step 13. */
static enum ps_err read_container(struct reading *reading)
{
    struct value *value = member(reading, KEYWORD_CONTAINER);
    struct term *term = reading->term;

    if (value == NULL || term->reverse) {
        return PS_OK;
    }
    for (uint32_t i = 0; i < value_count_items(value); i++) {
        const unsigned container = container_of(value_item(value, i));

        if (container == 0 || (term->containers & container) != 0) {
            return refuse(reading, "invalid container mapping");
        }
        term->containers |= container;
    }
    if (term->containers == 0 || !is_combination(term->containers)) {
        return refuse(reading, "invalid container mapping");
    }
    if ((term->containers & CONTAINER_TYPE) == 0) {
        return PS_OK;
    }
    term->type = term->type == NULL ? names_keyword(KEYWORD_ID) : term->type;
    return name_is(term->type, KEYWORD_ID) || name_is(term->type, KEYWORD_VOCAB)
               ? PS_OK
               : refuse(reading, "invalid type mapping");
}

/* Step 20: the property that the keys of an index map are values of. */
static enum ps_err read_index(struct reading *reading)
{
    const struct value *value = member(reading, KEYWORD_INDEX);
    const struct name *iri = NULL;

    if (value == NULL) {
        return PS_OK;
    }
    if ((reading->term->containers & CONTAINER_INDEX) == 0 || value->type != JSON_STRING) {
        return refuse(reading, "invalid term definition");
    }
    PS_TRY(names_intern(&reading->processor->names, value->text, &reading->term->index));
    PS_TRY(context_expand_iri(reading->processor, reading->definitions->active,
                              reading->term->index, EXPAND_VOCAB, reading->definitions, &iri));
    return iri != NULL && iri_has_scheme(iri->text) ? PS_OK
                                                    : refuse(reading, "invalid term definition");
}

/* The mistake in it is kept beside the standard's code. */
static enum ps_err refuse_scoped(const struct reading *reading)
{
    const struct ps_bytes term = reading->name->text;
    char inner[sizeof ps_detail()->text];

    (void)snprintf(inner, sizeof inner, "%s", ps_detail()->text);
    return ps_fail(PS_E_INPUT, 0, "JSON-LD: invalid scoped context: \"%.*s\" (%s)",
                   (int)(term.len > 60 ? 60 : term.len), (const char *)term.data, inner);
}

/* Step 21: the scoped context is read once now, so that its mistakes show here. */
static enum ps_err read_context(struct reading *reading)
{
    struct scope scope = *reading->definitions->scope;
    const struct context *result = NULL;
    struct value *value = member(reading, KEYWORD_CONTEXT);
    enum ps_err err;

    if (value == NULL) {
        return PS_OK;
    }
    scope.override_protected = true;
    scope.no_propagation = false;
    scope.only_check = true;
    err = context_process(reading->processor, reading->definitions->active, value, &scope, &result);
    if (err == PS_E_INPUT) {
        return refuse_scoped(reading);
    }
    PS_TRY(err);
    reading->term->context = value;
    reading->term->base = scope.base;
    return PS_OK;
}

/* Steps 22 and 23. */
static enum ps_err read_language(struct reading *reading)
{
    const struct value *language = member(reading, KEYWORD_LANGUAGE);
    const struct value *direction = member(reading, KEYWORD_DIRECTION);

    if (member(reading, KEYWORD_TYPE) != NULL) {
        return PS_OK;
    }
    if (language != NULL) {
        if (language->type != JSON_STRING && language->type != JSON_NULL) {
            return refuse(reading, "invalid language mapping");
        }
        reading->term->language.set = true;
        reading->term->language.tag =
            language->type == JSON_NULL ? ps_bytes(NULL, 0) : language->text;
    }
    return direction == NULL ? PS_OK : context_read_direction(direction, &reading->term->direction);
}

/* Step 24. */
static enum ps_err read_nest(struct reading *reading)
{
    const struct value *value = member(reading, KEYWORD_NEST);

    if (value == NULL) {
        return PS_OK;
    }
    if (value->type != JSON_STRING) {
        return refuse(reading, "invalid @nest value");
    }
    PS_TRY(names_intern(&reading->processor->names, value->text, &reading->term->nest));
    return name_is_keyword(reading->term->nest) && !name_is(reading->term->nest, KEYWORD_NEST)
               ? refuse(reading, "invalid @nest value")
               : PS_OK;
}

/* Step 25. */
static enum ps_err read_prefix(struct reading *reading)
{
    const struct value *value = member(reading, KEYWORD_PREFIX);
    const struct ps_bytes text = reading->name->text;
    struct term *term = reading->term;

    if (value == NULL) {
        return PS_OK;
    }
    if (memchr(text.data, ':', text.len) != NULL || memchr(text.data, '/', text.len) != NULL) {
        return refuse(reading, "invalid term definition");
    }
    if (value->type != JSON_TRUE && value->type != JSON_FALSE) {
        return refuse(reading, "invalid @prefix value");
    }
    term->prefix = value->type == JSON_TRUE;
    return term->prefix && term->iri != NULL && name_is_keyword(term->iri)
               ? refuse(reading, "invalid term definition")
               : PS_OK;
}

/* Step 26. */
static enum ps_err check_members(const struct reading *reading)
{
    static const enum keyword known[] = {
        KEYWORD_ID,        KEYWORD_REVERSE,   KEYWORD_CONTAINER, KEYWORD_CONTEXT,
        KEYWORD_DIRECTION, KEYWORD_INDEX,     KEYWORD_LANGUAGE,  KEYWORD_NEST,
        KEYWORD_PREFIX,    KEYWORD_PROTECTED, KEYWORD_TYPE,
    };
    uint32_t count = 0;

    for (size_t i = 0; i < PS_COUNT_OF(known); i++) {
        count += member(reading, known[i]) != NULL ? 1 : 0;
    }
    return count == reading->value->members.count ? PS_OK
                                                  : refuse(reading, "invalid term definition");
}

enum ps_err term_read_members(struct processor *processor, struct definitions *definitions,
                              const struct name *name, const struct value *value, struct term *term)
{
    struct reading reading = {processor, definitions, name, value, term};

    if (value->type != JSON_OBJECT) {
        return PS_OK;
    }
    PS_TRY(read_container(&reading));
    PS_TRY(read_index(&reading));
    PS_TRY(read_context(&reading));
    PS_TRY(read_language(&reading));
    PS_TRY(read_nest(&reading));
    PS_TRY(read_prefix(&reading));
    return check_members(&reading);
}
