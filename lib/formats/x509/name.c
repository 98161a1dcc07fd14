#include "lib/formats/x509/name.h"

#include "lib/base/encode.h"

#include <arpa/inet.h>

#define LABEL_MAX 63u
#define HOST_MAX  253u
#define LOCAL_MAX 64u /* RFC 5321 section 4.5.3.1.1 */

/* Upper bounds: RFC 5280 appendix A.1, in characters. */
static const struct {
    const char *name;
    unsigned longest;
    bool is_printable; /* PrintableString, with its few characters */
} attributes[X509_ATTRIBUTE_COUNT] = {
    [X509_COUNTRY] = {"country", 2, true},
    [X509_STATE] = {"state", 128, false},
    [X509_LOCALITY] = {"locality", 128, false},
    [X509_ORGANIZATION] = {"organization", 64, false},
    [X509_ORGANIZATIONAL_UNIT] = {"organizational_unit", 64, false},
    [X509_COMMON_NAME] = {"common_name", 64, false},
    [X509_SERIAL_NUMBER] = {"serial_number", 64, true},
};

#define FIELD(attribute, name_)                                                                    \
    {                                                                                              \
        .name = (name_), .offset = offsetof(struct x509_subject, values[attribute]),               \
        .kind = JSON_KIND_STRING                                                                   \
    }

/* In the order of RFC 8785, too. */
static const struct json_field fields[X509_ATTRIBUTE_COUNT] = {
    FIELD(X509_COMMON_NAME, "common_name"),
    FIELD(X509_COUNTRY, "country"),
    FIELD(X509_LOCALITY, "locality"),
    FIELD(X509_ORGANIZATION, "organization"),
    FIELD(X509_ORGANIZATIONAL_UNIT, "organizational_unit"),
    FIELD(X509_SERIAL_NUMBER, "serial_number"),
    FIELD(X509_STATE, "state"),
};

static const char *const san_kinds[X509_SAN_KIND_COUNT] = {
    [X509_SAN_DNS] = "dns",
    [X509_SAN_EMAIL] = "email",
    [X509_SAN_IP] = "ip",
    [X509_SAN_URI] = "uri",
};

const char *x509_attribute_name(enum x509_attribute attribute)
{
    return attribute < X509_ATTRIBUTE_COUNT ? attributes[attribute].name : NULL;
}

bool x509_attribute_by_name(struct ps_bytes name, enum x509_attribute *ret_attribute)
{
    for (unsigned i = 0; i < X509_ATTRIBUTE_COUNT; i++) {
        if (ps_bytes_equal_str(name, attributes[i].name)) {
            *ret_attribute = (enum x509_attribute)i;
            return true;
        }
    }
    return false;
}

/* X.680 section 41.4. */
static bool is_printable(uint8_t c)
{
    return ps_is_letter(c) || ps_is_digit(c) || (c != 0 && strchr(" '()+,-./:=?", c) != NULL);
}

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

/*
 * Controls of ASCII and Latin-1, ends of lines, and what turns the direction of text, so that a
 * name would be read as another: U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069.
 */
static bool begins_with_control(struct ps_bytes text)
{
    const uint8_t first = text.data[0];
    const uint8_t second = text.len > 1 ? text.data[1] : 0;
    const uint8_t third = text.len > 2 ? text.data[2] : 0;

    if (first < 0x80) {
        return first < 0x20 || first == 0x7f;
    }
    if (first == 0xe2 && second == 0x80) {
        return third == 0x8e || third == 0x8f || (third >= 0xa8 && third <= 0xae);
    }
    return (first == 0xc2 && second < 0xa0) || (first == 0xd8 && second == 0x9c) ||
           (first == 0xe2 && second == 0x81 && third >= 0xa6 && third <= 0xa9);
}

/* Characters, not octets; 0 when a control character is among them. */
static size_t count_characters(struct ps_bytes text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (begins_with_control(ps_bytes_from(text, i))) {
            return 0;
        }
        count += (text.data[i] & 0xc0) != 0x80;
    }
    return count;
}

static enum ps_err check_value(enum x509_attribute attribute, struct ps_bytes text)
{
    const char *name = attributes[attribute].name;
    const size_t count = ps_utf8_valid(text) ? count_characters(text) : 0;

    if (count == 0) {
        return ps_fail(PS_E_INPUT, 0, "subject: %s: not UTF-8 without control characters", name);
    }
    if (count > attributes[attribute].longest) {
        return ps_fail(PS_E_INPUT, 0, "subject: %s: more than %u characters", name,
                       attributes[attribute].longest);
    }
    if (text.data[0] == ' ' || text.data[text.len - 1] == ' ') {
        return ps_fail(PS_E_INPUT, 0, "subject: %s: a blank at an end", name);
    }
    for (size_t i = 0; attributes[attribute].is_printable && i < text.len; i++) {
        if (!is_printable(text.data[i])) {
            return ps_fail(PS_E_INPUT, 0,
                           "subject: %s: a character other than A-Z a-z 0-9 "
                           "'()+,-./:=? and blank",
                           name);
        }
    }
    if (attribute == X509_COUNTRY &&
        (text.len != 2 || !is_upper(text.data[0]) || !is_upper(text.data[1]))) {
        return ps_fail(PS_E_INPUT, 0, "subject: country: two capital letters of ISO 3166");
    }
    return PS_OK;
}

enum ps_err x509_subject_check(const struct x509_subject *subject)
{
    for (unsigned i = 0; i < X509_ATTRIBUTE_COUNT; i++) {
        if (subject->values[i].len != 0) {
            PS_TRY(check_value((enum x509_attribute)i, subject->values[i]));
        }
    }
    return PS_OK;
}

enum ps_err x509_subject_read(struct json_value object, struct x509_subject *ret_subject)
{
    struct x509_subject subject = {.values = {{NULL, 0}}};

    PS_TRY(json_read_object(object, fields, PS_COUNT_OF(fields), &subject, NULL));
    PS_TRY(x509_subject_check(&subject));
    *ret_subject = subject;
    return PS_OK;
}

void x509_subject_put_json(const struct x509_subject *subject, struct ps_buf *out)
{
    const char *before = "{";

    for (size_t i = 0; i < PS_COUNT_OF(fields); i++) {
        const struct ps_bytes *value =
            (const struct ps_bytes *)(const void *)((const uint8_t *)subject + fields[i].offset);

        if (value->len != 0) {
            ps_buf_printf(out, "%s\"%s\":", before, fields[i].name);
            ps_buf_put_json_string(out, *value);
            before = ",";
        }
    }
    ps_buf_put_str(out, before[0] == '{' ? "{}" : "}");
}

bool x509_subject_is_empty(const struct x509_subject *subject)
{
    for (unsigned i = 0; i < X509_ATTRIBUTE_COUNT; i++) {
        if (subject->values[i].len != 0) {
            return false;
        }
    }
    return true;
}

const char *x509_san_kind_name(enum x509_san_kind kind)
{
    return kind < X509_SAN_KIND_COUNT ? san_kinds[kind] : NULL;
}

bool x509_san_kind_by_name(struct ps_bytes name, enum x509_san_kind *ret_kind)
{
    for (unsigned i = 0; i < X509_SAN_KIND_COUNT; i++) {
        if (ps_bytes_equal_str(name, san_kinds[i])) {
            *ret_kind = (enum x509_san_kind)i;
            return true;
        }
    }
    return false;
}

/* RFC 1123 section 2.1, in lower case: letters, digits, and hyphens inside. */
static bool is_label(struct ps_bytes label)
{
    if (label.len == 0 || label.len > LABEL_MAX || label.data[0] == '-' ||
        label.data[label.len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < label.len; i++) {
        const uint8_t c = label.data[i];

        if (!(c >= 'a' && c <= 'z') && !ps_is_digit(c) && c != '-') {
            return false;
        }
    }
    return true;
}

static bool is_number(struct ps_bytes label)
{
    for (size_t i = 0; i < label.len; i++) {
        if (!ps_is_digit(label.data[i])) {
            return false;
        }
    }
    return true;
}

/* Counts the labels of a host name; 0 when it is none. */
static size_t count_labels(struct ps_bytes host)
{
    struct ps_bytes label = host;
    size_t count = 0;

    if (host.len > HOST_MAX) {
        return 0;
    }
    for (;;) {
        const uint8_t *dot = host.len == 0 ? NULL : memchr(host.data, '.', host.len);

        label = ps_bytes(host.data, dot == NULL ? host.len : (size_t)(dot - host.data));
        if (!is_label(label)) {
            return 0;
        }
        count++;
        if (dot == NULL) {
            /* It would be taken for an address. */
            return is_number(label) ? 0 : count;
        }
        host = ps_bytes_from(host, label.len + 1);
        if (host.len == 0) {
            return 0;
        }
    }
}

static bool is_host(struct ps_bytes text)
{
    if (ps_bytes_starts_with(text, ps_bytes_str("*."))) {
        return text.len <= HOST_MAX && count_labels(ps_bytes_from(text, 2)) >= 2;
    }
    return count_labels(text) != 0;
}

/* RFC 5321 section 4.1.2, Dot-string of atoms. */
static bool is_email(struct ps_bytes text)
{
    const uint8_t *at = memchr(text.data, '@', text.len);
    const size_t local = at == NULL ? 0 : (size_t)(at - text.data);

    if (local == 0 || local > LOCAL_MAX || count_labels(ps_bytes_from(text, local + 1)) == 0) {
        return false;
    }
    for (size_t i = 0; i < local; i++) {
        const uint8_t c = text.data[i];
        const bool is_dot = c == '.' && i != 0 && i + 1 != local && text.data[i - 1] != '.';

        if (!ps_is_letter(c) && !ps_is_digit(c) && !is_dot &&
            (c == 0 || strchr("!#$%&'*+-/=?^_`{|}~", c) == NULL)) {
            return false;
        }
    }
    return true;
}

/* Of one form, so that the same address is one text. */
static bool is_address(struct ps_bytes text)
{
    char given[INET6_ADDRSTRLEN];
    char written[INET6_ADDRSTRLEN];
    uint8_t octets[16];
    int family;

    if (text.len == 0 || text.len >= sizeof given || memchr(text.data, 0, text.len) != NULL) {
        return false;
    }
    memcpy(given, text.data, text.len);
    given[text.len] = 0;
    family = strchr(given, ':') == NULL ? AF_INET : AF_INET6;
    return inet_pton(family, given, octets) == 1 &&
           inet_ntop(family, octets, written, sizeof written) != NULL &&
           strcmp(given, written) == 0;
}

/* A host name in letters of either case, or an address of version 4. */
static bool is_host_of_uri(struct ps_bytes text)
{
    uint8_t lower[HOST_MAX] = {0};

    if (text.len > sizeof lower) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        lower[i] = is_upper(text.data[i]) ? (uint8_t)(text.data[i] | 0x20) : text.data[i];
    }
    return count_labels(ps_bytes(lower, text.len)) != 0 ||
           (memchr(lower, ':', text.len) == NULL && is_address(ps_bytes(lower, text.len)));
}

/* Nothing, or a colon and a number (RFC 3986 section 3.2.3). */
static bool is_port(struct ps_bytes text)
{
    unsigned number = 0;

    for (size_t i = 1; i < text.len; i++) {
        if (!ps_is_digit(text.data[i]) || text.len > 6) {
            return false;
        }
        number = number * 10 + (unsigned)(text.data[i] - '0');
    }
    return text.len == 0 || (text.data[0] == ':' && text.len > 1 && number <= UINT16_MAX);
}

/*
 * RFC 5280 section 4.2.1.6: an authority "MUST include a fully qualified domain name or IP address
 * as the host". A user in front of it would make it read as another.
 */
static bool is_authority(struct ps_bytes text)
{
    const bool is_v6 = text.len != 0 && text.data[0] == '[';
    const uint8_t *end = text.len == 0 ? NULL : memchr(text.data, is_v6 ? ']' : ':', text.len);
    const size_t len = end == NULL ? text.len : (size_t)(end - text.data);
    const struct ps_bytes host = ps_bytes(text.data, len);

    if (!is_v6) {
        return host.len != 0 && is_host_of_uri(host) && is_port(ps_bytes_from(text, len));
    }
    return end != NULL && memchr(host.data, ':', host.len) != NULL &&
           is_address(ps_bytes_from(host, 1)) && is_port(ps_bytes_from(text, len + 1));
}

/* Path, query and fragment: RFC 3986 sections 2.1, 2.2 and 3.5. */
static bool is_rest_of_uri(struct ps_bytes text)
{
    unsigned fragments = 0;

    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];

        if (c <= 0x20 || c >= 0x7f || strchr("\"<>[\\]^`{|}", c) != NULL) {
            return false;
        }
        if (c == '%' && (text.len - i < 3 || ps_hex_digit(text.data[i + 1]) < 0 ||
                         ps_hex_digit(text.data[i + 2]) < 0)) {
            return false;
        }
        fragments += c == '#' ? 1 : 0;
    }
    return fragments <= 1;
}

static bool is_scheme(struct ps_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];

        if (!(c >= 'a' && c <= 'z') && (i == 0 || (!ps_is_digit(c) && strchr("+.-", c) == NULL))) {
            return false;
        }
    }
    return text.len != 0;
}

static size_t authority_len(struct ps_bytes text)
{
    size_t len = 0;

    while (len < text.len && strchr("/?#", text.data[len]) == NULL) {
        len++;
    }
    return len;
}

/* RFC 3986: a scheme in lower case and something after it. */
static bool is_uri(struct ps_bytes text)
{
    const uint8_t *colon = memchr(text.data, ':', text.len);
    const size_t scheme = colon == NULL ? 0 : (size_t)(colon - text.data);
    struct ps_bytes rest = ps_bytes_from(text, scheme + 1);

    if (!is_scheme(ps_bytes(text.data, scheme)) || rest.len == 0) {
        return false;
    }
    if (ps_bytes_starts_with(rest, ps_bytes_str("//"))) {
        const struct ps_bytes after = ps_bytes_from(rest, 2);
        const size_t len = authority_len(after);

        if (!is_authority(ps_bytes(after.data, len))) {
            return false;
        }
        rest = ps_bytes_from(after, len);
    }
    return is_rest_of_uri(rest);
}

enum ps_err x509_san_check(const struct x509_san *san)
{
    static bool (*const checks[X509_SAN_KIND_COUNT])(struct ps_bytes) = {
        [X509_SAN_DNS] = is_host,
        [X509_SAN_EMAIL] = is_email,
        [X509_SAN_IP] = is_address,
        [X509_SAN_URI] = is_uri,
    };

    if (san->text.len == 0 || san->text.len > X509_SAN_TEXT_MAX ||
        memchr(san->text.data, 0, san->text.len) != NULL || !checks[san->kind](san->text)) {
        return ps_fail(PS_E_INPUT, 0,
                       "name: not a valid %s: host names are lower case, addresses "
                       "in their shortest form",
                       san_kinds[san->kind]);
    }
    return PS_OK;
}

enum ps_err x509_san_read(struct ps_bytes text, struct x509_san *ret_san)
{
    const uint8_t *colon = text.len == 0 ? NULL : memchr(text.data, ':', text.len);
    const size_t len = colon == NULL ? 0 : (size_t)(colon - text.data);
    struct x509_san san;

    if (!x509_san_kind_by_name(ps_bytes(text.data, len), &san.kind)) {
        return ps_fail(PS_E_INPUT, 0, "name: begins with none of dns:, email:, ip:, uri:");
    }
    san.text = ps_bytes_from(text, len + 1);
    PS_TRY(x509_san_check(&san));
    *ret_san = san;
    return PS_OK;
}

void x509_san_put_text(const struct x509_san *san, struct ps_buf *out)
{
    ps_buf_put_str(out, san_kinds[san->kind]);
    ps_buf_put_u8(out, ':');
    ps_buf_put(out, san->text);
}

enum ps_err x509_sans_read(struct json_value array, struct x509_sans *ret_sans)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    ret_sans->count = 0;
    while (json_next(array, &cursor, NULL, &value)) {
        struct x509_san *san = &ret_sans->items[ret_sans->count];

        if (ret_sans->count == X509_SANS_MAX) {
            return ps_fail(PS_E_INPUT, 0, "names: more than %u", X509_SANS_MAX);
        }
        PS_TRY(json_string(value, &text));
        PS_TRY(x509_san_read(text, san));
        for (size_t i = 0; i < ret_sans->count; i++) {
            if (ret_sans->items[i].kind == san->kind &&
                ps_bytes_equal(ret_sans->items[i].text, san->text)) {
                return ps_fail(PS_E_INPUT, 0, "names: the same one twice");
            }
        }
        ret_sans->count++;
    }
    return PS_OK;
}
