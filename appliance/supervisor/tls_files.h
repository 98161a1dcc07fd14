#ifndef APPLIANCE_SUPERVISOR_TLS_FILES_H
#define APPLIANCE_SUPERVISOR_TLS_FILES_H

#include "appliance/config/config.h"
#include "lib/base/secret.h"

/* What a TLS listener needs, as read from its files. */
struct tls_files {
    struct ps_buf certificate;
    struct ps_buf client_ca;
    struct ps_secret *key;
    uint64_t not_after_s; /* of the server's certificate, seconds since 1970 */
};

/*
 * Reads the files of a listener with a tls_port and checks that they can be parsed and belong
 * together. Errors: PS_E_INPUT (which file, and what is wrong), and those of file_read.
 */
PS_MUST_USE enum ps_err tls_files_load(const struct config_listener *listener,
                                       struct tls_files *ret_files);
void tls_files_clear(struct tls_files *files);

#endif
