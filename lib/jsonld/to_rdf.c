#include "lib/jsonld/to_rdf.h"

#include "lib/jsonld/iri.h"

#include <stdio.h>

static enum ps_err put_node(struct to_rdf *to, struct value *node, uint32_t graph,
                            uint32_t *ret_subject);

enum ps_err to_rdf_put_quad(struct to_rdf *to, const struct rdf_quad *quad)
{
    if (quad->subject == TERM_NONE || quad->predicate == TERM_NONE || quad->object == TERM_NONE ||
        quad->graph == TERM_NONE) {
        return PS_OK;
    }
    return rdf_dataset_add_quad(to->dataset, quad);
}

enum ps_err to_rdf_add_blank(struct to_rdf *to, uint32_t *ret_term)
{
    char label[16];

    (void)snprintf(label, sizeof label, "b%u", to->next_blank++);
    return rdf_dataset_add_blank(to->dataset, ps_bytes_str(label), ret_term);
}

/* Section 7.4: the document's own identifiers get labels like all others. */
static enum ps_err relabel(struct to_rdf *to, struct ps_bytes identifier, uint32_t *ret_term)
{
    struct processor *processor = to->processor;
    const struct name *name = NULL;
    uint32_t *known;
    void *memory;

    PS_TRY(names_intern(&processor->names, identifier, &name));
    known = name_map_get(&to->blanks, name);
    if (known == NULL) {
        PS_TRY(arena_take(&processor->arena, sizeof *known, &memory));
        known = memory;
        PS_TRY(to_rdf_add_blank(to, known));
        PS_TRY(name_map_set(&processor->arena, &to->blanks, name, known));
    }
    *ret_term = *known;
    return PS_OK;
}

/* An IRI or blank node; TERM_NONE for an IRI that is relative or not well-formed. */
static enum ps_err add_reference(struct to_rdf *to, struct ps_bytes text, uint32_t *ret_term)
{
    if (ps_bytes_starts_with(text, ps_bytes_str("_:"))) {
        return relabel(to, text, ret_term);
    }
    if (!iri_is_well_formed(text)) {
        *ret_term = TERM_NONE;
        return processor_leave_out(to->processor, "what is no absolute IRI", text);
    }
    return rdf_dataset_add_iri(to->dataset, text, ret_term);
}

/* Blank nodes were properties once; RDF has none (section 8.1.2, step 1.3.2.3). */
static enum ps_err add_property(struct to_rdf *to, const struct name *property, uint32_t *ret_term)
{
    if (name_is_blank(property)) {
        *ret_term = TERM_NONE;
        return processor_leave_out(to->processor, "a blank node as a property", property->text);
    }
    return add_reference(to, property->text, ret_term);
}

static enum ps_err put_list(struct to_rdf *to, struct value *items, const struct rdf_quad *where,
                            uint32_t *ret_head);

/* A "@type" keeps the standard's expansion from looking at what else a list has. */
static enum ps_err check_list(const struct to_rdf *to, const struct value *list)
{
    const uint32_t known = expanded_has(list, KEYWORD_INDEX) ? 2 : 1;

    return list->members.count == known
               ? PS_OK
               : processor_leave_out(to->processor, "what is said of a list beside its items",
                                     ps_bytes_str("@list"));
}

/* The term of an object of `where`, whose object is not there yet. */
static enum ps_err put_object(struct to_rdf *to, struct value *object, const struct rdf_quad *where,
                              uint32_t *ret_term)
{
    enum ps_err err;

    if (expanded_has(object, KEYWORD_VALUE)) {
        return to_rdf_add_value(to, object, where, ret_term);
    }
    if (!expanded_has(object, KEYWORD_LIST)) {
        return put_node(to, object, where->graph, ret_term);
    }
    PS_TRY(check_list(to, object));
    PS_TRY(processor_enter(to->processor));
    err = put_list(to, value_keyword(object, KEYWORD_LIST), where, ret_term);
    processor_leave(to->processor);
    return err;
}

/* Section 8.3.2. A list that belongs to no quad has no cells, but the nodes in it stay. */
static enum ps_err put_list(struct to_rdf *to, struct value *items, const struct rdf_quad *where,
                            uint32_t *ret_head)
{
    const bool wanted = where->subject != TERM_NONE && where->predicate != TERM_NONE;
    struct rdf_quad first = {.subject = TERM_NONE, .graph = where->graph};
    struct rdf_quad rest = first;

    PS_TRY(rdf_dataset_add_iri(to->dataset, ps_bytes_str(RDF "first"), &first.predicate));
    PS_TRY(rdf_dataset_add_iri(to->dataset, ps_bytes_str(RDF "rest"), &rest.predicate));
    PS_TRY(rdf_dataset_add_iri(to->dataset, ps_bytes_str(RDF "nil"), ret_head));
    for (uint32_t i = 0; i < value_count_items(items); i++) {
        if (wanted) {
            PS_TRY(to_rdf_add_blank(to, &first.subject));
        }
        rest.object = first.subject;
        PS_TRY(to_rdf_put_quad(to, &rest));
        *ret_head = i == 0 ? first.subject : *ret_head;
        PS_TRY(put_object(to, value_item(items, i), &first, &first.object));
        PS_TRY(to_rdf_put_quad(to, &first));
        rest.subject = first.subject;
    }
    if (value_count_items(items) != 0) {
        PS_TRY(rdf_dataset_add_iri(to->dataset, ps_bytes_str(RDF "nil"), &rest.object));
        return to_rdf_put_quad(to, &rest);
    }
    return PS_OK;
}

static enum ps_err put_types(struct to_rdf *to, struct value *types, struct rdf_quad quad)
{
    PS_TRY(rdf_dataset_add_iri(to->dataset, ps_bytes_str(RDF "type"), &quad.predicate));
    for (uint32_t i = 0; i < value_count_items(types); i++) {
        PS_TRY(add_reference(to, value_item(types, i)->text, &quad.object));
        PS_TRY(to_rdf_put_quad(to, &quad));
    }
    return PS_OK;
}

static enum ps_err put_reversed(struct to_rdf *to, const struct value *reversed,
                                struct rdf_quad quad)
{
    quad.object = quad.subject;
    for (uint32_t i = 0; i < reversed->members.count; i++) {
        const struct name_entry *entry = &reversed->members.entries[i];

        PS_TRY(add_property(to, entry->name, &quad.predicate));
        for (uint32_t j = 0; j < value_count_items(entry->item); j++) {
            PS_TRY(put_node(to, value_item(entry->item, j), quad.graph, &quad.subject));
            PS_TRY(to_rdf_put_quad(to, &quad));
        }
    }
    return PS_OK;
}

static enum ps_err put_property(struct to_rdf *to, const struct name_entry *entry,
                                struct rdf_quad quad)
{
    PS_TRY(add_property(to, entry->name, &quad.predicate));
    for (uint32_t i = 0; i < value_count_items(entry->item); i++) {
        PS_TRY(put_object(to, value_item(entry->item, i), &quad, &quad.object));
        PS_TRY(to_rdf_put_quad(to, &quad));
    }
    return PS_OK;
}

static enum ps_err put_member(struct to_rdf *to, const struct name_entry *entry,
                              const struct rdf_quad *quad)
{
    if (!name_is_keyword(entry->name)) {
        return put_property(to, entry, *quad);
    }
    switch ((int)entry->name->number) {
    case KEYWORD_TYPE:
        return put_types(to, entry->item, *quad);
    case KEYWORD_GRAPH:
        return to_rdf_put_nodes(to, entry->item,
                                quad->graph == TERM_NONE ? TERM_NONE : quad->subject);
    case KEYWORD_INCLUDED:
        return to_rdf_put_nodes(to, entry->item, quad->graph);
    case KEYWORD_REVERSE:
        return put_reversed(to, entry->item, *quad);
    case KEYWORD_ID: /* the subject */
    case KEYWORD_INDEX:
        return PS_OK;
    default:
        return processor_leave_out(to->processor, "a keyword that says nothing of a node",
                                   entry->name->text);
    }
}

static enum ps_err put_members(struct to_rdf *to, struct value *node, const struct rdf_quad *quad)
{
    for (uint32_t i = 0; i < node->members.count; i++) {
        PS_TRY(put_member(to, &node->members.entries[i], quad));
    }
    return PS_OK;
}

static enum ps_err put_node(struct to_rdf *to, struct value *node, uint32_t graph,
                            uint32_t *ret_subject)
{
    const struct value *id = value_keyword(node, KEYWORD_ID);
    struct rdf_quad quad = {.graph = graph};
    enum ps_err err;

    if (id == NULL) {
        PS_TRY(to_rdf_add_blank(to, &quad.subject));
    } else if (id->type == JSON_NULL) {
        quad.subject = TERM_NONE;
    } else {
        PS_TRY(add_reference(to, id->text, &quad.subject));
    }
    PS_TRY(processor_enter(to->processor));
    err = put_members(to, node, &quad);
    processor_leave(to->processor);
    *ret_subject = quad.subject;
    return err;
}

/* A node that is the object of none: it has to be in a quad by what is said of it. */
static enum ps_err check_said(const struct to_rdf *to, const struct value *node, uint32_t subject)
{
    const struct value *id = value_keyword(node, KEYWORD_ID);

    return id == NULL || subject == TERM_NONE || rdf_dataset_is_used(to->dataset, subject)
               ? PS_OK
               : processor_leave_out(to->processor, "a node of which nothing is said", id->text);
}

enum ps_err to_rdf_put_nodes(struct to_rdf *to, struct value *expanded, uint32_t graph)
{
    uint32_t subject;

    for (uint32_t i = 0; i < value_count_items(expanded); i++) {
        struct value *node = value_item(expanded, i);

        /* A graph container may hold values, which are in no triple. */
        if (expanded_is_node(node)) {
            PS_TRY(put_node(to, node, graph, &subject));
            PS_TRY(check_said(to, node, subject));
        } else {
            PS_TRY(processor_leave_out(to->processor, "a value that belongs to nothing",
                                       ps_bytes_str("@graph")));
        }
    }
    return PS_OK;
}
