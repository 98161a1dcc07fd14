#include "keystore/catalog/certificate_record.h"

#include "keystore/catalog/record_fields.h"
#include "lib/base/encode.h"

#include <assert.h>

static const char *const kinds[CERTIFICATE_KIND_COUNT] = {
    [CERTIFICATE_EXTERNAL] = "external",
    [CERTIFICATE_INTERNAL] = "internal",
};

const char *certificate_kind_name(enum certificate_kind kind)
{
    assert(kind < CERTIFICATE_KIND_COUNT);
    return kinds[kind];
}

struct raw_certificate {
    struct json_value chain;
    struct ps_bytes key;
    struct ps_bytes kind;
    uint64_t not_after_s;
    uint64_t not_before_s;
    uint32_t number;
    struct ps_bytes root;
    struct json_value terms;
};

static const struct json_field fields[] = {
    JSON_FIELD(struct raw_certificate, chain, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct raw_certificate, key, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct raw_certificate, kind, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct raw_certificate, not_after_s, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct raw_certificate, not_before_s, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct raw_certificate, number, JSON_KIND_U32, true, 0),
    JSON_FIELD(struct raw_certificate, root, JSON_KIND_OCTETS, true, CERTIFICATE_OCTETS_MAX),
    JSON_FIELD(struct raw_certificate, terms, JSON_KIND_OBJECT, false, 0),
};

static enum ps_err check_der(const char *member, struct ps_bytes text)
{
    PS_BUF_AUTO octets = {.max = CERTIFICATE_OCTETS_MAX};

    if (text.len == 0 || ps_base64url_decode(text, &octets) != PS_OK) {
        return record_fail(member, "no certificate in base64url, or too long");
    }
    return PS_OK;
}

static enum ps_err check_octets(struct json_value chain, struct ps_bytes root)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;
    size_t octets = root.len;

    PS_TRY(record_check_strings("chain", chain, CERTIFICATE_CHAIN_MAX, check_der));
    if (json_count(chain) == 0) {
        return record_fail("chain", "empty");
    }
    if (root.len == 0) {
        return record_fail("root", "empty");
    }
    while (json_next(chain, &cursor, NULL, &value)) {
        PS_TRY(json_string(value, &text));
        octets += text.len / 4 * 3 + text.len % 4 * 3 / 4;
    }
    return octets <= CERTIFICATE_OCTETS_MAX ? PS_OK : record_fail("chain", "too long");
}

enum ps_err certificate_record_read(struct json_value row, struct certificate_record *ret_record)
{
    struct raw_certificate raw = {0};
    unsigned kind;

    PS_TRY(json_read_object(row, fields, PS_COUNT_OF(fields), &raw, NULL));
    PS_TRY(record_read_choice("kind", raw.kind, kinds, CERTIFICATE_KIND_COUNT, &kind));
    PS_TRY(check_octets(raw.chain, raw.root));
    if (raw.number == 0) {
        return record_fail("number", "versions count from 1");
    }
    if ((raw.terms.doc != NULL) > (kind == CERTIFICATE_INTERNAL)) {
        return record_fail("terms", "of what was not issued here");
    }
    if (raw.not_after_s < raw.not_before_s) {
        return record_fail("not_after_s", "before not_before_s");
    }
    *ret_record = (struct certificate_record){
        .key = raw.key,
        .number = raw.number,
        .kind = (enum certificate_kind)kind,
        .chain = raw.chain,
        .not_before_s = raw.not_before_s,
        .not_after_s = raw.not_after_s,
        .root = raw.root,
        .terms = raw.terms,
    };
    return PS_OK;
}

void certificate_record_put(const struct certificate_record *record, struct ps_buf *out)
{
    record_put_json(out, "{\"chain\":", record->chain, "[]");
    record_put_text(out, ",\"key\":", record->key);
    record_put_text(out, ",\"kind\":", ps_bytes_str(certificate_kind_name(record->kind)));
    record_put_number(out, ",\"not_after_s\":", record->not_after_s);
    record_put_number(out, ",\"not_before_s\":", record->not_before_s);
    record_put_number(out, ",\"number\":", record->number);
    record_put_octets(out, ",\"root\":", record->root);
    if (record->terms.doc != NULL) {
        record_put_json(out, ",\"terms\":", record->terms, "{}");
    }
    ps_buf_put_str(out, "}");
}
