#include "frontends/oidc/transaction.h"

#include "lib/base/encode.h"
#include "lib/base/reader.h"

#define FIELD_MAX      TRANSACTION_LIST_MAX
#define RECORD_VERSION 3u

void transaction_init(struct transaction *transaction)
{
    for (size_t i = 0; i < TRANSACTION_FIELDS; i++) {
        transaction->of[i] = PS_BUF_SECRET(FIELD_MAX);
    }
    transaction->of[TRANSACTION_CLAIMS].max = TRANSACTION_CLAIMS_MAX;
}

void transaction_clear(struct transaction *transaction)
{
    for (size_t i = 0; i < TRANSACTION_FIELDS; i++) {
        ps_buf_clear(&transaction->of[i]);
    }
}

enum ps_err transaction_set(struct transaction *transaction, enum transaction_field field,
                            struct ps_bytes text)
{
    struct ps_buf *member = &transaction->of[field];

    ps_buf_reset(member);
    ps_buf_put(member, text);
    return ps_buf_status(member);
}

struct ps_bytes transaction_text(const struct transaction *transaction,
                                 enum transaction_field field)
{
    return ps_buf_bytes(&transaction->of[field]);
}

enum ps_err transaction_write(const struct transaction *transaction, struct ps_buf *out)
{
    ps_buf_put_u8(out, RECORD_VERSION);
    for (size_t i = 0; i < TRANSACTION_FIELDS; i++) {
        PS_TRY(ps_buf_status(&transaction->of[i]));
        ps_buf_put_u32(out, (uint32_t)transaction->of[i].len);
        ps_buf_put(out, ps_buf_bytes(&transaction->of[i]));
    }
    return ps_buf_status(out);
}

enum ps_err transaction_read(struct ps_bytes record, struct transaction *transaction)
{
    struct ps_reader reader = ps_reader(record);

    if (ps_reader_u8(&reader) != RECORD_VERSION) {
        return ps_fail(PS_E_INPUT, 0, "a record of another version");
    }
    for (size_t i = 0; i < TRANSACTION_FIELDS; i++) {
        const uint32_t len = ps_reader_u32(&reader);

        PS_TRY(
            transaction_set(transaction, (enum transaction_field)i, ps_reader_take(&reader, len)));
    }
    return ps_reader_finish(&reader);
}

void words_add(struct ps_buf *list, struct ps_bytes word)
{
    if (list->len != 0) {
        ps_buf_put_u8(list, ' ');
    }
    ps_buf_put(list, word);
}

bool words_next(struct ps_bytes *list, struct ps_bytes *ret_word)
{
    const uint8_t *space;

    while (list->len != 0 && list->data[0] == ' ') {
        *list = ps_bytes_from(*list, 1);
    }
    if (list->len == 0) {
        return false;
    }
    space = memchr(list->data, ' ', list->len);
    *ret_word = ps_bytes(list->data, space == NULL ? list->len : (size_t)(space - list->data));
    *list = ps_bytes_from(*list, ret_word->len);
    return true;
}

bool words_have(struct ps_bytes list, struct ps_bytes word)
{
    struct ps_bytes one;

    while (words_next(&list, &one)) {
        if (ps_bytes_equal(one, word)) {
            return true;
        }
    }
    return false;
}

void words_put_json(struct ps_bytes list, struct ps_buf *out)
{
    struct ps_bytes word;
    const char *before = "";

    ps_buf_put_u8(out, '[');
    while (words_next(&list, &word)) {
        ps_buf_put_str(out, before);
        ps_buf_put_json_string(out, word);
        before = ",";
    }
    ps_buf_put_u8(out, ']');
}
