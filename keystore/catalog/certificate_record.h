#ifndef KEYSTORE_CATALOG_CERTIFICATE_RECORD_H
#define KEYSTORE_CATALOG_CERTIFICATE_RECORD_H

#include "lib/formats/json/json.h"

/*
 * Rows of kind `certificate`; see records.h. The certificate of one version of a key and what leads
 * from it to a root, under the name of the version's row.
 */

#define CERTIFICATE_CHAIN_MAX 6u /* certificates */
#define CERTIFICATE_OCTETS_MAX                                                                     \
    (16u * 1024u) /* of DER, of all with the root: a leaf has to hold them */

enum certificate_kind {
    CERTIFICATE_EXTERNAL, /* somebody else's, installed */
    CERTIFICATE_INTERNAL, /* issued by a key of this appliance */
    CERTIFICATE_KIND_COUNT
};
const char *certificate_kind_name(enum certificate_kind kind);

struct certificate_record {
    struct ps_bytes key;
    uint32_t number; /* of the version, from 1 */
    enum certificate_kind kind;
    struct json_value chain; /* array of DER in base64url, the version's own first; at least one */
    struct ps_bytes root;  /* DER: where the chain leads; it is not in it unless it is all of it */
    uint64_t not_before_s; /* of the first */
    uint64_t not_after_s;
    struct json_value terms; /* under which it was issued here, and is again; doc NULL: none */
};

PS_MUST_USE enum ps_err certificate_record_read(struct json_value row,
                                                struct certificate_record *ret_record);
void certificate_record_put(const struct certificate_record *record, struct ps_buf *out);

#endif
