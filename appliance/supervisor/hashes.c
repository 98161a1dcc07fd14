#include "appliance/supervisor/hashes.h"

#include "lib/base/encode.h"
#include "lib/system/file.h"

static void put_member(struct ps_buf *out, bool first, const char *name)
{
    if (!first) {
        ps_buf_put_u8(out, ',');
    }
    ps_buf_put_json_string(out, ps_bytes_str(name));
    ps_buf_put_u8(out, ':');
}

static void put_hash(struct ps_buf *out, const uint8_t sha256[PS_SHA256_LEN])
{
    ps_buf_put_u8(out, '"');
    ps_buf_put_hex(out, ps_bytes(sha256, PS_SHA256_LEN));
    ps_buf_put_u8(out, '"');
}

static enum ps_err put_modules(const struct config *config, struct ps_buf *out)
{
    uint8_t sha256[PS_SHA256_LEN];

    for (size_t i = 0; i < config->token_count; i++) {
        PS_TRY(file_hash(config->tokens[i].module, sha256));
        put_member(out, i == 0, config->tokens[i].name);
        put_hash(out, sha256);
    }
    return PS_OK;
}

static void put_profiles(const struct hashes_input *input, struct ps_buf *out)
{
    uint8_t sha256[PS_SHA256_LEN];

    for (size_t i = 0; i < input->config->token_count; i++) {
        ps_sha256(ps_buf_bytes(&input->profiles[i]), sha256);
        put_member(out, i == 0, input->config->tokens[i].name);
        put_hash(out, sha256);
    }
}

/* Each gap has a sentence, so that `system` and the log line say the same. */
static size_t list_missing(const struct hashes_input *input, const char *ret_gaps[3])
{
    size_t count = 0;

    if (!input->separate_users) {
        ret_gaps[count++] = "all processes have the same user id (start as root to separate them)";
    }
    if (input->support.landlock == 0) {
        ret_gaps[count++] = "this kernel has no Landlock: files are kept apart by user ids alone";
    }
    if (!input->support.seccomp) {
        ret_gaps[count++] = "this kernel has no seccomp: system calls are not limited";
    }
    return count;
}

static void put_sandbox(const struct hashes_input *input, struct ps_buf *out)
{
    const char *gaps[3];
    const size_t count = list_missing(input, gaps);

    ps_buf_printf(out, "{\"users\":\"%s\",\"landlock\":%d,\"seccomp\":%s,\"missing\":[",
                  input->separate_users ? "separate" : "same", input->support.landlock,
                  input->support.seccomp ? "true" : "false");
    for (size_t i = 0; i < count; i++) {
        if (i != 0) {
            ps_buf_put_u8(out, ',');
        }
        ps_buf_put_json_string(out, ps_bytes_str(gaps[i]));
    }
    ps_buf_put_str(out, "]}");
}

enum ps_err hashes_put(const struct hashes_input *input, struct ps_buf *out)
{
    uint8_t sha256[PS_SHA256_LEN];

    PS_TRY(file_hash("/proc/self/exe", sha256));
    ps_buf_put_str(out, "{\"version\":\"" PRIVYSEAL_VERSION "\",\"program\":");
    put_hash(out, sha256);
    ps_buf_put_str(out, ",\"configuration\":");
    put_hash(out, input->config->sha256);
    ps_buf_put_str(out, ",\"modules\":{");
    PS_TRY(put_modules(input->config, out));
    ps_buf_put_str(out, "},\"profiles\":{");
    put_profiles(input, out);
    ps_buf_put_str(out, "},\"sandbox\":");
    put_sandbox(input, out);
    ps_buf_put_u8(out, '}');
    return ps_buf_status(out);
}

void hashes_put_missing(const struct hashes_input *input, struct ps_buf *out)
{
    const char *gaps[3];
    const size_t count = list_missing(input, gaps);

    for (size_t i = 0; i < count; i++) {
        ps_buf_printf(out, "%s%s", i == 0 ? "" : "; ", gaps[i]);
    }
}
