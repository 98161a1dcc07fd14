#ifndef API_API_H
#define API_API_H

#include "lib/base/buf.h"
#include "lib/base/loop.h"
#include "lib/ipc/messages_supervisor.h"

/*
 * One of the two api processes: takes HTTP requests, finds out who calls, parses what they sent and
 * asks the keeper. It holds no key, no state and opens no file.
 */

/*
 * Runs until the supervisor orders a stop (then what is in flight is finished first) or its channel
 * ends. Returns the exit code of the process.
 *
 * supervisor_fd: taken over
 * config:        stays valid
 */
int api_main(struct ps_loop *loop, int supervisor_fd, const struct msg_api_config *config);

/* The route table as a JSON array: tests and the check of openapi.yaml are made from it. */
void api_routes_put_json(struct ps_buf *out);

/* Names that openapi.yaml lists as enums, from the tables of the code, as a JSON object. */
void api_vocabulary_put_json(struct ps_buf *out);

#endif
