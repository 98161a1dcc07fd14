#include "lib/formats/pdf/internal.h"

#include <zlib.h>

/* PNG's predictors (ISO 32000-1 section 7.4.4.4), of samples of one octet. */
#define PREDICTOR_NONE      1u
#define PREDICTOR_PNG_FIRST 10u
#define PREDICTOR_PNG_LAST  15u
#define COLUMNS_MAX         64u

struct filter {
    bool is_flate;
    uint64_t predictor;
    uint64_t columns;
};

/* The one element of an array, or the value itself. */
static enum ps_err only_element(struct pdf_value value, struct pdf_value *ret_value)
{
    struct pdf_value second;
    struct ps_bytes rest;
    bool more;

    *ret_value = value;
    if (value.kind != PDF_ARRAY) {
        return PS_OK;
    }
    rest = pdf_inside(value);
    PS_TRY(pdf_next_element(&rest, ret_value, &more));
    if (!more) {
        *ret_value = (struct pdf_value){.kind = PDF_NULL};
        return PS_OK;
    }
    PS_TRY(pdf_next_element(&rest, &second, &more));
    return more ? pdf_unsupported("a stream of its structure has several filters") : PS_OK;
}

static enum ps_err get_number(struct pdf_value dict, const char *key, uint64_t otherwise,
                              uint64_t *ret_number)
{
    struct pdf_value value;

    PS_TRY(pdf_get(dict, key, &value));
    if (value.kind == PDF_NULL) {
        *ret_number = otherwise;
        return PS_OK;
    }
    return pdf_unsigned(value, UINT32_MAX, ret_number);
}

static enum ps_err read_parameters(struct pdf_value dict, struct filter *filter)
{
    uint64_t colors;
    uint64_t bits;

    PS_TRY(get_number(dict, "Predictor", PREDICTOR_NONE, &filter->predictor));
    PS_TRY(get_number(dict, "Columns", 1, &filter->columns));
    PS_TRY(get_number(dict, "Colors", 1, &colors));
    PS_TRY(get_number(dict, "BitsPerComponent", 8, &bits));
    if (filter->predictor == PREDICTOR_NONE) {
        return PS_OK;
    }
    if (filter->predictor < PREDICTOR_PNG_FIRST || filter->predictor > PREDICTOR_PNG_LAST ||
        colors != 1 || bits != 8 || filter->columns == 0 || filter->columns > COLUMNS_MAX) {
        return pdf_unsupported("a stream of its structure has an unusual predictor");
    }
    return PS_OK;
}

static enum ps_err read_filter(struct pdf *pdf, struct pdf_value dict, struct filter *ret_filter)
{
    struct filter filter = {.predictor = PREDICTOR_NONE};
    struct pdf_value value;

    PS_TRY(pdf_get_resolved(pdf, dict, "F", &value));
    if (value.kind != PDF_NULL) {
        return pdf_unsupported("a stream of its structure stands in another file");
    }
    PS_TRY(pdf_get_resolved(pdf, dict, "Filter", &value));
    PS_TRY(only_element(value, &value));
    filter.is_flate = pdf_name_is(value, "FlateDecode");
    if (value.kind != PDF_NULL && !filter.is_flate) {
        return pdf_unsupported("a stream of its structure has a filter other than FlateDecode");
    }
    PS_TRY(pdf_get_resolved(pdf, dict, "DecodeParms", &value));
    PS_TRY(only_element(value, &value));
    if (value.kind != PDF_NULL && filter.is_flate) {
        PS_TRY(read_parameters(value, &filter));
    }
    *ret_filter = filter;
    return PS_OK;
}

static void end_inflate(z_stream *stream)
{
    (void)inflateEnd(stream);
}

/* Piece by piece, each counted before the next: a small file may claim to hold gigabytes. */
static enum ps_err inflate_all(struct pdf *pdf, z_stream *stream, struct ps_buf *out)
{
    const size_t piece = 16384;
    int status = Z_OK;

    while (status == Z_OK) {
        uint8_t *room;

        PS_TRY(pdf_work(pdf, piece));
        room = ps_buf_reserve(out, piece);
        if (room == NULL) {
            return ps_buf_status(out);
        }
        stream->next_out = room;
        stream->avail_out = (uInt)piece;
        status = inflate(stream, Z_NO_FLUSH);
        ps_buf_commit(out, piece - stream->avail_out);
    }
    return status == Z_STREAM_END ? PS_OK : pdf_bad("a compressed stream is broken");
}

static enum ps_err decompress(struct pdf *pdf, struct ps_bytes octets, struct ps_buf *out)
{
    z_stream started = {.next_in = (z_const Bytef *)(uintptr_t)octets.data,
                        .avail_in = (uInt)octets.len};
    PS_CLEANUP(end_inflate) z_stream stream = started;

    if (octets.len > UINT32_MAX || inflateInit(&stream) != Z_OK) {
        return ps_fail(PS_E_NO_MEMORY, 0, "zlib cannot start");
    }
    return inflate_all(pdf, &stream, out);
}

/* Paeth's predictor: of left, above and above left the one nearest to their plane. */
static uint8_t paeth(uint8_t left, uint8_t above, uint8_t corner)
{
    const int estimate = left + above - corner;
    const int to_left = estimate > left ? estimate - left : left - estimate;
    const int to_above = estimate > above ? estimate - above : above - estimate;
    const int to_corner = estimate > corner ? estimate - corner : corner - estimate;

    if (to_left <= to_above && to_left <= to_corner) {
        return left;
    }
    return to_above <= to_corner ? above : corner;
}

static enum ps_err undo_row(uint8_t type, const uint8_t *above, uint8_t *row, size_t columns)
{
    if (type > 4) {
        return pdf_bad("a row of a stream has no PNG predictor");
    }
    for (size_t i = 0; i < columns; i++) {
        const uint8_t left = i == 0 ? 0 : row[i - 1];
        const uint8_t corner = i == 0 ? 0 : above[i - 1];
        const uint8_t guesses[] = {0, left, above[i], (uint8_t)((left + above[i]) / 2),
                                   paeth(left, above[i], corner)};

        row[i] = (uint8_t)(row[i] + guesses[type]);
    }
    return PS_OK;
}

/* Each row is the octet of its predictor and the samples. */
static enum ps_err undo_predictor(size_t columns, struct ps_bytes rows, struct ps_buf *out)
{
    uint8_t lines[2][COLUMNS_MAX] = {{0}};
    size_t number = 0;

    if (rows.len % (columns + 1) != 0) {
        return pdf_bad("a stream does not end with a whole row");
    }
    for (; rows.len != 0; rows = ps_bytes_from(rows, columns + 1), number++) {
        uint8_t *row = lines[number % 2];

        memcpy(row, rows.data + 1, columns);
        PS_TRY(undo_row(rows.data[0], lines[(number + 1) % 2], row, columns));
        ps_buf_put(out, ps_bytes(row, columns));
    }
    return ps_buf_status(out);
}

/* ISO 32000-1 section 7.3.8: "stream", a line's end that is no lone CR, and /Length octets. */
static enum ps_err take_data(struct pdf *pdf, struct pdf_value dict, struct ps_bytes rest,
                             struct ps_bytes *ret_data)
{
    const size_t before = rest.len;
    struct pdf_value value;
    uint64_t len;

    if (!pdf_take_word(&rest, "stream")) {
        return pdf_bad("no stream where one is needed");
    }
    rest = ps_bytes_from(rest, rest.len != 0 && rest.data[0] == '\r' ? 1 : 0);
    if (rest.len == 0 || rest.data[0] != '\n') {
        return pdf_bad("a stream does not begin on a new line");
    }
    rest = ps_bytes_from(rest, 1);
    PS_TRY(pdf_get_resolved(pdf, dict, "Length", &value));
    PS_TRY(pdf_unsigned(value, rest.len, &len));
    *ret_data = ps_bytes(rest.data, (size_t)len);
    rest = ps_bytes_from(rest, (size_t)len);
    if (!pdf_take_word(&rest, "endstream")) {
        return pdf_bad("a stream has a wrong /Length");
    }
    return pdf_work(pdf, before - rest.len);
}

enum ps_err pdf_read_stream(struct pdf *pdf, struct pdf_value dict, struct ps_bytes rest,
                            struct ps_buf *out)
{
    struct filter filter = {.predictor = PREDICTOR_NONE};
    struct ps_bytes data = ps_bytes(NULL, 0);
    PS_BUF_AUTO rows = {.max = PDF_WORK_MAX};

    PS_TRY(read_filter(pdf, dict, &filter));
    PS_TRY(take_data(pdf, dict, rest, &data));
    if (!filter.is_flate) {
        ps_buf_put(out, data);
        return ps_buf_status(out);
    }
    if (filter.predictor == PREDICTOR_NONE) {
        return decompress(pdf, data, out);
    }
    PS_TRY(decompress(pdf, data, &rows));
    return undo_predictor((size_t)filter.columns, ps_buf_bytes(&rows), out);
}
