#ifndef KEYSTORE_GATE_NONCES_H
#define KEYSTORE_GATE_NONCES_H

#include "lib/base/buf.h"
#include "lib/base/reader.h"
#include "lib/ceremony/operation/document.h"

/* The nonces of all documents that `events` has drafts of: each is given out once. */
struct nonces;

PS_MUST_USE enum ps_err nonces_new(struct nonces **ret_nonces);
void nonces_free(struct nonces *nonces);
PS_DEFINE_CLEANUP(struct nonces, nonces_free)

/*
 * Remembers one. hex: as it stands in a document
 * Errors: PS_E_INPUT (it is none), PS_E_CONFLICT (it was there), PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err nonces_add(struct nonces *nonces, struct ps_bytes hex);

/* Of a snapshot (keystore/snapshot/saved.h). nonces: empty. Errors: PS_E_INPUT, PS_E_NO_MEMORY. */
void nonces_save(const struct nonces *nonces, struct ps_buf *out);
PS_MUST_USE enum ps_err nonces_resume(struct nonces *nonces, struct ps_reader *reader);

#endif
