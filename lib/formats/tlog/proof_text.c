#include "lib/formats/tlog/proof_text.h"

#include "lib/base/encode.h"
#include "lib/formats/tlog/note_internal.h"

/* "The client MUST NOT send more than 63 consistency proof lines": C2SP tlog-witness. */
#define LINES_MAX 63u

static const char proof_title[] = "c2sp.org/tlog-proof@v1";

static enum ps_err bad(const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "proof: %s", what);
}

static void put_hashes(const struct merkle_proof *proof, struct ps_buf *out)
{
    for (size_t i = 0; i < proof->count; i++) {
        ps_buf_put_base64(out, ps_bytes(proof->hashes[i].octets, PS_SHA256_LEN));
        ps_buf_put_u8(out, '\n');
    }
    ps_buf_put_u8(out, '\n');
}

/* Lines of one hash each, up to the empty one. */
static enum ps_err read_hashes(struct ps_bytes *rest, struct merkle_proof *ret_proof)
{
    struct merkle_proof proof = {.count = 0};

    for (;;) {
        uint8_t octets[PS_SHA256_LEN + 3];
        struct ps_buf decoded = {.data = octets, .cap = sizeof octets, .max = sizeof octets};
        struct ps_bytes line = {0};

        if (!note_split_line(rest, '\n', &line)) {
            return bad("no empty line before the checkpoint");
        }
        if (line.len == 0) {
            break;
        }
        if (proof.count == LINES_MAX) {
            return bad("more hashes than a proof has");
        }
        if (ps_base64_decode(line, &decoded) != PS_OK || decoded.len != PS_SHA256_LEN) {
            return bad("a line that is no hash in base64");
        }
        memcpy(proof.hashes[proof.count++].octets, octets, PS_SHA256_LEN);
    }
    *ret_proof = proof;
    return PS_OK;
}

/* "<word> <number>\n" */
static enum ps_err read_number(struct ps_bytes *rest, const char *word, uint64_t *ret_number)
{
    struct ps_bytes line = {0};
    struct ps_bytes name = {0};

    if (!note_split_line(rest, '\n', &line) || !note_split_line(&line, ' ', &name) ||
        !ps_bytes_equal_str(name, word)) {
        return ps_fail(PS_E_INPUT, 0, "proof: no line \"%s NUMBER\" where one has to be", word);
    }
    return note_read_decimal(line, ret_number);
}

void tlog_proof_put(const struct tlog_proof *proof, struct ps_buf *out)
{
    ps_buf_put_str(out, proof_title);
    ps_buf_put_u8(out, '\n');
    if (proof->extra.len != 0) {
        ps_buf_put_str(out, "extra ");
        ps_buf_put_base64(out, proof->extra);
        ps_buf_put_u8(out, '\n');
    }
    ps_buf_put_str(out, "index ");
    ps_buf_put_decimal(out, proof->index);
    ps_buf_put_u8(out, '\n');
    put_hashes(&proof->path, out);
    ps_buf_put(out, proof->checkpoint);
}

static enum ps_err read_extra(struct ps_bytes *rest, struct ps_buf *extra)
{
    static const struct ps_bytes word = {(const uint8_t *)"extra ", 6};
    struct ps_bytes line = {0};

    if (!ps_bytes_starts_with(*rest, word)) {
        return PS_OK;
    }
    /* "If no extra data is present, this line is omitted." */
    if (!note_split_line(rest, '\n', &line) || line.len == word.len ||
        ps_base64_decode(ps_bytes_from(line, word.len), extra) != PS_OK) {
        return extra->err == PS_E_LIMIT ? bad("the extra data is too long")
                                        : bad("the extra data is not base64");
    }
    return PS_OK;
}

enum ps_err tlog_proof_parse(struct ps_bytes text, struct ps_buf *extra,
                             struct tlog_proof *ret_proof)
{
    struct tlog_proof proof = {.index = 0};
    struct ps_bytes rest = text;
    struct ps_bytes line = {0};

    if (!note_split_line(&rest, '\n', &line) || !ps_bytes_equal_str(line, proof_title)) {
        return bad("the first line is not c2sp.org/tlog-proof@v1");
    }
    ps_buf_reset(extra);
    PS_TRY(read_extra(&rest, extra));
    PS_TRY(read_number(&rest, "index", &proof.index));
    PS_TRY(read_hashes(&rest, &proof.path));
    if (rest.len == 0) {
        return bad("no checkpoint");
    }
    proof.extra = ps_buf_bytes(extra);
    proof.checkpoint = rest;
    *ret_proof = proof;
    return PS_OK;
}

void witness_request_put(const struct witness_request *request, struct ps_buf *out)
{
    ps_buf_put_str(out, "old ");
    ps_buf_put_decimal(out, request->old);
    ps_buf_put_u8(out, '\n');
    put_hashes(&request->proof, out);
    ps_buf_put(out, request->checkpoint);
}

enum ps_err witness_request_parse(struct ps_bytes text, struct witness_request *ret_request)
{
    struct witness_request request = {.old = 0};
    struct ps_bytes rest = text;

    PS_TRY(read_number(&rest, "old", &request.old));
    PS_TRY(read_hashes(&rest, &request.proof));
    if (rest.len == 0) {
        return bad("no checkpoint");
    }
    request.checkpoint = rest;
    *ret_request = request;
    return PS_OK;
}
