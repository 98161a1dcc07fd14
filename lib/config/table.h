#ifndef CONFIG_TABLE_H
#define CONFIG_TABLE_H

#include "lib/base/buf.h"

/*
 * A configuration file as a table: which keys there are, with their kinds, limits and defaults,
 * and where their values go. Each program has its own table; how a file is read is the same for
 * all. Texts are never NULL: what is not configured is "".
 */
#define CONFIG_FILE_MAX (256u * 1024u)
#define CONFIG_UIDS_MAX 32u

struct config_uids {
    uint32_t ids[CONFIG_UIDS_MAX];
    size_t count;
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
    CONFIG_UIDS,
    CONFIG_PINS /* several lines, each a SHA-256 in base64url */
};

enum { CONFIG_REQUIRED = 1, CONFIG_RELOADABLE = 2, CONFIG_SECURITY = 4 };

struct config_key {
    const char *name;
    unsigned section; /* a number of the program's own */
    enum config_kind kind;
    size_t offset; /* in the section's struct */
    const char *fallback;
    uint64_t least;
    uint64_t most;
    const char *help;
    unsigned flags;
};

/* A section as it stands in a file: "appliance", "clients", ... Several may share their keys. */
struct config_section_info {
    const char *name;
    unsigned section;
    size_t offset; /* in the program's struct */
};

/* Sections that stand once for each of several things: "[token NAME]". */
struct config_named {
    unsigned section;
    enum ps_err (*add)(void *config, struct ps_bytes name, void **ret_values,
                       const char **ret_name);
};

struct config_table {
    const struct config_key *keys;
    size_t key_count;
    const struct config_section_info *sections;
    size_t section_count;
    const struct config_named *named; /* NULL: none */
    /* What the program has to say of a value; NULL: nothing. The detail says what it should be. */
    enum ps_err (*check)(const struct config_key *key, const char *text);
};

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

/*
 * Reads a file's octets into `config`, the program's struct, all zero; sections that the file lacks
 * get their defaults. To be cleared with config_clear, also after an error.
 *
 * errors: gets one line per mistake, "FILE:LINE: what, and what to do"
 * Errors: PS_E_INPUT (lines in `errors`; all values are there, some with their defaults),
 *         PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err config_read(const struct config_table *table, const char *path,
                                    struct ps_bytes text, struct ps_buf *errors, void *config);

/* One line of mistakes; `line` 0 when none is to be named. */
PS_PRINTF(4, 5)
void config_put_error(struct ps_buf *errors, const char *path, int line, const char *format, ...);

/* Frees the texts of all sections but the named ones; of one section. */
void config_clear(const struct config_table *table, void *config);
void config_clear_section(const struct config_table *table, unsigned section, void *values);

#endif
