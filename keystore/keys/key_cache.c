#include "keystore/keys/key_cache.h"

#include "keystore/custody/row_reader.h"
#include "keystore/events/events.h"
#include "keystore/events/truth.h"
#include "keystore/keys/keys_table.h"
#include "keystore/operations/operations.h"
#include "keystore/snapshot/layered.h"
#include "keystore/snapshot/saved.h"
#include "keystore/snapshot/snapshot.h"
#include "keystore/state/state.h"
#include "lib/base/map.h"

#include <stdio.h>
#include <stdlib.h>

#define MEMORY_MAX (CATALOG_BODY_MAX + CATALOG_NAME_MAX)
#define ROW_NAME   (PS_NAME_MAX + 12u)

/* How many keys of a token are away, destroyed ones aside. */
struct away {
    char token[PS_NAME_MAX + 1];
    size_t count;
    size_t going; /* that are here and may go, while it is saved */
};

struct key_cache {
    struct keeper *keeper;
    struct ps_buf memory; /* of one row */
    struct away *away;
    size_t token_count;
    size_t away_count;
    size_t away_jws_count;
    size_t staying; /* keys that could not go when they were last looked at */
    bool is_for_use;
};

static void read_key(void *context, struct ps_bytes name);

enum ps_err key_cache_new(struct keeper *keeper, struct key_cache **ret_cache)
{
    struct key_cache *cache = calloc(1, sizeof *cache);

    if (cache == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    cache->keeper = keeper;
    ps_buf_init(&cache->memory, MEMORY_MAX);
    *ret_cache = cache;
    return PS_OK;
}

void key_cache_free(struct key_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    ps_buf_clear(&cache->memory);
    free(cache->away);
    free(cache);
}

/* --- Those that are away --- */

static struct away *find_away(const struct key_cache *cache, struct ps_bytes token)
{
    for (size_t i = 0; i < cache->token_count; i++) {
        if (ps_bytes_equal_str(token, cache->away[i].token)) {
            return &cache->away[i];
        }
    }
    return NULL;
}

size_t key_cache_away(const struct key_cache *cache)
{
    return cache->away_count;
}

size_t key_cache_away_live(const struct key_cache *cache)
{
    size_t count = 0;

    for (size_t i = 0; i < cache->token_count; i++) {
        count += cache->away[i].count;
    }
    return count;
}

size_t key_cache_away_jws(const struct key_cache *cache)
{
    return cache->away_jws_count;
}

size_t key_cache_away_of(const struct key_cache *cache, struct ps_bytes token)
{
    const struct away *away = find_away(cache, token);

    return away == NULL ? 0 : away->count;
}

/* NULL without memory. */
static struct away *need_away(struct key_cache *cache, const char *token)
{
    struct away *away = find_away(cache, ps_bytes_str(token));

    if (away != NULL) {
        return away;
    }
    away = realloc(cache->away, (cache->token_count + 1) * sizeof *away);
    if (away == NULL) {
        return NULL;
    }
    cache->away = away;
    away += cache->token_count++;
    away->count = away->going = 0;
    memcpy(away->token, token, strlen(token) + 1);
    return away;
}

static bool is_plain(const struct key *key)
{
    return key->is_wrapped && key->usage == PS_USAGE_SIGN && key_class_of(key) == KEY_CLASS_B &&
           key->state != KEY_PRE_ACTIVATION && key->rotation.period_s == 0 &&
           key->rotation.certificates == KEY_CERTIFICATES_NONE && key->version_count == 1;
}

/* Nothing of it ends or begins by itself, and nobody works on it. */
static bool may_go(const struct key_cache *cache, const struct key *key)
{
    const struct key_version *version;

    if (!is_plain(key) || key->pins != 0 || key->is_blocked) {
        return false;
    }
    version = key->versions[0];
    return version_certificate(version) == NULL && version->expires_s == 0 &&
           version->activates_s <= real_now_s() && !version->is_unproven &&
           !operations_has_locked(cache->keeper->operations, "key", ps_bytes_str(key->name));
}

/* One that a JWK set may list. */
static bool is_of_jws(const struct key *key)
{
    return key->state != KEY_DESTROYED && key_has_format(key, PS_FORMAT_JWS);
}

static void let_go(struct key_cache *cache, struct key *key)
{
    struct away *away = need_away(cache, key->token);

    if (away == NULL) {
        return;
    }
    away->count += key->state == KEY_DESTROYED ? 0 : 1;
    cache->away_count++;
    cache->away_jws_count += is_of_jws(key) ? 1 : 0;
    keys_let_go(cache->keeper->keys, key);
}

static void note_return(struct key_cache *cache, const struct key *key)
{
    struct away *away = find_away(cache, ps_bytes_str(key->token));

    if (away != NULL && cache->away_count != 0) {
        away->count -= key->state == KEY_DESTROYED ? 0 : 1;
        cache->away_count--;
        cache->away_jws_count -= is_of_jws(key) ? 1 : 0;
    }
}

static size_t room_of(const struct key_cache *cache)
{
    const size_t room = cache->keeper->config->keys_in_memory;

    return room == 0 ? 1 : room;
}

static void free_list(struct key ***list)
{
    free(*list);
}

/* Those that nobody asked for since the last time, and then any, until an eighth is free again. */
void key_cache_trim(struct key_cache *cache)
{
    const size_t here = keys_count(cache->keeper->keys);
    const size_t room = room_of(cache);
    PS_CLEANUP(free_list) struct key **list = NULL;
    size_t count = 0;
    size_t cursor = 0;
    struct key *key;

    if (here <= cache->staying + room) {
        return;
    }
    list = calloc(here, sizeof(struct key *));
    if (list == NULL) {
        return;
    }
    while ((key = keys_next(cache->keeper->keys, &cursor)) != NULL) {
        if (may_go(cache, key)) {
            list[count++] = key;
        }
    }
    cache->staying = here - count;
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < here && count > room - room / 8; i++) {
            if (list[i] != NULL && (round != 0 || !list[i]->was_asked_for)) {
                let_go(cache, list[i]);
                list[i] = NULL;
                count--;
            }
        }
    }
    for (size_t i = 0; i < here; i++) {
        if (list[i] != NULL) {
            list[i]->was_asked_for = false;
        }
    }
}

/* --- From the catalog --- */

/* PS_E_NOT_FOUND: the log has none. */
static enum ps_err get_row(struct key_cache *cache, struct catalog *from, enum catalog_kind kind,
                           struct ps_bytes name, struct catalog_row *ret_row)
{
    ps_buf_reset(&cache->memory);
    return truth_get_known(cache->keeper->truth, from, kind, name, &cache->memory, ret_row);
}

static enum ps_err load_version(struct key_cache *cache, struct catalog *from,
                                const struct key *key, uint32_t number)
{
    struct keys *keys = cache->keeper->keys;
    uint8_t octets[ROW_NAME];
    struct ps_buf name = {.data = octets, .cap = sizeof octets, .max = sizeof octets};
    struct catalog_row row;
    enum ps_err err;

    version_record_put_name(ps_bytes_str(key->name), number, &name);
    PS_TRY(ps_buf_status(&name));
    err = get_row(cache, from, CATALOG_VERSION, ps_buf_bytes(&name), &row);
    if (err != PS_OK) {
        return err == PS_E_NOT_FOUND ? PS_OK : err;
    }
    PS_TRY(keys_put_version(keys, row.body));
    err = get_row(cache, from, CATALOG_CERTIFICATE, ps_buf_bytes(&name), &row);
    if (err != PS_OK) {
        return err == PS_E_NOT_FOUND ? PS_OK : err;
    }
    return keys_put_certificate(keys, row.body);
}

static enum ps_err load_rows(struct key_cache *cache, struct catalog *from, struct ps_bytes name)
{
    struct keys *keys = cache->keeper->keys;
    struct catalog_row row;
    const struct key *key;

    PS_TRY(get_row(cache, from, CATALOG_KEY, name, &row));
    PS_TRY(keys_put(keys, row.body, row.revision));
    key = keys_here(keys, name);
    for (uint32_t number = 1; key != NULL && number <= key->latest; number++) {
        PS_TRY(load_version(cache, from, key, number));
    }
    return PS_OK;
}

static void drop_half_read(struct key_cache *cache, struct ps_bytes name)
{
    struct key *key = keys_here(cache->keeper->keys, name);

    if (key != NULL) {
        keys_let_go(cache->keeper->keys, key);
    }
}

static void tell(struct keeper *keeper, enum ps_err err)
{
    if (err != PS_E_DENIED) {
        state_raise(keeper, REASON_CATALOG_GONE, ps_detail()->text);
    } else if (!keeper->state.is_set[REASON_CATALOG_DIFFERS]) {
        state_raise(keeper, REASON_CATALOG_DIFFERS, ps_detail()->text);
        events_alarm(keeper, "catalog", ps_bytes(NULL, 0),
                     keeper->state.detail[REASON_CATALOG_DIFFERS]);
    }
}

static void read_ahead(struct key_cache *cache, struct ps_bytes name)
{
    struct keeper *keeper = cache->keeper;
    const struct key *key = keys_here(keeper->keys, name);

    if (key != NULL && key->is_wrapped && key->version_count == 1) {
        row_reader_read_ahead(keeper->row_reader, keeper->catalog, key->versions[0]);
    }
}

static enum ps_err load_now(struct key_cache *cache, struct ps_bytes name)
{
    struct catalog *catalog = cache->keeper->catalog;
    enum ps_err err;

    PS_TRY(catalog_begin_reading(catalog));
    err = load_rows(cache, catalog, name);
    if (err == PS_OK && cache->is_for_use) {
        read_ahead(cache, name);
    }
    catalog_end_reading(catalog);
    return err;
}

struct key *key_cache_find_to_use(struct key_cache *cache, struct ps_bytes name)
{
    struct key *key;

    cache->is_for_use = true;
    key = keys_find(cache->keeper->keys, name);
    cache->is_for_use = false;
    return key;
}

/* A key that cannot be read is not there for who asks; the state of the appliance says why. */
static void read_key(void *context, struct ps_bytes name)
{
    struct key_cache *cache = context;
    struct keeper *keeper = cache->keeper;
    const enum ps_err err = load_now(cache, name);

    if (err == PS_E_NOT_FOUND) {
        return;
    }
    if (err != PS_OK) {
        tell(keeper, err);
        drop_half_read(cache, name);
        return;
    }
    note_return(cache, keys_here(keeper->keys, name));
}

/* --- At the start --- */

struct load {
    struct key_cache *cache;
    struct catalog *from;
    size_t plain;
    struct ps_map *seen; /* names, where not all keys are loaded: one may be gone again */
};

/*
 * One key as it is now. The first that may go have the room, and the others go at once: nobody has
 * asked for any of them yet, and what is read among many that go later keeps their pages.
 */
static enum ps_err load_one(struct load *load, struct ps_bytes name)
{
    struct key_cache *cache = load->cache;
    struct key *key;

    PS_TRY(load_rows(cache, load->from, name));
    key = keys_here(cache->keeper->keys, name);
    if (key != NULL && may_go(cache, key) && ++load->plain > room_of(cache)) {
        let_go(cache, key);
    }
    return PS_OK;
}

static enum ps_err on_key(void *context, const struct catalog_row *row)
{
    return load_one(context, row->name);
}

static enum ps_err load_all_keys(struct key_cache *cache, struct catalog *from)
{
    struct load load = {.cache = cache, .from = from};

    for (size_t i = 0; i < cache->token_count; i++) {
        cache->away[i].count = 0;
    }
    cache->away_count = 0;
    cache->away_jws_count = 0;
    return catalog_list(from, CATALOG_KEY, ps_bytes(NULL, 0), UINT32_MAX, on_key, &load);
}

/* --- From a snapshot on --- */

/* Those that may go count as away: whoever reads this has none of them. */
struct saving {
    uint64_t away;
    uint64_t away_jws;
    uint32_t staying;
    struct ps_buf names;
};

static void clear_saving(struct saving *saving)
{
    ps_buf_clear(&saving->names);
}

static void sort_out(struct key_cache *cache, struct saving *saving)
{
    const struct key *key;
    size_t cursor = 0;

    while ((key = keys_next(cache->keeper->keys, &cursor)) != NULL) {
        struct away *away = may_go(cache, key) ? need_away(cache, key->token) : NULL;

        if (away == NULL) {
            saved_put(&saving->names, ps_bytes_str(key->name));
            saving->staying++;
            continue;
        }
        saving->away++;
        saving->away_jws += is_of_jws(key) ? 1 : 0;
        away->going += key->state == KEY_DESTROYED ? 0 : 1;
    }
}

void key_cache_save(struct key_cache *cache, struct ps_buf *out)
{
    PS_CLEANUP(clear_saving) struct saving saving = {.names = {.max = out->max}};

    for (size_t i = 0; i < cache->token_count; i++) {
        cache->away[i].going = 0;
    }
    sort_out(cache, &saving);
    ps_buf_put_u64(out, cache->away_count + saving.away);
    ps_buf_put_u64(out, cache->away_jws_count + saving.away_jws);
    ps_buf_put_u32(out, (uint32_t)cache->token_count);
    for (size_t i = 0; i < cache->token_count; i++) {
        saved_put(out, ps_bytes_str(cache->away[i].token));
        ps_buf_put_u64(out, cache->away[i].count + cache->away[i].going);
    }
    ps_buf_put_u32(out, saving.staying);
    if (ps_buf_status(&saving.names) != PS_OK) {
        (void)ps_buf_reserve(out, out->max + 1); /* too many: its error is this one's */
    }
    ps_buf_put(out, ps_buf_bytes(&saving.names));
}

static enum ps_err resume_counts(struct key_cache *cache, struct ps_reader *reader)
{
    uint32_t count;

    cache->away_count = (size_t)ps_reader_u64(reader);
    cache->away_jws_count = (size_t)ps_reader_u64(reader);
    count = ps_reader_u32(reader);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        const struct ps_bytes token = saved_take(reader);
        char name[PS_NAME_MAX + 1];
        struct away *away;

        if (token.len > PS_NAME_MAX) {
            return ps_fail(PS_E_INPUT, 0, "a token's name of %zu octets", token.len);
        }
        (void)snprintf(name, sizeof name, "%.*s", PS_BYTES_FMT(token));
        away = need_away(cache, name);
        if (away == NULL) {
            return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
        }
        away->count = (size_t)ps_reader_u64(reader);
    }
    return PS_OK;
}

/* Loads one and remembers that it did. The name outlives `seen`. */
static enum ps_err load_once(struct load *load, struct ps_bytes name)
{
    PS_TRY(load_one(load, name));
    return ps_map_add(load->seen, name, load);
}

static enum ps_err load_staying(struct load *load)
{
    struct key_cache *cache = load->cache;
    struct ps_reader reader = ps_reader(snapshots_keys(cache->keeper->snapshots));
    uint32_t count;

    PS_TRY(resume_counts(cache, &reader));
    count = ps_reader_u32(&reader);
    for (uint32_t i = 0; i < count && !reader.failed; i++) {
        PS_TRY(load_once(load, saved_take(&reader)));
    }
    return ps_reader_finish(&reader);
}

/* It was counted as one that is away, as it was then. */
static enum ps_err take_from_counts(struct key_cache *cache, struct catalog *from,
                                    struct ps_bytes name)
{
    static const struct json_limits limits = {CATALOG_BODY_MAX, 8, 4000};
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct key_record record;
    struct json_value body;
    struct catalog_row row;
    struct away *away;
    enum ps_err err;

    ps_buf_reset(&cache->memory);
    err = layered_get_below(from, CATALOG_KEY, name, &cache->memory, &row);
    if (err != PS_OK) {
        return err == PS_E_NOT_FOUND ? PS_OK : err;
    }
    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, row.body, &limits, &body));
    PS_TRY(key_record_read(body, &record));
    away = find_away(cache, record.token);
    if (away == NULL || cache->away_count == 0) {
        return ps_fail(PS_E_INPUT, 0, "the snapshot counts no keys of a token that it has some of");
    }
    away->count -= record.state == KEY_DESTROYED ? 0 : 1;
    cache->away_count--;
    for (size_t i = 0; i < record.format_count && record.state != KEY_DESTROYED; i++) {
        cache->away_jws_count -= record.formats[i] == PS_FORMAT_JWS ? 1 : 0;
    }
    return PS_OK;
}

/* A row that is newer than the snapshot: its key is loaded as it is now. */
static enum ps_err on_change(void *context, const struct catalog_row *change)
{
    struct load *load = context;
    struct key_cache *cache = load->cache;
    const uint8_t *slash = memchr(change->name.data, '/', change->name.len);
    const struct ps_bytes name = ps_bytes(
        change->name.data, slash == NULL ? change->name.len : (size_t)(slash - change->name.data));

    if (ps_map_get(load->seen, name) != NULL) {
        return PS_OK;
    }
    PS_TRY(take_from_counts(cache, load->from, name));
    return load_once(load, name);
}

/* What was read while the end of the log was judged counts as away again. */
static enum ps_err forget_those_that_may_go(struct key_cache *cache)
{
    const size_t here = keys_count(cache->keeper->keys);
    PS_CLEANUP(free_list) struct key **list = calloc(here + 1, sizeof(struct key *));
    size_t count = 0;
    size_t cursor = 0;
    struct key *key;

    if (list == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    while ((key = keys_next(cache->keeper->keys, &cursor)) != NULL) {
        if (may_go(cache, key)) {
            list[count++] = key;
        }
    }
    while (count != 0) {
        keys_let_go(cache->keeper->keys, list[--count]);
    }
    return PS_OK;
}

static enum ps_err load_changed(struct load *load)
{
    PS_TRY(load_staying(load));
    for (unsigned at = 0; at < CATALOG_AUTHORISING_COUNT; at++) {
        const enum catalog_kind kind = (enum catalog_kind)at;

        if (catalog_kind_is_of_keys(kind)) {
            PS_TRY(layered_each_change(load->from, kind, on_change, load));
        }
    }
    return PS_OK;
}

static enum ps_err load_some_keys(struct key_cache *cache, struct catalog *from)
{
    struct load load = {.cache = cache, .from = from};
    enum ps_err err;

    PS_TRY(forget_those_that_may_go(cache));
    PS_TRY(ps_map_new(&load.seen));
    err = load_changed(&load);
    ps_map_free(load.seen, NULL);
    PS_TRY(err);
    cache->staying = 0;
    key_cache_trim(cache);
    return PS_OK;
}

enum ps_err key_cache_load(struct key_cache *cache, struct catalog *from)
{
    keys_set_reader(cache->keeper->keys, read_key, cache);
    return layered_table(from) == NULL ? load_all_keys(cache, from) : load_some_keys(cache, from);
}
