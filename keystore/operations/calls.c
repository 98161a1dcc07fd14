#include "keystore/operations/calls.h"

#include "lib/base/reader.h"

/* The last element of the list, which says how many more there were. */
#define LEFT_OUT_MAX 32u

struct row {
    struct ps_bytes call;
    struct ps_bytes class;
    struct ps_bytes id;
    struct ps_bytes answer;
    uint16_t times;
};

static struct ps_bytes take_field(struct ps_reader *reader)
{
    return ps_reader_take(reader, ps_reader_u8(reader));
}

/* Names of the standard, and what we add to them: "C_Login as SO". */
static bool is_plain(struct ps_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];
        const bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        if (!is_letter && !(c >= '0' && c <= '9') && c != '_' && c != ' ') {
            return false;
        }
    }
    return true;
}

static bool read_row(struct ps_reader *reader, struct row *ret_row)
{
    ret_row->call = take_field(reader);
    ret_row->class = take_field(reader);
    ret_row->id = take_field(reader);
    ret_row->answer = take_field(reader);
    ret_row->times = ps_reader_u16(reader);
    return !reader->failed && is_plain(ret_row->call) && is_plain(ret_row->class) &&
           is_plain(ret_row->answer) && ret_row->id.len <= IPC_OBJECT_ID_MAX;
}

static void put_row(const struct row *row, struct ps_bytes token, struct ps_buf *out)
{
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_text(&json, "call", row->call);
    writer_text_if(&json, "class", row->class);
    if (row->id.len != 0) {
        writer_hex(&json, "id", row->id);
    }
    writer_text(&json, "rv", row->answer);
    if (row->times > 1) {
        writer_number(&json, "times", row->times);
    }
    writer_text(&json, "token", token);
    writer_end_object(&json);
}

static void note(struct operation *op, const struct row *row, struct ps_bytes token)
{
    PS_BUF_AUTO text = {.max = CALLS_OCTETS_MAX};

    put_row(row, token, &text);
    if (op->calls_left_out != 0 || ps_buf_status(&text) != PS_OK ||
        op->calls.len + text.len + LEFT_OUT_MAX > CALLS_OCTETS_MAX) {
        op->calls_left_out++;
        return;
    }
    if (op->calls.len != 0) {
        ps_buf_put_u8(&op->calls, ',');
    }
    ps_buf_put(&op->calls, ps_buf_bytes(&text));
    op->call_count++;
}

void operation_note_calls(struct operation *op, const struct token_answer *answer)
{
    struct ps_reader reader;
    struct row row;

    if (answer->calls == NULL) {
        return;
    }
    reader = ps_reader(answer->calls->rows);
    while (reader.left.len != 0) {
        if (!read_row(&reader, &row)) {
            op->calls_left_out++;
            return;
        }
        note(op, &row, tokens_name(tokens_process_token(answer->process)));
    }
    op->calls_left_out += answer->calls->left_out;
}

void operation_leave_calls_out(struct operation *op)
{
    op->calls_left_out += op->call_count;
    op->call_count = 0;
    ps_buf_reset(&op->calls);
}

void operation_forget_calls(struct operation *op)
{
    operation_leave_calls_out(op);
    op->calls_left_out = 0;
}

void operation_put_calls(const struct operation *op, struct writer *json)
{
    if (op->call_count == 0 && op->calls_left_out == 0) {
        return;
    }
    writer_begin_array(json, "calls");
    if (op->call_count != 0) {
        writer_raw(json, NULL, ps_buf_bytes(&op->calls));
    }
    if (op->calls_left_out != 0) {
        writer_begin_object(json, NULL);
        writer_number(json, "left_out", op->calls_left_out);
        writer_end_object(json);
    }
    writer_end_array(json);
}
