#include "lib/jsonld/context.h"
#include "lib/jsonld/iri.h"
#include "lib/jsonld/term_members.h"

/* One term while it is defined (section 4.2.2). */
struct making {
    struct processor *processor;
    struct definitions *definitions;
    const struct name *name;
    struct value *value; /* of the term in the local context */
    bool simple;         /* a string, which is the IRI */
    struct term *term;
    bool ignored; /* there is no such term, for names like "@..." are kept for the future */
};

static enum ps_err refuse(const struct making *making, const char *code)
{
    return jsonld_refuse(code, making->name->text);
}

static struct value *member(const struct making *making, enum keyword keyword)
{
    return value_keyword(making->value, keyword);
}

static enum ps_err expand(const struct making *making, const struct value *string,
                          const struct name **ret_iri)
{
    const struct name *name = NULL;

    PS_TRY(names_intern(&making->processor->names, string->text, &name));
    return context_expand_iri(making->processor, making->definitions->active, name, EXPAND_VOCAB,
                              making->definitions, ret_iri);
}

static bool is_usable_iri(const struct name *iri)
{
    return iri != NULL && (name_is_keyword(iri) || context_is_absolute(iri));
}

/* Octets that look like a keyword and are none. */
static enum ps_err is_reserved(const struct making *making, const struct value *string,
                               bool *ret_reserved)
{
    const struct name *name = NULL;

    PS_TRY(names_intern(&making->processor->names, string->text, &name));
    *ret_reserved = name->reserved;
    return PS_OK;
}

static enum ps_err ignore(struct making *making)
{
    making->ignored = true;
    return processor_leave_out(making->processor, "a term that looks like a keyword",
                               making->name->text);
}

/* Step 4: what may be said about "@type" itself. */
static enum ps_err check_type_keyword(const struct making *making)
{
    const struct value *container = member(making, KEYWORD_CONTAINER);
    const bool has_protected = member(making, KEYWORD_PROTECTED) != NULL;
    const uint32_t known = (container != NULL ? 1u : 0u) + (has_protected ? 1u : 0u);

    if (!value_is(making->value, JSON_OBJECT) || known == 0 ||
        making->value->members.count != known ||
        (container != NULL &&
         (container->type != JSON_STRING || !ps_bytes_equal_str(container->text, "@set")))) {
        return refuse(making, "keyword redefinition");
    }
    return PS_OK;
}

/* Steps 2 to 9. */
static enum ps_err check_form(struct making *making)
{
    if (making->name->text.len == 0) {
        return refuse(making, "invalid term definition");
    }
    if (name_is(making->name, KEYWORD_TYPE)) {
        PS_TRY(check_type_keyword(making));
    } else if (name_is_keyword(making->name)) {
        return refuse(making, "keyword redefinition");
    }
    if (making->name->reserved) {
        return ignore(making);
    }
    making->simple = making->value->type == JSON_STRING;
    if (!making->simple && making->value->type != JSON_OBJECT && making->value->type != JSON_NULL) {
        return refuse(making, "invalid term definition");
    }
    return PS_OK;
}

/* Steps 10 and 11. */
static enum ps_err read_protected(struct making *making)
{
    const struct value *value = member(making, KEYWORD_PROTECTED);

    making->term->protected = making->definitions->protected;
    if (value == NULL) {
        return PS_OK;
    }
    if (value->type != JSON_TRUE && value->type != JSON_FALSE) {
        return refuse(making, "invalid @protected value");
    }
    making->term->protected = value->type == JSON_TRUE;
    return PS_OK;
}

/* Step 12. */
static enum ps_err read_type(struct making *making)
{
    const struct value *value = member(making, KEYWORD_TYPE);
    const struct name *type = NULL;

    if (value == NULL) {
        return PS_OK;
    }
    if (value->type != JSON_STRING) {
        return refuse(making, "invalid type mapping");
    }
    PS_TRY(expand(making, value, &type));
    if (!name_is(type, KEYWORD_ID) && !name_is(type, KEYWORD_VOCAB) &&
        !name_is(type, KEYWORD_JSON) && !name_is(type, KEYWORD_NONE) &&
        (type == NULL || !iri_has_scheme(type->text))) {
        return refuse(making, "invalid type mapping");
    }
    making->term->type = type;
    return PS_OK;
}

/* Step 13: a property that points the other way. As corrected, what else is said counts too. */
static enum ps_err read_reverse(struct making *making)
{
    const struct value *value = member(making, KEYWORD_REVERSE);
    const struct value *container = member(making, KEYWORD_CONTAINER);
    bool reserved = false;

    if (value == NULL) {
        return PS_OK;
    }
    if (member(making, KEYWORD_ID) != NULL || member(making, KEYWORD_NEST) != NULL) {
        return refuse(making, "invalid reverse property");
    }
    if (value->type != JSON_STRING) {
        return refuse(making, "invalid IRI mapping");
    }
    PS_TRY(is_reserved(making, value, &reserved));
    if (reserved) {
        return ignore(making);
    }
    PS_TRY(expand(making, value, &making->term->iri));
    if (making->term->iri == NULL || !context_is_absolute(making->term->iri)) {
        return refuse(making, "invalid IRI mapping");
    }
    if (value_is(container, JSON_STRING) && ps_bytes_equal_str(container->text, "@index")) {
        making->term->containers = CONTAINER_INDEX;
    } else if (value_is(container, JSON_STRING) && ps_bytes_equal_str(container->text, "@set")) {
        making->term->containers = CONTAINER_SET;
    } else if (container != NULL && container->type != JSON_NULL) {
        return refuse(making, "invalid reverse property");
    }
    making->term->reverse = true;
    return PS_OK;
}

/* RFC 3986 section 2.2. */
static bool ends_with_gen_delim(struct ps_bytes iri)
{
    return iri.len != 0 && memchr(":/?#[]@", iri.data[iri.len - 1], 7) != NULL;
}

static bool has_octet(struct ps_bytes text, uint8_t octet)
{
    return text.len != 0 && memchr(text.data, octet, text.len) != NULL;
}

/* Step 14.2.4: a term that is an IRI itself must not mean another. */
static enum ps_err check_means_itself(const struct making *making)
{
    const struct ps_bytes text = making->name->text;
    const struct name *iri = NULL;
    static bool done = true;

    if (!has_octet(text, '/') &&
        (text.len < 3 || !has_octet(ps_bytes(text.data + 1, text.len - 2), ':'))) {
        return PS_OK;
    }
    PS_TRY(name_map_set(&making->processor->arena, &making->definitions->defined, making->name,
                        &done));
    PS_TRY(context_expand_iri(making->processor, making->definitions->active, making->name,
                              EXPAND_VOCAB, making->definitions, &iri));
    return iri == making->term->iri ? PS_OK : refuse(making, "invalid IRI mapping");
}

/* Step 14. */
static enum ps_err read_id(struct making *making, const struct value *id)
{
    const struct ps_bytes text = making->name->text;
    struct term *term = making->term;
    bool reserved = false;

    if (id->type == JSON_NULL) {
        return PS_OK;
    }
    if (id->type != JSON_STRING) {
        return refuse(making, "invalid IRI mapping");
    }
    PS_TRY(is_reserved(making, id, &reserved));
    if (reserved) {
        return ignore(making);
    }
    PS_TRY(expand(making, id, &term->iri));
    if (!is_usable_iri(term->iri)) {
        return refuse(making, "invalid IRI mapping");
    }
    if (name_is(term->iri, KEYWORD_CONTEXT)) {
        return refuse(making, "invalid keyword alias");
    }
    PS_TRY(check_means_itself(making));
    term->prefix = making->simple && !has_octet(text, ':') && !has_octet(text, '/') &&
                   (ends_with_gen_delim(term->iri->text) || name_is_blank(term->iri));
    return PS_OK;
}

/* Step 15: a compact IRI, whose prefix may have to be defined first. */
static enum ps_err derive_from_prefix(struct making *making)
{
    const struct ps_bytes text = making->name->text;
    const uint8_t *colon = memchr(text.data + 1, ':', text.len - 1);
    const size_t len = (size_t)(colon - text.data);
    const struct ps_bytes suffix = ps_bytes(colon + 1, text.len - len - 1);
    struct processor *processor = making->processor;
    const struct name *prefix = NULL;
    const struct term *term;
    struct ps_bytes joined;

    PS_TRY(names_intern(&processor->names, ps_bytes(text.data, len), &prefix));
    if (value_get(making->definitions->local, prefix) != NULL) {
        PS_TRY(context_create_term(processor, making->definitions, prefix));
    }
    term = context_term(making->definitions->active, prefix);
    if (term == NULL || term->iri == NULL) {
        making->term->iri = making->name;
        return PS_OK;
    }
    PS_TRY(arena_join(&processor->arena, term->iri->text, suffix, &joined));
    return names_intern(&processor->names, joined, &making->term->iri);
}

/* Steps 15 to 18: the IRI follows from the term. */
static enum ps_err derive_iri(struct making *making)
{
    const struct name *vocab = making->definitions->active->vocab;
    const struct ps_bytes text = making->name->text;
    struct ps_bytes joined;

    if (text.len > 1 && has_octet(ps_bytes_from(text, 1), ':')) {
        return derive_from_prefix(making);
    }
    if (has_octet(text, '/')) {
        PS_TRY(context_expand_iri(making->processor, making->definitions->active, making->name,
                                  EXPAND_VOCAB, NULL, &making->term->iri));
        return making->term->iri != NULL && iri_has_scheme(making->term->iri->text)
                   ? PS_OK
                   : refuse(making, "invalid IRI mapping");
    }
    if (name_is(making->name, KEYWORD_TYPE)) {
        making->term->iri = making->name;
        return PS_OK;
    }
    if (vocab == NULL) {
        return refuse(making, "invalid IRI mapping");
    }
    PS_TRY(arena_join(&making->processor->arena, vocab->text, text, &joined));
    return names_intern(&making->processor->names, joined, &making->term->iri);
}

static enum ps_err read_iri(struct making *making)
{
    const struct value *id =
        making->value->type == JSON_OBJECT ? member(making, KEYWORD_ID) : making->value;

    if (id != NULL && !(id->type == JSON_STRING && ps_bytes_equal(id->text, making->name->text))) {
        return read_id(making, id);
    }
    return derive_iri(making);
}

/* Steps 14 to 26. */
static enum ps_err read_rest(struct making *making)
{
    if (!making->term->reverse) {
        PS_TRY(read_iri(making));
    }
    return making->ignored ? PS_OK
                           : term_read_members(making->processor, making->definitions, making->name,
                                               making->value, making->term);
}

static enum ps_err fill(struct making *making)
{
    PS_TRY(check_form(making));
    if (making->ignored) {
        return PS_OK;
    }
    PS_TRY(read_protected(making));
    PS_TRY(read_type(making));
    PS_TRY(read_reverse(making));
    return making->ignored ? PS_OK : read_rest(making);
}

/* Step 27: what protected means. Only whether they are protected may differ. */
static bool is_same(const struct term *a, const struct term *b)
{
    return a->iri == b->iri && a->type == b->type && a->nest == b->nest && a->index == b->index &&
           value_equal(a->context, b->context) && a->language.set == b->language.set &&
           ps_bytes_equal(a->language.tag, b->language.tag) && a->direction == b->direction &&
           a->containers == b->containers && a->prefix == b->prefix && a->reverse == b->reverse;
}

/* The terms of a context that is being made are its own from the first change on. */
static enum ps_err set_term(struct processor *processor, struct context *active,
                            const struct name *name, struct term *term)
{
    if (active->terms_borrowed) {
        const struct name_map borrowed = active->terms;

        PS_TRY(name_map_copy(&processor->arena, &borrowed, &active->terms));
        active->terms_borrowed = false;
    }
    return name_map_set(&processor->arena, &active->terms, name, term);
}

static enum ps_err make(struct making *making)
{
    struct definitions *definitions = making->definitions;
    struct context *active = definitions->active;
    struct term *previous = name_map_get(&active->terms, making->name);
    void *memory;

    PS_TRY(arena_take(&making->processor->arena, sizeof *making->term, &memory));
    making->term = memory;
    if (previous != NULL) {
        PS_TRY(set_term(making->processor, active, making->name, NULL));
    }
    PS_TRY(fill(making));
    if (making->ignored) {
        return PS_OK;
    }
    if (previous != NULL && previous->protected && !definitions->scope->override_protected) {
        if (!is_same(making->term, previous)) {
            return refuse(making, "protected term redefinition");
        }
        making->term = previous;
    }
    return set_term(making->processor, active, making->name, making->term);
}

enum ps_err context_create_term(struct processor *processor, struct definitions *definitions,
                                const struct name *name)
{
    static bool states[] = {false, true};
    struct making making = {.processor = processor, .definitions = definitions, .name = name};
    struct arena *arena = &processor->arena;
    const bool *state = name_map_get(&definitions->defined, name);
    enum ps_err err;

    if (state != NULL) {
        return *state ? PS_OK : jsonld_refuse("cyclic IRI mapping", name->text);
    }
    PS_TRY(name_map_set(arena, &definitions->defined, name, &states[0]));
    making.value = value_get(definitions->local, name);
    PS_TRY(processor_enter(processor));
    err = make(&making);
    processor_leave(processor);
    PS_TRY(err);
    return name_map_set(arena, &definitions->defined, name, &states[1]);
}
