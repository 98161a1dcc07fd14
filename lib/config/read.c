#include "lib/config/table.h"

#include "lib/base/encode.h"

#include <assert.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_OCTETS 8192
#define KEYS_MAX        64u
#define PLACES_MAX      32u

/* A section that stands in the file, or one that must. */
struct place {
    const struct config_section_info *info;
    void *values;
    const char *name; /* of a named one, else "" */
    int line;         /* 0: not in the file */
    bool seen[KEYS_MAX];
};

struct parser {
    const struct config_table *table;
    const char *path;
    struct ps_buf *errors;
    struct ps_bytes left;
    int line;
    void *config;
    struct place places[PLACES_MAX];
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

static bool is_named(const struct config_table *table, const struct config_section_info *info)
{
    return table->named != NULL && table->named->section == info->section;
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

static enum ps_err set_defaults(const struct config_table *table, unsigned section, void *values)
{
    for (size_t i = 0; i < table->key_count; i++) {
        const struct config_key *key = &table->keys[i];
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
                             void *values, const char *name)
{
    if (parser->place_count == PLACES_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "at most %u sections", PLACES_MAX);
    }
    PS_TRY(set_defaults(parser->table, info->section, values));
    parser->current = &parser->places[parser->place_count++];
    *parser->current =
        (struct place){.info = info, .values = values, .name = name, .line = parser->line};
    return PS_OK;
}

static enum ps_err fail_unknown(const struct config_table *table, struct ps_bytes title)
{
    PS_BUF_AUTO known = {.max = 200};

    for (size_t i = 0; i < table->section_count; i++) {
        ps_buf_printf(&known, "%s[%s%s]", i == 0 ? "" : ", ", table->sections[i].name,
                      is_named(table, &table->sections[i]) ? " NAME" : "");
    }
    return ps_fail(PS_E_INPUT, 0, "there is no section [%.*s]; known are %.*s",
                   (int)(title.len > 60 ? 60 : title.len), (const char *)title.data,
                   PS_BYTES_FMT(ps_buf_bytes(&known)));
}

/* "token a" for a section of that name; what stands behind the space is its name. */
static bool begins_named(const struct config_section_info *info, struct ps_bytes title)
{
    const size_t len = strlen(info->name);

    return ps_bytes_starts_with(title, ps_bytes_str(info->name)) && title.len > len &&
           title.data[len] == ' ';
}

static enum ps_err open_named(struct parser *parser, const struct config_section_info *info,
                              struct ps_bytes name)
{
    void *values;
    const char *own_name;

    PS_TRY(parser->table->named->add(parser->config, name, &values, &own_name));
    return add_place(parser, info, values, own_name);
}

static enum ps_err open_section(struct parser *parser, struct ps_bytes title)
{
    const struct config_table *table = parser->table;

    for (size_t i = 0; i < table->section_count; i++) {
        const struct config_section_info *info = &table->sections[i];
        struct place *place = find_place(parser, info);

        if (is_named(table, info)) {
            if (begins_named(info, title)) {
                return open_named(parser, info, ps_bytes_from(title, strlen(info->name) + 1));
            }
            continue;
        }
        if (!ps_bytes_equal_str(title, info->name)) {
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
    return fail_unknown(table, title);
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

static const struct config_key *find_key(const struct config_table *table, unsigned section,
                                         const char *name)
{
    for (size_t i = 0; i < table->key_count; i++) {
        if (table->keys[i].section == section && strcmp(table->keys[i].name, name) == 0) {
            return &table->keys[i];
        }
    }
    return NULL;
}

static enum ps_err set_value(struct parser *parser, const char *name, const char *value)
{
    struct place *place = parser->current;
    const struct config_table *table = parser->table;
    const struct config_key *key = find_key(table, place->info->section, name);
    PS_BUF_AUTO known = {0};

    if (key != NULL) {
        bool *seen = &place->seen[key - table->keys];

        if (*seen && !config_key_is_list(key)) {
            return ps_fail(PS_E_CONFLICT, 0, "is set twice; keep one of the lines");
        }
        *seen = true;
        PS_TRY(config_key_read(key, value, place->values));
        return table->check == NULL ? PS_OK : table->check(key, value);
    }
    ps_buf_init(&known, 400);
    for (size_t i = 0; i < table->key_count; i++) {
        if (table->keys[i].section == place->info->section) {
            ps_buf_printf(&known, "%s%s", known.len == 0 ? "" : ", ", table->keys[i].name);
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
    if (set_value(parser, name, value) != PS_OK) {
        parser->failed = true;
        config_put_error(parser->errors, parser->path, parser->line, "%.40s: %s", name,
                         ps_detail()->text);
    }
    return 1;
}

static void check_required(struct parser *parser)
{
    for (size_t i = 0; i < parser->place_count; i++) {
        const struct place *place = &parser->places[i];

        for (size_t k = 0; k < parser->table->key_count; k++) {
            const struct config_key *key = &parser->table->keys[k];

            if (key->section == place->info->section && (key->flags & CONFIG_REQUIRED) != 0 &&
                !place->seen[k]) {
                parser->failed = true;
                config_put_error(parser->errors, parser->path, place->line,
                                 "[%s%s%s] needs a line '%s = ...': %s", place->info->name,
                                 place->name[0] == '\0' ? "" : " ", place->name, key->name,
                                 key->help);
            }
        }
    }
}

/* All sections but the named ones are there with their defaults even if the file lacks them. */
static enum ps_err start(struct parser *parser)
{
    const struct config_table *table = parser->table;

    assert(table->key_count <= KEYS_MAX);
    for (size_t i = 0; i < table->section_count; i++) {
        const struct config_section_info *info = &table->sections[i];

        if (is_named(table, info)) {
            continue;
        }
        PS_TRY(add_place(parser, info, (uint8_t *)parser->config + info->offset, ""));
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

enum ps_err config_read(const struct config_table *table, const char *path, struct ps_bytes text,
                        struct ps_buf *errors, void *config)
{
    struct parser parser = {
        .table = table, .path = path, .errors = errors, .left = text, .config = config};

    PS_TRY(start(&parser));
    run_inih(&parser);
    check_required(&parser);
    return parser.failed ? ps_fail(PS_E_INPUT, 0, "%s has mistakes", path) : PS_OK;
}

void config_clear_section(const struct config_table *table, unsigned section, void *values)
{
    for (size_t i = 0; i < table->key_count; i++) {
        if (table->keys[i].section == section && config_key_is_text(&table->keys[i])) {
            free(*(char **)config_key_value(&table->keys[i], values));
        }
    }
}

void config_clear(const struct config_table *table, void *config)
{
    for (size_t i = 0; i < table->section_count; i++) {
        const struct config_section_info *info = &table->sections[i];

        if (!is_named(table, info)) {
            config_clear_section(table, info->section, (uint8_t *)config + info->offset);
        }
    }
}
