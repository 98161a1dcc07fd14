#include "keystore/reads/internal.h"

#include "keystore/catalog/pin_record.h"
#include "keystore/custody/custody.h"

/* How PINs are split, and how far an unlock is. */

enum ps_err read_unlock(struct read *read)
{
    struct writer json = writer(&read->body);

    writer_begin_object(&json, NULL);
    custody_put_unlock(read->keeper->custody, &json);
    writer_end_object(&json);
    return PS_OK;
}

static void put_holder(const struct pin_holder *holder, struct writer *json)
{
    writer_begin_object(json, NULL);
    writer_text(json, "officer", holder->officer);
    writer_hex(json, "certificate", holder->certificate);
    writer_hex(json, "commitment", holder->commitment);
    writer_octets(json, "sealed", holder->sealed);
    writer_end_object(json);
}

static enum ps_err put_pin(struct read *read, const struct catalog_row *row, struct writer *json,
                           bool *ret_written)
{
    struct pin_record record;
    struct pin_holder holder;
    struct json_value body;

    PS_TRY(json_parse(read->parser, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(pin_record_read(body, &record));
    writer_begin_object(json, NULL);
    writer_text(json, "name", row->name);
    writer_text(json, "token", record.token);
    writer_str(json, "pin", share_pin_name(record.pin));
    writer_bool(json, "next", record.is_next);
    writer_hex(json, "set", record.set);
    writer_number(json, "threshold", record.threshold);
    writer_begin_array(json, "holders");
    for (size_t i = 0; pin_record_holder(&record, i, &holder); i++) {
        put_holder(&holder, json);
    }
    writer_end_array(json);
    writer_end_object(json);
    *ret_written = true;
    return PS_OK;
}

enum ps_err read_pins(struct read *read)
{
    return read_list(read, CATALOG_PIN, put_pin);
}
