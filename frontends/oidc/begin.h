#ifndef FRONTENDS_OIDC_BEGIN_H
#define FRONTENDS_OIDC_BEGIN_H

#include "frontends/oidc/service.h"

/* How a login begins, for the JSON interface and for the pages alike. */

/*
 * The request that this client pushed, which is gone then (RFC 9126 section 4: used once, and by
 * the client that pushed it).
 *
 * uri: request_uri, whole
 * Errors: PS_E_NOT_FOUND: transaction is empty; those of the store
 */
PS_MUST_USE enum ps_err begin_take_pushed(struct service *service, struct ps_bytes client,
                                          struct ps_bytes uri, struct transaction *transaction);

/*
 * Stores a transaction as open, with its own name at the plugin and its end; it counts for the
 * address that the person is at. Errors: the store's.
 */
PS_MUST_USE enum ps_err begin_keep(const struct exchange *exchange, struct transaction *transaction,
                                   const char *handle);

#endif
