#include "frontends/certify/token.h"

#include "frontends/certify/claims.h"

static const struct json_limits limits = {TOKEN_TEXT_MAX, 16, 2000, false};

void token_init(struct token *token)
{
    const struct ps_buf empty = PS_BUF_SECRET(TOKEN_TEXT_MAX);

    *token = (struct token){.subject = empty,
                            .client = empty,
                            .scope = empty,
                            .claims = empty,
                            .nonce = empty,
                            .whose = PS_BUF_SECRET(2 * (size_t)TOKEN_TEXT_MAX + 1)};
}

void token_clear(struct token *token)
{
    ps_buf_clear(&token->subject);
    ps_buf_clear(&token->client);
    ps_buf_clear(&token->whose);
    ps_buf_clear(&token->scope);
    ps_buf_clear(&token->claims);
    ps_buf_clear(&token->nonce);
}

static enum ps_err refuse(const char *why)
{
    return ps_fail(PS_E_DENIED, 0, "the access token %s", why);
}

enum ps_err token_parse(struct ps_bytes text, struct ps_buf *memory, struct jws_parsed *ret_jws)
{
    struct jws_parsed jws;

    if (text.len > TOKEN_TEXT_MAX || memchr(text.data, '{', text.len) != NULL) {
        return ps_fail(PS_E_INPUT, 0, "no compact JWT, or a very long one");
    }
    PS_TRY(jws_parse(text, NULL, memory, &jws));
    if (jws.unencoded ||
        (jws.alg != PS_ALG_ES256 && jws.alg != PS_ALG_PS256 && jws.alg != PS_ALG_RS256)) {
        return ps_fail(PS_E_INPUT, 0, "an alg that is not supported");
    }
    *ret_jws = jws;
    return PS_OK;
}

static bool next_word(struct ps_bytes *left, struct ps_bytes *ret_word)
{
    size_t len = 0;

    while (left->len != 0 && left->data[0] == ' ') {
        *left = ps_bytes_from(*left, 1);
    }
    while (len < left->len && left->data[len] != ' ') {
        len++;
    }
    *ret_word = ps_bytes(left->data, len);
    *left = ps_bytes_from(*left, len);
    return len != 0;
}

static bool is_for_us(struct json_value claims, struct ps_bytes audiences)
{
    struct ps_bytes word;

    while (next_word(&audiences, &word)) {
        if (claims_name_audience(claims, word)) {
            return true;
        }
    }
    return false;
}

static enum ps_err check_times(struct json_value claims, uint64_t now_s)
{
    uint64_t at;
    enum ps_err err;

    if (claims_time(claims, "exp", &at) != PS_OK || at <= now_s) {
        return refuse("has ended, or has no exp");
    }
    if (claims_time(claims, "iat", &at) != PS_OK || at > now_s + TOKEN_SKEW_S) {
        return refuse("is of another time, or has no iat");
    }
    err = claims_time(claims, "nbf", &at);
    if (err == PS_E_INPUT || (err == PS_OK && at > now_s + TOKEN_SKEW_S)) {
        return refuse("has not begun");
    }
    return PS_OK;
}

/*
 * RFC 9449 section 6.1. What else a token may be bound to, such as a certificate (RFC 8705), is not
 * seen here, so that such a token is nobody's.
 */
static enum ps_err read_binding(struct json_value claims, struct token *token)
{
    struct json_value confirmation;
    struct ps_bytes jkt;

    if (!json_member(claims, "cnf", &confirmation)) {
        return PS_OK;
    }
    if (json_type(confirmation) != JSON_OBJECT || json_count(confirmation) != 1 ||
        !claims_text(confirmation, "jkt", &jkt) || jkt.len != sizeof token->jkt) {
        return refuse("is bound to something that is not known here");
    }
    memcpy(token->jkt, jkt.data, sizeof token->jkt);
    token->bound = true;
    return PS_OK;
}

static enum ps_err check_claims(struct json_value claims, const struct token_expected *expected)
{
    struct ps_bytes text;

    if (json_type(claims) != JSON_OBJECT || !claims_text(claims, "iss", &text) ||
        !ps_bytes_equal(text, expected->issuer)) {
        return refuse("is of another issuer");
    }
    if (!is_for_us(claims, expected->audiences)) {
        return refuse("is for another audience");
    }
    return check_times(claims, expected->now_s);
}

static bool keep(struct json_value claims, const char *name, struct ps_buf *out)
{
    struct ps_bytes text;

    if (!claims_text(claims, name, &text) || memchr(text.data, '\0', text.len) != NULL) {
        return false;
    }
    ps_buf_put(out, text);
    return true;
}

/* Neither of the two has a NUL. */
static void put_whose(struct token *token)
{
    ps_buf_put(&token->whose, ps_buf_bytes(&token->client));
    ps_buf_put_u8(&token->whose, '\0');
    ps_buf_put(&token->whose, ps_buf_bytes(&token->subject));
}

/* `c_nonce` and its life, as authorization servers of draft 13 put them into the token. */
static void keep_nonce(struct json_value claims, struct token *token)
{
    uint64_t iat;
    uint64_t ttl_s;

    if (claims_time(claims, "iat", &iat) == PS_OK &&
        claims_time(claims, "c_nonce_expires_in", &ttl_s) == PS_OK &&
        keep(claims, "c_nonce", &token->nonce)) {
        token->nonce_since_s = iat;
        token->nonce_until_s = iat + (ttl_s < TOKEN_NONCE_MAX_S ? ttl_s : TOKEN_NONCE_MAX_S);
    }
}

static enum ps_err read_claims(const struct jws_parsed *jws, const struct token_expected *expected,
                               struct json *json, struct token *token)
{
    struct json_value claims;

    PS_TRY(json_parse(json, jws->payload, &limits, &claims));
    PS_TRY(check_claims(claims, expected));
    PS_TRY(read_binding(claims, token));
    if (!keep(claims, "sub", &token->subject) || !keep(claims, "client_id", &token->client)) {
        return refuse("has no sub or no client_id");
    }
    put_whose(token);
    (void)keep(claims, "scope", &token->scope);
    keep_nonce(claims, token);
    ps_buf_put(&token->claims, jws->payload);
    PS_TRY(ps_buf_status(&token->subject));
    PS_TRY(ps_buf_status(&token->client));
    PS_TRY(ps_buf_status(&token->whose));
    PS_TRY(ps_buf_status(&token->scope));
    PS_TRY(ps_buf_status(&token->nonce));
    return ps_buf_status(&token->claims);
}

enum ps_err token_check(const struct jws_parsed *jws, struct public_key *key,
                        const struct token_expected *expected, struct json *json,
                        struct token *token)
{
    enum ps_err err;

    if (jws_verify(jws, key) != PS_OK) {
        return refuse("does not verify");
    }
    err = read_claims(jws, expected, json, token);
    return err == PS_E_INPUT || err == PS_E_LIMIT ? PS_E_DENIED : err;
}

bool token_has_scope(const struct token *token, struct ps_bytes scope)
{
    struct ps_bytes left = ps_buf_bytes(&token->scope);
    struct ps_bytes word;

    while (next_word(&left, &word)) {
        if (ps_bytes_equal(word, scope)) {
            return true;
        }
    }
    return false;
}
