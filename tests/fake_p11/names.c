#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mechanism.h"

#define NAME(value)                                                                                \
    {                                                                                              \
#value, value                                                                              \
    }

static const struct name rv_names[] = {
    NAME(CKR_OK),
    NAME(CKR_HOST_MEMORY),
    NAME(CKR_SLOT_ID_INVALID),
    NAME(CKR_GENERAL_ERROR),
    NAME(CKR_FUNCTION_FAILED),
    NAME(CKR_ARGUMENTS_BAD),
    NAME(CKR_CANT_LOCK),
    NAME(CKR_ATTRIBUTE_READ_ONLY),
    NAME(CKR_ATTRIBUTE_SENSITIVE),
    NAME(CKR_ATTRIBUTE_TYPE_INVALID),
    NAME(CKR_ATTRIBUTE_VALUE_INVALID),
    NAME(CKR_ACTION_PROHIBITED),
    NAME(CKR_DATA_INVALID),
    NAME(CKR_DATA_LEN_RANGE),
    NAME(CKR_DEVICE_ERROR),
    NAME(CKR_DEVICE_MEMORY),
    NAME(CKR_DEVICE_REMOVED),
    NAME(CKR_ENCRYPTED_DATA_INVALID),
    NAME(CKR_ENCRYPTED_DATA_LEN_RANGE),
    NAME(CKR_FUNCTION_CANCELED),
    NAME(CKR_FUNCTION_NOT_SUPPORTED),
    NAME(CKR_KEY_HANDLE_INVALID),
    NAME(CKR_KEY_SIZE_RANGE),
    NAME(CKR_KEY_TYPE_INCONSISTENT),
    NAME(CKR_KEY_CHANGED),
    NAME(CKR_KEY_FUNCTION_NOT_PERMITTED),
    NAME(CKR_KEY_NOT_WRAPPABLE),
    NAME(CKR_KEY_UNEXTRACTABLE),
    NAME(CKR_MECHANISM_INVALID),
    NAME(CKR_MECHANISM_PARAM_INVALID),
    NAME(CKR_OBJECT_HANDLE_INVALID),
    NAME(CKR_OPERATION_ACTIVE),
    NAME(CKR_OPERATION_NOT_INITIALIZED),
    NAME(CKR_PIN_INCORRECT),
    NAME(CKR_PIN_INVALID),
    NAME(CKR_PIN_LEN_RANGE),
    NAME(CKR_PIN_EXPIRED),
    NAME(CKR_PIN_LOCKED),
    NAME(CKR_SESSION_CLOSED),
    NAME(CKR_SESSION_COUNT),
    NAME(CKR_SESSION_HANDLE_INVALID),
    NAME(CKR_SESSION_READ_ONLY),
    NAME(CKR_SESSION_EXISTS),
    NAME(CKR_SIGNATURE_INVALID),
    NAME(CKR_SIGNATURE_LEN_RANGE),
    NAME(CKR_TEMPLATE_INCOMPLETE),
    NAME(CKR_TEMPLATE_INCONSISTENT),
    NAME(CKR_TOKEN_NOT_PRESENT),
    NAME(CKR_TOKEN_NOT_RECOGNIZED),
    NAME(CKR_TOKEN_WRITE_PROTECTED),
    NAME(CKR_USER_ALREADY_LOGGED_IN),
    NAME(CKR_USER_NOT_LOGGED_IN),
    NAME(CKR_USER_PIN_NOT_INITIALIZED),
    NAME(CKR_USER_TYPE_INVALID),
    NAME(CKR_USER_ANOTHER_ALREADY_LOGGED_IN),
    NAME(CKR_USER_TOO_MANY_TYPES),
    NAME(CKR_WRAPPED_KEY_INVALID),
    NAME(CKR_WRAPPED_KEY_LEN_RANGE),
    NAME(CKR_RANDOM_NO_RNG),
    NAME(CKR_CURVE_NOT_SUPPORTED),
    NAME(CKR_BUFFER_TOO_SMALL),
    NAME(CKR_CRYPTOKI_NOT_INITIALIZED),
    NAME(CKR_CRYPTOKI_ALREADY_INITIALIZED),
    NAME(CKR_FUNCTION_REJECTED),
    NAME(CKR_TOKEN_RESOURCE_EXCEEDED),
    NAME(CKR_OPERATION_CANCEL_FAILED),
    NAME(CKR_KEY_EXHAUSTED),
    NAME(CKR_VENDOR_DEFINED),
};

static const struct name attribute_names[] = {
    NAME(CKA_CLASS),
    NAME(CKA_TOKEN),
    NAME(CKA_PRIVATE),
    NAME(CKA_LABEL),
    NAME(CKA_UNIQUE_ID),
    NAME(CKA_VALUE),
    NAME(CKA_TRUSTED),
    NAME(CKA_KEY_TYPE),
    NAME(CKA_ID),
    NAME(CKA_SENSITIVE),
    NAME(CKA_ENCRYPT),
    NAME(CKA_DECRYPT),
    NAME(CKA_WRAP),
    NAME(CKA_UNWRAP),
    NAME(CKA_SIGN),
    NAME(CKA_VERIFY),
    NAME(CKA_DERIVE),
    NAME(CKA_MODULUS),
    NAME(CKA_MODULUS_BITS),
    NAME(CKA_PUBLIC_EXPONENT),
    NAME(CKA_PUBLIC_KEY_INFO),
    NAME(CKA_VALUE_LEN),
    NAME(CKA_EXTRACTABLE),
    NAME(CKA_LOCAL),
    NAME(CKA_NEVER_EXTRACTABLE),
    NAME(CKA_ALWAYS_SENSITIVE),
    NAME(CKA_KEY_GEN_MECHANISM),
    NAME(CKA_MODIFIABLE),
    NAME(CKA_COPYABLE),
    NAME(CKA_DESTROYABLE),
    NAME(CKA_EC_PARAMS),
    NAME(CKA_EC_POINT),
    NAME(CKA_ALWAYS_AUTHENTICATE),
    NAME(CKA_WRAP_WITH_TRUSTED),
    NAME(CKA_WRAP_TEMPLATE),
    NAME(CKA_UNWRAP_TEMPLATE),
    NAME(CKA_ALLOWED_MECHANISMS),
};

static const struct name garbage_names[] = {
    {"huge", FAKE_GARBAGE_HUGE},   {"unavailable", FAKE_GARBAGE_UNAVAILABLE},
    {"empty", FAKE_GARBAGE_EMPTY}, {"short", FAKE_GARBAGE_SHORT},
    {"flip", FAKE_GARBAGE_FLIP},
};

static const struct name switch_names[] = {{"off", 0}, {"on", 1}};

const struct action_name action_names[] = {
    {"rv", FAKE_RV, ARGUMENT_RV},
    {"rv-after", FAKE_RV_AFTER, ARGUMENT_RV},
    {"delay", FAKE_DELAY, ARGUMENT_NUMBER},
    {"hang", FAKE_HANG, ARGUMENT_NONE},
    {"crash", FAKE_CRASH, ARGUMENT_SIGNAL},
    {"crash-half", FAKE_CRASH_HALF, ARGUMENT_SIGNAL},
    {"crash-after", FAKE_CRASH_AFTER, ARGUMENT_SIGNAL},
    {"wrong-signature", FAKE_WRONG_SIGNATURE, ARGUMENT_NONE},
    {"length", FAKE_LENGTH, ARGUMENT_NUMBER},
    {"truncate", FAKE_TRUNCATE, ARGUMENT_NONE},
    {"zeros", FAKE_ZEROS, ARGUMENT_NONE},
    {"garbage-attributes", FAKE_GARBAGE_ATTRIBUTES, ARGUMENT_GARBAGE},
    {"too-many-handles", FAKE_TOO_MANY_HANDLES, ARGUMENT_NONE},
    {"lose-sessions", FAKE_LOSE_SESSIONS, ARGUMENT_NONE},
    {"log-out", FAKE_LOG_OUT, ARGUMENT_NONE},
    {"vanish", FAKE_VANISH, ARGUMENT_NONE},
    {"return", FAKE_RETURN, ARGUMENT_NONE},
    {"serial", FAKE_SERIAL, ARGUMENT_TEXT},
    {"latency", FAKE_LATENCY, ARGUMENT_NUMBER},
    {"max-sessions", FAKE_MAX_SESSIONS, ARGUMENT_NUMBER},
    {"pin-locked", FAKE_PIN_LOCKED, ARGUMENT_SWITCH},
};
const size_t action_name_count = sizeof(action_names) / sizeof(action_names[0]);

const struct action_name *names_action(const char *word)
{
    for (size_t i = 0; i < action_name_count; i++)
        if (strcmp(action_names[i].name, word) == 0)
            return &action_names[i];
    return NULL;
}

const char *names_of_action(enum fake_action action)
{
    for (size_t i = 0; i < action_name_count; i++)
        if (action_names[i].action == action)
            return action_names[i].name;
    return "nothing";
}

bool names_number(const char *word, uint64_t *ret_value)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(word, &end, 0);
    if (errno != 0 || end == word || *end != '\0' || word[0] == '-')
        return false;
    *ret_value = value;
    return true;
}

static bool find(const struct name *names, size_t count, const char *word, uint64_t *ret_value)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i].name, word) != 0)
            continue;
        *ret_value = names[i].value;
        return true;
    }
    return names_number(word, ret_value);
}

#define FIND(names, word, ret) find(names, sizeof(names) / sizeof((names)[0]), word, ret)

bool names_rv(const char *word, uint64_t *ret_value)
{
    return FIND(rv_names, word, ret_value);
}

bool names_attribute(const char *word, uint64_t *ret_value)
{
    return FIND(attribute_names, word, ret_value);
}

bool names_garbage(const char *word, uint64_t *ret_value)
{
    return FIND(garbage_names, word, ret_value) && *ret_value < FAKE_GARBAGE_COUNT;
}

bool names_switch(const char *word, uint64_t *ret_value)
{
    return FIND(switch_names, word, ret_value);
}

bool names_mechanism(const char *word, uint64_t *ret_value)
{
    for (size_t i = 0; i < mechanism_count; i++) {
        if (strcmp(mechanisms[i].name, word) == 0) {
            *ret_value = mechanisms[i].type;
            return true;
        }
    }
    return names_number(word, ret_value);
}

bool names_function(const char *word, uint64_t *ret_value)
{
    *ret_value = FAKE_ANY;
    if (strcmp(word, "any") == 0)
        return true;
    for (unsigned i = 0; i < FAKE_FUNCTION_COUNT; i++) {
        if (strcmp(control_function_name((enum fake_function)i), word) == 0) {
            *ret_value = i;
            return true;
        }
    }
    return false;
}
