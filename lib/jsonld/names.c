#include "lib/jsonld/names.h"

#include <assert.h>

/* Up to so many entries are compared one after the other. */
#define FEW_ENTRIES 8u

#define KEYWORD(number_, text_)                                                                    \
    [number_] = {.text = {(const uint8_t *)(text_), sizeof(text_) - 1}, .number = (number_)}

static const struct name keywords[KEYWORDS] = {
    KEYWORD(KEYWORD_BASE, "@base"),
    KEYWORD(KEYWORD_CONTAINER, "@container"),
    KEYWORD(KEYWORD_CONTEXT, "@context"),
    KEYWORD(KEYWORD_DIRECTION, "@direction"),
    KEYWORD(KEYWORD_GRAPH, "@graph"),
    KEYWORD(KEYWORD_ID, "@id"),
    KEYWORD(KEYWORD_IMPORT, "@import"),
    KEYWORD(KEYWORD_INCLUDED, "@included"),
    KEYWORD(KEYWORD_INDEX, "@index"),
    KEYWORD(KEYWORD_JSON, "@json"),
    KEYWORD(KEYWORD_LANGUAGE, "@language"),
    KEYWORD(KEYWORD_LIST, "@list"),
    KEYWORD(KEYWORD_NEST, "@nest"),
    KEYWORD(KEYWORD_NONE, "@none"),
    KEYWORD(KEYWORD_PREFIX, "@prefix"),
    KEYWORD(KEYWORD_PROPAGATE, "@propagate"),
    KEYWORD(KEYWORD_PROTECTED, "@protected"),
    KEYWORD(KEYWORD_REVERSE, "@reverse"),
    KEYWORD(KEYWORD_SET, "@set"),
    KEYWORD(KEYWORD_TYPE, "@type"),
    KEYWORD(KEYWORD_VALUE, "@value"),
    KEYWORD(KEYWORD_VERSION, "@version"),
    KEYWORD(KEYWORD_VOCAB, "@vocab"),
};

const struct name *names_keyword(enum keyword keyword)
{
    return &keywords[keyword];
}

enum ps_err names_init(struct names *names, const struct names *beneath, struct arena *arena)
{
    *names = (struct names){.beneath = beneath, .arena = arena};
    names->next = beneath == NULL ? KEYWORDS : beneath->next;
    return ps_map_new(&names->map);
}

void names_clear(struct names *names)
{
    ps_map_free(names->map, NULL);
    names->map = NULL;
}

/* Section 5.2.2: "@" and one or more ASCII letters. */
static bool has_keyword_form(struct ps_bytes text)
{
    for (size_t i = 1; i < text.len; i++) {
        if (!ps_is_letter(text.data[i])) {
            return false;
        }
    }
    return text.len > 1 && text.data[0] == '@';
}

static const struct name *find_keyword(struct ps_bytes text)
{
    for (size_t i = 0; i < KEYWORDS; i++) {
        if (ps_bytes_equal(keywords[i].text, text)) {
            return &keywords[i];
        }
    }
    return NULL;
}

enum ps_err names_intern(struct names *names, struct ps_bytes text, const struct name **ret_name)
{
    const bool is_reserved = has_keyword_form(text);
    const struct name *found = is_reserved ? find_keyword(text) : NULL;
    void *memory;
    struct name *name;

    if (found == NULL) {
        found = ps_map_get(names->map, text);
    }
    if (found == NULL && names->beneath != NULL) {
        found = ps_map_get(names->beneath->map, text);
    }
    if (found != NULL) {
        *ret_name = found;
        return PS_OK;
    }
    PS_TRY(arena_take(names->arena, sizeof *name, &memory));
    name = memory;
    PS_TRY(arena_join(names->arena, text, ps_bytes(NULL, 0), &name->text));
    name->number = names->next;
    name->reserved = is_reserved;
    PS_TRY(ps_map_add(names->map, name->text, name));
    names->next++;
    *ret_name = name;
    return PS_OK;
}

bool name_is_blank(const struct name *name)
{
    return ps_bytes_starts_with(name->text, ps_bytes_str("_:"));
}

/* Fibonacci hashing (Knuth, TAOCP 6.4) spreads numbers that follow each other. */
static uint32_t first_slot(const struct name_map *map, const struct name *name)
{
    return name->number * 2654435769u & (map->slot_count - 1);
}

/* The slot of the name, or the empty one where it would be. */
static uint32_t *find_slot(const struct name_map *map, const struct name *name)
{
    uint32_t at = first_slot(map, name);

    while (map->slots[at] != 0 && map->entries[map->slots[at] - 1].name != name) {
        at = (at + 1) & (map->slot_count - 1);
    }
    return &map->slots[at];
}

static struct name_entry *find_entry(const struct name_map *map, const struct name *name)
{
    if (map->slots != NULL) {
        const uint32_t slot = *find_slot(map, name);

        return slot == 0 ? NULL : &map->entries[slot - 1];
    }
    for (uint32_t i = 0; i < map->count; i++) {
        if (map->entries[i].name == name) {
            return &map->entries[i];
        }
    }
    return NULL;
}

void *name_map_get(const struct name_map *map, const struct name *name)
{
    const struct name_entry *entry = find_entry(map, name);

    return entry == NULL ? NULL : entry->item;
}

static enum ps_err make_slots(struct arena *arena, struct name_map *map)
{
    void *memory;

    assert(map->entries != NULL);
    map->slot_count = map->cap * 2;
    PS_TRY(arena_take(arena, map->slot_count * sizeof *map->slots, &memory));
    map->slots = memory;
    for (uint32_t i = 0; i < map->count; i++) {
        *find_slot(map, map->entries[i].name) = i + 1;
    }
    return PS_OK;
}

enum ps_err name_map_set(struct arena *arena, struct name_map *map, const struct name *name,
                         void *item)
{
    struct name_entry *entry = find_entry(map, name);

    if (entry != NULL) {
        entry->item = item;
        return PS_OK;
    }
    if (map->count == map->cap) {
        const uint32_t cap = map->cap == 0 ? FEW_ENTRIES : map->cap * 2;

        PS_TRY(arena_grow(arena, (void **)&map->entries, map->count, cap, sizeof *map->entries));
        map->cap = cap;
        if (cap > FEW_ENTRIES) {
            PS_TRY(make_slots(arena, map));
        }
    }
    assert(map->entries != NULL);
    map->entries[map->count++] = (struct name_entry){.name = name, .item = item};
    if (map->slots != NULL) {
        *find_slot(map, name) = map->count;
    }
    return PS_OK;
}

enum ps_err name_map_copy(struct arena *arena, const struct name_map *from, struct name_map *to)
{
    *to = *from;
    if (from->cap != 0) {
        PS_TRY(arena_grow(arena, (void **)&to->entries, from->count, from->cap,
                          sizeof *from->entries));
    }
    if (from->slots != NULL) {
        PS_TRY(arena_grow(arena, (void **)&to->slots, from->slot_count, from->slot_count,
                          sizeof *from->slots));
    }
    return PS_OK;
}
