#ifndef APPLIANCE_CLI_LOG_FETCH_H
#define APPLIANCE_CLI_LOG_FETCH_H

#include "api/client/privyseal.h"
#include "lib/base/buf.h"

/*
 * Copies the log of events over the network into `directory`, in the layout of C2SP tlog-tiles,
 * which `log verify` and whoever reads an export take. What is there of an earlier time is kept:
 * only what is new is asked for. The checkpoint comes last, so that a copy which was interrupted is
 * taken up again. Nothing is verified. A directory that is of another log, or where one is written,
 * is left as it is.
 * Errors: PS_E_CONFLICT (such a directory), PS_E_BUSY (the appliance is away), PS_E_DENIED (it
 * refuses; or its checkpoint is behind the one that is there, and is now in checkpoint.refused),
 * PS_E_NOT_FOUND (there is no checkpoint yet), PS_E_INPUT (what it gives is no log), PS_E_STORAGE,
 * PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err log_fetch(struct privyseal *client, const char *directory);

#endif
