#include "lib/rdf/nquads.h"

#include "lib/base/encode.h"
#include "lib/rdf/text.h"

struct parser {
    struct rdf_dataset *dataset;
    struct ps_bytes left;
    struct ps_buf plain;    /* an IRI or a lexical form, escapes undone */
    struct ps_buf datatype; /* the datatype of the literal in `plain` */
    unsigned line;
};

static enum ps_err bad(const struct parser *parser, const char *what)
{
    return ps_fail(PS_E_INPUT, (long)parser->line, "N-Quads: %s in line %u", what, parser->line);
}

static uint8_t next_octet(const struct parser *parser)
{
    return parser->left.len == 0 ? '\n' : parser->left.data[0];
}

static void skip(struct parser *parser, size_t count)
{
    parser->left = ps_bytes_from(parser->left, count);
}

static void skip_blanks(struct parser *parser)
{
    while (parser->left.len != 0 && (next_octet(parser) == ' ' || next_octet(parser) == '\t')) {
        skip(parser, 1);
    }
}

static void put_character(struct ps_buf *out, uint32_t code)
{
    uint8_t octets[4];

    ps_buf_put(out, ps_bytes(octets, ps_utf8_encode(code, octets)));
}

/* UCHAR: the parser stands on the "u" or "U" after the backslash. */
static enum ps_err read_code(struct parser *parser, uint32_t *ret_code)
{
    const size_t digits = next_octet(parser) == 'u' ? 4 : 8;
    uint32_t code = 0;

    if (parser->left.len < digits + 1) {
        return bad(parser, "an escape that ends early");
    }
    for (size_t i = 1; i <= digits; i++) {
        const int value = ps_hex_digit(parser->left.data[i]);

        if (value < 0) {
            return bad(parser, "an escape that is not hexadecimal");
        }
        code = code << 4 | (uint32_t)value;
    }
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        return bad(parser, "an escape that stands for no character");
    }
    skip(parser, digits + 1);
    *ret_code = code;
    return PS_OK;
}

/* `<...>` into `out`; the parser stands on the "<". */
static enum ps_err read_iri(struct parser *parser, struct ps_buf *out)
{
    ps_buf_reset(out);
    skip(parser, 1);
    while (next_octet(parser) != '>') {
        uint32_t code = next_octet(parser);

        skip(parser, 1);
        if (code == '\\') {
            if ((next_octet(parser) | 0x20) != 'u') {
                return bad(parser, "an escape that an IRI has not");
            }
            PS_TRY(read_code(parser, &code));
        } else if (code >= 0x80) {
            ps_buf_put_u8(out, (uint8_t)code);
            continue;
        }
        if (code < 0x80 && rdf_iri_excludes((uint8_t)code)) {
            return bad(parser, "a character that an IRI may not have");
        }
        put_character(out, code);
    }
    skip(parser, 1);
    return ps_buf_status(out);
}

static enum ps_err read_escape(struct parser *parser)
{
    static const char letters[] = "tbnrf\"'\\";
    static const char meanings[] = "\t\b\n\r\f\"'\\";
    const uint8_t letter = next_octet(parser);
    const char *found = letter == '\0' ? NULL : strchr(letters, letter);
    uint32_t code;

    if (letter == 'u' || letter == 'U') {
        PS_TRY(read_code(parser, &code));
        put_character(&parser->plain, code);
        return PS_OK;
    }
    if (found == NULL) {
        return bad(parser, "an escape that there is not");
    }
    ps_buf_put_u8(&parser->plain, (uint8_t)meanings[found - letters]);
    skip(parser, 1);
    return PS_OK;
}

/* The lexical form into parser->plain; the parser stands on the quote before it. */
static enum ps_err read_quoted(struct parser *parser)
{
    ps_buf_reset(&parser->plain);
    skip(parser, 1);
    while (next_octet(parser) != '"') {
        const uint8_t octet = next_octet(parser);

        if (octet == '\n' || octet == '\r') {
            return bad(parser, "a literal that does not end");
        }
        skip(parser, 1);
        if (octet == '\\') {
            PS_TRY(read_escape(parser));
        } else {
            ps_buf_put_u8(&parser->plain, octet);
        }
    }
    skip(parser, 1);
    return ps_buf_status(&parser->plain);
}

static enum ps_err read_literal(struct parser *parser, uint32_t *ret_term)
{
    struct rdf_literal literal = {0};

    PS_TRY(read_quoted(parser));
    literal.lexical = ps_buf_bytes(&parser->plain);
    if (next_octet(parser) == '@') {
        skip(parser, 1);
        literal.language = ps_bytes(parser->left.data, rdf_language_prefix(parser->left));
        if (literal.language.len == 0) {
            return bad(parser, "no language tag");
        }
        skip(parser, literal.language.len);
    } else if (ps_bytes_starts_with(parser->left, ps_bytes_str("^^<"))) {
        skip(parser, 2);
        PS_TRY(read_iri(parser, &parser->datatype));
        literal.datatype = ps_buf_bytes(&parser->datatype);
        if (literal.datatype.len == 0) {
            return bad(parser, "an empty datatype");
        }
    }
    return rdf_dataset_add_literal(parser->dataset, &literal, ret_term);
}

static enum ps_err read_blank(struct parser *parser, uint32_t *ret_term)
{
    struct ps_bytes label;

    if (!ps_bytes_starts_with(parser->left, ps_bytes_str("_:"))) {
        return bad(parser, "no term");
    }
    skip(parser, 2);
    label = ps_bytes(parser->left.data, rdf_label_prefix(parser->left));
    if (label.len == 0) {
        return bad(parser, "a blank node without label");
    }
    skip(parser, label.len);
    return rdf_dataset_add_blank(parser->dataset, label, ret_term);
}

static enum ps_err read_term(struct parser *parser, uint32_t *ret_term)
{
    switch (next_octet(parser)) {
    case '<':
        PS_TRY(read_iri(parser, &parser->plain));
        if (!rdf_iri_valid(ps_buf_bytes(&parser->plain))) {
            return bad(parser, "an IRI that is not absolute");
        }
        PS_TRY(rdf_dataset_add_iri(parser->dataset, ps_buf_bytes(&parser->plain), ret_term));
        break;
    case '"':
        PS_TRY(read_literal(parser, ret_term));
        break;
    default:
        PS_TRY(read_blank(parser, ret_term));
    }
    skip_blanks(parser);
    return PS_OK;
}

static enum ps_err read_quad(struct parser *parser)
{
    struct rdf_quad quad = {.graph = RDF_DEFAULT_GRAPH};
    enum ps_err err;

    PS_TRY(read_term(parser, &quad.subject));
    PS_TRY(read_term(parser, &quad.predicate));
    PS_TRY(read_term(parser, &quad.object));
    if (next_octet(parser) != '.') {
        PS_TRY(read_term(parser, &quad.graph));
    }
    if (next_octet(parser) != '.') {
        return bad(parser, "no point at the end");
    }
    skip(parser, 1);
    skip_blanks(parser);
    err = rdf_dataset_add_quad(parser->dataset, &quad);
    return err == PS_E_INPUT ? bad(parser, "a term where RDF allows none of its kind") : err;
}

/* One line without its end, or nothing but a comment. */
static enum ps_err read_line(struct parser *parser)
{
    skip_blanks(parser);
    if (next_octet(parser) != '#' && next_octet(parser) != '\n' && next_octet(parser) != '\r') {
        PS_TRY(read_quad(parser));
    }
    if (next_octet(parser) == '#') {
        while (next_octet(parser) != '\n' && next_octet(parser) != '\r') {
            skip(parser, 1);
        }
    }
    if (next_octet(parser) != '\n' && next_octet(parser) != '\r') {
        return bad(parser, "something after the quad");
    }
    parser->line += next_octet(parser) == '\n' ? 1 : 0;
    skip(parser, 1);
    return PS_OK;
}

enum ps_err rdf_parse_nquads(struct ps_bytes text, struct rdf_dataset *dataset)
{
    struct parser parser = {.dataset = dataset, .left = text, .line = 1};
    enum ps_err err = PS_OK;

    if (!ps_utf8_valid(text)) {
        return ps_fail(PS_E_INPUT, 0, "N-Quads: invalid UTF-8");
    }
    /* Undoing an escape makes no text longer. */
    ps_buf_init(&parser.plain, text.len);
    ps_buf_init(&parser.datatype, text.len);
    while (parser.left.len != 0 && err == PS_OK) {
        err = read_line(&parser);
    }
    ps_buf_clear(&parser.plain);
    ps_buf_clear(&parser.datatype);
    return err;
}

enum ps_err rdf_put_nquads(const struct rdf_dataset *dataset, struct ps_buf *out)
{
    for (uint32_t i = 0; i < rdf_dataset_count(dataset); i++) {
        const struct rdf_quad quad = rdf_dataset_quad(dataset, i);
        const uint32_t terms[] = {quad.subject, quad.predicate, quad.object, quad.graph};

        for (size_t j = 0; j < PS_COUNT_OF(terms); j++) {
            if (terms[j] != RDF_DEFAULT_GRAPH) {
                ps_buf_put(out, rdf_dataset_text(dataset, terms[j]));
                ps_buf_put_u8(out, ' ');
            }
        }
        ps_buf_put_str(out, ".\n");
    }
    return ps_buf_status(out);
}
