#ifndef TESTS_BENCH_TALK_H
#define TESTS_BENCH_TALK_H

#include "tests/bench/load.h"

#include "lib/formats/json/json.h"

/* What the scripts of tests/bench/scripts.h have in common. Each ends the program when something
 * of the configuration is missing. */

/* A member of the configuration. */
struct ps_bytes talk_text(struct json_value config, const char *name);
uint64_t talk_number(struct json_value config, const char *name);
void talk_texts(struct json_value config, const char *name, struct ps_bytes **ret_texts,
                size_t *ret_count);

/* The whole of it; the reader is kept for as long as the program runs. */
struct json_value talk_read(struct ps_bytes config);

/* A text of an object in an answer; false: it is not there. */
bool talk_get(struct json_value object, const char *name, struct ps_buf *ret_text);

/* A request's head and body. `fields`: whole lines of the head, or "". */
struct talk {
    const char *method;
    struct ps_bytes path;
    const char *media; /* of the body; NULL: there is none */
    struct ps_bytes fields;
    struct ps_bytes body;
};
void talk_put(const struct talk *talk, struct ps_buf *out);

/* Keeps {"jws": text}, or {"document": object}, of a script's result. */
void talk_keep(struct load_result *result, struct ps_bytes text);
void talk_keep_document(struct load_result *result, struct ps_bytes object);

/* The first answer that a script did not want is shown. */
void talk_show_failure(const char *what, const struct load_answer *answer);

/* A P-256 key of the caller's own, from its PEM file, and a JWT (ES256) that it signs. */
struct signer;
struct signer *signer_read(struct ps_bytes path);
void signer_put_jwt(const struct signer *signer, struct ps_bytes header, struct ps_bytes claims,
                    struct ps_buf *out);

#endif
