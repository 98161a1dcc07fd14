#ifndef KEYSTORE_CERTIFICATES_TLS_CERTIFICATES_H
#define KEYSTORE_CERTIFICATES_TLS_CERTIFICATES_H

#include "keystore/internal.h"

/*
 * The certificates of TLS: those that the listeners show, as the supervisor read them, and those
 * that clients come with, as the apis saw them. Of a client the catalog has no more than pins or a
 * rule, and one certificate follows another under the same pin; so what it comes with is what can
 * be told of. In memory: a client is known here from its first request after a start. It decides
 * nothing: an api that lies about it moves an entry of a list, or an alarm, and no more.
 */
struct tls_certificates;

#define TLS_CERTIFICATE_END_MAX UINT64_C(253402300799) /* 9999-12-31: RFC 5280 has no later one */

/* Two for each client: the old one and its next, or those of two machines. */
enum { TLS_CERTIFICATES_OF_CLIENT = 2 };

struct tls_certificate {
    char name[PS_NAME_MAX + 1];  /* of the client, or of the listener: "clients", "management" */
    bool is_client;              /* else it is a listener's */
    uint8_t spki[PS_SHA256_LEN]; /* of a client's: SHA-256 of its SubjectPublicKeyInfo */
    uint64_t not_after_s;        /* 0: there is none */
    uint64_t seen_s;             /* of a client's: when it last came with it */
    uint8_t told_steps;          /* of how near its end is; certificate_watch.c */
};

PS_MUST_USE enum ps_err tls_certificates_new(struct tls_certificates **ret_certificates);
void tls_certificates_free(struct tls_certificates *certificates);
PS_DEFINE_CLEANUP(struct tls_certificates, tls_certificates_free)

/* What the two listeners show from now on; 0: nothing. Seconds since 1970. */
void tls_certificates_set_listeners(struct tls_certificates *certificates, uint64_t clients_s,
                                    uint64_t management_s);

/* A client came with this: CALLER_TLS, or nothing is noted. now_s: seconds since 1970. */
void tls_certificates_note(struct tls_certificates *certificates, struct ps_bytes client,
                           const struct msg_caller *caller, uint64_t now_s);

/* Another number after each change of an end. */
uint64_t tls_certificates_epoch(const struct tls_certificates *certificates);

/* Those of a client, TLS_CERTIFICATES_OF_CLIENT of them; NULL: it has shown none. */
const struct tls_certificate *tls_certificates_of(const struct tls_certificates *certificates,
                                                  struct ps_bytes client);

/* Walks over all of them in no order; start with *cursor = 0, ends with NULL. */
struct tls_certificate *tls_certificates_next(struct tls_certificates *certificates,
                                              size_t *cursor);

#endif
