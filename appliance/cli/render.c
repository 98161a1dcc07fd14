#include "appliance/cli/cli.h"

#include "appliance/terminal.h"
#include "lib/ceremony/operation/text.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#define CELL_MAX   48
#define NAME_WIDTH 16
#define SHOWN_MAX  (8u * 1024u * 1024u) /* of a cell of 1 MiB, with all of it escaped */

static void delete_json(cJSON **json)
{
    cJSON_Delete(*json);
}

/* Absent, null, an empty array or an empty object. */
static bool is_nothing(const cJSON *value)
{
    return value == NULL || cJSON_IsNull(value) ||
           ((cJSON_IsArray(value) || cJSON_IsObject(value)) && value->child == NULL);
}

/* A value on one line: arrays joined with commas, objects left to put_lines. */
static void put_cell(const cJSON *value, struct ps_buf *out)
{
    const cJSON *element;

    if (is_nothing(value)) {
        ps_buf_put_u8(out, '-');
    } else if (cJSON_IsString(value)) {
        ps_buf_put_str(out, value->valuestring[0] == '\0' ? "-" : value->valuestring);
    } else if (cJSON_IsBool(value)) {
        ps_buf_put_str(out, cJSON_IsTrue(value) ? "yes" : "no");
    } else if (cJSON_IsNumber(value)) {
        ps_buf_printf(out, "%.0f", value->valuedouble);
    } else if (cJSON_IsArray(value)) {
        cJSON_ArrayForEach(element, value)
        {
            ps_buf_put_str(out, element == value->child ? "" : ",");
            put_cell(element, out);
        }
    } else {
        ps_buf_put_str(out, "{...}");
    }
}

/*
 * What a terminal would act on, or show as something else, never reaches it: texts are whoever's
 * who asked for an operation.
 */
static void print_clean(struct ps_bytes text, int width)
{
    PS_BUF_AUTO shown = {.max = SHOWN_MAX};
    int printed = 0;

    operation_text_put_line(text, &shown);
    (void)fwrite(shown.data, 1, shown.len, stdout);
    for (size_t i = 0; i < shown.len; i++) {
        printed += (shown.data[i] & 0xc0) == 0x80 ? 0 : 1;
    }
    for (; printed < width; printed++) {
        (void)putchar(' ');
    }
}

static size_t columns_of(const struct cli_command *command)
{
    size_t count = 0;

    while (count < CLI_COLUMNS_MAX && command->columns[count].title != NULL) {
        count++;
    }
    return count;
}

static void read_cell(const cJSON *row, const char *member, struct ps_buf *out)
{
    ps_buf_reset(out);
    put_cell(cJSON_GetObjectItemCaseSensitive(row, member), out);
}

static int render_table(const struct cli_command *command, const cJSON *items)
{
    const size_t count = columns_of(command);
    int widths[CLI_COLUMNS_MAX] = {0};
    PS_BUF_AUTO cell;
    const cJSON *row;

    ps_buf_init(&cell, 1024 * 1024);
    for (size_t i = 0; i < count; i++) {
        widths[i] = (int)strlen(command->columns[i].title);
        cJSON_ArrayForEach(row, items)
        {
            read_cell(row, command->columns[i].member, &cell);
            if ((int)cell.len > widths[i]) {
                widths[i] = cell.len > CELL_MAX ? CELL_MAX : (int)cell.len;
            }
        }
        (void)printf("%-*s%s", widths[i], command->columns[i].title, i + 1 < count ? "  " : "\n");
    }
    cJSON_ArrayForEach(row, items)
    {
        for (size_t i = 0; i < count; i++) {
            read_cell(row, command->columns[i].member, &cell);
            print_clean(ps_buf_bytes(&cell), i + 1 < count ? widths[i] : 0);
            (void)printf("%s", i + 1 < count ? "  " : "\n");
        }
    }
    return CLI_DONE;
}

static bool is_flat(const cJSON *value)
{
    const cJSON *element;

    if (cJSON_IsObject(value)) {
        return value->child == NULL;
    }
    cJSON_ArrayForEach(element, value)
    {
        if (cJSON_IsObject(element) || cJSON_IsArray(element)) {
            return false;
        }
    }
    return true;
}

/* "- " before the first line of an element of an array, so that one sees where each begins. */
static void print_start(int indent, bool is_element)
{
    (void)printf("%*s%s", is_element ? indent - 2 : indent, "", is_element ? "- " : "");
}

/*
 * One member a line, nested ones indented below their name; those of an array's elements below the
 * dash that begins each. The tree is at most 16 deep.
 */
static void print_lines(const cJSON *object, int indent, bool is_element)
{
    PS_BUF_AUTO cell;
    const cJSON *value;

    ps_buf_init(&cell, 1024 * 1024);
    cJSON_ArrayForEach(value, object)
    {
        if (value->string == NULL) {
            print_lines(value, indent + 2, true);
            continue;
        }
        print_start(indent, is_element && value == object->child);
        if (!is_flat(value)) {
            print_clean(ps_bytes_str(value->string), 0);
            (void)printf(":\n");
            print_lines(value, indent + 2, false);
            continue;
        }
        ps_buf_reset(&cell);
        put_cell(value, &cell);
        print_clean(ps_bytes_str(value->string), NAME_WIDTH);
        (void)putchar(' ');
        print_clean(ps_buf_bytes(&cell), 0);
        (void)putchar('\n');
    }
}

/* "result.csr" is the member `csr` of the member `result`; NULL: there is none. */
static const cJSON *member_alone(const cJSON *answer, const char *name)
{
    char object[32];
    const char *dot = name == NULL ? NULL : strchr(name, '.');

    if (dot == NULL) {
        return cJSON_GetObjectItemCaseSensitive(answer, name);
    }
    (void)snprintf(object, sizeof object, "%.*s", (int)(dot - name), name);
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(answer, object),
                                            dot + 1);
}

int cli_show(const struct ps_buf *text)
{
    return ps_buf_status(text) == PS_OK && terminal_give(ps_buf_bytes(text)) == PS_OK ? CLI_DONE
                                                                                      : CLI_FAILED;
}

/* As it came, and a newline. */
static int show_line(struct ps_bytes text)
{
    return terminal_give(text) == PS_OK && putchar('\n') != EOF ? CLI_DONE : CLI_FAILED;
}

int cli_render(const struct cli_run *run, struct ps_bytes json)
{
    PS_CLEANUP(delete_json) cJSON *parsed = NULL;
    const cJSON *alone;
    const cJSON *items;

    if (cli_flag(run, "json")) {
        return show_line(json);
    }
    if (json.len == 0) {
        return CLI_DONE;
    }
    parsed = cJSON_ParseWithLength((const char *)json.data, json.len);
    if (parsed == NULL) {
        return show_line(json);
    }
    alone = member_alone(parsed, run->command->prints);
    if (cJSON_IsString(alone)) {
        return show_line(ps_bytes_str(alone->valuestring));
    }
    items = cJSON_GetObjectItemCaseSensitive(parsed, "items");
    if (items != NULL && columns_of(run->command) != 0) {
        return render_table(run->command, items);
    }
    print_lines(parsed, 0, false);
    return CLI_DONE;
}
