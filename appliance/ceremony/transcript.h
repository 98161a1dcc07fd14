#ifndef APPLIANCE_CEREMONY_TRANSCRIPT_H
#define APPLIANCE_CEREMONY_TRANSCRIPT_H

#include "lib/base/hash.h"
#include "lib/ceremony/script/script.h"
#include "lib/ceremony/transcript_line.h"

/*
 * What has happened in a ceremony, one JSON object a line, each durable before the ceremony goes
 * on: so that it is taken up where it was left, and nothing is done twice. transcript_line.h says
 * what a line has.
 */

struct transcript;

/*
 * Opens the transcript of this script, and nobody else's while it is open.
 *
 * resumes: true: it is there and is of this very script; false: there is none yet
 * Errors:  PS_E_CONFLICT (there is one; another process has it open), PS_E_NOT_FOUND (there is
 *          none), PS_E_INPUT (no transcript, of another script), PS_E_STORAGE, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err transcript_open(const char *path, bool resumes, const struct script *script,
                                        struct transcript **ret_transcript);
void transcript_free(struct transcript *transcript);
PS_DEFINE_CLEANUP(struct transcript, transcript_free)

/* Adds a line and syncs it. Errors: PS_E_STORAGE, PS_E_LIMIT, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err transcript_put(struct transcript *transcript,
                                       const struct transcript_line *line);

/* The random id of `begun`. */
struct ps_bytes transcript_id(const struct transcript *transcript);

/* NULL past the end. */
const struct transcript_line *transcript_at(const struct transcript *transcript, size_t index);
/* The last line of this kind about the step, and how many there are; NULL: none. */
const struct transcript_line *transcript_find(const struct transcript *transcript, const char *what,
                                              struct ps_bytes step);
size_t transcript_count(const struct transcript *transcript, const char *what,
                        struct ps_bytes step);
/* A variable's value as JSON. Errors: PS_E_NOT_FOUND. */
PS_MUST_USE enum ps_err transcript_value(const struct transcript *transcript,
                                         struct ps_bytes variable, struct ps_bytes *ret_json);

#endif
