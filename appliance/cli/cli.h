#ifndef APPLIANCE_CLI_CLI_H
#define APPLIANCE_CLI_CLI_H

#include "lib/base/buf.h"

#include <stdbool.h>

/*
 * A command line is one table of commands (commands.c). Parsing, help, completions and the request
 * that most commands make are derived from its rows; man pages are held against it. Each program
 * brings a table of its own; parse.c, help.c, completion.c and main.c serve any.
 */

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_REFUSED = 3,
    CLI_NOT_FOUND = 4,
    CLI_UNAVAILABLE = 5
};

/* How an option's text becomes a member of the request's body, or not. */
enum cli_kind {
    CLI_FLAG,        /* no argument: member is true */
    CLI_TEXT,        /* a JSON string */
    CLI_NUMBER,      /* a JSON integer */
    CLI_LIST,        /* comma-separated: an array of strings */
    CLI_NUMBERS,     /* comma-separated: an array of integers */
    CLI_OBJECT,      /* JSON as given */
    CLI_OBJECT_FILE, /* JSON in a file */
    CLI_TEXT_FILE,   /* a JSON string, which is in a file */
    CLI_MEMBERS,     /* the members of a JSON object in a file */
    CLI_QUERY,       /* member of the query string */
    CLI_LOCAL,       /* read by the command itself */
    CLI_MANY         /* the same, and may be given more than once */
};

struct cli_option {
    const char *name;     /* without its dashes */
    const char *argument; /* what help shows; NULL for a flag */
    enum cli_kind kind;
    const char *member; /* of the body or query: "rotation.period_s" goes into an object */
    const char *help;
};

struct cli_column {
    const char *title;
    const char *member;
};

enum { CLI_OPTIONS_MAX = 32, CLI_COLUMNS_MAX = 8, CLI_WORDS_MAX = 128, CLI_MANY_MAX = 128 };

struct cli_run;
struct cli_command {
    const char *words;     /* "keys create" */
    const char *arguments; /* "NAME"; "[FILE]"; "FILE..."; NULL: none */
    const char *summary;   /* one line, for help and completions */
    const char *method;    /* NULL: the command is local */
    const char *media;     /* of the body; "": it has none; NULL: application/json */
    const char *path;      /* "%s" is replaced by the first argument */
    const char *operation; /* its type, where the path is that of all; an argument is its subject */
    bool management;       /* asks the management listener */
    struct cli_option options[CLI_OPTIONS_MAX];
    struct cli_column columns[CLI_COLUMNS_MAX]; /* of a list's table; none: members one a line */
    const char *prints;  /* the member that is printed alone, "result.csr"; NULL: all */
    const char *unknown; /* what to do when there is no such thing; NULL: what the problem says */
    int (*run)(const struct cli_run *run); /* NULL: the request of the row, rendered */
};

struct cli_program {
    const char *name;
    int (*request)(const struct cli_run *run); /* runs the rows without a run of their own */
    /* A command that is not in the table: its word, usage and summary; NULL: there is none. */
    const char *further;
    const char *further_usage;
    const char *further_summary;
};

extern const struct cli_program cli_program;
extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;

/* Options that every command takes. */
extern const struct cli_option cli_common_options[];
extern const size_t cli_common_option_count;

/* One call of the program. */
struct cli_run {
    const struct cli_command *command;
    const char *arguments[CLI_WORDS_MAX];
    size_t argument_count;
    const char *values[CLI_OPTIONS_MAX];        /* by the command's option; NULL: not given */
    const char *common_values[CLI_OPTIONS_MAX]; /* by the common option */
    struct cli_given {
        const struct cli_option *option;
        const char *value;
    } many[CLI_MANY_MAX]; /* options that may be given more than once, in their order */
    size_t many_count;
};

/* An option's text by name, the command's own before common ones; NULL: not given. */
const char *cli_value(const struct cli_run *run, const char *name);
const char *cli_common_value(const struct cli_run *run, const char *name); /* of these alone */
bool cli_flag(const struct cli_run *run, const char *name);
/* Of an option that may be given more than once: *cursor starts at 0; NULL at the end. */
const char *cli_next_value(const struct cli_run *run, const char *name, size_t *cursor);

/* The whole program but for its further command. An exit code. */
int cli_main(int argc, char **argv);

/*
 * Fills `ret_run`; on a mistake says so on standard error. CLI_DONE or CLI_USAGE. Done without a
 * command: help about a group of them was asked for and given.
 */
int cli_parse(int argc, char **argv, struct cli_run *ret_run);
/* Appends the commands that begin with the word, and says how many they are. */
size_t cli_put_group(const char *word, struct ps_buf *out);
void cli_put_usage(const struct cli_command *command, struct ps_buf *out);
void cli_put_overview(struct ps_buf *out);
/* To standard output; an exit code. What is somebody else's goes by terminal_give: cli_show. */
int cli_print(struct ps_buf *text);
int cli_show(const struct ps_buf *text);

/* The request of the command's row, with the body built from its options; rendered. */
int cli_request(const struct cli_run *run);
/* The same with a body of the command's own making; the answer's body is appended to `answer`. */
int cli_send(const struct cli_run *run, const char *path, struct ps_bytes body,
             struct ps_buf *answer);
struct privyseal;
/* The appliance that options name; CLI_DONE, or it was said what is missing. */
int cli_open(const struct cli_run *run, struct privyseal **ret_client);
PS_MUST_USE enum ps_err cli_put_body(const struct cli_run *run, struct ps_buf *out);
/* The row's path with its argument and query, ended by NUL. */
PS_MUST_USE enum ps_err cli_put_path(const struct cli_run *run, struct ps_buf *out);

/*
 * Of an answer that says an operation waits for people: keeps its document where --out says, and
 * tells who has to sign and how. False: it does not wait.
 */
bool cli_tell_waiting(const struct cli_run *run, struct ps_bytes json, int *ret_code);

/* Prints a JSON answer: as it is with --json, else as a table or lines. */
int cli_render(const struct cli_run *run, struct ps_bytes json);

/* Reads a file, or standard input for "-" or NULL. Says what is wrong on standard error. */
#define CLI_PIECE 65536u /* it reads in such pieces, with room for one more than there is */
PS_MUST_USE enum ps_err cli_read_file(const char *path, struct ps_buf *out);

#endif
