#include "lib/jsonld/iri.h"

#include "lib/base/buf.h"

/* RFC 3986 section 3. What is not there has data NULL, what is empty has not. */
struct parts {
    struct ps_bytes scheme;
    struct ps_bytes authority;
    struct ps_bytes path;
    struct ps_bytes query;
    struct ps_bytes fragment;
};

bool iri_is_well_formed(struct ps_bytes text)
{
    const uint8_t *fragment = text.len == 0 ? NULL : memchr(text.data, '#', text.len);
    const size_t rest = fragment == NULL ? 0 : text.len - (size_t)(fragment + 1 - text.data);

    return rdf_iri_valid(text) && (rest == 0 || memchr(fragment + 1, '#', rest) == NULL);
}

/* Splits off the octets before the first of `stops`. */
static struct ps_bytes take_until(struct ps_bytes *text, const char *stops)
{
    const size_t stop_count = strlen(stops);
    struct ps_bytes taken;
    size_t len = 0;

    while (len < text->len && memchr(stops, text->data[len], stop_count) == NULL) {
        len++;
    }
    taken = ps_bytes(text->data, len);
    *text = ps_bytes(text->data + len, text->len - len);
    return taken;
}

static void drop(struct ps_bytes *text, size_t count)
{
    *text = ps_bytes(text->data + count, text->len - count);
}

static struct parts split(struct ps_bytes text)
{
    const size_t scheme = rdf_iri_scheme(text);
    struct parts parts = {0};

    if (scheme != 0) {
        parts.scheme = ps_bytes(text.data, scheme);
        drop(&text, scheme + 1);
    }
    if (ps_bytes_starts_with(text, ps_bytes_str("//"))) {
        drop(&text, 2);
        parts.authority = take_until(&text, "/?#");
    }
    parts.path = take_until(&text, "?#");
    if (text.len != 0 && text.data[0] == '?') {
        drop(&text, 1);
        parts.query = take_until(&text, "#");
    }
    if (text.len != 0) {
        drop(&text, 1);
        parts.fragment = text;
    }
    return parts;
}

/* Takes the last segment and its slash off what has been written of the path. */
static void remove_segment(struct ps_buf *out, size_t start)
{
    while (out->len > start && out->data[out->len - 1] != '/') {
        out->len--;
    }
    out->len -= out->len > start ? 1 : 0;
}

/* Section 5.2.4, appended to `out`. */
static void put_without_dots(struct ps_buf *out, struct ps_bytes path)
{
    const size_t start = out->len;

    while (path.len != 0) {
        if (ps_bytes_starts_with(path, ps_bytes_str("../"))) {
            drop(&path, 3);
        } else if (ps_bytes_starts_with(path, ps_bytes_str("./")) ||
                   ps_bytes_starts_with(path, ps_bytes_str("/./"))) {
            drop(&path, 2);
        } else if (ps_bytes_equal_str(path, "/.")) {
            path = ps_bytes_str("/");
        } else if (ps_bytes_starts_with(path, ps_bytes_str("/../"))) {
            drop(&path, 3);
            remove_segment(out, start);
        } else if (ps_bytes_equal_str(path, "/..")) {
            path = ps_bytes_str("/");
            remove_segment(out, start);
        } else if (ps_bytes_equal_str(path, ".") || ps_bytes_equal_str(path, "..")) {
            path.len = 0;
        } else {
            struct ps_bytes rest = ps_bytes(path.data + 1, path.len - 1);
            const struct ps_bytes segment = take_until(&rest, "/");

            ps_buf_put(out, ps_bytes(path.data, segment.len + 1));
            path = rest;
        }
    }
}

/* Section 5.2.3: the base's path up to its last slash, then the reference's. */
static enum ps_err merge(struct arena *arena, const struct parts *base, struct ps_bytes path,
                         struct ps_bytes *ret_path)
{
    struct ps_bytes before = base->path;

    if (base->authority.data != NULL && base->path.len == 0) {
        before = ps_bytes_str("/");
    }
    while (before.len != 0 && before.data[before.len - 1] != '/') {
        before.len--;
    }
    return arena_join(arena, before, path, ret_path);
}

/* Section 5.2.2 for a reference without scheme. */
static enum ps_err transform(struct arena *arena, const struct parts *base, struct parts *ref,
                             bool *ret_dots)
{
    *ret_dots = true;
    ref->scheme = base->scheme;
    if (ref->authority.data != NULL) {
        return PS_OK;
    }
    ref->authority = base->authority;
    if (ref->path.len == 0) {
        ref->path = base->path;
        ref->query = ref->query.data != NULL ? ref->query : base->query;
        *ret_dots = false;
        return PS_OK;
    }
    return ref->path.data[0] == '/' ? PS_OK : merge(arena, base, ref->path, &ref->path);
}

/* Section 5.3. */
static void recompose(const struct parts *parts, bool dots, struct ps_buf *out)
{
    ps_buf_put(out, parts->scheme);
    ps_buf_put_u8(out, ':');
    if (parts->authority.data != NULL) {
        ps_buf_put_str(out, "//");
        ps_buf_put(out, parts->authority);
    }
    if (dots) {
        put_without_dots(out, parts->path);
    } else {
        ps_buf_put(out, parts->path);
    }
    if (parts->query.data != NULL) {
        ps_buf_put_u8(out, '?');
        ps_buf_put(out, parts->query);
    }
    if (parts->fragment.data != NULL) {
        ps_buf_put_u8(out, '#');
        ps_buf_put(out, parts->fragment);
    }
}

enum ps_err iri_resolve(struct arena *arena, struct ps_bytes base, struct ps_bytes reference,
                        struct ps_bytes *ret_iri)
{
    const struct parts from = split(base);
    struct parts parts = split(reference.len == 0 ? ps_bytes_str("") : reference);
    PS_BUF_AUTO out = {.max = base.len + reference.len + 8};
    bool dots = true;

    if (parts.scheme.data == NULL) {
        PS_TRY(transform(arena, &from, &parts, &dots));
    }
    recompose(&parts, dots, &out);
    PS_TRY(ps_buf_status(&out));
    return arena_join(arena, ps_buf_bytes(&out), ps_bytes(NULL, 0), ret_iri);
}
