#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "the script is shared between processes");

/* A place in the rule table that somebody is filling. */
#define RULE_CLAIMED UINT64_MAX

#define DEFAULT_TOKENS    3
#define DEFAULT_PIN_TRIES 10

const char *control_function_name(enum fake_function function)
{
#define FUNCTION_NAME(name, flags) #name,
    static const char *const names[] = {FAKE_FUNCTIONS(FUNCTION_NAME)};
#undef FUNCTION_NAME
    return names[function];
}

uint64_t control_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

void control_set_text(struct fake_text *text, const char *value)
{
    uint64_t words[4] = {0};
    size_t len = strnlen(value, FAKE_TEXT_MAX);
    memcpy(words, value, len);
    for (size_t i = 0; i < 4; i++)
        atomic_store(&text->words[i], words[i]);
}

void control_get_text(const struct fake_text *text, char ret_value[FAKE_TEXT_MAX + 1])
{
    uint64_t words[4];
    for (size_t i = 0; i < 4; i++)
        words[i] = atomic_load(&text->words[i]);
    memcpy(ret_value, words, sizeof(words));
    ret_value[FAKE_TEXT_MAX] = '\0';
}

void control_reset(struct fake_control *control)
{
    control_clear_rule(control, 0);
    atomic_store(&control->offers_v3, 1);
    atomic_store(&control->token_count, DEFAULT_TOKENS);
    for (size_t i = 0; i < FAKE_TOKENS; i++) {
        struct fake_token *token = &control->tokens[i];
        atomic_store(&token->absent_until_ns, 0);
        atomic_store(&token->pin_locked, 0);
        atomic_store(&token->pin_tries, DEFAULT_PIN_TRIES);
        atomic_store(&token->max_sessions, 0);
        atomic_store(&token->latency_us, 0);
        atomic_store(&token->reuse_handles, 0);
        atomic_store(&token->raw_ec_point, 0);
        atomic_store(&token->firmware, 0x0100);
        control_set_text(&token->label, "");
        control_set_text(&token->model, "");
        control_set_text(&token->manufacturer, "");
    }
    for (size_t row = 0; row <= FAKE_NO_TOKEN; row++)
        for (size_t i = 0; i < FAKE_FUNCTION_COUNT; i++)
            atomic_store(&control->counts[row][i], 0);
}

/* Serial numbers are drawn, so that the tokens of two directories are not the same token. */
static int control_init(struct fake_control *control)
{
    for (size_t i = 0; i < FAKE_TOKENS; i++) {
        uint64_t number = 0;
        char serial[FAKE_TEXT_MAX + 1];
        if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
            return -1;
        snprintf(serial, sizeof(serial), "%016llx", (unsigned long long)number);
        control_set_text(&control->tokens[i].serial, serial);
        atomic_store(&control->tokens[i].session_epoch, 1);
        atomic_store(&control->tokens[i].login_epoch, 1);
        atomic_store(&control->tokens[i].store_generation, 1);
    }
    control_reset(control);
    atomic_store(&control->size, sizeof(*control));
    atomic_store(&control->version, FAKE_VERSION);
    atomic_store(&control->magic, FAKE_MAGIC);
    return 0;
}

static int control_check(struct fake_control *control)
{
    if (atomic_load(&control->magic) == 0)
        return control_init(control);
    if (atomic_load(&control->magic) == FAKE_MAGIC &&
        atomic_load(&control->version) == FAKE_VERSION &&
        atomic_load(&control->size) == sizeof(*control))
        return 0;
    errno = EPROTO;
    return -1;
}

static int control_map(int fd, struct fake_control **ret_control)
{
    struct stat st;
    if (flock(fd, LOCK_EX) != 0 || fstat(fd, &st) != 0)
        return -1;
    if (st.st_size == 0 && ftruncate(fd, (off_t)sizeof(struct fake_control)) != 0)
        return -1;
    if (st.st_size != 0 && st.st_size != (off_t)sizeof(struct fake_control)) {
        errno = EPROTO;
        return -1;
    }
    void *page = mmap(NULL, sizeof(struct fake_control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return -1;
    if (control_check(page) != 0) {
        munmap(page, sizeof(struct fake_control));
        return -1;
    }
    *ret_control = page;
    return 0;
}

int control_open(const char *directory, struct fake_control **ret_control)
{
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return -1;
    int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -1;
    int fd = openat(dir, "control", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    close(dir);
    if (fd < 0)
        return -1;
    int result = control_map(fd, ret_control);
    /* The mapping keeps the open file, and with it the lock, beyond close. */
    flock(fd, LOCK_UN);
    close(fd);
    return result;
}

void control_close(struct fake_control *control)
{
    if (control)
        munmap(control, sizeof(*control));
}

bool control_token_present(struct fake_control *control, unsigned token)
{
    uint64_t until = atomic_load(&control->tokens[token].absent_until_ns);
    return until == 0 || (until != FAKE_ANY && control_now_ns() >= until);
}

static void act_on_sessions(struct fake_token *token)
{
    atomic_fetch_add(&token->session_epoch, 1);
    atomic_fetch_add(&token->login_epoch, 1);
}

void control_act(struct fake_control *control, unsigned token, const struct fake_rule *what,
                 uint64_t for_ns)
{
    struct fake_token *target = &control->tokens[token];
    uint64_t argument = atomic_load(&what->argument);
    char text[FAKE_TEXT_MAX + 1];
    control_get_text(&what->text, text);
    uint64_t action = atomic_load(&what->action);
    if (action == FAKE_LOSE_SESSIONS) {
        act_on_sessions(target);
    } else if (action == FAKE_LOG_OUT) {
        atomic_fetch_add(&target->login_epoch, 1);
    } else if (action == FAKE_VANISH) {
        atomic_store(&target->absent_until_ns, for_ns ? control_now_ns() + for_ns : FAKE_ANY);
        act_on_sessions(target);
    } else if (action == FAKE_RETURN) {
        atomic_store(&target->absent_until_ns, 0);
    } else if (action == FAKE_SERIAL) {
        control_set_text(&target->serial, text);
    } else if (action == FAKE_LATENCY) {
        atomic_store(&target->latency_us, argument);
    } else if (action == FAKE_MAX_SESSIONS) {
        atomic_store(&target->max_sessions, argument);
    } else if (action == FAKE_PIN_LOCKED) {
        atomic_store(&target->pin_locked, argument);
    }
}

static struct fake_rule *rule_claim(struct fake_control *control)
{
    for (size_t i = 0; i < FAKE_RULES; i++) {
        uint64_t expected = 0;
        if (atomic_compare_exchange_strong(&control->rules[i].id, &expected, RULE_CLAIMED))
            return &control->rules[i];
    }
    return NULL;
}

uint64_t control_add_rule(struct fake_control *control, const struct fake_rule *rule)
{
    struct fake_rule *place = rule_claim(control);
    if (!place)
        return 0;
    atomic_store(&place->function, atomic_load(&rule->function));
    atomic_store(&place->mechanism, atomic_load(&rule->mechanism));
    atomic_store(&place->attribute, atomic_load(&rule->attribute));
    atomic_store(&place->token, atomic_load(&rule->token));
    atomic_store(&place->action, atomic_load(&rule->action));
    atomic_store(&place->argument, atomic_load(&rule->argument));
    for (size_t i = 0; i < 4; i++)
        atomic_store(&place->text.words[i], atomic_load(&rule->text.words[i]));
    atomic_store(&place->after, atomic_load(&rule->after));
    atomic_store(&place->times, atomic_load(&rule->times));
    atomic_store(&place->until_ns, atomic_load(&rule->until_ns));
    atomic_store(&place->matched, 0);
    atomic_store(&place->applied, 0);
    uint64_t id = atomic_fetch_add(&control->last_rule, 1) + 1;
    atomic_store(&place->id, id);
    atomic_fetch_add(&control->rule_count, 1);
    return id;
}

bool control_clear_rule(struct fake_control *control, uint64_t id)
{
    bool found = false;
    for (size_t i = 0; i < FAKE_RULES; i++) {
        uint64_t current = atomic_load(&control->rules[i].id);
        if (current == 0 || current == RULE_CLAIMED || (id != 0 && current != id))
            continue;
        if (atomic_compare_exchange_strong(&control->rules[i].id, &current, 0)) {
            atomic_fetch_sub(&control->rule_count, 1);
            found = true;
        }
    }
    return found || id == 0;
}
