#ifndef KEYSTORE_CALLERS_API_PEERS_H
#define KEYSTORE_CALLERS_API_PEERS_H

#include "keystore/internal.h"

/* The api processes: what they may ask, and where it goes. */
void keeper_init_peers(struct keeper *keeper);
void keeper_clear_peers(struct keeper *keeper);

/*
 * A new channel to an api process, in place of the earlier one; who waits there is not answered
 * any more. Takes over `fd`. Errors: PS_E_INPUT (no api role), the channel's.
 */
PS_MUST_USE enum ps_err keeper_connect_peers(struct keeper *keeper, uint8_t role, int fd);

/* Answers that are on their way out go out now. False: a peer has no room for all of them yet. */
bool keeper_flush_peers(struct keeper *keeper);

#endif
