#include "appliance/dev/internal.h"

#include "appliance/keygen.h"
#include "lib/base/clock.h"
#include "lib/ceremony/people/policy.h"
#include "lib/ceremony/people/roster.h"
#include "lib/formats/ssh/ssh_key.h"
#include "lib/system/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY_S   UINT64_C(86400)
#define VALID_S (5 * 365 * DAY_S)

/*
 * Whom an appliance begins with, in the order of their names as in a roster, and the turn in which
 * they are asked: two officers and an auditor are enough for any class where officer-1 requests.
 */
static const struct {
    const char *name;
    enum roster_role role;
    size_t turn;
} first_people[] = {
    {"auditor-1", ROSTER_AUDITOR, 2}, {"auditor-2", ROSTER_AUDITOR, 5},
    {"officer-1", ROSTER_OFFICER, 4}, {"officer-2", ROSTER_OFFICER, 0},
    {"officer-3", ROSTER_OFFICER, 1}, {"officer-4", ROSTER_OFFICER, 3},
};

static void put_key_path(const struct dev *dev, const char *name, const char *suffix,
                         char ret_path[DEV_PATH_MAX])
{
    (void)snprintf(ret_path, DEV_PATH_MAX, "%.*s/officers/%.*s%s", (int)DEV_DIRECTORY_MAX,
                   dev->directory, (int)PS_NAME_MAX, name, suffix);
}

static bool has_key(const struct dev *dev, const char *name)
{
    char path[DEV_PATH_MAX];
    char public[DEV_PATH_MAX];

    put_key_path(dev, name, "", path);
    put_key_path(dev, name, ".pub", public);
    return ps_name_valid(ps_bytes_str(name)) && access(path, R_OK) == 0 &&
           access(public, R_OK) == 0;
}

/* All of them at once, before the first genesis: later on a new key would be nobody's. */
enum ps_err dev_prepare_people(const struct dev *dev)
{
    char path[DEV_PATH_MAX];

    dev_path(dev, "officers", path);
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return ps_fail_errno(PS_E_STORAGE, "cannot make %.160s", path);
    }
    dev_path(dev, "data", path);
    if (access(path, F_OK) == 0) {
        return PS_OK;
    }
    for (size_t i = 0; i < PS_COUNT_OF(first_people); i++) {
        if (!has_key(dev, first_people[i].name)) {
            put_key_path(dev, first_people[i].name, "", path);
            PS_TRY(keygen_make(KEYGEN_PROGRAM, path, first_people[i].name));
        }
    }
    return PS_OK;
}

static enum ps_err load_public_key(const struct dev *dev, const char *name,
                                   struct ssh_key **ret_key)
{
    PS_BUF_AUTO line = {0};
    char path[DEV_PATH_MAX];

    put_key_path(dev, name, ".pub", path);
    PS_TRY(file_read(path, SSH_KEY_LINE_MAX, &line));
    return ssh_key_parse_line(ps_buf_bytes(&line), ret_key);
}

static enum ps_err put_person(const struct dev *dev, const char *name, enum roster_role role,
                              struct ps_buf *out)
{
    PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;
    const uint64_t now_s = ps_clock_real_ns() / PS_NS_PER_S;
    struct person person = {.role = role,
                            .valid_from_s = now_s - DAY_S,
                            .valid_until_s = now_s + VALID_S,
                            .key_count = 1};

    PS_TRY(load_public_key(dev, name, &key));
    (void)snprintf(person.name, sizeof person.name, "%s", name);
    person.keys[0].key = key;
    person_put(&person, out);
    return PS_OK;
}

enum ps_err dev_put_people(const struct dev *dev, struct ps_buf *out)
{
    struct policy policy;

    policy_set_defaults(&policy);
    policy.cooling_off_s = 0;
    ps_buf_put_str(out, "\"policy\":");
    policy_put(&policy, out);
    ps_buf_put_str(out, ",\"roster\":{\"people\":[");
    for (size_t i = 0; i < PS_COUNT_OF(first_people); i++) {
        ps_buf_put_str(out, i == 0 ? "" : ",");
        PS_TRY(put_person(dev, first_people[i].name, first_people[i].role, out));
    }
    ps_buf_put_str(out, "],\"v\":\"1\"}");
    return ps_buf_status(out);
}

/* --- Whose keys are there --- */

static size_t turn_of(const char *name)
{
    for (size_t i = 0; i < PS_COUNT_OF(first_people); i++) {
        if (strcmp(first_people[i].name, name) == 0) {
            return first_people[i].turn;
        }
    }
    return PS_COUNT_OF(first_people);
}

static int compare(const void *first, const void *second)
{
    const char *a = first;
    const char *b = second;
    const size_t turn_a = turn_of(a);
    const size_t turn_b = turn_of(b);

    return turn_a != turn_b ? (turn_a < turn_b ? -1 : 1) : strcmp(a, b);
}

static void close_directory(DIR **directory)
{
    if (*directory != NULL) {
        (void)closedir(*directory);
    }
}

enum ps_err dev_list_people(const struct dev *dev, struct dev_people *ret_people)
{
    char path[DEV_PATH_MAX];
    PS_CLEANUP(close_directory) DIR *directory = NULL;
    const struct dirent *entry;

    dev_path(dev, "officers", path);
    directory = opendir(path);
    if (directory == NULL) {
        return ps_fail_errno(PS_E_NOT_FOUND, "%.160s", path);
    }
    ret_people->count = 0;
    while ((entry = readdir(directory)) != NULL && ret_people->count < DEV_PEOPLE_MAX) {
        if (strlen(entry->d_name) <= PS_NAME_MAX && has_key(dev, entry->d_name)) {
            (void)snprintf(ret_people->names[ret_people->count++], PS_NAME_MAX + 1, "%s",
                           entry->d_name);
        }
    }
    qsort(ret_people->names, ret_people->count, sizeof ret_people->names[0], compare);
    return PS_OK;
}

bool dev_is_key(const struct dev *dev, const char *name, struct ps_bytes line)
{
    PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;
    PS_BUF_AUTO own = {.max = SSH_KEY_LINE_MAX};

    if (load_public_key(dev, name, &key) != PS_OK) {
        return false;
    }
    ssh_key_put_line(key, &own);
    return ps_buf_status(&own) == PS_OK && ps_bytes_equal(ps_buf_bytes(&own), line);
}

enum ps_err dev_sign(const struct dev *dev, const char *name, enum approval_kind kind,
                     struct ps_bytes document, struct ps_buf *ret_armored)
{
    char path[DEV_PATH_MAX];

    ps_buf_init(ret_armored, 0);
    if (!has_key(dev, name)) {
        return ps_fail(PS_E_NOT_FOUND, 0, "%.100s has no key in %.100s/officers", name,
                       dev->directory);
    }
    put_key_path(dev, name, "", path);
    return keygen_sign(KEYGEN_PROGRAM, path, approval_namespace(kind), document, ret_armored);
}
