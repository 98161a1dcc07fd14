#ifndef KEYSTORE_CATALOG_PRUNED_RECORD_H
#define KEYSTORE_CATALOG_PRUNED_RECORD_H

#include "lib/formats/json/json.h"

#define PRUNED_PLACE_MAX 256u

/*
 * Rows of kind `pruned`, under the shard's name: a shard of the log of uses whose leaves people
 * allowed to be removed, since an archive has them. What they compared it by stays here.
 */
struct pruned_record {
    struct ps_bytes name;
    uint64_t size;
    struct ps_bytes root;    /* of its tree: 32 octets */
    struct ps_bytes archive; /* SHA-256 of the archive's manifest */
    struct ps_bytes place;   /* where it is kept, as people say it */
};

PS_MUST_USE enum ps_err pruned_record_read(struct json_value row, struct pruned_record *ret_record);
void pruned_record_put(const struct pruned_record *record, struct ps_buf *out);

#endif
