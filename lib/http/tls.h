#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

/*
 * What a TLS listener shows and trusts: its certificate chain and key, and the authorities that may
 * issue client certificates. Shared by the listeners and connections that use it; a connection
 * keeps what it began with, so that new material never drops one.
 */
struct http_tls;

/*
 * certificate, key, client_ca: PEM
 * Errors: PS_E_INPUT (unreadable, key and certificate do not belong together, no authority),
 *         PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err http_tls_new(struct ps_bytes certificate, struct ps_bytes key,
                                     struct ps_bytes client_ca, struct http_tls **ret_tls);

/* The same for a listener that is there for everyone: nobody is asked for a certificate. */
PS_MUST_USE enum ps_err http_tls_new_public(struct ps_bytes certificate, struct ps_bytes key,
                                            struct http_tls **ret_tls);

struct http_tls *http_tls_ref(struct http_tls *tls);
void http_tls_free(struct http_tls *tls); /* gives up one reference */
PS_DEFINE_CLEANUP(struct http_tls, http_tls_free)

#endif
