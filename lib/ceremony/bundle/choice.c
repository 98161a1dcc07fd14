#include "lib/ceremony/bundle/choice.h"

#include "lib/base/map.h"
#include "lib/ceremony/log/report.h"
#include "lib/ceremony/log/succession.h"
#include "lib/ceremony/operation/keys.h"

#include <stdlib.h>

/* An operation that the log is searched for. */
struct wanted {
    bool is_asked_for; /* else it is one that decided who decides */
    bool is_there;     /* with its end */
    char id[];
};

/* A key that an operation is about: of which class it is says the operation that made it. */
struct touched {
    bool is_made;
    char name[];
};

struct bundle_choice {
    struct ps_map *wanted;
    struct ps_map *touched;
    struct log_succession keys; /* of the log */
    uint64_t last;  /* the last leaf of what was asked for, or that gave the log another key */
    uint64_t start; /* the last leaf `start` before the first one, or that of the genesis;
                       LOG_NOWHERE: none */
    bool has_begun;
};

void bundle_choice_free(struct bundle_choice *choice)
{
    if (choice == NULL) {
        return;
    }
    if (choice->wanted != NULL) {
        ps_map_free(choice->wanted, free);
    }
    if (choice->touched != NULL) {
        ps_map_free(choice->touched, free);
    }
    log_succession_clear(&choice->keys);
    free(choice);
}

enum ps_err bundle_choice_new(struct bundle_choice **ret_choice)
{
    PS_CLEANUP(bundle_choice_free_cleanup)
    struct bundle_choice *choice = calloc(1, sizeof *choice);

    if (choice == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    choice->start = LOG_NOWHERE;
    log_succession_init(&choice->keys);
    PS_TRY(ps_map_new(&choice->wanted));
    PS_TRY(ps_map_new(&choice->touched));
    *ret_choice = choice;
    choice = NULL;
    return PS_OK;
}

static enum ps_err want(struct bundle_choice *choice, struct ps_bytes id, bool is_asked_for)
{
    struct wanted *wanted = ps_map_get(choice->wanted, id);
    enum ps_err err;

    if (wanted != NULL) {
        wanted->is_asked_for = wanted->is_asked_for || is_asked_for;
        return PS_OK;
    }
    wanted = calloc(1, sizeof *wanted + id.len + 1);
    if (wanted == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    wanted->is_asked_for = is_asked_for;
    memcpy(wanted->id, id.data, id.len);
    err = ps_map_add(choice->wanted, ps_bytes(wanted->id, id.len), wanted);
    if (err != PS_OK) {
        free(wanted);
    }
    return err;
}

enum ps_err bundle_choice_ask(struct bundle_choice *choice, struct ps_bytes operation)
{
    return want(choice, operation, true);
}

static struct ps_bytes operation_of(const struct log_event *event)
{
    struct ps_bytes id = {NULL, 0};
    struct json_value value;

    if (event->data.doc != NULL && json_member(event->data, "operation", &value)) {
        return json_string(value, &id) == PS_OK ? id : ps_bytes(NULL, 0);
    }
    return id;
}

static bool text_is(struct json_value object, const char *name, const char *expected)
{
    struct json_value value;
    struct ps_bytes text;

    return json_member(object, name, &value) && json_string(value, &text) == PS_OK &&
           ps_bytes_equal_str(text, expected);
}

/* It changed who decides, or made a key about which more people decide. */
static bool has_decided(const struct log_event *event)
{
    struct json_value effects;
    struct json_value effect;
    struct json_value row;
    uint32_t cursor = 0;

    if (event->data.doc == NULL || !json_member(event->data, "effects", &effects)) {
        return false;
    }
    while (json_next(effects, &cursor, NULL, &effect)) {
        if (json_type(effect) == JSON_OBJECT &&
            (text_is(effect, "kind", "roster") || text_is(effect, "kind", "policy") ||
             (text_is(effect, "kind", "key") && json_member(effect, "row", &row) &&
              json_type(row) == JSON_OBJECT && text_is(row, "class", "A")))) {
            return true;
        }
    }
    return false;
}

static enum ps_err touch(struct bundle_choice *choice, struct ps_bytes name)
{
    struct touched *touched;
    enum ps_err err;

    if (ps_map_get(choice->touched, name) != NULL) {
        return PS_OK;
    }
    touched = calloc(1, sizeof *touched + name.len + 1);
    if (touched == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    memcpy(touched->name, name.data, name.len);
    err = ps_map_add(choice->touched, ps_bytes_str(touched->name), touched);
    if (err != PS_OK) {
        free(touched);
    }
    return err;
}

/* Its key is of a family, whose making has to be shown. */
static bool is_of_family(const struct operation_type_info *type)
{
    return strcmp(type->name, "family.make_key") == 0;
}

/* Of the document in a draft or an intent. */
static enum ps_err touch_keys(struct bundle_choice *choice, const struct log_event *event)
{
    const struct operation_type_info *type;
    struct operation_keys keys;
    struct json_value document;
    struct json_value value;
    struct ps_bytes name;

    if (event->data.doc == NULL || !json_member(event->data, "document", &document) ||
        json_type(document) != JSON_OBJECT || !json_member(document, "type", &value) ||
        json_string(value, &name) != PS_OK) {
        return PS_OK;
    }
    type = operation_type_info_find(name);
    if (type == NULL || (operation_makes_keys(type) && !is_of_family(type)) ||
        !json_member(document, "params", &value)) {
        return PS_OK;
    }
    keys = operation_keys(type, value);
    while (operation_keys_next(&keys, &name)) {
        PS_TRY(touch(choice, name));
    }
    return PS_OK;
}

/* The first row of a key that is touched. */
static bool makes_touched(struct bundle_choice *choice, struct json_value effect)
{
    struct touched *touched;
    struct json_value value;
    struct ps_bytes name;

    if (json_type(effect) != JSON_OBJECT || !text_is(effect, "kind", "key") ||
        !json_member(effect, "name", &value) || json_string(value, &name) != PS_OK) {
        return false;
    }
    touched = ps_map_get(choice->touched, name);
    if (touched == NULL || touched->is_made) {
        return false;
    }
    touched->is_made = true;
    return true;
}

/* A key that is touched has a name of this family. */
static bool is_family_of_touched(const struct bundle_choice *choice, struct json_value effect)
{
    const struct touched *touched;
    struct json_value value;
    struct ps_bytes prefix;
    size_t cursor = 0;

    if (json_type(effect) != JSON_OBJECT || !text_is(effect, "kind", "family") ||
        !json_member(effect, "name", &value) || json_string(value, &prefix) != PS_OK) {
        return false;
    }
    while ((touched = ps_map_next(choice->touched, &cursor)) != NULL) {
        if (ps_bytes_starts_with(ps_bytes_str(touched->name), prefix)) {
            return true;
        }
    }
    return false;
}

/* What changed the family itself; a leaf that makes a key of one has the row of that key, too. */
static bool changes_family(const struct bundle_choice *choice, struct json_value effects)
{
    struct json_value effect;
    uint32_t cursor = 0;
    bool changes = false;

    while (json_next(effects, &cursor, NULL, &effect)) {
        if (json_type(effect) == JSON_OBJECT && text_is(effect, "kind", "key")) {
            return false;
        }
        changes = changes || is_family_of_touched(choice, effect);
    }
    return changes;
}

bool bundle_choice_looks_again(const struct bundle_choice *choice)
{
    return ps_map_count(choice->touched) != 0;
}

enum ps_err bundle_choice_look_again(struct bundle_choice *choice, const struct log_event *event)
{
    const struct ps_bytes id = operation_of(event);
    struct json_value effects;
    struct json_value effect;
    uint32_t cursor = 0;

    if (id.len == 0 || !json_member(event->data, "effects", &effects)) {
        return PS_OK;
    }
    while (json_next(effects, &cursor, NULL, &effect)) {
        if (makes_touched(choice, effect)) {
            PS_TRY(want(choice, id, false));
        }
    }
    return changes_family(choice, effects) ? want(choice, id, false) : PS_OK;
}

/* Until then there may be more to come than the checkpoint covers. */
static bool is_end(const struct log_event *event)
{
    return ps_bytes_equal_str(event->kind, "result") || ps_bytes_equal_str(event->kind, "ended") ||
           ps_bytes_equal_str(event->kind, "genesis");
}

/* Who may cancel an operation follows from who asked for it. */
static enum ps_err want_ended(struct bundle_choice *choice, const struct log_event *event)
{
    struct json_value value;
    struct ps_bytes by;

    if (!ps_bytes_equal_str(event->kind, "ended") || event->data.doc == NULL ||
        !json_member(event->data, "by", &value) || json_string(value, &by) != PS_OK) {
        return PS_OK;
    }
    return ps_map_get(choice->wanted, by) != NULL ? want(choice, operation_of(event), false)
                                                  : PS_OK;
}

/* That of a genesis stands right behind it. */
static void take_start(struct bundle_choice *choice, uint64_t index, const struct log_event *event)
{
    if (!ps_bytes_equal_str(event->kind, "start") || (choice->has_begun && index != 1)) {
        return;
    }
    choice->start = index;
    choice->last = choice->last > index ? choice->last : index;
}

enum ps_err bundle_choice_look(struct bundle_choice *choice, uint64_t index,
                               const struct log_event *event)
{
    const struct ps_bytes id = operation_of(event);
    const unsigned count = choice->keys.count;
    struct wanted *wanted = id.len == 0 ? NULL : ps_map_get(choice->wanted, id);

    if (wanted != NULL && wanted->is_asked_for) {
        wanted->is_there = wanted->is_there || is_end(event);
        choice->has_begun = true;
        choice->last = index;
        PS_TRY(touch_keys(choice, event));
    }
    PS_TRY(log_succession_take(&choice->keys, index, NULL, event));
    if (choice->keys.count != count) {
        choice->last = index; /* whoever verifies needs it, however early the rest was */
    }
    take_start(choice, index, event);
    PS_TRY(want_ended(choice, event));
    return id.len != 0 && has_decided(event) ? want(choice, id, false) : PS_OK;
}

enum ps_err bundle_choice_check(const struct bundle_choice *choice)
{
    const struct wanted *wanted;
    size_t cursor = 0;

    if (ps_map_count(choice->wanted) == 0 || !choice->has_begun) {
        return ps_fail(PS_E_NOT_FOUND, 0, "the log has none of the operations");
    }
    while ((wanted = ps_map_next(choice->wanted, &cursor)) != NULL) {
        if (wanted->is_asked_for && !wanted->is_there) {
            return ps_fail(PS_E_BUSY, 0,
                           "no checkpoint covers the operation %.40s yet; ask again in a second, "
                           "or look whether it is of this appliance",
                           wanted->id);
        }
    }
    return PS_OK;
}

/* Alarms of the clock make what has to be waited for begin anew. */
bool bundle_choice_has(const struct bundle_choice *choice, uint64_t index,
                       const struct log_event *event)
{
    const struct ps_bytes id = operation_of(event);

    return index <= choice->last &&
           (ps_bytes_equal_str(event->kind, "genesis") || index == choice->start ||
            ps_bytes_equal_str(event->kind, LOG_RESTORED_KIND) ||
            (id.len != 0 && ps_map_get(choice->wanted, id) != NULL) ||
            (ps_bytes_equal_str(event->kind, "alarm") && event->data.doc != NULL &&
             text_is(event->data, "alarm", "clock")));
}
