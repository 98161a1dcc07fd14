#ifndef KEYSTORE_LOG_RECORD_H
#define KEYSTORE_LOG_RECORD_H

#include "keystore/log/tree.h"

/* Reads the leaves of a record (`entries`) one after the other, in large pieces. */
struct record;

/* From octet `from`, where a leaf begins, up to `end` or the end of the file. */
PS_MUST_USE enum ps_err record_new(int fd, const char *label, uint64_t from, uint64_t end,
                                   struct record **ret_record);
void record_free(struct record *record);
PS_DEFINE_CLEANUP(struct record, record_free)

enum record_step {
    RECORD_LEAF,
    RECORD_END,        /* exactly after a leaf */
    RECORD_UNFINISHED, /* fewer octets than a leaf has */
    RECORD_NO_LEAF     /* a length that no leaf has */
};

/*
 * The next leaf, without its length; borrowed until the next call. After anything but RECORD_LEAF
 * the record stays where it is. Errors: PS_E_STORAGE.
 */
PS_MUST_USE enum ps_err record_next(struct record *record, enum record_step *ret_step,
                                    struct ps_bytes *ret_leaf);

/* Octet of the file where the next leaf begins. */
uint64_t record_offset(const struct record *record);

#endif
