#include "keystore/backup/holders.h"

#include "keystore/backup/shelf.h"
#include "keystore/writer.h"
#include "lib/ceremony/log/leaf.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* When a version was there, in seconds; the end of one that is there is UINT64_MAX. */
struct span {
    uint64_t from_s;
    uint64_t until_s;
};

/* The leaf of the result by which its row is as it is. */
static enum ps_err read_event_time(const struct keeper *keeper, uint64_t event, uint64_t *ret_s)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    PS_BUF_AUTO octets = {.max = LOG_ENTRY_MAX};
    struct log_event leaf;

    PS_TRY(log_read_entry(keeper->events, event, &octets));
    PS_TRY(json_new(&json));
    PS_TRY(log_event_read(json, ps_buf_bytes(&octets), &leaf));
    *ret_s = leaf.time_ns / PS_NS_PER_S;
    return PS_OK;
}

/* A row that is the last of its version: what is destroyed becomes nothing else. */
static enum ps_err find_end(const struct keeper *keeper, const struct key_version *version,
                            uint64_t *ret_s)
{
    PS_BUF_AUTO memory = {.max = CATALOG_BODY_MAX + CATALOG_NAME_MAX};
    char name[CATALOG_NAME_MAX + 1];
    struct catalog_row row;

    (void)snprintf(name, sizeof name, "%s/%u", version->key->name, version->number);
    PS_TRY(catalog_get(keeper->catalog, CATALOG_VERSION, ps_bytes_str(name), &memory, &row));
    return read_event_time(keeper, row.event, ret_s);
}

struct spans {
    struct span *all;
    size_t count;
};

static void clear_spans(struct spans *spans)
{
    free(spans->all);
}

/* number: 0: all of those. */
static enum ps_err collect(const struct keeper *keeper, const struct key *key, uint32_t number,
                           bool destroyed, struct spans *spans)
{
    spans->all = calloc(key->version_count + 1, sizeof *spans->all);
    if (spans->all == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; key->is_wrapped && i < key->version_count; i++) {
        const struct key_version *version = key->versions[i];
        struct span span = {.from_s = version->created_s, .until_s = UINT64_MAX};

        if ((version->state == KEY_DESTROYED) != destroyed ||
            (number != 0 && version->number != number)) {
            continue;
        }
        if (destroyed) {
            PS_TRY(find_end(keeper, version, &span.until_s));
        }
        spans->all[spans->count++] = span;
    }
    return PS_OK;
}

static bool holds(const struct shelved *backup, const struct spans *spans)
{
    for (size_t i = 0; i < spans->count; i++) {
        if (backup->written_s >= spans->all[i].from_s &&
            backup->created_s <= spans->all[i].until_s) {
            return true;
        }
    }
    return false;
}

static enum ps_err read_shelf(const struct keeper *keeper, struct shelf *shelf)
{
    const struct ps_bytes directory = keeper->config->backup_directory;
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%.*s", PS_BYTES_FMT(directory));
    if (directory.len == 0 || shelf_read(shelf, path) == PS_OK) {
        return PS_OK;
    }
    return ps_fail(PS_E_STATE, 0,
                   "which backups hold the key cannot be said, as [backup] directory, %.120s, "
                   "cannot be read: make it readable again",
                   path);
}

/* The newest first; returns how many there are. */
static uint64_t put_names(const struct shelf *shelf, const struct spans *spans, struct writer *json)
{
    uint64_t count = 0;

    writer_begin_array(json, "backups");
    for (size_t i = shelf->count; i-- > 0;) {
        if (holds(&shelf->all[i], spans) && count++ < HOLDERS_MAX) {
            writer_str(json, NULL, shelf->all[i].name);
        }
    }
    writer_end_array(json);
    return count;
}

static enum ps_err put_spans(const struct keeper *keeper, const struct spans *spans,
                             struct writer *json)
{
    PS_CLEANUP(shelf_clear) struct shelf shelf = {.all = NULL};

    PS_TRY(read_shelf(keeper, &shelf));
    writer_decimal(json, "backups_in_all", put_names(&shelf, spans, json));
    return PS_OK;
}

enum ps_err holders_put(const struct keeper *keeper, const struct key *key, uint32_t number,
                        struct writer *json)
{
    PS_CLEANUP(clear_spans) struct spans spans = {.all = NULL};

    if (!key->is_wrapped) {
        return PS_OK;
    }
    PS_TRY(collect(keeper, key, number, false, &spans));
    return put_spans(keeper, &spans, json);
}

enum ps_err holders_put_span(const struct keeper *keeper, uint64_t from_s, uint64_t until_s,
                             struct writer *json)
{
    struct span span = {.from_s = from_s, .until_s = until_s};
    const struct spans spans = {.all = &span, .count = 1};

    return put_spans(keeper, &spans, json);
}

enum ps_err holders_put_destroyed(const struct keeper *keeper, const struct key *key,
                                  struct writer *json)
{
    PS_CLEANUP(shelf_clear) struct shelf shelf = {.all = NULL};
    PS_CLEANUP(clear_spans) struct spans spans = {.all = NULL};

    PS_TRY(collect(keeper, key, 0, true, &spans));
    if (spans.count == 0) {
        return PS_OK;
    }
    if (read_shelf(keeper, &shelf) != PS_OK) {
        ps_line(PS_WARNING, "backups_not_listed", PS_STR("detail", ps_detail()->text));
        writer_bool(json, "backups_unknown", true);
        return PS_OK;
    }
    writer_number(json, "backups_in_all", put_names(&shelf, &spans, json));
    return PS_OK;
}
