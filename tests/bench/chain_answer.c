#include "tests/bench/chain.h"
#include "tests/bench/module.h"

#include "lib/base/encode.h"

#include <stdio.h>

#define ANSWER_MAX 65536u

static size_t find(struct ps_bytes in, const char *text, size_t from)
{
    const struct ps_bytes left = ps_bytes_from(in, from);
    const uint8_t *found = memmem(left.data, left.len, text, strlen(text));

    must(found != NULL, "reading the appliance's answer");
    return (size_t)(found - in.data);
}

static void read_whole(const char *path, struct ps_buf *out)
{
    FILE *file = fopen(path, "re");
    uint8_t *to = ps_buf_reserve(out, ANSWER_MAX);

    must(file != NULL && to != NULL, "opening the appliance's answer");
    ps_buf_commit(out, fread(to, 1, ANSWER_MAX, file));
    (void)fclose(file);
}

/* Both ids are thumbprints, so the header keeps its length. */
static void put_header(struct ps_bytes encoded, const char kid[CHAIN_KID_LEN], struct ps_buf *out)
{
    static const char member[] = "\"kid\":\"";
    PS_BUF_AUTO header = {.max = ANSWER_MAX};
    size_t at;

    must(ps_base64url_decode(encoded, &header) == PS_OK, "reading the protected header");
    at = find(ps_buf_bytes(&header), member, 0) + strlen(member);
    must(find(ps_buf_bytes(&header), "\"", at) == at + CHAIN_KID_LEN, "replacing the key's id");
    memcpy(header.data + at, kid, CHAIN_KID_LEN);
    ps_buf_put_base64url(out, ps_buf_bytes(&header));
    ps_buf_put_u8(out, '.');
}

void chain_answer_read(const char *path, const char kid[CHAIN_KID_LEN],
                       struct chain_answer *ret_answer)
{
    static const char member[] = "{\"jws\":\"";
    PS_BUF_AUTO answer = {.max = ANSWER_MAX};
    struct ps_bytes text;
    size_t jws;
    size_t dot;
    size_t end;

    read_whole(path, &answer);
    text = ps_buf_bytes(&answer);
    jws = find(text, member, 0) + strlen(member);
    dot = find(text, ".", jws);
    end = find(text, "\"", dot);
    ps_buf_init(&ret_answer->header, ANSWER_MAX);
    ps_buf_init(&ret_answer->before, ANSWER_MAX);
    ps_buf_init(&ret_answer->after, ANSWER_MAX);
    put_header(ps_bytes(text.data + jws, dot - jws), kid, &ret_answer->header);
    ps_buf_put(&ret_answer->before, ps_bytes(text.data, jws));
    ps_buf_put(&ret_answer->after, ps_bytes_from(text, end));
    ret_answer->len = text.len;
    must(ps_buf_status(&ret_answer->header) == PS_OK &&
             ps_buf_status(&ret_answer->before) == PS_OK &&
             ps_buf_status(&ret_answer->after) == PS_OK,
         "keeping the answer");
}
