#include "lib/jsonld/iri.h"
#include "lib/jsonld/json_literal.h"
#include "lib/jsonld/number.h"
#include "lib/jsonld/to_rdf.h"

#include <math.h>

#define XSD  "http://www.w3.org/2001/XMLSchema#"
#define I18N "https://www.w3.org/ns/i18n#"

/* From here on numbers are not written as integers (section 8.2.2, step 10). */
#define INTEGER_END 1e21

static struct ps_bytes text_of(const struct value *value)
{
    return value_is(value, JSON_STRING) ? value->text : ps_bytes(NULL, 0);
}

/* Steps 10 and 11. What is written has to be the number that a reader of the document sees. */
static enum ps_err write_number(struct to_rdf *to, const struct value *value,
                                struct rdf_literal *literal)
{
    const double number = number_read(value->text);
    const bool is_double = ps_bytes_equal_str(literal->datatype, XSD "double") ||
                           floor(number) != number || fabs(number) >= INTEGER_END;

    if (is_double) {
        number_put_double(&to->text, number);
    } else {
        number_put_integer(&to->text, number);
    }
    if (is_double ? number_read(ps_buf_bytes(&to->text)) != number
                  : !number_is_exact_integer(number)) {
        PS_TRY(processor_leave_out(to->processor, "the last digits of a number", value->text));
    }
    if (literal->datatype.len == 0) {
        literal->datatype = ps_bytes_str(is_double ? XSD "double" : XSD "integer");
    }
    return PS_OK;
}

/* Steps 8 to 11: the lexical form, and a datatype where none is given. */
static enum ps_err write_lexical(struct to_rdf *to, const struct value *value,
                                 struct rdf_literal *literal)
{
    ps_buf_reset(&to->text);
    if (ps_bytes_equal_str(literal->datatype, "@json")) {
        literal->datatype = ps_bytes_str(RDF "JSON");
        PS_TRY(json_literal_put(to->processor, value, &to->text));
    } else if (value->type == JSON_TRUE || value->type == JSON_FALSE) {
        ps_buf_put_str(&to->text, value->type == JSON_TRUE ? "true" : "false");
        if (literal->datatype.len == 0) {
            literal->datatype = ps_bytes_str(XSD "boolean");
        }
    } else if (value->type == JSON_NUMBER) {
        PS_TRY(write_number(to, value, literal));
    } else {
        ps_buf_put(&to->text, value->text);
    }
    literal->lexical = ps_buf_bytes(&to->text);
    return ps_buf_status(&to->text);
}

static enum ps_err lower(struct arena *arena, struct ps_bytes text, struct ps_bytes *ret_lower)
{
    uint8_t *octets;
    void *memory;

    PS_TRY(arena_take(arena, text.len, &memory));
    octets = memory;
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];

        octets[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
    }
    *ret_lower = ps_bytes(octets, text.len);
    return PS_OK;
}

/* Step 13.2: language and direction in the datatype. */
static enum ps_err add_i18n(struct to_rdf *to, struct rdf_literal literal,
                            struct ps_bytes direction, uint32_t *ret_term)
{
    PS_BUF_AUTO datatype = {.max = 4096};

    ps_buf_put_str(&datatype, I18N);
    ps_buf_put(&datatype, literal.language);
    ps_buf_put_u8(&datatype, '_');
    ps_buf_put(&datatype, direction);
    PS_TRY(ps_buf_status(&datatype));
    literal.datatype = ps_buf_bytes(&datatype);
    literal.language = ps_bytes(NULL, 0);
    return rdf_dataset_add_literal(to->dataset, &literal, ret_term);
}

static enum ps_err put_text(struct to_rdf *to, struct rdf_quad quad, const char *property,
                            struct ps_bytes text)
{
    const struct rdf_literal literal = {.lexical = text};

    PS_TRY(rdf_dataset_add_iri(to->dataset, ps_bytes_str(property), &quad.predicate));
    PS_TRY(rdf_dataset_add_literal(to->dataset, &literal, &quad.object));
    return to_rdf_put_quad(to, &quad);
}

/* What makes a value the same as another one of its node and property (section 7.4, step 4.3). */
static enum ps_err name_compound(struct to_rdf *to, const struct rdf_literal *literal,
                                 struct ps_bytes direction, const struct rdf_quad *where,
                                 const struct name **ret_name)
{
    PS_BUF_AUTO key = {.max = literal->lexical.len + literal->language.len + 64};

    ps_buf_put_u32(&key, where->graph);
    ps_buf_put_u32(&key, where->subject);
    ps_buf_put_u32(&key, where->predicate);
    ps_buf_put(&key, direction);
    ps_buf_put(&key, literal->language);
    ps_buf_put_u8(&key, 0);
    ps_buf_put(&key, literal->lexical);
    PS_TRY(ps_buf_status(&key));
    return names_intern(&to->processor->names, ps_buf_bytes(&key), ret_name);
}

/* Step 13.3: language and direction as properties of a blank node. */
static enum ps_err add_compound(struct to_rdf *to, const struct rdf_literal *literal,
                                struct ps_bytes direction, const struct rdf_quad *where,
                                uint32_t *ret_term)
{
    struct rdf_quad quad = {.graph = where->graph};
    const struct name *name = NULL;
    uint32_t *known;
    void *memory;

    PS_TRY(name_compound(to, literal, direction, where, &name));
    known = name_map_get(&to->compounds, name);
    if (known != NULL) {
        *ret_term = *known;
        return PS_OK;
    }
    PS_TRY(to_rdf_add_blank(to, &quad.subject));
    PS_TRY(arena_take(&to->processor->arena, sizeof *known, &memory));
    known = memory;
    *known = *ret_term = quad.subject;
    PS_TRY(name_map_set(&to->processor->arena, &to->compounds, name, known));
    PS_TRY(put_text(to, quad, RDF "value", literal->lexical));
    if (literal->language.len != 0) {
        PS_TRY(put_text(to, quad, RDF "language", literal->language));
    }
    return put_text(to, quad, RDF "direction", direction);
}

/* Step 13. */
static enum ps_err add_directed(struct to_rdf *to, struct rdf_literal *literal,
                                struct ps_bytes direction, const struct rdf_quad *where,
                                uint32_t *ret_term)
{
    if (to->processor->options->direction == JSONLD_DIRECTION_NONE) {
        PS_TRY(
            processor_leave_out(to->processor, "a direction, which has no RDF", literal->lexical));
        return rdf_dataset_add_literal(to->dataset, literal, ret_term);
    }
    PS_TRY(lower(&to->processor->arena, literal->language, &literal->language));
    return to->processor->options->direction == JSONLD_DIRECTION_I18N
               ? add_i18n(to, *literal, direction, ret_term)
               : add_compound(to, literal, direction, where, ret_term);
}

enum ps_err to_rdf_add_value(struct to_rdf *to, const struct value *object,
                             const struct rdf_quad *where, uint32_t *ret_term)
{
    const struct value *value = value_keyword(object, KEYWORD_VALUE);
    const struct ps_bytes direction = text_of(value_keyword(object, KEYWORD_DIRECTION));
    struct rdf_literal literal = {
        .datatype = text_of(value_keyword(object, KEYWORD_TYPE)),
        .language = text_of(value_keyword(object, KEYWORD_LANGUAGE)),
    };
    const bool is_json = ps_bytes_equal_str(literal.datatype, "@json");

    *ret_term = TERM_NONE;
    if (where->subject == TERM_NONE || where->predicate == TERM_NONE) {
        return PS_OK;
    }
    if (literal.datatype.len != 0 && !is_json && !iri_is_well_formed(literal.datatype)) {
        return processor_leave_out(to->processor, "a datatype that is no absolute IRI",
                                   literal.datatype);
    }
    if (expanded_has(object, KEYWORD_LANGUAGE) && !rdf_language_valid(literal.language)) {
        return processor_leave_out(to->processor, "a wrong language tag", literal.language);
    }
    PS_TRY(write_lexical(to, value, &literal));
    return direction.len != 0 ? add_directed(to, &literal, direction, where, ret_term)
                              : rdf_dataset_add_literal(to->dataset, &literal, ret_term);
}
