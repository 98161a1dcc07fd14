#ifndef FRONTENDS_SHARED_CALLER_H
#define FRONTENDS_SHARED_CALLER_H

#include "frontends/shared/settings.h"
#include "lib/http/caller.h"

/* "uid 1000" or "pin ...", for lines. */
#define CALLER_TEXT_MAX 64u
void caller_text(const struct http_caller *caller, char ret_text[CALLER_TEXT_MAX]);

/* Whether the configuration lets this caller use the management listener. */
bool caller_is_administrator(const struct settings_administrators *administrators,
                             const struct http_caller *caller);

#endif
