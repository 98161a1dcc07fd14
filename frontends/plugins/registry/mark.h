#ifndef FRONTENDS_PLUGINS_REGISTRY_MARK_H
#define FRONTENDS_PLUGINS_REGISTRY_MARK_H

#include "lib/base/bytes.h"

#define MARK_LEN 32u

/* HMAC-SHA256 under the registry's secret over the hashes of up to five parts. */
void mark_make(const uint8_t *secret, const struct ps_bytes *parts, size_t count,
               uint8_t ret_mark[MARK_LEN]);

#endif
