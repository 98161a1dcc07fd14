#ifndef PKCS11_OBJECTS_INVENTORY_H
#define PKCS11_OBJECTS_INVENTORY_H

#include "pkcs11/module/admin.h"

/*
 * What is on the token, for start-up, inventory and destruction: msg_token_find, msg_token_list
 * (one row per object; class 0 for one that is none of the others, or cannot be read),
 * msg_token_check (keys against what they were made as; inventory_check.c) and msg_token_destroy
 * (all objects with the id, looked for again afterwards).
 */
admin_fn inventory_find;
admin_fn inventory_list;
admin_fn inventory_check;
admin_fn inventory_destroy;

#endif
