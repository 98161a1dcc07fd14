#ifndef FORMATS_JSON_INTERNAL_H
#define FORMATS_JSON_INTERNAL_H

#include "lib/formats/json/json.h"

/* One value, or the name of a member, which stands right before the member's value. */
struct json_token {
    uint32_t start; /* of its octets in the text */
    uint32_t end;   /* past the last of them */
    uint32_t next;  /* the token after it and all that is in it */
    uint32_t count; /* containers: members or elements; escaped strings: index in `plain` + 1 */
    uint8_t type;   /* enum json_type */
    bool escaped;   /* strings: holds at least one escape */
};

/* Memory of the document that does not move. The newest block is the largest. */
struct json_block {
    struct json_block *older;
    size_t used;
    size_t size;
    uint8_t data[];
};

struct json {
    struct ps_bytes text;
    struct json_token *tokens;
    uint32_t count;
    uint32_t cap;
    struct ps_bytes *plain; /* strings with their escapes undone, made when asked for */
    uint32_t plain_count;
    uint32_t plain_cap;
    struct ps_bytes *names; /* scratch for finding duplicates */
    uint32_t names_cap;
    uint32_t *order; /* scratch for sorting members, used like a stack */
    uint32_t order_count;
    uint32_t order_cap;
    struct json_block *blocks;
};

/* Tokenizes json->text into json->tokens. */
PS_MUST_USE enum ps_err json_scan(struct json *json, const struct json_limits *limits);

/*
 * Reads one escape sequence; `at` stands on the backslash. Returns the octets it takes (2, 6, or 12
 * for a surrogate pair), 0 when it is none.
 */
size_t json_read_escape(const uint8_t *at, const uint8_t *end, uint32_t *ret_code);

/* The text of a string token with its escapes undone. Errors: PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err json_token_text(struct json *json, uint32_t at, struct ps_bytes *ret_text);

/* Octets that stay until the next json_parse; NULL without memory. */
uint8_t *json_take_memory(struct json *json, size_t len);

/* Makes an array of `size`-octet members hold at least `needed`; false without memory. */
bool json_grow(void **array, uint32_t *cap, size_t size, uint32_t needed);

/*
 * Readers that a thread keeps for the functions here that read JSON inside one call: none of them
 * calls another while it holds values of the same slot.
 */
enum json_slot { JSON_SLOT_TEXT, JSON_SLOT_HEADER, JSON_SLOT_COUNT };
PS_MUST_USE enum ps_err json_thread_reader(enum json_slot slot, struct json **ret_json);

#endif
