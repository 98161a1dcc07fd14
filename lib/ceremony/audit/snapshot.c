#include "lib/ceremony/audit/snapshot.h"

#include "lib/base/map.h"

#include <stdlib.h>

/* Rows of other kinds are not asked for as of a date. */
static const char *const kinds[] = {"client", "family", "grant"};
static const char *const names[] = {"clients", "families", "grants"};

/* Named by the octet of its kind, and its name. */
struct kept {
    struct ps_buf name;
    struct ps_buf row;
};

struct audit_snapshot {
    uint64_t at_ns;
    struct ps_map *rows;
    bool is_behind;       /* `people` is of before the last leaf that may have changed them */
    struct ps_buf people; /* roster and policy, as the last leaf in time left them */
};

static void free_kept(void *value)
{
    struct kept *kept = value;

    ps_buf_clear(&kept->name);
    ps_buf_clear(&kept->row);
    free(kept);
}

enum ps_err audit_snapshot_new(uint64_t at_ns, struct audit_snapshot **ret_snapshot)
{
    PS_CLEANUP(audit_snapshot_free_cleanup) struct audit_snapshot *s = calloc(1, sizeof *s);

    if (s == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    s->at_ns = at_ns;
    ps_buf_init(&s->people, ROSTER_OCTETS_MAX + POLICY_OCTETS_MAX + 64);
    PS_TRY(ps_map_new(&s->rows));
    *ret_snapshot = s;
    s = NULL;
    return PS_OK;
}

void audit_snapshot_free(struct audit_snapshot *s)
{
    if (s == NULL) {
        return;
    }
    ps_map_free(s->rows, free_kept);
    ps_buf_clear(&s->people);
    free(s);
}

/* --- Rows --- */

static enum ps_err add(struct audit_snapshot *s, struct ps_bytes name, struct kept **ret_kept)
{
    struct kept *kept = calloc(1, sizeof *kept);
    enum ps_err err;

    if (kept == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    ps_buf_init(&kept->name, LOG_LEAF_MAX);
    ps_buf_init(&kept->row, LOG_LEAF_MAX);
    ps_buf_put(&kept->name, name);
    err = ps_buf_status(&kept->name);
    if (err == PS_OK) {
        err = ps_map_add(s->rows, ps_buf_bytes(&kept->name), kept);
    }
    if (err != PS_OK) {
        free_kept(kept);
        return err;
    }
    *ret_kept = kept;
    return PS_OK;
}

static enum ps_err keep(struct audit_snapshot *s, struct ps_bytes name, struct ps_bytes row)
{
    struct kept *kept = ps_map_get(s->rows, name);

    if (kept == NULL) {
        PS_TRY(add(s, name, &kept));
    }
    ps_buf_reset(&kept->row);
    ps_buf_put(&kept->row, row);
    return ps_buf_status(&kept->row);
}

static void take_away(struct audit_snapshot *s, struct ps_bytes name)
{
    struct kept *kept = ps_map_remove(s->rows, name);

    if (kept != NULL) {
        free_kept(kept);
    }
}

static enum ps_err take_row(struct audit_snapshot *s, size_t kind, struct ps_bytes name,
                            struct json_value effect)
{
    PS_BUF_AUTO whole = {.max = LOG_LEAF_MAX};
    struct json_value row;

    ps_buf_put_u8(&whole, (uint8_t)kind);
    ps_buf_put(&whole, name);
    PS_TRY(ps_buf_status(&whole));
    if (json_member(effect, "row", &row)) {
        return keep(s, ps_buf_bytes(&whole), json_raw(row));
    }
    take_away(s, ps_buf_bytes(&whole));
    return PS_OK;
}

static enum ps_err take_effect(struct audit_snapshot *s, struct json_value effect)
{
    struct json_value value;
    struct ps_bytes kind;
    struct ps_bytes name;

    if (!json_member(effect, "kind", &value) || json_string(value, &kind) != PS_OK ||
        !json_member(effect, "name", &value) || json_string(value, &name) != PS_OK) {
        return PS_OK; /* the replay says so */
    }
    for (size_t i = 0; i < PS_COUNT_OF(kinds); i++) {
        if (ps_bytes_equal_str(kind, kinds[i])) {
            return take_row(s, i, name, effect);
        }
    }
    return PS_OK;
}

enum ps_err audit_snapshot_take_operation(struct audit_snapshot *s,
                                          const struct replay_operation *operation)
{
    struct json_value effect;
    uint32_t cursor = 0;

    if (operation->end->time_ns > s->at_ns) {
        return PS_OK;
    }
    while (operation->effects.doc != NULL &&
           json_next(operation->effects, &cursor, NULL, &effect)) {
        PS_TRY(take_effect(s, effect));
    }
    return PS_OK;
}

/* --- Who decided then --- */

static enum ps_err note_people(struct audit_snapshot *s, const struct replay *replay)
{
    if (!s->is_behind || replay_roster(replay) == NULL) {
        return PS_OK;
    }
    s->is_behind = false;
    ps_buf_reset(&s->people);
    ps_buf_put_str(&s->people, ",\"roster\":");
    roster_put(replay_roster(replay), &s->people);
    ps_buf_put_str(&s->people, ",\"policy\":");
    policy_put(replay_policy(replay), &s->people);
    return ps_buf_status(&s->people);
}

enum ps_err audit_snapshot_take(struct audit_snapshot *s, struct replay *replay, uint64_t index,
                                const struct log_event *event)
{
    const bool is_end =
        ps_bytes_equal_str(event->kind, "result") || ps_bytes_equal_str(event->kind, "genesis");

    if (is_end && event->time_ns > s->at_ns) {
        PS_TRY(note_people(s, replay));
    }
    PS_TRY(replay_take(replay, index, event));
    s->is_behind = s->is_behind || (is_end && event->time_ns <= s->at_ns);
    return PS_OK;
}

enum ps_err audit_snapshot_finish(struct audit_snapshot *s, const struct replay *replay)
{
    return note_people(s, replay);
}

bool audit_snapshot_is_empty(const struct audit_snapshot *s)
{
    return s->people.len == 0;
}

static int compare_kept(const void *a, const void *b)
{
    const struct kept *const *left = a;
    const struct kept *const *right = b;

    return ps_bytes_compare(ps_buf_bytes(&(*left)->name), ps_buf_bytes(&(*right)->name));
}

static bool is_of(const struct kept *kept, size_t kind)
{
    return kept != NULL && kept->name.data[0] == kind;
}

static void put_rows(const struct kept *const *sorted, struct ps_buf *out)
{
    for (size_t kind = 0; kind < PS_COUNT_OF(kinds); kind++) {
        const char *between = "";

        ps_buf_printf(out, ",\"%s\":[", names[kind]);
        for (; is_of(*sorted, kind); sorted++) {
            ps_buf_put_str(out, between);
            ps_buf_put(out, ps_buf_bytes(&(*sorted)->row));
            between = ",";
        }
        ps_buf_put_u8(out, ']');
    }
}

enum ps_err audit_snapshot_put(const struct audit_snapshot *s, struct ps_buf *out)
{
    const size_t count = ps_map_count(s->rows);
    const struct kept **sorted = calloc(count + 1, sizeof(struct kept *));
    size_t cursor = 0;

    if (sorted == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = ps_map_next(s->rows, &cursor);
    }
    qsort((void *)sorted, count, sizeof(struct kept *), compare_kept);
    ps_buf_put(out, ps_buf_bytes(&s->people));
    put_rows(sorted, out);
    free((void *)sorted);
    return ps_buf_status(out);
}
