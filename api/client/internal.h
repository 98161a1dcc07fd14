#ifndef API_CLIENT_INTERNAL_H
#define API_CLIENT_INTERNAL_H

#include "api/client/privyseal.h"
#include "lib/base/buf.h"

#include <curl/curl.h>

/* Largest answer that is taken: a batch of 1,000 signatures with room to spare. */
#define CLIENT_ANSWER_MAX (16u * 1024u * 1024u)

struct privyseal {
    CURL *curl;
    char *base; /* what paths are appended to */
    char *socket;
    unsigned timeout_ms;
    unsigned retries;
    char error[256];
};

/* Strings of an answer that outlive its parsing: freed with it. */
struct answer_memory {
    struct ps_buf body;
    struct ps_buf texts;
    char content_type[128];
    char etag[160];
    char location[320];
    char request_id[80];
};

/* Notes what went wrong and returns `result`. */
PS_PRINTF(3, 4)
enum privyseal_result client_fail(struct privyseal *client, enum privyseal_result result,
                                  const char *format, ...);

/* Moves what was received into the answer and reads a problem document. */
PRIVYSEAL_MUST_USE enum privyseal_result answer_finish(struct privyseal *client, long status,
                                                       struct answer_memory *memory,
                                                       struct privyseal_answer *ret_answer);

struct answer_memory *answer_memory_new(void);
void answer_memory_free(struct answer_memory *memory);
PS_DEFINE_CLEANUP(struct answer_memory, answer_memory_free)

#endif
