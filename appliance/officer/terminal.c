#include "appliance/officer/terminal.h"

#include "lib/base/encode.h"

#include <stdio.h>
#include <unistd.h>

/* Three octets of text become at most eight: \u{202E}. */
#define VISIBLE_MAX ((size_t)8 * 1024 * 1024)

struct range {
    uint32_t first;
    uint32_t last;
};

/* Controls, and what Unicode draws as nothing or uses to turn the direction of others. */
static const struct range hidden[] = {
    {0x00, 0x09},     {0x0b, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},       {0x34f, 0x34f},
    {0x61c, 0x61c},   {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f},   {0x200b, 0x200f},
    {0x2028, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164}, {0xe000, 0xf8ff},   {0xfe00, 0xfe0f},
    {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0xe0000, 0x10ffff}};

static bool is_hidden(uint32_t point)
{
    for (size_t i = 0; i < PS_COUNT_OF(hidden); i++) {
        if (point >= hidden[i].first && point <= hidden[i].last) {
            return true;
        }
    }
    return false;
}

/* How many octets the character has, from its first; the text is valid UTF-8. */
static size_t character_len(uint8_t first)
{
    if (first < 0x80) {
        return 1;
    }
    return first < 0xe0 ? 2 : (first < 0xf0 ? 3 : 4);
}

static uint32_t code_point(const uint8_t *at, size_t len)
{
    uint32_t point = len == 1 ? at[0] : at[0] & (0x7fu >> len);

    for (size_t i = 1; i < len; i++) {
        point = point << 6 | (at[i] & 0x3fu);
    }
    return point;
}

static void put_valid(struct ps_buf *out, struct ps_bytes text)
{
    for (size_t i = 0; i < text.len;) {
        const size_t len = character_len(text.data[i]);
        const uint32_t point = code_point(text.data + i, len);

        if (is_hidden(point)) {
            ps_buf_printf(out, "\\u{%X}", (unsigned)point);
        } else {
            ps_buf_put(out, ps_bytes(text.data + i, len));
        }
        i += len;
    }
}

void terminal_put_visible(struct ps_buf *out, struct ps_bytes text)
{
    while (text.len != 0) {
        const size_t valid = ps_utf8_prefix(text);

        put_valid(out, ps_bytes(text.data, valid));
        text = ps_bytes_from(text, valid);
        if (text.len != 0) {
            ps_buf_printf(out, "\\x%02X", (unsigned)text.data[0]);
            text = ps_bytes_from(text, 1);
        }
    }
}

enum ps_err terminal_print(struct ps_bytes text)
{
    PS_BUF_AUTO visible = {.max = VISIBLE_MAX};

    terminal_put_visible(&visible, text);
    PS_TRY(ps_buf_status(&visible));
    if (fwrite(visible.data, 1, visible.len, stdout) != visible.len || fflush(stdout) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot write to standard output");
    }
    return PS_OK;
}

enum ps_err terminal_ask(const char *question, const char *expected)
{
    char line[64];

    if (isatty(STDIN_FILENO) != 1) {
        return ps_fail(PS_E_STATE, 0,
                       "standard input is no terminal, so nobody can be asked; scripts give the "
                       "first four words with --yes");
    }
    (void)printf("%s", question);
    (void)fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL) {
        line[0] = '\0';
    }
    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line, expected) != 0) {
        return ps_fail(PS_E_DENIED, 0, "you did not type %s, so nothing was signed", expected);
    }
    return PS_OK;
}
