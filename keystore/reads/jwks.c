#include "keystore/reads/internal.h"

#include "lib/base/clock.h"

/*
 * JWK sets: the published versions of the keys that a set's patterns match. Without a set of the
 * name "default" the default one has every key with the format jws.
 */
#define DEFAULT_SET "default"

struct set_match {
    struct json_value patterns; /* doc NULL: every key */
};

static bool matches(const struct set_match *set, const struct key *key)
{
    const struct ps_bytes name = ps_bytes_str(key->name);
    struct json_value value;
    struct ps_bytes pattern;
    uint32_t cursor = 0;

    if (key->usage != PS_USAGE_SIGN || ps_name_reserved(name)) {
        return false;
    }
    if (set->patterns.doc == NULL) {
        return key_has_format(key, PS_FORMAT_JWS);
    }
    while (json_next(set->patterns, &cursor, NULL, &value)) {
        if (json_string(value, &pattern) == PS_OK && ps_pattern_matches(pattern, name)) {
            return true;
        }
    }
    return false;
}

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

struct putting {
    struct read *read;
    const struct set_match *set;
    struct writer json;
    uint64_t now_s;
};

/* In the order of names, so that the same keys are the same octets. */
static enum ps_err put_row(void *context, const struct catalog_row *row)
{
    struct putting *putting = context;
    struct key *key = keys_find(putting->read->keeper->keys, row->name);

    if (key == NULL || !matches(putting->set, key)) {
        return PS_OK;
    }
    return put_key(key, putting->now_s, &putting->json);
}

static enum ps_err find_set(struct read *read, struct ps_buf *memory, struct set_match *ret_match,
                            uint64_t *ret_max_age_s)
{
    const struct ps_bytes asked = read->message->name;
    const struct ps_bytes name = asked.len == 0 ? ps_bytes_str(DEFAULT_SET) : asked;
    struct catalog_row row;
    struct json_value body;
    struct set_record set;
    enum ps_err err = catalog_get(read->keeper->catalog, CATALOG_SET, name, memory, &row);

    *ret_max_age_s = READ_MAX_AGE_DEFAULT_S;
    *ret_match = (struct set_match){.patterns = {.doc = NULL}};
    if (err == PS_E_NOT_FOUND && ps_bytes_equal_str(name, DEFAULT_SET)) {
        return PS_OK;
    }
    if (err == PS_E_INPUT || err == PS_E_NOT_FOUND) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no such set");
    }
    PS_TRY(err);
    PS_TRY(json_parse(read->parser, row.body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(set_record_read(body, &set));
    ret_match->patterns = set.keys;
    *ret_max_age_s = set.max_age_s;
    return PS_OK;
}

enum ps_err read_jwks(struct read *read)
{
    struct set_match match;
    struct putting putting = {
        .read = read, .set = &match, .json = writer(&read->body), .now_s = real_now_s()};
    uint64_t max_age_s;
    PS_BUF_AUTO memory;

    ps_buf_init(&memory, CATALOG_BODY_MAX + 4096);
    PS_TRY(find_set(read, &memory, &match, &max_age_s));
    writer_begin_object(&putting.json, NULL);
    writer_begin_array(&putting.json, "keys");
    PS_TRY(catalog_list(read->keeper->catalog, CATALOG_KEY, ps_bytes(NULL, 0), UINT32_MAX, put_row,
                        &putting));
    writer_end_array(&putting.json);
    writer_end_object(&putting.json);
    read->document.max_age_s = (uint32_t)max_age_s;
    read_tag_body(read);
    return PS_OK;
}

/* --- Ages --- */

struct oldest {
    struct json *parser;
    const struct key *key; /* NULL: whatever the set lists */
    uint64_t max_age_s;
};

static enum ps_err look_at_set(void *context, const struct catalog_row *row)
{
    struct oldest *oldest = context;
    struct json_value body;
    struct set_record set;

    PS_TRY(json_parse(oldest->parser, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(set_record_read(body, &set));
    if ((oldest->key == NULL || matches(&(struct set_match){.patterns = set.keys}, oldest->key)) &&
        set.max_age_s > oldest->max_age_s) {
        oldest->max_age_s = set.max_age_s;
    }
    return PS_OK;
}

static uint64_t oldest_of(struct keeper *keeper, const struct key *key)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct oldest oldest = {.key = key, .max_age_s = READ_MAX_AGE_DEFAULT_S};

    if (json_new(&parser) != PS_OK) {
        return READ_MAX_AGE_DEFAULT_S;
    }
    oldest.parser = parser;
    if (catalog_list(keeper->catalog, CATALOG_SET, ps_bytes(NULL, 0), UINT32_MAX, look_at_set,
                     &oldest) != PS_OK) {
        ps_line(PS_WARNING, "sets_not_read", PS_STR("detail", ps_detail()->text));
    }
    return oldest.max_age_s;
}

uint64_t read_longest_max_age(struct keeper *keeper)
{
    return oldest_of(keeper, NULL);
}

uint64_t read_max_age_of(struct keeper *keeper, const struct key *key)
{
    return oldest_of(keeper, key);
}
