#include "pkcs11/objects/data.h"

#include "lib/base/line.h"
#include "pkcs11/module/store_lock.h"
#include "pkcs11/objects/template.h"

#include <stdio.h>

enum { RANDOM_MAX = 4096, DATA_MAX = 1024, DATA_NAME_MAX = 64, APPLICATION_MAX = 40 };

static const char application_form[] = "privyseal/";

struct newest {
    CK_OBJECT_HANDLE handle; /* CK_INVALID_HANDLE: there is none */
    uint64_t number;
};

enum ps_err data_random(struct admin_context *context, const void *message,
                        struct admin_answer *ret_answer)
{
    const struct msg_token_random *asked = message;
    struct session *session = context->session;
    uint8_t *to;

    if (asked->count == 0 || asked->count > RANDOM_MAX) {
        return ps_fail(PS_E_INPUT, 0, "1 to %d random octets at once", RANDOM_MAX);
    }
    ret_answer->first = PS_BUF_SECRET(RANDOM_MAX);
    to = ps_buf_reserve(&ret_answer->first, asked->count);
    if (to == NULL) {
        return ps_buf_status(&ret_answer->first);
    }
    for (CK_ULONG done = 0, part; done < asked->count; done += part) {
        part = asked->count - done;
        part = part < session->profile->random_max ? part : session->profile->random_max;
        PS_TRY(session_try(session, OPERATION_RANDOM,
                           session->fn->C_GenerateRandom(session->handle, to + done, part),
                           "C_GenerateRandom"));
    }
    ps_buf_commit(&ret_answer->first, asked->count);
    ret_answer->info = &msg_token_octets_info;
    ret_answer->message.octets =
        (struct msg_token_octets){.octets = ps_buf_bytes(&ret_answer->first)};
    return PS_OK;
}

static enum ps_err check_name(const struct session *session, struct ps_bytes name)
{
    if (!session->profile->data_objects) {
        return ps_fail(PS_E_DENIED, 0, "the token keeps no data objects");
    }
    if (name.len == 0 || name.len > DATA_NAME_MAX) {
        return ps_fail(PS_E_INPUT, 0, "a name has 1 to %d octets", DATA_NAME_MAX);
    }
    return PS_OK;
}

/* "privyseal/" and decimal digits. False for what is not ours. */
static bool read_number(struct ps_bytes application, uint64_t *ret_number)
{
    const struct ps_bytes form = ps_bytes_str(application_form);
    struct ps_bytes digits;
    uint64_t number = 0;

    if (!ps_bytes_starts_with(application, form)) {
        return false;
    }
    digits = ps_bytes_from(application, form.len);
    if (digits.len == 0 || digits.len > 18) {
        return false;
    }
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') {
            return false;
        }
        number = number * 10 + (uint64_t)(digits.data[i] - '0');
    }
    *ret_number = number;
    return true;
}

static enum ps_err find_objects(struct session *session, struct ps_bytes name,
                                struct object_list *ret_list)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_ATTRIBUTE templ[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_LABEL, (void *)(uintptr_t)name.data, name.len},
    };

    return object_find(session, templ, PS_COUNT_OF(templ), OBJECT_PER_ID_MAX, ret_list);
}

static enum ps_err find_newest(struct session *session, const struct object_list *list,
                               struct newest *ret_newest)
{
    struct newest newest = {CK_INVALID_HANDLE, 0};

    for (size_t i = 0; i < list->count; i++) {
        struct object_value application;
        uint64_t number;

        PS_TRY(object_read(session, list->handles[i], CKA_APPLICATION, &application));
        if (application.is_there && read_number(object_value_bytes(&application), &number) &&
            (newest.handle == CK_INVALID_HANDLE || number > newest.number)) {
            newest = (struct newest){list->handles[i], number};
        }
    }
    *ret_newest = newest;
    return PS_OK;
}

/* All but the newest, and only objects of ours; what cannot be read now is left for the next time.
 */
static enum ps_err destroy_old(struct session *session, const struct object_list *list,
                               CK_OBJECT_HANDLE newest)
{
    PS_CLEANUP(store_lock_drop) PS_UNUSED const int lock = store_lock_take(session->store, true);

    for (size_t i = 0; i < list->count; i++) {
        struct object_value application;
        uint64_t number;

        if (list->handles[i] == newest) {
            continue;
        }
        PS_TRY(object_read(session, list->handles[i], CKA_APPLICATION, &application));
        if (application.is_there && read_number(object_value_bytes(&application), &number)) {
            PS_TRY(session_try(session, OPERATION_CHANGE,
                               session->fn->C_DestroyObject(session->handle, list->handles[i]),
                               "C_DestroyObject"));
        }
    }
    return PS_OK;
}

static enum ps_err read_newest(struct session *session, const struct msg_token_data_read *asked,
                               struct object_list *ret_list, CK_OBJECT_HANDLE *ret_newest,
                               struct object_value *ret_value)
{
    PS_CLEANUP(store_lock_drop) PS_UNUSED const int lock = store_lock_take(session->store, false);
    struct newest newest;

    PS_TRY(find_objects(session, asked->name, ret_list));
    PS_TRY(find_newest(session, ret_list, &newest));
    if (newest.handle == CK_INVALID_HANDLE) {
        PS_TRY(session_check(session, true, ps_bytes(NULL, 0)));
        return ps_fail(PS_E_NOT_FOUND, 0, "the token has no data of this name");
    }
    PS_TRY(object_read(session, newest.handle, CKA_VALUE, ret_value));
    if (!ret_value->is_there) {
        return session_fail(session, OPERATION_FIND, CKR_OK, "C_GetAttributeValue");
    }
    *ret_newest = newest.handle;
    return PS_OK;
}

/* What a process left that died between the two halves of data_write. */
static enum ps_err sweep(struct admin_context *context, const struct object_list *list,
                         CK_OBJECT_HANDLE newest)
{
    if (list->count < 2) {
        return PS_OK;
    }
    PS_TRY(admin_sync(context));
    PS_TRY(destroy_old(context->session, list, newest));
    return admin_sync(context);
}

enum ps_err data_read(struct admin_context *context, const void *message,
                      struct admin_answer *ret_answer)
{
    const struct msg_token_data_read *asked = message;
    PS_CLEANUP(object_list_clear) struct object_list list = {0};
    CK_OBJECT_HANDLE newest = CK_INVALID_HANDLE;
    struct object_value value = {.is_there = false};

    PS_TRY(check_name(context->session, asked->name));
    PS_TRY(read_newest(context->session, asked, &list, &newest, &value));
    if (sweep(context, &list, newest) != PS_OK) {
        ps_line(PS_WARNING, "data_not_swept", PS_TEXT("name", asked->name),
                PS_STR("detail", ps_detail()->text));
    }
    ps_buf_init(&ret_answer->first, OBJECT_VALUE_MAX);
    ps_buf_put(&ret_answer->first, object_value_bytes(&value));
    PS_TRY(ps_buf_status(&ret_answer->first));
    ret_answer->info = &msg_token_octets_info;
    ret_answer->message.octets =
        (struct msg_token_octets){.octets = ps_buf_bytes(&ret_answer->first)};
    return PS_OK;
}

static enum ps_err create(struct session *session, const struct msg_token_data_write *asked,
                          uint64_t number)
{
    static CK_BBOOL yes = CK_TRUE;
    static CK_BBOOL no = CK_FALSE;
    CK_OBJECT_CLASS class = CKO_DATA;
    char application[APPLICATION_MAX];
    const int len = snprintf(application, sizeof application, "%s%llu", application_form,
                             (unsigned long long)number);
    CK_ATTRIBUTE templ[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_LABEL, (void *)(uintptr_t)asked->name.data, asked->name.len},
        {CKA_APPLICATION, application, (CK_ULONG)len},
        {CKA_VALUE, (void *)(uintptr_t)asked->octets.data, asked->octets.len},
        {CKA_MODIFIABLE, &no, sizeof no},
    };
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;

    return session_try(
        session, OPERATION_MAKE,
        session->fn->C_CreateObject(session->handle, templ, PS_COUNT_OF(templ), &handle),
        "C_CreateObject");
}

/* *ret_list: what it takes the place of. */
static enum ps_err create_newest(struct session *session, const struct msg_token_data_write *asked,
                                 struct object_list *ret_list)
{
    PS_CLEANUP(store_lock_drop) PS_UNUSED const int lock = store_lock_take(session->store, true);
    struct newest newest;

    PS_TRY(find_objects(session, asked->name, ret_list));
    PS_TRY(find_newest(session, ret_list, &newest));
    return create(session, asked, newest.number + 1);
}

enum ps_err data_write(struct admin_context *context, const void *message,
                       struct admin_answer *ret_answer)
{
    const struct msg_token_data_write *asked = message;
    struct session *session = context->session;
    PS_CLEANUP(object_list_clear) struct object_list list = {0};

    PS_TRY(check_name(session, asked->name));
    if (asked->octets.len == 0 || asked->octets.len > DATA_MAX) {
        return ps_fail(PS_E_INPUT, 0, "data of 1 to %d octets", DATA_MAX);
    }
    PS_TRY(create_newest(session, asked, &list));
    PS_TRY(admin_sync(context));
    PS_TRY(destroy_old(session, &list, CK_INVALID_HANDLE));
    PS_TRY(admin_sync(context));
    ret_answer->info = &msg_token_done_info;
    return PS_OK;
}
