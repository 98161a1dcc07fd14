#include "lib/jsonld/context.h"

#include "lib/jsonld/iri.h"

/* Contexts that may be included one within the other, or after each other. */
#define REMOTES_MAX 64u

/* What reading a context counts in octets of memory, also one that says nothing. */
#define READING_COST 64u

/* One call of context_process. */
struct run {
    struct processor *processor;
    const struct context *active;
    const struct scope *scope;
    const struct remote *remotes;
    bool propagate;
    struct context *result;
};

const struct term *context_term(const struct context *context, const struct name *name)
{
    return name == NULL ? NULL : name_map_get(&context->terms, name);
}

enum ps_err context_new(struct processor *processor, struct ps_bytes base,
                        struct context **ret_context)
{
    void *memory;

    PS_TRY(arena_take(&processor->arena, sizeof **ret_context, &memory));
    *ret_context = memory;
    (*ret_context)->base = base;
    (*ret_context)->original_base = base;
    return PS_OK;
}

/* The terms stay those of the old context until one is changed. */
static enum ps_err clone(struct processor *processor, const struct context *context,
                         struct context **ret_context)
{
    PS_TRY(context_new(processor, context->base, ret_context));
    **ret_context = *context;
    (*ret_context)->terms_borrowed = true;
    return PS_OK;
}

static struct ps_bytes text_of(const struct value *value)
{
    return value_is(value, JSON_STRING) ? value->text : ps_bytes_str("(no string)");
}

static enum ps_err read_boolean(const struct value *value, const char *code, bool *ret_boolean)
{
    if (value_is(value, JSON_TRUE) || value_is(value, JSON_FALSE)) {
        *ret_boolean = value->type == JSON_TRUE;
        return PS_OK;
    }
    return value == NULL ? PS_OK : jsonld_refuse(code, text_of(value));
}

enum ps_err context_read_direction(const struct value *value, enum direction *ret_direction)
{
    if (value_is(value, JSON_NULL)) {
        *ret_direction = DIRECTION_NULL;
        return PS_OK;
    }
    if (value_is(value, JSON_STRING) && ps_bytes_equal_str(value->text, "ltr")) {
        *ret_direction = DIRECTION_LTR;
        return PS_OK;
    }
    if (value_is(value, JSON_STRING) && ps_bytes_equal_str(value->text, "rtl")) {
        *ret_direction = DIRECTION_RTL;
        return PS_OK;
    }
    return jsonld_refuse("invalid base direction", text_of(value));
}

/* Step 5.1: the context is forgotten, unless it has terms that must stay. */
static enum ps_err nullify(struct run *run)
{
    const struct context *before = run->result;
    const struct name_map *terms = &before->terms;

    for (uint32_t i = 0; i < terms->count && !run->scope->override_protected; i++) {
        const struct term *term = terms->entries[i].item;

        if (term != NULL && term->protected) {
            return jsonld_refuse("invalid context nullification", terms->entries[i].name->text);
        }
    }
    PS_TRY(context_new(run->processor, run->active->original_base, &run->result));
    run->result->previous = run->propagate ? NULL : before;
    return PS_OK;
}

static enum ps_err resolve(const struct run *run, struct ps_bytes reference, struct ps_bytes *ret)
{
    if (run->scope->base.data != NULL) {
        return iri_resolve(&run->processor->arena, run->scope->base, reference, ret);
    }
    *ret = reference;
    return PS_OK;
}

static bool is_included(const struct run *run, struct ps_bytes iri)
{
    for (const struct remote *at = run->remotes; at != NULL; at = at->before) {
        if (ps_bytes_equal(at->iri, iri)) {
            return true;
        }
    }
    return false;
}

/* Steps 5.2. */
static enum ps_err include(struct run *run, const struct value *reference)
{
    struct scope scope = {.only_check = run->scope->only_check};
    const struct context *result = NULL;
    struct value *loaded = NULL;
    struct remote *remote;
    struct ps_bytes iri;
    void *memory;

    PS_TRY(resolve(run, reference->text, &iri));
    if (run->scope->only_check && is_included(run, iri)) {
        return PS_OK;
    }
    if (run->remotes != NULL && run->remotes->count == REMOTES_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "JSON-LD: context overflow: more than %u contexts included",
                       REMOTES_MAX);
    }
    PS_TRY(arena_take(&run->processor->arena, sizeof *remote, &memory));
    remote = memory;
    *remote = (struct remote){.before = run->remotes, .iri = iri};
    remote->count = run->remotes == NULL ? 1 : run->remotes->count + 1;
    run->remotes = remote;
    PS_TRY(processor_find_context(run->processor, iri, &loaded));
    scope.base = iri;
    scope.remotes = remote;
    PS_TRY(context_process(run->processor, run->result, loaded, &scope, &result));
    return clone(run->processor, result, &run->result);
}

/* Step 5.6: the members of another context document, where this one has none of that name. */
static enum ps_err import(struct run *run, struct value **context)
{
    struct arena *arena = &run->processor->arena;
    const struct value *reference = value_keyword(*context, KEYWORD_IMPORT);
    struct value *loaded = NULL;
    struct value *merged = NULL;
    struct ps_bytes iri;

    if (reference == NULL) {
        return PS_OK;
    }
    if (reference->type != JSON_STRING) {
        return jsonld_refuse("invalid @import value", text_of(reference));
    }
    PS_TRY(resolve(run, reference->text, &iri));
    PS_TRY(processor_find_context(run->processor, iri, &loaded));
    if (loaded->type != JSON_OBJECT) {
        return jsonld_refuse("invalid remote context", iri);
    }
    if (value_keyword(loaded, KEYWORD_IMPORT) != NULL) {
        return jsonld_refuse("invalid context entry", iri);
    }
    PS_TRY(value_new(arena, JSON_OBJECT, &merged));
    PS_TRY(name_map_copy(arena, &loaded->members, &merged->members));
    for (uint32_t i = 0; i < (*context)->members.count; i++) {
        const struct name_entry *entry = &(*context)->members.entries[i];

        PS_TRY(value_set(arena, merged, entry->name, entry->item));
    }
    *context = merged;
    return PS_OK;
}

/* Step 5.7. */
static enum ps_err set_base(struct run *run, const struct value *base)
{
    struct context *result = run->result;

    if (base == NULL || run->scope->remotes != NULL) {
        return PS_OK;
    }
    if (base->type == JSON_NULL) {
        result->base = ps_bytes(NULL, 0);
        return PS_OK;
    }
    if (base->type == JSON_STRING && iri_has_scheme(base->text)) {
        result->base = base->text;
        return PS_OK;
    }
    if (base->type == JSON_STRING && result->base.data != NULL) {
        return iri_resolve(&run->processor->arena, result->base, base->text, &result->base);
    }
    return jsonld_refuse("invalid base IRI", text_of(base));
}

/* Step 5.8. */
static enum ps_err set_vocab(struct run *run, const struct value *vocab)
{
    const struct name *name = NULL;

    if (vocab == NULL) {
        return PS_OK;
    }
    if (vocab->type == JSON_NULL) {
        run->result->vocab = NULL;
        return PS_OK;
    }
    if (vocab->type != JSON_STRING) {
        return jsonld_refuse("invalid vocab mapping", text_of(vocab));
    }
    PS_TRY(names_intern(&run->processor->names, vocab->text, &name));
    PS_TRY(context_expand_iri(run->processor, run->result, name, EXPAND_VOCAB | EXPAND_DOCUMENT,
                              NULL, &name));
    if (name == NULL || !context_is_absolute(name)) {
        return jsonld_refuse("invalid vocab mapping", vocab->text);
    }
    run->result->vocab = name;
    return PS_OK;
}

/* Steps 5.9 and 5.10. */
static enum ps_err set_language(struct run *run, const struct value *context)
{
    const struct value *language = value_keyword(context, KEYWORD_LANGUAGE);
    const struct value *direction = value_keyword(context, KEYWORD_DIRECTION);

    if (language != NULL && language->type != JSON_NULL && language->type != JSON_STRING) {
        return jsonld_refuse("invalid default language", text_of(language));
    }
    if (language != NULL) {
        run->result->language = language->type == JSON_NULL ? ps_bytes(NULL, 0) : language->text;
    }
    return direction == NULL ? PS_OK : context_read_direction(direction, &run->result->direction);
}

static bool is_version_1_1(const struct value *version)
{
    return value_is(version, JSON_NUMBER) && ps_bytes_equal_str(version->text, "1.1");
}

/* What is said of the context as a whole, and no term of it. */
static bool is_about_context(const struct name *name)
{
    static const enum keyword keywords[] = {
        KEYWORD_BASE,      KEYWORD_DIRECTION, KEYWORD_IMPORT,  KEYWORD_LANGUAGE,
        KEYWORD_PROPAGATE, KEYWORD_PROTECTED, KEYWORD_VERSION, KEYWORD_VOCAB,
    };

    for (size_t i = 0; i < PS_COUNT_OF(keywords); i++) {
        if (name_is(name, keywords[i])) {
            return true;
        }
    }
    return false;
}

/* Steps 5.12 and 5.13. */
static enum ps_err define_terms(struct run *run, struct value *context)
{
    const struct scope scope = {
        .base = run->scope->base,
        .remotes = run->remotes,
        .override_protected = run->scope->override_protected,
        .only_check = run->scope->only_check,
    };
    struct definitions definitions = {.active = run->result, .local = context, .scope = &scope};

    PS_TRY(read_boolean(value_keyword(context, KEYWORD_PROTECTED), "invalid @protected value",
                        &definitions.protected));
    for (uint32_t i = 0; i < context->members.count; i++) {
        const struct name *name = context->members.entries[i].name;

        if (!is_about_context(name)) {
            PS_TRY(context_create_term(run->processor, &definitions, name));
        }
    }
    return PS_OK;
}

/* Steps 5.5 to 5.13. */
static enum ps_err read_definition(struct run *run, struct value *context)
{
    const struct value *version = value_keyword(context, KEYWORD_VERSION);
    bool propagate;

    if (version != NULL && !is_version_1_1(version)) {
        return jsonld_refuse("invalid @version value", text_of(version));
    }
    PS_TRY(import(run, &context));
    PS_TRY(set_base(run, value_keyword(context, KEYWORD_BASE)));
    PS_TRY(set_vocab(run, value_keyword(context, KEYWORD_VOCAB)));
    PS_TRY(set_language(run, context));
    PS_TRY(read_boolean(value_keyword(context, KEYWORD_PROPAGATE), "invalid @propagate value",
                        &propagate));
    return define_terms(run, context);
}

static enum ps_err read_one(struct run *run, struct value *context)
{
    PS_TRY(arena_spend(&run->processor->arena, READING_COST));
    switch (context->type) {
    case JSON_NULL:
        return nullify(run);
    case JSON_STRING:
        return include(run, context);
    case JSON_OBJECT:
        return read_definition(run, context);
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER:
    case JSON_ARRAY:
        break;
    }
    return jsonld_refuse("invalid local context", ps_bytes_str("neither string nor object"));
}

static enum ps_err process(struct run *run, struct value *local)
{
    run->propagate = !run->scope->no_propagation;
    run->remotes = run->scope->remotes;
    PS_TRY(clone(run->processor, run->active, &run->result));
    PS_TRY(read_boolean(value_keyword(local, KEYWORD_PROPAGATE), "invalid @propagate value",
                        &run->propagate));
    if (!run->propagate && run->result->previous == NULL) {
        run->result->previous = run->active;
    }
    for (uint32_t i = 0; i < value_count_items(local); i++) {
        PS_TRY(read_one(run, value_item(local, i)));
    }
    return PS_OK;
}

enum ps_err context_process(struct processor *processor, const struct context *active,
                            struct value *local, const struct scope *scope,
                            const struct context **ret_context)
{
    struct run run = {.processor = processor, .active = active, .scope = scope};
    enum ps_err err;

    PS_TRY(processor_enter(processor));
    err = process(&run, local);
    processor_leave(processor);
    PS_TRY(err);
    *ret_context = run.result;
    return PS_OK;
}
