#include "frontends/certify/contexts.h"

#include "lib/base/encode.h"
#include "lib/system/file.h"

#include <stdlib.h>

#define FILE_NAME_MAX 128u
#define PLACE_MAX     4096u

static const struct json_limits limits = {CONTEXTS_LIST_MAX, 4, 1000, false};

struct list {
    struct json_value contexts;
};

static const struct json_field list_fields[] = {
    JSON_FIELD(struct list, contexts, JSON_KIND_ARRAY, true, 0),
};

struct listed {
    struct ps_bytes iri;
    struct ps_bytes file;
    struct ps_bytes sha256;
};

static const struct json_field listed_fields[] = {
    JSON_FIELD(struct listed, iri, JSON_KIND_STRING, true, 512),
    JSON_FIELD(struct listed, file, JSON_KIND_STRING, true, FILE_NAME_MAX),
    JSON_FIELD(struct listed, sha256, JSON_KIND_STRING, true, 2 * PS_SHA256_LEN),
};

/* What lies beside the list, and is not hidden. */
static bool is_file_name(struct ps_bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        const uint8_t c = name.data[i];

        if (!ps_is_letter(c) && !ps_is_digit(c) && c != '_' && c != '-' && (i == 0 || c != '.')) {
            return false;
        }
    }
    return name.len != 0;
}

static enum ps_err read_entry(struct json_value one, struct contexts_entry *entry)
{
    struct listed listed = {.iri = {.len = 0}};
    PS_BUF_AUTO digest = {.max = PS_SHA256_LEN};

    PS_TRY(json_read_object(one, listed_fields, PS_COUNT_OF(listed_fields), &listed, NULL));
    if (!is_file_name(listed.file)) {
        return ps_fail(PS_E_INPUT, 0, "member \"file\": it is a name of A-Z a-z 0-9 . _ -");
    }
    if (ps_hex_decode(listed.sha256, &digest) != PS_OK || digest.len != PS_SHA256_LEN) {
        return ps_fail(PS_E_INPUT, 0, "member \"sha256\": it is 64 digits of 0-9 a-f");
    }
    entry->iri = listed.iri;
    entry->file = listed.file;
    memcpy(entry->sha256, digest.data, PS_SHA256_LEN);
    return PS_OK;
}

enum ps_err contexts_parse(struct ps_bytes text, struct json *json,
                           struct contexts_entry *ret_entries, size_t *ret_count)
{
    struct list list = {.contexts = {.doc = NULL}};
    struct json_value root;
    struct json_value one;
    uint32_t cursor = 0;
    size_t count = 0;

    PS_TRY(json_parse(json, text, &limits, &root));
    PS_TRY(json_read_object(root, list_fields, PS_COUNT_OF(list_fields), &list, NULL));
    if (json_count(list.contexts) > CONTEXTS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "at most %u contexts", CONTEXTS_MAX);
    }
    while (json_next(list.contexts, &cursor, NULL, &one)) {
        PS_TRY(read_entry(one, &ret_entries[count]));
        count++;
    }
    *ret_count = count;
    return PS_OK;
}

static enum ps_err add(struct jsonld_contexts *contexts, const char *list,
                       const struct contexts_entry *entry)
{
    const char *slash = strrchr(list, '/');
    const size_t directory = slash == NULL ? 0 : (size_t)(slash - list) + 1;
    PS_BUF_AUTO path = {.max = PLACE_MAX};
    PS_BUF_AUTO text = {.max = 0};

    ps_buf_put(&path, ps_bytes(list, directory));
    ps_buf_put(&path, entry->file);
    ps_buf_put_u8(&path, '\0');
    PS_TRY(ps_buf_status(&path));
    PS_TRY(file_read((const char *)path.data, CONTEXTS_FILE_MAX, &text));
    return jsonld_contexts_add(contexts, entry->iri, ps_buf_bytes(&text), entry->sha256);
}

static void free_entries(struct contexts_entry **entries)
{
    free(*entries);
}

static enum ps_err add_all(struct jsonld_contexts *contexts, const char *path)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    PS_CLEANUP(free_entries)
    struct contexts_entry *entries = calloc(CONTEXTS_MAX, sizeof *entries);
    size_t count = 0;
    PS_BUF_AUTO text = {.max = 0};

    if (entries == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(json_new(&json));
    PS_TRY(file_read(path, CONTEXTS_LIST_MAX, &text));
    PS_TRY(contexts_parse(ps_buf_bytes(&text), json, entries, &count));
    for (size_t i = 0; i < count; i++) {
        PS_TRY(add(contexts, path, &entries[i]));
    }
    return PS_OK;
}

enum ps_err contexts_read(const char *path, struct jsonld_contexts **ret_contexts)
{
    PS_CLEANUP(jsonld_contexts_free_cleanup) struct jsonld_contexts *contexts = NULL;

    PS_TRY(jsonld_contexts_new(&contexts));
    if (path[0] != '\0') {
        PS_TRY(add_all(contexts, path));
    }
    *ret_contexts = contexts;
    contexts = NULL;
    return PS_OK;
}
