#ifndef JSONLD_NAMES_H
#define JSONLD_NAMES_H

#include "lib/base/map.h"
#include "lib/jsonld/arena.h"

/* The keywords of JSON-LD 1.1, section 1.7; those that only framing has are none here. */
enum keyword {
    KEYWORD_BASE,
    KEYWORD_CONTAINER,
    KEYWORD_CONTEXT,
    KEYWORD_DIRECTION,
    KEYWORD_GRAPH,
    KEYWORD_ID,
    KEYWORD_IMPORT,
    KEYWORD_INCLUDED,
    KEYWORD_INDEX,
    KEYWORD_JSON,
    KEYWORD_LANGUAGE,
    KEYWORD_LIST,
    KEYWORD_NEST,
    KEYWORD_NONE,
    KEYWORD_PREFIX,
    KEYWORD_PROPAGATE,
    KEYWORD_PROTECTED,
    KEYWORD_REVERSE,
    KEYWORD_SET,
    KEYWORD_TYPE,
    KEYWORD_VALUE,
    KEYWORD_VERSION,
    KEYWORD_VOCAB,
    KEYWORDS
};

/*
 * Member names, terms and IRIs are kept once, so that equal ones are the same pointer. Numbers are
 * given out one after the other, which nobody who chooses names can turn into collisions; the
 * first are the keywords.
 */
struct name {
    struct ps_bytes text;
    uint32_t number;
    bool reserved; /* has the form of a keyword and is none: "@" and letters */
};

struct names {
    const struct names *beneath; /* those of the contexts, which are only read; NULL: none */
    struct arena *arena;
    struct ps_map *map;
    uint32_t next;
};

PS_MUST_USE enum ps_err names_init(struct names *names, const struct names *beneath,
                                   struct arena *arena);
void names_clear(struct names *names);

PS_MUST_USE enum ps_err names_intern(struct names *names, struct ps_bytes text,
                                     const struct name **ret_name);

const struct name *names_keyword(enum keyword keyword);

static inline bool name_is_keyword(const struct name *name)
{
    return name->number < KEYWORDS;
}

static inline bool name_is(const struct name *name, enum keyword keyword)
{
    return name != NULL && name->number == (uint32_t)keyword;
}

/* "_:" and something. */
bool name_is_blank(const struct name *name);

/* From names to anything, in the order they were added. A copy shares nothing with its source. */
struct name_entry {
    const struct name *name;
    void *item;
};

struct name_map {
    struct name_entry *entries;
    uint32_t *slots; /* entry + 1, 0: empty; NULL while there are few entries */
    uint32_t count;
    uint32_t cap;
    uint32_t slot_count; /* a power of two */
};

/* NULL where there is none. */
void *name_map_get(const struct name_map *map, const struct name *name);

/* Adds, or replaces in its place. */
PS_MUST_USE enum ps_err name_map_set(struct arena *arena, struct name_map *map,
                                     const struct name *name, void *item);

PS_MUST_USE enum ps_err name_map_copy(struct arena *arena, const struct name_map *from,
                                      struct name_map *to);

#endif
