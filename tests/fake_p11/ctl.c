#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control.h"
#include "names.h"
#include "tokenfile.h"

/* fake_p11_ctl DIR COMMAND...: writes and reads the script of a directory. README.md has the
 * commands. Exit codes: 0, 1 when what was asked for is not so, 2 for a command it does not know.
 */

#define EXIT_NO    1
#define EXIT_USAGE 2
#define WAIT_STEP  1000000

/* The words still to be read. */
struct words {
    char **next;
    int left;
};

static const char *take_word(struct words *words)
{
    if (words->left == 0)
        return NULL;
    words->left--;
    return *words->next++;
}

static bool take_keyword(struct words *words, const char *keyword)
{
    if (words->left == 0 || strcmp(*words->next, keyword) != 0)
        return false;
    take_word(words);
    return true;
}

typedef bool (*reader)(const char *word, uint64_t *ret_value);

static bool take_value(struct words *words, reader read, uint64_t *ret_value)
{
    const char *word = take_word(words);
    return word && read(word, ret_value);
}

/* A number of a token, or "all" for FAKE_ANY. */
static bool read_token(const char *word, uint64_t *ret_value)
{
    *ret_value = FAKE_ANY;
    if (strcmp(word, "all") == 0)
        return true;
    return names_number(word, ret_value) && *ret_value < FAKE_TOKENS;
}

static bool take_selectors(struct words *words, struct fake_rule *rule)
{
    uint64_t mechanism = FAKE_ANY, attribute = FAKE_ANY, token = FAKE_ANY, function = FAKE_ANY;
    bool sound = take_value(words, names_function, &function);
    while (sound && !take_keyword(words, "do")) {
        if (take_keyword(words, "mechanism"))
            sound = take_value(words, names_mechanism, &mechanism);
        else if (take_keyword(words, "attribute"))
            sound = take_value(words, names_attribute, &attribute);
        else if (take_keyword(words, "token"))
            sound = take_value(words, read_token, &token);
        else
            sound = false;
    }
    atomic_store(&rule->function, function);
    atomic_store(&rule->mechanism, mechanism);
    atomic_store(&rule->attribute, attribute);
    atomic_store(&rule->token, token);
    return sound;
}

static bool next_is_number(const struct words *words)
{
    uint64_t ignored;
    return words->left > 0 && names_number(*words->next, &ignored);
}

static bool take_argument(struct words *words, const struct action_name *action,
                          struct fake_rule *rule)
{
    static const reader readers[] = {
        [ARGUMENT_NUMBER] = names_number, [ARGUMENT_RV] = names_rv,
        [ARGUMENT_SIGNAL] = names_number, [ARGUMENT_GARBAGE] = names_garbage,
        [ARGUMENT_SWITCH] = names_switch,
    };
    uint64_t value = 0;
    atomic_store(&rule->action, action->action);
    if (action->argument == ARGUMENT_NONE)
        return true;
    if (action->argument == ARGUMENT_TEXT) {
        const char *text = take_word(words);
        control_set_text(&rule->text, text ? text : "");
        return text != NULL;
    }
    if (action->argument == ARGUMENT_SIGNAL && !next_is_number(words))
        value = SIGSEGV;
    else if (!take_value(words, readers[action->argument], &value))
        return false;
    atomic_store(&rule->argument, value);
    return true;
}

static bool take_limits(struct words *words, struct fake_rule *rule)
{
    uint64_t after = 0, times = 0, for_ms = 0;
    bool sound = true;
    while (sound && words->left > 0) {
        if (take_keyword(words, "after"))
            sound = take_value(words, names_number, &after);
        else if (take_keyword(words, "times"))
            sound = take_value(words, names_number, &times);
        else if (take_keyword(words, "for"))
            sound = take_value(words, names_number, &for_ms);
        else
            sound = take_keyword(words, "calls");
    }
    atomic_store(&rule->after, after);
    atomic_store(&rule->times, times);
    atomic_store(&rule->until_ns, for_ms ? control_now_ns() + for_ms * 1000000U : 0);
    return sound;
}

static int command_on(struct fake_control *control, struct words *words)
{
    struct fake_rule rule = {0};
    if (!take_selectors(words, &rule))
        return EXIT_USAGE;
    const char *word = take_word(words);
    const struct action_name *action = word ? names_action(word) : NULL;
    if (!action || !take_argument(words, action, &rule) || !take_limits(words, &rule))
        return EXIT_USAGE;
    uint64_t id = control_add_rule(control, &rule);
    if (id == 0) {
        fputs("fake_p11_ctl: all places for rules are taken\n", stderr);
        return EXIT_NO;
    }
    printf("%" PRIu64 "\n", id);
    return EXIT_SUCCESS;
}

/* `vanish 0 for 500` and its like: an action on a token, now. */
static int command_act(struct fake_control *control, const struct action_name *action,
                       struct words *words)
{
    struct fake_rule what = {0};
    uint64_t token, for_ms = 0;
    if (!take_value(words, read_token, &token) || !take_argument(words, action, &what))
        return EXIT_USAGE;
    if (take_keyword(words, "for") && !take_value(words, names_number, &for_ms))
        return EXIT_USAGE;
    if (words->left > 0)
        return EXIT_USAGE;
    for (unsigned i = 0; i < FAKE_TOKENS; i++)
        if (token == FAKE_ANY || token == i)
            control_act(control, i, &what, for_ms * 1000000U);
    return EXIT_SUCCESS;
}

static bool read_firmware(const char *word, uint64_t *ret_value)
{
    unsigned major = 0, minor = 0;
    char rest;
    if (sscanf(word, "%3u.%3u%c", &major, &minor, &rest) != 2 || major > 255 || minor > 255)
        return false;
    *ret_value = major << 8 | minor;
    return true;
}

static bool set_token(struct fake_token *token, const char *key, const char *value)
{
    const struct {
        const char *key;
        struct fake_text *text;
        _Atomic uint64_t *number;
        reader read;
    } settings[] = {
        {"label", &token->label, NULL, NULL},
        {"model", &token->model, NULL, NULL},
        {"manufacturer", &token->manufacturer, NULL, NULL},
        {"firmware", NULL, &token->firmware, read_firmware},
        {"pin-tries", NULL, &token->pin_tries, names_number},
        {"reuse-handles", NULL, &token->reuse_handles, names_switch},
        {"raw-ec-point", NULL, &token->raw_ec_point, names_switch},
    };
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        uint64_t number;
        if (strcmp(settings[i].key, key) != 0)
            continue;
        if (settings[i].text)
            control_set_text(settings[i].text, value);
        else if (settings[i].read(value, &number))
            atomic_store(settings[i].number, number);
        else
            return false;
        return true;
    }
    return false;
}

static int command_set(struct fake_control *control, struct words *words)
{
    uint64_t token;
    const char *key = take_word(words);
    if (key && strcmp(key, "v3") == 0 && take_value(words, names_switch, &token)) {
        atomic_store(&control->offers_v3, token);
        return words->left == 0 ? EXIT_SUCCESS : EXIT_USAGE;
    }
    if (key && strcmp(key, "tokens") == 0 && take_value(words, names_number, &token) &&
        token <= FAKE_TOKENS) {
        atomic_store(&control->token_count, token);
        return words->left == 0 ? EXIT_SUCCESS : EXIT_USAGE;
    }
    if (!key || !read_token(key, &token) || words->left != 2)
        return EXIT_USAGE;
    key = take_word(words);
    const char *value = take_word(words);
    for (unsigned i = 0; i < FAKE_TOKENS; i++)
        if ((token == FAKE_ANY || token == i) && !set_token(&control->tokens[i], key, value))
            return EXIT_USAGE;
    return EXIT_SUCCESS;
}

static uint64_t count_of(struct fake_control *control, uint64_t function, uint64_t token)
{
    uint64_t sum = 0;
    for (unsigned row = 0; row <= FAKE_NO_TOKEN; row++)
        if (token == FAKE_ANY || token == row)
            sum += atomic_load(&control->counts[row][function]);
    return sum;
}

static void print_counts(struct fake_control *control, uint64_t token)
{
    for (unsigned i = 0; i < FAKE_FUNCTION_COUNT; i++) {
        uint64_t count = count_of(control, i, token);
        if (count > 0)
            printf("%s %" PRIu64 "\n", control_function_name((enum fake_function)i), count);
    }
}

static int command_count(struct fake_control *control, struct words *words)
{
    uint64_t function = FAKE_ANY, token = FAKE_ANY;
    if (words->left > 0 && strcmp(*words->next, "token") != 0 &&
        !take_value(words, names_function, &function))
        return EXIT_USAGE;
    if (take_keyword(words, "token") && !take_value(words, read_token, &token))
        return EXIT_USAGE;
    if (words->left > 0)
        return EXIT_USAGE;
    if (function == FAKE_ANY)
        print_counts(control, token);
    else
        printf("%" PRIu64 "\n", count_of(control, function, token));
    return EXIT_SUCCESS;
}

static int command_zero(struct fake_control *control, struct words *words)
{
    if (words->left > 0)
        return EXIT_USAGE;
    for (unsigned row = 0; row <= FAKE_NO_TOKEN; row++)
        for (unsigned i = 0; i < FAKE_FUNCTION_COUNT; i++)
            atomic_store(&control->counts[row][i], 0);
    return EXIT_SUCCESS;
}

/* `wait C_Sign 3 token 0 for 5000`: until the counter is there, at most so many milliseconds. */
static int command_wait(struct fake_control *control, struct words *words)
{
    uint64_t function, wanted, token = FAKE_ANY, for_ms = 10000;
    if (!take_value(words, names_function, &function) || function == FAKE_ANY ||
        !take_value(words, names_number, &wanted))
        return EXIT_USAGE;
    if (take_keyword(words, "token") && !take_value(words, read_token, &token))
        return EXIT_USAGE;
    if (take_keyword(words, "for") && !take_value(words, names_number, &for_ms))
        return EXIT_USAGE;
    if (words->left > 0)
        return EXIT_USAGE;
    uint64_t deadline = control_now_ns() + for_ms * 1000000U;
    const struct timespec step = {.tv_nsec = WAIT_STEP};
    while (count_of(control, function, token) < wanted) {
        if (control_now_ns() >= deadline)
            return EXIT_NO;
        clock_nanosleep(CLOCK_MONOTONIC, 0, &step, NULL);
    }
    return EXIT_SUCCESS;
}

static void print_rule(const struct fake_rule *rule, uint64_t id)
{
    uint64_t function = atomic_load(&rule->function);
    printf("%" PRIu64 " %s %s matched %" PRIu64 " applied %" PRIu64 " waiting %" PRIu64 "\n", id,
           function == FAKE_ANY ? "any" : control_function_name((enum fake_function)function),
           names_of_action((enum fake_action)atomic_load(&rule->action)),
           atomic_load(&rule->matched), atomic_load(&rule->applied), atomic_load(&rule->waiting));
}

static int command_rules(struct fake_control *control, struct words *words)
{
    if (words->left > 0)
        return EXIT_USAGE;
    for (size_t i = 0; i < FAKE_RULES; i++) {
        uint64_t id = atomic_load(&control->rules[i].id);
        if (id != 0 && id != UINT64_MAX)
            print_rule(&control->rules[i], id);
    }
    return EXIT_SUCCESS;
}

static int command_clear(struct fake_control *control, struct words *words)
{
    uint64_t id = 0;
    if (words->left > 0 && (!take_value(words, names_number, &id) || words->left > 0))
        return EXIT_USAGE;
    return control_clear_rule(control, id) ? EXIT_SUCCESS : EXIT_NO;
}

static int command_reset(struct fake_control *control, struct words *words)
{
    if (words->left > 0)
        return EXIT_USAGE;
    control_reset(control);
    return EXIT_SUCCESS;
}

static void print_token(struct fake_control *control, unsigned index)
{
    const struct fake_token *token = &control->tokens[index];
    char serial[FAKE_TEXT_MAX + 1];
    control_get_text(&token->serial, serial);
    printf("token %u %s serial %s latency %" PRIu64 " max-sessions %" PRIu64 " pin-tries %" PRIu64
           "%s\n",
           index, control_token_present(control, index) ? "present" : "absent", serial,
           atomic_load(&token->latency_us), atomic_load(&token->max_sessions),
           atomic_load(&token->pin_tries), atomic_load(&token->pin_locked) ? " pin-locked" : "");
}

static int command_show(struct fake_control *control, struct words *words)
{
    if (words->left > 0)
        return EXIT_USAGE;
    printf("v3 %s\n", atomic_load(&control->offers_v3) ? "on" : "off");
    for (unsigned i = 0; i < atomic_load(&control->token_count) && i < FAKE_TOKENS; i++)
        print_token(control, i);
    return command_rules(control, words);
}

/* `init 0 LABEL SO-PIN USER-PIN`: an empty slot gets a token without a PKCS#11 program. */
static int command_init(const char *directory, struct words *words)
{
    uint64_t token;
    struct token_file file = {.initialised = true};
    if (words->left != 4 || !take_value(words, names_number, &token) || token >= FAKE_TOKENS)
        return EXIT_USAGE;
    const char *label = take_word(words), *so_pin = take_word(words), *pin = take_word(words);
    tokenfile_set_label(&file, label, strlen(label));
    pin_set(&file.pins[PIN_SO], so_pin, strlen(so_pin));
    pin_set(&file.pins[PIN_USER], pin, strlen(pin));
    int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int lock = dir >= 0 ? tokenfile_lock(dir) : -1;
    int saved = lock >= 0 ? tokenfile_save(dir, (unsigned)token, &file) : -1;
    tokenfile_unlock(lock);
    if (dir >= 0)
        close(dir);
    return saved == 0 ? EXIT_SUCCESS : EXIT_NO;
}

static int run(const char *directory, struct fake_control *control, struct words *words)
{
    static const struct {
        const char *name;
        int (*run)(struct fake_control *control, struct words *words);
    } commands[] = {
        {"clear", command_clear}, {"count", command_count}, {"on", command_on},
        {"reset", command_reset}, {"rules", command_rules}, {"set", command_set},
        {"show", command_show},   {"wait", command_wait},   {"zero", command_zero},
    };
    const char *name = take_word(words);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(control, words);
    if (strcmp(name, "init") == 0)
        return command_init(directory, words);
    const struct action_name *action = names_action(name);
    if (action && action->action >= FAKE_LOSE_SESSIONS)
        return command_act(control, action, words);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct fake_control *control;
    if (argc < 3) {
        fputs("usage: fake_p11_ctl DIR COMMAND...\n", stderr);
        return EXIT_USAGE;
    }
    if (control_open(argv[1], &control) != 0) {
        fprintf(stderr, "fake_p11_ctl: %s: %s\n", argv[1], strerror(errno));
        return EXIT_NO;
    }
    struct words words = {.next = argv + 2, .left = argc - 2};
    int result = run(argv[1], control, &words);
    if (result == EXIT_USAGE)
        fputs("fake_p11_ctl: not a command it knows; tests/fake_p11/README.md has them\n", stderr);
    control_close(control);
    return result;
}
