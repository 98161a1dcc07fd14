#ifndef KEYSTORE_CATALOG_WRAPPED_RECORD_H
#define KEYSTORE_CATALOG_WRAPPED_RECORD_H

#include "lib/formats/json/json.h"

/*
 * Rows of kind `wrapped`: what a token made of a key that lives outside it; see records.h. The
 * row's name is the version's object id in hexadecimal digits. It authorises nothing, and the token
 * finds out whether it is what it made.
 */
#define WRAPPED_BLOB_MAX 4096
#define WRAPPED_MAC_LEN  32

struct wrapped_row {
    struct ps_bytes blob;
    struct ps_bytes mac;
    struct ps_bytes key; /* for who reads a backup: key and version have it in their rows, too */
    uint32_t version;
    uint32_t wrapping; /* version of the wrapping key */
};

PS_MUST_USE enum ps_err wrapped_row_read(struct json_value row, struct wrapped_row *ret_row);
void wrapped_row_put(const struct wrapped_row *row, struct ps_buf *out);

#endif
