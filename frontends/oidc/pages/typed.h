#ifndef FRONTENDS_OIDC_PAGES_TYPED_H
#define FRONTENDS_OIDC_PAGES_TYPED_H

#include "lib/base/buf.h"

/*
 * What somebody meant by what they typed or pasted: without white space and marks of direction at
 * its ends, and with ASCII's digits for those of Arabic (U+0660, U+06F0) and Hindi (U+0966). For
 * numbers and codes; passwords and names are taken as they are.
 *
 * text:   UTF-8; over TYPED_MAX octets, which nothing that is asked for has, it is left as it is
 * memory: what is returned may stand there; TYPED_MAX octets of room, so that it does not move
 */
#define TYPED_MAX 512u
struct ps_bytes typed_read(struct ps_bytes text, struct ps_buf *memory);

#endif
