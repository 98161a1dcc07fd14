#ifndef FORMATS_SSH_INTERNAL_H
#define FORMATS_SSH_INTERNAL_H

#include "lib/base/algorithm.h"
#include "lib/base/reader.h"
#include "lib/formats/ssh/ssh_key.h"

struct public_key;

/* What one type of key is made of and how it signs. */
struct ssh_type {
    const char *name;
    const char *curve; /* RFC 5656 section 6.1; NULL: its blob names none */
    bool is_sk;        /* an application stands behind the point */
    enum ps_key_type key;
    enum ps_alg alg;
};

struct ssh_key {
    const struct ssh_type *type;
    struct public_key *public;
    struct ps_bytes application; /* within `blob` */
    size_t blob_len;
    uint8_t blob[SSH_KEY_BLOB_MAX];
    char fingerprint[SSH_KEY_FINGERPRINT_LEN + 1];
};

/* The `string` of RFC 4251 section 5: a length of four octets and so many octets. */
struct ps_bytes ssh_take_string(struct ps_reader *reader);
void ssh_put_string(struct ps_buf *out, struct ps_bytes octets);

#endif
