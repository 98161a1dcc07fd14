#ifndef HTTP_HALF_CLOSED_H
#define HTTP_HALF_CLOSED_H

#include "lib/http/internal.h"

/* Ends connections whose clients have shut down their writing side within a request. */
void half_closed_look(void *context);                                /* the server; for its timer */
void half_closed_consider(const struct http_connection *connection); /* that began a new phase */

#endif
