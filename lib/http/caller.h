#ifndef HTTP_CALLER_H
#define HTTP_CALLER_H

#include "lib/base/hash.h"

/*
 * Who is at the other end of a connection, as far as the connection itself proves it. No header
 * names a caller.
 */
enum http_caller_kind {
    HTTP_CALLER_NOBODY, /* TLS without a certificate, or with one that does not verify */
    HTTP_CALLER_UNIX,
    HTTP_CALLER_TLS
};

#define HTTP_SAN_MAX 256u

struct http_caller {
    enum http_caller_kind kind;
    uint32_t uid;                  /* HTTP_CALLER_UNIX: of the peer (SO_PEERCRED) */
    uint8_t spki[PS_SHA256_LEN];   /* HTTP_CALLER_TLS: SHA-256 of SubjectPublicKeyInfo */
    uint8_t issuer[PS_SHA256_LEN]; /* HTTP_CALLER_TLS: the same of whoever issued it ... */
    bool has_issuer;               /* ... unless the certificate itself is the trust anchor */
    uint8_t san[HTTP_SAN_MAX];     /* HTTP_CALLER_TLS: first DNS or URI name, if any */
    size_t san_len;
    uint64_t not_after_s; /* HTTP_CALLER_TLS: when the certificate ends, seconds since 1970 */
};

#endif
