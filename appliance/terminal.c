#include "appliance/terminal.h"

#include "lib/ceremony/operation/text.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

/* Text that a document becomes, or two, and names of files. */
#define VISIBLE_MAX ((size_t)4 * OPERATION_TEXT_MAX)

/* An octet becomes "\u{1b}" at most. */
#define VISIBLE_OCTETS 6u

static enum ps_err write_out(struct ps_bytes octets)
{
    if (fwrite(octets.data, 1, octets.len, stdout) != octets.len || fflush(stdout) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot write to standard output");
    }
    return PS_OK;
}

static enum ps_err print_within(struct ps_bytes text, size_t max)
{
    PS_BUF_AUTO visible = {.max = max};

    operation_text_put_visible(text, &visible);
    PS_TRY(ps_buf_status(&visible));
    return write_out(ps_buf_bytes(&visible));
}

enum ps_err terminal_print(struct ps_bytes text)
{
    return print_within(text, VISIBLE_MAX);
}

enum ps_err terminal_give(struct ps_bytes octets)
{
    return isatty(STDOUT_FILENO) == 1 ? print_within(octets, VISIBLE_OCTETS * octets.len)
                                      : write_out(octets);
}

static void free_text(char **text)
{
    free(*text);
}

void terminal_complain(const char *program, const char *format, ...)
{
    PS_CLEANUP(free_text) char *text = NULL;
    PS_BUF_AUTO visible = {.max = VISIBLE_MAX};
    va_list args;
    int len;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0) {
        text = NULL;
        return;
    }
    operation_text_put_visible(ps_bytes(text, (size_t)len), &visible);
    if (ps_buf_status(&visible) == PS_OK) {
        (void)fprintf(stderr, "%s: %.*s\n", program, PS_BYTES_FMT(ps_buf_bytes(&visible)));
    }
}

void terminal_put_line(const char *text, struct ps_buf *out)
{
    operation_text_put_line(ps_bytes_str(text), out);
}

bool terminal_asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

bool terminal_is_there(void)
{
    return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
}

/* What is typed is not shown. Nothing ends the program meanwhile: the terminal would stay so. */
static void hide(sigset_t *ret_before)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
    struct termios settings;
    sigset_t held;

    (void)sigemptyset(&held);
    for (size_t i = 0; i < PS_COUNT_OF(signals); i++) {
        (void)sigaddset(&held, signals[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &held, ret_before);
    if (tcgetattr(STDIN_FILENO, &settings) == 0) {
        settings.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &settings);
    }
}

static void unhide(const sigset_t *before)
{
    struct termios settings;

    if (tcgetattr(STDIN_FILENO, &settings) == 0) {
        settings.c_lflag |= ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &settings);
    }
    (void)putchar('\n');
    (void)sigprocmask(SIG_SETMASK, before, NULL);
}

static enum ps_err take_line(struct ps_buf *ret_line)
{
    int c = getchar();

    while (c != EOF && c != '\n') {
        ps_buf_put_u8(ret_line, (uint8_t)c);
        c = getchar();
    }
    if (c == EOF) {
        clearerr(stdin);
        return ps_fail(PS_E_DENIED, 0, "nobody answered");
    }
    return ps_buf_status(ret_line);
}

enum ps_err terminal_read_line(const char *question, bool shows, struct ps_buf *ret_line)
{
    sigset_t before;
    enum ps_err err;

    if (!terminal_is_there()) {
        return ps_fail(PS_E_STATE, 0,
                       "standard input or output is no terminal, so nobody can be asked");
    }
    /* An answer that was typed before the question is none. */
    (void)tcflush(STDIN_FILENO, TCIFLUSH);
    if (shows) {
        PS_TRY(terminal_print(ps_bytes_str(question)));
        return take_line(ret_line);
    }
    /* Hidden before it is asked: who answers fast is not shown either. */
    hide(&before);
    err = terminal_print(ps_bytes_str(question));
    err = err == PS_OK ? take_line(ret_line) : err;
    unhide(&before);
    return err;
}

enum ps_err terminal_ask(const char *question, const char *expected)
{
    PS_BUF_AUTO line = {.max = 64};

    if (!terminal_is_there()) {
        return ps_fail(PS_E_STATE, 0,
                       "standard input or output is no terminal, so nobody can be asked; scripts "
                       "give the first four words with --yes");
    }
    if (terminal_read_line(question, true, &line) != PS_OK ||
        !ps_bytes_equal_str(ps_buf_bytes(&line), expected)) {
        return ps_fail(PS_E_DENIED, 0, "you did not type %s, so nothing was signed", expected);
    }
    return PS_OK;
}
