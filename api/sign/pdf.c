#include "api/handlers.h"
#include "api/sign/sign.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/formats/cms/cms.h"
#include "lib/formats/x509/certificate.h"

#include <assert.h>
#include <stdio.h>

/*
 * Signed PDFs. The body is the document and so is the answer; what is wanted of the signature
 * stands in the query. The keeper is asked twice: with which certificate it would sign, since room
 * for it is part of what is hashed, and then, with the digest, to sign. Only after the first, which
 * says that the caller may, is the document looked at. The document stays where it was received;
 * the answer is that and the update.
 */

#define TEXT_MAX 512u /* octets of a text in the query */
#define LINE_MAX (TEXT_MAX + 32u)

/* What the query says. */
struct wanted {
    struct ps_bytes key;
    struct ps_bytes algorithm;
    struct ps_bytes reason;
    struct ps_bytes location;
    struct ps_bytes text;
    struct pdf_rectangle box;
    bool is_visible;
    uint32_t page;
};

static enum ps_err query_text(const struct exchange *exchange, const char *name,
                              struct ps_bytes *ret_text)
{
    *ret_text = ps_bytes(NULL, 0);
    (void)http_target_parameter(http_request_target(exchange->request), name, ret_text);
    if (ret_text->len > TEXT_MAX) {
        return ps_fail(PS_E_INPUT, 0, "the query parameter %s has more than %u octets", name,
                       TEXT_MAX);
    }
    return PS_OK;
}

/* The next of the numbers between commas. */
static enum ps_err take_coordinate(struct ps_bytes *rest, bool is_last, int64_t *ret_number)
{
    const uint8_t *comma = rest->len == 0 ? NULL : memchr(rest->data, ',', rest->len);
    struct ps_bytes text =
        ps_bytes(rest->data, comma == NULL ? rest->len : (size_t)(comma - rest->data));
    struct pdf_value value;

    if ((comma == NULL) != is_last) {
        return PS_E_INPUT;
    }
    *rest = ps_bytes_from(*rest, text.len + 1);
    PS_TRY(pdf_take_value(&text, &value));
    return text.len == 0 ? pdf_thousandths(value, ret_number) : PS_E_INPUT;
}

/* "left,bottom,right,top" in points, from the page's lower left corner. */
static enum ps_err read_rectangle(struct ps_bytes text, struct pdf_rectangle *ret_box)
{
    int64_t numbers[4];

    for (size_t i = 0; i < PS_COUNT_OF(numbers); i++) {
        if (take_coordinate(&text, i + 1 == PS_COUNT_OF(numbers), &numbers[i]) != PS_OK) {
            return ps_fail(PS_E_INPUT, 0,
                           "the query parameter rectangle is not left,bottom,right,top in points");
        }
    }
    if (numbers[0] >= numbers[2] || numbers[1] >= numbers[3]) {
        return ps_fail(PS_E_INPUT, 0,
                       "the query parameter rectangle: right is not over left, or top not over "
                       "bottom");
    }
    *ret_box = (struct pdf_rectangle){numbers[0], numbers[1], numbers[2], numbers[3]};
    return PS_OK;
}

static enum ps_err read_query(const struct exchange *exchange, struct wanted *ret_wanted)
{
    struct wanted wanted = {.page = 1};
    struct ps_bytes rectangle;
    uint64_t page = 1;

    PS_TRY(query_text(exchange, "key", &wanted.key));
    PS_TRY(query_text(exchange, "algorithm", &wanted.algorithm));
    PS_TRY(query_text(exchange, "reason", &wanted.reason));
    PS_TRY(query_text(exchange, "location", &wanted.location));
    PS_TRY(query_text(exchange, "text", &wanted.text));
    PS_TRY(query_text(exchange, "rectangle", &rectangle));
    PS_TRY(exchange_query_number(exchange, "page", 1, UINT32_MAX, &page));
    PS_TRY(sign_check_algorithm(wanted.algorithm));
    if (!ps_name_valid(wanted.key)) {
        return ps_fail(PS_E_INPUT, 0, "the query parameter key: the name of a key is needed");
    }
    if (rectangle.data != NULL) {
        PS_TRY(read_rectangle(rectangle, &wanted.box));
        wanted.is_visible = true;
    } else if (wanted.text.data != NULL) {
        return ps_fail(PS_E_INPUT, 0, "the query parameter text needs a rectangle to stand in");
    }
    wanted.page = (uint32_t)page;
    *ret_wanted = wanted;
    return PS_OK;
}

static void refuse_err(struct exchange *exchange, enum ps_err err)
{
    const enum ps_problem problem = sign_problem_of(err);

    exchange_refuse(exchange, problem, problem == PS_PROBLEM_INTERNAL ? NULL : ps_detail()->text);
}

/* The texts of what is seen, which the signature borrows. */
struct lines {
    struct ps_buf name;
    char octets[4][LINE_MAX];
};

static void lines_clear(struct lines *lines)
{
    ps_buf_clear(&lines->name);
}

static void add_line(struct pdf_signature *signature, struct lines *lines, const char *title,
                     struct ps_bytes text)
{
    char *line = lines->octets[signature->line_count];
    int len;

    if (text.len == 0) {
        return;
    }
    len = snprintf(line, LINE_MAX, "%s%.*s", title, PS_BYTES_FMT(text));
    assert(len > 0 && len < (int)LINE_MAX);
    signature->lines[signature->line_count++] = ps_bytes(line, (size_t)len);
}

static void add_date(struct pdf_signature *signature, struct lines *lines)
{
    char time[PS_TIME_MAX];
    const size_t len = ps_time_format(signature->time_ns, 0, time);

    assert(len == 20); /* 2026-01-02T03:04:05Z */
    time[10] = ' ';
    (void)snprintf(time + 19, sizeof time - 19, " UTC");
    add_line(signature, lines, "Date: ", ps_bytes_str(time));
}

static void add_lines(const struct wanted *wanted, struct pdf_signature *signature,
                      struct lines *lines)
{
    if (wanted->text.len != 0) {
        add_line(signature, lines, "", wanted->text);
        return;
    }
    add_line(signature, lines, "Digitally signed by ", signature->name);
    add_line(signature, lines, "Reason: ", wanted->reason);
    add_line(signature, lines, "Location: ", wanted->location);
    add_date(signature, lines);
}

static enum ps_err put_name(struct ps_bytes chain, struct ps_buf *out)
{
    PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *leaf = NULL;
    struct ps_bytes first = ps_bytes(NULL, 0);

    PS_TRY(cms_chain_leaf(chain, &first));
    PS_TRY(x509_read(first, &leaf));
    x509_put_common_name(leaf, out);
    PS_TRY(ps_buf_status(out));
    /* A whole subject may be longer than any text that is shown. */
    out->len = ps_utf8_prefix(ps_bytes(out->data, out->len < TEXT_MAX ? out->len : TEXT_MAX));
    return PS_OK;
}

/* The update, into the answer's buffer; *ret_slot says where the signature goes. */
static enum ps_err put_update(struct exchange *exchange, struct ps_bytes chain,
                              struct pdf_slot *ret_slot)
{
    PS_CLEANUP(pdf_free_cleanup) struct pdf *pdf = NULL;
    PS_CLEANUP(lines_clear) struct lines lines = {.name = {.max = X509_CERTIFICATE_MAX}};
    struct wanted wanted;
    struct pdf_signature signature = {.time_ns = ps_clock_real_ns()};

    PS_TRY(read_query(exchange, &wanted));
    PS_TRY(put_name(chain, &lines.name));
    PS_TRY(cms_signed_data_max(chain, &signature.cms_max));
    signature.name = ps_buf_bytes(&lines.name);
    signature.reason = wanted.reason;
    signature.location = wanted.location;
    signature.page = wanted.page;
    signature.box = wanted.box;
    if (wanted.is_visible) {
        add_lines(&wanted, &signature, &lines);
    }
    ps_random(signature.random, sizeof signature.random);
    PS_TRY(pdf_open(http_request_body(exchange->request), &pdf));
    return pdf_put_update(pdf, &signature, http_request_out(exchange->request), ret_slot);
}

/* All but the place of the signature: the file, and the update's two parts. */
static void hash_ranges(const struct exchange *exchange, enum ps_hash hash,
                        uint8_t out[PS_HASH_MAX])
{
    const struct pdf_slot *slot = &exchange->pdf;
    const struct ps_bytes file = http_request_body(exchange->request);
    const struct ps_bytes update = ps_buf_bytes(http_request_out(exchange->request));
    const struct ps_bytes parts[] = {file, ps_bytes(update.data, slot->begin - file.len),
                                     ps_bytes_from(update, slot->end - file.len)};

    ps_hash_parts(hash, parts, PS_COUNT_OF(parts), out);
}

static void on_signed(struct exchange *exchange, uint32_t item, const struct ipc_message *info,
                      const void *message)
{
    const struct http_answer answer = {
        .status = 200, .media = "application/pdf", .is_after_body = true};
    const size_t file_len = http_request_body(exchange->request).len;
    enum ps_err err;
    PS_BUF_AUTO cms = {.max = CMS_CHAIN_MAX + CMS_OVERHEAD_MAX};

    (void)item;
    if (info == &msg_problem_info) {
        exchange_refuse_message(exchange, message);
        return;
    }
    err = cms_put_answer(message, &cms);
    if (err == PS_OK) {
        err = pdf_fill_slot(ps_buf_bytes(&cms), &exchange->pdf, file_len,
                            http_request_out(exchange->request));
    }
    if (err == PS_E_LIMIT) {
        exchange_refuse(exchange, PS_PROBLEM_CONFLICT,
                        "the key's certificate changed meanwhile; ask again");
    } else if (err != PS_OK) {
        exchange_refuse(exchange, PS_PROBLEM_INTERNAL, NULL);
    } else {
        http_answer(exchange->request, &answer);
    }
}

static void ask_signature(struct exchange *exchange, const struct msg_cms_signer_found *found)
{
    const enum ps_hash hash = cms_hash(ps_alg_by_name(found->algorithm));
    uint8_t digest[PS_HASH_MAX];
    const struct msg_cms_sign message = {.caller = exchange_caller(exchange),
                                         .request_id = http_request_id(exchange->request),
                                         .key = exchange->pdf_key,
                                         .algorithm = found->algorithm,
                                         .digest = ps_bytes(digest, ps_hash_len(hash)),
                                         .is_digest = 1,
                                         .version = found->version};

    hash_ranges(exchange, hash, digest);
    exchange_ask(exchange, &msg_cms_sign_info, &message, &msg_cms_signed_info, on_signed);
}

static void on_signer_found(struct exchange *exchange, uint32_t item,
                            const struct ipc_message *info, const void *message)
{
    const struct msg_cms_signer_found *found = message;
    enum ps_err err;

    (void)item;
    if (info == &msg_problem_info) {
        exchange_refuse_message(exchange, message);
        return;
    }
    err = put_update(exchange, found->chain, &exchange->pdf);
    if (err != PS_OK) {
        refuse_err(exchange, err);
        return;
    }
    ask_signature(exchange, found);
}

void pdf_sign(struct exchange *exchange)
{
    struct wanted wanted;
    struct msg_cms_signer message = {0};
    enum ps_err err = read_query(exchange, &wanted);

    if (err == PS_OK) {
        err = pdf_check_begin(http_request_body(exchange->request));
    }
    if (err != PS_OK) {
        refuse_err(exchange, err);
        return;
    }
    exchange->pdf_key = wanted.key;
    message = (struct msg_cms_signer){.caller = exchange_caller(exchange),
                                      .request_id = http_request_id(exchange->request),
                                      .key = wanted.key,
                                      .algorithm = wanted.algorithm};
    exchange_ask(exchange, &msg_cms_signer_info, &message, &msg_cms_signer_found_info,
                 on_signer_found);
}
