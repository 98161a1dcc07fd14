#ifndef PKCS11_MODULE_LIBP11_CONTEXT_H
#define PKCS11_MODULE_LIBP11_CONTEXT_H

#include "pkcs11/module/session.h"

#include <libp11.h>

/*
 * libp11 beside our own calls on the same loaded module, within what it does safely (0.4.12):
 *
 * - PKCS11_open_session and PKCS11_release_all_slots close every session of the slot, ours too, and
 *   PKCS11_CTX_unload finalises the module: the context lives as long as the module is started.
 * - The first use of a slot decides for good whether its sessions may write: ours is always one
 * that does. So nothing is listed through it; and it would list what is long gone.
 * - PKCS11_update_slots crashes: the slots are read once.
 * - It waits for ever when no session can be opened: one is opened and closed by ourselves first.
 * - It keeps a copy of each PIN it logs in with: it never does.
 */
struct libp11;

/* `module`: path, which outlives the result. Nothing is loaded yet. */
PS_MUST_USE enum ps_err libp11_new(const char *module, struct libp11 **ret_libp11);

/* Lets go of everything; finalises the module, if libp11 was in use at all. */
void libp11_unload(struct libp11 *libp11);

/*
 * True from the first use until libp11_unload. Its sessions are then lost with ours, and it goes on
 * using them: the module has to be started anew.
 */
bool libp11_is_in_use(const struct libp11 *libp11);

/* After libp11_unload. */
void libp11_free(struct libp11 *libp11);
PS_DEFINE_CLEANUP(struct libp11, libp11_free)

/*
 * The token in the session's slot, for calls that write.
 * Errors: PS_E_TOKEN, PS_E_BUSY (no session to be had), PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err libp11_find_token(struct libp11 *libp11, struct session *session,
                                          PKCS11_TOKEN **ret_token);

/*
 * After a call of libp11 failed: takes the module's answer out of OpenSSL's error queue, which is
 * left empty, and records it as session_fail does.
 */
PS_MUST_USE enum ps_err libp11_fail(struct session *session, enum operation operation,
                                    const char *call);

#endif
