#include "lib/formats/pdf/appearance.h"

#include "lib/formats/pdf/text.h"

/* In thousandths of a point, as all lengths here. */
#define MARGIN        3000
#define SIZE_LARGEST  12000
#define SIZE_SMALLEST 4000
#define SIZE_STEP     500

/* From one line to the next, in hundredths of the size. */
#define LEADING 120

#define TEXT_MAX 4096u

/* Where lines of `text` end when none is wider than `width`; written out when `out` is not NULL. */
struct breaker {
    int64_t size;
    int64_t width;
    size_t count;
    struct ps_buf *out;
};

void pdf_put_thousandths(struct ps_buf *out, int64_t number)
{
    const uint64_t positive = (uint64_t)(number < 0 ? -number : number);

    ps_buf_printf(out, "%s%llu.%03llu", number < 0 ? "-" : "",
                  (unsigned long long)(positive / 1000), (unsigned long long)(positive % 1000));
}

/* `thousandths`: of the font's size. */
static bool fits(const struct breaker *breaker, int64_t thousandths)
{
    return thousandths * breaker->size / 1000 <= breaker->width;
}

/* How much of the text the next line takes: up to a space, or, of a word that is too long, letters.
 */
static size_t line_len(const struct breaker *breaker, struct ps_bytes text)
{
    int64_t width = 0;
    size_t len = 0;
    size_t space = 0;

    for (; len < text.len; len++) {
        width += pdf_helvetica_width(ps_bytes(text.data + len, 1));
        if (!fits(breaker, width)) {
            break;
        }
        if (text.data[len] == ' ') {
            space = len;
        }
    }
    if (len == text.len || space == 0) {
        return len == 0 ? 1 : len;
    }
    return space;
}

static void break_lines(struct breaker *breaker, struct ps_bytes text)
{
    do {
        const size_t len = line_len(breaker, text);

        breaker->count++;
        if (breaker->out != NULL) {
            pdf_put_literal(breaker->out, ps_bytes(text.data, len < text.len ? len : text.len));
            ps_buf_put_str(breaker->out, " Tj T*\n");
        }
        text = ps_bytes_from(text, len);
        text = ps_bytes_from(text, text.len != 0 && text.data[0] == ' ' ? 1 : 0);
    } while (text.len != 0);
}

/* All lines, which stand in `text` with a line feed after each. */
static size_t break_all(struct breaker *breaker, struct ps_bytes text)
{
    breaker->count = 0;
    while (text.len != 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        const size_t len = (size_t)(end - text.data);

        break_lines(breaker, ps_bytes(text.data, len));
        text = ps_bytes_from(text, len + 1);
    }
    return breaker->count;
}

/* The largest size at which all of it fits. */
static enum ps_err choose_size(struct breaker *breaker, struct ps_bytes text, int64_t height)
{
    for (int64_t size = SIZE_LARGEST; size >= SIZE_SMALLEST; size -= SIZE_STEP) {
        breaker->size = size;
        if ((int64_t)break_all(breaker, text) * size * LEADING / 100 <= height) {
            return PS_OK;
        }
    }
    return ps_fail(PS_E_STATE, 0,
                   "the text does not fit into the rectangle: make it larger, or the text shorter");
}

static void put_frame(int64_t width, int64_t height, struct ps_buf *out)
{
    ps_buf_put_str(out, "q 0.5 w 0.4 G 0.25 0.25 ");
    pdf_put_thousandths(out, width - 500);
    ps_buf_put_u8(out, ' ');
    pdf_put_thousandths(out, height - 500);
    ps_buf_put_str(out, " re S Q\n");
}

static enum ps_err put_content(int64_t width, int64_t height, struct ps_bytes text,
                               struct ps_buf *out)
{
    struct breaker breaker = {.width = width - 2 * MARGIN};

    PS_TRY(choose_size(&breaker, text, height - 2 * MARGIN));
    put_frame(width, height, out);
    ps_buf_put_str(out, "BT 0 g /F ");
    pdf_put_thousandths(out, breaker.size);
    ps_buf_put_str(out, " Tf ");
    pdf_put_thousandths(out, breaker.size * LEADING / 100);
    ps_buf_put_str(out, " TL ");
    pdf_put_thousandths(out, MARGIN);
    ps_buf_put_u8(out, ' ');
    pdf_put_thousandths(out, height - MARGIN - breaker.size);
    ps_buf_put_str(out, " Td\n");
    breaker.out = out;
    (void)break_all(&breaker, text);
    ps_buf_put_str(out, "ET\n");
    return ps_buf_status(out);
}

/* A page that is shown turned clockwise has its box turned back. */
static const char *matrix_of(unsigned rotate)
{
    switch (rotate) {
    case 90:
        return "0 1 -1 0 0 0";
    case 180:
        return "-1 0 0 -1 0 0";
    case 270:
        return "0 -1 1 0 0 0";
    default:
        return "1 0 0 1 0 0";
    }
}

enum ps_err pdf_put_appearance(const struct pdf_rectangle *box, unsigned rotate,
                               const struct ps_bytes *lines, size_t count, struct ps_buf *out)
{
    const bool is_turned = rotate % 180 != 0;
    const int64_t across = box->right - box->left;
    const int64_t up = box->top - box->bottom;
    const int64_t width = is_turned ? up : across;
    const int64_t height = is_turned ? across : up;
    PS_BUF_AUTO text = {.max = TEXT_MAX};
    PS_BUF_AUTO content = {.max = 16 * TEXT_MAX};

    for (size_t i = 0; i < count; i++) {
        PS_TRY(pdf_to_win_ansi(lines[i], &text));
        ps_buf_put_u8(&text, '\n');
    }
    PS_TRY(ps_buf_status(&text));
    PS_TRY(put_content(width, height, ps_buf_bytes(&text), &content));
    ps_buf_put_str(out, "<< /Type /XObject /Subtype /Form /BBox [0 0 ");
    pdf_put_thousandths(out, width);
    ps_buf_put_u8(out, ' ');
    pdf_put_thousandths(out, height);
    ps_buf_printf(
        out,
        "] /Matrix [%s] /Resources << /Font << /F << /Type /Font /Subtype /Type1 "
        "/BaseFont /Helvetica /Encoding /WinAnsiEncoding >> >> >> /Length %zu >>\nstream\n",
        matrix_of(rotate), content.len);
    ps_buf_put(out, ps_buf_bytes(&content));
    ps_buf_put_str(out, "endstream");
    return ps_buf_status(out);
}
