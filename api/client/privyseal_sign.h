#ifndef API_CLIENT_PRIVYSEAL_SIGN_H
#define API_CLIENT_PRIVYSEAL_SIGN_H

/* Stands beside this one, in the tree and where it is installed. */
#include "privyseal.h"

/* Having things signed; see privyseal(3). */

enum privyseal_serialization { PRIVYSEAL_COMPACT, PRIVYSEAL_JSON, PRIVYSEAL_DETACHED };

struct privyseal_jws {
    const char *key;     /* name of the key */
    const void *payload; /* octets, signed as they are */
    size_t payload_len;
    const char *header;    /* JSON object of further header members, or NULL */
    const char *include;   /* JSON array of "x5c", "x5t#S256", "jwk", or NULL */
    const char *algorithm; /* or NULL: the key's first */
    enum privyseal_serialization serialization;
    int unencoded; /* 1: RFC 7797, b64 = false */
};

struct privyseal_jwt {
    const char *key;
    const char *claims; /* JSON object; its octets are kept, iat, exp, jti appended when absent */
    const char *type;   /* header `typ`, or NULL: JWT */
    const char *algorithm;
    uint32_t ttl_s; /* 0: no `exp` unless the claims have one */
};

/* The issuer's part of an SD-JWT; the disclosures are appended by the caller. */
struct privyseal_sd_jwt {
    const char *key;
    const char *payload; /* JSON object; its octets are kept */
    const char *type;    /* header `typ`: "dc+sd-jwt", ... */
    const char *algorithm;
    const char *include; /* JSON array of "x5c", "x5t#S256", "jwk", or NULL */
};

/* What the headers of a COSE_Sign1 get. Maps are JSON objects, or CBOR in base64url with quotes. */
struct privyseal_cose_headers {
    const char *in_protected;   /* further parameters, or NULL */
    const char *in_unprotected; /* the same */
    const char *include;        /* JSON array of "x5chain", "x5t", "kid": not protected; or NULL */
    const char *include_protected; /* the same, protected */
    const char *kid_prefix;        /* before the kid that is included, or NULL */
};

struct privyseal_cose {
    const char *key;
    const void *payload; /* octets, signed as they are */
    size_t payload_len;
    const char *algorithm;
    struct privyseal_cose_headers headers;
    const void *external_aad; /* signed, and not in it; or NULL */
    size_t external_aad_len;
    int untagged; /* 1: without tag 18 */
    int detached; /* 1: without the payload */
};

struct privyseal_cwt {
    const char *key;
    const char *claims; /* a map; iat, exp, cti are added where they are absent */
    const char *algorithm;
    const char *tag; /* "cwt", "cose" or "none"; NULL: cwt */
    struct privyseal_cose_headers headers;
    uint32_t ttl_s; /* 0: no `exp` unless the claims have one */
};

/* A W3C Data Integrity proof; the hashes as octets, both of one length. */
struct privyseal_proof {
    const char *key;
    const char *cryptosuite;   /* "eddsa-rdfc-2022", ... */
    const void *proof_hash;    /* of the canonical proof options */
    const void *document_hash; /* of the canonical document */
    size_t hash_len;           /* 32; 48 with a key of P-384 */
};

/* A detached CMS signature; one of content and digest. */
struct privyseal_cms {
    const char *key;
    const void *content;
    size_t content_len;
    const void *digest; /* of the content, with the hash of the algorithm; SHA-512 for EdDSA */
    size_t digest_len;
    const char *algorithm;
};

/* A signature in a PDF; what is NULL is absent. */
struct privyseal_pdf {
    const char *key;
    const void *document;
    size_t document_len;
    const char *reason; /* this and the next: UTF-8, any language */
    const char *location;
    unsigned page;         /* 0: the first */
    const char *rectangle; /* "left,bottom,right,top" in points; NULL: nothing is seen */
    const char *text;      /* what the rectangle shows instead of name, reason, location, date */
    const char *algorithm;
};

/* The signed text of all is in ret_answer->signed_text; clear it after use. */
struct privyseal_signed {
    const char *signed_text; /* a JWS; a JSON object for PRIVYSEAL_JSON; a proof's proofValue; of a
                                COSE_Sign1 or CWT its octets in base64url */
    const char *kid;
    uint32_t version;
    struct privyseal_answer answer;
};
PRIVYSEAL_API void privyseal_signed_clear(struct privyseal_signed *result);

PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_sign_jws(struct privyseal *client, const struct privyseal_jws *request,
                   struct privyseal_signed *ret_signed);
PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_sign_jwt(struct privyseal *client, const struct privyseal_jwt *request,
                   struct privyseal_signed *ret_signed);

PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_sign_sd_jwt(struct privyseal *client, const struct privyseal_sd_jwt *request,
                      struct privyseal_signed *ret_signed);
PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_sign_data_integrity(struct privyseal *client, const struct privyseal_proof *request,
                              struct privyseal_signed *ret_signed);
PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_sign_cose(struct privyseal *client, const struct privyseal_cose *request,
                    struct privyseal_signed *ret_signed);
PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_sign_cwt(struct privyseal *client, const struct privyseal_cwt *request,
                   struct privyseal_signed *ret_signed);
PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_sign_cms(struct privyseal *client, const struct privyseal_cms *request,
                   struct privyseal_signed *ret_signed); /* signed_text: DER in base64url */
PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_sign_pdf(struct privyseal *client, const struct privyseal_pdf *request,
                   struct privyseal_answer *ret_answer); /* its body is the signed document */

#endif
