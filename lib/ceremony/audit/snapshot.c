#include "lib/ceremony/audit/snapshot.h"

#include <stdlib.h>

/* Rows of other kinds are not asked for as of a date. */
static const char *const kinds[] = {"client", "family", "grant"};
static const char *const names[] = {"clients", "families", "grants"};

struct kept {
    struct kept *next;
    size_t kind;
    struct ps_buf name;
    struct ps_buf row;
};

struct audit_snapshot {
    uint64_t at_ns;
    struct kept *first;
    bool is_behind;       /* `people` is of before the last leaf that may have changed them */
    struct ps_buf people; /* roster and policy, as the last leaf in time left them */
};

static void free_kept(struct kept *kept)
{
    ps_buf_clear(&kept->name);
    ps_buf_clear(&kept->row);
    free(kept);
}

enum ps_err audit_snapshot_new(uint64_t at_ns, struct audit_snapshot **ret_snapshot)
{
    struct audit_snapshot *s = calloc(1, sizeof *s);

    if (s == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    s->at_ns = at_ns;
    ps_buf_init(&s->people, ROSTER_OCTETS_MAX + POLICY_OCTETS_MAX + 64);
    *ret_snapshot = s;
    return PS_OK;
}

void audit_snapshot_free(struct audit_snapshot *s)
{
    if (s == NULL) {
        return;
    }
    while (s->first != NULL) {
        struct kept *kept = s->first;

        s->first = kept->next;
        free_kept(kept);
    }
    ps_buf_clear(&s->people);
    free(s);
}

/* --- Rows --- */

/* Where the row stands, or would stand: they are in the order of their names. */
static struct kept **place_of(struct audit_snapshot *s, size_t kind, struct ps_bytes name)
{
    struct kept **at = &s->first;

    while (*at != NULL &&
           ((*at)->kind < kind ||
            ((*at)->kind == kind && ps_bytes_compare(ps_buf_bytes(&(*at)->name), name) < 0))) {
        at = &(*at)->next;
    }
    return at;
}

static bool is_at(struct kept *const *at, size_t kind, struct ps_bytes name)
{
    return *at != NULL && (*at)->kind == kind && ps_bytes_equal(ps_buf_bytes(&(*at)->name), name);
}

static enum ps_err keep(struct audit_snapshot *s, size_t kind, struct ps_bytes name,
                        struct ps_bytes row)
{
    struct kept **at = place_of(s, kind, name);
    struct kept *kept;

    if (!is_at(at, kind, name)) {
        kept = calloc(1, sizeof *kept);
        if (kept == NULL) {
            return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
        }
        kept->kind = kind;
        kept->next = *at;
        ps_buf_init(&kept->name, LOG_LEAF_MAX);
        ps_buf_init(&kept->row, LOG_LEAF_MAX);
        ps_buf_put(&kept->name, name);
        *at = kept;
    }
    ps_buf_reset(&(*at)->row);
    ps_buf_put(&(*at)->row, row);
    PS_TRY(ps_buf_status(&(*at)->name));
    return ps_buf_status(&(*at)->row);
}

static void take_away(struct audit_snapshot *s, size_t kind, struct ps_bytes name)
{
    struct kept **at = place_of(s, kind, name);

    if (is_at(at, kind, name)) {
        struct kept *kept = *at;

        *at = kept->next;
        free_kept(kept);
    }
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
        if (!ps_bytes_equal_str(kind, kinds[i])) {
            continue;
        }
        if (json_member(effect, "row", &value)) {
            return keep(s, i, name, json_raw(value));
        }
        take_away(s, i, name);
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

void audit_snapshot_put(const struct audit_snapshot *s, struct ps_buf *out)
{
    ps_buf_put(out, ps_buf_bytes(&s->people));
    for (size_t i = 0; i < PS_COUNT_OF(kinds); i++) {
        const char *between = "";

        ps_buf_printf(out, ",\"%s\":[", names[i]);
        for (const struct kept *kept = s->first; kept != NULL; kept = kept->next) {
            if (kept->kind == i) {
                ps_buf_put_str(out, between);
                ps_buf_put(out, ps_buf_bytes(&kept->row));
                between = ",";
            }
        }
        ps_buf_put_u8(out, ']');
    }
}
