#include "frontends/oidc/client.h"

#include "lib/base/encode.h"
#include "lib/formats/public_key/public_key.h"

#define NAME_MAX          256u
#define LANGUAGES_MAX     50u
#define NAME_LANGUAGE_MAX 50u
#define RELYING_PARTY_MAX 100u
#define LOGO_URI_MAX      1024u
#define CLAIMS_MAX        30u
#define ACRS_MAX          30u
#define REDIRECT_URIS_MAX 5u
#define GRANTS_MAX        3u
#define KEY_OCTETS_MAX    8192u

struct reading {
    struct client *client;
    struct ps_bytes claims;
    struct client_mistakes *mistakes;
};

static void note(struct reading *reading, const char *member, const char *code)
{
    struct client_mistakes *mistakes = reading->mistakes;

    if (mistakes->count < CLIENT_MISTAKES_MAX) {
        mistakes->of[mistakes->count].member = member;
        mistakes->of[mistakes->count].code = code;
        mistakes->count++;
    }
}

static enum ps_err set_text(struct ps_buf *field, struct ps_bytes text)
{
    ps_buf_reset(field);
    ps_buf_put(field, text);
    return ps_buf_status(field);
}

static enum ps_err set_json(struct ps_buf *field, struct json_value value)
{
    ps_buf_reset(field);
    PS_TRY(json_put_canonical(value, field));
    return ps_buf_status(field);
}

static enum ps_err fail(void)
{
    return ps_fail(PS_E_INPUT, 0, "the member is not what it should be");
}

/* How many characters, for limits that are counted so; the text is UTF-8. */
static size_t characters(struct ps_bytes text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++) {
        count += (text.data[i] & 0xc0) != 0x80;
    }
    return count;
}

static bool is_text(struct json_value value, size_t max, struct ps_bytes *ret_text)
{
    if (json_string(value, ret_text) != PS_OK || ret_text->len == 0 ||
        characters(*ret_text) > max) {
        return false;
    }
    for (size_t i = 0; i < ret_text->len; i++) {
        if (ret_text->data[i] < 0x20 || ret_text->data[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

bool client_id_valid(struct ps_bytes id)
{
    for (size_t i = 0; i < id.len; i++) {
        const uint8_t c = id.data[i];

        if (!ps_is_letter(c) && !ps_is_digit(c) &&
            (c == '\0' || strchr("-._~!$&'()*+,;=:@", c) == NULL)) {
            return false;
        }
    }
    return id.len != 0 && id.len <= CLIENT_ID_MAX && !ps_bytes_equal_str(id, ".") &&
           !ps_bytes_equal_str(id, "..");
}

static enum ps_err read_id(struct reading *reading, struct json_value value)
{
    struct ps_bytes id;

    if (json_string(value, &id) != PS_OK || !client_id_valid(id)) {
        return fail();
    }
    return set_text(&reading->client->id, id);
}

static enum ps_err read_name(struct reading *reading, struct json_value value)
{
    struct ps_bytes name;

    if (!is_text(value, NAME_MAX, &name)) {
        return fail();
    }
    return set_text(&reading->client->fields[CLIENT_NAME], name);
}

static const char *judge_language(struct ps_bytes language, struct json_value value)
{
    struct ps_bytes name;

    if (language.len != 3) {
        return "invalid_language_code";
    }
    for (size_t i = 0; i < language.len; i++) {
        if (language.data[i] < 'a' || language.data[i] > 'z') {
            return "invalid_language_code";
        }
    }
    if (json_string(value, &name) != PS_OK || name.len == 0) {
        return "invalid_client_name_value";
    }
    return is_text(value, NAME_LANGUAGE_MAX, &name) ? NULL : "invalid_client_name_length";
}

static enum ps_err read_names(struct reading *reading, struct json_value value)
{
    struct ps_bytes language;
    struct json_value name;
    uint32_t cursor = 0;
    bool good = true;

    if (json_type(value) != JSON_OBJECT || json_count(value) > LANGUAGES_MAX) {
        return fail();
    }
    while (json_next(value, &cursor, &language, &name)) {
        const char *code = judge_language(language, name);

        if (code != NULL) {
            note(reading, "clientNameLangMap", code);
            good = false;
        }
    }
    return good ? set_json(&reading->client->fields[CLIENT_NAMES], value) : PS_OK;
}

static enum ps_err read_relying_party(struct reading *reading, struct json_value value)
{
    struct ps_bytes text;

    if (!is_text(value, RELYING_PARTY_MAX, &text)) {
        return fail();
    }
    return set_text(&reading->client->fields[CLIENT_RELYING_PARTY], text);
}

static enum ps_err read_logo(struct reading *reading, struct json_value value)
{
    struct ps_bytes text;

    if (!is_text(value, LOGO_URI_MAX, &text) || memchr(text.data, ' ', text.len) != NULL ||
        memchr(text.data, '"', text.len) != NULL ||
        !ps_bytes_starts_with(text, ps_bytes_str("https://"))) {
        return fail();
    }
    return set_text(&reading->client->fields[CLIENT_LOGO_URI], text);
}

/* Whether a word stands in a list between spaces. */
static bool stands_in(struct ps_bytes list, struct ps_bytes word)
{
    while (list.len != 0 && word.len != 0) {
        const uint8_t *space = memchr(list.data, ' ', list.len);
        const size_t len = space == NULL ? list.len : (size_t)(space - list.data);

        if (ps_bytes_equal(ps_bytes(list.data, len), word)) {
            return true;
        }
        list = ps_bytes_from(list, len + 1);
    }
    return false;
}

struct list {
    enum client_field field;
    size_t least;
    size_t most;
    bool (*is_good)(const struct reading *reading, struct ps_bytes word);
};

static enum ps_err read_list(struct reading *reading, struct json_value value,
                             const struct list *list)
{
    struct json_value item;
    struct ps_bytes word;
    uint32_t cursor = 0;

    if (json_type(value) != JSON_ARRAY || json_count(value) < list->least ||
        json_count(value) > list->most) {
        return fail();
    }
    while (json_next(value, &cursor, NULL, &item)) {
        if (json_string(item, &word) != PS_OK || !list->is_good(reading, word)) {
            return fail();
        }
    }
    return set_json(&reading->client->fields[list->field], value);
}

static bool is_redirect_uri(const struct reading *reading, struct ps_bytes word)
{
    (void)reading;
    return client_redirect_uri_valid(word);
}

static bool is_claim(const struct reading *reading, struct ps_bytes word)
{
    return (word.len == 0 || memchr(word.data, ' ', word.len) == NULL) &&
           stands_in(reading->claims, word);
}

static bool is_acr(const struct reading *reading, struct ps_bytes word)
{
    static const char *const names[] = {"static-code", "generated-code", "linked-wallet",
                                        "biometrics",  "knowledge",      "password",
                                        "id-token"};
    static const struct ps_bytes prefix = {(const uint8_t *)"mosip:idp:acr:", 14};

    (void)reading;
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        if (ps_bytes_starts_with(word, prefix) &&
            ps_bytes_equal_str(ps_bytes_from(word, prefix.len), names[i])) {
            return true;
        }
    }
    return false;
}

static bool is_grant(const struct reading *reading, struct ps_bytes word)
{
    (void)reading;
    return ps_bytes_equal_str(word, "authorization_code");
}

static bool is_method(const struct reading *reading, struct ps_bytes word)
{
    (void)reading;
    return ps_bytes_equal_str(word, "private_key_jwt");
}

static enum ps_err read_redirect_uris(struct reading *reading, struct json_value value)
{
    static const struct list list = {CLIENT_REDIRECT_URIS, 1, REDIRECT_URIS_MAX, is_redirect_uri};

    return read_list(reading, value, &list);
}

static enum ps_err read_claims(struct reading *reading, struct json_value value)
{
    static const struct list list = {CLIENT_CLAIMS, 0, CLAIMS_MAX, is_claim};

    return read_list(reading, value, &list);
}

static enum ps_err read_acrs(struct reading *reading, struct json_value value)
{
    static const struct list list = {CLIENT_ACR_VALUES, 1, ACRS_MAX, is_acr};

    return read_list(reading, value, &list);
}

static enum ps_err read_grants(struct reading *reading, struct json_value value)
{
    static const struct list list = {CLIENT_GRANT_TYPES, 1, GRANTS_MAX, is_grant};

    return read_list(reading, value, &list);
}

static enum ps_err read_methods(struct reading *reading, struct json_value value)
{
    static const struct list list = {CLIENT_AUTH_METHODS, 1, GRANTS_MAX, is_method};

    return read_list(reading, value, &list);
}

static enum ps_err read_status(struct reading *reading, struct json_value value)
{
    struct ps_bytes text;

    if (json_string(value, &text) != PS_OK ||
        (!ps_bytes_equal_str(text, "ACTIVE") && !ps_bytes_equal_str(text, "INACTIVE"))) {
        return fail();
    }
    return set_text(&reading->client->fields[CLIENT_STATUS], text);
}

static bool is_rsa(enum ps_key_type type)
{
    return type == PS_KEY_RSA_2048 || type == PS_KEY_RSA_3072 || type == PS_KEY_RSA_4096;
}

/* A member of a JWK that may be absent, and else is one of these words. */
static bool may_be(struct json_value jwk, const char *name, const char *words)
{
    struct json_value value;
    struct ps_bytes text;

    if (!json_member(jwk, name, &value)) {
        return true;
    }
    return json_string(value, &text) == PS_OK &&
           (text.len == 0 || memchr(text.data, ' ', text.len) == NULL) &&
           stands_in(ps_bytes_str(words), text);
}

static enum ps_err read_jwk(struct json_value value, enum client_field field, struct client *client,
                            struct public_key **ret_key)
{
    if (json_type(value) != JSON_OBJECT || json_raw(value).len > KEY_OCTETS_MAX ||
        public_key_from_jwk_value(value, ret_key) != PS_OK) {
        return fail();
    }
    return set_json(&client->fields[field], value);
}

/* A key that could never verify an assertion is refused here rather than at each login. */
static enum ps_err read_public_key(struct reading *reading, struct json_value value)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;

    PS_TRY(read_jwk(value, CLIENT_PUBLIC_KEY, reading->client, &key));
    if (!may_be(value, "use", "sig") ||
        !(is_rsa(public_key_type(key))
              ? may_be(value, "alg", "RS256 PS256")
              : public_key_type(key) == PS_KEY_EC_P256 && may_be(value, "alg", "ES256"))) {
        return fail();
    }
    return set_text(&reading->client->fields[CLIENT_PUBLIC_KEY_ID], public_key_kid(key));
}

static enum ps_err read_encryption_key(struct reading *reading, struct json_value value)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;

    PS_TRY(read_jwk(value, CLIENT_ENCRYPTION_KEY, reading->client, &key));
    return is_rsa(public_key_type(key)) && may_be(value, "use", "enc") &&
                   may_be(value, "alg", "RSA-OAEP-256")
               ? PS_OK
               : fail();
}

static enum ps_err read_additional(struct reading *reading, struct json_value value)
{
    struct client_terms terms;

    PS_TRY(client_read_terms(value, &terms));
    return set_json(&reading->client->fields[CLIENT_ADDITIONAL_CONFIG], value);
}

/* Each member, the code of a mistake in it, and in which requests it stands. */
static const struct {
    const char *name;
    const char *code;
    enum ps_err (*read)(struct reading *reading, struct json_value value);
    unsigned shapes;
    bool required; /* but for a SHAPE_PATCH */
} members[] = {
    {"clientId", "invalid_client_id", read_id, SHAPE_CREATE, true},
    {"clientName", "invalid_client_name", read_name, SHAPE_CREATE | SHAPE_UPDATE | SHAPE_PATCH,
     true},
    {"clientNameLangMap", "invalid_client_name", read_names, SHAPE_NAMES, false},
    {"publicKey", "invalid_public_key", read_public_key, SHAPE_CREATE, true},
    {"encPublicKey", "invalid_public_key", read_encryption_key, SHAPE_PATCH, false},
    {"relyingPartyId", "invalid_rp_id", read_relying_party, SHAPE_CREATE, true},
    {"userClaims", "invalid_claim", read_claims, SHAPE_CREATE | SHAPE_UPDATE | SHAPE_PATCH, true},
    {"authContextRefs", "invalid_acr", read_acrs, SHAPE_CREATE | SHAPE_UPDATE | SHAPE_PATCH, true},
    {"logoUri", "invalid_uri", read_logo, SHAPE_CREATE | SHAPE_UPDATE | SHAPE_PATCH, true},
    {"redirectUris", "invalid_redirect_uri", read_redirect_uris,
     SHAPE_CREATE | SHAPE_UPDATE | SHAPE_PATCH, true},
    {"grantTypes", "unsupported_grant_type", read_grants, SHAPE_CREATE | SHAPE_UPDATE | SHAPE_PATCH,
     true},
    {"clientAuthMethods", "invalid_client_auth", read_methods,
     SHAPE_CREATE | SHAPE_UPDATE | SHAPE_PATCH, true},
    {"status", "invalid_status", read_status, SHAPE_UPDATE | SHAPE_PATCH, true},
    {"additionalConfig", "invalid_additional_config", read_additional, SHAPE_CONFIG, false},
};

enum ps_err client_read(struct json_value request, unsigned shape, struct ps_bytes claims,
                        struct client *client, struct client_mistakes *ret_mistakes)
{
    struct reading reading = {.client = client, .claims = claims, .mistakes = ret_mistakes};

    ret_mistakes->count = 0;
    for (size_t i = 0; i < PS_COUNT_OF(members); i++) {
        struct json_value value;
        enum ps_err err;

        if ((members[i].shapes & shape) == 0) {
            continue;
        }
        /* What nobody has to send may be null, too, as many libraries write it. */
        if (!json_member(request, members[i].name, &value) || json_type(value) == JSON_NULL) {
            if (members[i].required && (shape & SHAPE_PATCH) == 0) {
                note(&reading, members[i].name, members[i].code);
            }
            continue;
        }
        err = members[i].read(&reading, value);
        if (err == PS_E_INPUT || err == PS_E_LIMIT) {
            note(&reading, members[i].name, members[i].code);
        } else {
            PS_TRY(err);
        }
    }
    return ret_mistakes->count == 0 ? PS_OK
                                    : ps_fail(PS_E_INPUT, 0, "members are not what they should be");
}

void client_init(struct client *client)
{
    ps_buf_init(&client->id, CLIENT_ID_MAX);
    for (size_t i = 0; i < CLIENT_FIELDS; i++) {
        ps_buf_init(&client->fields[i], CLIENT_TEXT_MAX);
    }
}

void client_clear(struct client *client)
{
    ps_buf_clear(&client->id);
    for (size_t i = 0; i < CLIENT_FIELDS; i++) {
        ps_buf_clear(&client->fields[i]);
    }
}
