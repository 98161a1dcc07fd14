#include "lib/formats/x509/rule.h"

static const uint8_t *star_of(struct ps_bytes rule)
{
    return rule.len == 0 ? NULL : memchr(rule.data, '*', rule.len);
}

bool x509_value_rule_is_fixed(struct ps_bytes rule)
{
    return star_of(rule) == NULL;
}

bool x509_value_rule_valid(struct ps_bytes rule)
{
    const uint8_t *star = star_of(rule);

    return rule.len != 0 &&
           (star == NULL || star_of(ps_bytes_from(rule, (size_t)(star - rule.data) + 1)) == NULL);
}

bool x509_value_rule_matches(struct ps_bytes rule, struct ps_bytes value)
{
    const uint8_t *star = star_of(rule);
    const size_t before = star == NULL ? 0 : (size_t)(star - rule.data);
    const struct ps_bytes after = ps_bytes_from(rule, before + 1);

    if (star == NULL) {
        return ps_bytes_equal(rule, value);
    }
    return value.len >= rule.len && star_of(value) == NULL &&
           ps_bytes_starts_with(value, ps_bytes(rule.data, before)) &&
           ps_bytes_equal(ps_bytes_from(value, value.len - after.len), after);
}

/* The kind in front and what comes after it. */
static bool split(struct ps_bytes rule, enum x509_san_kind *ret_kind, struct ps_bytes *ret_rest)
{
    const uint8_t *colon = rule.len == 0 ? NULL : memchr(rule.data, ':', rule.len);
    const size_t len = colon == NULL ? 0 : (size_t)(colon - rule.data);

    *ret_rest = ps_bytes_from(rule, len + 1);
    return colon != NULL && x509_san_kind_by_name(ps_bytes(rule.data, len), ret_kind);
}

/* What remains when the "*" is replaced is a name of its kind, so that the rule can match one. */
static bool is_name_with(enum x509_san_kind kind, struct ps_bytes before, struct ps_bytes after)
{
    char text[X509_SAN_TEXT_MAX];
    struct x509_san san = {.kind = kind, .text = ps_bytes(text, before.len + 1 + after.len)};

    if (san.text.len > sizeof text) {
        return false;
    }
    if (before.len != 0) {
        memcpy(text, before.data, before.len);
    }
    text[before.len] = 'a';
    if (after.len != 0) {
        memcpy(text + before.len + 1, after.data, after.len);
    }
    return x509_san_check(&san) == PS_OK;
}

/* A "*" after the authority of a URI and a slash, or after a colon where there is none. */
static bool is_after_authority(struct ps_bytes before)
{
    const uint8_t *colon = before.len == 0 ? NULL : memchr(before.data, ':', before.len);
    const struct ps_bytes rest = colon == NULL
                                     ? ps_bytes(NULL, 0)
                                     : ps_bytes_from(before, (size_t)(colon - before.data) + 1);

    if (colon == NULL || !ps_bytes_starts_with(rest, ps_bytes_str("//"))) {
        return colon != NULL && before.data[before.len - 1] == ':';
    }
    return rest.len > 3 && before.data[before.len - 1] == '/';
}

bool x509_rule_valid(struct ps_bytes rule)
{
    enum x509_san_kind kind;
    struct ps_bytes rest;
    struct ps_bytes before;
    struct ps_bytes after;

    if (!split(rule, &kind, &rest) || !x509_value_rule_valid(rest)) {
        return false;
    }
    if (x509_value_rule_is_fixed(rest)) {
        return x509_san_check(&(struct x509_san){.kind = kind, .text = rest}) == PS_OK;
    }
    before = ps_bytes(rest.data, (size_t)(star_of(rest) - rest.data));
    after = ps_bytes_from(rest, before.len + 1);
    if (before.len == 0 && after.len == 0) {
        return true;
    }
    switch (kind) {
    case X509_SAN_DNS:
        return before.len == 0 && after.data[0] == '.' && is_name_with(kind, before, after);
    case X509_SAN_EMAIL:
        return before.len == 0 && after.data[0] == '@' && is_name_with(kind, before, after);
    case X509_SAN_URI:
        return after.len == 0 && is_after_authority(before) && is_name_with(kind, before, after);
    case X509_SAN_IP:
    case X509_SAN_KIND_COUNT:
        break;
    }
    return false;
}

bool x509_rule_matches(struct ps_bytes rule, const struct x509_san *san)
{
    enum x509_san_kind kind;
    struct ps_bytes rest;

    return split(rule, &kind, &rest) && kind == san->kind &&
           x509_value_rule_matches(rest, san->text);
}
