#include "frontends/certify/providers/csv_table.h"
#include "frontends/certify/providers/options.h"
#include "lib/system/file.h"

#include <stdlib.h>

/* Options: file=PATH, subject=COLUMN. The file is read once, when the program starts. */

#define FILE_OCTETS_MAX ((size_t)256 * 1024 * 1024)
#define PERSON_MAX      ((size_t)1024 * 1024)

struct csv {
    struct ps_buf text;
    struct csv_table *table;
};

static void close_csv(void *plugin)
{
    struct csv *csv = plugin;

    csv_table_free(csv->table);
    ps_buf_clear(&csv->text);
    free(csv);
}

static int open_csv(const struct privyseal_data_option *options, size_t count, void **ret_plugin,
                    char *ret_error)
{
    const char *file = option_of(options, count, "file");
    const char *subject = option_of(options, count, "subject");
    struct csv *csv;

    if (file == NULL || subject == NULL) {
        return option_error(ret_error, "it needs the options file and subject");
    }
    csv = calloc(1, sizeof *csv);
    if (csv == NULL) {
        return option_error(ret_error, "out of memory");
    }
    if (file_read(file, FILE_OCTETS_MAX, &csv->text) != PS_OK ||
        csv_table_new(ps_buf_bytes(&csv->text), ps_bytes_str(subject), &csv->table) != PS_OK) {
        close_csv(csv);
        return option_error(ret_error, ps_detail()->text);
    }
    *ret_plugin = csv;
    return 0;
}

static enum privyseal_data_result fetch(void *plugin, const struct privyseal_data_request *request,
                                        const struct privyseal_data_answer *answer)
{
    const struct csv *csv = plugin;
    PS_BUF_AUTO person = {.max = PERSON_MAX};
    const enum ps_err err = csv_table_put(csv->table, ps_bytes_str(request->subject), &person);

    if (err == PS_E_NOT_FOUND) {
        return PRIVYSEAL_DATA_NOT_FOUND;
    }
    if (err != PS_OK || answer->put(answer->context, person.data, person.len) != 0) {
        answer->explain(answer->context, "a person's line is too long");
        return PRIVYSEAL_DATA_FAILED;
    }
    return PRIVYSEAL_DATA_FOUND;
}

const struct privyseal_data_provider privyseal_data_provider = {
    .abi = PRIVYSEAL_DATA_ABI,
    .size = sizeof privyseal_data_provider,
    .name = "csv",
    .version = PRIVYSEAL_VERSION,
    .open = open_csv,
    .fetch = fetch,
    .close = close_csv,
};
