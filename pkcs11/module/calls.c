#include "pkcs11/module/calls.h"

#include <stdio.h>

void calls_about(struct calls *calls, const char *class, struct ps_bytes id)
{
    calls->class = class;
    calls->id_len = id.len > sizeof calls->id ? 0 : id.len;
    if (calls->id_len != 0) {
        memcpy(calls->id, id.data, calls->id_len);
    }
}

static const char *class_of(const struct calls *calls)
{
    return calls->class == NULL ? "" : calls->class;
}

static bool is_same(const struct call *call, const struct calls *calls, const char *name, CK_RV rv)
{
    return call->times != UINT16_MAX && call->rv == rv && strcmp(call->name, name) == 0 &&
           strcmp(call->class, class_of(calls)) == 0 &&
           ps_bytes_equal(ps_bytes(call->id, call->id_len), ps_bytes(calls->id, calls->id_len));
}

void calls_note(struct calls *calls, const char *name, CK_RV rv)
{
    struct call *last = calls->count == 0 ? NULL : &calls->of[calls->count - 1];

    if (last != NULL && calls->left_out == 0 && is_same(last, calls, name, rv)) {
        last->times++;
        return;
    }
    if (calls->count == CALLS_MAX) {
        calls->left_out++;
        return;
    }
    last = &calls->of[calls->count++];
    *last = (struct call){
        .name = name, .class = class_of(calls), .id_len = calls->id_len, .rv = rv, .times = 1};
    memcpy(last->id, calls->id, calls->id_len);
}

static void put_field(struct ps_bytes octets, struct ps_buf *out)
{
    ps_buf_put_u8(out, (uint8_t)octets.len);
    ps_buf_put(out, octets);
}

/* One that has no name is told by its number: a vendor's own means something to the vendor. */
static void put_answer(CK_RV rv, struct ps_buf *out)
{
    const char *name = recovery_rv_name(rv);
    char number[32];

    if (strncmp(name, "CKR_", 4) != 0 || (rv & CKR_VENDOR_DEFINED) != 0) {
        (void)snprintf(number, sizeof number, "0x%08lx", rv);
        name = number;
    }
    put_field(ps_bytes_str(name), out);
}

void calls_put(const struct calls *calls, struct ps_buf *out)
{
    for (size_t i = 0; i < calls->count; i++) {
        const struct call *call = &calls->of[i];

        put_field(ps_bytes_str(call->name), out);
        put_field(ps_bytes_str(call->class), out);
        put_field(ps_bytes(call->id, call->id_len), out);
        put_answer(call->rv, out);
        ps_buf_put_u16(out, call->times);
    }
}
