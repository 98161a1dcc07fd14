#ifndef KEYSTORE_STATE_DISK_WATCH_H
#define KEYSTORE_STATE_DISK_WATCH_H

#include "keystore/internal.h"

/* The room on the disk of the data directory, of which `disk_reserve_mb` are kept for the logs. */
struct disk_watch {
    unsigned told; /* percent in use that the last alarm was about; 0: none */
};

#define MIB (UINT64_C(1024) * 1024)

/* Called once a second. */
void disk_watch_look(struct disk_watch *watch, struct keeper *keeper);

/*
 * Whether the logs keep their reserve when so many more octets are written.
 * Errors: PS_E_LIMIT, PS_E_STORAGE (it cannot be told)
 */
PS_MUST_USE enum ps_err disk_watch_check_room(const struct keeper *keeper, uint64_t octets);

/*
 * Seconds until only the reserve is left, at the speed at which both logs grew in the last minute.
 * False: they did not grow.
 */
bool disk_watch_forecast(const struct keeper *keeper, uint64_t *ret_seconds);

#endif
