#include "pkcs11/objects/generate.h"

#include "pkcs11/module/store_lock.h"
#include "pkcs11/objects/readback.h"
#include "pkcs11/objects/spki.h"

/* Another process may be making an RSA key of 4096 bits just now. */
enum { SPKI_MAX = 1024, ATTRIBUTES_MAX = 8192, STORE_WAIT_MS = 10000 };

static enum ps_err check_unused(struct session *session, struct ps_bytes id)
{
    PS_CLEANUP(object_list_clear) struct object_list found = {0};

    PS_TRY(object_find_id(session, id, NULL, &found));
    if (found.count != 0) {
        return ps_fail(PS_E_CONFLICT, 0, "the token has objects with this id already");
    }
    return PS_OK;
}

static enum ps_err make_pair(struct session *session, const struct template_request *request,
                             struct template *own, struct template *public,
                             struct generated *ret_pair)
{
    const struct profile_key_type *quirk = &session->profile->key_types[request->type];
    CK_MECHANISM mechanism = {quirk->generate, NULL, 0};
    struct generated pair = {CK_INVALID_HANDLE, CK_INVALID_HANDLE};

    template_build(session->profile, request, TEMPLATE_PRIVATE, own);
    template_build(session->profile, request, TEMPLATE_PUBLIC, public);
    session_about(session, "private", request->id);
    PS_TRY(session_try(session, OPERATION_MAKE,
                       session->fn->C_GenerateKeyPair(
                           session->handle, &mechanism, public->attributes, public->count,
                           own->attributes, own->count, &pair.public, &pair.own),
                       "C_GenerateKeyPair"));
    *ret_pair = pair;
    return PS_OK;
}

static enum ps_err make_secret(struct session *session, const struct template_request *request,
                               struct template *own, struct generated *ret_pair)
{
    const struct profile_key_type *quirk = &session->profile->key_types[request->type];
    CK_MECHANISM mechanism = {quirk->generate, NULL, 0};
    struct generated pair = {CK_INVALID_HANDLE, CK_INVALID_HANDLE};

    template_build(session->profile, request, TEMPLATE_SECRET, own);
    session_about(session, "secret", request->id);
    PS_TRY(session_try(session, OPERATION_MAKE,
                       session->fn->C_GenerateKey(session->handle, &mechanism, own->attributes,
                                                  own->count, &pair.own),
                       "C_GenerateKey"));
    *ret_pair = pair;
    return PS_OK;
}

static enum ps_err describe(struct session *session, const struct generated *pair, bool is_pair,
                            struct ps_buf *json)
{
    ps_buf_put_u8(json, '{');
    PS_TRY(
        readback_describe(session, pair->own, is_pair ? TEMPLATE_PRIVATE : TEMPLATE_SECRET, json));
    if (is_pair) {
        ps_buf_put_u8(json, ',');
        PS_TRY(readback_describe(session, pair->public, TEMPLATE_PUBLIC, json));
    }
    ps_buf_put_u8(json, '}');
    return ps_buf_status(json);
}

static enum ps_err check_pair(struct session *session, const struct template_request *request,
                              const struct generated *pair, const struct template *own,
                              const struct template *public, struct admin_answer *answer)
{
    PS_TRY(readback_compare(session, pair->own, request, TEMPLATE_PRIVATE, own));
    PS_TRY(readback_compare(session, pair->public, request, TEMPLATE_PUBLIC, public));
    PS_TRY(spki_read(session, pair->public, request->type, &answer->first));
    if (request->algorithms.len != 0) {
        PS_TRY(spki_check_pair(session, ps_buf_bytes(&answer->first), pair->own,
                               (enum ps_alg)request->algorithms.data[0], request->type));
    }
    return describe(session, pair, true, &answer->second);
}

static void undo_one(struct session *session, CK_OBJECT_HANDLE handle)
{
    session_note(session, OPERATION_CHANGE, session->fn->C_DestroyObject(session->handle, handle),
                 "C_DestroyObject");
}

void generate_undo(struct session *session, const struct generated *pair)
{
    const struct fault fault = session->fault;

    undo_one(session, pair->own);
    if (pair->public != CK_INVALID_HANDLE) {
        undo_one(session, pair->public);
    }
    session->fault = fault;
}

static enum ps_err make(struct session *session, const struct template_request *request,
                        struct template *own, struct template *public, struct generated *ret_pair)
{
    PS_TRY(check_unused(session, request->id));
    return template_is_pair(request->type) ? make_pair(session, request, own, public, ret_pair)
                                           : make_secret(session, request, own, ret_pair);
}

/*
 * A search of another process goes on without the lock after a while (see sign.c). Where it comes
 * upon what SoftHSM writes just then, SoftHSM's call fails, with nothing left behind; another one
 * is not likely to meet the same.
 */
static bool was_disturbed(const struct session *session)
{
    return session->store.len != 0 && session->fault.operation == OPERATION_MAKE &&
           session->fault.rv != CKR_OK && !recovery_is_loss(session->fault.class);
}

enum ps_err generate_pair(struct session *session, const struct template_request *request,
                          struct generated *ret_pair, struct admin_answer *answer)
{
    /* What goes with the session is written nowhere; its id is looked for all the same. */
    PS_CLEANUP(store_lock_drop)
    PS_UNUSED const int lock =
        store_lock_take_within(session->store, !request->is_session, STORE_WAIT_MS);
    struct template own;
    struct template public;
    enum ps_err err;

    ps_buf_init(&answer->first, SPKI_MAX);
    ps_buf_init(&answer->second, ATTRIBUTES_MAX);
    err = make(session, request, &own, &public, ret_pair);
    if (err != PS_OK && was_disturbed(session)) {
        err = make(session, request, &own, &public, ret_pair);
    }
    PS_TRY(err);
    if (template_is_pair(request->type)) {
        err = check_pair(session, request, ret_pair, &own, &public, answer);
    } else {
        err = readback_compare(session, ret_pair->own, request, TEMPLATE_SECRET, &own);
        if (err == PS_OK) {
            err = describe(session, ret_pair, false, &answer->second);
        }
    }
    if (err != PS_OK) {
        generate_undo(session, ret_pair);
    }
    return err;
}

static void undo_later(struct session *session, const struct generated *pair)
{
    PS_CLEANUP(store_lock_drop) PS_UNUSED const int lock = store_lock_take(session->store, true);

    generate_undo(session, pair);
}

enum ps_err generate_key(struct admin_context *context, const void *message,
                         struct admin_answer *ret_answer)
{
    const struct msg_token_generate *asked = message;
    const struct template_request request = {
        .id = asked->object_id,
        .label = asked->label,
        .type = (enum ps_key_type)asked->key_type,
        .usage = (enum ps_usage)asked->usage,
        .extractable = (asked->flags & TOKEN_KEY_EXTRACTABLE) != 0,
        .for_secrets = (asked->flags & TOKEN_KEY_FOR_SECRETS) != 0,
        .algorithms = asked->algorithms,
    };
    struct generated pair;
    enum ps_err err;

    if ((asked->flags & ~(TOKEN_KEY_EXTRACTABLE | TOKEN_KEY_FOR_SECRETS)) != 0) {
        return ps_fail(PS_E_INPUT, 0, "unknown flags");
    }
    PS_TRY(template_check(context->session->profile, &request));
    PS_TRY(generate_pair(context->session, &request, &pair, ret_answer));
    err = admin_sync(context);
    if (err != PS_OK) {
        undo_later(context->session, &pair);
        return err;
    }
    ret_answer->info = &msg_token_generated_info;
    ret_answer->message.generated = (struct msg_token_generated){
        .public_key = ps_buf_bytes(&ret_answer->first),
        .attributes = ps_buf_bytes(&ret_answer->second),
    };
    ret_answer->change = ADMIN_KEY_MADE;
    ret_answer->id = request.id;
    ret_answer->handle = pair.own;
    ret_answer->type = request.type;
    return PS_OK;
}
