#include "lib/http/tls.h"

#include "lib/http/tls_session.h"

#include <limits.h>
#include <stdlib.h>

struct http_tls {
    unsigned references;
    uint64_t serial;
    bool takes_callers; /* there are authorities that issue certificates for clients */
    gnutls_certificate_credentials_t credentials;
    gnutls_x509_trust_list_t authorities;
};

/* GnuTLS takes PEM as a text that it does not change. */
static gnutls_datum_t datum(struct ps_bytes octets)
{
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)octets.data,
                            .size = (unsigned)octets.len};
}

static enum ps_err fail(int code, const char *what)
{
    return ps_fail(code == GNUTLS_E_MEMORY_ERROR ? PS_E_NO_MEMORY : PS_E_INPUT, code, "%s: %s",
                   what, gnutls_strerror(code));
}

static enum ps_err load_own(struct http_tls *tls, struct ps_bytes certificate, struct ps_bytes key)
{
    const gnutls_datum_t certificate_pem = datum(certificate);
    const gnutls_datum_t key_pem = datum(key);
    const int code = gnutls_certificate_set_x509_key_mem(tls->credentials, &certificate_pem,
                                                         &key_pem, GNUTLS_X509_FMT_PEM);

    return code < 0 ? fail(code, "the listener's certificate and key") : PS_OK;
}

static enum ps_err load_authorities(struct http_tls *tls, struct ps_bytes client_ca)
{
    const gnutls_datum_t ca_pem = datum(client_ca);
    /* The credentials name the authorities to clients; verifying is done with the list below. */
    int code =
        gnutls_certificate_set_x509_trust_mem(tls->credentials, &ca_pem, GNUTLS_X509_FMT_PEM);

    if (code <= 0) {
        return fail(code == 0 ? GNUTLS_E_NO_CERTIFICATE_FOUND : code, "the clients' authorities");
    }
    code = gnutls_x509_trust_list_add_trust_mem(tls->authorities, &ca_pem, NULL,
                                                GNUTLS_X509_FMT_PEM, GNUTLS_TL_NO_DUPLICATES, 0);
    if (code <= 0) {
        return fail(code == 0 ? GNUTLS_E_NO_CERTIFICATE_FOUND : code, "the clients' authorities");
    }
    tls->takes_callers = true;
    return PS_OK;
}

static enum ps_err fill(struct http_tls *tls, struct ps_bytes certificate, struct ps_bytes key)
{
    static uint64_t serials;

    tls->references = 1;
    tls->serial = ++serials;
    if (certificate.len > INT_MAX || key.len > INT_MAX) {
        return ps_fail(PS_E_INPUT, 0, "TLS material of an absurd length");
    }
    if (gnutls_certificate_allocate_credentials(&tls->credentials) < 0 ||
        gnutls_x509_trust_list_init(&tls->authorities, 0) < 0) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    return load_own(tls, certificate, key);
}

enum ps_err http_tls_new_public(struct ps_bytes certificate, struct ps_bytes key,
                                struct http_tls **ret_tls)
{
    PS_CLEANUP(http_tls_free_cleanup) struct http_tls *tls = calloc(1, sizeof *tls);

    if (tls == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(fill(tls, certificate, key));
    *ret_tls = tls;
    tls = NULL;
    return PS_OK;
}

enum ps_err http_tls_new(struct ps_bytes certificate, struct ps_bytes key,
                         struct ps_bytes client_ca, struct http_tls **ret_tls)
{
    PS_CLEANUP(http_tls_free_cleanup) struct http_tls *tls = NULL;

    if (client_ca.len > INT_MAX) {
        return ps_fail(PS_E_INPUT, 0, "TLS material of an absurd length");
    }
    PS_TRY(http_tls_new_public(certificate, key, &tls));
    PS_TRY(load_authorities(tls, client_ca));
    *ret_tls = tls;
    tls = NULL;
    return PS_OK;
}

struct http_tls *http_tls_ref(struct http_tls *tls)
{
    if (tls != NULL) {
        tls->references++;
    }
    return tls;
}

void http_tls_free(struct http_tls *tls)
{
    if (tls == NULL || (tls->references != 0 && --tls->references != 0)) {
        return;
    }
    if (tls->credentials != NULL) {
        gnutls_certificate_free_credentials(tls->credentials);
    }
    if (tls->authorities != NULL) {
        gnutls_x509_trust_list_deinit(tls->authorities, 1);
    }
    free(tls);
}

/*
 * Each message of a handshake, so a client's whole chain too: what GnuTLS takes to read that grows
 * with its length, and anybody can send one.
 */
#define HANDSHAKE_OCTETS_MAX ((size_t)16 * 1024)

void tls_begin(const struct http_tls *tls, gnutls_session_t session)
{
    /* Replaces the credentials that libmicrohttpd set; these can change while it runs. */
    (void)gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials);
    /* Asked for and not required: public routes are there for everyone. */
    gnutls_certificate_server_set_request(session, tls->takes_callers ? GNUTLS_CERT_REQUEST
                                                                      : GNUTLS_CERT_IGNORE);
    gnutls_handshake_set_max_packet_length(session, HANDSHAKE_OCTETS_MAX);
    gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_CERTIFICATE_VERIFY,
                                       GNUTLS_HOOK_PRE, tls_check_key);
}

uint64_t tls_serial(const struct http_tls *tls)
{
    return tls->serial;
}

gnutls_x509_trust_list_t tls_authorities(const struct http_tls *tls)
{
    return tls->authorities;
}
