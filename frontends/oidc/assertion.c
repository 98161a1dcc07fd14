#include "frontends/oidc/assertion.h"

#include "frontends/oidc/clients.h"
#include "lib/formats/jose/jws.h"

#define JTI_MAX 256u

static const char type[] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

struct claims {
    struct ps_bytes subject;
    struct ps_bytes jti;
    int64_t expires_s;
    int64_t issued_s;
};

static enum ps_err deny(const char *why)
{
    return ps_fail(PS_E_DENIED, 0, "client_assertion: %s", why);
}

static bool get_text(struct json_value root, const char *name, size_t max, struct ps_bytes *ret)
{
    struct json_value value;

    return json_member(root, name, &value) && json_string(value, ret) == PS_OK && ret->len != 0 &&
           ret->len <= max;
}

static bool get_number(struct json_value root, const char *name, int64_t *ret)
{
    struct json_value value;

    return json_member(root, name, &value) && json_integer(value, ret) == PS_OK;
}

static bool is_for_us(const struct assertion *assertion, struct json_value value)
{
    struct ps_bytes text;

    if (json_string(value, &text) != PS_OK) {
        return false;
    }
    for (size_t i = 0; assertion->audiences[i] != NULL; i++) {
        if (ps_bytes_equal_str(text, assertion->audiences[i])) {
            return true;
        }
    }
    return false;
}

/* RFC 7519 section 4.1.3: one text, or an array of them. */
static bool audience_is_good(const struct assertion *assertion, struct json_value root)
{
    struct json_value value;
    struct json_value item;
    uint32_t cursor = 0;
    bool good = false;

    if (!json_member(root, "aud", &value)) {
        return false;
    }
    if (json_type(value) != JSON_ARRAY) {
        return is_for_us(assertion, value);
    }
    while (json_next(value, &cursor, NULL, &item)) {
        good = good || is_for_us(assertion, item);
    }
    return good;
}

static enum ps_err check_times(const struct assertion *assertion, struct json_value root,
                               struct claims *claims)
{
    const int64_t now = (int64_t)assertion->now_s;
    int64_t not_before = now;
    struct json_value value;

    if (!get_number(root, "exp", &claims->expires_s) ||
        claims->expires_s <= now - (int64_t)ASSERTION_LEEWAY_S) {
        return deny("exp is missing or over");
    }
    if (claims->expires_s > now + (int64_t)ASSERTION_LIFETIME_S) {
        return deny("exp is too far away");
    }
    if (!get_number(root, "iat", &claims->issued_s) || claims->issued_s < 0 ||
        claims->issued_s > now + (int64_t)ASSERTION_LEEWAY_S) {
        return deny("iat is missing, or of a time to come");
    }
    if (json_member(root, "nbf", &value) && (json_integer(value, &not_before) != PS_OK ||
                                             not_before > now + (int64_t)ASSERTION_LEEWAY_S)) {
        return deny("nbf is of a time to come");
    }
    return PS_OK;
}

/* RFC 7523 section 3, points 1 to 7. */
static enum ps_err check_claims(const struct assertion *assertion, struct json_value root,
                                struct claims *ret_claims)
{
    struct ps_bytes issuer;

    if (json_type(root) != JSON_OBJECT || !get_text(root, "iss", CLIENT_ID_MAX, &issuer) ||
        !get_text(root, "sub", CLIENT_ID_MAX, &ret_claims->subject) ||
        !ps_bytes_equal(issuer, ret_claims->subject)) {
        return deny("iss and sub are not the client");
    }
    if (!audience_is_good(assertion, root)) {
        return deny("aud is not this server");
    }
    if (!get_text(root, "jti", JTI_MAX, &ret_claims->jti)) {
        return deny("jti is missing");
    }
    return check_times(assertion, root, ret_claims);
}

static enum ps_err verify(const struct jws_parsed *jws, const struct client *client)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;

    if (jws->unencoded) {
        return deny("b64 is not for JWTs"); /* RFC 7797 section 7 */
    }
    if (jws->alg != PS_ALG_RS256 && jws->alg != PS_ALG_PS256 && jws->alg != PS_ALG_ES256) {
        return deny("alg is none of RS256, PS256 and ES256");
    }
    PS_TRY(public_key_from_jwk(ps_buf_bytes(&client->fields[CLIENT_PUBLIC_KEY]), &key));
    return jws_verify(jws, key) == PS_OK ? PS_OK : deny("the signature does not verify");
}

enum ps_err assertion_get_client(struct db *db, struct ps_bytes id, struct client *ret_client)
{
    if (!client_id_valid(id)) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no client has such an id");
    }
    PS_TRY(clients_get(db, id, ret_client));
    return ps_bytes_equal_str(ps_buf_bytes(&ret_client->fields[CLIENT_STATUS]), "ACTIVE")
               ? PS_OK
               : ps_fail(PS_E_NOT_FOUND, 0, "the client is not active");
}

static enum ps_err use_once(const struct assertion *assertion, const struct claims *claims)
{
    return store_use_once(assertion->store, claims->subject, claims->jti,
                          (uint64_t)claims->expires_s + ASSERTION_LEEWAY_S);
}

/* Ids that are kept for a day would let one client fill the disk for all. */
static enum ps_err use_long_lived(const struct assertion *assertion, const struct claims *claims)
{
    DB_TRANSACTION_AUTO transaction = {0};
    PS_BUF_AUTO name = {.max = CLIENT_ID_MAX + 32};
    uint64_t count = 0;

    ps_buf_put_str(&name, "long-lived ");
    ps_buf_put(&name, claims->subject);
    PS_TRY(ps_buf_status(&name));
    PS_TRY(store_begin(assertion->store, &transaction));
    PS_TRY(use_once(assertion, claims));
    PS_TRY(store_tally(assertion->store, ps_buf_bytes(&name), assertion->now_s,
                       ASSERTION_LIFETIME_S, &count));
    return count <= assertion->long_lived ? db_commit(&transaction)
                                          : deny("too many that live long");
}

/* Nothing is remembered of an assertion whose signature was not verified. */
static enum ps_err use(const struct assertion *assertion, const struct claims *claims)
{
    const uint64_t issued_s = (uint64_t)claims->issued_s;
    enum ps_err err;

    if (store_may_forget(assertion->store,
                         issued_s < ASSERTION_LEEWAY_S ? 0 : issued_s - ASSERTION_LEEWAY_S)) {
        return deny("it was signed before this machine started");
    }
    err = (uint64_t)claims->expires_s <= assertion->now_s + ASSERTION_SHORT_S
              ? use_once(assertion, claims)
              : use_long_lived(assertion, claims);
    return err == PS_E_CONFLICT ? deny("jti was used already") : err;
}

static enum ps_err check_jws(const struct assertion *assertion, const struct jws_parsed *jws,
                             const struct form *form, struct client *ret_client)
{
    const struct json_limits limits = {ASSERTION_MAX, 4, 100, false};
    struct claims claims = {.expires_s = 0};
    struct json_value root;
    struct ps_bytes named;
    enum ps_err err;

    if (json_parse(assertion->json, jws->payload, &limits, &root) != PS_OK) {
        return deny("it has no claims");
    }
    PS_TRY(check_claims(assertion, root, &claims));
    if (form_get(form, "client_id", &named) && !ps_bytes_equal(named, claims.subject)) {
        return deny("client_id is another one");
    }
    err = assertion_get_client(assertion->db, claims.subject, ret_client);
    if (err == PS_E_NOT_FOUND) {
        return deny("there is no such client");
    }
    PS_TRY(err);
    PS_TRY(verify(jws, ret_client));
    return use(assertion, &claims);
}

enum ps_err assertion_check(const struct assertion *assertion, const struct form *form,
                            struct client *ret_client)
{
    PS_BUF_AUTO memory = {.max = 4 * ASSERTION_MAX};
    struct jws_parsed jws;
    struct ps_bytes text;

    if (!form_get(form, "client_assertion_type", &text) || !ps_bytes_equal_str(text, type)) {
        return deny("client_assertion_type is not jwt-bearer");
    }
    /* Compact: RFC 7519 section 3. */
    if (!form_get(form, "client_assertion", &text) || text.len > ASSERTION_MAX ||
        text.data[0] == '{' || jws_parse(text, NULL, &memory, &jws) != PS_OK) {
        return deny("there is no JWT");
    }
    return check_jws(assertion, &jws, form, ret_client);
}
