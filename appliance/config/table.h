#ifndef APPLIANCE_CONFIG_TABLE_H
#define APPLIANCE_CONFIG_TABLE_H

#include "appliance/config/config.h"

/* The rows of keys.def and the sections they belong to. */
enum config_section {
    CONFIG_SECTION_appliance,
    CONFIG_SECTION_listener,
    CONFIG_SECTION_token,
    CONFIG_SECTION_log,
    CONFIG_SECTION_backup,
    CONFIG_SECTION_administrators
};

enum config_kind {
    CONFIG_TEXT,
    CONFIG_ORIGIN,       /* C2SP signed note: a key name has no white space and no "+" */
    CONFIG_PATH,         /* absolute, no "//", "." or ".." segments */
    CONFIG_NAME,         /* [a-z][a-z0-9-]* */
    CONFIG_CREDENTIAL,   /* [A-Za-z0-9][A-Za-z0-9._-]* */
    CONFIG_URI,          /* pkcs11:... */
    CONFIG_ADDRESS,      /* numeric */
    CONFIG_PATHS,        /* several lines, each a path */
    CONFIG_ENVIRONMENT,  /* several lines, each NAME=value */
    CONFIG_WITNESSES,    /* several lines, each the verifier key of a witness, and perhaps a URL */
    CONFIG_SYSTEM_CALLS, /* several lines, each a name */
    CONFIG_BOOL,         /* yes or no */
    CONFIG_NUMBER,
    CONFIG_MODE, /* octal */
    CONFIG_LEVEL,
    CONFIG_UIDS
};

enum { CONFIG_REQUIRED = 1, CONFIG_RELOADABLE = 2, CONFIG_SECURITY = 4 };

struct config_key {
    const char *name;
    enum config_section section;
    enum config_kind kind;
    size_t offset; /* in the section's struct */
    const char *fallback;
    uint64_t least;
    uint64_t most;
    const char *help;
    unsigned flags;
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* The sections as they stand in a file: "appliance", "clients", "management", "token", ... */
struct config_section_info {
    const char *name;
    enum config_section section;
    size_t offset; /* in struct config; of a token: of the first */
};
extern const struct config_section_info config_sections[];
extern const size_t config_section_count;

/* NULL when the section has no such key. */
const struct config_key *config_key_find(enum config_section section, const char *name);

/* True for keys that may be given several times. */
bool config_key_is_list(const struct config_key *key);
bool config_key_is_text(const struct config_key *key);

/* Where the value of a key lies in the struct of its section. */
void *config_key_value(const struct config_key *key, void *section);

/*
 * Reads one value into its place in the section's struct; a further line of a list is appended.
 * Errors: PS_E_INPUT, PS_E_LIMIT, PS_E_NO_MEMORY; the detail says what the value should be.
 */
PS_MUST_USE enum ps_err config_key_read(const struct config_key *key, const char *text,
                                        void *section);

#endif
