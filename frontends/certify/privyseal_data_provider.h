#ifndef PRIVYSEAL_DATA_PROVIDER_H
#define PRIVYSEAL_DATA_PROVIDER_H

#include <stddef.h>
#include <stdint.h>

/*
 * Data providers: what privyseal-certify asks for what a credential says. A plugin is a shared
 * object that exports one object, `const struct privyseal_data_provider privyseal_data_provider`.
 * docs/credentials.md is the guide. Needs nothing but this file.
 */

/* A host takes plugins of this very number; it changes with anything in this file. */
#define PRIVYSEAL_DATA_ABI    1u
#define PRIVYSEAL_DATA_SYMBOL "privyseal_data_provider"

#define PRIVYSEAL_DATA_EXPORT __attribute__((visibility("default")))

enum privyseal_data_result {
    PRIVYSEAL_DATA_FOUND,
    PRIVYSEAL_DATA_NOT_FOUND, /* nobody of that subject */
    PRIVYSEAL_DATA_AWAY,      /* not now; asking again helps */
    PRIVYSEAL_DATA_FAILED
};

/* A line `option = NAME=value` of the configuration; valid until open returns. */
struct privyseal_data_option {
    const char *name;
    const char *value;
};

#define PRIVYSEAL_DATA_ERROR_MAX 256u

/* Whose data is asked for; texts, valid until the call returns. */
struct privyseal_data_request {
    uint32_t size; /* sizeof(struct privyseal_data_request) */
    const char *subject;
    const char *client_id;
    const char *scope;  /* of the credential that is asked for */
    const char *claims; /* of the access token, which was verified: a JSON object */
};

/* Where the answer goes: a JSON object of at most 1 MiB. */
struct privyseal_data_answer {
    void *context;
    /* Appends octets; nonzero: no more is taken. */
    int (*put)(void *context, const void *octets, size_t len);
    /* One sentence for the log, when the result is not FOUND; nothing of a person's data. */
    void (*explain)(void *context, const char *sentence);
};

struct privyseal_data_provider {
    uint32_t abi;     /* PRIVYSEAL_DATA_ABI */
    uint32_t size;    /* sizeof(struct privyseal_data_provider) */
    const char *name; /* for people, as the next one */
    const char *version;

    /*
     * Reads its options and opens files. No threads: the host confines itself next, and what runs
     * before that is not confined. After that nothing can be executed or loaded, and only what the
     * configuration names as readable and writable can be opened.
     *
     * ret_error: NUL-terminated, PRIVYSEAL_DATA_ERROR_MAX octets: what is wrong
     * Returns:   0, or nonzero with an error
     */
    int (*open)(const struct privyseal_data_option *options, size_t count, void **ret_plugin,
                char *ret_error);

    /*
     * One person's data. May block; several threads of the host call it at the same time. Each
     * waits for no longer than a wallet does: some seconds.
     */
    enum privyseal_data_result (*fetch)(void *plugin, const struct privyseal_data_request *request,
                                        const struct privyseal_data_answer *answer);

    /* No call is left. Frees everything. */
    void (*close)(void *plugin);
};

/* The plugin's one symbol. */
extern PRIVYSEAL_DATA_EXPORT const struct privyseal_data_provider privyseal_data_provider;

#endif
