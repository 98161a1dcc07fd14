#include "frontends/oidc/client.h"

#define CONSENT_MINUTES_LEAST 10
#define TITLE_MAX             100u

/* No number: browsers would put a member of such a name before all others, and hash that. */
static bool is_language(struct ps_bytes name)
{
    return name.len != 0 && (ps_is_letter(name.data[0]) || name.data[0] == '@');
}

/* A text in several languages; "@none" for the others is there. */
static bool is_titles(struct json_value value)
{
    struct json_value text;
    struct ps_bytes name;
    struct ps_bytes octets;
    uint32_t cursor = 0;

    if (json_type(value) != JSON_OBJECT || !json_member(value, "@none", &text)) {
        return false;
    }
    while (json_next(value, &cursor, &name, &text)) {
        if (!is_language(name) || json_string(text, &octets) != PS_OK || octets.len == 0 ||
            octets.len > 4 * TITLE_MAX) {
            return false;
        }
    }
    return true;
}

static bool is_one_of(struct json_value value, const char *const *words)
{
    struct ps_bytes text;

    if (json_string(value, &text) != PS_OK) {
        return false;
    }
    while (*words != NULL && !ps_bytes_equal_str(text, *words)) {
        words++;
    }
    return *words != NULL;
}

struct purpose {
    struct json_value type;
    struct json_value title;
    struct json_value subTitle;
};

static const struct json_field purpose_fields[] = {
    JSON_FIELD(struct purpose, type, JSON_KIND_ANY, true, 0),
    JSON_FIELD(struct purpose, title, JSON_KIND_ANY, false, 0),
    JSON_FIELD(struct purpose, subTitle, JSON_KIND_ANY, false, 0),
};

static enum ps_err check_purpose(struct json_value value)
{
    static const char *const types[] = {"none", "verify", "link", "login", NULL};
    struct purpose purpose = {.type = {NULL, 0}};
    uint64_t seen = 0;

    PS_TRY(json_read_object(value, purpose_fields, PS_COUNT_OF(purpose_fields), &purpose, &seen));
    if (!is_one_of(purpose.type, types) || ((seen & 2) != 0 && !is_titles(purpose.title)) ||
        ((seen & 4) != 0 && !is_titles(purpose.subTitle))) {
        return ps_fail(PS_E_INPUT, 0, "purpose");
    }
    return PS_OK;
}

struct additional {
    struct json_value userinfo_response_type;
    struct json_value purpose;
    bool signup_banner_required;
    bool forgot_pwd_link_required;
    uint64_t consent_expire_in_mins;
    bool require_pushed_authorization_requests;
    bool dpop_bound_access_tokens;
    bool require_pkce;
};

static const struct json_field additional_fields[] = {
    JSON_FIELD(struct additional, userinfo_response_type, JSON_KIND_ANY, false, 0),
    JSON_FIELD(struct additional, purpose, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct additional, signup_banner_required, JSON_KIND_BOOL, false, 0),
    JSON_FIELD(struct additional, forgot_pwd_link_required, JSON_KIND_BOOL, false, 0),
    JSON_FIELD(struct additional, consent_expire_in_mins, JSON_KIND_U64, false, 1u << 30),
    JSON_FIELD(struct additional, require_pushed_authorization_requests, JSON_KIND_BOOL, false, 0),
    JSON_FIELD(struct additional, dpop_bound_access_tokens, JSON_KIND_BOOL, false, 0),
    JSON_FIELD(struct additional, require_pkce, JSON_KIND_BOOL, false, 0),
};

enum ps_err client_read_terms(struct json_value value, struct client_terms *ret_terms)
{
    static const char *const types[] = {"JWS", "JWE", NULL};
    struct additional additional = {.consent_expire_in_mins = CONSENT_MINUTES_LEAST};
    uint64_t seen = 0;

    PS_TRY(json_read_object(value, additional_fields, PS_COUNT_OF(additional_fields), &additional,
                            &seen));
    if ((seen & 1) != 0 && !is_one_of(additional.userinfo_response_type, types)) {
        return ps_fail(PS_E_INPUT, 0, "userinfo_response_type is JWS or JWE");
    }
    if (additional.consent_expire_in_mins < CONSENT_MINUTES_LEAST) {
        return ps_fail(PS_E_INPUT, 0, "consent_expire_in_mins is at least %d",
                       CONSENT_MINUTES_LEAST);
    }
    if ((seen & 2) != 0) {
        PS_TRY(check_purpose(additional.purpose));
    }
    *ret_terms = (struct client_terms){
        .encrypted_userinfo =
            (seen & 1) != 0 && is_one_of(additional.userinfo_response_type, types + 1),
        .pushed_requests = additional.require_pushed_authorization_requests,
        .dpop = additional.dpop_bound_access_tokens,
        .pkce = additional.require_pkce,
        .consent_minutes = (seen & 16) != 0 ? additional.consent_expire_in_mins : 0,
    };
    return PS_OK;
}

enum ps_err client_terms_of(const struct client *client, struct json *reader,
                            struct client_terms *ret_terms)
{
    const struct json_limits limits = {CLIENT_TEXT_MAX, 8, 1000, false};
    struct json_value root;

    if (json_parse(reader, ps_buf_bytes(&client->fields[CLIENT_ADDITIONAL_CONFIG]), &limits,
                   &root) != PS_OK ||
        client_read_terms(root, ret_terms) != PS_OK) {
        return ps_fail(PS_E_INTERNAL, 0, "the client's additionalConfig is damaged");
    }
    return PS_OK;
}
