#ifndef KEYSTORE_SNAPSHOT_TABLE_FORM_H
#define KEYSTORE_SNAPSHOT_TABLE_FORM_H

#include "keystore/snapshot/table.h"

/*
 * The octets of a table's file. Pages: entries one after the other, zeros behind the last:
 *
 *   u8 length of the name (1 to 160), u8 kind, name, u64 revision, u64 event, 32 octets hash
 *
 * Behind them, under the seal: the magic text, the program's version, u8 number of kinds, their
 * counts (u64 each), u32 number of pages, for each the kind (u8) and name (u8 length) of its first
 * entry and its hash; then the payload.
 *
 * Another version of the program may derive other rows from the same leaves: it begins anew.
 */
#define TABLE_MAGIC     "privyseal table 2\n" PRIVYSEAL_VERSION "\n"
#define TABLE_VALUE_LEN (8u + 8u + PS_SHA256_LEN)
#define TABLE_ENTRY_MAX (2u + CATALOG_NAME_MAX + TABLE_VALUE_LEN)
/* Of the index: 2 million pages are 100 million rows. */
#define TABLE_PAGES_MAX (2u * 1024u * 1024u)

/* In the order of the file. */
static inline int table_compare(enum catalog_kind kind, struct ps_bytes name,
                                enum catalog_kind other_kind, struct ps_bytes other)
{
    return kind != other_kind ? (int)kind - (int)other_kind : ps_bytes_compare(name, other);
}

#endif
