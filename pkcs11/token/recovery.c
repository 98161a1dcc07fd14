#include "pkcs11/token/recovery.h"

/* p11-kit's header leaves these out. */
#ifndef CKR_UNWRAPPING_KEY_HANDLE_INVALID
#define CKR_UNWRAPPING_KEY_HANDLE_INVALID (0xf0UL)
#endif
#define UNLISTED (~0UL)

enum {
    OK = FAULT_NONE,
    CAL = FAULT_CALLER,
    KEY = FAULT_KEY,
    HAN = FAULT_HANDLE,
    ACT = FAULT_ACTIVE,
    SES = FAULT_SESSION,
    LOG = FAULT_LOGIN,
    REL = FAULT_RELOAD,
    GON = FAULT_GONE,
    PIN = FAULT_PIN,
    BSY = FAULT_BUSY,
    DBT = FAULT_DOUBT,
    UNX = FAULT_UNEXPLAINED,
    OUR = FAULT_OURS
};

struct row {
    CK_RV rv;
    const char *name;
    uint8_t classes[OPERATION_COUNT];
};

static const struct row rows[] = {
#define RV(id, ...) {id, #id, {__VA_ARGS__}},
#include "pkcs11/token/recovery.def"
#undef RV
};

static const char *const operation_names[OPERATION_COUNT] = {
    [OPERATION_START] = "start",   [OPERATION_SLOT] = "slot",   [OPERATION_SESSION] = "session",
    [OPERATION_LOGIN] = "login",   [OPERATION_FIND] = "find",   [OPERATION_SIGN] = "sign",
    [OPERATION_OPEN] = "open",     [OPERATION_MAKE] = "make",   [OPERATION_CHANGE] = "change",
    [OPERATION_RANDOM] = "random", [OPERATION_ADMIN] = "admin",
};

static const struct {
    const char *name;
    enum ps_err err;
    bool is_loss;
} classes[FAULT_COUNT] = {
    [FAULT_NONE] = {"none", PS_OK, false},
    [FAULT_CALLER] = {"caller", PS_E_INPUT, false},
    [FAULT_KEY] = {"key", PS_E_DENIED, false},
    [FAULT_HANDLE] = {"handle", PS_E_NOT_FOUND, false},
    [FAULT_ACTIVE] = {"active", PS_E_TOKEN, false},
    [FAULT_SESSION] = {"session", PS_E_TOKEN, true},
    [FAULT_LOGIN] = {"login", PS_E_TOKEN, true},
    [FAULT_RELOAD] = {"reload", PS_E_TOKEN, true},
    [FAULT_GONE] = {"gone", PS_E_TOKEN, true},
    [FAULT_PIN] = {"pin", PS_E_DENIED, false},
    [FAULT_BUSY] = {"busy", PS_E_BUSY, false},
    [FAULT_DOUBT] = {"doubt", PS_E_INPUT, false},
    [FAULT_UNEXPLAINED] = {"unexplained", PS_E_TOKEN, false},
    [FAULT_OURS] = {"ours", PS_E_INTERNAL, false},
};

static const struct row *find_row(CK_RV rv)
{
    for (size_t i = 1; i < PS_COUNT_OF(rows); i++) {
        if (rows[i].rv == rv) {
            return &rows[i];
        }
    }
    return NULL;
}

enum fault_class recovery_class(const struct recovery_rule *rules, size_t count, CK_RV rv,
                                enum operation operation)
{
    const struct row *row;

    for (size_t i = 0; i < count; i++) {
        if (rules[i].rv == rv && rules[i].operation == operation) {
            return rules[i].class;
        }
    }
    row = find_row(rv);
    return (enum fault_class)(row == NULL ? &rows[0] : row)->classes[operation];
}

enum ps_err recovery_err(enum fault_class class)
{
    return classes[class].err;
}

bool recovery_is_loss(enum fault_class class)
{
    return classes[class].is_loss;
}

const char *recovery_rv_name(CK_RV rv)
{
    const struct row *row = find_row(rv);

    if (row != NULL) {
        return row->name;
    }
    return (rv & CKR_VENDOR_DEFINED) != 0 ? "CKR_VENDOR_DEFINED" : "an unlisted CKR";
}

const char *recovery_operation_name(enum operation operation)
{
    return operation_names[operation];
}

const char *recovery_class_name(enum fault_class class)
{
    return classes[class].name;
}

bool recovery_rv_by_name(struct ps_bytes name, CK_RV *ret_rv)
{
    for (size_t i = 1; i < PS_COUNT_OF(rows); i++) {
        if (ps_bytes_equal_str(name, rows[i].name)) {
            *ret_rv = rows[i].rv;
            return true;
        }
    }
    return false;
}

bool recovery_operation_by_name(struct ps_bytes name, enum operation *ret_operation)
{
    for (unsigned i = 0; i < OPERATION_COUNT; i++) {
        if (ps_bytes_equal_str(name, operation_names[i])) {
            *ret_operation = (enum operation)i;
            return true;
        }
    }
    return false;
}

bool recovery_class_by_name(struct ps_bytes name, enum fault_class *ret_class)
{
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        if (ps_bytes_equal_str(name, classes[i].name)) {
            *ret_class = (enum fault_class)i;
            return true;
        }
    }
    return false;
}
