#include "tests/fuzz/fuzz.h"

#include "lib/ceremony/script/values.h"

#include <assert.h>

static enum ps_err get(void *context, struct ps_bytes variable, struct ps_bytes *ret_json)
{
    /* Only what a step asks for stands in the others. */
    assert(script_question(context, variable) != NULL);
    *ret_json = ps_bytes_str("[\"a\",{\"b\":1}]");
    return PS_OK;
}

/* What was read as a script can be told and done: its texts and parameters have their values. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PS_CLEANUP(script_free_cleanup) struct script *script = NULL;

    if (script_parse(ps_bytes(data, size), &script) != PS_OK) {
        return 0;
    }
    for (size_t i = 0; i < script_count(script); i++) {
        const struct script_step *step = script_at(script, i);
        const struct script_values values = {script, get};
        PS_BUF_AUTO out = {.max = (size_t)64 * SCRIPT_OCTETS_MAX};

        assert(script_put_text(&values, step->text, &out) == PS_OK);
        assert(step->params.doc == NULL || script_put_json(&values, step->params, &out) == PS_OK);
    }
    return 0;
}
