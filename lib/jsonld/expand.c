#include "lib/jsonld/expand.h"

#include "lib/jsonld/iri.h"

#include <assert.h>
#include <stdlib.h>

bool expanded_is_node(const struct value *value)
{
    return value_is(value, JSON_OBJECT) && !expanded_has(value, KEYWORD_VALUE) &&
           !expanded_has(value, KEYWORD_LIST) && !expanded_has(value, KEYWORD_SET);
}

/* "@graph", and nothing else but "@id" and "@index". */
bool expanded_is_graph(const struct value *value)
{
    const uint32_t others = (expanded_has(value, KEYWORD_ID) ? 1u : 0u) +
                            (expanded_has(value, KEYWORD_INDEX) ? 1u : 0u);

    return expanded_has(value, KEYWORD_GRAPH) && value->members.count == 1 + others;
}

enum ps_err expand_wrap(struct processor *processor, enum keyword keyword, struct value *value,
                        struct value **ret_object)
{
    PS_TRY(value_new(&processor->arena, JSON_OBJECT, ret_object));
    return value_set(&processor->arena, *ret_object, names_keyword(keyword), value);
}

enum ps_err expand_as_array(struct processor *processor, struct value *value,
                            struct value **ret_array)
{
    struct value *array = NULL;

    if (value_is(value, JSON_ARRAY)) {
        *ret_array = value;
        return PS_OK;
    }
    PS_TRY(value_new(&processor->arena, JSON_ARRAY, &array));
    if (value != NULL) {
        PS_TRY(value_push(&processor->arena, array, value));
    }
    *ret_array = array;
    return PS_OK;
}

enum ps_err expand_add(struct processor *processor, struct value *object, const struct name *name,
                       struct value *value)
{
    struct value *array = value_get(object, name);

    if (array == NULL) {
        PS_TRY(value_new(&processor->arena, JSON_ARRAY, &array));
        PS_TRY(value_set(&processor->arena, object, name, array));
    }
    for (uint32_t i = 0; i < value_count_items(value); i++) {
        PS_TRY(value_push(&processor->arena, array, value_item(value, i)));
    }
    return PS_OK;
}

enum ps_err expand_in_scope(struct processor *processor, const struct context *active,
                            const struct term *term, bool is_property,
                            const struct context **ret_context)
{
    const struct scope scope = {
        .base = term->base,
        .override_protected = is_property,
        .no_propagation = !is_property,
    };

    return context_process(processor, active, term->context, &scope, ret_context);
}

static bool is_free_floating(const struct place *place)
{
    return place->property == NULL || name_is(place->property, KEYWORD_GRAPH);
}

/* Step 4. */
static enum ps_err expand_to_scalar(struct processor *processor, const struct place *place,
                                    struct value *element, struct value **ret_expanded)
{
    const struct term *term = context_term(place->active, place->property);
    const struct context *active = place->active;

    if (is_free_floating(place)) {
        *ret_expanded = NULL;
        return processor_leave_out(processor, "a value that belongs to nothing", element->text);
    }
    if (term != NULL && term->context != NULL) {
        PS_TRY(expand_in_scope(processor, active, term, true, &active));
    }
    return expand_scalar(processor, active, place->property, element, ret_expanded);
}

/* Step 5. */
static enum ps_err expand_array(struct processor *processor, const struct place *place,
                                struct value *element, struct value **ret_expanded)
{
    const struct term *term = context_term(place->active, place->property);
    const bool is_list = term != NULL && (term->containers & CONTAINER_LIST) != 0;
    struct value *result = NULL;

    PS_TRY(value_new(&processor->arena, JSON_ARRAY, &result));
    for (uint32_t i = 0; i < element->array.count; i++) {
        struct value *item = NULL;

        PS_TRY(expand_element(processor, place, element->array.items[i], &item));
        if (item == NULL && (is_list || place->in_list)) {
            PS_TRY(processor_leave_out(processor, "null in a list, whose items move up",
                                       place->property->text));
        }
        if (is_list && value_is(item, JSON_ARRAY)) {
            PS_TRY(expand_wrap(processor, KEYWORD_LIST, item, &item));
        }
        for (uint32_t j = 0; j < value_count_items(item); j++) {
            PS_TRY(value_push(&processor->arena, result, value_item(item, j)));
        }
    }
    *ret_expanded = result;
    return PS_OK;
}

static enum ps_err expands_to(const struct object *object, const struct context *active,
                              const struct name *key, enum keyword keyword, bool *ret_yes)
{
    const struct name *iri = NULL;

    PS_TRY(context_expand_iri(object->processor, active, key, EXPAND_VOCAB, NULL, &iri));
    *ret_yes = name_is(iri, keyword);
    return PS_OK;
}

/* Step 7: a context that does not propagate ends here, unless this is a value or a reference. */
static enum ps_err leave_unpropagated(struct object *object)
{
    const struct name_map *members = &object->element->members;
    bool keep = false;

    if (object->active->previous == NULL || object->place->from_map) {
        return PS_OK;
    }
    for (uint32_t i = 0; i < members->count && !keep; i++) {
        PS_TRY(expands_to(object, object->active, members->entries[i].name, KEYWORD_VALUE, &keep));
    }
    if (members->count == 1 && !keep) {
        PS_TRY(expands_to(object, object->active, members->entries[0].name, KEYWORD_ID, &keep));
    }
    object->active = keep ? object->active : object->active->previous;
    return PS_OK;
}

/* Steps 7 to 9. */
static enum ps_err enter_contexts(struct object *object)
{
    struct processor *processor = object->processor;
    const struct term *term = context_term(object->active, object->place->property);
    struct value *local = value_keyword(object->element, KEYWORD_CONTEXT);
    const struct scope scope = {.base = processor->options->base};

    PS_TRY(leave_unpropagated(object));
    if (term != NULL && term->context != NULL) {
        PS_TRY(expand_in_scope(processor, object->active, term, true, &object->active));
    }
    if (local != NULL) {
        PS_TRY(context_process(processor, object->active, local, &scope, &object->active));
    }
    return PS_OK;
}

static int compare_entries(const void *a, const void *b)
{
    return ps_bytes_compare(((const struct name_entry *)a)->name->text,
                            ((const struct name_entry *)b)->name->text);
}

/* The strings of a "@type" member as names, sorted; the item is not used. */
static enum ps_err sort_types(struct processor *processor, struct value *types,
                              struct name_entry **ret_sorted, uint32_t *ret_count)
{
    const uint32_t count = value_count_items(types);
    struct name_entry *sorted;
    uint32_t found = 0;
    void *memory;

    PS_TRY(arena_take(&processor->arena, (size_t)count * sizeof *sorted, &memory));
    sorted = memory;
    for (uint32_t i = 0; i < count; i++) {
        const struct value *type = value_item(types, i);

        if (value_is(type, JSON_STRING)) {
            PS_TRY(names_intern(&processor->names, type->text, &sorted[found].name));
            found++;
        }
    }
    qsort(sorted, found, sizeof *sorted, compare_entries);
    *ret_sorted = sorted;
    *ret_count = found;
    return PS_OK;
}

/* Step 11.2: contexts that types bring along. */
static enum ps_err enter_types(struct object *object, struct value *types)
{
    struct name_entry *sorted = NULL;
    uint32_t count = 0;

    PS_TRY(sort_types(object->processor, types, &sorted, &count));
    for (uint32_t i = 0; i < count; i++) {
        const struct term *term = context_term(object->type_scoped, sorted[i].name);

        if (term != NULL && term->context != NULL) {
            PS_TRY(
                expand_in_scope(object->processor, object->active, term, false, &object->active));
        }
    }
    return PS_OK;
}

/* Step 12. */
static enum ps_err set_input_type(struct object *object, struct value *types)
{
    const uint32_t count = value_count_items(types);
    const struct value *last = count == 0 ? NULL : value_item(types, count - 1);
    const struct name *name = NULL;

    if (last == NULL || last->type != JSON_STRING) {
        return PS_OK;
    }
    PS_TRY(names_intern(&object->processor->names, last->text, &name));
    return context_expand_iri(object->processor, object->active, name, EXPAND_VOCAB, NULL,
                              &object->input_type);
}

/* Steps 10 to 12: the members that mean "@type", sorted. */
static enum ps_err read_types(struct object *object)
{
    const struct name_map *members = &object->element->members;
    struct name_entry *keys;
    uint32_t count = 0;
    void *memory;

    object->type_scoped = object->active;
    PS_TRY(arena_take(&object->processor->arena, members->count * sizeof *keys, &memory));
    keys = memory;
    for (uint32_t i = 0; i < members->count; i++) {
        bool is_type = false;

        PS_TRY(expands_to(object, object->type_scoped, members->entries[i].name, KEYWORD_TYPE,
                          &is_type));
        if (is_type) {
            keys[count++] = members->entries[i];
        }
    }
    qsort(keys, count, sizeof *keys, compare_entries);
    for (uint32_t i = 0; i < count; i++) {
        PS_TRY(enter_types(object, keys[i].item));
    }
    return count == 0 ? PS_OK : set_input_type(object, keys[0].item);
}

/* Step 13 for one member. */
static enum ps_err expand_member(struct object *object, const struct name *key, struct value *value)
{
    const struct name *iri = NULL;

    if (name_is(key, KEYWORD_CONTEXT)) {
        return PS_OK;
    }
    PS_TRY(context_expand_iri(object->processor, object->active, key, EXPAND_VOCAB, NULL, &iri));
    if (iri != NULL && name_is_keyword(iri)) {
        return expand_keyword(object, key, (enum keyword)iri->number, value);
    }
    if (iri == NULL || memchr(iri->text.data, ':', iri->text.len) == NULL) {
        return value->type == JSON_NULL
                   ? PS_OK
                   : processor_leave_out(object->processor, "a member that no context defines",
                                         key->text);
    }
    return expand_property(object, key, iri, value);
}

static enum ps_err expand_nested(struct object *object, const struct name *key,
                                 struct value *value);

/* Steps 13 and 14. */
static enum ps_err expand_members(struct object *object)
{
    const struct name_map *members = &object->element->members;

    for (uint32_t i = 0; i < members->count; i++) {
        PS_TRY(expand_member(object, members->entries[i].name, members->entries[i].item));
    }
    for (uint32_t i = 0; i < object->nests.count; i++) {
        const struct name *key = object->nests.entries[i].name;
        struct value *values = object->nests.entries[i].item;

        for (uint32_t j = 0; j < value_count_items(values); j++) {
            PS_TRY(expand_nested(object, key, value_item(values, j)));
        }
    }
    return PS_OK;
}

/* Step 14.2: the members of `value` become those of the result. */
static enum ps_err expand_nested(struct object *object, const struct name *key, struct value *value)
{
    struct object inner = *object;
    const struct term *term = context_term(object->active, key);
    enum ps_err err;

    if (value->type != JSON_OBJECT) {
        return jsonld_refuse("invalid @nest value", key->text);
    }
    inner.element = value;
    inner.nests = (struct name_map){0};
    if (term != NULL && term->context != NULL) {
        PS_TRY(expand_in_scope(object->processor, object->active, term, true, &inner.active));
    }
    for (uint32_t i = 0; i < value->members.count; i++) {
        bool is_value = false;

        PS_TRY(expands_to(&inner, inner.active, value->members.entries[i].name, KEYWORD_VALUE,
                          &is_value));
        if (is_value) {
            return jsonld_refuse("invalid @nest value", key->text);
        }
    }
    PS_TRY(processor_enter(object->processor));
    err = expand_members(&inner);
    processor_leave(object->processor);
    return err;
}

/* Step 15. */
static enum ps_err finish_value(struct value **result)
{
    const struct value *value = value_keyword(*result, KEYWORD_VALUE);
    const struct value *type = value_keyword(*result, KEYWORD_TYPE);
    const struct value *language = value_keyword(*result, KEYWORD_LANGUAGE);
    const bool has_direction = expanded_has(*result, KEYWORD_DIRECTION);
    const uint32_t known = 1u + (type != NULL ? 1u : 0u) + (language != NULL ? 1u : 0u) +
                           (has_direction ? 1u : 0u) +
                           (expanded_has(*result, KEYWORD_INDEX) ? 1u : 0u);

    assert(value != NULL);
    if ((*result)->members.count != known ||
        (type != NULL && (language != NULL || has_direction))) {
        return jsonld_refuse("invalid value object", ps_bytes_str("@value with other members"));
    }
    if (type != NULL && type->type == JSON_STRING && ps_bytes_equal_str(type->text, "@json")) {
        return PS_OK;
    }
    /* Under its type's own context the type may be "@json" and yet mean something else here. */
    if (value->type == JSON_ARRAY || value->type == JSON_OBJECT) {
        return jsonld_refuse("invalid value object value", ps_bytes_str("no scalar"));
    }
    if (value->type == JSON_NULL) {
        *result = NULL;
        return PS_OK;
    }
    if (language != NULL && value->type != JSON_STRING) {
        return jsonld_refuse("invalid language-tagged value", language->text);
    }
    return type == NULL || (type->type == JSON_STRING && iri_is_well_formed(type->text))
               ? PS_OK
               : jsonld_refuse("invalid typed value", ps_bytes_str("@type of a value"));
}

/* Step 17. */
static enum ps_err finish_container(struct value **result)
{
    const uint32_t known = 1u + (expanded_has(*result, KEYWORD_INDEX) ? 1u : 0u);

    if ((*result)->members.count != known) {
        return jsonld_refuse("invalid set or list object", ps_bytes_str("with other members"));
    }
    if (expanded_has(*result, KEYWORD_SET)) {
        *result = value_keyword(*result, KEYWORD_SET);
    }
    return PS_OK;
}

/* Steps 18 and 19. */
static enum ps_err drop_what_says_nothing(const struct object *object, struct value **result)
{
    const struct value *value = *result;
    const bool alone = value_is(value, JSON_OBJECT) && value->members.count == 1;
    bool drop = alone && expanded_has(value, KEYWORD_LANGUAGE);

    if (is_free_floating(object->place) && value_is(value, JSON_OBJECT)) {
        drop = drop || value->members.count == 0 || expanded_has(value, KEYWORD_VALUE) ||
               expanded_has(value, KEYWORD_LIST) || (alone && expanded_has(value, KEYWORD_ID));
    }
    if (!drop) {
        return PS_OK;
    }
    *result = NULL;
    return value->members.count == 0
               ? PS_OK
               : processor_leave_out(object->processor, "an object that says nothing",
                                     value->members.entries[0].name->text);
}

/* Steps 15 to 19. */
static enum ps_err finish(struct object *object, struct value **ret_expanded)
{
    struct value *result = object->result;
    struct value *types = value_keyword(result, KEYWORD_TYPE);

    if (expanded_has(result, KEYWORD_VALUE)) {
        PS_TRY(finish_value(&result));
    } else if (types != NULL) {
        PS_TRY(expand_as_array(object->processor, types, &types));
        PS_TRY(value_set(&object->processor->arena, result, names_keyword(KEYWORD_TYPE), types));
    } else if (expanded_has(result, KEYWORD_SET) || expanded_has(result, KEYWORD_LIST)) {
        PS_TRY(finish_container(&result));
    }
    if (result != NULL) {
        PS_TRY(drop_what_says_nothing(object, &result));
    }
    *ret_expanded = result;
    return PS_OK;
}

static enum ps_err expand_object(struct processor *processor, const struct place *place,
                                 struct value *element, struct value **ret_expanded)
{
    struct object object = {
        .processor = processor,
        .place = place,
        .active = place->active,
        .element = element,
    };

    PS_TRY(enter_contexts(&object));
    PS_TRY(read_types(&object));
    PS_TRY(value_new(&processor->arena, JSON_OBJECT, &object.result));
    PS_TRY(expand_members(&object));
    return finish(&object, ret_expanded);
}

enum ps_err expand_element(struct processor *processor, const struct place *place,
                           struct value *element, struct value **ret_expanded)
{
    enum ps_err err;

    if (element == NULL || element->type == JSON_NULL) {
        *ret_expanded = NULL;
        return PS_OK;
    }
    PS_TRY(processor_enter(processor));
    if (element->type == JSON_OBJECT) {
        err = expand_object(processor, place, element, ret_expanded);
    } else if (element->type == JSON_ARRAY) {
        err = expand_array(processor, place, element, ret_expanded);
    } else {
        err = expand_to_scalar(processor, place, element, ret_expanded);
    }
    processor_leave(processor);
    return err;
}
