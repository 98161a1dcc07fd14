#ifndef APPLIANCE_CEREMONY_CEREMONY_H
#define APPLIANCE_CEREMONY_CEREMONY_H

#include "appliance/ceremony/transcript.h"
#include "appliance/cli/cli.h"
#include "lib/ceremony/script/values.h"

/*
 * `privyseal ceremony run`: walks a script with the people of a room. Documents are written beside
 * the transcript, TRANSCRIPT.STEP.json without the transcript's ending, and signatures are looked
 * for there, under any name that begins with the document's and ends in .sig.
 */
#define CEREMONY_PATH_MAX 1024u

struct privyseal;

struct ceremony {
    const struct cli_run *run;
    struct script *script;
    struct transcript *transcript;
    struct privyseal *client;     /* NULL: not needed yet */
    char base[CEREMONY_PATH_MAX]; /* of the documents' paths */
    char transcript_path[CEREMONY_PATH_MAX];
};

/* The commands. */
int ceremony_run(const struct cli_run *run);
int ceremony_check(const struct cli_run *run);
int ceremony_list(const struct cli_run *run);
int ceremony_transcript(const struct cli_run *run);

/* What a step of the walk came to: go on, or end with `code`. */
struct outcome {
    bool goes_on;
    int code;
};
#define OUTCOME_ON ((struct outcome){true, CLI_DONE})

/* Where the script is: a path, or the name of one that was installed. */
PS_MUST_USE enum ps_err ceremony_load(const char *name, struct script **ret_script);

/* Says the detail of the last failure; its exit code, or an outcome with it. */
int ceremony_failed(enum ps_err err);
struct outcome ceremony_end_failed(enum ps_err err);

/* Prints the text with its variables replaced, a newline before and after it. */
PS_MUST_USE enum ps_err ceremony_say(const struct ceremony *ceremony, struct ps_bytes text);
/* The values that the transcript has. */
struct script_values ceremony_values(const struct ceremony *ceremony);

/* --- answers.c --- */
/* Takes the values of --set; CLI_DONE, or it was said what is wrong with them. */
int ceremony_take_settings(struct ceremony *ceremony);
struct outcome ceremony_ask(struct ceremony *ceremony, const struct script_step *step);

/* --- operation.c --- */
struct outcome ceremony_do(struct ceremony *ceremony, const struct script_step *step);

/* --- bundle.c --- */
/* BASE.bundle, which others verify without us; says why when it cannot be made. */
void ceremony_keep_bundle(struct ceremony *ceremony);

/* --- dry.c --- */
/* Prints what would be said, asked and done; asks nobody and calls no appliance. */
int ceremony_print(const struct ceremony *ceremony);

#endif
