#include "lib/rdf/dataset.h"

#include "lib/base/encode.h"
#include "lib/base/map.h"
#include "lib/rdf/text.h"

#include <assert.h>
#include <stdlib.h>

#define XSD_STRING  "http://www.w3.org/2001/XMLSchema#string"
#define LANG_STRING "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"

struct term {
    uint32_t number;
    bool is_used; /* a quad has it */
    size_t len;
    uint8_t text[];
};

struct rdf_dataset {
    struct rdf_limits limits;
    struct ps_map *by_text; /* struct term, owned */
    struct ps_map *by_quad; /* struct rdf_quad, owned; its octets are the key */
    struct term **terms;    /* number - 1 */
    struct rdf_quad **quads;
    uint32_t term_count;
    uint32_t term_cap;
    uint32_t quad_count;
    uint32_t quad_cap;
    size_t octets;
    size_t added;       /* octets of terms, each counted whenever it was added */
    struct ps_buf text; /* of the term that is being added */
};

static enum ps_err no_memory(void)
{
    return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
}

enum ps_err rdf_dataset_new(const struct rdf_limits *limits, struct rdf_dataset **ret_dataset)
{
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = calloc(1, sizeof *dataset);

    if (dataset == NULL) {
        return no_memory();
    }
    dataset->limits = *limits;
    ps_buf_init(&dataset->text, limits->octets);
    PS_TRY(ps_map_new(&dataset->by_text));
    PS_TRY(ps_map_new(&dataset->by_quad));
    *ret_dataset = dataset;
    dataset = NULL;
    return PS_OK;
}

void rdf_dataset_free(struct rdf_dataset *dataset)
{
    if (dataset == NULL) {
        return;
    }
    ps_map_free(dataset->by_text, free);
    ps_map_free(dataset->by_quad, free);
    free(dataset->terms);
    free(dataset->quads);
    ps_buf_clear(&dataset->text);
    free(dataset);
}

/* Makes an array of pointers hold one more than `count`. */
static enum ps_err grow(void **array, uint32_t *cap, uint32_t count)
{
    const uint32_t more = *cap == 0 ? 64 : *cap * 2;
    void *moved;

    if (count < *cap) {
        return PS_OK;
    }
    moved = more < *cap ? NULL : reallocarray(*array, more, sizeof(void *));
    if (moved == NULL) {
        return no_memory();
    }
    *array = moved;
    *cap = more;
    return PS_OK;
}

static enum ps_err too_large(const struct rdf_dataset *dataset)
{
    return ps_fail(PS_E_LIMIT, 0, "RDF: terms of more than %zu octets", dataset->limits.octets);
}

/* Interns dataset->text. */
static enum ps_err intern(struct rdf_dataset *dataset, uint32_t *ret_term)
{
    const struct ps_bytes text = ps_buf_bytes(&dataset->text);
    struct term *term;

    if (dataset->text.err == PS_E_LIMIT) {
        return too_large(dataset);
    }
    PS_TRY(ps_buf_status(&dataset->text));
    if (text.len > RDF_ADDED_MAX - dataset->added) {
        return ps_fail(PS_E_LIMIT, 0, "RDF: terms of more than %zu octets, each as often as it is",
                       RDF_ADDED_MAX);
    }
    dataset->added += text.len;
    term = ps_map_get(dataset->by_text, text);
    if (term != NULL) {
        *ret_term = term->number;
        return PS_OK;
    }
    if (text.len > dataset->limits.octets - dataset->octets) {
        return too_large(dataset);
    }
    PS_TRY(grow((void **)&dataset->terms, &dataset->term_cap, dataset->term_count));
    term = malloc(sizeof *term + text.len);
    if (term == NULL) {
        return no_memory();
    }
    *term = (struct term){.number = dataset->term_count + 1, .len = text.len};
    memcpy(term->text, text.data, text.len);
    if (ps_map_add(dataset->by_text, ps_bytes(term->text, term->len), term) != PS_OK) {
        free(term);
        return no_memory();
    }
    dataset->octets += text.len;
    dataset->terms[dataset->term_count++] = term;
    *ret_term = term->number;
    return PS_OK;
}

static void put_iri(struct ps_buf *out, struct ps_bytes iri)
{
    ps_buf_put_u8(out, '<');
    ps_buf_put(out, iri);
    ps_buf_put_u8(out, '>');
}

static enum ps_err not_an_iri(struct ps_bytes iri)
{
    return ps_fail(PS_E_INPUT, 0, "RDF: \"%.*s\" is no absolute IRI",
                   (int)(iri.len > 100 ? 100 : iri.len), (const char *)iri.data);
}

enum ps_err rdf_dataset_add_iri(struct rdf_dataset *dataset, struct ps_bytes iri,
                                uint32_t *ret_term)
{
    if (!rdf_iri_valid(iri)) {
        return not_an_iri(iri);
    }
    ps_buf_reset(&dataset->text);
    put_iri(&dataset->text, iri);
    return intern(dataset, ret_term);
}

enum ps_err rdf_dataset_add_blank(struct rdf_dataset *dataset, struct ps_bytes label,
                                  uint32_t *ret_term)
{
    if (label.len == 0 || !ps_utf8_valid(label) || rdf_label_prefix(label) != label.len) {
        return ps_fail(PS_E_INPUT, 0, "RDF: what is no label of a blank node");
    }
    ps_buf_reset(&dataset->text);
    ps_buf_put_str(&dataset->text, "_:");
    ps_buf_put(&dataset->text, label);
    return intern(dataset, ret_term);
}

enum ps_err rdf_dataset_add_literal(struct rdf_dataset *dataset, const struct rdf_literal *literal,
                                    uint32_t *ret_term)
{
    const bool tagged = literal->language.len != 0;
    const bool typed = literal->datatype.len != 0 &&
                       !ps_bytes_equal_str(literal->datatype, tagged ? LANG_STRING : XSD_STRING);

    if (!ps_utf8_valid(literal->lexical)) {
        return ps_fail(PS_E_INPUT, 0, "RDF: a literal that is no UTF-8");
    }
    if (tagged && (typed || rdf_language_prefix(literal->language) != literal->language.len)) {
        return ps_fail(PS_E_INPUT, 0, "RDF: a literal with a wrong language tag");
    }
    if (typed && !rdf_iri_valid(literal->datatype)) {
        return not_an_iri(literal->datatype);
    }
    ps_buf_reset(&dataset->text);
    rdf_put_quoted(&dataset->text, literal->lexical);
    if (tagged) {
        ps_buf_put_u8(&dataset->text, '@');
        ps_buf_put(&dataset->text, literal->language);
    } else if (typed) {
        ps_buf_put_str(&dataset->text, "^^");
        put_iri(&dataset->text, literal->datatype);
    }
    return intern(dataset, ret_term);
}

static uint8_t first_octet(const struct rdf_dataset *dataset, uint32_t term)
{
    return rdf_dataset_text(dataset, term).data[0];
}

/* RDF 1.1 Concepts, section 3.1 and 4. */
static bool is_well_formed(const struct rdf_dataset *dataset, const struct rdf_quad *quad)
{
    return first_octet(dataset, quad->subject) != '"' &&
           first_octet(dataset, quad->predicate) == '<' &&
           (quad->graph == RDF_DEFAULT_GRAPH || first_octet(dataset, quad->graph) != '"');
}

static void note_used(struct rdf_dataset *dataset, uint32_t term)
{
    if (term != RDF_DEFAULT_GRAPH) {
        dataset->terms[term - 1]->is_used = true;
    }
}

enum ps_err rdf_dataset_add_quad(struct rdf_dataset *dataset, const struct rdf_quad *quad)
{
    struct rdf_quad *copy;

    assert(quad->object != 0 && quad->object <= dataset->term_count);
    if (!is_well_formed(dataset, quad)) {
        return ps_fail(PS_E_INPUT, 0, "RDF: a literal as subject, or a predicate that is no IRI");
    }
    if (ps_map_get(dataset->by_quad, ps_bytes(quad, sizeof *quad)) != NULL) {
        return PS_OK;
    }
    if (dataset->quad_count == dataset->limits.quads) {
        return ps_fail(PS_E_LIMIT, 0, "RDF: more than %u quads", dataset->limits.quads);
    }
    PS_TRY(grow((void **)&dataset->quads, &dataset->quad_cap, dataset->quad_count));
    copy = malloc(sizeof *copy);
    if (copy == NULL) {
        return no_memory();
    }
    *copy = *quad;
    if (ps_map_add(dataset->by_quad, ps_bytes(copy, sizeof *copy), copy) != PS_OK) {
        free(copy);
        return no_memory();
    }
    dataset->quads[dataset->quad_count++] = copy;
    note_used(dataset, quad->subject);
    note_used(dataset, quad->object);
    note_used(dataset, quad->graph);
    return PS_OK;
}

uint32_t rdf_dataset_count(const struct rdf_dataset *dataset)
{
    return dataset->quad_count;
}

struct rdf_quad rdf_dataset_quad(const struct rdf_dataset *dataset, uint32_t at)
{
    assert(at < dataset->quad_count);
    return *dataset->quads[at];
}

uint32_t rdf_dataset_terms(const struct rdf_dataset *dataset)
{
    return dataset->term_count;
}

struct ps_bytes rdf_dataset_text(const struct rdf_dataset *dataset, uint32_t term)
{
    assert(term != 0 && term <= dataset->term_count);
    return ps_bytes(dataset->terms[term - 1]->text, dataset->terms[term - 1]->len);
}

bool rdf_dataset_is_blank(const struct rdf_dataset *dataset, uint32_t term)
{
    return first_octet(dataset, term) == '_';
}

bool rdf_dataset_is_used(const struct rdf_dataset *dataset, uint32_t term)
{
    assert(term != 0 && term <= dataset->term_count);
    return dataset->terms[term - 1]->is_used;
}
