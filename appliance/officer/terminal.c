#include "appliance/officer/terminal.h"

#include "lib/ceremony/operation_text.h"

#include <stdio.h>
#include <termios.h>
#include <unistd.h>

/* Text that a document becomes, or two, and names of files. */
#define VISIBLE_MAX ((size_t)4 * OPERATION_TEXT_MAX)

enum ps_err terminal_print(struct ps_bytes text)
{
    PS_BUF_AUTO visible = {.max = VISIBLE_MAX};

    operation_text_put_visible(text, &visible);
    PS_TRY(ps_buf_status(&visible));
    if (fwrite(visible.data, 1, visible.len, stdout) != visible.len || fflush(stdout) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot write to standard output");
    }
    return PS_OK;
}

void terminal_put_line(const char *text, struct ps_buf *out)
{
    for (size_t len = strcspn(text, "\n"); text[len] == '\n'; len = strcspn(text, "\n")) {
        operation_text_put_visible(ps_bytes(text, len), out);
        ps_buf_put_str(out, "\\u{a}");
        text += len + 1;
    }
    operation_text_put_visible(ps_bytes_str(text), out);
}

enum ps_err terminal_ask(const char *question, const char *expected)
{
    char line[64];

    if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1) {
        return ps_fail(PS_E_STATE, 0,
                       "standard input or output is no terminal, so nobody can be asked; scripts "
                       "give the first four words with --yes");
    }
    /* An answer that was typed before the question is none. */
    (void)tcflush(STDIN_FILENO, TCIFLUSH);
    (void)printf("%s", question);
    (void)fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL) {
        line[0] = '\0';
    }
    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line, expected) != 0) {
        return ps_fail(PS_E_DENIED, 0, "you did not type %s, so nothing was signed", expected);
    }
    return PS_OK;
}
