#include "lib/sandbox/landlock.h"

#include "lib/system/file.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Debian 12's headers know version 2; the numbers of later ones are the kernel's own. */
enum {
    FS_TRUNCATE = 1 << 14,  /* version 3 */
    FS_IOCTL_DEV = 1 << 15, /* version 5 */
    NET_BIND_TCP = 1 << 0,  /* version 4 */
    NET_CONNECT_TCP = 1 << 1,
    SCOPE_ABSTRACT_SOCKET = 1 << 0, /* version 6 */
    SCOPE_SIGNAL = 1 << 1
};

struct ruleset {
    uint64_t handled_fs;
    uint64_t handled_net; /* from version 4 on */
    uint64_t scoped;      /* from version 6 on */
};

#define READ_RIGHTS ((uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR))
#define WRITE_RIGHTS                                                                               \
    ((uint64_t)(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                    \
                LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                     \
                LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REFER | (uint64_t)FS_TRUNCATE))
#define FILE_RIGHTS                                                                                \
    ((uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |                     \
                LANDLOCK_ACCESS_FS_EXECUTE | (uint64_t)FS_TRUNCATE | (uint64_t)FS_IOCTL_DEV))

/* What libraries open on the way, and devices that hold nothing. Not every machine has each. */
static const char *const keeper_reads[] = {"/dev/urandom", "/dev/null"};
static const char *const token_reads[] = {
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    "/etc/ssl/openssl.cnf",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/dev/urandom",
    "/dev/random",
    "/dev/null",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
};
static const char *const network_reads[] = {
    "/etc/resolv.conf", "/etc/hosts",    "/etc/host.conf", "/etc/nsswitch.conf",
    "/etc/gai.conf",    "/etc/services", "/etc/ssl/certs", "/run/systemd/resolve",
};

int landlock_version(void)
{
    const long version =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    return version < 0 ? 0 : (int)version;
}

static struct ruleset handled_by(int version, const struct sandbox_role *role)
{
    struct ruleset set = {.handled_fs = (UINT64_C(1) << 13) - 1};

    if (version >= 2) {
        set.handled_fs |= LANDLOCK_ACCESS_FS_REFER;
    }
    if (version >= 3) {
        set.handled_fs |= FS_TRUNCATE;
    }
    if (version >= 4 && !role->network && role->kind != SANDBOX_COMPANION) {
        set.handled_net = NET_BIND_TCP | NET_CONNECT_TCP;
    }
    if (version >= 5) {
        set.handled_fs |= FS_IOCTL_DEV;
    }
    if (version >= 6) {
        set.scoped = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
    }
    return set;
}

static size_t size_known_to(int version)
{
    if (version < 4) {
        return offsetof(struct ruleset, handled_net);
    }
    return version < 6 ? offsetof(struct ruleset, scoped) : sizeof(struct ruleset);
}

struct rules {
    int fd;
    uint64_t handled;
};

/* A path that is not there now gives no right: the process is started anew to get it later. */
static enum ps_err allow(const struct rules *rules, const char *path, uint64_t rights)
{
    PS_CLEANUP(file_close_cleanup) int fd = open(path, O_PATH | O_CLOEXEC);
    struct landlock_path_beneath_attr rule = {.parent_fd = fd};
    struct stat found;

    if (fd < 0) {
        return PS_OK;
    }
    if (fstat(fd, &found) != 0) {
        return ps_fail_errno(PS_E_INTERNAL, "cannot look at %.160s", path);
    }
    rule.allowed_access = rights & rules->handled;
    if (!S_ISDIR(found.st_mode)) {
        rule.allowed_access &= FILE_RIGHTS;
    }
    if (syscall(SYS_landlock_add_rule, rules->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
        return ps_fail_errno(PS_E_INTERNAL, "Landlock rule for %.160s", path);
    }
    return PS_OK;
}

static enum ps_err allow_all(const struct rules *rules, const char *const *paths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        PS_TRY(allow(rules, paths[i], READ_RIGHTS));
    }
    return PS_OK;
}

static enum ps_err allow_lines(const struct rules *rules, const char *lines, uint64_t rights)
{
    char path[4097];

    while (*lines != '\0') {
        const size_t len = strcspn(lines, "\n");

        if (len >= sizeof path) {
            return ps_fail(PS_E_INPUT, 0, "a path of %zu octets", len);
        }
        memcpy(path, lines, len);
        path[len] = '\0';
        lines += len + (lines[len] == '\n');
        if (len == 0) {
            continue;
        }
        PS_TRY(allow(rules, path, rights));
    }
    return PS_OK;
}

/* The module's directory rather than the file: it may be replaced, and has its parts beside it. */
static enum ps_err allow_module(const struct rules *rules, const char *module)
{
    char directory[4097];
    const char *slash = strrchr(module, '/');

    if (slash == NULL || (size_t)(slash - module) >= sizeof directory) {
        return ps_fail(PS_E_INPUT, 0, "the module has no absolute path");
    }
    (void)snprintf(directory, sizeof directory, "%.*s", (int)(slash - module), module);
    return directory[0] == '\0' ? PS_OK : allow(rules, directory, READ_RIGHTS);
}

static enum ps_err allow_token(const struct rules *rules, const struct sandbox_role *role)
{
    PS_TRY(allow_all(rules, token_reads, PS_COUNT_OF(token_reads)));
    if (role->network) {
        PS_TRY(allow_all(rules, network_reads, PS_COUNT_OF(network_reads)));
    }
    PS_TRY(allow_module(rules, role->module));
    PS_TRY(allow_lines(rules, role->readable, READ_RIGHTS));
    PS_TRY(allow_lines(rules, role->writable, READ_RIGHTS | WRITE_RIGHTS | (uint64_t)FS_IOCTL_DEV));
    return allow_lines(rules, role->store, READ_RIGHTS | WRITE_RIGHTS);
}

static enum ps_err allow_role(const struct rules *rules, const struct sandbox_role *role)
{
    switch (role->kind) {
    case SANDBOX_KEEPER:
        PS_TRY(allow_all(rules, keeper_reads, PS_COUNT_OF(keeper_reads)));
        PS_TRY(allow_lines(rules, role->backups, READ_RIGHTS | WRITE_RIGHTS));
        PS_TRY(allow_lines(rules, role->mirror, READ_RIGHTS | WRITE_RIGHTS));
        return allow(rules, role->data_directory, READ_RIGHTS | WRITE_RIGHTS);
    case SANDBOX_TOKEN:
        return allow_token(rules, role);
    case SANDBOX_COMPANION:
        PS_TRY(allow_all(rules, keeper_reads, PS_COUNT_OF(keeper_reads)));
        PS_TRY(allow_all(rules, network_reads, PS_COUNT_OF(network_reads)));
        PS_TRY(allow_lines(rules, role->readable, READ_RIGHTS));
        PS_TRY(allow_lines(rules, role->writable, READ_RIGHTS | WRITE_RIGHTS));
        return allow(rules, role->data_directory, READ_RIGHTS | WRITE_RIGHTS);
    case SANDBOX_API:
        return PS_OK;
    case SANDBOX_NONE:
        break;
    }
    return ps_fail(PS_E_INTERNAL, 0, "no such role");
}

enum ps_err landlock_enter(const struct sandbox_role *role)
{
    const int version = landlock_version();
    const struct ruleset set = handled_by(version, role);
    PS_CLEANUP(file_close_cleanup) int fd = -1;
    struct rules rules;

    if (version == 0) {
        return PS_OK;
    }
    fd = (int)syscall(SYS_landlock_create_ruleset, &set, size_known_to(version), 0);
    if (fd < 0) {
        return ps_fail_errno(PS_E_INTERNAL, "cannot make a Landlock ruleset");
    }
    rules = (struct rules){.fd = fd, .handled = set.handled_fs};
    PS_TRY(allow_role(&rules, role));
    if (syscall(SYS_landlock_restrict_self, fd, 0) != 0) {
        return ps_fail_errno(PS_E_INTERNAL, "cannot enter the Landlock ruleset");
    }
    return PS_OK;
}
