#ifndef APPLIANCE_OFFICER_TRANSCRIPT_H
#define APPLIANCE_OFFICER_TRANSCRIPT_H

#include "appliance/cli/cli.h"
#include "lib/base/hash.h"
#include "lib/ceremony/bundle/bundle.h"

/* `privyseal-officer verify TRANSCRIPT --genesis HASH`. */
int officer_verify_transcript(const struct cli_run *run);

/*
 * Reads a transcript.
 *
 * octets: of the file, which the bundle borrows from; to be cleared by the caller
 * Errors: as file_read and bundle_parse
 */
PS_MUST_USE enum ps_err transcript_load(const char *path, struct ps_buf *octets,
                                        struct bundle **ret_bundle);

/* Of --genesis: 64 hexadecimal digits. *ret_given is false when it was not given. */
PS_MUST_USE enum ps_err transcript_read_genesis(const struct cli_run *run, bool *ret_given,
                                                uint8_t ret_hash[PS_SHA256_LEN]);

/* Verifies it, and tells each finding. Errors: PS_E_INPUT (--genesis), PS_E_NO_MEMORY. */
#define TRANSCRIPT_LINES_OCTETS (8u * 1024u * 1024u)
PS_MUST_USE enum ps_err transcript_judge(const struct cli_run *run, const struct bundle *bundle,
                                         struct ps_buf *lines, bool *ret_is_good);

#endif
