#include "appliance/cli/cli.h"

#include "api/client/privyseal.h"
#include "appliance/terminal.h"
#include "lib/base/encode.h"
#include "lib/base/problem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BODY_MAX          (2u * 1024u * 1024u)
#define READ_TIMEOUT_MS   10000u
#define CHANGE_TIMEOUT_MS 120000u
#define TIMEOUT_S_MAX     86400u

static void close_client(struct privyseal **client)
{
    privyseal_close(*client);
}

/* "--period-s 5" has member "rotation.period_s": what stands before the dot is an object. */
static size_t group_len(const char *member)
{
    const size_t len = strcspn(member, ".");

    return member[len] == '.' ? len : 0;
}

static void put_list(const char *text, bool quoted, struct ps_buf *out)
{
    ps_buf_put_u8(out, '[');
    for (bool first = true; *text != '\0'; first = false) {
        const size_t len = strcspn(text, ",");

        ps_buf_put_str(out, first ? "" : ",");
        if (quoted) {
            ps_buf_put_json_string(out, ps_bytes(text, len));
        } else {
            ps_buf_put(out, ps_bytes(text, len));
        }
        text += len;
        text += *text == ',' ? 1 : 0;
    }
    ps_buf_put_u8(out, ']');
}

static void put_file(const char *path, bool quoted, struct ps_buf *out)
{
    PS_BUF_AUTO content;

    ps_buf_init(&content, BODY_MAX);
    if (cli_read_file(path, &content) != PS_OK) {
        out->err = PS_E_INPUT;
    } else if (quoted) {
        ps_buf_put_json_string(out, ps_buf_bytes(&content));
    } else {
        ps_buf_put(out, ps_buf_bytes(&content));
    }
}

static void put_value(enum cli_kind kind, const char *text, struct ps_buf *out)
{
    switch (kind) {
    case CLI_OBJECT_FILE:
    case CLI_TEXT_FILE:
        put_file(text, kind == CLI_TEXT_FILE, out);
        return;
    case CLI_TEXT:
        ps_buf_put_json_string(out, ps_bytes_str(text));
        return;
    case CLI_LIST:
        put_list(text, true, out);
        return;
    case CLI_NUMBERS:
        put_list(text, false, out);
        return;
    case CLI_FLAG:
    case CLI_NUMBER:
    case CLI_OBJECT:
    case CLI_MEMBERS:
    case CLI_QUERY:
    case CLI_LOCAL:
    case CLI_MANY:
        /* The appliance's strict reader judges it; it cannot break out of its own request. */
        ps_buf_put_str(out, text);
        return;
    }
}

static bool goes_into_body(const struct cli_run *run, size_t i)
{
    const struct cli_option *option = &run->command->options[i];

    return option->name != NULL && run->values[i] != NULL && option->kind != CLI_QUERY &&
           option->kind != CLI_LOCAL && option->kind != CLI_MANY;
}

static void put_member_name(const char *name, size_t len, struct ps_buf *out)
{
    if (out->len != 0 && out->data[out->len - 1] != '{') {
        ps_buf_put_u8(out, ',');
    }
    ps_buf_put_json_string(out, ps_bytes(name, len));
    ps_buf_put_u8(out, ':');
}

/* What is in the file is one object; its braces are those of the body. */
static void put_file_members(const char *path, struct ps_buf *out)
{
    static const char blanks[] = " \t\r\n";
    PS_BUF_AUTO content;
    struct ps_bytes text;

    ps_buf_init(&content, BODY_MAX);
    if (cli_read_file(path, &content) != PS_OK) {
        out->err = PS_E_INPUT;
        return;
    }
    text = ps_buf_bytes(&content);
    while (text.len != 0 && memchr(blanks, text.data[0], sizeof blanks - 1) != NULL) {
        text = ps_bytes_from(text, 1);
    }
    while (text.len != 0 && memchr(blanks, text.data[text.len - 1], sizeof blanks - 1) != NULL) {
        text.len--;
    }
    if (text.len < 3 || text.data[0] != '{' || text.data[text.len - 1] != '}') {
        (void)fprintf(stderr, "privyseal: %s: no JSON object with members\n", path);
        out->err = PS_E_INPUT;
        return;
    }
    if (out->len != 0 && out->data[out->len - 1] != '{') {
        ps_buf_put_u8(out, ',');
    }
    ps_buf_put(out, ps_bytes(text.data + 1, text.len - 2));
}

/* Options of one group stand together in the table, so a group opens and closes once. */
static void put_members(const struct cli_run *run, struct ps_buf *out)
{
    size_t open = 0;
    const char *group = "";

    for (size_t i = 0; i < CLI_OPTIONS_MAX && run->command->options[i].name != NULL; i++) {
        const char *member = run->command->options[i].member;
        size_t len;

        if (!goes_into_body(run, i)) {
            continue;
        }
        if (run->command->options[i].kind == CLI_MEMBERS) {
            put_file_members(run->values[i], out);
            continue;
        }
        len = group_len(member);
        if (open != 0 && (len != open || strncmp(group, member, len) != 0)) {
            ps_buf_put_u8(out, '}');
            open = 0;
        }
        if (len != 0 && open == 0) {
            put_member_name(member, len, out);
            ps_buf_put_u8(out, '{');
            open = len;
            group = member;
        }
        member += len == 0 ? 0 : len + 1;
        put_member_name(member, strlen(member), out);
        put_value(run->command->options[i].kind, run->values[i], out);
    }
    if (open != 0) {
        ps_buf_put_u8(out, '}');
    }
}

static void put_text(const char *name, const char *text, struct ps_buf *out)
{
    put_member_name(name, strlen(name), out);
    ps_buf_put_json_string(out, ps_bytes_str(text));
}

enum ps_err cli_put_body(const struct cli_run *run, struct ps_buf *out)
{
    const char *type = run->command->operation;

    ps_buf_put_u8(out, '{');
    if (type != NULL) {
        put_text("type", type, out);
    }
    /* Where the path has no place for the name, it is a member. */
    if (run->argument_count != 0 && strstr(run->command->path, "%s") == NULL) {
        put_text(type != NULL ? "subject" : "name", run->arguments[0], out);
    }
    put_members(run, out);
    ps_buf_put_u8(out, '}');
    return ps_buf_status(out);
}

/* Names have only characters that need no escaping; anything else is refused by the appliance. */
static void put_escaped(const char *text, struct ps_buf *out)
{
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            strchr("._-", c) != NULL) {
            ps_buf_put_u8(out, c);
        } else {
            ps_buf_printf(out, "%%%02X", c);
        }
    }
}

static void put_query(const struct cli_run *run, struct ps_buf *out)
{
    char separator = '?';

    for (size_t i = 0; i < CLI_OPTIONS_MAX && run->command->options[i].name != NULL; i++) {
        if (run->command->options[i].kind == CLI_QUERY && run->values[i] != NULL) {
            ps_buf_printf(out, "%c%s=", separator, run->command->options[i].member);
            put_escaped(run->values[i], out);
            separator = '&';
        }
    }
}

enum ps_err cli_put_path(const struct cli_run *run, struct ps_buf *out)
{
    const char *place = strstr(run->command->path, "%s");

    if (place == NULL) {
        ps_buf_put_str(out, run->command->path);
    } else {
        ps_buf_put(out, ps_bytes(run->command->path, (size_t)(place - run->command->path)));
        put_escaped(run->arguments[0], out);
        ps_buf_put_str(out, place + 2);
    }
    put_query(run, out);
    ps_buf_put_u8(out, '\0');
    return ps_buf_status(out);
}

static const char *setting(const struct cli_run *run, const char *name, const char *variable)
{
    const char *value = cli_common_value(run, name);

    return value != NULL ? value : getenv(variable);
}

static bool read_timeout(const char *seconds, unsigned *timeout_ms)
{
    char *end;
    unsigned long number;

    if (seconds == NULL) {
        return true;
    }
    errno = 0;
    number = strtoul(seconds, &end, 10);
    if (errno != 0 || *end != '\0' || seconds[0] < '0' || seconds[0] > '9' || number == 0 ||
        number > TIMEOUT_S_MAX) {
        return false;
    }
    *timeout_ms = (unsigned)number * 1000u;
    return true;
}

int cli_open(const struct cli_run *run, struct privyseal **ret_client)
{
    const bool management = run->command->management;
    const char *method = run->command->method;
    const bool is_change = management && (method == NULL || strcmp(method, "GET") != 0);
    struct privyseal_options options = {
        .socket =
            setting(run, "socket", management ? "PRIVYSEAL_MANAGEMENT_SOCKET" : "PRIVYSEAL_SOCKET"),
        .url = setting(run, "url", management ? "PRIVYSEAL_MANAGEMENT_URL" : "PRIVYSEAL_URL"),
        .ca = setting(run, "ca", "PRIVYSEAL_CA"),
        .certificate = setting(run, "cert", "PRIVYSEAL_CERT"),
        .key = setting(run, "key", "PRIVYSEAL_KEY"),
        .timeout_ms = is_change ? CHANGE_TIMEOUT_MS : READ_TIMEOUT_MS,
    };
    if (!read_timeout(cli_value(run, "timeout"), &options.timeout_ms)) {
        (void)fprintf(stderr, "privyseal: --timeout takes seconds, from 1 to %u\n", TIMEOUT_S_MAX);
        return CLI_USAGE;
    }
    if (cli_value(run, "url") != NULL) {
        options.socket = NULL;
    }
    if (options.socket == NULL && options.url == NULL) {
        (void)fprintf(stderr,
                      "privyseal: which appliance? Give --socket or --url, or set %s "
                      "(`privyseal dev DIR` writes them to DIR/env).\n",
                      management ? "PRIVYSEAL_MANAGEMENT_SOCKET" : "PRIVYSEAL_SOCKET");
        return CLI_USAGE;
    }
    if (options.socket == NULL && strncmp(options.url, "https://", 8) != 0) {
        terminal_complain("privyseal",
                          "%.200s is no address of an appliance; give https://HOST:PORT",
                          options.url);
        return CLI_USAGE;
    }
    if (privyseal_open(&options, ret_client) != PRIVYSEAL_OK) {
        (void)fprintf(stderr, "privyseal: out of memory\n");
        return CLI_FAILED;
    }
    return CLI_DONE;
}

static int report_failure(const struct privyseal *client, enum privyseal_result result)
{
    terminal_complain("privyseal", "%s", privyseal_last_error(client));
    switch (result) {
    case PRIVYSEAL_USAGE:
        return CLI_USAGE;
    case PRIVYSEAL_UNREACHABLE:
        (void)fprintf(stderr,
                      "  Does privyseald run (systemctl status privyseald)? May this user open "
                      "its socket, or is the address right?\n");
        return CLI_UNAVAILABLE;
    case PRIVYSEAL_TIMEOUT:
        (void)fprintf(stderr, "  `privyseal system` shows what it is busy with; --timeout waits "
                              "longer.\n");
        return CLI_UNAVAILABLE;
    case PRIVYSEAL_OK:
    case PRIVYSEAL_REFUSED:
    case PRIVYSEAL_BAD_ANSWER:
    case PRIVYSEAL_NO_MEMORY:
    default:
        return CLI_FAILED;
    }
}

/* What the problem's row says to callers of HTTP, or the same for those of this program. */
static void print_remedy(const struct cli_run *run, enum ps_problem problem)
{
    if (problem == PS_PROBLEM_MALFORMED || problem == PS_PROBLEM_REFUSED) {
        (void)fprintf(stderr, "  `privyseal help %s` shows what it takes.\n", run->command->words);
    } else if (problem == PS_PROBLEM_NOT_FOUND && run->command->unknown != NULL) {
        (void)fprintf(stderr, "  %s\n", run->command->unknown);
    } else {
        (void)fprintf(stderr, "  %s\n", ps_problem_info(problem)->remedy);
    }
}

static int report(const struct cli_run *run, struct privyseal *client, enum privyseal_result result,
                  const struct privyseal_answer *answer)
{
    const struct privyseal_problem *problem = &answer->problem;
    enum ps_problem known;

    if (result != PRIVYSEAL_REFUSED) {
        return report_failure(client, result);
    }
    if (cli_flag(run, "json")) {
        (void)cli_render(run, ps_bytes(answer->body, answer->body_len));
    }
    terminal_complain("privyseal", "%s (%s%s%s)",
                      problem->detail[0] != '\0' ? problem->detail : problem->title, problem->code,
                      problem->state[0] != '\0' ? "; it is " : "", problem->state);
    known = ps_problem_by_code(ps_bytes_str(problem->code));
    if (known == PS_PROBLEM_NONE) {
        return CLI_FAILED;
    }
    print_remedy(run, known);
    return ps_problem_info(known)->exit_code;
}

int cli_send(const struct cli_run *run, const char *path, struct ps_bytes body,
             struct ps_buf *answer)
{
    PS_CLEANUP(close_client) struct privyseal *client = NULL;
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer got = {0};
    struct privyseal_request request = {
        .method = run->command->method,
        .path = path,
        .body = body.len == 0 ? NULL : (const char *)body.data,
        .body_len = body.len,
        .content_type = body.len == 0 ? NULL : run->command->media,
        .idempotency_key = cli_value(run, "idempotency-key"),
        .if_match = cli_value(run, "if-match"),
    };
    const char *format = cli_value(run, "format");
    enum privyseal_result result;
    int code;

    code = cli_open(run, &client);
    if (code != CLI_DONE) {
        return code;
    }
    if (format != NULL && strcmp(format, "pem") == 0) {
        request.accept = "application/x-pem-file";
    }
    if (run->command->management && body.len != 0 && isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "%s ...\n", run->command->words);
    }
    result = privyseal_call(client, &request, &got);
    if (result != PRIVYSEAL_OK) {
        return report(run, client, result, &got);
    }
    ps_buf_put(answer, ps_bytes(got.body, got.body_len));
    return ps_buf_status(answer) == PS_OK ? CLI_DONE : CLI_FAILED;
}

int cli_request(const struct cli_run *run)
{
    const char *media = run->command->media;
    const bool has_body =
        strcmp(run->command->method, "GET") != 0 && (media == NULL || media[0] != '\0');
    PS_BUF_AUTO path;
    PS_BUF_AUTO body;
    PS_BUF_AUTO answer;
    int code;

    ps_buf_init(&path, 4096);
    ps_buf_init(&body, BODY_MAX);
    ps_buf_init(&answer, 16 * BODY_MAX);
    if (cli_put_path(run, &path) != PS_OK || (has_body && cli_put_body(run, &body) != PS_OK)) {
        if (body.err != PS_E_INPUT) { /* else it was said which file cannot be read */
            (void)fprintf(stderr, "privyseal: the arguments are too long\n");
        }
        return CLI_USAGE;
    }
    code = cli_send(run, (const char *)path.data, ps_buf_bytes(&body), &answer);
    if (code == CLI_DONE && has_body && cli_tell_waiting(run, ps_buf_bytes(&answer), &code)) {
        return code;
    }
    return code == CLI_DONE ? cli_render(run, ps_buf_bytes(&answer)) : code;
}

enum ps_err cli_read_file(const char *path, struct ps_buf *out)
{
    const bool is_input = path == NULL || strcmp(path, "-") == 0;
    const int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;

    while (fd >= 0) {
        uint8_t *to = ps_buf_reserve(out, CLI_PIECE);

        if (to == NULL) {
            break;
        }
        got = read(fd, to, CLI_PIECE);
        if (got > 0) {
            ps_buf_commit(out, (size_t)got);
        } else if (got == 0 || errno != EINTR) {
            break;
        }
    }
    if (got != 0) {
        (void)fprintf(stderr, "privyseal: cannot read %s: %s\n", is_input ? "standard input" : path,
                      out->err == PS_OK ? strerrordesc_np(errno) : "it is too large");
    }
    if (!is_input && fd >= 0) {
        (void)close(fd);
    }
    return got == 0 ? PS_OK : PS_E_INPUT;
}
