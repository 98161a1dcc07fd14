#ifndef KEYSTORE_CUSTODY_TASKS_H
#define KEYSTORE_CUSTODY_TASKS_H

#include "keystore/internal.h"

/*
 * What the appliance does by itself, asked for now by somebody who may (msg_task). The answer is
 * 202 with how far it is.
 */
void tasks_begin(struct keeper *keeper, const struct reply_to *to, const struct msg_task *message);

#endif
