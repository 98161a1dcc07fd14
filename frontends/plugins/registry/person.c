#include "frontends/plugins/registry/person.h"

#include "frontends/plugins/registry/secret_hash.h"
#include "lib/base/encode.h"

static const struct json_limits claims_limits = {PERSON_CLAIMS_MAX, 4, 1000, false};

void person_init(struct person *person)
{
    *person = (struct person){
        .id = PS_BUF_SECRET(PERSON_ID_MAX),
        .policy = PS_BUF_SECRET(PERSON_ID_MAX),
        .pin = PS_BUF_SECRET(SECRET_HASH_MAX),
        .password = PS_BUF_SECRET(SECRET_HASH_MAX),
        .claims = PS_BUF_SECRET(PERSON_CLAIMS_MAX),
    };
}

void person_clear(struct person *person)
{
    ps_buf_clear(&person->id);
    ps_buf_clear(&person->policy);
    ps_buf_clear(&person->pin);
    ps_buf_clear(&person->password);
    ps_buf_clear(&person->claims);
}

/* It goes into names of files. */
static bool is_id(struct ps_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];

        if (!ps_is_letter(c) && !ps_is_digit(c) && (i == 0 || (c != '.' && c != '_' && c != '-'))) {
            return false;
        }
    }
    return text.len <= PERSON_ID_MAX;
}

static bool is_digits(struct ps_bytes text, size_t least, size_t most)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!ps_is_digit(text.data[i])) {
            return false;
        }
    }
    return text.len >= least && text.len <= most;
}

static unsigned number(const uint8_t *digits, size_t count)
{
    unsigned value = 0;

    for (size_t i = 0; i < count; i++) {
        value = value * 10 + (unsigned)(digits[i] - '0');
    }
    return value;
}

static unsigned days_of(unsigned year, unsigned month)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month < 1 || month > 12 ? 0 : days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* OpenID Connect Core 1.0 section 5.1, birthdate: YYYY-MM-DD, with year 0000 for one that is not
 * told. */
static bool is_birthdate(struct ps_bytes text)
{
    const uint8_t *at = text.data;
    unsigned day;

    if (text.len != 10 || at[4] != '-' || at[7] != '-' || !is_digits(ps_bytes(at, 4), 4, 4) ||
        !is_digits(ps_bytes(at + 5, 2), 2, 2) || !is_digits(ps_bytes(at + 8, 2), 2, 2)) {
        return false;
    }
    day = number(at + 8, 2);
    return day >= 1 && day <= days_of(number(at, 4), number(at + 5, 2));
}

/* What can stand in a message's head as it is: one at sign, no white space, quotes or brackets. */
static bool is_email(struct ps_bytes text)
{
    size_t ats = 0;

    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];

        if (c <= ' ' || c > '~' || strchr("<>()[]\\,;:\"", c) != NULL) {
            return false;
        }
        ats += c == '@';
    }
    return ats == 1 && text.len <= 254 && text.data[0] != '@' && text.data[text.len - 1] != '@';
}

/* E.164: a plus sign and at most 15 digits. */
static bool is_phone(struct ps_bytes text)
{
    return text.len != 0 && text.data[0] == '+' && is_digits(ps_bytes_from(text, 1), 6, 15);
}

static bool is_boolean(struct ps_bytes text)
{
    return ps_bytes_equal_str(text, "true") || ps_bytes_equal_str(text, "false");
}

/* Lower-case letters, digits and '_'; perhaps '#' and a language (section 5.2). */
static bool is_claim(struct ps_bytes name)
{
    size_t i = 0;

    while (i < name.len && (name.data[i] == '_' || ps_is_digit(name.data[i]) ||
                            (name.data[i] >= 'a' && name.data[i] <= 'z'))) {
        i++;
    }
    if (i == 0 || name.len > PERSON_ID_MAX || ps_bytes_equal_str(name, "sub")) {
        return false;
    }
    if (i == name.len) {
        return true;
    }
    if (name.data[i] != '#' || i + 1 == name.len) {
        return false;
    }
    for (i++; i < name.len; i++) {
        if (!ps_is_letter(name.data[i]) && !ps_is_digit(name.data[i]) && name.data[i] != '-') {
            return false;
        }
    }
    return true;
}

struct rule {
    const char *claim;
    bool (*valid)(struct ps_bytes value);
    bool as_it_is; /* true and false */
};

static const struct rule rules[] = {
    {"birthdate", is_birthdate, false},          {"email", is_email, false},
    {"email_verified", is_boolean, true},        {"phone_number", is_phone, false},
    {"phone_number_verified", is_boolean, true},
};

static const struct rule *rule_of(struct ps_bytes name)
{
    for (size_t i = 0; i < PS_COUNT_OF(rules); i++) {
        if (ps_bytes_equal_str(name, rules[i].claim)) {
            return &rules[i];
        }
    }
    return NULL;
}

static enum ps_err fail_value(struct ps_bytes column)
{
    return ps_fail(PS_E_INPUT, 0, "not a value of %.*s", PS_BYTES_FMT(column));
}

static enum ps_err set_claim(struct person *person, struct ps_bytes name, struct ps_bytes value)
{
    const struct rule *rule = rule_of(name);
    struct ps_buf *out = &person->claims;

    if (rule != NULL && !rule->valid(value)) {
        return fail_value(name);
    }
    ps_buf_put_u8(out, out->len == 0 ? '{' : ',');
    ps_buf_put_json_string(out, name);
    ps_buf_put_u8(out, ':');
    if (rule != NULL && rule->as_it_is) {
        ps_buf_put(out, value);
    } else if (ps_bytes_equal_str(name, "address")) {
        ps_buf_put_str(out, "{\"formatted\":");
        ps_buf_put_json_string(out, value);
        ps_buf_put_u8(out, '}');
    } else {
        ps_buf_put_json_string(out, value);
    }
    return ps_buf_status(out);
}

static enum ps_err set_text(struct ps_buf *out, struct ps_bytes value)
{
    ps_buf_reset(out);
    ps_buf_put(out, value);
    return ps_buf_status(out);
}

static enum ps_err set_pin(struct person *person, struct ps_bytes value)
{
    return is_digits(value, 4, 12) ? secret_hash_make(value, &person->pin)
                                   : fail_value(ps_bytes_str("pin"));
}

static enum ps_err set_password(struct person *person, struct ps_bytes value)
{
    return value.len >= 8 && value.len <= 128 ? secret_hash_make(value, &person->password)
                                              : fail_value(ps_bytes_str("password"));
}

static enum ps_err set_value(struct person *person, struct ps_bytes column, struct ps_bytes value)
{
    if (ps_bytes_equal_str(column, "id") || ps_bytes_equal_str(column, "policy")) {
        return !is_id(value)     ? fail_value(column)
               : column.len == 2 ? set_text(&person->id, value)
                                 : set_text(&person->policy, value);
    }
    if (ps_bytes_equal_str(column, "pin")) {
        return set_pin(person, value);
    }
    if (ps_bytes_equal_str(column, "password")) {
        return set_password(person, value);
    }
    return set_claim(person, column, value);
}

bool person_has_column(struct ps_bytes column)
{
    return is_claim(column);
}

enum ps_err person_set(struct person *person, struct ps_bytes column, struct ps_bytes value)
{
    if (!is_claim(column)) {
        return ps_fail(PS_E_INPUT, 0, "there can be no column of this name");
    }
    if (value.len == 0) {
        return PS_OK;
    }
    if (value.len > PERSON_VALUE_MAX || !ps_utf8_valid(value) ||
        memchr(value.data, '\0', value.len) != NULL) {
        return fail_value(column);
    }
    return set_value(person, column, value);
}

enum ps_err person_finish(struct person *person, struct json *json)
{
    struct json_value root;

    if (person->id.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "a person without an id");
    }
    ps_buf_put_str(&person->claims, person->claims.len == 0 ? "{}" : "}");
    PS_TRY(ps_buf_status(&person->claims));
    return json_parse(json, ps_buf_bytes(&person->claims), &claims_limits, &root);
}

static enum ps_err open_claims(struct json *json, struct ps_bytes claims,
                               struct json_value *ret_root)
{
    if (json_parse(json, claims, &claims_limits, ret_root) != PS_OK ||
        json_type(*ret_root) != JSON_OBJECT) {
        return ps_fail(PS_E_STORAGE, 0, "somebody's claims are not what was stored");
    }
    return PS_OK;
}

struct ps_bytes person_claim(struct json *json, struct ps_bytes claims, const char *name)
{
    struct ps_bytes text = ps_bytes(NULL, 0);
    struct json_value root;
    struct json_value value;

    if (open_claims(json, claims, &root) != PS_OK || !json_member(root, name, &value) ||
        json_string(value, &text) != PS_OK) {
        return ps_bytes(NULL, 0);
    }
    return text;
}

static struct ps_bytes bytes_of(const struct privyseal_auth_text *text)
{
    return ps_bytes(text->data, text->len);
}

static bool contains(const struct privyseal_auth_list *list, struct ps_bytes text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (ps_bytes_equal(bytes_of(&list->items[i]), text)) {
            return true;
        }
    }
    return false;
}

/* Names of claims have no escapes in them: we wrote them. */
static bool is_wanted(struct ps_bytes name, const struct privyseal_auth_list *names,
                      const struct privyseal_auth_list *locales)
{
    const uint8_t *mark = memchr(name.data, '#', name.len);
    const size_t len = mark == NULL ? name.len : (size_t)(mark - name.data);

    return contains(names, ps_bytes(name.data, len)) &&
           (mark == NULL || contains(locales, ps_bytes_from(name, len + 1)));
}

/* Which claims are told, and with `value` in the place of theirs when it is there. */
struct telling {
    const struct privyseal_auth_list *names; /* NULL: each claim, in no other language */
    const struct privyseal_auth_list *locales;
    const char *value;
};

static enum ps_err put_object(struct json *json, struct ps_bytes claims,
                              const struct telling *telling, struct ps_buf *out)
{
    struct json_value root;
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;
    bool first = true;

    PS_TRY(open_claims(json, claims, &root));
    while (json_next(root, &cursor, &name, &value)) {
        if (telling->names == NULL ? memchr(name.data, '#', name.len) != NULL
                                   : !is_wanted(name, telling->names, telling->locales)) {
            continue;
        }
        ps_buf_put_u8(out, first ? '{' : ',');
        ps_buf_put_json_string(out, name);
        ps_buf_put_u8(out, ':');
        ps_buf_put(out, telling->value == NULL ? json_raw(value) : ps_bytes_str(telling->value));
        first = false;
    }
    ps_buf_put_str(out, first ? "{}" : "}");
    return ps_buf_status(out);
}

enum ps_err person_put_claims(struct json *json, struct ps_bytes claims,
                              const struct privyseal_auth_list *names,
                              const struct privyseal_auth_list *locales, struct ps_buf *out)
{
    const struct telling telling = {.names = names, .locales = locales};

    return put_object(json, claims, &telling, out);
}

enum ps_err person_put_metadata(struct json *json, struct ps_bytes claims, struct ps_buf *out)
{
    const struct telling telling = {.value = "[]"};

    return put_object(json, claims, &telling, out);
}
