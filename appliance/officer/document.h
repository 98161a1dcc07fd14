#ifndef APPLIANCE_OFFICER_DOCUMENT_H
#define APPLIANCE_OFFICER_DOCUMENT_H

#include "lib/ceremony/operation/document.h"

/* A document from a file, which is read once: what is shown is what is signed. */
struct document {
    struct ps_buf octets;
    struct json *json;
    struct operation_document parsed;
};

/*
 * ret_document: to be cleared by the caller, also after an error
 * Errors: as file_read; PS_E_INPUT (it could not be executed; the detail says why in a sentence)
 */
PS_MUST_USE enum ps_err document_load(const char *path, struct document *ret_document);

void document_clear(struct document *document);
#define DOCUMENT_AUTO PS_CLEANUP(document_clear) struct document

/*
 * Prints the document in plain language with its words, what the computer's clock says of its
 * times, and, where `last` names a file, the difference to that document.
 */
PS_MUST_USE enum ps_err document_print(const struct document *document, const char *last);

#endif
