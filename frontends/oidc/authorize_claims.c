#include "frontends/oidc/authorize.h"

/* OpenID Connect Core section 5.4, with what eSignet has besides. */
static const struct {
    const char *scope;
    const char *claims;
} implied[] = {
    {"profile", "name address gender birthdate picture email phone_number phone_number_verified "
                "registration_type updated_at"},
    {"email", "email email_verified"},
    {"phone", "phone_number phone_number_verified"},
    {"address", "address"},
};

static enum ps_err deny(const char *code, const char **ret_code)
{
    *ret_code = code;
    return ps_fail(PS_E_DENIED, 0, "%s", code);
}

static bool is_implied(struct ps_bytes scopes, struct ps_bytes claim)
{
    for (size_t i = 0; i < PS_COUNT_OF(implied); i++) {
        if (words_have(scopes, ps_bytes_str(implied[i].scope)) &&
            words_have(ps_bytes_str(implied[i].claims), claim)) {
            return true;
        }
    }
    return false;
}

/* The parts of the claims parameter (OpenID Connect Core section 5.5). */
struct claims {
    struct json_value userinfo;
    struct json_value id_token;
    bool has_userinfo;
    bool has_id_token;
};

static bool is_object_if_there(struct json_value root, const char *name, struct json_value *ret,
                               bool *ret_has)
{
    *ret_has = json_member(root, name, ret) && json_type(*ret) != JSON_NULL;
    return !*ret_has || json_type(*ret) == JSON_OBJECT;
}

/* null, or an object whose `essential`, if there, is a boolean. */
static bool is_claim_request(struct json_value value)
{
    struct json_value essential;

    if (json_type(value) == JSON_NULL) {
        return true;
    }
    return json_type(value) == JSON_OBJECT &&
           (!json_member(value, "essential", &essential) || json_type(essential) == JSON_TRUE ||
            json_type(essential) == JSON_FALSE);
}

static bool is_essential(struct json_value value)
{
    struct json_value essential;

    return json_type(value) == JSON_OBJECT && json_member(value, "essential", &essential) &&
           json_type(essential) == JSON_TRUE;
}

static enum ps_err read_claims(const struct authorize *request, struct json *json,
                               struct claims *ret_claims, const char **ret_code)
{
    const struct json_limits limits = {8192, 8, 500, false};
    const struct ps_bytes text = request->of[AUTHORIZE_CLAIMS];
    struct json_value root;
    struct json_value value;
    uint32_t cursor = 0;

    *ret_claims = (struct claims){.has_userinfo = false};
    if (text.len == 0) {
        return PS_OK;
    }
    if (json_parse(json, text, &limits, &root) != PS_OK || json_type(root) != JSON_OBJECT ||
        !is_object_if_there(root, "userinfo", &ret_claims->userinfo, &ret_claims->has_userinfo) ||
        !is_object_if_there(root, "id_token", &ret_claims->id_token, &ret_claims->has_id_token)) {
        return deny("invalid_claim", ret_code);
    }
    if (ret_claims->has_userinfo && json_member(ret_claims->userinfo, "verified_claims", &value)) {
        return deny("invalid_verified_claims", ret_code);
    }
    while (ret_claims->has_userinfo && json_next(ret_claims->userinfo, &cursor, NULL, &value)) {
        if (!is_claim_request(value)) {
            return deny("invalid_claim", ret_code);
        }
    }
    return PS_OK;
}

/* The member of a name that came out of another document. */
static bool find(struct json_value object, struct ps_bytes name, struct json_value *ret_value)
{
    struct ps_bytes has;
    uint32_t cursor = 0;

    while (json_next(object, &cursor, &has, ret_value)) {
        if (ps_bytes_equal(has, name)) {
            return true;
        }
    }
    return false;
}

/* Each claim that the client is registered for, if it is asked for or a scope implies it. */
static enum ps_err judge_each(const struct claims *claims, const struct authorize_terms *terms,
                              struct transaction *transaction)
{
    const struct json_limits limits = {CLIENT_TEXT_MAX, 2, 100, false};
    const struct ps_bytes scopes = transaction_text(transaction, TRANSACTION_SCOPES);
    struct json_value root;
    struct json_value item;
    struct json_value asked;
    struct ps_bytes name;
    uint32_t cursor = 0;

    if (json_parse(terms->first, ps_buf_bytes(&terms->client->fields[CLIENT_CLAIMS]), &limits,
                   &root) != PS_OK) {
        return ps_fail(PS_E_INTERNAL, 0, "the client's claims are damaged");
    }
    while (json_next(root, &cursor, NULL, &item)) {
        bool is_asked;

        PS_TRY(json_string(item, &name));
        is_asked = claims->has_userinfo && find(claims->userinfo, name, &asked);
        if (is_asked && is_essential(asked)) {
            words_add(&transaction->of[TRANSACTION_ESSENTIAL], name);
        } else if (is_asked || is_implied(scopes, name)) {
            words_add(&transaction->of[TRANSACTION_VOLUNTARY], name);
        }
    }
    return PS_OK;
}

static void add_if_asked(struct ps_buf *acrs, struct ps_bytes acr, bool asked)
{
    if (asked && !words_have(ps_buf_bytes(acrs), acr)) {
        words_add(acrs, acr);
    }
}

/* In the order of the request, which is one of preference: those that are registered, too. */
static void take_values(struct json_value values, struct ps_bytes registered, struct ps_buf *acrs)
{
    struct json_value item;
    struct ps_bytes acr;
    uint32_t cursor = 0;

    while (json_next(values, &cursor, NULL, &item)) {
        if (json_string(item, &acr) == PS_OK) {
            add_if_asked(acrs, acr, words_have(registered, acr));
        }
    }
}

/* OpenID Connect Core section 5.5.1: "values", or "value" alone. */
static void take_asked(struct json_value asked, struct ps_bytes registered, struct ps_buf *acrs)
{
    struct json_value value;
    struct ps_bytes acr;

    if (json_type(asked) != JSON_OBJECT) {
        return;
    }
    if (json_member(asked, "values", &value) && json_type(value) == JSON_ARRAY) {
        take_values(value, registered, acrs);
    } else if (json_member(asked, "value", &value) && json_string(value, &acr) == PS_OK) {
        add_if_asked(acrs, acr, words_have(registered, acr));
    }
}

static void take_words(struct ps_bytes words, struct ps_bytes registered, struct ps_buf *acrs)
{
    struct ps_bytes acr;

    while (words_next(&words, &acr)) {
        add_if_asked(acrs, acr, words_have(registered, acr));
    }
}

/* Those of the client that the file of factors has. */
static enum ps_err read_registered(const struct authorize_terms *terms, struct ps_buf *words)
{
    const struct json_limits limits = {CLIENT_TEXT_MAX, 2, 100, false};
    struct json_value root;
    struct json_value item;
    struct ps_bytes acr;
    uint32_t cursor = 0;

    if (json_parse(terms->first, ps_buf_bytes(&terms->client->fields[CLIENT_ACR_VALUES]), &limits,
                   &root) != PS_OK) {
        return ps_fail(PS_E_INTERNAL, 0, "the client's ACRs are damaged");
    }
    while (json_next(root, &cursor, NULL, &item)) {
        PS_TRY(json_string(item, &acr));
        add_if_asked(words, acr, acr_is_known(terms->acrs, acr));
    }
    return ps_buf_status(words);
}

/* What the claims parameter asks for comes before acr_values; neither of use: all that there are.
 */
static enum ps_err judge_acrs(const struct authorize *request, const struct claims *claims,
                              const struct authorize_terms *terms, struct ps_buf *acrs,
                              const char **ret_code)
{
    struct json_value asked;
    PS_BUF_AUTO registered = {.max = CLIENT_TEXT_MAX};

    PS_TRY(read_registered(terms, &registered));
    if (registered.len == 0) {
        return deny("no_acr_registered", ret_code);
    }
    if (claims->has_id_token && json_member(claims->id_token, "acr", &asked)) {
        take_asked(asked, ps_buf_bytes(&registered), acrs);
    }
    if (acrs->len == 0) {
        take_words(request->of[AUTHORIZE_ACR_VALUES], ps_buf_bytes(&registered), acrs);
    }
    if (acrs->len == 0) {
        ps_buf_put(acrs, ps_buf_bytes(&registered));
    }
    return ps_buf_status(acrs);
}

enum ps_err authorize_judge_claims(const struct authorize *request,
                                   const struct authorize_terms *terms,
                                   struct transaction *ret_transaction, const char **ret_code)
{
    struct claims claims;

    PS_TRY(read_claims(request, terms->second, &claims, ret_code));
    if (request->of[AUTHORIZE_CLAIMS].len != 0 &&
        ret_transaction->of[TRANSACTION_SCOPES].len == 0) {
        return deny("invalid_claim", ret_code);
    }
    PS_TRY(judge_each(&claims, terms, ret_transaction));
    return judge_acrs(request, &claims, terms, &ret_transaction->of[TRANSACTION_ACRS], ret_code);
}
