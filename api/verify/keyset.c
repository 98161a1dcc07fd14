#include "api/verify/keyset.h"

#include "lib/base/encode.h"

/* Verifications for one request; more keys of the same kid and algorithm are no honest set. */
#define TRIES_MAX 8u

#define CERTIFICATE_MAX (16u * 1024u)

struct search {
    const struct keyset_wish *wish;
    keyset_try_fn *fn;
    void *context;
    unsigned tries;
};

/* A string member; empty when it is absent or no string. */
static struct ps_bytes text_of(struct json_value jwk, const char *name)
{
    struct json_value value;
    struct ps_bytes text = ps_bytes(NULL, 0);

    if (!json_member(jwk, name, &value) || json_string(value, &text) != PS_OK) {
        return ps_bytes(NULL, 0);
    }
    return text;
}

static uint32_t version_of(struct json_value jwk)
{
    struct json_value value;
    int64_t number = 0;

    if (!json_member(jwk, "version", &value) || json_integer(value, &number) != PS_OK ||
        number < 0 || number > UINT32_MAX) {
        return 0;
    }
    return (uint32_t)number;
}

/* RFC 7517 sections 4.2 to 4.5: what the set says of the key, before the key itself is looked at.
 */
static bool may_fit(struct json_value jwk, const struct keyset_wish *wish, struct keyset_key *key)
{
    const struct ps_bytes alg = text_of(jwk, "alg");
    const struct ps_bytes use = text_of(jwk, "use");

    key->kid = text_of(jwk, "kid");
    key->alg = ps_alg_by_name(alg);
    key->version = version_of(jwk);
    if (use.len != 0 && !ps_bytes_equal_str(use, "sig")) {
        return false;
    }
    if (alg.len != 0 && wish->alg != PS_ALG_NONE && key->alg != wish->alg) {
        return false;
    }
    if (wish->version != 0 && key->version != wish->version) {
        return false;
    }
    return wish->kid.len == 0 || key->kid.len == 0 || ps_bytes_equal(wish->kid, key->kid);
}

/* PS_E_NOT_FOUND: the key does not fit after all. */
static enum ps_err try_key(struct search *search, struct keyset_key *key)
{
    if (search->wish->alg != PS_ALG_NONE &&
        !ps_alg_fits(search->wish->alg, public_key_type(key->key))) {
        return PS_E_NOT_FOUND;
    }
    if (search->tries == TRIES_MAX && !search->wish->is_ours) {
        return ps_fail(PS_E_INPUT, 0, "more than %u keys to try", TRIES_MAX);
    }
    search->tries++;
    if (key->kid.len == 0) {
        key->kid = public_key_kid(key->key);
    }
    return search->fn(search->context, key);
}

static enum ps_err try_jwk(struct search *search, struct json_value jwk)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *public_key = NULL;
    struct keyset_key key;

    if (json_type(jwk) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "a JWK set with something else than objects");
    }
    /* RFC 7517 section 5: keys that are not understood are ignored. */
    if (!may_fit(jwk, search->wish, &key) ||
        public_key_from_jwk(json_raw(jwk), &public_key) != PS_OK) {
        return PS_E_NOT_FOUND;
    }
    key.key = public_key;
    return try_key(search, &key);
}

static enum ps_err try_certificate(struct search *search, struct json_value value)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *public_key = NULL;
    struct keyset_key key = {.alg = PS_ALG_NONE};
    struct ps_bytes text;
    PS_BUF_AUTO der;

    ps_buf_init(&der, CERTIFICATE_MAX);
    if (json_string(value, &text) != PS_OK || ps_base64_decode(text, &der) != PS_OK ||
        public_key_from_certificate(ps_buf_bytes(&der), &public_key) != PS_OK) {
        return ps_fail(PS_E_INPUT, 0, "member \"certificates\": not base64 of DER, as in x5c");
    }
    key.key = public_key;
    return try_key(search, &key);
}

static enum ps_err search_array(struct search *search, struct json_value array,
                                enum ps_err (*try)(struct search *, struct json_value))
{
    uint32_t cursor = 0;
    struct json_value value;

    if (json_type(array) != JSON_ARRAY ||
        (json_count(array) > KEYSET_MAX && !search->wish->is_ours)) {
        return ps_fail(PS_E_INPUT, 0, "the keys are no array of at most %u", KEYSET_MAX);
    }
    while (json_next(array, &cursor, NULL, &value)) {
        const enum ps_err err = try(search, value);

        if (err != PS_E_NOT_FOUND && err != PS_E_DENIED) {
            return err;
        }
    }
    return search->tries == 0 ? PS_E_NOT_FOUND : PS_E_DENIED;
}

enum ps_err keyset_try_jwks(struct json_value jwks, const struct keyset_wish *wish,
                            keyset_try_fn *fn, void *context)
{
    struct search search = {.wish = wish, .fn = fn, .context = context};
    struct json_value keys;

    if (json_type(jwks) != JSON_OBJECT || !json_member(jwks, "keys", &keys)) {
        return ps_fail(PS_E_INPUT, 0, "a JWK set has a member \"keys\"");
    }
    return search_array(&search, keys, try_jwk);
}

enum ps_err keyset_try_certificates(struct json_value certificates, const struct keyset_wish *wish,
                                    keyset_try_fn *fn, void *context)
{
    /* What names a key inside the signature says nothing about a certificate. */
    const struct keyset_wish any_kid = {.alg = wish->alg};
    struct search search = {.wish = &any_kid, .fn = fn, .context = context};

    return search_array(&search, certificates, try_certificate);
}
