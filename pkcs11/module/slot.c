#include "pkcs11/module/slot.h"

#include <p11-kit/uri.h>
#include <stdio.h>
#include <stdlib.h>

enum { SLOTS_MAX = 256, URI_MAX = 1024 };

struct token_uri {
    P11KitUri *uri; /* NULL: the empty one */
    bool names_serial;
};

void token_uri_free(struct token_uri *uri)
{
    if (uri == NULL) {
        return;
    }
    p11_kit_uri_free(uri->uri);
    free(uri);
}

/* p11-kit lets a later attribute win over an earlier one. Counts those before "=" or the end. */
static enum ps_err check_attributes(const char *path)
{
    static const char *const known[] = {"token", "serial", "manufacturer", "model"};
    bool seen[PS_COUNT_OF(known)] = {false};

    while (*path != 0) {
        const size_t len = strcspn(path, ";");
        const size_t name_len = strcspn(path, "=;");
        size_t which = 0;

        while (which < PS_COUNT_OF(known) &&
               !ps_bytes_equal(ps_bytes(path, name_len), ps_bytes_str(known[which]))) {
            which++;
        }
        if (which == PS_COUNT_OF(known) || seen[which] || name_len == len) {
            return ps_fail(PS_E_INPUT, 0,
                           "a token's URI has token=, serial=, manufacturer=, model=, each once");
        }
        seen[which] = true;
        path += len;
        if (*path == ';' && *++path == 0) {
            return ps_fail(PS_E_INPUT, 0, "a token's URI ends with a semicolon");
        }
    }
    return PS_OK;
}

static enum ps_err parse(const char *text, struct token_uri *uri)
{
    static const char scheme[] = "pkcs11:";
    int result;

    if (strncmp(text, scheme, sizeof scheme - 1) != 0 || text[sizeof scheme - 1] == 0 ||
        strpbrk(text, "?#") != NULL) {
        return ps_fail(PS_E_INPUT, 0, "not a token's URI: pkcs11:token=... and no query");
    }
    PS_TRY(check_attributes(text + sizeof scheme - 1));
    uri->uri = p11_kit_uri_new();
    if (uri->uri == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    result = p11_kit_uri_parse(text, P11_KIT_URI_FOR_TOKEN, uri->uri);
    if (result != P11_KIT_URI_OK || p11_kit_uri_any_unrecognized(uri->uri)) {
        return ps_fail(PS_E_INPUT, result, "the token's URI is malformed");
    }
    uri->names_serial = strstr(text, "serial=") != NULL;
    return PS_OK;
}

enum ps_err token_uri_parse(struct ps_bytes text, struct token_uri **ret_uri)
{
    PS_CLEANUP(token_uri_free_cleanup) struct token_uri *uri = calloc(1, sizeof *uri);
    char copy[URI_MAX + 1];

    if (uri == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    if (text.len > URI_MAX || (text.len != 0 && memchr(text.data, 0, text.len) != NULL)) {
        return ps_fail(PS_E_INPUT, 0, "a token's URI has at most %d octets and no NUL", URI_MAX);
    }
    if (text.len != 0) {
        memcpy(copy, text.data, text.len);
        copy[text.len] = 0;
        PS_TRY(parse(copy, uri));
    }
    *ret_uri = uri;
    uri = NULL;
    return PS_OK;
}

/* Padded with blanks, in some modules with NULs. */
static void trim(const unsigned char *padded, size_t len, char *to)
{
    while (len > 0 && (padded[len - 1] == ' ' || padded[len - 1] == 0)) {
        len--;
    }
    memcpy(to, padded, len);
    to[len] = 0;
}

void token_describe(const CK_TOKEN_INFO *info, struct token_description *ret_description)
{
    trim(info->label, sizeof info->label, ret_description->label);
    trim(info->serialNumber, sizeof info->serialNumber, ret_description->serial);
    trim(info->manufacturerID, sizeof info->manufacturerID, ret_description->manufacturer);
    trim(info->model, sizeof info->model, ret_description->model);
    (void)snprintf(ret_description->firmware, sizeof ret_description->firmware, "%u.%u",
                   info->firmwareVersion.major, info->firmwareVersion.minor);
    ret_description->flags = info->flags;
}

/* Without a user PIN nobody can have kept anything private in it. */
bool token_is_blank(CK_FLAGS flags)
{
    return (flags & CKF_TOKEN_INITIALIZED) == 0 || (flags & CKF_USER_PIN_INITIALIZED) == 0;
}

static bool begins(const char *text, const struct profile_text *beginning)
{
    return strncmp(text, beginning->text, strlen(beginning->text)) == 0;
}

static bool is_of_kind(const struct profile *profile, const struct token_description *token)
{
    return begins(token->manufacturer, &profile->token_manufacturer) &&
           begins(token->model, &profile->token_model);
}

/* How well one slot's token fits. */
static enum slot_found judge(const struct profile *profile, const struct token_uri *uri,
                             const CK_TOKEN_INFO *info, bool blank_ok)
{
    struct token_description token;

    token_describe(info, &token);
    if ((info->flags & CKF_TOKEN_INITIALIZED) == 0) {
        return blank_ok && !uri->names_serial && is_of_kind(profile, &token) ? SLOT_BLANK
                                                                             : SLOT_NONE;
    }
    if (uri->uri == NULL || !p11_kit_uri_match_token_info(uri->uri, info)) {
        return SLOT_NONE;
    }
    if (!is_of_kind(profile, &token)) {
        return SLOT_FOREIGN;
    }
    return token_is_blank(info->flags) ? (blank_ok ? SLOT_HALF_MADE : SLOT_NONE) : SLOT_TOKEN;
}

/* The first blank one will do, but what is to be used must be the only one that fits. */
static void consider(enum slot_found fit, CK_SLOT_ID slot, const CK_TOKEN_INFO *info,
                     struct slot_choice *choice)
{
    if (fit == SLOT_NONE || (fit == SLOT_BLANK && choice->found != SLOT_NONE)) {
        return;
    }
    if (choice->found != SLOT_NONE && choice->found != SLOT_BLANK) {
        choice->found = SLOT_SEVERAL;
        return;
    }
    choice->found = fit;
    choice->slot = slot;
    token_describe(info, &choice->token);
}

static enum ps_err list_slots(const CK_FUNCTION_LIST *fn, const struct profile *profile,
                              CK_SLOT_ID slots[SLOTS_MAX], CK_ULONG *ret_count,
                              struct fault *ret_fault)
{
    CK_ULONG count = 0;
    /* The call without an array is the one that looks anew (PKCS#11 v3.1, section 5.5.1). */
    CK_RV rv = fn->C_GetSlotList(CK_TRUE, NULL, &count);

    if (rv == CKR_OK) {
        count = SLOTS_MAX;
        rv = fn->C_GetSlotList(CK_TRUE, slots, &count);
    }
    if (rv != CKR_OK || count > SLOTS_MAX) {
        *ret_fault =
            (struct fault){rv, OPERATION_SLOT,
                           rv == CKR_OK ? FAULT_UNEXPLAINED
                                        : recovery_class(profile->rules, profile->rules_count, rv,
                                                         OPERATION_SLOT)};
        return ps_fail(PS_E_TOKEN, (long)rv, "C_GetSlotList: %s", recovery_rv_name(rv));
    }
    *ret_count = count;
    return PS_OK;
}

enum ps_err slot_find(const CK_FUNCTION_LIST *fn, const struct profile *profile,
                      const struct token_uri *uri, bool blank_ok, struct fault *ret_fault,
                      struct slot_choice *ret_choice)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = 0;
    struct slot_choice choice = {.found = SLOT_NONE};
    struct fault fault = {.class = FAULT_NONE};

    PS_TRY(list_slots(fn, profile, slots, &count, ret_fault));
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info = {0};
        const CK_RV rv = fn->C_GetTokenInfo(slots[i], &info);

        if (rv != CKR_OK) {
            fault = (struct fault){
                rv, OPERATION_SLOT,
                recovery_class(profile->rules, profile->rules_count, rv, OPERATION_SLOT)};
            continue;
        }
        consider(judge(profile, uri, &info, blank_ok), slots[i], &info, &choice);
    }
    *ret_fault = fault;
    *ret_choice = choice;
    return PS_OK;
}
