#include "appliance/cli/body.h"
#include "appliance/cli/commands.h"
#include "lib/base/encode.h"
#include "lib/formats/pem.h"
#include "lib/system/file.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void delete_json(cJSON **json)
{
    cJSON_Delete(*json);
}

/* --- pin split, pin change, and the file of a splitting --- */

static int put_holder(const char *given, bool is_first, struct ps_buf *body)
{
    const char *sign = strchr(given, '=');
    PS_BUF_AUTO file = {.max = 2 * (size_t)CLI_PIECE};

    if (sign == NULL || sign == given) {
        (void)fprintf(stderr, "privyseal: --holder is NAME=FILE\n");
        return CLI_USAGE;
    }
    if (cli_read_file(sign + 1, &file) != PS_OK) {
        return CLI_USAGE;
    }
    ps_buf_put_str(body, is_first ? "{\"certificate\":" : ",{\"certificate\":");
    ps_buf_put_json_string(body, ps_buf_bytes(&file));
    ps_buf_put_str(body, ",\"officer\":");
    ps_buf_put_json_string(body, ps_bytes(given, (size_t)(sign - given)));
    ps_buf_put_u8(body, '}');
    return CLI_DONE;
}

/* {"holders": [...], "pin": "user", "threshold": 3} */
static int put_splitting(const struct cli_run *run, struct ps_buf *body)
{
    const char *threshold = cli_value(run, "threshold");
    const char *given;
    size_t cursor = 0;
    size_t count = 0;
    char *end = NULL;
    const unsigned long number = threshold == NULL ? 0 : strtoul(threshold, &end, 10);

    if (threshold == NULL || end == threshold || *end != 0) {
        (void)fprintf(stderr, "privyseal: how many officers put the PIN together? --threshold\n");
        return CLI_USAGE;
    }
    ps_buf_put_str(body, "{\"holders\":[");
    while ((given = cli_next_value(run, "holder", &cursor)) != NULL) {
        const int code = put_holder(given, count++ == 0, body);

        if (code != CLI_DONE) {
            return code;
        }
    }
    ps_buf_printf(body, "],\"pin\":\"%s\",\"threshold\":%lu}", cli_flag(run, "so") ? "so" : "user",
                  number);
    return CLI_DONE;
}

int cli_pin_split(const struct cli_run *run)
{
    PS_BUF_AUTO body = {.max = CLI_BODY_MAX};
    PS_BUF_AUTO answer = {.max = 2 * CLI_BODY_MAX};
    int code;

    if (cli_put_body(run, &body) != PS_OK) {
        return CLI_USAGE;
    }
    body.len--;
    ps_buf_put_str(&body, ",\"params\":");
    code = put_splitting(run, &body);
    ps_buf_put_u8(&body, '}');
    if (code != CLI_DONE || ps_buf_status(&body) != PS_OK) {
        return CLI_USAGE;
    }
    code = cli_send(run, run->command->path, ps_buf_bytes(&body), &answer);
    if (code == CLI_DONE && cli_tell_waiting(run, ps_buf_bytes(&answer), &code)) {
        return code;
    }
    return code == CLI_DONE ? cli_render(run, ps_buf_bytes(&answer)) : code;
}

int cli_pin_splitting(const struct cli_run *run)
{
    const char *path = cli_value(run, "out");
    PS_BUF_AUTO splitting = {.max = CLI_BODY_MAX};
    const int code = put_splitting(run, &splitting);

    ps_buf_put_u8(&splitting, '\n');
    if (code != CLI_DONE || ps_buf_status(&splitting) != PS_OK) {
        return CLI_USAGE;
    }
    return path == NULL ? cli_print(&splitting) : cli_write_file(path, &splitting);
}

/* --- pin share --- */

static bool is_text(const cJSON *object, const char *member, const char *text)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, member);

    return cJSON_IsString(value) && strcmp(value->valuestring, text) == 0;
}

/* NULL: the officer has no share of it. */
static const char *find_sealed(const cJSON *answer, const char *name, const char *officer)
{
    const cJSON *item;
    const cJSON *holder;

    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(answer, "items"))
    {
        if (!is_text(item, "name", name)) {
            continue;
        }
        cJSON_ArrayForEach(holder, cJSON_GetObjectItemCaseSensitive(item, "holders"))
        {
            const cJSON *sealed = cJSON_GetObjectItemCaseSensitive(holder, "sealed");

            if (is_text(holder, "officer", officer) && cJSON_IsString(sealed)) {
                return sealed->valuestring;
            }
        }
    }
    return NULL;
}

static int give_share(const struct cli_run *run, const char *sealed)
{
    const char *path = cli_value(run, "out");
    PS_BUF_AUTO der = {.max = CLI_BODY_MAX};
    PS_BUF_AUTO pem = {.max = CLI_BODY_MAX};

    if (ps_base64url_decode(ps_bytes_str(sealed), &der) != PS_OK) {
        return CLI_FAILED;
    }
    pem_put("CMS", ps_buf_bytes(&der), &pem);
    return path == NULL ? cli_print(&pem) : cli_write_file(path, &pem);
}

int cli_pin_share(const struct cli_run *run)
{
    PS_CLEANUP(delete_json) cJSON *parsed = NULL;
    PS_BUF_AUTO answer = {.max = 16 * CLI_BODY_MAX};
    const char *sealed;
    char name[192];
    const int code = cli_send(run, "/v1/pins?limit=1000", ps_bytes(NULL, 0), &answer);

    if (code != CLI_DONE) {
        return code;
    }
    (void)snprintf(name, sizeof name, "%.150s/%s", run->arguments[0],
                   cli_flag(run, "so") ? "so" : "user");
    parsed = cJSON_ParseWithLength((const char *)answer.data, answer.len);
    sealed = find_sealed(parsed, name, run->arguments[1]);
    if (sealed == NULL) {
        (void)fprintf(stderr, "privyseal: %s holds no share of that PIN; `privyseal pin list`\n",
                      run->arguments[1]);
        return CLI_NOT_FOUND;
    }
    return give_share(run, sealed);
}

/* --- console --- */

static int open_console(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(path) >= sizeof address.sun_path) {
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* A page ends with an empty line. */
static bool has_page(const struct ps_buf *text)
{
    return text->len != 0 && memmem(text->data, text->len, "\n\n", 2) != NULL;
}

static int show_pages(int fd, bool is_once)
{
    PS_BUF_AUTO seen = {.max = 65536};
    char room[4096];
    ssize_t got;

    while ((got = read(fd, room, sizeof room)) > 0) {
        if (fwrite(room, 1, (size_t)got, stdout) != (size_t)got || fflush(stdout) != 0) {
            return CLI_FAILED;
        }
        ps_buf_put(&seen, ps_bytes(room, (size_t)got));
        if (is_once && has_page(&seen)) {
            return CLI_DONE;
        }
    }
    (void)fprintf(stderr, "privyseal: the keeper has closed the console\n");
    return CLI_UNAVAILABLE;
}

int cli_console(const struct cli_run *run)
{
    const char *given = cli_value(run, "socket");
    const char *path = given == NULL ? getenv("PRIVYSEAL_CONSOLE") : given;
    PS_CLEANUP(file_close_cleanup) int fd = -1;

    if (path == NULL) {
        (void)fprintf(stderr, "privyseal: on which socket? --socket PATH, as [appliance] console "
                              "in privyseald.conf has it\n");
        return CLI_USAGE;
    }
    fd = open_console(path);
    if (fd < 0) {
        (void)fprintf(stderr,
                      "privyseal: nobody serves the console at %s, or you may not open it: it is "
                      "for root and the appliance's administrators\n",
                      path);
        return CLI_UNAVAILABLE;
    }
    return show_pages(fd, cli_flag(run, "once"));
}
