#ifndef KEYSTORE_SNAPSHOT_TABLE_H
#define KEYSTORE_SNAPSHOT_TABLE_H

#include "keystore/catalog/catalog.h"
#include "lib/base/hash.h"

/*
 * What the rows of the catalog are, as far as the log says, in a file: of each row its name, its
 * revision, the leaf that made it and the hash of its body, in the order of kinds and names. Pages
 * of 4 KiB, each with a hash in an index that stays in memory; the hash of the index, and of a
 * payload behind it, is all that has to be trusted. So of a million rows only those pages are read
 * that somebody asks for, and what is read is what was written.
 *
 * docs/decisions/0043-snapshots.md says what it is for.
 */
#define TABLE_PAGE        4096u
#define TABLE_PAYLOAD_MAX (32u * 1024u * 1024u)

struct table_entry {
    enum catalog_kind kind;
    struct ps_bytes name;
    uint64_t revision;
    uint64_t event;
    uint8_t hash[PS_SHA256_LEN]; /* of the body */
};

/* How a table is found and trusted. */
struct table_seal {
    uint32_t pages;
    uint8_t hash[PS_SHA256_LEN]; /* of all behind the pages */
};

struct table;

/*
 * Opens a file that table_writer_finish made.
 * Errors: PS_E_NOT_FOUND (no such file), PS_E_DENIED (not what was sealed), PS_E_INPUT (of a
 * version that is not this one's), PS_E_STORAGE, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err table_open(int directory, const char *file, const struct table_seal *seal,
                                   struct table **ret_table);
/* One more who uses it; each lets it go with table_free. */
struct table *table_hold(struct table *table);
void table_free(struct table *table);
PS_DEFINE_CLEANUP(struct table, table_free)

/* What the writer put behind the rows. */
struct ps_bytes table_payload(const struct table *table);

/* A page was not what was sealed, or could not be read: nothing that is said from now on counts. */
bool table_is_damaged(const struct table *table);

/* Octets of its file. */
uint64_t table_octets(const struct table *table);

/* How many rows of a kind. */
uint64_t table_count(const struct table *table, enum catalog_kind kind);

/*
 * ret_entry: its name is the one that was asked for
 * Errors: PS_E_NOT_FOUND (without detail: of most keys somebody asks for what they do not have),
 * PS_E_STORAGE (the page cannot be read, or is not what was sealed)
 */
PS_MUST_USE enum ps_err table_find(struct table *table, enum catalog_kind kind,
                                   struct ps_bytes name, struct table_entry *ret_entry);

/* A walk over the rows of one kind. */
struct table_cursor {
    struct table *table;
    enum catalog_kind kind;
    uint32_t page;
    size_t at; /* in the page; 0: it is not read yet */
    bool is_read;
    uint8_t octets[TABLE_PAGE];
};

/* Begins behind a name; all names come after "". */
PS_MUST_USE enum ps_err table_seek(struct table *table, enum catalog_kind kind,
                                   struct ps_bytes after, struct table_cursor *cursor);
/*
 * The next one, whose name is borrowed until the call after it.
 * Errors: PS_E_NOT_FOUND (no more), PS_E_STORAGE
 */
PS_MUST_USE enum ps_err table_next(struct table_cursor *cursor, struct table_entry *ret_entry);

/* --- Writing --- */

struct table_writer;

/*
 * Makes the file, in the place of one of that name. It is removed again with a writer that has not
 * finished. The directory stays open until then.
 */
PS_MUST_USE enum ps_err table_writer_new(int directory, const char *file,
                                         struct table_writer **ret_writer);
void table_writer_free(struct table_writer *writer);
PS_DEFINE_CLEANUP(struct table_writer, table_writer_free)

/* In their order: kinds, and names within a kind. Errors: PS_E_INTERNAL (another), PS_E_STORAGE. */
PS_MUST_USE enum ps_err table_writer_add(struct table_writer *writer,
                                         const struct table_entry *entry);

/* The file is durable afterwards. Errors: PS_E_LIMIT (payload), PS_E_STORAGE, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err table_writer_finish(struct table_writer *writer, struct ps_bytes payload,
                                            struct table_seal *ret_seal);

#endif
