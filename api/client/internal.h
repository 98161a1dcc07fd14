#ifndef API_CLIENT_INTERNAL_H
#define API_CLIENT_INTERNAL_H

#include "api/client/privyseal.h"
#include "lib/base/buf.h"
#include "lib/formats/json/json.h"

#include <curl/curl.h>

/* Largest answer that is taken: a signed PDF of 32 MiB with room to spare. */
#define CLIENT_ANSWER_MAX (40u * 1024u * 1024u)
/* What the appliance takes in one request, with the base64url of the payload. */
#define CLIENT_BODY_MAX (2u * 1024u * 1024u)

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

/* Only what needs no escapes, so that no other path can come of it. */
bool client_name_is_valid(const char *name);

/* The path of what a key has. False: no name of a key. */
#define CLIENT_PATH_MAX 192
bool client_put_key_path(const char *key, const char *what, char ret_path[CLIENT_PATH_MAX]);

/* body.c: members of a request's body; what is NULL is left out. */
void client_put_member(struct ps_buf *body, const char *name, const char *text);
void client_put_raw(struct ps_buf *body, const char *name, const char *json);
/*
 * In base64url. Octets that are secret come last: room for them and for the end of the body is made
 * at once, so that no copy of them stays where the body was before it grew.
 */
void client_put_octets(struct ps_buf *body, const char *name, const void *octets, size_t len);

/* Closes the body, sends it and wipes it, whatever comes of that. */
PRIVYSEAL_MUST_USE enum privyseal_result client_post(struct privyseal *client, const char *path,
                                                     struct ps_buf *body,
                                                     struct privyseal_answer *ret_answer);

/* The same with an idempotency key, so that it is repeated when its answer was lost; NULL: none. */
PRIVYSEAL_MUST_USE enum privyseal_result
client_post_once(struct privyseal *client, const char *path, const char *idempotency_key,
                 struct ps_buf *body, struct privyseal_answer *ret_answer);

/* What came back, as JSON; the caller frees *ret_json, also after an error. PS_E_INPUT: it is none.
 */
PS_MUST_USE enum ps_err client_read_answer(const struct privyseal_answer *answer,
                                           struct json **ret_json, struct json_value *ret_root);
/* Room for all the texts of an answer at once, so that no copy of a plaintext stays behind. */
PS_MUST_USE enum ps_err client_make_room(const struct privyseal_answer *answer);
/* Appends the text of an answer's member, NUL-terminated; objects as they stand. */
PS_MUST_USE enum ps_err client_keep_member(struct json_value root, const char *name,
                                           struct ps_buf *out, size_t *ret_at);

#endif
