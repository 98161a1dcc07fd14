#ifndef JSONLD_EXPAND_H
#define JSONLD_EXPAND_H

#include "lib/jsonld/context.h"

/* Section 5: expansion. Expanded values are those of the standard, without the outermost array. */

/* Where an element stands. */
struct place {
    const struct context *active;
    const struct name *property; /* as the document has it; NULL: none */
    bool from_map;               /* it is a value of an index, id or type map */
    bool in_list;                /* its place among others counts */
};

/* `element` may be NULL; NULL comes back for null. */
PS_MUST_USE enum ps_err expand_element(struct processor *processor, const struct place *place,
                                       struct value *element, struct value **ret_expanded);

/* A scalar (section 5.3.2). */
PS_MUST_USE enum ps_err expand_scalar(struct processor *processor, const struct context *active,
                                      const struct name *property, struct value *scalar,
                                      struct value **ret_expanded);

/* One map while its members are expanded. */
struct object {
    struct processor *processor;
    const struct place *place;
    const struct context *active;
    const struct context *type_scoped; /* without the contexts of its types */
    struct value *element;
    struct value *result;
    const struct name *input_type; /* the last of its types; NULL: none */
    struct name_map nests;         /* members whose members count as its own */
};

/* Steps 13.4 and 13.5 to 13.14 of section 5.1.2. */
PS_MUST_USE enum ps_err expand_keyword(struct object *object, const struct name *key,
                                       enum keyword keyword, struct value *value);
PS_MUST_USE enum ps_err expand_property(struct object *object, const struct name *key,
                                        const struct name *iri, struct value *value);

/* Steps 13.7 and 13.8: a map by languages, or by indexes, ids or types; an array comes back. */
PS_MUST_USE enum ps_err expand_language_map(const struct object *object, const struct name *key,
                                            const struct value *map, struct value **ret_expanded);
PS_MUST_USE enum ps_err expand_index_map(const struct object *object, const struct name *key,
                                         const struct value *map, struct value **ret_expanded);

/* The scoped context of a term, which is there, over a context. */
PS_MUST_USE enum ps_err expand_in_scope(struct processor *processor, const struct context *active,
                                        const struct term *term, bool is_property,
                                        const struct context **ret_context);

/* {key: value}. */
PS_MUST_USE enum ps_err expand_wrap(struct processor *processor, enum keyword keyword,
                                    struct value *value, struct value **ret_object);
/* An array of it, unless it is one; NULL becomes an empty array. */
PS_MUST_USE enum ps_err expand_as_array(struct processor *processor, struct value *value,
                                        struct value **ret_array);
/* Adds a value, or all items of an array, to the array that is the member of an object. */
PS_MUST_USE enum ps_err expand_add(struct processor *processor, struct value *object,
                                   const struct name *name, struct value *value);

/* Section 9.1 and following: value, list, graph and node objects. */
static inline bool expanded_has(const struct value *value, enum keyword keyword)
{
    return value_keyword(value, keyword) != NULL;
}
bool expanded_is_node(const struct value *value);
bool expanded_is_graph(const struct value *value);

#endif
