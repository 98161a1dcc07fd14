#ifndef KEYSTORE_PEERS_H
#define KEYSTORE_PEERS_H

#include "keystore/internal.h"

/* The api processes: what they may ask, and where it goes. */
void peers_init(struct keeper *keeper);
void peers_clear(struct keeper *keeper);

/*
 * A new channel to an api process, in place of the earlier one; who waits there is not answered
 * any more. Takes over `fd`. Errors: PS_E_INPUT (no api role), the channel's.
 */
PS_MUST_USE enum ps_err peers_connect(struct keeper *keeper, uint8_t role, int fd);

/* Requests that are on their way out go out now. */
void peers_flush(struct keeper *keeper);

#endif
