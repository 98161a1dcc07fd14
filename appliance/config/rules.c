#include "appliance/config/internal.h"
#include "appliance/processor.h"
#include "lib/ceremony/log/key.h"

#include <stdarg.h>
#include <stdio.h>

#define CORES_MAX     64
#define PROCESSES_MAX 128

static bool is_set(const char *text)
{
    return text[0] != '\0';
}

struct rules {
    const struct config *config;
    struct ps_buf *errors;
    bool failed;
};

static PS_PRINTF(2, 3) void refuse(struct rules *rules, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    rules->failed = true;
    config_put_error(rules->errors, rules->config->path, 0, "%s", text);
}

static void check_listener(struct rules *rules, const char *name,
                           const struct config_listener *listener)
{
    const bool tls = listener->tls_port != 0;

    if (!is_set(listener->socket) && !tls) {
        refuse(rules,
               "[%s] listens nowhere; set socket, or tls_port with certificate, key and "
               "client_ca",
               name);
    }
    if (tls && (!is_set(listener->certificate) || !is_set(listener->key) ||
                !is_set(listener->client_ca))) {
        refuse(rules, "[%s] has a tls_port; set certificate, key and client_ca too", name);
    }
    if (listener->connections_per_caller > listener->connections) {
        refuse(rules, "[%s] connections_per_caller is more than connections; lower it", name);
    }
}

static void check_listeners_together(struct rules *rules)
{
    const struct config_listener *clients = &rules->config->clients;
    const struct config_listener *management = &rules->config->management;

    if (is_set(clients->socket) && strcmp(clients->socket, management->socket) == 0) {
        refuse(rules, "[clients] and [management] name the same socket; give each its own");
    }
    if (clients->tls_port != 0 && clients->tls_port == management->tls_port &&
        strcmp(clients->tls_address, management->tls_address) == 0) {
        refuse(rules, "[clients] and [management] have the same tls_port; give each its own");
    }
}

static void check_token(struct rules *rules, const struct config_token *token)
{
    if (is_set(token->pin_file) && is_set(token->pin_credential)) {
        refuse(rules, "[token %s] has pin_file and pin_credential; keep one", token->name);
    }
    if (token->attended && !is_set(rules->config->appliance.console)) {
        refuse(rules,
               "[token %s] is attended, and officers have to see the words of the key that they "
               "seal their shares to; set console in [appliance]",
               token->name);
    }
    if (is_set(token->so_pin_file) && is_set(token->so_pin_credential)) {
        refuse(rules, "[token %s] has so_pin_file and so_pin_credential; keep one", token->name);
    }
    if (token->call_timeout_ms > rules->config->appliance.request_timeout_ms) {
        refuse(rules,
               "[token %s] call_timeout_ms is over [appliance] request_timeout_ms, so that no "
               "request could wait for such a call; raise the one or lower the other",
               token->name);
    }
}

static uint64_t count_cores(void)
{
    const unsigned cores = processor_count();

    return cores > CORES_MAX ? CORES_MAX : cores;
}

static void check_witnesses(struct rules *rules)
{
    const struct config_log *log = &rules->config->log;
    struct log_witnesses witnesses;

    if (log_witnesses_parse(ps_bytes_str(log->witness), 0, &witnesses) != PS_OK) {
        refuse(rules, "[log] witness: %s", ps_detail()->text);
    } else if (witnesses.count != 0 && log->witnesses_needed > witnesses.count) {
        refuse(rules, "[log] witnesses_needed is more than there are witnesses; lower it");
    }
}

bool config_check_rules(struct config *config, struct ps_buf *errors)
{
    struct rules rules = {.config = config, .errors = errors};
    uint64_t processes = 0;

    check_listener(&rules, "clients", &config->clients);
    check_listener(&rules, "management", &config->management);
    check_listeners_together(&rules);
    check_witnesses(&rules);
    if (config->token_count == 0) {
        refuse(&rules, "there is no [token NAME]; name at least one PKCS#11 token");
    }
    for (size_t i = 0; i < config->token_count; i++) {
        if (config->tokens[i].processes == 0) {
            config->tokens[i].processes = count_cores();
        }
        processes += config->tokens[i].processes;
        check_token(&rules, &config->tokens[i]);
    }
    if (processes > PROCESSES_MAX) {
        refuse(&rules, "at most %d token processes in all, not %llu", PROCESSES_MAX,
               (unsigned long long)processes);
    }
    return !rules.failed;
}
