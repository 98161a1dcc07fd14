#include "lib/jsonld/expand.h"

/* Section 5.1.2, steps 13.4: members that mean a keyword. */

static struct arena *arena_of(const struct object *object)
{
    return &object->processor->arena;
}

static enum ps_err set(struct object *object, enum keyword keyword, struct value *value)
{
    return value_set(arena_of(object), object->result, names_keyword(keyword), value);
}

/* A string that stands for an IRI; NULL comes back for null. */
static enum ps_err expand_reference(const struct object *object, const struct context *active,
                                    const struct value *string, unsigned flags,
                                    struct value **ret_iri)
{
    const struct name *name = NULL;

    PS_TRY(names_intern(&object->processor->names, string->text, &name));
    PS_TRY(context_expand_iri(object->processor, active, name, flags, NULL, &name));
    if (name == NULL) {
        *ret_iri = NULL;
        return processor_leave_out(object->processor, "a reference that means nothing",
                                   string->text);
    }
    return value_new_string(arena_of(object), name->text, ret_iri);
}

/* An "@id" that means nothing is kept as null: the node is not a blank one for that. */
static enum ps_err expand_id(struct object *object, const struct value *value)
{
    struct value *iri = NULL;

    if (value->type != JSON_STRING) {
        return jsonld_refuse("invalid @id value", ps_bytes_str("no string"));
    }
    PS_TRY(expand_reference(object, object->active, value, EXPAND_DOCUMENT, &iri));
    if (iri == NULL) {
        PS_TRY(value_new(arena_of(object), JSON_NULL, &iri));
    }
    return set(object, KEYWORD_ID, iri);
}

/* One type stays a string: that of a value has to be one. */
static enum ps_err expand_type(struct object *object, struct value *value)
{
    struct value *types = value_keyword(object->result, KEYWORD_TYPE);
    struct value *type = NULL;

    if (types != NULL || value->type == JSON_ARRAY) {
        PS_TRY(expand_as_array(object->processor, types, &types));
    }
    for (uint32_t i = 0; i < value_count_items(value); i++) {
        const struct value *item = value_item(value, i);

        if (item->type != JSON_STRING) {
            return jsonld_refuse("invalid type value", ps_bytes_str("no string"));
        }
        PS_TRY(expand_reference(object, object->type_scoped, item, EXPAND_VOCAB | EXPAND_DOCUMENT,
                                &type));
        if (type != NULL && types != NULL) {
            PS_TRY(value_push(arena_of(object), types, type));
        }
    }
    types = types == NULL ? type : types;
    return types == NULL ? PS_OK : set(object, KEYWORD_TYPE, types);
}

static enum ps_err expand_below(struct object *object, const struct name *property,
                                struct value *value, struct value **ret_expanded)
{
    const struct place place = {.active = object->active, .property = property};

    return expand_element(object->processor, &place, value, ret_expanded);
}

static enum ps_err expand_graph(struct object *object, struct value *value)
{
    struct value *nodes = NULL;

    PS_TRY(expand_below(object, names_keyword(KEYWORD_GRAPH), value, &nodes));
    PS_TRY(expand_as_array(object->processor, nodes, &nodes));
    return set(object, KEYWORD_GRAPH, nodes);
}

static enum ps_err expand_included(struct object *object, struct value *value)
{
    struct value *nodes = NULL;

    PS_TRY(expand_below(object, NULL, value, &nodes));
    if (nodes == NULL) {
        return jsonld_refuse("invalid @included value", ps_bytes_str("no node object"));
    }
    for (uint32_t i = 0; i < value_count_items(nodes); i++) {
        if (!expanded_is_node(value_item(nodes, i))) {
            return jsonld_refuse("invalid @included value", ps_bytes_str("no node object"));
        }
    }
    return expand_add(object->processor, object->result, names_keyword(KEYWORD_INCLUDED), nodes);
}

static enum ps_err expand_value(struct object *object, struct value *value)
{
    if (!name_is(object->input_type, KEYWORD_JSON) &&
        (value->type == JSON_OBJECT || value->type == JSON_ARRAY)) {
        return jsonld_refuse("invalid value object value", ps_bytes_str("no scalar"));
    }
    return set(object, KEYWORD_VALUE, value);
}

static enum ps_err expand_string(struct object *object, enum keyword keyword, struct value *value)
{
    if (value->type != JSON_STRING) {
        return jsonld_refuse(keyword == KEYWORD_LANGUAGE ? "invalid language-tagged string"
                                                         : "invalid @index value",
                             ps_bytes_str("no string"));
    }
    return set(object, keyword, value);
}

static enum ps_err expand_direction(struct object *object, struct value *value)
{
    enum direction direction = DIRECTION_UNSET;

    PS_TRY(context_read_direction(value, &direction));
    if (direction == DIRECTION_NULL) {
        return jsonld_refuse("invalid base direction", ps_bytes_str("null"));
    }
    return set(object, KEYWORD_DIRECTION, value);
}

/* Arrays in an array are taken apart, unless the term says that it is a list of lists. */
static enum ps_err check_list(const struct object *object, struct value *value)
{
    const struct name *property = object->place->property;
    const struct term *term = context_term(object->active, property);
    bool flattened = value->type == JSON_NULL;

    if (term != NULL && (term->containers & CONTAINER_LIST) != 0) {
        return PS_OK;
    }
    for (uint32_t i = 0; i < value_count_items(value); i++) {
        flattened = flattened || value_item(value, i)->type == JSON_ARRAY;
    }
    return flattened ? processor_leave_out(object->processor,
                                           "a list that is null, or of arrays that are no lists",
                                           property->text)
                     : PS_OK;
}

static enum ps_err expand_list(struct object *object, struct value *value)
{
    const struct name *property = object->place->property;
    const struct place place = {.active = object->active, .property = property, .in_list = true};
    struct value *items = NULL;

    if (property == NULL || name_is(property, KEYWORD_GRAPH)) {
        return processor_leave_out(object->processor, "a list that belongs to nothing",
                                   ps_bytes_str("@list"));
    }
    PS_TRY(check_list(object, value));
    PS_TRY(expand_element(object->processor, &place, value, &items));
    PS_TRY(expand_as_array(object->processor, items, &items));
    return set(object, KEYWORD_LIST, items);
}

static enum ps_err expand_set(struct object *object, struct value *value)
{
    struct value *items = NULL;

    PS_TRY(expand_below(object, object->place->property, value, &items));
    PS_TRY(expand_as_array(object->processor, items, &items));
    return set(object, KEYWORD_SET, items);
}

/* Step 13.4.13.4: members of "@reverse" go into the result's own "@reverse". */
static enum ps_err add_reversed(struct object *object, const struct value *expanded)
{
    struct value *reversed = value_keyword(object->result, KEYWORD_REVERSE);

    for (uint32_t i = 0; i < expanded->members.count; i++) {
        const struct name_entry *entry = &expanded->members.entries[i];

        if (name_is(entry->name, KEYWORD_REVERSE)) {
            continue;
        }
        for (uint32_t j = 0; j < value_count_items(entry->item); j++) {
            if (!expanded_is_node(value_item(entry->item, j))) {
                return jsonld_refuse("invalid reverse property value", entry->name->text);
            }
        }
        if (reversed == NULL) {
            PS_TRY(value_new(arena_of(object), JSON_OBJECT, &reversed));
            PS_TRY(set(object, KEYWORD_REVERSE, reversed));
        }
        PS_TRY(expand_add(object->processor, reversed, entry->name, entry->item));
    }
    return PS_OK;
}

static enum ps_err expand_reverse(struct object *object, struct value *value)
{
    const struct value *twice;
    struct value *expanded = NULL;

    if (value->type != JSON_OBJECT) {
        return jsonld_refuse("invalid @reverse value", ps_bytes_str("no object"));
    }
    PS_TRY(expand_below(object, names_keyword(KEYWORD_REVERSE), value, &expanded));
    if (!value_is(expanded, JSON_OBJECT)) {
        return PS_OK;
    }
    twice = value_keyword(expanded, KEYWORD_REVERSE);
    for (uint32_t i = 0; twice != NULL && i < twice->members.count; i++) {
        const struct name_entry *entry = &twice->members.entries[i];

        PS_TRY(expand_add(object->processor, object->result, entry->name, entry->item));
    }
    return add_reversed(object, expanded);
}

enum ps_err expand_keyword(struct object *object, const struct name *key, enum keyword keyword,
                           struct value *value)
{
    if (name_is(object->place->property, KEYWORD_REVERSE)) {
        return jsonld_refuse("invalid reverse property map", key->text);
    }
    if (keyword != KEYWORD_INCLUDED && keyword != KEYWORD_TYPE &&
        expanded_has(object->result, keyword)) {
        return jsonld_refuse("colliding keywords", key->text);
    }
    switch ((int)keyword) {
    case KEYWORD_ID:
        return expand_id(object, value);
    case KEYWORD_TYPE:
        return expand_type(object, value);
    case KEYWORD_GRAPH:
        return expand_graph(object, value);
    case KEYWORD_INCLUDED:
        return expand_included(object, value);
    case KEYWORD_VALUE:
        return expand_value(object, value);
    case KEYWORD_LANGUAGE:
    case KEYWORD_INDEX:
        return expand_string(object, keyword, value);
    case KEYWORD_DIRECTION:
        return expand_direction(object, value);
    case KEYWORD_LIST:
        return expand_list(object, value);
    case KEYWORD_SET:
        return expand_set(object, value);
    case KEYWORD_REVERSE:
        return expand_reverse(object, value);
    case KEYWORD_NEST:
        return name_map_set(arena_of(object), &object->nests, key, value);
    default:
        return processor_leave_out(object->processor, "a keyword that has no place here",
                                   key->text);
    }
}
