#include "keystore/snapshot/table.h"

#include "keystore/snapshot/table_form.h"
#include "lib/base/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAIL_MAX (UINT64_C(512) * 1024 * 1024)

struct page {
    enum catalog_kind kind; /* of its first entry, and so the name */
    struct ps_bytes name;
    struct ps_bytes hash;
};

/* Of the pages that were looked at lately: neighbours are asked for after one another. */
#define KEPT_PAGES 32u
struct kept_page {
    uint32_t number; /* one more than that; 0: none */
    uint8_t octets[TABLE_PAGE];
};

struct table {
    int fd;
    unsigned users;
    bool is_damaged;
    struct kept_page *kept; /* KEPT_PAGES of them */
    uint8_t *tail;          /* what pages and payload borrow from */
    struct page *pages;
    uint32_t page_count;
    uint64_t octets;
    uint64_t counts[CATALOG_AUTHORISING_COUNT];
    struct ps_bytes payload;
};

struct table *table_hold(struct table *table)
{
    if (table != NULL) {
        table->users++;
    }
    return table;
}

void table_free(struct table *table)
{
    if (table == NULL || --table->users != 0) {
        return;
    }
    if (table->fd >= 0) {
        (void)close(table->fd);
    }
    free(table->tail);
    free(table->pages);
    free(table->kept);
    free(table);
}

struct ps_bytes table_payload(const struct table *table)
{
    return table->payload;
}

bool table_is_damaged(const struct table *table)
{
    return table != NULL && table->is_damaged;
}

uint64_t table_octets(const struct table *table)
{
    return table->octets;
}

uint64_t table_count(const struct table *table, enum catalog_kind kind)
{
    return table->counts[kind];
}

/* --- Opening --- */

static enum ps_err read_at(int fd, uint8_t *to, size_t len, uint64_t offset)
{
    while (len != 0) {
        const ssize_t got = pread(fd, to, len, (off_t)offset);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return ps_fail_errno(PS_E_STORAGE, "reading the snapshot");
        }
        if (got == 0) {
            return ps_fail(PS_E_DENIED, 0, "the snapshot's file is too short");
        }
        to += got;
        len -= (size_t)got;
        offset += (uint64_t)got;
    }
    return PS_OK;
}

static enum ps_err read_tail(struct table *table, uint32_t pages, size_t *ret_len)
{
    const uint64_t from = (uint64_t)pages * TABLE_PAGE;
    struct stat status;

    if (fstat(table->fd, &status) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "the snapshot's file");
    }
    if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size <= from ||
        (uint64_t)status.st_size - from > TAIL_MAX) {
        return ps_fail(PS_E_DENIED, 0, "the snapshot's file has another length");
    }
    table->octets = (uint64_t)status.st_size;
    *ret_len = (size_t)((uint64_t)status.st_size - from);
    table->tail = malloc(*ret_len);
    if (table->tail == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    return read_at(table->fd, table->tail, *ret_len, from);
}

/* In the order that a search counts on. */
static bool follows(const struct table *table, const struct page *page, uint32_t at)
{
    const struct page *before = at == 0 ? NULL : &table->pages[at - 1];

    return page->name.len != 0 && page->name.len <= CATALOG_NAME_MAX &&
           page->kind < CATALOG_AUTHORISING_COUNT &&
           (before == NULL ||
            table_compare(before->kind, before->name, page->kind, page->name) < 0);
}

static enum ps_err parse_pages(struct table *table, struct ps_reader *reader)
{
    table->pages = calloc((size_t)table->page_count + 1, sizeof *table->pages);
    if (table->pages == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    for (uint32_t at = 0; at < table->page_count && !reader->failed; at++) {
        struct page *page = &table->pages[at];

        page->kind = (enum catalog_kind)ps_reader_u8(reader);
        page->name = ps_reader_take(reader, ps_reader_u8(reader));
        page->hash = ps_reader_take(reader, PS_SHA256_LEN);
        if (!reader->failed && !follows(table, page, at)) {
            return ps_fail(PS_E_INPUT, 0, "the snapshot's index is out of order");
        }
    }
    return PS_OK;
}

static enum ps_err parse_tail(struct table *table, size_t len, uint32_t pages)
{
    struct ps_reader reader = ps_reader(ps_bytes(table->tail, len));
    const struct ps_bytes magic = ps_reader_take(&reader, sizeof TABLE_MAGIC - 1);

    if (reader.failed || !ps_bytes_equal_str(magic, TABLE_MAGIC) ||
        ps_reader_u8(&reader) != CATALOG_AUTHORISING_COUNT) {
        return ps_fail(PS_E_INPUT, 0, "the snapshot is of another version of Privyseal");
    }
    for (unsigned kind = 0; kind < CATALOG_AUTHORISING_COUNT; kind++) {
        table->counts[kind] = ps_reader_u64(&reader);
    }
    table->page_count = ps_reader_u32(&reader);
    if (reader.failed || table->page_count != pages || pages > TABLE_PAGES_MAX) {
        return ps_fail(PS_E_INPUT, 0, "the snapshot has another number of pages");
    }
    PS_TRY(parse_pages(table, &reader));
    table->payload = reader.left;
    return reader.failed ? ps_fail(PS_E_INPUT, 0, "the snapshot's index is cut short") : PS_OK;
}

enum ps_err table_open(int directory, const char *file, const struct table_seal *seal,
                       struct table **ret_table)
{
    PS_CLEANUP(table_free_cleanup) struct table *table = calloc(1, sizeof *table);
    uint8_t hash[PS_SHA256_LEN];
    size_t len;

    if (table == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    table->users = 1;
    table->kept = calloc(KEPT_PAGES, sizeof *table->kept);
    table->fd = openat(directory, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (table->fd < 0) {
        return ps_fail_errno(errno == ENOENT ? PS_E_NOT_FOUND : PS_E_STORAGE, "snapshot/%s", file);
    }
    if (table->kept == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(read_tail(table, seal->pages, &len));
    ps_sha256(ps_bytes(table->tail, len), hash);
    if (memcmp(hash, seal->hash, sizeof hash) != 0) {
        return ps_fail(PS_E_DENIED, 0, "the snapshot's file is not the one that was signed for");
    }
    PS_TRY(parse_tail(table, len, seal->pages));
    *ret_table = table;
    table = NULL;
    return PS_OK;
}

/* --- Reading --- */

/*
 * Damage says nothing about the rows: the leaves have them too. So nobody waits for the disk to
 * mend itself either.
 */
static enum ps_err fail_damaged(struct table *table, uint32_t at)
{
    table->is_damaged = true;
    return ps_fail(PS_E_STORAGE, 0,
                   "page %u of the snapshot cannot be read, or is not what was signed for", at);
}

static enum ps_err read_page(struct table *table, uint32_t at, uint8_t octets[TABLE_PAGE])
{
    const enum ps_err err = read_at(table->fd, octets, TABLE_PAGE, (uint64_t)at * TABLE_PAGE);
    uint8_t hash[PS_SHA256_LEN];

    if (err != PS_OK) {
        return fail_damaged(table, at);
    }
    ps_sha256(ps_bytes(octets, TABLE_PAGE), hash);
    return memcmp(hash, table->pages[at].hash.data, sizeof hash) == 0 ? PS_OK
                                                                      : fail_damaged(table, at);
}

static enum ps_err get_page(struct table *table, uint32_t at, const uint8_t **ret_octets)
{
    struct kept_page *kept = &table->kept[at % KEPT_PAGES];

    if (kept->number != at + 1) {
        kept->number = 0;
        PS_TRY(read_page(table, at, kept->octets));
        kept->number = at + 1;
    }
    *ret_octets = kept->octets;
    return PS_OK;
}

/* Of an entry on a page, what a search looks at. */
struct outline {
    enum catalog_kind kind;
    struct ps_bytes name;
    size_t end; /* where the next one begins */
};

/* PS_E_NOT_FOUND: no more on this page. */
static enum ps_err find_outline(const uint8_t octets[TABLE_PAGE], size_t at,
                                struct outline *ret_outline)
{
    const size_t len = at < TABLE_PAGE ? octets[at] : 0;
    const size_t end = at + 2 + len + TABLE_VALUE_LEN;

    if (len == 0) {
        return PS_E_NOT_FOUND;
    }
    if (len > CATALOG_NAME_MAX || end > TABLE_PAGE || octets[at + 1] >= CATALOG_AUTHORISING_COUNT) {
        return ps_fail(PS_E_STORAGE, 0, "a page of the snapshot has no entry where one begins");
    }
    *ret_outline = (struct outline){.kind = (enum catalog_kind)octets[at + 1],
                                    .name = ps_bytes(octets + at + 2, len),
                                    .end = end};
    return PS_OK;
}

static void read_entry(const uint8_t octets[TABLE_PAGE], const struct outline *outline,
                       struct table_entry *ret_entry)
{
    struct ps_reader reader =
        ps_reader(ps_bytes(octets + outline->end - TABLE_VALUE_LEN, TABLE_VALUE_LEN));

    ret_entry->kind = outline->kind;
    ret_entry->name = outline->name;
    ret_entry->revision = ps_reader_u64(&reader);
    ret_entry->event = ps_reader_u64(&reader);
    memcpy(ret_entry->hash, reader.left.data, PS_SHA256_LEN);
}

/* PS_E_NOT_FOUND: no more on this page. */
static enum ps_err parse_entry(const uint8_t octets[TABLE_PAGE], size_t *at,
                               struct table_entry *ret_entry)
{
    struct outline outline;

    PS_TRY(find_outline(octets, *at, &outline));
    read_entry(octets, &outline, ret_entry);
    *at = outline.end;
    return PS_OK;
}

/* The last page whose first entry is not behind this one. */
static uint32_t find_page(const struct table *table, enum catalog_kind kind, struct ps_bytes name)
{
    uint32_t low = 0;
    uint32_t high = table->page_count;

    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        const struct page *page = &table->pages[middle];

        if (table_compare(page->kind, page->name, kind, name) <= 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

enum ps_err table_find(struct table *table, enum catalog_kind kind, struct ps_bytes name,
                       struct table_entry *ret_entry)
{
    struct outline outline = {.end = 0};
    const uint8_t *octets;
    int order;

    if (table->page_count == 0) {
        return PS_E_NOT_FOUND;
    }
    PS_TRY(get_page(table, find_page(table, kind, name), &octets));
    do {
        PS_TRY(find_outline(octets, outline.end, &outline));
        order = table_compare(outline.kind, outline.name, kind, name);
    } while (order < 0);
    if (order != 0) {
        return PS_E_NOT_FOUND;
    }
    read_entry(octets, &outline, ret_entry);
    ret_entry->name = name;
    return PS_OK;
}

enum ps_err table_seek(struct table *table, enum catalog_kind kind, struct ps_bytes after,
                       struct table_cursor *cursor)
{
    struct table_entry entry;

    cursor->table = table;
    cursor->kind = kind;
    cursor->page = find_page(table, kind, after);
    cursor->at = 0;
    cursor->is_read = false;
    for (;;) {
        const uint32_t page = cursor->page;
        const size_t at = cursor->at;
        const enum ps_err err = table_next(cursor, &entry);

        if (err == PS_E_NOT_FOUND) {
            return PS_OK;
        }
        PS_TRY(err);
        if (table_compare(entry.kind, entry.name, kind, after) > 0) {
            /* Back by one; a page that was turned is read again. */
            cursor->is_read = cursor->is_read && cursor->page == page;
            cursor->page = page;
            cursor->at = at;
            return PS_OK;
        }
    }
}

enum ps_err table_next(struct table_cursor *cursor, struct table_entry *ret_entry)
{
    while (cursor->page < cursor->table->page_count) {
        enum ps_err err;

        if (!cursor->is_read) {
            PS_TRY(read_page(cursor->table, cursor->page, cursor->octets));
            cursor->is_read = true;
        }
        err = parse_entry(cursor->octets, &cursor->at, ret_entry);
        if (err == PS_E_NOT_FOUND) {
            cursor->page++;
            cursor->at = 0;
            cursor->is_read = false;
            continue;
        }
        PS_TRY(err);
        if (ret_entry->kind > cursor->kind) {
            break;
        }
        if (ret_entry->kind == cursor->kind) {
            return PS_OK;
        }
    }
    cursor->page = cursor->table->page_count;
    return PS_E_NOT_FOUND;
}
