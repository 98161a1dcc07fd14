#include "keystore/truth.h"

#include "lib/base/hash.h"

#include <stdlib.h>

#define SECRET_LEN 32u

/* 64 bits find the place, 128 tell the row; both are keyed, so that nobody can aim at them. */
struct entry {
    uint64_t place; /* 0: never used */
    uint8_t mac[16];
    bool is_there; /* false: removed */
};

struct truth {
    uint8_t secret[SECRET_LEN];
    struct entry *entries; /* a power of two of them */
    size_t size;
    size_t used; /* with the removed ones */
    size_t count;
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

static enum ps_err grow(struct truth *truth)
{
    struct entry *entries = calloc(truth->size * 2, sizeof *entries);

    if (entries == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    truth->used = 0;
    for (size_t i = 0; i < truth->size; i++) {
        if (truth->entries[i].place != 0 && truth->entries[i].is_there) {
            *find(entries, truth->size * 2, truth->entries[i].place) = truth->entries[i];
            truth->used++;
        }
    }
    free(truth->entries);
    truth->entries = entries;
    truth->size *= 2;
    return PS_OK;
}

enum ps_err truth_set(struct truth *truth, const struct catalog_row *row)
{
    const uint64_t place = place_of(truth, row->kind, row->name);
    struct entry *entry;

    if (row->kind >= CATALOG_AUTHORISING_COUNT) {
        return PS_OK;
    }
    if (truth->used * 4 >= truth->size * 3) {
        PS_TRY(grow(truth));
    }
    entry = find(truth->entries, truth->size, place);
    truth->used += entry->place == 0 ? 1 : 0;
    truth->count += entry->is_there ? 0 : 1;
    entry->place = place;
    entry->is_there = true;
    mac_of(truth, row, entry->mac);
    return PS_OK;
}

void truth_remove(struct truth *truth, enum catalog_kind kind, struct ps_bytes name)
{
    struct entry *entry = find(truth->entries, truth->size, place_of(truth, kind, name));

    if (entry->place != 0 && entry->is_there) {
        entry->is_there = false;
        truth->count--;
    }
}

bool truth_has(const struct truth *truth, enum catalog_kind kind, struct ps_bytes name)
{
    return find(truth->entries, truth->size, place_of(truth, kind, name))->is_there;
}

enum ps_err truth_check(const struct truth *truth, const struct catalog_row *row)
{
    const struct entry *entry;
    uint8_t mac[16];

    if (row->kind >= CATALOG_AUTHORISING_COUNT) {
        return PS_OK;
    }
    entry = find(truth->entries, truth->size, place_of(truth, row->kind, row->name));
    mac_of(truth, row, mac);
    if (!entry->is_there || memcmp(mac, entry->mac, sizeof mac) != 0) {
        return ps_fail(PS_E_DENIED, 0, "%s %.*s is not what the log says",
                       catalog_kind_name(row->kind), PS_BYTES_FMT(row->name));
    }
    return PS_OK;
}

size_t truth_count(const struct truth *truth)
{
    return truth->count;
}
