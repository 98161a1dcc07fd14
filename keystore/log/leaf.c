#include "keystore/log/leaf.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"

#define TIME_DIGITS 6

/* The members stand in the order of RFC 8785 section 3.2.3: by name. */

static void put_text(struct ps_buf *out, const char *name, struct ps_bytes text)
{
    ps_buf_put_str(out, name);
    ps_buf_put_json_string(out, text);
}

static void put_end(struct ps_buf *out, uint64_t time_ns)
{
    ps_buf_put_str(out, ",\"time\":\"");
    ps_buf_put_time(out, time_ns, TIME_DIGITS);
    ps_buf_put_str(out, "\",\"v\":1");
}

void leaf_put_use(const struct use_leaf *leaf, struct ps_buf *out)
{
    const struct ps_alg_info *algorithm = ps_alg_info(leaf->algorithm);

    ps_buf_put_u8(out, '{');
    if (algorithm != NULL) {
        put_text(out, "\"alg\":", ps_bytes_str(algorithm->name));
        ps_buf_put_u8(out, ',');
    }
    put_text(out, "\"caller\":", leaf->caller);
    if (leaf->format != PS_FORMAT_NONE) {
        put_text(out, ",\"format\":", ps_bytes_str(ps_format_name(leaf->format)));
    }
    ps_buf_put_str(out, ",\"hash\":\"");
    ps_buf_put_base64url(out, leaf->hash);
    put_text(out, "\",\"key\":", leaf->key);
    put_text(out, ",\"op\":", ps_bytes_str(leaf->operation));
    put_text(out, ",\"request\":", leaf->request_id);
    if (leaf->serial.len != 0) {
        ps_buf_put_str(out, ",\"serial\":\"");
        ps_buf_put_hex(out, leaf->serial);
        ps_buf_put_u8(out, '"');
    }
    put_end(out, leaf->time_ns);
    ps_buf_put_str(out, ",\"version\":");
    ps_buf_put_decimal(out, leaf->version);
    ps_buf_put_u8(out, '}');
}

void leaf_put_event(const struct event_leaf *leaf, struct ps_buf *out)
{
    ps_buf_put_u8(out, '{');
    if (leaf->caller.len != 0) {
        put_text(out, "\"caller\":", leaf->caller);
        ps_buf_put_u8(out, ',');
    }
    if (leaf->data.len != 0) {
        ps_buf_put_str(out, "\"data\":");
        ps_buf_put(out, leaf->data);
        ps_buf_put_u8(out, ',');
    }
    put_text(out, "\"kind\":", ps_bytes_str(leaf->kind));
    if (leaf->request_id.len != 0) {
        put_text(out, ",\"request\":", leaf->request_id);
    }
    put_end(out, leaf->time_ns);
    ps_buf_put_u8(out, '}');
}

void leaf_put_shard_data(const char *log, const struct tree_info *shard, struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"first\":");
    ps_buf_put_decimal(out, shard->first);
    put_text(out, ",\"log\":", ps_bytes_str(log));
    put_text(out, ",\"name\":", ps_bytes_str(shard->name));
    ps_buf_put_str(out, ",\"root\":\"");
    ps_buf_put_base64url(out, ps_bytes(shard->root.octets, sizeof shard->root.octets));
    ps_buf_put_str(out, "\",\"size\":");
    ps_buf_put_decimal(out, shard->size);
    ps_buf_put_u8(out, '}');
}
