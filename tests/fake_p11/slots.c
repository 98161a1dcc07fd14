#include <stdio.h>
#include <string.h>

#include "call.h"
#include "cryptoki.h"
#include "mechanism.h"
#include "pins.h"
#include "store.h"

/* PKCS#11 texts have a fixed length, are padded with blanks and not ended by NUL. */
static void fill_text(unsigned char *out, size_t size, const char *text)
{
    size_t length = strnlen(text, size);
    memset(out, ' ', size);
    memcpy(out, text, length);
}

static void fill_scripted(unsigned char *out, size_t size, const struct fake_text *text,
                          const char *otherwise)
{
    char value[FAKE_TEXT_MAX + 1];
    control_get_text(text, value);
    fill_text(out, size, value[0] != '\0' ? value : otherwise);
}

static CK_VERSION firmware_of(const struct fake_token *script)
{
    uint64_t firmware = atomic_load(&script->firmware);
    return (CK_VERSION){(unsigned char)(firmware >> 8), (unsigned char)firmware};
}

static CK_RV list_slots(struct call *call, CK_BBOOL only_present, CK_SLOT_ID *slots,
                        CK_ULONG *count)
{
    CK_SLOT_ID found[FAKE_TOKENS];
    CK_ULONG total = 0;
    for (unsigned i = 0; i < module_token_count(call->module); i++)
        if (!only_present || control_token_present(call->control, i))
            found[total++] = i;
    call_gives_count(call, count);
    if (slots && *count < total) {
        *count = total;
        return CKR_BUFFER_TOO_SMALL;
    }
    if (slots)
        memcpy(slots, found, total * sizeof(*slots));
    *count = total;
    return CKR_OK;
}

static void describe_slot(const struct call *call, CK_SLOT_INFO *info)
{
    const struct fake_token *script = &call->control->tokens[call->token];
    char description[65];
    snprintf(description, sizeof(description), "Scripted slot %u", call->token);
    *info = (CK_SLOT_INFO){.flags = CKF_REMOVABLE_DEVICE | CKF_HW_SLOT};
    if (control_token_present(call->control, call->token))
        info->flags |= CKF_TOKEN_PRESENT;
    fill_text(info->slotDescription, sizeof(info->slotDescription), description);
    fill_scripted(info->manufacturerID, sizeof(info->manufacturerID), &script->manufacturer,
                  "Privyseal tests");
    info->hardwareVersion = (CK_VERSION){1, 0};
    info->firmwareVersion = firmware_of(script);
}

static CK_FLAGS flags_for_pin(const struct call *call, const struct token_file *file,
                              enum pin_owner owner)
{
    unsigned failures = file->failures[owner];
    uint64_t tries = atomic_load(&call->control->tokens[call->token].pin_tries);
    CK_FLAGS flags = failures > 0 ? CKF_USER_PIN_COUNT_LOW : 0;
    if (tries != 0 && failures + 1 == tries)
        flags |= CKF_USER_PIN_FINAL_TRY;
    if (pins_locked(call->module, call->token, file, owner))
        flags |= CKF_USER_PIN_LOCKED;
    /* The SO's three flags stand four bits above the user's. */
    return owner == PIN_SO ? flags << 4 : flags;
}

static CK_FLAGS token_flags(const struct call *call, const struct token_file *file)
{
    CK_FLAGS flags = CKF_RNG | CKF_LOGIN_REQUIRED;
    if (file->initialised)
        flags |= CKF_TOKEN_INITIALIZED;
    if (file->pins[PIN_USER].length > 0)
        flags |= CKF_USER_PIN_INITIALIZED;
    return flags | flags_for_pin(call, file, PIN_USER) | flags_for_pin(call, file, PIN_SO);
}

static void describe_limits(const struct call *call, CK_TOKEN_INFO *info)
{
    uint64_t limit = atomic_load(&call->control->tokens[call->token].max_sessions);
    info->ulMaxSessionCount = limit ? limit : CK_EFFECTIVELY_INFINITE;
    info->ulMaxRwSessionCount = info->ulMaxSessionCount;
    info->ulSessionCount = session_count(call->module, call->token, false, false);
    info->ulRwSessionCount = session_count(call->module, call->token, false, true);
    info->ulMinPinLen = PIN_MIN;
    info->ulMaxPinLen = PIN_MAX;
    info->ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION;
    info->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
    info->ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION;
    info->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
}

static CK_RV describe_token(const struct call *call, CK_TOKEN_INFO *info)
{
    const struct fake_token *script = &call->control->tokens[call->token];
    struct token_file file;
    if (!control_token_present(call->control, call->token))
        return CKR_TOKEN_NOT_PRESENT;
    if (tokenfile_load(call->module->directory, call->token, &file) != 0)
        return CKR_DEVICE_ERROR;
    *info = (CK_TOKEN_INFO){.flags = token_flags(call, &file)};
    fill_scripted(info->label, sizeof(info->label), &script->label, file.label);
    fill_scripted(info->manufacturerID, sizeof(info->manufacturerID), &script->manufacturer,
                  "Privyseal tests");
    fill_scripted(info->model, sizeof(info->model), &script->model, "fake_p11");
    fill_scripted(info->serialNumber, sizeof(info->serialNumber), &script->serial, "0");
    memset(info->utcTime, '0', sizeof(info->utcTime));
    info->hardwareVersion = (CK_VERSION){1, 0};
    info->firmwareVersion = firmware_of(script);
    describe_limits(call, info);
    return CKR_OK;
}

static CK_RV list_mechanisms(struct call *call, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
    if (!control_token_present(call->control, call->token))
        return CKR_TOKEN_NOT_PRESENT;
    call_gives_count(call, count);
    bool fits = *count >= mechanism_count;
    *count = mechanism_count;
    if (list && !fits)
        return CKR_BUFFER_TOO_SMALL;
    for (size_t i = 0; list && i < mechanism_count; i++)
        list[i] = mechanisms[i].type;
    return CKR_OK;
}

static CK_RV describe_mechanism(const struct call *call, CK_MECHANISM_TYPE type,
                                CK_MECHANISM_INFO *info)
{
    const struct mechanism *mechanism = mechanism_find(type);
    if (!control_token_present(call->control, call->token))
        return CKR_TOKEN_NOT_PRESENT;
    if (!mechanism)
        return CKR_MECHANISM_INVALID;
    *info = (CK_MECHANISM_INFO){mechanism->min_size, mechanism->max_size, mechanism->flags};
    return CKR_OK;
}

static CK_RV init_token(struct call *call, const void *pin, CK_ULONG length,
                        const unsigned char *label)
{
    if (!label)
        return CKR_ARGUMENTS_BAD;
    if (!control_token_present(call->control, call->token))
        return CKR_TOKEN_NOT_PRESENT;
    if (session_count(call->module, call->token, false, false) > 0)
        return CKR_SESSION_EXISTS;
    CK_RV rv = pins_init_token(call->module, call->token, pin, length, label);
    call_reach_half(call);
    return rv == CKR_OK ? store_erase(call->module, call->token) : rv;
}

CK_RV C_GetSlotList(CK_BBOOL only_present, CK_SLOT_ID_PTR slots, CK_ULONG_PTR count)
{
    struct call call;
    CK_RV rv = call_begin(&call, FAKE_C_GetSlotList);
    if (rv == CKR_OK)
        rv = count ? list_slots(&call, only_present, slots, count) : CKR_ARGUMENTS_BAD;
    return call_end(&call, rv);
}

CK_RV C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO_PTR info)
{
    struct call call;
    CK_RV rv = call_begin_slot(&call, FAKE_C_GetSlotInfo, slot);
    if (rv == CKR_OK && !info)
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        describe_slot(&call, info);
    return call_end(&call, rv);
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info)
{
    struct call call;
    CK_RV rv = call_begin_slot(&call, FAKE_C_GetTokenInfo, slot);
    if (rv == CKR_OK)
        rv = info ? describe_token(&call, info) : CKR_ARGUMENTS_BAD;
    return call_end(&call, rv);
}

CK_RV C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count)
{
    struct call call;
    CK_RV rv = call_begin_slot(&call, FAKE_C_GetMechanismList, slot);
    if (rv == CKR_OK)
        rv = count ? list_mechanisms(&call, list, count) : CKR_ARGUMENTS_BAD;
    return call_end(&call, rv);
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR info)
{
    struct call call;
    CK_RV rv = call_begin_slot(&call, FAKE_C_GetMechanismInfo, slot);
    if (rv == CKR_OK)
        rv = info ? describe_mechanism(&call, type, info) : CKR_ARGUMENTS_BAD;
    return call_end(&call, rv);
}

CK_RV C_InitToken(CK_SLOT_ID slot, CK_UTF8CHAR_PTR pin, CK_ULONG length, CK_UTF8CHAR_PTR label)
{
    struct call call;
    CK_RV rv = call_begin_slot(&call, FAKE_C_InitToken, slot);
    if (rv == CKR_OK)
        rv = init_token(&call, pin, length, label);
    return call_end(&call, rv);
}
