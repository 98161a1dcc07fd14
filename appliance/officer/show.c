#include "appliance/officer/document.h"
#include "appliance/officer/officer.h"

int officer_show(const struct cli_run *run)
{
    DOCUMENT_AUTO document = {0};
    enum ps_err err = document_load(run->arguments[0], &document);

    if (err == PS_OK) {
        err = document_print(&document, cli_value(run, "last"));
    }
    return err == PS_OK ? CLI_DONE : officer_failed(err);
}
