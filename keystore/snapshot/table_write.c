#include "keystore/snapshot/table_form.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* So many pages are written between two syncs: none of them waits for long. */
#define SYNC_PAGES 256u

#define FILE_NAME_MAX 64u

struct table_writer {
    int fd;
    int directory; /* the caller's */
    char file[FILE_NAME_MAX];
    bool is_finished;
    struct ps_buf page;
    struct ps_buf index; /* of the pages that are full, and of the one that is not: its first */
    struct ps_buf last;  /* name of the last entry */
    enum catalog_kind last_kind;
    uint64_t counts[CATALOG_AUTHORISING_COUNT];
    uint32_t pages;
    bool has_any;
};

enum ps_err table_writer_new(int directory, const char *file, struct table_writer **ret_writer)
{
    PS_CLEANUP(table_writer_free_cleanup)
    struct table_writer *writer = calloc(1, sizeof *writer);

    if (writer == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    writer->fd = -1;
    ps_buf_init(&writer->page, TABLE_PAGE);
    ps_buf_init(&writer->index, (size_t)TABLE_PAGES_MAX * (2 + CATALOG_NAME_MAX + PS_SHA256_LEN));
    ps_buf_init(&writer->last, CATALOG_NAME_MAX);
    writer->directory = directory;
    if (strlen(file) >= sizeof writer->file) {
        return ps_fail(PS_E_INTERNAL, 0, "a snapshot's file has a name of %zu octets",
                       strlen(file));
    }
    /* Whoever has the one before it open goes on reading that. */
    (void)unlinkat(directory, file, 0);
    writer->fd =
        openat(directory, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (writer->fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "snapshot/%s", file);
    }
    memcpy(writer->file, file, strlen(file) + 1);
    *ret_writer = writer;
    writer = NULL;
    return PS_OK;
}

void table_writer_free(struct table_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    if (writer->fd >= 0) {
        (void)close(writer->fd);
        if (!writer->is_finished) {
            (void)unlinkat(writer->directory, writer->file, 0);
        }
    }
    ps_buf_clear(&writer->page);
    ps_buf_clear(&writer->index);
    ps_buf_clear(&writer->last);
    free(writer);
}

static enum ps_err write_all(int fd, struct ps_bytes octets)
{
    while (octets.len != 0) {
        const ssize_t wrote = write(fd, octets.data, octets.len);

        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return ps_fail_errno(PS_E_STORAGE, "writing a snapshot");
        }
        octets = ps_bytes_from(octets, (size_t)wrote);
    }
    return PS_OK;
}

static enum ps_err sync_file(int fd)
{
    while (fdatasync(fd) != 0) {
        if (errno != EINTR) {
            return ps_fail_errno(PS_E_STORAGE, "syncing a snapshot");
        }
    }
    return PS_OK;
}

static enum ps_err end_page(struct table_writer *writer)
{
    uint8_t hash[PS_SHA256_LEN];
    uint8_t *rest;

    if (writer->page.len == 0) {
        return PS_OK;
    }
    rest = ps_buf_reserve(&writer->page, TABLE_PAGE - writer->page.len);
    if (rest == NULL) {
        return ps_buf_status(&writer->page);
    }
    memset(rest, 0, TABLE_PAGE - writer->page.len);
    ps_buf_commit(&writer->page, TABLE_PAGE - writer->page.len);
    PS_TRY(write_all(writer->fd, ps_buf_bytes(&writer->page)));
    ps_sha256(ps_buf_bytes(&writer->page), hash);
    ps_buf_put(&writer->index, ps_bytes(hash, sizeof hash));
    ps_buf_reset(&writer->page);
    writer->pages++;
    if (writer->pages == TABLE_PAGES_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "a snapshot of more than %u pages", TABLE_PAGES_MAX);
    }
    return writer->pages % SYNC_PAGES == 0 ? sync_file(writer->fd) : PS_OK;
}

static void put_name(struct ps_buf *out, enum catalog_kind kind, struct ps_bytes name)
{
    ps_buf_put_u8(out, (uint8_t)kind);
    ps_buf_put_u8(out, (uint8_t)name.len);
    ps_buf_put(out, name);
}

static enum ps_err check_order(struct table_writer *writer, const struct table_entry *entry)
{
    if (entry->kind >= CATALOG_AUTHORISING_COUNT || entry->name.len == 0 ||
        entry->name.len > CATALOG_NAME_MAX ||
        (writer->has_any && table_compare(writer->last_kind, ps_buf_bytes(&writer->last),
                                          entry->kind, entry->name) >= 0)) {
        return ps_fail(PS_E_INTERNAL, 0, "rows of a snapshot out of their order");
    }
    writer->has_any = true;
    writer->last_kind = entry->kind;
    ps_buf_reset(&writer->last);
    ps_buf_put(&writer->last, entry->name);
    return ps_buf_status(&writer->last);
}

enum ps_err table_writer_add(struct table_writer *writer, const struct table_entry *entry)
{
    struct ps_buf *page = &writer->page;

    PS_TRY(check_order(writer, entry));
    if (page->len + TABLE_ENTRY_MAX > TABLE_PAGE) {
        PS_TRY(end_page(writer));
    }
    if (page->len == 0) {
        put_name(&writer->index, entry->kind, entry->name);
    }
    ps_buf_put_u8(page, (uint8_t)entry->name.len);
    ps_buf_put_u8(page, (uint8_t)entry->kind);
    ps_buf_put(page, entry->name);
    ps_buf_put_u64(page, entry->revision);
    ps_buf_put_u64(page, entry->event);
    ps_buf_put(page, ps_bytes(entry->hash, sizeof entry->hash));
    writer->counts[entry->kind]++;
    PS_TRY(ps_buf_status(&writer->index));
    return ps_buf_status(page);
}

static void put_head(const struct table_writer *writer, struct ps_buf *out)
{
    ps_buf_put_str(out, TABLE_MAGIC);
    ps_buf_put_u8(out, CATALOG_AUTHORISING_COUNT);
    for (unsigned kind = 0; kind < CATALOG_AUTHORISING_COUNT; kind++) {
        ps_buf_put_u64(out, writer->counts[kind]);
    }
    ps_buf_put_u32(out, writer->pages);
}

enum ps_err table_writer_finish(struct table_writer *writer, struct ps_bytes payload,
                                struct table_seal *ret_seal)
{
    PS_BUF_AUTO head = {.max = 4096};
    struct table_seal seal;

    if (payload.len > TABLE_PAYLOAD_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "a snapshot with more than %u octets of what is open",
                       TABLE_PAYLOAD_MAX);
    }
    PS_TRY(end_page(writer));
    put_head(writer, &head);
    PS_TRY(ps_buf_status(&head));
    PS_TRY(ps_buf_status(&writer->index));
    ps_hash_parts(
        PS_SHA256,
        (const struct ps_bytes[]){ps_buf_bytes(&head), ps_buf_bytes(&writer->index), payload}, 3,
        seal.hash);
    seal.pages = writer->pages;
    PS_TRY(write_all(writer->fd, ps_buf_bytes(&head)));
    PS_TRY(write_all(writer->fd, ps_buf_bytes(&writer->index)));
    PS_TRY(write_all(writer->fd, payload));
    PS_TRY(sync_file(writer->fd));
    writer->is_finished = true;
    *ret_seal = seal;
    return PS_OK;
}
