#ifndef CEREMONY_BACKUP_BACKUP_ROW_H
#define CEREMONY_BACKUP_BACKUP_ROW_H

#include "lib/formats/json/json.h"

#define BACKUP_ROW_KIND   "wrapped"
#define BACKUP_ROW_ID_LEN 16u

/* What a backup has of a wrapped key, as the catalog had it. */
struct backup_row {
    struct json_value body;
    struct ps_bytes name; /* the id, in hexadecimal digits */
    uint8_t object_id[BACKUP_ROW_ID_LEN];
};

/*
 * Reads the octets of a record of the kind BACKUP_ROW; what is returned borrows from them and from
 * `json`. Nobody signs the catalog's rows of these keys: what somebody else wrote there is in a
 * backup too, and may be of no such form. Errors: PS_E_INPUT (it is not), PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err backup_row_read(struct json *json, struct ps_bytes octets,
                                        struct backup_row *ret_row);

#endif
