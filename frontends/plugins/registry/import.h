#ifndef FRONTENDS_PLUGINS_REGISTRY_IMPORT_H
#define FRONTENDS_PLUGINS_REGISTRY_IMPORT_H

#include "frontends/plugins/registry/person.h"

/*
 * People of a table whose first line names its columns (person_set), in their order; one of them is
 * the id.
 *
 * fn:     called with each, whose content it may take (person_init); its error ends the import
 * Errors: PS_E_INPUT, PS_E_LIMIT (the detail names the line), PS_E_NO_MEMORY, or fn's
 */
typedef enum ps_err import_fn(void *context, struct person *person);
PS_MUST_USE enum ps_err import_people(struct ps_bytes text, import_fn *fn, void *context,
                                      size_t *ret_count);

#endif
