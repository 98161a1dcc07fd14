#ifndef KEYSTORE_BACKUP_DRILL_SAMPLE_H
#define KEYSTORE_BACKUP_DRILL_SAMPLE_H

#include "keystore/catalog/key_record.h"
#include "lib/base/buf.h"
#include "lib/base/name.h"

/*
 * A few wrapped keys of a backup, chosen by chance, with all that the backup has of them: what a
 * restored appliance would have, and nothing of the live one.
 */
#define DRILL_KEYS 8u

struct drilled_key {
    char name[PS_NAME_MAX + 1];
    uint32_t version;
    struct ps_buf wrapped; /* the row of the kind `wrapped` */
    struct ps_buf key;     /* as the log's last result has them; empty: it has none */
    struct ps_buf made;
};

struct drill_sample;

PS_MUST_USE enum ps_err drill_sample_new(struct drill_sample **ret_sample);
void drill_sample_free(struct drill_sample *sample);
PS_DEFINE_CLEANUP(struct drill_sample, drill_sample_free)

/*
 * A record of a backup, all rows before the first leaf (backup_calls). Errors: PS_E_INPUT (not of
 * the form), PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err drill_sample_take_row(struct drill_sample *sample, struct ps_bytes octets);
PS_MUST_USE enum ps_err drill_sample_take_leaf(struct drill_sample *sample, struct ps_bytes octets);

/* Set before the first row: those of which this is true are not chosen, but counted. */
typedef bool drill_sample_fn(void *context, struct ps_bytes key, uint32_t version);
void drill_sample_leave_out(struct drill_sample *sample, drill_sample_fn *fn, void *context);
uint64_t drill_sample_left_out(const struct drill_sample *sample);

size_t drill_sample_count(const struct drill_sample *sample);
const struct drilled_key *drill_sample_at(const struct drill_sample *sample, size_t at);

#endif
