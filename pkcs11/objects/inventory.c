#include "pkcs11/objects/inventory.h"

#include "pkcs11/module/store_lock.h"
#include "pkcs11/objects/readback.h"
#include "pkcs11/objects/spki.h"

enum { SPKI_MAX = 1024, ATTRIBUTES_MAX = 8192, ROW_MAX = 512, LABEL_MAX = 255 };

/* Rows of msg_token_objects, and the bits of msg_token_found. */
static const struct {
    CK_OBJECT_CLASS class;
    uint8_t row;
    uint8_t has;
} classes[] = {
    {CKO_PRIVATE_KEY, 1, TOKEN_HAS_PRIVATE},
    {CKO_PUBLIC_KEY, 2, TOKEN_HAS_PUBLIC},
    {CKO_SECRET_KEY, 3, TOKEN_HAS_SECRET},
    {CKO_CERTIFICATE, 4, TOKEN_HAS_CERTIFICATE},
    {CKO_DATA, 5, 0},
};

struct objects_of_id {
    uint8_t has;
    CK_OBJECT_HANDLE private;
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE secret;
};

static enum ps_err sort_object(struct session *session, CK_OBJECT_HANDLE handle,
                               struct objects_of_id *found)
{
    CK_OBJECT_CLASS class;

    PS_TRY(object_read_number(session, handle, CKA_CLASS, &class));
    for (size_t i = 0; i < PS_COUNT_OF(classes); i++) {
        if (classes[i].class != class) {
            continue;
        }
        if ((found->has & classes[i].has) != 0 && class != CKO_CERTIFICATE) {
            return ps_fail(PS_E_CONFLICT, 0, "several keys of one kind have this id");
        }
        found->has |= classes[i].has;
    }
    if (class == CKO_PRIVATE_KEY) {
        found->private = handle;
    } else if (class == CKO_PUBLIC_KEY) {
        found->public = handle;
    } else if (class == CKO_SECRET_KEY) {
        found->secret = handle;
    }
    return PS_OK;
}

/* A key type of 0 in the request means: whatever it is. */
static enum ps_err describe_public(struct session *session, const struct objects_of_id *found,
                                   enum ps_key_type wanted, struct ps_buf *spki)
{
    enum ps_key_type type;

    PS_TRY(object_read_key_type(session, found->public, &type));
    if (type == PS_KEY_NONE || (wanted != PS_KEY_NONE && type != wanted)) {
        return ps_fail(PS_E_DENIED, 0, "the public key with this id is of another type");
    }
    return spki_read(session, found->public, type, spki);
}

static enum ps_err describe_all(struct session *session, const struct objects_of_id *found,
                                struct ps_buf *json)
{
    const struct {
        uint8_t has;
        CK_OBJECT_HANDLE handle;
        enum template_role role;
    } parts[] = {
        {TOKEN_HAS_PRIVATE, found->private, TEMPLATE_PRIVATE},
        {TOKEN_HAS_PUBLIC, found->public, TEMPLATE_PUBLIC},
        {TOKEN_HAS_SECRET, found->secret, TEMPLATE_SECRET},
    };
    const char *between = "{";

    for (size_t i = 0; i < PS_COUNT_OF(parts); i++) {
        if ((found->has & parts[i].has) != 0) {
            ps_buf_put_str(json, between);
            PS_TRY(readback_describe(session, parts[i].handle, parts[i].role, json));
            between = ",";
        }
    }
    ps_buf_put_str(json, between[0] == '{' ? "{}" : "}");
    return ps_buf_status(json);
}

enum ps_err inventory_find(struct admin_context *context, const void *message,
                           struct admin_answer *ret_answer)
{
    const struct msg_token_find *asked = message;
    PS_CLEANUP(store_lock_drop)
    PS_UNUSED const int lock = store_lock_take(context->session->store, false);
    PS_CLEANUP(object_list_clear) struct object_list list = {0};
    struct objects_of_id found = {0};

    if (asked->object_id.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "an empty id");
    }
    PS_TRY(object_find_id(context->session, asked->object_id, NULL, &list));
    for (size_t i = 0; i < list.count; i++) {
        PS_TRY(sort_object(context->session, list.handles[i], &found));
    }
    if (list.count == 0) {
        PS_TRY(session_check(context->session, true, ps_bytes(NULL, 0)));
        return ps_fail(PS_E_NOT_FOUND, 0, "the token has no object with this id");
    }
    ps_buf_init(&ret_answer->first, SPKI_MAX);
    ps_buf_init(&ret_answer->second, ATTRIBUTES_MAX);
    if ((found.has & TOKEN_HAS_PUBLIC) != 0) {
        PS_TRY(describe_public(context->session, &found, (enum ps_key_type)asked->key_type,
                               &ret_answer->first));
    }
    PS_TRY(describe_all(context->session, &found, &ret_answer->second));
    ret_answer->info = &msg_token_found_info;
    ret_answer->message.found = (struct msg_token_found){
        .has = found.has,
        .public_key = ps_buf_bytes(&ret_answer->first),
        .attributes = ps_buf_bytes(&ret_answer->second),
    };
    return PS_OK;
}

/* 0 for objects that are none of these: each object is one row, so that rows can be counted. */
static uint8_t row_of_class(CK_OBJECT_CLASS class)
{
    for (size_t i = 0; i < PS_COUNT_OF(classes); i++) {
        if (classes[i].class == class) {
            return classes[i].row;
        }
    }
    return 0;
}

static enum ps_err put_text(struct session *session, CK_OBJECT_HANDLE handle,
                            CK_ATTRIBUTE_TYPE type, struct ps_buf *rows)
{
    struct object_value value;

    PS_TRY(object_read(session, handle, type, &value));
    if (value.len > LABEL_MAX) {
        value.len = LABEL_MAX;
    }
    ps_buf_put_u16(rows, (uint16_t)value.len);
    ps_buf_put(rows, object_value_bytes(&value));
    return PS_OK;
}

static enum ps_err put_row(struct session *session, CK_OBJECT_HANDLE handle, struct ps_buf *rows)
{
    CK_OBJECT_CLASS class;
    enum ps_key_type type = PS_KEY_NONE;
    uint8_t row;

    PS_TRY(object_read_number(session, handle, CKA_CLASS, &class));
    row = row_of_class(class);
    if (row >= 1 && row <= 3) {
        PS_TRY(object_read_key_type(session, handle, &type));
    }
    ps_buf_put_u8(rows, row);
    ps_buf_put_u8(rows, (uint8_t)type);
    PS_TRY(put_text(session, handle, CKA_ID, rows));
    PS_TRY(put_text(session, handle, CKA_LABEL, rows));
    return ps_buf_status(rows);
}

/* An object that cannot be read, such as a crash leaves behind, is a row all the same. */
static enum ps_err put_row_or_broken(struct session *session, CK_OBJECT_HANDLE handle,
                                     struct ps_buf *rows)
{
    static const uint8_t broken[] = {0, 0, 0, 0, 0, 0};
    const size_t before = rows->len;
    enum ps_err err;

    session->fault = (struct fault){.class = FAULT_NONE};
    err = put_row(session, handle, rows);
    if (err == PS_OK || err == PS_E_NO_MEMORY || err == PS_E_LIMIT) {
        return err;
    }
    session_explain(session, ps_bytes(NULL, 0));
    if (recovery_is_loss(session->fault.class) || session->fault.class == FAULT_ACTIVE) {
        return err;
    }
    rows->len = before;
    ps_buf_put(rows, ps_bytes(broken, sizeof broken));
    return ps_buf_status(rows);
}

enum ps_err inventory_list(struct admin_context *context, const void *message,
                           struct admin_answer *ret_answer)
{
    const struct msg_token_list *asked = message;
    struct session *session = context->session;
    PS_CLEANUP(store_lock_drop) PS_UNUSED const int lock = store_lock_take(session->store, false);
    PS_CLEANUP(object_list_clear) struct object_list list = {0};
    struct ps_buf *rows = &ret_answer->first;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE in_token = {CKA_TOKEN, &yes, sizeof yes};
    size_t at;

    ps_buf_init(rows, IPC_DOCUMENT_MAX);
    /* What is unwrapped just now goes with its session. */
    PS_TRY(object_find(session, &in_token, 1, OBJECT_TOTAL_MAX, &list));
    for (at = asked->after; at < list.count && rows->len + ROW_MAX * 2 < IPC_DOCUMENT_MAX; at++) {
        PS_TRY(put_row_or_broken(session, list.handles[at], rows));
    }
    ret_answer->info = &msg_token_objects_info;
    ret_answer->message.objects = (struct msg_token_objects){
        .more = at < list.count ? 1 : 0,
        .objects = ps_buf_bytes(rows),
    };
    return PS_OK;
}

/* Of session objects alone: a request that is not to reach what the token keeps never names it. */
static enum ps_err find_asked(struct session *session, const struct msg_token_destroy *asked,
                              struct object_list *ret_list)
{
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE open[] = {
        {CKA_ID, (void *)(uintptr_t)asked->object_id.data, asked->object_id.len},
        {CKA_TOKEN, &no, sizeof no},
    };

    return asked->only_open != 0
               ? object_find(session, open, PS_COUNT_OF(open), OBJECT_PER_ID_MAX, ret_list)
               : object_find_id(session, asked->object_id, NULL, ret_list);
}

/* *ret_count: how many objects there were. */
static enum ps_err destroy_all(struct session *session, const struct msg_token_destroy *asked,
                               size_t *ret_count)
{
    PS_CLEANUP(store_lock_drop) PS_UNUSED const int lock = store_lock_take(session->store, true);
    PS_CLEANUP(object_list_clear) struct object_list list = {0};
    PS_CLEANUP(object_list_clear) struct object_list left = {0};

    PS_TRY(find_asked(session, asked, &list));
    session_about(session, "", asked->object_id);
    for (size_t i = 0; i < list.count; i++) {
        PS_TRY(session_try(session, OPERATION_CHANGE,
                           session->fn->C_DestroyObject(session->handle, list.handles[i]),
                           "C_DestroyObject"));
    }
    PS_TRY(find_asked(session, asked, &left));
    if (left.count != 0) {
        return session_fail(session, OPERATION_CHANGE, CKR_OK, "C_DestroyObject");
    }
    *ret_count = list.count;
    return PS_OK;
}

enum ps_err inventory_destroy(struct admin_context *context, const void *message,
                              struct admin_answer *ret_answer)
{
    const struct msg_token_destroy *asked = message;
    struct session *session = context->session;
    size_t count = 0;

    if (asked->object_id.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "an empty id");
    }
    PS_TRY(destroy_all(session, asked, &count));
    if (count == 0) {
        PS_TRY(session_check(session, true, ps_bytes(NULL, 0)));
        return ps_fail(PS_E_NOT_FOUND, 0, "the token has no object with this id");
    }
    PS_TRY(admin_sync(context));
    ret_answer->info = &msg_token_done_info;
    ret_answer->change = ADMIN_OBJECTS_GONE;
    ret_answer->id = asked->object_id;
    return PS_OK;
}
