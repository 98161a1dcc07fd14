#ifndef PRIVYSEAL_AUTHENTICATOR_H
#define PRIVYSEAL_AUTHENTICATOR_H

#include "privyseal_auth_call.h"

/*
 * Authenticators: what privyseal-oidc asks about people. A plugin is a shared object that exports
 * one object, `const struct privyseal_authenticator privyseal_authenticator`. docs/plugins.md is
 * the guide. Needs nothing but this file.
 */

/* A host takes plugins of this very number; it changes with anything in both files. */
#define PRIVYSEAL_AUTHENTICATOR_ABI    1u
#define PRIVYSEAL_AUTHENTICATOR_SYMBOL "privyseal_authenticator"

#define PRIVYSEAL_AUTH_EXPORT __attribute__((visibility("default")))

/* What the host does for a plugin. Every function may be called from any thread. */
struct privyseal_auth_host {
    uint32_t abi;
    void *context;

    /*
     * Ends a call. Each call is answered once, within its time or later; what comes a second time,
     * or when nobody waits any more, is dropped. Never blocks on anything but memory.
     */
    void (*answer)(const struct privyseal_auth_host *host, uint64_t call,
                   const struct privyseal_auth_answer *answer);

    /*
     * Has `work` done by one of a few threads of the host, for what may block. Nonzero: too much
     * waits, or there is no memory, and it will not be called.
     */
    int (*run)(const struct privyseal_auth_host *host, void (*work)(void *context), void *context);

    /* A line of the log: `event` is a literal such as "relay_away". Nothing of a person's secrets.
     */
    void (*log)(const struct privyseal_auth_host *host, const char *event, const char *detail);
};

/* What there is of a plugin, once it has its configuration. Texts live until close. */
struct privyseal_auth_description {
    const char *factors;      /* between spaces: "OTP PIN" */
    const char *otp_channels; /* between spaces: "email phone"; "" without send_otp */
    const char *kbi_form;     /* JSON: fields of KBI as eSignet's pages have them; or "" */
    const char *readable;     /* absolute paths, one per line, that it opens after `start`; or "" */
    const char *writable;     /* directories, one per line, that it writes in; or "" */
};

#define PRIVYSEAL_AUTH_ERROR_MAX 512u

/*
 * The host calls all of these in one thread, its event loop's, which waits for nothing: each of
 * them returns at once, but for open and close. NULL: the plugin does not do that (send_otp,
 * authenticate, exchange, certificates).
 */
struct privyseal_authenticator {
    uint32_t abi;        /* PRIVYSEAL_AUTHENTICATOR_ABI */
    uint32_t size;       /* sizeof(struct privyseal_authenticator) */
    const char *name;    /* [a-z][a-z0-9-]*, at most 32 */
    const char *version; /* for people */

    /*
     * Reads the configuration, opens files. No threads yet: the host confines itself next, and what
     * runs before that would not be confined. After that nothing can be executed or loaded.
     *
     * config:     path of the plugin's own configuration file
     * host:       stays valid until close returns
     * ret_plugin: handed to the other functions
     * ret_error:  NUL-terminated, PRIVYSEAL_AUTH_ERROR_MAX octets: what is wrong, and where
     * Returns:    0, or nonzero with an error
     */
    int (*open)(const char *config, const struct privyseal_auth_host *host, void **ret_plugin,
                struct privyseal_auth_description *ret_description, char *ret_error);

    /* Threads may be made, and network connections. Returns as open. */
    int (*start)(void *plugin, char *ret_error);

    /*
     * No call comes any more, and no work given to `run` is left. Ends the plugin's threads and
     * frees everything; nothing of the host is used after it returned. Calls may be left
     * unanswered.
     */
    void (*close)(void *plugin);

    /*
     * Sends the person a one-time password. REFUSED: "send_otp_failed" is the usual code. To tell
     * who is in a register and who is not, answers and their time must not differ.
     */
    void (*send_otp)(void *plugin, uint64_t call, const struct privyseal_auth_request *request);

    /* Who the person is: kyc-auth of eSignet. REFUSED: "auth_failed" is the usual code. */
    void (*authenticate)(void *plugin, uint64_t call, const struct privyseal_auth_request *request);

    /* What is told of the person: kyc-exchange of eSignet. Once for each kyc_token. */
    void (*exchange)(void *plugin, uint64_t call, const struct privyseal_auth_request *request);

    /* Public keys of those who sign what `exchange` gives; only timeout_ms is set. */
    void (*certificates)(void *plugin, uint64_t call, const struct privyseal_auth_request *request);
};

/* The plugin's one symbol. */
extern PRIVYSEAL_AUTH_EXPORT const struct privyseal_authenticator privyseal_authenticator;

#endif
