#include "keystore/reads/internal.h"

#include "keystore/backup/backup.h"
#include "keystore/backup/drill.h"
#include "keystore/custody/inventory.h"

/* What is kept where, and what was found to be otherwise. */

enum ps_err read_inventory(struct read *read)
{
    inventory_put(read->keeper->inventory, &read->body);
    return PS_OK;
}

enum ps_err read_backups(struct read *read)
{
    return backups_put(read->keeper->backups, &read->body);
}

enum ps_err read_drill(struct read *read)
{
    return drill_put(read->keeper->drill, &read->body);
}
