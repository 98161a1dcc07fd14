#ifndef FRONTENDS_OIDC_PAGES_PAGES_H
#define FRONTENDS_OIDC_PAGES_PAGES_H

#include "frontends/oidc/pages/page.h"

/* The pages for people: what the public listener answers of them, besides page_serve_file. */

/* GET and POST /authorize: the authorization endpoint (OpenID Connect Core section 3.1.2.1). */
void pages_enter(struct exchange *exchange, const struct endpoint *endpoint);
void pages_enter_posted(struct exchange *exchange, const struct endpoint *endpoint);

/* POST /login: a step of a login; GET: its address without one. */
void pages_step(struct exchange *exchange, const struct endpoint *endpoint);
void pages_come_back(struct exchange *exchange, const struct endpoint *endpoint);

#endif
