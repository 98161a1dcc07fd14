#ifndef CEREMONY_LOG_FILES_H
#define CEREMONY_LOG_FILES_H

#include "lib/formats/tlog/tiles.h"

/* The files of one tree, in the appliance's own layout or in that of an export, read in order. */
struct log_files;

#define LOG_NOTE_MAX 16384u

struct log_place {
    char file[192]; /* below the log's directory */
    uint64_t offset;
};

/*
 * Opens the tree in the directory `tree` below `top_fd` ("." for itself). `label`: its name in
 * places. Errors: PS_E_NOT_FOUND (no tree there), PS_E_STORAGE, PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err log_files_open(int top_fd, const char *tree, const char *label,
                                       struct log_files **ret_files);
void log_files_free(struct log_files *files);
PS_DEFINE_CLEANUP(struct log_files, log_files_free)

/* There is nothing but the checkpoint: no leaf yet, or a complete shard that was pruned. */
bool log_files_pruned(const struct log_files *files);
bool log_files_exported(const struct log_files *files);
const char *log_files_label(const struct log_files *files);

/* Appends the checkpoint, at most LOG_NOTE_MAX octets, or nothing. Errors: PS_E_INPUT (longer). */
PS_MUST_USE enum ps_err log_files_read_checkpoint(const struct log_files *files,
                                                  struct ps_buf *out);

/* The same of the note in another file beside it. Errors: PS_E_INPUT (longer), PS_E_STORAGE. */
PS_MUST_USE enum ps_err log_files_read_note(const struct log_files *files, const char *name,
                                            struct ps_buf *out);

/*
 * The names of the files `witnessed.<key id>`, in their order. Errors: PS_E_LIMIT (more than there
 * are witnesses), PS_E_STORAGE.
 */
#define LOG_WITNESSED_PREFIX "witnessed."
#define LOG_FILE_NAMES_MAX   16u
struct log_file_names {
    char items[LOG_FILE_NAMES_MAX][24];
    size_t count;
};
PS_MUST_USE enum ps_err log_files_list_witnessed(const struct log_files *files,
                                                 struct log_file_names *ret_names);

/* How many leaves an export has: says which of its tiles are partial. Before the first leaf. */
void log_files_expect(struct log_files *files, uint64_t size);

/*
 * How many leaves the tiles of an export have: at least those of its checkpoint, and all of them
 * when it is of a complete shard. Of the own layout it says `least`.
 */
PS_MUST_USE enum ps_err log_files_find_size(const struct log_files *files, uint64_t least,
                                            uint64_t *ret_size);

/* The next leaf will be the first of bundle `index`. Errors: PS_E_INPUT (not stored where). */
PS_MUST_USE enum ps_err log_files_seek(struct log_files *files, uint64_t index);

enum log_step {
    LOG_STEP_LEAF,
    LOG_STEP_END,
    LOG_STEP_ROOM,       /* own layout: nothing but zeros up to the end of the file */
    LOG_STEP_UNFINISHED, /* fewer octets than the leaf has */
    LOG_STEP_NO_LEAF,    /* a length that no leaf has, or octets of zero in it */
    LOG_STEP_SURPLUS,    /* export: more octets than the bundle's leaves have */
    LOG_STEP_ABSENT      /* export: there is no such bundle */
};

/*
 * The next leaf, borrowed until the next call; *ret_place is where its length stands, or what is in
 * its place. After anything but LOG_STEP_LEAF nothing more comes.
 */
PS_MUST_USE enum ps_err log_files_next(struct log_files *files, enum log_step *ret_step,
                                       struct ps_bytes *ret_leaf, struct log_place *ret_place);

/*
 * The first `width` hashes of a tile; *ret_got of them are there. *ret_place: of the first one.
 * An export's tile of another length than `width` hashes yields none.
 */
PS_MUST_USE enum ps_err log_files_read_tile(const struct log_files *files, unsigned level,
                                            uint64_t index, unsigned width,
                                            struct merkle_hash *ret_hashes, unsigned *ret_got,
                                            struct log_place *ret_place);

/* Own layout: where bundle `index` begins. False when it is not stored. */
PS_MUST_USE enum ps_err log_files_read_offset(const struct log_files *files, uint64_t index,
                                              bool *ret_stored, uint64_t *ret_offset,
                                              struct log_place *ret_place);

/*
 * Own layout: file number `file` (0: offsets, 1 on: levels of hashes; false when there is no such
 * file) holds something else than zeros from octet `from` on, or holds anything there.
 */
struct log_surplus {
    bool any;
    bool content;
};
PS_MUST_USE enum ps_err log_files_find_surplus(const struct log_files *files, unsigned file,
                                               uint64_t from, struct log_surplus *ret_surplus,
                                               struct log_place *ret_place);
#define LOG_DERIVED_FILES (1u + TILES_LEVELS)

#endif
