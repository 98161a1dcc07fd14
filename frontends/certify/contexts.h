#ifndef FRONTENDS_CERTIFY_CONTEXTS_H
#define FRONTENDS_CERTIFY_CONTEXTS_H

#include "lib/formats/json/json.h"
#include "lib/jsonld/jsonld.h"

/*
 * The JSON-LD contexts that credentials may name. Nothing is ever fetched: who runs the issuer
 * gives the files, and a list of them with their hashes:
 *
 *   {"contexts": [{"iri": "https://www.w3.org/ns/credentials/v2", "file": "credentials-v2.json",
 *                  "sha256": "..."}]}
 */

#define CONTEXTS_LIST_MAX (64u * 1024u)
#define CONTEXTS_FILE_MAX (4u * 1024u * 1024u)
#define CONTEXTS_MAX      100u

struct contexts_entry {
    struct ps_bytes iri;
    struct ps_bytes file; /* beside the list: a name without a slash */
    uint8_t sha256[PS_SHA256_LEN];
};

/*
 * Reads a list.
 *
 * json:        the entries borrow from it, and from `text`
 * ret_entries: CONTEXTS_MAX of them
 * Errors:      PS_E_INPUT, PS_E_LIMIT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err contexts_parse(struct ps_bytes text, struct json *json,
                                       struct contexts_entry *ret_entries, size_t *ret_count);

/*
 * Reads the list at `path` and every file that it names. An empty path: there are none.
 * Errors: as file_read, contexts_parse and jsonld_contexts_add
 */
PS_MUST_USE enum ps_err contexts_read(const char *path, struct jsonld_contexts **ret_contexts);

#endif
