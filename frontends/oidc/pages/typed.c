#include "frontends/oidc/pages/typed.h"

/* Octets of UTF-8 that differ in the last one. */
struct range {
    const char *front;
    uint8_t first;
    uint8_t last;
};

static const struct range blanks[] = {
    {"", ' ', ' '},           {"", '\t', '\t'}, {"\xc2", 0xa0, 0xa0}, /* no-break space */
    {"\xe2\x80", 0x8b, 0x8f}, /* zero width, and marks of direction */
    {"\xe2\x80", 0xaa, 0xaf}, /* embeddings, and a narrow no-break space */
    {"\xe2\x81", 0xa6, 0xa9}, /* isolates */
};

static const struct range digits[] = {
    {"\xd9", 0xa0, 0xa9},
    {"\xdb", 0xb0, 0xb9},
    {"\xe0\xa5", 0xa6, 0xaf},
};

/* The one that `text` begins with; *ret_len: of its octets. */
static const struct range *find(struct ps_bytes text, const struct range *ranges, size_t count,
                                size_t *ret_len)
{
    for (size_t i = 0; i < count; i++) {
        const struct ps_bytes front = ps_bytes_str(ranges[i].front);

        if (text.len > front.len && ps_bytes_starts_with(text, front) &&
            text.data[front.len] >= ranges[i].first && text.data[front.len] <= ranges[i].last) {
            *ret_len = front.len + 1;
            return &ranges[i];
        }
    }
    return NULL;
}

static bool is_blank(struct ps_bytes text, size_t *ret_len)
{
    return find(text, blanks, PS_COUNT_OF(blanks), ret_len) != NULL;
}

static struct ps_bytes trim(struct ps_bytes text)
{
    size_t end = 0;
    size_t len;

    while (is_blank(text, &len)) {
        text = ps_bytes_from(text, len);
    }
    for (size_t at = 0; at < text.len; at += len) {
        if (!is_blank(ps_bytes_from(text, at), &len)) {
            len = 1;
            end = at + 1;
        }
    }
    return ps_bytes(text.data, end);
}

struct ps_bytes typed_read(struct ps_bytes text, struct ps_buf *memory)
{
    const size_t start = memory->len;

    if (text.len > TYPED_MAX || ps_buf_reserve(memory, TYPED_MAX) == NULL) {
        return text;
    }
    text = trim(text);
    while (text.len != 0) {
        size_t len = 1;
        const struct range *digit = find(text, digits, PS_COUNT_OF(digits), &len);

        ps_buf_put_u8(memory, digit == NULL ? text.data[0]
                                            : (uint8_t)('0' + text.data[len - 1] - digit->first));
        text = ps_bytes_from(text, len);
    }
    return ps_bytes(memory->data + start, memory->len - start);
}
