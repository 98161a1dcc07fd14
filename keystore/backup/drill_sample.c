#include "keystore/backup/drill_sample.h"

#include "keystore/catalog/row.h"
#include "keystore/catalog/wrapped_record.h"
#include "lib/base/hash.h"
#include "lib/ceremony/log/leaf.h"

#include <stdio.h>
#include <stdlib.h>

#define ROW_MAX (64u * 1024u)

struct drill_sample {
    struct json *json;
    drill_sample_fn *is_left_out; /* NULL: none is */
    void *context;
    uint64_t left_out;
    uint64_t seen; /* rows to choose from */
    size_t count;
    struct drilled_key keys[DRILL_KEYS];
};

enum ps_err drill_sample_new(struct drill_sample **ret_sample)
{
    PS_CLEANUP(drill_sample_free_cleanup) struct drill_sample *sample = calloc(1, sizeof *sample);

    if (sample == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(json_new(&sample->json));
    for (size_t i = 0; i < DRILL_KEYS; i++) {
        ps_buf_init(&sample->keys[i].wrapped, ROW_MAX);
        ps_buf_init(&sample->keys[i].key, ROW_MAX);
        ps_buf_init(&sample->keys[i].made, ROW_MAX);
    }
    *ret_sample = sample;
    sample = NULL;
    return PS_OK;
}

void drill_sample_free(struct drill_sample *sample)
{
    if (sample == NULL) {
        return;
    }
    for (size_t i = 0; i < DRILL_KEYS; i++) {
        ps_buf_clear(&sample->keys[i].wrapped);
        ps_buf_clear(&sample->keys[i].key);
        ps_buf_clear(&sample->keys[i].made);
    }
    json_free(sample->json);
    free(sample);
}

void drill_sample_leave_out(struct drill_sample *sample, drill_sample_fn *fn, void *context)
{
    sample->is_left_out = fn;
    sample->context = context;
}

uint64_t drill_sample_left_out(const struct drill_sample *sample)
{
    return sample->left_out;
}

size_t drill_sample_count(const struct drill_sample *sample)
{
    return sample->count;
}

const struct drilled_key *drill_sample_at(const struct drill_sample *sample, size_t at)
{
    return &sample->keys[at];
}

/* Each row has the same chance, however many there are. */
static struct drilled_key *choose(struct drill_sample *sample)
{
    uint64_t random;

    if (sample->count < DRILL_KEYS) {
        sample->seen++;
        return &sample->keys[sample->count++];
    }
    ps_random(&random, sizeof random);
    random %= ++sample->seen;
    return random < DRILL_KEYS ? &sample->keys[random] : NULL;
}

static enum ps_err replace(struct ps_buf *out, struct json_value value)
{
    ps_buf_reset(out);
    ps_buf_put(out, json_raw(value));
    return ps_buf_status(out);
}

enum ps_err drill_sample_take_row(struct drill_sample *sample, struct ps_bytes octets)
{
    struct json_value root;
    struct json_value body;
    struct wrapped_row row;
    struct drilled_key *key;

    PS_TRY(json_parse(sample->json, octets, &JSON_LIMITS_REQUEST, &root));
    if (json_type(root) != JSON_OBJECT || !json_member(root, "body", &body)) {
        return ps_fail(PS_E_INPUT, 0, "a row without a body");
    }
    PS_TRY(wrapped_row_read(body, &row));
    if (sample->is_left_out != NULL && sample->is_left_out(sample->context, row.key, row.version)) {
        sample->left_out++;
        return PS_OK;
    }
    key = choose(sample);
    if (key == NULL) {
        return PS_OK;
    }
    (void)snprintf(key->name, sizeof key->name, "%.*s", PS_BYTES_FMT(row.key));
    key->version = row.version;
    return replace(&key->wrapped, body);
}

static bool is_text(struct json_value object, const char *member, const char *wanted)
{
    struct json_value value;
    struct ps_bytes text;

    return json_member(object, member, &value) && json_string(value, &text) == PS_OK &&
           ps_bytes_equal_str(text, wanted);
}

static enum ps_err take_effect(struct drilled_key *key, struct json_value effect)
{
    char name[KEY_VERSION_NAME_MAX + 1];
    struct json_value row;

    if (!json_member(effect, "row", &row)) {
        return PS_OK;
    }
    if (is_text(effect, "kind", catalog_kind_name(CATALOG_KEY)) &&
        is_text(effect, "name", key->name)) {
        return replace(&key->key, row);
    }
    (void)snprintf(name, sizeof name, "%s/%u", key->name, key->version);
    return is_text(effect, "kind", catalog_kind_name(CATALOG_VERSION)) &&
                   is_text(effect, "name", name)
               ? replace(&key->made, row)
               : PS_OK;
}

enum ps_err drill_sample_take_leaf(struct drill_sample *sample, struct ps_bytes octets)
{
    struct log_event event;
    struct json_value effects;
    struct json_value effect;
    uint32_t cursor = 0;

    if (sample->count == 0) {
        return PS_OK;
    }
    PS_TRY(log_event_read(sample->json, octets, &event));
    if (event.data.doc == NULL || !json_member(event.data, "effects", &effects) ||
        json_type(effects) != JSON_ARRAY) {
        return PS_OK;
    }
    while (json_next(effects, &cursor, NULL, &effect)) {
        for (size_t i = 0; i < sample->count && json_type(effect) == JSON_OBJECT; i++) {
            PS_TRY(take_effect(&sample->keys[i], effect));
        }
    }
    return PS_OK;
}
