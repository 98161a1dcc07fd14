#ifndef HTTP_TLS_SESSION_H
#define HTTP_TLS_SESSION_H

#include "lib/http/caller.h"
#include "lib/http/tls.h"

#include <gnutls/x509.h>

/* What connections do with the material of tls.h. */

/* tls.c: before the handshake; which material it is, numbered from 1 */
void tls_begin(const struct http_tls *tls, gnutls_session_t session);
uint64_t tls_serial(const struct http_tls *tls);

/* tls_peer.c. False without a certificate that verifies now against the material's authorities. */
bool tls_verify(const struct http_tls *tls, gnutls_session_t session,
                struct http_caller *ret_caller);
/* tls_peer.c: GnuTLS' hook before a client's signature of the handshake is verified */
int tls_check_key(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                  const gnutls_datum_t *message);
gnutls_x509_trust_list_t tls_authorities(const struct http_tls *tls);

#endif
