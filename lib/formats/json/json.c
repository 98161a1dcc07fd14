#include "lib/formats/json/json.h"

#include "lib/base/secret.h"
#include "lib/formats/json/internal.h"

#include <assert.h>
#include <stdlib.h>

#define FIRST_BLOCK 4096u

#define INTEGER_MAX INT64_C(1000000000000000)

enum ps_err json_new(struct json **ret_json)
{
    struct json *json = calloc(1, sizeof *json);

    if (json == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *ret_json = json;
    return PS_OK;
}

static void free_blocks(struct json_block *block)
{
    while (block != NULL) {
        struct json_block *older = block->older;

        ps_wipe(block->data, block->used);
        free(block);
        block = older;
    }
}

void json_free(struct json *json)
{
    if (json == NULL) {
        return;
    }
    free_blocks(json->blocks);
    free(json->tokens);
    free(json->plain);
    free(json->names);
    free(json->order);
    free(json);
}

bool json_grow(void **array, uint32_t *cap, size_t size, uint32_t needed)
{
    size_t more = *cap == 0 ? 32 : *cap;
    void *moved;

    if (needed <= *cap) {
        return true;
    }
    while (more < needed) {
        more *= 2;
    }
    if (more > UINT32_MAX) {
        return false;
    }
    moved = reallocarray(*array, more, size);
    if (moved == NULL) {
        return false;
    }
    *array = moved;
    *cap = (uint32_t)more;
    return true;
}

uint8_t *json_take_memory(struct json *json, size_t len)
{
    struct json_block *block = json->blocks;
    uint8_t *taken;

    if (block == NULL || len > block->size - block->used) {
        size_t size = block == NULL ? FIRST_BLOCK : block->size * 2;

        size = size < len ? len : size;
        block = malloc(sizeof *block + size);
        if (block == NULL) {
            return NULL;
        }
        *block = (struct json_block){.older = json->blocks, .size = size};
        json->blocks = block;
    }
    taken = block->data + block->used;
    block->used += len;
    return taken;
}

uint8_t *json_room(struct json_value value, size_t len)
{
    return json_take_memory((struct json *)(uintptr_t)value.doc, len);
}

static void reset(struct json *json)
{
    if (json->blocks != NULL) {
        free_blocks(json->blocks->older);
        json->blocks->older = NULL;
        ps_wipe(json->blocks->data, json->blocks->used);
        json->blocks->used = 0;
    }
    json->count = 0;
    json->plain_count = 0;
    json->order_count = 0;
}

void json_forget(struct json *json)
{
    json->text = ps_bytes(NULL, 0);
    reset(json);
    /* What a usual text needs is kept for the next one. */
    if (json->blocks != NULL && json->blocks->size > FIRST_BLOCK) {
        free_blocks(json->blocks);
        json->blocks = NULL;
    }
}

enum ps_err json_parse(struct json *json, struct ps_bytes text, const struct json_limits *limits,
                       struct json_value *ret_root)
{
    assert(limits->octets < UINT32_MAX && limits->depth <= JSON_DEPTH_MAX);
    reset(json);
    json->text = ps_bytes(NULL, 0);
    if (text.len > limits->octets) {
        return ps_fail(PS_E_LIMIT, 0, "JSON of %zu octets, at most %zu", text.len, limits->octets);
    }
    json->text = text;
    PS_TRY(json_scan(json, limits));
    *ret_root = (struct json_value){.doc = json, .at = 0};
    return PS_OK;
}

static const struct json_token *token_of(struct json_value value)
{
    assert(value.at < value.doc->count);
    return &value.doc->tokens[value.at];
}

enum json_type json_type(struct json_value value)
{
    return (enum json_type)token_of(value)->type;
}

struct ps_bytes json_raw(struct json_value value)
{
    const struct json_token *token = token_of(value);

    return ps_bytes(value.doc->text.data + token->start, token->end - token->start);
}

size_t json_count(struct json_value container)
{
    const struct json_token *token = token_of(container);

    return token->type == JSON_OBJECT || token->type == JSON_ARRAY ? token->count : 0;
}

/* A value keeps its document const for its readers; what is undone on demand is a cache. */
static struct json *cache_of(struct json_value value)
{
    return (struct json *)(uintptr_t)value.doc;
}

static struct ps_bytes inside_quotes(const struct json *json, const struct json_token *token)
{
    return ps_bytes(json->text.data + token->start + 1, token->end - token->start - 2);
}

bool json_member(struct json_value object, const char *name, struct json_value *ret_value)
{
    const struct json *json = object.doc;
    const struct ps_bytes wanted = ps_bytes_str(name);
    const struct json_token *token = token_of(object);
    uint32_t at = object.at + 1;

    if (token->type != JSON_OBJECT) {
        return false;
    }
    for (uint32_t left = token->count; left != 0; left--) {
        struct ps_bytes found = inside_quotes(json, &json->tokens[at]);

        /* Escaped names were undone when duplicates were looked for, or here the first time. */
        if (json->tokens[at].escaped && json_token_text(cache_of(object), at, &found) != PS_OK) {
            return false;
        }
        if (ps_bytes_equal(found, wanted)) {
            *ret_value = (struct json_value){.doc = json, .at = at + 1};
            return true;
        }
        at = json->tokens[at + 1].next;
    }
    return false;
}

bool json_next(struct json_value container, uint32_t *cursor, struct ps_bytes *ret_name,
               struct json_value *ret_value)
{
    const struct json *json = container.doc;
    const struct json_token *token = token_of(container);
    uint32_t at = *cursor == 0 ? container.at + 1 : *cursor;

    if ((token->type != JSON_OBJECT && token->type != JSON_ARRAY) || at >= token->next) {
        return false;
    }
    if (token->type == JSON_OBJECT) {
        if (ret_name != NULL) {
            *ret_name = inside_quotes(json, &json->tokens[at]);
        }
        at++;
    }
    *ret_value = (struct json_value){.doc = json, .at = at};
    *cursor = json->tokens[at].next;
    return true;
}

enum ps_err json_string(struct json_value value, struct ps_bytes *ret_text)
{
    const struct json_token *token = token_of(value);

    if (token->type != JSON_STRING) {
        return ps_fail(PS_E_INPUT, (long)token->start, "JSON: no string at octet %u", token->start);
    }
    if (!token->escaped) {
        *ret_text = inside_quotes(value.doc, token);
        return PS_OK;
    }
    return json_token_text(cache_of(value), value.at, ret_text);
}

enum ps_err json_integer(struct json_value value, int64_t *ret_number)
{
    struct ps_bytes digits = json_raw(value);
    const bool negative = digits.data[0] == '-';
    int64_t number = 0;

    if (json_type(value) != JSON_NUMBER) {
        return ps_fail(PS_E_INPUT, 0, "JSON: no number");
    }
    if (negative) {
        digits = ps_bytes_from(digits, 1);
    }
    if (digits.len > 16) {
        return ps_fail(PS_E_INPUT, 0, "JSON: not an integer within 10^15 of zero");
    }
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') {
            return ps_fail(PS_E_INPUT, 0, "JSON: a number that is no plain integer");
        }
        number = number * 10 + (digits.data[i] - '0');
    }
    if (number > INTEGER_MAX) {
        return ps_fail(PS_E_INPUT, 0, "JSON: not an integer within 10^15 of zero");
    }
    *ret_number = negative ? -number : number;
    return PS_OK;
}

static _Thread_local struct json *readers[JSON_SLOT_COUNT];

enum ps_err json_thread_reader(enum json_slot slot, struct json **ret_json)
{
    if (readers[slot] == NULL) {
        PS_TRY(json_new(&readers[slot]));
    }
    *ret_json = readers[slot];
    return PS_OK;
}

void json_end_thread(void)
{
    for (size_t i = 0; i < JSON_SLOT_COUNT; i++) {
        json_free(readers[i]);
        readers[i] = NULL;
    }
}
