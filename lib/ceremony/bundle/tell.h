#ifndef CEREMONY_BUNDLE_TELL_H
#define CEREMONY_BUNDLE_TELL_H

#include "lib/ceremony/bundle/bundle.h"
#include "lib/ceremony/page/page.h"

/*
 * A transcript for people: what was verified, what happened in the room, each operation with its
 * document in plain language, who signed it and what it made, what ran, and where auditors find
 * what they look for. A transcript that does not verify is told too, and says so in its first
 * lines.
 *
 * octets:  of the bundle, whose SHA-256 the page names
 * genesis: SHA-256 that was given; NULL: nobody gave one
 * Errors:  PS_E_NO_MEMORY, PS_E_LIMIT
 */
PS_MUST_USE enum ps_err bundle_tell(const struct bundle *bundle, struct ps_bytes octets,
                                    const uint8_t *genesis, struct page *page);

#endif
