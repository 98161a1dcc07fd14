#include "lib/jsonld/expand.h"

/* Section 5.1.2, step 13.8: maps by indexes, ids or types. */

/* One key of the map, with what it says about each value under it. */
struct index {
    const struct object *object;
    const struct term *term;
    const struct name *key;
    const struct name *expanded; /* NULL: null */
};

static struct arena *arena_of(const struct index *index)
{
    return &index->object->processor->arena;
}

/* Steps 13.8.3.1 to 3: the context of the values. */
static enum ps_err find_map_context(const struct index *index, const struct context **ret_context)
{
    const struct context *active = index->object->active;
    const struct term *type;

    *ret_context = active;
    if ((index->term->containers & (CONTAINER_ID | CONTAINER_TYPE)) == 0) {
        return PS_OK;
    }
    *ret_context = active->previous != NULL ? active->previous : active;
    type = context_term(*ret_context, index->key);
    if ((index->term->containers & CONTAINER_TYPE) != 0 && type != NULL && type->context != NULL) {
        return expand_in_scope(index->object->processor, *ret_context, type, false, ret_context);
    }
    return PS_OK;
}

/* Step 13.8.3.7.2: the key is a value of another property. */
static enum ps_err add_index_property(const struct index *index, struct value *item)
{
    struct processor *processor = index->object->processor;
    const struct name *property = NULL;
    struct value *values = NULL;
    struct value *key = NULL;
    struct value *before;

    PS_TRY(context_expand_iri(processor, index->object->active, index->term->index, EXPAND_VOCAB,
                              NULL, &property));
    if (expanded_has(item, KEYWORD_VALUE)) {
        return jsonld_refuse("invalid value object", index->key->text);
    }
    /* It was an IRI where the term was defined; a later context may have another meaning for it. */
    if (property == NULL || name_is_keyword(property)) {
        return jsonld_refuse("invalid term definition", index->term->index->text);
    }
    if (!expanded_is_node(item)) {
        PS_TRY(processor_leave_out(processor, "a property of a list", index->key->text));
    }
    PS_TRY(value_new_string(arena_of(index), index->key->text, &key));
    PS_TRY(expand_scalar(processor, index->object->active, index->term->index, key, &key));
    PS_TRY(expand_as_array(processor, key, &values));
    before = value_get(item, property);
    for (uint32_t i = 0; i < value_count_items(before); i++) {
        PS_TRY(value_push(arena_of(index), values, value_item(before, i)));
    }
    return value_set(arena_of(index), item, property, values);
}

static enum ps_err add_string(const struct index *index, struct value *item, enum keyword keyword,
                              struct ps_bytes text)
{
    struct value *string = NULL;

    PS_TRY(value_new_string(arena_of(index), text, &string));
    return value_set(arena_of(index), item, names_keyword(keyword), string);
}

static enum ps_err add_type(const struct index *index, struct value *item)
{
    struct value *before = value_keyword(item, KEYWORD_TYPE);
    struct value *types = NULL;
    struct value *type = NULL;

    PS_TRY(value_new_string(arena_of(index), index->expanded->text, &type));
    PS_TRY(expand_as_array(index->object->processor, type, &types));
    for (uint32_t i = 0; i < value_count_items(before); i++) {
        PS_TRY(value_push(arena_of(index), types, value_item(before, i)));
    }
    return value_set(arena_of(index), item, names_keyword(KEYWORD_TYPE), types);
}

/* Steps 13.8.3.7.2 to 5. */
static enum ps_err add_key(const struct index *index, struct value *item)
{
    const unsigned containers = index->term->containers;
    const struct name *id = NULL;

    if (name_is(index->expanded, KEYWORD_NONE)) {
        return PS_OK;
    }
    if ((containers & CONTAINER_INDEX) != 0) {
        if (index->term->index != NULL && !name_is(index->term->index, KEYWORD_INDEX)) {
            return add_index_property(index, item);
        }
        return expanded_has(item, KEYWORD_INDEX)
                   ? PS_OK
                   : add_string(index, item, KEYWORD_INDEX, index->key->text);
    }
    if ((containers & CONTAINER_ID) != 0) {
        if (expanded_has(item, KEYWORD_ID)) {
            return PS_OK;
        }
        PS_TRY(context_expand_iri(index->object->processor, index->object->active, index->key,
                                  EXPAND_DOCUMENT, NULL, &id));
        return id == NULL ? processor_leave_out(index->object->processor,
                                                "a reference that means nothing", index->key->text)
                          : add_string(index, item, KEYWORD_ID, id->text);
    }
    return index->expanded == NULL
               ? processor_leave_out(index->object->processor, "a type that means nothing",
                                     index->key->text)
               : add_type(index, item);
}

static enum ps_err add_value(const struct index *index, struct value *item, struct value *array)
{
    struct processor *processor = index->object->processor;
    struct value *nodes = NULL;

    if ((index->term->containers & CONTAINER_GRAPH) != 0 && !expanded_is_graph(item)) {
        PS_TRY(expand_as_array(processor, item, &nodes));
        PS_TRY(expand_wrap(processor, KEYWORD_GRAPH, nodes, &item));
    }
    if (!expanded_is_node(item) && (index->term->containers & CONTAINER_INDEX) == 0) {
        PS_TRY(processor_leave_out(processor, "the id or type of a value", index->key->text));
    }
    PS_TRY(add_key(index, item));
    return value_push(arena_of(index), array, item);
}

static enum ps_err expand_entry(struct index *index, const struct name *property,
                                struct value *values, struct value *array)
{
    struct processor *processor = index->object->processor;
    struct place place = {.property = property, .from_map = true};
    struct value *expanded = NULL;

    PS_TRY(find_map_context(index, &place.active));
    PS_TRY(context_expand_iri(processor, index->object->active, index->key, EXPAND_VOCAB, NULL,
                              &index->expanded));
    PS_TRY(expand_as_array(processor, values, &values));
    PS_TRY(expand_element(processor, &place, values, &expanded));
    for (uint32_t i = 0; i < value_count_items(expanded); i++) {
        PS_TRY(add_value(index, value_item(expanded, i), array));
    }
    return PS_OK;
}

enum ps_err expand_index_map(const struct object *object, const struct name *key,
                             const struct value *map, struct value **ret_expanded)
{
    struct index index = {.object = object, .term = context_term(object->active, key)};
    struct value *array = NULL;

    PS_TRY(value_new(&object->processor->arena, JSON_ARRAY, &array));
    for (uint32_t i = 0; i < map->members.count; i++) {
        const struct name_entry *entry = &map->members.entries[i];

        index.key = entry->name;
        PS_TRY(expand_entry(&index, key, entry->item, array));
    }
    *ret_expanded = array;
    return PS_OK;
}
