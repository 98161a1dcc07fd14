#include "keystore/reads/internal.h"

#include "keystore/reads/set_keys.h"
#include "lib/base/clock.h"

/* JWK sets: the published versions of the keys that a set lists (set_keys.h). */

static enum ps_err put_key(struct key *key, uint64_t now_s, struct writer *json)
{
    const enum ps_alg algorithm = key->algorithm_count == 1 ? key->algorithms[0] : PS_ALG_NONE;

    /* The newest first: a verifier that takes the first key it finds takes that. */
    for (size_t i = key->version_count; i > 0; i--) {
        struct key_version *version = key->versions[i - 1];
        struct public_key *public_key;

        if (!version_is_published(version, now_s)) {
            continue;
        }
        PS_TRY(version_public_key(version, &public_key));
        writer_raw(json, NULL, ps_bytes(NULL, 0));
        public_key_put_jwk(public_key, algorithm, "sig", json->out);
    }
    return PS_OK;
}

/* In the order of names, so that the same keys are the same octets. */
static enum ps_err put_keys(struct read *read, const struct key_set *set, struct writer *json)
{
    const uint64_t now_s = real_now_s();
    struct set_keys keys;

    PS_TRY(set_keys_find(read->keeper, set, &keys));
    for (size_t i = 0; i < keys.count; i++) {
        PS_TRY(put_key(keys.all[i], now_s, json));
        if (ps_buf_status(json->out) == PS_E_LIMIT) {
            return ps_fail(PS_E_LIMIT, 0, "the public keys of this set take more than 1 MiB");
        }
    }
    return PS_OK;
}

enum ps_err read_jwks(struct read *read)
{
    const struct ps_bytes asked = read->message->name;
    const struct ps_bytes name = asked.len == 0 ? ps_bytes_str(DEFAULT_SET) : asked;
    const struct key_set *set = sets_find(read->keeper->sets, name);
    struct writer json = writer(&read->body);

    if (set == NULL && !ps_bytes_equal_str(name, DEFAULT_SET)) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no such set");
    }
    writer_begin_object(&json, NULL);
    writer_begin_array(&json, "keys");
    PS_TRY(put_keys(read, set, &json));
    writer_end_array(&json);
    writer_end_object(&json);
    read->document.max_age_s = set == NULL ? READ_MAX_AGE_DEFAULT_S : (uint32_t)set->max_age_s;
    read_tag_body(read);
    return PS_OK;
}

/* `key` NULL: whatever a set lists. */
static uint64_t oldest_of(const struct keeper *keeper, const struct key *key)
{
    uint64_t max_age_s = READ_MAX_AGE_DEFAULT_S;
    const struct key_set *set;

    for (size_t i = 0; (set = sets_at(keeper->sets, i)) != NULL; i++) {
        if ((key == NULL || key_set_matches(set, key)) && set->max_age_s > max_age_s) {
            max_age_s = set->max_age_s;
        }
    }
    return max_age_s;
}

uint64_t read_longest_max_age(const struct keeper *keeper)
{
    return oldest_of(keeper, NULL);
}

uint64_t read_max_age_of(const struct keeper *keeper, const struct key *key)
{
    return oldest_of(keeper, key);
}
