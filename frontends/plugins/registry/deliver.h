#ifndef FRONTENDS_PLUGINS_REGISTRY_DELIVER_H
#define FRONTENDS_PLUGINS_REGISTRY_DELIVER_H

#include "frontends/plugins/registry/config.h"
#include "lib/base/secret.h"

/* How one-time passwords reach people. */
struct delivery {
    const struct registry_config *config;
    struct ps_buf ca;           /* PEM; empty: those whom the system trusts */
    struct ps_secret *password; /* at the relay; NULL: none */
};

/* Reads what the configuration names. Errors: as file_read, PS_E_DENIED */
PS_MUST_USE enum ps_err delivery_open(const struct registry_config *config,
                                      struct delivery *ret_delivery);
void delivery_close(struct delivery *delivery);

/* Where one goes. All texts are of what the registry lets in. */
struct delivery_item {
    struct ps_bytes person;
    struct ps_bytes address; /* of the channel */
    bool email;              /* else by phone */
    const char *otp;
    uint64_t life_s;
    uint32_t timeout_ms;
};

/* Channels that there is a way for, between spaces: "email phone"; "" */
const char *delivery_channels(const struct registry_config *config);

/*
 * By the relay when it is an email and there is one, else as a file DIRECTORY/PERSON.json, mode
 * 0600, that takes the place of an older one:
 * {"individual", "channel", "address", "otp", "expires_in"}.
 *
 * Blocks: up to timeout_ms
 * Errors: PS_E_BUSY (the relay is away), PS_E_DENIED (it does not take this one), PS_E_STORAGE,
 *         PS_E_NOT_FOUND (no way)
 */
PS_MUST_USE enum ps_err delivery_send(const struct delivery *delivery,
                                      const struct delivery_item *item);

/* RFC 5322 message with the password. */
void delivery_put_message(const struct registry_smtp *smtp, const struct delivery_item *item,
                          uint64_t now_ns, struct ps_buf *out);

/* Hands a message to the relay. Errors: PS_E_BUSY, PS_E_DENIED, PS_E_NO_MEMORY. Source: RFC 5321,
 * libcurl */
PS_MUST_USE enum ps_err smtp_send(const struct delivery *delivery, const struct delivery_item *item,
                                  struct ps_bytes message);

#endif
