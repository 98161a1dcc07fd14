#ifndef KEYSTORE_SNAPSHOT_INTERNAL_H
#define KEYSTORE_SNAPSHOT_INTERNAL_H

#include "keystore/snapshot/snapshot.h"
#include "keystore/snapshot/table.h"
#include "lib/formats/tlog/note.h"

#define SNAPSHOT_TREE     "snapshot" /* last part of the note's origin */
#define SNAPSHOT_FILE_MAX 32u

/* One that is being made (build.c). */
struct build {
    struct derive *derive; /* NULL: none is */
    struct table_writer *writer;
    struct ps_buf payload;
    struct ps_buf after; /* the last row that was written, of this kind */
    enum catalog_kind kind;
    uint64_t size;
    struct merkle_hash root;
};

struct snapshots {
    struct keeper *keeper;
    int directory; /* -1: it was not needed yet */
    struct table *table;
    uint64_t size;  /* leaves that the table stands for */
    uint64_t tried; /* leaves there were when one was begun last */
    /* Of the table: what is to be signed, and whether it is by now. */
    struct merkle_hash root;
    struct table_seal seal;
    uint64_t signed_size; /* of the note that is stored */
    bool is_busy;         /* a signature is in flight */
    uint64_t busy_size;
    struct ps_buf text;
    struct build build;
};

/* "<leaves>.rows" */
void snapshot_put_file(uint64_t size, char out[SNAPSHOT_FILE_MAX]);

/* note.c */

/* The note that is stored, as it is; empty: none. Errors: PS_E_STORAGE. */
PS_MUST_USE enum ps_err snapshot_read_note(struct snapshots *snapshots, struct ps_buf *out);

/* What a note says, if this key of `events` signed it. Errors: PS_E_DENIED, PS_E_INPUT. */
PS_MUST_USE enum ps_err snapshot_open_note(struct ps_bytes note, const struct note_key *events,
                                           struct checkpoint *ret_checkpoint,
                                           struct table_seal *ret_seal);

/* Makes DATA/snapshot and opens it. Errors: PS_E_STORAGE. */
PS_MUST_USE enum ps_err snapshot_open_directory(struct snapshots *snapshots);

#endif
