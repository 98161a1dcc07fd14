#include "lib/ceremony/log/key.h"

#include "lib/ceremony/log/leaf.h"

static const char events_suffix[] = "/events";
static const char use_part[] = "/use/";

static bool ends_with(struct ps_bytes text, const char *suffix)
{
    const size_t len = strlen(suffix);

    return text.len > len && memcmp(text.data + text.len - len, suffix, len) == 0;
}

/* The origin without its tree: the name of the appliance. */
static struct ps_bytes appliance_of(const struct note_key *events)
{
    return ps_bytes(events->name.data, events->name.len - strlen(events_suffix));
}

enum ps_err log_key_parse(struct ps_bytes text, struct note_key *ret_key)
{
    struct note_key key;

    PS_TRY(note_key_parse(text, &key));
    if (!ends_with(key.name, events_suffix)) {
        return ps_fail(PS_E_INPUT, 0, "not the key of a log of events: its name does not end so");
    }
    *ret_key = key;
    return PS_OK;
}

enum ps_err log_key_of_origin(const struct note_key *events, struct ps_bytes origin,
                              struct note_key *ret_key)
{
    const struct ps_bytes appliance = appliance_of(events);
    const struct ps_bytes part = ps_bytes_str(use_part);
    const struct ps_bytes rest = ps_bytes_from(origin, appliance.len);

    if (ps_bytes_equal(origin, events->name)) {
        *ret_key = *events;
        return PS_OK;
    }
    if (!ps_bytes_starts_with(origin, appliance) || !ps_bytes_starts_with(rest, part) ||
        !log_shard_name_valid(ps_bytes_from(rest, part.len))) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no tree of the log %.*s", PS_BYTES_FMT(events->name));
    }
    return note_key_make(origin, ps_bytes(events->public_key, sizeof events->public_key), ret_key);
}

void log_key_put_origin(const struct note_key *events, const char *tree, struct ps_buf *out)
{
    ps_buf_put(out, appliance_of(events));
    ps_buf_put_u8(out, '/');
    ps_buf_put_str(out, tree);
}

/* Two names with one key would be one witness that counts twice. */
static bool is_there(const struct log_witnesses *witnesses, const struct note_key *key)
{
    for (size_t i = 0; i < witnesses->count; i++) {
        const struct note_key *at = &witnesses->keys[i];

        if (ps_bytes_equal(at->name, key->name) ||
            memcmp(at->public_key, key->public_key, sizeof key->public_key) == 0) {
            return true;
        }
    }
    return false;
}

enum ps_err log_witnesses_add(struct log_witnesses *witnesses, struct ps_bytes line)
{
    const uint8_t *space = line.len == 0 ? NULL : memchr(line.data, ' ', line.len);
    const size_t len = space == NULL ? line.len : (size_t)(space - line.data);
    struct note_key key;

    PS_TRY(cosigner_key_parse(ps_bytes(line.data, len), &key));
    if (is_there(witnesses, &key)) {
        return ps_fail(PS_E_CONFLICT, 0, "a witness of the name or key of %.*s is there already",
                       PS_BYTES_FMT(key.name));
    }
    if (witnesses->count == LOG_WITNESSES_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "at most %u witnesses", LOG_WITNESSES_MAX);
    }
    witnesses->keys[witnesses->count] = key;
    witnesses->urls[witnesses->count] = ps_bytes_from(line, len + 1);
    witnesses->count++;
    return PS_OK;
}

enum ps_err log_witnesses_parse(struct ps_bytes lines, unsigned needed,
                                struct log_witnesses *ret_witnesses)
{
    struct log_witnesses witnesses = {.needed = needed};

    while (lines.len != 0) {
        const uint8_t *end = memchr(lines.data, '\n', lines.len);
        const size_t len = end == NULL ? lines.len : (size_t)(end - lines.data);

        if (len != 0) {
            PS_TRY(log_witnesses_add(&witnesses, ps_bytes(lines.data, len)));
        }
        lines = ps_bytes_from(lines, len + 1);
    }
    *ret_witnesses = witnesses;
    return PS_OK;
}

unsigned log_witnesses_count(const struct log_witnesses *witnesses, struct ps_bytes note,
                             uint64_t *ret_newest_s)
{
    unsigned count = 0;

    *ret_newest_s = 0;
    for (size_t i = 0; i < witnesses->count; i++) {
        struct cosignature cosignature;

        if (cosignature_open(note, &witnesses->keys[i], &cosignature) != PS_OK) {
            continue;
        }
        count++;
        if (cosignature.time_s > *ret_newest_s) {
            *ret_newest_s = cosignature.time_s;
        }
    }
    return count;
}
