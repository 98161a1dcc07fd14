#include "pins.h"

bool pins_locked(struct module *module, unsigned token, const struct token_file *file,
                 enum pin_owner owner)
{
    struct fake_token *script = &module->control->tokens[token];
    uint64_t tries = atomic_load(&script->pin_tries);
    if (owner == PIN_USER && atomic_load(&script->pin_locked))
        return true;
    return tries != 0 && file->failures[owner] >= tries;
}

static CK_RV check_in_file(struct module *module, unsigned token, struct token_file *file,
                           enum pin_owner owner, const struct pin *given)
{
    if (!file->initialised)
        return CKR_TOKEN_NOT_RECOGNIZED;
    if (file->pins[owner].length == 0)
        return CKR_USER_PIN_NOT_INITIALIZED;
    if (pins_locked(module, token, file, owner))
        return CKR_PIN_LOCKED;
    bool right = pin_equals(&file->pins[owner], given->octets, given->length);
    if (right && file->failures[owner] == 0)
        return CKR_OK;
    file->failures[owner] = right ? 0 : file->failures[owner] + 1;
    if (tokenfile_save(module->directory, token, file) != 0)
        return CKR_DEVICE_ERROR;
    return right ? CKR_OK : CKR_PIN_INCORRECT;
}

/* A PIN too long to be one becomes an empty one, which is always wrong. */
static struct pin pin_of(const void *pin, CK_ULONG length)
{
    struct pin given = {0};
    if (pin && length <= PIN_MAX)
        pin_set(&given, pin, length);
    return given;
}

CK_RV pins_check(struct module *module, unsigned token, enum pin_owner owner, const void *pin,
                 CK_ULONG length)
{
    struct token_file file;
    struct pin given = pin_of(pin, length);
    CK_RV rv = CKR_DEVICE_ERROR;
    int lock = tokenfile_lock(module->directory);
    if (lock >= 0 && tokenfile_load(module->directory, token, &file) == 0)
        rv = check_in_file(module, token, &file, owner, &given);
    tokenfile_unlock(lock);
    return rv;
}

CK_RV pins_set(struct module *module, unsigned token, enum pin_owner owner, const void *pin,
               CK_ULONG length)
{
    struct token_file file;
    if (!pin || length < PIN_MIN || length > PIN_MAX)
        return CKR_PIN_LEN_RANGE;
    CK_RV rv = CKR_DEVICE_ERROR;
    int lock = tokenfile_lock(module->directory);
    if (lock >= 0 && tokenfile_load(module->directory, token, &file) == 0) {
        pin_set(&file.pins[owner], pin, length);
        file.failures[owner] = 0;
        rv = tokenfile_save(module->directory, token, &file) == 0 ? CKR_OK : CKR_DEVICE_ERROR;
    }
    tokenfile_unlock(lock);
    return rv;
}

static CK_RV init_file(struct module *module, unsigned token, struct token_file *file,
                       const struct pin *given)
{
    CK_RV rv = CKR_OK;
    if (file->initialised)
        rv = check_in_file(module, token, file, PIN_SO, given);
    if (rv != CKR_OK)
        return rv;
    file->initialised = true;
    file->pins[PIN_SO] = *given;
    file->pins[PIN_USER] = (struct pin){0};
    file->failures[PIN_SO] = 0;
    file->failures[PIN_USER] = 0;
    return tokenfile_save(module->directory, token, file) == 0 ? CKR_OK : CKR_DEVICE_ERROR;
}

CK_RV pins_init_token(struct module *module, unsigned token, const void *pin, CK_ULONG length,
                      const unsigned char label[32])
{
    struct token_file file;
    struct pin given = pin_of(pin, length);
    if (given.length < PIN_MIN)
        return CKR_PIN_LEN_RANGE;
    CK_RV rv = CKR_DEVICE_ERROR;
    int lock = tokenfile_lock(module->directory);
    if (lock >= 0 && tokenfile_load(module->directory, token, &file) == 0) {
        tokenfile_set_label(&file, (const char *)label, 32);
        rv = init_file(module, token, &file, &given);
    }
    tokenfile_unlock(lock);
    return rv;
}
