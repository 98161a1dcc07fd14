#include "frontends/oidc/authorize.h"

#include "lib/base/encode.h"

#include <inttypes.h>
#include <stdio.h>

static const char openid_scopes[] = "openid profile email phone address";

#define SECONDS_MAX INT64_C(1000000000)

static const struct {
    const char *json_name;
    const char *form_name;
    size_t most;
    const char *code;
} fields[AUTHORIZE_FIELDS] = {
#define AUTHORIZE_FIELD(name, json_name, form_name, most, code)                                    \
    [AUTHORIZE_##name] = {json_name, form_name, most, code},
#include "frontends/oidc/authorize.def"
#undef AUTHORIZE_FIELD
};

static void note(struct client_mistakes *mistakes, const char *member, const char *code)
{
    if (mistakes->count < CLIENT_MISTAKES_MAX) {
        mistakes->of[mistakes->count].member = member;
        mistakes->of[mistakes->count].code = code;
        mistakes->count++;
    }
}

/* JSON may have line ends between its values. */
static bool is_text(enum authorize_field field, struct ps_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((text.data[i] < 0x20 && field != AUTHORIZE_CLAIMS) || text.data[i] == 0x7f) {
            return false;
        }
    }
    return text.len <= fields[field].most;
}

static bool read_number(struct json_value value, struct authorize *request)
{
    int64_t number;

    if (json_integer(value, &number) != PS_OK || number < 0 || number > SECONDS_MAX) {
        return false;
    }
    (void)snprintf(request->max_age, sizeof request->max_age, "%" PRId64, number);
    request->of[AUTHORIZE_MAX_AGE] = ps_bytes_str(request->max_age);
    return true;
}

static bool read_value(enum authorize_field field, struct json_value value,
                       struct authorize *request)
{
    if (field == AUTHORIZE_MAX_AGE && json_type(value) == JSON_NUMBER) {
        return read_number(value, request);
    }
    if (field == AUTHORIZE_CLAIMS) {
        request->of[field] = json_raw(value);
        return json_type(value) == JSON_OBJECT;
    }
    return json_string(value, &request->of[field]) == PS_OK;
}

static enum ps_err finish(const struct client_mistakes *mistakes)
{
    return mistakes->count == 0 ? PS_OK
                                : ps_fail(PS_E_INPUT, 0, "members are not what they should be");
}

enum ps_err authorize_read_json(struct json_value request, struct authorize *ret_request,
                                struct client_mistakes *ret_mistakes)
{
    *ret_request = (struct authorize){.max_age = ""};
    ret_mistakes->count = 0;
    for (unsigned i = 0; i < AUTHORIZE_FIELDS; i++) {
        struct json_value value;

        if (!json_member(request, fields[i].json_name, &value) || json_type(value) == JSON_NULL) {
            continue;
        }
        if (!read_value((enum authorize_field)i, value, ret_request) ||
            !is_text((enum authorize_field)i, ret_request->of[i])) {
            note(ret_mistakes, fields[i].json_name, fields[i].code);
        }
    }
    return finish(ret_mistakes);
}

enum ps_err authorize_read_form(const struct form *form, struct authorize *ret_request,
                                struct client_mistakes *ret_mistakes)
{
    *ret_request = (struct authorize){.max_age = ""};
    ret_mistakes->count = 0;
    for (unsigned i = 0; i < AUTHORIZE_FIELDS; i++) {
        if (form_get(form, fields[i].form_name, &ret_request->of[i]) &&
            !is_text((enum authorize_field)i, ret_request->of[i])) {
            note(ret_mistakes, fields[i].form_name, fields[i].code);
        }
    }
    return finish(ret_mistakes);
}

const char *authorize_find_unwanted(const struct form *form)
{
    struct ps_bytes value;

    if (form_get(form, "request", &value)) {
        return "request_not_supported";
    }
    if (form_get(form, "registration", &value)) {
        return "registration_not_supported";
    }
    return form_get(form, "response_mode", &value) && !ps_bytes_equal_str(value, "query")
               ? "response_mode"
               : NULL;
}

struct judging {
    const struct authorize *request;
    const struct authorize_terms *terms;
    struct client_terms client;
    struct transaction *transaction;
    const char **ret_code;
};

static enum ps_err deny(const struct judging *judging, const char *code)
{
    *judging->ret_code = code;
    return ps_fail(PS_E_DENIED, 0, "%s", code);
}

static enum ps_err keep(const struct judging *judging, enum authorize_field from,
                        enum transaction_field to)
{
    return transaction_set(judging->transaction, to, judging->request->of[from]);
}

static bool is_words_of(struct ps_bytes list, const char *words)
{
    struct ps_bytes word;

    while (words_next(&list, &word)) {
        if (!words_have(ps_bytes_str(words), word)) {
            return false;
        }
    }
    return true;
}

enum ps_err authorize_find_redirect_uri(const struct client *client, struct json *json,
                                        struct ps_bytes wanted, bool *ret_found)
{
    const struct json_limits limits = {CLIENT_TEXT_MAX, 2, 100, false};
    struct json_value root;
    struct json_value item;
    struct ps_bytes uri;
    uint32_t cursor = 0;
    bool found = false;

    if (json_parse(json, ps_buf_bytes(&client->fields[CLIENT_REDIRECT_URIS]), &limits, &root) !=
        PS_OK) {
        return ps_fail(PS_E_INTERNAL, 0, "the client's redirect URIs are damaged");
    }
    while (!found && json_next(root, &cursor, NULL, &item)) {
        found = json_string(item, &uri) == PS_OK && ps_bytes_equal(uri, wanted);
    }
    *ret_found = found;
    return PS_OK;
}

static enum ps_err judge_redirect_uri(const struct judging *judging)
{
    bool found = false;

    PS_TRY(authorize_find_redirect_uri(judging->terms->client, judging->terms->first,
                                       judging->request->of[AUTHORIZE_REDIRECT_URI], &found));
    return found ? keep(judging, AUTHORIZE_REDIRECT_URI, TRANSACTION_REDIRECT_URI)
                 : deny(judging, "invalid_redirect_uri");
}

/* Whether it is one of these; then it stands in the list once. */
static bool take_scope(struct ps_bytes known, struct ps_bytes word, struct ps_buf *list)
{
    if (!words_have(known, word)) {
        return false;
    }
    if (!words_have(ps_buf_bytes(list), word)) {
        words_add(list, word);
    }
    return true;
}

/* Scopes that nobody knows are passed over (OpenID Connect Core section 3.1.2.1). */
static enum ps_err judge_scope(const struct judging *judging)
{
    const struct authorize_terms *terms = judging->terms;
    struct ps_buf *standard = &judging->transaction->of[TRANSACTION_SCOPES];
    struct ps_buf *authorize = &judging->transaction->of[TRANSACTION_AUTHORIZE_SCOPES];
    struct ps_buf *credential = &judging->transaction->of[TRANSACTION_CREDENTIAL_SCOPES];
    struct ps_bytes list = judging->request->of[AUTHORIZE_SCOPE];
    struct ps_bytes word;

    while (words_next(&list, &word)) {
        (void)(take_scope(ps_bytes_str(openid_scopes), word, standard) ||
               take_scope(terms->authorize_scopes, word, authorize) ||
               take_scope(terms->credential_scopes, word, credential));
    }
    if (standard->len + authorize->len + credential->len == 0 ||
        (standard->len != 0 && !words_have(ps_buf_bytes(standard), ps_bytes_str("openid"))) ||
        (credential->len != 0 && standard->len + authorize->len != 0)) {
        return deny(judging, "invalid_scope");
    }
    return PS_OK;
}

/*
 * Nobody is logged in before they log in here, so that "none" cannot be had (OpenID Connect Core
 * section 3.1.2.6), and the others are what happens anyway, or a matter of consent.
 */
static enum ps_err judge_prompt(const struct judging *judging)
{
    const struct ps_bytes prompt = judging->request->of[AUTHORIZE_PROMPT];

    if (!is_words_of(prompt, "none login consent select_account") ||
        (prompt.len > 4 && words_have(prompt, ps_bytes_str("none")))) {
        return deny(judging, "invalid_prompt");
    }
    if (ps_bytes_equal_str(prompt, "none")) {
        return deny(judging, "login_required");
    }
    return keep(judging, AUTHORIZE_PROMPT, TRANSACTION_PROMPT);
}

static bool is_hash(struct ps_bytes text)
{
    PS_BUF_AUTO octets = {.max = 64};

    return ps_base64url_decode(text, &octets) == PS_OK && octets.len == 32;
}

static enum ps_err judge_proofs(const struct judging *judging)
{
    const struct ps_bytes challenge = judging->request->of[AUTHORIZE_CODE_CHALLENGE];
    const struct ps_bytes method = judging->request->of[AUTHORIZE_CODE_CHALLENGE_METHOD];
    const struct ps_bytes jkt = judging->request->of[AUTHORIZE_DPOP_JKT];

    if (challenge.len == 0 && judging->client.pkce) {
        return deny(judging, "use_pkce");
    }
    if (challenge.len != 0 && !is_hash(challenge)) {
        return deny(judging, "invalid_pkce_challenge");
    }
    /* RFC 7636 section 4.3: without a method it would be "plain". */
    if ((challenge.len != 0 || method.len != 0) && !ps_bytes_equal_str(method, "S256")) {
        return deny(judging, "unsupported_pkce_challenge_method");
    }
    if (challenge.len == 0 && method.len != 0) {
        return deny(judging, "invalid_pkce_challenge");
    }
    if (jkt.len != 0 && !is_hash(jkt)) {
        return deny(judging, "invalid_request");
    }
    PS_TRY(keep(judging, AUTHORIZE_CODE_CHALLENGE, TRANSACTION_CODE_CHALLENGE));
    return keep(judging, AUTHORIZE_DPOP_JKT, TRANSACTION_DPOP_JKT);
}

/* Its userinfo could never be told: better before a person is asked than after that. */
static enum ps_err judge_seal(const struct judging *judging)
{
    const struct client *client = judging->terms->client;

    if (judging->client.encrypted_userinfo && client->fields[CLIENT_ENCRYPTION_KEY].len == 0 &&
        judging->transaction->of[TRANSACTION_SCOPES].len != 0) {
        return deny(judging, "invalid_public_key");
    }
    return PS_OK;
}

static enum ps_err judge_rest(const struct judging *judging)
{
    const struct ps_bytes age = judging->request->of[AUTHORIZE_MAX_AGE];
    const struct ps_bytes display = judging->request->of[AUTHORIZE_DISPLAY];

    for (size_t i = 0; i < age.len; i++) {
        if (!ps_is_digit(age.data[i])) {
            return deny(judging, "invalid_request");
        }
    }
    if (!is_words_of(display, "page popup touch wap")) {
        return deny(judging, "invalid_display");
    }
    /* A hint says whom to expect, and there is nobody who is logged in. */
    if (judging->request->of[AUTHORIZE_ID_TOKEN_HINT].len != 0) {
        return deny(judging, "invalid_id_token_hint");
    }
    PS_TRY(keep(judging, AUTHORIZE_NONCE, TRANSACTION_NONCE));
    PS_TRY(keep(judging, AUTHORIZE_STATE, TRANSACTION_STATE));
    PS_TRY(keep(judging, AUTHORIZE_UI_LOCALES, TRANSACTION_LANGUAGE));
    return keep(judging, AUTHORIZE_CLAIMS_LOCALES, TRANSACTION_CLAIMS_LOCALES);
}

enum ps_err authorize_judge_place(const struct authorize *request,
                                  const struct authorize_terms *terms,
                                  struct transaction *ret_transaction, const char **ret_code)
{
    const struct judging judging = {
        .request = request, .terms = terms, .transaction = ret_transaction, .ret_code = ret_code};

    return judge_redirect_uri(&judging);
}

/* The redirect URI comes first: it is where other mistakes may be told. */
enum ps_err authorize_judge(const struct authorize *request, const struct authorize_terms *terms,
                            struct transaction *ret_transaction, const char **ret_code)
{
    struct judging judging = {
        .request = request, .terms = terms, .transaction = ret_transaction, .ret_code = ret_code};

    PS_TRY(client_terms_of(terms->client, terms->first, &judging.client));
    PS_TRY(judge_redirect_uri(&judging));
    if (judging.client.pushed_requests && !terms->pushed) {
        return deny(&judging, "invalid_request");
    }
    if (!ps_bytes_equal_str(request->of[AUTHORIZE_RESPONSE_TYPE], "code")) {
        return deny(&judging, "invalid_response_type");
    }
    PS_TRY(judge_scope(&judging));
    PS_TRY(judge_seal(&judging));
    PS_TRY(judge_prompt(&judging));
    PS_TRY(judge_proofs(&judging));
    PS_TRY(judge_rest(&judging));
    PS_TRY(authorize_judge_claims(request, terms, ret_transaction, ret_code));
    PS_TRY(transaction_set(ret_transaction, TRANSACTION_RELYING_PARTY,
                           ps_buf_bytes(&terms->client->fields[CLIENT_RELYING_PARTY])));
    return transaction_set(ret_transaction, TRANSACTION_CLIENT, ps_buf_bytes(&terms->client->id));
}
