#include "appliance/dev/internal.h"

#include "appliance/config/table.h"
#include "lib/base/hash.h"
#include "lib/sandbox/sandbox.h"
#include "lib/system/file.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINES_MAX  48
#define TEXT_MAX   65536u
#define NOBODY     65534u
#define ADDRESS    "127.0.0.1"
#define RESERVE_MB "8" /* a throw-away appliance may live on a small disk */
/* Below those that the kernel gives to whoever connects, which it would do while we are stopped. */
#define PORT_FIRST 10000u
#define PORT_COUNT 10000u
#define PORT_TRIES 100u

/* One line of the file; those of a section stand together. */
struct line {
    const char *section;
    const char *key;
    char value[1024];
    bool is_set; /* by --set */
};

struct lines {
    const struct dev *dev;
    const struct config *previous; /* of an earlier start; NULL: none that can be read */
    struct line of[LINES_MAX];
    size_t count;
    bool full;
};

/* Soft modules, by the name of their file: how each is told where its token lives. */
static const struct {
    const char *file;
    const char *variable;
    const char *place; /* in DIR */
} soft_modules[] = {
    {"libsofthsm2.so", "SOFTHSM2_CONF", "softhsm2.conf"},
    {"libfake_p11.so", "FAKE_P11_DIR", "tokens"},
};

static const char *const softhsm_places[] = {
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
};

/* From the directory of this program: build tree, source tree around it, installed. */
static const char *const profile_places[] = {
    "softhsm2.json",
    "../firmware-profiles/softhsm2.json",
    "../../firmware-profiles/softhsm2.json",
    "../share/privyseal/firmware-profiles/softhsm2.json",
};

static __attribute__((format(printf, 4, 5))) void put(struct lines *lines, const char *section,
                                                      const char *key, const char *format, ...)
{
    struct line *line = &lines->of[lines->count];
    va_list args;
    int len;

    if (lines->count == LINES_MAX) {
        lines->full = true;
        return;
    }
    line->section = section;
    line->key = key;
    va_start(args, format);
    len = vsnprintf(line->value, sizeof line->value, format, args);
    va_end(args);
    lines->full = lines->full || len < 0 || (size_t)len >= sizeof line->value;
    lines->count++;
}

static void put_path(struct lines *lines, const char *section, const char *key, const char *name)
{
    char path[DEV_PATH_MAX];

    dev_path(lines->dev, name, path);
    put(lines, section, key, "%s", path);
}

static void free_text(char **text)
{
    free(*text);
}

/* Once it is, it stays so: its configuration was approved. */
static bool is_attended(const struct lines *lines)
{
    return lines->dev->options.attended ||
           (lines->previous != NULL && lines->previous->tokens[0].attended);
}

/* An option, else what an earlier start had, else the first place where the file is. */
static enum ps_err find_module(struct lines *lines)
{
    const char *module = lines->dev->options.module;
    PS_CLEANUP(free_text) char *path = NULL;

    if (module == NULL && lines->previous != NULL) {
        module = lines->previous->tokens[0].module;
    }
    for (size_t i = 0; module == NULL && i < PS_COUNT_OF(softhsm_places); i++) {
        module = access(softhsm_places[i], R_OK) == 0 ? softhsm_places[i] : NULL;
    }
    if (module == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "SoftHSM is not installed: apt-get install softhsm2");
    }
    path = realpath(module, NULL);
    if (path == NULL) {
        return ps_fail_errno(PS_E_NOT_FOUND, "module %.160s", module);
    }
    put(lines, "token " DEV_TOKEN, "module", "%s", path);
    return PS_OK;
}

static enum ps_err find_profile(struct lines *lines)
{
    const char *profile = lines->dev->options.profile;
    char candidate[DEV_PROGRAMS_MAX + 64];
    PS_CLEANUP(free_text) char *path = NULL;

    if (profile == NULL && lines->previous != NULL &&
        access(lines->previous->tokens[0].profile, R_OK) == 0) {
        profile = lines->previous->tokens[0].profile;
    }
    for (size_t i = 0; profile == NULL && i < PS_COUNT_OF(profile_places); i++) {
        (void)snprintf(candidate, sizeof candidate, "%s/%s", lines->dev->programs,
                       profile_places[i]);
        profile = access(candidate, R_OK) == 0 ? candidate : NULL;
    }
    path = profile == NULL ? NULL : realpath(profile, NULL);
    if (path == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0,
                       "the profile softhsm2.json is not beside this program; name it with "
                       "--profile");
    }
    put(lines, "token " DEV_TOKEN, "profile", "%s", path);
    return PS_OK;
}

static void put_environment(struct lines *lines)
{
    const char *module = lines->of[lines->count - 1].value;
    const char *slash = strrchr(module, '/');
    char path[DEV_PATH_MAX];

    for (size_t i = 0; slash != NULL && i < PS_COUNT_OF(soft_modules); i++) {
        if (strcmp(slash + 1, soft_modules[i].file) == 0) {
            dev_path(lines->dev, soft_modules[i].place, path);
            put(lines, "token " DEV_TOKEN, "environment", "%s=%s", soft_modules[i].variable, path);
        }
    }
}

static void put_count(struct lines *lines, const char *key, const char *option, uint64_t previous)
{
    if (option != NULL) {
        put(lines, "token " DEV_TOKEN, key, "%s", option);
    } else if (lines->previous != NULL) {
        put(lines, "token " DEV_TOKEN, key, "%llu", (unsigned long long)previous);
    }
}

static enum ps_err put_token(struct lines *lines)
{
    const struct dev_options *options = &lines->dev->options;
    const struct config_token *previous =
        lines->previous == NULL ? NULL : &lines->previous->tokens[0];

    PS_TRY(find_module(lines));
    put_environment(lines);
    PS_TRY(find_profile(lines));
    put(lines, "token " DEV_TOKEN, "uri", "pkcs11:token=privyseal-" DEV_TOKEN);
    put_path(lines, "token " DEV_TOKEN, "pin_file", "pins/user");
    if (is_attended(lines)) {
        put(lines, "token " DEV_TOKEN, "attended", "yes");
    }
    put_path(lines, "token " DEV_TOKEN, "so_pin_file", "pins/so");
    put_path(lines, "token " DEV_TOKEN, "store", "tokens");
    put_path(lines, "token " DEV_TOKEN, "readable", "softhsm2.conf");
    put_count(lines, "processes", options->processes, previous == NULL ? 0 : previous->processes);
    put_count(lines, "sessions", options->sessions, previous == NULL ? 0 : previous->sessions);
    return PS_OK;
}

/* The port if nobody has it, nor `other` listener gets it; else 0. */
static unsigned try_port(unsigned port, unsigned other)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    PS_CLEANUP(file_close_cleanup) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;

    (void)inet_pton(AF_INET, ADDRESS, &address.sin_addr);
    if (port == other || fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        return 0;
    }
    return port;
}

static enum ps_err put_port(struct lines *lines, const char *section, uint64_t previous,
                            unsigned other, unsigned *ret_port)
{
    unsigned port = previous == 0 ? 0 : try_port((unsigned)previous, other);
    uint16_t number;

    for (unsigned i = 0; i < PORT_TRIES && port == 0; i++) {
        ps_random(&number, sizeof number);
        port = try_port(PORT_FIRST + number % PORT_COUNT, other);
    }
    if (port == 0) {
        return ps_fail_errno(PS_E_INTERNAL, "no free port");
    }
    put(lines, section, "tls_address", ADDRESS);
    put(lines, section, "tls_port", "%u", port);
    put_path(lines, section, "certificate", "tls/cert.pem");
    put_path(lines, section, "key", "tls/key.pem");
    put_path(lines, section, "client_ca", "ca/cert.pem");
    *ret_port = port;
    return PS_OK;
}

static enum ps_err put_listeners(struct lines *lines)
{
    const struct config *previous = lines->previous;
    const bool has_tls = !lines->dev->options.no_tls && dev_has_certificates(lines->dev);
    unsigned clients = 0;
    unsigned management = 0;

    put_path(lines, "clients", "socket", "clients.sock");
    if (has_tls) {
        PS_TRY(put_port(lines, "clients", previous == NULL ? 0 : previous->clients.tls_port, 0,
                        &clients));
    }
    put_path(lines, "management", "socket", "management.sock");
    if (has_tls) {
        PS_TRY(put_port(lines, "management", previous == NULL ? 0 : previous->management.tls_port,
                        clients, &management));
    }
    return PS_OK;
}

/* Own users need to get at DIR and at the module, which may lie below somebody's home. */
static const char *choose_users(const struct dev *dev)
{
    PS_CLEANUP(free_text)
    char *module = dev->options.module == NULL ? NULL : realpath(dev->options.module, NULL);
    char path[DEV_PATH_MAX];

    dev_path(dev, "tokens", path);
    if (!sandbox_may_switch_users()) {
        return "dynamic";
    }
    if (!file_reachable(path, NOBODY, NOBODY) ||
        (module != NULL && !file_reachable(module, NOBODY, NOBODY))) {
        dev_say("Other users cannot reach %s or the module, so all processes stay one user.",
                dev->directory);
        return "same";
    }
    return "dynamic";
}

static void put_appliance(struct lines *lines)
{
    put(lines, "appliance", "origin", DEV_ORIGIN);
    put_path(lines, "appliance", "data", "data");
    put(lines, "appliance", "practice", "yes");
    if (is_attended(lines)) {
        put_path(lines, "appliance", "console", "console.sock");
    }
    put(lines, "appliance", "users", "%s", choose_users(lines->dev));
}

/* Of a key that may be given several times. */
static bool is_list(const char *section, const char *key)
{
    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section_info *info = &config_sections[i];

        if (strncmp(section, info->name, strlen(info->name)) == 0) {
            const struct config_key *found = config_key_find(info->section, key);

            return found != NULL && config_key_is_list(found);
        }
    }
    return false;
}

/* "SECTION.KEY=VALUE" replaces our line of that key, or adds one. */
static void apply_set(struct lines *lines, const char *text)
{
    static char words[DEV_SETS_MAX][2][64];
    static size_t used;
    const char *dot = strchr(text, '.');
    const char *equals = strchr(text, '=');
    char *section = words[used][0];
    char *key = words[used][1];

    used = (used + 1) % DEV_SETS_MAX;
    (void)snprintf(section, 64, "%.*s", (int)(dot - text), text);
    (void)snprintf(key, 64, "%.*s", (int)(equals - dot - 1), dot + 1);
    if (strcmp(section, "token") == 0) {
        (void)snprintf(section, 64, "token " DEV_TOKEN);
    }
    for (size_t i = 0; i < lines->count; i++) {
        struct line *line = &lines->of[i];

        if (strcmp(line->section, section) == 0 && strcmp(line->key, key) == 0 &&
            !(line->is_set && is_list(section, key))) {
            (void)snprintf(line->value, sizeof line->value, "%s", equals + 1);
            line->is_set = true;
            return;
        }
    }
    put(lines, section, key, "%s", equals + 1);
    lines->of[lines->count - 1].is_set = true;
}

/* Each section once, in the order of its first line. */
static void print_lines(const struct lines *lines, struct ps_buf *out)
{
    bool done[LINES_MAX] = {false};

    ps_buf_put_str(out, "# Written by `privyseal dev` at each start; change it with --set.\n");
    for (size_t i = 0; i < lines->count; i++) {
        if (done[i]) {
            continue;
        }
        ps_buf_printf(out, "[%s]\n", lines->of[i].section);
        for (size_t k = i; k < lines->count; k++) {
            if (strcmp(lines->of[k].section, lines->of[i].section) == 0) {
                ps_buf_printf(out, "%s = %s\n", lines->of[k].key, lines->of[k].value);
                done[k] = true;
            }
        }
    }
}

static enum ps_err fill(struct lines *lines)
{
    put_appliance(lines);
    PS_TRY(put_listeners(lines));
    PS_TRY(put_token(lines));
    put(lines, "log", "disk_reserve_mb", RESERVE_MB);
    put_path(lines, "backup", "directory", "backups");
    put(lines, "administrators", "uids", "%u", (unsigned)getuid());
    for (size_t i = 0; i < lines->dev->options.set_count; i++) {
        apply_set(lines, lines->dev->options.sets[i]);
    }
    return lines->full ? ps_fail(PS_E_LIMIT, 0, "too many or too long lines") : PS_OK;
}

/* What an earlier start wrote, as far as it can be read. */
static struct config *load_previous(const char *path)
{
    struct config *config = NULL;
    PS_BUF_AUTO errors;

    ps_buf_init(&errors, TEXT_MAX);
    if (access(path, R_OK) != 0 || config_load(path, &errors, &config) != PS_OK) {
        return NULL;
    }
    return config;
}

static enum ps_err read_back(const char *path, struct config **ret_config)
{
    PS_CLEANUP(config_free_cleanup) struct config *config = NULL;
    PS_BUF_AUTO errors;
    enum ps_err err;

    ps_buf_init(&errors, TEXT_MAX);
    err = config_load(path, &errors, &config);
    if (err == PS_OK) {
        err = config_check_machine(config, &errors);
    }
    (void)fprintf(stderr, "%.*s", PS_BYTES_FMT(ps_buf_bytes(&errors)));
    PS_TRY(err);
    *ret_config = config;
    config = NULL;
    return PS_OK;
}

static void free_lines(struct lines **lines)
{
    free(*lines);
}

enum ps_err dev_write_config(struct dev *dev)
{
    PS_CLEANUP(config_free_cleanup) struct config *previous = NULL;
    PS_CLEANUP(free_lines) struct lines *lines = calloc(1, sizeof *lines);
    char path[DEV_PATH_MAX];
    PS_BUF_AUTO text;

    ps_buf_init(&text, TEXT_MAX);
    if (lines == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    dev_path(dev, "privyseald.conf", path);
    previous = load_previous(path);
    lines->dev = dev;
    lines->previous = previous;
    PS_TRY(fill(lines));
    print_lines(lines, &text);
    PS_TRY(ps_buf_status(&text));
    PS_TRY(file_write(path, ps_buf_bytes(&text), 0600));
    config_free(dev->config);
    dev->config = NULL;
    return read_back(path, &dev->config);
}
