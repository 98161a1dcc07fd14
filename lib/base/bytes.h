#ifndef PS_BASE_BYTES_H
#define PS_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Octets that someone else owns. `data` may be NULL when `len` is 0. */
struct ps_bytes {
    const uint8_t *data;
    size_t len;
};

static inline struct ps_bytes ps_bytes(const void *data, size_t len)
{
    return (struct ps_bytes){.data = data, .len = len};
}

/* The octets of a string without its NUL. */
static inline struct ps_bytes ps_bytes_str(const char *text)
{
    return ps_bytes(text, text == NULL ? 0 : strlen(text));
}

static inline bool ps_bytes_equal(struct ps_bytes a, struct ps_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool ps_bytes_equal_str(struct ps_bytes a, const char *text)
{
    return ps_bytes_equal(a, ps_bytes_str(text));
}

static inline bool ps_bytes_starts_with(struct ps_bytes a, struct ps_bytes prefix)
{
    return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.data, prefix.data, prefix.len) == 0);
}

/* `from` may be past the end: the result is then empty. */
static inline struct ps_bytes ps_bytes_from(struct ps_bytes a, size_t from)
{
    return from >= a.len ? ps_bytes(NULL, 0) : ps_bytes(a.data + from, a.len - from);
}

/* ASCII, whatever the locale is. */
static inline bool ps_is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool ps_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Orders as memcmp does; a prefix comes before what it begins. */
int ps_bytes_compare(struct ps_bytes a, struct ps_bytes b);

/* Compares in a time that depends on the lengths alone. */
bool ps_bytes_equal_secret(struct ps_bytes a, struct ps_bytes b);

/* A NUL-terminated copy on the heap; NULL without memory. The octets hold no NUL. */
char *ps_bytes_to_str(struct ps_bytes a);

/* For printf: "%.*s". Lengths over INT_MAX are cut. */
#define PS_BYTES_FMT(b) (int)((b).len > 0x7fffffff ? 0x7fffffff : (b).len), (const char *)(b).data

#endif
