#include "keystore/catalog/internal.h"

#include "lib/base/encode.h"

#include <stdlib.h>

/* Effects of one leaf; it holds no more. */
#define EFFECTS_MAX 4096u

static void put_effect(const struct catalog_change *change, struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"kind\":");
    ps_buf_put_json_string(out, ps_bytes_str(catalog_kind_name(change->kind)));
    ps_buf_put_str(out, ",\"name\":");
    ps_buf_put_json_string(out, change->name);
    if (change->body.len == 0) {
        ps_buf_put_str(out, ",\"removed\":true}");
        return;
    }
    ps_buf_put_str(out, ",\"row\":");
    ps_buf_put(out, change->body);
    ps_buf_put_u8(out, '}');
}

void catalog_put_effects(const struct catalog_change *changes, size_t count, struct ps_buf *out)
{
    bool first = true;

    ps_buf_put_u8(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (changes[i].kind >= CATALOG_AUTHORISING_COUNT) {
            continue;
        }
        if (!first) {
            ps_buf_put_u8(out, ',');
        }
        put_effect(&changes[i], out);
        first = false;
    }
    ps_buf_put_u8(out, ']');
}

struct effect {
    struct ps_bytes kind;
    struct ps_bytes name;
    bool removed;
    struct json_value row;
};

static const struct json_field effect_fields[] = {
    JSON_FIELD(struct effect, kind, JSON_KIND_STRING, true, 32),
    JSON_FIELD(struct effect, name, JSON_KIND_STRING, true, CATALOG_NAME_MAX),
    JSON_FIELD(struct effect, removed, JSON_KIND_BOOL, false, 0),
    JSON_FIELD(struct effect, row, JSON_KIND_OBJECT, false, 0),
};

static enum ps_err read_effect(struct catalog *catalog, struct json_value value,
                               struct catalog_change *ret_change)
{
    struct effect effect = {0};
    struct catalog_change change = {0};
    PS_BUF_AUTO memory = {0};
    struct catalog_row row = {0};
    enum ps_err err;

    PS_TRY(json_read_object(value, effect_fields, PS_COUNT_OF(effect_fields), &effect, NULL));
    if (!catalog_kind_by_name(effect.kind, &change.kind) ||
        change.kind >= CATALOG_AUTHORISING_COUNT || effect.removed == (effect.row.doc != NULL)) {
        return ps_fail(PS_E_INPUT, 0, "an effect of another form than ours");
    }
    PS_TRY(catalog_check_name(change.kind, effect.name));
    ps_buf_init(&memory, CATALOG_NAME_MAX + CATALOG_BODY_MAX);
    err = catalog->ops->get(catalog->backend, change.kind, effect.name, &memory, &row);
    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    change.name = effect.name;
    change.expected = row.revision;
    change.body = effect.removed ? ps_bytes(NULL, 0) : json_raw(effect.row);
    *ret_change = change;
    return PS_OK;
}

static enum ps_err apply_list(struct catalog *catalog, struct json_value list, uint64_t event,
                              struct catalog_change *changes)
{
    struct json_value value;
    uint32_t cursor = 0;
    size_t count = 0;

    while (json_next(list, &cursor, NULL, &value)) {
        PS_TRY(read_effect(catalog, value, &changes[count]));
        count++;
    }
    return catalog_apply(catalog, changes, count, event, NULL);
}

enum ps_err catalog_apply_effects(struct catalog *catalog, struct ps_bytes effects, uint64_t event)
{
    const struct json_limits limits = CATALOG_JSON_LIMITS;
    struct catalog_change *changes;
    struct json_value list;
    enum ps_err err;

    PS_TRY(json_parse(catalog->effects, effects, &limits, &list));
    if (json_type(list) != JSON_ARRAY || json_count(list) > EFFECTS_MAX) {
        return ps_fail(PS_E_INPUT, 0, "effects are no list of at most %u", EFFECTS_MAX);
    }
    PS_TRY(json_check_canonical(list));
    changes = calloc(json_count(list) + 1, sizeof *changes);
    if (changes == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    err = apply_list(catalog, list, event, changes);
    free(changes);
    return err;
}

static enum ps_err read_twin(struct catalog *catalog, enum catalog_kind kind, struct ps_bytes name,
                             struct ps_buf *memory, struct catalog_row *ret_row)
{
    const enum ps_err err = catalog_get(catalog, kind, name, memory, ret_row);

    return err == PS_E_NOT_FOUND ? PS_OK : err;
}

static enum ps_err compare_effect(struct catalog *stored, struct catalog *derived,
                                  struct json_value value)
{
    struct effect effect = {0};
    PS_BUF_AUTO ours = {.max = CATALOG_NAME_MAX + CATALOG_BODY_MAX};
    PS_BUF_AUTO theirs = {.max = CATALOG_NAME_MAX + CATALOG_BODY_MAX};
    struct catalog_row one = {0};
    struct catalog_row other = {0};
    enum catalog_kind kind;

    PS_TRY(json_read_object(value, effect_fields, PS_COUNT_OF(effect_fields), &effect, NULL));
    if (!catalog_kind_by_name(effect.kind, &kind) || kind >= CATALOG_AUTHORISING_COUNT) {
        return ps_fail(PS_E_INPUT, 0, "an effect of another form than ours");
    }
    PS_TRY(read_twin(stored, kind, effect.name, &ours, &one));
    PS_TRY(read_twin(derived, kind, effect.name, &theirs, &other));
    if (one.revision != other.revision || one.event != other.event ||
        !ps_bytes_equal(one.body, other.body)) {
        return ps_fail(PS_E_DENIED, 0, "%s %.*s is not what the log says", catalog_kind_name(kind),
                       PS_BYTES_FMT(effect.name));
    }
    return PS_OK;
}

enum ps_err catalog_compare_effects(struct catalog *stored, struct catalog *derived,
                                    struct ps_bytes effects)
{
    const struct json_limits limits = CATALOG_JSON_LIMITS;
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct json_value list;
    struct json_value value;
    uint32_t cursor = 0;

    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, effects, &limits, &list));
    if (json_type(list) != JSON_ARRAY) {
        return ps_fail(PS_E_INPUT, 0, "effects are no list");
    }
    while (json_next(list, &cursor, NULL, &value)) {
        PS_TRY(compare_effect(stored, derived, value));
    }
    return PS_OK;
}
