#include "appliance/cli/body.h"
#include "appliance/terminal.h"

#include "lib/base/encode.h"
#include "lib/base/secret.h"
#include "lib/system/file.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <sys/stat.h>

int cli_needs_key(const struct cli_run *run)
{
    if (cli_value(run, "with") != NULL) {
        return CLI_DONE;
    }
    (void)fprintf(stderr, "privyseal: --with names the key; `privyseal keys list` shows them\n");
    return CLI_USAGE;
}

enum ps_err cli_begin_body(const struct cli_run *run, struct ps_buf *body)
{
    struct cli_run without_arguments = *run;

    without_arguments.argument_count = 0;
    PS_TRY(cli_put_body(&without_arguments, body));
    body->len--;
    return PS_OK;
}

static void put_name(const char *name, struct ps_buf *body)
{
    if (body->len != 0 && body->data[body->len - 1] != '{') {
        ps_buf_put_u8(body, ',');
    }
    ps_buf_printf(body, "\"%s\":", name);
}

void cli_put_text(const char *name, struct ps_bytes text, struct ps_buf *body)
{
    put_name(name, body);
    ps_buf_put_json_string(body, text);
}

void cli_put_octets(const char *name, struct ps_bytes octets, struct ps_buf *body)
{
    put_name(name, body);
    ps_buf_put_u8(body, '"');
    ps_buf_put_base64url(body, octets);
    ps_buf_put_u8(body, '"');
}

struct ps_bytes cli_trimmed(struct ps_bytes text)
{
    while (text.len != 0 && strchr(" \t\r\n", text.data[text.len - 1]) != NULL) {
        text.len--;
    }
    return text;
}

static void delete_json(cJSON **json)
{
    cJSON_Delete(*json);
}

static int print_plaintext(struct ps_bytes answer)
{
    PS_CLEANUP(delete_json)
    cJSON *parsed = cJSON_ParseWithLength((const char *)answer.data, answer.len);
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(parsed, "plaintext");
    PS_BUF_AUTO octets = PS_BUF_SECRET(CLI_BODY_MAX);
    bool written;

    if (!cJSON_IsString(text) ||
        ps_base64url_decode(ps_bytes_str(text->valuestring), &octets) != PS_OK) {
        (void)fprintf(stderr, "privyseal: the appliance's answer holds no plaintext\n");
        return CLI_FAILED;
    }
    written = terminal_give(ps_buf_bytes(&octets)) == PS_OK;
    ps_wipe(text->valuestring, strlen(text->valuestring));
    return written ? CLI_DONE : CLI_FAILED;
}

int cli_print_plaintext(const struct cli_run *run, struct ps_bytes answer)
{
    return cli_flag(run, "json") ? cli_render(run, answer) : print_plaintext(answer);
}

unsigned cli_file_mode(void)
{
    const mode_t mask = umask(077);

    (void)umask(mask);
    return 0644u & ~(unsigned)mask;
}

int cli_write_file(const char *path, const struct ps_buf *content)
{
    enum ps_err err = ps_buf_status(content);

    if (err == PS_OK) {
        err = file_write(path, ps_buf_bytes(content), cli_file_mode());
    }
    if (err != PS_OK) {
        terminal_complain("privyseal", "%s", ps_detail()->text);
        return CLI_FAILED;
    }
    return CLI_DONE;
}

int cli_render_verdict(const struct cli_run *run, struct ps_bytes answer)
{
    PS_CLEANUP(delete_json)
    cJSON *parsed = cJSON_ParseWithLength((const char *)answer.data, answer.len);
    const cJSON *valid = cJSON_GetObjectItemCaseSensitive(parsed, "valid");
    const int code = cli_render(run, answer);

    return code == CLI_DONE && !cJSON_IsTrue(valid) ? CLI_FAILED : code;
}
