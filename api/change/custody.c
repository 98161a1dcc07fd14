#include "api/handlers.h"
#include "api/internal.h"

/* What the appliance does by itself, asked for now. */

static void begin(struct exchange *exchange, enum task task)
{
    const struct msg_task message = {.caller = exchange_caller(exchange),
                                     .request_id = http_request_id(exchange->request),
                                     .task = (uint8_t)task};

    exchange_ask(exchange, &msg_task_info, &message, &msg_document_info, document_answer);
}

void backup_run(struct exchange *exchange)
{
    begin(exchange, TASK_BACKUP);
}

void drill_run(struct exchange *exchange)
{
    begin(exchange, TASK_DRILL);
}

void inventory_run(struct exchange *exchange)
{
    begin(exchange, TASK_INVENTORY);
}
