#ifndef CEREMONY_TRANSCRIPT_LINE_H
#define CEREMONY_TRANSCRIPT_LINE_H

#include "lib/formats/json/json.h"

/*
 * A line of what happened in the room of a ceremony: a JSON object with `at`, `what`, and those of
 * the members below that are not empty.
 */
#define TRANSCRIPT_LINES_MAX 4096u
#define TRANSCRIPT_LINE_MAX  (1024u * 1024u)

/*
 * what         with            is
 * begun        sha256 id text  the script's hash, a random id of this ceremony, the title
 * resumed                      it was taken up again
 * set          name value      a variable that was given with --set
 * said         step            was read aloud
 * asked        step name value was answered
 * made         step id sha256 file   an operation was made, with this document
 * signed       step file sha256      a signature was taken by the appliance
 * not-taken    step file sha256 text a signature was refused, and why
 * done         step value            an operation was executed, with this answer
 * failed       step text             an operation came to another end
 * passed       step                  went on at a stop
 * stopped      step                  stopped there
 * ended
 */
struct transcript_line {
    struct ps_bytes at; /* RFC 3339; reading only */
    struct ps_bytes what;
    struct ps_bytes step;
    struct ps_bytes name;
    struct ps_bytes value; /* JSON */
    struct ps_bytes id;
    struct ps_bytes sha256; /* in hexadecimal */
    struct ps_bytes file;
    struct ps_bytes text;
};

/*
 * Reads one. The texts are borrowed from the octets and from the reader's memory.
 * Errors: PS_E_INPUT, PS_E_LIMIT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err transcript_line_read(struct json *json, struct ps_bytes octets,
                                             struct transcript_line *ret_line);

#endif
