#include "lib/jsonld/jsonld.h"

#include "lib/jsonld/to_rdf.h"

#include <assert.h>
#include <stdlib.h>

/* Context documents are pinned, so what they may be is only there to catch mistakes. */
#define CONTEXT_LIMITS                                                                             \
    ((struct json_limits){.octets = (size_t)4 * 1024 * 1024, .depth = 32, .values = 100000})
#define CONTEXTS_MEMORY_MAX (size_t)(256 * 1024 * 1024)

/* The longest literal that is written: JSON literals are a little longer than what they say. */
#define LITERAL_FACTOR 8u

struct document {
    struct ps_bytes iri;
    struct value *context;
};

struct jsonld_contexts {
    struct arena arena;
    struct names names;
    struct ps_map *by_iri; /* of struct document, in the arena */
};

enum ps_err jsonld_refuse(const char *code, struct ps_bytes what)
{
    const int shown = what.len > 100 ? 100 : (int)what.len;

    return ps_fail(PS_E_INPUT, 0, "JSON-LD: %s: \"%.*s\"", code, shown, (const char *)what.data);
}

enum ps_err processor_leave_out(const struct processor *processor, const char *why,
                                struct ps_bytes what)
{
    const int shown = what.len > 100 ? 100 : (int)what.len;

    if (processor->options->lossy) {
        return PS_OK;
    }
    return ps_fail(PS_E_INPUT, 0, "JSON-LD: \"%.*s\" would be left out: %s", shown,
                   (const char *)what.data, why);
}

enum ps_err processor_enter(struct processor *processor)
{
    if (processor->levels == 0) {
        return ps_fail(PS_E_LIMIT, 0, "JSON-LD: nested too deep");
    }
    processor->levels--;
    return PS_OK;
}

void processor_leave(struct processor *processor)
{
    processor->levels++;
}

enum ps_err processor_find_context(const struct processor *processor, struct ps_bytes iri,
                                   struct value **ret_context)
{
    const struct jsonld_contexts *contexts = processor->options->contexts;
    const struct document *document = contexts == NULL ? NULL : ps_map_get(contexts->by_iri, iri);

    if (document == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0,
                       "JSON-LD: loading remote context failed: \"%.*s\" was not given beforehand",
                       (int)(iri.len > 120 ? 120 : iri.len), (const char *)iri.data);
    }
    *ret_context = document->context;
    return PS_OK;
}

enum ps_err jsonld_contexts_new(struct jsonld_contexts **ret_contexts)
{
    PS_CLEANUP(jsonld_contexts_free_cleanup)
    struct jsonld_contexts *contexts = calloc(1, sizeof *contexts);

    if (contexts == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    arena_init(&contexts->arena, CONTEXTS_MEMORY_MAX);
    PS_TRY(names_init(&contexts->names, NULL, &contexts->arena));
    PS_TRY(ps_map_new(&contexts->by_iri));
    *ret_contexts = contexts;
    contexts = NULL;
    return PS_OK;
}

void jsonld_contexts_free(struct jsonld_contexts *contexts)
{
    if (contexts == NULL) {
        return;
    }
    ps_map_free(contexts->by_iri, NULL);
    names_clear(&contexts->names);
    arena_clear(&contexts->arena);
    free(contexts);
}

static enum ps_err parse(struct names *names, struct ps_bytes text,
                         const struct json_limits *limits, struct value **ret_value)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;

    PS_TRY(json_new(&json));
    PS_TRY(json_parse(json, text, limits, &root));
    return value_from_json(names, root, ret_value);
}

enum ps_err jsonld_contexts_add(struct jsonld_contexts *contexts, struct ps_bytes iri,
                                struct ps_bytes text, const uint8_t sha256[PS_SHA256_LEN])
{
    const struct ps_bytes nothing = {0};
    struct document *document;
    struct value *root = NULL;
    uint8_t digest[PS_SHA256_LEN];
    void *memory;

    ps_sha256(text, digest);
    if (memcmp(digest, sha256, sizeof digest) != 0) {
        return ps_fail(PS_E_INPUT, 0, "JSON-LD: the context \"%.*s\" is not the one its hash names",
                       (int)(iri.len > 120 ? 120 : iri.len), (const char *)iri.data);
    }
    if (!rdf_iri_valid(iri)) {
        return ps_fail(PS_E_INPUT, 0, "JSON-LD: a context whose name is no absolute IRI");
    }
    PS_TRY(parse(&contexts->names, text, &CONTEXT_LIMITS, &root));
    if (value_keyword(root, KEYWORD_CONTEXT) == NULL) {
        return jsonld_refuse("invalid remote context", iri);
    }
    PS_TRY(arena_take(&contexts->arena, sizeof *document, &memory));
    document = memory;
    PS_TRY(arena_join(&contexts->arena, iri, nothing, &document->iri));
    document->context = value_keyword(root, KEYWORD_CONTEXT);
    return ps_map_add(contexts->by_iri, document->iri, document);
}

/* The context before the document's own: none, or that of options->expand_context. */
static enum ps_err start_context(struct processor *processor, const struct context **ret_context)
{
    const struct jsonld_options *options = processor->options;
    const struct scope scope = {.base = options->base};
    struct context *first = NULL;
    struct value *reference = NULL;

    PS_TRY(context_new(processor, options->base, &first));
    *ret_context = first;
    if (options->expand_context.len == 0) {
        return PS_OK;
    }
    PS_TRY(value_new_string(&processor->arena, options->expand_context, &reference));
    return context_process(processor, first, reference, &scope, ret_context);
}

/* Section 5.1.2, at its end: a map with nothing but "@graph" is what is in it. */
static struct value *unwrap(struct value *expanded)
{
    struct value *nodes = value_keyword(expanded, KEYWORD_GRAPH);

    return nodes != NULL && expanded->members.count == 1 ? nodes : expanded;
}

static enum ps_err convert(struct processor *processor, struct ps_bytes text,
                           struct rdf_dataset *dataset)
{
    const struct jsonld_limits *limits = &processor->options->limits;
    const struct json_limits json_limits = {limits->octets, limits->depth, limits->values, true};
    struct to_rdf to = {.processor = processor, .dataset = dataset};
    struct place place = {0};
    struct value *document = NULL;
    struct value *expanded = NULL;
    enum ps_err err;

    PS_TRY(parse(&processor->names, text, &json_limits, &document));
    if (document->type != JSON_OBJECT && document->type != JSON_ARRAY) {
        return ps_fail(PS_E_INPUT, 0, "JSON-LD: a document is an object or an array");
    }
    PS_TRY(start_context(processor, &place.active));
    PS_TRY(expand_element(processor, &place, document, &expanded));
    ps_buf_init(&to.text, limits->octets * LITERAL_FACTOR);
    err = to_rdf_put_nodes(&to, unwrap(expanded), RDF_DEFAULT_GRAPH);
    ps_buf_clear(&to.text);
    return err;
}

enum ps_err jsonld_to_rdf(struct ps_bytes document, const struct jsonld_options *options,
                          struct rdf_dataset *dataset)
{
    const struct names *beneath = options->contexts == NULL ? NULL : &options->contexts->names;
    struct jsonld_options own = *options;
    struct processor processor = {.options = &own, .levels = PROCESSOR_LEVELS};
    enum ps_err err;

    assert(options->limits.depth <= JSON_DEPTH_MAX);
    if (own.base.len == 0) {
        own.base = ps_bytes(NULL, 0);
    } else if (!rdf_iri_valid(own.base)) {
        return jsonld_refuse("invalid base IRI", own.base);
    }
    arena_init(&processor.arena, options->limits.memory);
    err = names_init(&processor.names, beneath, &processor.arena);
    if (err == PS_OK) {
        err = convert(&processor, document, dataset);
    }
    names_clear(&processor.names);
    arena_clear(&processor.arena);
    return err;
}
