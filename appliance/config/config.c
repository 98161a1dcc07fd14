#include "appliance/config/config.h"

#include "appliance/config/internal.h"
#include "appliance/file.h"
#include "lib/base/encode.h"
#include "lib/base/name.h"

#include <assert.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_MAX_OCTETS 8192
#define KEYS_MAX        64u
#define TOKEN_NAME_MAX  32u

/* A section that stands in the file, or one that must. */
struct place {
    const struct config_section_info *info;
    void *values;
    int line; /* 0: not in the file */
    bool seen[KEYS_MAX];
};

struct parser {
    const char *path;
    struct ps_buf *errors;
    struct ps_bytes left;
    int line;
    struct config *config;
    struct place places[CONFIG_TOKENS_MAX + 8];
    size_t place_count;
    struct place *current; /* NULL in a section that is not known */
    bool in_section;       /* a header stands above */
    bool failed;
};

void config_put_error(struct ps_buf *errors, const char *path, int line, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (line > 0) {
        ps_buf_printf(errors, "%s:%d: %s\n", path, line, text);
    } else {
        ps_buf_printf(errors, "%s: %s\n", path, text);
    }
}

static struct place *find_place(struct parser *parser, const struct config_section_info *info)
{
    for (size_t i = 0; i < parser->place_count; i++) {
        if (parser->places[i].info == info) {
            return &parser->places[i];
        }
    }
    return NULL;
}

static enum ps_err set_defaults(enum config_section section, void *values)
{
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        char **text = config_key_value(key, values);

        if (key->section != section) {
            continue;
        }
        if (config_key_is_text(key) && (key->fallback == NULL || key->fallback[0] == '\0')) {
            *text = strdup("");
            if (*text == NULL) {
                return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
            }
            continue;
        }
        PS_TRY(config_key_read(key, key->fallback, values));
    }
    return PS_OK;
}

static enum ps_err add_place(struct parser *parser, const struct config_section_info *info,
                             void *values, int line)
{
    assert(parser->place_count < PS_COUNT_OF(parser->places));
    PS_TRY(set_defaults(info->section, values));
    parser->current = &parser->places[parser->place_count++];
    *parser->current = (struct place){.info = info, .values = values, .line = line};
    return PS_OK;
}

static enum ps_err add_token(struct parser *parser, const struct config_section_info *info,
                             struct ps_bytes name)
{
    struct config *config = parser->config;
    struct config_token *token = &config->tokens[config->token_count];

    if (!ps_name_valid(name) || name.len > TOKEN_NAME_MAX) {
        return ps_fail(PS_E_INPUT, 0,
                       "a token's section is [token NAME], NAME of 1 to %u of a-z 0-9 . _ -",
                       TOKEN_NAME_MAX);
    }
    for (size_t i = 0; i < config->token_count; i++) {
        if (ps_bytes_equal_str(name, config->tokens[i].name)) {
            return ps_fail(PS_E_CONFLICT, 0, "there is a [token %s] already",
                           config->tokens[i].name);
        }
    }
    if (config->token_count == CONFIG_TOKENS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "at most %u tokens", CONFIG_TOKENS_MAX);
    }
    config->token_count++;
    token->name = ps_bytes_to_str(name);
    if (token->name == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    return add_place(parser, info, token, parser->line);
}

static enum ps_err open_section(struct parser *parser, struct ps_bytes title)
{
    static const struct ps_bytes token = {(const uint8_t *)"token ", 6};

    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section_info *info = &config_sections[i];
        struct place *place = find_place(parser, info);

        if (info->section == CONFIG_SECTION_token && ps_bytes_starts_with(title, token)) {
            return add_token(parser, info, ps_bytes_from(title, token.len));
        }
        if (info->section == CONFIG_SECTION_token || !ps_bytes_equal_str(title, info->name)) {
            continue;
        }
        if (place->line != 0) {
            return ps_fail(PS_E_CONFLICT, 0, "section [%s] stands in line %d already", info->name,
                           place->line);
        }
        place->line = parser->line;
        parser->current = place;
        return PS_OK;
    }
    return ps_fail(PS_E_INPUT, 0,
                   "there is no section [%.*s]; known are [appliance], [clients], [management], "
                   "[token NAME], [log], [administrators]",
                   (int)(title.len > 60 ? 60 : title.len), (const char *)title.data);
}

static void report(struct parser *parser, const char *message)
{
    parser->failed = true;
    config_put_error(parser->errors, parser->path, parser->line, "%s", message);
}

static void read_header(struct parser *parser, const char *start)
{
    const char *end = strchr(start, ']');

    parser->current = NULL;
    parser->in_section = true;
    if (end == NULL || end[1 + strspn(end + 1, " \t\r\n")] != '\0') {
        report(parser, "a section is [NAME] on a line of its own");
        return;
    }
    if (open_section(parser, ps_bytes(start + 1, (size_t)(end - start - 1))) != PS_OK) {
        report(parser, ps_detail()->text);
    }
}

/*
 * Looks at a line before libinih does, which cuts long lines and section names, passes over empty
 * sections, and tells only the first line that it cannot read.
 */
static void inspect_line(struct parser *parser, const char *line, size_t len)
{
    const char *start = line + strspn(line, " \t");

    if (strlen(line) != len) {
        report(parser, "a NUL octet; the file is text");
    } else if (!ps_utf8_valid(ps_bytes(line, len))) {
        report(parser, "not UTF-8");
    } else if (*start == '[') {
        read_header(parser, start);
    } else if (strchr(";#\r\n", *start) == NULL && strpbrk(start, "=:") == NULL) {
        report(parser, "neither [section], key = value nor a comment (# at the line's start)");
    }
}

/* In the shape of fgets, for libinih. */
static char *read_line(char *to, int size, void *context)
{
    struct parser *parser = context;
    const uint8_t *end =
        parser->left.len == 0 ? NULL : memchr(parser->left.data, '\n', parser->left.len);
    const size_t len = end == NULL ? parser->left.len : (size_t)(end - parser->left.data) + 1;

    if (len == 0) {
        return NULL;
    }
    parser->line++;
    if (len >= (size_t)size) {
        report(parser, "the line is too long");
        (void)snprintf(to, (size_t)size, "\n");
    } else {
        memcpy(to, parser->left.data, len);
        to[len] = '\0';
        inspect_line(parser, to, len);
    }
    parser->left = ps_bytes_from(parser->left, len);
    return to;
}

static enum ps_err set_value(struct place *place, const char *name, const char *value)
{
    const struct config_key *key = config_key_find(place->info->section, name);
    PS_BUF_AUTO known = {0};

    if (key != NULL) {
        bool *seen = &place->seen[key - config_keys];

        if (*seen && !config_key_is_list(key)) {
            return ps_fail(PS_E_CONFLICT, 0, "is set twice; keep one of the lines");
        }
        *seen = true;
        return config_key_read(key, value, place->values);
    }
    ps_buf_init(&known, 400);
    for (size_t i = 0; i < config_key_count; i++) {
        if (config_keys[i].section == place->info->section) {
            ps_buf_printf(&known, "%s%s", known.len == 0 ? "" : ", ", config_keys[i].name);
        }
    }
    return ps_fail(PS_E_INPUT, 0, "there is no such key; known here: %.*s",
                   PS_BYTES_FMT(ps_buf_bytes(&known)));
}

static int on_value(void *context, const char *section, const char *name, const char *value)
{
    struct parser *parser = context;

    (void)section;
    if (parser->current == NULL) {
        if (!parser->in_section) {
            parser->failed = true;
            config_put_error(parser->errors, parser->path, parser->line,
                             "%.40s: it stands before any [section]", name);
        }
        return 1;
    }
    if (set_value(parser->current, name, value) != PS_OK) {
        parser->failed = true;
        config_put_error(parser->errors, parser->path, parser->line, "%.40s: %s", name,
                         ps_detail()->text);
    }
    return 1;
}

static const char *name_of_token(const struct place *place)
{
    const bool is_token = place->info->section == CONFIG_SECTION_token;

    return is_token ? ((const struct config_token *)place->values)->name : "";
}

static void check_required(struct parser *parser)
{
    for (size_t i = 0; i < parser->place_count; i++) {
        const struct place *place = &parser->places[i];

        for (size_t k = 0; k < config_key_count; k++) {
            const struct config_key *key = &config_keys[k];

            if (key->section == place->info->section && (key->flags & CONFIG_REQUIRED) != 0 &&
                !place->seen[k]) {
                parser->failed = true;
                config_put_error(parser->errors, parser->path, place->line,
                                 "[%s%s%s] needs a line '%s = ...': %s", place->info->name,
                                 name_of_token(place)[0] == '\0' ? "" : " ", name_of_token(place),
                                 key->name, key->help);
            }
        }
    }
}

/* All sections but those of tokens are there with their defaults even if the file lacks them. */
static enum ps_err start(struct parser *parser)
{
    assert(config_key_count <= KEYS_MAX);
    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section_info *info = &config_sections[i];

        if (info->section == CONFIG_SECTION_token) {
            continue;
        }
        PS_TRY(add_place(parser, info, (uint8_t *)parser->config + info->offset, 0));
    }
    parser->current = NULL;
    return PS_OK;
}

static void run_inih(struct parser *parser)
{
    int line;

    /* Comments and continued lines would change values silently: a ';' belongs into URIs. */
    ini_allow_inline_comments = false;
    ini_allow_multiline = false;
    ini_use_stack = false;
    ini_initial_alloc = LINE_MAX_OCTETS;
    ini_max_line = LINE_MAX_OCTETS;
    line = ini_parse_stream(read_line, parser, on_value, parser);
    if (line != 0 && !parser->failed) {
        parser->line = line;
        report(parser, "this line cannot be read");
    }
}

static enum ps_err new_config(const char *path, struct config **ret_config)
{
    struct config *config = calloc(1, sizeof *config);

    if (config != NULL) {
        config->path = strdup(path);
    }
    if (config == NULL || config->path == NULL) {
        free(config);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *ret_config = config;
    return PS_OK;
}

enum ps_err config_parse(const char *path, struct ps_bytes text, struct ps_buf *errors,
                         struct config **ret_config)
{
    PS_CLEANUP(config_free_cleanup) struct config *config = NULL;
    struct parser parser = {.path = path, .errors = errors, .left = text};

    PS_TRY(new_config(path, &config));
    parser.config = config;
    ps_sha256(text, config->sha256);
    PS_TRY(start(&parser));
    run_inih(&parser);
    check_required(&parser);
    if (!config_check_rules(config, errors)) {
        parser.failed = true;
    }
    if (parser.failed) {
        return ps_fail(PS_E_INPUT, 0, "%s has mistakes", path);
    }
    *ret_config = config;
    config = NULL;
    return PS_OK;
}

enum ps_err config_load(const char *path, struct ps_buf *errors, struct config **ret_config)
{
    PS_BUF_AUTO text;
    const enum ps_err err = file_read(path, CONFIG_FILE_MAX, &text);

    if (err != PS_OK) {
        config_put_error(errors, path, 0, "%s; privyseald.conf(5) has an example",
                         ps_detail()->text);
        return err;
    }
    return config_parse(path, ps_buf_bytes(&text), errors, ret_config);
}

static void clear_section(enum config_section section, void *values)
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (config_keys[i].section == section && config_key_is_text(&config_keys[i])) {
            free(*(char **)config_key_value(&config_keys[i], values));
        }
    }
}

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section_info *info = &config_sections[i];

        if (info->section != CONFIG_SECTION_token) {
            clear_section(info->section, (uint8_t *)config + info->offset);
        }
    }
    for (size_t i = 0; i < config->token_count; i++) {
        clear_section(CONFIG_SECTION_token, &config->tokens[i]);
        free(config->tokens[i].name);
    }
    free(config->path);
    free(config);
}
