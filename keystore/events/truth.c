#include "keystore/events/truth.h"

#include "lib/base/hash.h"

#include <stdlib.h>

#define SECRET_LEN 32u

/* 64 bits find the place, 128 tell the row; both are keyed, so that nobody can aim at them. */
struct entry {
    uint64_t place;  /* 0: never used */
    uint64_t event;  /* of the leaf that says so */
    uint8_t mac[16]; /* all 0: removed */
};

static bool is_there(const struct entry *entry)
{
    static const uint8_t removed[sizeof entry->mac];

    return entry->place != 0 && memcmp(entry->mac, removed, sizeof removed) != 0;
}

struct truth {
    uint8_t secret[SECRET_LEN];
    struct entry *entries; /* a power of two of them */
    size_t size;
    size_t used; /* with the removed ones */
    size_t count;
    struct table *table; /* NULL: none */
};

enum { FIRST_SIZE = 256 };

enum ps_err truth_new(struct truth **ret_truth)
{
    struct truth *truth = calloc(1, sizeof *truth);

    if (truth != NULL) {
        truth->entries = calloc(FIRST_SIZE, sizeof *truth->entries);
    }
    if (truth == NULL || truth->entries == NULL) {
        free(truth);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    truth->size = FIRST_SIZE;
    ps_random(truth->secret, sizeof truth->secret);
    *ret_truth = truth;
    return PS_OK;
}

void truth_free(struct truth *truth)
{
    if (truth == NULL) {
        return;
    }
    free(truth->entries);
    table_free(truth->table);
    free(truth);
}

static uint64_t place_of(const struct truth *truth, enum catalog_kind kind, struct ps_bytes name)
{
    const uint8_t tag[2] = {'p', (uint8_t)kind};
    const struct ps_bytes parts[] = {ps_bytes(truth->secret, SECRET_LEN), ps_bytes(tag, 2), name};
    uint8_t hash[PS_SHA256_LEN];
    uint64_t place;

    ps_hash_parts(PS_SHA256, parts, PS_COUNT_OF(parts), hash);
    memcpy(&place, hash, sizeof place);
    return place == 0 ? 1 : place;
}

static void mac_of(const struct truth *truth, const struct catalog_row *row, uint8_t out[16])
{
    uint8_t head[18] = {'m', (uint8_t)row->kind};
    const struct ps_bytes parts[] = {ps_bytes(truth->secret, SECRET_LEN),
                                     ps_bytes(head, sizeof head), row->name, ps_bytes("", 1),
                                     row->body};
    uint8_t hash[PS_SHA256_LEN];

    for (unsigned i = 0; i < 8; i++) {
        head[2 + i] = (uint8_t)(row->revision >> (8 * i));
        head[10 + i] = (uint8_t)(row->event >> (8 * i));
    }
    ps_hash_parts(PS_SHA256, parts, PS_COUNT_OF(parts), hash);
    memcpy(out, hash, 16);
}

/* The entry of a place, or the free one where it would go. */
static struct entry *find(struct entry *entries, size_t size, uint64_t place)
{
    size_t at = place & (size - 1);

    while (entries[at].place != 0 && entries[at].place != place) {
        at = (at + 1) & (size - 1);
    }
    return &entries[at];
}

/* Into a table of another size, with those of leaves from `from` on; removed ones too. */
static enum ps_err move(struct truth *truth, size_t size, uint64_t from)
{
    struct entry *entries = calloc(size, sizeof *entries);

    if (entries == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    truth->used = 0;
    truth->count = 0;
    for (size_t i = 0; i < truth->size; i++) {
        const struct entry *entry = &truth->entries[i];

        if (entry->place != 0 && entry->event >= from) {
            *find(entries, size, entry->place) = *entry;
            truth->used++;
            truth->count += is_there(entry) ? 1 : 0;
        }
    }
    free(truth->entries);
    truth->entries = entries;
    truth->size = size;
    return PS_OK;
}

static size_t count_from(const struct truth *truth, uint64_t from)
{
    size_t count = 0;

    for (size_t i = 0; i < truth->size; i++) {
        count += truth->entries[i].place != 0 && truth->entries[i].event >= from ? 1 : 0;
    }
    return count;
}

enum ps_err truth_rest_on(struct truth *truth, struct table *table, uint64_t size)
{
    const size_t left = count_from(truth, size);
    size_t places = FIRST_SIZE;

    while (left * 2 >= places) {
        places *= 2;
    }
    PS_TRY(move(truth, places, size));
    table_free(truth->table);
    truth->table = table_hold(table);
    return PS_OK;
}

static enum ps_err need(struct truth *truth, enum catalog_kind kind, struct ps_bytes name,
                        struct entry **ret_entry)
{
    const uint64_t place = place_of(truth, kind, name);

    if (truth->used * 4 >= truth->size * 3) {
        PS_TRY(move(truth, truth->size * 2, 0));
    }
    *ret_entry = find(truth->entries, truth->size, place);
    truth->used += (*ret_entry)->place == 0 ? 1 : 0;
    (*ret_entry)->place = place;
    return PS_OK;
}

enum ps_err truth_set(struct truth *truth, const struct catalog_row *row)
{
    struct entry *entry;

    if (row->kind >= CATALOG_AUTHORISING_COUNT) {
        return PS_OK;
    }
    PS_TRY(need(truth, row->kind, row->name, &entry));
    truth->count += is_there(entry) ? 0 : 1;
    entry->event = row->event;
    mac_of(truth, row, entry->mac);
    return PS_OK;
}

/* It stays as one that was removed: the table may have it. */
enum ps_err truth_remove(struct truth *truth, enum catalog_kind kind, struct ps_bytes name,
                         uint64_t event)
{
    struct entry *entry;

    PS_TRY(need(truth, kind, name, &entry));
    truth->count -= is_there(entry) ? 1 : 0;
    entry->event = event;
    memset(entry->mac, 0, sizeof entry->mac);
    return PS_OK;
}

/* What the log says of a row: by what was kept of it lately, else by the table. */
struct said {
    enum catalog_kind kind;
    struct ps_bytes name;
    const struct entry *entry; /* NULL: the table says it */
    enum ps_err err;           /* of looking there */
    struct table_entry below;
};

static struct said look_up(const struct truth *truth, enum catalog_kind kind, struct ps_bytes name)
{
    const struct entry *entry = find(truth->entries, truth->size, place_of(truth, kind, name));
    struct said said = {.kind = kind, .name = name, .err = PS_E_NOT_FOUND};

    if (entry->place != 0) {
        said.entry = entry;
    } else if (truth->table != NULL) {
        said.err = table_find(truth->table, kind, name, &said.below);
    }
    return said;
}

static bool is_said(const struct said *said)
{
    return said->entry != NULL ? is_there(said->entry) : said->err != PS_E_NOT_FOUND;
}

bool truth_has(const struct truth *truth, enum catalog_kind kind, struct ps_bytes name)
{
    const struct said said = look_up(truth, kind, name);

    return is_said(&said);
}

static enum ps_err differs(const struct catalog_row *row)
{
    return ps_fail(PS_E_DENIED, 0, "%s %.*s is not what the log says", catalog_kind_name(row->kind),
                   PS_BYTES_FMT(row->name));
}

static enum ps_err check_below(const struct said *said, const struct catalog_row *row)
{
    const struct table_entry *below = &said->below;
    uint8_t hash[PS_SHA256_LEN];

    if (said->err != PS_OK) {
        return said->err == PS_E_NOT_FOUND ? differs(row) : said->err;
    }
    ps_sha256(row->body, hash);
    return below->revision == row->revision && below->event == row->event &&
                   memcmp(hash, below->hash, sizeof hash) == 0
               ? PS_OK
               : differs(row);
}

static enum ps_err check_row(const struct truth *truth, const struct said *said,
                             const struct catalog_row *row)
{
    uint8_t mac[16];

    if (said->entry == NULL) {
        return check_below(said, row);
    }
    mac_of(truth, row, mac);
    return is_there(said->entry) && memcmp(mac, said->entry->mac, sizeof mac) == 0 ? PS_OK
                                                                                   : differs(row);
}

enum ps_err truth_check(const struct truth *truth, const struct catalog_row *row)
{
    struct said said;

    if (row->kind >= CATALOG_AUTHORISING_COUNT) {
        return PS_OK;
    }
    said = look_up(truth, row->kind, row->name);
    return check_row(truth, &said, row);
}

static enum ps_err get_said(const struct truth *truth, const struct said *said,
                            struct catalog *catalog, struct ps_buf *memory,
                            struct catalog_row *ret_row)
{
    struct catalog_row row;
    const enum ps_err err = catalog_get(catalog, said->kind, said->name, memory, &row);

    if (err == PS_E_NOT_FOUND && is_said(said)) {
        return ps_fail(PS_E_DENIED, 0, "%s %.*s is gone", catalog_kind_name(said->kind),
                       PS_BYTES_FMT(said->name));
    }
    PS_TRY(err);
    PS_TRY(check_row(truth, said, &row));
    *ret_row = row;
    return PS_OK;
}

enum ps_err truth_get(const struct truth *truth, struct catalog *catalog, enum catalog_kind kind,
                      struct ps_bytes name, struct ps_buf *memory, struct catalog_row *ret_row)
{
    struct said said;

    if (kind >= CATALOG_AUTHORISING_COUNT) {
        return catalog_get(catalog, kind, name, memory, ret_row);
    }
    said = look_up(truth, kind, name);
    return get_said(truth, &said, catalog, memory, ret_row);
}

enum ps_err truth_get_known(const struct truth *truth, struct catalog *catalog,
                            enum catalog_kind kind, struct ps_bytes name, struct ps_buf *memory,
                            struct catalog_row *ret_row)
{
    const struct said said = look_up(truth, kind, name);

    return is_said(&said) ? get_said(truth, &said, catalog, memory, ret_row) : PS_E_NOT_FOUND;
}

size_t truth_count(const struct truth *truth)
{
    return truth->count;
}
