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
    uint64_t named; /* the leaf that named the log's key; 0: the genesis */
};

/* What a note is about; size 0: there is none. */
struct signed_table {
    uint64_t size;
    uint8_t hash[PS_SHA256_LEN];
};

struct snapshots {
    struct keeper *keeper;
    int directory; /* -1: it was not needed yet */
    struct table *table;
    uint64_t size;  /* leaves that the table stands for */
    uint64_t taken; /* those of the one that the start took */
    uint64_t tried; /* leaves there were when one was begun last */
    /* Of the table: what is to be signed for. */
    struct merkle_hash root;
    struct table_seal seal;
    uint64_t named;             /* the leaf that named the log's key; 0: the genesis */
    bool is_outdated;           /* it is of before the key that signs now */
    bool rests_on_token;        /* the start took one of a key that the genesis does not name */
    struct signed_table stored; /* by the note that is stored */
    struct signed_table asked;  /* by the signature in flight */
    bool is_busy;               /* there is one */
    struct ps_buf text;
    struct build build;
};

/* "<leaves>.rows" */
void snapshot_put_file(uint64_t size, char out[SNAPSHOT_FILE_MAX]);

/* note.c */

/* The note that is stored, as it is; empty: none. Errors: PS_E_STORAGE. */
PS_MUST_USE enum ps_err snapshot_read_note(struct snapshots *snapshots, struct ps_buf *out);

/*
 * Which leaf is said to have named the key that signed a note; 0: the genesis. Nobody has looked at
 * the signature. Errors: PS_E_INPUT.
 */
PS_MUST_USE enum ps_err snapshot_peek_named(struct ps_bytes note, uint64_t *ret_named);

/* What a note says, if this key of `events` signed it. Errors: PS_E_DENIED, PS_E_INPUT. */
PS_MUST_USE enum ps_err snapshot_open_note(struct ps_bytes note, const struct note_key *events,
                                           struct checkpoint *ret_checkpoint,
                                           struct table_seal *ret_seal);

void snapshot_remove_note(const struct snapshots *snapshots);

/* Removes tables that no note names, nor will. */
void snapshot_remove_others(const struct snapshots *snapshots);

/* Makes DATA/snapshot and opens it. Errors: PS_E_STORAGE. */
PS_MUST_USE enum ps_err snapshot_open_directory(struct snapshots *snapshots);

/* The SHA-256 of the program in hex, as the supervisor tells it; empty: it does not. */
PS_MUST_USE enum ps_err snapshot_put_program(const struct keeper *keeper, struct ps_buf *out);

#endif
