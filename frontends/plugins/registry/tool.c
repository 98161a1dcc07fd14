#include "frontends/plugins/registry/import.h"
#include "frontends/plugins/registry/logins.h"
#include "frontends/plugins/registry/persons.h"
#include "frontends/plugins/registry/secret_hash.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/secret.h"
#include "lib/system/file.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define TABLE_MAX ((size_t)64 * 1024 * 1024)

static const char usage[] =
    "usage: privyseal-registry --database FILE add ID [--pin-file FILE] [--password-file FILE]\n"
    "                          [COLUMN=VALUE]...\n"
    "       privyseal-registry --database FILE import TABLE\n"
    "       privyseal-registry --database FILE list\n"
    "       privyseal-registry --database FILE remove ID\n"
    "       privyseal-registry --database FILE subjects RELYING-PARTY\n"
    "       privyseal-registry --help | --version\n"
    "Columns and the plugin are in privyseal-registry(8).\n";

struct command {
    const char *database;
    const char *pin_file;
    const char *password_file;
    bool help;
    bool version;
    char **words; /* the verb and what stands after it */
    int count;
};

static uint64_t now_s(void)
{
    return ps_clock_real_ns() / PS_NS_PER_S;
}

/* Secrets are not arguments: those can be seen by every user. */
static enum ps_err set_secret(struct person *person, const char *column, const char *path)
{
    PS_CLEANUP(ps_secret_free_cleanup) struct ps_secret *secret = NULL;
    PS_CLEANUP(file_close_cleanup) int fd = -1;

    if (path == NULL) {
        return PS_OK;
    }
    PS_TRY(file_open_private(path, &fd));
    PS_TRY(ps_secret_read_fd(fd, &secret));
    return person_set(person, ps_bytes_str(column), ps_secret_bytes(secret));
}

static enum ps_err set_column(struct person *person, const char *word)
{
    const char *equal = strchr(word, '=');
    struct ps_bytes column;

    if (equal == NULL) {
        return ps_fail(PS_E_INPUT, 0, "'%.60s' is not COLUMN=VALUE", word);
    }
    column = ps_bytes(word, (size_t)(equal - word));
    if (ps_bytes_equal_str(column, "id") || ps_bytes_equal_str(column, "pin") ||
        ps_bytes_equal_str(column, "password")) {
        return ps_fail(PS_E_INPUT, 0, "%.*s is no column here; see --pin-file, --password-file",
                       PS_BYTES_FMT(column));
    }
    return person_set(person, column, ps_bytes_str(equal + 1));
}

static enum ps_err make_person(const struct command *command, struct person *person)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;

    PS_TRY(json_new(&json));
    PS_TRY(person_set(person, ps_bytes_str("id"), ps_bytes_str(command->words[1])));
    for (int i = 2; i < command->count; i++) {
        PS_TRY(set_column(person, command->words[i]));
    }
    PS_TRY(set_secret(person, "pin", command->pin_file));
    PS_TRY(set_secret(person, "password", command->password_file));
    return person_finish(person, json);
}

static enum ps_err add(struct db *db, const struct command *command)
{
    PERSON_AUTO person;

    person_init(&person);
    PS_TRY(make_person(command, &person));
    return persons_put(db, &person, now_s());
}

/* All of a table: the database is not held up while secrets are hashed. */
struct people {
    struct person *of;
    size_t count;
    size_t room;
};

static void clear_people(struct people *people)
{
    for (size_t i = 0; i < people->count; i++) {
        person_clear(&people->of[i]);
    }
    free(people->of);
}

static enum ps_err take(void *context, struct person *person)
{
    struct people *people = context;

    if (people->count == people->room) {
        const size_t room = people->room == 0 ? 64 : people->room * 2;
        struct person *of = reallocarray(people->of, room, sizeof *of);

        if (of == NULL) {
            return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
        }
        people->of = of;
        people->room = room;
    }
    people->of[people->count++] = *person;
    person_init(person);
    return PS_OK;
}

/* All or nobody. */
static enum ps_err import(struct db *db, const struct command *command)
{
    PS_CLEANUP(clear_people) struct people people = {.count = 0};
    DB_TRANSACTION_AUTO transaction = {0};
    PS_BUF_AUTO text = {.max = TABLE_MAX};
    size_t count = 0;

    PS_TRY(file_read(command->words[1], TABLE_MAX, &text));
    PS_TRY(import_people(ps_buf_bytes(&text), take, &people, &count));
    PS_TRY(db_begin(db, &transaction));
    for (size_t i = 0; i < people.count; i++) {
        PS_TRY(persons_put(db, &people.of[i], now_s()));
    }
    PS_TRY(db_commit(&transaction));
    return printf("%zu\n", count) < 0 ? ps_fail_errno(PS_E_STORAGE, "standard output") : PS_OK;
}

static enum ps_err write_line(struct ps_buf *line)
{
    PS_TRY(ps_buf_status(line));
    return fwrite(line->data, 1, line->len, stdout) == line->len
               ? PS_OK
               : ps_fail_errno(PS_E_STORAGE, "standard output");
}

static enum ps_err print(void *context, const struct person *person)
{
    PS_BUF_AUTO line = PS_BUF_SECRET(2 * PERSON_CLAIMS_MAX);

    (void)context;
    ps_buf_put_str(&line, "{\"id\":");
    ps_buf_put_json_string(&line, ps_buf_bytes(&person->id));
    ps_buf_put_str(&line, ",\"policy\":");
    ps_buf_put_json_string(&line, ps_buf_bytes(&person->policy));
    ps_buf_printf(
        &line, ",\"pin\":%s,\"password\":%s,\"claims\":", person->pin.len != 0 ? "true" : "false",
        person->password.len != 0 ? "true" : "false");
    ps_buf_put(&line, ps_buf_bytes(&person->claims));
    ps_buf_put_str(&line, "}\n");
    return write_line(&line);
}

struct namer {
    uint8_t secret[REGISTRY_SECRET_LEN];
    struct ps_bytes relying_party;
};

static void clear_namer(struct namer *namer)
{
    ps_wipe(namer, sizeof *namer);
}

static enum ps_err print_subject(void *context, const struct person *person)
{
    const struct namer *namer = context;
    PS_BUF_AUTO line = PS_BUF_SECRET(8 * PERSON_ID_MAX);

    ps_buf_put_str(&line, "{\"id\":");
    ps_buf_put_json_string(&line, ps_buf_bytes(&person->id));
    ps_buf_put_str(&line, ",\"subject\":\"");
    login_put_subject(namer->secret, ps_buf_bytes(&person->id), namer->relying_party, &line);
    ps_buf_put_str(&line, "\"}\n");
    return write_line(&line);
}

static enum ps_err subjects(struct db *db, const struct command *command)
{
    PS_CLEANUP(clear_namer) struct namer namer = {.relying_party = ps_bytes_str(command->words[1])};

    PS_TRY(persons_secret(db, namer.secret));
    PS_TRY(persons_each(db, print_subject, &namer));
    return fflush(stdout) == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "standard output");
}

static enum ps_err list(struct db *db, const struct command *command)
{
    (void)command;
    PS_TRY(persons_each(db, print, NULL));
    return fflush(stdout) == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "standard output");
}

static enum ps_err drop(struct db *db, const struct command *command)
{
    return persons_remove(db, ps_bytes_str(command->words[1]));
}

struct verb {
    const char *name;
    enum ps_err (*run)(struct db *db, const struct command *command);
    int least; /* words, with the verb */
    int most;
};

static const struct verb verbs[] = {
    {"add", add, 2, 1000},  {"import", import, 2, 2},     {"list", list, 1, 1},
    {"remove", drop, 2, 2}, {"subjects", subjects, 2, 2},
};

static const struct verb *find_verb(const struct command *command)
{
    for (size_t i = 0; i < PS_COUNT_OF(verbs); i++) {
        if (command->count >= verbs[i].least && command->count <= verbs[i].most &&
            strcmp(command->words[0], verbs[i].name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static bool read_options(int argc, char **argv, struct command *command)
{
    static const struct option options[] = {{"database", required_argument, NULL, 'd'},
                                            {"pin-file", required_argument, NULL, 'p'},
                                            {"password-file", required_argument, NULL, 'w'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            command->database = optarg;
            break;
        case 'p':
            command->pin_file = optarg;
            break;
        case 'w':
            command->password_file = optarg;
            break;
        case 'h':
            command->help = true;
            break;
        case 'v':
            command->version = true;
            break;
        default:
            return false;
        }
    }
    command->words = argv + optind;
    command->count = argc - optind;
    return true;
}

static int run(const struct verb *verb, const struct command *command)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = NULL;
    enum ps_err err = secret_hash_init();

    if (err == PS_OK) {
        err = persons_open(command->database, &db);
    }
    if (err == PS_OK) {
        err = verb->run(db, command);
    }
    if (err != PS_OK) {
        (void)fprintf(stderr, "privyseal-registry: %s\n", ps_detail()->text);
    }
    return ps_err_info(err)->exit_code;
}

int main(int argc, char **argv)
{
    struct command command = {.database = NULL};
    const struct verb *verb;

    if (!read_options(argc, argv, &command)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    if (command.help) {
        return fputs(usage, stdout) < 0;
    }
    if (command.version) {
        return printf("privyseal-registry %s\n", PRIVYSEAL_VERSION) < 0;
    }
    verb = find_verb(&command);
    if (verb == NULL || command.database == NULL) {
        (void)fputs(usage, stderr);
        return 2;
    }
    return run(verb, &command);
}
