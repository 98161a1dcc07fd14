#include "lib/jsonld/expand.h"

/* Section 5.1.2, steps 13.5 to 13.14: members that mean an IRI. */

static enum ps_err expand_json(struct processor *processor, struct value *value,
                               struct value **ret_expanded)
{
    struct value *type = NULL;

    PS_TRY(expand_wrap(processor, KEYWORD_VALUE, value, ret_expanded));
    PS_TRY(value_new_string(&processor->arena, names_keyword(KEYWORD_JSON)->text, &type));
    return value_set(&processor->arena, *ret_expanded, names_keyword(KEYWORD_TYPE), type);
}

/* Steps 13.6 to 13.9. */
static enum ps_err expand_inner(struct object *object, const struct name *key,
                                const struct term *term, struct value *value,
                                struct value **ret_expanded)
{
    const struct place place = {.active = object->active, .property = key};
    const unsigned containers = term == NULL ? 0 : term->containers;

    if (term != NULL && name_is(term->type, KEYWORD_JSON)) {
        return expand_json(object->processor, value, ret_expanded);
    }
    if ((containers & CONTAINER_LANGUAGE) != 0 && value->type == JSON_OBJECT) {
        return expand_language_map(object, key, value, ret_expanded);
    }
    if ((containers & (CONTAINER_INDEX | CONTAINER_TYPE | CONTAINER_ID)) != 0 &&
        value->type == JSON_OBJECT) {
        return expand_index_map(object, key, value, ret_expanded);
    }
    return expand_element(object->processor, &place, value, ret_expanded);
}

/* Step 13.12: each value is a graph of its own. */
static enum ps_err wrap_graphs(struct processor *processor, struct value **expanded)
{
    struct value *graphs = NULL;

    PS_TRY(value_new(&processor->arena, JSON_ARRAY, &graphs));
    for (uint32_t i = 0; i < value_count_items(*expanded); i++) {
        struct value *nodes = NULL;
        struct value *graph = NULL;

        PS_TRY(expand_as_array(processor, value_item(*expanded, i), &nodes));
        PS_TRY(expand_wrap(processor, KEYWORD_GRAPH, nodes, &graph));
        PS_TRY(value_push(&processor->arena, graphs, graph));
    }
    *expanded = graphs;
    return PS_OK;
}

/* Step 13.13. */
static enum ps_err add_reverse(struct object *object, const struct name *iri,
                               struct value *expanded)
{
    struct arena *arena = &object->processor->arena;
    struct value *reversed = value_keyword(object->result, KEYWORD_REVERSE);

    if (reversed == NULL) {
        PS_TRY(value_new(arena, JSON_OBJECT, &reversed));
        PS_TRY(value_set(arena, object->result, names_keyword(KEYWORD_REVERSE), reversed));
    }
    for (uint32_t i = 0; i < value_count_items(expanded); i++) {
        const struct value *item = value_item(expanded, i);

        if (expanded_has(item, KEYWORD_VALUE) || expanded_has(item, KEYWORD_LIST)) {
            return jsonld_refuse("invalid reverse property value", iri->text);
        }
    }
    return expand_add(object->processor, reversed, iri, expanded);
}

enum ps_err expand_property(struct object *object, const struct name *key, const struct name *iri,
                            struct value *value)
{
    struct processor *processor = object->processor;
    const struct term *term = context_term(object->active, key);
    const unsigned containers = term == NULL ? 0 : term->containers;
    struct value *expanded = NULL;

    PS_TRY(expand_inner(object, key, term, value, &expanded));
    if (expanded == NULL) {
        return PS_OK;
    }
    if ((containers & CONTAINER_LIST) != 0 && !expanded_has(expanded, KEYWORD_LIST)) {
        PS_TRY(expand_as_array(processor, expanded, &expanded));
        PS_TRY(expand_wrap(processor, KEYWORD_LIST, expanded, &expanded));
    }
    if ((containers & CONTAINER_GRAPH) != 0 &&
        (containers & (CONTAINER_ID | CONTAINER_INDEX)) == 0) {
        PS_TRY(wrap_graphs(processor, &expanded));
    }
    return term != NULL && term->reverse ? add_reverse(object, iri, expanded)
                                         : expand_add(processor, object->result, iri, expanded);
}

/* Step 13.7.4.2: one text of a language. */
static enum ps_err add_language_text(const struct object *object, const struct term *term,
                                     const struct name *language, struct value *text,
                                     struct value *array)
{
    struct arena *arena = &object->processor->arena;
    const enum direction direction =
        term->direction != DIRECTION_UNSET ? term->direction : object->active->direction;
    const struct name *expanded = NULL;
    struct value *item = NULL;
    struct value *member = NULL;

    if (text->type == JSON_NULL) {
        return PS_OK;
    }
    if (text->type != JSON_STRING) {
        return jsonld_refuse("invalid language map value", language->text);
    }
    PS_TRY(expand_wrap(object->processor, KEYWORD_VALUE, text, &item));
    PS_TRY(context_expand_iri(object->processor, object->active, language, EXPAND_VOCAB, NULL,
                              &expanded));
    if (!name_is(expanded, KEYWORD_NONE)) {
        PS_TRY(value_new_string(arena, language->text, &member));
        PS_TRY(value_set(arena, item, names_keyword(KEYWORD_LANGUAGE), member));
    }
    if (direction == DIRECTION_LTR || direction == DIRECTION_RTL) {
        PS_TRY(value_new_string(arena, ps_bytes_str(direction == DIRECTION_LTR ? "ltr" : "rtl"),
                                &member));
        PS_TRY(value_set(arena, item, names_keyword(KEYWORD_DIRECTION), member));
    }
    return value_push(arena, array, item);
}

enum ps_err expand_language_map(const struct object *object, const struct name *key,
                                const struct value *map, struct value **ret_expanded)
{
    const struct term *term = context_term(object->active, key);
    struct value *array = NULL;

    PS_TRY(value_new(&object->processor->arena, JSON_ARRAY, &array));
    for (uint32_t i = 0; i < map->members.count; i++) {
        const struct name_entry *entry = &map->members.entries[i];

        for (uint32_t j = 0; j < value_count_items(entry->item); j++) {
            PS_TRY(add_language_text(object, term, entry->name, value_item(entry->item, j), array));
        }
    }
    *ret_expanded = array;
    return PS_OK;
}
