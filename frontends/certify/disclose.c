#include "frontends/certify/disclose.h"

#include "lib/base/encode.h"
#include "lib/base/hash.h"

#include <stdlib.h>

#define PATH_MAX_OCTETS 512u
#define VALUE_MAX       ((size_t)1024 * 1024)
#define SALT_LEN        16u
#define DIGEST_TEXT_LEN 43u
#define ELEMENTS        "[*]"

struct disclosing {
    struct ps_bytes paths;
    struct ps_buf path; /* of the value that is written */
    struct ps_buf *disclosures;
};

bool disclose_path_valid(struct ps_bytes path)
{
    if (path.len == 0 || path.len > PATH_MAX_OCTETS || path.data[0] == '[' || path.data[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < path.len; i++) {
        if (path.data[i] < 0x20 || path.data[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_listed(const struct disclosing *disclosing)
{
    const struct ps_bytes path = ps_buf_bytes(&disclosing->path);
    struct ps_bytes left = disclosing->paths;

    while (left.len != 0) {
        const uint8_t *end = memchr(left.data, '\n', left.len);
        const size_t len = end == NULL ? left.len : (size_t)(end - left.data);

        if (ps_bytes_equal(path, ps_bytes(left.data, len))) {
            return true;
        }
        left = ps_bytes_from(left, len + 1);
    }
    return false;
}

/* RFC 9901 section 4.2.1: [salt, name, value]; section 4.2.2 of an element: [salt, value]. */
static enum ps_err put_disclosure(struct disclosing *disclosing, const struct ps_bytes *name,
                                  struct ps_bytes value, struct ps_buf *digest)
{
    uint8_t salt[SALT_LEN];
    uint8_t hash[PS_SHA256_LEN];
    const size_t start = disclosing->disclosures->len;
    PS_BUF_AUTO text = PS_BUF_SECRET(VALUE_MAX + 1024);

    ps_random(salt, sizeof salt);
    ps_buf_put_str(&text, "[\"");
    ps_buf_put_base64url(&text, ps_bytes(salt, sizeof salt));
    ps_buf_put_str(&text, "\",");
    if (name != NULL) {
        ps_buf_printf(&text, "\"%.*s\",", PS_BYTES_FMT(*name));
    }
    ps_buf_put(&text, value);
    ps_buf_put_u8(&text, ']');
    PS_TRY(ps_buf_status(&text));
    ps_buf_put_base64url(disclosing->disclosures, ps_buf_bytes(&text));
    PS_TRY(ps_buf_status(disclosing->disclosures));
    ps_sha256(ps_bytes_from(ps_buf_bytes(disclosing->disclosures), start), hash);
    ps_buf_put_u8(disclosing->disclosures, '~');
    ps_buf_put_base64url(digest, ps_bytes(hash, sizeof hash));
    return ps_buf_status(digest);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, DIGEST_TEXT_LEN);
}

/* Sorted, so that nothing is told by their order: section 4.2.4.1. */
static void put_digests(struct ps_buf *digests, bool is_first, struct ps_buf *out)
{
    const size_t count = digests->len / DIGEST_TEXT_LEN;

    if (count == 0) {
        return;
    }
    qsort(digests->data, count, DIGEST_TEXT_LEN, compare);
    ps_buf_put_str(out, is_first ? "\"_sd\":[" : ",\"_sd\":[");
    for (size_t i = 0; i < count; i++) {
        ps_buf_printf(out, "%s\"%.*s\"", i == 0 ? "" : ",", (int)DIGEST_TEXT_LEN,
                      (const char *)digests->data + i * DIGEST_TEXT_LEN);
    }
    ps_buf_put_u8(out, ']');
}

static enum ps_err put_value(struct disclosing *disclosing, struct json_value value,
                             struct ps_buf *out);

/* Section 4.1: names that mean something else to every verifier. */
static enum ps_err check_name(struct ps_bytes name)
{
    if (ps_bytes_equal_str(name, "_sd") || ps_bytes_equal_str(name, "...") ||
        ps_bytes_equal_str(name, "_sd_alg") || memchr(name.data, '\\', name.len) != NULL) {
        return ps_fail(PS_E_INPUT, 0, "no claim may be called %.*s", PS_BYTES_FMT(name));
    }
    return PS_OK;
}

static enum ps_err enter(struct disclosing *disclosing, struct ps_bytes name)
{
    PS_TRY(check_name(name));
    if (disclosing->path.len != 0) {
        ps_buf_put_u8(&disclosing->path, '.');
    }
    ps_buf_put(&disclosing->path, name);
    return ps_buf_status(&disclosing->path);
}

static enum ps_err put_members(struct disclosing *disclosing, struct json_value object,
                               struct ps_buf *out)
{
    const size_t above = disclosing->path.len;
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;
    bool first = true;
    PS_BUF_AUTO digests = {.max = VALUE_MAX};

    while (json_next(object, &cursor, &name, &value)) {
        PS_TRY(enter(disclosing, name));
        if (is_listed(disclosing)) {
            PS_BUF_AUTO hidden = PS_BUF_SECRET(VALUE_MAX);

            PS_TRY(put_value(disclosing, value, &hidden));
            PS_TRY(put_disclosure(disclosing, &name, ps_buf_bytes(&hidden), &digests));
        } else {
            ps_buf_printf(out, "%s\"%.*s\":", first ? "" : ",", PS_BYTES_FMT(name));
            PS_TRY(put_value(disclosing, value, out));
            first = false;
        }
        disclosing->path.len = above;
    }
    put_digests(&digests, first, out);
    return ps_buf_status(out);
}

static enum ps_err put_elements(struct disclosing *disclosing, struct json_value array,
                                struct ps_buf *out)
{
    const size_t above = disclosing->path.len;
    struct json_value value;
    uint32_t cursor = 0;
    bool listed;

    ps_buf_put_str(&disclosing->path, ELEMENTS);
    PS_TRY(ps_buf_status(&disclosing->path));
    listed = is_listed(disclosing);
    ps_buf_put_u8(out, '[');
    for (bool first = true; json_next(array, &cursor, NULL, &value); first = false) {
        PS_BUF_AUTO hidden = PS_BUF_SECRET(VALUE_MAX);

        ps_buf_put_str(out, first ? "" : ",");
        PS_TRY(put_value(disclosing, value, listed ? &hidden : out));
        if (listed) {
            ps_buf_put_str(out, "{\"...\":\"");
            PS_TRY(put_disclosure(disclosing, NULL, ps_buf_bytes(&hidden), out));
            ps_buf_put_str(out, "\"}");
        }
    }
    ps_buf_put_u8(out, ']');
    disclosing->path.len = above;
    return ps_buf_status(out);
}

static enum ps_err put_value(struct disclosing *disclosing, struct json_value value,
                             struct ps_buf *out)
{
    if (json_type(value) == JSON_ARRAY) {
        return put_elements(disclosing, value, out);
    }
    if (json_type(value) != JSON_OBJECT) {
        ps_buf_put(out, json_raw(value));
        return ps_buf_status(out);
    }
    ps_buf_put_u8(out, '{');
    PS_TRY(put_members(disclosing, value, out));
    ps_buf_put_u8(out, '}');
    return ps_buf_status(out);
}

static void clear(struct disclosing *disclosing)
{
    ps_buf_clear(&disclosing->path);
}

enum ps_err disclose_claims(struct json_value claims, struct ps_bytes paths, struct ps_buf *payload,
                            struct ps_buf *disclosures)
{
    PS_CLEANUP(clear)
    struct disclosing disclosing = {
        .paths = paths, .path = {.max = 16 * PATH_MAX_OCTETS}, .disclosures = disclosures};

    if (json_type(claims) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "claims are an object");
    }
    return put_members(&disclosing, claims, payload);
}
